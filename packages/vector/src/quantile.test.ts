/**
 * Selection against a sort: random numbers, many ties, ascending and descending ones, and lists
 * arranged like an organ pipe; every place of short lists, some places of long ones.
 */
import { describe, expect, it } from 'vitest';
import { valueAt } from './quantile.ts';
import { Chance } from './testing/families.ts';

describe('valueAt', () => {
  it('gives what a sort would have at every place', () => {
    const chance = new Chance(71);
    for (let round = 0; round < 400; round++) {
      const length = 1 + chance.below(40);
      const spread = 1 + chance.below(60);
      const numbers = Float32Array.from({ length }, () => chance.below(spread) - spread / 2);
      const sorted = numbers.slice().sort();
      for (let place = 0; place < length; place++) {
        expect(valueAt(numbers.slice(), place), `seed 71 round ${round} place ${place}`)
          .toBe(sorted[place]);
      }
    }
  });
  it('holds for long lists in any arrangement', () => {
    const length = 50_000;
    const chance = new Chance(72);
    const lists = [
      Float32Array.from({ length }, () => chance.gaussian()),
      Float32Array.from({ length }, (_, i) => i),
      Float32Array.from({ length }, (_, i) => -i),
      Float32Array.from({ length }, (_, i) => Math.min(i, length - i)),
      new Float32Array(length).fill(3),
    ];
    for (const list of lists) {
      const sorted = list.slice().sort();
      for (const place of [0, 100, 25_000, 49_899, 49_999]) {
        expect(valueAt(list.slice(), place)).toBe(sorted[place]);
      }
    }
  });
});
