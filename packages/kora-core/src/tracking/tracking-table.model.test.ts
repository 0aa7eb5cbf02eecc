/**
 * The tracking table against a map of sets: random notes, takes and clears with readers from one to
 * more than fit, keys short and long; memory is given back to the byte when all is forgotten, and a
 * note that finds no memory changes nothing.
 */
import { describe, expect, it } from 'vitest';
import { TRACKED_READER_COUNT_MAX } from '../limits.ts';
import { SeededChance } from '../platform/platform.ts';
import { CommandDriver } from '../testing/index.ts';
import { readerOf, workerOfReader } from './tracking-layout.ts';
import { Noted, TrackingTable } from './tracking-table.ts';

const STEPS = 4_000;
const KEYS = 40;

class Pair {
  readonly driver = new CommandDriver();
  readonly table = new TrackingTable(this.driver.shard);
  readonly naive = new Map<string, Set<number>>();
  readonly #block: number;
  readonly #readers: number[] = [];

  constructor() {
    this.#block = this.driver.memory.lowAllocator.alloc(100_000) * 8;
  }

  place(key: string): number {
    for (let i = 0; i < key.length; i++) {
      this.driver.memory.low[this.#block + i] = key.charCodeAt(i);
    }
    return this.#block;
  }

  note(key: string, reader: number): number {
    const noted = this.table.note(this.place(key), key.length, reader);
    if (noted === Noted.Yes || noted === Noted.Already) {
      const readers = this.naive.get(key) ?? new Set();
      this.naive.set(key, readers.add(reader));
    }
    return noted;
  }

  take(key: string): { expected: number[]; found: number[] } {
    const entry = this.table.take(this.place(key), key.length, this.#readers);
    const expected = [...(this.naive.get(key) ?? [])].sort((a, b) => a - b);
    const found = [...this.#readers].sort((a, b) => a - b);
    expect(entry !== 0).toBe(expected.length > 0);
    if (entry !== 0) this.table.free(entry);
    this.naive.delete(key);
    return { expected, found };
  }

  items(): number {
    return [...this.naive.values()].reduce((sum, readers) => sum + readers.size, 0);
  }

  forgetAll(): void {
    while (this.table.step());
  }
}

describe('the table of tracked keys', () => {
  it('knows who has read what, as a map of sets does', () => {
    for (let seed = 1; seed <= 6; seed++) {
      const chance = new SeededChance(seed);
      const below = (bound: number): number => (chance.next32() >>> 0) % bound;
      const pair = new Pair();
      const before = pair.driver.shard.usedBytes();
      const readersMax = [1, 3, 40, 300][below(4)] ?? 1;
      const names = Array.from({ length: KEYS }, (_, i) =>
        (i % 10 === 0 ? 'x'.repeat(1 + below(70_000)) : '') + String(i));
      for (let step = 0; step < STEPS; step++) {
        const key = names[below(KEYS)] ?? '';
        const kind = below(100);
        if (kind < 75) {
          const reader = readerOf(below(8), 1 + below(readersMax));
          expect([Noted.Yes, Noted.Already], `seed ${seed}`).toContain(pair.note(key, reader));
        } else if (kind < 97) {
          const { expected, found } = pair.take(key);
          expect(found, `seed ${seed}, step ${step}`).toEqual(expected);
        } else if (kind === 97) {
          pair.table.clear();
          pair.naive.clear();
        } else {
          pair.table.step();
        }
        expect(pair.table.keyCount, `seed ${seed}`).toBe(pair.naive.size);
        expect(pair.table.itemCount, `seed ${seed}`).toBe(pair.items());
        const any = pair.table.randomEntry();
        expect(any === 0, `seed ${seed}`).toBe(pair.naive.size === 0);
      }
      pair.table.clear();
      pair.forgetAll();
      expect(pair.driver.shard.usedBytes(), `seed ${seed}: all is given back`).toBe(before);
    }
  });

  it('refuses a reader more than it keeps for a key', () => {
    const pair = new Pair();
    for (let id = 1; id <= TRACKED_READER_COUNT_MAX; id++) pair.note('k', readerOf(1, id));
    expect(pair.note('k', readerOf(2, 7))).toBe(Noted.Crowded);
    expect(pair.note('k', readerOf(1, 5))).toBe(Noted.Already);
    expect(pair.take('k').found.length).toBe(TRACKED_READER_COUNT_MAX);
  });

  it('says so when memory is short, and has changed nothing', () => {
    const { driver, table } = new Pair();
    const allocator = driver.memory.arenaAllocator;
    const at = driver.memory.lowAllocator.alloc(16) * 8;
    const reserve = allocator.reserve.bind(allocator);
    allocator.reserve = () => false;
    expect(table.note(at, 3, readerOf(0, 1))).toBe(Noted.NoMemory);
    expect(table.keyCount).toBe(0);
    allocator.reserve = reserve;
    expect(table.note(at, 3, readerOf(0, 1))).toBe(Noted.Yes);
    allocator.reserve = () => false;
    expect(table.note(at, 3, readerOf(0, 2))).toBe(Noted.NoMemory);
    expect(table.note(at, 3, readerOf(0, 1))).toBe(Noted.Already);
    expect(table.itemCount).toBe(1);
  });

  it('frees what was cleared in slices', () => {
    const pair = new Pair();
    for (let i = 0; i < 20_000; i++) pair.note(`key:${i}`, readerOf(0, 1));
    pair.table.clear();
    expect(pair.table.keyCount).toBe(0);
    let slices = 1;
    while (pair.table.step()) slices++;
    expect(slices).toBeGreaterThan(10);
  });
});

describe('a reader', () => {
  it('names its worker and a client, and is never 0', () => {
    for (const worker of [0, 1, 15, 29]) {
      for (const id of [1, 2, 134_217_727, 134_217_728, 2 ** 40]) {
        const reader = readerOf(worker, id);
        expect(reader).not.toBe(0);
        expect(reader).toBe(reader | 0);
        expect(workerOfReader(reader)).toBe(worker);
      }
    }
  });
});
