/**
 * Flushing in slices: nothing leaks, no slice frees more than its bound whatever waits (entries,
 * index, records of deadlines), keys written meanwhile are safe, and the number that waits is true.
 */
import { describe, expect, it } from 'vitest';
import { KeyspaceFixture } from '../testing/keyspace-fixture.ts';
import { VALUE_BLOCKS_PER_PART, VALUES_WAITING_MAX } from './lazy-free.ts';

/** Enough keys for hundreds of slices, and for chains with overflow lines. */
const KEYS = 20_000;
/** Blocks that one slice may give back: entries and their overflow lines, or chunks of records. */
const FREES_PER_SLICE_MAX = 1_200;

/** Blocks that one slice frees of values. */
const VALUE_FREES_PER_SLICE_MAX = 4 * VALUE_BLOCKS_PER_PART;

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

  it('frees big values in slices, however their keys go', () => {
    const fixture = new KeyspaceFixture();
    const { shard } = fixture;
    const before = shard.usedBytes();
    const ways: readonly (() => void)[] = [
      () => void fixture.remove('big'),
      () => void fixture.set('big', 8),
      () => {
        fixture.expire('big', 10);
        fixture.advance(20);
        fixture.find('big');
      },
      () => fixture.setChain('big', 3, 40),
      () => void shard.lazyFree.take(fixture.database()),
    ];
    for (const way of ways) {
      fixture.setChain('big', 5_000, 40);
      expect(freesDuring(fixture, way)).toBeLessThan(10);
      expect(shard.lazyFree.pendingObjects).toBe(1);
      let isMore = true;
      while (isMore) {
        const frees = freesDuring(fixture, () => (isMore = shard.lazyFree.step()));
        expect(frees).toBeLessThanOrEqual(VALUE_FREES_PER_SLICE_MAX);
      }
      fixture.remove('big');
    }
    while (shard.maintain());
    shard.lazyFree.take(fixture.database());
    while (shard.lazyFree.step());
    expect(shard.lazyFree.pendingObjects).toBe(0);
    expect(shard.usedBytes()).toBe(before);
  });

  it('frees a flushed database of big values before it takes up more entries', () => {
    const fixture = new KeyspaceFixture();
    const { shard } = fixture;
    const before = shard.usedBytes();
    for (let i = 0; i < 5_000; i++) fixture.setChain(`key:${i}`, 20, 24);
    shard.lazyFree.take(fixture.database());
    let isMore = true;
    while (isMore) {
      const frees = freesDuring(fixture, () => (isMore = shard.lazyFree.step()));
      expect(frees).toBeLessThanOrEqual(FREES_PER_SLICE_MAX);
    }
    expect(shard.usedBytes()).toBe(before);
  });

  it('bounds the values that wait by freeing one more at once', () => {
    const fixture = new KeyspaceFixture();
    const { shard } = fixture;
    for (let i = 0; i < VALUES_WAITING_MAX; i++) {
      fixture.setChain('big', 10, 16);
      fixture.remove('big');
    }
    expect(shard.lazyFree.pendingObjects).toBe(VALUES_WAITING_MAX);
    fixture.setChain('big', 1_000, 16);
    const frees = freesDuring(fixture, () => fixture.remove('big'));
    expect(frees).toBeGreaterThanOrEqual(1_000);
    expect(shard.lazyFree.pendingObjects).toBe(VALUES_WAITING_MAX);
    while (shard.lazyFree.step());
    expect(shard.lazyFree.pending).toBe(0);
  });
});
