/**
 * The sparse index against a map of maps: random adding, overwriting, deleting and searching, both
 * metrics; every answer, its distance and its order. Then refusals.
 */
import { describe, expect, it } from 'vitest';
import { Chance } from '../testing/families.ts';
import { SparseVectorIndex } from './sparse-vector-index.ts';
import { sparseOf } from './sparse-vector.ts';
import type { SparseVector } from './sparse-vector.ts';

function randomSparse(chance: Chance): SparseVector {
  const chosen = new Map<number, number>();
  for (let i = chance.below(8); i >= 0; i--) {
    chosen.set(chance.below(40) * 100_000_007 % 4_294_967_296, chance.gaussian());
  }
  return { components: [...chosen.keys()], values: [...chosen.values()] };
}

function dotOf(a: SparseVector, b: SparseVector): { dot: number; isShared: boolean } {
  let dot = 0;
  let isShared = false;
  for (let i = 0; i < a.components.length; i++) {
    for (let j = 0; j < b.components.length; j++) {
      if (a.components[i] !== b.components[j]) continue;
      dot += Math.fround(a.values[i]!) * Math.fround(b.values[j]!);
      isShared = true;
    }
  }
  return { dot, isShared };
}

describe('SparseVectorIndex', () => {
  it.each(['ip', 'cosine'] as const)('answers as a plain comparison does, by %s', (metric) => {
    for (let seed = 1; seed <= 6; seed++) {
      const chance = new Chance(seed);
      const index = new SparseVectorIndex({ metric });
      const model = new Map<number, SparseVector>();
      for (let step = 0; step < 1200; step++) {
        const id = chance.below(150);
        if (chance.below(5) < 2) {
          expect(index.delete(id), `seed ${seed} step ${step}`).toBe(model.delete(id));
        } else {
          const vector = randomSparse(chance);
          expect(index.add(id, vector), `seed ${seed} step ${step}`).toBe(!model.has(id));
          model.set(id, vector);
        }
        if (step % 20 !== 0) continue;
        const query = randomSparse(chance);
        const norm = (v: SparseVector): number => Math.sqrt(dotOf(v, v).dot);
        const wanted = [...model.values()].map((vector) => ({ ...dotOf(query, vector), vector }))
          .filter(({ isShared }) => isShared)
          .map(({ dot, vector }) => (metric === 'ip' ? -dot : 1 - dot / norm(vector) / norm(query)))
          .sort((a, b) => a - b);
        const hits = index.search(query, 10);
        expect(hits.length, `seed ${seed} step ${step}`).toBe(Math.min(10, wanted.length));
        for (const [i, hit] of hits.entries()) {
          expect(hit.distance, `seed ${seed} step ${step}`).toBeCloseTo(wanted[i]!, 6);
          expect(model.has(Number(hit.id))).toBe(true);
        }
      }
      expect(index.size).toBe(model.size);
      expect(new Set(index.ids())).toEqual(new Set(model.keys()));
    }
  });

  it('gives back what it holds, ascending and without zeros', () => {
    const index = new SparseVectorIndex();
    index.add('a', { components: [9, 2, 5], values: [1, 0, -3] });
    expect(index.get('a')).toEqual({
      components: Uint32Array.of(5, 9), values: Float32Array.of(-3, 1),
    });
    expect([index.get('b'), index.has('a')]).toEqual([undefined, true]);
    expect(index.search({ components: [9], values: [2] }, 5)).toEqual([{ id: 'a', distance: -2 }]);
    expect(index.search({ components: [1], values: [2] }, 5)).toEqual([]);
    expect(sparseOf([0, 2, 0.1, -3], 0.5)).toEqual({ components: [1, 3], values: [2, -3] });
  });

  it.each(['ip', 'cosine'] as const)('comes back from its image, by %s', (metric) => {
    const chance = new Chance(9);
    const index = new SparseVectorIndex({ metric });
    for (let i = 0; i < 300; i++) index.add(i % 2 === 0 ? i : `${i}`, randomSparse(chance));
    for (let i = 0; i < 100; i += 2) index.delete(i);
    const image = index.dump();
    const shifted = new Uint8Array(image.length + 3);
    shifted.set(image, 3);
    const again = SparseVectorIndex.load(shifted.subarray(3));
    expect([...again.ids()]).toEqual([...index.ids()]);
    expect(again.get('7')).toEqual(index.get('7'));
    for (let i = 0; i < 20; i++) {
      const query = randomSparse(chance);
      expect(again.search(query, 20)).toEqual(index.search(query, 20));
    }
    expect(SparseVectorIndex.load(new SparseVectorIndex({ metric }).dump()).size).toBe(0);
    expect(() => SparseVectorIndex.load(image.subarray(0, image.length - 64))).toThrow('is cut');
    expect(() => SparseVectorIndex.load(image.subarray(0, image.length - 1))).toThrow('is cut');
    const longer = Buffer.concat([image, Buffer.alloc(1)]);
    expect(() => SparseVectorIndex.load(longer)).toThrow('1 bytes behind its end');
    for (const at of [3, 12, 40, 700, image.length - 500]) {
      const changed = image.slice();
      changed[at]! ^= 1;
      expect(() => SparseVectorIndex.load(changed), `byte ${at}`).toThrow('the image ');
    }
  });

  it('refuses what is no sparse vector, and nothing has changed', () => {
    const index = new SparseVectorIndex();
    index.add('a', { components: [1], values: [1] });
    const bad: readonly [string, SparseVector][] = [
      ['2 components and 1 values', { components: [1, 2], values: [1] }],
      ['component 1 is given twice', { components: [1, 1], values: [1, 2] }],
      ['component -1', { components: [-1], values: [1] }],
      ['component 1.5', { components: [1.5], values: [1] }],
      ['not finite', { components: [1], values: [NaN] }],
    ];
    for (const [text, vector] of bad) {
      expect(() => index.add('a', vector)).toThrow(text);
      expect(() => index.search(vector, 1)).toThrow(text);
    }
    expect(() => index.search({ components: [1], values: [1] }, -1)).toThrow('k is -1');
    expect(index.get('a')?.values).toEqual(Float32Array.of(1));
  });
});
