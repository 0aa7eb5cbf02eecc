/**
 * A vector engine with threads for tests, in which nothing happens before the test says so: what
 * is asked is found at that moment and told much later, so that everything can change between.
 * Slots that were found stay unused until then, as with real threads.
 */
import type {
  FilterStrategy, NearestIndex, NearestIndexOptions, ThreadedIndex, VectorEngine, VectorFilter,
} from '../types/vector-set/vector-engine.ts';
import { NaiveNearest } from './naive-nearest.ts';

interface NaiveAsk {
  readonly slots: readonly number[];
  readonly index: NaiveThreadedIndex;
  readonly done: (slots: readonly number[] | null) => void;
}

class NaiveThreadedIndex implements ThreadedIndex {
  hasThreads = false;
  isSparse = false;
  isClosed = false;
  /** Searches that were found and not told. */
  askedCount = 0;
  /** Removed, and perhaps found. */
  readonly #gone = new Set<number>();
  readonly #inner: NearestIndex;
  readonly #engine: NaiveThreads;

  constructor(inner: NearestIndex, engine: NaiveThreads) {
    this.#inner = inner;
    this.#engine = engine;
  }

  get hasFailed(): boolean { return this.hasThreads && this.#engine.hasFailed; }
  get bytesUsed(): number { return this.#inner.bytesUsed; }
  get pendingCount(): number { return this.#inner.pendingCount; }
  get slotEnd(): number { return this.#inner.slotEnd; }
  get levelMax(): number { return this.#inner.levelMax; }
  isCrowded(): boolean { return this.hasThreads && this.#engine.isCrowded; }
  release(): void { this.hasThreads = !this.#engine.hasFailed; }
  put(vector: Float32Array): number { return this.#inner.put(vector); }
  setAttributes(slot: number, json: Uint8Array | null): void {
    this.#inner.setAttributes(slot, json);
  }
  link(count: number): void { this.#inner.link(count); }
  levelOf(slot: number): number { return this.#inner.levelOf(slot); }
  neighbours(slot: number, level: number): readonly number[] {
    return this.#inner.neighbours(slot, level).filter((each) => !this.#gone.has(each));
  }
  compact(): null { return null; }
  close(): void {
    this.isClosed = true;
    this.#inner.close();
  }

  remove(slot: number): void {
    if (this.askedCount > 0) this.#gone.add(slot);
    else this.#inner.remove(slot);
  }

  /** A search was told. */
  told(): void {
    this.askedCount--;
    if (this.askedCount > 0) return;
    for (const slot of this.#gone) this.#inner.remove(slot);
    this.#gone.clear();
  }

  search(
    query: Float32Array, count: number, ef: number, filter: VectorFilter | null,
    strategy: FilterStrategy,
  ): readonly number[] | null {
    if (this.hasFailed) return null;
    const found = this.#inner.search(query, count + this.#gone.size, ef, filter, strategy);
    return found?.filter((slot) => !this.#gone.has(slot)) ?? null;
  }

  ask(
    query: Float32Array, count: number, ef: number, filter: VectorFilter | null,
    strategy: FilterStrategy, done: (slots: readonly number[] | null) => void,
  ): boolean {
    const slots = this.hasFailed || this.#engine.isBusy ? null
      : this.search(query, count, ef, filter, strategy);
    if (slots === null) return false;
    this.askedCount++;
    this.#engine.asked.push({ slots, index: this, done });
    return true;
  }
}

export class NaiveThreads implements VectorEngine {
  /** What was asked and not told. */
  readonly asked: NaiveAsk[] = [];
  readonly nearest = new NaiveNearest();
  isCrowded = false;
  /** Nothing more can be asked. */
  isBusy = false;
  hasFailed = false;
  #readyCount = 0;
  #isNews = false;

  createIndex(options: NearestIndexOptions): NearestIndex | null {
    const inner = this.nearest.createIndex(options);
    return inner === null ? null : new NaiveThreadedIndex(inner, this);
  }

  parseFilter(filter: Uint8Array): VectorFilter | string {
    return this.nearest.parseFilter(filter);
  }

  /** The next look tells so many. */
  find(count = this.asked.length): void {
    this.#readyCount = count;
  }

  /** A thread dies. */
  fail(): void {
    this.hasFailed = true;
    this.#isNews = true;
  }

  look(): boolean {
    const count = this.hasFailed ? this.asked.length : this.#readyCount;
    this.#readyCount = 0;
    for (const { slots, index, done } of this.asked.splice(0, count)) {
      done(index.isClosed || this.hasFailed ? null : slots);
      if (!index.isClosed) index.told();
    }
    const isNews = this.#isNews;
    this.#isNews = false;
    return isNews;
  }
}
