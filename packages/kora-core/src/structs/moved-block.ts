/**
 * Moves one block out of a sparse slab: what the evacuation of every structure comes down to.
 * Invariant: the block is copied whole and freed; its owner puts the result where its ref stood.
 *   When memory is short the block stays where it is and nothing is lost.
 * Cost: O(bytes) where it moves, else one look at the slab.
 */
import type { Allocator } from './allocator.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

/**
 * @param bytes size as the block was asked for
 * @returns the block, or its copy when it lay in a sparse slab and there was memory
 */
export function movedBlock(
  memory: WorkerMemory, allocator: Allocator, block: number, bytes: number,
): number {
  if (!allocator.isSparse(block)) return block;
  const fresh = allocator.alloc(bytes);
  if (fresh === 0) return block;
  memory.kernel.copy(fresh * 8, block * 8, bytes);
  allocator.free(block);
  return fresh;
}
