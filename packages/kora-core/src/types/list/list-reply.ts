/**
 * Elements of lists in replies: gathered by the hundred in the scratch area, written in one call.
 * Cost: a few ns an element, and O(log n) for each hundred.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import type { ReplySink } from '../../command/sink.ts';
import { REPLY_VALUE_BYTES } from '../../command/waiting-form.ts';
import type { Shard } from '../../shard/shard.ts';
import { findEnd, gatherElements, listCount, place } from './list.ts';

/** Elements gathered at a time: 4 KiB of the scratch area. */
const GATHERED_MAX = 512;

/** Writes elements from .. from + count - 1 as bulk strings; the array is announced already. */
export function writeElements(
  shard: Shard, ref: number, from: number, count: number, out: ReplySink,
): void {
  for (let done = 0; done < count; done += GATHERED_MAX) {
    const step = Math.min(GATHERED_MAX, count - done);
    gatherElements(shard, ref, from + done, step, shard.scratchAt);
    out.bulkMany(shard.scratchAt, step);
  }
}

/** Writes the last `count` elements, the last one first. */
export function writeElementsBack(
  shard: Shard, ref: number, all: number, count: number, out: ReplySink,
): void {
  for (let done = 0; done < count; done += GATHERED_MAX) {
    const step = Math.min(GATHERED_MAX, count - done);
    gatherElements(shard, ref, all - done - step, step, shard.scratchAt);
    turnRound(shard, step);
    out.bulkMany(shard.scratchAt, step);
  }
}

/**
 * Most bytes of a reply of the key at argument `key` and elements from an end of its list `ref`,
 * `countMax` at most.
 */
export function poppedBytes(
  shard: Shard, frame: ArgFrame, key: number, ref: number, isHead: boolean, countMax: number,
): number {
  const headBytes = (frame.bytes[key] ?? 0) + 2 * REPLY_VALUE_BYTES;
  if (countMax === 1) {
    findEnd(shard, ref, isHead);
    return headBytes + place.bytes + REPLY_VALUE_BYTES;
  }
  const all = listCount(shard, ref);
  const count = Math.min(all, countMax);
  const first = isHead ? 0 : all - count;
  let bytes = 0;
  for (let done = 0; done < count; done += GATHERED_MAX) {
    const step = Math.min(GATHERED_MAX, count - done);
    gatherElements(shard, ref, first + done, step, shard.scratchAt);
    bytes += step * REPLY_VALUE_BYTES + gatheredBytes(shard, step);
  }
  // What is written by the hundred may leave as much at the ends of chunks as it fills.
  return headBytes + 2 * bytes;
}

/** Bytes of the elements whose pairs are in the scratch area. */
function gatheredBytes({ memory: { i32 }, scratchAt }: Shard, count: number): number {
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes += i32[(scratchAt >>> 2) + i * 2 + 1] ?? 0;
  return bytes;
}

/** Reverses the pairs in the scratch area. */
function turnRound(shard: Shard, count: number): void {
  const { i32 } = shard.memory;
  let front = shard.scratchAt >>> 2;
  let back = front + (count - 1) * 2;
  for (; front < back; front += 2, back -= 2) {
    const at = i32[front] ?? 0;
    const bytes = i32[front + 1] ?? 0;
    i32[front] = i32[back] ?? 0;
    i32[front + 1] = i32[back + 1] ?? 0;
    i32[back] = at;
    i32[back + 1] = bytes;
  }
}
