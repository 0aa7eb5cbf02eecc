/**
 * The texts of numbers, booleans and lengths in replies, read strictly: a client that guesses what
 * a broken server meant hands wrong data on. Undefined means malformed; the decoder says which.
 */

const INTEGER = /^[+-]?\d+$/;
const DOUBLE = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
const LENGTH = /^(0|[1-9]\d{0,15})$/;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** Longer texts can only be leading zeros or out of range. */
const INT64_TEXT_CHARACTERS_MAX = 20;
/** Digits that always fit a safe integer. */
const SAFE_DIGITS = 15;
/** A big number longer than this takes quadratic time to read; no server sends one. */
const BIG_NUMBER_DIGITS_MAX = 10_000;

/** A signed 64-bit integer: number when it is safe, else bigint. */
export function integerOf(text: string): number | bigint | undefined {
  if (!INTEGER.test(text)) return undefined;
  if (text.length <= SAFE_DIGITS) return Number(text) + 0;
  if (text.length > INT64_TEXT_CHARACTERS_MAX) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  if (value < INT64_MIN || value > INT64_MAX) return undefined;
  return BigInt(Number.MIN_SAFE_INTEGER) <= value && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
}

/** An integer of any size, up to a bound on its digits. */
export function bigNumberOf(text: string): bigint | undefined {
  if (!INTEGER.test(text) || text.length > BIG_NUMBER_DIGITS_MAX) return undefined;
  return BigInt(text.startsWith('+') ? text.slice(1) : text);
}

/** A double; inf, -inf and nan in any case. */
export function doubleOf(text: string): number | undefined {
  if (DOUBLE.test(text)) return Number(text);
  switch (text.toLowerCase()) {
    case 'inf': case '+inf': return Infinity;
    case '-inf': return -Infinity;
    case 'nan': case '-nan': return Number.NaN;
    default: return undefined;
  }
}

/** `t` or `f`. */
export function booleanOf(text: string): boolean | undefined {
  if (text === 't') return true;
  return text === 'f' ? false : undefined;
}

/** A length or count: digits without sign or leading zero; -1 for the null of RESP2. */
export function lengthOf(text: string): number | undefined {
  if (LENGTH.test(text)) return Number(text);
  return text === '-1' ? -1 : undefined;
}
