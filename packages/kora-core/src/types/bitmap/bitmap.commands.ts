/**
 * Commands on strings as arrays of bits: SETBIT GETBIT BITCOUNT BITPOS BITOP. A key of another type
 * is refused by each of them. Where Redis looks at the key before an argument, so do these: the
 * arguments are read when the command runs.
 */
import { parseInteger, parsed } from '../../bytes/number-text.hot.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { argumentText } from '../../command/argument-text.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { ReplyError, replyErrors } from '../../errors/reply-error.ts';
import { EffectReason } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { commitStringSet } from '../string/string-effects.ts';
import { isStringOrAbsent } from '../string/string-reply.ts';
import { growString, patchString, putZeros, stringBytes } from '../string/string.ts';
import { bitErrors, bitRange, readBitOffset, readBitRange } from './bit-arguments.ts';
import type { BitOperation } from './bit-operation.ts';
import { BIT_OPERATIONS, combinedBytes, storeCombination } from './bit-operation.ts';
import { commitPatch, countStringBits, findStringBit, markRaw, stringByte } from './bitmap.ts';

const readKeys = [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })];
const unitHistory = [['7.0.0', 'Added the `BYTE|BIT` option.']] as const;
/** Arguments are read by `apply`. */
const parseNothing = (): null => null;

// ------------------------------------------------------------------ SETBIT and GETBIT

export const setbit = defineCommand({
  name: 'SETBIT', group: 'bitmap', since: '2.2.0',
  summary: 'Sets or clears one bit of a string, which grows by zeros to reach it.',
  complexity: 'O(1); O(n) in the bytes added.',
  arity: 4,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['bitmap'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'update'] })],
  args: { key: arg.key(), offset: arg.integer(), value: arg.integer() },
  reply: reply.integer('the bit before'),
  examples: [
    ['SETBIT seen 7 1', ':0'], ['SETBIT seen 7 0', ':1'], ['GET seen', '$"\\x00"'],
    ['SETBIT seen 7 2', '-"ERR bit is not an integer or out of range"'],
  ],
  parse: parseNothing,
  apply(shard, frame, out) {
    const offset = readBitOffset(shard, frame, 2, 0);
    if (offset < 0) {
      out.error(bitErrors.offset);
      return;
    }
    const bit = readBit(frame, 3);
    if (bit < 0) {
      out.error(bitErrors.value);
      return;
    }
    const ref = shard.keyspace.write(frame, 1);
    if (isStringOrAbsent(shard, ref, out)) setBit(shard, frame, ref, offset, bit, out);
  },
});

/** Argument i as 0 or 1, else -1. */
function readBit(frame: ArgFrame, i: number): number {
  const isInteger = parseInteger(frame.memory.low, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
  return isInteger && parsed.high === 0 && (parsed.low >>> 0) <= 1 ? parsed.low : -1;
}

function setBit(
  shard: Shard, frame: ArgFrame, ref: number, offset: number, bit: number, out: ReplySink,
): void {
  const index = Math.floor(offset / 8);
  const shift = 7 - (offset % 8);
  const bytes = ref === 0 ? 0 : stringBytes(shard, ref);
  const before = stringByte(shard, ref, index);
  const bitBefore = (before >>> shift) & 1;
  if (ref !== 0 && index < bytes && bitBefore === bit) {
    if (markRaw(shard, frame, 1, ref) === 0) out.error(replyErrors.arenaFull);
    else out.integer(bit);
    return;
  }
  const entry =
    ref === 0
      ? putZeros(shard, frame.at[1] ?? 0, frame.bytes[1] ?? 0, index + 1)
      : growString(shard, ref, Math.max(bytes, index + 1));
  if (entry === 0) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const { scratchAt } = shard;
  shard.memory.low[scratchAt] = (before & ~(1 << shift)) | (bit << shift);
  patchString(shard, entry, index, scratchAt, 1);
  commitPatch(shard, frame, 1, KeyEvent.SetBit, index, scratchAt, 1);
  out.integer(bitBefore);
}

export const getbit = defineCommand({
  name: 'GETBIT', group: 'bitmap', since: '2.2.0',
  summary: 'Returns one bit of a string; behind its end every bit is 0.',
  complexity: 'O(1)',
  arity: 3,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['bitmap'],
  keys: readKeys,
  args: { key: arg.key(), offset: arg.integer() },
  reply: reply.integer('the bit'),
  examples: [
    ['SET letter a', '+"OK"'], ['GETBIT letter 1', ':1'], ['GETBIT letter 800', ':0'],
  ],
  parse: parseNothing,
  apply(shard, frame, out) {
    const offset = readBitOffset(shard, frame, 2, 0);
    if (offset < 0) {
      out.error(bitErrors.offset);
      return;
    }
    const ref = shard.keyspace.read(frame, 1);
    if (!isStringOrAbsent(shard, ref, out)) return;
    out.integer((stringByte(shard, ref, Math.floor(offset / 8)) >>> (7 - (offset % 8))) & 1);
  },
});

// ------------------------------------------------------------------ BITCOUNT and BITPOS

const unitLeaf = arg.oneOf('BYTE', 'BIT').optional().documented({ since: '7.0.0' });

export const bitcount = defineCommand({
  name: 'BITCOUNT', group: 'bitmap', since: '2.6.0',
  summary: 'Counts the bits set in a string, or in a range of it.',
  complexity: 'O(n) in the bytes of the range.',
  arity: -2,
  flags: Flag.ReadOnly,
  acl: ['bitmap'],
  keys: readKeys,
  history: unitHistory,
  args: {
    key: arg.key(),
    index: arg.block({
      start: arg.integer(), end: arg.integer(), index_unit: unitLeaf,
    }).optional(),
  },
  reply: reply.integer('bits set'),
  examples: [
    ['SET word foobar', '+"OK"'], ['BITCOUNT word', ':26'], ['BITCOUNT word 1 1', ':6'],
    ['BITCOUNT word 5 30 BIT', ':17'],
  ],
  parse: parseNothing,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isStringOrAbsent(shard, ref, out)) return;
    if (ref === 0) {
      out.integer(0);
      return;
    }
    const error = readBitRange(frame, 2, stringBytes(shard, ref), false);
    if (error !== null) out.error(error);
    else if (bitRange.start > bitRange.end) out.integer(0);
    else out.integer(countStringBits(shard, ref, bitRange.start, bitRange.end));
  },
});

export const bitpos = defineCommand({
  name: 'BITPOS', group: 'bitmap', since: '2.8.7',
  summary: 'Finds the first bit that is set, or clear, in a string or in a range of it.',
  complexity: 'O(n) in the bytes of the range.',
  arity: -3,
  flags: Flag.ReadOnly,
  acl: ['bitmap'],
  keys: readKeys,
  history: unitHistory,
  args: {
    key: arg.key(),
    bit: arg.integer(),
    index: arg.block({
      start: arg.integer(),
      end_index: arg.block({
        end: arg.integer(), index_unit: unitLeaf,
      }).optional(),
    }).optional(),
  },
  reply: reply.integer('its offset, or -1'),
  examples: [
    ['SET bytes "\\xff\\xf0\\x00"', '+"OK"'], ['BITPOS bytes 0', ':12'],
    ['BITPOS bytes 1 2', ':-1'], ['BITPOS bytes 1 9 -1 BIT', ':9'],
  ],
  parse: parseNothing,
  apply(shard, frame, out) {
    if (!parseInteger(frame.memory.low, frame.at[2] ?? 0, frame.bytes[2] ?? 0)) {
      out.error(replyErrors.notInteger);
      return;
    }
    const bit = readBit(frame, 2);
    if (bit < 0) {
      out.error(bitErrors.notABit);
      return;
    }
    const ref = shard.keyspace.read(frame, 1);
    if (!isStringOrAbsent(shard, ref, out)) return;
    if (ref === 0) {
      out.integer(bit === 0 ? 0 : -1);
      return;
    }
    const bytes = stringBytes(shard, ref);
    const error = readBitRange(frame, 3, bytes, true);
    if (error !== null) {
      out.error(error);
      return;
    }
    const { start, end, isEndGiven } = bitRange;
    const position = start > end ? -1 : findStringBit(shard, ref, start, end, bit);
    // Without an end the zeros behind the value count, unless the range is empty.
    const isBehind = position < 0 && bit === 0 && !isEndGiven && start <= end;
    out.integer(isBehind ? bytes * 8 : position);
  },
});

// ------------------------------------------------------------------ BITOP

/** DIFF, DIFF1 and ANDOR set one source against the others. */
function manySourcesNeeded(operation: BitOperation): ReplyError {
  return new ReplyError(`ERR BITOP ${operation} must be called with at least two source keys.`);
}

export const bitop = defineCommand({
  name: 'BITOP', group: 'bitmap', since: '2.6.0',
  summary: 'Combines strings bit by bit and stores the result under a key.',
  complexity: 'O(n * m); n = bytes of the longest source, m = sources.',
  arity: -4,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['bitmap'],
  keys: [
    keysAt({ first: 2, last: 2, step: 1, access: 'OW', effect: 'update' }),
    keysAt({ first: 3, last: -1, step: 1, access: 'RO', effect: 'access' }),
  ],
  history: [['8.2.0', 'Added the `DIFF`, `DIFF1`, `ANDOR` and `ONE` operations.']],
  args: { operation: arg.bytes(), destkey: arg.key(), key: arg.key().repeated() },
  reply: reply.integer('length of the result in bytes'),
  examples: [
    ['MSET a abc b abd', '+"OK"'], ['BITOP AND both a b', ':3'], ['GET both', '$"ab`"'],
    ['BITOP DIFF rest a b', ':3'], ['GET rest', '$"\\x00\\x00\\x03"'],
  ],
  parse: parseNothing,
  apply(shard, frame, out) {
    const name = argumentText(frame, 1).toUpperCase();
    const operation = BIT_OPERATIONS.find((known) => known === name);
    const sourceCount = frame.count - 3;
    if (operation === undefined) {
      out.error(replyErrors.syntax);
    } else if (operation === 'NOT' && sourceCount !== 1) {
      out.error(bitErrors.notWithManySources);
    } else if (sourceCount < 2 && ['DIFF', 'DIFF1', 'ANDOR'].includes(operation)) {
      out.error(manySourcesNeeded(operation));
    } else {
      combine(shard, frame, operation, out);
    }
  },
});

function combine(
  shard: Shard, frame: ArgFrame, operation: BitOperation, out: ReplySink,
): void {
  const sources: number[] = [];
  for (let i = 3; i < frame.count; i++) {
    const ref = shard.keyspace.read(frame, i);
    if (!isStringOrAbsent(shard, ref, out)) return;
    sources.push(ref);
  }
  const bytes = combinedBytes(shard, sources);
  if (bytes === 0) {
    const target = shard.keyspace.peek(frame, 2);
    if (target !== 0) shard.removeLastLookup(target, KeyEvent.Del, EffectReason.Command);
    out.integer(0);
    return;
  }
  const ref = storeCombination(
    shard, operation, sources, bytes, frame.at[2] ?? 0, frame.bytes[2] ?? 0,
    () => void shard.keyspace.peek(frame, 2),
  );
  if (ref === 0) {
    out.error(replyErrors.arenaFull);
    return;
  }
  commitStringSet(shard, frame, 2, ref, KeyEvent.Set);
  out.integer(bytes);
}

/** Entries in the order of the documentation. */
export const bitmapCommands: readonly Command[] = [setbit, getbit, bitcount, bitpos, bitop];
