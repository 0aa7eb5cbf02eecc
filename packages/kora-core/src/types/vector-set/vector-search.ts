/**
 * Searches of one vector set: through its index where it has a whole one, else by a scan of all
 * elements. The index names candidates, which are ranked by the vectors themselves, so a distance
 * is the same either way. Filters never make an answer short while enough elements match.
 * Ties are broken by name, so that equal data gives equal answers.
 * Cost: a scan one distance an element and a filter's reading of its attributes; a search through
 * an index of 20,000 x 128 about 30 us.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../../structs/dict-layout.ts';
import { entryKeyAt, entryKeyBytes } from '../../structs/entry.hot.ts';
import { fieldValueAt } from '../../structs/member.hot.ts';
import type { FilterStrategy, NearestIndex, VectorFilter } from './vector-engine.ts';
import type { VectorShape } from './vector-set-layout.ts';
import { PLACE_BYTES, shapeOf, VECTOR_EF_MAX } from './vector-set-layout.ts';
import { elementNamed, vectorDict } from './vector-set.ts';

/** Candidates of an index that are ranked by their vectors: this many, or twice what is asked. */
const RANKED_MIN = 20;

const slots = new Int32Array(CHAIN_SLOTS_MAX);

/** What to look for. The vector at hand is the query. */
export interface VectorQuery {
  readonly count: number;
  readonly ef: number;
  /** Elements further away are left out. */
  readonly distanceMax: number;
  readonly filter: VectorFilter | null;
  readonly strategy: FilterStrategy;
  /** Every element is looked at. */
  readonly isExact: boolean;
}

/** The vector of the element that argument i names becomes the query; false: there is none. */
export function queryByName(shard: Shard, frame: ArgFrame, ref: number, i: number): boolean {
  const member = elementNamed(shard, frame, ref, i);
  if (member === 0) return false;
  const at = fieldValueAt(shard.memory.i32, member) + PLACE_BYTES;
  shard.collections.vectors.read(at, shapeOf(shard, ref));
  return true;
}

/** Answers, nearest first. */
export interface VectorHits {
  readonly count: number;
  readonly members: Int32Array;
  readonly distances: Float64Array;
}

/** The best so far of what is met: a heap with the furthest on top. */
class Nearest implements VectorHits {
  count = 0;
  readonly members: Int32Array;
  readonly distances: Float64Array;
  readonly #shard: Shard;
  readonly #most: number;

  constructor(shard: Shard, most: number) {
    this.#shard = shard;
    this.#most = most;
    this.members = new Int32Array(most);
    this.distances = new Float64Array(most);
  }

  add(member: number, distance: number): void {
    if (this.count < this.#most) {
      this.#rise(this.count++, member, distance);
    } else if (this.#most > 0 && this.#isBefore(member, distance, 0)) {
      this.#sink(0, this.count, member, distance);
    }
  }

  /** Puts them in order. */
  sort(): this {
    for (let end = this.count - 1; end > 0; end--) {
      const member = this.members[end] ?? 0;
      const distance = this.distances[end] ?? 0;
      this.members[end] = this.members[0] ?? 0;
      this.distances[end] = this.distances[0] ?? 0;
      this.#sink(0, end, member, distance);
    }
    return this;
  }

  /** True when an element comes before the one at i; NaN comes last. */
  #isBefore(member: number, distance: number, i: number): boolean {
    const other = this.distances[i] ?? 0;
    if (distance < other) return true;
    if (distance > other) return false;
    if (Number.isNaN(distance) !== Number.isNaN(other)) return Number.isNaN(other);
    const { i32, kernel } = this.#shard.memory;
    const rival = this.members[i] ?? 0;
    return kernel.compare(
      entryKeyAt(i32, member), entryKeyBytes(i32, member),
      entryKeyAt(i32, rival), entryKeyBytes(i32, rival),
    ) < 0;
  }

  #rise(from: number, member: number, distance: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#isBefore(member, distance, parent)) break;
      this.#move(at, parent);
      at = parent;
    }
    this.#put(at, member, distance);
  }

  #sink(from: number, end: number, member: number, distance: number): void {
    let at = from;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= end) break;
      const right = child + 1;
      const isRightFurther = right < end
        && this.#isBefore(this.members[child] ?? 0, this.distances[child] ?? 0, right);
      if (isRightFurther) child = right;
      if (!this.#isBefore(member, distance, child)) break;
      this.#move(at, child);
      at = child;
    }
    this.#put(at, member, distance);
  }

  #move(to: number, from: number): void {
    this.members[to] = this.members[from] ?? 0;
    this.distances[to] = this.distances[from] ?? 0;
  }

  #put(at: number, member: number, distance: number): void {
    this.members[at] = member;
    this.distances[at] = distance;
  }
}

/** The nearest to the vector at hand in the set of entry `ref`. */
export function searchVectorSet(shard: Shard, ref: number, query: VectorQuery): VectorHits {
  const shape = shapeOf(shard, ref);
  const { vectors } = shard.collections;
  const count = Math.min(query.count, collectionCount(shard, ref));
  vectors.prepare(shape);
  const nearest = new Nearest(shard, count);
  if (count === 0) return nearest;
  const index = query.isExact ? null : shard.vectors.wholeIndex(ref);
  if (index === null || !searchIndex(shard, ref, index, shape, query, nearest)) {
    scan(shard, ref, shape, query, nearest);
  }
  return nearest.sort();
}

/** @returns false when there is no memory for a search */
function searchIndex(
  shard: Shard, ref: number, index: NearestIndex, shape: VectorShape, query: VectorQuery,
  nearest: Nearest,
): boolean {
  const { memory, collections } = shard;
  const { vectors } = collections;
  const count = Math.min(query.count, collectionCount(shard, ref));
  const ranked = Math.max(RANKED_MIN, count * 2);
  const found = index.search(
    vectors.query.subarray(0, vectors.dimension), ranked, Math.min(query.ef, VECTOR_EF_MAX),
    query.filter, query.strategy,
  );
  if (found === null) return false;
  for (const slot of found) {
    const member = shard.vectors.memberAt(ref, slot);
    const distance = vectors.distance(fieldValueAt(memory.i32, member) + PLACE_BYTES, shape);
    if (distance <= query.distanceMax) nearest.add(member, distance);
  }
  return true;
}

function scan(
  shard: Shard, ref: number, shape: VectorShape, query: VectorQuery, nearest: Nearest,
): void {
  const { memory, collections } = shard;
  const { vectors } = collections;
  const { filter } = query;
  visitElements(shard, ref, (member) => {
    const distance = vectors.distance(fieldValueAt(memory.i32, member) + PLACE_BYTES, shape);
    if (distance > query.distanceMax) return;
    if (filter !== null) {
      const json = shard.vectors.attributesOf(member, shape);
      if (json === null || !filter.matches(json)) return;
    }
    nearest.add(member, distance);
  });
}

/** Calls `visit` with every element; nothing may change meanwhile. */
export function visitElements(
  shard: Shard, ref: number, visit: (member: number) => void,
): void {
  const { dict } = shard.collections;
  dict.bind(vectorDict(shard, ref));
  const lines = dict.lines();
  for (let line = 0; line < lines; line++) {
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) visit(shard.memory.i32[slots[i] ?? 0] ?? 0);
  }
}
