/**
 * Numbers as text where the rare forms count: doubles as Redis reads and prints them, and 64-bit
 *   integers as bigint. The integers of the common path are in number-text.hot.ts.
 * Reading follows C's strtod in the "C" locale: the whole text, no spaces, hexadecimals and
 *   infinities welcome; not-a-number, overflow, and underflow to zero are refused.
 * Printing follows C's "%.17g", the form of every double in a Redis reply.
 * Cost: reading a plain decimal of up to 15 digits touches no string; all else goes through one.
 */
import { DOUBLE_FORMAT, readFloatText, roundFloatText } from './float-text.ts';

/** Longest text that is read as a double; longer text is refused. Redis has no such bound. */
export const DOUBLE_TEXT_BYTES_MAX = 65_536;

/** Digits that a double holds exactly, whatever they are. */
const EXACT_DIGITS = 15;
const exactPowersOfTen = [
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
] as const;

/** The signed 64-bit integer of two int32 words. */
export function integer64ToBigint(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

/** Bytes that become characters one by one: below this a call with all of them costs more. */
const SHORT_TEXT_BYTES_MAX = 64;
/** Bytes of a long text that become characters in one call. */
const TEXT_PART_BYTES = 4_096;

/** Bytes as a string of one character each (Latin-1). Long texts are made in parts: a string that
 * grows by characters takes 30 times its size on the heap.
 * @returns a new string of `bytes` characters, U+0000 to U+00FF */
export function latin1Text(u8: Uint8Array, at: number, bytes: number): string {
  const end = at + bytes;
  let text = '';
  if (bytes <= SHORT_TEXT_BYTES_MAX) {
    for (let i = at; i < end; i++) text += String.fromCharCode(u8[i] ?? 0);
    return text;
  }
  for (let i = at; i < end; i += TEXT_PART_BYTES) {
    text += String.fromCharCode(...u8.subarray(i, Math.min(end, i + TEXT_PART_BYTES)));
  }
  return text;
}

/** Reads a double as ZADD reads a score.
 * @returns undefined when the text is not exactly one number, is not-a-number, is beyond the
 *   largest double (unless it says "inf"), or is not zero but rounds to zero */
export function parseDoubleStrict(u8: Uint8Array, at: number, bytes: number): number | undefined {
  if (bytes === 0 || bytes > DOUBLE_TEXT_BYTES_MAX) return undefined;
  return parsePlainDecimal(u8, at, bytes) ?? parseAnyDouble(latin1Text(u8, at, bytes));
}

/** An optional minus, up to 15 digits and a dot among or after them; undefined for all else. One
 * division of two exact numbers rounds once, so the result is the nearest double. */
function parsePlainDecimal(u8: Uint8Array, at: number, bytes: number): number | undefined {
  const isNegative = u8[at] === 0x2d;
  const end = at + bytes;
  let value = 0;
  let digits = 0;
  let fractionDigits = -1;
  for (let i = isNegative ? at + 1 : at; i < end; i++) {
    const digit = (u8[i] ?? 0) - 0x30;
    if (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digits++;
      if (fractionDigits >= 0) fractionDigits++;
    } else if (digit === -2 && fractionDigits < 0) {
      fractionDigits = 0;
    } else {
      return undefined;
    }
  }
  if (digits === 0 || digits > EXACT_DIGITS) return undefined;
  if (fractionDigits > 0) value /= exactPowersOfTen[fractionDigits] ?? 1;
  return isNegative ? -value : value;
}

function parseAnyDouble(text: string): number | undefined {
  const parts = readFloatText(text);
  if (parts === undefined) return undefined;
  if (parts.kind === 'infinite') return parts.isNegative ? -Infinity : Infinity;
  const value = parts.kind === 'decimal' ? Number(text) : hexadecimalValue(text);
  const isOverflow = value === Infinity || value === -Infinity;
  const isUnderflow = value === 0 && parts.digits !== '';
  return isOverflow || isUnderflow ? undefined : value;
}

function hexadecimalValue(text: string): number {
  const parts = readFloatText(text);
  if (parts === undefined) return 0;
  const rounded = roundFloatText(parts, DOUBLE_FORMAT);
  if (rounded === 'infinite') return Infinity;
  const sign = parts.isNegative ? -1 : 1;
  if (rounded.mantissa === 0n) return sign * 0;
  // Two steps: 2^exponent alone may lie outside the range; both products are exact by rounding.
  const mantissa = Number(rounded.mantissa);
  const half = Math.trunc(rounded.exponent / 2);
  return mantissa * 2 ** half * 2 ** (rounded.exponent - half);
}

/** A double as C prints it with "%.17g"; infinities as "inf" and "-inf", not-a-number as "nan".
 * This is also Redis's `d2string` and the text of a score in a reply: for whole numbers below
 * 2^52 they take another road to the same digits. */
export function doubleToText17(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) {
    return value === 0 && 1 / value < 0 ? '-0' : String(value);
  }
  if (Number.isNaN(value)) return 'nan';
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  const scientific = scientificOf17Digits(Math.abs(value));
  const exponentAt = scientific.indexOf('e');
  const allDigits = scientific.charAt(0) + scientific.slice(2, exponentAt);
  const digits = allDigits.replace(/0+$/, '');
  const text = layOut(digits, Number(scientific.slice(exponentAt + 1)));
  return value < 0 ? `-${text}` : text;
}

/** d.dddddddddddddddde+x with 17 digits. JavaScript rounds a tie up, C to even, so a tie (which has
 * exactly 18 digits, the last a 5) is told apart and its upper neighbour taken back when odd. */
function scientificOf17Digits(magnitude: number): string {
  const rounded = magnitude.toExponential(16);
  if (!magnitude.toExponential(17).includes('5e')) return rounded;
  const [exactDigits = '', exponent = ''] = magnitude.toExponential(100).split('e');
  const isTie = /^50*$/.test(exactDigits.slice(18));
  const isEven = Number(exactDigits.charAt(17)) % 2 === 0;
  return isTie && isEven ? `${exactDigits.slice(0, 18)}e${exponent}` : rounded;
}

/** Places the dot or the exponent as "%g" does, for digits without trailing zeros. */
function layOut(digits: string, exponent: number): string {
  if (exponent < -4 || exponent >= 17) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    const power = String(Math.abs(exponent)).padStart(2, '0');
    return `${digits.charAt(0)}${fraction}e${exponent < 0 ? '-' : '+'}${power}`;
  }
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = digits.slice(exponent + 1);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
