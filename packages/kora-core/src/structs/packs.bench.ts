/**
 * Speed of packs over each kernel, in calls of 256 operations over 256 packs in turn (divide by
 * 256): what HGET, HSET and lists of few elements cost below the command. Fields of 10 bytes,
 * values of 20.
 */
import { bench, describe } from 'vitest';
import { makeDictMemory, REQUEST_KEY_AT } from '../testing/dict-driver.ts';
import { randomSource } from '../testing/random-source.ts';
import { Packs } from './packs.hot.ts';

const PACKS = 256;
const FIELD_BYTES = 10;
const VALUE_BYTES = 20;
const LIST_AT = 90_000;

for (const kernel of ['wasm', 'twin'] as const) {
  for (const pairs of [8, 64]) {
    describe(`packs of ${pairs} pairs, ${kernel} kernel, ${PACKS} operations`, () => {
      const memory = makeDictMemory(kernel);
      const packs = new Packs(memory, memory.arenaAllocator);
      const random = randomSource(1);
      const { low } = memory;
      low.fill(97, REQUEST_KEY_AT, REQUEST_KEY_AT + 64);
      const refs = new Int32Array(PACKS);
      const digitsAt = REQUEST_KEY_AT + FIELD_BYTES - 2;
      for (let which = 0; which < PACKS; which++) {
        let pack = packs.create(pairs * 34);
        for (let pair = 0; pair < pairs; pair++) {
          low[digitsAt] = 48 + Math.floor(pair / 10);
          low[digitsAt + 1] = 48 + (pair % 10);
          pack = packs.insert(pack, 0, REQUEST_KEY_AT, FIELD_BYTES);
          pack = packs.insert(pack, 0, REQUEST_KEY_AT + 32, VALUE_BYTES);
        }
        refs[which] = pack;
      }

      function aim(): void {
        const pair = random.below(pairs);
        low[digitsAt] = 48 + Math.floor(pair / 10);
        low[digitsAt + 1] = 48 + (pair % 10);
      }

      bench('the draw of a field alone', () => {
        for (let which = 0; which < PACKS; which++) aim();
      });

      bench('find, hit', () => {
        for (let which = 0; which < PACKS; which++) {
          aim();
          const pack = refs[which] ?? 0;
          packs.find(pack, packs.first(pack), REQUEST_KEY_AT, FIELD_BYTES, 2);
        }
      });

      bench('insert at the end and remove it', () => {
        for (let which = 0; which < PACKS; which++) {
          const pack = packs.insert(refs[which] ?? 0, 0, REQUEST_KEY_AT, FIELD_BYTES);
          refs[which] = packs.remove(pack, packs.last(pack), 1);
        }
      });

      bench('replace by the same length', () => {
        for (let which = 0; which < PACKS; which++) {
          const pack = refs[which] ?? 0;
          refs[which] = packs.replace(pack, packs.last(pack), REQUEST_KEY_AT, VALUE_BYTES);
        }
      });

      bench('list 16', () => {
        for (let which = 0; which < PACKS; which++) {
          const pack = refs[which] ?? 0;
          packs.list(pack, packs.first(pack), 16, LIST_AT);
        }
      });

      bench('encode 16 of 10 and 20 bytes', () => {
        for (let which = 0; which < PACKS; which++) {
          memory.kernel.encodeBulks(LIST_AT, 16, 100_000);
        }
      });
    });
  }
}
