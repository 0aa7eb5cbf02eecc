/**
 * Which free runs still have pages of the system, and since when: what the giving back of memory
 * goes by. A run that was handed to the system is clean; whatever is freed beside it later makes a
 * small dirty range, and only that is worth a system call.
 *
 *   free run, words 2 .. 5 of its first page
 *     dirty first page | one past the last dirty page | period | place in the table + 1, 0 = none
 *
 * The dirty range bounds the dirty pages and never has the run's first page, which carries these
 *   words and stays. A period is a second or so of the owner's clock: a range noted in period p was
 *   free all of p + 1 when period p + 2 begins.
 * Invariants: the table holds exactly the runs whose dirty range has DIRTY_PAGES_MIN pages or more;
 *   a listed run's word 5 names its place.
 * Cost: O(1), a few words of a cache line that the linking of the run touches anyway.
 */
import { assert } from '../assert.ts';
import { PAGE_WORD_SHIFT } from './memory-layout.ts';

/** What is needed of a worker's memory. */
interface PageWords {
  i32: Int32Array;
}

/** A dirty range below 1 MiB is not worth a system call. */
export const DIRTY_PAGES_MIN = 256;

const WORD_FIRST = 2;
const WORD_END = 3;
const WORD_PERIOD = 4;
const WORD_PLACE = 5;

/** Owner: the free runs of one page range. */
export class DirtyRuns {
  readonly memory: PageWords;
  /** Counts up with every {@link startPeriod} of the owner. */
  period: number;
  /** Runs in the table. */
  count: number;
  readonly #runs: Int32Array;

  /** @param pagesMax pages of the range, which bound the runs that can be dirty at once */
  constructor(memory: PageWords, pagesMax: number) {
    this.memory = memory;
    this.period = 0;
    this.count = 0;
    this.#runs = new Int32Array(Math.ceil(pagesMax / DIRTY_PAGES_MIN));
  }

  /** First page of the run at a place of the table; places change with every note. */
  runAt(place: number): number {
    return this.#runs[place]!;
  }

  /** First dirty page of a run; not below `endOf` when the run is clean. */
  firstOf(run: number): number {
    return this.memory.i32[(run << PAGE_WORD_SHIFT) + WORD_FIRST]!;
  }

  /** One past the last dirty page of a run. */
  endOf(run: number): number {
    return this.memory.i32[(run << PAGE_WORD_SHIFT) + WORD_END]!;
  }

  /** Period in which the larger part of the run's dirty range became free. */
  periodOf(run: number): number {
    return this.memory.i32[(run << PAGE_WORD_SHIFT) + WORD_PERIOD]!;
  }

  /** Describes a run that was just made: listed when its dirty range is long enough. */
  note(run: number, first: number, end: number, period: number): void {
    const word = run << PAGE_WORD_SHIFT;
    const i32 = this.memory.i32;
    const from = first > run ? first : run + 1;
    i32[word + WORD_FIRST] = from;
    i32[word + WORD_END] = end;
    i32[word + WORD_PERIOD] = period;
    i32[word + WORD_PLACE] = 0;
    if (end - from < DIRTY_PAGES_MIN) return;
    assert(this.count < this.#runs.length, 'the table holds every dirty run there can be');
    this.#runs[this.count] = run;
    this.count++;
    i32[word + WORD_PLACE] = this.count;
  }

  /** The run is no longer what it was noted as: takes it out of the table, if it is there. */
  forget(run: number): void {
    const i32 = this.memory.i32;
    const place = i32[(run << PAGE_WORD_SHIFT) + WORD_PLACE]!;
    if (place === 0) return;
    assert(this.#runs[place - 1] === run, 'a listed run names its place');
    this.count--;
    const moved = this.#runs[this.count]!;
    this.#runs[place - 1] = moved;
    i32[(moved << PAGE_WORD_SHIFT) + WORD_PLACE] = place;
    i32[(run << PAGE_WORD_SHIFT) + WORD_PLACE] = 0;
  }

  /** The run's dirty range begins later now, because what lay before was given back. */
  shrink(run: number, first: number): void {
    if (this.endOf(run) - first < DIRTY_PAGES_MIN) this.forget(run);
    this.memory.i32[(run << PAGE_WORD_SHIFT) + WORD_FIRST] = first;
  }
}
