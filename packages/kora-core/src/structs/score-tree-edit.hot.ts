/**
 * Changing a ScoreTree: nodes grow, split, shrink, merge and go. The path that a search left
 * (score-tree-path.hot.ts) says where; it is void afterwards.
 *
 *   full leaf      takes a bigger block; at 63 entries it splits in halves, but at the tree's ends
 *                  the new pair starts a leaf of its own, so that sorted loads stay dense
 *   thin leaf      below MERGE_BELOW entries joins a neighbour under the same parent when both
 *                  together stay below JOINED_MAX; half empty it takes a smaller block
 *   empty leaf     goes, and so do inner nodes without children; a root with one child goes
 *
 * Invariants: those of the path; adding never fails after ScoreTree.reserveAdd; removing never
 *   fails and never takes memory that a reserve has promised: it shrinks only where there is more.
 * Cost: O(height) nodes, one column moved in each; a split every 31 inserts at most.
 */
import { assert } from '../assert.ts';
import type { Allocator } from './allocator.hot.ts';
import {
  NODE_ENTRIES_MAX, TREE_COUNT, TREE_GRANULES, TREE_HEIGHT, TREE_LEAVES, TREE_ROOT, childrenWord,
  closeInner, copyInner, copyLeaf, countsWord, innerBytes, innerCapacityFor, leafBytes,
  leafCapacityFor, nodeCapacity, nodeCount, openInner, refsWord, setNodeCount, startNode,
  sumCounts,
} from './score-tree-nodes.hot.ts';
import type { ScoreTreePath } from './score-tree-path.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** A leaf, or inner node, with fewer entries looks for a neighbour to join ... */
const LEAF_MERGE_BELOW = 21;
const INNER_MERGE_BELOW = 16;
/** ... with which it has at most so many. */
const JOINED_MAX = 48;
const HALF = 32;
/** A tree with so many leaves gives a new one at its end its full size: loads in order fill it. */
const EAGER_LEAVES_MIN = 8;
/** Entries that a node which shrank or was joined has room for: reserveAdd counts on it. */
const SLACK = 2;

export class ScoreTreeEdit {
  readonly memory: WorkerMemory;
  readonly allocator: Allocator;
  readonly path: ScoreTreePath;
  /** Nodes taken from the allocator: the work of this object. */
  readonly built: Float64Array;

  constructor(memory: WorkerMemory, allocator: Allocator, path: ScoreTreePath) {
    this.memory = memory;
    this.allocator = allocator;
    this.path = path;
    this.built = new Float64Array(1);
  }

  /** A node, accounted in the header; 0 when memory is short. */
  newNode(header: number, bytes: number, capacity: number, count: number): number {
    const node = this.allocator.alloc(bytes);
    if (node === 0) return 0;
    const i32 = this.memory.i32;
    startNode(i32, node, capacity, count);
    i32[(header << 1) + TREE_GRANULES]! += this.allocator.sizeOf(node) >>> 3;
    this.built[0]! += 1;
    return node;
  }

  freeNode(header: number, node: number): void {
    this.memory.i32[(header << 1) + TREE_GRANULES]! -= this.allocator.sizeOf(node) >>> 3;
    this.allocator.free(node);
  }

  /** Puts the wanted pair at the path, which leads to where it belongs. */
  insert(header: number): void {
    const path = this.path;
    let i32 = this.memory.i32;
    i32[(header << 1) + TREE_COUNT]! += 1;
    for (let depth = 0; depth < path.height; depth++) {
      i32[countsWord(i32, path.node[depth]!) + path.index[depth]!]! += 1;
    }
    const leaf = path.leaf;
    const at = path.position;
    const count = nodeCount(i32, leaf);
    if (count === NODE_ENTRIES_MAX) {
      this.splitLeaf(header);
      return;
    }
    let target = leaf;
    if (count === nodeCapacity(i32, leaf)) {
      target = this.resizeLeaf(header, leaf, leafCapacityFor(count + 1));
      assert(target !== 0, 'the memory for an add was reserved');
      i32 = this.memory.i32;
    }
    this.writePair(target, at);
  }

  /** Takes the pair at the path out. */
  remove(header: number): void {
    const path = this.path;
    const i32 = this.memory.i32;
    const leaf = path.leaf;
    const height = path.height;
    this.memory.kernel.leafClose(leaf, path.position);
    i32[(header << 1) + TREE_COUNT]! -= 1;
    for (let depth = 0; depth < height; depth++) {
      i32[countsWord(i32, path.node[depth]!) + path.index[depth]!]! -= 1;
    }
    const count = nodeCount(i32, leaf);
    if (count === 0 && height > 0) {
      this.freeNode(header, leaf);
      i32[(header << 1) + TREE_LEAVES]! -= 1;
      this.cutChild(header, height - 1, path.index[height - 1]!);
      return;
    }
    if (path.position === 0 && count > 0) this.fixSeparator(height - 1, leaf);
    if (count < LEAF_MERGE_BELOW && height > 0 && this.mergeLeaf(header, count)) return;
    if (count * 2 <= nodeCapacity(i32, leaf)) {
      this.shrinkLeaf(header, leaf, count);
    }
  }

  /** The first pair of the path's leaf is another one: tells the separator that names it. */
  fixSeparator(from: number, leaf: number): void {
    const i32 = this.memory.i32;
    this.setSeparator(from, this.memory.f64[leaf + 1]!, i32[refsWord(i32, leaf)]!);
  }

  /** Puts `fresh` in the place of `node`, which hangs at depth `depth` of the path. */
  replaceNode(header: number, depth: number, fresh: number): void {
    const path = this.path;
    const i32 = this.memory.i32;
    if (depth === 0) {
      i32[(header << 1) + TREE_ROOT] = fresh;
    } else {
      const parent = path.node[depth - 1]!;
      i32[childrenWord(i32, parent) + path.index[depth - 1]!] = fresh;
    }
    if (depth < path.height) path.node[depth] = fresh;
    else path.leaf = fresh;
  }

  // ------------------------------------------------------------------ leaves

  private writePair(leaf: number, at: number): void {
    const i32 = this.memory.i32;
    this.memory.kernel.leafOpen(leaf, at);
    this.memory.f64[leaf + 1 + at] = this.path.score[0]!;
    i32[refsWord(i32, leaf) + at] = this.path.ref;
  }

  /** Moves the path's leaf to a block of another capacity; 0 when memory is short. */
  private resizeLeaf(header: number, leaf: number, capacity: number): number {
    const count = nodeCount(this.memory.i32, leaf);
    const fresh = this.newNode(header, leafBytes(capacity), capacity, count);
    if (fresh === 0) return 0;
    copyLeaf(this.memory.i32, this.memory.kernel, fresh, 0, leaf, 0, count);
    this.replaceNode(header, this.path.height, fresh);
    this.freeNode(header, leaf);
    return fresh;
  }

  private shrinkLeaf(header: number, leaf: number, count: number): void {
    const capacity = leafCapacityFor(count + SLACK);
    if (capacity >= nodeCapacity(this.memory.i32, leaf)) return;
    if (!this.allocator.reserveBeside(1, leafBytes(capacity))) return;
    this.resizeLeaf(header, leaf, capacity);
  }

  /** Puts the pair into the path's full leaf by making two of it. */
  private splitLeaf(header: number): void {
    const path = this.path;
    const leaf = path.leaf;
    const at = path.position;
    const height = path.height;
    this.memory.i32[(header << 1) + TREE_LEAVES]! += 1;
    let left = leaf;
    let right = leaf;
    if (at === NODE_ENTRIES_MAX && path.isRightmost(height)) {
      const leaves = this.memory.i32[(header << 1) + TREE_LEAVES]!;
      right = this.newLeaf(header, leaf, 0, 0, leaves < EAGER_LEAVES_MIN ? 1 : NODE_ENTRIES_MAX);
      this.writePair(right, 0);
    } else if (at === 0) { // The tree's first leaf: elsewhere the separator stands before it.
      left = this.newLeaf(header, leaf, 0, 0, 1);
      this.writePair(left, 0);
      this.replaceNode(header, height, left);
    } else {
      const keep = at < HALF ? HALF - 1 : HALF;
      left = this.newLeaf(header, leaf, 0, keep, keep + 1);
      const rest = NODE_ENTRIES_MAX - keep;
      right = this.newLeaf(header, leaf, keep, rest, rest + 1);
      if (at < HALF) this.writePair(left, at);
      else this.writePair(right, at - keep);
      this.replaceNode(header, height, left);
      this.freeNode(header, leaf);
    }
    const i32 = this.memory.i32;
    const first = i32[refsWord(i32, right)]!;
    this.insertChild(
      header, height - 1, left, right, this.memory.f64[right + 1]!, first, nodeCount(i32, right),
    );
  }

  /** A leaf with `count` entries of `leaf`, from `from` on, and room for `entries` in all. */
  private newLeaf(
    header: number, leaf: number, from: number, count: number, entries: number,
  ): number {
    const capacity = leafCapacityFor(entries);
    const fresh = this.newNode(header, leafBytes(capacity), capacity, count);
    assert(fresh !== 0, 'the memory for an add was reserved');
    if (count > 0) copyLeaf(this.memory.i32, this.memory.kernel, fresh, 0, leaf, from, count);
    return fresh;
  }

  /** Joins the path's thin leaf with a neighbour; false when none is thin enough. */
  private mergeLeaf(header: number, count: number): boolean {
    const path = this.path;
    const depth = path.height - 1;
    const parent = path.node[depth]!;
    const at = path.index[depth]!;
    const i32 = this.memory.i32;
    const counts = countsWord(i32, parent);
    const canRight = at + 1 < nodeCount(i32, parent) && count + i32[counts + at + 1]! <= JOINED_MAX;
    if (!canRight && (at === 0 || count + i32[counts + at - 1]! > JOINED_MAX)) return false;
    const leftAt = canRight ? at : at - 1;
    return this.joinLeaves(header, depth, leftAt);
  }

  /** Makes children `leftAt` and the one behind it one leaf. */
  private joinLeaves(header: number, depth: number, leftAt: number): boolean {
    const path = this.path;
    const parent = path.node[depth]!;
    let i32 = this.memory.i32;
    const children = childrenWord(i32, parent);
    let left = i32[children + leftAt]!;
    const right = i32[children + leftAt + 1]!;
    const leftCount = nodeCount(i32, left);
    const rightCount = nodeCount(i32, right);
    const sum = leftCount + rightCount;
    if (nodeCapacity(i32, left) < sum + SLACK) {
      const capacity = leafCapacityFor(sum + SLACK);
      if (!this.allocator.reserveBeside(1, leafBytes(capacity))) return false;
      path.index[depth] = leftAt;
      path.leaf = left;
      left = this.resizeLeaf(header, left, capacity);
      i32 = this.memory.i32;
      if (left === 0) return true; // Nothing changed, and nothing smaller is to be had either.
    }
    copyLeaf(i32, this.memory.kernel, left, leftCount, right, 0, rightCount);
    setNodeCount(i32, left, sum);
    i32[countsWord(i32, parent) + leftAt]! += rightCount;
    this.freeNode(header, right);
    i32[(header << 1) + TREE_LEAVES]! -= 1;
    this.cutChild(header, depth, leftAt + 1);
    return true;
  }

  // ------------------------------------------------------------------ inner nodes

  /**
   * Hangs `right` behind the child that the path took at `depth`, which is `left` now; of that
   * child's members, `rightCount` are in `right`.
   */
  private insertChild(
    header: number, depth: number, left: number, right: number, score: number, ref: number,
    rightCount: number,
  ): void {
    if (depth < 0) {
      this.newRoot(header, left, right, score, ref, rightCount);
      return;
    }
    const path = this.path;
    const kernel = this.memory.kernel;
    let node = path.node[depth]!;
    let i32 = this.memory.i32;
    i32[countsWord(i32, node) + path.index[depth]!]! -= rightCount;
    let at = path.index[depth]! + 1;
    const count = nodeCount(i32, node);
    if (count === NODE_ENTRIES_MAX) {
      const keep = at === count && path.isRightmost(depth) ? count : HALF;
      const moved = count - keep;
      const other = this.newInner(header, moved + 1);
      i32 = this.memory.i32;
      copyInner(i32, kernel, other, 0, node, keep, moved);
      setNodeCount(i32, other, moved);
      setNodeCount(i32, node, keep);
      const goesRight = at > keep || moved === 0;
      this.putChild(goesRight ? other : node, goesRight ? at - keep : at, right, score, ref,
        rightCount);
      this.insertChild(
        header, depth - 1, node, other, this.memory.f64[other + 1]!, i32[refsWord(i32, other)]!,
        sumCounts(i32, other, 0, nodeCount(i32, other)),
      );
      return;
    }
    if (count === nodeCapacity(i32, node)) {
      node = this.resizeInner(header, depth, innerCapacityFor(count + 1));
      assert(node !== 0, 'the memory for an add was reserved');
      at = path.index[depth]! + 1;
    }
    this.putChild(node, at, right, score, ref, rightCount);
  }

  private putChild(
    node: number, at: number, child: number, score: number, ref: number, count: number,
  ): void {
    const i32 = this.memory.i32;
    openInner(i32, this.memory.kernel, node, at);
    this.memory.f64[node + 1 + at] = score;
    i32[refsWord(i32, node) + at] = ref;
    i32[childrenWord(i32, node) + at] = child;
    i32[countsWord(i32, node) + at] = count;
  }

  private newInner(header: number, count: number): number {
    const capacity = innerCapacityFor(count);
    const node = this.newNode(header, innerBytes(capacity), capacity, 0);
    assert(node !== 0, 'the memory for an add was reserved');
    return node;
  }

  private newRoot(
    header: number, left: number, right: number, score: number, ref: number, rightCount: number,
  ): void {
    const root = this.newInner(header, 2);
    const i32 = this.memory.i32;
    const leftCount = i32[(header << 1) + TREE_COUNT]! - rightCount;
    this.putChild(root, 0, left, score, ref, leftCount); // Separator 0 is never read.
    this.putChild(root, 1, right, score, ref, rightCount);
    i32[(header << 1) + TREE_ROOT] = root;
    i32[(header << 1) + TREE_HEIGHT]! += 1;
  }

  /** Moves the path's inner node at `depth` to a block of another capacity; 0: memory is short. */
  private resizeInner(header: number, depth: number, capacity: number): number {
    const node = this.path.node[depth]!;
    const count = nodeCount(this.memory.i32, node);
    const fresh = this.newNode(header, innerBytes(capacity), capacity, count);
    if (fresh === 0) return 0;
    copyInner(this.memory.i32, this.memory.kernel, fresh, 0, node, 0, count);
    this.replaceNode(header, depth, fresh);
    this.freeNode(header, node);
    return fresh;
  }

  /** Sets the separator that stands for the first pair below the path's child at `from`. */
  private setSeparator(from: number, score: number, ref: number): void {
    const path = this.path;
    for (let depth = from; depth >= 0; depth--) {
      const at = path.index[depth]!;
      if (at === 0) continue;
      const i32 = this.memory.i32;
      const node = path.node[depth]!;
      this.memory.f64[node + 1 + at] = score;
      i32[refsWord(i32, node) + at] = ref;
      return;
    }
  }

  /** Forgets child `at` of the path's node at `depth`: it, or its members, went. */
  private cutChild(header: number, depth: number, at: number): void {
    const path = this.path;
    const i32 = this.memory.i32;
    const node = path.node[depth]!;
    closeInner(i32, this.memory.kernel, node, at);
    const count = nodeCount(i32, node);
    if (count === 0) {
      assert(depth > 0, 'a root of a high tree has two children');
      this.freeNode(header, node);
      this.cutChild(header, depth - 1, path.index[depth - 1]!);
      return;
    }
    if (at === 0) {
      this.setSeparator(depth - 1, this.memory.f64[node + 1]!, i32[refsWord(i32, node)]!);
    }
    if (depth === 0) {
      this.dropThinRoots(header);
      return;
    }
    if (count < INNER_MERGE_BELOW && this.mergeInner(header, depth, count)) return;
    if (count * 2 > nodeCapacity(i32, node)) return;
    const capacity = innerCapacityFor(count + SLACK);
    if (capacity >= nodeCapacity(i32, node)) return;
    if (this.allocator.reserveBeside(1, innerBytes(capacity))) {
      this.resizeInner(header, depth, capacity);
    }
  }

  private dropThinRoots(header: number): void {
    const i32 = this.memory.i32;
    const word = header << 1;
    while (i32[word + TREE_HEIGHT]! > 0 && nodeCount(i32, i32[word + TREE_ROOT]!) === 1) {
      const root = i32[word + TREE_ROOT]!;
      i32[word + TREE_ROOT] = i32[childrenWord(i32, root)]!;
      i32[word + TREE_HEIGHT]! -= 1;
      this.freeNode(header, root);
    }
  }

  /** Joins the path's thin inner node at `depth` with a neighbour; false when none is thin. */
  private mergeInner(header: number, depth: number, count: number): boolean {
    const path = this.path;
    const parent = path.node[depth - 1]!;
    const at = path.index[depth - 1]!;
    const i32 = this.memory.i32;
    const children = childrenWord(i32, parent);
    if (at + 1 < nodeCount(i32, parent)) {
      const sum = count + nodeCount(i32, i32[children + at + 1]!);
      if (sum <= JOINED_MAX) return this.joinInner(header, depth, at, sum);
    }
    if (at === 0) return false;
    const sum = count + nodeCount(i32, i32[children + at - 1]!);
    return sum <= JOINED_MAX && this.joinInner(header, depth, at - 1, sum);
  }

  /** Makes children `leftAt` and the one behind it, of the node above `depth`, one inner node. */
  private joinInner(header: number, depth: number, leftAt: number, sum: number): boolean {
    const path = this.path;
    const parent = path.node[depth - 1]!;
    let i32 = this.memory.i32;
    let left = i32[childrenWord(i32, parent) + leftAt]!;
    const right = i32[childrenWord(i32, parent) + leftAt + 1]!;
    if (nodeCapacity(i32, left) < sum) {
      const capacity = innerCapacityFor(sum + SLACK);
      if (!this.allocator.reserveBeside(1, innerBytes(capacity))) return false;
      path.index[depth - 1] = leftAt;
      path.node[depth] = left;
      left = this.resizeInner(header, depth, capacity);
      i32 = this.memory.i32;
      if (left === 0) return true; // As with leaves.
    }
    const leftCount = nodeCount(i32, left);
    const rightCount = sum - leftCount;
    copyInner(i32, this.memory.kernel, left, leftCount, right, 0, rightCount);
    setNodeCount(i32, left, sum);
    // The right one's separator 0 may be stale; the parent's says what its first pair is.
    this.memory.f64[left + 1 + leftCount] = this.memory.f64[parent + 1 + leftAt + 1]!;
    i32[refsWord(i32, left) + leftCount] = i32[refsWord(i32, parent) + leftAt + 1]!;
    const counts = countsWord(i32, parent);
    i32[counts + leftAt]! += i32[counts + leftAt + 1]!;
    this.freeNode(header, right);
    this.cutChild(header, depth - 1, leftAt + 1);
    return true;
  }
}
