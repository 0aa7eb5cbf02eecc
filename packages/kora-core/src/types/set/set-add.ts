/**
 * Adds many members to a set, all of them or none: SADD and its replay. Members are taken in
 * chunks, each with a reserve of its own, because one reserve for a hundred thousand members would
 * keep the dict from growing beside it (Allocator.reserveBeside). When memory ends in a later
 * chunk, what was added is taken out again, so nothing has changed that anyone can see.
 * Cost: that of setPut for each; a set about to be converted is asked first which are new.
 */
import { createCollection, ROOT_BYTES } from '../../keyspace/collection-entry.ts';
import type { Effect } from '../../keyspace/effect.ts';
import type { Shard } from '../../shard/shard.ts';
import { ENTRY_WIDE, entryEncoding, entryFlags, entryRoot, setEntryFlags }
  from '../../structs/entry.hot.ts';
import { SET_FLAGS } from './set-layout.ts';
import {
  addPlan, integerWidth, planAdd, prepareAdd, setAdd, setHas, setPut, setRemove, SET_ADDED,
  SET_NO_MEMORY,
} from './set.ts';

/** Members of one reserve. */
const CHUNK_MEMBERS = 256;

/** Indices of the members added so far, when there are several chunks. */
let addedIndices = new Int32Array(CHUNK_MEMBERS);

/**
 * Adds members to the key looked up last.
 * @param ref its entry, 0 when it is absent: then it is created
 * @param at addresses of the members, which are [from, end): of a frame, or of an effect's parts
 * @param effect gets the members that are new as parts; null when nobody listens
 * @returns how many are new; SET_NO_MEMORY: nothing has changed
 */
export function addMembers(
  shard: Shard, ref: number, keyAt: number, keyBytes: number, at: ArrayLike<number>,
  bytes: ArrayLike<number>, from: number, end: number, effect: Effect | null,
): number {
  if (ref !== 0 && end - from === 1) {
    const added = setAdd(shard, ref, at[from] ?? 0, bytes[from] ?? 0);
    if (added === SET_ADDED) effect?.parts.add(at[from] ?? 0, bytes[from] ?? 0);
    return added;
  }
  const wasWide = ref === 0 ? 0 : entryFlags(shard.memory.i32, ref) & ENTRY_WIDE;
  if (addedIndices.length < end - from) addedIndices = new Int32Array(end - from);
  let entry = ref;
  let added = 0;
  for (let first = from; first < end; first += CHUNK_MEMBERS) {
    const last = Math.min(first + CHUNK_MEMBERS, end);
    if (!reserveChunk(shard, entry, keyBytes, at, bytes, first, last)) {
      if (entry !== 0) takeBack(shard, entry, ref === 0, wasWide, at, bytes, added);
      return SET_NO_MEMORY;
    }
    if (entry === 0) entry = createCollection(shard, keyAt, keyBytes, SET_FLAGS);
    prepareAdd(shard, entry);
    for (let i = first; i < last; i++) {
      if (setPut(shard, entry, at[i] ?? 0, bytes[i] ?? 0) !== SET_ADDED) continue;
      addedIndices[added++] = i;
      effect?.parts.add(at[i] ?? 0, bytes[i] ?? 0);
    }
  }
  return added;
}

/** Plans and reserves for members [first, last); false when memory is short. */
function reserveChunk(
  shard: Shard, entry: number, keyBytes: number, at: ArrayLike<number>, bytes: ArrayLike<number>,
  first: number, last: number,
): boolean {
  planChunk(shard, entry, at, bytes, first, last, false);
  const { blocks } = addPlan;
  if (entry === 0) {
    return shard.keyspace.reserve(keyBytes, ROOT_BYTES, blocks, addPlan.bytes);
  }
  const { i32 } = shard.memory;
  const isConverting = entryRoot(i32, entry) !== 0 &&
    addPlan.encoding !== entryEncoding(i32, entry);
  if (isConverting) planChunk(shard, entry, at, bytes, first, last, true);
  if (addPlan.bytes === 0) return true;
  return shard.memory.arenaAllocator.reserve(addPlan.blocks, addPlan.bytes);
}

/** @param isExact leaves out members that the set has */
function planChunk(
  shard: Shard, entry: number, at: ArrayLike<number>, bytes: ArrayLike<number>,
  first: number, last: number, isExact: boolean,
): void {
  let more = 0;
  let bytesSum = 0;
  let bytesMax = 0;
  let width = -1;
  for (let i = first; i < last; i++) {
    const memberAt = at[i] ?? 0;
    const memberBytes = bytes[i] ?? 0;
    if (isExact && setHas(shard, entry, memberAt, memberBytes)) continue;
    more++;
    bytesSum += memberBytes;
    bytesMax = Math.max(bytesMax, memberBytes);
    const memberWidth = width === 0 ? 0 : integerWidth(shard, memberAt, memberBytes);
    width = memberWidth === 0 ? 0 : Math.max(width, memberWidth);
  }
  if (more === 0) {
    // Nothing is new: any plan that keeps the encoding will do.
    addPlan.encoding = entryEncoding(shard.memory.i32, entry);
    addPlan.more = 0;
    addPlan.packRoom = 0;
    addPlan.width = 0;
    addPlan.blocks = 0;
    addPlan.bytes = 0;
    return;
  }
  planAdd(shard, entry, more, bytesSum, bytesMax, width);
}

/** Undoes the chunks done: the key goes when it is new, else the members added. */
function takeBack(
  shard: Shard, entry: number, isNew: boolean, wasWide: number, at: ArrayLike<number>,
  bytes: ArrayLike<number>, added: number,
): void {
  if (isNew) {
    shard.keyspace.remove(entry);
    return;
  }
  for (let n = 0; n < added; n++) {
    const i = addedIndices[n] ?? 0;
    setRemove(shard, entry, at[i] ?? 0, bytes[i] ?? 0);
  }
  const { i32 } = shard.memory;
  setEntryFlags(i32, entry, (entryFlags(i32, entry) & ~ENTRY_WIDE) | wasWide);
}
