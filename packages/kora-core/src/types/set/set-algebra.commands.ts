/**
 * SINTER, SUNION, SDIFF, their STORE forms and SINTERCARD. All keys are looked up, and their types
 * checked, before anything is computed: a key of another type is an error, never an empty set. A
 * result to be stored is built aside and put in the place of whatever the destination held, which
 * may be one of the sources; an empty one removes the destination.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import { keysAt, keysCounted } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { ReplyError, replyErrors } from '../../errors/reply-error.ts';
import { dropAside, linkAside } from '../../keyspace/collection-entry.ts';
import { EffectOp, EffectReason } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import {
  buildResult, countIntersection, DIFFERENCE, INTERSECTION, sources, UNION, writeResult,
} from './set-algebra.ts';
import { isSetOrAbsent } from './set.commands.ts';
import { setCount } from './set.ts';

const allKeys = keysAt({ first: 1, last: -1, step: 1, access: 'RO', effect: 'access' });
const sourceKeys = keysAt({ first: 2, last: -1, step: 1, access: 'RO', effect: 'access' });
const orderTip = ['nondeterministic_output_order'] as const;
const limitToken = arg.integer('LIMIT');
const numkeysTooMany = new ReplyError(
  "ERR Number of keys can't be greater than number of args",
);

/** Looks up the keys [first, end) as sources; false when one has another type (error written). */
function readSources(
  shard: Shard, frame: ArgFrame, first: number, end: number, out: ReplySink,
): boolean {
  sources.open(end - first);
  for (let i = first; i < end; i++) {
    const ref = shard.keyspace.read(frame, i);
    if (!isSetOrAbsent(shard, ref, out)) return false;
    sources.add(ref);
  }
  return true;
}

function answer(shard: Shard, frame: ArgFrame, out: ReplySink, operation: number): void {
  if (!readSources(shard, frame, 1, frame.count, out)) return;
  if (!writeResult(shard, frame, operation, out)) out.error(replyErrors.arenaFull);
}

function store(
  shard: Shard, frame: ArgFrame, out: ReplySink, operation: number, event: number,
): void {
  const { keyspace } = shard;
  if (!readSources(shard, frame, 2, frame.count, out)) return;
  const ref = buildResult(shard, frame, operation);
  if (ref === 0) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const count = setCount(shard, ref);
  const old = keyspace.write(frame, 1);
  if (count === 0) {
    dropAside(shard, ref);
    if (old !== 0) shard.removeLastLookup(old, KeyEvent.Del, EffectReason.Command);
    out.integer(0);
    return;
  }
  if (!keyspace.reserve(0, 0, 0, 0)) {
    dropAside(shard, ref);
    out.error(replyErrors.arenaFull);
    return;
  }
  linkAside(shard, keyspace.db, frame.at[1] ?? 0, frame.bytes[1] ?? 0, ref);
  effectOfKey(shard, frame, 1, EffectOp.ValueSet, event).ref = ref;
  shard.commit();
  out.integer(count);
}

export const sinter = defineCommand({
  name: 'SINTER', group: 'set', since: '1.0.0',
  summary: 'Returns the members that all of several sets have.',
  complexity: 'O(n*k) at worst; n = members of the smallest set, k = sets.',
  arity: -2,
  flags: Flag.ReadOnly,
  acl: ['set'],
  keys: [allKeys],
  tips: orderTip,
  args: { key: arg.repeat(arg.key()) },
  reply: reply.set('the members; a key that does not exist is an empty set'),
  examples: [
    ['SADD ada 1 2 3', ':3'], ['SADD bob 2 3 4', ':3'], ['SINTER ada bob', '*[$"2" $"3"]'],
    ['SINTER ada nosuch', '*[]'],
  ],
  apply(shard, frame, out) {
    answer(shard, frame, out, INTERSECTION);
  },
});

export const sinterstore = defineCommand({
  name: 'SINTERSTORE', group: 'set', since: '1.0.0',
  summary: 'Stores the members that all of several sets have.',
  complexity: 'O(n*k) at worst; n = members of the smallest set, k = sets.',
  arity: -3,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['set'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' }), sourceKeys],
  args: { destination: arg.key(), key: arg.repeat(arg.key()) },
  reply: reply.integer('members stored; 0 removes the destination'),
  examples: [
    ['SADD ada 1 2 3', ':3'], ['SADD bob 2 3 4', ':3'], ['SINTERSTORE both ada bob', ':2'],
    ['SMEMBERS both', '*[$"2" $"3"]'],
  ],
  apply(shard, frame, out) {
    store(shard, frame, out, INTERSECTION, KeyEvent.SInterStore);
  },
});

export const sunion = defineCommand({
  name: 'SUNION', group: 'set', since: '1.0.0',
  summary: 'Returns the members that any of several sets has.',
  complexity: 'O(n); n = members of all sets together.',
  arity: -2,
  flags: Flag.ReadOnly,
  acl: ['set'],
  keys: [allKeys],
  tips: orderTip,
  args: { key: arg.repeat(arg.key()) },
  reply: reply.set('the members'),
  examples: [
    ['SADD ada 1 2 3', ':3'], ['SADD bob 3', ':1'], ['SUNION ada bob', '*[$"1" $"2" $"3"]'],
  ],
  apply(shard, frame, out) {
    answer(shard, frame, out, UNION);
  },
});

export const sunionstore = defineCommand({
  name: 'SUNIONSTORE', group: 'set', since: '1.0.0',
  summary: 'Stores the members that any of several sets has.',
  complexity: 'O(n); n = members of all sets together.',
  arity: -3,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['set'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'OW', effect: 'update' }), sourceKeys],
  args: { destination: arg.key(), key: arg.repeat(arg.key()) },
  reply: reply.integer('members stored; 0 removes the destination'),
  examples: [
    ['SADD ada 1 2 3', ':3'], ['SADD bob 4', ':1'], ['SUNIONSTORE all ada bob', ':4'],
    ['SMEMBERS all', '*[$"1" $"2" $"3" $"4"]'],
  ],
  apply(shard, frame, out) {
    store(shard, frame, out, UNION, KeyEvent.SUnionStore);
  },
});

export const sdiff = defineCommand({
  name: 'SDIFF', group: 'set', since: '1.0.0',
  summary: 'Returns the members of the first set that none of the others has.',
  complexity: 'O(n); n = members of all sets together.',
  arity: -2,
  flags: Flag.ReadOnly,
  acl: ['set'],
  keys: [allKeys],
  tips: orderTip,
  args: { key: arg.repeat(arg.key()) },
  reply: reply.set('the members'),
  examples: [
    ['SADD ada 1 2 3', ':3'], ['SADD bob 3', ':1'], ['SDIFF ada bob', '*[$"1" $"2"]'],
  ],
  apply(shard, frame, out) {
    answer(shard, frame, out, DIFFERENCE);
  },
});

export const sdiffstore = defineCommand({
  name: 'SDIFFSTORE', group: 'set', since: '1.0.0',
  summary: 'Stores the members of the first set that none of the others has.',
  complexity: 'O(n); n = members of all sets together.',
  arity: -3,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['set'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'OW', effect: 'update' }), sourceKeys],
  args: { destination: arg.key(), key: arg.repeat(arg.key()) },
  reply: reply.integer('members stored; 0 removes the destination'),
  examples: [
    ['SADD ada 1 2 3', ':3'], ['SADD bob 3', ':1'], ['SDIFFSTORE rest ada bob', ':2'],
    ['SDIFFSTORE rest bob ada', ':0'], ['EXISTS rest', ':0'],
  ],
  apply(shard, frame, out) {
    store(shard, frame, out, DIFFERENCE, KeyEvent.SDiffStore);
  },
});

// ------------------------------------------------------------------ SINTERCARD

interface IntercardSlots {
  readonly numkeys: number;
  readonly key: number;
  readonly limit: number;
}

export const sintercard = defineCommand({
  name: 'SINTERCARD', group: 'set', since: '7.0.0',
  summary: 'Counts the members that all of several sets have, up to a limit.',
  complexity: 'O(n*k) at worst; n = members of the smallest set, k = sets.',
  arity: -3,
  flags: Flag.ReadOnly | Flag.MovableKeys,
  acl: ['set'],
  keys: [keysCounted({ countAt: 1, access: 'RO', effect: 'access' })],
  args: {
    numkeys: arg.integer(), key: arg.repeat(arg.key()), limit: limitToken.optional(),
  },
  reply: reply.integer('members that all sets have; the limit when there are more'),
  examples: [
    ['SADD ada 1 2 3', ':3'], ['SADD bob 2 3 4', ':3'], ['SINTERCARD 2 ada bob', ':2'],
    ['SINTERCARD 2 ada bob LIMIT 1', ':1'],
  ],
  // The keys end where their number says: no grammar can.
  parse: parseIntercard,
  apply(shard, frame, out, at) {
    const numkeys = frame.number[at.numkeys] ?? 0;
    if (!readSources(shard, frame, 2, 2 + numkeys, out)) return;
    const limit = (frame.index[at.limit] ?? 0) === 0 ? 0 : (frame.number[at.limit] ?? 0);
    out.integer(countIntersection(shard, limit));
  },
});

function parseIntercard(frame: ArgFrame, at: IntercardSlots): ReplyError | null {
  frame.clear(3);
  frame.index[at.numkeys] = 1;
  frame.index[at.key] = 2;
  const isNumber = readInteger(frame, at.numkeys, 1);
  const numkeys = frame.number[at.numkeys] ?? 0;
  if (!isNumber || numkeys < 1) return replyErrors.numkeysNotPositive;
  if (numkeys > frame.count - 2) return numkeysTooMany;
  frame.times[at.key] = numkeys;
  for (let i = 2 + numkeys; i < frame.count; i += 2) {
    if (!isWord(frame, i, limitToken.tokenBytes) || i + 1 === frame.count) {
      return replyErrors.syntax;
    }
    const isLimit = readInteger(frame, at.limit, i + 1);
    if (!isLimit || (frame.number[at.limit] ?? 0) < 0) return replyErrors.limitNegative;
    frame.index[at.limit] = i + 1;
  }
  return null;
}

/** Entries of the algebra. */
export const setAlgebraCommands: readonly Command[] = [
  sinter, sinterstore, sintercard, sunion, sunionstore, sdiff, sdiffstore,
];
