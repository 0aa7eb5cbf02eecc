/**
 * The counted B+tree inside a block sequence (block-sequence.hot.ts, which draws header and nodes):
 * blocks in order with their elements, found by the number of elements before them. It knows a path
 * from a leaf to the root; whoever uses it leads the path somewhere, then inserts or removes there.
 *
 * Invariants: no node is empty; a sum equals the elements below; a node with less than a quarter of
 *   its entries has no sibling that it fits into.
 * Cost: O(height x entries of a node), by the kernel's copy; nothing but nodes is allocated.
 */
import { assert } from '../assert.ts';
import type { Allocator } from './allocator.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** Entries of a node, at most. */
export const SEQUENCE_ENTRIES_MAX = 63;
/** Bytes of a node's block. */
export const SEQUENCE_NODE_BYTES = 512;
/** Words of the sequence's header that belong to the tree. */
export const TREE_ROOT = 4;
export const TREE_HEIGHT = 5;
export const TREE_BLOCKS = 6;
export const TREE_NODES = 7;
export const TREE_ELEMENTS = 8;

/** Word of a node's first entry; before it stands the count. */
const FIRST = 2;
/** More levels than 2^31 elements can make, also with the small nodes of tests. */
const LEVELS_MAX = 32;

/** A window on the tree of one sequence at a time, with a path in it. */
export class CountedTree {
  readonly memory: WorkerMemory;
  readonly allocator: Allocator;
  /** Fewer than SEQUENCE_ENTRIES_MAX only in tests; at least 4. */
  entriesMax: number;
  /** Header of the sequence. */
  header: number;
  /** Entry at the end of the path, as `readPath` found it. */
  block: number;
  elements: number;
  /** The path, leaf first: nodes and the slots in them. */
  private readonly nodes: Int32Array;
  private readonly slots: Int32Array;
  /** What `check` has counted: blocks, nodes, elements. */
  private readonly checked: Float64Array;

  constructor(memory: WorkerMemory, allocator: Allocator) {
    this.memory = memory;
    this.allocator = allocator;
    this.entriesMax = SEQUENCE_ENTRIES_MAX;
    this.header = 0;
    this.block = 0;
    this.elements = 0;
    this.nodes = new Int32Array(LEVELS_MAX);
    this.slots = new Int32Array(LEVELS_MAX);
    this.checked = new Float64Array(3);
  }

  /** Leads the path to the block with element `index` of the tree. @returns its place in there */
  descend(index: number): number {
    const i32 = this.memory.i32;
    let rest = index;
    let node = this.field(TREE_ROOT);
    for (let level = this.field(TREE_HEIGHT) - 1; level >= 0; level--) {
      const first = (node << 1) + FIRST;
      let at = first;
      while (rest >= i32[at + 1]!) {
        rest -= i32[at + 1]!;
        at += 2;
      }
      this.nodes[level] = node;
      this.slots[level] = (at - first) >>> 1;
      node = i32[at]!;
    }
    this.readPath();
    return rest;
  }

  /** The entry at the end of the path has another ref and number of elements. */
  replaceEntry(ref: number, elements: number): void {
    const i32 = this.memory.i32;
    const at = (this.nodes[0]! << 1) + FIRST + this.slots[0]! * 2;
    const more = elements - i32[at + 1]!;
    i32[at] = ref;
    i32[at + 1] = elements;
    i32[(this.header << 1) + TREE_ELEMENTS]! += more;
    this.addAbove(1, more);
  }

  /** Puts a block behind the one at the end of the path. */
  insertAfterPath(ref: number, elements: number): void {
    this.slots[0]! += 1;
    this.insertAtPath(ref, elements);
  }

  private field(at: number): number {
    return this.memory.i32[(this.header << 1) + at]!;
  }

  /** Makes the path lead to the first or last block of the tree, which has one or is empty. */
  descendToEnd(isLast: boolean): void {
    const i32 = this.memory.i32;
    let node = this.field(TREE_ROOT);
    for (let level = this.field(TREE_HEIGHT) - 1; level >= 0; level--) {
      const slot = isLast ? i32[node << 1]! - 1 : 0;
      this.nodes[level] = node;
      this.slots[level] = slot;
      node = i32[(node << 1) + FIRST + slot * 2]!;
    }
  }

  /** Describes the block at the end of the path in `block` and `elements`. */
  readPath(): void {
    const at = (this.nodes[0]! << 1) + FIRST + this.slots[0]! * 2;
    this.block = this.memory.i32[at]!;
    this.elements = this.memory.i32[at + 1]!;
  }

  /** Moves the path by one block; false when it stands at that end of the tree already. */
  step(by: number): boolean {
    const i32 = this.memory.i32;
    const height = this.field(TREE_HEIGHT);
    let level = 0;
    for (; level < height; level++) {
      const slot = this.slots[level]! + by;
      if (slot >= 0 && slot < i32[this.nodes[level]! << 1]!) {
        this.slots[level] = slot;
        break;
      }
    }
    if (level === height) return false;
    while (level > 0) {
      const node = i32[(this.nodes[level]! << 1) + FIRST + this.slots[level]! * 2]!;
      level--;
      this.nodes[level] = node;
      this.slots[level] = by > 0 ? 0 : i32[node << 1]! - 1;
    }
    return true;
  }

  /** Adds to the sums along the path, from `level` up. */
  private addAbove(level: number, more: number): void {
    const i32 = this.memory.i32;
    const height = this.field(TREE_HEIGHT);
    for (let above = level; above < height; above++) {
      i32[(this.nodes[above]! << 1) + FIRST + this.slots[above]! * 2 + 1]! += more;
    }
  }

  append(ref: number, elements: number): void {
    this.descendToEnd(true);
    if (this.field(TREE_HEIGHT) > 0) this.slots[0]! += 1;
    this.insertAtPath(ref, elements);
  }

  /** Puts an entry where the path's leaf slot points, and splits what is full. */
  insertAtPath(ref: number, elements: number): void {
    const word = this.header << 1;
    this.memory.i32[word + TREE_BLOCKS]! += 1;
    this.memory.i32[word + TREE_ELEMENTS]! += elements;
    const height = this.memory.i32[word + TREE_HEIGHT]!;
    if (height === 0) {
      const root = this.newNode();
      this.putEntry(root, 0, ref, elements);
      this.memory.i32[word + TREE_ROOT] = root;
      this.memory.i32[word + TREE_HEIGHT] = 1;
      return;
    }
    let entryRef = ref;
    let entryElements = elements;
    let level = 0;
    for (; level < height; level++) {
      const node = this.nodes[level]!;
      if (this.memory.i32[node << 1]! < this.entriesMax) {
        this.putEntry(node, this.slots[level]!, entryRef, entryElements);
        this.addAbove(level + 1, elements);
        return;
      }
      const right = this.splitNode(level, entryRef, entryElements);
      entryRef = right;
      entryElements = this.sumOf(right);
      if (level + 1 === height) break;
      const at = (this.nodes[level + 1]! << 1) + FIRST + this.slots[level + 1]! * 2;
      this.memory.i32[at + 1] = this.sumOf(node);
      this.slots[level + 1]! += 1;
    }
    const left = this.nodes[level]!;
    const root = this.newNode();
    assert(height < LEVELS_MAX, 'a tree has few levels');
    this.putEntry(root, 0, left, this.sumOf(left));
    this.putEntry(root, 1, entryRef, entryElements);
    this.memory.i32[word + TREE_ROOT] = root;
    this.memory.i32[word + TREE_HEIGHT] = height + 1;
  }

  /**
   * Splits the full node of the path at `level` and puts the entry at the path's slot. Growth at an
   * end of the tree leaves the full node full. @returns the new right node
   */
  private splitNode(level: number, ref: number, elements: number): number {
    const node = this.nodes[level]!;
    const slot = this.slots[level]!;
    const right = this.newNode();
    const i32 = this.memory.i32;
    const count = i32[node << 1]!;
    let cut = count >>> 1;
    if (slot === count && this.isPathAtEnd(level + 1)) cut = count;
    else if (slot === 0 && this.isPathAtStart(level + 1)) cut = 0;
    const moved = count - cut;
    const from = node * 8 + (FIRST + cut * 2) * 4;
    this.memory.kernel.copy(right * 8 + FIRST * 4, from, moved * 8);
    i32[node << 1] = cut;
    i32[right << 1] = moved;
    const isLeft = slot < cut || (slot === cut && cut < count);
    if (isLeft) this.putEntry(node, slot, ref, elements);
    else this.putEntry(right, slot - cut, ref, elements);
    return right;
  }

  /** True when nothing of the tree stands behind the path, seen from `level` up. */
  private isPathAtEnd(level: number): boolean {
    const i32 = this.memory.i32;
    const height = this.field(TREE_HEIGHT);
    for (let above = level; above < height; above++) {
      if (this.slots[above] !== i32[this.nodes[above]! << 1]! - 1) return false;
    }
    return true;
  }

  /** True when nothing of the tree stands before the path, seen from `level` up. */
  private isPathAtStart(level: number): boolean {
    const height = this.field(TREE_HEIGHT);
    for (let above = level; above < height; above++) if (this.slots[above] !== 0) return false;
    return true;
  }

  private newNode(): number {
    const node = this.allocator.alloc(SEQUENCE_NODE_BYTES);
    assert(node !== 0, 'a node of a sequence was reserved');
    this.memory.i32[node << 1] = 0;
    this.memory.i32[(this.header << 1) + TREE_NODES]! += 1;
    return node;
  }

  private freeNode(node: number): void {
    this.allocator.free(node);
    this.memory.i32[(this.header << 1) + TREE_NODES]! -= 1;
  }

  /** Inserts an entry at `slot`; the node has room. */
  private putEntry(node: number, slot: number, ref: number, elements: number): void {
    const i32 = this.memory.i32;
    const count = i32[node << 1]!;
    const at = (node << 1) + FIRST + slot * 2;
    const byte = node * 8 + (FIRST + slot * 2) * 4;
    if (slot < count) this.memory.kernel.copy(byte + 8, byte, (count - slot) * 8);
    i32[at] = ref;
    i32[at + 1] = elements;
    i32[node << 1] = count + 1;
  }

  /** Takes the entry at `slot` out of a node. */
  private takeEntry(node: number, slot: number): void {
    const i32 = this.memory.i32;
    const count = i32[node << 1]! - 1;
    const byte = node * 8 + (FIRST + slot * 2) * 4;
    if (slot < count) this.memory.kernel.copy(byte, byte + 8, (count - slot) * 8);
    i32[node << 1] = count;
  }

  private sumOf(node: number): number {
    const i32 = this.memory.i32;
    const first = (node << 1) + FIRST;
    const end = first + i32[node << 1]! * 2;
    let sum = 0;
    for (let at = first; at < end; at += 2) sum += i32[at + 1]!;
    return sum;
  }

  /** Takes the path's block out of the tree, and nodes that became empty or joined others. */
  removeAtPath(): void {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    const height = i32[word + TREE_HEIGHT]!;
    const at = (this.nodes[0]! << 1) + FIRST + this.slots[0]! * 2;
    const elements = i32[at + 1]!;
    i32[word + TREE_BLOCKS]! -= 1;
    i32[word + TREE_ELEMENTS]! -= elements;
    this.addAbove(1, -elements);
    for (let level = 0; level < height; level++) {
      const node = this.nodes[level]!;
      this.takeEntry(node, this.slots[level]!);
      const count = i32[node << 1]!;
      if (level + 1 === height) break;
      if (count === 0) this.freeNode(node);
      else if (count >= this.entriesMax >>> 2 || !this.joinNode(level)) return;
    }
    this.lowerRoot();
  }

  /**
   * Joins the path's node with a sibling when both fit into one; the path then leads to the entry
   * of the node that was freed. False: they do not.
   */
  private joinNode(level: number): boolean {
    const i32 = this.memory.i32;
    const node = this.nodes[level]!;
    const count = i32[node << 1]!;
    const parent = this.nodes[level + 1]!;
    const slot = this.slots[level + 1]!;
    const at = (parent << 1) + FIRST + slot * 2;
    if (slot + 1 < i32[parent << 1]!) {
      const right = i32[at + 2]!;
      if (count + i32[right << 1]! <= this.entriesMax) {
        this.appendNode(node, right);
        i32[at + 1]! += i32[at + 3]!;
        this.slots[level + 1] = slot + 1;
        return true;
      }
    }
    if (slot === 0) return false;
    const left = i32[at - 2]!;
    if (count + i32[left << 1]! > this.entriesMax) return false;
    this.appendNode(left, node);
    i32[at - 1]! += i32[at + 1]!;
    return true;
  }

  /** Appends the entries of node `from` to node `to` and frees `from`. */
  private appendNode(to: number, from: number): void {
    const i32 = this.memory.i32;
    const count = i32[to << 1]!;
    const more = i32[from << 1]!;
    this.memory.kernel.copy(
      to * 8 + (FIRST + count * 2) * 4, from * 8 + FIRST * 4, more * 8,
    );
    i32[to << 1] = count + more;
    this.freeNode(from);
  }

  /** Frees roots that lead to one child only, or to nothing. */
  private lowerRoot(): void {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    let root = i32[word + TREE_ROOT]!;
    while (i32[word + TREE_HEIGHT]! > 1 && i32[root << 1] === 1) {
      const child = i32[(root << 1) + FIRST]!;
      this.freeNode(root);
      root = child;
      i32[word + TREE_HEIGHT]! -= 1;
    }
    if (i32[root << 1] === 0) {
      this.freeNode(root);
      root = 0;
      i32[word + TREE_HEIGHT] = 0;
    }
    i32[word + TREE_ROOT] = root;
  }

  /** Moves the nodes of the path out of sparse slabs; false when memory is short. */
  evacuatePath(): boolean {
    const height = this.field(TREE_HEIGHT);
    for (let level = 0; level < height; level++) {
      const node = this.nodes[level]!;
      if (!this.allocator.isSparse(node)) continue;
      const moved = this.allocator.alloc(SEQUENCE_NODE_BYTES);
      if (moved === 0) return false;
      this.memory.kernel.copy(moved * 8, node * 8, SEQUENCE_NODE_BYTES);
      const i32 = this.memory.i32;
      if (level + 1 === height) i32[(this.header << 1) + TREE_ROOT] = moved;
      else i32[(this.nodes[level + 1]! << 1) + FIRST + this.slots[level + 1]! * 2] = moved;
      this.allocator.free(node);
      this.nodes[level] = moved;
    }
    return true;
  }

  /** Throws unless the tree holds together. @internal */
  check(): void {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    const root = i32[word + TREE_ROOT]!;
    this.checked.fill(0);
    if (root !== 0) this.checkNode(root, i32[word + TREE_HEIGHT]! - 1);
    assert(this.checked[0] === i32[word + TREE_BLOCKS], 'the header states the blocks');
    assert(this.checked[1] === i32[word + TREE_NODES], 'the header states the nodes');
    assert(this.checked[2] === i32[word + TREE_ELEMENTS], 'the header states the elements');
    assert((root === 0) === (i32[word + TREE_HEIGHT] === 0), 'no height without a root');
  }

  /** Checks a node and all below it; returns their elements. */
  private checkNode(node: number, level: number): number {
    const i32 = this.memory.i32;
    const count = i32[node << 1]!;
    assert(count > 0 && count <= this.entriesMax, 'a node is neither empty nor too full');
    this.checked[1]! += 1;
    let sum = 0;
    for (let slot = 0; slot < count; slot++) {
      const at = (node << 1) + FIRST + slot * 2;
      const elements = i32[at + 1]!;
      assert(i32[at] !== 0 && elements > 0, 'an entry names something');
      if (level > 0) {
        assert(this.checkNode(i32[at]!, level - 1) === elements, 'a sum equals what is below');
      } else {
        this.checked[0]! += 1;
        this.checked[2]! += elements;
      }
      sum += elements;
    }
    return sum;
  }
}
