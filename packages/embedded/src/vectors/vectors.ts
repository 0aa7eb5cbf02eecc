/**
 * Collections of vectors of a database in this thread: `db.vectors.create('texts', ...)`, then
 * `add`, `search` and the like on what it gives. A collection is a key of the database: it is
 * saved, expires, is copied and counts to maxmemory as others do, and the commands of vector sets
 * work on it too. What is given is checked before anything is stored.
 * A vector of length 0 is at distance 1 from everything by cosine.
 */
import type { Attributes, VectorLike } from '@kora/vector';
import { KoraReplyError } from '../kora-reply-error.ts';
import type {
  Ask, VectorCollectionInfo, VectorHit, VectorIdPage, VectorIdPageOptions,
} from './vector-asks.ts';
import { CollectionAsks, collectionAsks } from './vector-asks.ts';
import type {
  VectorBatch, VectorCollectionOptions, VectorSearchByIdOptions, VectorSearchOptions,
} from './vector-words.ts';

/** @internal Puts a question. */
export type Asker = <Result>(ask: Ask<Result>) => Result;

/** True when this is the refusal to make what is there. */
export function isThereAlready(error: unknown): boolean {
  return error instanceof KoraReplyError && error.message === 'ERR index already exists';
}

/** The collections of the selected database. */
export class Vectors {
  readonly #ask: Asker;

  /** @internal Use `db.vectors`. */
  constructor(ask: Asker) {
    this.#ask = ask;
  }

  /**
   * Makes an empty collection, which stays until it is dropped.
   * @throws {KoraReplyError} `ERR index already exists`; WRONGTYPE where another key has the name;
   *   `ERR` for options that are none
   * @throws {Fault} INVALID_ARGUMENT for an option nobody knows; ENGINE_CLOSED ...
   */
  create(name: string, options: VectorCollectionOptions): VectorCollection {
    const collection = this.collection(name);
    this.#ask(collectionAsks.create(name, options));
    return collection;
  }

  /** As `create`; one that is there stays as it is. */
  ensure(name: string, options: VectorCollectionOptions): VectorCollection {
    try {
      return this.create(name, options);
    } catch (error) {
      if (!isThereAlready(error)) throw error;
      return this.collection(name);
    }
  }

  /** The collection of this name. Nothing is looked up: what is not there is told by its methods.
   * @throws {Fault} INVALID_ARGUMENT for what is no text */
  collection(name: string): VectorCollection {
    return new VectorCollection(name, this.#ask);
  }

  /** True when there is a collection, or another vector set, of this name. */
  has(name: string): boolean {
    return this.#ask(collectionAsks.has(name));
  }

  /** Names of all collections and other vector sets, in no order. Cost: a look at every key. */
  names(): string[] {
    const names = new Set<string>();
    let cursor = '0';
    do {
      const step = this.#ask(collectionAsks.scan(cursor));
      for (const name of step.names) names.add(name);
      cursor = step.next;
    } while (cursor !== '0');
    return [...names];
  }

  /** Removes a collection with all that is in it. @returns true when it was there
   * @throws {KoraReplyError} WRONGTYPE for another key */
  drop(name: string): boolean {
    return this.#ask(collectionAsks.drop(name));
  }
}

/**
 * One collection. Methods that change or search throw KoraReplyError `ERR no such index` when it is
 * not there; `get`, `has`, `getAttributes`, `setAttributes` and `listIds` answer as if it were
 * empty.
 */
export class VectorCollection {
  readonly name: string;
  readonly #asks: CollectionAsks;
  readonly #ask: Asker;

  /** @internal Use `db.vectors`. */
  constructor(name: string, ask: Asker) {
    this.#asks = new CollectionAsks(name);
    this.#ask = ask;
    this.name = name;
  }

  /** Elements. */
  get size(): number {
    return this.info().size;
  }

  /** How it was made, and how large it is. */
  info(): VectorCollectionInfo {
    return this.#ask(this.#asks.info());
  }

  /**
   * Stores a vector under an id, in the place of what was there, attributes included.
   * @returns true when the id is new
   * @throws {KoraReplyError} `ERR wrong vector dimension ...`, OOM: nothing has changed
   * @throws {Fault} INVALID_ARGUMENT for what is no vector, id or attributes
   */
  add(id: string, vector: VectorLike, attributes?: object): boolean {
    return this.#ask(this.#asks.add(id, vector, attributes));
  }

  /**
   * Stores many, `attributes[i]` with `ids[i]`. All of them are looked at first. They are stored a
   * MiB at a time: of each part all or, when memory ends, none.
   * @param vectors a list, or one array in which vector follows vector
   * @returns how many ids were new
   * @throws as `add`
   */
  addMany(
    ids: readonly string[], vectors: VectorBatch, attributes: readonly (object | undefined)[] = [],
  ): number {
    return this.#asks.addMany(ids, vectors, attributes)
      .reduce((sum, ask) => sum + this.#ask(ask), 0);
  }

  /** The vector of an id, null when absent; bit by bit unless `storage` says otherwise. */
  get(id: string): Float32Array | null {
    return this.#ask(this.#asks.get(id));
  }

  has(id: string): boolean {
    return this.#ask(this.#asks.has(id));
  }

  /** Removes ids. @returns how many there were */
  delete(...ids: readonly string[]): number {
    return ids.map((id) => this.#asks.delete(id)).reduce((sum, ask) => sum + this.#ask(ask), 0);
  }

  /** Attributes of an id; null when it is absent or has none. */
  getAttributes(id: string): Attributes | null {
    return this.#ask(this.#asks.getAttributes(id));
  }

  /** Sets, or with undefined removes, the attributes of an id. @returns false when it is absent */
  setAttributes(id: string, attributes: object | undefined): boolean {
    return this.#ask(this.#asks.setAttributes(id, attributes));
  }

  /**
   * The k nearest to a vector, ascending by distance. Fewer only when fewer match.
   * @throws {KoraReplyError} `ERR wrong vector dimension ...`, or `ERR` for a filter or an option
   * @throws {Fault} INVALID_ARGUMENT for what is no vector, count or option
   */
  search(query: VectorLike, k: number, options: VectorSearchOptions = {}): VectorHit[] {
    return this.#ask(this.#asks.search(query, k, options));
  }

  /** As `search`, for many queries. */
  searchMany(
    queries: readonly VectorLike[], k: number, options: VectorSearchOptions = {},
  ): VectorHit[][] {
    return this.#asks.searchMany(queries, k, options).map(this.#ask);
  }

  /**
   * As `search`, from an element, which is left out unless `includeSelf`.
   * @throws {KoraReplyError} `ERR element not found in set`
   */
  searchById(id: string, k: number, options: VectorSearchByIdOptions = {}): VectorHit[] {
    return this.#ask(this.#asks.searchById(id, k, options));
  }

  /** A page of ids, by their bytes; the next begins behind its last. */
  listIds(page: VectorIdPageOptions = {}): VectorIdPage {
    return this.#ask(this.#asks.listIds(page));
  }

  /** Removes it with all that is in it. @returns true when it was there */
  drop(): boolean {
    return this.#ask(collectionAsks.drop(this.name));
  }
}
