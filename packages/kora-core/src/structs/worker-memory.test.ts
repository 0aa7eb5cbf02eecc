/**
 * The memory and its pool: regions where they are drawn, growth that keeps old contents and stops
 * at the maximum, low views that never change, and pooled memories that come back zeroed.
 */
import { describe, expect, it } from 'vitest';
import { AssertionError } from '../assert.ts';
import { KernelTwin } from './kernel-twin.hot.ts';
import { PAGE_BYTES } from './memory-layout.ts';
import { MemoryPool } from './memory-pool.ts';
import { randomSource } from '../testing/random-source.ts';
import { WorkerMemory } from './worker-memory.ts';

const MIB = 1024 * 1024;

describe('worker memory', () => {
  it('lays out null page, low region, page map and arena', () => {
    const memory = WorkerMemory.create();
    expect(memory.lowBytes).toBe(16 * MIB);
    expect(memory.pagesMax).toBe(1_048_576);
    expect(memory.pageMapWord * 4).toBe(16 * MIB);
    expect(memory.arenaFirstPage * PAGE_BYTES).toBe(20 * MIB);
    expect(memory.low.length).toBe(16 * MIB);
    const low = memory.lowAllocator.alloc(100);
    const high = memory.arenaAllocator.alloc(100);
    expect(low * 8).toBeGreaterThanOrEqual(65_536);
    expect(low * 8).toBeLessThan(16 * MIB);
    expect(high * 8).toBeGreaterThan(20 * MIB);
    expect(memory.usedBytes()).toBe(208);
  });

  it('grows in steps, keeps contents and low views, refreshes the others', () => {
    const memory = WorkerMemory.create({ lowBytes: 2 * 65_536, bytesMax: 64 * MIB });
    const { low, lowView, i32 } = memory;
    low[100_000] = 7;
    const ref = memory.arenaAllocator.alloc(1000);
    memory.i32[ref << 1] = 42;
    expect(memory.ensurePages(4000)).toBe(true);
    expect(memory.i32).not.toBe(i32);
    expect(memory.pages).toBeGreaterThanOrEqual(4000);
    expect(memory.i32.length).toBe(memory.pages * 1024);
    expect(memory.f64.length).toBe(memory.pages * 512);
    expect(memory.i32[ref << 1]).toBe(42);
    expect(memory.low).toBe(low);
    expect(lowView.getUint8(100_000)).toBe(7);
    expect(memory.ensurePages(16_384)).toBe(true);
    expect(memory.pages).toBe(16_384);
    expect(memory.ensurePages(16_385)).toBe(false);
  });

  it('takes a growth that the system refuses as a value', () => {
    const memory = WorkerMemory.create({ lowBytes: 2 * 65_536, bytesMax: 32 * MIB });
    const refusing = {
      grow: (): number => { throw new RangeError('no address space'); },
    };
    Object.defineProperty(memory.memory, 'grow', { value: refusing.grow });
    expect(memory.arenaAllocator.alloc(20 * MIB)).toBe(0);
    expect(memory.arenaAllocator.reserve(1, 20 * MIB)).toBe(false);
  });

  it('refuses sizes that do not fit', () => {
    for (const options of [
      { lowBytes: 100_000 }, { lowBytes: 65_536 }, { lowBytes: 2 ** 31 }, { bytesMax: 2 ** 33 },
      { bytesMax: 16 * MIB }, { bytesMax: 100 },
    ]) {
      expect(() => WorkerMemory.create(options), JSON.stringify(options)).toThrow(AssertionError);
    }
  });

  it('takes the twin when asked', () => {
    expect(WorkerMemory.create({ kernel: 'twin' }).kernel).toBeInstanceOf(KernelTwin);
    expect(WorkerMemory.create().kernel).not.toBeInstanceOf(KernelTwin);
  });

  it('works above 2 GiB', () => {
    const memory = WorkerMemory.create({ lowBytes: 2 * 65_536 });
    const allocator = memory.arenaAllocator;
    const big = allocator.alloc(3 * 1024 * MIB);
    expect(big).not.toBe(0);
    const a = allocator.alloc(100);
    const b = allocator.alloc(100);
    expect(a * 8).toBeGreaterThan(2 ** 31);
    memory.i32[a << 1] = 0x01020304;
    memory.kernel.copy(b * 8, a * 8, 4);
    expect(memory.i32[b << 1]).toBe(0x01020304);
    expect(memory.kernel.equal(a * 8, b * 8, 4)).toBe(1);
    expect(memory.kernel.hash(a * 8, 4, 1, 2)).toBe(memory.kernel.hash(b * 8, 4, 1, 2));
    allocator.free(big);
    expect(allocator.usedBytes()).toBe(208);
  });
});

describe('memory pool', () => {
  it('gives back zeroed memories of the same maximum', () => {
    const pool = new MemoryPool(2);
    const random = randomSource(3);
    const worker = WorkerMemory.create({ lowBytes: 2 * 65_536, bytesMax: 32 * MIB });
    const refs: number[] = [];
    for (let i = 0; i < 3000; i++) {
      const ref = worker.arenaAllocator.alloc(1 + random.below(5000));
      worker.i32.fill(-1, ref << 1, (ref << 1) + worker.arenaAllocator.sizeOf(ref) / 4);
      refs.push(ref);
    }
    for (const ref of refs.reverse()) worker.arenaAllocator.free(ref);
    const lowRef = worker.lowAllocator.alloc(60_000);
    worker.low.fill(255, 0, lowRef * 8 + 60_000);
    expect(pool.take(32 * MIB)).toBeUndefined();
    expect(pool.give(worker)).toBe(true);
    expect(() => pool.give(worker)).toThrow(AssertionError);
    expect(pool.take(64 * MIB)).toBeUndefined();
    const memory = pool.take(32 * MIB);
    expect(memory).toBe(worker.memory);
    expect(pool.count).toBe(0);
    const words = new Int32Array(worker.memory.buffer);
    expect(words.findIndex((word) => word !== 0)).toBe(-1);
    if (memory === undefined) throw new Error('no memory');
    const again = WorkerMemory.create({ lowBytes: 4 * 65_536, bytesMax: 32 * MIB, memory });
    expect(again.arenaAllocator.alloc(8)).not.toBe(0);
  });

  it('is bounded in memories and in bytes', () => {
    const pool = new MemoryPool(1);
    const small = { lowBytes: 2 * 65_536, bytesMax: 32 * MIB };
    expect(pool.give(WorkerMemory.create(small))).toBe(true);
    expect(pool.give(WorkerMemory.create(small))).toBe(false);
    expect(new MemoryPool(8, 1000).give(WorkerMemory.create(small))).toBe(false);
  });
});
