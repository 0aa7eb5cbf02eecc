/**
 * What a worker needs to find the others: plain data that goes to its thread. Memories are shared,
 * so every worker reads and writes the same bytes; who may touch which is the rings' business.
 */

import { MemoryBudget } from '@kora/core';
import { ProcessWords } from './process-words.ts';

/** One worker's view of the mesh. */
export interface MeshPlan {
  /** This worker, 0 … workerCount - 1. */
  readonly index: number;
  readonly workerCount: number;
  /** Of the MeshControl. */
  readonly control: SharedArrayBuffer;
  /** Of the MemoryBudget: `maxmemory` bounds all workers together. */
  readonly budget: SharedArrayBuffer;
  /** The memory of each worker, made before any of them starts. */
  readonly memories: readonly WebAssembly.Memory[];
  /** Bytes of the low region of each. */
  readonly lowBytes: number;
  /** Words that belong to the whole process (ProcessWords). */
  readonly words: SharedArrayBuffer;
}

/** What a shard of the mesh is composed with. */
export function placeOf(plan: MeshPlan): {
  readonly place: { readonly index: number; readonly count: number };
  readonly budget: MemoryBudget;
  readonly pauseWords: Float64Array;
} {
  return {
    place: { index: plan.index, count: plan.workerCount },
    budget: new MemoryBudget(plan.budget),
    pauseWords: new ProcessWords(plan.workerCount, plan.words).pause,
  };
}
