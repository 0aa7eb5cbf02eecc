/**
 * The time-out of commands that wait (BLPOP, BLMOVE, BZPOPMIN and their kin): seconds as a number
 * with a fraction, read as Redis reads it. There it is a long double times 1000, rounded up to
 * whole milliseconds; what does not fit a signed 64-bit integer then counts as negative.
 * Cost: a few microseconds; everyday numbers of up to 15 digits without a fraction touch no string.
 */
import { EXTENDED_FORMAT, roundBinary } from '../../bytes/float-text.ts';
import { LONG_DOUBLE_TEXT_BYTES_MAX, parseLongDouble } from '../../bytes/long-double.ts';
import { parseInteger, parsed } from '../../bytes/number-text.hot.ts';
import { latin1Text } from '../../bytes/number-text.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { ReplyError } from '../../errors/reply-error.ts';

/** What is wrong with a time-out. */
export const timeoutErrors = Object.freeze({
  notFloat: new ReplyError('ERR timeout is not a float or out of range'),
  negative: new ReplyError('ERR timeout is negative'),
});

const INTEGER_DIGITS_MAX = 12;
const MILLISECONDS_MAX = 2n ** 63n - 1n;

/** What is wrong with the time-out in argument `i`, or null. */
export function blockingTimeoutError(frame: ArgFrame, i: number): ReplyError | null {
  const timeout = readBlockingTimeout(frame, i);
  return timeout instanceof ReplyError ? timeout : null;
}

/** Argument `i` as a time to wait in ms, 0 = for ever (Infinity beyond 2^53), or what is wrong. */
export function readBlockingTimeout(frame: ArgFrame, i: number): number | ReplyError {
  const at = frame.at[i] ?? -1;
  const bytes = frame.bytes[i] ?? 0;
  if (at < 0 || bytes > LONG_DOUBLE_TEXT_BYTES_MAX) return timeoutErrors.notFloat;
  const { low } = frame.memory;
  if (bytes <= INTEGER_DIGITS_MAX && parseInteger(low, at, bytes)) {
    return parsed.value < 0 ? timeoutErrors.negative : parsed.value * 1000;
  }
  const seconds = parseLongDouble(latin1Text(low, at, bytes));
  if (seconds === undefined) return timeoutErrors.notFloat;
  if (seconds === 'infinite') return timeoutErrors.negative;
  const { mantissa, exponent } = seconds;
  const scaled = roundBinary({ mantissa: mantissa * 1000n, exponent }, EXTENDED_FORMAT);
  if (scaled === 'infinite') return timeoutErrors.negative;
  const shift = BigInt(Math.abs(scaled.exponent));
  const ms = scaled.exponent >= 0 ? scaled.mantissa << shift : -(-scaled.mantissa >> shift);
  if (ms < 0n || ms > MILLISECONDS_MAX) return timeoutErrors.negative;
  return ms > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(ms);
}
