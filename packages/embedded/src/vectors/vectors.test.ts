/**
 * Collections of vectors by typed methods: the same whether the data is in this thread, with and
 * without promises, or on workers. What they answer is held against a Map and a sort; what they
 * refuse, and that nothing has changed then. The threads run the built files.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import type {
  AsyncKora, AsyncVectorCollection, AsyncVectors, Kora, Metric, Vectors,
} from '../index.ts';
import { open, openSync, VectorCollection } from '../index.ts';

type Database = Kora | AsyncKora;
type Collection = VectorCollection | AsyncVectorCollection;

const opened: Database[] = [];
const root = mkdtempSync(join(tmpdir(), 'kora-vectors-'));
afterEach(async () => {
  for (const db of opened.splice(0)) await db.close();
});
afterAll(() => { rmSync(root, { recursive: true }); });

interface PlaceOptions {
  readonly dir?: string;
}
type Opener = (options: PlaceOptions) => Database | Promise<Database>;
const PLACES: readonly (readonly [string, Opener])[] = [
  ['without promises', (options) => openSync(options)],
  ['with promises', (options) => open(options)],
  ['on three workers', (options) => open({ ...options, workers: 3 })],
];

const STORAGES = ['f32', 'q8', 'bin'] as const;

async function sizeOf(collection: Collection): Promise<number> {
  return collection instanceof VectorCollection ? collection.size : collection.size();
}

/** What a call throws or rejects with: its code and message. */
async function refusal(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '?';
    return `${code}: ${error instanceof Error ? error.message : String(error)}`;
  }
  return 'nothing was thrown';
}

/** Random searches of a collection of its own beside a sort of everything. */
async function compare(vectors: Vectors | AsyncVectors, metric: Metric): Promise<void> {
  const c = await vectors.create(metric, { dimension: 3, metric });
  const chance = new SeededChance(3);
  const below = (end: number): number => (chance.next32() >>> 0) % end;
  const draw = (): number[] => [below(9) - 4, below(9) - 4, below(9) - 4];
  const model = new Map<string, { vector: number[]; kind: number }>();
  for (let i = 0; i < 150; i++) model.set(`e${i}`, { vector: draw(), kind: below(3) });
  await c.addMany(
    [...model.keys()], [...model.values()].map(({ vector }) => vector),
    [...model.values()].map(({ kind }) => ({ kind })),
  );
  const dotOf = (a: number[], b: number[]): number =>
    a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
  const apart = (a: number[], b: number[]): number => {
    if (metric === 'l2') return Math.hypot(...a.map((x, i) => x - (b[i] ?? 0)));
    if (metric === 'ip') return -dotOf(a, b);
    const lengths = Math.hypot(...a) * Math.hypot(...b);
    return lengths === 0 ? 1 : 1 - dotOf(a, b) / lengths;
  };
  for (let round = 0; round < 40; round++) {
    const self = `e${below(150)}`;
    const query = round % 2 === 0 ? draw() : (model.get(self)?.vector ?? []);
    const kind = below(4);
    const [k, offset, distanceMax] = [below(9), below(3) * 4, below(8) + 0.001];
    const filterStrategy = (['auto', 'pre', 'post'] as const)[below(3)] ?? 'auto';
    const options = {
      offset, distanceMax, filterStrategy, withAttributes: true,
      ...(kind < 3 ? { filter: `.kind == ${kind}` } : {}),
    };
    const hits = round % 2 === 0 ? await c.search(query, k, options)
      : await c.searchById(self, k, { ...options, includeSelf: round % 4 === 1 });
    const wanted = [...model]
      .filter(([id]) => round % 4 !== 3 || id !== self)
      .filter(([, element]) => kind === 3 || element.kind === kind)
      .map(([, { vector }]) => apart(query, vector)).filter((d) => d <= distanceMax)
      .sort((a, b) => a - b).slice(offset, offset + k);
    expect(hits.length, `round ${round}`).toBe(wanted.length);
    for (const [i, { id, distance, attributes }] of hits.entries()) {
      expect(distance, `round ${round}`).toBeCloseTo(wanted[i] ?? NaN, 5);
      const element = model.get(id);
      expect(apart(query, element?.vector ?? [])).toBeCloseTo(distance, 5);
      expect(attributes).toEqual({ kind: element?.kind });
    }
  }
  const queries = [draw(), Float32Array.from(draw())];
  expect(await c.searchMany(queries, 3))
    .toEqual([await c.search(queries[0] ?? [], 3), await c.search(queries[1] ?? [], 3)]);
  expect(await c.searchMany([], 3)).toEqual([]);
  expect((await c.search([1, 1, 1], 1, {}))[0]).not.toHaveProperty('attributes');
}

describe.each(PLACES)('vectors of a database %s', (place, openIt) => {
  const start = async (options: PlaceOptions = {}): Promise<Database> => {
    const db = await openIt(options);
    opened.push(db);
    return db;
  };

  it('are in collections by name, which know how they were made', async () => {
    const { vectors } = await start();
    const texts = await vectors.create('texts:en', { dimension: 3, preset: 'high_recall' });
    await vectors.create('images', {
      dimension: 64, metric: 'l2', m: 8, efConstruction: 90, ef: 30,
    });
    await vectors.ensure('signs', { dimension: 64, storage: 'bin' });
    await vectors.ensure('images', { dimension: 5 });
    expect(await texts.info()).toEqual({
      dimension: 3, metric: 'cosine', storage: 'f32', m: 32, efConstruction: 400, ef: 200,
      size: 0, attributedCount: 0, linkedCount: 0,
    });
    expect(await vectors.collection('images').info()).toMatchObject({
      dimension: 64, metric: 'l2', m: 8, efConstruction: 90, ef: 30,
    });
    expect(await vectors.collection('signs').info()).toMatchObject({ storage: 'bin', m: 16 });
    expect((await vectors.names()).sort()).toEqual(['images', 'signs', 'texts:en']);
    expect([await vectors.has('images'), await vectors.has('nosuch')]).toEqual([true, false]);
    expect([await vectors.drop('images'), await texts.drop(), await vectors.drop('images')])
      .toEqual([true, true, false]);
    expect(await vectors.names()).toEqual(['signs']);
  });

  it('are stored with attributes, read, listed and removed', async () => {
    const { vectors } = await start();
    const c = await vectors.create('c', { dimension: 2, metric: 'l2' });
    expect(await c.add('a', [0.1, -0], { kind: 'x', year: 1999, tags: ['ü'] })).toBe(true);
    expect(await c.add('b', Float32Array.of(3, 4))).toBe(true);
    expect(await c.add('', [1e-30, 3e38])).toBe(true);
    expect(await c.get('a')).toEqual(Float32Array.of(0.1, -0));
    expect(await c.get('')).toEqual(Float32Array.of(1e-30, 3e38));
    expect(await c.getAttributes('a')).toEqual({ kind: 'x', year: 1999, tags: ['ü'] });
    expect([await c.has('a'), await c.has('nobody'), await sizeOf(c)]).toEqual([true, false, 3]);
    expect(await c.setAttributes('b', { n: 1 })).toBe(true);
    expect(await c.setAttributes('nobody', {})).toBe(false);
    expect(await c.setAttributes('a', undefined)).toBe(true);
    expect([await c.getAttributes('a'), await c.getAttributes('b'), await c.getAttributes('z')])
      .toEqual([null, { n: 1 }, null]);
    expect(await c.add('b', [5, 6])).toBe(false);
    expect(await c.getAttributes('b')).toBeNull();
    expect(await c.listIds()).toEqual({ ids: ['', 'a', 'b'], hasMore: false });
    expect(await c.delete('a', 'nobody', 'b', '')).toBe(3);
    expect(await c.get('a')).toBeNull();
    expect(await sizeOf(c)).toBe(0);
    expect(await vectors.has('c')).toBe(true);
  });

  it('are stored in batches of any size, and listed page by page, each once', async () => {
    const { vectors } = await start();
    const c = await vectors.create('c', { dimension: 512, metric: 'ip' });
    const ids = Array.from({ length: 1500 }, (_, i) => `id ${i}`);
    const all = new Float32Array(ids.length * 512).map((_, i) => (i % 512) + Math.floor(i / 512));
    expect(await c.addMany(ids, all, [{ first: true }])).toBe(1500);
    expect(await c.addMany(['id 7', 'more'], [new Float32Array(512), all.subarray(0, 512)]))
      .toBe(1);
    expect(await c.addMany([], [])).toBe(0);
    expect(await c.addMany([], new Float32Array(0))).toBe(0);
    expect(await c.get('id 1499')).toEqual(all.subarray(1499 * 512));
    expect(await c.get('id 7')).toEqual(new Float32Array(512));
    expect([await c.getAttributes('id 0'), await c.getAttributes('id 1')])
      .toEqual([{ first: true }, null]);
    const listed: string[] = [];
    for (let after: string | undefined; ;) {
      const page = await c.listIds(after === undefined ? { limit: 500 } : { after, limit: 500 });
      listed.push(...page.ids);
      if (!page.hasMore) break;
      after = page.ids.at(-1);
    }
    expect(listed).toEqual([...ids, 'more'].sort());
    expect(await c.listIds({ limit: 0 })).toEqual({ ids: [], hasMore: true });
  });

  it('are found as a sort finds them', async () => {
    const { vectors } = await start();
    for (const metric of ['l2', 'ip', 'cosine'] as const) await compare(vectors, metric);
  });

  it('are found through the graph of a big collection, in all its storages', async () => {
    const { vectors } = await start();
    const chance = new SeededChance(8);
    const draw = (): Float32Array =>
      Float32Array.from({ length: 128 }, () => (chance.next32() >>> 0) / 2 ** 32 - 0.5);
    const ids = Array.from({ length: 1500 }, (_, i) => `${i}`);
    const all = ids.map(draw);
    // Where the data is makes no difference to the graph: the other storages in one place.
    for (const storage of place === 'without promises' ? STORAGES : STORAGES.slice(0, 1)) {
      const c = await vectors.create(storage, { dimension: 128, storage, ef: 400 });
      await c.addMany(ids, all, ids.map((id) => ({ isEven: Number(id) % 2 === 0 })));
      // Links are made beside the traffic.
      while ((await c.info()).linkedCount < ids.length) await new Promise(setImmediate);
      let found = 0;
      for (let round = 0; round < 20; round++) {
        const query = draw();
        const truth = await c.search(query, 10, { exact: true, filter: '.isEven' });
        for (const filterStrategy of ['auto', 'pre', 'post'] as const) {
          const hits = await c.search(query, 10, { filter: '.isEven', filterStrategy });
          expect(hits.length).toBe(10);
          found += hits.filter(({ id }) => truth.some((true_) => true_.id === id)).length;
        }
      }
      expect(found / 600, storage).toBeGreaterThan(storage === 'bin' ? 0.8 : 0.95);
    }
  });

  it('outlive the program with a directory, and collections with their options', async () => {
    const dir = join(root, place.replaceAll(' ', '-'));
    const db = await start({ dir });
    for (const name of ['a', 'b', 'c', 'd']) {
      const c = await db.vectors.create(name, { dimension: 2, metric: 'l2', ef: 77 });
      if (name !== 'd') await c.addMany(['x', 'y'], [[1, 2], [3, 4]], [{ name }]);
    }
    await db.snapshot();
    await db.vectors.collection('b').delete('y');
    await db.close();
    const { vectors } = await start({ dir });
    expect((await vectors.names()).sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(await vectors.collection('d').info()).toMatchObject({ metric: 'l2', ef: 77, size: 0 });
    expect(await vectors.collection('c').search([0, 0], 9, { withAttributes: true })).toEqual([
      { id: 'x', distance: Math.fround(Math.sqrt(5)), attributes: { name: 'c' } },
      { id: 'y', distance: 5 },
    ]);
    expect(await vectors.collection('b').listIds()).toEqual({ ids: ['x'], hasMore: false });
  });

  it('are refused for what is wrong with them, and nothing has changed', async () => {
    const db = await start();
    const { vectors } = db;
    const c = await vectors.create('c', { dimension: 2 });
    await c.add('old', [1, 2], { a: 1 });
    const circle: { self?: object } = {};
    circle.self = circle;
    const refusals: readonly (readonly [() => unknown, string])[] = [
      [() => c.add('a', [1, 2, 3]), 'ERR: ERR wrong vector dimension: index expects 2, got 3'],
      [() => c.add('a', []), 'INVALID_ARGUMENT: the vector has 0 components'],
      [() => c.add('a', new Float32Array(65_537)), 'INVALID_ARGUMENT: the vector has 65537'],
      [() => c.add('a', [1, NaN]), 'INVALID_ARGUMENT: component 1 of the vector is NaN'],
      [() => c.add('a', [-Infinity, 1]), 'INVALID_ARGUMENT: component 0 of the vector is -Infin'],
      [() => c.add('a', [1e39, 1]), 'INVALID_ARGUMENT: component 0 of the vector is 1e+39'],
      [() => c.add('a', 'text' as never), 'INVALID_ARGUMENT: a vector is a Float32Array or an'],
      [() => c.add(7 as never, [1, 2]), 'INVALID_ARGUMENT: an id is a text, not number'],
      [() => c.add('a', [1, 2], [1]), 'INVALID_ARGUMENT: attributes are an object'],
      [() => c.add('a', [1, 2], circle), 'INVALID_ARGUMENT: the attributes cannot be written'],
      [() => c.addMany(['a', 'b'], [[1, 2]]), 'INVALID_ARGUMENT: 1 vectors do not go with 2 ids'],
      [() => c.addMany(['a'], [[1, 2]], [{}, {}]), 'INVALID_ARGUMENT: 2 attributes do not go'],
      [() => c.addMany(['a', 'b'], new Float32Array(3)), 'INVALID_ARGUMENT: 3 components are not'],
      [() => c.addMany([], new Float32Array(2)), 'INVALID_ARGUMENT: 2 components are not 0'],
      [() => c.addMany(['a', 'b'], [[1, 2], [1]]), 'INVALID_ARGUMENT: vector 1 has 1 components'],
      [() => c.addMany(['a', 'b'], [[1, 2], [1, NaN]]), 'INVALID_ARGUMENT: component 1 of the'],
      [() => c.addMany(['a', 'b'], [[1], [2]]), 'ERR: ERR wrong vector dimension: index expects'],
      [() => c.search([1, 2], -1), 'INVALID_ARGUMENT: k is -1; an integer from 0 on is wanted'],
      [() => c.search([1, 2], 1.5), 'INVALID_ARGUMENT: k is 1.5'],
      [() => c.search([1, 2], Infinity), 'INVALID_ARGUMENT: k is Infinity'],
      [() => c.search([1], 1), 'ERR: ERR wrong vector dimension: index expects 2, got 1'],
      [() => c.search([1, 2], 1, { ef: 0 }), 'ERR: ERR invalid EF'],
      [() => c.search([1, 2], 1, { offset: -1 }), 'ERR: ERR invalid OFFSET'],
      [() => c.search([1, 2], 1, { distanceMax: NaN }), 'ERR: ERR MAXDISTANCE is a number'],
      [() => c.search([1, 2], 1, { filter: '.a >' }), 'ERR: ERR syntax error in FILTER'],
      [() => c.search([1, 2], 1, { filterStrategy: 'never' as never }),
        'ERR: ERR STRATEGY is auto, pre or post'],
      [() => c.search([1, 2], 1, { filters: '.a' } as never),
        'INVALID_ARGUMENT: unknown option filters; known: ef, exact, offset'],
      [() => c.search([1, 2], 1, { includeSelf: true } as never),
        'INVALID_ARGUMENT: unknown option includeSelf'],
      [() => c.searchById('nobody', 1), 'ERR: ERR element not found in set'],
      [() => c.listIds({ limit: -1 }), 'INVALID_ARGUMENT: limit is -1'],
      [() => c.listIds({ from: 'a' } as never), 'INVALID_ARGUMENT: unknown option from; known: a'],
      [() => c.search([1, 2], 1, null as never), 'INVALID_ARGUMENT: options are an object, not nu'],
      [() => c.searchMany(undefined as never, 1), 'INVALID_ARGUMENT: queries are an array'],
      [() => c.addMany(undefined as never, []), 'INVALID_ARGUMENT: ids are an array'],
      [() => c.addMany(['a'], 5 as never), 'INVALID_ARGUMENT: vectors are an array'],
      [() => c.addMany(['a'], [[1, 2]], {} as never), 'INVALID_ARGUMENT: attributes are an array'],
      [() => vectors.create('d', undefined as never), 'INVALID_ARGUMENT: options are an object'],
      [() => vectors.ensure('d', null as never), 'INVALID_ARGUMENT: options are an object'],
      [() => vectors.create('c', { dimension: 2 }), 'ERR: ERR index already exists'],
      [() => vectors.create('d', { dimension: 0 }), 'ERR: ERR dimension must be a positive int'],
      [() => vectors.create('d', {} as never), 'ERR: ERR dimension must be a positive int'],
      [() => vectors.create('d', { dimension: 2, metric: 'l1' as never }), 'ERR: ERR METRIC is'],
      [() => vectors.create('d', { dimension: 2, storage: 'EF' as never }),
        'INVALID_ARGUMENT: storage is EF; wanted: f32, q8, bin'],
      [() => vectors.create('d', { dimension: 2, metric: 'ip', storage: 'q8' }),
        'ERR: ERR Q8 and BIN are for the cosine metric'],
      [() => vectors.create('d', { dimension: 2, preset: 'fast' as never }), 'ERR: ERR PRESET is'],
      [() => vectors.create('d', { dimension: 2, m: 1 }), 'ERR: ERR invalid M'],
      [() => vectors.create('d', { dimension: 2, dims: 3 } as never),
        'INVALID_ARGUMENT: unknown option dims; known: dimension, metric'],
      [() => vectors.collection(7 as never), 'INVALID_ARGUMENT: an id is a text'],
      [() => vectors.collection('nosuch').add('a', [1]), 'ERR: ERR no such index'],
      [() => vectors.collection('nosuch').search([1], 1), 'ERR: ERR no such index'],
      [() => vectors.collection('nosuch').delete('a'), 'ERR: ERR no such index'],
      [() => vectors.collection('nosuch').info(), 'ERR: ERR no such index'],
      [() => sizeOf(vectors.collection('nosuch')), 'ERR: ERR no such index'],
    ];
    for (const [call, text] of refusals) {
      expect((await refusal(call)).slice(0, text.length)).toBe(text);
    }
    expect(await c.listIds()).toEqual({ ids: ['old'], hasMore: false });
    expect(await vectors.names()).toEqual(['c']);
    expect(await c.search([1, 2], Number.MAX_SAFE_INTEGER)).toEqual([{ id: 'old', distance: 0 }]);
    expect(await c.search([1, 2], 0)).toEqual([]);
    await db.set('text', 'x');
    expect(await refusal(() => vectors.drop('text'))).toMatch(/^WRONGTYPE/);
    expect(await refusal(() => vectors.create('text', { dimension: 1 }))).toMatch(/^WRONGTYPE/);
    expect(await db.get('text')).toBe('x');
  });

  it('of length 0 are at distance 1 from everything by cosine', async () => {
    const { vectors } = await start();
    const c = await vectors.create('c', { dimension: 2 });
    await c.addMany(['zero', 'one'], [[0, 0], [1, 0]]);
    expect(await c.search([1, 0], 2))
      .toEqual([{ id: 'one', distance: 0 }, { id: 'zero', distance: 1 }]);
    expect((await c.search([0, 0], 2)).map(({ distance }) => distance)).toEqual([1, 1]);
    expect(await c.get('zero')).toEqual(Float32Array.of(0, 0));
  });

  it('wait for no transaction, and end with the database', async () => {
    const db = await start();
    const c = await db.vectors.create('c', { dimension: 1 });
    await db.call('MULTI');
    expect(await refusal(() => c.add('a', [1]))).toMatch(/^ENGINE_BUSY/);
    await db.call('DISCARD');
    expect(await c.add('a', [1])).toBe(true);
    await db.close();
    expect(await refusal(() => c.get('a'))).toMatch(/^ENGINE_CLOSED/);
  });
});

it('are those of the selected database', () => {
  const db = openSync();
  opened.push(db);
  db.vectors.create('c', { dimension: 1 }).add('a', [1]);
  db.call('SELECT', 1);
  expect(db.vectors.names()).toEqual([]);
  db.call('SELECT', 0);
  expect(db.vectors.names()).toEqual(['c']);
});
