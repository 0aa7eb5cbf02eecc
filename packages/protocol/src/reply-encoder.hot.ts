/**
 * Writes replies as RESP2 and RESP3 bytes: free functions `(u8, at, ...) => offset after`. They
 * check no room: the caller reserves first, by the bounds of reply-room.ts. A name that ends in 2
 * or 3 exists in that protocol version only; the rest is the same in both.
 * Invariant: a line written here is one line. CR and LF in a text become spaces (writeLineText).
 * Cost: integers 1 ns (one digit), 19 (nine), 48-65 (sixteen), headers 8, short texts 10-40 (Node
 *   20, Xeon 2.5 GHz, 2026-11-20, other core loaded). Numbers, headers, texts allocate nothing;
 *   doubles that are not integers (430-600 ns) and big integers allocate their text.
 */
import { doubleText } from './double-text.ts';
import { utf8Bytes, writeLineText, writeUtf8 } from './utf8.hot.ts';

const CR = 0x0d;
const LF = 0x0a;
const DIGIT_ZERO = 0x30;
const MINUS = 0x2d;
const NINE_DIGITS = 1_000_000_000;

/** CR LF. */
export function writeCrlf(u8: Uint8Array, at: number): number {
  u8[at] = CR;
  u8[at + 1] = LF;
  return at + 2;
}

/** `+text`. One character per byte up to U+00FF, UTF-8 above. */
export function writeSimple(u8: Uint8Array, at: number, text: string): number {
  u8[at] = 0x2b;
  return writeCrlf(u8, writeLineText(u8, at + 1, text));
}

/** `+OK`, the reply that is written most. */
export function writeOk(u8: Uint8Array, at: number): number {
  u8[at] = 0x2b;
  u8[at + 1] = 0x4f;
  u8[at + 2] = 0x4b;
  return writeCrlf(u8, at + 3);
}

/** `-text`: the whole error with its first word, e.g. `ERR syntax error`. As writeSimple. */
export function writeError(u8: Uint8Array, at: number, text: string): number {
  u8[at] = 0x2d;
  return writeCrlf(u8, writeLineText(u8, at + 1, text));
}

/** `:value`, a safe integer. */
export function writeInteger(u8: Uint8Array, at: number, value: number): number {
  u8[at] = 0x3a;
  return writeCrlf(u8, writeDecimal(u8, at + 1, value));
}

/** `:value` of a signed 64-bit integer in two words: value = high * 2^32 + (low >>> 0). */
export function writeInteger64(u8: Uint8Array, at: number, high: number, low: number): number {
  u8[at++] = 0x3a;
  let highWord = high >>> 0;
  let lowWord = low >>> 0;
  if (high < 0) {
    u8[at++] = MINUS;
    lowWord = -lowWord >>> 0;
    highWord = (~highWord + (lowWord === 0 ? 1 : 0)) >>> 0;
  }
  // Long division of the two words by 10^9, the low one in halves: no step passes 2^53.
  const upperRest = highWord % NINE_DIGITS;
  const middle = upperRest * 65_536 + (lowWord >>> 16);
  const middleQuotient = Math.floor(middle / NINE_DIGITS);
  const lower = (middle - middleQuotient * NINE_DIGITS) * 65_536 + (lowWord & 0xffff);
  const lowerQuotient = Math.floor(lower / NINE_DIGITS);
  const upper =
    Math.floor(highWord / NINE_DIGITS) * 4_294_967_296 + middleQuotient * 65_536 + lowerQuotient;
  const lastNine = lower - lowerQuotient * NINE_DIGITS;
  const top = Math.floor(upper / NINE_DIGITS);
  const middleNine = upper - top * NINE_DIGITS;
  return writeCrlf(u8, writeGroups(u8, at, top | 0, middleNine | 0, lastNine | 0));
}

/** `:value` of any bigint; the caller sees to it that it fits 64 bits. */
export function writeBigInteger(u8: Uint8Array, at: number, value: bigint): number {
  u8[at] = 0x3a;
  return writeCrlf(u8, writeLineText(u8, at + 1, String(value)));
}

/** `$bytes`: that many bytes and CR LF follow. */
export function writeBulkHeader(u8: Uint8Array, at: number, bytes: number): number {
  return writeHeader(u8, at, 0x24, bytes);
}

/** A bulk string holding this text as UTF-8. */
export function writeBulkText(u8: Uint8Array, at: number, text: string): number {
  return writeCrlf(u8, writeUtf8(u8, writeHeader(u8, at, 0x24, utf8Bytes(text)), text));
}

/** `$-1`: nothing, in RESP2. */
export function writeNull2(u8: Uint8Array, at: number): number {
  return writeMinusOne(u8, at, 0x24);
}

/** `*-1`: no array, in RESP2. */
export function writeNullArray2(u8: Uint8Array, at: number): number {
  return writeMinusOne(u8, at, 0x2a);
}

/** `_`: nothing, in RESP3. */
export function writeNull3(u8: Uint8Array, at: number): number {
  u8[at] = 0x5f;
  return writeCrlf(u8, at + 1);
}

/** `*count`: that many replies follow. */
export function writeArrayHeader(u8: Uint8Array, at: number, count: number): number {
  return writeHeader(u8, at, 0x2a, count);
}

/** `%pairs`: that many keys, each with its value, follow. */
export function writeMapHeader(u8: Uint8Array, at: number, pairs: number): number {
  return writeHeader(u8, at, 0x25, pairs);
}

/** `~count`. */
export function writeSetHeader(u8: Uint8Array, at: number, count: number): number {
  return writeHeader(u8, at, 0x7e, count);
}

/** `>count`: out of band, e.g. a message of a channel. */
export function writePushHeader(u8: Uint8Array, at: number, count: number): number {
  return writeHeader(u8, at, 0x3e, count);
}

/** `|pairs`: facts about the reply that follows them. */
export function writeAttributeHeader(u8: Uint8Array, at: number, pairs: number): number {
  return writeHeader(u8, at, 0x7c, pairs);
}

/** `,value` as "%.17g"; inf, -inf, nan. */
export function writeDouble3(u8: Uint8Array, at: number, value: number): number {
  u8[at++] = 0x2c;
  if (isPlainInteger(value)) return writeCrlf(u8, writeDecimal(u8, at, value));
  return writeDoubleLine(u8, at, value);
}

/** A double in RESP2: a bulk string with the same text. */
export function writeDouble2(u8: Uint8Array, at: number, value: number): number {
  if (!isPlainInteger(value)) return writeBulkText(u8, at, doubleText(value));
  // The text goes where a header of two digits ends; a shorter header draws it one byte nearer.
  const textAt = at + 5;
  const bytes = writeDecimal(u8, textAt, value) - textAt;
  const next = writeHeader(u8, at, 0x24, bytes);
  if (next < textAt) {
    for (let index = 0; index < bytes; index++) u8[next + index] = u8[textAt + index]!;
  }
  return writeCrlf(u8, next + bytes);
}

/** `,text` for a number whose text the caller made itself. */
export function writeDoubleText3(u8: Uint8Array, at: number, text: string): number {
  u8[at] = 0x2c;
  return writeCrlf(u8, writeLineText(u8, at + 1, text));
}

/** `#t` or `#f`. */
export function writeBoolean3(u8: Uint8Array, at: number, value: boolean): number {
  u8[at] = 0x23;
  u8[at + 1] = value ? 0x74 : 0x66;
  return writeCrlf(u8, at + 2);
}

/** `(value`: an integer of any size. */
export function writeBigNumber3(u8: Uint8Array, at: number, value: bigint): number {
  u8[at] = 0x28;
  return writeCrlf(u8, writeLineText(u8, at + 1, String(value)));
}

/** `=bytes`, `format:text`. The format is three ASCII characters: `txt`, `mkd`. */
export function writeVerbatim3(
  u8: Uint8Array, at: number, format: string, text: string,
): number {
  at = writeHeader(u8, at, 0x3d, utf8Bytes(text) + 4);
  at = writeLineText(u8, at, format);
  u8[at] = 0x3a;
  return writeCrlf(u8, writeUtf8(u8, at + 1, text));
}

/**
 * A safe integer as decimal text, without CR LF. Splits at 10^9 here, so that only int32 numbers
 * are handed on: a double passed to a function that is not inlined is a heap object.
 */
export function writeDecimal(u8: Uint8Array, at: number, value: number): number {
  // Not `value < 0 ? -value : value`: that choice between two doubles is made on the heap.
  const magnitude = Math.abs(value);
  if (value < 0) u8[at++] = MINUS;
  if (magnitude < 10) {
    u8[at] = DIGIT_ZERO + magnitude;
    return at + 1;
  }
  if (magnitude <= 0x7fff_ffff) return writeDigits(u8, at, magnitude | 0);
  const high = Math.floor(magnitude / NINE_DIGITS);
  return writeGroups(u8, at, 0, high | 0, (magnitude - high * NINE_DIGITS) | 0);
}

/** top * 10^18 + middle * 10^9 + low, each an int32 and the last two below 10^9. */
function writeGroups(
  u8: Uint8Array, at: number, top: number, middle: number, low: number,
): number {
  if (top > 0) {
    at = writeNineDigits(u8, writeDigits(u8, at, top), middle);
  } else if (middle > 0) {
    at = writeDigits(u8, at, middle);
  } else {
    return writeDigits(u8, at, low);
  }
  return writeNineDigits(u8, at, low);
}

/** Digits of an int32 that is not negative. */
function writeDigits(u8: Uint8Array, at: number, value: number): number {
  const end = at + digitCount(value);
  let p = end - 1;
  while (p >= at) {
    const rest = (value / 10) | 0;
    u8[p--] = DIGIT_ZERO + value - rest * 10;
    value = rest;
  }
  return end;
}

/** Nine digits with leading zeros. */
function writeNineDigits(u8: Uint8Array, at: number, value: number): number {
  for (let p = at + 8; p >= at; p--) {
    const rest = (value / 10) | 0;
    u8[p] = DIGIT_ZERO + value - rest * 10;
    value = rest;
  }
  return at + 9;
}

/** Digits of an int32 that is not negative. */
function digitCount(value: number): number {
  if (value >= NINE_DIGITS) return 10;
  let count = 1;
  if (value >= 100_000) {
    count = 6;
    value = (value / 100_000) | 0;
  }
  if (value >= 10_000) return count + 4;
  if (value >= 1_000) return count + 3;
  if (value >= 100) return count + 2;
  return value >= 10 ? count + 1 : count;
}

function writeHeader(u8: Uint8Array, at: number, type: number, count: number): number {
  u8[at] = type;
  return writeCrlf(u8, writeDecimal(u8, at + 1, count));
}

function writeMinusOne(u8: Uint8Array, at: number, type: number): number {
  u8[at] = type;
  u8[at + 1] = MINUS;
  u8[at + 2] = DIGIT_ZERO + 1;
  return writeCrlf(u8, at + 3);
}

function writeDoubleLine(u8: Uint8Array, at: number, value: number): number {
  return writeCrlf(u8, writeLineText(u8, at, doubleText(value)));
}

/** An integer below 2^53 in magnitude that is not -0: its digits are its "%.17g". */
function isPlainInteger(value: number): boolean {
  if (!(value > -9_007_199_254_740_992 && value < 9_007_199_254_740_992)) return false;
  return value === Math.floor(value) && (value !== 0 || 1 / value > 0);
}
