/**
 * The kernel's loops over nodes of a score tree in plain TypeScript: oracle of the WebAssembly
 * form, and its stand-in. Layout: score-tree-nodes.hot.ts.
 *
 *   leaf   | count:16 capacity:16 | - | score f64 x capacity | member ref u32 x capacity |
 *
 * Invariant: a leaf that is opened has room; what stands behind the count is never read.
 * Cost: nodeScoresBelow O(log n); open and close move both columns behind the place.
 */

/** First index from `from` on whose score is not below `score`; the count when there is none. */
export function nodeScoresBelow(
  i32: Int32Array, f64: Float64Array, node: number, from: number, score: number,
): number {
  let low = from;
  let high = i32[node << 1]! & 0xffff;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (f64[node + 1 + middle]! < score) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Opens a gap of one entry at `index`, and counts it. */
export function leafOpen(i32: Int32Array, node: number, index: number): void {
  const word = node << 1;
  const count = i32[word]! & 0xffff;
  const scores = word + 2;
  const refs = scores + (i32[word]! >>> 16) * 2;
  i32.copyWithin(scores + (index + 1) * 2, scores + index * 2, scores + count * 2);
  i32.copyWithin(refs + index + 1, refs + index, refs + count);
  i32[word]! += 1;
}

/** Closes the place of one entry. */
export function leafClose(i32: Int32Array, node: number, index: number): void {
  const word = node << 1;
  const count = i32[word]! & 0xffff;
  const scores = word + 2;
  const refs = scores + (i32[word]! >>> 16) * 2;
  i32.copyWithin(scores + index * 2, scores + (index + 1) * 2, scores + count * 2);
  i32.copyWithin(refs + index, refs + index + 1, refs + count);
  i32[word]! -= 1;
}
