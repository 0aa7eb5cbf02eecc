/**
 * The storage floor allocates nothing on the JavaScript heap: lookups, inserts, removals, scans,
 * blocks, entry fields and kernel calls stay under one byte a call once warm.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { bytesPerCall } from '../testing/allocation.ts';
import { makeDictMemory } from '../testing/dict-driver.ts';
import { CHAIN_SLOTS_MAX } from './dict-layout.ts';
import { Dict } from './dict.hot.ts';
import {
  ENTRY_HAS_TTL, entryAccess, entryBytesFor, entryExpireHigh, entryIsDue, entryKeyAt, entryValueAt,
  setEntryAccess, setEntryExpire, writeEntryHeader,
} from './entry.hot.ts';

setFlagsFromString('--expose-gc');
// The context's own global: the type of `gc` is not in any library.
const collect = runInNewContext('gc') as () => void;
const meter = { collect, usedBytes: (): number => process.memoryUsage().heapUsed };
const KEY_AT = 70_000;
const KEY_BYTES = 8;
const KEYS = 50_000;
const LIST_AT = 80_000;

for (const kernel of ['wasm', 'twin'] as const) {
  describe(`allocation with the ${kernel} kernel`, () => {
    const memory = makeDictMemory(kernel);
    const allocator = memory.arenaAllocator;
    const dict = new Dict(memory, allocator, 1, 2);
    const slots = new Int32Array(CHAIN_SLOTS_MAX);
    dict.warmRarePaths();
    dict.create();
    let next = 0;

    function putKey(id: number): void {
      memory.i32[KEY_AT / 4] = id;
      memory.i32[KEY_AT / 4 + 1] = ~id;
    }

    function insert(id: number): void {
      putKey(id);
      const entryBytes = entryBytesFor(KEY_BYTES, 32, true);
      if (!dict.reserveInsert(entryBytes)) throw new Error('full');
      const ref = allocator.alloc(entryBytes);
      const i32 = memory.i32;
      writeEntryHeader(i32, ref, ENTRY_HAS_TTL, KEY_BYTES, 32);
      setEntryExpire(i32, ref, id, 400);
      memory.kernel.copy(entryKeyAt(i32, ref), KEY_AT, KEY_BYTES);
      memory.kernel.fill(entryValueAt(i32, ref), 7, 32);
      dict.insert(dict.hashOf(KEY_AT, KEY_BYTES), ref);
    }

    function find(id: number): number {
      putKey(id);
      return dict.find(KEY_AT, KEY_BYTES, dict.hashOf(KEY_AT, KEY_BYTES));
    }

    function remove(id: number): void {
      const slot = find(id);
      if (slot === 0) return;
      const ref = memory.i32[slot]!;
      dict.removeAt(slot, dict.hashOf(KEY_AT, KEY_BYTES));
      allocator.free(ref);
    }

    it('finds, alone and in batches', () => {
      for (let id = 0; id < KEYS; id++) insert(id);
      for (let i = 0; i < 16; i++) {
        memory.i32[LIST_AT / 4 + i * 4] = KEY_AT;
        memory.i32[LIST_AT / 4 + i * 4 + 1] = KEY_BYTES;
      }
      let sum = 0;
      expect(bytesPerCall(meter, () => {
        next = (next + 7919) % (KEYS * 2);
        if (find(next) !== 0) sum++;
        dict.findBatch(LIST_AT, 16);
      })).toBeLessThan(1);
      expect(sum).toBeGreaterThan(0);
    });

    it('inserts and removes, with growth and shrinking', () => {
      let id = KEYS;
      let isGrowing = true;
      expect(bytesPerCall(meter, () => {
        if (isGrowing) insert(id++);
        else remove(--id);
        if (id === KEYS * 2) isGrowing = false;
        else if (id === KEYS) isGrowing = true;
      })).toBeLessThan(1);
      while (id > KEYS) remove(--id);
      expect(dict.count()).toBe(KEYS);
    });

    it('scans, draws by chance and reads entries', () => {
      let cursor = 0;
      let sum = 0;
      expect(bytesPerCall(meter, () => {
        const count = dict.collectLine(dict.lineAtCursor(cursor), slots);
        // The half of the cursors beyond int32 are doubles, which a call that is not inlined boxes.
        cursor = dict.scanNext(cursor);
        if (cursor > 0x7fffffff - 0xfffff) cursor = 0;
        const i32 = memory.i32;
        const random = memory.kernel.hash(LIST_AT, 4, count, sum);
        const ref = i32[dict.randomSlot(random, random)]!;
        setEntryAccess(i32, ref, (entryAccess(i32, ref) + 1) & 0xffffff);
        if (entryIsDue(i32, ref, 0, 401) && entryExpireHigh(i32, ref) === 400) sum++;
      })).toBeLessThan(1);
      expect(sum).toBeGreaterThan(0);
    });

    it('takes and frees blocks of all sizes', () => {
      const refs = new Int32Array(256);
      let at = 0;
      let bytes = 1;
      const takeOne = (): void => {
        at = (at + 1) & 255;
        bytes = (bytes * 37 + 11) % (at % 64 === 0 ? 90_000 : 3000);
        if (refs[at] !== 0) allocator.free(refs[at]!);
        if (!allocator.reserve(1, bytes)) throw new Error('full');
        refs[at] = allocator.alloc(bytes);
      };
      // Slabs and runs come and go in few calls: it takes more of them until that code is compiled.
      for (let i = 0; i < 300_000; i++) takeOne();
      expect(bytesPerCall(meter, takeOne)).toBeLessThan(1);
      for (const ref of refs) if (ref !== 0) allocator.free(ref);
    });

    it('keeps account of the free pages that the system holds', () => {
      const { runs } = allocator;
      const refs = new Int32Array(8);
      let at = 0;
      let calls = 0;
      let shrunk = 0;
      const takeOne = (): void => {
        at = (at + 3) & 7;
        if (refs[at] === 0) {
          refs[at] = allocator.alloc(1_100_000 + at * 400_000);
        } else {
          allocator.free(refs[at]!);
          refs[at] = 0;
        }
        calls++;
        if (calls % 5 !== 0) return;
        runs.startPeriod();
        if (runs.dirty.count === 0) return;
        const run = runs.dirty.runAt(0);
        runs.dirty.shrink(run, runs.dirty.endOf(run));
        shrunk++;
      };
      for (let i = 0; i < 100_000; i++) takeOne();
      expect(bytesPerCall(meter, takeOne)).toBeLessThan(1);
      expect(shrunk).toBeGreaterThan(0);
      for (const ref of refs) if (ref !== 0) allocator.free(ref);
    });
  });
}
