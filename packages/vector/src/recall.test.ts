/**
 * Recall at 10, with floors, against the index's own exact search: for every family and metric, and
 * after deletes and overwrites against a fresh index of the same vectors. A graph that lost its
 * back-fill, its repair or its sweep falls far below these (docs/internals/vector.md says how far).
 */
import { describe, expect, it } from 'vitest';
import { Chance, makeFamily } from './testing/families.ts';
import type { Family } from './testing/families.ts';
import { graphFault, recallOf } from './testing/recall.ts';
import { VectorIndex } from './vector-index.ts';
import type { VectorIndexOptions } from './options.ts';

const DIMENSION = 64;
const COUNT = 3000;
const QUERIES = 60;

function built(
  vectors: readonly Float32Array[], options: Partial<VectorIndexOptions> = {},
): VectorIndex {
  const index = new VectorIndex({
    dimension: vectors[0]!.length, metric: 'l2', mode: 'hnsw', trainingCount: 200, ...options,
  });
  for (const [id, vector] of vectors.entries()) index.add(id, vector);
  index.settle();
  return index;
}

describe('recall of a fresh index', () => {
  const floors: Readonly<Record<Family, number>> = {
    clustered: 0.99, gaussian: 0.9, duplicates: 0.93, sorted: 0.99, drifting: 0.9,
  };
  for (const [family, floor] of Object.entries(floors) as [Family, number][]) {
    for (const metric of ['l2', 'cosine', 'ip'] as const) {
      it(`${family}, ${metric}: at least ${floor}`, () => {
        const { vectors, queries } = makeFamily(family, DIMENSION, COUNT, QUERIES, 42);
        const index = built(vectors, { metric });
        expect(graphFault(index)).toBe(0);
        expect(recallOf(index, queries, 10, { ef: 100 })).toBeGreaterThanOrEqual(floor);
      });
    }
  }
  for (const [dimension, floor] of [[48, 0.95], [128, 0.9]] as const) {
    it(`gaussian, longer and longer, ip, ${dimension} dimensions: at least ${floor}`, () => {
      const { vectors, queries } = makeFamily('gaussian', dimension, COUNT, QUERIES, 48);
      const grown = vectors.map((vector, i) => vector.map((x) => x * (1 + (9 * i) / COUNT)));
      const index = built(grown, { metric: 'ip' });
      expect(walkRecall(index, queries, 100)).toBeGreaterThanOrEqual(floor);
      // Codes alone, and all of them: what is lost here no walk can find.
      const { segment, ids } = index.parts()[0]!;
      const near = queries.map((query) => {
        const wanted = new Set(index.search(query, 10, { exact: true }).map(({ id }) => id));
        segment.setQuery(query);
        const count = segment.engine.calls.coded(10, 40);
        return Array.from({ length: count }, (_, i) => ids[segment.slotOf(i)])
          .filter((id) => id !== undefined && wanted.has(id)).length;
      });
      const found = near.reduce((sum, each) => sum + each, 0);
      expect(found / QUERIES / 10).toBeGreaterThanOrEqual(0.98);
    });
  }
  for (const storage of ['bf16', 'codes', 'bits'] as const) {
    it(`clustered, ${storage}`, () => {
      const { vectors, queries } = makeFamily('clustered', 128, COUNT, QUERIES, 43);
      const index = built(vectors, { metric: 'cosine', storage });
      expect(recallOf(index, queries, 10, { ef: 100 })).toBeGreaterThanOrEqual(0.98);
    });
  }
  it('gaussian, 8 dimensions, where the graph compares vectors', () => {
    for (const storage of ['f32', 'bf16'] as const) {
      const { vectors, queries } = makeFamily('gaussian', 8, COUNT, QUERIES, 44);
      expect(recallOf(built(vectors, { storage }), queries)).toBeGreaterThanOrEqual(0.99);
    }
  });
  it('sums of codes that would not fit 32 bits: 20,000 dimensions, of all lengths', () => {
    const chance = new Chance(55);
    const at = (level: number): Float32Array =>
      Float32Array.from({ length: 20_000 }, () => level * 0.4 + chance.below(3));
    const vectors = Array.from({ length: 250 }, (_, i) => at(i * 97 % 250));
    const queries = Array.from({ length: 12 }, (_, i) => at(i * 20 + 5));
    expect(walkRecall(built(vectors, { efConstruction: 60, trainingCount: 200 }), queries))
      .toBeGreaterThanOrEqual(0.95);
  });
  it('components of 0 and 1, which tie by nature', () => {
    const chance = new Chance(54);
    const bits = (): Float32Array =>
      Float32Array.from({ length: 256 }, () => (chance.below(8) === 0 ? 1 : 0));
    const vectors = Array.from({ length: COUNT }, bits);
    const queries = Array.from({ length: QUERIES }, bits);
    expect(recallOf(built(vectors), queries, 10, { ef: 200 })).toBeGreaterThanOrEqual(0.85);
  });
  it('two far apart sets of equal vectors do not shut a walk in', () => {
    const near = Array.from({ length: 600 }, () => new Float32Array(DIMENSION).fill(1));
    const { vectors, queries } = makeFamily('gaussian', DIMENSION, 600, QUERIES, 45);
    const far = Array.from({ length: 600 }, () => new Float32Array(DIMENSION).fill(-1));
    const index = built([...near, ...far, ...vectors]);
    expect(recallOf(index, queries, 10, { ef: 100 })).toBeGreaterThanOrEqual(0.95);
  });
});

describe('recall after deletes', () => {
  for (const [family, metric, slack] of [
    ['clustered', 'l2', 0.01], ['duplicates', 'l2', 0.08], ['gaussian', 'l2', 0.03],
    ['clustered', 'ip', 0.03],
  ] as const) {
    const what = `within ${slack * 100} points of a fresh index at 50, 80 and 95 %`;
    it(`${family}, ${metric}: ${what}`, () => {
      const { vectors, queries } = makeFamily(family, DIMENSION, COUNT, QUERIES, 46);
      const index = built(vectors, { metric });
      let deleted = 0;
      for (const share of [0.5, 0.8, 0.95]) {
        for (; deleted < COUNT * share; deleted++) index.delete((deleted * 7919) % COUNT);
        const left = vectors.filter((_, id) => index.has(id));
        expect(index.size).toBe(left.length);
        expect(graphFault(index)).toBe(0);
        // Scans are allowed to nobody here: a walk is what is measured.
        const walked = walkRecall(index, queries);
        expect(walked, `${share * 100} % deleted`)
          .toBeGreaterThanOrEqual(walkRecall(built(left, { metric }), queries) - slack);
      }
    });
  }
});

describe('recall after overwriting', () => {
  for (const isDrifting of [false, true]) {
    it(isDrifting ? 'while the vectors drift' : 'in the same place', () => {
      const count = 600;
      const family = makeFamily('clustered', DIMENSION, count * 6, QUERIES, 47);
      const index = built(family.vectors.slice(0, count));
      for (let round = 1; round <= 30; round++) {
        for (let id = 0; id < count; id++) {
          const from = isDrifting ? ((round % 6) * count + id) % (count * 6)
            : (id + round * 17) % count;
          index.add(id, family.vectors[from]!);
        }
      }
      expect(index.size).toBe(count);
      expect(graphFault(index)).toBe(0);
      const now = Array.from({ length: count }, (_, id) => index.get(id)!);
      expect(walkRecall(index, family.queries))
        .toBeGreaterThanOrEqual(walkRecall(built(now), family.queries) - 0.01);
      expect(index.parts()[0]!.segment.slotCount).toBeLessThan(count * 1.6);
    });
  }
});

/** Recall of the walk itself, whatever way the plan would choose. */
function walkRecall(
  index: VectorIndex, queries: readonly Float32Array[], ef = 50,
): number {
  index.settle();
  const { segment, ids } = index.parts()[0]!;
  let found = 0;
  for (const query of queries) {
    const bound = index.search(query, 10, { exact: true }).at(-1)!.distance + 1e-6;
    segment.setQuery(query);
    const count = segment.engine.calls.walk(10, ef, segment.ranked(10, ef));
    for (let i = 0; i < count; i++) {
      expect(ids[segment.slotOf(i)]).toBeDefined();
      if (segment.distanceOf(i) <= bound) found++;
    }
  }
  return found / queries.length / 10;
}
