/**
 * Exact search over sparse vectors by inverted lists: for every component the slots that have it
 * and their values, so a search reads only the lists of the query's components. Metrics `ip` (minus
 * the dot product) and `cosine`; an element that shares no component with the query is no answer.
 * Removing marks a slot; when as many are dead as live, the lists are written anew, so a slot's
 * number never comes back while a list names it.
 * Cost: adding, one append a component; a search, the lengths of the query's lists.
 */
import { checkCount, checkId } from '../vector-types.ts';
import type { VectorId } from '../vector-types.ts';
import { VectorError } from '../vector-error.ts';
import { checkSparse } from './sparse-vector.ts';
import type { CheckedSparse, SparseVector } from './sparse-vector.ts';

/** One answer, smaller is nearer. */
export interface SparseHit {
  readonly id: VectorId;
  readonly distance: number;
}

interface Entry {
  readonly id: VectorId;
  readonly vector: CheckedSparse;
}

/** Dead slots below which nothing is written anew. */
const DEAD_MIN = 64;

/** Slots that have one component, and their values. */
class Postings {
  slots = new Uint32Array(4);
  values = new Float32Array(4);
  count = 0;

  push(slot: number, value: number): void {
    if (this.count === this.slots.length) {
      const slots = new Uint32Array(2 * this.count);
      const values = new Float32Array(2 * this.count);
      slots.set(this.slots);
      values.set(this.values);
      this.slots = slots;
      this.values = values;
    }
    this.slots[this.count] = slot;
    this.values[this.count] = value;
    this.count++;
  }
}

/** An index of sparse vectors. */
export class SparseVectorIndex {
  readonly metric: 'ip' | 'cosine';
  private entries: (Entry | undefined)[] = [];
  private slotOf = new Map<VectorId, number>();
  private lists = new Map<number, Postings>();
  private scores = new Float64Array(64);

  constructor(options: { readonly metric?: 'ip' | 'cosine' } = {}) {
    this.metric = options.metric ?? 'ip';
    if (this.metric !== 'ip' && this.metric !== 'cosine') {
      throw new VectorError('OPTION', `metric is ${String(this.metric)}; wanted: ip, cosine`);
    }
  }

  get size(): number { return this.slotOf.size; }
  has(id: VectorId): boolean { return this.slotOf.has(id); }
  ids(): IterableIterator<VectorId> { return this.slotOf.keys(); }

  /**
   * Stores a vector under an id, in the place of what was there. @returns true when the id is new
   * @throws VectorError ID, DIMENSION, NOT_FINITE: nothing has changed
   */
  add(id: VectorId, vector: SparseVector): boolean {
    checkId(id);
    const checked = checkSparse(vector);
    const isNew = !this.delete(id);
    this.insert({ id, vector: checked });
    return isNew;
  }

  /** Components ascending, without zeros; the caller's. Undefined when absent. */
  get(id: VectorId): { components: Uint32Array; values: Float32Array } | undefined {
    const slot = this.slotOf.get(id);
    const entry = slot === undefined ? undefined : this.entries[slot];
    if (entry === undefined) return undefined;
    const { components, values } = entry.vector;
    return { components: components.slice(), values: values.slice() };
  }

  /** Removes an id. @returns true when it was there */
  delete(id: VectorId): boolean {
    const slot = this.slotOf.get(id);
    if (slot === undefined) return false;
    this.entries[slot] = undefined;
    this.slotOf.delete(id);
    const deadCount = this.entries.length - this.size;
    if (deadCount > Math.max(DEAD_MIN, this.size)) this.writeAnew();
    return true;
  }

  /**
   * The k nearest of those that share a component with the query, ascending by distance, ties in
   * the order they were stored. @throws VectorError DIMENSION, NOT_FINITE, COUNT
   */
  search(query: SparseVector, k: number): SparseHit[] {
    checkCount('k', k);
    const checked = checkSparse(query);
    const met = this.accumulate(checked);
    const hits: { slot: number; id: VectorId; distance: number }[] = [];
    for (const slot of met) {
      const entry = this.entries[slot];
      const dot = this.scores[slot] ?? 0;
      this.scores[slot] = 0;
      if (entry === undefined) continue;
      const distance = this.metric === 'ip' ? -dot
        : 1 - dot / (checked.norm * entry.vector.norm);
      hits.push({ slot, id: entry.id, distance });
    }
    hits.sort((a, b) => a.distance - b.distance || a.slot - b.slot);
    return hits.slice(0, k).map(({ id, distance }) => ({ id, distance }));
  }

  /** Adds up dot products in `scores`; returns the slots that were met, each once. */
  private accumulate(query: CheckedSparse): Set<number> {
    const met = new Set<number>();
    for (const [i, component] of query.components.entries()) {
      const list = this.lists.get(component);
      if (list === undefined) continue;
      const weight = query.values[i] ?? 0;
      for (let at = 0; at < list.count; at++) {
        const slot = list.slots[at] ?? 0;
        this.scores[slot] = (this.scores[slot] ?? 0) + weight * (list.values[at] ?? 0);
        met.add(slot);
      }
    }
    return met;
  }

  private insert(entry: Entry): void {
    const slot = this.entries.length;
    this.entries.push(entry);
    this.slotOf.set(entry.id, slot);
    if (slot >= this.scores.length) this.scores = new Float64Array(2 * this.scores.length);
    const { components, values } = entry.vector;
    for (const [i, component] of components.entries()) {
      let list = this.lists.get(component);
      if (list === undefined) {
        list = new Postings();
        this.lists.set(component, list);
      }
      list.push(slot, values[i] ?? 0);
    }
  }

  private writeAnew(): void {
    const live = this.entries;
    this.entries = [];
    this.slotOf = new Map();
    this.lists = new Map();
    for (const entry of live) if (entry !== undefined) this.insert(entry);
  }
}
