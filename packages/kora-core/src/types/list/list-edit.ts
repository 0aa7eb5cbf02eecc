/**
 * Changes inside a list: an element set or inserted by its index. A pack that would grow beyond
 * `listBounds.nodeBytesMax` is split where the new element goes; packs that have become small are
 * joined with the one before them.
 *
 * Functions ending in `Reserved` follow a true answer of the matching `reserve...`, as in list.ts.
 * Cost: O(log n) and a walk inside one pack, which is moved at most once.
 */
import { assert } from '../../assert.ts';
import { collectionCount, setCollectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import type { BlockSequence } from '../../structs/block-sequence.hot.ts';
import { SEQUENCE_HEADER_BYTES } from '../../structs/block-sequence.hot.ts';
import { SEQUENCE_NODE_BYTES } from '../../structs/counted-tree.hot.ts';
import { entryRoot, setEntryRoot } from '../../structs/entry.hot.ts';
import { PACK_HEADER_BYTES } from '../../structs/packs.hot.ts';
import {
  blocksOf, findElement, isLongList, listBounds, makeLong, place, pushReserved, removeElements,
  reservePush,
} from './list.ts';

/** A changed pack that fills less than this share of a full one is joined with its neighbour. */
const JOIN_SHARE_SHIFT = 2;

// ------------------------------------------------------------------ inserting

/** Makes sure that an element of `room` bytes (elementRoom) can be inserted at `index`. */
export function reserveInsert(shard: Shard, ref: number, index: number, room: number): boolean {
  const count = collectionCount(shard, ref);
  if (index === 0 || index === count) return reservePush(shard, ref, index === 0, 0, room, 1);
  const { packs, blocks } = shard.collections;
  const { arenaAllocator } = shard.memory;
  findElement(shard, ref, index);
  const used = packs.usedBytes(place.pack);
  if (used + room <= listBounds.nodeBytesMax) {
    const more = packs.growBytes(place.pack, room);
    return more === 0 || arenaAllocator.reserve(1, more);
  }
  blocks.bind(isLongList(shard, ref) ? entryRoot(shard.memory.i32, ref) : 0);
  // Two packs are new, one grows; header and nodes for two more blocks.
  const nodes = 2 * blocks.nodesFor(1);
  const bytes = used + 2 * (PACK_HEADER_BYTES + room) + listBounds.nodeBytesMax
    + SEQUENCE_HEADER_BYTES + nodes * SEQUENCE_NODE_BYTES;
  return arenaAllocator.reserve(4 + nodes, bytes);
}

/** Inserts an element; it has index `index`, 0 .. count, afterwards. */
export function insertReserved(
  shard: Shard, ref: number, index: number, at: number, bytes: number,
): void {
  const { packs } = shard.collections;
  const count = collectionCount(shard, ref);
  const room = packs.entryRoom(bytes);
  if (index === 0 || index === count) {
    pushReserved(shard, ref, index === 0, at, bytes, room);
    return;
  }
  shard.noteMutation();
  if (isLongList(shard, ref)) {
    insertIntoBlocks(shard, blocksOf(shard, ref), index, at, bytes);
  } else {
    const root = entryRoot(shard.memory.i32, ref);
    const pos = packs.seek(root, index);
    if (packs.usedBytes(root) + room <= listBounds.nodeBytesMax) {
      setEntryRoot(shard.memory.i32, ref, packs.insert(root, pos, at, bytes));
    } else {
      makeLong(shard, ref, root, count);
      insertIntoBlocks(shard, shard.collections.blocks, index, at, bytes);
    }
  }
  setCollectionCount(shard, ref, count + 1);
}

/** Inserts before element `index`, which is not the first of the list. */
function insertIntoBlocks(
  shard: Shard, blocks: BlockSequence, index: number, at: number, bytes: number,
): void {
  const { packs } = shard.collections;
  const room = packs.entryRoom(bytes);
  blocks.seek(index);
  const inPack = index - blocks.firstIndex;
  if (fits(shard, blocks.block, room)) {
    const pos = packs.seek(blocks.block, inPack);
    const pack = packs.insert(blocks.block, pos, at, bytes);
    blocks.replaceBlock(pack, blocks.elements + 1);
    return;
  }
  if (inPack > 0) {
    splitBlock(shard, blocks, inPack);
    blocks.seek(index);
    if (fits(shard, blocks.block, room)) {
      const pack = packs.insert(blocks.block, packs.first(blocks.block), at, bytes);
      blocks.replaceBlock(pack, blocks.elements + 1);
      return;
    }
  }
  const hasPrevious = blocks.previous();
  assert(hasPrevious, 'something stands before an inserted element');
  if (fits(shard, blocks.block, room)) {
    const pack = packs.insert(blocks.block, 0, at, bytes);
    blocks.replaceBlock(pack, blocks.elements + 1);
    return;
  }
  const empty = packs.create(room);
  assert(empty !== 0, 'a pack for an inserted element was reserved');
  blocks.insertAfter(packs.insert(empty, 0, at, bytes), 1);
}

/** Cuts the pack under the cursor in two; the first keeps `inPack` elements. Voids the cursor. */
function splitBlock(shard: Shard, blocks: BlockSequence, inPack: number): void {
  const { packs } = shard.collections;
  const { block, elements } = blocks;
  const second = packs.split(block, packs.seek(block, inPack));
  assert(second !== 0, 'the second half of a pack was reserved');
  blocks.replaceBlock(block, inPack);
  blocks.insertAfter(second, elements - inPack);
}

function fits(shard: Shard, pack: number, room: number): boolean {
  return shard.collections.packs.usedBytes(pack) + room <= listBounds.nodeBytesMax;
}

// ------------------------------------------------------------------ setting

/** Makes sure that element `index` can be replaced by one of `bytes` bytes. */
export function reserveSet(shard: Shard, ref: number, index: number, bytes: number): boolean {
  const { packs } = shard.collections;
  const more = growthBySet(shard, ref, index, bytes);
  if (more < 0) return reserveInsert(shard, ref, index, packs.entryRoom(bytes));
  const blockBytes = packs.growBytes(place.pack, more);
  return blockBytes === 0 || shard.memory.arenaAllocator.reserve(1, blockBytes);
}

/** Replaces element `index`. */
export function setReserved(
  shard: Shard, ref: number, index: number, at: number, bytes: number,
): void {
  shard.noteMutation();
  const { packs, blocks } = shard.collections;
  if (growthBySet(shard, ref, index, bytes) < 0) {
    insertReserved(shard, ref, index, at, bytes);
    removeElements(shard, ref, index + 1, 1);
    return;
  }
  const pack = packs.replace(place.pack, place.pos, at, bytes);
  if (pack === place.pack) return;
  if (isLongList(shard, ref)) blocks.replaceBlock(pack, blocks.elements);
  else setEntryRoot(shard.memory.i32, ref, pack);
}

/**
 * Room that the element's pack needs beyond what the old element had, 0 when none; -1 when the pack
 * would become too long and the element has to go elsewhere. `place` is where it stands.
 */
function growthBySet(shard: Shard, ref: number, index: number, bytes: number): number {
  const { packs } = shard.collections;
  findElement(shard, ref, index);
  const more = packs.entryRoom(bytes) - packs.entryRoom(place.bytes);
  if (more <= 0) return 0;
  const isAlone = packs.count(place.pack) === 1;
  return isAlone || fits(shard, place.pack, more) ? more : -1;
}

// ------------------------------------------------------------------ joining

/**
 * Joins the pack that holds element `index` of a long list with the one before it, when it has
 * become small and both fit into one. Work that may be left out: without memory nothing happens.
 * Voids the cursor.
 */
export function joinSmallBlock(shard: Shard, blocks: BlockSequence, index: number): void {
  const { packs } = shard.collections;
  const { arenaAllocator } = shard.memory;
  blocks.seek(index);
  const { block, elements } = blocks;
  const entryBytes = packs.usedBytes(block) - PACK_HEADER_BYTES;
  if (entryBytes > listBounds.nodeBytesMax >>> JOIN_SHARE_SHIFT) return;
  if (!blocks.previous() || !fits(shard, blocks.block, entryBytes)) return;
  const previous = blocks.block;
  const { firstIndex, elements: elementsBefore } = blocks;
  const more = packs.growBytes(previous, entryBytes);
  if (more !== 0 && !arenaAllocator.reserveBeside(1, more)) return;
  let pack = packs.grow(previous, entryBytes);
  if (pack === 0) return;
  blocks.replaceBlock(pack, elementsBefore);
  for (let pos = packs.first(block); pos !== 0; pos = packs.next(block, pos)) {
    pack = packs.insert(pack, 0, packs.entryAt(block, pos), packs.entryBytes(block, pos));
  }
  blocks.seek(index);
  blocks.removeBlock();
  packs.destroy(block);
  blocks.seek(firstIndex);
  blocks.replaceBlock(pack, elementsBefore + elements);
}
