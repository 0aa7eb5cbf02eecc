/**
 * The graph of a SlotIndex as bytes, node by node, while it goes on changing, and a graph made of
 * them again. A node travels beside its vector, which the host keeps; codes are made anew.
 *
 *   head   u8 version | u8 bytes of a place | u8 what walks compare | u8 0 | u32 places | u32 entry
 *          | f32 lowest value of codes | f32 their scale | f32 radius of inner products
 *   node   place | u8 level | for each level, 0 first: u16 links | a place each
 *
 * A place is the slot that a node had when the image began; little-endian. Whoever restores gives
 * nodes in any order and leaves out what it likes: nodes get fresh slots, links to what did not
 * come are dropped, and who is named by nobody then is linked again.
 * Invariant: all places of an image mean what they meant when it began: a slot that was given or
 *   given up since then is neither written nor named.
 * Nothing is believed: a place beyond the last, one of two nodes, a list that is too long, refuse
 * the graph as a whole.
 * Cost: some .4 us a node to write, 1 us to read with its vector, .7 us to settle.
 */
import { SWEEP_SLOTS } from './limits.ts';
import type { Segment } from './segment.ts';

const VERSION = 1;
const HEAD_BYTES = 24;
/** The engine names slots by 27 bits. */
const PLACES_MAX = 1 << 27;
/** The entry word holds the top level above the slot plus 1. */
const ENTRY_SLOT_MASK = PLACES_MAX - 1;
/** Free places for each node: more of them were written by nobody. */
const PLACES_PER_NODE_MAX = 16;
const PLACES_MIN = 65_536;
const LEVELS_MAX = 10;
/** A list holds this many links more than pruning leaves (assembly/layout.as.ts). */
const LIST_SLACK = 7;
/** State of a slot that is linked. */
const LIVE = 0;
/** Refusals of `putNode` besides those of the engine. */
export const PUT_NO_NODE = -3;

const NO_NODE = new Uint8Array(0);

/** Links that a list of this level can hold. */
function limitOf(segment: Segment, level: number): number {
  return (level === 0 ? 2 : 1) * segment.options.m + LIST_SLACK;
}

function placeBytesOf(places: number): number {
  return places <= 1 << 8 ? 1 : places <= 1 << 16 ? 2 : places <= 1 << 24 ? 3 : 4;
}

/** Nodes of an index as bytes; it goes on changing meanwhile. */
export class GraphImage {
  #segment: Segment | null;
  readonly #places: number;
  readonly #placeBytes: number;
  /** A bit for each place that does not mean any more what it meant. */
  readonly #gone: Uint32Array;
  #bytes = new Uint8Array(256);
  #length = 0;
  /** Links of the list that is written. */
  readonly #named: number[] = [];

  /** @param segment one with linked nodes, that `noteChanged` tells of */
  constructor(segment: Segment) {
    this.#segment = segment;
    this.#places = segment.slotCount;
    this.#placeBytes = placeBytesOf(this.#places);
    this.#gone = new Uint32Array((this.#places + 31) >>> 5);
  }

  get isOpen(): boolean { return this.#segment !== null; }

  /** A slot was given, or given up. */
  noteChanged(slot: number): void {
    if (slot >= this.#places) return;
    this.#gone[slot >>> 5] = (this.#gone[slot >>> 5] ?? 0) | (1 << (slot & 31));
  }

  /** No node is written any more. */
  end(): void {
    this.#segment = null;
  }

  /** What all nodes have in common; the caller's. Empty when the image has ended. */
  head(): Uint8Array {
    const segment = this.#segment;
    if (segment === null) return NO_NODE;
    const { engine } = segment;
    const bytes = new Uint8Array(HEAD_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, VERSION);
    view.setUint8(1, this.#placeBytes);
    view.setUint8(2, engine.header('walk'));
    view.setUint32(4, this.#places, true);
    view.setUint32(8, (engine.header('entry') & ENTRY_SLOT_MASK) - 1, true);
    view.setFloat32(12, engine.headerFloat('low'), true);
    view.setFloat32(16, engine.headerFloat('scale'), true);
    view.setFloat32(20, engine.headerFloat('radius'), true);
    return bytes;
  }

  /** The node of a slot; empty when it is not linked, or came later. Valid until the next call. */
  node(slot: number): Uint8Array {
    const segment = this.#segment;
    if (segment === null || slot < 0 || !this.#isOld(slot)) return NO_NODE;
    const { engine } = segment;
    if (engine.calls.slotState(slot) !== LIVE) return NO_NODE;
    engine.fit();
    const level = engine.calls.slotLevel(slot);
    this.#length = 0;
    this.#put(slot, this.#placeBytes);
    this.#put(level, 1);
    for (let i = 0; i <= level; i++) this.#putList(segment, slot, i);
    return this.#bytes.subarray(0, this.#length);
  }

  #isOld(slot: number): boolean {
    return slot < this.#places && ((this.#gone[slot >>> 5] ?? 0) & (1 << (slot & 31))) === 0;
  }

  /** Threads may be at the list: then a link may be met twice, or no more, but is one. */
  #putList(segment: Segment, slot: number, level: number): void {
    const { i32, calls } = segment.engine;
    const at = (calls.neighbours(slot, level) >>> 0) / 4;
    const count = i32[at] ?? 0;
    const countAt = this.#length;
    this.#put(0, 2);
    const written = this.#named;
    written.length = 0;
    for (let i = at + 1; i <= at + count; i++) {
      const named = i32[i] ?? 0;
      if (!this.#isOld(named) || written.includes(named)) continue;
      this.#put(named, this.#placeBytes);
      written.push(named);
    }
    this.#bytes[countAt] = written.length;
    this.#bytes[countAt + 1] = written.length >>> 8;
  }

  #put(value: number, count: number): void {
    if (this.#length + count > this.#bytes.length) {
      const longer = new Uint8Array(this.#bytes.length * 2);
      longer.set(this.#bytes);
      this.#bytes = longer;
    }
    for (let shift = 0; shift < count * 8; shift += 8) {
      this.#bytes[this.#length++] = value >>> shift;
    }
  }
}

/** Makes a graph of the nodes of an image. */
export class GraphRestore {
  readonly #segment: Segment;
  readonly #places: number;
  readonly #placeBytes: number;
  readonly #entry: number;
  #entrySlot = -1;
  #highest = -1;
  #highestLevel = -1;
  #nodes = 0;
  #node: Uint8Array = NO_NODE;
  #at = 0;

  /** @returns null when the head is of another version, or of another kind of index */
  static begin(segment: Segment, head: Uint8Array): GraphRestore | null {
    if (head.length !== HEAD_BYTES || head[0] !== VERSION) return null;
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const places = view.getUint32(4, true);
    const low = view.getFloat32(12, true);
    const scale = view.getFloat32(16, true);
    const radius = view.getFloat32(20, true);
    const isSound = places > 0 && places <= PLACES_MAX && head[1] === placeBytesOf(places)
      && head[2] === segment.engine.header('walk') && Number.isFinite(low)
      && Number.isFinite(scale) && scale > 0 && Number.isFinite(radius) && radius >= 0;
    if (!isSound) return null;
    segment.engine.calls.inherit(low, scale, 1, radius);
    return new GraphRestore(segment, places, view.getUint32(8, true));
  }

  private constructor(segment: Segment, places: number, entry: number) {
    this.#segment = segment;
    this.#places = places;
    this.#placeBytes = placeBytesOf(places);
    this.#entry = entry;
  }

  /**
   * Stores a vector as the node that was written of it.
   * @returns its slot; a refusal of the engine; PUT_NO_NODE: the bytes are no node
   */
  putNode(vector: Float32Array, node: Uint8Array): number {
    const segment = this.#segment;
    this.#node = node;
    this.#at = 0;
    const place = this.#take(this.#placeBytes);
    const level = this.#take(1);
    if (place >= this.#places || level > LEVELS_MAX) return PUT_NO_NODE;
    segment.setQuery(vector);
    const slot = segment.engine.calls.restoreNode(level, place);
    segment.engine.fit();
    if (slot < 0) return slot;
    for (let i = 0; i <= level; i++) if (!this.#takeList(slot, i)) return PUT_NO_NODE;
    if (this.#at !== node.length) return PUT_NO_NODE;
    this.#nodes++;
    if (place === this.#entry) this.#entrySlot = slot;
    if (level > this.#highestLevel) {
      this.#highestLevel = level;
      this.#highest = slot;
    }
    return slot;
  }

  /** All have come: makes a graph of them. @returns false: the index is of no use */
  settle(): boolean {
    const segment = this.#segment;
    const { calls } = segment.engine;
    const placesMax = PLACES_MIN + this.#nodes * PLACES_PER_NODE_MAX;
    if (this.#places > placesMax) return false;
    const alone = calls.settle(this.#places);
    segment.engine.fit();
    if (alone < 0) return false;
    const entry = this.#entrySlot;
    const isHighest = entry >= 0 && calls.slotLevel(entry) === this.#highestLevel;
    calls.setEntry(isHighest ? entry : this.#highest);
    // A sweep has who is named by nobody named by those it names, or waiting to be linked.
    if (alone > 0) while (calls.sweep(SWEEP_SLOTS) === 1);
    segment.engine.fit();
    return true;
  }

  /** The next number; what lies behind the end reads as 0 and is noticed by the length. */
  #take(count: number): number {
    let value = 0;
    for (let i = count - 1; i >= 0; i--) value = value * 256 + (this.#node[this.#at + i] ?? 0);
    this.#at += count;
    return value;
  }

  #takeList(slot: number, level: number): boolean {
    const { engine } = this.#segment;
    const count = this.#take(2);
    if (count > limitOf(this.#segment, level)) return false;
    if (this.#at + count * this.#placeBytes > this.#node.length) return false;
    const at = (engine.calls.neighbours(slot, level) >>> 0) / 4;
    engine.i32[at] = count;
    for (let i = 1; i <= count; i++) engine.i32[at + i] = this.#take(this.#placeBytes);
    return true;
  }
}
