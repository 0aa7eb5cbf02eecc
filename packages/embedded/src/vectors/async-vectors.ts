/**
 * Collections of vectors with promises: the methods of `Vectors` and `VectorCollection`, with the
 * same answers and refusals, wherever the data is. With workers a collection is whole on the worker
 * that owns its name. Calls made together travel together.
 */
import type { Attributes, VectorLike } from '@kora/vector';
import type {
  Ask, VectorCollectionInfo, VectorHit, VectorIdPage, VectorIdPageOptions,
} from './vector-asks.ts';
import { CollectionAsks, collectionAsks } from './vector-asks.ts';
import type {
  VectorBatch, VectorCollectionOptions, VectorSearchByIdOptions, VectorSearchOptions,
} from './vector-words.ts';
import { isThereAlready } from './vectors.ts';

/** @internal Puts a question. */
export type AsyncAsker = <Result>(ask: Ask<Result>) => Promise<Result>;

async function sumOf(counts: readonly Promise<number>[]): Promise<number> {
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** The collections of the selected database. */
export class AsyncVectors {
  readonly #ask: AsyncAsker;

  /** @internal Use `db.vectors`. */
  constructor(ask: AsyncAsker) {
    this.#ask = ask;
  }

  /**
   * Makes an empty collection, which stays until it is dropped.
   * @throws {KoraReplyError} rejects with `ERR index already exists`; WRONGTYPE where another key
   *   has the name; `ERR` for options that are none
   * @throws {Fault} rejects with INVALID_ARGUMENT for an option nobody knows; ENGINE_CLOSED ...
   */
  async create(name: string, options: VectorCollectionOptions): Promise<AsyncVectorCollection> {
    const collection = this.collection(name);
    await this.#ask(collectionAsks.create(name, options));
    return collection;
  }

  /** As `create`; one that is there stays as it is. */
  async ensure(name: string, options: VectorCollectionOptions): Promise<AsyncVectorCollection> {
    try {
      return await this.create(name, options);
    } catch (error) {
      if (!isThereAlready(error)) throw error;
      return this.collection(name);
    }
  }

  /** The collection of this name. Nothing is looked up: what is not there is told by its methods.
   * @throws {Fault} INVALID_ARGUMENT for what is no text */
  collection(name: string): AsyncVectorCollection {
    return new AsyncVectorCollection(name, this.#ask);
  }

  /** True when there is a collection, or another vector set, of this name. */
  async has(name: string): Promise<boolean> {
    return this.#ask(collectionAsks.has(name));
  }

  /** Names of all collections and other vector sets, in no order. Cost: a look at every key. */
  async names(): Promise<string[]> {
    const names = new Set<string>();
    let cursor = '0';
    do {
      const step = await this.#ask(collectionAsks.scan(cursor));
      for (const name of step.names) names.add(name);
      cursor = step.next;
    } while (cursor !== '0');
    return [...names];
  }

  /** Removes a collection with all that is in it. @returns true when it was there
   * @throws {KoraReplyError} rejects with WRONGTYPE for another key */
  async drop(name: string): Promise<boolean> {
    return this.#ask(collectionAsks.drop(name));
  }
}

/**
 * One collection. Methods that change or search reject with KoraReplyError `ERR no such index` when
 * it is not there; `get`, `has`, `getAttributes`, `setAttributes` and `listIds` answer as if it
 * were empty.
 */
export class AsyncVectorCollection {
  readonly name: string;
  readonly #asks: CollectionAsks;
  readonly #ask: AsyncAsker;

  /** @internal Use `db.vectors`. */
  constructor(name: string, ask: AsyncAsker) {
    this.#asks = new CollectionAsks(name);
    this.#ask = ask;
    this.name = name;
  }

  /** Elements. */
  async size(): Promise<number> {
    return (await this.info()).size;
  }

  /** How it was made, and how large it is. */
  async info(): Promise<VectorCollectionInfo> {
    return this.#ask(this.#asks.info());
  }

  /**
   * Stores a vector under an id, in the place of what was there, attributes included.
   * @returns true when the id is new
   * @throws {KoraReplyError} rejects with `ERR wrong vector dimension ...`, OOM; nothing has
   *   changed then
   * @throws {Fault} rejects with INVALID_ARGUMENT for what is no vector, id or attributes
   */
  async add(id: string, vector: VectorLike, attributes?: object): Promise<boolean> {
    return this.#ask(this.#asks.add(id, vector, attributes));
  }

  /**
   * Stores many, `attributes[i]` with `ids[i]`. All of them are looked at first. They are stored a
   * MiB at a time: of each part all or, when memory ends, none.
   * @param vectors a list, or one array in which vector follows vector
   * @returns how many ids were new
   * @throws as `add`
   */
  async addMany(
    ids: readonly string[], vectors: VectorBatch, attributes: readonly (object | undefined)[] = [],
  ): Promise<number> {
    return sumOf(this.#asks.addMany(ids, vectors, attributes).map(this.#ask));
  }

  /** The vector of an id, null when absent; bit by bit unless `storage` says otherwise. */
  async get(id: string): Promise<Float32Array | null> {
    return this.#ask(this.#asks.get(id));
  }

  async has(id: string): Promise<boolean> {
    return this.#ask(this.#asks.has(id));
  }

  /** Removes ids. @returns how many there were */
  async delete(...ids: readonly string[]): Promise<number> {
    return sumOf(ids.map((id) => this.#asks.delete(id)).map(this.#ask));
  }

  /** Attributes of an id; null when it is absent or has none. */
  async getAttributes(id: string): Promise<Attributes | null> {
    return this.#ask(this.#asks.getAttributes(id));
  }

  /** Sets, or with undefined removes, the attributes of an id. @returns false when it is absent */
  async setAttributes(id: string, attributes: object | undefined): Promise<boolean> {
    return this.#ask(this.#asks.setAttributes(id, attributes));
  }

  /**
   * The k nearest to a vector, ascending by distance. Fewer only when fewer match.
   * @throws {KoraReplyError} rejects with `ERR wrong vector dimension ...`, or `ERR` for a filter
   *   or an option
   * @throws {Fault} rejects with INVALID_ARGUMENT for what is no vector, count or option
   */
  async search(
    query: VectorLike, k: number, options: VectorSearchOptions = {},
  ): Promise<VectorHit[]> {
    return this.#ask(this.#asks.search(query, k, options));
  }

  /** As `search`, for many queries. */
  async searchMany(
    queries: readonly VectorLike[], k: number, options: VectorSearchOptions = {},
  ): Promise<VectorHit[][]> {
    return Promise.all(this.#asks.searchMany(queries, k, options).map(this.#ask));
  }

  /**
   * As `search`, from an element, which is left out unless `includeSelf`.
   * @throws {KoraReplyError} rejects with `ERR element not found in set`
   */
  async searchById(
    id: string, k: number, options: VectorSearchByIdOptions = {},
  ): Promise<VectorHit[]> {
    return this.#ask(this.#asks.searchById(id, k, options));
  }

  /** A page of ids, by their bytes; the next begins behind its last. */
  async listIds(page: VectorIdPageOptions = {}): Promise<VectorIdPage> {
    return this.#ask(this.#asks.listIds(page));
  }

  /** Removes it with all that is in it. @returns true when it was there */
  async drop(): Promise<boolean> {
    return this.#ask(collectionAsks.drop(this.name));
  }
}
