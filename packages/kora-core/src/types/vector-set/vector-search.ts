/**
 * Searches of one vector set: through its index where it has a whole one, else by a scan of all
 * elements. The index names candidates, which are ranked by the vectors themselves, so a distance
 * is the same either way. Where threads search, the command is parked meanwhile. Filters never
 * make an answer short while enough elements match.
 * Ties are broken by name, so that equal data gives equal answers.
 * Cost: a scan one distance an element (vector-scan.ts), and with a filter the reading of the
 * attributes of those that are near enough; a search through an index of 20,000 x 128 about 30 us.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../../structs/dict-layout.ts';
import { entryKeyAt, entryKeyBytes } from '../../structs/entry.hot.ts';
import { fieldValueAt } from '../../structs/member.hot.ts';
import type { FilterStrategy, VectorFilter } from './vector-engine.ts';
import { attributesOf } from './vector-room.ts';
import type { SearchedIndex } from './vector-room.ts';
import { scanElements } from './vector-scan.ts';
import type { ScanVisitor } from './vector-scan.ts';
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
  /** No thread is to search; default false. */
  readonly isHere?: boolean;
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

  /** Distance beyond which nothing is added; NaN: anything may be. */
  get furthest(): number {
    return this.count < this.#most ? Infinity : (this.distances[0] ?? Infinity);
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

/**
 * The nearest to the vector at hand in the set of entry `ref`; null: a thread searches, and the
 * command in the frame runs again when it has, so it answers nothing now (parked-searches.ts).
 */
export function searchVectorSet(
  shard: Shard, frame: ArgFrame, ref: number, query: VectorQuery,
): VectorHits | null {
  const shape = shapeOf(shard, ref);
  const { vectors } = shard.collections;
  const count = Math.min(query.count, collectionCount(shard, ref));
  vectors.prepare(shape);
  const nearest = new Nearest(shard, count);
  if (count === 0) return nearest;
  const index = query.isExact ? null : shard.vectors.wholeIndex(ref);
  if (index === null) {
    scan(shard, ref, shape, query, nearest);
    return nearest.sort();
  }
  const wanted = {
    query: vectors.query.subarray(0, vectors.dimension), count: Math.max(RANKED_MIN, count * 2),
    ef: Math.min(query.ef, VECTOR_EF_MAX), filter: query.filter, strategy: query.strategy,
  };
  const searched = shard.vectors.threadedIndex(ref);
  let slots: readonly number[] | null = null;
  if (searched !== null) {
    slots = foundSlots(shard, ref, searched, query.filter);
    const mayPark = slots === null && query.isHere !== true;
    if (mayPark && shard.vectors.searches.park(frame, searched, wanted)) return null;
  }
  slots ??= index.search(wanted.query, wanted.count, wanted.ef, wanted.filter, wanted.strategy);
  // Without memory for a search.
  if (slots === null) scan(shard, ref, shape, query, nearest);
  else rank(shard, ref, slots, shape, query, nearest);
  return nearest.sort();
}

/** Slots that a thread has found for this command, if they are all still what it has found. */
function foundSlots(
  shard: Shard, ref: number, searched: SearchedIndex, filter: VectorFilter | null,
): readonly number[] | null {
  const { vectors } = shard;
  const found = vectors.searches.takeFound();
  if (found?.searched.handle !== searched.handle) return null;
  const isSame = filter === null
    || found.searched.attributeChanges === searched.attributeChanges;
  const isThere = isSame && found.slots.every((slot) => vectors.memberLeftAt(ref, slot) !== 0);
  return isThere ? found.slots : null;
}

function rank(
  shard: Shard, ref: number, slots: readonly number[], shape: VectorShape, query: VectorQuery,
  nearest: Nearest,
): void {
  const { memory, collections: { vectors } } = shard;
  for (const slot of slots) {
    const member = shard.vectors.memberAt(ref, slot);
    const distance = vectors.distance(fieldValueAt(memory.i32, member) + PLACE_BYTES, shape);
    if (distance <= query.distanceMax) nearest.add(member, distance);
  }
}

function scan(
  shard: Shard, ref: number, shape: VectorShape, query: VectorQuery, nearest: Nearest,
): void {
  const { memory, collections } = shard;
  const { vectors } = collections;
  const { filter, distanceMax } = query;
  const visitor: ScanVisitor = {
    furthest: () => Math.min(distanceMax, nearest.furthest),
    meet(member, distance) {
      if (distance > distanceMax) return;
      if (filter !== null) {
        const json = attributesOf(shard, member, shape);
        if (json === null || !filter.matches(json)) return;
      }
      nearest.add(member, distance);
    },
  };
  if (scanElements(shard, ref, shape, visitor)) return;
  visitElements(shard, ref, (member) => {
    const at = fieldValueAt(memory.i32, member) + PLACE_BYTES;
    visitor.meet(member, vectors.distance(at, shape));
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
