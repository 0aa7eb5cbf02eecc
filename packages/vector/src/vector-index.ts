/**
 * The index as its users see it: vectors by id, with attributes, searched by nearness.
 * Ids map to a place: a segment (one memory) and a slot in it. Overwriting stores first and removes
 * then, so a refused vector changes nothing. Every argument is checked before the first change.
 * One thread; every call runs to its end. Work that inserts leave behind (linking, sweeping) is
 * done in small parts by later writes, or at once by `settle`.
 * Cost at 128 dimensions: store .7 us, link 80 us, search 10 us at 20 k (docs/internals/vector.md).
 */
import { AttributeIndex, checkAttributes, checkMany } from './attributes/attribute-index.ts';
import type { Attributes } from './attributes/attribute-index.ts';
import type { Bitmap } from './attributes/bitmap.ts';
import { E_MEMORY, E_NOT_FINITE, SLOTS_MAX } from './engine/layout.ts';
import { parseFilter } from './filter/expression.ts';
import { selectSlots } from './filter/selection.ts';
import { EF_MAX, LINKS_PER_ADD, SEGMENT_BYTES_MIN } from './limits.ts';
import { checkOptions } from './options.ts';
import type { CheckedOptions, VectorIndexOptions } from './options.ts';
import {
  checkCount, checkId, checkSearchOptions, checkStrategy, checkVector, checkVectors,
} from './vector-types.ts';
import type {
  SearchHit, SearchOptions, VectorId, VectorIndexInfo, VectorLike, WithinOptions,
} from './vector-types.ts';
import { compactSegment } from './compaction.ts';
import { appendBatch, batchCount, checkFinite, checkIds } from './segment-batch.ts';
import { searchSegment, searchWithin } from './segment-search.ts';
import { Segment } from './segment.ts';
import { assert, VectorError } from './vector-error.ts';

/** What belongs to one memory. */
export interface Room {
  segment: Segment;
  ids: (VectorId | undefined)[];
  attributes: AttributeIndex;
}

const FILTERS_KEPT_MAX = 32;
/** Linking can push a vector out again, among equal ones; then it waits, and scans find it. */
const SETTLE_ROUNDS = 3;

/** A vector index. */
export class VectorIndex {
  readonly options: CheckedOptions;
  private readonly rooms: Room[] = [];
  private readonly places = new Map<VectorId, number>();
  /** Bitmaps of recent filters, by room and text, with the version they hold for. */
  private readonly selections = new Map<string, { version: number; bitmap: Bitmap }>();

  constructor(options: VectorIndexOptions) {
    this.options = checkOptions(options);
    this.rooms.push(this.newRoom(this.options.bytesMax));
  }

  /** How many vectors are stored. */
  get size(): number { return this.places.size; }
  get dimension(): number { return this.options.dimension; }
  /** Whether `get` gives back what was stored, bit by bit; else the nearest that is kept. */
  get isLossless(): boolean { return this.options.storage === 'f32'; }

  get info(): VectorIndexInfo {
    const sum = (of: (segment: Segment) => number): number =>
      this.rooms.reduce((total, room) => total + of(room.segment), 0);
    return {
      size: this.size, segmentCount: this.rooms.length,
      bytesUsed: sum((segment) => segment.engine.bytesUsed),
      pendingCount: this.options.mode === 'exact' ? 0 : sum((segment) => segment.pendingCount),
      deadCount: sum((segment) => segment.deadCount),
      freeCount: sum((segment) => segment.freeCount),
      isTrained: this.rooms.every((room) => room.segment.isTrained),
    };
  }

  /**
   * Stores a vector under an id, in the place of what was there, attributes included.
   * @returns true when the id is new
   * @throws VectorError DIMENSION, NOT_FINITE, ID, ATTRIBUTES, MEMORY_LIMIT: nothing has changed
   */
  add(id: VectorId, vector: VectorLike, attributes?: object): boolean {
    checkId(id);
    checkVector(vector, this.options.dimension);
    const checked = attributes === undefined ? undefined : checkAttributes(attributes);
    const place = this.store(vector);
    const isNew = this.settleId(id, place, checked);
    this.afterWrite(1);
    return isNew;
  }

  /**
   * Stores many vectors: component j of vector i is `vectors[i * dimension + j]`. The quickest way
   * in. Either all are stored or, when memory ends, those before the refused one.
   * @param attributes of as many of the first as there are
   * @returns how many ids were new
   * @throws VectorError as `add`
   */
  addMany(
    ids: readonly VectorId[], vectors: Float32Array,
    attributes: readonly (object | undefined)[] = [],
  ): number {
    const first = this.rooms[0];
    assert(first !== undefined, 'there is a room');
    const { dimension } = this.options;
    checkIds(dimension, ids, vectors);
    const checked = checkMany(attributes, ids.length);
    // What goes in at once is looked at there, and copied once.
    const isChecked = ids.length > batchCount(dimension) || this.rooms.length > 1;
    if (isChecked) checkFinite(first.segment, vectors);
    let newCount = 0;
    for (let at = 0; at < ids.length;) {
      const count = Math.min(ids.length - at, batchCount(dimension));
      newCount += this.storeBatch(ids, vectors, checked, at, count, isChecked);
      at += count;
      this.afterWrite(count);
    }
    return newCount;
  }

  /** The vector of an id, into the caller's array if one is given; undefined when absent. */
  get(id: VectorId, into?: Float32Array): Float32Array | undefined {
    const place = this.places.get(id);
    if (place === undefined) return undefined;
    const vector = into ?? new Float32Array(this.options.dimension);
    if (vector.length < this.options.dimension) this.refuseDimension(vector.length);
    this.roomOf(place).segment.readInto(slotOf(place), vector);
    return vector;
  }

  has(id: VectorId): boolean { return this.places.has(id); }

  /** Removes an id. @returns true when it was there */
  delete(id: VectorId): boolean {
    const place = this.places.get(id);
    if (place === undefined) return false;
    this.dropPlace(place);
    this.places.delete(id);
    this.compactIfSparse();
    return true;
  }

  /** All ids, in no order. Do not write while iterating. */
  ids(): IterableIterator<VectorId> { return this.places.keys(); }

  /** Removes everything and gives the memory back. */
  clear(): void {
    const fresh = this.newRoom(this.options.bytesMax);
    this.places.clear();
    this.selections.clear();
    this.rooms.length = 0;
    this.rooms.push(fresh);
  }

  getAttributes(id: VectorId): Attributes | undefined {
    const place = this.places.get(id);
    return place === undefined ? undefined : this.roomOf(place).attributes.get(slotOf(place));
  }

  /** Sets, or with undefined removes, the attributes of an id. @returns false when it is absent */
  setAttributes(id: VectorId, attributes: object | undefined): boolean {
    const place = this.places.get(id);
    if (place === undefined) return false;
    const index = this.roomOf(place).attributes;
    if (attributes === undefined) index.remove(slotOf(place));
    else index.set(slotOf(place), checkAttributes(attributes));
    return true;
  }

  /**
   * The k nearest to a query, ascending by distance. Fewer than k only when fewer match.
   * @throws VectorError DIMENSION, NOT_FINITE, COUNT, FILTER
   */
  search(query: VectorLike, k: number, options: SearchOptions = {}): SearchHit[] {
    checkSearchOptions(options);
    checkCount('k', k);
    const offset = options.offset ?? 0;
    checkCount('offset', offset);
    checkVector(query, this.options.dimension);
    const ef = options.ef ?? this.options.ef;
    checkCount('ef', ef);
    const filter = options.filter === undefined ? undefined : parseFilter(options.filter);
    const distanceMax = options.distanceMax ?? Infinity;
    if (Number.isNaN(distanceMax)) throw new VectorError('COUNT', 'distanceMax is NaN');
    const wanted = Math.min(k + offset, this.size);
    const hits: SearchHit[] = [];
    for (const [number, room] of this.rooms.entries()) {
      const bitmap = filter === undefined ? undefined
        : this.selection(number, room, options.filter ?? '', () =>
          selectSlots(filter, room.attributes));
      room.segment.setQuery(query);
      const found = searchSegment(room.segment, {
        k: wanted, ef: Math.min(ef, EF_MAX), isExact: options.exact === true, filter: bitmap,
        strategy: checkStrategy(options.filterStrategy),
      });
      for (const { slot, distance } of found) {
        if (distance > distanceMax) break;
        hits.push(hitOf(room, slot, distance, options.withAttributes === true));
      }
    }
    if (this.rooms.length > 1) hits.sort((a, b) => a.distance - b.distance);
    return hits.slice(offset, offset + k);
  }

  /** As `search`, from the vector of a stored id, which is left out unless `includeSelf`. */
  searchById(
    id: VectorId, k: number, options: SearchOptions & { readonly includeSelf?: boolean } = {},
  ): SearchHit[] {
    const vector = this.get(id);
    if (vector === undefined) {
      throw new VectorError('NOT_FOUND', `no vector has the id ${JSON.stringify(id)}`);
    }
    if (options.includeSelf === true) return this.search(vector, k, options);
    checkCount('k', k);
    const offset = options.offset ?? 0;
    checkCount('offset', offset);
    const hits = this.search(vector, k + offset + 1, { ...options, offset: 0 });
    return hits.filter((hit) => hit.id !== id).slice(offset, offset + k);
  }

  /** Everything within a distance, ascending, at most `limit` of it. Always exact. */
  searchWithin(
    query: VectorLike, distance: number, options: WithinOptions = {},
  ): SearchHit[] {
    checkVector(query, this.options.dimension);
    const limit = options.limit ?? Number.MAX_SAFE_INTEGER;
    const offset = options.offset ?? 0;
    checkCount('limit', limit);
    checkCount('offset', offset);
    if (Number.isNaN(distance)) throw new VectorError('COUNT', 'the distance is NaN');
    const filter = options.filter === undefined ? undefined : parseFilter(options.filter);
    const hits: SearchHit[] = [];
    for (const room of this.rooms) {
      const bitmap = filter === undefined ? undefined : selectSlots(filter, room.attributes);
      room.segment.setQuery(query);
      for (const hit of searchWithin(room.segment, distance, bitmap)) {
        hits.push(hitOf(room, hit.slot, hit.distance, options.withAttributes === true));
      }
    }
    if (this.rooms.length > 1) hits.sort((a, b) => a.distance - b.distance);
    return hits.slice(offset, Math.min(offset + limit, hits.length));
  }

  /** Answers for many queries: query i is components i * dimension and on. */
  searchMany(queries: Float32Array, k: number, options: SearchOptions = {}): SearchHit[][] {
    const { dimension } = this.options;
    checkVectors(queries, dimension);
    const answers: SearchHit[][] = [];
    for (let at = 0; at < queries.length; at += dimension) {
      answers.push(this.search(queries.subarray(at, at + dimension), k, options));
    }
    return answers;
  }

  /** Links up to `count` waiting vectors; how many wait still. */
  link(count: number): number {
    checkCount('count', count);
    let left = count;
    for (const { segment } of this.rooms) {
      const before = segment.pendingCount;
      left -= before - segment.link(left);
    }
    return this.info.pendingCount;
  }

  /** Does all work that waits: links everything, sweeps what is dead. */
  settle(): void {
    for (const { segment } of this.rooms) {
      if (this.options.mode === 'exact') continue;
      for (let round = 0; round < SETTLE_ROUNDS && segment.isTrained; round++) {
        segment.link(segment.pendingCount);
      }
      segment.sweepAll();
    }
  }

  /** Moves everything into fresh memory without gaps. The graph stays as it is. */
  compact(): void {
    for (const room of this.rooms) this.compactRoom(room);
  }

  /** @internal The memories and what belongs to them, for images. */
  parts(): readonly { segment: Segment; ids: readonly (VectorId | undefined)[];
    attributes: AttributeIndex }[] {
    return this.rooms;
  }

  /** @internal An index over memories that were loaded. */
  static fromParts(
    options: CheckedOptions,
    parts: readonly { segment: Segment; ids: (VectorId | undefined)[];
      attributes: AttributeIndex }[],
  ): VectorIndex {
    const index = new VectorIndex(options);
    if (parts.length > 0) index.moveIn(parts);
    return index;
  }

  /** @internal Gives its memories away, and is empty then. */
  moveOut(): Room[] {
    const parts = [...this.rooms];
    this.clear();
    return parts;
  }

  /** @internal Puts memories in the place of its own. */
  moveIn(
    parts: readonly { segment: Segment; ids: (VectorId | undefined)[];
      attributes: AttributeIndex }[],
  ): void {
    this.places.clear();
    this.selections.clear();
    this.rooms.length = 0;
    for (const part of parts) {
      this.rooms.push({ ...part });
      for (const [slot, id] of part.ids.entries()) {
        if (id !== undefined) this.places.set(id, (this.rooms.length - 1) * SLOTS_MAX + slot);
      }
    }
  }

  private newRoom(bytesMax: number): Room {
    return {
      segment: Segment.create(this.options, bytesMax), ids: [], attributes: new AttributeIndex(),
    };
  }

  private roomOf(place: number): Room {
    const room = this.rooms[Math.floor(place / SLOTS_MAX)];
    assert(room !== undefined, 'a place lies in a room');
    return room;
  }

  private refuseDimension(length: number): never {
    throw new VectorError('DIMENSION',
      `the vector has ${length} components, the index ${this.options.dimension}`);
  }

  /** Stores a vector in the newest room with a place for it; a new room when all are full. */
  private store(vector: VectorLike): number {
    for (let number = this.rooms.length - 1; number >= 0; number--) {
      const room = this.rooms[number];
      if (room === undefined) continue;
      room.segment.setQuery(vector);
      const slot = room.segment.append();
      if (slot >= 0) return number * SLOTS_MAX + slot;
      if (slot === E_NOT_FINITE) {
        throw new VectorError('NOT_FINITE', 'a component, or the length, is not finite');
      }
      assert(slot === E_MEMORY, 'append refuses for memory or for components');
    }
    this.openRoom();
    return this.store(vector);
  }

  private openRoom(): void {
    const rest = this.options.bytesMax - this.info.bytesUsed;
    // A room that has nothing in it is as large as a room can be: another would not help.
    const isEmpty = this.rooms.at(-1)?.segment.slotCount === 0;
    if (rest < SEGMENT_BYTES_MIN || isEmpty) {
      throw new VectorError('MEMORY_LIMIT',
        `${this.info.bytesUsed} bytes are used, ${this.options.bytesMax} are allowed`);
    }
    this.rooms.push(this.newRoom(rest));
  }

  /** The id now lives at `place`; what it had before goes. @returns true when it is new */
  private settleId(id: VectorId, place: number, attributes: Attributes | undefined): boolean {
    const old = this.places.get(id);
    const room = this.roomOf(place);
    room.ids[slotOf(place)] = id;
    if (attributes !== undefined) room.attributes.set(slotOf(place), attributes);
    this.places.set(id, place);
    if (old === undefined) return true;
    this.dropPlace(old);
    return false;
  }

  private dropPlace(place: number): void {
    const room = this.roomOf(place);
    const slot = slotOf(place);
    room.segment.remove(slot);
    room.ids[slot] = undefined;
    room.attributes.remove(slot);
  }

  private storeBatch(
    ids: readonly VectorId[], vectors: Float32Array,
    attributes: readonly (Attributes | undefined)[], from: number, count: number,
    isChecked: boolean,
  ): number {
    const { dimension } = this.options;
    const number = this.rooms.length - 1;
    const room = this.rooms[number];
    assert(room !== undefined, 'there is a room');
    const slots = appendBatch(room.segment, vectors, from, count, isChecked);
    const hasAttributes = attributes.length > 0;
    let newCount = 0;
    // By number: an iterator takes as long as the table of ids.
    for (let i = 0; i < slots.length; i++) {
      const id = ids[from + i];
      const slot = slots[i];
      if (id === undefined || slot === undefined) continue;
      const given = hasAttributes ? attributes[from + i] : undefined;
      if (this.settleId(id, number * SLOTS_MAX + slot, given)) newCount++;
    }
    for (let i = from + slots.length; i < from + count; i++) {
      const id = ids[i];
      if (id === undefined) continue;
      const place = this.store(vectors.subarray(i * dimension, (i + 1) * dimension));
      if (this.settleId(id, place, attributes[i])) newCount++;
    }
    return newCount;
  }

  /** Takes the codes' range when it is time, and links what waits, a little for each write. */
  private afterWrite(count: number): void {
    const { mode, autoFlatMax } = this.options;
    for (const { segment } of this.rooms) {
      segment.engine.fit();
      if (segment.hasCodes) segment.train();
      if (mode === 'exact' || !segment.isTrained) continue;
      if (mode === 'auto' && segment.liveCount <= autoFlatMax) continue;
      if (segment.pendingCount > 0) segment.link(count * LINKS_PER_ADD);
    }
  }

  /** The bitmap of a filter in a room, from the last search with it if nothing has changed. */
  private selection(number: number, room: Room, text: string, make: () => Bitmap): Bitmap {
    const key = `${number} ${text}`;
    const { version } = room.attributes;
    const kept = this.selections.get(key);
    if (kept?.version === version) return kept.bitmap;
    const bitmap = make();
    this.selections.delete(key);
    if (this.selections.size >= FILTERS_KEPT_MAX) {
      for (const oldest of this.selections.keys()) { this.selections.delete(oldest); break; }
    }
    this.selections.set(key, { version, bitmap });
    return bitmap;
  }

  /** Gives memory back once three of four slots are free. */
  private compactIfSparse(): void {
    for (const room of this.rooms) {
      const { slotCount, liveCount } = room.segment;
      if (slotCount > 4096 && liveCount * 4 < slotCount) this.compactRoom(room);
    }
  }

  private compactRoom(room: Room): void {
    const compacted = compactSegment(room.segment);
    if (compacted === undefined) return;
    const number = this.rooms.indexOf(room);
    const ids: (VectorId | undefined)[] = [];
    const attributes = new AttributeIndex();
    for (const [slot, id] of room.ids.entries()) {
      if (id === undefined) continue;
      const to = compacted.slots[slot];
      assert(to !== undefined && to >= 0, 'a live slot has a new place');
      ids[to] = id;
      this.places.set(id, number * SLOTS_MAX + to);
      const carried = room.attributes.get(slot);
      if (carried !== undefined) attributes.set(to, carried);
    }
    room.segment = compacted.segment;
    room.ids = ids;
    room.attributes = attributes;
    this.selections.clear();
  }
}

function slotOf(place: number): number {
  return place % SLOTS_MAX;
}

function hitOf(room: Room, slot: number, distance: number, withAttributes: boolean): SearchHit {
  const id = room.ids[slot];
  assert(id !== undefined, 'a found slot has an id');
  const attributes = withAttributes ? room.attributes.get(slot) : undefined;
  return attributes === undefined ? { id, distance } : { id, distance, attributes };
}
