/**
 * The indexes of a shard's big vector sets, beside the arena: made when a set grows beyond what is
 * scanned in no time, filled and linked in slices, dropped when it has shrunk or gone. The elements
 * are the data; an index only knows where to look first, and can be made again of them at any time.
 *
 *   none ─ FLAT_COMPONENTS_MAX passed ─▶ filling ─ every element has a place ─▶ whole
 *     │ ◀────────────── shrunk to a quarter, gone, or refused by the engine ─────────┘ ▲
 *     └─ a snapshot has its graph ─▶ restoring ─ all elements have come ───────────────┘
 *
 * While an index is filling, searches scan the elements. A set names its index by the handle in its
 * root block; an element names its slot, and the room of the set names the element of each slot.
 * Invariants: an element with a place stands in its set's room under that slot; the room's root is
 *   where the set's root block lies; `indexBytes` is the sum of what all rooms take, and counts
 *   towards maxmemory.
 * Cost: storing in a set with an index about 1 us more, and LINKS_PER_WRITE links of some 80 us
 *   each; a slice of filling or linking about 200 us.
 */
import { assert } from '../../assert.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../../structs/dict-layout.ts';
import { Dict } from '../../structs/dict.hot.ts';
import { entryRoot } from '../../structs/entry.hot.ts';
import { fieldValueAt } from '../../structs/member.hot.ts';
import { ParkedSearches } from './parked-searches.ts';
import type { NearestImage, NearestIndex, RestoringIndex, VectorEngine } from './vector-engine.ts';
import { NO_NODE, PUT_NO_MEMORY, PUT_NOT_FINITE } from './vector-engine.ts';
import { indexOptionsOf } from './vector-index-options.ts';
import { attributesOf, VectorRoom } from './vector-room.ts';
import type { SearchedIndex } from './vector-room.ts';
import type { VectorShape } from './vector-set-layout.ts';
import {
  elementPlace, PLACE_BYTES, SET_DICT_WORD, SET_HANDLE, SET_DIMENSION, setElementPlace, shapeAt,
} from './vector-set-layout.ts';
import { VectorWindow } from './vector-window.ts';

/** A set of so many components, and elements, is scanned; beyond it gets an index. */
const FLAT_COMPONENTS_MAX = 131_072;
const FLAT_ELEMENTS_MIN = 128;
/** An index goes when its set has shrunk to this share of that. */
const SHRUNK_SHARE = 4;
/** Elements put into an index by the command that makes it, and by one slice later. */
const FILLED_AT_ONCE = 1024;
const FILLED_PER_SLICE = 128;
/** Lines without an element to fill in that one slice passes over. */
const LINES_PASSED_MAX = 256;
/** Vectors linked after each that is stored, and by one slice. */
const LINKS_PER_WRITE = 2;
const LINKS_PER_SLICE = 2;

/** An index that could not be made, or filled, is not tried again for so long. */
const REFUSED_MS = 1000;
/** What an index takes of an element at least, beside its code: links and the tables of slots. */
const LINK_BYTES = 200;

const PUT_FLAT = 0;

export class VectorIndexes {
  /** Brings indexes and filters; null: every search is a scan. Set by whoever composes. */
  engine: VectorEngine | null = null;
  /** Bytes that the indexes take. */
  indexBytes = 0;
  /** Graphs that came out of snapshots, and those that did not hold and are made anew. */
  graphsLoaded = 0;
  graphsRefused = 0;
  /**
   * True while threads are so far behind that commands which store wait (command/gate.ts). Changes
   * between turns only.
   */
  isCrowded = false;
  /** Searches that threads are at. */
  readonly searches: ParkedSearches;
  readonly #shard: Shard;
  readonly #rooms = new Map<number, VectorRoom>();
  /** Rooms with something to fill or to link. */
  readonly #busy = new Set<VectorRoom>();
  /** Rooms whose threads have something to link, or are to be looked at. */
  readonly #watched = new Set<VectorRoom>();
  readonly #dict: Dict;
  /** Not the shard's: a command may have its vector there. */
  readonly #window: VectorWindow;
  readonly #slots = new Int32Array(CHAIN_SLOTS_MAX);
  /** What a snapshot has of the element that is stored next. */
  #node: Uint8Array = NO_NODE;
  #lastHandle = 0;
  #refusedUntilMs = 0;

  constructor(shard: Shard) {
    this.#shard = shard;
    this.searches = new ParkedSearches(shard);
    this.#dict = new Dict(shard.memory, shard.memory.arenaAllocator, 0, 0);
    this.#window = new VectorWindow(shard.memory);
  }

  /** Indexes that there are. */
  get count(): number {
    return this.#rooms.size;
  }

  /** True while `step` has something to do. */
  get isBusy(): boolean {
    return this.#busy.size > 0;
  }

  // ------------------------------------------------------------------ what changes tell

  /** True when the set of entry `ref` has an index, filling or whole. */
  hasIndex(ref: number): boolean {
    return this.#roomOf(ref) !== null;
  }

  /**
   * Puts the vector at hand, which is that of `member`, into the index of the set, if there is one.
   * @returns PUT_NO_MEMORY: nothing has changed
   */
  put(ref: number, member: number): number {
    const { i32 } = this.#shard.memory;
    setElementPlace(i32, member, 0);
    const room = this.#roomOf(ref);
    if (room === null) return PUT_FLAT;
    const { query, dimension } = this.#shard.collections.vectors;
    const vector = query.subarray(0, dimension);
    if (room.restoring !== null) {
      this.#putNode(room, room.restoring.putNode(vector, this.#node), member);
      return PUT_FLAT;
    }
    const slot = room.index.put(vector);
    if (slot === PUT_NOT_FINITE || (slot < 0 && room.threaded?.hasFailed === true)) {
      // Its length is beyond the engine's numbers, or threads died: the set is scanned.
      this.#dropRoom(room);
      this.#refuse();
      return PUT_FLAT;
    }
    if (slot < 0) return PUT_NO_MEMORY;
    room.place(this.#shard, slot, member);
    // A log that is replayed is not to wait for links: they are made in slices.
    if (!this.#shard.isReplaying) room.index.link(LINKS_PER_WRITE);
    this.#weigh(room);
    this.#awaken(room);
    return PUT_FLAT;
  }

  /** Makes an index for a set that is big and has none. */
  ensureIndex(ref: number): void {
    const { engine } = this;
    if (engine === null || this.#roomOf(ref) !== null) return;
    const { i32 } = this.#shard.memory;
    const root = entryRoot(i32, ref);
    const count = collectionCount(this.#shard, ref);
    const dimension = i32[(root << 1) + SET_DIMENSION] ?? 0;
    if (count < FLAT_ELEMENTS_MIN || count * dimension < FLAT_COMPONENTS_MAX) return;
    if (this.#shard.nowMs < this.#refusedUntilMs) return;
    if (this.#hasRoom(count * (dimension + LINK_BYTES))) this.#open(engine, root);
    else this.#refuse();
  }

  /** Whether so many bytes more stay below this shard's part of `maxmemory`. */
  #hasRoom(bytes: number): boolean {
    const { settings, count } = this.#shard;
    const limit = settings.maxmemoryBytes;
    return limit === 0 || this.#shard.usedBytes() + bytes <= limit / count;
  }

  /** No index for a while: searches scan, as they do without one. */
  #refuse(): void {
    this.#refusedUntilMs = this.#shard.nowMs + REFUSED_MS;
  }

  /** An element goes, or its block is replaced: its slot is free. */
  drop(ref: number, member: number): void {
    const place = elementPlace(this.#shard.memory.i32, member);
    if (place === 0) return;
    const room = this.#roomOf(ref);
    assert(room !== null, 'an element with a place has an index');
    if (room.restoring !== null) {
      // An element that comes twice: nothing can be removed before the graph is settled.
      this.#refuseGraph(room);
      return;
    }
    room.index.remove(place - 1);
    room.members[place - 1] = 0;
    room.placed--;
    this.#weigh(room);
  }

  /** A set has lost an element: its index may be too large, or too much. */
  noteRemoved(ref: number): void {
    const room = this.#roomOf(ref);
    if (room === null) return;
    const count = collectionCount(this.#shard, ref);
    if (count * room.shape.dimension * SHRUNK_SHARE < FLAT_COMPONENTS_MAX) {
      this.#dropRoom(room);
      return;
    }
    if (room.threaded?.isSparse === true) {
      this.#dropRoom(room);
      this.ensureIndex(ref);
      return;
    }
    const moved = room.index.compact();
    if (moved !== null) room.renumber(this.#shard.memory.i32, moved);
    this.#weigh(room);
  }

  /** An element lies in another block now. */
  noteMoved(ref: number, member: number): void {
    const place = elementPlace(this.#shard.memory.i32, member);
    if (place === 0) return;
    const room = this.#roomOf(ref);
    assert(room !== null, 'an element with a place has an index');
    room.members[place - 1] = member;
  }

  /** An element has other attributes now. */
  noteAttributes(ref: number, member: number): void {
    const place = elementPlace(this.#shard.memory.i32, member);
    if (place === 0) return;
    const room = this.#roomOf(ref);
    assert(room !== null, 'an element with a place has an index');
    room.index.setAttributes(place - 1, attributesOf(this.#shard, member, room.shape));
    room.attributeChanges = (room.attributeChanges + 1) | 0;
    this.#weigh(room);
  }

  /** The set's root block lies elsewhere now. */
  noteRoot(root: number): void {
    const room = this.#rooms.get(this.#handleAt(root));
    if (room !== undefined) room.root = root;
  }

  /** Drops the index of a set that is going, root block and elements: they are not looked at. */
  dropWithSet(root: number): void {
    const room = this.#rooms.get(this.#handleAt(root));
    if (room !== undefined) this.#forget(room);
  }

  /** Drops an index whose set stays: it is scanned from now on. */
  #dropRoom(room: VectorRoom): void {
    const { i32 } = this.#shard.memory;
    i32[(room.root << 1) + SET_HANDLE] = 0;
    for (const member of room.members) if (member !== 0) setElementPlace(i32, member, 0);
    this.#forget(room);
  }

  #forget(room: VectorRoom): void {
    room.index.close();
    this.indexBytes -= room.bytes;
    this.#busy.delete(room);
    this.#watched.delete(room);
    this.#rooms.delete(room.handle);
  }

  /** Drops all: the shard is closing. */
  close(): void {
    for (const { index } of this.#rooms.values()) index.close();
    this.#rooms.clear();
    this.#busy.clear();
    this.#watched.clear();
    this.indexBytes = 0;
  }

  // ------------------------------------------------------------------ images of graphs

  /** Begins an image of the graph of the set whose root block this is; null: it has none. */
  beginImage(root: number): NearestImage | null {
    return this.#rooms.get(this.#handleAt(root))?.index.beginImage?.() ?? null;
  }

  /**
   * The graph of the set in entry `ref`, which is being loaded, comes with its elements.
   * @param head what the image began with
   * @param count elements that the set had
   */
  restoreGraph(ref: number, head: Uint8Array, count: number): void {
    const { engine } = this;
    const root = entryRoot(this.#shard.memory.i32, ref);
    if (engine?.restoreIndex === undefined || collectionCount(this.#shard, ref) > 0) return;
    const shape = shapeAt(this.#shard.memory.i32, root);
    const hasRoom = this.#hasRoom(count * (shape.dimension + LINK_BYTES));
    const index = hasRoom ? engine.restoreIndex(indexOptionsOf(shape), head) : null;
    if (index === null) this.graphsRefused++;
    else this.#newRoom(index, index, shape, root);
  }

  /** What the image has of the elements that are stored next, one by one; none: `NO_NODE`. */
  takeNode(node: Uint8Array): void {
    this.#node = node;
  }

  /** All elements of the set in entry `ref` have been loaded. */
  settleGraph(ref: number): void {
    const room = this.#roomOf(ref);
    if (room === null || room.restoring === null) return;
    if (!room.restoring.settle()) {
      this.#refuseGraph(room);
      return;
    }
    room.restoring = null;
    this.graphsLoaded++;
    // Nothing is left to fill in, which is seen here and not by a first slice.
    this.#fill(room, 0);
    this.#weigh(room);
    this.#awaken(room);
  }

  /** @param slot that of an element of the image; below 0: it does not hold, or memory is short */
  #putNode(room: VectorRoom, slot: number, member: number): void {
    if (slot < 0) {
      this.#refuseGraph(room);
      return;
    }
    room.place(this.#shard, slot, member);
    this.#weigh(room);
  }

  #refuseGraph(room: VectorRoom): void {
    this.graphsRefused++;
    this.#dropRoom(room);
  }

  // ------------------------------------------------------------------ searching

  /** The whole index of the set in entry `ref`, null when it has none or it is filling. */
  wholeIndex(ref: number): NearestIndex | null {
    const room = this.#roomOf(ref);
    return room?.isWhole === true ? room.index : null;
  }

  /** What a search by threads is of, null where it is to run here. */
  threadedIndex(ref: number): SearchedIndex | null {
    const room = this.#roomOf(ref);
    if (room?.isWhole !== true || room.threaded?.hasThreads !== true) return null;
    const { handle, threaded: index, attributeChanges } = room;
    return { handle, index, attributeChanges };
  }

  /** As memberAt; 0 when the element has been removed since. */
  memberLeftAt(ref: number, slot: number): number {
    return this.#roomOf(ref)?.members[slot] ?? 0;
  }

  /** Member of a slot of the set's index. */
  memberAt(ref: number, slot: number): number {
    const member = this.#roomOf(ref)?.members[slot] ?? 0;
    assert(member !== 0, 'a slot that is found has an element');
    return member;
  }

  /** Bytes that the index of the set takes, 0 without one. */
  bytesOf(ref: number): number {
    return this.#roomOf(ref)?.bytes ?? 0;
  }

  /** Slots that the set's index has given so far. */
  slotEnd(ref: number): number {
    return this.#roomOf(ref)?.index.slotEnd ?? 0;
  }

  /** Asserts that the set's index and elements know of each other. */
  check(ref: number): void {
    const room = this.#roomOf(ref);
    if (room === null) return;
    room.check(this.#shard.memory.i32);
    assert(room.root === entryRoot(this.#shard.memory.i32, ref), 'a room knows its set');
  }

  // ------------------------------------------------------------------ in the background

  /** A slice of filling and linking. @returns true when more waits */
  step(): boolean {
    for (const room of this.#busy) {
      if (!room.isWhole) this.#fill(room, FILLED_PER_SLICE);
      else if (room.index.pendingCount > 0) room.index.link(LINKS_PER_SLICE);
      this.#weigh(room);
      if (room.isIdle || !this.#rooms.has(room.handle)) this.#busy.delete(room);
      break;
    }
    return this.#busy.size > 0;
  }

  /** Takes what threads have done; at the end of every turn. */
  look(): void {
    const { engine } = this;
    if (engine?.look === undefined) return;
    // All that threads worked at is made anew, without them.
    if (engine.look()) for (const room of this.#rooms.values()) this.#dropFailed(room);
    this.searches.look();
    let isCrowded = false;
    for (const room of this.#watched) {
      this.#weigh(room);
      if (room.threaded?.isCrowded(this.isCrowded) === true) isCrowded = true;
      else if (room.index.pendingCount === 0) this.#watched.delete(room);
    }
    this.isCrowded = isCrowded;
  }

  #dropFailed(room: VectorRoom): void {
    if (room.threaded?.hasFailed === true) this.#dropRoom(room);
  }

  #open(engine: VectorEngine, root: number): void {
    const shape = shapeAt(this.#shard.memory.i32, root);
    const index = engine.createIndex(indexOptionsOf(shape));
    if (index === null) {
      this.#refuse();
      return;
    }
    const room = this.#newRoom(index, null, shape, root);
    this.#fill(room, FILLED_AT_ONCE);
    if (!this.#rooms.has(room.handle)) return;
    this.#weigh(room);
    this.#awaken(room);
  }

  #newRoom(
    index: NearestIndex, restoring: RestoringIndex | null, shape: VectorShape, root: number,
  ): VectorRoom {
    this.#lastHandle++;
    const room = new VectorRoom(this.#lastHandle, index, restoring, shape, root);
    this.#shard.memory.i32[(root << 1) + SET_HANDLE] = room.handle;
    this.#rooms.set(room.handle, room);
    return room;
  }

  /**
   * Gives up to `most` elements a place. Lines go in order, and around again, since lines that
   * merge may take elements to where it has been.
   */
  #fill(room: VectorRoom, most: number): void {
    const { memory } = this.#shard;
    this.#dict.bind(memory.i32[(room.root << 1) + SET_DICT_WORD] ?? 0);
    const count = this.#dict.count();
    let filled = 0;
    for (let lines = 0; lines < LINES_PASSED_MAX && filled < most; lines++) {
      if (room.placed >= count) break;
      if (room.line >= this.#dict.lines()) room.line = 0;
      const met = this.#dict.collectLine(room.line, this.#slots);
      for (let i = 0; i < met; i++) {
        const member = memory.i32[this.#slots[i] ?? 0] ?? 0;
        if (elementPlace(memory.i32, member) !== 0) continue;
        if (!this.#fillIn(room, member)) return;
        filled++;
      }
      room.line++;
    }
    room.isWhole = room.placed >= count;
    if (room.isWhole) room.threaded?.release();
  }

  /** @returns false when the index was given up */
  #fillIn(room: VectorRoom, member: number): boolean {
    const window = this.#window;
    window.read(fieldValueAt(this.#shard.memory.i32, member) + PLACE_BYTES, room.shape);
    const slot = room.index.put(window.query.subarray(0, window.dimension));
    if (slot < 0) {
      this.#dropRoom(room);
      this.#refuse();
      return false;
    }
    room.place(this.#shard, slot, member);
    return true;
  }

  #roomOf(ref: number): VectorRoom | null {
    if (this.#rooms.size === 0) return null;
    const handle = this.#handleAt(entryRoot(this.#shard.memory.i32, ref));
    return handle === 0 ? null : (this.#rooms.get(handle) ?? null);
  }

  #handleAt(root: number): number {
    return this.#shard.memory.i32[(root << 1) + SET_HANDLE] ?? 0;
  }

  #weigh(room: VectorRoom): void {
    const bytes = room.index.bytesUsed + room.members.byteLength;
    this.indexBytes += bytes - room.bytes;
    room.bytes = bytes;
  }

  #awaken(room: VectorRoom): void {
    if (room.threaded?.hasThreads === true) this.#watched.add(room);
    if (room.isIdle) return;
    this.#busy.add(room);
    this.#shard.platform.scheduler.requestTurn();
  }
}
