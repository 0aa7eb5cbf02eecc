/**
 * The arithmetic of INCRBYFLOAT and HINCRBYFLOAT, byte-equal to redis-server on x86-64.
 * There a number is an 80-bit x87 `long double`: 64 bits of mantissa, exponents to 2^16383. A
 *   JavaScript double has 53 bits and would print other digits ("0.1" plus "0.2" is "0.3" there),
 *   so a number here is a bigint mantissa and a power of two, rounded to nearest-even after
 *   reading and after adding, subnormals and overflow included.
 * Printing is "%.17Lf" without trailing zeros: 17 digits after the dot, ties to even.
 * Cost: a few microseconds for everyday numbers; up to 4,950 digits at the ends of the range.
 */
import {
  EXTENDED_FORMAT, readFloatText, roundBinary, roundFloatText, shiftRightToEven,
} from './float-text.ts';
import type { BinaryNumber } from './float-text.ts';

/** Longest text Redis reads as a long double: a buffer of 5 KiB with its end mark. */
export const LONG_DOUBLE_TEXT_BYTES_MAX = 5 * 1024 - 1;

const FRACTION_DIGITS = 17;
const fractionScale = 10n ** BigInt(FRACTION_DIGITS);

/** A finite 80-bit number; see {@link BinaryNumber}. */
export type LongDouble = BinaryNumber;

/** Reads text as Redis reads a long double.
 * @param text one character a byte (Latin-1)
 * @returns undefined when it is not a number, not-a-number, too long, or out of range */
export function parseLongDouble(text: string): LongDouble | 'infinite' | undefined {
  if (text.length === 0 || text.length > LONG_DOUBLE_TEXT_BYTES_MAX) return undefined;
  const parts = readFloatText(text);
  if (parts === undefined) return undefined;
  const value = roundFloatText(parts, EXTENDED_FORMAT);
  if (value === 'infinite') return parts.kind === 'infinite' ? value : undefined;
  const isUnderflow = value.mantissa === 0n && parts.digits !== '';
  return isUnderflow ? undefined : value;
}

/** The sum, rounded once; 'infinite' when it is beyond the largest number. */
export function addLongDouble(a: LongDouble, b: LongDouble): LongDouble | 'infinite' {
  const exponent = Math.min(a.exponent, b.exponent);
  const exact =
    (a.mantissa << BigInt(a.exponent - exponent)) + (b.mantissa << BigInt(b.exponent - exponent));
  return roundBinary({ mantissa: exact, exponent }, EXTENDED_FORMAT);
}

/** The text Redis stores and replies: at most 17 digits after the dot, no trailing zeros, and
 * never "-0". */
export function longDoubleText(value: LongDouble): string {
  const magnitude = value.mantissa < 0n ? -value.mantissa : value.mantissa;
  const scaled = magnitude * fractionScale;
  const rounded = value.exponent >= 0
    ? scaled << BigInt(value.exponent)
    : shiftRightToEven(scaled, -value.exponent);
  const digits = rounded.toString().padStart(FRACTION_DIGITS + 1, '0');
  const whole = digits.slice(0, -FRACTION_DIGITS);
  const fraction = digits.slice(-FRACTION_DIGITS).replace(/0+$/, '');
  const text = fraction === '' ? whole : `${whole}.${fraction}`;
  return value.mantissa < 0n && rounded !== 0n ? `-${text}` : text;
}

/** What INCRBYFLOAT makes of a stored text and an increment's text (one character a byte).
 * @returns the new text; 'not-a-float' when either text is not a number in range;
 *   'nan-or-infinity' when the sum is not finite. The two words are no number's text. */
export function incrByFloat(currentText: string, incrementText: string): string {
  const current = parseLongDouble(currentText);
  const increment = parseLongDouble(incrementText);
  if (current === undefined || increment === undefined) return 'not-a-float';
  if (current === 'infinite' || increment === 'infinite') return 'nan-or-infinity';
  const sum = addLongDouble(current, increment);
  return sum === 'infinite' ? 'nan-or-infinity' : longDoubleText(sum);
}
