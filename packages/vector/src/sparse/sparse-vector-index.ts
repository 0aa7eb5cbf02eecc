/**
 * Exact search over sparse vectors by inverted lists: for every component the slots that have it
 * and their values, so a search reads only the lists of the query's components. Metrics `ip` (minus
 * the dot product) and `cosine`; an element that shares no component with the query is no answer.
 * Removing marks a slot; when as many are dead as live, the lists are written anew, so a slot's
 * number never comes back while a list names it.
 *   'KORASPA1' and the manifest (manifest.ts), then ids, JSON | components of each, u32 | all
 *   components, u32 | all values, f32
 * Cost: adding, one append a component; a search, the lengths of the query's lists.
 */
import { checkCount, checkId } from '../vector-types.ts';
import type { VectorId } from '../vector-types.ts';
import {
  checkedSection, checkEnd, factsOf, joinImage, jsonBytes, jsonOf, padded, readManifest,
} from '../manifest.ts';
import type { SectionFacts } from '../manifest.ts';
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

const MAGIC = 'KORASPA1';
const MANIFEST_BYTES_MAX = 1 << 16;

interface Manifest {
  readonly metric: 'ip' | 'cosine';
  readonly sections: readonly SectionFacts[];
}

function bytesOf(words: Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/** Arrays one behind the other. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
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

  /** All of it as bytes; the caller's. */
  dump(): Uint8Array<ArrayBuffer> {
    const live = this.entries.filter((entry) => entry !== undefined);
    const sections = [
      jsonBytes(live.map(({ id }) => id)),
      bytesOf(Uint32Array.from(live, ({ vector }) => vector.components.length)),
      joined(live.map(({ vector }) => bytesOf(vector.components))),
      joined(live.map(({ vector }) => bytesOf(vector.values))),
    ];
    const manifest: Manifest = { metric: this.metric, sections: sections.map(factsOf) };
    return joinImage(MAGIC, manifest, sections);
  }

  /** What `dump` gave. @throws VectorError IMAGE */
  static load(image: Uint8Array): SparseVectorIndex {
    const { manifest, end } = readManifest(image, MAGIC, MANIFEST_BYTES_MAX);
    // Its hash says it is what dump wrote, and so do those of the sections.
    const { metric, sections } = manifest as Manifest;
    let from = end;
    const [ids, counts, components, values] = sections.map((facts) => {
      // A copy: an image may begin anywhere.
      const section = checkedSection(image, from, facts).slice();
      from += padded(facts.bytes);
      return section;
    });
    checkEnd(image, from);
    const loaded = new SparseVectorIndex({ metric });
    const allComponents = new Uint32Array(components?.buffer ?? []);
    const allValues = new Float32Array(values?.buffer ?? []);
    const counted = new Uint32Array(counts?.buffer ?? []);
    let at = 0;
    for (const [i, id] of (jsonOf(ids ?? jsonBytes([])) as VectorId[]).entries()) {
      const next = at + (counted[i] ?? 0);
      loaded.add(id, {
        components: allComponents.subarray(at, next), values: allValues.subarray(at, next),
      });
      at = next;
    }
    return loaded;
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
