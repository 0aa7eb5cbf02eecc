/**
 * Whole values and arguments as byte arrays on the heap, for codecs that need them in one piece.
 * The arena must not be touched through byte views, so bytes pass through the shard's scratch area.
 * For rare commands only: the copy is as large as the value.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { ROPE_BYTES_MIN, SCRATCH_BYTES } from '../limits.ts';
import type { Shard } from '../shard/shard.ts';
import { copyStringRange, stringBytes } from '../types/string/string.ts';

/** The string of entry `ref`; the array is the caller's. */
export function stringValue(shard: Shard, ref: number): Uint8Array {
  const { low } = shard.memory;
  const { scratchAt } = shard;
  const value = new Uint8Array(stringBytes(shard, ref));
  for (let done = 0; done < value.length; done += SCRATCH_BYTES) {
    const step = Math.min(SCRATCH_BYTES, value.length - done);
    copyStringRange(shard, ref, done, step, scratchAt);
    value.set(low.subarray(scratchAt, scratchAt + step), done);
  }
  return value;
}

/** Argument i, flat or rope. The array is for reading and only until the command ends. */
export function argumentBytes(shard: Shard, frame: ArgFrame, i: number): Uint8Array {
  const { low } = shard.memory;
  const { ropes, scratchAt } = shard;
  const at = frame.at[i] ?? 0;
  const bytes = frame.bytes[i] ?? 0;
  if (at >= 0) return low.subarray(at, at + bytes);
  const copy = new Uint8Array(bytes);
  const root = frame.ropeOf(i);
  for (let done = 0; done < bytes; done += SCRATCH_BYTES) {
    const step = Math.min(SCRATCH_BYTES, bytes - done);
    ropes.read(root, done, scratchAt, step);
    copy.set(low.subarray(scratchAt, scratchAt + step), done);
  }
  return copy;
}

/**
 * Puts `value` in the place of argument i: in the scratch area when short, else as a rope that the
 * frame owns.
 * A rope that was there is freed.
 * @returns false when memory is short; the argument is as it was
 */
export function replaceArgument(
  shard: Shard, frame: ArgFrame, i: number, value: Uint8Array,
): boolean {
  const { low } = shard.memory;
  const { ropes, scratchAt } = shard;
  const isRope = value.length >= ROPE_BYTES_MIN;
  const root = isRope ? ropes.create(value.length) : 0;
  if (isRope && root === 0) return false;
  if (frame.isBig(i)) ropes.free(frame.takeRope(i));
  for (let done = 0; done < value.length; done += SCRATCH_BYTES) {
    const step = Math.min(SCRATCH_BYTES, value.length - done);
    low.set(value.subarray(done, done + step), scratchAt);
    if (isRope) ropes.write(root, done, scratchAt, step);
  }
  if (isRope) {
    frame.giveRope(i, root, value.length);
  } else {
    frame.at[i] = scratchAt;
    frame.bytes[i] = value.length;
  }
  return true;
}
