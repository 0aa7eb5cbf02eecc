/**
 * Commands about keys as such: which there are, of what type, and away with them. None looks at a
 * value.
 * DEL and UNLINK are one here: a value's blocks go back to the allocator in time proportional to
 * its pieces, and whole databases are freed in the background. KEYS walks the whole dict in one go,
 * as in Redis.
 */
import { arg } from '../command/grammar.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { keysAt } from '../command/key-spec.ts';
import { oneReplyOf, reply } from '../command/reply-schema.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { touchAccess } from '../keyspace/access.hot.ts';
import { EffectReason } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import type { Shard } from '../shard/shard.ts';
import { entryKeyAt, entryKeyBytes } from '../structs/entry.hot.ts';
import { KeyMatcher } from './key-matcher.ts';
import { countMatches, randomEntry, writeMatches } from './key-walk.ts';

/** Every key an argument of its own, none written. */
const readKeys = keysAt({ first: 1, last: -1, step: 1, access: 'RO' });
const removedKeys = keysAt({ first: 1, last: -1, step: 1, access: 'RM', effect: 'delete' });
const multiShardTips = ['request_policy:multi_shard', 'response_policy:agg_sum'];

export const del = defineCommand({
  name: 'DEL', group: 'generic', since: '1.0.0',
  summary: 'Removes keys and their values.',
  complexity: 'O(n); n = keys, and the pieces of long values.',
  arity: -2,
  flags: Flag.Write,
  acl: ['keyspace'],
  keys: [removedKeys],
  tips: multiShardTips,
  args: { key: arg.key().repeated() },
  reply: reply.integer('keys that existed'),
  examples: [['SET draft 1', '+"OK"'], ['DEL draft nokey', ':1']],
  apply: removeKeys,
});

export const unlink = defineCommand({
  name: 'UNLINK', group: 'generic', since: '4.0.0',
  summary: 'Removes keys and their values; the same as DEL.',
  complexity: 'O(n); n = keys, and the pieces of long values.',
  arity: -2,
  flags: Flag.Write | Flag.Fast,
  acl: ['keyspace'],
  keys: [removedKeys],
  tips: multiShardTips,
  args: { key: arg.key().repeated() },
  reply: reply.integer('keys that existed'),
  examples: [['SET draft 1', '+"OK"'], ['UNLINK draft draft', ':1']],
  apply: removeKeys,
});

function removeKeys(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  let removed = 0;
  for (let i = 1; i < frame.count; i++) {
    const ref = shard.keyspace.peek(frame, i);
    if (ref === 0) continue;
    shard.removeLastLookup(ref, KeyEvent.Del, EffectReason.Command);
    removed++;
  }
  out.integer(removed);
}

export const exists = defineCommand({
  name: 'EXISTS', group: 'generic', since: '1.0.0',
  summary: 'Counts which of the keys exist; a key named twice counts twice.',
  complexity: 'O(n); n = keys.',
  arity: -2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['keyspace'],
  keys: [readKeys],
  tips: multiShardTips,
  history: [['3.0.3', 'Accepts multiple `key` arguments.']],
  args: { key: arg.key().repeated() },
  reply: reply.integer('keys that exist'),
  examples: [['SET a 1', '+"OK"'], ['EXISTS a nokey a', ':2']],
  apply(shard, frame, out) {
    let count = 0;
    for (let i = 1; i < frame.count; i++) {
      if (shard.keyspace.peekCounted(frame, i) !== 0) count++;
    }
    out.integer(count);
  },
});

export const touch = defineCommand({
  name: 'TOUCH', group: 'generic', since: '3.2.1',
  summary: 'Counts which of the keys exist and notes an access to them.',
  complexity: 'O(n); n = keys.',
  arity: -2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['keyspace'],
  keys: [readKeys],
  tips: multiShardTips,
  args: { key: arg.key().repeated() },
  reply: reply.integer('keys that exist'),
  examples: [['SET a 1', '+"OK"'], ['TOUCH a nokey', ':1']],
  apply(shard, frame, out) {
    const { keyspace, memory } = shard;
    let count = 0;
    for (let i = 1; i < frame.count; i++) {
      const ref = keyspace.peekCounted(frame, i);
      if (ref === 0) continue;
      // Also for a client that switched touching off.
      touchAccess(memory.i32, ref, keyspace.access);
      count++;
    }
    out.integer(count);
  },
});

export const type = defineCommand({
  name: 'TYPE', group: 'generic', since: '1.0.0',
  summary: 'Names the type of the value at a key.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['keyspace'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO' })],
  args: { key: arg.key() },
  reply: reply.status('string, list, set, zset, hash, stream, or none without the key'),
  examples: [['SET a 1', '+"OK"'], ['TYPE a', '+"string"'], ['TYPE nokey', '+"none"']],
  apply(shard, frame, out) {
    const ref = shard.keyspace.peekCounted(frame, 1);
    out.simple(ref === 0 ? 'none' : shard.handlerOf(ref).name);
  },
});

export const keys = defineCommand({
  name: 'KEYS', group: 'generic', since: '1.0.0',
  summary: 'Lists the keys that match a glob pattern, all at once; SCAN does it in steps.',
  complexity: 'O(n); n = keys in the database.',
  arity: 2,
  flags: Flag.ReadOnly,
  acl: ['keyspace', 'dangerous'],
  keys: [],
  tips: ['request_policy:all_shards', 'nondeterministic_output_order'],
  args: { pattern: arg.pattern() },
  reply: reply.array('the keys, in no order'),
  examples: [
    ['MSET first 1 second 2', '+"OK"'],
    ['KEYS f*', '*[$"first"]'],
    ['KEYS x*', '*[]'],
  ],
  apply(shard, frame, out) {
    const db = shard.keyspace.databases[frame.client.db];
    const matcher = new KeyMatcher(shard, frame.at[1] ?? 0, frame.bytes[1] ?? 0);
    const count = db === undefined ? 0 : countMatches(shard, db, matcher);
    out.array(count);
    if (db !== undefined && count > 0) writeMatches(shard, db, matcher, out);
  },
});

export const randomkey = defineCommand({
  name: 'RANDOMKEY', group: 'generic', since: '1.0.0',
  summary: 'Names a key of the database by chance.',
  complexity: 'O(1)',
  arity: 1,
  flags: Flag.ReadOnly,
  acl: ['keyspace'],
  keys: [],
  tips: ['request_policy:all_shards', 'nondeterministic_output'],
  args: {},
  reply: oneReplyOf(reply.bulk('a key'), reply.null('the database is empty')),
  examples: [['RANDOMKEY', '_'], ['SET only 1', '+"OK"'], ['RANDOMKEY', '$"only"']],
  apply(shard, frame, out) {
    const db = shard.keyspace.databases[frame.client.db];
    const ref = db === undefined ? 0 : randomEntry(shard, db);
    const { i32 } = shard.memory;
    if (ref === 0) out.null();
    else out.bulk(entryKeyAt(i32, ref), entryKeyBytes(i32, ref));
  },
});

/** Entries about keys as such. */
export const keysCommands: readonly Command[] = [
  del, unlink, exists, touch, type, keys, randomkey,
];
