/**
 * The index against a map of arrays: random adding, overwriting, deleting, compacting, dumping and
 * searching, for every storage, metric and mode. Exact search must give the distances that doubles
 * give; what is kept must be there, under its id, and nothing else. The graph is checked whole.
 */
import { describe, expect, it } from 'vitest';
import { dumpIndex, loadIndex } from './image.ts';
import { Chance, trueDistance } from './testing/families.ts';
import { graphFault } from './testing/recall.ts';
import { VectorIndex } from './vector-index.ts';
import type { Metric, Mode, Storage } from './options.ts';
import type { VectorId } from './vector-types.ts';

interface Case {
  readonly storage: Storage;
  readonly metric: Metric;
  readonly mode: Mode;
  readonly dimension: number;
}

const cases: Case[] = [];
for (const mode of ['hnsw', 'exact', 'auto'] as const) {
  for (const metric of ['cosine', 'l2', 'ip'] as const) {
    for (const storage of ['f32', 'bf16', 'codes', 'bits'] as const) {
      if (storage === 'bits' && metric !== 'cosine') continue;
      cases.push({ storage, metric, mode, dimension: 96 }, { storage, metric, mode, dimension: 7 });
    }
  }
}

const TOLERANCE = { f32: 1e-4, bf16: 0.02, codes: 0.3, bits: 2 } as const;
const ROUNDS = 400;

function compareSearch(index: VectorIndex, model: Map<VectorId, Float32Array>, each: Case,
  query: Float32Array, where: string): void {
  const { metric, storage } = each;
  const hits = index.search(query, 5, { exact: true });
  expect(hits.length, where).toBe(Math.min(5, model.size));
  const truth = [...model].map(([, vector]) => trueDistance(metric, query, vector))
    .sort((a, b) => a - b);
  const scale = metric === 'cosine' ? 1 : Math.max(1, Math.abs(truth[0] ?? 0), each.dimension);
  for (const [i, hit] of hits.entries()) {
    const vector = model.get(hit.id);
    expect(vector, `${where}: ${String(hit.id)} is stored`).toBeDefined();
    const slack = TOLERANCE[storage] * scale;
    expect(Math.abs(hit.distance - trueDistance(metric, query, vector!)), where)
      .toBeLessThanOrEqual(slack);
    expect(hit.distance, where).toBeLessThanOrEqual(truth[i]! + slack);
    if (i > 0) expect(hits[i - 1]!.distance, where).toBeLessThanOrEqual(hit.distance);
  }
  const near = index.search(query, 5);
  expect(near.length, `${where}: never short`).toBe(hits.length);
  expect(new Set(near.map((hit) => hit.id)).size, where).toBe(near.length);
}

function compareStored(index: VectorIndex, model: Map<VectorId, Float32Array>, each: Case,
  where: string): void {
  expect(index.size, where).toBe(model.size);
  expect(new Set(index.ids()), where).toEqual(new Set(model.keys()));
  for (const [id, vector] of model) {
    const stored = index.get(id);
    if (each.storage === 'f32') {
      expect(vector.every((x, i) => x === stored?.[i]), `${where}: ${String(id)}`).toBe(true);
    } else if (each.storage !== 'bits') {
      const apart = trueDistance('l2', stored!, vector) / (trueDistance('l2', vector,
        new Float32Array(vector.length)) + 1);
      expect(apart, `${where}: ${String(id)}`).toBeLessThan(each.storage === 'bf16' ? 0.01 : 0.4);
    }
  }
  expect(graphFault(index), where).toBe(0);
}

function run(each: Case, seed: number): void {
  const chance = new Chance(seed);
  const { dimension } = each;
  let index = new VectorIndex({ ...each, m: 6, efConstruction: 40, autoFlatMax: 100,
    trainingCount: 40 });
  const model = new Map<VectorId, Float32Array>();
  const vectorOf = (): Float32Array =>
    Float32Array.from({ length: dimension }, () => chance.gaussian());
  const anyId = (): VectorId =>
    (chance.below(2) === 0 ? chance.below(250) : `${chance.below(250)}`);
  const isShrinking = chance.below(2) === 0;
  for (let round = 0; round < ROUNDS; round++) {
    const where = `${JSON.stringify(each)} seed ${seed} round ${round}`;
    const draw = chance.below(100);
    if (draw < (isShrinking && round > ROUNDS / 2 ? 20 : 55)) {
      const id = anyId();
      const vector = vectorOf();
      expect(index.add(id, vector), where).toBe(!model.has(id));
      model.set(id, vector);
    } else if (draw < 62) {
      const ids = Array.from({ length: 1 + chance.below(30) }, anyId);
      const flat = new Float32Array(ids.length * dimension);
      for (const [i, id] of ids.entries()) {
        const vector = vectorOf();
        flat.set(vector, i * dimension);
        model.set(id, vector);
      }
      index.addMany(ids, flat);
    } else if (draw < 90) {
      const id = anyId();
      expect(index.delete(id), where).toBe(model.delete(id));
    } else if (draw < 98) compareSearch(index, model, each, vectorOf(), where);
    else if (draw < 99) index.compact();
    else index = loadIndex(dumpIndex(index));
    if (round % 100 === 99) {
      if (chance.below(2) === 0) index.settle();
      compareStored(index, model, each, where);
    }
  }
}

describe('an index and a map', () => {
  for (const each of cases) {
    it(`agree: ${each.mode} ${each.metric} ${each.storage} ${each.dimension}d`, () => {
      run(each, 7919);
      if (each.storage === 'f32') run(each, 104729);
    });
  }
});
