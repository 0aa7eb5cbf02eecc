/**
 * Recall of an index, measured against its own exact search. An answer counts when it is as near as
 * the last true one, so equal vectors may stand for each other.
 */
import type { VectorIndex } from '../vector-index.ts';

/** Share of the true k nearest that a search finds, over all queries; 0..1. */
export function recallOf(
  index: VectorIndex, queries: readonly Float32Array[], k = 10,
  options: { readonly ef?: number; readonly filter?: string } = {},
): number {
  let found = 0;
  let wanted = 0;
  for (const query of queries) {
    const truth = index.search(query, k, { ...options, exact: true });
    const bound = (truth.at(-1)?.distance ?? -Infinity) + 1e-6;
    const hits = index.search(query, k, options);
    wanted += truth.length;
    found += hits.filter((hit) => hit.distance <= bound).length;
  }
  return wanted === 0 ? 1 : found / wanted;
}

/** Fault code of the first broken graph, else how many live vectors nothing names. */
export function graphFault(index: VectorIndex): number {
  let alone = 0;
  for (const { segment } of index.parts()) {
    const result = segment.engine.calls.check();
    if (result < 0) return result;
    alone += result;
  }
  return alone;
}
