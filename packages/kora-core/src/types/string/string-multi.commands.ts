/**
 * Strings by the handful: MGET reads many keys, MSET and its sisters write all their pairs or none.
 * The memory of all pairs is reserved before the first is written, so running short changes
 * nothing.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, readInteger } from '../../command/grammar.ts';
import { keysAt, keysCounted } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError} from '../../errors/reply-error.ts';
import { replyErrors, wrongArity } from '../../errors/reply-error.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import { SCRATCH_BYTES } from '../../limits.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryBytesFor } from '../../structs/entry.hot.ts';
import { deadline, expireErrors, keepDeadline, readDeadline } from './expire-option.ts';
import {
  clearSlot, CONDITION_NX, CONDITION_XX, EXPIRATION_KEEPTTL, parseKeys, parseOptions, parsePairs,
  readExpiration,
} from './parse.hot.ts';
import { commitStringSet } from './string-effects.ts';
import { prepareArgument, storeArgument, stringInlineBytes, writeString } from './string.ts';

const msetArity = wrongArity('mset');
const msetnxArity = wrongArity('msetnx');

export const mget = defineCommand({
  name: 'MGET', group: 'string', since: '1.0.0',
  summary: 'Returns the values of several string keys.',
  complexity: 'O(n) in the keys.',
  arity: -2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: -1, step: 1, access: 'RO', effect: 'access' })],
  tips: ['request_policy:multi_shard'],
  args: { key: arg.repeat(arg.key()) },
  reply: reply.array('a value or null for each key; null also for other types'),
  examples: [['MSET a 1 b 2', '+"OK"'], ['MGET a nosuch b', '*[$"1" _ $"2"]']],
  parse: parseKeys,
  apply(shard, frame, out) {
    out.array(frame.count - 1);
    for (let from = 1; from < frame.count; from += BATCH_KEYS_MAX) {
      const end = Math.min(frame.count, from + BATCH_KEYS_MAX);
      const isBatch = end - from >= BATCH_KEYS_MIN;
      if (isBatch) writeBatch(shard, frame, from, end, out);
      else for (let i = from; i < end; i++) writeText(shard, shard.keyspace.read(frame, i), out);
    }
  },
});

/**
 * From this many keys on looking them up together beats one by one, as their cache misses overlap.
 */
const BATCH_KEYS_MIN = 4;
/** Four words a key: address, length, hash, slot. */
const BATCH_RECORD_BYTES = 16;
const BATCH_KEYS_MAX = SCRATCH_BYTES / BATCH_RECORD_BYTES;

/**
 * Writes the values of the keys in arguments [from, end), found by one batch in the scratch area.
 */
function writeBatch(
  shard: Shard, frame: ArgFrame, from: number, end: number, out: ReplySink,
): void {
  const { keyspace, memory, scratchAt } = shard;
  const db = keyspace.databases[frame.client.db];
  if (db === undefined || db.dict.header === 0) {
    for (let i = from; i < end; i++) writeText(shard, keyspace.read(frame, i), out);
    return;
  }
  const list = scratchAt >>> 2;
  for (let i = from; i < end; i++) {
    const record = list + (i - from) * 4;
    memory.i32[record] = frame.at[i] ?? 0;
    memory.i32[record + 1] = frame.bytes[i] ?? 0;
  }
  keyspace.findMany(db, scratchAt, end - from);
  const { dict } = db;
  const epoch = dict.epoch();
  for (let i = from; i < end; i++) {
    const record = list + (i - from) * 4;
    // A key that was due has been removed on the way: slots may have moved.
    const isFresh = dict.epoch() === epoch;
    const ref = isFresh
      ? keyspace.readFound(frame, i, memory.i32[record + 2] ?? 0, memory.i32[record + 3] ?? 0)
      : keyspace.read(frame, i);
    writeText(shard, ref, out);
  }
}

/** The string of entry `ref`; null for an absent key and for other types. */
function writeText(shard: Shard, ref: number, out: ReplySink): void {
  if (ref !== 0 && shard.keyspace.isType(ref, ValueType.String)) writeString(shard, ref, out);
  else out.null();
}

// ------------------------------------------------------------------ MSET and MSETNX

const pairArgs = {
  pairs: arg.repeat({ key: arg.key(), value: arg.bytes() }).documented({ name: 'key_value' }),
};

export const mset = defineCommand({
  name: 'MSET', group: 'string', since: '1.0.1',
  summary: 'Sets several keys to strings at once.',
  complexity: 'O(n) in the keys.',
  arity: -3,
  flags: Flag.Write | Flag.DenyOom | Flag.TakesRopes,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: -1, step: 2, access: 'OW', effect: 'update' })],
  tips: ['request_policy:multi_shard', 'response_policy:all_succeeded'],
  args: pairArgs,
  reply: reply.ok('all keys were set'),
  examples: [['MSET a 1 b 2', '+"OK"'], ['GET b', '$"2"']],
  parse: (frame) => (parsePairs(frame) ? null : msetArity),
  apply(shard, frame, out) {
    if (storePairs(shard, frame, 1, frame.count, 0, 0)) out.ok();
    else out.error(replyErrors.arenaFull);
  },
});

export const msetnx = defineCommand({
  name: 'MSETNX', group: 'string', since: '1.0.1',
  summary: 'Sets several keys to strings when none of them exists.',
  complexity: 'O(n) in the keys.',
  arity: -3,
  flags: Flag.Write | Flag.DenyOom | Flag.TakesRopes,
  acl: ['string'],
  keys: [keysAt({ first: 1, last: -1, step: 2, access: 'OW', effect: 'insert' })],
  tips: ['request_policy:multi_shard', 'response_policy:agg_min'],
  args: pairArgs,
  reply: reply.integer('1 when all were set, 0 when none was'),
  examples: [['MSETNX a 1 b 2', ':1'], ['MSETNX b 3 c 4', ':0'], ['GET c', '_']],
  parse: (frame) => (parsePairs(frame) ? null : msetnxArity),
  vote: (shard, frame) => countExisting(shard, frame, 1, frame.count) === 0,
  apply(shard, frame, out) {
    if (countExisting(shard, frame, 1, frame.count) !== 0) out.integer(0);
    else if (storePairs(shard, frame, 1, frame.count, 0, 0)) out.integer(1);
    else out.error(replyErrors.arenaFull);
  },
});

/** Keys of the pairs in arguments [from, end) that exist, a key named twice counted twice. */
function countExisting(shard: Shard, frame: ArgFrame, from: number, end: number): number {
  let count = 0;
  for (let i = from; i < end; i += 2) if (shard.keyspace.write(frame, i) !== 0) count++;
  return count;
}

/**
 * Writes the pairs in arguments [from, end), all or none.
 * @param hasTtl 1: every key lives until `deadline`
 * @param keepsTtl 1: every key keeps the deadline it has
 * @returns false when memory is short; nothing has changed then
 */
function storePairs(
  shard: Shard, frame: ArgFrame, from: number, end: number, hasTtl: number, keepsTtl: number,
): boolean {
  const { keyspace } = shard;
  for (let i = from; i < end; i += 2) if (!prepareArgument(shard, frame, i + 1)) return false;
  let entryBytes = 0;
  for (let i = from; i < end; i += 2) {
    const inlineBytes = stringInlineBytes(frame.bytes[i + 1] ?? 0);
    entryBytes += entryBytesFor(frame.bytes[i] ?? 0, inlineBytes, true);
  }
  if (!keyspace.reserveMany((end - from) / 2, entryBytes)) return false;
  const second = hasTtl === 0 ? KeyEvent.None : KeyEvent.Expire;
  for (let i = from; i < end; i += 2) {
    const old = keyspace.write(frame, i);
    const withTtl = keepsTtl === 0 ? hasTtl : keepDeadline(shard, old);
    const ref = storeArgument(shard, frame, i, i + 1, withTtl, deadline.low, deadline.high);
    commitStringSet(shard, frame, i, ref, KeyEvent.Set, second);
  }
  return true;
}

// ------------------------------------------------------------------ MSETEX

interface MsetexSlots {
  readonly numkeys: number;
  readonly data: number;
  readonly condition: number;
  readonly expiration: number;
}

/** Options start where the counted pairs end, which the grammar's repeat cannot say. */
function parseMsetex(frame: ArgFrame, at: MsetexSlots): ReplyError | null {
  frame.index[at.numkeys] = 1;
  frame.index[at.data] = 2;
  clearSlot(frame, at.condition);
  clearSlot(frame, at.expiration);
  if (!readInteger(frame, at.numkeys, 1)) return replyErrors.notInteger;
  const keys = frame.isExact[at.numkeys] === 1 ? (frame.number[at.numkeys] ?? 0) : Infinity;
  if ((frame.high[at.numkeys] ?? 0) < 0 || keys === 0) return replyErrors.numkeysNotPositive;
  if (keys * 2 > frame.count - 2) return replyErrors.syntax;
  frame.times[at.data] = keys;
  const end = 2 + keys * 2;
  if (!parseOptions(frame, end, at.condition, CONDITION_XX, -1, at.expiration)) {
    return replyErrors.syntax;
  }
  return readExpiration(frame, at.expiration);
}

export const msetex = defineCommand({
  name: 'MSETEX', group: 'string', since: '8.4.0',
  summary: 'Sets several keys to strings with one lifetime, if all or none of them exist.',
  complexity: 'O(n) in the keys.',
  arity: -4,
  flags: Flag.Write | Flag.DenyOom | Flag.MovableKeys | Flag.TakesRopes,
  acl: ['string'],
  keys: [keysCounted({ countAt: 1, step: 2, access: 'OW', effect: 'update' })],
  tips: ['request_policy:multi_shard', 'response_policy:agg_min'],
  args: {
    numkeys: arg.integer(),
    data: arg.repeat({ key: arg.key(), value: arg.bytes() }),
    condition: arg.oneOf('NX', 'XX').optional(),
    expiration: arg
      .oneOf({
        seconds: arg.integer('EX'),
        milliseconds: arg.integer('PX'),
        'unix-time-seconds': arg.unixTime('EXAT'),
        'unix-time-milliseconds': arg.unixTime('PXAT'),
        keepttl: arg.token('KEEPTTL'),
      })
      .optional(),
  },
  reply: reply.integer('1 when all were set, 0 when none was'),
  examples: [
    ['MSETEX 2 a 1 b 2 EX 60', ':1'], ['TTL b', ':60'], ['MSETEX 2 b 3 c 4 NX', ':0'],
    ['MSETEX 1 a 5 XX KEEPTTL', ':1'], ['TTL a', ':60'],
  ],
  parse: parseMsetex,
  vote: (shard, frame, at) => isConditionMet(shard, frame, at),
  apply: setManyFor,
});

/** NX: none of the keys exists; XX: all do. */
function isConditionMet(shard: Shard, frame: ArgFrame, at: MsetexSlots): boolean {
  const condition = frame.choice[at.condition] ?? 0;
  if (condition === 0) return true;
  const keys = frame.times[at.data] ?? 0;
  const existing = countExisting(shard, frame, 2, 2 + keys * 2);
  return condition === CONDITION_NX ? existing === 0 : existing === keys;
}

function setManyFor(shard: Shard, frame: ArgFrame, out: ReplySink, at: MsetexSlots): void {
  const expiration = frame.choice[at.expiration] ?? 0;
  const keepsTtl = expiration === EXPIRATION_KEEPTTL ? 1 : 0;
  const hasTtl = expiration !== 0 && keepsTtl === 0 ? 1 : 0;
  const error =
    hasTtl === 0
      ? null
      : readDeadline(shard, frame, at.expiration, expiration, expireErrors.msetex);
  if (error !== null) {
    out.error(error);
    return;
  }
  const keys = frame.times[at.data] ?? 0;
  const end = 2 + keys * 2;
  if (!isConditionMet(shard, frame, at)) out.integer(0);
  else if (storePairs(shard, frame, 2, end, hasTtl, keepsTtl)) out.integer(1);
  else out.error(replyErrors.arenaFull);
}

/** Entries in the order of the documentation. */
export const stringMultiCommands: readonly Command[] = [mget, mset, msetnx, msetex];
