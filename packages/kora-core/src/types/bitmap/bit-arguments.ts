/**
 * The arguments of bitmap commands: offsets of bits, ranges in bytes or bits, and the errors about
 * them. Redis looks at the key before a range, so ranges are read by the commands, not by a parser.
 * Cost: O(1), no allocation.
 */
import { parseInteger, parsed } from '../../bytes/number-text.hot.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { isWord } from '../../command/grammar.ts';
import { ReplyError, replyErrors } from '../../errors/reply-error.ts';
import type { Shard } from '../../shard/shard.ts';

const WORD_BYTE = Uint8Array.from('BYTE', (letter) => letter.charCodeAt(0));
const WORD_BIT = Uint8Array.from('BIT', (letter) => letter.charCodeAt(0));
const HASH_SIGN = 0x23;

/** Errors of the bitmap commands. */
export const bitErrors = Object.freeze({
  offset: new ReplyError('ERR bit offset is not an integer or out of range'),
  value: new ReplyError('ERR bit is not an integer or out of range'),
  notABit: new ReplyError('ERR The bit argument must be 1 or 0.'),
  notWithManySources: new ReplyError('ERR BITOP NOT must be called with a single source key.'),
  fieldType: new ReplyError(
    'ERR Invalid bitfield type. Use something like i16 u8. ' +
      'Note that u64 is not supported but i64 is.',
  ),
  overflowWord: new ReplyError('ERR Invalid OVERFLOW type specified'),
  fieldsReadOnly: new ReplyError('ERR BITFIELD_RO only supports the GET subcommand'),
});

/**
 * Argument i as the offset of a bit: 0 to 8 times the longest string, less one. -1 when it is none.
 * @param fieldBits what `#n` counts in, for BITFIELD; 0 = `#` is not allowed
 */
export function readBitOffset(
  shard: Shard, frame: ArgFrame, i: number, fieldBits: number,
): number {
  let at = frame.at[i] ?? 0;
  let bytes = frame.bytes[i] ?? 0;
  const { low } = shard.memory;
  let unit = 1;
  if (fieldBits > 0 && bytes > 0 && low[at] === HASH_SIGN) {
    unit = fieldBits;
    at++;
    bytes--;
  }
  if (!parseInteger(low, at, bytes) || !parsed.isSafe) return -1;
  const offset = parsed.value * unit;
  // Beyond 2^53 the product is not exact, and far too large.
  return offset >= 0 && offset < shard.settings.stringBytesMax * 8 ? offset : -1;
}

/** A range of a string as BITCOUNT and BITPOS read it, in bits; empty when start > end. */
export interface BitRange {
  start: number;
  /** Included. */
  end: number;
  /** BITPOS: whether zeros behind the string count as a place for a clear bit. */
  isEndGiven: boolean;
}

/** The range read last; owned by the thread, each readBitRange overwrites it. */
export const bitRange: BitRange = { start: 0, end: -1, isEndGiven: false };

/**
 * Reads `[start [end [BYTE | BIT]]]` from argument `from` on into `bitRange`.
 * @param stringBytes length of the value
 * @param isEndOptional BITPOS takes a start alone
 * @returns the error, or null
 */
export function readBitRange(
  frame: ArgFrame, from: number, stringBytes: number, isEndOptional: boolean,
): ReplyError | null {
  const given = frame.count - from;
  bitRange.start = 0;
  bitRange.end = stringBytes * 8 - 1;
  bitRange.isEndGiven = false;
  if (given === 0) return null;
  if (given > 3 || (given === 1 && !isEndOptional)) return replyErrors.syntax;
  let error = readIndex(frame, from);
  if (error !== null) return error;
  const { value: start, high: startHigh, low: startLow } = indexRead;
  // BITPOS looks at the unit before the end, BITCOUNT last.
  if (given === 3 && isEndOptional && !isUnit(frame, from + 2)) return replyErrors.syntax;
  if (given === 1) return setRange(start, stringBytes - 1, stringBytes, 8);
  bitRange.isEndGiven = true;
  error = readIndex(frame, from + 1);
  if (error !== null) return error;
  const { value: end, high, low } = indexRead;
  const isReversed = startHigh > high || (startHigh === high && startLow >>> 0 > low >>> 0);
  if (!isEndOptional && startHigh < 0 && high < 0 && isReversed) {
    bitRange.end = -1; // Also when both lie before the string, and whatever the unit is.
    return null;
  }
  if (given === 3 && !isUnit(frame, from + 2)) return replyErrors.syntax;
  const isBits = given === 3 && isWord(frame, from + 2, WORD_BIT);
  return setRange(start, end, isBits ? stringBytes * 8 : stringBytes, isBits ? 1 : 8);
}

/** Clamps a range of `length` units of `unitBits` bits each and notes it in bits. */
function setRange(start: number, end: number, length: number, unitBits: number): null {
  const first = Math.max(0, start < 0 ? length + start : start);
  const last = Math.min(length - 1, Math.max(0, end < 0 ? length + end : end));
  if (first > last) {
    bitRange.start = 0;
    bitRange.end = -1;
  } else {
    bitRange.start = first * unitBits;
    bitRange.end = last * unitBits + unitBits - 1;
  }
  return null;
}

function isUnit(frame: ArgFrame, i: number): boolean {
  return isWord(frame, i, WORD_BIT) || isWord(frame, i, WORD_BYTE);
}

/** The index read last: rounded to a double, and its words. */
const indexRead = { value: 0, high: 0, low: 0 };

function readIndex(frame: ArgFrame, i: number): ReplyError | null {
  const at = frame.at[i] ?? 0;
  if (!parseInteger(frame.memory.low, at, frame.bytes[i] ?? 0)) return replyErrors.notInteger;
  const { high, low } = parsed;
  indexRead.value = parsed.isSafe ? parsed.value : high * 2 ** 32 + (low >>> 0);
  indexRead.high = high;
  indexRead.low = low;
  return null;
}
