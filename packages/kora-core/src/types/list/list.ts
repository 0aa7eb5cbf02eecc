/**
 * The list type: how elements lie in an entry, and everything that reads them or works at the ends.
 * A short list is one pack; a long one is a sequence of packs of at most `listBounds.nodeBytesMax`
 * bytes (an element longer than that has a pack of its own).
 *
 *   encoding LIST_PACK     root = pack (structs/packs.hot.ts), one entry per element
 *   encoding LIST_BLOCKS   root = header of a sequence (structs/block-sequence.hot.ts) of two packs
 *                          or more
 *
 * Refs of linked and aside entries alike; the entry never moves. Elements given by address lie
 * outside the list's own packs. Inserting functions ending in `Reserved` follow a true answer of
 * the matching `reserve...`, with nothing allocated in between, and cannot fail.
 * Cost: ends O(1), anything else O(log n) and a walk inside one pack. Changes in the middle are in
 * list-edit.ts, searches in list-search.ts.
 */
import { assert } from '../../assert.ts';
import {
  collectionCount, ROOT_BYTES, setCollectionCount, setCollectionEncoding,
} from '../../keyspace/collection-entry.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import type { BlockSequence } from '../../structs/block-sequence.hot.ts';
import { SEQUENCE_HEADER_BYTES } from '../../structs/block-sequence.hot.ts';
import { SEQUENCE_NODE_BYTES } from '../../structs/counted-tree.hot.ts';
import {
  entryEncoding, entryRoot, setEntryRoot,
} from '../../structs/entry.hot.ts';
import { PACK_HEADER_BYTES } from '../../structs/packs.hot.ts';

/** Encodings of a list. */
export const LIST_PACK = 0;
export const LIST_BLOCKS = 1;
/** Flags of a new list, for createCollection and newAside. */
export const LIST_FLAGS: number = ValueType.List;

/** The second and later packs of a list start with an eighth of their full size. */
const FIRST_SHARE_SHIFT = 3;

/** Bounds that tests shrink to meet every shape of a list with few elements. */
export const listBounds = {
  /** Bytes of a pack with more than one element: just what a slab of 16 blocks has room for. */
  nodeBytesMax: 4088,
};

// ------------------------------------------------------------------ reading

/** Number of elements. */
export function listCount(shard: Shard, ref: number): number {
  return collectionCount(shard, ref);
}

/** True when the list is a sequence of packs. */
export function isLongList(shard: Shard, ref: number): boolean {
  return entryEncoding(shard.memory.i32, ref) === LIST_BLOCKS;
}

/** The shard's window, bound to the sequence of a long list. */
export function blocksOf(shard: Shard, ref: number): BlockSequence {
  const { blocks } = shard.collections;
  blocks.bind(entryRoot(shard.memory.i32, ref));
  return blocks;
}

/** Where `findElement` found an element. Owner: the running command. */
class ElementPlace {
  pack = 0;
  pos = 0;
  /** Byte offset of the element in the worker memory, and its length. */
  at = 0;
  bytes = 0;
}

export const place: ElementPlace = new ElementPlace();

/** Finds element `index`, 0 .. count - 1, into `place`; valid until the next change. */
export function findElement(shard: Shard, ref: number, index: number): void {
  const { packs } = shard.collections;
  let inPack = index;
  if (isLongList(shard, ref)) {
    const blocks = blocksOf(shard, ref);
    blocks.seek(index);
    place.pack = blocks.block;
    inPack = index - blocks.firstIndex;
  } else {
    place.pack = entryRoot(shard.memory.i32, ref);
  }
  place.pos = packs.seek(place.pack, inPack);
  readPlace(shard);
}

/** Finds the first or last element of a list that has one, into `place`. */
export function findEnd(shard: Shard, ref: number, isHead: boolean): void {
  const { packs } = shard.collections;
  place.pack = endPack(shard, ref, isHead);
  place.pos = isHead ? packs.first(place.pack) : packs.last(place.pack);
  readPlace(shard);
}

function readPlace(shard: Shard): void {
  const { packs } = shard.collections;
  assert(place.pos !== 0, 'an element that exists is found');
  place.at = packs.entryAt(place.pack, place.pos);
  place.bytes = packs.entryBytes(place.pack, place.pos);
}

/**
 * Writes `count` elements from `from` on (there are as many) as pairs of words, byte offset in the
 * worker memory and bytes, to low memory at `list`: what `bulkMany` takes. Valid until the next
 * change of the list.
 */
export function gatherElements(
  shard: Shard, ref: number, from: number, count: number, list: number,
): void {
  const { packs } = shard.collections;
  if (count === 0) return;
  if (!isLongList(shard, ref)) {
    const root = entryRoot(shard.memory.i32, ref);
    packs.list(root, packs.seek(root, from), count, list);
    return;
  }
  const blocks = blocksOf(shard, ref);
  blocks.seek(from);
  let inPack = from - blocks.firstIndex;
  for (let done = 0; ;) {
    const step = Math.min(count - done, blocks.elements - inPack);
    packs.list(blocks.block, packs.seek(blocks.block, inPack), step, list + done * 8);
    done += step;
    inPack = 0;
    if (done === count) return;
    const hasNext = blocks.next();
    assert(hasNext, 'a list has the elements it states');
  }
}

// ------------------------------------------------------------------ pushing

/** Bytes that an element of `bytes` bytes takes in a pack: what the reserve functions add up. */
export function elementRoom(shard: Shard, bytes: number): number {
  return shard.collections.packs.entryRoom(bytes);
}

/**
 * Makes sure that `count` elements of together `room` bytes (sums of elementRoom) can be pushed to
 * an end of list `ref`, or to a new list at a key of `keyBytes` bytes when `ref` is 0.
 * @returns false when memory is short; nothing has changed then
 */
export function reservePush(
  shard: Shard, ref: number, isHead: boolean, keyBytes: number, room: number, count: number,
): boolean {
  const { collections, keyspace, memory } = shard;
  const nodeBytes = listBounds.nodeBytesMax;
  if (ref === 0) {
    const isOnePack = count === 1 || PACK_HEADER_BYTES + room <= nodeBytes;
    if (isOnePack) return keyspace.reserve(keyBytes, ROOT_BYTES, 1, PACK_HEADER_BYTES + room);
    collections.blocks.bind(0);
    return keyspace.reserve(
      keyBytes, ROOT_BYTES, pushBlocks(collections.blocks, room, count),
      pushBytes(collections.blocks, room, count),
    );
  }
  const { packs } = collections;
  const end = endPack(shard, ref, isHead);
  if (end !== 0 && packs.usedBytes(end) + room <= nodeBytes) {
    const more = packs.growBytes(end, growthOf(shard, ref, end, room));
    return more === 0 || memory.arenaAllocator.reserve(1, more);
  }
  const { blocks } = collections;
  blocks.bind(isLongList(shard, ref) ? entryRoot(memory.i32, ref) : 0);
  return memory.arenaAllocator.reserve(
    pushBlocks(blocks, room, count), pushBytes(blocks, room, count),
  );
}

/** Packs that pushing takes at most: of two in a row more than one pack's worth is filled. */
function packsFor(room: number, count: number): number {
  return Math.min(count, 2 * Math.ceil(room / (listBounds.nodeBytesMax - PACK_HEADER_BYTES))) + 1;
}

/** Allocations that pushing makes at most: packs, one that grows, header and nodes. */
function pushBlocks(blocks: BlockSequence, room: number, count: number): number {
  const packCount = packsFor(room, count);
  return packCount + 2 + blocks.nodesFor(packCount);
}

function pushBytes(blocks: BlockSequence, room: number, count: number): number {
  const packCount = packsFor(room, count);
  const packBytes = (packCount + 1) * listBounds.nodeBytesMax + room;
  return packBytes + SEQUENCE_HEADER_BYTES + blocks.nodesFor(packCount) * SEQUENCE_NODE_BYTES;
}

/** The pack at an end, 0 in a list that is empty still. */
function endPack(shard: Shard, ref: number, isHead: boolean): number {
  if (!isLongList(shard, ref)) return entryRoot(shard.memory.i32, ref);
  const blocks = blocksOf(shard, ref);
  return isHead ? blocks.head() : blocks.tail();
}

/**
 * Pushes one element to an end.
 * @param roomLeft room of this element and of those that are pushed behind it in this command
 */
export function pushReserved(
  shard: Shard, ref: number, isHead: boolean, at: number, bytes: number, roomLeft: number,
): void {
  shard.noteMutation();
  const { packs } = shard.collections;
  const room = packs.entryRoom(bytes);
  const end = endPack(shard, ref, isHead);
  if (end !== 0 && packs.usedBytes(end) + room <= listBounds.nodeBytesMax) {
    pushToPack(shard, ref, end, isHead, at, bytes, roomLeft);
  } else {
    pushPack(shard, ref, end, isHead, at, bytes, room, roomLeft);
  }
  setCollectionCount(shard, ref, collectionCount(shard, ref) + 1);
}

/**
 * Room by which the pack at an end grows when `room` does not fit: exactly that in a short list, to
 * the double in a long one, whose ends fill anyway.
 */
function growthOf(shard: Shard, ref: number, end: number, room: number): number {
  const { packs } = shard.collections;
  if (packs.growBytes(end, room) === 0 || !isLongList(shard, ref)) return room;
  const used = packs.usedBytes(end);
  return Math.max(room, Math.min(used, listBounds.nodeBytesMax - used));
}

/** Puts the element into the pack at the end, which has room or may grow. */
function pushToPack(
  shard: Shard, ref: number, end: number, isHead: boolean, at: number, bytes: number,
  roomLeft: number,
): void {
  const { packs } = shard.collections;
  const { i32 } = shard.memory;
  const room = Math.min(roomLeft, listBounds.nodeBytesMax - packs.usedBytes(end));
  const roomy = packs.grow(end, growthOf(shard, ref, end, room));
  assert(roomy !== 0, 'a push was reserved');
  const pack = packs.insert(roomy, isHead ? packs.first(roomy) : 0, at, bytes);
  if (!isLongList(shard, ref)) {
    if (pack !== end) setEntryRoot(i32, ref, pack);
    return;
  }
  const { blocks } = shard.collections;
  if (isHead) blocks.changeHead(pack, 1);
  else blocks.changeTail(pack, 1);
}

/** Puts the element into a new pack at the end; a list of one pack becomes a sequence. */
function pushPack(
  shard: Shard, ref: number, end: number, isHead: boolean, at: number, bytes: number,
  room: number, roomLeft: number,
): void {
  const { blocks, packs } = shard.collections;
  const full = listBounds.nodeBytesMax - PACK_HEADER_BYTES;
  const least = end === 0 ? 0 : full >>> FIRST_SHARE_SHIFT;
  const empty = packs.create(Math.max(room, Math.min(full, Math.max(roomLeft, least))));
  assert(empty !== 0, 'a push was reserved');
  const pack = packs.insert(empty, 0, at, bytes);
  if (end === 0) {
    setEntryRoot(shard.memory.i32, ref, pack);
    return;
  }
  if (!isLongList(shard, ref)) makeLong(shard, ref, end, collectionCount(shard, ref));
  if (isHead) blocks.pushHead(pack, 1);
  else blocks.pushTail(pack, 1);
}

/** Makes the one pack of a list, with `count` elements, the head of a sequence, which is bound. */
export function makeLong(shard: Shard, ref: number, pack: number, count: number): void {
  const { blocks } = shard.collections;
  const header = blocks.create();
  assert(header !== 0, 'the header of a sequence was reserved');
  blocks.pushTail(pack, count);
  setEntryRoot(shard.memory.i32, ref, header);
  setCollectionEncoding(shard, ref, LIST_BLOCKS);
}

/**
 * Appends an element to a list; for building lists aside.
 * @returns false when memory is short; nothing has changed then
 */
export function appendElement(shard: Shard, ref: number, at: number, bytes: number): boolean {
  const room = elementRoom(shard, bytes);
  if (!reservePush(shard, ref, false, 0, room, 1)) return false;
  pushReserved(shard, ref, false, at, bytes, room);
  return true;
}

// ------------------------------------------------------------------ removing

/**
 * Removes `count` elements from `from` on; there are as many. An empty list keeps its entry, with
 * root 0. Never fails.
 */
export function removeElements(shard: Shard, ref: number, from: number, count: number): void {
  if (count === 0) return;
  shard.noteMutation();
  const { packs } = shard.collections;
  const all = collectionCount(shard, ref);
  assert(from >= 0 && from + count <= all, 'removed elements exist');
  if (!isLongList(shard, ref)) {
    const { i32 } = shard.memory;
    const root = entryRoot(i32, ref);
    if (count === all) {
      packs.destroy(root);
      setEntryRoot(i32, ref, 0);
    } else {
      const pos = from === 0 ? packs.first(root) : packs.seek(root, from);
      const pack = packs.remove(root, pos, count);
      if (pack !== root) setEntryRoot(i32, ref, pack);
    }
  } else {
    removeFromBlocks(shard, ref, from, count);
  }
  setCollectionCount(shard, ref, all - count);
}

function removeFromBlocks(shard: Shard, ref: number, from: number, count: number): void {
  const { packs } = shard.collections;
  const blocks = blocksOf(shard, ref);
  for (let left = count; left > 0;) {
    blocks.seek(from);
    const { block, elements } = blocks;
    const inPack = from - blocks.firstIndex;
    const step = Math.min(left, elements - inPack);
    if (step === elements) {
      blocks.removeBlock();
      packs.destroy(block);
    } else {
      const pack = packs.remove(block, packs.seek(block, inPack), step);
      blocks.replaceBlock(pack, elements - step);
    }
    left -= step;
  }
  settleBlocks(shard, ref, blocks);
}

/** A sequence of one pack becomes that pack, one of none a list without a root. */
export function settleBlocks(shard: Shard, ref: number, blocks: BlockSequence): void {
  if (blocks.blockCount() > 1) return;
  const pack = blocks.head();
  blocks.destroy();
  setEntryRoot(shard.memory.i32, ref, pack);
  setCollectionEncoding(shard, ref, LIST_PACK);
}
