/**
 * Intersection, union and difference of sets, for replies and for results that are stored.
 *
 * A result is a sequence of members of the sources, each once, without a copy of anything: the
 * intersection walks the smallest source and asks the others, smallest first; the union walks all
 * and asks the sources before for each member; the difference walks the first and asks the others,
 * largest first. Where asking costs more than copying (a union of many sets, a difference whose
 * first set is far larger than the others together) the result is built in a set aside, which is
 * walked in its place.
 * A reply starts with its length: small results are gathered and written at once, larger ones are
 * walked a second time.
 * Cost: intersection O(smallest x sources); union O(sum x sources) up to UNION_ASKED_MAX sources,
 *   else O(sum); difference the smaller of O(first x sources) and O(sum), as Redis chooses.
 */
import { assert } from '../../assert.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { dropAside, newAside } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { SET_FLAGS } from './set-layout.ts';
import { gathered, setWalkOf } from './set-reply.ts';
import { setAdd, setCount, setHas, setRemove, SET_NO_MEMORY } from './set.ts';

export const INTERSECTION = 0;
export const UNION = 1;
export const DIFFERENCE = 2;

/** Sources up to which a union asks the sets before; above it builds. */
const UNION_ASKED_MAX = 4;
const FIRST_CAPACITY = 16;

/** The sources of one operation. One per thread: a command fills it, uses it and is done. */
class Sources {
  count = 0;
  /** Entries; 0 = absent. */
  refs = new Int32Array(FIRST_CAPACITY);

  /** Forgets the sources and makes room for `count`. */
  open(count: number): void {
    this.count = 0;
    if (this.refs.length < count) this.refs = new Int32Array(count * 2);
  }

  add(ref: number): void {
    assert(this.count < this.refs.length, 'room was made for the sources');
    this.refs[this.count++] = ref;
  }

  at(i: number): number {
    return this.refs[i] ?? 0;
  }
}

export const sources = new Sources();

/** What is walked, as {@link prepare} left it. */
let operation: number = INTERSECTION;
/** Set aside that holds the result already, 0 = none. */
let built = 0;

/** Drops absent sources, sorts, and builds the result where that is cheaper. False: no memory. */
function prepare(shard: Shard, frame: ArgFrame, wanted: number): boolean {
  operation = wanted;
  built = 0;
  if (wanted === INTERSECTION) {
    prepareIntersection(shard);
    return true;
  }
  if (wanted === UNION) {
    dropAbsent(0);
    sortByCount(shard, 0, -1);
    if (sources.count <= UNION_ASKED_MAX) return true;
    return build(shard, frame, addSources);
  }
  if (sources.at(0) === 0) {
    sources.count = 0;
    return true;
  }
  dropAbsent(1);
  sortByCount(shard, 1, -1);
  return isAskingCheaper(shard) || build(shard, frame, subtractSources);
}

function prepareIntersection(shard: Shard): void {
  for (let i = 0; i < sources.count; i++) {
    if (sources.at(i) !== 0) continue;
    sources.count = 0;
    return;
  }
  sortByCount(shard, 0, 1);
}

function dropAbsent(from: number): void {
  let kept = from;
  for (let i = from; i < sources.count; i++) {
    const ref = sources.at(i);
    if (ref !== 0) sources.refs[kept++] = ref;
  }
  sources.count = kept;
}

/** Sorts the sources from index `from` on by their sizes; sign 1 = ascending. */
function sortByCount(shard: Shard, from: number, sign: number): void {
  sources.refs
    .subarray(from, sources.count)
    .sort((a, b) => sign * (setCount(shard, a) - setCount(shard, b)));
}

/** Redis's choice between its two algorithms of SDIFF. */
function isAskingCheaper(shard: Shard): boolean {
  let sum = 0;
  for (let i = 0; i < sources.count; i++) sum += setCount(shard, sources.at(i));
  return (setCount(shard, sources.at(0)) * sources.count) / 2 <= sum;
}

// ------------------------------------------------------------------ building

/**
 * Builds the result in a set aside. @returns false when memory is short; nothing is left then
 */
function build(
  shard: Shard, frame: ArgFrame, fill: (shard: Shard, into: number) => boolean,
): boolean {
  const ref = newAside(shard, frame.at[1] ?? 0, frame.bytes[1] ?? 0, SET_FLAGS);
  if (ref === 0) return false;
  if (!fill(shard, ref)) {
    dropAside(shard, ref);
    return false;
  }
  built = ref;
  return true;
}

function addSources(shard: Shard, into: number): boolean {
  for (let i = 0; i < sources.count; i++) {
    if (!addAll(shard, sources.at(i), into)) return false;
  }
  return true;
}

function subtractSources(shard: Shard, into: number): boolean {
  if (!addAll(shard, sources.at(0), into)) return false;
  const walk = setWalkOf(shard);
  for (let i = 1; i < sources.count && setCount(shard, into) > 0; i++) {
    walk.start(sources.at(i));
    while (walk.next()) setRemove(shard, into, walk.at(), walk.bytes());
  }
  return true;
}

function addAll(shard: Shard, from: number, into: number): boolean {
  const walk = setWalkOf(shard);
  walk.start(from);
  while (walk.next()) {
    if (setAdd(shard, into, walk.at(), walk.bytes()) === SET_NO_MEMORY) return false;
  }
  return true;
}

// ------------------------------------------------------------------ walking the result

/** Sources that are walked: all of a union, one of the others. */
function walkedSources(): number {
  if (built !== 0) return 1;
  return operation === UNION ? sources.count : Math.min(1, sources.count);
}

/** True when a member of walked source `from` belongs to the result. */
function isInResult(shard: Shard, from: number, at: number, bytes: number): boolean {
  if (built !== 0) return true;
  if (operation === UNION) {
    for (let i = 0; i < from; i++) if (setHas(shard, sources.at(i), at, bytes)) return false;
    return true;
  }
  const isWanted = operation === INTERSECTION;
  for (let i = 1; i < sources.count; i++) {
    if (setHas(shard, sources.at(i), at, bytes) !== isWanted) return false;
  }
  return true;
}

/** Members of the result, counted up to `limit`; 0 = all. */
function countResult(shard: Shard, limit: number): number {
  if (built !== 0) return setCount(shard, built);
  const walk = setWalkOf(shard);
  let count = 0;
  for (let from = 0; from < walkedSources(); from++) {
    walk.start(sources.at(from));
    while (walk.next()) {
      if (!isInResult(shard, from, walk.at(), walk.bytes())) continue;
      count++;
      if (count === limit) return count;
    }
  }
  return count;
}

/** Gathers the whole result; false when it is too large for that. */
function gatherResult(shard: Shard): boolean {
  const walk = setWalkOf(shard);
  gathered.clear();
  for (let from = 0; from < walkedSources(); from++) {
    walk.start(built === 0 ? sources.at(from) : built);
    while (walk.next()) {
      if (!isInResult(shard, from, walk.at(), walk.bytes())) continue;
      if (gathered.isFull) return false;
      gathered.addCurrent(shard, walk);
    }
  }
  return true;
}

/**
 * Writes the result of an operation on {@link sources} as a set. False when memory is short: then
 * nothing was written.
 */
export function writeResult(
  shard: Shard, frame: ArgFrame, wanted: number, out: ReplySink,
): boolean {
  if (!prepare(shard, frame, wanted)) return false;
  if (gatherResult(shard)) {
    out.set(gathered.count);
    gathered.write(shard, out);
  } else {
    out.set(countResult(shard, 0));
    writeWalked(shard, out);
  }
  if (built !== 0) dropAside(shard, built);
  return true;
}

function writeWalked(shard: Shard, out: ReplySink): void {
  const walk = setWalkOf(shard);
  gathered.clear();
  for (let from = 0; from < walkedSources(); from++) {
    walk.start(built === 0 ? sources.at(from) : built);
    while (walk.next()) {
      if (!isInResult(shard, from, walk.at(), walk.bytes())) continue;
      if (gathered.isFull) gathered.write(shard, out);
      gathered.addCurrent(shard, walk);
    }
  }
  gathered.write(shard, out);
}

/** Members of the intersection of {@link sources}, counted up to `limit`; 0 = all. */
export function countIntersection(shard: Shard, limit: number): number {
  operation = INTERSECTION;
  built = 0;
  prepareIntersection(shard);
  return countResult(shard, limit);
}

/**
 * Builds the result of an operation on {@link sources} aside, under the key in argument 1.
 * @returns the entry, perhaps an empty set, to be linked or dropped; 0 when memory is short
 */
export function buildResult(shard: Shard, frame: ArgFrame, wanted: number): number {
  if (wanted === UNION) {
    dropAbsent(0);
    return build(shard, frame, addSources) ? built : 0;
  }
  if (!prepare(shard, frame, wanted)) return 0;
  if (built !== 0) return built;
  return build(shard, frame, addResult) ? built : 0;
}

/** Adds the members of an intersection or difference. */
function addResult(shard: Shard, into: number): boolean {
  const walk = setWalkOf(shard);
  if (sources.count === 0) return true;
  walk.start(sources.at(0));
  while (walk.next()) {
    if (!isInResult(shard, 0, walk.at(), walk.bytes())) continue;
    if (setAdd(shard, into, walk.at(), walk.bytes()) === SET_NO_MEMORY) return false;
  }
  return true;
}
