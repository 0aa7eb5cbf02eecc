/**
 * Runs of free pages below the top of one page range, and the top itself.
 * Best fit by length among runs of one bin; neighbours join; a free run at the top lowers the top.
 *
 *   bins      lengths 1 .. 32 exactly, then four bins per doubling; a bit per bin: not empty
 *   free run  | next run's page | previous run's page | dirty range, 4 words | stale bytes |
 *   page map  3 << 30 | length, at its first and its last page
 *
 * Beside that it knows which free pages the system still holds for us: of runs by
 * dirty-runs.hot.ts, above the top as all below `dirtyTopPage`. Whoever gives them back says so.
 *
 * Invariants: two free runs never touch; no free run ends at the top; every page map entry that is
 *   not the end of a free run has another kind (inner pages of a free run have kind 0).
 * Cost: O(1) plus at most BIN_LOOKS_MAX runs of one bin; a last resort walks one bin whole.
 */
import { assert } from '../assert.ts';
import { DirtyRuns } from './dirty-runs.hot.ts';
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
  /** One past the highest page that may be resident: pages from the top to here are dirty. */
  dirtyTopPage: number;
  readonly dirty: DirtyRuns;
  /** Highest top of the period that runs, and of the one before. */
  #periodTopPage: number;
  #lastTopPage: number;
  /** First run of each bin: page numbers. */
  readonly #bins: Int32Array;
  readonly #binMask: Int32Array;

  constructor(memory: PageMapMemory, firstPage: number, limitPage: number) {
    this.memory = memory;
    this.firstPage = firstPage;
    this.limitPage = limitPage;
    this.topPage = firstPage;
    this.freePages = 0;
    this.dirtyTopPage = firstPage;
    this.dirty = new DirtyRuns(memory, limitPage - firstPage);
    this.#periodTopPage = firstPage;
    this.#lastTopPage = firstPage;
    this.#bins = new Int32Array(BINS);
    this.#binMask = new Int32Array(BINS / 32);
    // Fields that change late for the first time would deoptimise what took them for constant.
    this.startPeriod();
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
          if (newTop > this.dirtyTopPage) this.dirtyTopPage = newTop;
          if (newTop > this.#periodTopPage) this.#periodTopPage = newTop;
          return top;
        }
      }
      run = this.#findRun(pages, this.limitPage);
      if (run === 0) return 0;
    }
    const length = this.memory.i32[this.memory.pageMapWord + run]! & PAGE_MASK;
    const dirty = this.dirty;
    this.#unlink(run, length);
    if (length > pages) {
      this.#link(run + pages, length - pages);
      dirty.note(run + pages, dirty.firstOf(run), dirty.endOf(run), dirty.periodOf(run));
    }
    return run;
  }

  /** Gives a run back. The caller has zeroed all its map entries. */
  put(page: number, pages: number): void {
    const i32 = this.memory.i32;
    const mapWord = this.memory.pageMapWord;
    const dirty = this.dirty;
    let first = page;
    let length = pages;
    let dirtyFirst = page;
    let dirtyEnd = page + pages;
    let period = dirty.period;
    const before = i32[mapWord + first - 1]!;
    if (before >>> 30 === KIND_FREE) {
      const joined = before & PAGE_MASK;
      first -= joined;
      length += joined;
      this.#unlink(first, joined);
      const dirtyPages = dirty.endOf(first) - dirty.firstOf(first);
      if (dirtyPages > 0) dirtyFirst = dirty.firstOf(first);
      // The age of the larger part counts: a slab that comes and goes keeps no large run young.
      if (dirtyPages > pages) period = dirty.periodOf(first);
    }
    if (first + length === this.topPage) {
      this.topPage = first;
      return;
    }
    assert(first + length < this.topPage, 'a freed run lies below the top');
    const after = i32[mapWord + first + length]!;
    if (after >>> 30 === KIND_FREE) {
      const joined = after & PAGE_MASK;
      const next = first + length;
      this.#unlink(next, joined);
      length += joined;
      const dirtyPages = dirty.endOf(next) - dirty.firstOf(next);
      if (dirtyPages > dirtyEnd - dirtyFirst) period = dirty.periodOf(next);
      // The run's first page held its words, so it is dirty whatever the rest is.
      dirtyEnd = dirtyPages > 0 ? dirty.endOf(next) : next + 1;
    }
    this.#link(first, length);
    dirty.note(first, dirtyFirst, dirtyEnd, period);
  }

  /** True when one free run has `pages` pages. */
  hasRun(pages: number): boolean {
    return this.#findRun(pages, BIN_LOOKS_MAX) !== 0;
  }

  /** A second or so has passed: what became free before the last one counts as settled. */
  startPeriod(): void {
    this.dirty.period++;
    this.#lastTopPage = this.#periodTopPage;
    this.#periodTopPage = this.topPage;
  }

  /** Pages from here on lay above the top for the whole of the last period. */
  settledTopPage(): number {
    return this.#lastTopPage > this.#periodTopPage ? this.#lastTopPage : this.#periodTopPage;
  }

  /** First page of the run after `run` in the order of the bins, the first one for 0; 0 = end. */
  runAfter(run: number): number {
    let bin = 0;
    if (run !== 0) {
      const next = this.memory.i32[run << PAGE_WORD_SHIFT]!;
      if (next !== 0) return next;
      bin = binOf(this.pagesOf(run)) + 1;
    }
    const found = this.#nextBin(bin);
    return found === 0 ? (bin === 0 ? this.#bins[0]! : 0) : this.#bins[found]!;
  }

  /** Pages of a free run. */
  pagesOf(run: number): number {
    return this.memory.i32[this.memory.pageMapWord + run]! & PAGE_MASK;
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
    this.dirty.forget(page);
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
