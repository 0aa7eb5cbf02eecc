/**
 * Gives free pages of the arena back to the system, where an advisor can: runs of 1 MiB and more
 * that nobody has wanted for a second, in slices of background work. Without an advisor it does
 * nothing, and resident memory stays at its high-water mark.
 *
 *   rest -- a period has passed --> pass -- every dirty run looked at --> rest
 *
 * What is given back reads as zeroes and costs a page fault when it is allocated again, so a run
 *   that comes and goes is left alone: it has to be free for one whole period, the pages above the
 *   top for as long as the top was below them. Accounting does not change: free is free.
 * Invariants: only free pages are named, and never the first one of a run, which carries its links;
 *   a slice names GIVE_BACK_PAGES_PER_SLICE pages, and up to two larger pages of what is free
 *   around them, because an advisor may have to round inwards.
 * Cost: about 0.1 us a resident page, 0.1 ms a slice.
 */
import type { Shard } from '../shard/shard.ts';
import { DIRTY_PAGES_MIN } from '../structs/dirty-runs.hot.ts';
import type { FreeRuns } from '../structs/free-runs.hot.ts';
import type { MemoryAdvisor } from '../structs/memory-advisor.ts';
import { PAGE_BYTES } from '../structs/memory-layout.ts';

/** A range is given back after it was free for one to two of these. */
export const GIVE_BACK_PERIOD_MS = 1000;
/** Pages offered in one slice: 4 MiB. */
export const GIVE_BACK_PAGES_PER_SLICE = 1024;
/** Runs of the table that one slice looks at, at most. */
export const GIVE_BACK_LOOKS_PER_SLICE = 64;
/** Free pages around a dirty range that are offered with it: one larger page, 2 MiB. */
export const GIVE_BACK_MARGIN_PAGES = 512;

export class GiveBack {
  /** Bytes that the advisor said it gave back; parts offered twice count twice. */
  offeredBytes = 0;
  /** Ranges of which the advisor gave nothing back. */
  refusals = 0;
  readonly #shard: Shard;
  #isActive = false;
  #periodStartMs: number;
  /** Where the pass is in the table of dirty runs; it goes down, so that removals do no harm. */
  #place = 0;

  constructor(shard: Shard) {
    this.#shard = shard;
    this.#periodStartMs = shard.platform.clock.nowMs();
  }

  /** One slice of a pass, when one is due. @returns true when more waits */
  step(): boolean {
    const { advisor, arenaAllocator } = this.#shard.memory;
    if (advisor === null) return false;
    const { runs } = arenaAllocator;
    if (!this.#isActive && !this.#start(runs)) return false;
    this.#isActive = this.#giveTop(advisor, runs) || this.#giveRun(advisor, runs);
    return this.#isActive;
  }

  /** Ms until `step` has something to do, unless memory is freed meanwhile; at most `msMax`. */
  restMs(msMax: number): number {
    const { advisor, arenaAllocator } = this.#shard.memory;
    if (advisor === null) return msMax;
    if (this.#isActive) return 0;
    const { runs } = arenaAllocator;
    const hasDirtyTop = runs.dirtyTopPage - runs.topPage >= DIRTY_PAGES_MIN;
    if (!hasDirtyTop && runs.dirty.count === 0) return msMax;
    const dueMs = this.#periodStartMs + GIVE_BACK_PERIOD_MS;
    return Math.max(0, Math.min(msMax, dueMs - this.#shard.nowMs));
  }

  /** Gives back every free page at once, however young. Cost: O(free runs + resident pages). */
  purge(): void {
    const { advisor, arenaAllocator } = this.#shard.memory;
    if (advisor === null) return;
    const { runs } = arenaAllocator;
    const { dirty } = runs;
    const { topPage } = runs;
    if (runs.dirtyTopPage > topPage) {
      this.#offer(advisor, topPage, runs.dirtyTopPage, topPage, this.#shard.memory.pages);
      runs.dirtyTopPage = topPage;
    }
    for (let run = runs.runAfter(0); run !== 0; run = runs.runAfter(run)) {
      const end = dirty.endOf(run);
      if (dirty.firstOf(run) >= end) continue;
      this.#offer(advisor, dirty.firstOf(run), end, run + 1, run + runs.pagesOf(run));
      dirty.shrink(run, end);
    }
  }

  #start(runs: FreeRuns): boolean {
    const { nowMs } = this.#shard;
    const isDue = nowMs - this.#periodStartMs >= GIVE_BACK_PERIOD_MS;
    // A clock that was set back begins a new period at once instead of resting for hours.
    if (!isDue && nowMs >= this.#periodStartMs) return false;
    this.#periodStartMs = nowMs;
    if (!isDue) return false;
    runs.startPeriod();
    this.#place = runs.dirty.count;
    return true;
  }

  /** A slice of what lies above the top, the highest first; false when nothing there is due. */
  #giveTop(advisor: MemoryAdvisor, runs: FreeRuns): boolean {
    const floor = runs.settledTopPage();
    const end = runs.dirtyTopPage;
    if (end - floor < DIRTY_PAGES_MIN) return false;
    let from = Math.max(floor, end - GIVE_BACK_PAGES_PER_SLICE);
    if (from - floor < DIRTY_PAGES_MIN) from = floor;
    this.#offer(advisor, from, end, floor, this.#shard.memory.pages);
    runs.dirtyTopPage = from;
    return true;
  }

  /** A slice of a run that is due; false when none of the table is. */
  #giveRun(advisor: MemoryAdvisor, runs: FreeRuns): boolean {
    const { dirty } = runs;
    if (this.#place > dirty.count) this.#place = dirty.count;
    for (let looks = 0; this.#place > 0 && looks < GIVE_BACK_LOOKS_PER_SLICE; looks++) {
      const run = dirty.runAt(this.#place - 1);
      if (dirty.periodOf(run) > dirty.period - 2) {
        this.#place--;
        continue;
      }
      const from = dirty.firstOf(run);
      const end = dirty.endOf(run);
      let to = Math.min(end, from + GIVE_BACK_PAGES_PER_SLICE);
      if (end - to < DIRTY_PAGES_MIN) to = end;
      this.#offer(advisor, from, to, run + 1, run + runs.pagesOf(run));
      dirty.shrink(run, to);
      break;
    }
    return this.#place > 0 && dirty.count > 0;
  }

  /** Offers pages [from, to) and a margin of what is free around them: pages [floor, limit). */
  #offer(advisor: MemoryAdvisor, from: number, to: number, floor: number, limit: number): void {
    const first = Math.max(floor, from - GIVE_BACK_MARGIN_PAGES);
    const end = Math.min(limit, to + GIVE_BACK_MARGIN_PAGES);
    const bytes = (end - first) * PAGE_BYTES;
    if (advisor.giveBack(first * PAGE_BYTES, bytes)) this.offeredBytes += bytes;
    else this.refusals++;
  }
}
