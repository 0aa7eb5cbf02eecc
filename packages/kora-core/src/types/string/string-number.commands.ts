/**
 * Strings that hold numbers. INCR and its sisters work on signed 64-bit integers: sums below 2^53
 * stay doubles and allocate nothing, the rest goes through bigint, exact to the ends of the range.
 * INCRBYFLOAT computes in the 80-bit format that Redis uses (bytes/long-double.ts). The key keeps
 * its deadline.
 */
import { incrByFloat, LONG_DOUBLE_TEXT_BYTES_MAX } from '../../bytes/long-double.ts';
import { parsed, writeInteger, writeInteger64 } from '../../bytes/number-text.hot.ts';
import { integer64ToBigint, latin1Text } from '../../bytes/number-text.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKey, parseKeyAndOne } from '../../command/positional.hot.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { parseKeyInteger } from './parse.hot.ts';
import { commitStringSet } from './string-effects.ts';
import { isStringOrAbsent } from './string-reply.ts';
import {
  copyStringRange, parseStringInteger, PLAIN_FLAGS, putString, replaceText, stringBytes, TEXT_FLAGS,
} from './string.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN_HIGH = -0x8000_0000;

const numberFlags = Flag.Write | Flag.DenyOom | Flag.Fast;
const numberKeys = [
  keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'update'] }),
];

export const incr = defineCommand({
  name: 'INCR', group: 'string', since: '1.0.0',
  summary: 'Adds one to the integer in a key; an absent key counts as 0.',
  complexity: 'O(1)',
  arity: 2,
  flags: numberFlags,
  acl: ['string'],
  keys: numberKeys,
  args: { key: arg.key() },
  reply: reply.integer('the sum'),
  examples: [['INCR visits', ':1'], ['INCR visits', ':2'], ['GET visits', '$"2"']],
  parse: parseKey,
  apply(shard, frame, out) {
    addInteger(shard, frame, out, 1);
  },
});

export const decr = defineCommand({
  name: 'DECR', group: 'string', since: '1.0.0',
  summary: 'Takes one from the integer in a key; an absent key counts as 0.',
  complexity: 'O(1)',
  arity: 2,
  flags: numberFlags,
  acl: ['string'],
  keys: numberKeys,
  args: { key: arg.key() },
  reply: reply.integer('the difference'),
  examples: [['DECR stock', ':-1'], ['DECR stock', ':-2']],
  parse: parseKey,
  apply(shard, frame, out) {
    addInteger(shard, frame, out, -1);
  },
});

export const incrby = defineCommand({
  name: 'INCRBY', group: 'string', since: '1.0.0',
  summary: 'Adds an integer to the one in a key; an absent key counts as 0.',
  complexity: 'O(1)',
  arity: 3,
  flags: numberFlags,
  acl: ['string'],
  keys: numberKeys,
  args: { key: arg.key(), increment: arg.integer() },
  reply: reply.integer('the sum'),
  examples: [['INCRBY score 40', ':40'], ['INCRBY score 2', ':42']],
  parse: parseKeyInteger,
  apply(shard, frame, out, at) {
    if (frame.isExact[at.increment] === 1) {
      addInteger(shard, frame, out, frame.number[at.increment] ?? 0);
    } else {
      addBigInteger(shard, frame, out, frame.integer64(at.increment));
    }
  },
});

export const decrby = defineCommand({
  name: 'DECRBY', group: 'string', since: '1.0.0',
  summary: 'Takes an integer from the one in a key; an absent key counts as 0.',
  complexity: 'O(1)',
  arity: 3,
  flags: numberFlags,
  acl: ['string'],
  keys: numberKeys,
  args: { key: arg.key(), decrement: arg.integer() },
  reply: reply.integer('the difference'),
  examples: [['DECRBY stock 3', ':-3'], ['DECRBY stock -10', ':7']],
  parse: parseKeyInteger,
  apply(shard, frame, out, at) {
    const slot = at.decrement;
    if (frame.isExact[slot] === 1) addInteger(shard, frame, out, -(frame.number[slot] ?? 0));
    else if (frame.high[slot] === INT64_MIN_HIGH && frame.low[slot] === 0) {
      out.error(replyErrors.decrementOverflow); // Its negation is no int64, whatever the key holds.
    } else {
      addBigInteger(shard, frame, out, -frame.integer64(slot));
    }
  },
});

/** Adds a safe integer; the everyday path. */
function addInteger(shard: Shard, frame: ArgFrame, out: ReplySink, amount: number): void {
  const ref = shard.keyspace.write(frame, 1);
  if (!readCurrent(shard, ref, out)) return;
  const sum = ref === 0 ? amount : parsed.value + amount;
  if ((ref !== 0 && !parsed.isSafe) || !Number.isSafeInteger(sum)) {
    storeBigSum(shard, frame, ref, out, BigInt(amount));
    return;
  }
  // Adding 0 turns the -0 of DECRBY 0 into 0.
  const value = sum + 0;
  const bytes = writeInteger(shard.memory.low, shard.scratchAt, value);
  if (storeNumber(shard, frame, ref, bytes, PLAIN_FLAGS, KeyEvent.IncrBy, out)) out.integer(value);
}

function addBigInteger(shard: Shard, frame: ArgFrame, out: ReplySink, amount: bigint): void {
  const ref = shard.keyspace.write(frame, 1);
  if (readCurrent(shard, ref, out)) storeBigSum(shard, frame, ref, out, amount);
}

/** Reads the integer of entry `ref` into `parsed`; false when an error was written. */
function readCurrent(shard: Shard, ref: number, out: ReplySink): boolean {
  if (ref === 0) return true;
  if (!isStringOrAbsent(shard, ref, out)) return false;
  if (parseStringInteger(shard, ref)) return true;
  out.error(replyErrors.notInteger);
  return false;
}

function storeBigSum(
  shard: Shard, frame: ArgFrame, ref: number, out: ReplySink, amount: bigint,
): void {
  const sum = (ref === 0 ? 0n : integer64ToBigint(parsed.high, parsed.low)) + amount;
  if (sum < INT64_MIN || sum > INT64_MAX) {
    out.error(replyErrors.incrementOverflow);
    return;
  }
  const high = Number(BigInt.asIntN(32, sum >> 32n));
  const low = Number(BigInt.asIntN(32, sum));
  const bytes = writeInteger64(shard.memory.low, shard.scratchAt, high, low);
  if (storeNumber(shard, frame, ref, bytes, PLAIN_FLAGS, KeyEvent.IncrBy, out)) {
    out.integer64(sum);
  }
}

/**
 * Stores `bytes` bytes of the scratch area as the key's value and commits; false when memory is
 * short.
 */
function storeNumber(
  shard: Shard, frame: ArgFrame, ref: number, bytes: number, flags: number, event: number,
  out: ReplySink,
): boolean {
  const { scratchAt } = shard;
  const keyAt = frame.at[1] ?? 0;
  const stored =
    ref === 0
      ? putString(shard, keyAt, frame.bytes[1] ?? 0, scratchAt, bytes, flags, 0, 0, 0)
      : replaceText(shard, ref, scratchAt, bytes, flags);
  if (stored === 0) {
    out.error(replyErrors.arenaFull);
    return false;
  }
  commitStringSet(shard, frame, 1, stored, event);
  return true;
}

export const incrbyfloat = defineCommand({
  name: 'INCRBYFLOAT', group: 'string', since: '2.6.0',
  summary: 'Adds a floating-point number to the one in a key; an absent key counts as 0.',
  complexity: 'O(1)',
  arity: 3,
  flags: numberFlags,
  acl: ['string'],
  keys: numberKeys,
  args: { key: arg.key(), increment: arg.double() },
  reply: reply.bulk('the sum, as it is stored'),
  examples: [['INCRBYFLOAT price 10.5', '$"10.5"'], ['INCRBYFLOAT price 0.1', '$"10.6"']],
  parse: parseKeyAndOne,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isStringOrAbsent(shard, ref, out)) return;
    const bytes = ref === 0 ? 0 : stringBytes(shard, ref);
    const amountBytes = frame.bytes[2] ?? 0;
    if (Math.max(bytes, amountBytes) > LONG_DOUBLE_TEXT_BYTES_MAX) {
      out.error(replyErrors.notFloat);
      return;
    }
    const { low } = shard.memory;
    const { scratchAt } = shard;
    if (ref !== 0) copyStringRange(shard, ref, 0, bytes, scratchAt);
    const current = ref === 0 ? '0' : latin1Text(low, scratchAt, bytes);
    const text = incrByFloat(current, latin1Text(low, frame.at[2] ?? 0, amountBytes));
    if (text === 'not-a-float') out.error(replyErrors.notFloat);
    else if (text === 'nan-or-infinity') out.error(replyErrors.incrementNanOrInfinity);
    else {
      for (let i = 0; i < text.length; i++) low[scratchAt + i] = text.charCodeAt(i);
      const isStored = storeNumber(
        shard, frame, ref, text.length, TEXT_FLAGS, KeyEvent.IncrByFloat, out,
      );
      if (isStored) out.bulkText(text);
    }
  },
});

/** Entries in the order of the documentation. */
export const stringNumberCommands: readonly Command[] = [incr, decr, incrby, decrby, incrbyfloat];
