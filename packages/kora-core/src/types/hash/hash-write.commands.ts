/**
 * Commands that change fields of a hash. Each checks everything, prepares (which reserves),
 * changes, commits one effect and writes one reply. HSET of one field into an existing hash, the
 * everyday case, looks the field up once.
 * A field that is overwritten loses its deadline; HINCRBY and HINCRBYFLOAT keep it.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKeyAndSome } from '../../command/positional.hot.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { replyErrors, wrongArity } from '../../errors/reply-error.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { removeFields } from './hash-field-changes.ts';
import { parseKeyPairs } from './hash-parse.hot.ts';
import {
  findField, findHeld, isHashOrAbsent, preparePut, PUT_NEEDS_PREPARING, PUT_SHORT_OF_MEMORY,
  putField, putFound, reserveFound,
} from './hash.ts';

const writeFlags = Flag.Write | Flag.DenyOom | Flag.Fast;
const updatedKey = [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })];
const pairs = arg.repeat({ field: arg.bytes(), value: arg.bytes() });
const hsetArity = wrongArity('hset');
const hmsetArity = wrongArity('hmset');

export const hset = defineCommand({
  name: 'HSET', group: 'hash', since: '2.0.0',
  summary: 'Sets fields of a hash; an absent key becomes a hash.',
  complexity: 'O(1) per field.',
  arity: -4,
  flags: writeFlags,
  acl: ['hash'],
  keys: updatedKey,
  history: [['4.0.0', 'Accepts multiple `field` and `value` arguments.']],
  args: { key: arg.key(), field_value: pairs },
  reply: reply.integer('fields that are new'),
  examples: [
    ['HSET ada born 1815 city London', ':2'],
    ['HSET ada city Marylebone died 1852', ':1'],
    ['HGET ada city', '$"Marylebone"'],
  ],
  parse: (frame) => (parseKeyPairs(frame) ? null : hsetArity),
  apply(shard, frame, out) {
    const added = putPairs(shard, frame, out);
    if (added >= 0) out.integer(added);
  },
});

export const hmset = defineCommand({
  name: 'HMSET', group: 'hash', since: '2.0.0',
  summary: 'Sets fields of a hash; HSET does the same and counts.',
  deprecated: { since: '4.0.0', replacedBy: '`HSET` with multiple field-value pairs' },
  complexity: 'O(1) per field.',
  arity: -4,
  flags: writeFlags,
  acl: ['hash'],
  keys: updatedKey,
  args: { key: arg.key(), field_value: pairs },
  reply: reply.ok('the fields were set'),
  examples: [['HMSET ada born 1815 city London', '+"OK"'], ['HLEN ada', ':2']],
  parse: (frame) => (parseKeyPairs(frame) ? null : hmsetArity),
  apply(shard, frame, out) {
    if (putPairs(shard, frame, out) >= 0) out.ok();
  },
});

/** Puts all pairs and commits; fields that are new, -1 when an error was written. */
function putPairs(shard: Shard, frame: ArgFrame, out: ReplySink): number {
  const ref = shard.keyspace.write(frame, 1);
  if (!isHashOrAbsent(shard, ref, out)) return -1;
  const isOneMore = frame.count === 4 && ref !== 0;
  const added = isOneMore ? putOne(shard, frame, ref) : putAll(shard, frame, ref);
  if (added < 0) {
    out.error(replyErrors.arenaFull);
    return -1;
  }
  commitPairs(shard, frame, 2);
  return added;
}

/** One pair into an existing hash; 1 when its field is new, -1 when memory is short. */
function putOne(shard: Shard, frame: ArgFrame, ref: number): number {
  const fieldAt = frame.at[2] ?? 0;
  const fieldBytes = frame.bytes[2] ?? 0;
  const valueBytes = frame.bytes[3] ?? 0;
  const isHeld = findHeld(shard, ref, fieldAt, fieldBytes);
  const answer = reserveFound(shard, ref, isHeld, fieldBytes, valueBytes);
  if (answer === PUT_NEEDS_PREPARING) return putAll(shard, frame, ref);
  if (answer === PUT_SHORT_OF_MEMORY) return -1;
  const isNew = putFound(
    shard, ref, isHeld, fieldAt, fieldBytes, frame.at[3] ?? 0, valueBytes, false,
  );
  return isNew ? 1 : 0;
}

/** All pairs; fields that are new, -1 when memory is short. */
function putAll(shard: Shard, frame: ArgFrame, ref: number): number {
  const { at, bytes, count } = frame;
  const hash = preparePut(shard, ref, at[1] ?? 0, bytes[1] ?? 0, at, bytes, 2, (count - 2) >>> 1);
  if (hash === 0) return -1;
  let added = 0;
  for (let i = 2; i < count; i += 2) {
    const isNew = putField(
      shard, hash, at[i] ?? 0, bytes[i] ?? 0, at[i + 1] ?? 0, bytes[i + 1] ?? 0, false,
    );
    if (isNew) added++;
  }
  return added;
}

/** Announces that the pairs from argument `from` to the end were put. */
function commitPairs(shard: Shard, frame: ArgFrame, from: number): void {
  const effect = effectOfKey(shard, frame, 1, EffectOp.HashPut, KeyEvent.HSet);
  if (shard.journal.isHeard) {
    const { at, bytes, count } = frame;
    for (let i = from; i < count; i++) effect.parts.add(at[i] ?? 0, bytes[i] ?? 0);
  }
  shard.commit();
}

export const hsetnx = defineCommand({
  name: 'HSETNX', group: 'hash', since: '2.0.0',
  summary: 'Sets a field of a hash when it does not exist.',
  complexity: 'O(1)',
  arity: 4,
  flags: writeFlags,
  acl: ['hash'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'insert' })],
  args: { key: arg.key(), field: arg.bytes(), value: arg.bytes() },
  reply: reply.integer('1 when the field was set, 0 when it existed'),
  examples: [['HSETNX ada city London', ':1'], ['HSETNX ada city Paris', ':0']],
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isHashOrAbsent(shard, ref, out)) return;
    if (ref !== 0 && findField(shard, ref, frame.at[2] ?? 0, frame.bytes[2] ?? 0)) {
      out.integer(0);
      return;
    }
    if (putAll(shard, frame, ref) < 0) {
      out.error(replyErrors.arenaFull);
      return;
    }
    commitPairs(shard, frame, 2);
    out.integer(1);
  },
});

export const hdel = defineCommand({
  name: 'HDEL', group: 'hash', since: '2.0.0',
  summary: 'Removes fields from a hash; the key goes with the last one.',
  complexity: 'O(1) per field.',
  arity: -3,
  flags: Flag.Write | Flag.Fast,
  acl: ['hash'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'delete' })],
  history: [['2.4.0', 'Accepts multiple `field` arguments.']],
  args: { key: arg.key(), field: arg.repeat(arg.bytes()) },
  reply: reply.integer('fields that existed'),
  examples: [['HSET ada born 1815 city London', ':2'], ['HDEL ada city nosuch', ':1']],
  parse: parseKeyAndSome,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isHashOrAbsent(shard, ref, out)) return;
    out.integer(ref === 0 ? 0 : removeFields(shard, frame, ref, 2, frame.count, 1));
  },
});

/** Entries in the order of the documentation. */
export const hashWriteCommands: readonly Command[] = [hset, hmset, hsetnx, hdel];
