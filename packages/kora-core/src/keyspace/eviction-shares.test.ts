/**
 * One limit for several shards, filled unevenly: who is above its fair share evicts, in proportion,
 * and who is below keeps its keys, whatever the others do. The parts of the excess are held against
 * their definition; the sum of all stays within the limit and the grace.
 */
import { describe, expect, it } from 'vitest';
import { EvictionPolicy } from '../settings/shard-settings.ts';
import { KeyspaceFixture } from '../testing/keyspace-fixture.ts';
import { GRACE_BYTES } from './eviction.ts';
import { MemoryBudget } from './memory-budget.ts';

/** xorshift32. */
function randomOf(seed: number): (bound: number) => number {
  let state = Math.imul(seed, 2654435761) | 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

/** Shards of one budget with room for `bytes` beside what they are empty. */
class Shards {
  readonly budget = new MemoryBudget();
  readonly all: readonly KeyspaceFixture[];
  readonly limit: number;

  constructor(count: number, bytes: number, policy: number = EvictionPolicy.AllKeysLru) {
    const { budget } = this;
    const seeds = Array.from({ length: count }, (_, i) => i + 1);
    this.all = seeds.map((seed) => new KeyspaceFixture({ budget, seed }));
    this.limit = this.used() + bytes;
    for (const { shard } of this.all) {
      shard.settings.maxmemoryPolicy = policy;
      shard.settings.maxmemoryBytes = this.limit;
    }
    for (const { shard } of this.all) shard.ensureMemory();
  }

  used(): number {
    return this.all.reduce((sum, { shard }) => sum + shard.usedBytes(), 0);
  }

  keys(i: number): number {
    return this.all[i]!.database().count;
  }

  /** A command of shard i that sets a key. @returns false when it was refused */
  set(i: number, key: string, bytes: number): boolean {
    const fixture = this.all[i]!;
    if (!fixture.shard.ensureMemory()) return false;
    fixture.set(key, bytes);
    return true;
  }
}

describe('the parts of an excess', () => {
  it('are in proportion to what each has above its fair share, and make it up', () => {
    const random = randomOf(7);
    for (let round = 0; round < 2000; round++) {
      const budget = new MemoryBudget();
      const count = 1 + random(6);
      const leases = Array.from({ length: count }, () => random(3) === 0 ? 0 : random(1_000_000));
      for (const bytes of leases) budget.charge(budget.register(), bytes);
      const total = leases.reduce((sum, bytes) => sum + bytes, 0);
      const limit = Math.max(1, random(total + 1));
      budget.setLimit(limit);
      const above = leases.map((bytes) => Math.max(0, bytes - limit / count));
      const sumAbove = above.reduce((sum, bytes) => sum + bytes, 0);
      const excess = Math.max(0, total - limit);
      const parts = leases.map((_, i) => budget.excessOf(i));
      const shown = `round ${round}: ${JSON.stringify({ leases, limit, parts })}`;
      for (const [i, part] of parts.entries()) {
        const exact = sumAbove === 0 ? 0 : (excess * (above[i] ?? 0)) / sumAbove;
        expect(Math.abs(part - exact), shown).toBeLessThan(count === 1 ? 1.1 : 1.01);
        if (above[i] === 0) expect(part, shown).toBe(0);
      }
      const sum = parts.reduce((all, part) => all + part, 0);
      expect(sum, shown).toBeGreaterThanOrEqual(excess);
      expect(sum, shown).toBeLessThanOrEqual(excess + count);
    }
  });
});

describe('shards that are filled unevenly', () => {
  it('a small one keeps its keys while a big one is far above the limit', () => {
    const shards = new Shards(3, 6_000_000);
    for (let i = 0; i < 50; i++) shards.set(2, `small${i}`, 100);
    for (let i = 0; i < 40_000; i++) shards.set(0, `big${i}`, 100);
    // It takes more than everybody could give back, and rests.
    expect(shards.all[0]!.set('huge', 3_000_000)).toBe(true);
    shards.all[0]!.shard.maintenance.evictor.ensureRoom();
    for (let i = 0; i < 200; i++) {
      expect(shards.set(2, `small${i % 50}`, 100)).toBe(true);
      expect(shards.keys(2)).toBe(50);
      shards.all[0]!.shard.ensureMemory();
    }
    expect(shards.keys(2)).toBe(50);
    for (let i = 0; i < 100; i++) for (const { shard } of shards.all) shard.ensureMemory();
    expect(shards.used()).toBeLessThanOrEqual(shards.limit);
  });

  it('a small one grows while a big one rests, by the grace, and then in place of its own', () => {
    const shards = new Shards(3, 6_000_000);
    for (let i = 0; i < 40_000; i++) shards.set(0, `big${i}`, 100);
    const before = shards.keys(0);
    for (let i = 0; i < 20_000; i++) {
      expect(shards.set(2, `small${i}`, 100)).toBe(true);
      expect(shards.used()).toBeLessThan(shards.limit + GRACE_BYTES + 10_000);
    }
    expect(shards.keys(2)).toBeGreaterThan(1000);
    expect(shards.keys(0)).toBe(before);
    // Its next look gives the others what is theirs.
    for (let i = 0; i < 20_000; i++) {
      shards.set(2, `again${i}`, 100);
      shards.all[0]!.shard.ensureMemory();
      expect(shards.used()).toBeLessThan(shards.limit + GRACE_BYTES + 10_000);
    }
    expect(shards.keys(2)).toBeGreaterThan(10_000);
    expect(shards.keys(0)).toBeLessThan(before);
  });

  it.each([1, 2, 3])('stay within the limit and come to their shares, seed %i', (seed) => {
    const random = randomOf(seed);
    const shards = new Shards(3, 4_500_000);
    const weights = [80, 95, 100];
    for (let i = 0; i < 60_000; i++) {
      const dice = random(100);
      const shard = weights.findIndex((weight) => dice < weight);
      expect(shards.set(shard, `k${shard}:${random(20_000)}`, 100)).toBe(true);
      if (i % 100 === 0) {
        const sum = shards.used();
        expect(sum, `step ${i} of seed ${seed}`).toBeLessThan(shards.limit + GRACE_BYTES + 10_000);
      }
    }
    // One wants 5 % of the room and gets it; the others share what is left.
    expect(shards.keys(2), `seed ${seed}`).toBeGreaterThan(2500);
    expect(shards.keys(0), `seed ${seed}`).toBeGreaterThan(shards.keys(2));
  });

  it('are all refused above the limit where nothing may be evicted', () => {
    const shards = new Shards(2, 2_000_000, EvictionPolicy.NoEviction);
    for (let i = 0; shards.set(0, `big${i}`, 100); i++);
    expect(shards.set(1, 'small', 100)).toBe(false);
    expect(shards.used()).toBeLessThan(shards.limit + 2000);
  });
});
