/**
 * The lines of a dict: work per insert bounded over a million of them, memory that runs out and
 * comes back, a hash that does not spread raising its alarm, chunks that come and go.
 */
import { describe, expect, it } from 'vitest';
import { AssertionError } from '../assert.ts';
import { DictDriver, makeDictMemory } from '../testing/dict-driver.ts';
import { randomSource } from '../testing/random-source.ts';
import { CHAIN_SLOTS_MAX, DICT_CHUNKS, DICT_FIRST_LINES } from './dict-layout.ts';
import {
  DICT_WORK_BYTES_MOVED, DICT_WORK_CHUNKS, DICT_WORK_DIRECTORY_COPIES, DICT_WORK_MERGES,
  DICT_WORK_OVERFLOW_LINES, DICT_WORK_REHASHED, DICT_WORK_SPLITS,
} from './dict-lines.hot.ts';
import { entryBytesFor, writeEntryHeader } from './entry.hot.ts';

const MIB = 1024 * 1024;

describe('dict lines', () => {
  it('raises an alarm when a hash puts everything into one line', () => {
    const { dict, memory } = new DictDriver(makeDictMemory());
    const insertOne = (): void => {
      const ref = memory.arenaAllocator.alloc(16);
      writeEntryHeader(memory.i32, ref, 0, 0, 0);
      dict.insert(0x12345678, ref);
    };
    for (let i = 0; i < CHAIN_SLOTS_MAX; i++) insertOne();
    const slots = new Int32Array(CHAIN_SLOTS_MAX);
    expect(dict.collectLine(dict.lineOf(0x12345678), slots)).toBe(CHAIN_SLOTS_MAX);
    expect(insertOne).toThrow(AssertionError);
  });

  it('refuses to remove a slot of another chain', () => {
    const driver = new DictDriver(makeDictMemory());
    for (let i = 0; i < 100; i++) driver.set(`key${i}`, i);
    const { dict } = driver;
    const slot = driver.slotOf('key1');
    const hash = dict.hashOfEntry(driver.refAt(slot));
    expect(() => {
      dict.removeAt(slot, hash ^ 1);
    }).toThrow(AssertionError);
  });

  it('gives chunks back when it shrinks, and takes them again', () => {
    const driver = new DictDriver(makeDictMemory());
    const { dict, memory } = driver;
    const word = dict.header << 1;
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 20_000; i++) driver.set(`key${i}`, i);
      expect(memory.i32[word + DICT_CHUNKS]).toBe(11);
      for (let i = 0; i < 20_000; i++) driver.delete(`key${i}`);
      expect(memory.i32[word + DICT_CHUNKS]).toBe(1);
      expect(memory.i32[word + DICT_FIRST_LINES]).toBeLessThanOrEqual(64);
      expect(dict.indexBytes()).toBeLessThan(5000);
    }
    expect(dict.counters[DICT_WORK_MERGES]).toBeGreaterThan(7000);
  });

  it('refuses inserts when memory is full, keeps all it has, and goes on after deletes', () => {
    const driver = new DictDriver(makeDictMemory('wasm', 3 * MIB));
    const model = new Map<string, number>();
    let next = 0;
    for (let round = 0; round < 4; round++) {
      while (driver.set(`key${next}`, next)) model.set(`key${next}`, next++);
      expect(model.size).toBeGreaterThan(20_000);
      expect(driver.contents()).toEqual(model);
      for (const text of [...model.keys()].filter((_, index) => index % 3 === round % 3)) {
        expect(driver.delete(text)).toBe(true);
        model.delete(text);
      }
      expect(driver.contents()).toEqual(model);
    }
  });

  it('moves overflow lines out of sparse slabs', () => {
    const driver = new DictDriver(makeDictMemory());
    const { dict, memory } = driver;
    const allocator = memory.arenaAllocator;
    const model = new Map<string, number>();
    const fillers: number[] = [];
    for (let i = 0; i < 30_000; i++) {
      driver.set(`key${i}`, i);
      model.set(`key${i}`, i);
      fillers.push(allocator.alloc(64));
    }
    for (const ref of fillers) allocator.free(ref);
    const held = allocator.heldBytes();
    expect(allocator.markSparse()).toBeGreaterThan(5);
    const epoch = dict.epoch();
    let moved = 0;
    for (let line = 0; line < dict.lines(); line++) moved += dict.evacuateLine(line);
    expect(moved).toBeGreaterThan(10);
    expect(dict.epoch()).not.toBe(epoch);
    expect(allocator.markSparse()).toBeLessThan(5);
    expect(allocator.heldBytes()).toBeLessThan(held - 5 * 65_536);
    expect(driver.contents()).toEqual(model);
    driver.destroy();
    expect(memory.usedBytes()).toBe(0);
  });

  it('lets no growth eat what a command reserved for several keys', () => {
    const random = randomSource(31);
    const driver = new DictDriver(makeDictMemory('wasm', 4 * MIB));
    const { dict, memory } = driver;
    const allocator = memory.arenaAllocator;
    let next = 0;
    let refused = 0;
    for (let round = 0; round < 1200; round++) {
      const keys = 1 + random.below(60);
      const entryBytes = entryBytesFor(8, random.below(40), false);
      if (!allocator.reserve(keys * 2, keys * (entryBytes + 64))) {
        refused++;
        for (let i = 0; i < 200; i++) {
          const slot = dict.randomSlot(random.word(), random.word());
          if (slot === 0) break;
          const ref = driver.refAt(slot);
          dict.removeAt(slot, dict.hashOfEntry(ref));
          allocator.free(ref);
        }
        continue;
      }
      for (let i = 0; i < keys; i++) {
        const ref = allocator.alloc(entryBytes);
        if (ref === 0) throw new Error(`round ${round}: key ${i} of ${keys} was refused`);
        writeEntryHeader(memory.i32, ref, 0, 8, 0);
        memory.i32[(ref << 1) + 3] = next;
        memory.i32[(ref << 1) + 4] = ~next++;
        dict.insert(dict.hashOfEntry(ref), ref);
      }
    }
    expect(refused).toBeGreaterThan(5);
    expect(driver.entries()).toBe(dict.count());
  });

  it('does bounded work per insert, over a million of them', () => {
    const driver = new DictDriver(makeDictMemory());
    const { dict, memory } = driver;
    const worst = new Float64Array(dict.counters.length);
    const before = new Float64Array(dict.counters.length);
    const entryBytes = entryBytesFor(8, 0, false);
    for (let i = 0; i < 1_000_000; i++) {
      before.set(dict.counters);
      if (!dict.reserveInsert(entryBytes)) throw new Error('full');
      const ref = memory.arenaAllocator.alloc(entryBytes);
      writeEntryHeader(memory.i32, ref, 0, 8, 0);
      memory.i32[(ref << 1) + 3] = i;
      memory.i32[(ref << 1) + 4] = ~i;
      dict.insert(dict.hashOfEntry(ref), ref);
      for (let work = 0; work < worst.length; work++) {
        worst[work] = Math.max(worst[work]!, dict.counters[work]! - before[work]!);
      }
    }
    expect(dict.count()).toBe(1_000_000);
    expect(worst[DICT_WORK_SPLITS]).toBe(1);
    expect(worst[DICT_WORK_CHUNKS]).toBe(1);
    expect(worst[DICT_WORK_OVERFLOW_LINES]).toBeLessThanOrEqual(1);
    expect(worst[DICT_WORK_DIRECTORY_COPIES]).toBe(1);
    expect(worst[DICT_WORK_BYTES_MOVED]).toBeLessThanOrEqual(8192);
    expect(worst[DICT_WORK_REHASHED]).toBeLessThanOrEqual(48);
    expect(dict.indexBytes() / 1_000_000).toBeLessThan(9.5);
  });
});
