/**
 * Flushing in slices: nothing leaks, no slice frees more than its bound whatever waits (entries,
 * index, records of deadlines), keys written meanwhile are safe, and the number that waits is true.
 */
import { describe, expect, it } from 'vitest';
import { KeyspaceFixture } from '../testing/keyspace-fixture.ts';

/** Enough keys for hundreds of slices, and for chains with overflow lines. */
const KEYS = 20_000;
/** Blocks that one slice may give back: entries and their overflow lines, or chunks of records. */
const FREES_PER_SLICE_MAX = 1_200;

/** Blocks freed while `work` runs. */
function freesDuring(fixture: KeyspaceFixture, work: () => void): number {
  const allocator = fixture.shard.memory.arenaAllocator;
  const free = allocator.free.bind(allocator);
  let frees = 0;
  allocator.free = (ref) => {
    frees++;
    free(ref);
  };
  try {
    work();
  } finally {
    Reflect.deleteProperty(allocator, 'free');
  }
  return frees;
}

describe('LazyFree', () => {
  it('frees entries, index and records in slices, and all of them', () => {
    const fixture = new KeyspaceFixture();
    const { shard } = fixture;
    const before = shard.usedBytes();
    for (let i = 0; i < KEYS; i++) fixture.set(`key:${i}`, 20, 1000 + i * 37);
    const flush = freesDuring(fixture, () => shard.lazyFree.take(fixture.database()));
    expect(flush).toBe(0);
    expect(shard.lazyFree.pendingObjects).toBe(KEYS);
    let slices = 0;
    let isMore = true;
    while (isMore) {
      const frees = freesDuring(fixture, () => (isMore = shard.lazyFree.step()));
      expect(frees).toBeLessThanOrEqual(FREES_PER_SLICE_MAX);
      slices++;
    }
    expect(slices).toBeGreaterThan(KEYS / 600);
    expect(shard.lazyFree.pendingObjects).toBe(0);
    expect(shard.usedBytes()).toBe(before);
  });

  it('does not free a long wheel of a database with few keys within the flush', () => {
    const fixture = new KeyspaceFixture();
    const { shard } = fixture;
    const before = shard.usedBytes();
    for (let i = 0; i < KEYS; i++) fixture.set(`key:${i}`, 20, 1_000_000 + i * 37);
    for (let i = 10; i < KEYS; i++) fixture.remove(`key:${i}`);
    const flush = freesDuring(fixture, () => shard.lazyFree.take(fixture.database()));
    expect(flush).toBe(0);
    fixture.set('later', 20, 1000);
    while (shard.lazyFree.step());
    expect(fixture.check('later')).toBe(20);
    fixture.remove('later');
    shard.lazyFree.take(fixture.database());
    expect(shard.usedBytes()).toBe(before);
  });

  it('bounds what waits by freeing the smallest at once', () => {
    const fixture = new KeyspaceFixture();
    const { shard } = fixture;
    const before = shard.usedBytes();
    for (let i = 0; i < KEYS; i++) fixture.set(`key:${i}`, 8);
    shard.lazyFree.take(fixture.database());
    for (let round = 0; round < 70; round++) {
      for (let i = 0; i < 2_100; i++) fixture.set(`key:${i}`, 8);
      const frees = freesDuring(fixture, () => shard.lazyFree.take(fixture.database()));
      expect(frees).toBeLessThan(2_100 + 500);
      expect(shard.lazyFree.pending).toBeLessThanOrEqual(64);
    }
    while (shard.lazyFree.step());
    expect(shard.usedBytes()).toBe(before);
  });
});
