/**
 * What calls take and give, and the checks of small arguments. Shapes only; how they are used is
 * said at the methods of VectorIndex.
 */
import type { Attributes } from './attributes/attribute-index.ts';
import { ID_UNITS_MAX } from './limits.ts';
import { checkObject, VectorError } from './vector-error.ts';

/** What a vector is called: a text or a safe integer. `1` and `'1'` are two ids. */
export type VectorId = string | number;
/** Components: f32, or numbers that are rounded to f32 (slower). */
export type VectorLike = Float32Array | readonly number[];

/** One answer. */
export interface SearchHit {
  readonly id: VectorId;
  /** By the index's metric; smaller is nearer. */
  readonly distance: number;
  /** Present when asked for, and the element has some. */
  readonly attributes?: Attributes;
}

/** When a filter is applied. */
export type FilterStrategy = 'auto' | 'pre' | 'post';

/** How to search. */
export interface SearchOptions {
  /** Breadth of the search, default the index's. */
  readonly ef?: number;
  /** Scan the vectors: the true nearest of what is stored. */
  readonly exact?: boolean;
  /** Expression over attributes (README). */
  readonly filter?: string;
  /**
   * `pre` scans what matches, `post` walks the graph and keeps what matches (unless that is so
   * little that no walk finds it), `auto` (default) takes what is cheaper. Distances are the same,
   * and none answers fewer than match.
   */
  readonly filterStrategy?: FilterStrategy;
  /** Answers to pass over first. */
  readonly offset?: number;
  /** Answers farther than this are left out. */
  readonly distanceMax?: number;
  /** Give attributes with every answer. */
  readonly withAttributes?: boolean;
}

/** Figures of an index. */
export interface VectorIndexInfo {
  readonly size: number;
  readonly segmentCount: number;
  /** Bytes of the engine's memories in use, without ids and attributes. */
  readonly bytesUsed: number;
  /** Stored, found by scans, not yet linked. */
  readonly pendingCount: number;
  /** Deleted, still named by lists of others. */
  readonly deadCount: number;
  /** Slots that can be used again. */
  readonly freeCount: number;
  readonly isTrained: boolean;
}

/** How to search by distance. */
export interface WithinOptions {
  readonly filter?: string;
  /** At most so many answers, the nearest; default all. */
  readonly limit?: number;
  readonly offset?: number;
  readonly withAttributes?: boolean;
}

/** @throws VectorError ID */
export function checkId(id: unknown): void {
  if (typeof id === 'number' ? Number.isSafeInteger(id)
    : typeof id === 'string' && id.length <= ID_UNITS_MAX) return;
  throw new VectorError('ID', `an id is a text of at most ${ID_UNITS_MAX} characters or a safe `
    + `integer, not ${typeof id === 'string' ? 'a longer text' : String(id)}`);
}

/** @throws VectorError COUNT */
export function checkCount(name: string, count: number): void {
  if (Number.isSafeInteger(count) && count >= 0) return;
  throw new VectorError('COUNT', `${name} is ${count}; an integer from 0 on is wanted`);
}

/** Refuses what is no vector of the dimension. @throws VectorError DIMENSION */
export function checkVector(vector: VectorLike, dimension: number): void {
  const isVector = vector instanceof Float32Array || Array.isArray(vector);
  if (isVector && vector.length === dimension) return;
  throw new VectorError('DIMENSION', isVector
    ? `the vector has ${vector.length} components, the index ${dimension}`
    : `a vector is a Float32Array or an array of numbers, not ${typeof vector}`);
}

/** Refuses what is not many vectors in one array. @throws VectorError DIMENSION */
export function checkVectors(vectors: Float32Array, dimension: number): void {
  const isOne = vectors instanceof Float32Array;
  if (isOne && vectors.length % dimension === 0) return;
  throw new VectorError('DIMENSION', isOne
    ? `${vectors.length} components are not vectors of ${dimension}`
    : `many vectors are one Float32Array, one behind the other, not ${typeof vectors}`);
}

const SEARCH_OPTIONS: readonly string[] = [
  'ef', 'exact', 'filter', 'filterStrategy', 'offset', 'distanceMax', 'withAttributes',
  'includeSelf',
];

/** @throws VectorError OPTION for an option nobody knows */
export function checkSearchOptions(options: SearchOptions): void {
  checkObject('options', options);
  for (const name in options) {
    if (SEARCH_OPTIONS.includes(name)) continue;
    throw new VectorError('OPTION',
      `unknown option ${name}; known: ${SEARCH_OPTIONS.join(', ')}`);
  }
}

/** @throws VectorError OPTION */
export function checkStrategy(strategy: FilterStrategy = 'auto'): FilterStrategy {
  if (strategy === 'auto' || strategy === 'pre' || strategy === 'post') return strategy;
  throw new VectorError('OPTION',
    `filterStrategy is ${String(strategy)}; wanted: auto, pre, post`);
}
