/**
 * Sorted sets and sets as one kind of thing: what the algebra of sorted sets reads its members from
 * and looks members up in, and how its result becomes a sorted set.
 * A member's place is valid as long as its collection does not change, with one exception: members
 * of a set of integers pass one after the other through a place in low memory, and whoever keeps
 * one copies it (ScoredMembers does).
 * Cost: a member O(1) and no allocation; the result costs one insert a member.
 */
import { dropAside, newAside } from '../../keyspace/collection-entry.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { ENTRY_WIDE } from '../../structs/entry.hot.ts';
import { setWalkOf } from '../set/set-reply.ts';
import { setCount, setHas } from '../set/set.ts';
import type { ScoredMembers } from './scored-members.ts';
import { ZsetWalk } from './zset-walk.ts';
import { prepareAdd, ZSET_FLAGS_EMPTY, zsetAppend, zsetCount, zsetScore } from './zset.ts';

/** Members that are prepared at once: a reserve asks for one stretch of pages for all of them. */
const PREPARED_MAX = 1024;
/** Score of a set's members. */
const SET_SCORE = 1;

const zsetWalk = new ZsetWalk();

/** A key that takes part. */
export interface AlgebraSource {
  /** Entry of a sorted set or a set, 0 = the key is absent. */
  readonly ref: number;
  readonly isSet: boolean;
  /** Members. */
  readonly count: number;
  /** Factor of its scores. */
  readonly weight: number;
}

/** True when the entry may take part: a sorted set, a set, or 0 for an absent key. */
export function isSourceOrAbsent(shard: Shard, ref: number): boolean {
  if (ref === 0) return true;
  const { keyspace } = shard;
  return keyspace.isType(ref, ValueType.SortedSet) || keyspace.isType(ref, ValueType.Set);
}

/** The source that entry `ref` is. */
export function sourceOf(shard: Shard, ref: number, weight: number): AlgebraSource {
  if (ref === 0) return { ref, isSet: true, count: 0, weight };
  const isSet = shard.keyspace.isType(ref, ValueType.Set);
  return { ref, isSet, count: isSet ? setCount(shard, ref) : zsetCount(shard, ref), weight };
}

/** Score of a member, without the weight; NaN when the source does not have it. */
export function scoreIn(shard: Shard, source: AlgebraSource, at: number, bytes: number): number {
  if (source.ref === 0) return Number.NaN;
  if (!source.isSet) return zsetScore(shard, source.ref, at, bytes);
  return setHas(shard, source.ref, at, bytes) ? SET_SCORE : Number.NaN;
}

/** Calls `visit` with each member and its score, without the weight, until it says false. */
export function eachMember(
  shard: Shard, source: AlgebraSource,
  visit: (at: number, bytes: number, score: number) => boolean,
): void {
  const { ref, count } = source;
  if (ref === 0) return;
  if (source.isSet) {
    const setWalk = setWalkOf(shard);
    setWalk.start(ref);
    while (setWalk.next()) if (!visit(setWalk.at(), setWalk.bytes(), SET_SCORE)) return;
    return;
  }
  zsetWalk.open(shard, ref, 0, count, false);
  while (zsetWalk.next()) if (!visit(zsetWalk.at, zsetWalk.bytes, zsetWalk.score())) return;
}

/**
 * A sorted set of the members, in order already, under a key but known to no dict.
 * @returns its entry; 0 when memory is short: nothing is left of it then
 */
export function sortedSetAside(
  shard: Shard, keyAt: number, keyBytes: number, members: ScoredMembers,
): number {
  // Stated first, as Redis keeps the sign of -0 in wide sets alone.
  const width = isNarrow(shard, members) ? 0 : ENTRY_WIDE;
  const ref = newAside(shard, keyAt, keyBytes, ZSET_FLAGS_EMPTY | width);
  if (ref === 0) return 0;
  for (let from = 0; from < members.count; from += PREPARED_MAX) {
    const count = Math.min(PREPARED_MAX, members.count - from);
    if (!addRange(shard, ref, members, from, count)) {
      dropAside(shard, ref);
      return 0;
    }
  }
  return ref;
}

/** True when Redis would keep the result as a listpack. */
function isNarrow(shard: Shard, members: ScoredMembers): boolean {
  const { zsetListpackEntriesMax, zsetListpackValueBytesMax } = shard.settings;
  if (members.count > zsetListpackEntriesMax) return false;
  for (let i = 0; i < members.count; i++) {
    if ((members.bytes[i] ?? 0) > zsetListpackValueBytesMax) return false;
  }
  return true;
}

function addRange(
  shard: Shard, ref: number, members: ScoredMembers, from: number, count: number,
): boolean {
  const { order, at, bytes, score } = members;
  let bytesSum = 0;
  let bytesMax = 0;
  for (let i = from; i < from + count; i++) {
    const memberBytes = bytes[order[i] ?? 0] ?? 0;
    bytesSum += memberBytes;
    if (memberBytes > bytesMax) bytesMax = memberBytes;
  }
  if (prepareAdd(shard, ref, 0, 0, count, bytesSum, bytesMax) === 0) return false;
  for (let i = from; i < from + count; i++) {
    const member = order[i] ?? 0;
    zsetAppend(shard, ref, at[member] ?? 0, bytes[member] ?? 0, score[member] ?? 0);
  }
  return true;
}
