/**
 * Runs of free pages below the top of one page range, and the top itself.
 * Best fit by length among runs of one bin; neighbours join; a free run at the top lowers the top.
 *
 *   bins      lengths 1 .. 32 exactly, then four bins per doubling; a bit per bin: not empty
 *   free run  | next run's page | previous run's page | stale bytes |
 *   page map  3 << 30 | length, at its first and its last page
 *
 * Invariants: two free runs never touch; no free run ends at the top; every page map entry that is
 *   not the end of a free run has another kind (inner pages of a free run have kind 0).
 * Cost: O(1) plus at most BIN_LOOKS_MAX runs of one bin; a last resort walks one bin whole.
 */
import { assert } from '../assert.ts';
import type { Kernel } from './kernel.ts';
import { PAGE_WORD_SHIFT } from './memory-layout.ts';

/** What allocators need of a worker's memory. */
export interface PageMapMemory {
  readonly kernel: Kernel;
  i32: Int32Array;
  readonly pageMapWord: number;
  /** 4 KiB pages the memory has now. */
  pages: number;
  ensurePages(topPage: number): boolean;
}

/** Runs of one bin that a search looks at before it takes a longer bin. */
export const BIN_LOOKS_MAX = 16;

const KIND_FREE = 3;
const PAGE_MASK = 0xfffff;
const BINS = 96;
const EXACT_BINS = 32;

export class FreeRuns {
  readonly memory: PageMapMemory;
  readonly firstPage: number;
  readonly limitPage: number;
  /** One past the highest page in use. */
  topPage: number;
  /** Pages in free runs. */
  freePages: number;
  /** First run of each bin: page numbers. */
  readonly #bins: Int32Array;
  readonly #binMask: Int32Array;

  constructor(memory: PageMapMemory, firstPage: number, limitPage: number) {
    this.memory = memory;
    this.firstPage = firstPage;
    this.limitPage = limitPage;
    this.topPage = firstPage;
    this.freePages = 0;
    this.#bins = new Int32Array(BINS);
    this.#binMask = new Int32Array(BINS / 32);
  }

  /**
   * First page of a run of `pages` pages, 0 when there is none. Its map entries are the caller's.
   */
  take(pages: number): number {
    let run = this.#findRun(pages, BIN_LOOKS_MAX);
    if (run === 0) {
      const top = this.topPage;
      const newTop = top + pages;
      if (newTop <= this.limitPage) {
        if (newTop <= this.memory.pages || this.memory.ensurePages(newTop)) {
          this.topPage = newTop;
          return top;
        }
      }
      run = this.#findRun(pages, this.limitPage);
      if (run === 0) return 0;
    }
    const length = this.memory.i32[this.memory.pageMapWord + run]! & PAGE_MASK;
    this.#unlink(run, length);
    if (length > pages) this.#link(run + pages, length - pages);
    return run;
  }

  /** Gives a run back. The caller has zeroed all its map entries. */
  put(page: number, pages: number): void {
    const i32 = this.memory.i32;
    const mapWord = this.memory.pageMapWord;
    let first = page;
    let length = pages;
    const before = i32[mapWord + first - 1]!;
    if (before >>> 30 === KIND_FREE) {
      const joined = before & PAGE_MASK;
      first -= joined;
      length += joined;
      this.#unlink(first, joined);
    }
    if (first + length === this.topPage) {
      this.topPage = first;
      return;
    }
    assert(first + length < this.topPage, 'a freed run lies below the top');
    const after = i32[mapWord + first + length]!;
    if (after >>> 30 === KIND_FREE) {
      const joined = after & PAGE_MASK;
      this.#unlink(first + length, joined);
      length += joined;
    }
    this.#link(first, length);
  }

  /** True when one free run has `pages` pages. */
  hasRun(pages: number): boolean {
    return this.#findRun(pages, BIN_LOOKS_MAX) !== 0;
  }

  #findRun(pages: number, looksMax: number): number {
    const i32 = this.memory.i32;
    const mapWord = this.memory.pageMapWord;
    const firstBin = binOf(pages);
    let best = 0;
    let bestLength = PAGE_MASK + 1;
    let looks = 0;
    for (let run = this.#bins[firstBin]!; run !== 0 && looks < looksMax; looks++) {
      const length = i32[mapWord + run]! & PAGE_MASK;
      if (length === pages) return run;
      if (length > pages && length < bestLength) {
        best = run;
        bestLength = length;
      }
      run = i32[run << PAGE_WORD_SHIFT]!;
    }
    if (best !== 0) return best;
    const bin = this.#nextBin(firstBin + 1);
    return bin === 0 ? 0 : this.#bins[bin]!;
  }

  /** First bin from `bin` on that holds a run, 0 when none does. */
  #nextBin(bin: number): number {
    let word = bin >>> 5;
    let bits = bin < BINS ? this.#binMask[word]! & (-1 << (bin & 31)) : 0;
    while (bits === 0) {
      word++;
      if (word >= BINS / 32) return 0;
      bits = this.#binMask[word]!;
    }
    return (word << 5) + 31 - Math.clz32(bits & -bits);
  }

  #link(page: number, pages: number): void {
    const i32 = this.memory.i32;
    const mapWord = this.memory.pageMapWord;
    const bin = binOf(pages);
    const next = this.#bins[bin]!;
    i32[mapWord + page] = (KIND_FREE << 30) | pages;
    i32[mapWord + page + pages - 1] = (KIND_FREE << 30) | pages;
    i32[page << PAGE_WORD_SHIFT] = next;
    i32[(page << PAGE_WORD_SHIFT) + 1] = 0;
    if (next !== 0) i32[(next << PAGE_WORD_SHIFT) + 1] = page;
    this.#bins[bin] = page;
    this.#binMask[bin >>> 5]! |= 1 << (bin & 31);
    this.freePages += pages;
  }

  #unlink(page: number, pages: number): void {
    const i32 = this.memory.i32;
    const mapWord = this.memory.pageMapWord;
    const bin = binOf(pages);
    const next = i32[page << PAGE_WORD_SHIFT]!;
    const previous = i32[(page << PAGE_WORD_SHIFT) + 1]!;
    if (previous === 0) this.#bins[bin] = next;
    else i32[previous << PAGE_WORD_SHIFT] = next;
    if (next !== 0) i32[(next << PAGE_WORD_SHIFT) + 1] = previous;
    if (this.#bins[bin] === 0) this.#binMask[bin >>> 5]! &= ~(1 << (bin & 31));
    i32[mapWord + page] = 0;
    i32[mapWord + page + pages - 1] = 0;
    this.freePages -= pages;
  }
}

/** Bin of a run of n pages: every run of a higher bin is longer than every run of a lower one. */
function binOf(pages: number): number {
  if (pages <= EXACT_BINS) return pages - 1;
  const log = 31 - Math.clz32(pages);
  return EXACT_BINS + (log - 5) * 4 + ((pages >>> (log - 2)) & 3);
}
