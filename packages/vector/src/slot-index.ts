/**
 * An index for hosts that keep the vectors themselves: it gives slots, keeps what a graph needs and
 * answers slots, so nothing of the host's names or vectors stands here twice. One memory of at most
 * 4 GiB. Attributes are kept parsed, for filters.
 * Linking is the host's to ask for, in parts; until then vectors wait and are found by a scan.
 * Memories of closed indexes are kept for the next, since shared memory that nobody holds any more
 * is given back late. Refusals are values: hosts answer them to clients.
 * Cost: as VectorIndex, without the table of ids.
 */
import { AttributeIndex } from './attributes/attribute-index.ts';
import type { Attributes } from './attributes/attribute-index.ts';
import type { Bitmap } from './attributes/bitmap.ts';
import { compactSegment } from './compaction.ts';
import { PooledMemories } from './engine/pooled-memories.ts';
import { evaluate } from './filter/evaluate.ts';
import { parseFilter } from './filter/expression.ts';
import { selectSlots } from './filter/selection.ts';
import { GraphImage, GraphRestore } from './graph-image.ts';
import { ATTRIBUTES_UNITS_MAX, EF_MAX } from './limits.ts';
import { checkOptions } from './options.ts';
import type { VectorIndexOptions } from './options.ts';
import { searchSegment } from './segment-search.ts';
import { Segment } from './segment.ts';
import { assert, VectorError } from './vector-error.ts';
import type { FilterStrategy } from './vector-types.ts';

/** State of a slot whose vector waits to be linked. */
const PENDING = 4;
/** The entry word holds the top level above the slot. */
const ENTRY_LEVEL_SHIFT = 27;
/** What parsed attributes take on the heap, about: a table, and three times their text. */
const ATTRIBUTES_BYTES = 96;
const ATTRIBUTES_TEXT_FACTOR = 3;
/** Filters whose matches are remembered while nothing changes. */
const FILTERS_KEPT_MAX = 16;
/** Slots from which an index that is mostly empty is moved together. */
const COMPACTED_SLOTS_MIN = 4096;

const memories = new PooledMemories();
const decoder = new TextDecoder();

/** A filter that was read, to be used with any index. */
export interface SlotFilter {
  readonly text: string;
  /** Whether attributes, JSON in UTF-8, meet it. */
  matches(json: Uint8Array): boolean;
}

/** Attributes from JSON; undefined for what is no object. */
function attributesOf(json: Uint8Array): Attributes | undefined {
  if (json.length > ATTRIBUTES_UNITS_MAX) return undefined;
  try {
    const value: unknown = JSON.parse(decoder.decode(json));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    // What JSON gives for an object is Attributes by construction.
    return isObject ? value as Attributes : undefined;
  } catch {
    // Not JSON: as in Redis, an element without attributes that a filter could read.
    return undefined;
  }
}

/** Reads a filter, UTF-8. @returns it, or what is wrong with it */
export function readSlotFilter(filter: Uint8Array): SlotFilter | string {
  const text = decoder.decode(filter);
  try {
    const expression = parseFilter(text);
    return {
      text,
      matches: (json) => {
        const attributes = attributesOf(json);
        return attributes !== undefined && evaluate(expression, attributes) === true;
      },
    };
  } catch (error) {
    if (error instanceof VectorError) return error.message;
    throw error;
  }
}

export class SlotIndex {
  /** @internal Also for ThreadedSlotIndex. */
  segment: Segment;
  private attributes = new AttributeIndex();
  /** Heap bytes of each slot's attributes, about. */
  private attributeBytes = new Map<number, number>();
  private attributeBytesSum = 0;
  private readonly selections = new Map<string, { version: number; bitmap: Bitmap }>();
  /** Is told which slots change hands while the graph is written. */
  private image: GraphImage | null = null;
  /** While the graph is made of nodes that were written; else null. */
  private restore: GraphRestore | null = null;

  private constructor(segment: Segment) {
    this.segment = segment;
  }

  /** An empty one; null when there is no memory. @throws VectorError OPTION */
  static create(options: VectorIndexOptions): SlotIndex | null {
    const checked = checkOptions({ ...options, mode: 'hnsw' });
    try {
      return new SlotIndex(Segment.create(checked, checked.bytesMax, memories.take()));
    } catch (error) {
      // A RangeError: the system has no room for one more memory.
      if (error instanceof RangeError) return null;
      if (error instanceof VectorError && error.code === 'MEMORY_LIMIT') return null;
      throw error;
    }
  }

  /**
   * One whose graph is made of an image: give each vector with its node to `putNode`, or to `put`
   * where it has none, then `settle`. Nothing else is asked of it before.
   * @param head what GraphImage.head gave
   * @returns null when there is no memory, or the image is not of such an index
   */
  static restoring(options: VectorIndexOptions, head: Uint8Array): SlotIndex | null {
    const index = SlotIndex.create(options);
    if (index === null) return null;
    index.restore = GraphRestore.begin(index.segment, head);
    if (index.restore !== null) return index;
    index.close();
    return null;
  }

  /** Bytes of the memory in use, and of attributes, about. */
  get bytesUsed(): number { return this.segment.engine.bytesUsed + this.attributeBytesSum; }
  get pendingCount(): number { return this.segment.pendingCount; }
  /** One above the highest slot given so far. */
  get slotEnd(): number { return this.segment.slotCount; }
  /** Highest level of the graph. */
  get levelMax(): number {
    return (this.segment.engine.header('entry') >>> 0) >>> ENTRY_LEVEL_SHIFT;
  }

  /** Stores a vector of the right length. @returns its slot; -1 no memory; -2 not finite */
  put(vector: Float32Array): number {
    const { segment } = this;
    assert(vector.length === segment.options.dimension, 'a vector has the index\'s dimension');
    segment.setQuery(vector);
    const slot = segment.append();
    segment.engine.fit();
    if (slot >= 0) this.image?.noteChanged(slot);
    return slot;
  }

  /** As put, of a vector whose node was written. @returns its slot; below 0: refused */
  putNode(vector: Float32Array, node: Uint8Array): number {
    assert(this.restore !== null, 'nodes are put before the graph is settled');
    return node.length === 0 ? this.put(vector) : this.restore.putNode(vector, node);
  }

  /** All vectors of the image have come. @returns false: close it, the image did not hold */
  settle(): boolean {
    const isWhole = this.restore?.settle() === true;
    this.restore = null;
    return isWhole;
  }

  /** Begins an image of the graph; null when nothing is linked. `end` it. One at a time. */
  beginImage(): GraphImage | null {
    if (this.segment.engine.header('entry') === 0) return null;
    this.image?.end();
    this.image = new GraphImage(this.segment);
    return this.image;
  }

  /** A slot is given up other than by `remove`. */
  noteGivenUp(slot: number): void {
    this.image?.noteChanged(slot);
  }

  /** Ends an image that is under way: nothing of it is to be believed any more. */
  endImage(): void {
    this.image?.end();
  }

  remove(slot: number): void {
    this.setAttributes(slot, null);
    this.noteGivenUp(slot);
    this.segment.remove(slot);
  }

  /** Gives a slot attributes, JSON in UTF-8; null, or no JSON object: it has none. */
  setAttributes(slot: number, json: Uint8Array | null): void {
    const attributes = json === null ? undefined : attributesOf(json);
    this.attributeBytesSum -= this.attributeBytes.get(slot) ?? 0;
    if (attributes === undefined || json === null) {
      this.attributeBytes.delete(slot);
      this.attributes.remove(slot);
      return;
    }
    const bytes = ATTRIBUTES_BYTES + json.length * ATTRIBUTES_TEXT_FACTOR;
    this.attributeBytes.set(slot, bytes);
    this.attributeBytesSum += bytes;
    this.attributes.set(slot, attributes);
  }

  /** Takes the codes' range when it is time, and links up to `count` waiting vectors. */
  link(count: number): void {
    const { segment } = this;
    segment.engine.fit();
    if (segment.hasCodes) segment.train();
    if (segment.isTrained && segment.pendingCount > 0) segment.link(count);
    segment.engine.fit();
  }

  /** About the nearest that meet the filter, nearest first; null: no memory, or no such search. */
  search(
    query: Float32Array, count: number, ef: number, filter: { readonly text: string } | null,
    strategy: FilterStrategy = 'auto',
  ): readonly number[] | null {
    this.segment.setQuery(query);
    try {
      const hits = searchSegment(this.segment, {
        k: count, ef: Math.min(ef, EF_MAX), isExact: false, strategy,
        filter: filter === null ? undefined : this.selection(filter.text),
      });
      return hits.map(({ slot }) => slot);
    } catch (error) {
      if (error instanceof VectorError) return null;
      throw error;
    }
  }

  /** Top level of a slot's node; -1 while it waits. */
  levelOf(slot: number): number {
    const { calls } = this.segment.engine;
    return calls.slotState(slot) === PENDING ? -1 : calls.slotLevel(slot);
  }

  /** Slots that a node names on a level. */
  neighbours(slot: number, level: number): readonly number[] {
    const { engine } = this.segment;
    const at = (engine.calls.neighbours(slot, level) >>> 0) / 4;
    const named = engine.i32.slice(at + 1, at + 1 + (engine.i32[at] ?? 0));
    return [...named].filter((each) => this.segment.isPresent(each));
  }

  /** Moves what is left into fresh memory once three of four slots are free. @returns new slots */
  compact(): Int32Array | null {
    const { slotCount, liveCount, engine } = this.segment;
    if (slotCount <= COMPACTED_SLOTS_MIN || liveCount * 4 >= slotCount) return null;
    // Slots that an image names keep their numbers.
    if (this.image?.isOpen === true) return null;
    const compacted = compactSegment(this.segment);
    if (compacted === undefined) return null;
    memories.give(engine);
    const attributes = new AttributeIndex();
    const attributeBytes = new Map<number, number>();
    for (const [slot, carried] of this.attributes.entries()) {
      const to = compacted.slots[slot] ?? -1;
      assert(to >= 0, 'a slot with attributes is live');
      attributes.set(to, carried);
      attributeBytes.set(to, this.attributeBytes.get(slot) ?? 0);
    }
    this.segment = compacted.segment;
    this.attributes = attributes;
    this.attributeBytes = attributeBytes;
    this.selections.clear();
    return compacted.slots;
  }

  /** It is of no further use. */
  close(): void {
    this.image?.end();
    memories.give(this.segment.engine);
  }

  /** @internal The slots that meet a filter, from the last search with it if all is as then. */
  selection(text: string): Bitmap {
    const { version } = this.attributes;
    const kept = this.selections.get(text);
    if (kept?.version === version) return kept.bitmap;
    const bitmap = selectSlots(parseFilter(text), this.attributes);
    this.selections.delete(text);
    if (this.selections.size >= FILTERS_KEPT_MAX) {
      for (const oldest of this.selections.keys()) { this.selections.delete(oldest); break; }
    }
    this.selections.set(text, { version, bitmap });
    return bitmap;
  }
}
