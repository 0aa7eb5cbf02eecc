/**
 * Reading or writing fields together with their deadlines (Redis 8): HGETEX, HSETEX, HGETDEL.
 * HSETEX with a deadline on an absent key builds the hash aside and links it when it is whole, so
 * that nothing has happened when memory runs out on the way. A deadline in the past removes the
 * fields it would have been given to.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import {
  collectionCount, dropAside, linkAside, newAside, removeIfEmpty,
} from '../../keyspace/collection-entry.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { Stat } from '../../keyspace/statistics.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { MEMBER_FIELD, memberBytesFor } from '../../structs/member.hot.ts';
import { LINE_BYTES } from '../../structs/dict-layout.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { fieldTimeErrors, hashErrors } from './hash-errors.ts';
import {
  CONDITION_FNX, CONDITION_FXX, FIELD_EX, FIELD_EXAT, FIELD_FIFTH, FIELD_PX, FIELDS_SLOT,
  fieldsArgument, fieldValuesArgument, parseFieldOptions, parseHgetdel, readFieldDeadline,
} from './hash-field-arguments.ts';
import type { FieldOptions } from './hash-field-arguments.ts';
import { armFields, firstDeadlineMs, setFoundDeadline } from './hash-deadlines.ts';
import { dropDeadlines, removeFields, setDeadlines } from './hash-field-changes.ts';
import { hashHandler } from './hash-handler.ts';
import { prepareDeadlines } from './hash-timed.ts';
import { writeValues } from './hash-walk.ts';
import {
  findField, foundValueAt, foundValueBytes, isHashOrAbsent, preparePut, putField, removeFound,
} from './hash.ts';

/** Slots of the entries. */
const GETEX_EXPIRATION_SLOT = 1;
const SETEX_CONDITION_SLOT = 1;
const SETEX_EXPIRATION_SLOT = 2;

const persistLeaf = arg.token('PERSIST');
const keepLeaf = arg.token('KEEPTTL');
const times = {
  seconds: arg.integer('EX'),
  milliseconds: arg.integer('PX'),
  'unix-time-seconds': arg.unixTime('EXAT'),
  'unix-time-milliseconds': arg.unixTime('PXAT'),
};

const getexOptions: FieldOptions = {
  fifthWord: persistLeaf.tokenBytes, clash: hashErrors.oneOfGetexTimes,
  badTime: fieldTimeErrors.hgetex, width: 1, expirationSlot: GETEX_EXPIRATION_SLOT,
  conditionSlot: -1,
};
const setexOptions: FieldOptions = {
  fifthWord: keepLeaf.tokenBytes, clash: hashErrors.oneOfSetexTimes,
  badTime: fieldTimeErrors.hsetex, width: 2, expirationSlot: SETEX_EXPIRATION_SLOT,
  conditionSlot: SETEX_CONDITION_SLOT,
};

/** The deadline that an option states, ms; -1 when it lies too far away. */
function deadlineOf(shard: Shard, frame: ArgFrame, slot: number): number {
  const unit = frame.choice[slot] ?? 0;
  const isSeconds = unit === FIELD_EX || unit === FIELD_EXAT;
  const isRelative = unit === FIELD_EX || unit === FIELD_PX;
  return readFieldDeadline(shard, frame, slot, isSeconds, isRelative);
}

// ------------------------------------------------------------------ HGETEX

export const hgetex = defineCommand({
  name: 'HGETEX', group: 'hash', since: '8.0.0',
  summary: 'Returns the values of fields and sets or takes away their deadlines.',
  complexity: 'O(log n) per field; n = fields with a deadline.',
  arity: -5,
  flags: Flag.Write | Flag.Fast,
  acl: ['hash'],
  keys: [keysAt({
    first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'update'],
    notes: 'RW and UPDATE because it changes the TTL',
  })],
  args: {
    key: arg.key(),
    expiration: arg.oneOf({ ...times, persist: persistLeaf }).optional(),
    fields: fieldsArgument,
  },
  reply: reply.array('a value or null for each field'),
  examples: [
    ['HSET ada token x', ':1'],
    ['HGETEX ada EX 60 FIELDS 2 token nosuch', '*[$"x" _]'],
    ['HTTL ada FIELDS 1 token', '*[:60]'],
    ['HGETEX ada PERSIST FIELDS 1 token', '*[$"x"]'],
    ['HTTL ada FIELDS 1 token', '*[:-1]'],
  ],
  parse: (frame) => parseFieldOptions(frame, getexOptions),
  apply(shard, frame, out) {
    const expiration = frame.choice[GETEX_EXPIRATION_SLOT] ?? 0;
    const isTimed = expiration !== 0 && expiration !== FIELD_FIFTH;
    const ms = isTimed ? deadlineOf(shard, frame, GETEX_EXPIRATION_SLOT) : 0;
    if (ms < 0) {
      out.error(fieldTimeErrors.hgetex);
      return;
    }
    const ref = shard.keyspace.read(frame, 1);
    if (!isHashOrAbsent(shard, ref, out)) return;
    const from = frame.index[FIELDS_SLOT] ?? 0;
    const end = from + (frame.times[FIELDS_SLOT] ?? 0);
    const isPast = isTimed && ms <= shard.nowMs;
    if (expiration !== 0) shard.keyspace.noteChange(ref);
    if (ref !== 0 && isTimed && !isPast && !reserveFor(shard, frame, ref, from, end)) {
      out.error(replyErrors.arenaFull);
      return;
    }
    writeValues(shard, frame, ref, from, end, out);
    if (ref === 0 || expiration === 0) return;
    if (isPast) expireFields(shard, frame, ref, from, end, 1);
    else if (isTimed) setDeadlines(shard, frame, ref, from, end, 1, ms);
    else dropDeadlines(shard, frame, ref, from, end);
  },
});

/** Removes fields that were given a deadline in the past. */
function expireFields(
  shard: Shard, frame: ArgFrame, ref: number, from: number, end: number, stride: number,
): void {
  shard.stats.add(Stat.ExpiredSubkeys, removeFields(shard, frame, ref, from, end, stride));
}

/** Makes sure that the fields which exist can get a deadline; false when memory is short. */
function reserveFor(
  shard: Shard, frame: ArgFrame, ref: number, from: number, end: number,
): boolean {
  let fields = 0;
  let textBytes = 0;
  for (let i = from; i < end; i++) {
    const bytes = frame.bytes[i] ?? 0;
    if (!findField(shard, ref, frame.at[i] ?? 0, bytes)) continue;
    fields++;
    textBytes += bytes + foundValueBytes(shard);
  }
  return fields === 0 || prepareDeadlines(shard, ref, fields, textBytes, 0, 0);
}

// ------------------------------------------------------------------ HSETEX

export const hsetex = defineCommand({
  name: 'HSETEX', group: 'hash', since: '8.0.0',
  summary: 'Sets fields of a hash with one deadline, if all or none of them exist.',
  complexity: 'O(log n) per field; n = fields with a deadline.',
  arity: -6,
  flags: Flag.Write | Flag.DenyOom | Flag.Fast,
  acl: ['hash'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
  args: {
    key: arg.key(),
    condition: arg.oneOf('FNX', 'FXX').optional(),
    expiration: arg.oneOf({ ...times, keepttl: keepLeaf }).optional(),
    fields: fieldValuesArgument,
  },
  reply: reply.integer('1 when all were set, 0 when a condition refused'),
  examples: [
    ['HSETEX ada EX 60 FIELDS 2 token x city London', ':1'],
    ['HTTL ada FIELDS 2 token city', '*[:60 :60]'],
    ['HSETEX ada FNX EX 60 FIELDS 1 token y', ':0'],
    ['HSETEX ada KEEPTTL FIELDS 1 token y', ':1'],
    ['HSETEX ada FIELDS 1 city Paris', ':1'],
    ['HTTL ada FIELDS 2 token city', '*[:60 :-1]'],
  ],
  parse: (frame) => parseFieldOptions(frame, setexOptions),
  apply(shard, frame, out) {
    const expiration = frame.choice[SETEX_EXPIRATION_SLOT] ?? 0;
    const isTimed = expiration !== 0 && expiration !== FIELD_FIFTH;
    const ms = isTimed ? deadlineOf(shard, frame, SETEX_EXPIRATION_SLOT) : 0;
    if (ms < 0) {
      out.error(fieldTimeErrors.hsetex);
      return;
    }
    const ref = freshRef(shard, frame, expiration === FIELD_FIFTH);
    if (!isHashOrAbsent(shard, ref, out)) return;
    if (!isConditionMet(shard, frame, ref)) {
      out.integer(0);
      return;
    }
    const from = frame.index[FIELDS_SLOT] ?? 0;
    const end = from + (frame.times[FIELDS_SLOT] ?? 0) * 2;
    if (isTimed && ms <= shard.nowMs) {
      if (ref !== 0) expireFields(shard, frame, ref, from, end, 2);
      out.integer(1);
      return;
    }
    const isDone = isTimed
      ? putTimed(shard, frame, ref, from, end, ms)
      : putPlain(shard, frame, ref, from, end, expiration === FIELD_FIFTH);
    if (isDone) out.integer(1);
    else out.error(replyErrors.arenaFull);
  },
});

/**
 * The entry of the key; with KEEPTTL after its due fields are gone, for a deadline that is past
 * must not be kept.
 */
function freshRef(shard: Shard, frame: ArgFrame, keepsDeadlines: boolean): number {
  const ref = shard.keyspace.write(frame, 1);
  if (!keepsDeadlines || ref === 0 || !shard.keyspace.isType(ref, ValueType.Hash)) return ref;
  const left = hashHandler.elementDeadlineMs?.(shard, ref) ?? -1;
  if (left < 0 || left >= shard.nowMs) return ref;
  hashHandler.expireElements?.(shard, ref, collectionCount(shard, ref));
  return shard.keyspace.write(frame, 1);
}

function isConditionMet(shard: Shard, frame: ArgFrame, ref: number): boolean {
  const condition = frame.choice[SETEX_CONDITION_SLOT] ?? 0;
  const from = frame.index[FIELDS_SLOT] ?? 0;
  const end = from + (frame.times[FIELDS_SLOT] ?? 0) * 2;
  if (condition === 0) return true;
  for (let i = from; i < end; i += 2) {
    const isThere = ref !== 0 && findField(shard, ref, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
    if (condition === CONDITION_FXX && !isThere) return false;
    if (condition === CONDITION_FNX && isThere) return false;
  }
  return true;
}

/** Puts the pairs; false when memory is short. */
function putPlain(
  shard: Shard, frame: ArgFrame, ref: number, from: number, end: number, keeps: boolean,
): boolean {
  const { at, bytes } = frame;
  const pairs = (end - from) >>> 1;
  const hash = preparePut(shard, ref, at[1] ?? 0, bytes[1] ?? 0, at, bytes, from, pairs);
  if (hash === 0) return false;
  putAll(shard, frame, hash, from, end, keeps);
  commitPairs(shard, frame, from, end, keeps ? EffectOp.HashUpdate : EffectOp.HashPut);
  return true;
}

function putAll(
  shard: Shard, frame: ArgFrame, hash: number, from: number, end: number, keeps: boolean,
): void {
  const { at, bytes } = frame;
  for (let i = from; i < end; i += 2) {
    putField(
      shard, hash, at[i] ?? 0, bytes[i] ?? 0, at[i + 1] ?? 0, bytes[i + 1] ?? 0, keeps,
    );
  }
}

function commitPairs(
  shard: Shard, frame: ArgFrame, from: number, end: number, op: number,
): void {
  const effect = effectOfKey(shard, frame, 1, op, KeyEvent.HSet);
  if (shard.journal.isHeard) {
    for (let i = from; i < end; i++) effect.parts.add(frame.at[i] ?? 0, frame.bytes[i] ?? 0);
  }
  shard.commit();
}

/** Puts the pairs with a deadline in the future; false when memory is short. */
function putTimed(
  shard: Shard, frame: ArgFrame, ref: number, from: number, end: number, ms: number,
): boolean {
  const keyAt = frame.at[1] ?? 0;
  const keyBytes = frame.bytes[1] ?? 0;
  const isNew = ref === 0;
  const hash = isNew ? newAside(shard, keyAt, keyBytes, ValueType.Hash) : ref;
  if (hash === 0) return false;
  const beforeMs = firstDeadlineMs(shard, hash);
  if (!reservePairs(shard, frame, hash, from, end)) {
    if (isNew) dropAside(shard, hash);
    return false;
  }
  putAll(shard, frame, hash, from, end, false);
  for (let i = from; i < end; i += 2) {
    findField(shard, hash, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
    setFoundDeadline(shard, hash, ms);
  }
  if (!isNew) {
    armFields(shard, beforeMs, ms);
  } else if (shard.keyspace.reserve(0, 0, 0, 0)) {
    linkAside(shard, shard.keyspace.db, keyAt, keyBytes, hash);
  } else {
    dropAside(shard, hash);
    return false;
  }
  commitPairs(shard, frame, from, end, EffectOp.HashPut);
  commitDeadlines(shard, frame, from, end, ms);
  return true;
}

function commitDeadlines(
  shard: Shard, frame: ArgFrame, from: number, end: number, ms: number,
): void {
  const effect = effectOfKey(shard, frame, 1, EffectOp.HashExpire, KeyEvent.HExpire);
  if (shard.journal.isHeard) {
    effect.parts.addNumber(ms);
    for (let i = from; i < end; i += 2) effect.parts.add(frame.at[i] ?? 0, frame.bytes[i] ?? 0);
  }
  shard.commit();
}

/** Makes sure that all pairs can be put and get a deadline. */
function reservePairs(
  shard: Shard, frame: ArgFrame, ref: number, from: number, end: number,
): boolean {
  const pairs = (end - from) >>> 1;
  let textBytes = 0;
  let bytes = 0;
  for (let i = from; i < end; i += 2) {
    const fieldBytes = frame.bytes[i] ?? 0;
    const valueBytes = frame.bytes[i + 1] ?? 0;
    textBytes += fieldBytes + valueBytes;
    bytes += memberBytesFor(MEMBER_FIELD, fieldBytes, valueBytes, true) + LINE_BYTES;
  }
  return prepareDeadlines(shard, ref, pairs, textBytes, pairs * 2, bytes);
}

// ------------------------------------------------------------------ HGETDEL

export const hgetdel = defineCommand({
  name: 'HGETDEL', group: 'hash', since: '8.0.0',
  summary: 'Returns the values of fields and removes them.',
  complexity: 'O(1) per field.',
  arity: -5,
  flags: Flag.Write | Flag.Fast,
  acl: ['hash'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'delete'] })],
  args: { key: arg.key(), fields: fieldsArgument },
  reply: reply.array('a value or null for each field'),
  examples: [
    ['HSET ada once x', ':1'],
    ['HGETDEL ada FIELDS 2 once nosuch', '*[$"x" _]'],
    ['EXISTS ada', ':0'],
  ],
  parse: parseHgetdel,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isHashOrAbsent(shard, ref, out)) return;
    const from = frame.index[FIELDS_SLOT] ?? 0;
    if (ref === 0) {
      writeValues(shard, frame, ref, from, frame.count, out);
      return;
    }
    out.array(frame.count - from);
    shard.keyspace.noteChange(ref);
    const effect = effectOfKey(shard, frame, 1, EffectOp.HashRemove, KeyEvent.HDel);
    for (let i = from; i < frame.count; i++) {
      const at = frame.at[i] ?? 0;
      const bytes = frame.bytes[i] ?? 0;
      if (!findField(shard, ref, at, bytes)) {
        out.null();
        continue;
      }
      out.bulk(foundValueAt(shard), foundValueBytes(shard));
      removeFound(shard, ref);
      effect.parts.add(at, bytes);
    }
    if (effect.parts.count === 0) return;
    shard.commit();
    removeIfEmpty(shard, ref);
  },
});

/** Entries in the order of the documentation. */
export const hashFieldCommands: readonly Command[] = [hgetex, hsetex, hgetdel];
