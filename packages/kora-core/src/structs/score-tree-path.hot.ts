/**
 * Searching a ScoreTree: what is wanted, and the path to it. A search is for a pair of score and
 * member, for a score alone, or for a score and key bytes that no member needs to have. Everything
 * is told by one question that is true for a prefix of the members: "does it stand before the
 * wanted?", where a member equal to the wanted counts as before when `takesEqual` says so.
 *
 *   path     node[0] = root, index[0] = child taken there, ... ; `leaf` and `position` at its end
 *
 * Invariants: separator i of an inner node is the first pair below child i; separator 0 is never
 *   read. The path is void after any change of the tree and after any other search.
 * Cost: a kernel call a level, which counts the scores below; a tie of scores reads two keys, but a
 *   pair that is in the tree is told from its ties by its ref. In a tree of 1 M a leaf is three
 *   lines away from every cache: it is touched before it is searched.
 */
import {
  TREE_HEIGHT, TREE_ROOT, childrenWord, countsWord, nodeCapacity, nodeCount, refsWord,
} from './score-tree-nodes.hot.ts';
import { entryKeyAt, entryKeyBytes } from './entry.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** Inner nodes above a leaf: far more than 2^32 members need at 4 children each. */
export const TREE_HEIGHT_MAX = 16;
/** Trees of at most 63 x 63 members lie in a cache. */
const TOUCHED_HEIGHT_MIN = 2;
/** Words of a cache line, and of a score with its ref. */
const LINE_WORDS = 16;
const LEAF_ENTRY_WORDS = 3;

export class ScoreTreePath {
  readonly memory: WorkerMemory;
  readonly node: Int32Array;
  readonly index: Int32Array;
  leaf: number;
  position: number;
  /** Inner levels above `leaf`. */
  height: number;
  /** Nodes that searches have read: the work of this object. */
  readonly visits: Float64Array;
  /** The wanted score; an array, since a field would box each store. Read it, do not write. */
  readonly score: Float64Array;
  /** The wanted member, 0 when the wanted is a key that may belong to none. */
  ref: number;
  #keyAt: number;
  #keyBytes: number;
  /** Ties of scores are decided by keys. */
  #looksAtKeys: boolean;
  /** What touching read; a use that no optimiser drops. */
  #sink: number;

  constructor(memory: WorkerMemory) {
    this.memory = memory;
    this.node = new Int32Array(TREE_HEIGHT_MAX);
    this.index = new Int32Array(TREE_HEIGHT_MAX);
    this.leaf = 0;
    this.position = 0;
    this.height = 0;
    this.visits = new Float64Array(1);
    this.score = new Float64Array(1);
    this.ref = 0;
    this.#keyAt = 0;
    this.#keyBytes = 0;
    this.#looksAtKeys = false;
    this.#sink = 0;
  }

  /** The wanted is the pair (score, member). */
  wantPair(score: number, ref: number): void {
    this.score[0] = score;
    this.ref = ref;
    this.#keyBytes = -1; // Read when a tie asks for it.
    this.#looksAtKeys = true;
  }

  /** The wanted is a score. */
  wantScore(score: number): void {
    this.score[0] = score;
    this.#looksAtKeys = false;
  }

  /** The wanted is a score with a key. */
  wantKey(score: number, keyAt: number, keyBytes: number): void {
    this.score[0] = score;
    this.ref = 0;
    this.#keyAt = keyAt;
    this.#keyBytes = keyBytes;
    this.#looksAtKeys = true;
  }

  /** Leads to where the wanted pair is or belongs: `leaf` and `position`. */
  toPair(header: number): void {
    this.descend(header);
    this.position = this.search(this.leaf, 0, false);
  }

  /** Leads to the leaf where the wanted is or belongs. */
  private descend(header: number): void {
    const i32 = this.memory.i32;
    const height = i32[(header << 1) + TREE_HEIGHT]!;
    let node = i32[(header << 1) + TREE_ROOT]!;
    for (let depth = 0; depth < height; depth++) {
      const child = this.search(node, 1, true) - 1;
      this.node[depth] = node;
      this.index[depth] = child;
      node = i32[childrenWord(i32, node) + child]!;
    }
    this.height = height;
    this.leaf = node;
    if (height >= TOUCHED_HEIGHT_MIN) this.touch(node);
    this.visits[0]! += height + 1;
  }

  /** Leads to the wanted pair, whose member is known by its ref; false when it is not there. */
  toMember(header: number): boolean {
    this.descend(header);
    this.position = this.placeOfRef(this.leaf);
    return this.position >= 0;
  }

  /** Members that stand before the wanted. */
  rank(header: number, takesEqual: boolean): number {
    const i32 = this.memory.i32;
    const height = i32[(header << 1) + TREE_HEIGHT]!;
    let node = i32[(header << 1) + TREE_ROOT]!;
    let before = 0;
    for (let depth = 0; depth < height; depth++) {
      const child = this.search(node, 1, takesEqual) - 1;
      const counts = countsWord(i32, node);
      for (let i = counts; i < counts + child; i++) before += i32[i]!;
      node = i32[childrenWord(i32, node) + child]!;
    }
    this.visits[0]! += height + 1;
    if (height >= TOUCHED_HEIGHT_MIN) this.touch(node);
    const place = this.#looksAtKeys && this.ref !== 0 ? this.placeOfRef(node) : -1;
    if (place < 0) return before + this.search(node, 0, takesEqual);
    return before + place + (takesEqual ? 1 : 0);
  }

  /** Leads to the member of a rank, which exists. */
  toRank(header: number, rank: number): void {
    const i32 = this.memory.i32;
    const height = i32[(header << 1) + TREE_HEIGHT]!;
    let node = i32[(header << 1) + TREE_ROOT]!;
    let left = rank;
    for (let depth = 0; depth < height; depth++) {
      const counts = countsWord(i32, node);
      let child = 0;
      while (left >= i32[counts + child]!) left -= i32[counts + child++]!;
      this.node[depth] = node;
      this.index[depth] = child;
      node = i32[childrenWord(i32, node) + child]!;
    }
    this.height = height;
    this.leaf = node;
    this.position = left;
    this.visits[0]! += height + 1;
  }

  /** Leads to the last member, in an empty tree before the first place. */
  toEnd(header: number): void {
    const i32 = this.memory.i32;
    const height = i32[(header << 1) + TREE_HEIGHT]!;
    let node = i32[(header << 1) + TREE_ROOT]!;
    for (let depth = 0; depth < height; depth++) {
      const last = nodeCount(i32, node) - 1;
      this.node[depth] = node;
      this.index[depth] = last;
      node = i32[childrenWord(i32, node) + last]!;
    }
    this.height = height;
    this.leaf = node;
    this.position = nodeCount(i32, node) - 1;
    this.visits[0]! += height + 1;
  }

  /** Leads to the first entry of the leaf behind; false at the end, where nothing changes. */
  nextLeaf(): boolean {
    const i32 = this.memory.i32;
    let depth = this.height - 1;
    while (depth >= 0 && this.index[depth]! + 1 === nodeCount(i32, this.node[depth]!)) depth--;
    if (depth < 0) return false;
    this.index[depth]! += 1;
    let node = i32[childrenWord(i32, this.node[depth]!) + this.index[depth]!]!;
    for (depth++; depth < this.height; depth++) {
      this.node[depth] = node;
      this.index[depth] = 0;
      node = i32[childrenWord(i32, node)]!;
    }
    this.leaf = node;
    this.position = 0;
    this.visits[0]! += 1;
    return true;
  }

  /** Leads to the last entry of the leaf before; false at the start, where nothing changes. */
  previousLeaf(): boolean {
    const i32 = this.memory.i32;
    let depth = this.height - 1;
    while (depth >= 0 && this.index[depth]! === 0) depth--;
    if (depth < 0) return false;
    this.index[depth]! -= 1;
    let node = i32[childrenWord(i32, this.node[depth]!) + this.index[depth]!]!;
    for (depth++; depth < this.height; depth++) {
      const last = nodeCount(i32, node) - 1;
      this.node[depth] = node;
      this.index[depth] = last;
      node = i32[childrenWord(i32, node) + last]!;
    }
    this.leaf = node;
    this.position = nodeCount(i32, node) - 1;
    this.visits[0]! += 1;
    return true;
  }

  /** True when the path took the last child everywhere. */
  isRightmost(depthMax: number): boolean {
    const i32 = this.memory.i32;
    for (let depth = 0; depth < depthMax; depth++) {
      if (this.index[depth]! + 1 !== nodeCount(i32, this.node[depth]!)) return false;
    }
    return true;
  }

  /**
   * Reads a word of each line of a leaf, so that their misses overlap; else a search waits for one
   * after the other. Not done in low trees, which are near.
   */
  private touch(leaf: number): void {
    const i32 = this.memory.i32;
    const first = leaf << 1;
    const end = first + 2 + nodeCapacity(i32, leaf) * LEAF_ENTRY_WORDS;
    let sink = 0;
    for (let word = first + LINE_WORDS; word < end; word += LINE_WORDS) sink ^= i32[word]!;
    this.#sink = sink;
  }

  /** Index in its leaf of the wanted pair, -1 when it is not there. No key is read. */
  private placeOfRef(leaf: number): number {
    const i32 = this.memory.i32;
    const f64 = this.memory.f64;
    const score = this.score[0]!;
    const count = nodeCount(i32, leaf);
    const refs = refsWord(i32, leaf);
    let place = this.memory.kernel.nodeScoresBelow(leaf, 0, score);
    for (; place < count && f64[leaf + 1 + place]! === score; place++) {
      if (i32[refs + place] === this.ref) return place;
    }
    return -1;
  }

  /** First index from `from` on whose pair does not stand before the wanted. */
  search(node: number, from: number, takesEqual: boolean): number {
    const i32 = this.memory.i32;
    const f64 = this.memory.f64;
    const refs = refsWord(i32, node);
    const score = this.score[0]!;
    let low = this.memory.kernel.nodeScoresBelow(node, from, score);
    let high = nodeCount(i32, node);
    if (low === high || f64[node + 1 + low]! !== score) return low;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = f64[node + 1 + middle]!;
      if (found < score || (found === score && this.isTieBefore(i32[refs + middle]!, takesEqual))) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Whether a member of the wanted score stands before the wanted. */
  private isTieBefore(ref: number, takesEqual: boolean): boolean {
    if (!this.#looksAtKeys) return takesEqual;
    if (ref === this.ref) return takesEqual;
    const i32 = this.memory.i32;
    if (this.#keyBytes < 0) {
      this.#keyAt = entryKeyAt(i32, this.ref);
      this.#keyBytes = entryKeyBytes(i32, this.ref);
    }
    const order = this.memory.kernel.compare(
      entryKeyAt(i32, ref), entryKeyBytes(i32, ref), this.#keyAt, this.#keyBytes,
    );
    return order < 0 || (order === 0 && takesEqual);
  }
}
