/**
 * Whole arguments as byte arrays on the heap, for codecs that need them in one piece.
 * The arena must not be touched through byte views, so bytes pass through the shard's scratch area.
 * For rare commands only: the copy is as large as the argument.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { SCRATCH_BYTES } from '../limits.ts';
import type { Shard } from '../shard/shard.ts';

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
