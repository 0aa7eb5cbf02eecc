/**
 * An index with threads: what it builds against what one thread builds, what it holds against a
 * map while everything goes on at once, its bounds and refusals, and how it ends. Threads run the
 * built files.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { dumpIndex, loadIndex } from '../image.ts';
import type { VectorIndexOptions } from '../options.ts';
import { Chance, makeFamily, trueDistance } from '../testing/families.ts';
import { graphFault, recallOf } from '../testing/recall.ts';
import { VectorIndex } from '../vector-index.ts';
import type { VectorId } from '../vector-types.ts';
import { ThreadedVectorIndex } from './threaded-vector-index.ts';
import { WRITES_WAITING_MAX } from './write-line.ts';

const DIMENSION = 64;
const COUNT = 2500;

function optionsOf(options: Partial<VectorIndexOptions> = {}): VectorIndexOptions {
  return { dimension: DIMENSION, metric: 'l2', mode: 'hnsw', trainingCount: 200, ...options };
}

function opened(
  options: Partial<VectorIndexOptions> = {}, threads = 2,
): Promise<ThreadedVectorIndex> {
  return ThreadedVectorIndex.open(new VectorIndex(optionsOf(options)), { threads });
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('a graph that threads have built', () => {
  it.each([
    ['clustered', 'l2', 0.01], ['clustered', 'cosine', 0.01], ['clustered', 'ip', 0.02],
    ['gaussian', 'l2', 0.02], ['duplicates', 'l2', 0.05], ['sorted', 'l2', 0.01],
  ] as const)('is as good as one thread\'s: %s, %s', async (family, metric, slack) => {
    const { flat, queries } = makeFamily(family, DIMENSION, COUNT, 60, 42);
    const alone = new VectorIndex(optionsOf({ metric }));
    alone.addMany(numbers(COUNT), flat);
    alone.settle();
    const threaded = await opened({ metric }, 3);
    expect(await threaded.addMany(numbers(COUNT), flat)).toBe(COUNT);
    await threaded.settle();
    const { pendingCount } = threaded.info;
    const index = await threaded.close();
    // Pushed out again, among equal ones: as in an index of one thread they wait.
    if (family !== 'duplicates') expect(pendingCount).toBe(0);
    expect(graphFault(index)).toBe(0);
    index.settle();
    const recall = recallOf(index, queries, 10, { ef: 100 });
    expect(recall)
      .toBeGreaterThanOrEqual(recallOf(alone, queries, 10, { ef: 100 }) - slack);
    expect(recallOf(loadIndex(dumpIndex(index)), queries, 10, { ef: 100 })).toBe(recall);
  });
});

interface Case extends Partial<VectorIndexOptions> {
  readonly name: string;
}

const cases: readonly Case[] = [
  { name: 'l2' },
  { name: 'cosine, bf16', metric: 'cosine', storage: 'bf16' },
  { name: 'inner product', metric: 'ip' },
  { name: 'codes only', storage: 'codes' },
  { name: 'seven dimensions', dimension: 7 },
  { name: 'exact', mode: 'exact' },
];

/** Distances may differ by so much from what doubles give for what was stored. */
const TOLERANCE = { f32: 1e-3, bf16: 0.05, codes: 1, bits: 2 } as const;

describe('an index with threads and a map', () => {
  it.each(cases)('agree while all goes on at once: $name', async ({ name: _name, ...options }) => {
    const index = await opened({ m: 6, efConstruction: 40, trainingCount: 40, ...options });
    const { dimension, metric, storage } = index.options;
    const model = new Map<VectorId, Float32Array>();
    const chance = new Chance(7919);
    const vectorOf = (): Float32Array =>
      Float32Array.from({ length: dimension }, () => chance.gaussian() * (1 + chance.below(3)));
    for (let round = 0; round < 60; round++) {
      const calls: Promise<unknown>[] = [];
      for (let i = 0; i < 40; i++) {
        const id = chance.below(2) === 0 ? chance.below(500) : `${chance.below(500)}`;
        const draw = chance.below(10);
        if (draw < 6) {
          const vector = vectorOf();
          calls.push(index.add(id, vector, { even: round % 2 === 0 }));
          model.set(id, vector);
        } else if (draw < 9) {
          calls.push(index.delete(id));
          model.delete(id);
        } else {
          const ids = Array.from({ length: 20 }, () => chance.below(500));
          const flat = new Float32Array(20 * dimension);
          for (const [at, each] of ids.entries()) {
            const vector = vectorOf();
            flat.set(vector, at * dimension);
            model.set(each, vector);
          }
          calls.push(index.addMany(ids, flat));
        }
      }
      const isEarly = round % 3 === 0;
      if (!isEarly) await Promise.all(calls);
      const query = vectorOf();
      const searches = [index.search(query, 5), index.search(query, 5, { exact: true })];
      await Promise.all(calls);
      const [near, exact] = await Promise.all(searches);
      if (isEarly) continue;
      expect(exact!.length).toBe(Math.min(5, model.size));
      expect(near!.length).toBe(exact!.length);
      const truth = [...model.values()].map((each) => trueDistance(metric, query, each))
        .sort((a, b) => a - b);
      const slack = TOLERANCE[storage] * Math.max(1, Math.abs(truth[0] ?? 0) * 0.5);
      for (const [i, hit] of exact!.entries()) {
        expect(Math.abs(hit.distance - trueDistance(metric, query, model.get(hit.id)!)))
          .toBeLessThanOrEqual(slack);
        expect(hit.distance).toBeLessThanOrEqual(truth[i]! + slack);
      }
    }
    await index.settle();
    expect(index.size).toBe(model.size);
    for (const [id, vector] of model) {
      if (storage === 'f32') expect(index.get(id)).toEqual(vector);
      else expect(index.get(id)).toBeDefined();
    }
    const back = await index.close();
    expect(graphFault(back)).toBe(0);
    expect(new Set(back.ids())).toEqual(new Set(model.keys()));
    expect(back.info.deadCount).toBe(0);
    // What was moved goes on as an index of one thread.
    for (const id of [...model.keys()].slice(0, 50)) back.delete(id);
    back.add('again', vectorOf());
    back.settle();
    expect(graphFault(back)).toBe(0);
  });
});

describe('searches by threads', () => {
  it('take what an index of one thread takes', async () => {
    const { vectors, flat, queries } = makeFamily('clustered', DIMENSION, COUNT, 40, 51);
    const alone = new VectorIndex(optionsOf());
    for (const [id, vector] of vectors.entries()) alone.add(id, vector, { group: id % 10, id });
    alone.settle();
    const index = await ThreadedVectorIndex.open(loadIndex(dumpIndex(alone)), { threads: 2 });
    const all = new Float32Array(queries.length * DIMENSION);
    for (const [i, query] of queries.entries()) all.set(query, i * DIMENSION);
    for (const options of [
      {}, { exact: true }, { ef: 200 }, { filter: '.group == 3' }, { filter: '.group < 5' },
      { filter: '.id < 40', withAttributes: true }, { offset: 3, distanceMax: 9 },
      { filter: '.group in [1, 2]', filterStrategy: 'pre' as const },
    ]) {
      expect(await index.searchMany(all, 10, options)).toEqual(alone.searchMany(all, 10, options));
    }
    expect(await index.search(queries[0]!, COUNT + 5)).toHaveLength(COUNT);
    expect(await index.search(queries[0]!, 0)).toEqual([]);
    expect(index.setAttributes(7, { group: 99 })).toBe(true);
    expect((await index.search(queries[0]!, 5, { filter: '.group == 99' })).map(({ id }) => id))
      .toEqual([7]);
    expect(index.getAttributes(7)).toEqual({ group: 99 });
    expect(index.setAttributes('nobody', {})).toBe(false);
    expect(await index.addMany([0, 'new'], flat.slice(0, 2 * DIMENSION))).toBe(1);
    expect(index.has('new')).toBe(true);
    expect(index.getAttributes(0)).toBeUndefined();
    await index.close();
  });

  it('a search that cannot be is refused, and the next one answered', async () => {
    const index = await opened();
    await index.add('a', new Float32Array(DIMENSION).fill(1));
    const query = new Float32Array(DIMENSION);
    await expect(index.search(query.slice(1), 1)).rejects.toMatchObject({ code: 'DIMENSION' });
    await expect(index.search(query, -1)).rejects.toMatchObject({ code: 'COUNT' });
    for (const given of [undefined, null, 'a text']) {
      await expect(index.add('b', given as never)).rejects.toMatchObject({ code: 'DIMENSION' });
      await expect(index.search(given as never, 1)).rejects.toMatchObject({ code: 'DIMENSION' });
      await expect(index.searchMany(given as never, 1)).rejects.toMatchObject({
        code: 'DIMENSION',
      });
      await expect(index.addMany(['b'], given as never)).rejects.toMatchObject({
        code: 'DIMENSION',
      });
      const opening = ThreadedVectorIndex.open(given as never);
      await expect(opening).rejects.toMatchObject({ code: 'OPTION' });
    }
    await expect(index.search(query, 1, { efs: 5 } as never)).rejects
      .toMatchObject({ code: 'OPTION' });
    await expect(ThreadedVectorIndex.open(new VectorIndex({ dimension: 2 }), { count: 2 } as never))
      .rejects.toMatchObject({ code: 'OPTION', message: 'unknown option count; known: threads' });
    await expect(index.search(query, 1, { filter: '.a ==' })).rejects
      .toMatchObject({ code: 'FILTER' });
    await expect(index.search(query.fill(NaN), 1)).rejects.toMatchObject({ code: 'NOT_FINITE' });
    expect((await index.search(query.fill(0), 3)).map(({ id }) => id)).toEqual(['a']);
    await index.close();
  });
});

describe('the bounds of an index with threads', () => {
  it('what waits to be linked is bounded, and what cannot be stored is refused', async () => {
    const index = await opened();
    const { flat } = makeFamily('gaussian', DIMENSION, 12_000, 0, 3);
    const adding = index.addMany(numbers(12_000), flat);
    let most = 0;
    for (let isDone = false; !isDone;) {
      const search = index.search(flat.slice(0, DIMENSION), 1);
      isDone = await Promise.race([adding.then(() => true), search.then(() => false)]);
      most = Math.max(most, index.info.pendingCount);
    }
    expect(most).toBeLessThanOrEqual(4096 + 2048);
    const vector = new Float32Array(DIMENSION);
    await expect(index.add({} as string, vector)).rejects.toMatchObject({ code: 'ID' });
    await expect(index.add(1, vector.slice(1))).rejects.toMatchObject({ code: 'DIMENSION' });
    await expect(index.add(1, vector.fill(Infinity))).rejects.toMatchObject({ code: 'NOT_FINITE' });
    await expect(index.addMany([1], vector)).rejects.toMatchObject({ code: 'NOT_FINITE' });
    expect(index.get(1)).toEqual(flat.slice(DIMENSION, 2 * DIMENSION));
    await index.close();
  });

  it('memory that ends is said, and what was stored stays', async () => {
    const index = await opened({ bytesMax: 4 << 20 });
    const { flat } = makeFamily('gaussian', DIMENSION, 12_000, 0, 4);
    await expect(index.addMany(numbers(12_000), flat)).rejects
      .toMatchObject({ code: 'MEMORY_LIMIT' });
    const { size } = index;
    expect(size).toBeGreaterThan(1000);
    await index.settle();
    const back = await index.close();
    expect(back.size).toBe(size);
    expect(graphFault(back)).toBe(0);
  });

  it('writes that wait are bounded', async () => {
    const index = await opened();
    const { flat } = makeFamily('gaussian', DIMENSION, 6000, 0, 5);
    const adding = index.addMany(numbers(6000), flat);
    const vector = new Float32Array(DIMENSION);
    const waiting = Array.from({ length: WRITES_WAITING_MAX - 1 }, (_, i) => index.add(i, vector));
    await expect(index.add('one too many', vector)).rejects.toMatchObject({ code: 'BUSY' });
    await Promise.all([adding, ...waiting]);
    expect(index.get(0)).toEqual(vector);
    expect(index.has('one too many')).toBe(false);
    await index.close();
  });

  it('threads are counted, and an index of several memories is refused', async () => {
    for (const threads of [0, 17, 1.5]) {
      await expect(ThreadedVectorIndex.open(new VectorIndex(optionsOf()), { threads })).rejects
        .toMatchObject({ code: 'OPTION' });
    }
    const large = new VectorIndex(optionsOf({ segmentBytesMax: 3 << 20, m: 4, efConstruction: 8 }));
    large.addMany(numbers(6000), makeFamily('gaussian', DIMENSION, 6000, 0, 6).flat);
    expect(large.info.segmentCount).toBeGreaterThan(1);
    await expect(ThreadedVectorIndex.open(large)).rejects.toMatchObject({ code: 'OPTION' });
    expect(large.size).toBe(6000);
  });

  it('without memory for the threads the index stays as it was', async () => {
    const small = new VectorIndex(optionsOf({ bytesMax: 2 << 20 }));
    small.add('a', new Float32Array(DIMENSION));
    await expect(ThreadedVectorIndex.open(small, { threads: 8 })).rejects
      .toMatchObject({ code: 'MEMORY_LIMIT' });
    expect(small.has('a')).toBe(true);
    expect(small.search(new Float32Array(DIMENSION), 1)).toEqual([{ id: 'a', distance: 0 }]);
  });
});

describe('the end of an index with threads', () => {
  it('what it took over is gone there, and comes back', async () => {
    const first = new VectorIndex(optionsOf());
    first.add('a', new Float32Array(DIMENSION).fill(1), { kind: 'first' });
    const index = await ThreadedVectorIndex.open(first, { threads: 1 });
    expect(first.size).toBe(0);
    await index.add('b', new Float32Array(DIMENSION).fill(2));
    const search = index.search(new Float32Array(DIMENSION), 2);
    const closing = index.close();
    await expect(index.add('c', new Float32Array(DIMENSION))).rejects
      .toMatchObject({ code: 'CLOSED' });
    expect((await search).map(({ id }) => id)).toEqual(['a', 'b']);
    const back = await closing;
    expect(back.getAttributes('a')).toEqual({ kind: 'first' });
    expect(back.size).toBe(2);
    await expect(index.close()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(index.search(new Float32Array(DIMENSION), 2)).rejects
      .toMatchObject({ code: 'CLOSED' });
    expect(() => index.get('a')).toThrow('closed');
    const again = await ThreadedVectorIndex.open(back, { threads: 2 });
    expect(again.size).toBe(2);
    await again.close();
  });

  it('a thread that dies is said to whoever waits and whoever comes', async () => {
    const index = await opened();
    const { flat } = makeFamily('gaussian', DIMENSION, 20_000, 0, 8);
    const adding = index.addMany(numbers(20_000), flat);
    const searches = index.searchMany(flat.slice(0, 200 * DIMENSION), 5);
    const refused = [adding, searches, index.settle()].map((each) =>
      expect(each).rejects.toMatchObject({ code: 'THREAD' }));
    await index.terminateThread(1);
    await Promise.all(refused);
    const vector = new Float32Array(DIMENSION);
    await expect(index.add(1, vector)).rejects.toMatchObject({ code: 'THREAD' });
    await expect(index.delete(1)).rejects.toMatchObject({ code: 'THREAD' });
    await expect(index.search(vector, 1)).rejects.toMatchObject({ code: 'THREAD' });
    expect(index.get(0)).toEqual(flat.slice(0, DIMENSION));
    await expect(index.close()).rejects.toMatchObject({ code: 'THREAD' });
  });

  it('a process that forgets to close it ends all the same, and not before it has waited', () => {
    const door = (name: string): string =>
      JSON.stringify(new URL(`../../dist/${name}.js`, import.meta.url).href);
    const program = `
      const { VectorIndex } = await import(${door('index')});
      const { ThreadedVectorIndex } = await import(${door('threads')});
      const index = await ThreadedVectorIndex.open(
        new VectorIndex({ dimension: 2, metric: 'l2', mode: 'hnsw' }), { threads: 2 });
      await index.addMany([1, 2, 3], Float32Array.of(1, 1, 2, 2, 3, 3));
      await index.settle();
      const [hit] = await index.search([2, 2], 1);
      console.log('found', hit.id);
    `;
    const { stdout, stderr, status } = spawnSync(
      process.execPath, ['--eval', `(async () => {${program}})()`],
      { encoding: 'utf8', timeout: 60_000 },
    );
    expect({ stdout, stderr, status }).toEqual({ stdout: 'found 2\n', stderr: '', status: 0 });
  });
});
