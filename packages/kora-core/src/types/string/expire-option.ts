/**
 * EX, PX, EXAT and PXAT as the string commands take them: a positive number that becomes an
 * absolute deadline in milliseconds. Everyday numbers stay doubles; near the ends of the int64
 * range bigint decides, since a deadline of 2^63-1 is legal and must come back exactly.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { invalidExpireTime } from '../../errors/reply-error.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryExpireHigh, entryExpireLow, entryHasTtl } from '../../structs/entry.hot.ts';
import { EXPIRATION_EX, EXPIRATION_EXAT, EXPIRATION_PX } from './parse.hot.ts';

const TWO_32 = 4_294_967_296;
const INT64_MAX = 2n ** 63n - 1n;
/** A double up to this can be multiplied by 1000 and added to a clock without losing a digit. */
const EVERYDAY_MAX = 2 ** 53 / 1000 - 2 ** 42;

/** The deadline that `readDeadline` made last, as the two words an entry keeps. */
export class Deadline {
  low = 0;
  high = 0;

  /** True when it is not after `nowMs`. */
  isPast(nowMs: number): boolean {
    return this.high * TWO_32 + (this.low >>> 0) <= nowMs;
  }
}

/** Owner: the running command of this thread; overwritten by the next `readDeadline`. */
export const deadline = new Deadline();

/** `ERR invalid expire time` of each command, made once. */
export const expireErrors = Object.freeze({
  set: invalidExpireTime('set'),
  setex: invalidExpireTime('setex'),
  psetex: invalidExpireTime('psetex'),
  getex: invalidExpireTime('getex'),
  msetex: invalidExpireTime('msetex'),
});

/**
 * Turns the number in `slot` into `deadline`.
 * @param unit EXPIRATION_EX, _PX (from now), _EXAT or _PXAT (absolute)
 * @returns `error` for a number that is not positive or a deadline beyond int64
 */
export function readDeadline(
  shard: Shard, frame: ArgFrame, slot: number, unit: number, error: ReplyError,
): ReplyError | null {
  const isSeconds = unit === EXPIRATION_EX || unit === EXPIRATION_EXAT;
  const isRelative = unit === EXPIRATION_EX || unit === EXPIRATION_PX;
  const value = frame.number[slot] ?? 0;
  if (frame.isExact[slot] === 1 && value <= EVERYDAY_MAX) {
    if (value <= 0) return error;
    const ms = (isSeconds ? value * 1000 : value) + (isRelative ? shard.nowMs : 0);
    deadline.low = ms | 0;
    deadline.high = Math.floor(ms / TWO_32) | 0;
    return null;
  }
  let ms = frame.integer64(slot);
  if (ms <= 0n) return error;
  if (isSeconds) ms *= 1000n;
  if (isRelative) ms += BigInt(shard.nowMs);
  if (ms > INT64_MAX) return error;
  deadline.low = Number(BigInt.asIntN(32, ms));
  deadline.high = Number(BigInt.asIntN(32, ms >> 32n));
  return null;
}

/** Puts the deadline of entry `ref` into `deadline`; 1 when it has one. */
export function keepDeadline(shard: Shard, ref: number): number {
  const { i32 } = shard.memory;
  if (ref === 0 || !entryHasTtl(i32, ref)) return 0;
  deadline.low = entryExpireLow(i32, ref);
  deadline.high = entryExpireHigh(i32, ref);
  return 1;
}
