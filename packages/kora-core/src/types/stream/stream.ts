/**
 * The stream type: entries under ascending IDs, appended at the end, read and removed anywhere.
 * Functions take the entry of a key; those who change something say what must be reserved before.
 *
 *   entry -> header (stream-header.hot.ts) -> blocks before the tail, in a ScoreTree, and the tail
 *                                          -> groups (stream-groups.ts)
 *
 * Invariants: the entry's count is the number of live entries, which may be 0: an empty stream is a
 *   value; every block has a live entry; the header's first and last live IDs name live entries.
 * Cost: append O(bytes), a block each hundred entries into the tree; find and delete O(log n) and a
 *   block; removing from the head O(1) a block.
 */
import {
  collectionCount, createCollection, ROOT_BYTES, setCollectionCount,
} from '../../keyspace/collection-entry.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryRoot, setEntryRoot } from '../../structs/entry.hot.ts';
import {
  BLOCK_ENTRIES_MAX, BLOCK_FIRST, BLOCK_KEY, BLOCK_USED, blockDead, blockLive,
} from './stream-blocks.hot.ts';
import {
  addOne64, HEADER_ADDED, HEADER_BYTES, HEADER_DELETED_ID, HEADER_FIRST_ID, HEADER_LAST_ID,
  HEADER_LAST_LIVE_ID, HEADER_TAIL, HEADER_TREE, headerTail, headerTree, startHeader,
} from './stream-header.hot.ts';
import type { StreamId } from './stream-id.hot.ts';

/** A fresh block begins with at most this much room. */
const ROOM_BYTES_MAX = 4096;
/** How the entry that was reserved last goes in. */
const PLAN_NEW_STREAM = 0;
const PLAN_NEW_TAIL = 1;
const PLAN_FITS = 2;
const PLAN_GROWS = 3;
const PLAN_NEXT_BLOCK = 4;
let plan = PLAN_NEW_STREAM;

/** First word of the header of the stream in entry `ref`. */
export function headerWord(shard: Shard, ref: number): number {
  return entryRoot(shard.memory.i32, ref) * 2;
}

/** Reads one of the IDs that the header has: HEADER_LAST_ID and so on. */
export function headerId(shard: Shard, ref: number, field: number, into: StreamId): void {
  into.read(shard.memory.i32, headerWord(shard, ref) + field);
}

/** Sets one of them. */
export function setHeaderId(shard: Shard, ref: number, field: number, id: StreamId): void {
  shard.noteMutation();
  id.write(shard.memory.i32, headerWord(shard, ref) + field);
}

/** Entries ever added: a signed 64-bit number. */
export function entriesAdded(shard: Shard, ref: number): bigint {
  return longAt(shard, headerWord(shard, ref) + HEADER_ADDED);
}

export function setEntriesAdded(shard: Shard, ref: number, added: bigint): void {
  shard.noteMutation();
  setLongAt(shard, headerWord(shard, ref) + HEADER_ADDED, added);
}

/** A signed 64-bit number at a word, low word first. */
export function longAt(shard: Shard, word: number): bigint {
  const { i32 } = shard.memory;
  return (BigInt(i32[word + 1] ?? 0) << 32n) | BigInt((i32[word] ?? 0) >>> 0);
}

export function setLongAt(shard: Shard, word: number, value: bigint): void {
  const { i32 } = shard.memory;
  i32[word] = Number(BigInt.asIntN(32, value));
  i32[word + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** Blocks of the stream. */
export function streamBlockCount(shard: Shard, ref: number): number {
  const { walk } = shard.collections.streams;
  walk.bind(entryRoot(shard.memory.i32, ref));
  return walk.blockCount;
}

// ------------------------------------------------------------------ making

/** Makes sure that createStream of such a key, and `more` bytes in `blocks`, cannot fail. */
export function reserveStream(
  shard: Shard, keyBytes: number, blocks: number, more: number,
): boolean {
  return shard.keyspace.reserve(keyBytes, ROOT_BYTES, 1 + blocks, HEADER_BYTES + more);
}

/** An empty stream at the key looked up last, which is absent; reserved. @returns its entry */
export function createStream(shard: Shard, keyAt: number, keyBytes: number): number {
  const ref = createCollection(shard, keyAt, keyBytes, ValueType.Stream);
  initStream(shard, ref);
  return ref;
}

/** Gives an entry of root 0 an empty stream. @returns false when memory is short */
export function initStream(shard: Shard, ref: number): boolean {
  const root = shard.memory.arenaAllocator.alloc(HEADER_BYTES);
  if (root === 0) return false;
  const { i32 } = shard.memory;
  startHeader(i32, root);
  setEntryRoot(i32, ref, root);
  return true;
}

// ------------------------------------------------------------------ appending

/**
 * Makes sure that `appendEntry` with the same arguments, called next, cannot fail.
 * @param ref entry of the stream, 0 = it is to be made for a key of `keyBytes` bytes
 * @param at,bytes columns of fields and values from index `from` on, in low memory
 */
export function reserveAppend(
  shard: Shard, ref: number, keyBytes: number, id: StreamId, at: Int32Array, bytes: Int32Array,
  from: number, pairs: number,
): boolean {
  const { blocks } = shard.collections.streams;
  const { i32, arenaAllocator } = shard.memory;
  if (ref === 0) {
    plan = PLAN_NEW_STREAM;
    return reserveStream(shard, keyBytes, 1, blocks.firstBytes(bytes, from, pairs));
  }
  const tail = headerTail(i32, entryRoot(i32, ref));
  if (tail === 0) {
    plan = PLAN_NEW_TAIL;
    return arenaAllocator.reserve(1, blocks.firstBytes(bytes, from, pairs));
  }
  const more = blocks.measure(tail, id, at, bytes, from, pairs);
  if (!isFull(shard, tail, more)) {
    const grown = blocks.growBytes(tail, more);
    plan = grown === 0 ? PLAN_FITS : PLAN_GROWS;
    return grown === 0 || arenaAllocator.reserve(1, grown);
  }
  plan = PLAN_NEXT_BLOCK;
  const first = Math.max(roomAfter(shard, tail), blocks.firstBytes(bytes, from, pairs));
  return reserveClosing(shard, ref, tail, 1, first);
}

/** Bytes that the block behind `tail` begins with: what that one took, so that it need not grow. */
function roomAfter(shard: Shard, tail: number): number {
  return Math.min(shard.memory.i32[tail * 2 + BLOCK_USED] ?? 0, ROOM_BYTES_MAX);
}

/** Binds the tree of blocks, made if there is none, and reserves for the tail to go into it. */
function reserveClosing(
  shard: Shard, ref: number, tail: number, blocks: number, bytes: number,
): boolean {
  const { tree } = shard.collections;
  const used = shard.memory.i32[tail * 2 + BLOCK_USED] ?? 0;
  if (!bindTree(shard, ref)) return false;
  if (tree.reserveAdd(1, 1 + blocks, used + bytes)) return true;
  if (tree.count() === 0) {
    tree.destroy();
    shard.memory.i32[headerWord(shard, ref) + HEADER_TREE] = 0;
  }
  return false;
}

/** True when the block takes no entry of `more` bytes besides those it has. */
function isFull(shard: Shard, block: number, more: number): boolean {
  const { i32 } = shard.memory;
  const { streamNodeBytesMax, streamNodeEntriesMax } = shard.settings;
  const count = blockLive(i32, block) + blockDead(i32, block);
  if (count >= BLOCK_ENTRIES_MAX) return true;
  if (streamNodeEntriesMax > 0 && count >= streamNodeEntriesMax) return true;
  const used = i32[block * 2 + BLOCK_USED] ?? 0;
  return streamNodeBytesMax > 0 && used + more > streamNodeBytesMax;
}

/** Binds the tree of blocks and makes it where there is none; false: memory is short. */
function bindTree(shard: Shard, ref: number): boolean {
  const { tree } = shard.collections;
  const word = headerWord(shard, ref) + HEADER_TREE;
  const header = shard.memory.i32[word] ?? 0;
  if (header !== 0) {
    tree.bind(header);
    return true;
  }
  const made = tree.create();
  shard.memory.i32[word] = made;
  return made !== 0;
}

/** Appends the entry that was reserved last; its ID is above the last one. */
export function appendEntry(
  shard: Shard, ref: number, id: StreamId, at: Int32Array, bytes: Int32Array, from: number,
  pairs: number,
): void {
  shard.noteMutation();
  const { blocks } = shard.collections.streams;
  const { memory } = shard;
  const word = headerWord(shard, ref);
  let tail = memory.i32[word + HEADER_TAIL] ?? 0;
  let room = 0;
  if (plan === PLAN_NEXT_BLOCK) {
    room = roomAfter(shard, tail);
    closeTail(shard, ref, tail);
    tail = 0;
  }
  if (tail === 0) {
    // Written after the call: the memory's view may be another one then.
    const block = blocks.create(id, at, bytes, from, pairs, room);
    memory.i32[word + HEADER_TAIL] = block;
  } else {
    if (plan === PLAN_GROWS) {
      tail = blocks.resize(tail, blocks.growBytes(tail, blocks.measuredBytes()));
      memory.i32[word + HEADER_TAIL] = tail;
    }
    blocks.append(tail, at, bytes, from, pairs);
  }
  const { i32 } = memory;
  const count = collectionCount(shard, ref);
  id.write(i32, word + HEADER_LAST_ID);
  id.write(i32, word + HEADER_LAST_LIVE_ID);
  if (count === 0) id.write(i32, word + HEADER_FIRST_ID);
  addOne64(i32, word + HEADER_ADDED);
  setCollectionCount(shard, ref, count + 1);
}

/** Puts the tail, cut to what it uses, into the tree, which was bound and reserved for it. */
function closeTail(shard: Shard, ref: number, tail: number): void {
  const { memory, collections } = shard;
  const { blocks, id } = collections.streams;
  const used = memory.i32[tail * 2 + BLOCK_USED] ?? 0;
  const allocator = memory.arenaAllocator;
  const isLoose = allocator.realBytes(used) < allocator.sizeOf(tail);
  const closed = isLoose ? blocks.resize(tail, used) : tail;
  id.readKey(memory.i32, closed * 2 + BLOCK_KEY);
  collections.tree.add(id.score(), closed);
  memory.i32[headerWord(shard, ref) + HEADER_TAIL] = 0;
}

/**
 * Lets the next entry begin a block of its own: for loaders, which keep the blocks they read.
 * @returns false when memory is short
 */
export function closeBlock(shard: Shard, ref: number): boolean {
  const { i32 } = shard.memory;
  const tail = headerTail(i32, entryRoot(i32, ref));
  if (tail === 0) return true;
  if (!reserveClosing(shard, ref, tail, 0, 0)) return false;
  closeTail(shard, ref, tail);
  return true;
}

/**
 * Sets the last ID given out, which is at or behind the last live entry. Where it goes back behind
 * deleted entries the next one begins a block of its own, so that live IDs ascend in every block.
 * @returns false when memory is short; nothing has changed then
 */
export function setLastId(shard: Shard, ref: number, id: StreamId): boolean {
  const { otherId } = shard.collections.streams;
  headerId(shard, ref, HEADER_LAST_ID, otherId);
  const isBack = id.compare(otherId) < 0 && tailEndsBehind(shard, ref, id);
  if (isBack && !closeBlock(shard, ref)) return false;
  setHeaderId(shard, ref, HEADER_LAST_ID, id);
  return true;
}

/** True when the last block has an entry behind the ID, which then is a dead one. */
function tailEndsBehind(shard: Shard, ref: number, id: StreamId): boolean {
  const { cursor } = shard.collections.streams.walk;
  const { i32 } = shard.memory;
  const tail = headerTail(i32, entryRoot(i32, ref));
  if (tail === 0) return false;
  cursor.open(tail);
  while (cursor.next());
  return cursor.id.compare(id) > 0;
}

// ------------------------------------------------------------------ removing

/** True when the stream has a live entry with this ID; the window's walk stands on it then. */
export function findEntry(shard: Shard, ref: number, id: StreamId): boolean {
  const { walk } = shard.collections.streams;
  walk.bind(entryRoot(shard.memory.i32, ref));
  return walk.find(id);
}

/**
 * Removes the live entry with this ID and notes it as the highest deleted one, if it is. Never
 * fails for want of memory.
 * @returns false when there is no such entry
 */
export function deleteEntry(shard: Shard, ref: number, id: StreamId): boolean {
  if (!findEntry(shard, ref, id)) return false;
  shard.noteMutation();
  const { walk, otherId } = shard.collections.streams;
  walk.cursor.kill();
  const { block, entryOffset } = walk.cursor;
  if (blockLive(shard.memory.i32, block) === 0) dropBlock(shard, ref, block);
  else if (entryOffset === shard.memory.i32[block * 2 + BLOCK_FIRST]) skipDead(shard, block);
  setCollectionCount(shard, ref, collectionCount(shard, ref) - 1);
  headerId(shard, ref, HEADER_DELETED_ID, otherId);
  if (id.compare(otherId) > 0) setHeaderId(shard, ref, HEADER_DELETED_ID, id);
  headerId(shard, ref, HEADER_FIRST_ID, otherId);
  if (id.compare(otherId) === 0) refreshFirst(shard, ref);
  headerId(shard, ref, HEADER_LAST_LIVE_ID, otherId);
  if (id.compare(otherId) === 0) refreshLast(shard, ref);
  return true;
}

/**
 * Lets the block begin with its first live entry, on which the walk's cursor stands then: the dead
 * before it are never read again, so that a queue does not wade through what it has consumed.
 */
function skipDead(shard: Shard, block: number): void {
  const { cursor } = shard.collections.streams.walk;
  cursor.open(block);
  while (cursor.next() && cursor.isDead);
  shard.memory.i32[block * 2 + BLOCK_FIRST] = cursor.entryOffset;
}

/** Takes a block out of the stream and frees it. */
function dropBlock(shard: Shard, ref: number, block: number): void {
  const { memory, collections } = shard;
  const root = entryRoot(memory.i32, ref);
  if (headerTail(memory.i32, root) === block) {
    memory.i32[root * 2 + HEADER_TAIL] = 0;
  } else {
    const id = collections.streams.otherId;
    id.readKey(memory.i32, block * 2 + BLOCK_KEY);
    collections.tree.bind(headerTree(memory.i32, root));
    collections.tree.remove(id.score(), block);
  }
  memory.arenaAllocator.free(block);
}

/** Makes the header's first live ID that of the first entry there is. */
function refreshFirst(shard: Shard, ref: number): void {
  const { walk, otherId } = shard.collections.streams;
  const root = entryRoot(shard.memory.i32, ref);
  walk.bind(root);
  otherId.setZero();
  walk.seekFrom(otherId);
  const first = walk.next() ? walk.cursor.id : otherId;
  first.write(shard.memory.i32, root * 2 + HEADER_FIRST_ID);
}

/** The same of the last one. */
function refreshLast(shard: Shard, ref: number): void {
  const { walk, otherId } = shard.collections.streams;
  const root = entryRoot(shard.memory.i32, ref);
  walk.bind(root);
  otherId.setMax();
  walk.seekBack(otherId);
  if (walk.previous()) otherId.copy(walk.cursor.id);
  else otherId.setZero();
  otherId.write(shard.memory.i32, root * 2 + HEADER_LAST_LIVE_ID);
}

/** Entries that XTRIM MAXLEN removes. `limit` 0 = none; an approximate trim takes whole blocks. */
export function countAboveLength(
  shard: Shard, ref: number, lengthMax: number, isApproximate: boolean, limit: number,
): number {
  const length = collectionCount(shard, ref);
  if (!isApproximate) return Math.max(0, length - lengthMax);
  const { walk } = shard.collections.streams;
  const { i32 } = shard.memory;
  walk.bind(entryRoot(i32, ref));
  let removed = 0;
  for (let rank = 0; rank < walk.blockCount && length - removed > lengthMax; rank++) {
    const live = blockLive(i32, walk.blockAt(rank));
    if (limit !== 0 && removed + live > limit) break;
    if (length - removed - live < lengthMax) break;
    removed += live;
  }
  return removed;
}

/** Entries that XTRIM MINID removes: those below `id`. */
export function countBelowId(
  shard: Shard, ref: number, id: StreamId, isApproximate: boolean, limit: number,
): number {
  const { walk, otherId } = shard.collections.streams;
  const { i32 } = shard.memory;
  walk.bind(entryRoot(i32, ref));
  let removed = 0;
  for (let rank = 0; rank < walk.blockCount; rank++) {
    const block = walk.blockAt(rank);
    const live = blockLive(i32, block);
    if (limit !== 0 && removed + live > limit) break;
    if (rank + 1 < walk.blockCount) {
      otherId.readKey(i32, walk.blockAt(rank + 1) * 2 + BLOCK_KEY);
      if (otherId.compare(id) <= 0) {
        removed += live;
        continue;
      }
    }
    const { cursor } = walk;
    let below = 0;
    let isWhole = true;
    cursor.open(block);
    while (isWhole && cursor.next()) {
      isWhole = cursor.id.compare(id) < 0;
      if (isWhole && !cursor.isDead) below++;
    }
    if (isWhole) removed += live;
    else return isApproximate ? removed : removed + below;
  }
  return removed;
}

/** Removes the first `count` live entries, at most all. Never fails for want of memory. */
export function removeHead(shard: Shard, ref: number, count: number): void {
  if (count === 0) return;
  shard.noteMutation();
  const { walk } = shard.collections.streams;
  const { i32 } = shard.memory;
  const root = entryRoot(i32, ref);
  let left = count;
  while (left > 0) {
    walk.bind(root);
    const block = walk.blockAt(0);
    const live = blockLive(i32, block);
    if (live <= left) {
      dropBlock(shard, ref, block);
      left -= live;
      continue;
    }
    const { cursor } = walk;
    cursor.open(block);
    while (left > 0 && cursor.next()) {
      if (cursor.isDead) continue;
      cursor.kill();
      left--;
    }
    skipDead(shard, block);
  }
  const rest = collectionCount(shard, ref) - count;
  setCollectionCount(shard, ref, rest);
  refreshFirst(shard, ref);
  if (rest === 0) refreshLast(shard, ref);
}
