/**
 * The rare way through a `*` or `$` line: anything the parser's digit loop does not take at once,
 * such as a zero or negative count, a line with a sign or a space, or one that arrives in pieces.
 * The rules are redis-server 7.0.15's: a line ends at CR plus any byte, a NUL byte hides the rest
 * of the line, numbers are strict signed 64-bit decimals (no sign `+`, no leading zero, no `-0`).
 */

const DIGIT_ZERO = 0x30;
const DIGIT_NINE = 0x39;
const MINUS = 0x2d;
/** 2^63-1 in two decimal halves: 9223372036 854775807. */
const HIGH_HALF_MAX = 9_223_372_036;
const LOW_HALF_MAX = 854_775_807;
const LOW_HALF = 1_000_000_000;
const DIGITS_MAX = 19;

/**
 * The strict 64-bit decimal in `u8[from, to)`; NaN when it is none. Exact up to 2^53, and right in
 * sign and order of magnitude above, which is all a bound check needs.
 */
export function parseLength(u8: Uint8Array, from: number, to: number): number {
  const isNegative = u8[from] === MINUS;
  const start = isNegative ? from + 1 : from;
  const digits = to - start;
  if (digits < 1 || digits > DIGITS_MAX) return Number.NaN;
  if (u8[start] === DIGIT_ZERO) return digits === 1 && !isNegative ? 0 : Number.NaN;
  let high = 0;
  let low = 0;
  for (let at = start; at < to; at++) {
    const byte = u8[at] ?? 0;
    if (byte < DIGIT_ZERO || byte > DIGIT_NINE) return Number.NaN;
    if (to - at > 9) high = high * 10 + byte - DIGIT_ZERO;
    else low = low * 10 + byte - DIGIT_ZERO;
  }
  const lowMax = isNegative ? LOW_HALF_MAX + 1 : LOW_HALF_MAX;
  if (high > HIGH_HALF_MAX || (high === HIGH_HALF_MAX && low > lowMax)) return Number.NaN;
  const value = high * LOW_HALF + low;
  return isNegative ? -value : value;
}
