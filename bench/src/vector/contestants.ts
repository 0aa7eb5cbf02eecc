/**
 * The indexes that the vector benchmark compares, behind one small interface: ours, and those of
 * hnswlib-node and usearch where they are installed in bench/peers (native code, so they are no
 * part of the workspace). A peer that is not there is left out, and the report says so.
 */
import { createRequire } from 'node:module';
import { VectorIndex } from '@kora/vector';
import type { VectorIndexOptions } from '@kora/vector';

/** One index under test. Ids are positions. */
export interface Contestant {
  readonly name: string;
  /** The breadths it can search with, an index built for each; all when undefined. */
  readonly efs?: readonly number[];
  /** Called before vectors are added or searched with, untimed. */
  prepare?(vectors: readonly Float32Array[]): void;
  /** Adds vectors whose ids are `from` and on. */
  add(from: number, vectors: readonly Float32Array[]): void;
  /** Called once after the last add. */
  finish(): void;
  /** Ids of the k nearest. */
  search(query: Float32Array, k: number, ef: number): ArrayLike<number | bigint>;
}

interface HnswlibIndex {
  initIndex(count: number, m: number, efConstruction: number): void;
  addPoint(vector: number[], id: number): void;
  setEf(ef: number): void;
  searchKnn(query: number[], k: number): { neighbors: number[] };
}
interface UsearchIndex {
  add(id: bigint, vector: Float32Array): void;
  search(query: Float32Array, k: number, threads: number): { keys: BigUint64Array };
}

const peers = createRequire(new URL('../../peers/package.json', import.meta.url));

function load(name: string): unknown {
  try {
    return peers(name);
  } catch {
    return undefined;
  }
}

/** Ours, with what it is given. */
export function ours(name: string, options: VectorIndexOptions): Contestant {
  const index = new VectorIndex({ mode: 'hnsw', metric: 'l2', ...options });
  return {
    name,
    add: (from, vectors) => {
      for (const [i, vector] of vectors.entries()) index.add(from + i, vector);
    },
    finish: () => { index.settle(); },
    search: (query, k, ef) => index.search(query, k, { ef }).map((hit) => Number(hit.id)),
  };
}

/**
 * hnswlib-node with M 16 and ef_construction 200; undefined when it is not installed. It takes
 * plain arrays only: they are made beforehand, outside what is timed.
 */
export function hnswlib(dimension: number, count: number): Contestant | undefined {
  const loaded = load('hnswlib-node') as
    { HierarchicalNSW: new (space: string, dimension: number) => HnswlibIndex } | undefined;
  if (loaded === undefined) return undefined;
  const index = new loaded.HierarchicalNSW('l2', dimension);
  index.initIndex(count, 16, 200);
  const arrays = new Map<Float32Array, number[]>();
  const plain = (vector: Float32Array): number[] => arrays.get(vector) ?? Array.from(vector);
  return {
    name: 'hnswlib-node',
    prepare: (vectors) => {
      arrays.clear();
      for (const vector of vectors) arrays.set(vector, Array.from(vector));
    },
    add: (from, vectors) => {
      for (const [i, vector] of vectors.entries()) index.addPoint(plain(vector), from + i);
    },
    finish: () => undefined,
    search: (query, k, ef) => {
      index.setEf(ef);
      return index.searchKnn(plain(query), k).neighbors;
    },
  };
}

/**
 * usearch, one thread. The breadth of its searches is fixed when it is made: one index for each of
 * `efs`, all built alike.
 */
export function usearch(
  dimension: number, quantization: 'f32' | 'f16', efs: readonly number[],
): Contestant | undefined {
  const loaded = load('usearch') as
    { Index: new (options: object) => UsearchIndex } | undefined;
  if (loaded === undefined) return undefined;
  const indexes = new Map(efs.map((ef) => [ef, new loaded.Index({
    dimensions: dimension, metric: 'l2sq', quantization, connectivity: 16, expansion_add: 200,
    expansion_search: ef,
  })]));
  return {
    name: `usearch ${quantization}`,
    efs,
    add: (from, vectors) => {
      for (const index of indexes.values()) {
        for (const [i, vector] of vectors.entries()) index.add(BigInt(from + i), vector);
      }
    },
    finish: () => undefined,
    search: (query, k, ef) => indexes.get(ef)?.search(query, k, 1).keys ?? [],
  };
}
