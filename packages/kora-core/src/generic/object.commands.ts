/**
 * OBJECT: what Kora keeps beside a value: how it is encoded, when it was last used, how often. The
 * answers follow
 * Redis 7.0; which of IDLETIME and FREQ is to be had depends on maxmemory-policy, because both
 * share one field.
 * Looking at an entry here is no access.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { defineContainer, defineHelp } from '../command/container.ts';
import { arg } from '../command/grammar.ts';
import { keysAt } from '../command/key-spec.ts';
import type { ReplySchema } from '../command/reply-schema.ts';
import { oneReplyOf, reply } from '../command/reply-schema.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { replyErrors } from '../errors/reply-error.ts';
import { idleSeconds, lfuCounter } from '../keyspace/access.hot.ts';
import { Stat } from '../keyspace/statistics.ts';
import type { Shard } from '../shard/shard.ts';
import { entryAccess } from '../structs/entry.hot.ts';

const container = defineContainer({
  name: 'OBJECT', group: 'generic', since: '2.2.3', summary: 'Looks at how a value is kept.',
});

interface ObjectEntry {
  readonly word: string;
  readonly since: string;
  readonly summary: string;
  readonly reply: ReplySchema;
  readonly examples: readonly (readonly [string, string])[];
  /** Writes the answer for an entry that exists. */
  readonly answer: (shard: Shard, ref: number, out: ReplySink) => void;
}

function defineObject(entry: ObjectEntry): Command {
  const { word, since, summary, examples, answer } = entry;
  return defineCommand({
    name: `OBJECT|${word}`, group: 'generic', since, summary, examples,
    complexity: 'O(1)',
    arity: 3,
    flags: Flag.ReadOnly,
    acl: ['keyspace'],
    keys: [keysAt({ first: 2, last: 2, step: 1, access: 'RO' })],
    tips: ['nondeterministic_output'],
    args: { key: arg.key() },
    reply: oneReplyOf(entry.reply, reply.null('there is no such key')),
    apply(shard: Shard, frame: ArgFrame, out: ReplySink) {
      const ref = shard.keyspace.peek(frame, 2);
      const { counts } = shard.stats;
      const stat = ref === 0 ? Stat.KeyspaceMisses : Stat.KeyspaceHits;
      counts[stat] = (counts[stat] ?? 0) + 1; // Counted, but no event tells of a miss, as in Redis.
      if (ref === 0) out.null();
      else answer(shard, ref, out);
    },
  });
}

export const objectEncoding = defineObject({
  word: 'ENCODING', since: '2.2.3',
  summary: 'Names the encoding of a value, by the rules of Redis 7.0.',
  reply: reply.bulk('int, embstr, raw, listpack and so on'),
  examples: [['SET n 12', '+"OK"'], ['OBJECT ENCODING n', '$"int"'], ['OBJECT ENCODING x', '_']],
  answer(shard, ref, out) {
    out.bulkText(shard.handlerOf(ref).encodingName(shard, ref));
  },
});

export const objectFreq = defineObject({
  word: 'FREQ', since: '4.0.0',
  summary: 'Shows the logarithmic access counter of a key, under an LFU policy.',
  reply: reply.integer('0 to 255'),
  examples: [['OBJECT FREQ nokey', '_']],
  answer(shard, ref, out) {
    const { access } = shard.keyspace;
    if (access.isLfu === 0) out.error(replyErrors.lfuNotSelected);
    else out.integer(lfuCounter(entryAccess(shard.memory.i32, ref), access));
  },
});

export const objectIdletime = defineObject({
  word: 'IDLETIME', since: '2.2.3',
  summary: 'Shows the seconds since a key was last used, unless an LFU policy counts instead.',
  reply: reply.integer('seconds'),
  examples: [['SET n 12', '+"OK"'], ['OBJECT IDLETIME n', ':0']],
  answer(shard, ref, out) {
    const { access } = shard.keyspace;
    if (access.isLfu !== 0) out.error(replyErrors.lfuSelected);
    else out.integer(idleSeconds(entryAccess(shard.memory.i32, ref), access));
  },
});

export const objectRefcount = defineObject({
  word: 'REFCOUNT', since: '2.2.3',
  summary: 'Answers 1: a value has one owner and is never shared.',
  reply: reply.integer('1'),
  examples: [['SET n 12', '+"OK"'], ['OBJECT REFCOUNT n', ':1']],
  answer(_shard, _ref, out) {
    out.integer(1);
  },
});

const help = defineHelp({
  container: 'OBJECT', group: 'generic', since: '6.2.0', acl: ['keyspace'],
  lines: [
    'ENCODING <key>',
    '    Return the kind of internal representation used in order to store the value',
    '    associated with a <key>.',
    'FREQ <key>',
    '    Return the access frequency index of the <key>. The returned integer is',
    '    proportional to the logarithm of the recent access frequency of the key.',
    'IDLETIME <key>',
    '    Return the idle time of the <key>, that is the approximated number of',
    '    seconds elapsed since the last access to the key.',
    'REFCOUNT <key>',
    '    Return the number of references of the value associated with the specified',
    '    <key>.',
  ],
});

/** Entries of OBJECT, the container first. */
export const objectCommands: readonly Command[] = [
  container, objectEncoding, objectFreq, objectIdletime, objectRefcount, help,
];
