/**
 * What a shard lends of its keys to LMPOP and ZMPOP of another shard: not whole values, but the end
 * that is popped from, with one element more than can go. So the leader sees which key is the first
 * that has anything, pops there, and never empties what is not empty here. A key of another type is
 * lent as a set of one member, which is of a wrong type too.
 * Positions in a list that has been lent from its tail are others than here: its removals are
 * carried out by their number (`applyForeignPop`). Members of sorted sets go by name.
 * Nothing changes; a key whose time has come is removed as by any other lookup.
 * Cost: O(elements lent).
 */
import { assert } from '../assert.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { argumentText } from '../command/argument-text.ts';
import type { Command } from '../command/spec.ts';
import { dropAside, newAside } from '../keyspace/collection-entry.ts';
import type { Database } from '../keyspace/database.ts';
import { EffectOp } from '../keyspace/effect.ts';
import type { RecordWriter } from '../keyspace/effect-writer.ts';
import type { KeyBytes } from '../keyspace/move-entry.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import type { Shard } from '../shard/shard.ts';
import {
  appendElement, findElement, LIST_FLAGS, listCount, place, removeElements,
} from '../types/list/list.ts';
import { SET_FLAGS } from '../types/set/set-layout.ts';
import { SET_ADDED, setAdd } from '../types/set/set.ts';
import { walk } from '../types/zset/zset-walk.ts';
import { prepareAdd, ZSET_FLAGS_EMPTY, zsetAppend, zsetCount } from '../types/zset/zset.ts';
import { applyForeign, describeRecord } from './foreign-effects.ts';
import type { Lending } from './lent-values.ts';
import { lendEntry, lendValue } from './lent-values.ts';

/** Commands that pop from the first of several keys, and where they say how many keys there are. */
const KEY_COUNT_AT: ReadonlyMap<string, number> = new Map([
  ['lmpop', 1], ['zmpop', 1], ['blmpop', 2], ['bzmpop', 2],
]);
/** LEFT or RIGHT, MIN or MAX, in the arguments of a lender; then COUNT's, and then the keys. */
const END = 1;
const COUNT = 2;
/** Arguments of a lender before its keys. */
export const LENT_END_ARGUMENTS = 2;

/** True for a command to which ends are lent. */
export function popsEnd({ name }: Command): boolean {
  return KEY_COUNT_AT.has(name);
}

/** Arguments of a command that pops, which its lenders get before their keys: which end, COUNT. */
export function endArguments({ name }: Command, frame: ArgFrame): readonly number[] {
  const countAt = KEY_COUNT_AT.get(name);
  assert(countAt !== undefined, 'it pops from the first of several keys');
  const end = countAt + 1 + Number(argumentText(frame, countAt));
  // Without COUNT the end stands in its place too, which is no number.
  return [end, end + 2 < frame.count ? end + 2 : end];
}

/** True for LEFT and MIN in the arguments of a lender. */
function isHeadAsked(frame: ArgFrame): boolean {
  const end = argumentText(frame, END).toUpperCase();
  return end === 'LEFT' || end === 'MIN';
}

/**
 * Lends the end of a key that is popped from. @param key in low memory
 * @param frame the arguments of the lender
 */
export function lendEndOf(
  shard: Shard, command: Command, frame: ArgFrame, db: Database, key: KeyBytes,
  writer: RecordWriter,
): Lending {
  const ref = shard.keyspace.find(db, key.at, key.bytes);
  if (ref === 0) return 'absent';
  const count = Number(argumentText(frame, COUNT));
  const lentMax = (Number.isNaN(count) ? 1 : count) + 1;
  const isList = command.name.endsWith('lmpop');
  if (!shard.keyspace.isType(ref, isList ? ValueType.List : ValueType.SortedSet)) {
    return lendAside(shard, db, key, SET_FLAGS, writer, (aside) =>
      setAdd(shard, aside, key.at, 0) === SET_ADDED);
  }
  const held = isList ? listCount(shard, ref) : zsetCount(shard, ref);
  if (held <= lentMax) return lendValue(shard, db, key, writer);
  const from = isHeadAsked(frame) ? 0 : held - lentMax;
  if (isList) {
    return lendAside(shard, db, key, LIST_FLAGS, writer, (aside) =>
      copyElements(shard, ref, from, lentMax, aside));
  }
  const room = memberRoom(shard, ref, from, lentMax);
  // In a short set -0 would be 0.
  if (room === null) return lendValue(shard, db, key, writer);
  return lendAside(shard, db, key, ZSET_FLAGS_EMPTY, writer, (aside) => {
    const { bytes, longest } = room;
    const made = prepareAdd(shard, aside, key.at, key.bytes, lentMax, bytes, longest);
    if (made === 0) return false;
    walk.open(shard, ref, from, lentMax, false);
    while (walk.next()) zsetAppend(shard, made, walk.at, walk.bytes, walk.score());
    return true;
  });
}

/** Lends a value that is made aside. */
function lendAside(
  shard: Shard, db: Database, key: KeyBytes, flags: number, writer: RecordWriter,
  fill: (aside: number) => boolean,
): Lending {
  const aside = newAside(shard, key.at, key.bytes, flags);
  if (aside === 0) return 'no memory';
  const isFilled = fill(aside);
  if (isFilled) lendEntry(shard, db, key, aside, writer);
  dropAside(shard, aside);
  return isFilled ? 'lent' : 'no memory';
}

function copyElements(
  shard: Shard, ref: number, from: number, count: number, to: number,
): boolean {
  for (let i = 0; i < count; i++) {
    findElement(shard, ref, from + i);
    if (!appendElement(shard, to, place.at, place.bytes)) return false;
  }
  return true;
}

/** What members take; null where one of them has the score -0. */
function memberRoom(
  shard: Shard, ref: number, from: number, count: number,
): { readonly bytes: number; readonly longest: number } | null {
  let bytes = 0;
  let longest = 0;
  walk.open(shard, ref, from, count, false);
  while (walk.next()) {
    if (Object.is(walk.score(), -0)) return null;
    bytes += walk.bytes;
    longest = Math.max(longest, walk.bytes);
  }
  return { bytes, longest };
}

/**
 * Carries out and announces what the leader has popped of a key whose end it was lent; as
 * `applyForeign`. @param frame the arguments of the lender
 */
export function applyForeignPop(shard: Shard, frame: ArgFrame, at: number, bytes: number): void {
  const { op, db, keyAt, keyBytes, parts } = describeRecord(shard, at, bytes);
  if (op !== EffectOp.ListRemove) {
    applyForeign(shard, at, bytes);
    return;
  }
  const database = shard.keyspace.databases[db];
  const count = parts.value[1] ?? 0;
  const ref = database === undefined ? 0 : shard.keyspace.find(database, keyAt, keyBytes);
  // It has expired, or was evicted, since it was lent.
  if (ref === 0) return;
  const from = isHeadAsked(frame) ? 0 : listCount(shard, ref) - count;
  removeElements(shard, ref, from, count);
  const effect = describeRecord(shard, at, bytes);
  effect.ref = ref;
  effect.parts.value[0] = from;
  shard.commit();
}
