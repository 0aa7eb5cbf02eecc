/**
 * The allocator against a plain list of blocks: random sizes and orders, every block filled with
 * its id and read back, exact accounting, no overlap, everything returned; evacuation marks;
 * reserve held to its promise in memories that are nearly full; misuse found under verify.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { AssertionError, verify } from '../assert.ts';
import {
  ALLOC_FREE_RUN_PAGES, ALLOC_LARGE_BYTES, ALLOC_SLAB_BYTES, ALLOC_SLABS, ALLOC_TOP_PAGE,
  SPARSE_SLABS_VISITED_MAX,
} from './allocator.hot.ts';
import type { Allocator } from './allocator.hot.ts';
import { checkAtLeast, checkSame } from '../testing/quick-checks.ts';
import { randomSource } from '../testing/random-source.ts';
import type { RandomSource } from '../testing/random-source.ts';
import { CLASS_BYTES, SLAB_BLOCK_BYTES_MAX } from './size-classes.ts';
import { WorkerMemory } from './worker-memory.ts';

const MIB = 1024 * 1024;

interface Block {
  readonly ref: number;
  readonly words: number;
  readonly id: number;
}

function makeMemory(bytesMax = 64 * MIB): WorkerMemory {
  return WorkerMemory.create({ lowBytes: 2 * 65_536, bytesMax });
}

function randomBytes(random: RandomSource): number {
  const kind = random.below(20);
  if (kind < 12) return 1 + random.below(128);
  if (kind < 16) return 1 + random.below(2048);
  if (kind < 18) return 1 + random.below(9000);
  if (kind < 19) return 1 + random.below(40_000);
  return 1 + random.below(300_000);
}

/** Fills a block with its id, to its last word. */
function takeBlock(memory: WorkerMemory, allocator: Allocator, bytes: number, id: number): Block {
  const ref = allocator.alloc(bytes);
  if (ref === 0) throw new Error('full');
  const real = allocator.sizeOf(ref);
  checkAtLeast(real, bytes, 'bytes of a block');
  checkSame(real % 8, 0, 'a block is whole words');
  memory.i32.fill(id, ref << 1, (ref << 1) + real / 4);
  return { ref, words: real / 4, id };
}

function checkBlock(memory: WorkerMemory, block: Block): void {
  const first = block.ref << 1;
  for (let word = first; word < first + block.words; word++) {
    if (memory.i32[word] !== block.id) throw new Error(`block ${block.id} overwritten at ${word}`);
  }
}

/** Marks to the end. @returns marked slabs */
function markAll(allocator: Allocator): number {
  let marked = allocator.markSparse();
  while (allocator.isMarking()) marked = allocator.markSparse();
  return marked;
}

afterEach(() => {
  verify.enabled = false;
  verify.growsOnAlloc = false;
});

describe('allocator', () => {
  for (const seed of [1, 2, 3]) {
    it(`keeps blocks apart and counts every byte (seed ${seed})`, () => {
      verify.enabled = seed !== 3;
      verify.growsOnAlloc = seed === 2;
      const random = randomSource(seed);
      const memory = makeMemory();
      const allocator = memory.arenaAllocator;
      const blocks: Block[] = [];
      let used = 0;
      for (let step = 0; step < 20_000; step++) {
        const wantsMore = random.chance(step % 5000 < 2500 ? 0.7 : 0.3);
        if ((wantsMore && used < 30 * MIB) || blocks.length === 0) {
          const bytes = randomBytes(random);
          const block = takeBlock(memory, allocator, bytes, step);
          checkSame(block.words * 4, allocator.realBytes(bytes), `seed ${seed} bytes ${bytes}`);
          used += block.words * 4;
          blocks.push(block);
        } else {
          const index = random.below(blocks.length);
          const block = blocks[index]!;
          blocks[index] = blocks[blocks.length - 1]!;
          blocks.pop();
          checkBlock(memory, block);
          used -= block.words * 4;
          allocator.free(block.ref);
        }
        if (step % 512 === 0) expect(allocator.markSparse()).toBeGreaterThanOrEqual(0);
        checkSame(allocator.usedBytes(), used, `seed ${seed} step ${step}`);
        checkAtLeast(allocator.heldBytes(), used, `seed ${seed} step ${step}`);
      }
      for (const block of blocks) {
        checkBlock(memory, block);
        allocator.free(block.ref);
      }
      expect(allocator.usedBytes()).toBe(0);
      expect(allocator.counts[ALLOC_LARGE_BYTES]).toBe(0);
      // At most one small slab per class is kept for the next block.
      expect(allocator.counts[ALLOC_SLAB_BYTES]).toBeLessThanOrEqual(CLASS_BYTES.length * 65_536);
      expect(allocator.heldBytes()).toBe(allocator.counts[ALLOC_SLAB_BYTES]);
    });
  }

  it('aligns blocks of whole lines to lines', () => {
    const allocator = makeMemory().arenaAllocator;
    for (const bytes of [64, 128, 256, 1024, 2048, 4096, 8192, 16_384]) {
      for (let i = 0; i < 50; i++) expect((allocator.alloc(bytes) * 8) % 64).toBe(0);
    }
  });

  it('wastes at most an eighth and 7 bytes below 32 KiB', () => {
    const allocator = makeMemory().arenaAllocator;
    for (let bytes = 1; bytes <= SLAB_BLOCK_BYTES_MAX; bytes++) {
      const real = allocator.realBytes(bytes);
      if (real > bytes * 1.125 + 8) throw new Error(`${bytes} bytes take ${real}`);
    }
    expect(allocator.realBytes(8397)).toBeLessThan(8800);
    expect(allocator.realBytes(16_384)).toBe(16_384);
  });

  it('gives freed runs to neighbours and the top back', () => {
    const memory = makeMemory();
    const allocator = memory.arenaAllocator;
    const refs = Array.from({ length: 10 }, () => allocator.alloc(100_000));
    const top = allocator.counts[ALLOC_TOP_PAGE]!;
    for (const index of [1, 3, 2, 5]) allocator.free(refs[index]!);
    expect(allocator.counts[ALLOC_FREE_RUN_PAGES]).toBe(4 * 25);
    expect(allocator.alloc(300_000)).toBe(refs[1]!);
    allocator.free(refs[1]!);
    for (const index of [9, 8, 7, 6]) allocator.free(refs[index]!);
    expect(allocator.counts[ALLOC_TOP_PAGE]).toBe(top - 5 * 25);
    for (const index of [0, 4]) allocator.free(refs[index]!);
    expect(allocator.counts[ALLOC_TOP_PAGE]).toBe(allocator.firstPage);
    expect(allocator.heldBytes()).toBe(0);
  });

  it('answers 0 when full, and works again after a free', () => {
    const allocator = makeMemory(4 * MIB).arenaAllocator;
    const refs: number[] = [];
    for (let ref = allocator.alloc(5000); ref !== 0; ref = allocator.alloc(5000)) refs.push(ref);
    expect(refs.length * allocator.realBytes(5000)).toBeGreaterThan(3.5 * MIB);
    expect(allocator.alloc(1_000_000)).toBe(0);
    allocator.free(refs.pop()!);
    expect(allocator.alloc(5000)).not.toBe(0);
  });

  it('finds double frees and foreign refs under verify', () => {
    const allocator = makeMemory().arenaAllocator;
    const ref = allocator.alloc(100);
    const other = allocator.alloc(100);
    const large = allocator.alloc(100_000);
    verify.enabled = true;
    allocator.free(ref);
    expect(() => allocator.free(ref)).toThrow(AssertionError);
    expect(() => allocator.free(other + 1)).toThrow(AssertionError);
    expect(() => allocator.free(large + 512)).toThrow(AssertionError);
    expect(() => allocator.free(8)).toThrow(AssertionError);
    expect(() => allocator.free(ref + 4096)).toThrow(AssertionError);
    allocator.free(other);
  });
});

describe('evacuation', () => {
  it('moving blocks out of marked slabs brings memory back to what is used', () => {
    const memory = makeMemory();
    const allocator = memory.arenaAllocator;
    const random = randomSource(5);
    let refs = Array.from({ length: 100_000 }, () => allocator.alloc(96));
    const kept: number[] = [];
    for (const ref of refs) {
      if (random.chance(0.1)) kept.push(ref);
      else allocator.free(ref);
    }
    expect(allocator.heldBytes() / allocator.usedBytes()).toBeGreaterThan(5);
    expect(markAll(allocator)).toBeGreaterThan(100);
    for (let round = 0; round < 3; round++) {
      refs = kept.splice(0);
      for (const ref of refs) {
        if (!allocator.isSparse(ref)) {
          kept.push(ref);
          continue;
        }
        const fresh = allocator.alloc(96);
        checkSame(allocator.isSparse(fresh), false, `block ${fresh}`);
        allocator.free(ref);
        kept.push(fresh);
      }
      markAll(allocator);
    }
    expect(allocator.heldBytes() / allocator.usedBytes()).toBeLessThan(1.25);
    expect(new Set(kept).size).toBe(kept.length);
  });
});

describe('marking', () => {
  it('goes on where it stopped, through more slabs than one call looks at', () => {
    const memory = makeMemory(512 * MIB);
    const allocator = memory.arenaAllocator;
    const refs = Array.from({ length: 100_000 }, () => allocator.alloc(2000));
    const perSlab = Math.floor(65_472 / allocator.realBytes(2000));
    for (const [index, ref] of refs.entries()) {
      if (index % perSlab !== 0) allocator.free(ref);
    }
    const slabs = allocator.counts[ALLOC_SLABS]!;
    expect(slabs).toBeGreaterThan(SPARSE_SLABS_VISITED_MAX * 2);
    const first = allocator.markSparse();
    expect(first).toBeLessThanOrEqual(SPARSE_SLABS_VISITED_MAX);
    expect(allocator.isMarking()).toBe(true);
    expect(markAll(allocator)).toBeGreaterThan(slabs * 0.9);
  });
});

describe('reserve', () => {
  for (const seed of [21, 22, 23, 24]) {
    it(`holds in a nearly full memory (seed ${seed})`, () => {
      const random = randomSource(seed);
      const memory = makeMemory(8 * MIB);
      const allocator = memory.arenaAllocator;
      const live: number[] = [];
      let granted = 0;
      let refused = 0;
      for (let step = 0; step < 4000; step++) {
        const sizes = Array.from(
          { length: 1 + random.below(random.chance(0.05) ? 400 : 6) },
          () => (random.chance(0.03) ? 1 + random.below(200_000) : randomBytes(random) % 12_000),
        );
        const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
        if (allocator.reserve(sizes.length, total)) {
          granted++;
          for (const bytes of sizes) {
            const ref = allocator.alloc(bytes);
            if (ref === 0) throw new Error(`seed ${seed} step ${step}: ${bytes} bytes refused`);
            live.push(ref);
          }
        } else {
          refused++;
          const frees = Math.min(live.length, 1 + random.below(400));
          for (let i = 0; i < frees; i++) {
            const index = random.below(live.length);
            allocator.free(live[index]!);
            live[index] = live[live.length - 1]!;
            live.pop();
          }
        }
      }
      expect(granted).toBeGreaterThan(100);
      expect(refused).toBeGreaterThan(10);
    });
  }

  it('asks for no more slabs than there are blocks', () => {
    const memory = makeMemory(8 * MIB);
    const allocator = memory.arenaAllocator;
    const freeBytes = (memory.pagesMax - memory.arenaFirstPage) * 4096;
    expect(allocator.alloc(freeBytes - 2 * MIB)).not.toBe(0);
    expect(allocator.reserve(4, 200_000)).toBe(true);
    const before = allocator.usedBytes();
    expect(allocator.alloc(1000)).not.toBe(0);
    // From a slab: whole pages would say that the reserve found two free MiB too little.
    expect(allocator.usedBytes() - before).toBe(allocator.realBytes(1000));
  });

  it('lets many small blocks into a memory that holds them', () => {
    const allocator = makeMemory(32 * MIB).arenaAllocator;
    expect(allocator.reserve(200_000, 200_000 * 64)).toBe(true);
    for (let i = 0; i < 200_000; i++) {
      if (allocator.alloc(64) === 0) throw new Error(`refused after ${i}`);
    }
    expect(allocator.reserve(1, 100 * MIB)).toBe(false);
  });
});
