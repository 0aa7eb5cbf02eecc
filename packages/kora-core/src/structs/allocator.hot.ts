/**
 * Slab allocator over one page range of a worker's memory, with page runs for large blocks.
 * Why slabs: a hot free and alloc take 41 ns together, held/live stays at 1.06 under churn, empty
 *   slabs give their pages back, and every byte is accounted (docs/internals/arena.md).
 *
 *   page map, u32 a page   kind:2 | class:8 | first page of the slab:20
 *     kind 0: none, 1: slab, 2: large run (first page: length), 3: free run (both ends: length)
 *   slab                   | header, 64 bytes | block | block | ...
 *     header words         class | used | free head | bump | next | previous | state | -
 *     state                0 full, 1 listed (gives blocks), 2 marked sparse (gives none)
 *   free block             | next free ref of its slab | stale bytes |
 *
 * Invariants: a block has one owner; used bytes are the exact sum of block sizes; free runs never
 *   touch each other or the top; a listed slab has a free block.
 * Cost: O(1); a new slab writes its page map entries. Contents of a fresh block are undefined.
 */
import { assert, verify } from '../assert.ts';
import {
  PAGE_BYTES, PAGE_REF_SHIFT, PAGE_WORD_SHIFT,
} from './memory-layout.ts';
import { FreedBlocks } from './freed-blocks.ts';
import { FreeRuns } from './free-runs.hot.ts';
import type { PageMapMemory } from './free-runs.hot.ts';
import {
  CLASS_BYTES, CLASS_COUNT, CLASS_OF_GRANULE, CLASS_RUN, CLASS_SLAB_BLOCKS, CLASS_SLAB_PAGES,
  MEDIUM_SLAB_PAGES, SLAB_BLOCK_BYTES_MAX, SLAB_HEADER_BYTES, SMALL_BLOCK_BYTES_MAX,
  SMALL_CLASS_COUNT, SMALL_SLAB_PAGES,
} from './size-classes.ts';

/** Indices of {@link Allocator.counts}. */
export const ALLOC_USED_BYTES = 0;
export const ALLOC_SLAB_BYTES = 1;
export const ALLOC_LARGE_BYTES = 2;
export const ALLOC_FREE_RUN_PAGES = 3;
/** One past the highest page in use. */
export const ALLOC_TOP_PAGE = 4;
/** One past the highest page ever in use: what a memory pool has to zero. */
export const ALLOC_PEAK_PAGE = 5;
export const ALLOC_SLABS = 6;
export const ALLOC_SPARSE_SLABS = 7;
export const ALLOC_COUNTS = 8;

/** A slab is a candidate for evacuation below this share of used blocks. */
export const SPARSE_FILL_MAX = 0.75;
/** Slabs that one call of `markSparse` looks at, at most: 110 us when none is in a cache. */
export const SPARSE_SLABS_VISITED_MAX = 128;

const KIND_SLAB = 1;
const KIND_LARGE = 2;
const PAGE_MASK = 0xfffff;
const HEADER_CLASS = 0;
const HEADER_USED = 1;
const HEADER_FREE = 2;
const HEADER_BUMP = 3;
const HEADER_NEXT = 4;
const HEADER_PREVIOUS = 5;
const HEADER_STATE = 6;
const STATE_FULL = 0;
const STATE_LISTED = 1;
const STATE_MARKED = 2;
const FILL_BUCKETS = 32;
const POISON = 0xdd;
const GROW_TEST_PAGES = 16;

/** Owner: the thread that owns the memory. All refs are byte offset / 8, 0 = none. */
export class Allocator {
  readonly memory: PageMapMemory;
  readonly firstPage: number;
  readonly limitPage: number;
  /** Doubles that change at every call live here and not in fields, where each store would box. */
  readonly counts: Float64Array;
  /** Slab with room, and marked slab, of each class: page numbers. */
  readonly #listed: Int32Array;
  readonly #marked: Int32Array;
  /** Slabs of each class, and scratch of the marking: slabs by fill. */
  readonly #slabs: Int32Array;
  readonly #fillSlabs: Int32Array;
  /** Where marking goes on: the slab of each class, and the class. */
  readonly #resumeSlab: Int32Array;
  #resumeClass: number;
  /** Free pages; for whoever gives them back to the system. @internal */
  readonly runs: FreeRuns;
  readonly #freed: FreedBlocks;
  /** Pages of the last reserve: how much of it is still open, nobody counts. */
  #promisedPages: number;
  /** The last reserve counts on whole pages: open no slab. */
  #isTight: boolean;
  /** Pages that every reserve leaves, for those who were promised some until later. */
  #heldPages: number;

  /** Owns pages firstPage .. limitPage - 1, all unused; the memory may not reach them yet. */
  constructor(memory: PageMapMemory, firstPage: number, limitPage: number) {
    assert(firstPage > 0, 'page 0 belongs to nobody, so that ref 0 can mean none');
    assert(firstPage < limitPage, 'the range has a page');
    this.memory = memory;
    this.firstPage = firstPage;
    this.limitPage = limitPage;
    this.counts = new Float64Array(ALLOC_COUNTS);
    this.#listed = new Int32Array(CLASS_COUNT);
    this.#marked = new Int32Array(CLASS_COUNT);
    this.#slabs = new Int32Array(CLASS_COUNT);
    this.#fillSlabs = new Int32Array(FILL_BUCKETS);
    this.#resumeSlab = new Int32Array(CLASS_COUNT);
    this.#resumeClass = 0;
    this.runs = new FreeRuns(memory, firstPage, limitPage);
    this.#freed = new FreedBlocks();
    this.#promisedPages = 0;
    this.#isTight = false;
    this.#heldPages = 0;
    this.counts[ALLOC_TOP_PAGE] = firstPage;
    this.counts[ALLOC_PEAK_PAGE] = firstPage;
  }

  /** A ref to at least `bytes` bytes, 8-aligned, contents undefined; 0 when the range is full. */
  alloc(bytes: number): number {
    if (verify.enabled && verify.growsOnAlloc) {
      this.memory.ensurePages(this.memory.pages + GROW_TEST_PAGES);
    }
    if (bytes > SLAB_BLOCK_BYTES_MAX) return this.#allocRun(bytes);
    const sizeClass = CLASS_OF_GRANULE[(bytes + 7) >>> 3]!;
    if (sizeClass === CLASS_RUN) return this.#allocRun(bytes);
    let slab = this.#listed[sizeClass]!;
    if (slab === 0) {
      slab = this.#newSlab(sizeClass);
      if (slab === 0) return this.#allocRun(bytes); // Better whole pages than an error.
    }
    const i32 = this.memory.i32;
    const header = slab << PAGE_WORD_SHIFT;
    const size = CLASS_BYTES[sizeClass]!;
    let ref = i32[header + HEADER_FREE]!;
    if (ref !== 0) {
      i32[header + HEADER_FREE] = i32[ref << 1]!;
    } else {
      const bump = i32[header + HEADER_BUMP]!;
      ref = (slab << PAGE_REF_SHIFT) + (bump >>> 3);
      i32[header + HEADER_BUMP] = bump + size;
    }
    const used = i32[header + HEADER_USED]! + 1;
    i32[header + HEADER_USED] = used;
    if (used === CLASS_SLAB_BLOCKS[sizeClass]!) this.#unlink(this.#listed, sizeClass, slab);
    this.counts[ALLOC_USED_BYTES]! += size;
    return ref;
  }

  /** Takes a block back. With `verify.enabled` a foreign ref or a double free is an assertion. */
  free(ref: number): void {
    if (verify.enabled) this.#verifyFree(ref);
    const i32 = this.memory.i32;
    const page = ref >>> PAGE_REF_SHIFT;
    const mapped = i32[this.memory.pageMapWord + page]!;
    if (mapped >>> 30 !== KIND_SLAB) {
      assert(mapped >>> 30 === KIND_LARGE, 'a freed ref belongs to a slab or a run');
      this.#freeRun(page, mapped & PAGE_MASK);
      return;
    }
    const slab = mapped & PAGE_MASK;
    const sizeClass = (mapped >>> 20) & 0xff;
    const header = slab << PAGE_WORD_SHIFT;
    i32[ref << 1] = i32[header + HEADER_FREE]!;
    i32[header + HEADER_FREE] = ref;
    const used = i32[header + HEADER_USED]! - 1;
    i32[header + HEADER_USED] = used;
    this.counts[ALLOC_USED_BYTES]! -= CLASS_BYTES[sizeClass]!;
    if (i32[header + HEADER_STATE] === STATE_FULL) {
      this.#link(this.#listed, sizeClass, slab, STATE_LISTED);
    } else if (used === 0) {
      this.#slabEmptied(sizeClass, slab);
    }
  }

  /** Bytes that the block really has. */
  sizeOf(ref: number): number {
    const mapped = this.memory.i32[this.memory.pageMapWord + (ref >>> PAGE_REF_SHIFT)]!;
    if (mapped >>> 30 === KIND_SLAB) return CLASS_BYTES[(mapped >>> 20) & 0xff]!;
    return (mapped & PAGE_MASK) * PAGE_BYTES;
  }

  /** Bytes that alloc(bytes) accounts. (Whole pages when no slab is to be had, near the limit.) */
  realBytes(bytes: number): number {
    if (bytes <= SLAB_BLOCK_BYTES_MAX) {
      const sizeClass = CLASS_OF_GRANULE[(bytes + 7) >>> 3]!;
      if (sizeClass !== CLASS_RUN) return CLASS_BYTES[sizeClass]!;
    }
    return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
  }

  /**
   * After true, the next `blocks` allocations of together at most `bytes` bytes cannot fail.
   * Grows the memory now, when it has to. False changes nothing but the memory's size.
   * Conservative: asks for one contiguous stretch of pages that holds the worst case, which is one
   * new slab per class touched plus full slabs; free blocks in old slabs do not count. When that is
   * not to be had, a stretch of whole pages for every block will do: then blocks without a hole
   * take pages, and no slab is opened, until a reserve finds plenty again.
   */
  reserve(blocks: number, bytes: number): boolean {
    const pages = worstPages(blocks, bytes);
    if (this.#hasRoom(pages)) {
      this.#promisedPages = pages;
      this.#isTight = false;
      return true;
    }
    const wholePages = blocks + Math.ceil(bytes / PAGE_BYTES);
    if (!this.#hasRoom(wholePages)) return false; // What was promised before still holds.
    this.#promisedPages = wholePages;
    this.#isTight = true;
    return true;
  }

  /**
   * As {@link reserve}, for work that may be left out, such as an index growing: true only when the
   * last reserve keeps its promise whatever part of it is still open.
   */
  reserveBeside(blocks: number, bytes: number): boolean {
    return this.#hasRoom(this.#promisedPages + worstPages(blocks, bytes));
  }

  /**
   * Makes sure that a reserve of the same size succeeds later, whatever others reserve until then:
   * just before it give back what this returns, by `letGo`.
   * @returns pages that are held now, at least 1; 0 when memory is short: nothing is held then
   */
  hold(blocks: number, bytes: number): number {
    const pages = worstPages(blocks, bytes);
    if (!this.#hasRoom(pages)) return 0;
    this.#heldPages += pages;
    return pages;
  }

  /** Pages that are held now. */
  heldPages(): number {
    return this.#heldPages;
  }

  /** Ends a hold. */
  letGo(pages: number): void {
    assert(pages <= this.#heldPages, 'what is let go was held');
    this.#heldPages -= pages;
  }

  /** True when alloc(bytes) can be served from a slab at hand, without a new page. */
  hasBlock(bytes: number): boolean {
    if (bytes > SLAB_BLOCK_BYTES_MAX) return false;
    const sizeClass = CLASS_OF_GRANULE[(bytes + 7) >>> 3]!;
    if (sizeClass === CLASS_RUN) return false;
    return this.#listed[sizeClass] !== 0 || this.#marked[sizeClass] !== 0;
  }

  /** Exact sum of the sizes of all blocks handed out. */
  usedBytes(): number {
    return this.counts[ALLOC_USED_BYTES]!;
  }

  /** Bytes between the first page and the top, less the free runs: what the blocks keep busy. */
  heldBytes(): number {
    const pages = this.runs.topPage - this.firstPage - this.counts[ALLOC_FREE_RUN_PAGES]!;
    return pages * PAGE_BYTES;
  }

  /** True when the block's slab is marked: its owner should move it. */
  isSparse(ref: number): boolean {
    const i32 = this.memory.i32;
    const mapped = i32[this.memory.pageMapWord + (ref >>> PAGE_REF_SHIFT)]!;
    if (mapped >>> 30 !== KIND_SLAB) return false;
    return i32[((mapped & PAGE_MASK) << PAGE_WORD_SHIFT) + HEADER_STATE] === STATE_MARKED;
  }

  /**
   * Marks slabs whose blocks fit into the free blocks of their class's fuller slabs. A marked slab
   * gives no new blocks and returns its pages when it empties. One call looks at no more than
   * SPARSE_SLABS_VISITED_MAX slabs with room; call again while {@link isMarking} says so.
   * @returns slabs that are marked now, older marks included
   */
  markSparse(): number {
    let visits = SPARSE_SLABS_VISITED_MAX;
    while (visits > 0) {
      const sizeClass = this.#resumeClass;
      if (this.#slabs[sizeClass]! > 1) visits -= this.#markClass(sizeClass, visits);
      if (this.#resumeSlab[sizeClass] !== 0) break; // Visits are used up inside this class.
      this.#resumeClass = sizeClass + 1 < CLASS_COUNT ? sizeClass + 1 : 0;
      if (this.#resumeClass === 0) break;
    }
    return this.counts[ALLOC_SPARSE_SLABS]!;
  }

  /** True when the last {@link markSparse} did not get through all classes. */
  isMarking(): boolean {
    return this.#resumeClass !== 0 || this.#resumeSlab[0] !== 0;
  }

  /** Slab to go on with: the one remembered while it is still listed, else the head. */
  #firstToMark(sizeClass: number): number {
    const slab = this.#resumeSlab[sizeClass]!;
    if (slab === 0) return this.#listed[sizeClass]!;
    const i32 = this.memory.i32;
    const mapped = i32[this.memory.pageMapWord + slab]!;
    const isSlab = mapped === ((KIND_SLAB << 30) | (sizeClass << 20) | slab);
    const state = i32[(slab << PAGE_WORD_SHIFT) + HEADER_STATE]!;
    return isSlab && state === STATE_LISTED ? slab : this.#listed[sizeClass]!;
  }

  #hasRoom(wanted: number): boolean {
    const pages = wanted + this.#heldPages;
    const wantedTop = this.runs.topPage + pages;
    if (wantedTop <= this.limitPage) {
      if (wantedTop <= this.memory.pages || this.memory.ensurePages(wantedTop)) return true;
    }
    return this.runs.hasRun(pages);
  }

  /** Slabs of one class: emptiest first by bucket, while the rest has room for their blocks. */
  #markClass(sizeClass: number, visitsMax: number): number {
    const i32 = this.memory.i32;
    const fill = this.#fillSlabs;
    const blocks = CLASS_SLAB_BLOCKS[sizeClass]!;
    fill.fill(0);
    let visited = 0;
    let room = 0;
    const first = this.#firstToMark(sizeClass);
    let slab = first;
    for (; slab !== 0 && visited < visitsMax; visited++) {
      const used = i32[(slab << PAGE_WORD_SHIFT) + HEADER_USED]!;
      fill[((used * FILL_BUCKETS) / (blocks + 1)) | 0]! += 1;
      room += blocks - used;
      slab = i32[(slab << PAGE_WORD_SHIFT) + HEADER_NEXT]!;
    }
    this.#resumeSlab[sizeClass] = slab;
    if (room < blocks) return visited; // Not even one slab's worth of holes.
    const bucketMax = markedBucketMax(fill, blocks, room);
    let left = visited;
    for (slab = first; left > 0; left--) {
      const header = slab << PAGE_WORD_SHIFT;
      const next = i32[header + HEADER_NEXT]!;
      const used = i32[header + HEADER_USED]!;
      const bucket = ((used * FILL_BUCKETS) / (blocks + 1)) | 0;
      // Marking takes the slab's holes away and asks for room for its blocks: `blocks` together.
      if (bucket <= bucketMax && room >= blocks && used <= blocks * SPARSE_FILL_MAX) {
        room -= blocks;
        this.#unlink(this.#listed, sizeClass, slab);
        this.#link(this.#marked, sizeClass, slab, STATE_MARKED);
        this.counts[ALLOC_SPARSE_SLABS]! += 1;
      }
      slab = next;
    }
    return visited;
  }

  /** A slab with all blocks free: gives its pages back, unless it is the last one with room. */
  #slabEmptied(sizeClass: number, slab: number): void {
    const header = slab << PAGE_WORD_SHIFT;
    const i32 = this.memory.i32;
    if (i32[header + HEADER_STATE] === STATE_MARKED) {
      this.#unlink(this.#marked, sizeClass, slab);
      this.counts[ALLOC_SPARSE_SLABS]! -= 1;
    } else {
      const isAlone = i32[header + HEADER_NEXT] === 0 && i32[header + HEADER_PREVIOUS] === 0;
      if (isAlone && sizeClass < SMALL_CLASS_COUNT) return; // A ping-pong would cost a slab a time.
      this.#unlink(this.#listed, sizeClass, slab);
    }
    const pages = CLASS_SLAB_PAGES[sizeClass]!;
    this.#slabs[sizeClass]! -= 1;
    this.counts[ALLOC_SLABS]! -= 1;
    this.counts[ALLOC_SLAB_BYTES]! -= pages * PAGE_BYTES;
    const mapWord = this.memory.pageMapWord + slab;
    i32.fill(0, mapWord, mapWord + pages);
    this.runs.put(slab, pages);
    this.#runsChanged();
  }

  /** A fresh slab at the head of its class's list; 0 when none is to be had. */
  #newSlab(sizeClass: number): number {
    const pages = CLASS_SLAB_PAGES[sizeClass]!;
    const slab = this.#isTight ? 0 : this.runs.take(pages);
    if (slab === 0) return this.#unmarkOne(sizeClass);
    this.#runsChanged();
    const i32 = this.memory.i32;
    const mapWord = this.memory.pageMapWord + slab;
    i32.fill((KIND_SLAB << 30) | (sizeClass << 20) | slab, mapWord, mapWord + pages);
    const header = slab << PAGE_WORD_SHIFT;
    i32[header + HEADER_CLASS] = sizeClass;
    i32[header + HEADER_USED] = 0;
    i32[header + HEADER_FREE] = 0;
    i32[header + HEADER_BUMP] = SLAB_HEADER_BYTES;
    this.#link(this.#listed, sizeClass, slab, STATE_LISTED);
    this.#slabs[sizeClass]! += 1;
    this.counts[ALLOC_SLABS]! += 1;
    this.counts[ALLOC_SLAB_BYTES]! += pages * PAGE_BYTES;
    return slab;
  }

  /** With no page left, a marked slab's holes are better than an error. */
  #unmarkOne(sizeClass: number): number {
    const slab = this.#marked[sizeClass]!;
    if (slab === 0) return 0;
    this.#unlink(this.#marked, sizeClass, slab);
    this.#link(this.#listed, sizeClass, slab, STATE_LISTED);
    this.counts[ALLOC_SPARSE_SLABS]! -= 1;
    return slab;
  }

  #link(heads: Int32Array, sizeClass: number, slab: number, state: number): void {
    const i32 = this.memory.i32;
    const header = slab << PAGE_WORD_SHIFT;
    const next = heads[sizeClass]!;
    i32[header + HEADER_NEXT] = next;
    i32[header + HEADER_PREVIOUS] = 0;
    i32[header + HEADER_STATE] = state;
    if (next !== 0) i32[(next << PAGE_WORD_SHIFT) + HEADER_PREVIOUS] = slab;
    heads[sizeClass] = slab;
  }

  #unlink(heads: Int32Array, sizeClass: number, slab: number): void {
    const i32 = this.memory.i32;
    const header = slab << PAGE_WORD_SHIFT;
    const next = i32[header + HEADER_NEXT]!;
    const previous = i32[header + HEADER_PREVIOUS]!;
    if (previous === 0) heads[sizeClass] = next;
    else i32[(previous << PAGE_WORD_SHIFT) + HEADER_NEXT] = next;
    if (next !== 0) i32[(next << PAGE_WORD_SHIFT) + HEADER_PREVIOUS] = previous;
    i32[header + HEADER_STATE] = STATE_FULL;
  }

  #allocRun(bytes: number): number {
    const pages = Math.ceil(bytes / PAGE_BYTES);
    const page = this.runs.take(pages);
    if (page === 0) return 0;
    this.#runsChanged();
    this.memory.i32[this.memory.pageMapWord + page] = (KIND_LARGE << 30) | pages;
    this.counts[ALLOC_LARGE_BYTES]! += pages * PAGE_BYTES;
    this.counts[ALLOC_USED_BYTES]! += pages * PAGE_BYTES;
    return page << PAGE_REF_SHIFT;
  }

  #freeRun(page: number, pages: number): void {
    this.counts[ALLOC_LARGE_BYTES]! -= pages * PAGE_BYTES;
    this.counts[ALLOC_USED_BYTES]! -= pages * PAGE_BYTES;
    this.memory.i32[this.memory.pageMapWord + page] = 0;
    this.runs.put(page, pages);
    this.#runsChanged();
  }

  #runsChanged(): void {
    const runs = this.runs;
    const counts = this.counts;
    counts[ALLOC_FREE_RUN_PAGES] = runs.freePages;
    counts[ALLOC_TOP_PAGE] = runs.topPage;
    if (runs.topPage > counts[ALLOC_PEAK_PAGE]!) counts[ALLOC_PEAK_PAGE] = runs.topPage;
  }

  /** Costly: looks whether the block is free, then poisons it so that a late read shows. */
  #verifyFree(ref: number): void {
    const i32 = this.memory.i32;
    const page = ref >>> PAGE_REF_SHIFT;
    assert(page >= this.firstPage && page < this.runs.topPage, 'a freed ref is of this allocator');
    const mapped = i32[this.memory.pageMapWord + page]!;
    if (mapped >>> 30 === KIND_LARGE) {
      assert(ref === page << PAGE_REF_SHIFT, 'a freed run is named by its first ref');
      return;
    }
    assert(mapped >>> 30 === KIND_SLAB, 'a freed ref belongs to a slab or a run');
    const slab = mapped & PAGE_MASK;
    const size = CLASS_BYTES[(mapped >>> 20) & 0xff]!;
    const header = slab << PAGE_WORD_SHIFT;
    const offset = ref * 8 - slab * PAGE_BYTES - SLAB_HEADER_BYTES;
    assert(offset >= 0 && offset % size === 0, 'a freed ref is the start of a block');
    const bump = i32[header + HEADER_BUMP]!;
    assert(offset + SLAB_HEADER_BYTES < bump, 'a freed block was handed out');
    const opened = (bump - SLAB_HEADER_BYTES) / size;
    const free = i32[header + HEADER_FREE]!;
    const isFirst = this.#freed.note(i32, slab, free, i32[header + HEADER_USED]!, opened, ref);
    assert(isFirst, 'a block is freed once');
    this.memory.kernel.fill(ref * 8, POISON, size);
  }
}

/**
 * Pages that `blocks` allocations of together `bytes` bytes take at worst: one new slab per class
 * they can touch, plus full slabs and runs with their rounding: 12.5 %, 7 bytes a block, 4 % tail.
 */
function worstPages(blocks: number, bytes: number): number {
  let mediumSlabs = (bytes / SMALL_BLOCK_BYTES_MAX) | 0;
  if (mediumSlabs > blocks) mediumSlabs = blocks;
  if (mediumSlabs > CLASS_COUNT - SMALL_CLASS_COUNT) mediumSlabs = CLASS_COUNT - SMALL_CLASS_COUNT;
  // A block opens one slab: those that open medium ones, the dearer kind, open no small one.
  let smallSlabs = blocks - mediumSlabs;
  if (smallSlabs > SMALL_CLASS_COUNT) smallSlabs = SMALL_CLASS_COUNT;
  const dense = Math.ceil((bytes * 1.2 + blocks * 9) / PAGE_BYTES);
  return smallSlabs * SMALL_SLAB_PAGES + mediumSlabs * MEDIUM_SLAB_PAGES + dense + 1;
}

/** Highest fill bucket that may be marked at all: buckets above keep room for those below. */
function markedBucketMax(fill: Int32Array, blocks: number, room: number): number {
  let left = room;
  for (let bucket = 0; bucket < FILL_BUCKETS; bucket++) {
    left -= fill[bucket]! * blocks;
    if (left < 0) return bucket;
  }
  return FILL_BUCKETS - 1;
}
