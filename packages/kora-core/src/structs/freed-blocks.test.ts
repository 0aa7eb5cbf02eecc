/**
 * Blocks that are freed twice, found in every state of a slab: against a set of the blocks that are
 * in use, with random orders of allocations and frees, slabs that empty and come back for another
 * size, and stretches in which nobody looks. A block that is in use is never taken for a free one.
 */
import { afterEach, expect, it } from 'vitest';
import { AssertionError, verify } from '../assert.ts';
import { randomSource } from '../testing/random-source.ts';
import { WorkerMemory } from './worker-memory.ts';

const MEBIBYTE = 1_048_576;
const SIZES = [8, 16, 24, 96, 500, 3000];

afterEach(() => {
  verify.enabled = false;
});

it.each([1, 2, 3, 4, 5])('are found, and no others, seed %i', (seed) => {
  const random = randomSource(seed);
  const memory = WorkerMemory.create({ lowBytes: MEBIBYTE, bytesMax: 64 * MEBIBYTE });
  const allocator = memory.arenaAllocator;
  const live: number[] = [];
  const freed: number[] = [];
  const inUse = new Set<number>();
  for (let step = 0; step < 30_000; step++) {
    const phase = Math.floor(step / 3000);
    verify.enabled = phase % 4 !== 3;
    const context = `seed ${seed} step ${step}`;
    if (random.chance(phase % 2 === 0 ? 0.6 : 0.4) || live.length === 0) {
      const ref = allocator.alloc(SIZES[random.below(phase === 5 ? 1 : SIZES.length)]!);
      expect(inUse.has(ref), context).toBe(false);
      inUse.add(ref);
      live.push(ref);
      continue;
    }
    const place = random.chance(0.5) ? live.length - 1 : random.below(live.length);
    const ref = live[place]!;
    live[place] = live[live.length - 1]!;
    live.pop();
    allocator.free(ref);
    inUse.delete(ref);
    freed.push(ref);
    // Freed lately, or long ago; those that are in use again may be freed.
    const again = freed[freed.length - 1 - random.below(Math.min(freed.length, 300))]!;
    if (!verify.enabled || inUse.has(again)) continue;
    expect(() => {
      allocator.free(again);
    }, context).toThrow(AssertionError);
  }
  verify.enabled = true;
  for (const ref of live) allocator.free(ref);
  expect(allocator.usedBytes()).toBe(0);
});

it('are found at the far end of a long list', () => {
  const memory = WorkerMemory.create({ lowBytes: MEBIBYTE, bytesMax: 8 * MEBIBYTE });
  const allocator = memory.arenaAllocator;
  const refs = Array.from({ length: 4000 }, () => allocator.alloc(16));
  verify.enabled = true;
  for (const ref of refs.slice(0, 3900)) allocator.free(ref);
  for (const ref of [refs[0]!, refs[1]!, refs[1950]!, refs[3899]!]) {
    expect(() => {
      allocator.free(ref);
    }).toThrow(AssertionError);
  }
  for (const ref of refs.slice(3900)) allocator.free(ref);
});
