/**
 * Searches in a list: the pivot of LINSERT, the positions of LPOS, the removals of LREM. Packs are
 * searched by the kernel; places of matches inside one pack go through a buffer, so that a pack is
 * read forward in both directions of a search.
 *
 * Invariant: a pack of several elements has at most `MATCHES_MAX` of them, as the bound of its
 *   bytes says; what a search finds is valid until the next change of the list.
 * Cost: O(n) elements compared; a removal moves the bytes behind it in its pack, and nothing more.
 */
import { assert } from '../../assert.ts';
import { setCollectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import type { BlockSequence } from '../../structs/block-sequence.hot.ts';
import { entryRoot } from '../../structs/entry.hot.ts';
import { joinSmallBlock } from './list-edit.ts';
import {
  blocksOf, isLongList, listCount, removeElements, settleBlocks,
} from './list.ts';

/** Elements of a pack of 4 KiB, two bytes each when they are empty. */
const MATCHES_MAX = 2048;

/** Indices inside one pack of the elements that match. Owner: the running command. */
const matches = new Int32Array(MATCHES_MAX);

/** Told of every removal: index of the element at that moment. Null when nobody listens. */
export type RemovalListener = ((index: number) => void) | null;

/** Index of the first element that equals the bytes, -1 when there is none. */
export function indexOfElement(shard: Shard, ref: number, at: number, bytes: number): number {
  const { packs } = shard.collections;
  let pack = entryRoot(shard.memory.i32, ref);
  let first = 0;
  const blocks = isLongList(shard, ref) ? blocksOf(shard, ref) : null;
  blocks?.seekHead();
  for (;;) {
    if (blocks !== null) {
      pack = blocks.block;
      first = blocks.firstIndex;
    }
    const pos = packs.find(pack, packs.first(pack), at, bytes, 1);
    if (pos !== 0) return first + indexInPack(shard, pack, pos);
    if (blocks === null || !blocks.next()) return -1;
  }
}

/** Number of the entry at a position, from the front of its pack. */
function indexInPack(shard: Shard, pack: number, pos: number): number {
  const { packs } = shard.collections;
  return packs.count(pack) - packs.kernel.packCount(pack, pos);
}

/** Puts the indices of all matches in a pack into `matches`. @returns how many */
function findMatches(shard: Shard, pack: number, at: number, bytes: number): number {
  const { packs } = shard.collections;
  let count = 0;
  let pos = packs.find(pack, packs.first(pack), at, bytes, 1);
  while (pos !== 0) {
    assert(count < MATCHES_MAX, 'a pack has a bounded number of elements');
    matches[count++] = indexInPack(shard, pack, pos);
    pos = packs.find(pack, packs.next(pack, pos), at, bytes, 1);
  }
  return count;
}

/** What LPOS asks for. */
export interface PositionQuery {
  /** Matches to pass over before the first that counts, 0 .. */
  readonly skip: number;
  /** Search from the tail. */
  readonly isBackward: boolean;
  /** Positions wanted, at least 1; Infinity for all. */
  readonly count: number;
  /** Elements looked at, at most; Infinity for all. */
  readonly lengthMax: number;
}

/** Indices of the elements that equal the bytes, in the order they were met. */
export function positionsOf(
  shard: Shard, ref: number, at: number, bytes: number, query: PositionQuery,
): number[] {
  const all = listCount(shard, ref);
  const found: number[] = [];
  let left = query.skip;
  walkPacks(shard, ref, query.isBackward, (pack, first) => {
    const elements = shard.collections.packs.count(pack);
    const passed = query.isBackward ? all - first - elements : first;
    if (passed >= query.lengthMax) return false;
    const count = findMatches(shard, pack, at, bytes);
    for (let i = 0; i < count; i++) {
      const index = first + (matches[query.isBackward ? count - 1 - i : i] ?? 0);
      const distance = query.isBackward ? all - 1 - index : index;
      if (distance >= query.lengthMax) return false;
      if (left > 0) left--;
      else found.push(index);
      if (found.length >= query.count) return false;
    }
    return true;
  });
  return found;
}

/** Calls `visit` with every pack and the index of its first element, until it answers false. */
export function walkPacks(
  shard: Shard, ref: number, isBackward: boolean,
  visit: (pack: number, firstIndex: number) => boolean,
): void {
  if (!isLongList(shard, ref)) {
    const root = entryRoot(shard.memory.i32, ref);
    if (root !== 0) visit(root, 0);
    return;
  }
  const blocks = blocksOf(shard, ref);
  if (isBackward) blocks.seekTail();
  else blocks.seekHead();
  while (visit(blocks.block, blocks.firstIndex)) {
    if (!(isBackward ? blocks.previous() : blocks.next())) return;
  }
}

/**
 * Removes up to `countMax` elements that equal the bytes, from the head or from the tail.
 * @param onRemoval told of each removal right after it
 * @returns how many were removed
 */
export function removeMatches(
  shard: Shard, ref: number, at: number, bytes: number, countMax: number, isBackward: boolean,
  onRemoval: RemovalListener,
): number {
  if (!isLongList(shard, ref)) {
    return removeFromPack(shard, ref, at, bytes, countMax, isBackward, onRemoval);
  }
  const blocks = blocksOf(shard, ref);
  const before = listCount(shard, ref);
  let count = before;
  // The element next to what has been searched: the first of its pack, or the last.
  let edge = isBackward ? count - 1 : 0;
  while (before - count < countMax && edge >= 0 && edge < count) {
    blocks.seek(edge);
    const { firstIndex, elements } = blocks;
    const wanted = countMax - (before - count);
    const removed = removeFromBlock(shard, blocks, at, bytes, wanted, isBackward, onRemoval);
    const left = elements - removed;
    count -= removed;
    setCollectionCount(shard, ref, count);
    if (removed > 0 && left > 0) joinSmallBlock(shard, blocks, firstIndex);
    edge = isBackward ? firstIndex - 1 : firstIndex + left;
  }
  settleBlocks(shard, ref, blocks);
  return before - count;
}

function removeFromPack(
  shard: Shard, ref: number, at: number, bytes: number, countMax: number, isBackward: boolean,
  onRemoval: RemovalListener,
): number {
  const count = findMatches(shard, entryRoot(shard.memory.i32, ref), at, bytes);
  const removed = Math.min(count, countMax);
  const first = isBackward ? count - removed : 0;
  for (let i = removed - 1; i >= 0; i--) {
    const index = matches[first + i] ?? 0;
    removeElements(shard, ref, index, 1);
    onRemoval?.(index);
  }
  return removed;
}

/** Removes matches from the pack under the cursor, and the pack when it is empty then. */
function removeFromBlock(
  shard: Shard, blocks: BlockSequence, at: number, bytes: number, countMax: number,
  isBackward: boolean, onRemoval: RemovalListener,
): number {
  const { packs } = shard.collections;
  const { block, elements, firstIndex } = blocks;
  const count = findMatches(shard, block, at, bytes);
  const removed = Math.min(count, countMax);
  if (removed === 0) return 0;
  shard.noteMutation();
  const first = isBackward ? count - removed : 0;
  let pack = block;
  for (let i = removed - 1; i >= 0; i--) {
    const index = matches[first + i] ?? 0;
    if (removed < elements) pack = packs.remove(pack, packs.seek(pack, index), 1);
    onRemoval?.(firstIndex + index);
  }
  if (removed < elements) {
    blocks.replaceBlock(pack, elements - removed);
  } else {
    blocks.removeBlock();
    packs.destroy(block);
  }
  return removed;
}
