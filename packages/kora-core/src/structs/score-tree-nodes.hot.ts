/**
 * The nodes of a ScoreTree: their bytes, and the moves of columns inside and between them.
 *
 *   header, 24 B   | root ref | height | members | nodes' bytes / 8 | leaves | - |
 *   leaf           | count:16 capacity:16 | - | score f64 x capacity | member ref u32 x capacity |
 *   inner          | count:16 capacity:16 | - | separator score f64 x capacity |
 *                  | separator ref x capacity | child ref x capacity | members below x capacity |
 *
 * Why capacities of many sizes: a node takes the block that its entries need and changes it as they
 *   come and go, which keeps nodes 90 % full where halves of one size are 69 % full, and makes a
 *   tree of 65 members cheap. A leaf grows every five or so inserts: a copy of at most 700 bytes.
 * Invariants: count <= capacity; capacity is a step of the table; the columns of one index belong
 *   together. Nodes know no siblings: the path from the root does.
 * Cost: an insert or removal moves at most the columns behind it, by the kernel: those of a leaf in
 *   one call (Kernel.leafOpen, leafClose).
 */
import type { Kernel } from './kernel.ts';

/** Words of the header. */
export const TREE_ROOT = 0;
export const TREE_HEIGHT = 1;
export const TREE_COUNT = 2;
/** Sum of the nodes' bytes, in units of 8. */
export const TREE_GRANULES = 3;
export const TREE_LEAVES = 4;
export const TREE_HEADER_BYTES = 24;

/** Entries of a full leaf, and children of a full inner node: blocks of 768 and 1280 bytes. */
export const NODE_ENTRIES_MAX = 63;
/** Entries of a leaf that half a full one goes into, with room for a few. */
export const LEAF_HALF_BYTES_MAX = 448;
export const LEAF_BYTES_MAX = 768;
export const INNER_BYTES_MAX = 1280;

/** Steps of capacity, each the most that a size class of the allocator takes. */
const LEAF_STEPS = Uint8Array.of(4, 8, 15, 23, 31, 36, 42, 47, 52, 58, 63);
const INNER_STEPS = Uint8Array.of(4, 8, 15, 31, 47, 63);
const LEAF_ENTRY_BYTES = 12;
const INNER_ENTRY_BYTES = 20;
const NODE_HEADER_BYTES = 8;

/** Capacity of a leaf for `count` entries. */
export function leafCapacityFor(count: number): number {
  let step = 0;
  while (LEAF_STEPS[step]! < count) step++;
  return LEAF_STEPS[step]!;
}

/** Capacity of an inner node for `count` children. */
export function innerCapacityFor(count: number): number {
  let step = 0;
  while (INNER_STEPS[step]! < count) step++;
  return INNER_STEPS[step]!;
}

export function leafBytes(capacity: number): number {
  return NODE_HEADER_BYTES + capacity * LEAF_ENTRY_BYTES;
}

export function innerBytes(capacity: number): number {
  return NODE_HEADER_BYTES + capacity * INNER_ENTRY_BYTES;
}

/** Entries of a leaf, children of an inner node. */
export function nodeCount(i32: Int32Array, node: number): number {
  return i32[node << 1]! & 0xffff;
}

export function nodeCapacity(i32: Int32Array, node: number): number {
  return i32[node << 1]! >>> 16;
}

export function setNodeCount(i32: Int32Array, node: number, count: number): void {
  i32[node << 1] = (i32[node << 1]! & ~0xffff) | count;
}

export function startNode(i32: Int32Array, node: number, capacity: number, count: number): void {
  i32[node << 1] = (capacity << 16) | count;
  i32[(node << 1) + 1] = 0;
}

/** Word of the first member ref of a leaf, or separator ref of an inner node. */
export function refsWord(i32: Int32Array, node: number): number {
  return (node << 1) + 2 + nodeCapacity(i32, node) * 2;
}

/** Word of the first child ref. */
export function childrenWord(i32: Int32Array, node: number): number {
  return (node << 1) + 2 + nodeCapacity(i32, node) * 3;
}

/** Word of the first count of members below a child. */
export function countsWord(i32: Int32Array, node: number): number {
  return (node << 1) + 2 + nodeCapacity(i32, node) * 4;
}

/** Opens a gap of one child at `at` in an inner node that has room, and counts it. */
export function openInner(i32: Int32Array, kernel: Kernel, node: number, at: number): void {
  const moved = (nodeCount(i32, node) - at) * 4;
  if (moved > 0) {
    const step = nodeCapacity(i32, node) * 4;
    const scores = node * 8 + NODE_HEADER_BYTES + at * 8;
    const refs = (refsWord(i32, node) + at) * 4;
    kernel.copy(scores + 8, scores, moved * 2);
    kernel.copy(refs + 4, refs, moved);
    kernel.copy(refs + step + 4, refs + step, moved);
    kernel.copy(refs + step * 2 + 4, refs + step * 2, moved);
  }
  i32[node << 1]! += 1;
}

/** Closes the place of one child of an inner node. */
export function closeInner(i32: Int32Array, kernel: Kernel, node: number, at: number): void {
  const moved = (nodeCount(i32, node) - 1 - at) * 4;
  if (moved > 0) {
    const step = nodeCapacity(i32, node) * 4;
    const scores = node * 8 + NODE_HEADER_BYTES + at * 8;
    const refs = (refsWord(i32, node) + at) * 4;
    kernel.copy(scores, scores + 8, moved * 2);
    kernel.copy(refs, refs + 4, moved);
    kernel.copy(refs + step, refs + step + 4, moved);
    kernel.copy(refs + step * 2, refs + step * 2 + 4, moved);
  }
  i32[node << 1]! -= 1;
}

/** Copies `count` entries of one leaf into another, which has room there. Counts stay. */
export function copyLeaf(
  i32: Int32Array, kernel: Kernel, to: number, toAt: number, from: number, fromAt: number,
  count: number,
): void {
  const toScores = to * 8 + NODE_HEADER_BYTES + toAt * 8;
  kernel.copy(toScores, from * 8 + NODE_HEADER_BYTES + fromAt * 8, count * 8);
  kernel.copy((refsWord(i32, to) + toAt) * 4, (refsWord(i32, from) + fromAt) * 4, count * 4);
}

/** Copies `count` children of one inner node into another, which has room there. Counts stay. */
export function copyInner(
  i32: Int32Array, kernel: Kernel, to: number, toAt: number, from: number, fromAt: number,
  count: number,
): void {
  const toScores = to * 8 + NODE_HEADER_BYTES + toAt * 8;
  const toStep = nodeCapacity(i32, to) * 4;
  const fromStep = nodeCapacity(i32, from) * 4;
  const toRefs = (refsWord(i32, to) + toAt) * 4;
  const fromRefs = (refsWord(i32, from) + fromAt) * 4;
  kernel.copy(toScores, from * 8 + NODE_HEADER_BYTES + fromAt * 8, count * 8);
  kernel.copy(toRefs, fromRefs, count * 4);
  kernel.copy(toRefs + toStep, fromRefs + fromStep, count * 4);
  kernel.copy(toRefs + toStep * 2, fromRefs + fromStep * 2, count * 4);
}

/** Sum of the members below children [from, to). */
export function sumCounts(i32: Int32Array, node: number, from: number, to: number): number {
  const counts = countsWord(i32, node);
  let sum = 0;
  for (let i = counts + from; i < counts + to; i++) sum += i32[i]!;
  return sum;
}
