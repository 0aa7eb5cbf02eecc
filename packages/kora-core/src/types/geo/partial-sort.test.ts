/**
 * The partial sort against a full one: many lengths, few and many equal items, every count; and a
 * list made to be bad for its pivots, which must not take quadratic time.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../../testing/random-source.ts';
import { sortFirst } from './partial-sort.ts';

function indexes(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i);
}

describe('the partial sort', () => {
  it('has the first items in order, whatever their number', () => {
    const random = randomSource(1);
    for (let round = 0; round < 400; round++) {
      const length = random.below(round < 200 ? 20 : 300);
      const distinct = [2, 5, 1000][random.below(3)] ?? 2;
      const keys = Array.from({ length }, () => random.below(distinct));
      const wanted = random.below(length + 1);
      const items = indexes(length);
      sortFirst(items, wanted, (a, b) => (keys[a] ?? 0) - (keys[b] ?? 0));
      const got = [...items].map((item) => keys[item]);
      const sorted = [...keys].sort((a, b) => a - b);
      expect(got.slice(0, wanted), `round ${round}`).toEqual(sorted.slice(0, wanted));
      expect([...items].sort((a, b) => a - b), `round ${round}`).toEqual([...indexes(length)]);
    }
  });

  it('compares no more than a few times n log n on a list made against it', () => {
    // Keys are decided while it sorts: an item that was compared becomes the lowest left.
    const count = 20_000;
    const gas = count;
    const keys = new Array<number>(count).fill(gas);
    let solid = 0;
    let candidate = 0;
    let comparisons = 0;
    const compare = (a: number, b: number): number => {
      comparisons++;
      if (keys[a] === gas && keys[b] === gas) keys[a === candidate ? a : b] = solid++;
      if (keys[a] === gas) candidate = a;
      else if (keys[b] === gas) candidate = b;
      return (keys[a] ?? 0) - (keys[b] ?? 0);
    };
    const items = indexes(count);
    sortFirst(items, count - 1, compare);
    expect(comparisons).toBeLessThan(count * 200);
    const got = [...items].map((item) => keys[item] ?? 0);
    expect(got.every((key, i) => i === 0 || (got[i - 1] ?? 0) <= key)).toBe(true);
  });
});
