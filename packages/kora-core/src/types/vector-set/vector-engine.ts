/**
 * What a shard wants of an engine for nearest neighbours: an index of slots for a big set, and the
 * language of filters. Core imports no engine; whoever composes a shard brings one (the embedded
 * engine and the server bring @kora/vector). Without one every search is a scan, and filters are
 * refused.
 * An index holds copies of vectors in a memory of its own. What it holds can be made again from
 * the elements at any time: they alone are the data.
 */

/** How to make an index. */
export interface NearestIndexOptions {
  readonly dimension: number;
  readonly metric: 'cosine' | 'l2' | 'ip';
  /** `codes`: answers are candidates, to be ranked by the vectors. `bits`: signs only. */
  readonly storage: 'f32' | 'codes' | 'bits';
  readonly m: number;
  readonly efConstruction: number;
  readonly seed: number;
}

/**
 * When a filter is applied: `pre` scans what matches, `post` walks and keeps what matches, `auto`
 * takes what is cheaper. None makes an answer short.
 */
export type FilterStrategy = 'auto' | 'pre' | 'post';

/** Refusals of `put`. */
export const PUT_NO_MEMORY = -1;
export const PUT_NOT_FINITE = -2;

/** What an image has of a slot that it has nothing of. */
export const NO_NODE = new Uint8Array(0);

/** An index of vectors by slot; slots are small integers that it gives. */
export interface NearestIndex {
  /** Bytes it takes, attributes included. */
  readonly bytesUsed: number;
  /** Vectors that are not linked into the graph yet; they are found by a scan. */
  readonly pendingCount: number;
  /** One above the highest slot given so far. */
  readonly slotEnd: number;
  /** Stores a vector: found from now on. @returns its slot; PUT_NO_MEMORY, PUT_NOT_FINITE */
  put(vector: Float32Array): number;
  remove(slot: number): void;
  /** Gives a slot attributes, JSON in UTF-8; null takes them away. No JSON object: none. */
  setAttributes(slot: number, json: Uint8Array | null): void;
  /** Links up to `count` vectors that wait; takes the range of codes when it is time. */
  link(count: number): void;
  /**
   * Finds about the nearest that meet the filter. @returns slots, nearest first; null: no memory
   */
  search(
    query: Float32Array, count: number, ef: number, filter: VectorFilter | null,
    strategy: FilterStrategy,
  ): readonly number[] | null;
  /** Highest level of a slot's node in the graph; -1 when it is not linked. */
  levelOf(slot: number): number;
  /** Slots that a node is linked to on a level. */
  neighbours(slot: number, level: number): readonly number[];
  /** Highest level of the graph. */
  readonly levelMax: number;
  /**
   * Moves what is left together when most slots are free, and no image is open.
   * @returns new slots by old ones
   */
  compact(): Int32Array | null;
  /** Begins an image of the graph, one at a time; null: nothing is linked. Without: no images. */
  beginImage?(): NearestImage | null;
  /** It is of no further use. */
  close(): void;
}

/**
 * What is linked of an index, as bytes that mean something to its engine only. The index may change
 * meanwhile; what does is left out.
 */
export interface NearestImage {
  /** What all nodes have in common; the caller's. */
  head(): Uint8Array;
  /** What belongs to a slot; empty: nothing. Valid until the next call. */
  node(slot: number): Uint8Array;
  /** Nothing more is asked. */
  end(): void;
}

/** An index that is made of an image; not searched, linked or removed from until it is settled. */
export interface RestoringIndex extends NearestIndex {
  /** As put, with what `node` gave of the vector, or nothing. @returns slot; below 0: refused */
  putNode(vector: Float32Array, node: Uint8Array): number;
  /** All has come. @returns false: the image does not hold, and the index is of no use */
  settle(): boolean;
}

/**
 * An index that threads beside the shard build and search. It begins as any other; when all
 * elements are in, threads take part.
 */
export interface ThreadedIndex extends NearestIndex {
  /** True while threads link what waits: `link` wants no slices. */
  readonly hasThreads: boolean;
  /** A thread has died: nothing of it can be used any more. */
  readonly hasFailed: boolean;
  /** Most of its slots are free, and it cannot be moved together: better to make another. */
  readonly isSparse: boolean;
  /** True while so much waits to be linked that whoever stores had better wait. */
  isCrowded(wasCrowded: boolean): boolean;
  /** All elements are in. */
  release(): void;
  /**
   * As `search`, by a thread: `done` is called by a later `look` of the engine, with null where
   * there is no answer. A slot that it names is no other vector's until it returns, but its own may
   * have been removed.
   * @returns false: not now
   */
  ask(
    query: Float32Array, count: number, ef: number, filter: VectorFilter | null,
    strategy: FilterStrategy, done: (slots: readonly number[] | null) => void,
  ): boolean;
}

/** A filter that was read. */
export interface VectorFilter {
  readonly text: string;
  /** Whether attributes, JSON in UTF-8, meet it. */
  matches(json: Uint8Array): boolean;
}

/** Brings both. */
export interface VectorEngine {
  /** @returns null when there is no memory */
  createIndex(options: NearestIndexOptions): NearestIndex | ThreadedIndex | null;
  /**
   * Makes an index of an image that begins with `head`. Without: indexes are made anew.
   * @returns null when there is no memory, or the head is of another version or kind
   */
  restoreIndex?(options: NearestIndexOptions, head: Uint8Array): RestoringIndex | null;
  /** Reads a filter, UTF-8. @returns it; or a text that tells what is wrong */
  parseFilter(filter: Uint8Array): VectorFilter | string;
  /**
   * Takes what threads have found, at the end of every turn; absent where there are none.
   * @returns true when one has died: all indexes that threads work at have failed
   */
  look?(): boolean;
}
