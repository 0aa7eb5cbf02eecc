/**
 * An index that several threads work at: vectors are stored here, in order, and can be found at
 * once; threads link them into the graph, answer the searches and take out what was deleted. So a
 * call costs the caller a store or two messages, whatever the graph costs.
 * It takes over the memory of a `VectorIndex` and gives it back when it is closed. What is stored
 * but not linked waits in a tail of bounded length, which every search scans; when that is full,
 * writes wait. Ids and attributes stand here; threads know slots only.
 * Two things want all threads to stand still for a moment: the range of the codes, when it is taken
 * and when much falls outside, and for inner products a vector longer than all before.
 * When a thread dies every call is refused from then on, but what is stored can still be read.
 */
import { checkAttributes } from '../attributes/attribute-index.ts';
import type { AttributeIndex, Attributes } from '../attributes/attribute-index.ts';
import { E_MEMORY, E_NOT_FINITE, E_RADIUS } from '../engine/layout.ts';
import { parseFilter } from '../filter/expression.ts';
import { selectSlots } from '../filter/selection.ts';
import { EF_MAX, TAIL_COMPONENTS, TAIL_SLOTS_MAX, TAIL_SLOTS_MIN } from '../limits.ts';
import type { CheckedOptions } from '../options.ts';
import { appendBatch, batchCount, checkFinite, checkIds } from '../segment-batch.ts';
import type { SlotHit } from '../segment-search.ts';
import type { Segment } from '../segment.ts';
import { assert, VectorError } from '../vector-error.ts';
import { VectorIndex } from '../vector-index.ts';
import {
  checkCount, checkId, checkSearchOptions, checkStrategy, checkVector, checkVectors,
} from '../vector-types.ts';
import type {
  SearchHit, SearchOptions, VectorId, VectorIndexInfo, VectorLike,
} from '../vector-types.ts';
import { OwnerNews } from './owner-news.ts';
import { SearchDesk } from './search-desk.ts';
import type { ThreadMessage } from './thread-messages.ts';
import { threadCountOf, ThreadPool } from './thread-pool.ts';
import type { ThreadOptions } from './thread-pool.ts';
import { WriteLine } from './write-line.ts';

/** @internal Known faults, for the litmus tests, which must see them. */
export interface KnownFaults {
  /** Searches look at the tail after their walk. */
  readonly isTailLate?: boolean;
  /** Searches announce no era, so slots are used again under them. */
  readonly isSilent?: boolean;
}

/** Queries in one message to a thread. */
const QUERIES_PER_MESSAGE = 32;
/** Messages of one searchMany that are on their way at once. */
const MESSAGES_AT_ONCE = 64;
/** Searches again, because what it found was deleted before it was read, so many times at most. */
const SEARCH_AGAIN_MAX = 2;

/** A vector index with threads. */
export class ThreadedVectorIndex {
  readonly options: CheckedOptions;
  private readonly segment: Segment;
  /** The id of each slot. */
  private readonly idsOfSlots: (VectorId | undefined)[];
  private readonly attributes: AttributeIndex;
  private readonly places = new Map<VectorId, number>();
  private readonly pool: ThreadPool;
  private readonly desk: SearchDesk;
  private readonly news: OwnerNews;
  private readonly line = new WriteLine();
  /** Places of the tail that may be taken, and places of the rings. */
  private readonly tailMax: number;
  private readonly ringSize: number;
  private isClosed = false;

  private constructor(
    index: VectorIndex, part: ReturnType<VectorIndex['moveOut']>[number], threadCount: number,
    faults: KnownFaults,
  ) {
    this.options = index.options;
    this.segment = part.segment;
    this.idsOfSlots = part.ids;
    this.attributes = part.attributes;
    for (const [slot, id] of part.ids.entries()) if (id !== undefined) this.places.set(id, slot);
    const { dimension, trainingCount } = this.options;
    this.tailMax = Math.min(TAIL_SLOTS_MAX,
      Math.max(TAIL_SLOTS_MIN, Math.floor(TAIL_COMPONENTS / dimension)));
    const most = Math.max(this.tailMax, trainingCount) + this.segment.pendingCount
      + Math.min(this.tailMax, batchCount(dimension));
    this.ringSize = 2 ** Math.ceil(Math.log2(most));
    this.pool = new ThreadPool(threadCount, {
      onMessage: (thread, message) => { this.onMessage(thread, message); },
      onFailure: (error) => { this.fail(error); },
    });
    this.news = new OwnerNews(this.pool);
    this.desk = new SearchDesk(this.segment, this.pool, faults.isSilent !== true);
  }

  /**
   * Starts threads over what `index` holds, which is empty from then on. An index of several
   * memories (beyond 4 GiB) is refused.
   * @throws VectorError OPTION, MEMORY_LIMIT, THREAD: the index is as it was
   */
  static async open(
    index: VectorIndex, options: ThreadOptions = {}, faults: KnownFaults = {},
  ): Promise<ThreadedVectorIndex> {
    if (!(index instanceof VectorIndex)) {
      throw new VectorError('OPTION', 'what threads share is a VectorIndex');
    }
    const threads = threadCountOf(options);
    if (index.parts().length !== 1) {
      throw new VectorError('OPTION', 'an index of several memories cannot be shared by threads');
    }
    const parts = index.moveOut();
    const [part] = parts;
    assert(part !== undefined, 'an index has a memory');
    const shared = new ThreadedVectorIndex(index, part, threads, faults);
    const { calls, memory } = shared.segment.engine;
    if (calls.share(shared.ringSize) === E_MEMORY) {
      index.moveIn(parts);
      throw new VectorError('MEMORY_LIMIT', 'no memory for what waits to be linked');
    }
    try {
      await shared.pool.start({
        options: shared.options, memory, isTailLate: faults.isTailLate === true,
      });
    } catch (error) {
      await shared.pool.end();
      calls.unshare(shared.options.efConstruction);
      index.moveIn(parts);
      throw error;
    }
    shared.segment.engine.fit();
    return shared;
  }

  /** How many vectors are stored. */
  get size(): number { return this.places.size; }
  get threadCount(): number { return this.pool.threadCount; }

  get info(): VectorIndexInfo {
    const { segment } = this;
    return {
      size: this.size, segmentCount: 1, bytesUsed: segment.engine.bytesUsed,
      pendingCount: this.options.mode === 'exact' ? 0 : segment.pendingCount,
      deadCount: segment.deadCount, freeCount: segment.freeCount, isTrained: segment.isTrained,
    };
  }

  /**
   * Stores a vector under an id, in the place of what was there, attributes included. When it
   * resolves every search that begins finds it. Writes take effect in the order of the calls.
   * @returns true when the id is new
   * @throws VectorError DIMENSION, NOT_FINITE, ID, ATTRIBUTES, MEMORY_LIMIT, BUSY, THREAD, CLOSED
   */
  async add(id: VectorId, vector: VectorLike, attributes?: object): Promise<boolean> {
    this.checkUsable();
    checkId(id);
    checkVector(vector, this.options.dimension);
    const checked = attributes === undefined ? undefined : checkAttributes(attributes);
    if (this.line.isFree && this.hasRoom(1)) {
      const isNew = this.addNow(id, vector, checked);
      if (isNew !== undefined) {
        if (this.isRangeDue) await this.line.run(() => this.train());
        return isNew;
      }
    }
    const copy = Float32Array.from(vector);
    return this.line.run(async () => {
      await this.room(1);
      let isNew = this.addNow(id, copy, checked);
      if (isNew === undefined) {
        await this.raiseRadius(copy);
        isNew = this.addNow(id, copy, checked);
      }
      assert(isNew !== undefined, 'the radius is great enough now');
      await this.train();
      return isNew;
    });
  }

  /**
   * Stores many vectors: component j of vector i is `vectors[i * dimension + j]`. The threads link
   * meanwhile; it resolves when all are stored. `vectors` must not be changed until then.
   * @returns how many ids were new
   */
  async addMany(ids: readonly VectorId[], vectors: Float32Array): Promise<number> {
    this.checkUsable();
    checkIds(this.options.dimension, ids, vectors);
    checkFinite(this.segment, vectors);
    return this.line.run(async () => {
      let newCount = 0;
      const most = Math.min(this.tailMax, batchCount(this.options.dimension));
      for (let at = 0; at < ids.length;) {
        const count = Math.min(ids.length - at, most);
        await this.room(count);
        const slots = appendBatch(this.segment, vectors, at, count);
        for (const [i, slot] of slots.entries()) {
          const id = ids[at + i];
          if (id !== undefined && this.settleId(id, slot)) newCount++;
        }
        at += slots.length;
        this.pool.board.wake();
        await this.train();
        if (slots.length === count) continue;
        // Refused: for its length, or because memory has ended, which storing it alone says.
        const id = ids[at];
        assert(id !== undefined, 'the refused one is one of them');
        const vector = this.rowOf(vectors, at);
        await this.raiseRadius(vector);
        if (this.addNow(id, vector, undefined) === true) newCount++;
        at++;
      }
      return newCount;
    });
  }

  /** The vector of an id, into the caller's array if one is given; undefined when absent. */
  get(id: VectorId, into?: Float32Array): Float32Array | undefined {
    this.checkOpen();
    const slot = this.places.get(id);
    if (slot === undefined) return undefined;
    const vector = into ?? new Float32Array(this.options.dimension);
    if (vector.length < this.options.dimension) this.checkDimension(vector.length);
    this.segment.engine.fit();
    this.segment.readInto(slot, vector);
    return vector;
  }

  has(id: VectorId): boolean { return this.places.has(id); }

  /** All ids, in no order. Do not write while iterating. */
  ids(): IterableIterator<VectorId> { return this.places.keys(); }

  /** Removes an id for all searches that begin when it resolves. @returns whether it was there */
  async delete(id: VectorId): Promise<boolean> {
    this.checkUsable();
    if (this.line.isFree && this.hasRoom(1)) return this.deleteNow(id);
    return this.line.run(async () => {
      await this.room(1);
      return this.deleteNow(id);
    });
  }

  getAttributes(id: VectorId): Attributes | undefined {
    const slot = this.places.get(id);
    return slot === undefined ? undefined : this.attributes.get(slot);
  }

  /** Sets, or with undefined removes, the attributes of an id. @returns false when it is absent */
  setAttributes(id: VectorId, attributes: object | undefined): boolean {
    this.checkUsable();
    const slot = this.places.get(id);
    if (slot === undefined) return false;
    if (attributes === undefined) this.attributes.remove(slot);
    else this.attributes.set(slot, checkAttributes(attributes));
    return true;
  }

  /**
   * The k nearest to a query, ascending by distance: of what was stored when it was called, and
   * perhaps of what came since. Fewer than k only when fewer match.
   * @throws VectorError DIMENSION, NOT_FINITE, COUNT, FILTER, BUSY, THREAD, CLOSED
   */
  async search(query: VectorLike, k: number, options: SearchOptions = {}): Promise<SearchHit[]> {
    checkVector(query, this.options.dimension);
    const [hits] = await this.searchPart(Float32Array.from(query), k, options);
    return hits ?? [];
  }

  /** Answers for many queries, by all threads: query i is components i * dimension and on. */
  async searchMany(
    queries: Float32Array, k: number, options: SearchOptions = {},
  ): Promise<SearchHit[][]> {
    const { dimension } = this.options;
    checkVectors(queries, dimension);
    const count = queries.length / dimension;
    const each = Math.min(QUERIES_PER_MESSAGE, Math.max(1, Math.ceil(count / this.threadCount)));
    const answers: SearchHit[][] = [];
    for (let at = 0; at < count; at += each * MESSAGES_AT_ONCE) {
      const parts: Promise<SearchHit[][]>[] = [];
      for (let i = at; i < Math.min(count, at + each * MESSAGES_AT_ONCE); i += each) {
        const part = queries.slice(i * dimension, Math.min(count, i + each) * dimension);
        parts.push(this.searchPart(part, k, options));
      }
      answers.push(...(await Promise.all(parts)).flat());
    }
    return answers;
  }

  /** Resolves when all that was stored is linked, and all that was deleted is taken out. */
  async settle(): Promise<void> {
    this.checkUsable();
    await this.line.run(async () => {
      const { board } = this.pool;
      board.setSweeping(true);
      board.wake();
      try {
        await this.news.until(() => this.backlog() === 0, 1);
      } finally {
        board.setSweeping(false);
      }
    });
  }

  /**
   * Ends the threads, after what was called before, and gives what is stored as an index of one
   * thread. This one is of no further use.
   * @throws VectorError THREAD when a thread has died: nothing can be given back then
   */
  async close(): Promise<VectorIndex> {
    this.checkOpen();
    this.isClosed = true;
    try {
      await this.line.run(() => this.news.until(() => this.desk.openCount === 0, 0));
    } finally {
      await this.pool.end();
    }
    const { segment, idsOfSlots, attributes, options } = this;
    this.places.clear();
    segment.engine.fit();
    segment.engine.calls.unshare(options.efConstruction);
    segment.engine.fit();
    return VectorIndex.fromParts(options, [{ segment, ids: idsOfSlots, attributes }]);
  }

  /** @internal Terminates a thread, as a fault would. */
  terminateThread(thread: number): Promise<void> { return this.pool.terminate(thread); }

  private get isRangeDue(): boolean { return this.segment.hasCodes && this.segment.isRangeDue; }
  /** Stored vectors go to the tail: there is a graph, and there are codes to link by. */
  private get hasTail(): boolean {
    return this.options.mode !== 'exact' && this.segment.isTrained;
  }

  private checkOpen(): void {
    if (this.isClosed) throw new VectorError('CLOSED', 'the index was closed');
  }
  private checkUsable(): void {
    this.checkOpen();
    if (this.news.failure !== undefined) throw this.news.failure;
  }
  private checkDimension(length: number): void {
    if (length === this.options.dimension) return;
    throw new VectorError('DIMENSION',
      `the vector has ${length} components, the index ${this.options.dimension}`);
  }

  private hasRoom(count: number): boolean {
    if (!this.hasTail) return true;
    return this.segment.tailCount + count <= this.tailMax
      && this.segment.goneCount + count <= this.ringSize;
  }
  private async room(count: number): Promise<void> {
    await this.news.until(() => this.hasRoom(count), Math.max(1, this.tailMax >> 1));
  }

  /** Stores a vector; undefined when the radius must be raised before. */
  private addNow(
    id: VectorId, vector: VectorLike, attributes: Attributes | undefined,
  ): boolean | undefined {
    const { segment } = this;
    segment.setQuery(vector);
    const slot = segment.append();
    segment.engine.fit();
    if (slot === E_RADIUS) return undefined;
    if (slot === E_NOT_FINITE) {
      throw new VectorError('NOT_FINITE', 'a component, or the length, is not finite');
    }
    if (slot === E_MEMORY) {
      throw new VectorError('MEMORY_LIMIT',
        `${segment.engine.bytesUsed} bytes are used, and threads share one memory`);
    }
    const isNew = this.settleId(id, slot);
    if (attributes !== undefined) this.attributes.set(slot, attributes);
    this.pool.board.wake(1);
    return isNew;
  }

  private settleId(id: VectorId, slot: number): boolean {
    const old = this.places.get(id);
    this.idsOfSlots[slot] = id;
    this.places.set(id, slot);
    if (old === undefined) return true;
    this.drop(old);
    return false;
  }

  private deleteNow(id: VectorId): boolean {
    const slot = this.places.get(id);
    if (slot === undefined) return false;
    this.places.delete(id);
    this.drop(slot);
    this.pool.board.wake(1);
    return true;
  }

  private drop(slot: number): void {
    this.idsOfSlots[slot] = undefined;
    this.attributes.remove(slot);
    // Without a tail no thread changes anything, and the owner does it alone.
    if (!this.hasTail) { this.segment.remove(slot); return; }
    const result = this.segment.engine.calls.markGone(slot);
    assert(result === 0, `slot ${slot} is there when it is removed`);
  }

  private rowOf(vectors: Float32Array, row: number): Float32Array {
    const { dimension } = this.options;
    return vectors.slice(row * dimension, (row + 1) * dimension);
  }

  private async raiseRadius(vector: Float32Array): Promise<void> {
    if (this.options.metric !== 'ip') return;
    await this.standStill(() => {
      this.segment.setQuery(vector);
      this.segment.engine.calls.raiseRadius();
    });
  }

  /** Takes the codes' range when it is time; the first time what has waited goes to the tail. */
  private async train(): Promise<void> {
    if (!this.isRangeDue) return;
    await this.standStill(() => {
      const wasTrained = this.segment.isTrained;
      this.segment.train();
      if (!wasTrained) this.segment.engine.calls.movePending();
      this.segment.engine.fit();
    });
  }

  /** Does something while no thread is at work. */
  private async standStill(change: () => void): Promise<void> {
    const { board } = this.pool;
    board.closeGate();
    try {
      await this.news.until(() => !this.pool.isWorking, 0);
      change();
    } finally {
      board.openGate();
      board.wake();
    }
  }

  private backlog(): number {
    const { segment } = this;
    return (this.hasTail ? segment.tailCount : 0) + segment.goneCount
      + (segment.isSweeping || segment.deadCount > 0 ? 1 : 0);
  }

  private onMessage(thread: number, message: ThreadMessage): void {
    if (message.kind === 'answer' || message.kind === 'refusal') {
      this.desk.onMessage(thread, message);
    }
    // Who closes waits for the last answer.
    if (message.kind === 'news' || this.isClosed) this.news.tell();
  }

  private fail(error: VectorError): void {
    this.desk.fail(error);
    this.news.fail(error);
  }

  private async searchPart(
    queries: Float32Array, k: number, options: SearchOptions,
  ): Promise<SearchHit[][]> {
    this.checkUsable();
    checkSearchOptions(options);
    checkCount('k', k);
    const offset = options.offset ?? 0;
    checkCount('offset', offset);
    const ef = options.ef ?? this.options.ef;
    checkCount('ef', ef);
    const strategy = checkStrategy(options.filterStrategy);
    const filter = options.filter === undefined ? undefined : parseFilter(options.filter);
    for (let round = 0; ; round++) {
      let lostCount = 0;
      const read = (found: readonly (readonly SlotHit[])[]): SearchHit[][] =>
        found.map((slots) => {
          const hits: SearchHit[] = [];
          for (const { slot, distance } of slots) {
            if (distance > (options.distanceMax ?? Infinity)) break;
            const hit = this.hitOf(slot, distance, options.withAttributes === true);
            if (hit === undefined) lostCount++;
            else hits.push(hit);
          }
          return hits.slice(offset, offset + k);
        });
      const answers = await this.desk.ask((number) => ({
        number, queries, k: Math.min(k + offset, this.size), ef: Math.min(ef, EF_MAX),
        isExact: options.exact === true, strategy,
        filter: filter === undefined ? undefined : selectSlots(filter, this.attributes).words,
      }), read);
      if (lostCount === 0 || round === SEARCH_AGAIN_MAX || this.isClosed) return answers;
    }
  }

  /** A found slot as its user sees it; undefined when it was deleted since. */
  private hitOf(
    slot: number, distance: number, withAttributes: boolean,
  ): SearchHit | undefined {
    const id = this.idsOfSlots[slot];
    if (id === undefined) return undefined;
    const attributes = withAttributes ? this.attributes.get(slot) : undefined;
    return attributes === undefined ? { id, distance } : { id, distance, attributes };
  }
}
