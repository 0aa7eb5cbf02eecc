/**
 * Slots of many keys at once, in both forms of the kernel, against slotOfKey: lengths on both sides
 * of its steps of four bytes, at every alignment, with braces that make a hashtag and braces that
 * do not.
 */
import { describe, expect, it } from 'vitest';
import { CRC_TABLES, slotOfKey } from '../bytes/crc16.hot.ts';
import { makeDictMemory } from '../testing/dict-driver.ts';
import { randomSource } from '../testing/random-source.ts';

const MIB = 1024 * 1024;
const LIST_AT = 70_000;
const TABLES_AT = 90_000;
const KEYS_AT = 100_000;
const COUNT_MAX = 16;
/** A brace of either kind is as likely as any other of a few letters. */
const LETTERS = Buffer.from('{}abc\u0000\u00fa\u00fb\u00fd', 'latin1');

for (const kernelName of ['wasm', 'twin'] as const) {
  describe(`slots with the ${kernelName} kernel`, () => {
    const memory = makeDictMemory(kernelName, 64 * MIB, 8 * MIB);
    const { kernel, i32, low } = memory;
    low.set(new Uint8Array(CRC_TABLES.buffer, CRC_TABLES.byteOffset), TABLES_AT);

    /** Slots of keys that lie one behind the other from `at` on. */
    const slotsOf = (keys: readonly Uint8Array[], at: number): number[] => {
      let to = at;
      for (const [i, key] of keys.entries()) {
        low.set(key, to);
        i32.set([to, key.length, -1, i], LIST_AT / 4 + i * 4);
        to += key.length;
      }
      kernel.slotBatch(LIST_AT, keys.length, TABLES_AT);
      return keys.map((_, i) => {
        expect(i32[LIST_AT / 4 + i * 4 + 3]).toBe(i);
        return i32[LIST_AT / 4 + i * 4 + 2] ?? -1;
      });
    };

    it('is the slot of each key', () => {
      const seed = 31;
      const random = randomSource(seed);
      for (let round = 0; round < 2000; round++) {
        const keys = Array.from({ length: random.below(COUNT_MAX + 1) }, () => {
          const isPlain = random.chance(0.3);
          return Uint8Array.from({ length: random.below(random.chance(0.1) ? 300 : 20) }, () =>
            isPlain ? random.below(256) : LETTERS[random.below(LETTERS.length)] ?? 0);
        });
        const wanted = keys.map((key) => slotOfKey(key, 0, key.length));
        const found = slotsOf(keys, KEYS_AT + random.below(4));
        expect(found, `seed ${seed} round ${round}`).toEqual(wanted);
      }
    });

    it('is that of Redis Cluster', () => {
      const keys = ['123456789', '{user1000}.following', 'foo{}{bar}', 'foo{{bar}}zap', '', '{'];
      expect(slotsOf(keys.map((key) => Buffer.from(key)), KEYS_AT))
        .toEqual([12_739, 3443, 8363, 4015, 0, slotOfKey(Buffer.from('{'), 0, 1)]);
    });
  });
}
