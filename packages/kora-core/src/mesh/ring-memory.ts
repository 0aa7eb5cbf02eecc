/**
 * Rings in a worker's low memory: the receiver makes one per peer and lane before it reports that
 * it is ready, and frees them when no peer writes any more. A block starts on a multiple of 8, so a
 * ring's has a line more than it needs, to start on a line.
 */
import { assert } from '../assert.ts';
import { RING_DATA_BYTES } from '../limits.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';
import { LINE_BYTES, formatRing, ringBytes } from './ring-layout.ts';

/** A ring, and the block it lies in. */
export interface RingMemory {
  /** Byte offset of the ring in low memory: what `MeshControl.setRingAt` tells the writer. */
  readonly ringAt: number;
  /** The block of the low allocator, for `freeRing`. */
  readonly ref: number;
}

/**
 * Makes an empty ring in a worker's low memory.
 * @param dataBytes a power of two; what a message may be long is half of it or MESSAGE_BYTES_MAX
 * @param position where its positions start; for tests of their wrap-around
 * @returns null when the low region has no room
 */
export function createRing(
  memory: WorkerMemory, dataBytes: number = RING_DATA_BYTES, position = 0,
): RingMemory | null {
  const ref = memory.lowAllocator.alloc(ringBytes(dataBytes) + LINE_BYTES);
  if (ref === 0) return null;
  const ringAt = Math.ceil((ref * 8) / LINE_BYTES) * LINE_BYTES;
  formatRing(memory.i32, ringAt, dataBytes, position);
  return { ringAt, ref };
}

/** Gives a ring's bytes back. No writer may know of it any more. */
export function freeRing(memory: WorkerMemory, ring: RingMemory): void {
  assert(ring.ref !== 0, 'a ring has a block');
  memory.lowAllocator.free(ring.ref);
}

/**
 * A peer's low memory as words, for a RingWriter: made once, since growing neither moves nor
 * detaches it.
 */
export function lowWordsOf(memory: WebAssembly.Memory, lowBytes: number): Int32Array {
  return new Int32Array(memory.buffer, 0, lowBytes / 4);
}
