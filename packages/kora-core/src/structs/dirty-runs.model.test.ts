/**
 * Dirty ranges of free runs against an array of pages that the system holds: random takes, puts and
 * givings back; no resident free page escapes the range of its run or the dirty top, the table
 * lists exactly the runs that are worth a call, and a period has to pass before a range is old.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../testing/random-source.ts';
import { DIRTY_PAGES_MIN } from './dirty-runs.hot.ts';
import { FreeRuns } from './free-runs.hot.ts';
import { WorkerMemory } from './worker-memory.ts';

const MIB = 1024 * 1024;
const KIND_LARGE = 2;

/** Free runs beside what they ought to know: owner and residence of every page. */
class Pages {
  readonly memory = WorkerMemory.create({ lowBytes: 2 * 65_536, bytesMax: 16 * MIB });
  readonly runs = new FreeRuns(this.memory, this.memory.arenaFirstPage, this.memory.pagesMax);
  readonly isUsed = new Uint8Array(this.memory.pagesMax);
  readonly isResident = new Uint8Array(this.memory.pagesMax);
  readonly taken: { readonly page: number; readonly pages: number }[] = [];

  take(pages: number): boolean {
    const page = this.runs.take(pages);
    if (page === 0) return false;
    this.memory.i32[this.memory.pageMapWord + page] = (KIND_LARGE << 30) | pages;
    this.isUsed.fill(1, page, page + pages);
    this.isResident.fill(1, page, page + pages);
    this.taken.push({ page, pages });
    return true;
  }

  put(index: number): void {
    const { page, pages } = this.taken[index]!;
    this.taken[index] = this.taken[this.taken.length - 1]!;
    this.taken.pop();
    this.memory.i32[this.memory.pageMapWord + page] = 0;
    this.isUsed.fill(0, page, page + pages);
    this.runs.put(page, pages);
  }

  giveBackRun(place: number, pages: number): void {
    const { dirty } = this.runs;
    const run = dirty.runAt(place);
    const from = dirty.firstOf(run);
    const to = Math.min(from + pages, dirty.endOf(run));
    this.isResident.fill(0, from, to);
    this.memory.i32.fill(-1, from * 1024, to * 1024);
    dirty.shrink(run, to);
  }

  giveBackTop(from: number): void {
    this.isResident.fill(0, from);
    this.runs.dirtyTopPage = from;
  }

  /** What is wrong, or nothing. */
  complaint(): string {
    const { dirty, topPage, dirtyTopPage } = this.runs;
    const listed = new Set(Array.from({ length: dirty.count }, (_, i) => dirty.runAt(i)));
    let expected = 0;
    for (let page = this.runs.firstPage; page < topPage;) {
      if (this.isUsed[page] === 1) {
        page++;
        continue;
      }
      const run = page;
      this.isResident[run] = 1; // Its links were written.
      const [first, end] = [dirty.firstOf(run), dirty.endOf(run)];
      if (first <= run) return `run ${run}: its first page is in the dirty range`;
      for (page++; page < topPage && this.isUsed[page] === 0; page++) {
        if (this.isResident[page] === 1 && (page < first || page >= end)) {
          return `run ${run}: page ${page} is not in ${first} to ${end}`;
        }
      }
      if (end > page) return `run ${run}: the dirty range ends at ${end}, the run at ${page}`;
      if (end - first < DIRTY_PAGES_MIN) continue;
      expected++;
      if (!listed.has(run)) return `run ${run}: not listed`;
    }
    if (listed.size !== expected) return `${listed.size} runs are listed, not ${expected}`;
    const above = this.isResident.indexOf(1, Math.max(dirtyTopPage, topPage));
    return above >= 0 ? `page ${above} above the dirty top ${dirtyTopPage}` : '';
  }
}

describe('dirty runs', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`bound the pages that the system holds (seed ${seed})`, () => {
      const random = randomSource(seed);
      const pages = new Pages();
      const { runs } = pages;
      let given = 0;
      for (let step = 1; step < 4000; step++) {
        const isFilling = random.chance(step % 1000 < 600 ? 0.55 : 0.35);
        if (isFilling || pages.taken.length === 0) {
          pages.take(1 + random.below(random.chance(0.2) ? 400 : 20));
        } else {
          pages.put(random.below(pages.taken.length));
        }
        if (random.chance(0.05)) runs.startPeriod();
        if (random.chance(0.1) && runs.dirty.count > 0) {
          const most = random.chance(0.5) ? 4096 : 300;
          pages.giveBackRun(random.below(runs.dirty.count), 1 + random.below(most));
          given++;
        }
        if (random.chance(0.02)) {
          const floor = runs.settledTopPage();
          expect(floor).toBeGreaterThanOrEqual(runs.topPage);
          if (runs.dirtyTopPage > floor) pages.giveBackTop(floor);
        }
        const complaint = pages.complaint();
        if (complaint !== '') expect.fail(`seed ${seed} step ${step}: ${complaint}`);
      }
      expect(given).toBeGreaterThan(20);
      while (pages.taken.length > 0) pages.put(0);
      expect(runs.dirty.count).toBe(0);
      expect(runs.freePages).toBe(0);
    });
  }

  it('walks every free run once', () => {
    const pages = new Pages();
    for (let i = 0; i < 60; i++) pages.take(1 + (i % 3 === 0 ? i : 1));
    for (let index = 1; index < pages.taken.length; index += 2) {
      const { page, pages: count } = pages.taken[index]!;
      pages.memory.i32[pages.memory.pageMapWord + page] = 0;
      pages.isUsed.fill(0, page, page + count);
      pages.runs.put(page, count);
    }
    const seen = new Set<number>();
    let freePages = 0;
    for (let run = pages.runs.runAfter(0); run !== 0; run = pages.runs.runAfter(run)) {
      expect(seen.has(run)).toBe(false);
      seen.add(run);
      freePages += pages.runs.pagesOf(run);
    }
    expect(freePages).toBe(pages.runs.freePages);
    expect(seen.size).toBeGreaterThan(20);
  });

  it('keep the age of the larger part when a neighbour joins', () => {
    const pages = new Pages();
    for (const count of [600, 16, 16, 16]) pages.take(count);
    const { runs } = pages;
    const { period } = runs.dirty;
    pages.put(0);
    const run = runs.firstPage;
    expect(runs.dirty.periodOf(run)).toBe(period);
    runs.startPeriod();
    runs.startPeriod();
    pages.take(16);
    pages.put(pages.taken.length - 1);
    expect(runs.dirty.firstOf(run)).toBe(run + 1);
    expect(runs.dirty.periodOf(run)).toBe(period);
    pages.put(pages.taken.findIndex(({ page }) => page === run + 600));
    expect(runs.pagesOf(run)).toBe(616);
    expect(runs.dirty.periodOf(run)).toBe(period);
    pages.giveBackRun(0, 616);
    expect(runs.dirty.count).toBe(0);
    pages.take(300);
    pages.put(pages.taken.length - 1);
    expect(runs.dirty.count).toBe(1);
    expect(runs.dirty.periodOf(run)).toBe(period + 2);
  });

  it('let a page settle above the top for a whole period', () => {
    const pages = new Pages();
    pages.take(600);
    const { runs } = pages;
    const top = runs.topPage;
    pages.put(0);
    expect(runs.topPage).toBe(runs.firstPage);
    expect(runs.settledTopPage()).toBe(top);
    runs.startPeriod();
    expect(runs.settledTopPage()).toBe(top);
    runs.startPeriod();
    expect(runs.settledTopPage()).toBe(runs.firstPage);
    expect(runs.dirtyTopPage).toBe(top);
  });
});
