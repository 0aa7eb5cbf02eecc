/**
 * B+tree with counts over (score, member): the ordered half of a big sorted set, and the index of a
 * stream. It holds refs of members (blocks under any header of entry.hot.ts) and never owns them.
 * Order: by score, ties by the members' key bytes as memcmp, a prefix first. Nodes are drawn in
 *   score-tree-nodes.hot.ts, searches in -path, splits and merges in -edit.
 *
 * Why not a skip list: 2 to 4 times slower, and 31.7 against 13.5 bytes a member at 1 M.
 * Invariants: pairs strictly ascend; every inner count equals the members below; each separator but
 *   the first is the first pair below its child; a root that is no leaf has two children or more.
 * Cost: add, remove, rank O(log n), height 3 at 1 M members; about 14 bytes a member. Nothing is
 *   O(n) but destroy and check; freeSlice and evacuate do that in slices.
 * Source: Bayer and McCreight 1972; counts as in order-statistic trees (CLRS 14.1).
 */
import { assert } from '../assert.ts';
import type { Allocator } from './allocator.hot.ts';
import { entryKeyAt, entryKeyBytes } from './entry.hot.ts';
import { ScoreTreeEdit } from './score-tree-edit.hot.ts';
import {
  INNER_BYTES_MAX, LEAF_BYTES_MAX, LEAF_HALF_BYTES_MAX, TREE_COUNT, TREE_GRANULES,
  TREE_HEADER_BYTES, TREE_HEIGHT, TREE_LEAVES, TREE_ROOT, childrenWord, copyInner, copyLeaf,
  countsWord, innerBytes, leafBytes, leafCapacityFor, nodeCapacity, nodeCount, refsWord,
  setNodeCount,
} from './score-tree-nodes.hot.ts';
import { ScoreTreePath, TREE_HEIGHT_MAX } from './score-tree-path.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** Leaves that one call of {@link ScoreTree.evacuate} looks at. */
export const EVACUATED_LEAVES_MAX = 64;
/** Adds that a leaf takes at least between two changes of its block: the slack of each change. */
const ADDS_PER_CHANGE_MIN = 3;
/** Adds that a leaf takes at least between two splits, even when it was joined in between. */
const ADDS_PER_SPLIT_MIN = 15;
/** Children that an inner node takes at least between two splits. */
const CHILDREN_PER_SPLIT_MIN = 15;
/** Bytes of what an add makes of its leaf: a bigger one, or two halves. */
const LEAF_CHANGE_BYTES_MAX: number = Math.max(LEAF_BYTES_MAX, LEAF_HALF_BYTES_MAX * 2);
/** Height that a fresh tree does not pass by the adds of one command. */
const FRESH_HEIGHT = 4;

/** Changes of leaves' blocks by `count` adds: the first of each leaf may come at once. */
function leafChangesMax(count: number, leaves: number): number {
  return Math.min(count, leaves + Math.ceil(count / ADDS_PER_CHANGE_MIN));
}

/**
 * Inner nodes that `count` adds make: one for each new leaf on the lowest level, and above it one
 * for each node that splits; a full one may split at once.
 */
function innerChangesMax(count: number, leaves: number, height: number): number {
  const newLeaves = Math.min(count, leaves + Math.ceil(count / ADDS_PER_SPLIT_MIN));
  const again = Math.ceil(newLeaves / CHILDREN_PER_SPLIT_MIN);
  const splits = Math.min(newLeaves, 1 + (leaves >>> 5) + again);
  return newLeaves + splits * (height + 2);
}

/** A flyweight: one object can be bound to any header of its memory. Owner: the memory's thread. */
export class ScoreTree {
  readonly memory: WorkerMemory;
  readonly allocator: Allocator;
  /** Ref of the bound header, 0 when none is. Set by create, bind and what frees it only. */
  header: number;
  readonly #path: ScoreTreePath;
  readonly #edit: ScoreTreeEdit;
  /** Of a check: leaves, and bytes of nodes in units of 8. */
  readonly #sums: Int32Array;

  constructor(memory: WorkerMemory, allocator: Allocator) {
    this.memory = memory;
    this.allocator = allocator;
    this.header = 0;
    this.#path = new ScoreTreePath(memory);
    this.#edit = new ScoreTreeEdit(memory, allocator, this.#path);
    this.#sums = new Int32Array(2);
  }

  /** Makes an empty tree and binds to it. @returns its header; 0: no memory, nothing leaks */
  create(): number {
    const header = this.allocator.alloc(TREE_HEADER_BYTES);
    if (header === 0) return 0;
    const word = header << 1;
    this.memory.kernel.fill(header * 8, 0, TREE_HEADER_BYTES);
    const capacity = leafCapacityFor(0);
    const leaf = this.#edit.newNode(header, leafBytes(capacity), capacity, 0);
    if (leaf === 0) {
      this.allocator.free(header);
      return 0;
    }
    const i32 = this.memory.i32;
    i32[word + TREE_ROOT] = leaf;
    i32[word + TREE_LEAVES] = 1;
    this.header = header;
    return header;
  }

  /** Makes this object a window on the tree with that header; 0 unbinds. */
  bind(header: number): void {
    this.header = header;
  }

  /** Frees nodes and header, not the members, and unbinds. O(nodes). */
  destroy(): void {
    while (!this.freeSlice(TREE_HEIGHT_MAX));
  }

  /** Members in the tree. */
  count(): number {
    return this.memory.i32[(this.header << 1) + TREE_COUNT]!;
  }

  /** Bytes of header and nodes, as the allocator accounts them. */
  heldBytes(): number {
    const granules = this.memory.i32[(this.header << 1) + TREE_GRANULES]! >>> 0;
    return TREE_HEADER_BYTES + granules * 8;
  }

  /** Nodes that searches read and nodes that were made, by this object so far; for tests. */
  work(): number {
    return this.#path.visits[0]! + this.#edit.built[0]!;
  }

  /** After true, `count` adds or moves and that many other blocks and bytes cannot fail. */
  reserveAdd(count: number, extraBlocks: number, extraBytes: number): boolean {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    const leaves = i32[word + TREE_LEAVES]!;
    const height = i32[word + TREE_HEIGHT]!;
    const changed = leafChangesMax(count, leaves);
    const inner = innerChangesMax(count, leaves, height);
    return this.allocator.reserve(
      changed * 2 + inner + extraBlocks,
      changed * LEAF_CHANGE_BYTES_MAX + inner * INNER_BYTES_MAX + extraBytes,
    );
  }

  /** Blocks that a tree not yet made and `count` adds to it take at most: for a reserve. */
  freshBlocks(count: number): number {
    return 2 + leafChangesMax(count, 1) * 2 + innerChangesMax(count, 1, FRESH_HEIGHT);
  }

  /** Bytes of {@link freshBlocks}. */
  freshBytes(count: number): number {
    const changed = leafChangesMax(count, 1);
    const inner = innerChangesMax(count, 1, FRESH_HEIGHT);
    return LEAF_BYTES_MAX + changed * LEAF_CHANGE_BYTES_MAX + inner * INNER_BYTES_MAX;
  }

  // ------------------------------------------------------------------ changes

  /** Adds a pair that is absent. The caller reserved ({@link reserveAdd}). */
  add(score: number, ref: number): void {
    this.#path.wantPair(score, ref);
    this.#path.toPair(this.header);
    this.#edit.insert(this.header);
  }

  /** As add, for a pair behind all others: nothing is searched. */
  append(score: number, ref: number): void {
    const path = this.#path;
    path.wantPair(score, ref);
    path.toEnd(this.header);
    path.position++;
    this.#edit.insert(this.header);
  }

  /** Takes a pair out; false when it is not there. Never fails, never takes reserved memory. */
  remove(score: number, ref: number): boolean {
    if (!this.#find(score, ref)) return false;
    this.#edit.remove(this.header);
    return true;
  }

  /** Takes the pair under the cursor out; void afterwards. Never fails, as remove. */
  removeCursor(): void {
    this.#edit.remove(this.header);
  }

  /**
   * Gives a member of `score` another one. The caller reserved one add. Where the neighbours in the
   * leaf leave it its place, nothing moves.
   */
  move(score: number, ref: number, newScore: number): void {
    const isFound = this.#find(score, ref);
    assert(isFound, 'a moved member is in the tree');
    const f64 = this.memory.f64;
    const leaf = this.#path.leaf;
    const at = leaf + 1 + this.#path.position;
    const isInside = this.#path.position > 0
      && this.#path.position + 1 < nodeCount(this.memory.i32, leaf);
    if (isInside && f64[at - 1]! < newScore && newScore < f64[at + 1]!) {
      f64[at] = newScore;
      return;
    }
    this.#edit.remove(this.header);
    this.add(newScore, ref);
  }

  /** Puts another block of the same key in the place of `ref`, whose bytes are still there. */
  replaceRef(score: number, ref: number, newRef: number): void {
    const isFound = this.#find(score, ref);
    assert(isFound, 'a replaced member is in the tree');
    const i32 = this.memory.i32;
    const path = this.#path;
    i32[refsWord(i32, path.leaf) + path.position] = newRef;
    if (path.position === 0) this.#edit.fixSeparator(path.height - 1, path.leaf);
  }

  #find(score: number, ref: number): boolean {
    this.#path.wantPair(score, ref);
    return this.#path.toMember(this.header);
  }

  // ------------------------------------------------------------------ ranks

  /** 0-based rank of a pair; where it would stand when it is not there. */
  rankOf(score: number, ref: number): number {
    this.#path.wantPair(score, ref);
    return this.#path.rank(this.header, false);
  }

  /** Members below the score; with `isAfterEqual` those of the score too. */
  rankOfScore(score: number, isAfterEqual: boolean): number {
    this.#path.wantScore(score);
    return this.#path.rank(this.header, isAfterEqual);
  }

  /** Members below (score, key); with `isAfterEqual` the one that equals it too. */
  rankOfKey(score: number, keyAt: number, keyBytes: number, isAfterEqual: boolean): number {
    this.#path.wantKey(score, keyAt, keyBytes);
    return this.#path.rank(this.header, isAfterEqual);
  }

  // ------------------------------------------------------------------ walking

  /** Puts the cursor on a rank; false when there is none. Calls other than those below void it. */
  seek(rank: number): boolean {
    const count = this.count();
    if (rank < 0 || rank >= count) return false;
    if (rank === count - 1) this.#path.toEnd(this.header);
    else this.#path.toRank(this.header, rank);
    return true;
  }

  cursorScore(): number {
    return this.memory.f64[this.#path.leaf + 1 + this.#path.position]!;
  }

  cursorRef(): number {
    const i32 = this.memory.i32;
    return i32[refsWord(i32, this.#path.leaf) + this.#path.position]!;
  }

  /** Ref so many places from the cursor in its leaf, 0 when that is beyond it. */
  neighbour(steps: number): number {
    const i32 = this.memory.i32;
    const path = this.#path;
    const at = path.position + steps;
    if (at < 0 || at >= nodeCount(i32, path.leaf)) return 0;
    return i32[refsWord(i32, path.leaf) + at]!;
  }

  /** Moves the cursor up; false at the end, where it stays. */
  next(): boolean {
    const path = this.#path;
    if (path.position + 1 < nodeCount(this.memory.i32, path.leaf)) {
      path.position++;
      return true;
    }
    return path.nextLeaf();
  }

  /** Moves the cursor down; false at the start, where it stays. */
  previous(): boolean {
    const path = this.#path;
    if (path.position > 0) {
      path.position--;
      return true;
    }
    return path.previousLeaf();
  }

  /**
   * Writes up to `count` refs from a rank upwards into `out`. The caller should read a word of each
   * block before it works on the first, so that their cache misses overlap.
   * @returns how many
   */
  collect(rank: number, count: number, out: Int32Array): number {
    if (count <= 0 || !this.seek(rank)) return 0;
    const i32 = this.memory.i32;
    const path = this.#path;
    let done = 0;
    do {
      const refs = refsWord(i32, path.leaf);
      const here = Math.min(nodeCount(i32, path.leaf) - path.position, count - done);
      const first = refs + path.position;
      for (let i = first; i < first + here; i++) out[done++] = i32[i]!;
    } while (done < count && path.nextLeaf());
    return done;
  }

  /** As collect, from a rank downwards. */
  collectBack(rank: number, count: number, out: Int32Array): number {
    if (count <= 0 || !this.seek(rank)) return 0;
    const i32 = this.memory.i32;
    const path = this.#path;
    let done = 0;
    do {
      const refs = refsWord(i32, path.leaf);
      const here = Math.min(path.position + 1, count - done);
      const last = refs + path.position;
      for (let i = last; i > last - here; i--) out[done++] = i32[i]!;
    } while (done < count && path.previousLeaf());
    return done;
  }

  // ------------------------------------------------------------------ background

  /**
   * Frees about `nodesMax` nodes of a tree that nobody uses any more; nothing else may be asked of
   * it then. @returns true when all and the header are gone; the window is unbound then
   */
  freeSlice(nodesMax: number): boolean {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    const height = i32[word + TREE_HEIGHT]!;
    for (let freed = 0; freed < nodesMax; freed++) {
      let parent = 0;
      let node = i32[word + TREE_ROOT]!;
      for (let depth = 0; depth < height && nodeCount(i32, node) > 0; depth++) {
        parent = node;
        node = i32[childrenWord(i32, node) + nodeCount(i32, node) - 1]!;
      }
      this.allocator.free(node);
      if (parent === 0) {
        this.allocator.free(this.header);
        this.header = 0;
        return true;
      }
      setNodeCount(i32, parent, nodeCount(i32, parent) - 1);
    }
    return false;
  }

  /** Moves the header out of a sparse slab and binds to it. @returns it, for who holds it */
  evacuateHeader(): number {
    if (!this.allocator.isSparse(this.header)) return this.header;
    const fresh = this.allocator.alloc(TREE_HEADER_BYTES);
    if (fresh === 0) return this.header;
    this.memory.kernel.copy(fresh * 8, this.header * 8, TREE_HEADER_BYTES);
    this.allocator.free(this.header);
    this.header = fresh;
    return fresh;
  }

  /**
   * Moves nodes out of sparse slabs, EVACUATED_LEAVES_MAX leaves a call. The tree may change in
   * between. @param cursor 0 at first, then what the call before returned; 0 = done
   */
  evacuate(cursor: number): number {
    const path = this.#path;
    let rank = cursor;
    for (let leaves = 0; leaves < EVACUATED_LEAVES_MAX; leaves++) {
      if (rank >= this.count()) return 0;
      path.toRank(this.header, rank);
      const rest = nodeCount(this.memory.i32, path.leaf) - path.position;
      for (let depth = 0; depth < path.height; depth++) {
        if (this.allocator.isSparse(path.node[depth]!)) this.#moveNode(depth, path.node[depth]!);
      }
      if (this.allocator.isSparse(path.leaf)) this.#moveNode(path.height, path.leaf);
      rank += rest;
    }
    return rank >= this.count() ? 0 : rank;
  }

  #moveNode(depth: number, node: number): void {
    const i32 = this.memory.i32;
    const capacity = nodeCapacity(i32, node);
    const count = nodeCount(i32, node);
    const isLeaf = depth === this.#path.height;
    const bytes = isLeaf ? leafBytes(capacity) : innerBytes(capacity);
    const fresh = this.#edit.newNode(this.header, bytes, capacity, count);
    if (fresh === 0) return;
    if (isLeaf) copyLeaf(this.memory.i32, this.memory.kernel, fresh, 0, node, 0, count);
    else copyInner(this.memory.i32, this.memory.kernel, fresh, 0, node, 0, count);
    this.#edit.replaceNode(this.header, depth, fresh);
    this.#edit.freeNode(this.header, node);
  }

  // ------------------------------------------------------------------ soundness

  /** Walks everything and asserts the invariants. */
  check(): void {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    const sums = this.#sums;
    sums.fill(0);
    const members = this.#checkNode(i32[word + TREE_ROOT]!, i32[word + TREE_HEIGHT]!, sums);
    assert(members === i32[word + TREE_COUNT], 'the header states the members');
    assert(sums[0] === i32[word + TREE_LEAVES], 'the header states the leaves');
    assert(sums[1] === i32[word + TREE_GRANULES], 'the header states the bytes of the nodes');
    const isPlain = i32[word + TREE_HEIGHT] === 0;
    assert(isPlain || nodeCount(i32, i32[word + TREE_ROOT]!) > 1, 'a high root has two children');
    if (members > 1) this.#checkOrder();
  }

  #checkNode(node: number, level: number, sums: Int32Array): number {
    const i32 = this.memory.i32;
    const count = nodeCount(i32, node);
    assert(count <= nodeCapacity(i32, node), 'a node is not fuller than it may be');
    sums[1]! += this.allocator.sizeOf(node) >>> 3;
    if (level === 0) {
      sums[0]! += 1;
      return count;
    }
    assert(count > 0, 'an inner node has a child');
    let members = 0;
    for (let i = 0; i < count; i++) {
      const child = i32[childrenWord(i32, node) + i]!;
      const below = this.#checkNode(child, level - 1, sums);
      assert(below > 0, 'a leaf below an inner node has an entry');
      assert(below === i32[countsWord(i32, node) + i], 'a count equals the members below');
      if (i > 0) this.#checkSeparator(node, i, child, level - 1);
      members += below;
    }
    return members;
  }

  #checkSeparator(node: number, at: number, child: number, level: number): void {
    const i32 = this.memory.i32;
    let first = child;
    for (let i = level; i > 0; i--) first = i32[childrenWord(i32, first)]!;
    const f64 = this.memory.f64;
    assert(f64[node + 1 + at] === f64[first + 1], 'a separator has the score of the first pair');
    assert(
      i32[refsWord(i32, node) + at] === i32[refsWord(i32, first)], 'a separator names the first',
    );
  }

  #checkOrder(): void {
    const i32 = this.memory.i32;
    this.seek(0);
    let score = this.cursorScore();
    let ref = this.cursorRef();
    while (this.next()) {
      const nextScore = this.cursorScore();
      const nextRef = this.cursorRef();
      const isTied = score === nextScore;
      assert(score < nextScore || isTied, 'scores ascend');
      if (isTied) {
        const order = this.memory.kernel.compare(
          entryKeyAt(i32, ref), entryKeyBytes(i32, ref),
          entryKeyAt(i32, nextRef), entryKeyBytes(i32, nextRef),
        );
        assert(order < 0, 'ties are in the order of their keys');
      }
      score = nextScore;
      ref = nextRef;
    }
  }
}
