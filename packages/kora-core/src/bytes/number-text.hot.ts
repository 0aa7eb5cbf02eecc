/**
 * Integers as decimal text, in place: no strings, no bigint, nothing allocated.
 * Reading is strict, as Redis reads integers: no sign but a leading minus, no spaces, no leading
 *   zeros, no "-0"; the range is that of a signed 64-bit integer. Text that passes is the text
 *   that writing gives back, which is what lets a value be stored as a number (encoding `int`).
 * A 64-bit value travels as two int32 words (high, low; two's complement). A value of at most
 *   2^53-1 is also a plain number, and that is the fast path.
 * Helpers take and give int32 only: a larger number crossing a call is boxed, 16 bytes a time. So
 *   long numbers are cut in groups of nine digits: top (0 to 18), middle and bottom.
 * Cost: reading and writing O(digits). Owner: `parsed` belongs to the thread, and each call of
 *   `parseInteger` overwrites it; read it before the next call.
 */

/** Longest decimal text of a signed 64-bit integer: "-9223372036854775808". */
export const INTEGER_TEXT_BYTES_MAX = 20;

const TWO_32 = 4294967296;
const BILLION = 1_000_000_000;
const MINUS = 0x2d;
const ZERO = 0x30;
/** Decimal digits that always fit an int32. */
const INT32_DIGITS = 9;

/** The value of the last safe integer read, kept here because a store to a double property of an
 * object may box it. */
const safeValue = new Float64Array(1);

/** The integer that `parseInteger` read last; all its fields are for reading only. */
export class ParsedInteger {
  /** True when the magnitude is at most 2^53-1, so that `value` is exact. */
  isSafe: boolean;
  /** Upper int32 word of the 64-bit two's complement; always set. */
  high: number;
  /** Lower int32 word; always set. */
  low: number;

  constructor() {
    this.isSafe = true;
    this.high = 0;
    this.low = 0;
  }

  /** The value; meaningful only while `isSafe`. */
  get value(): number {
    return safeValue[0]!;
  }
}

/** The three digit groups of the integer that `splitInteger64` cut last. */
const groups = new Int32Array(3);

/** Result of the last successful {@link parseInteger} of this thread. */
export const parsed = new ParsedInteger();

/** Reads `bytes` bytes at `at` as a signed 64-bit decimal into {@link parsed}.
 * @returns false, leaving `parsed` as it was, when the text is not exactly such an integer */
export function parseInteger(u8: Uint8Array, at: number, bytes: number): boolean {
  if (bytes === 0 || bytes > INTEGER_TEXT_BYTES_MAX) return false;
  const end = at + bytes;
  const isNegative = u8[at]! === MINUS;
  const from = isNegative ? at + 1 : at;
  if (from === end) return false;
  const first = u8[from]! - ZERO;
  if (first <= 0 || first > 9) {
    if (first !== 0 || bytes !== 1) return false;
  }
  if (end - from > INT32_DIGITS) return parseLong(u8, from, end, isNegative);
  const magnitude = readDigits(u8, from, end);
  if (magnitude < 0) return false;
  const value = isNegative ? -magnitude : magnitude;
  safeValue[0] = value;
  parsed.isSafe = true;
  parsed.low = value;
  parsed.high = value >> 31;
  return true;
}

/** Up to nine digits as an int32; -1 when one of the bytes is no digit. */
function readDigits(u8: Uint8Array, from: number, end: number): number {
  let value = 0;
  for (let i = from; i < end; i++) {
    const digit = u8[i]! - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Ten to twenty digits, the first not zero. */
function parseLong(u8: Uint8Array, from: number, end: number, isNegative: boolean): boolean {
  const digits = end - from;
  if (digits > 19) return false;
  const bottomFrom = end - INT32_DIGITS;
  const middleFrom = digits > 18 ? bottomFrom - INT32_DIGITS : from;
  const top = readDigits(u8, from, middleFrom);
  const middle = readDigits(u8, middleFrom, bottomFrom);
  const bottom = readDigits(u8, bottomFrom, end);
  if (top < 0 || middle < 0 || bottom < 0) return false;
  // The magnitude as upper * 2^16 + a 16-bit rest; no step passes 2^53.
  const groupsAbove = top * BILLION + middle;
  const aboveHigh = Math.floor(groupsAbove / 65536);
  const lower = (groupsAbove - aboveHigh * 65536) * BILLION + bottom;
  const carry = Math.floor(lower / 65536);
  const upper = aboveHigh * BILLION + carry;
  const high = Math.floor(upper / 65536);
  const low = (upper - high * 65536) * 65536 + (lower - carry * 65536);
  if (high > 0x7fffffff) {
    const isLowest = isNegative && high === 0x80000000 && low === 0;
    if (!isLowest) return false;
  }
  parsed.isSafe = high < 0x200000;
  if (parsed.isSafe) safeValue[0] = isNegative ? -(high * TWO_32 + low) : high * TWO_32 + low;
  if (isNegative) {
    parsed.low = -low | 0;
    parsed.high = low === 0 ? -high | 0 : ~high;
  } else {
    parsed.low = low | 0;
    parsed.high = high | 0;
  }
  return true;
}

/** Bytes of the decimal text of a safe integer, 1 to 17. */
export function integerTextBytes(value: number): number {
  const sign = value < 0 ? 1 : 0;
  const magnitude = value < 0 ? -value : value;
  if (magnitude <= 0x7fffffff) return sign + digitCount(magnitude | 0);
  return sign + INT32_DIGITS + digitCount(Math.floor(magnitude / BILLION));
}

/** Digits of an int32 that is not negative. */
function digitCount(magnitude: number): number {
  if (magnitude < 100_000) {
    if (magnitude < 100) return magnitude < 10 ? 1 : 2;
    if (magnitude < 10_000) return magnitude < 1_000 ? 3 : 4;
    return 5;
  }
  if (magnitude < 10_000_000) return magnitude < 1_000_000 ? 6 : 7;
  if (magnitude < BILLION) return magnitude < 100_000_000 ? 8 : 9;
  return 10;
}

/** Writes a safe integer as decimal text at `at`; the caller guarantees 17 bytes of room.
 * @returns bytes written */
export function writeInteger(u8: Uint8Array, at: number, value: number): number {
  if (value >= 0 && value < 10) {
    u8[at] = ZERO + value;
    return 1;
  }
  let from = at;
  let magnitude = value;
  if (value < 0) {
    u8[at] = MINUS;
    from = at + 1;
    magnitude = -value;
  }
  if (magnitude <= 0x7fffffff) {
    const count = digitCount(magnitude | 0);
    writeDigits(u8, from, magnitude | 0, count);
    return from - at + count;
  }
  // Exact: below 2^53 the true quotient is at least 1e-9 from the next whole number, and half a
  // unit in the last place of a quotient below 9,007,200 is less.
  const upper = Math.floor(magnitude / BILLION);
  const lower = magnitude - upper * BILLION;
  const upperCount = digitCount(upper);
  writeDigits(u8, from, upper, upperCount);
  writeDigits(u8, from + upperCount, lower, INT32_DIGITS);
  return from - at + upperCount + INT32_DIGITS;
}

/** Writes the last `count` digits of an int32 that is not negative, zero padded. */
function writeDigits(u8: Uint8Array, at: number, magnitude: number, count: number): void {
  let rest = magnitude;
  for (let next = at + count - 1; next >= at; next--) {
    const tenth = (rest / 10) | 0;
    u8[next] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
}

/** Cuts the magnitude of the signed 64-bit integer (high, low) into {@link groups}. */
function splitInteger64(high: number, low: number): void {
  let upper = high;
  let lower = low;
  if (high < 0) {
    lower = -low | 0;
    upper = lower === 0 ? -high : ~high;
  }
  upper >>>= 0;
  // Long division by 10^9 in pieces of 32, 16 and 16 bits; every step is below 2^46.
  const quotient2 = Math.floor(upper / BILLION);
  let rest = (upper - quotient2 * BILLION) * 65536 + (lower >>> 16);
  const quotient1 = Math.floor(rest / BILLION);
  rest = (rest - quotient1 * BILLION) * 65536 + (lower & 0xffff);
  const quotient0 = Math.floor(rest / BILLION);
  const above = quotient2 * TWO_32 + quotient1 * 65536 + quotient0;
  const top = Math.floor(above / BILLION);
  groups[0] = top;
  groups[1] = above - top * BILLION;
  groups[2] = rest - quotient0 * BILLION;
}

/** Writes the signed 64-bit integer (high, low) as decimal text; the caller guarantees
 * {@link INTEGER_TEXT_BYTES_MAX} bytes of room.
 * @param high upper int32 word @param low lower int32 word
 * @returns bytes written */
export function writeInteger64(u8: Uint8Array, at: number, high: number, low: number): number {
  splitInteger64(high, low);
  let next = at;
  if (high < 0) {
    u8[at] = MINUS;
    next = at + 1;
  }
  const first = firstGroup();
  const count = digitCount(groups[first]!);
  writeDigits(u8, next, groups[first]!, count);
  next += count;
  for (let i = first + 1; i < 3; i++) {
    writeDigits(u8, next, groups[i]!, INT32_DIGITS);
    next += INT32_DIGITS;
  }
  return next - at;
}

/** Bytes of the decimal text of the signed 64-bit integer (high, low), 1 to 20. */
export function integer64TextBytes(high: number, low: number): number {
  splitInteger64(high, low);
  const first = firstGroup();
  return (high < 0 ? 1 : 0) + digitCount(groups[first]!) + (2 - first) * INT32_DIGITS;
}

/** Index of the first group that is printed: the first above zero, else the bottom one. */
function firstGroup(): number {
  if (groups[0]! > 0) return 0;
  return groups[1]! > 0 ? 1 : 2;
}
