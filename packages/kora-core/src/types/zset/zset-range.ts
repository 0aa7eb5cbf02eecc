/**
 * Ranges of a sorted set: by rank, by score, by name. The arguments are read into the one
 * RangeBounds of the thread, before any key is looked at, with Redis's errors; `resolve` then turns
 * them into ranks from..to of one set, lowest first, and `limit` cuts them as LIMIT says.
 * Cost: O(log n) to resolve, whatever the range holds.
 */
import { readFloatText } from '../../bytes/float-text.ts';
import { latin1Text } from '../../bytes/number-text.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { readDouble, readInteger } from '../../command/grammar.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import type { Shard } from '../../shard/shard.ts';
import { zsetErrors } from './zset-errors.ts';
import { rankOfName, rankOfScore, zsetCount } from './zset.ts';

/** What a range is told by. */
export const RANGE_RANK = 1;
export const RANGE_SCORE = 2;
export const RANGE_NAME = 3;

/** Longest text of a score bound that is looked at when it is no plain number. */
const BOUND_TEXT_BYTES_MAX = 4096;
/** Slots of the frame in which numbers are parsed. */
const FIRST_SLOT = 0;
const LAST_SLOT = 1;

const OPEN = 0x28; // (
const CLOSED = 0x5b; // [
const LOWEST = 0x2d; // -
const HIGHEST = 0x2b; // +
const SPACE = 0x20;

/** One end of a range. */
class Bound {
  /** Score, or index. */
  readonly value = new Float64Array(1);
  /** The bound itself is not in the range. */
  isExclusive = false;
  /** By name: -1 below all, 1 above all, 0 the name at `at`. */
  side = 0;
  at = 0;
  bytes = 0;
}

export class RangeBounds {
  /** Ranks of the range, lowest first, and behind the last; after {@link resolve}. */
  from = 0;
  to = 0;
  readonly #min = new Bound();
  readonly #max = new Bound();
  #kind = RANGE_RANK;

  /** Members of the range. */
  get count(): number {
    return this.to - this.from;
  }

  /** Reads both ends. @param kind RANGE_* @param minIndex @param maxIndex arguments */
  read(frame: ArgFrame, kind: number, minIndex: number, maxIndex: number): ReplyError | null {
    this.#kind = kind;
    if (kind === RANGE_SCORE) {
      const isFine = readScore(frame, minIndex, this.#min) && readScore(frame, maxIndex, this.#max);
      return isFine ? null : zsetErrors.scoreRange;
    }
    if (kind === RANGE_NAME) {
      const isFine = readName(frame, minIndex, this.#min) && readName(frame, maxIndex, this.#max);
      return isFine ? null : zsetErrors.nameRange;
    }
    if (!readInteger(frame, FIRST_SLOT, minIndex)) return replyErrors.notInteger;
    this.#min.value[0] = frame.number[FIRST_SLOT] ?? 0;
    if (!readInteger(frame, LAST_SLOT, maxIndex)) return replyErrors.notInteger;
    this.#max.value[0] = frame.number[LAST_SLOT] ?? 0;
    return null;
  }

  /** Finds the ranks in the set of entry `ref`. @param isReverse indices count from the highest */
  resolve(shard: Shard, ref: number, isReverse: boolean): void {
    const count = zsetCount(shard, ref);
    if (this.#kind === RANGE_RANK) {
      this.#resolveRanks(count, isReverse);
    } else if (this.#kind === RANGE_SCORE) {
      const min = this.#min;
      const max = this.#max;
      this.from = rankOfScore(shard, ref, min.value[0] ?? 0, min.isExclusive);
      this.to = rankOfScore(shard, ref, max.value[0] ?? 0, !max.isExclusive);
    } else {
      this.from = rankOfEnd(shard, ref, this.#min, this.#min.isExclusive, count);
      this.to = rankOfEnd(shard, ref, this.#max, !this.#max.isExclusive, count);
    }
    if (this.to < this.from) this.to = this.from;
  }

  #resolveRanks(count: number, isReverse: boolean): void {
    let first = this.#min.value[0] ?? 0;
    let last = this.#max.value[0] ?? 0;
    if (first < 0) first = Math.max(first + count, 0);
    if (last < 0) last += count;
    last = Math.min(last, count - 1);
    this.from = 0;
    this.to = 0;
    if (first > last) return;
    this.from = isReverse ? count - 1 - last : first;
    this.to = (isReverse ? count - 1 - first : last) + 1;
  }

  /** Keeps `count` members (negative: all) behind `offset` of them; a negative one leaves none. */
  limit(offset: number, count: number, isReverse: boolean): void {
    const left = offset < 0 ? 0 : Math.max(this.count - offset, 0);
    const kept = count < 0 ? left : Math.min(count, left);
    if (kept === 0) {
      this.to = this.from;
    } else if (isReverse) {
      this.to -= offset;
      this.from = this.to - kept;
    } else {
      this.from += offset;
      this.to = this.from + kept;
    }
  }
}

/** The range of the running command of this thread. */
export const bounds = new RangeBounds();

function rankOfEnd(
  shard: Shard, ref: number, bound: Bound, isAfterEqual: boolean, count: number,
): number {
  if (bound.side !== 0) return bound.side < 0 ? 0 : count;
  return rankOfName(shard, ref, bound.at, bound.bytes, isAfterEqual);
}

/**
 * A score, or one behind a bracket, as C's strtod takes it: spaces before it, "" is 0, a NUL
 * ends it.
 */
function readScore(frame: ArgFrame, index: number, bound: Bound): boolean {
  const { low } = frame.memory;
  let at = frame.at[index] ?? -1;
  let bytes = frame.bytes[index] ?? 0;
  if (at < 0) return false;
  bound.isExclusive = bytes > 0 && low[at] === OPEN;
  const plain = bound.isExclusive ? undefined : readDouble(frame, index);
  if (plain !== undefined) {
    bound.value[0] = plain;
    return true;
  }
  if (bound.isExclusive) {
    at++;
    bytes--;
  }
  if (bytes > BOUND_TEXT_BYTES_MAX) return false;
  bytes = bytesBeforeNul(low, at, bytes);
  bound.value[0] = 0;
  if (bytes === 0) return true;
  while (bytes > 0 && isSpace(low[at] ?? 0)) {
    at++;
    bytes--;
  }
  const text = latin1Text(low, at, bytes);
  const parts = readFloatText(text);
  if (parts === undefined) return false;
  if (parts.kind === 'infinite') bound.value[0] = parts.isNegative ? -Infinity : Infinity;
  else if (parts.kind === 'decimal') bound.value[0] = Number(text);
  else bound.value[0] = hexadecimal(parts.digits, parts.exponent, parts.isNegative);
  return true;
}

function bytesBeforeNul(low: Uint8Array, at: number, bytes: number): number {
  let before = 0;
  while (before < bytes && low[at + before] !== 0) before++;
  return before;
}

function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= 0x09 && byte <= 0x0d);
}

/** Digits in base 16 times a power of 2, rounded once for up to 13 digits. */
function hexadecimal(digits: string, exponent: number, isNegative: boolean): number {
  const magnitude = digits === '' ? 0 : Number(`0x${digits}`) * 2 ** exponent;
  return isNegative ? -magnitude : magnitude;
}

function readName(frame: ArgFrame, index: number, bound: Bound): boolean {
  const at = frame.at[index] ?? -1;
  const bytes = frame.bytes[index] ?? 0;
  if (at < 0 || bytes === 0) return false;
  const first = frame.memory.low[at];
  bound.side = 0;
  if (first === LOWEST || first === HIGHEST) {
    bound.side = first === LOWEST ? -1 : 1;
    bound.isExclusive = true;
    return bytes === 1;
  }
  bound.isExclusive = first === OPEN;
  bound.at = at + 1;
  bound.bytes = bytes - 1;
  return bound.isExclusive || first === CLOSED;
}
