/**
 * What the key space asks of lists without knowing them: freeing, copying, weighing, moving,
 * checking. Long lists are freed and moved a few packs at a time.
 *
 * Invariant: work on a detached or copied list goes through `otherBlocks`, so that a command keeps
 *   its own window on another list.
 * Cost: O(packs touched); copying a list copies its bytes once.
 */
import { assert } from '../../assert.ts';
import { collectionCount, setCollectionEncoding } from '../../keyspace/collection-entry.ts';
import type { DetachedValue, TypeHandler } from '../../keyspace/type-handler.ts';
import { ValueType, WEIGHED_MAX } from '../../keyspace/type-handler.ts';
import { RdbType } from '../../rdb/rdb-types.ts';
import type { Shard } from '../../shard/shard.ts';
import { SEQUENCE_NODE_BYTES } from '../../structs/counted-tree.hot.ts';
import { entryRoot, setEntryRoot } from '../../structs/entry.hot.ts';
import { loadList, saveList } from './list.codec.ts';
import { replayList } from './list-replay.ts';
import {
  isLongList, LIST_BLOCKS, LIST_PACK, listBounds, listCount,
} from './list.ts';

/** Packs up to this many are freed at once. */
const FREED_AT_ONCE_MAX = 16;
/** Packs looked at in one call of `evacuate`. */
const EVACUATED_PACKS_MAX = 64;

export const listHandler: TypeHandler = {
  name: 'list',
  rdbTypes: [
    RdbType.List, RdbType.ListZiplist, RdbType.ListQuicklist, RdbType.ListQuicklist2,
  ],
  freeValue,
  freeSlice,
  copyValue,
  encodingName: () => 'quicklist',
  ownedBytes,
  evacuate,
  save: saveList,
  load: loadList,
  replay: replayList,
  check: checkList,
};

function freeValue(shard: Shard, ref: number): void {
  const { packs, otherBlocks } = shard.collections;
  const root = entryRoot(shard.memory.i32, ref);
  if (root === 0) return;
  if (!isLongList(shard, ref)) {
    packs.destroy(root);
    return;
  }
  otherBlocks.bind(root);
  if (otherBlocks.blockCount() > FREED_AT_ONCE_MAX) {
    shard.lazyFree.takeValue(ValueType.List, LIST_BLOCKS, root);
    return;
  }
  const isDone = freeBlocks(shard, root, FREED_AT_ONCE_MAX);
  assert(isDone, 'a short sequence is freed at once');
}

/** Frees up to `blocksMax` packs from the tail, and the header after the last; true then. */
function freeBlocks(shard: Shard, header: number, blocksMax: number): boolean {
  const { packs, otherBlocks } = shard.collections;
  otherBlocks.bind(header);
  for (let i = 0; i < blocksMax && otherBlocks.blockCount() > 0; i++) {
    otherBlocks.seekTail();
    const { block } = otherBlocks;
    otherBlocks.removeBlock();
    packs.destroy(block);
  }
  if (otherBlocks.blockCount() > 0) return false;
  otherBlocks.destroy();
  return true;
}

function freeSlice(shard: Shard, value: DetachedValue, blocksMax: number): boolean {
  if (value.encoding === LIST_PACK) shard.collections.packs.destroy(value.root);
  else if (!freeBlocks(shard, value.root, blocksMax)) return false;
  value.root = 0;
  return true;
}

function copyValue(shard: Shard, from: number, to: number): boolean {
  const { collections, memory } = shard;
  const root = entryRoot(memory.i32, from);
  setEntryRoot(memory.i32, to, 0);
  if (root === 0) return true;
  if (isLongList(shard, from)) return copyBlocks(shard, root, to);
  const pack = collections.packs.copy(root);
  if (pack !== 0) setEntryRoot(memory.i32, to, pack);
  return pack !== 0;
}

function copyBlocks(shard: Shard, root: number, to: number): boolean {
  const { blocks, otherBlocks, packs } = shard.collections;
  const { arenaAllocator, i32 } = shard.memory;
  const header = otherBlocks.create();
  if (header === 0) return false;
  blocks.bind(root);
  blocks.seekHead();
  do {
    const pack = packs.copy(blocks.block);
    const nodes = otherBlocks.nodesFor(1);
    if (pack === 0 || !arenaAllocator.reserve(nodes, nodes * SEQUENCE_NODE_BYTES)) {
      if (pack !== 0) packs.destroy(pack);
      while (!freeBlocks(shard, header, FREED_AT_ONCE_MAX));
      return false;
    }
    otherBlocks.pushTail(pack, blocks.elements);
  } while (blocks.next());
  setEntryRoot(i32, to, header);
  setCollectionEncoding(shard, to, LIST_BLOCKS);
  return true;
}

/** Packs are weighed from the head on; the others count as their average. */
function ownedBytes(shard: Shard, ref: number, samplesMax = WEIGHED_MAX): number {
  const { packs, otherBlocks: blocks } = shard.collections;
  const root = entryRoot(shard.memory.i32, ref);
  if (root === 0) return 0;
  if (!isLongList(shard, ref)) return packs.heldBytes(root);
  blocks.bind(root);
  blocks.seekHead();
  let weighed = 1;
  let bytes = packs.heldBytes(blocks.block);
  while (weighed < samplesMax && blocks.next()) {
    bytes += packs.heldBytes(blocks.block);
    weighed++;
  }
  return blocks.heldBytes() + Math.round((bytes / weighed) * blocks.blockCount());
}

/** The cursor is one more than the index of the first element not looked at. */
function evacuate(shard: Shard, ref: number, cursor: number): number {
  const { otherBlocks: blocks, packs } = shard.collections;
  const { memory } = shard;
  const root = entryRoot(memory.i32, ref);
  if (root === 0) return 0;
  if (!isLongList(shard, ref)) {
    setEntryRoot(memory.i32, ref, packs.evacuate(root));
    return 0;
  }
  blocks.bind(root);
  const from = Math.max(0, cursor - 1);
  if (from >= listCount(shard, ref)) return 0;
  if (from === 0) {
    const header = blocks.evacuateHeader();
    if (header === 0) return 0;
    setEntryRoot(memory.i32, ref, header);
  }
  blocks.seek(from);
  for (let i = 0; i < EVACUATED_PACKS_MAX; i++) {
    if (!blocks.evacuatePath()) return 0;
    const pack = packs.evacuate(blocks.block);
    if (pack !== blocks.block) blocks.replaceBlock(pack, blocks.elements);
    assert(packs.count(pack) === blocks.elements, 'the index knows the elements of a pack');
    if (!blocks.next()) return 0;
  }
  return blocks.firstIndex + 1;
}

function checkList(shard: Shard, ref: number): void {
  const { packs, otherBlocks: blocks } = shard.collections;
  const root = entryRoot(shard.memory.i32, ref);
  const count = collectionCount(shard, ref);
  assert((root === 0) === (count === 0), 'an empty list has no root');
  if (root === 0) return;
  if (!isLongList(shard, ref)) {
    packs.check(root);
    assert(packs.count(root) === count, 'a list states its elements');
    checkPackBound(shard, root);
    return;
  }
  blocks.bind(root);
  blocks.check();
  assert(blocks.blockCount() > 1, 'a sequence has two packs or more');
  assert(blocks.elementCount() === count, 'a list states its elements');
  blocks.seekHead();
  do {
    packs.check(blocks.block);
    assert(packs.count(blocks.block) === blocks.elements, 'the index knows each pack');
    checkPackBound(shard, blocks.block);
  } while (blocks.next());
}

function checkPackBound(shard: Shard, pack: number): void {
  const { packs } = shard.collections;
  const isBounded = packs.usedBytes(pack) <= listBounds.nodeBytesMax;
  assert(isBounded || packs.count(pack) === 1, 'only a long element makes a long pack');
}
