/**
 * The text of a double as C's printf("%.17g") gives it, which is what Redis 7.0 sends for scores.
 * JavaScript gives the same 17 digits except on exact ties: toExponential rounds them up, printf to
 * the even digit. A tie is a double whose exact decimal expansion has 18 digits and ends in 5:
 *   x = D / 10^k with D odd and divisible by 5, of 18 digits, k = 17 - exponent of x
 *   so x = m / 2^k with m = D / 5^k odd and below 2^53, which needs 2 <= k <= 25.
 * Hence: a tie if and only if x * 2^k (exact) is an odd integer.
 * Allocates the string; integers below 2^53 have a way without in writeDouble3.
 */

const DIGITS = 17;
const TIE_SHIFT_MIN = 2;
const TIE_SHIFT_MAX = 25;

/** Longest text: sign, 17 digits, point, e-308. */
export const DOUBLE_TEXT_BYTES_MAX = 24;

/** `value` as "%.17g": ASCII, e.g. 0.10000000000000001, 1e+17, inf, -inf, nan, -0. */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const magnitude = Math.abs(value);
  if (magnitude === Infinity) return `${sign}inf`;
  if (magnitude === 0) return `${sign}0`;
  const text = magnitude.toExponential(DIGITS - 1);
  const mark = text.indexOf('e');
  const exponent = Number(text.slice(mark + 1));
  let digits = text.slice(0, 1) + text.slice(2, mark);
  if (isTie(magnitude, digits, exponent)) digits = roundedToEven(digits);
  return sign + placed(withoutTrailingZeros(digits), exponent);
}

/** Rounding may have carried into the exponent; a tie that did so ended in 0 and needs no care. */
function isTie(magnitude: number, digits: string, exponent: number): boolean {
  if (!'13579'.includes(digits.slice(-1))) return false;
  const shift = DIGITS - exponent;
  if (shift < TIE_SHIFT_MIN || shift > TIE_SHIFT_MAX) return false;
  return (magnitude * 2 ** shift) % 2 === 1;
}

/** The odd last digit came from rounding a tie up; the even one is just below it. */
function roundedToEven(digits: string): string {
  return digits.slice(0, -1) + String(Number(digits.slice(-1)) - 1);
}

function withoutTrailingZeros(digits: string): string {
  let length = digits.length;
  while (length > 1 && digits[length - 1] === '0') length--;
  return digits.slice(0, length);
}

/** Puts the point where %g puts it: an exponent below -4 or from 17 on is written out. */
function placed(digits: string, exponent: number): string {
  if (exponent < -4 || exponent >= DIGITS) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    const power = String(Math.abs(exponent)).padStart(2, '0');
    return `${digits.slice(0, 1)}${fraction}e${exponent < 0 ? '-' : '+'}${power}`;
  }
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = exponent + 1;
  if (digits.length <= whole) return digits.padEnd(whole, '0');
  return `${digits.slice(0, whole)}.${digits.slice(whole)}`;
}
