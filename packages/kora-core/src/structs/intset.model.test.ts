/**
 * Intsets against a sorted array of bigints: random inserts, searches and removals in both
 * directions, narrow and broad values, with every value read back after each step; blocks grow,
 * widen and shrink on the way, and nothing leaks. Searching and changing allocate nothing.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { bytesPerCall } from '../testing/allocation.ts';
import { randomSource } from '../testing/random-source.ts';
import { Intsets, intsetWidthOf } from './intset.hot.ts';
import { WorkerMemory } from './worker-memory.ts';

function newIntsets(): Intsets {
  const memory = WorkerMemory.create({ lowBytes: 1 << 20, bytesMax: 16 << 20 });
  return new Intsets(memory, memory.arenaAllocator);
}

const highOf = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));
const lowOf = (value: bigint): number => Number(BigInt.asIntN(32, value));

function valuesOf(sets: Intsets, set: number): bigint[] {
  return Array.from({ length: sets.count(set) }, (_, i) =>
    (BigInt(sets.high(set, i)) << 32n) | BigInt(sets.low(set, i) >>> 0));
}

const EDGES = [
  0n, 1n, -1n, 2n ** 31n - 1n, -(2n ** 31n), 2n ** 31n, -(2n ** 31n) - 1n, 2n ** 32n,
  2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n,
];

describe('intsets', () => {
  it.each([1, 2, 3, 4])('agree with a sorted array, seed %i', (seed) => {
    const sets = newIntsets();
    const { allocator } = sets;
    const random = randomSource(seed);
    const used = allocator.usedBytes();
    for (let round = 0; round < 20; round++) {
      let set = sets.create(0, 4);
      let model: bigint[] = [];
      const isBroad = round % 2 === 1;
      for (let step = 0; step < 300; step++) {
        const pick = random.below(10);
        const value = isBroad && pick < 3
          ? EDGES[random.below(EDGES.length)] ?? 0n
          : BigInt(random.below(200) - 100);
        const [high, low] = [highOf(value), lowOf(value)];
        const place = model.filter((other) => other < value).length;
        const found = sets.search(set, high, low);
        const note = `seed ${seed}, round ${round}, step ${step}`;
        expect(found, note).toBe(model.includes(value) ? place : -1 - place);
        const isRemoving = random.below(step < 150 ? 4 : 2) === 0;
        if (found >= 0 && isRemoving) {
          set = sets.removeAt(set, found);
          model = model.filter((other) => other !== value);
        } else if (found < 0) {
          const width = intsetWidthOf(high, low);
          expect(allocator.reserve(1, sets.growBytes(set, 1, width))).toBe(true);
          set = sets.grow(set, 1, width);
          sets.insertAt(set, -1 - found, high, low);
          model.splice(place, 0, value);
        }
        sets.check(set);
        expect(valuesOf(sets, set), note).toEqual(model);
      }
      const copy = sets.copy(set);
      expect(valuesOf(sets, copy)).toEqual(model);
      sets.destroy(copy);
      while (sets.count(set) > 0) set = sets.removeAt(set, random.below(sets.count(set)));
      expect(sets.heldBytes(set)).toBeLessThanOrEqual(64);
      sets.destroy(set);
    }
    expect(allocator.usedBytes()).toBe(used);
  });

  it('take four bytes a value until one needs eight', () => {
    const sets = newIntsets();
    let set = sets.create(100, 4);
    for (let i = 0; i < 100; i++) sets.insertAt(set, i, 0, i);
    expect(sets.usedBytes(set)).toBe(408);
    set = sets.grow(set, 1, intsetWidthOf(1, 0));
    sets.insertAt(set, 100, 1, 0);
    expect(sets.usedBytes(set)).toBe(8 + 101 * 8);
    expect(valuesOf(sets, set)).toEqual([
      ...Array.from({ length: 100 }, (_, i) => BigInt(i)), 2n ** 32n,
    ]);
  });

  it('allocate nothing to search, insert and remove', () => {
    setFlagsFromString('--expose-gc');
    // Byte boundary: the collector has no type of its own.
    const collect = runInNewContext('gc') as () => void;
    const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };
    const sets = newIntsets();
    let set = sets.create(512, 8);
    for (let i = 0; i < 500; i++) sets.insertAt(set, i, i - 250, i);
    const bytes = bytesPerCall(meter, () => {
      set = sets.grow(set, 1, 8);
      const found = sets.search(set, 7, 1);
      sets.insertAt(set, -1 - found, 7, 1);
      set = sets.removeAt(set, sets.search(set, 7, 1));
    });
    expect(bytes).toBeLessThan(1);
  });
});
