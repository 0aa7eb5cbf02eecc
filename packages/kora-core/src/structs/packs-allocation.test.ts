/**
 * Packs allocate nothing on the JavaScript heap: finds, walks, inserts that cross the classes of
 * blocks, replacements, removals and lists stay under one byte a call once warm, on both kernels.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { bytesPerCall } from '../testing/allocation.ts';
import { makeDictMemory } from '../testing/dict-driver.ts';
import { Packs } from './packs.hot.ts';

setFlagsFromString('--expose-gc');
// The context's own global: the type of `gc` is not in any library.
const collect = runInNewContext('gc') as () => void;
const meter = { collect, usedBytes: (): number => process.memoryUsage().heapUsed };
const KEY_AT = 70_000;
const LIST_AT = 80_000;
const ENTRIES = 40;

for (const kernel of ['wasm', 'twin'] as const) {
  describe(`allocation of packs with the ${kernel} kernel`, () => {
    const memory = makeDictMemory(kernel);
    const packs = new Packs(memory, memory.arenaAllocator);
    memory.low.fill(97, KEY_AT, KEY_AT + 400);

    it('fills and empties', () => {
      let pack = packs.create(0);
      let isGrowing = true;
      expect(bytesPerCall(meter, () => {
        const count = packs.count(pack);
        if (count === ENTRIES) isGrowing = false;
        else if (count === 0) isGrowing = true;
        const bytes = 1 + (count * 7) % 300;
        const pos = count > 3 ? packs.seek(pack, 2) : 0;
        if (isGrowing) pack = packs.insert(pack, pos, KEY_AT, bytes);
        else pack = packs.remove(pack, packs.seek(pack, count >>> 1), 1);
      })).toBeLessThan(1);
      packs.destroy(pack);
    });

    it('finds, walks, lists and replaces', () => {
      let pack = packs.create(0);
      for (let i = 0; i < ENTRIES; i++) pack = packs.insert(pack, 0, KEY_AT, 1 + i * 5);
      let sum = 0;
      let bytes = 0;
      expect(bytesPerCall(meter, () => {
        bytes = (bytes + 1) % 200;
        sum += packs.find(pack, packs.first(pack), KEY_AT, bytes, 1);
        sum += packs.list(pack, packs.seek(pack, -3), 2, LIST_AT);
        for (let pos = packs.last(pack); pos !== 0; pos = packs.previous(pack, pos)) sum++;
        for (let pos = packs.first(pack); pos !== 0; pos = packs.next(pack, pos)) {
          sum += packs.entryBytes(pack, pos);
        }
        sum = (sum + packs.entryAt(pack, packs.first(pack))) & 0xffff;
        pack = packs.replace(pack, packs.seek(pack, 20), KEY_AT, bytes);
        sum = (sum + memory.kernel.bulksBytes(LIST_AT, 2)) & 0xffff;
        sum = (sum + memory.kernel.encodeBulks(LIST_AT, 2, LIST_AT + 1000)) & 0xffff;
      })).toBeLessThan(1);
      expect(sum).toBeGreaterThan(0);
    });
  });
}
