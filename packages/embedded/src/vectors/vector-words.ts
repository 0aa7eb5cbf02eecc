/**
 * What the typed methods of collections are given, as words of commands: vectors as bytes,
 * attributes as JSON, options by name. All of it is checked here, so that a mistake is told in the
 * words of the program that made it, and before anything is stored; an option that nobody knows is
 * refused. Used by the methods with and without promises.
 */
import { Fault } from '@kora/core';
import type { FilterStrategy, Metric, Preset, VectorLike } from '@kora/vector';
import type { CallArgument } from '../arguments.ts';

/** Components of one vector. */
const DIMENSION_MAX = 65_536;
/** Vectors that one command stores: bytes, about. */
const BATCH_BYTES = 1 << 20;

/** How vectors of a collection are kept: whole, in signed bytes, or as signs. */
export type VectorStorage = 'f32' | 'q8' | 'bin';

/** How a collection is made. */
export interface VectorCollectionOptions {
  /** Components of every vector, 1 to 65,536. */
  readonly dimension: number;
  /** Default `cosine`. */
  readonly metric?: Metric;
  /** Default `f32`; the others are for `cosine`. */
  readonly storage?: VectorStorage;
  /** Sets m, efConstruction and ef: 8/100/20, 16/200/50 (default), 32/400/200. */
  readonly preset?: Preset;
  /** Links of a node of the graph, 4 to 128. */
  readonly m?: number;
  /** Candidates looked at when a vector is linked, 1 to 4,096. */
  readonly efConstruction?: number;
  /** Candidates looked at by a search that does not say otherwise, 1 to 4,096. */
  readonly ef?: number;
}

/** How to search a collection. */
export interface VectorSearchOptions {
  /** Candidates looked at; default the collection's. */
  readonly ef?: number;
  /** Looks at every element: the true nearest. */
  readonly exact?: boolean;
  /** Answers to pass over first. */
  readonly offset?: number;
  /** Answers farther than this are left out. */
  readonly distanceMax?: number;
  /** Expression over attributes, as of VSIM: `.year > 1990 and .kind == "film"`. */
  readonly filter?: string;
  /** When the filter is applied; the answers are the same but for what a walk overlooks. */
  readonly filterStrategy?: FilterStrategy;
  /** Give attributes with every answer. */
  readonly withAttributes?: boolean;
}

/** How to search from an element. */
export interface VectorSearchByIdOptions extends VectorSearchOptions {
  /** The element itself is an answer too. */
  readonly includeSelf?: boolean;
}

/** Attributes of an element, an object that JSON can hold; undefined: none. */
export type GivenAttributes = object | undefined;

function invalid(what: string): Fault {
  return new Fault('INVALID_ARGUMENT', what);
}

/** @throws {Fault} INVALID_ARGUMENT */
export function checkId(id: unknown): asserts id is string {
  if (typeof id !== 'string') throw invalid(`an id is a text, not ${typeof id}`);
}

/** @throws {Fault} INVALID_ARGUMENT */
export function checkCount(name: string, count: number): number {
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw invalid(`${name} is ${String(count)}; an integer from 0 on is wanted`);
}

/** @throws {Fault} INVALID_ARGUMENT */
export function checkList(name: string, list: unknown): void {
  if (!Array.isArray(list)) throw invalid(`${name} are an array, not ${typeof list}`);
}

/**
 * A vector as bytes, which are the caller's own where it is a Float32Array.
 * @throws {Fault} INVALID_ARGUMENT
 */
export function vectorBytes(vector: VectorLike): Uint8Array {
  const isVector = vector instanceof Float32Array || Array.isArray(vector);
  if (!isVector) throw invalid(`a vector is a Float32Array or an array, not ${typeof vector}`);
  const { length } = vector;
  if (length === 0 || length > DIMENSION_MAX) {
    throw invalid(`the vector has ${length} components; 1 to ${DIMENSION_MAX} are wanted`);
  }
  const components = vector instanceof Float32Array ? vector : Float32Array.from(vector);
  for (let i = 0; i < length; i++) {
    if (Number.isFinite(components[i])) continue;
    throw invalid(`component ${i} of the vector is ${String(vector[i])}, no finite f32`);
  }
  return new Uint8Array(components.buffer, components.byteOffset, components.byteLength);
}

/** Attributes as JSON, empty for none. @throws {Fault} INVALID_ARGUMENT */
export function attributesText(attributes: GivenAttributes): string {
  if (attributes === undefined) return '';
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) {
    throw invalid('attributes are an object');
  }
  try {
    return JSON.stringify(attributes);
  } catch (cause) {
    throw new Fault('INVALID_ARGUMENT', 'the attributes cannot be written as JSON', { cause });
  }
}

// ------------------------------------------------------------------ options

/** Words of one option; its value is whatever a program gave. */
type Words = (value: unknown) => readonly CallArgument[];

function text(word: string): Words {
  return (value) => [word, String(value)];
}

function flag(word: string): Words {
  return (value) => (value === true ? [word] : []);
}

const MAKING: ReadonlyMap<string, Words> = new Map([
  ['dimension', () => []], ['metric', text('METRIC')], ['preset', text('PRESET')],
  ['storage', (value) => [String(value)]], ['m', text('M')],
  ['efConstruction', text('EF_CONSTRUCTION')], ['ef', text('EF')],
]);
const SEARCHING: ReadonlyMap<string, Words> = new Map([
  ['ef', text('EF')], ['exact', flag('EXACT')], ['offset', text('OFFSET')],
  ['distanceMax', text('MAXDISTANCE')], ['filter', text('FILTER')],
  ['filterStrategy', text('STRATEGY')], ['withAttributes', flag('WITHATTRIBS')],
]);
const SEARCHING_BY_ID: ReadonlyMap<string, Words> = new Map([
  ...SEARCHING, ['includeSelf', flag('WITHSELF')],
]);
const PAGING: ReadonlyMap<string, Words> = new Map([['after', () => []], ['limit', () => []]]);
const STORAGES: readonly unknown[] = ['f32', 'q8', 'bin'];

function wordsOf(options: object, known: ReadonlyMap<string, Words>): CallArgument[] {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) {
    throw invalid(`options are an object, not ${String(given)}`);
  }
  return Object.entries(options).flatMap(([name, value]: [string, unknown]) => {
    const words = known.get(name);
    if (words === undefined) {
      throw invalid(`unknown option ${name}; known: ${[...known.keys()].join(', ')}`);
    }
    return value === undefined ? [] : words(value);
  });
}

/** Words of VECNEW behind the name. @throws {Fault} INVALID_ARGUMENT */
export function makingWords(options: VectorCollectionOptions): CallArgument[] {
  const words = wordsOf(options, MAKING);
  const { dimension, storage = 'f32' } = options;
  if (!STORAGES.includes(storage)) {
    throw invalid(`storage is ${String(storage)}; wanted: ${STORAGES.join(', ')}`);
  }
  return [String(dimension), ...words];
}

/** Words of VECSEARCH behind the query. @throws {Fault} INVALID_ARGUMENT */
export function searchWords(options: VectorSearchOptions): CallArgument[] {
  return wordsOf(options, SEARCHING);
}

/** Options of a page of ids are known. @throws {Fault} INVALID_ARGUMENT */
export function checkPage(options: object): void {
  wordsOf(options, PAGING);
}

/** The same of a search from an element. @throws {Fault} INVALID_ARGUMENT */
export function searchByIdWords(options: VectorSearchByIdOptions): CallArgument[] {
  return wordsOf(options, SEARCHING_BY_ID);
}

// ------------------------------------------------------------------ batches

/** Vectors of a batch: a list, or one array with all components, vector after vector. */
export type VectorBatch = Float32Array | readonly VectorLike[];

/** The vectors one by one. @throws {Fault} INVALID_ARGUMENT */
function* vectorsOf(vectors: VectorBatch, count: number): Generator<Uint8Array> {
  if (!(vectors instanceof Float32Array)) {
    checkList('vectors', vectors);
    if (vectors.length !== count) {
      throw invalid(`${vectors.length} vectors do not go with ${count} ids`);
    }
    for (const vector of vectors) yield vectorBytes(vector);
    return;
  }
  const dimension = vectors.length / count;
  if (count === 0 ? vectors.length > 0 : !Number.isInteger(dimension)) {
    throw invalid(`${vectors.length} components are not ${count} vectors`);
  }
  for (let i = 0; i < count; i++) {
    yield vectorBytes(vectors.subarray(i * dimension, (i + 1) * dimension));
  }
}

/**
 * Words of VECADD commands that store a batch, each behind the name of the collection. All vectors
 * were looked at when this returns, and are of one length.
 * @throws {Fault} INVALID_ARGUMENT
 */
export function batchWords(
  ids: readonly string[], vectors: VectorBatch, attributes: readonly GivenAttributes[],
): CallArgument[][] {
  checkList('ids', ids);
  checkList('attributes', attributes);
  if (attributes.length > ids.length) {
    throw invalid(`${attributes.length} attributes do not go with ${ids.length} ids`);
  }
  const batches: CallArgument[][] = [];
  let bytes = Infinity;
  let first = 0;
  let i = 0;
  for (const vector of vectorsOf(vectors, ids.length)) {
    const id = ids[i];
    checkId(id);
    if (i === 0) first = vector.length;
    if (vector.length !== first) {
      throw invalid(`vector ${i} has ${vector.length / 4} components, the first ${first / 4}`);
    }
    if (bytes >= BATCH_BYTES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)?.push(id, vector, attributesText(attributes[i]));
    bytes += vector.length;
    i++;
  }
  return batches;
}
