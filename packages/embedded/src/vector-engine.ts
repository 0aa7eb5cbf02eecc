/**
 * Gives shards the indexes and filters of @kora/vector: core knows only what it wants of them
 * (VectorEngine), and the vector package knows nothing of shards. Engine and server bring it to
 * every shard that they compose.
 */
import type {
  NearestIndex, NearestIndexOptions, RestoringIndex, VectorEngine,
} from '@kora/core';
import { readSlotFilter, SlotIndex } from '@kora/vector';

/** Nearest neighbours by @kora/vector. */
export const vectorEngine: VectorEngine = Object.freeze({
  createIndex(options: NearestIndexOptions): NearestIndex | null {
    return SlotIndex.create(options);
  },
  restoreIndex(options: NearestIndexOptions, head: Uint8Array): RestoringIndex | null {
    return SlotIndex.restoring(options, head);
  },
  parseFilter: readSlotFilter,
});
