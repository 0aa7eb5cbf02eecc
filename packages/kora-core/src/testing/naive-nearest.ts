/**
 * A vector engine for tests: an index that is a list, and filters `.field == number`. It answers
 * exactly, so what a shard makes of it must equal a scan; slots come back in any order, memory ends
 * when a test says so, and it moves together when most of it is free.
 */
import type {
  FilterStrategy, NearestIndex, NearestIndexOptions, VectorEngine, VectorFilter,
} from '../types/vector-set/vector-engine.ts';
import { PUT_NO_MEMORY } from '../types/vector-set/vector-engine.ts';

const SLOT_BYTES = 100;
const COMPACTED_MIN = 64;

interface NaiveSlot {
  readonly vector: Float32Array;
  json: Uint8Array | null;
}

function filterOf(text: string): VectorFilter | string {
  const found = /^[.](\w+) == (\d+)$/.exec(text);
  if (found === null) return 'what is no filter';
  return {
    text,
    matches: (json) => {
      try {
        const fields: unknown = JSON.parse(new TextDecoder().decode(json));
        return Object.entries(fields ?? {}).some(([name, value]) =>
          name === found[1] && value === Number(found[2]));
      } catch {
        return false;
      }
    },
  };
}

class NaiveIndex implements NearestIndex {
  readonly slots: (NaiveSlot | undefined)[] = [];
  pendingCount = 0;
  readonly levelMax = 0;
  isClosed = false;
  readonly #engine: NaiveNearest;
  readonly #metric: NearestIndexOptions['metric'];

  constructor(engine: NaiveNearest, metric: NearestIndexOptions['metric']) {
    this.#engine = engine;
    this.#metric = metric;
  }

  get bytesUsed(): number {
    return this.slots.length * SLOT_BYTES;
  }

  get slotEnd(): number {
    return this.slots.length;
  }

  put(vector: Float32Array): number {
    if (this.#engine.isFull) return PUT_NO_MEMORY;
    const free = this.slots.indexOf(undefined);
    const slot = free < 0 ? this.slots.length : free;
    this.slots[slot] = { vector: vector.slice(), json: null };
    this.pendingCount++;
    return slot;
  }

  remove(slot: number): void {
    if (this.slots[slot] === undefined) throw new Error(`slot ${slot} is free`);
    this.slots[slot] = undefined;
  }

  setAttributes(slot: number, json: Uint8Array | null): void {
    const held = this.slots[slot];
    if (held === undefined) throw new Error(`slot ${slot} is free`);
    held.json = json;
  }

  link(count: number): void {
    this.pendingCount = Math.max(0, this.pendingCount - count);
  }

  search(
    query: Float32Array, count: number, ef: number, filter: VectorFilter | null,
    strategy: FilterStrategy,
  ): readonly number[] {
    this.#engine.searchCount++;
    this.#engine.lastEf = ef;
    this.#engine.lastStrategy = strategy;
    const found: { slot: number; distance: number }[] = [];
    for (const [slot, held] of this.slots.entries()) {
      if (held === undefined) continue;
      if (filter !== null && (held.json === null || !filter.matches(held.json))) continue;
      found.push({ slot, distance: this.#distance(query, held.vector) });
    }
    found.sort((a, b) => a.distance - b.distance);
    // Equal distances: all of them, so that ties are the shard's to break.
    const last = found[Math.min(count, found.length) - 1]?.distance ?? 0;
    return found.filter(({ distance }) => distance <= last + 1e-6).map(({ slot }) => slot);
  }

  levelOf(slot: number): number {
    return this.slots[slot] === undefined ? -1 : 0;
  }

  neighbours(slot: number): readonly number[] {
    return [...this.slots.keys()].filter((other) =>
      other !== slot && this.slots[other] !== undefined).slice(0, 3);
  }

  compact(): Int32Array | null {
    const live = this.slots.filter((held) => held !== undefined);
    if (this.slots.length < COMPACTED_MIN || live.length * 2 > this.slots.length) return null;
    const moved = new Int32Array(this.slots.length).fill(-1);
    let next = 0;
    for (const [slot, held] of this.slots.entries()) if (held !== undefined) moved[slot] = next++;
    this.slots.length = 0;
    this.slots.push(...live);
    return moved;
  }

  close(): void {
    if (this.isClosed) throw new Error('an index is closed once');
    this.isClosed = true;
    this.#engine.openCount--;
  }

  #distance(a: Float32Array, b: Float32Array): number {
    let dot = 0;
    let squares = 0;
    let difference = 0;
    let otherSquares = 0;
    for (const [i, x] of a.entries()) {
      const y = b[i] ?? 0;
      dot += x * y;
      squares += x * x;
      otherSquares += y * y;
      difference += (x - y) ** 2;
    }
    if (this.#metric === 'l2') return Math.sqrt(difference);
    if (this.#metric === 'ip') return -dot;
    return squares * otherSquares === 0 ? 1 : 1 - dot / Math.sqrt(squares * otherSquares);
  }
}

export class NaiveNearest implements VectorEngine {
  /** Indexes that are open. */
  openCount = 0;
  searchCount = 0;
  /** How the last search was asked for. */
  lastEf = 0;
  lastStrategy: FilterStrategy = 'auto';
  /** Puts and new indexes are refused. */
  isFull = false;

  createIndex(options: NearestIndexOptions): NearestIndex | null {
    if (this.isFull) return null;
    this.openCount++;
    return new NaiveIndex(this, options.metric);
  }

  parseFilter(filter: Uint8Array): VectorFilter | string {
    return filterOf(new TextDecoder().decode(filter));
  }
}
