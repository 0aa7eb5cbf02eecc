/**
 * Deadlines as EXPIRE and its kin take and show them: 64-bit milliseconds, exact over the whole
 * range, negative ones included (they delete the key). Everyday numbers stay doubles; near the ends
 * of the range bigint decides, since 2^63-1 is a legal deadline and has to come back digit for
 * digit.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Shard } from '../shard/shard.ts';
import { entryExpireHigh, entryExpireLow } from '../structs/entry.hot.ts';

const TWO_32 = 4_294_967_296;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
/** Magnitudes up to this can be multiplied by 1000 and added to a clock without losing a digit. */
const EVERYDAY_MAX = 2 ** 53 / 1000 - 2 ** 42;
/** High words below this belong to a value that a double holds exactly. */
const SAFE_HIGH_MAX = 2 ** 21;

/** An instant as the two words an entry keeps. */
export class ExpireTime {
  low = 0;
  high = 0;

  /** True when it is not after `nowMs`: such a deadline deletes at once. */
  isPast(nowMs: number): boolean {
    return this.high * TWO_32 + (this.low >>> 0) <= nowMs;
  }

  /** -1, 0 or 1: this instant before, at or after another. */
  compare(low: number, high: number): number {
    if (this.high !== high) return this.high < high ? -1 : 1;
    if (this.low === low) return 0;
    return this.low >>> 0 < low >>> 0 ? -1 : 1;
  }

  setMs(ms: number): void {
    this.low = ms | 0;
    this.high = Math.floor(ms / TWO_32) | 0;
  }

  /** False when the instant lies outside int64. */
  setMs64(ms: bigint): boolean {
    if (ms > INT64_MAX || ms < INT64_MIN) return false;
    this.low = Number(BigInt.asIntN(32, ms));
    this.high = Number(BigInt.asIntN(32, ms >> 32n));
    return true;
  }
}

/**
 * Turns the integer in `slot` into an instant.
 * @param isSeconds the integer counts seconds, else milliseconds
 * @param isRelative it counts from now, else from 1970
 * @returns false when the instant, or the integer in milliseconds, lies outside int64
 */
export function readExpireTime(
  shard: Shard, frame: ArgFrame, slot: number, isSeconds: boolean, isRelative: boolean,
  into: ExpireTime,
): boolean {
  const value = frame.number[slot] ?? 0;
  if (frame.isExact[slot] === 1 && Math.abs(value) <= EVERYDAY_MAX) {
    into.setMs((isSeconds ? value * 1000 : value) + (isRelative ? shard.nowMs : 0));
    return true;
  }
  const ms = frame.integer64(slot) * (isSeconds ? 1000n : 1n);
  if (ms > INT64_MAX || ms < INT64_MIN) return false;
  return into.setMs64(ms + (isRelative ? BigInt(shard.nowMs) : 0n));
}

/**
 * Writes the deadline of entry `ref`, which has one.
 * @param isSeconds in seconds, rounded to the nearest, halves up; else in milliseconds
 * @param isRelative as time left from now, else as the instant
 */
export function writeExpireTime(
  shard: Shard, ref: number, out: ReplySink, isSeconds: boolean, isRelative: boolean,
): void {
  const { i32 } = shard.memory;
  const low = entryExpireLow(i32, ref);
  const high = entryExpireHigh(i32, ref);
  if (high >= 0 && high < SAFE_HIGH_MAX) {
    const ms = high * TWO_32 + (low >>> 0);
    const shown = isRelative ? Math.max(0, ms - shard.nowMs) : ms;
    out.integer(isSeconds ? Math.floor((shown + 500) / 1000) : shown);
    return;
  }
  const ms = (BigInt(high) << 32n) | BigInt(low >>> 0);
  const shown = isRelative ? ms - BigInt(shard.nowMs) : ms;
  out.integer64(isSeconds ? (shown + 500n) / 1000n : shown);
}
