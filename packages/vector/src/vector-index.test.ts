/**
 * What an index does, by example: storing, reading back, bad input, bounds of memory, several
 * memories, giving memory back, the same graph for the same seed, images.
 */
import { describe, expect, it } from 'vitest';
import { Engine } from './engine/engine.ts';
import { hasRelaxedSimd } from './engine/modules.ts';
import { dumpIndex, loadIndex } from './image.ts';
import { makeFamily, trueDistance } from './testing/families.ts';
import { graphFault, recallOf } from './testing/recall.ts';
import { VectorError } from './vector-error.ts';
import { VectorIndex } from './vector-index.ts';
import type { VectorIndexOptions } from './options.ts';

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof VectorError) return error.code;
    throw error;
  }
  return 'no error';
}

describe('storing', () => {
  it('gives vectors back bit by bit, whatever the metric', () => {
    for (const metric of ['cosine', 'l2', 'ip'] as const) {
      const index = new VectorIndex({ dimension: 3, metric });
      const vector = new Float32Array([1e-30, -3.3333333, 12345.678]);
      index.add('a', vector);
      index.add(7, [0, 0, 0]);
      expect([index.get('a'), index.isLossless]).toEqual([vector, true]);
      expect(index.get(7)).toEqual(new Float32Array(3));
      const into = new Float32Array(3);
      expect(index.get('a', into)).toBe(into);
      expect(index.get('b')).toBeUndefined();
    }
  });
  it('tells texts from numbers', () => {
    const index = new VectorIndex({ dimension: 1, metric: 'l2' });
    expect([index.add('1', [1]), index.add(1, [2]), index.add(1, [3])])
      .toEqual([true, true, false]);
    expect([index.size, index.get('1')![0], index.get(1)![0]]).toEqual([2, 1, 3]);
    expect([...index.ids()]).toEqual(['1', 1]);
    expect([index.delete('1'), index.delete('1'), index.has('1')]).toEqual([true, false, false]);
  });
  it('answers distances by metric', () => {
    const a = [3, 4];
    const q = [1, 0];
    for (const [metric, wanted] of [['l2', Math.sqrt(20)], ['cosine', 0.4], ['ip', -3]] as const) {
      const index = new VectorIndex({ dimension: 2, metric });
      index.add('a', a);
      expect(index.search(q, 1)[0]!.distance).toBeCloseTo(wanted, 5);
      expect(trueDistance(metric, q, a)).toBeCloseTo(wanted, 5);
    }
  });
  it('holds 65,536 dimensions', () => {
    const index = new VectorIndex({ dimension: 65_536, mode: 'hnsw' });
    const { vectors } = makeFamily('gaussian', 65_536, 40, 0, 5);
    for (const [id, vector] of vectors.entries()) index.add(id, vector);
    index.settle();
    expect(index.search(vectors[33]!, 1)[0]!.id).toBe(33);
    expect(graphFault(index)).toBe(0);
  });
});

describe('bad input', () => {
  const index = new VectorIndex({ dimension: 3 });
  index.add('kept', [1, 2, 3], { x: 1 });
  const cases: readonly (readonly [string, string, () => unknown])[] = [
    ['NaN', 'NOT_FINITE', () => index.add('kept', [1, NaN, 3])],
    ['Infinity', 'NOT_FINITE', () => index.add('a', [1, -Infinity, 3])],
    ['a length that overflows', 'NOT_FINITE', () => index.add('a', [3e38, 3e38, 3])],
    ['NaN in a batch', 'NOT_FINITE',
      () => index.addMany(['a', 'b'], new Float32Array([1, 2, 3, 4, NaN, 6]))],
    ['NaN at the end of a batch that is stored in parts', 'NOT_FINITE', () => index.addMany(
      Array.from({ length: 30_000 }, (_, i) => i), new Float32Array(90_000).fill(NaN, 89_999))],
    ['NaN in a query', 'NOT_FINITE', () => index.search([NaN, 1, 1], 1)],
    ['Infinity in a filtered query', 'NOT_FINITE',
      () => index.search([Infinity, 1, 1], 1, { filter: '.x == 1' })],
    ['NaN within', 'NOT_FINITE', () => index.searchWithin([NaN, 1, 1], 1)],
    ['too few', 'DIMENSION', () => index.add('a', [1, 2])],
    ['none', 'DIMENSION', () => index.add('a', [])],
    ['too many', 'DIMENSION', () => index.search([1, 2, 3, 4], 1)],
    ['half a batch', 'DIMENSION', () => index.addMany(['a', 'b'], new Float32Array(5))],
    ['attributes of nobody', 'ATTRIBUTES',
      () => index.addMany(['a'], Float32Array.of(1, 2, 3), [{}, {}])],
    ['a text as attributes in a batch', 'ATTRIBUTES',
      () => index.addMany(['a'], Float32Array.of(1, 2, 3), ['x' as never])],
    ['half a query', 'DIMENSION', () => index.searchMany(new Float32Array(4), 1)],
    ['a short array to read into', 'DIMENSION', () => index.get('kept', new Float32Array(2))],
    ['k below 0', 'COUNT', () => index.search([1, 2, 3], -1)],
    ['half a k', 'COUNT', () => index.search([1, 2, 3], 1.5)],
    ['k NaN', 'COUNT', () => index.search([1, 2, 3], NaN)],
    ['ef NaN', 'COUNT', () => index.search([1, 2, 3], 1, { ef: NaN })],
    ['offset below 0', 'COUNT', () => index.search([1, 2, 3], 1, { offset: -2 })],
    ['distance NaN', 'COUNT', () => index.searchWithin([1, 2, 3], NaN)],
    ['half an id', 'ID', () => index.add(1.5, [1, 2, 3])],
    ['a long id', 'ID', () => index.add('x'.repeat(70_000), [1, 2, 3])],
    ['a list as attributes', 'ATTRIBUTES', () => index.add('a', [1, 2, 3], [1])],
    ['a circle as attributes', 'ATTRIBUTES', () => {
      const circle: { self?: unknown } = {};
      circle.self = circle;
      index.setAttributes('kept', circle);
    }],
    ['attributes that are huge', 'ATTRIBUTES',
      () => index.setAttributes('kept', { x: 'y'.repeat(2 ** 20) })],
    ['a filter', 'FILTER', () => index.search([1, 2, 3], 1, { filter: '.x ==' })],
    ['a bound that is NaN', 'COUNT', () => index.search([1, 2, 3], 1, { distanceMax: NaN })],
    ['an option nobody knows', 'OPTION',
      () => new VectorIndex({ dimension: 3, dims: 4 } as never)],
    ['no options', 'OPTION', () => new VectorIndex(undefined as never)],
    ['a text for a vector', 'DIMENSION', () => index.add('a', '123' as never)],
    ['no vector', 'DIMENSION', () => index.search(undefined as never, 1)],
    ['lists for a batch', 'DIMENSION', () => index.addMany(['a'], [[1, 2, 3]] as never)],
    ['a batch without ids', 'ID', () => index.addMany(undefined as never, new Float32Array(3))],
    ['lists for queries', 'DIMENSION', () => index.searchMany([[1, 2, 3]] as never, 1)],
    ['an option of a search that nobody knows', 'OPTION',
      () => index.search([1, 2, 3], 1, { filters: '.x' } as never)],
    ['no options of a search', 'OPTION', () => index.search([1, 2, 3], 1, null as never)],
    ['dimension 0', 'OPTION', () => new VectorIndex({ dimension: 0 })],
    ['dimension 65,537', 'OPTION', () => new VectorIndex({ dimension: 65_537 })],
    ['M 3', 'OPTION', () => new VectorIndex({ dimension: 3, m: 3 })],
    ['ef 0', 'OPTION', () => new VectorIndex({ dimension: 3, ef: 0 })],
    ['bits by l2', 'OPTION',
      () => new VectorIndex({ dimension: 3, storage: 'bits', metric: 'l2' })],
  ];
  for (const [title, code, act] of cases) {
    it(`${title}: ${code}, and nothing has changed`, () => {
      const before = { ...index.info, bytesUsed: 0 };
      expect(codeOf(act)).toBe(code);
      expect([index.size, index.get('kept'), index.getAttributes('kept')])
        .toEqual([1, new Float32Array([1, 2, 3]), { x: 1 }]);
      expect({ ...index.info, bytesUsed: 0 }).toEqual(before);
    });
  }
  it('k = 0, an empty index, and a huge k or ef are no errors', () => {
    expect(index.search([1, 2, 3], 0)).toEqual([]);
    expect(new VectorIndex({ dimension: 3 }).search([1, 2, 3], 5)).toEqual([]);
    expect(index.search([1, 2, 3], Number.MAX_SAFE_INTEGER, { ef: 2 ** 40 })).toHaveLength(1);
    expect(index.searchMany(new Float32Array(0), 1)).toEqual([]);
    expect(index.addMany([], new Float32Array(0))).toBe(0);
  });
});

describe('a batch', () => {
  it('brings attributes, which replace those that were there', () => {
    const many = new VectorIndex({ dimension: 2, metric: 'l2', bytesMax: 2 ** 24 });
    many.add('old', [9, 9], { x: 9 });
    const ids = ['a', 'old', 'b', 'a'];
    expect(many.addMany(ids, Float32Array.of(1, 1, 2, 2, 3, 3, 4, 4), [{ x: 1 }, undefined]))
      .toBe(2);
    expect(['a', 'old', 'b'].map((id) => many.getAttributes(id)))
      .toEqual([undefined, undefined, undefined]);
    many.addMany(ids, new Float32Array(8), [{ x: 1 }, { x: 2 }, {}, { x: 4 }]);
    expect(['a', 'old', 'b'].map((id) => many.getAttributes(id)))
      .toEqual([{ x: 4 }, { x: 2 }, {}]);
    expect(many.search([0, 0], 9, { filter: '.x > 2' }).map(({ id }) => id)).toEqual(['a']);
  });
});

describe('memory', () => {
  const { vectors, queries } = makeFamily('clustered', 64, 6000, 20, 50);
  const filled = (options: Partial<VectorIndexOptions>, count = vectors.length): VectorIndex => {
    const index = new VectorIndex({ dimension: 64, metric: 'l2', ...options });
    for (let id = 0; id < count; id++) index.add(id, vectors[id]!);
    return index;
  };
  it('opens another memory when one is full, and finds everything', () => {
    const index = filled({ mode: 'hnsw', segmentBytesMax: 2 << 20, efConstruction: 60 });
    expect(index.info.segmentCount).toBeGreaterThan(2);
    expect(index.size).toBe(vectors.length);
    expect(recallOf(index, queries, 10, { ef: 100 })).toBeGreaterThanOrEqual(0.99);
    for (const id of [0, 3000, 5999]) expect(index.get(id)).toEqual(vectors[id]);
    for (let id = 0; id < 3000; id++) index.delete(id);
    expect(index.search(queries[0]!, 6000)).toHaveLength(3000);
    const again = loadIndex(dumpIndex(index));
    expect(again.search(queries[1]!, 10)).toEqual(index.search(queries[1]!, 10));
  });
  it('refuses beyond its limit, keeps what it has, and takes more after deletes', () => {
    const limit = { bytesMax: 3 << 20, mode: 'exact' } as const;
    const index = new VectorIndex({ dimension: 64, ...limit });
    let stored = 0;
    expect(codeOf(() => { for (;;) { index.add(stored, vectors[stored % 6000]!); stored++; } }))
      .toBe('MEMORY_LIMIT');
    expect([index.size, index.info.bytesUsed <= limit.bytesMax]).toEqual([stored, true]);
    expect(index.search(queries[0]!, 10)).toHaveLength(10);
    index.delete(5);
    expect(index.add('new', vectors[5]!)).toBe(true);
  });
  it('gives memory back when most is deleted, and by compacting', () => {
    const index = filled({ mode: 'hnsw', efConstruction: 40 });
    const before = index.info.bytesUsed;
    for (let id = 0; id < 5500; id++) index.delete(id);
    expect(index.info.bytesUsed).toBeLessThan(before / 2);
    expect(graphFault(index)).toBe(0);
    index.compact();
    expect(index.info).toMatchObject({ size: 500, freeCount: 0, deadCount: 0 });
    expect(index.get(5999)).toEqual(vectors[5999]);
    expect(recallOf(index, queries)).toBeGreaterThanOrEqual(0.99);
    index.clear();
    expect([index.size, index.search(queries[0]!, 3), index.has(5999)]).toEqual([0, [], false]);
    index.add(1, vectors[1]!);
    expect(index.size).toBe(1);
  });
  it('does not grow when the same ids are written again and again', () => {
    const index = filled({ mode: 'hnsw', efConstruction: 40, trainingCount: 100 }, 500);
    const before = index.info.bytesUsed;
    for (let round = 0; round < 20; round++) {
      for (let id = 0; id < 500; id++) index.add(id, vectors[(round * 500 + id) % 6000]!);
    }
    expect(index.info.bytesUsed).toBeLessThan(before * 1.6);
  });
});

describe('one seed', () => {
  it('gives one graph; another gives another', () => {
    const { flat } = makeFamily('gaussian', 64, 1500, 0, 51);
    const ids = Array.from({ length: 1500 }, (_, id) => id);
    const imageOf = (seed: number): Uint8Array => {
      const index = new VectorIndex({ dimension: 64, mode: 'hnsw', seed, efConstruction: 50 });
      index.addMany(ids, flat);
      index.settle();
      return dumpIndex(index);
    };
    const one = imageOf(1);
    expect(Buffer.compare(one, imageOf(1))).toBe(0);
    expect(Buffer.compare(one, imageOf(2))).not.toBe(0);
  });
});

describe('the two engines', () => {
  it('give the same answers where both run', () => {
    const { vectors, queries } = makeFamily('clustered', 64, 1500, 20, 52);
    const variants = ['simd', hasRelaxedSimd() ? 'relaxed' : 'auto'] as const;
    const [one, two] = variants.map((engine) => {
      const index = new VectorIndex({ dimension: 64, metric: 'l2', mode: 'hnsw', engine });
      for (const [id, vector] of vectors.entries()) index.add(id, vector);
      index.settle();
      return queries.map((query) => index.search(query, 10).map((hit) => hit.id));
    });
    expect(one).toEqual(two);
  });
  it('refuse a layout that this side does not know', () => {
    const engine = new Engine('simd');
    expect(engine.calls.create(5, 1, 1, 0, 16, 9, 2 ** 31, 1)).toBe(0);
    engine.joined();
    expect([engine.header('dimension'), engine.header('metric'), engine.header('coldKind'),
      engine.header('m'), engine.header('seed'), engine.header('trained')])
      .toEqual([5, 1, 1, 16, 9, 1]);
    expect([engine.header('hot'), engine.header('cold'), engine.header('codeAt')])
      .toEqual([176, 80, 176]);
    expect([engine.header('bytesMax') >>> 0, engine.header('slots'), engine.headerFloat('radius')])
      .toEqual([2 ** 31, 0, 0]);
  });
});

describe('images', () => {
  const { vectors, queries } = makeFamily('clustered', 64, 1200, 10, 53);
  const index = new VectorIndex({ dimension: 64, mode: 'hnsw', efConstruction: 60 });
  for (const [id, vector] of vectors.entries()) {
    index.add(id % 2 === 0 ? id : `é${id}`, vector, id % 3 === 0 ? { n: id } : undefined);
  }
  for (let id = 0; id < 300; id += 2) index.delete(id);
  const image = dumpIndex(index);

  it('hold everything, and the graph is used as it is', () => {
    const again = loadIndex(image);
    expect(new Set(again.ids())).toEqual(new Set(index.ids()));
    expect({ ...again.info, bytesUsed: 0 }).toEqual({ ...index.info, bytesUsed: 0 });
    for (const query of queries) {
      expect(again.search(query, 10)).toEqual(index.search(query, 10));
      expect(again.search(query, 10, { filter: '.n > 600' }))
        .toEqual(index.search(query, 10, { filter: '.n > 600' }));
    }
    again.add('new', vectors[0]!);
    again.delete(400);
    expect(graphFault(again)).toBe(0);
    // Loading and dumping again and again must not pile up scratch.
    let round = loadIndex(dumpIndex(again));
    const bytes = round.info.bytesUsed;
    for (let i = 0; i < 5; i++) round = loadIndex(dumpIndex(round));
    expect(round.info.bytesUsed).toBe(bytes);
  });
  it('are refused when cut or changed anywhere, and when more comes behind them', () => {
    const { length } = image;
    for (const cut of [0, 7, 15, 40, 2000, length >> 1, length - 64, length - 2, length - 1]) {
      expect(codeOf(() => loadIndex(image.subarray(0, cut))), `cut to ${cut}`).toBe('IMAGE');
    }
    const longer = new Uint8Array(length + 1);
    longer.set(image);
    expect(codeOf(() => loadIndex(longer))).toBe('IMAGE');
    const places = Array.from({ length: 40 }, (_, i) => length - 1 - i);
    for (let at = 0; at < length; at += 9973) places.push(at);
    for (const at of places) {
      const changed = image.slice();
      changed[at]! ^= 0x10;
      expect(codeOf(() => loadIndex(changed)), `changed at ${at}`).toBe('IMAGE');
    }
    expect(codeOf(() => loadIndex([...image.subarray(0, 64)] as never))).toBe('IMAGE');
  });
});
