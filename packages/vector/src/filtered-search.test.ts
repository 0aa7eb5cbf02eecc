/**
 * Filtered searches: recall against an exact scan of the matches for rare and common filters, whose
 * matches lie anywhere or all in one place; never a short answer; pages, distances and neighbours
 * of stored vectors.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { makeFamily } from './testing/families.ts';
import { recallOf } from './testing/recall.ts';
import { VectorIndex } from './vector-index.ts';

const COUNT = 12_000;
const { vectors, queries } = makeFamily('clustered', 64, COUNT, 40, 48);
let index: VectorIndex;

beforeAll(() => {
  index = new VectorIndex({ dimension: 64, metric: 'l2', mode: 'hnsw', efConstruction: 60 });
  // `place` puts an element on one side of the first component: matches far from most queries.
  const order = vectors.map((vector, id) => ({ id, x: vector[0]! })).sort((a, b) => a.x - b.x);
  const placeOf = new Map(order.map(({ id }, place) => [id, place / COUNT]));
  for (const [id, vector] of vectors.entries()) {
    index.add(id, vector, { random: (id * 7919 % 10_007) / 10_007, place: placeOf.get(id)! });
  }
  index.settle();
}, 60_000);

describe('recall with a filter', () => {
  for (const field of ['random', 'place']) {
    for (const share of [0.001, 0.01, 0.1, 0.3, 0.5, 0.9]) {
      it(`.${field} < ${share}: at least .95, never short`, () => {
        const filter = `.${field} < ${share}`;
        expect(recallOf(index, queries, 10, { filter })).toBeGreaterThanOrEqual(0.95);
        for (const query of queries) {
          const hits = index.search(query, 10, { filter, withAttributes: true });
          expect(hits).toHaveLength(Math.min(10, matches(field, share)));
          for (const hit of hits) {
            expect(Number(hit.attributes![field])).toBeLessThan(share);
          }
        }
      });
    }
  }
  it('gives the same distances whenever the filter is applied', () => {
    for (const share of [0.01, 0.3]) {
      const filter = `.random < ${share}`;
      for (const filterStrategy of ['pre', 'post'] as const) {
        const options = { filter, filterStrategy };
        expect(recallOf(index, queries, 10, options)).toBeGreaterThanOrEqual(0.95);
        const truth = new Map(index.search(queries[0]!, 500, { filter, exact: true })
          .map((hit) => [hit.id, hit.distance]));
        const hits = index.search(queries[0]!, 10, options);
        expect(hits).toHaveLength(10);
        for (const hit of hits) expect(hit.distance).toBeCloseTo(truth.get(hit.id) ?? NaN, 5);
      }
    }
    expect(() => index.search(queries[0]!, 1, { filterStrategy: 'late' as 'pre' }))
      .toThrow('filterStrategy is late');
  });
  it('answers nothing when nothing matches, and all when k is huge', () => {
    expect(index.search(queries[0]!, 10, { filter: '.random > 5' })).toEqual([]);
    expect(index.search(queries[0]!, 1e9, { filter: '.random < 0.01' }))
      .toHaveLength(matches('random', 0.01));
    expect(index.search(queries[0]!, 1e9)).toHaveLength(COUNT);
  });
  it('sees what was changed and deleted since the last search with the same filter', () => {
    const small = new VectorIndex({ dimension: 2, metric: 'l2' });
    for (let id = 0; id < 20; id++) small.add(id, [id, 0], { even: id % 2 === 0 });
    const ids = (): unknown[] =>
      small.search([0, 0], 3, { filter: '.even' }).map((hit) => hit.id);
    expect(ids()).toEqual([0, 2, 4]);
    small.delete(2);
    small.setAttributes(4, { even: false });
    small.setAttributes(1, { even: true });
    small.setAttributes(6, undefined);
    expect(ids()).toEqual([0, 1, 8]);
    small.add(0, [0, 0]);
    expect(ids()).toEqual([1, 8, 10]);
  });
});

function matches(field: string, share: number): number {
  let count = 0;
  for (const id of index.ids()) if (Number(index.getAttributes(id)![field]) < share) count++;
  return count;
}

describe('pages, distances, neighbours', () => {
  const query = queries[0]!;
  it('pages behind each other give one long answer', () => {
    const whole = index.search(query, 60, { exact: true });
    const pages = [0, 20, 40].flatMap((offset) => index.search(query, 20, { exact: true, offset }));
    expect(pages).toEqual(whole);
    expect(index.search(query, 10, { offset: COUNT })).toEqual([]);
  });
  it('everything within a distance, and a bound on a search', () => {
    const whole = index.search(query, COUNT, { exact: true });
    const bound = whole[99]!.distance;
    const within = index.searchWithin(query, bound);
    expect(within).toEqual(whole.slice(0, within.length));
    expect(within.length).toBeGreaterThanOrEqual(100);
    expect(index.searchWithin(query, bound, { limit: 7, offset: 3 })).toEqual(whole.slice(3, 10));
    expect(index.searchWithin(query, bound, { filter: '.random < 0.5' }))
      .toEqual(within.filter((hit) => Number(index.getAttributes(hit.id)!['random']) < 0.5));
    expect(index.search(query, 50, { distanceMax: whole[4]!.distance })).toHaveLength(5);
    expect(index.searchWithin(query, Infinity)).toHaveLength(COUNT);
    expect(index.searchWithin(query, -1)).toEqual([]);
  });
  it('neighbours of a stored vector, with and without itself', () => {
    const self = index.searchById(17, 5, { includeSelf: true });
    expect(self[0]).toEqual({ id: 17, distance: 0 });
    const others = index.searchById(17, 4);
    expect(others).toEqual(self.slice(1));
    expect(() => index.searchById('absent', 1)).toThrow('no vector has the id "absent"');
  });
  it('many queries at once', () => {
    const flat = new Float32Array(queries.length * 64);
    for (const [i, each] of queries.entries()) flat.set(each, i * 64);
    expect(index.searchMany(flat, 3)).toEqual(queries.map((each) => index.search(each, 3)));
  });
});
