/**
 * Similarity and distance of two vectors: known values, agreement with what an index answers, and
 * refusals.
 */
import { describe, expect, it } from 'vitest';
import { distanceBetween, scoreOf, similarity } from './similarity.ts';
import { makeFamily } from './testing/families.ts';
import { VectorIndex } from './vector-index.ts';

describe('two vectors', () => {
  it('have a cosine', () => {
    expect(similarity([1, 0], [0, 2])).toBe(0);
    expect(similarity([1, 1], [3, 3])).toBeCloseTo(1, 12);
    expect(similarity([1, 1], [-2, -2])).toBeCloseTo(-1, 12);
    expect(similarity([0, 0], [1, 2])).toBe(0);
  });
  it('have the distance that an index answers', () => {
    const { vectors, queries } = makeFamily('gaussian', 40, 30, 5, 81);
    for (const metric of ['cosine', 'l2', 'ip'] as const) {
      const index = new VectorIndex({ dimension: 40, metric });
      for (const [id, vector] of vectors.entries()) index.add(id, vector);
      for (const query of queries) {
        for (const hit of index.search(query, 30)) {
          expect(hit.distance)
            .toBeCloseTo(distanceBetween(metric, query, vectors[Number(hit.id)]!), 3);
        }
      }
    }
  });
  it('have a score, greater when they are nearer', () => {
    const scores = ([a, b]: readonly [number[], number[]]): number[] =>
      (['cosine', 'l2', 'ip'] as const).map((metric) =>
        scoreOf(metric, distanceBetween(metric, a, b)));
    expect(scores([[2, 0], [2, 0]])).toEqual([1, 1, 4]);
    expect(scores([[1, 0], [0, 0]])).toEqual([0, 0.5, 0]);
    expect(scores([[1, 0], [-1, 0]])).toEqual([-1, 1 / 3, -1]);
  });
  it('are refused when they cannot be compared', () => {
    expect(() => similarity([], [])).toThrow('cannot be compared');
    expect(() => similarity([1], [1, 2])).toThrow('vectors of 1 and 2 components');
    expect(() => distanceBetween('l2', [NaN], [1])).toThrow('not finite');
    expect(() => distanceBetween('l1' as never, [1], [1])).toThrow('metric is l1; wanted: cosine');
    expect(() => scoreOf('l1' as never, 1)).toThrow('metric is l1; wanted: cosine, l2, ip');
  });
});
