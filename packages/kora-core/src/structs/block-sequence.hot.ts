/**
 * An ordered sequence of blocks, each with a number of elements: what a long list is made of. The
 * blocks at both ends stand in the header, those between them in a counted B+tree, so work at the
 * ends touches no tree and any element is found in a few steps.
 *
 *   header, 40 bytes   head | its elements | tail | its elements | root | height | blocks in the
 *                      tree | nodes of the tree | elements in the tree | -
 *   node, 512 bytes    count | - | (ref, elements) x 63      leaf: blocks; inner: children, sums
 *
 * Invariants: a sequence of two blocks and more has head and tail, of one only the head, of none
 *   nothing; the tree is empty or between them; every sum equals the elements below it; no block
 *   and no node is empty. Blocks belong to the caller, the nodes to the sequence.
 * Cost: ends O(1); seek, insert, remove O(log blocks), height 3 at 250,000 blocks. Ascending and
 *   descending growth leaves full leaves, so the index costs about 8 bytes a block.
 * Source: Bayer and McCreight 1972; counts as in order-statistic trees (CLRS 14.1).
 */
import { assert } from '../assert.ts';
import type { Allocator } from './allocator.hot.ts';
import {
  CountedTree, SEQUENCE_NODE_BYTES, TREE_BLOCKS, TREE_ELEMENTS, TREE_HEIGHT, TREE_NODES, TREE_ROOT,
} from './counted-tree.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** Bytes of a sequence's header. */
export const SEQUENCE_HEADER_BYTES = 40;

/** Words of the header: the ref of the first and last block, each followed by its elements. */
export const SEQUENCE_HEAD = 0;
export const SEQUENCE_TAIL = 2;
const HEAD: number = SEQUENCE_HEAD;
const HEAD_ELEMENTS = 1;
const TAIL: number = SEQUENCE_TAIL;
const TAIL_ELEMENTS = 3;
/** Where the cursor stands. */
const AT_HEAD = 1;
const IN_TREE = 2;
const AT_TAIL = 3;

/**
 * A window on one sequence at a time, with a cursor. `block`, `elements` and `firstIndex` describe
 * the block under the cursor; only `replaceBlock` leaves it where it is, other changes void it.
 */
export class BlockSequence {
  readonly memory: WorkerMemory;
  readonly allocator: Allocator;
  /** The blocks between the ends; its path is the cursor's. */
  readonly tree: CountedTree;
  /** The bound sequence, 0 = none. */
  header: number;
  /** Ref of the block under the cursor. */
  block: number;
  /** Its elements. */
  elements: number;
  /** Index, in the sequence, of its first element. */
  firstIndex: number;
  /** One of AT_HEAD, IN_TREE and AT_TAIL. */
  private place: number;

  constructor(memory: WorkerMemory, allocator: Allocator) {
    this.memory = memory;
    this.allocator = allocator;
    this.tree = new CountedTree(memory, allocator);
    this.header = 0;
    this.block = 0;
    this.elements = 0;
    this.firstIndex = 0;
    this.place = 0;
  }

  /** Works on the sequence with this header from now on. */
  bind(header: number): void {
    this.use(header);
  }

  /** Makes and binds a sequence without blocks. @returns its header, 0 when memory is short */
  create(): number {
    const header = this.allocator.alloc(SEQUENCE_HEADER_BYTES);
    if (header === 0) return 0;
    const word = header << 1;
    this.memory.i32.fill(0, word, word + (SEQUENCE_HEADER_BYTES >>> 2));
    this.use(header);
    return header;
  }

  /** Frees the header. The tree is empty; the blocks of the ends are the caller's. */
  destroy(): void {
    assert(this.field(TREE_ROOT) === 0, 'a destroyed sequence has no tree');
    this.allocator.free(this.header);
    this.use(0);
  }

  /** Number of blocks. */
  blockCount(): number {
    const word = this.header << 1;
    const i32 = this.memory.i32;
    const ends = (i32[word + HEAD] === 0 ? 0 : 1) + (i32[word + TAIL] === 0 ? 0 : 1);
    return ends + i32[word + TREE_BLOCKS]!;
  }

  /** Number of elements. */
  elementCount(): number {
    const word = this.header << 1;
    const i32 = this.memory.i32;
    return i32[word + HEAD_ELEMENTS]! + i32[word + TREE_ELEMENTS]! + i32[word + TAIL_ELEMENTS]!;
  }

  /** Bytes of header and nodes. */
  heldBytes(): number {
    const nodeBytes = this.allocator.realBytes(SEQUENCE_NODE_BYTES);
    return this.allocator.sizeOf(this.header) + this.field(TREE_NODES) * nodeBytes;
  }

  /** Nodes that putting `count` blocks into a sequence, one after the other, takes at most. */
  nodesFor(count: number): number {
    const height = this.header === 0 ? 0 : this.field(TREE_HEIGHT);
    return height + 2 + Math.ceil((count * 4) / this.tree.entriesMax);
  }

  /** Ref of the first block, 0 without blocks. */
  head(): number {
    return this.memory.i32[(this.header << 1) + HEAD]!;
  }

  /** Ref of the last block: the head when there is no other. */
  tail(): number {
    const i32 = this.memory.i32;
    const tail = i32[(this.header << 1) + TAIL]!;
    return tail !== 0 ? tail : i32[(this.header << 1) + HEAD]!;
  }

  /** The first block has another ref, and `more` elements more. */
  changeHead(ref: number, more: number): void {
    const word = this.header << 1;
    this.memory.i32[word + HEAD] = ref;
    this.memory.i32[word + HEAD_ELEMENTS]! += more;
  }

  /** The last block has another ref, and `more` elements more. */
  changeTail(ref: number, more: number): void {
    const word = this.header << 1;
    const at = this.memory.i32[word + TAIL] === 0 ? HEAD : TAIL;
    this.memory.i32[word + at] = ref;
    this.memory.i32[word + at + 1]! += more;
  }

  /** Puts a block before all others. The caller reserved `nodesFor(1)` nodes. */
  pushHead(ref: number, elements: number): void {
    const word = this.header << 1;
    const i32 = this.memory.i32;
    const head = i32[word + HEAD]!;
    const headElements = i32[word + HEAD_ELEMENTS]!;
    i32[word + HEAD] = ref;
    i32[word + HEAD_ELEMENTS] = elements;
    if (head === 0) return;
    if (i32[word + TAIL] === 0) {
      i32[word + TAIL] = head;
      i32[word + TAIL_ELEMENTS] = headElements;
      return;
    }
    this.tree.descendToEnd(false);
    this.tree.insertAtPath(head, headElements);
  }

  /** Puts a block behind all others. The caller reserved `nodesFor(1)` nodes. */
  pushTail(ref: number, elements: number): void {
    const word = this.header << 1;
    const i32 = this.memory.i32;
    if (i32[word + HEAD] === 0) {
      i32[word + HEAD] = ref;
      i32[word + HEAD_ELEMENTS] = elements;
      return;
    }
    const tail = i32[word + TAIL]!;
    const tailElements = i32[word + TAIL_ELEMENTS]!;
    i32[word + TAIL] = ref;
    i32[word + TAIL_ELEMENTS] = elements;
    if (tail !== 0) this.tree.append(tail, tailElements);
  }

  // ------------------------------------------------------------------ the cursor

  /** Puts the cursor on the block with element `index`, which is inside. */
  seek(index: number): void {
    const word = this.header << 1;
    const i32 = this.memory.i32;
    const headElements = i32[word + HEAD_ELEMENTS]!;
    if (index < headElements) {
      this.seekHead();
      return;
    }
    const treeElements = i32[word + TREE_ELEMENTS]!;
    if (index >= headElements + treeElements) {
      this.seekTail();
      return;
    }
    const rest = this.tree.descend(index - headElements);
    this.readTree();
    this.firstIndex = index - rest;
  }

  /** Puts the cursor on the first block; there is one. */
  seekHead(): void {
    const word = this.header << 1;
    this.place = AT_HEAD;
    this.block = this.memory.i32[word + HEAD]!;
    this.elements = this.memory.i32[word + HEAD_ELEMENTS]!;
    this.firstIndex = 0;
  }

  /** Puts the cursor on the last block; there is one. */
  seekTail(): void {
    const word = this.header << 1;
    const i32 = this.memory.i32;
    if (i32[word + TAIL] === 0) {
      this.seekHead();
      return;
    }
    this.place = AT_TAIL;
    this.block = i32[word + TAIL]!;
    this.elements = i32[word + TAIL_ELEMENTS]!;
    this.firstIndex = i32[word + HEAD_ELEMENTS]! + i32[word + TREE_ELEMENTS]!;
  }

  /** Moves the cursor to the following block; false at the end, where it stays. */
  next(): boolean {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    if (this.place === AT_TAIL || i32[word + TAIL] === 0) return false;
    const firstIndex = this.firstIndex + this.elements;
    if (this.place === AT_HEAD) {
      if (i32[word + TREE_ROOT] === 0) {
        this.seekTail();
        return true;
      }
      this.tree.descendToEnd(false);
    } else if (!this.tree.step(1)) {
      this.seekTail();
      return true;
    }
    this.tree.readPath();
    this.readTree();
    this.firstIndex = firstIndex;
    return true;
  }

  /** Moves the cursor to the block before; false at the start, where it stays. */
  previous(): boolean {
    if (this.place === AT_HEAD) return false;
    const firstIndex = this.firstIndex;
    if (this.place === AT_TAIL) {
      if (this.field(TREE_ROOT) === 0) {
        this.seekHead();
        return true;
      }
      this.tree.descendToEnd(true);
    } else if (!this.tree.step(-1)) {
      this.seekHead();
      return true;
    }
    this.tree.readPath();
    this.readTree();
    this.firstIndex = firstIndex - this.elements;
    return true;
  }

  /** The block under the cursor has another ref and number of elements (not 0). */
  replaceBlock(ref: number, elements: number): void {
    if (this.place === IN_TREE) {
      this.tree.replaceEntry(ref, elements);
    } else {
      const at = (this.header << 1) + (this.place === AT_HEAD ? HEAD : TAIL);
      this.memory.i32[at] = ref;
      this.memory.i32[at + 1] = elements;
    }
    this.block = ref;
    this.elements = elements;
  }

  /** Puts a block behind the one under the cursor. The caller reserved `nodesFor(1)` nodes. */
  insertAfter(ref: number, elements: number): void {
    if (this.place === AT_TAIL || this.memory.i32[(this.header << 1) + TAIL] === 0) {
      this.pushTail(ref, elements);
      return;
    }
    if (this.place === IN_TREE) {
      this.tree.insertAfterPath(ref, elements);
      return;
    }
    this.tree.descendToEnd(false);
    this.tree.insertAtPath(ref, elements);
  }

  /** Takes the block under the cursor out of the sequence; the block itself is the caller's. */
  removeBlock(): void {
    if (this.place === IN_TREE) {
      this.tree.removeAtPath();
      return;
    }
    const i32 = this.memory.i32;
    const word = this.header << 1;
    const isHead = this.place === AT_HEAD;
    const end = word + (isHead ? HEAD : TAIL);
    if (i32[word + TREE_ROOT] !== 0) {
      this.tree.descendToEnd(!isHead);
      this.tree.readPath();
      i32[end] = this.tree.block;
      i32[end + 1] = this.tree.elements;
      this.tree.removeAtPath();
      return;
    }
    if (isHead) {
      i32[end] = i32[word + TAIL]!;
      i32[end + 1] = i32[word + TAIL_ELEMENTS]!;
    }
    i32[word + TAIL] = 0;
    i32[word + TAIL_ELEMENTS] = 0;
  }

  // ------------------------------------------------------------------ evacuation

  /** Moves the header out of a sparse slab. @returns the header, 0 when memory is short */
  evacuateHeader(): number {
    if (!this.allocator.isSparse(this.header)) return this.header;
    const moved = this.allocator.alloc(SEQUENCE_HEADER_BYTES);
    if (moved === 0) return 0;
    this.memory.kernel.copy(moved * 8, this.header * 8, SEQUENCE_HEADER_BYTES);
    this.allocator.free(this.header);
    this.use(moved);
    return moved;
  }

  /** Throws unless the index holds together. The blocks are not looked at. @internal */
  check(): void {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    const head = i32[word + HEAD]!;
    const tail = i32[word + TAIL]!;
    const root = i32[word + TREE_ROOT]!;
    assert(head !== 0 || tail === 0, 'a sequence with a tail has a head');
    assert(root === 0 || tail !== 0, 'a tree lies between two ends');
    assert((head === 0) === (i32[word + HEAD_ELEMENTS] === 0), 'no head is empty');
    assert((tail === 0) === (i32[word + TAIL_ELEMENTS] === 0), 'no tail is empty');
    this.tree.check();
  }

  /** Moves the nodes above the cursor out of sparse slabs; false when memory is short. */
  evacuatePath(): boolean {
    return this.place !== IN_TREE || this.tree.evacuatePath();
  }

  /** Describes the block at the end of the tree's path. */
  private readTree(): void {
    this.place = IN_TREE;
    this.block = this.tree.block;
    this.elements = this.tree.elements;
  }

  private use(header: number): void {
    this.header = header;
    this.tree.header = header;
  }

  private field(at: number): number {
    return this.memory.i32[(this.header << 1) + at]!;
  }
}
