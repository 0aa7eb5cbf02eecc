/**
 * The eviction pool against a sorted list: random offers, repeats with other scores, drops. It must
 * hold the best POOL_SIZE of what was offered since, in order, each candidate once.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { EvictionPool, POOL_SIZE } from './eviction-pool.ts';

interface Candidate {
  readonly db: number;
  readonly hash: number;
  readonly score: number;
}

function contents(pool: EvictionPool): Candidate[] {
  return Array.from({ length: pool.count }, (_, i) => ({
    db: pool.dbs[i]!, hash: pool.hashes[i]!, score: pool.scores[i]!,
  }));
}

describe('EvictionPool against a sorted list', () => {
  for (const seed of [1, 2, 3]) {
    it(`keeps the best candidates in order, seed ${seed}`, () => {
      const pool = new EvictionPool();
      const chance = new SeededChance(seed);
      let model: Candidate[] = []; // ascending
      for (let step = 0; step < 5_000; step++) {
        const context = `seed ${seed} step ${step}`;
        const roll = (chance.next32() >>> 0) % 10;
        if (roll === 0 && model.length > 0) {
          pool.dropBest();
          model.pop();
        } else {
          const db = (chance.next32() >>> 0) % 3;
          const hash = (chance.next32() >>> 0) % 40;
          // Scores are unique, so that order among equals does not matter here.
          const score = ((chance.next32() >>> 0) % 1_000) + step / 10_000;
          pool.offer(db, hash, score);
          model = model.filter((other) => other.db !== db || other.hash !== hash);
          model.push({ db, hash, score });
          model.sort((a, b) => a.score - b.score);
          if (model.length > POOL_SIZE) model.shift();
        }
        expect(contents(pool), context).toEqual(model);
      }
    });
  }

  it('keeps what it has when equals come, so that the oldest candidate goes first', () => {
    const pool = new EvictionPool();
    for (let hash = 0; hash < POOL_SIZE + 4; hash++) pool.offer(0, hash, 7);
    expect(pool.count).toBe(POOL_SIZE);
    expect(pool.hashes[POOL_SIZE - 1]).toBe(0);
    expect(pool.takes(7)).toBe(false);
    expect(pool.takes(8)).toBe(true);
    pool.clear();
    expect(pool.takes(-1e300)).toBe(true);
  });
});
