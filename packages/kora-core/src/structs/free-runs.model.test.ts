/**
 * Runs of free pages against an array of page owners: random takes and puts, no page given twice,
 * free pages counted, neighbours joined, the top lowered, a run found whenever one is long enough.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../testing/random-source.ts';
import { FreeRuns } from './free-runs.hot.ts';
import { WorkerMemory } from './worker-memory.ts';

const MIB = 1024 * 1024;

/** Lengths of the maximal stretches of free pages below the top. */
function freeStretches(owners: Int32Array, first: number, top: number): number[] {
  const stretches: number[] = [];
  let length = 0;
  for (let page = first; page <= top; page++) {
    if (page < top && owners[page] === 0) {
      length++;
    } else if (length > 0) {
      stretches.push(length);
      length = 0;
    }
  }
  return stretches;
}

describe('free runs', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`agree with a list of page owners (seed ${seed})`, () => {
      const random = randomSource(seed);
      const memory = WorkerMemory.create({ lowBytes: 2 * 65_536, bytesMax: 16 * MIB });
      const runs = new FreeRuns(memory, memory.arenaFirstPage, memory.pagesMax);
      const owners = new Int32Array(memory.pagesMax);
      const taken: { page: number; pages: number }[] = [];
      let refusals = 0;
      for (let step = 1; step < 6000; step++) {
        const hint = `seed ${seed} step ${step}`;
        if (random.chance(step % 2000 < 1200 ? 0.6 : 0.3) || taken.length === 0) {
          const pages = 1 + random.below(random.chance(0.1) ? 300 : 20);
          const isPossible = memory.pagesMax - runs.topPage >= pages
            || freeStretches(owners, runs.firstPage, runs.topPage).some((free) => free >= pages);
          const page = runs.take(pages);
          expect(page !== 0, hint).toBe(isPossible);
          if (page === 0) {
            refusals++;
            continue;
          }
          for (let i = page; i < page + pages; i++) {
            if (owners[i] !== 0) throw new Error(`${hint}: page ${i} given twice`);
            owners[i] = step;
          }
          memory.i32[memory.pageMapWord + page] = (2 << 30) | pages;
          taken.push({ page, pages });
        } else {
          const index = random.below(taken.length);
          const { page, pages } = taken[index]!;
          taken[index] = taken[taken.length - 1]!;
          taken.pop();
          owners.fill(0, page, page + pages);
          memory.i32[memory.pageMapWord + page] = 0;
          runs.put(page, pages);
        }
        const stretches = freeStretches(owners, runs.firstPage, runs.topPage);
        expect(runs.freePages, hint).toBe(stretches.reduce((sum, pages) => sum + pages, 0));
        expect(owners[runs.topPage - 1] !== 0 || runs.topPage === runs.firstPage, hint).toBe(true);
      }
      expect(refusals).toBeGreaterThan(0);
      for (const { page, pages } of taken) {
        memory.i32[memory.pageMapWord + page] = 0;
        runs.put(page, pages);
      }
      expect(runs.topPage).toBe(runs.firstPage);
      expect(runs.freePages).toBe(0);
    });
  }
});
