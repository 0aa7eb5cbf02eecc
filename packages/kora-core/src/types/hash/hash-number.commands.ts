/**
 * Fields that hold numbers. HINCRBY works on signed 64-bit integers: sums below 2^53 stay doubles
 * and allocate nothing, the rest goes through bigint. HINCRBYFLOAT computes in the 80-bit format
 * that Redis uses (bytes/long-double.ts). An absent field counts as 0, and so does one whose time
 * has come; a living one keeps its deadline.
 */
import {
  addLongDouble, LONG_DOUBLE_TEXT_BYTES_MAX, longDoubleText, parseLongDouble,
} from '../../bytes/long-double.ts';
import {
  INTEGER_TEXT_BYTES_MAX, parsed, parseInteger, writeInteger, writeInteger64,
} from '../../bytes/number-text.hot.ts';
import { integer64ToBigint, latin1Text } from '../../bytes/number-text.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { hashErrors } from './hash-errors.ts';
import { parseKeyFieldInteger } from './hash-parse.hot.ts';
import {
  findHeld, foundValueAt, foundValueBytes, isFoundDue, isHashOrAbsent, preparePut,
  PUT_NEEDS_PREPARING, PUT_READY, PUT_SHORT_OF_MEMORY, putField, putFound, reserveFound,
} from './hash.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

const numberFlags = Flag.Write | Flag.DenyOom | Flag.Fast;
const numberKeys = [
  keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'update'] }),
];

/** The one pair that is put: the field's argument and the text of the sum. */
const pairAt = new Int32Array(2);
const pairBytes = new Int32Array(2);

export const hincrby = defineCommand({
  name: 'HINCRBY', group: 'hash', since: '2.0.0',
  summary: 'Adds an integer to the one in a field; an absent field counts as 0.',
  complexity: 'O(1)',
  arity: 4,
  flags: numberFlags,
  acl: ['hash'],
  keys: numberKeys,
  args: { key: arg.key(), field: arg.bytes(), increment: arg.integer() },
  reply: reply.integer('the sum'),
  examples: [['HINCRBY ada visits 5', ':5'], ['HINCRBY ada visits -2', ':3']],
  parse: parseKeyFieldInteger,
  apply(shard, frame, out, at) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isHashOrAbsent(shard, ref, out)) return;
    const isHeld = findNumber(shard, frame, ref);
    const hasField = isHeld && !isFoundDue(shard);
    if (hasField && !parseFound(shard)) {
      out.error(hashErrors.notInteger);
      return;
    }
    const amount = frame.number[at.increment] ?? 0;
    const sum = hasField ? parsed.value + amount : amount;
    const isSafe = frame.isExact[at.increment] === 1 && (!hasField || parsed.isSafe);
    if (!isSafe || !Number.isSafeInteger(sum)) {
      addBig(shard, frame, ref, out, isHeld, frame.integer64(at.increment));
      return;
    }
    // Adding 0 turns the -0 of 0 * -1 into 0.
    const value = sum + 0;
    const bytes = writeInteger(shard.memory.low, shard.scratchAt, value);
    const isStored = storeNumber(shard, frame, ref, isHeld, bytes, KeyEvent.HIncrBy, out);
    if (isStored) out.integer(value);
  },
});

/** True when the field in argument 2 is held; it is found until the hash changes. */
function findNumber(shard: Shard, frame: ArgFrame, ref: number): boolean {
  return ref !== 0 && findHeld(shard, ref, frame.at[2] ?? 0, frame.bytes[2] ?? 0);
}

/** Reads the value found as an integer into `parsed`; false when it is none. */
function parseFound(shard: Shard): boolean {
  const bytes = foundValueBytes(shard);
  if (bytes > INTEGER_TEXT_BYTES_MAX) return false;
  const { kernel, low } = shard.memory;
  kernel.copy(shard.scratchAt, foundValueAt(shard), bytes);
  return parseInteger(low, shard.scratchAt, bytes);
}

function addBig(
  shard: Shard, frame: ArgFrame, ref: number, out: ReplySink, isHeld: boolean, amount: bigint,
): void {
  const hasField = isHeld && !isFoundDue(shard);
  const sum = (hasField ? integer64ToBigint(parsed.high, parsed.low) : 0n) + amount;
  if (sum < INT64_MIN || sum > INT64_MAX) {
    out.error(replyErrors.incrementOverflow);
    return;
  }
  const high = Number(BigInt.asIntN(32, sum >> 32n));
  const low = Number(BigInt.asIntN(32, sum));
  const bytes = writeInteger64(shard.memory.low, shard.scratchAt, high, low);
  const isStored = storeNumber(shard, frame, ref, isHeld, bytes, KeyEvent.HIncrBy, out);
  if (isStored) out.integer64(sum);
}

/**
 * Puts `bytes` bytes of the scratch area into the field in argument 2, as `findNumber` has just
 * found it or not, and commits; false when memory is short.
 */
function storeNumber(
  shard: Shard, frame: ArgFrame, ref: number, isHeld: boolean, bytes: number, event: number,
  out: ReplySink,
): boolean {
  const { scratchAt } = shard;
  const fieldAt = frame.at[2] ?? 0;
  const fieldBytes = frame.bytes[2] ?? 0;
  const keeps = isHeld && !isFoundDue(shard);
  let answer = PUT_NEEDS_PREPARING;
  if (ref !== 0) answer = reserveFound(shard, ref, isHeld, fieldBytes, bytes);
  if (answer === PUT_READY) {
    putFound(shard, ref, isHeld, fieldAt, fieldBytes, scratchAt, bytes, keeps);
  } else {
    pairAt[0] = fieldAt;
    pairBytes[0] = fieldBytes;
    pairAt[1] = scratchAt;
    pairBytes[1] = bytes;
    const hash = answer === PUT_SHORT_OF_MEMORY ? 0 : preparePut(
      shard, ref, frame.at[1] ?? 0, frame.bytes[1] ?? 0, pairAt, pairBytes, 0, 1,
    );
    if (hash === 0) {
      out.error(replyErrors.arenaFull);
      return false;
    }
    putField(shard, hash, fieldAt, fieldBytes, scratchAt, bytes, keeps);
  }
  const op = keeps ? EffectOp.HashUpdate : EffectOp.HashPut;
  const effect = effectOfKey(shard, frame, 1, op, event);
  if (shard.journal.isHeard) {
    effect.parts.add(fieldAt, fieldBytes);
    effect.parts.add(scratchAt, bytes);
  }
  shard.commit();
  return true;
}

export const hincrbyfloat = defineCommand({
  name: 'HINCRBYFLOAT', group: 'hash', since: '2.6.0',
  summary: 'Adds a floating-point number to the one in a field; an absent field counts as 0.',
  complexity: 'O(1)',
  arity: 4,
  flags: numberFlags,
  acl: ['hash'],
  keys: numberKeys,
  args: { key: arg.key(), field: arg.bytes(), increment: arg.double() },
  reply: reply.bulk('the sum, as it is stored'),
  examples: [
    ['HINCRBYFLOAT ada price 10.5', '$"10.5"'], ['HINCRBYFLOAT ada price 0.1', '$"10.6"'],
  ],
  parse: parseHincrbyfloat,
  apply(shard, frame, out) {
    const { low } = shard.memory;
    const amount = parseLongDouble(latin1Text(low, frame.at[3] ?? 0, frame.bytes[3] ?? 0));
    if (amount === undefined || amount === 'infinite') {
      out.error(amount === undefined ? replyErrors.notFloat : hashErrors.nanOrInfinity);
      return;
    }
    const ref = shard.keyspace.write(frame, 1);
    if (!isHashOrAbsent(shard, ref, out)) return;
    const isHeld = findNumber(shard, frame, ref);
    const isLiving = isHeld && !isFoundDue(shard);
    const current = parseLongDouble(isLiving ? foundText(shard) : '0');
    if (current === undefined) {
      out.error(hashErrors.notFloat);
      return;
    }
    const sum = current === 'infinite' ? current : addLongDouble(current, amount);
    if (sum === 'infinite') {
      out.error(replyErrors.incrementNanOrInfinity);
      return;
    }
    const text = longDoubleText(sum);
    for (let i = 0; i < text.length; i++) low[shard.scratchAt + i] = text.charCodeAt(i);
    const event = KeyEvent.HIncrByFloat;
    if (storeNumber(shard, frame, ref, isHeld, text.length, event, out)) out.bulkText(text);
  },
});

/** The increment is looked at before the key, but only for its length here. */
function parseHincrbyfloat(frame: ArgFrame) {
  frame.index[0] = 1;
  frame.index[1] = 2;
  frame.index[2] = 3;
  return (frame.bytes[3] ?? 0) > LONG_DOUBLE_TEXT_BYTES_MAX ? replyErrors.notFloat : null;
}

/** Text of the value found; empty, so no number, when it is too long for one. */
function foundText(shard: Shard): string {
  const bytes = foundValueBytes(shard);
  if (bytes > LONG_DOUBLE_TEXT_BYTES_MAX) return '';
  const { kernel, low } = shard.memory;
  kernel.copy(shard.scratchAt, foundValueAt(shard), bytes);
  return latin1Text(low, shard.scratchAt, bytes);
}

/** Entries in the order of the documentation. */
export const hashNumberCommands: readonly Command[] = [hincrby, hincrbyfloat];
