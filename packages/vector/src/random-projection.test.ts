/**
 * The projection keeps squared distances within what the theory says, is linear, is the same for
 * the same seed, and an index of projected vectors finds most true neighbours.
 */
import { describe, expect, it } from 'vitest';
import { RandomProjection } from './random-projection.ts';
import { distanceBetween } from './similarity.ts';
import { makeFamily } from './testing/families.ts';
import { VectorIndex } from './vector-index.ts';

describe('RandomProjection', () => {
  it('keeps distances: mean ratio 1, spread as sqrt(2 / to)', () => {
    const { vectors } = makeFamily('gaussian', 600, 60, 0, 91);
    const projection = new RandomProjection({ from: 600, to: 150, seed: 7 });
    const projected = vectors.map((vector) => projection.project(vector));
    let sum = 0;
    let squares = 0;
    let count = 0;
    for (let i = 0; i < vectors.length; i++) {
      for (let j = 0; j < i; j++) {
        const ratio = (distanceBetween('l2', projected[i]!, projected[j]!)
          / distanceBetween('l2', vectors[i]!, vectors[j]!)) ** 2;
        sum += ratio;
        squares += ratio * ratio;
        count++;
      }
    }
    const mean = sum / count;
    const deviation = Math.sqrt(squares / count - mean * mean);
    expect(mean).toBeGreaterThan(0.9);
    expect(mean).toBeLessThan(1.1);
    expect(deviation).toBeGreaterThan(0.06);
    expect(deviation).toBeLessThan(0.18);
  });
  it('is linear, and the same for the same seed only', () => {
    const one = new RandomProjection({ from: 40, to: 10, seed: 3 });
    const [a, b] = makeFamily('gaussian', 40, 2, 0, 92).vectors as [Float32Array, Float32Array];
    const both = one.project(Array.from(a, (x, i) => 2 * x + b[i]!));
    const [pa, pb] = [one.project(a), one.project(b)];
    for (const [i, x] of both.entries()) expect(x).toBeCloseTo(2 * pa[i]! + pb[i]!, 4);
    expect(new RandomProjection({ from: 40, to: 10, seed: 3 }).project(a)).toEqual(pa);
    expect(new RandomProjection({ from: 40, to: 10, seed: 4 }).project(a)).not.toEqual(pa);
  });
  it('leaves enough to find neighbours by', () => {
    const { vectors, queries } = makeFamily('clustered', 256, 1500, 30, 93);
    const projection = new RandomProjection({ from: 256, to: 64 });
    const whole = new VectorIndex({ dimension: 256, metric: 'l2' });
    const small = new VectorIndex({ dimension: 64, metric: 'l2' });
    for (const [id, vector] of vectors.entries()) {
      whole.add(id, vector);
      small.add(id, projection.project(vector));
    }
    let found = 0;
    for (const query of queries) {
      const truth = new Set(whole.search(query, 10, { exact: true }).map((hit) => hit.id));
      for (const hit of small.search(projection.project(query), 40)) {
        if (truth.has(hit.id)) found++;
      }
    }
    expect(found / 300).toBeGreaterThan(0.8);
  });
  it('refuses what makes no sense', () => {
    for (const [from, to] of [[4, 5], [4, 0], [4.5, 2], [65_537, 2]] as const) {
      expect(() => new RandomProjection({ from, to })).toThrow('a projection from');
    }
    expect(() => new RandomProjection({ from: 4, to: 2 }).project([1, 2])).toThrow('takes 4');
  });
});
