/**
 * The typed methods of collections as questions: the words of a command, and what is made of its
 * reply. The methods without promises and those with them ask the same; only how a question is put
 * differs.
 */
import type { Attributes, Metric, VectorLike } from '@kora/vector';
import type { CallArgument } from '../arguments.ts';
import type { ReplyValue } from '../open-values.ts';
import {
  attributesText, batchWords, checkCount, checkId, checkList, checkPage, makingWords,
  searchByIdWords, searchWords, vectorBytes,
} from './vector-words.ts';
import type {
  GivenAttributes, VectorBatch, VectorCollectionOptions, VectorSearchByIdOptions,
  VectorSearchOptions, VectorStorage,
} from './vector-words.ts';

/** A command and what its reply becomes. */
export interface Ask<Result> {
  readonly given: readonly CallArgument[];
  /** Does not throw. */
  readonly make: (value: ReplyValue) => Result;
}

/** One answer of a search. */
export interface VectorHit {
  readonly id: string;
  /** By the collection's metric; smaller is nearer. */
  readonly distance: number;
  /** Present when asked for, and the element has some. */
  readonly attributes?: Attributes;
}

/** What a collection is, and how large. */
export interface VectorCollectionInfo {
  readonly dimension: number;
  readonly metric: Metric;
  readonly storage: VectorStorage;
  readonly m: number;
  readonly efConstruction: number;
  /** Width of searches; 0 of a set that VADD or VNEW made: each command has its own. */
  readonly ef: number;
  readonly size: number;
  /** Elements with attributes. */
  readonly attributedCount: number;
  /** Elements in the graph; 0 where a collection is small enough to be scanned. */
  readonly linkedCount: number;
}

/** Some ids, in the order of their bytes. */
export interface VectorIdPage {
  readonly ids: string[];
  /** Whether more come behind the last. */
  readonly hasMore: boolean;
}

/** Which ids. */
export interface VectorIdPageOptions {
  /** Those behind this id, which need not be there. */
  readonly after?: string;
  /** At most so many, default 1,000. */
  readonly limit?: number;
}

const PAGE_IDS = 1000;
const SCANNED_KEYS = '1000';

function listOf(value: ReplyValue): readonly ReplyValue[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: ReplyValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function isOne(value: ReplyValue): boolean {
  return value === 1 || value === true;
}

/** What JSON gives for an object; null for anything else, as a filter sees it. */
function attributesOf(value: ReplyValue | undefined): Attributes | null {
  if (typeof value !== 'string') return null;
  try {
    const parsed: unknown = JSON.parse(value);
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    // What JSON gives for an object is Attributes by construction.
    return isObject ? parsed as Attributes : null;
  } catch {
    return null;
  }
}

function hitOf(value: ReplyValue): VectorHit {
  const [id, distance, json] = listOf(value);
  const hit = { id: textOf(id), distance: Math.fround(Number(distance)) };
  const attributes = attributesOf(json);
  return attributes === null ? hit : { ...hit, attributes };
}

function hitsOf(value: ReplyValue): VectorHit[] {
  return listOf(value).map(hitOf);
}

function infoOf(value: ReplyValue): VectorCollectionInfo {
  const map = value instanceof Map ? value : new Map<ReplyValue, ReplyValue>();
  const number = (name: string): number => Number(map.get(name));
  return {
    dimension: number('dimension'), m: number('m'), efConstruction: number('ef_construction'),
    ef: number('ef'), size: number('size'), attributedCount: number('attributes'),
    linkedCount: number('linked'),
    // VECINFO has no other words there.
    metric: map.get('metric') as Metric, storage: map.get('storage') as VectorStorage,
  };
}

// ------------------------------------------------------------------ collections

export const collectionAsks = Object.freeze({
  create: (name: string, options: VectorCollectionOptions): Ask<void> => ({
    given: ['VECNEW', name, ...makingWords(options)], make: () => undefined,
  }),
  has: (name: string): Ask<boolean> => ({
    given: ['TYPE', name], make: (value) => value === 'vectorset',
  }),
  drop: (name: string): Ask<boolean> => ({ given: ['VECDROP', name], make: isOne }),
  /** One step of a scan: the next cursor, and names, of which some may have come before. */
  scan: (cursor: string): Ask<{ next: string; names: string[] }> => ({
    given: ['SCAN', cursor, 'TYPE', 'vectorset', 'COUNT', SCANNED_KEYS],
    make: (value) => {
      const [next, names] = listOf(value);
      return { next: textOf(next), names: listOf(names ?? null).map(textOf) };
    },
  }),
});

// ------------------------------------------------------------------ elements

/** Questions about one collection. */
export class CollectionAsks {
  readonly #name: string;

  constructor(name: string) {
    checkId(name);
    this.#name = name;
  }

  info(): Ask<VectorCollectionInfo> {
    return { given: ['VECINFO', this.#name], make: infoOf };
  }

  add(id: string, vector: VectorLike, attributes: GivenAttributes): Ask<boolean> {
    checkId(id);
    const words = [id, vectorBytes(vector), attributesText(attributes)];
    return { given: ['VECADD', this.#name, ...words], make: isOne };
  }

  addMany(
    ids: readonly string[], vectors: VectorBatch, attributes: readonly GivenAttributes[],
  ): Ask<number>[] {
    return batchWords(ids, vectors, attributes).map((words) => (
      { given: ['VECADD', this.#name, ...words], make: Number }
    ));
  }

  get(id: string): Ask<Float32Array | null> {
    checkId(id);
    return {
      given: ['VEMB', this.#name, id],
      make: (value) => (Array.isArray(value) ? Float32Array.from(value, Number) : null),
    };
  }

  has(id: string): Ask<boolean> {
    checkId(id);
    return { given: ['VISMEMBER', this.#name, id], make: isOne };
  }

  delete(id: string): Ask<number> {
    checkId(id);
    return { given: ['VDEL', this.#name, id], make: Number };
  }

  getAttributes(id: string): Ask<Attributes | null> {
    checkId(id);
    return { given: ['VGETATTR', this.#name, id], make: attributesOf };
  }

  setAttributes(id: string, attributes: GivenAttributes): Ask<boolean> {
    checkId(id);
    return { given: ['VSETATTR', this.#name, id, attributesText(attributes)], make: isOne };
  }

  search(query: VectorLike, k: number, options: VectorSearchOptions): Ask<VectorHit[]> {
    const words = ['FP32', vectorBytes(query), ...searchWords(options)];
    return {
      given: ['VECSEARCH', this.#name, checkCount('k', k), ...words], make: hitsOf,
    };
  }

  searchMany(
    queries: readonly VectorLike[], k: number, options: VectorSearchOptions,
  ): Ask<VectorHit[]>[] {
    checkList('queries', queries);
    return queries.map((query) => this.search(query, k, options));
  }

  searchById(id: string, k: number, options: VectorSearchByIdOptions): Ask<VectorHit[]> {
    checkId(id);
    const words = ['ID', id, ...searchByIdWords(options)];
    return {
      given: ['VECSEARCH', this.#name, checkCount('k', k), ...words], make: hitsOf,
    };
  }

  listIds(options: VectorIdPageOptions): Ask<VectorIdPage> {
    checkPage(options);
    const { after, limit = PAGE_IDS } = options;
    if (after !== undefined) checkId(after);
    const wanted = Math.min(checkCount('limit', limit), Number.MAX_SAFE_INTEGER - 1);
    const start = after === undefined ? '-' : `(${after}`;
    return {
      given: ['VRANGE', this.#name, start, '+', wanted + 1],
      make: (value) => {
        const ids = listOf(value).map(textOf);
        return { ids: ids.slice(0, wanted), hasMore: ids.length > wanted };
      },
    };
  }
}
