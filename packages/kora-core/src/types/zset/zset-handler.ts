/**
 * The sorted set type as the key space knows it: freeing, copying, weighing, moving and checking a
 * value whatever is in it. Big sets are freed and moved in slices.
 * Invariant: a handler may be asked in the middle of a command of another type, so it binds the
 * windows it uses and trusts no binding after it called another function.
 */
import { assert } from '../../assert.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { DetachedValue, TypeHandler } from '../../keyspace/type-handler.ts';
import { ValueType, WEIGHED_MAX } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { evacuateDictIndex } from '../../structs/dict-index-move.ts';
import { CHAIN_SLOTS_MAX, LINE_BYTES } from '../../structs/dict-layout.ts';
import { entryKeyBytes, entryRoot, setEntryRoot } from '../../structs/entry.hot.ts';
import {
  MEMBER_SCORED, memberBytesFor, memberHash, memberScore,
} from '../../structs/member.hot.ts';
import { movedBlock } from '../../structs/moved-block.ts';
import {
  dictBytes, FREED_AT_ONCE_MAX, freeDictSlice, freeNowOrLater, LINES_PER_SLICE,
} from '../shared/dict-members.ts';
import { ROOT_TREE, TREE_ROOT_BYTES, ZSET_PACK, ZSET_TREE, zsetLayout } from './zset-layout.ts';
import { isPairBefore, nextPair, packedScore } from './zset-pack.ts';
import { replayZset } from './zset-replay.ts';
import { loadZset, saveZset, ZSET_RDB_TYPES } from './zset.codec.ts';
import { dictOf, isPacked, treeOf, zsetEncodingName } from './zset.ts';

/** Refs of members that a copy fetches at once. */
const COPIED_REFS = 128;
/** Cursors of `evacuate`: up to here lines of the dict, 1 first; then the tree's cursor. */
const TREE_CURSOR = 2 ** 40;

const slots = new Int32Array(CHAIN_SLOTS_MAX);
const copied = new Int32Array(COPIED_REFS);

function freeValue(shard: Shard, ref: number): void {
  if (entryRoot(shard.memory.i32, ref) === 0) return;
  freeNowOrLater(shard, ref, ValueType.SortedSet, freeSlice);
}

/** First the tree, then the dict's lines with the members; the cursor is the next line. */
function freeSlice(shard: Shard, value: DetachedValue, blocksMax: number): boolean {
  const { arenaAllocator, i32 } = shard.memory;
  const { dict, packs, tree } = shard.collections;
  if (value.encoding === ZSET_PACK) {
    packs.destroy(value.root);
    return true;
  }
  const word = value.root << 1;
  if (i32[word + ROOT_TREE] !== 0) {
    tree.bind(i32[word + ROOT_TREE] ?? 0);
    if (tree.freeSlice(blocksMax)) i32[word + ROOT_TREE] = 0;
    return false;
  }
  dict.bind(i32[word] ?? 0);
  if (!freeDictSlice(shard, dict, value, blocksMax)) return false;
  arenaAllocator.free(value.root);
  return true;
}

// ------------------------------------------------------------------ copying

function copyValue(shard: Shard, from: number, to: number): boolean {
  const source = entryRoot(shard.memory.i32, from);
  if (source === 0) return true;
  const root = isPacked(shard, from)
    ? shard.collections.packs.copy(source)
    : copyTree(shard, from);
  if (root === 0) return false;
  setEntryRoot(shard.memory.i32, to, root);
  return true;
}

/** A second root with its own members; 0 when memory is short, and nothing leaks. */
function copyTree(shard: Shard, from: number): number {
  const { memory } = shard;
  const { otherDict, otherTree } = shard.collections;
  const root = memory.arenaAllocator.alloc(TREE_ROOT_BYTES);
  if (root === 0) return 0;
  const dict = otherDict.create();
  const tree = dict === 0 ? 0 : otherTree.create();
  if (tree === 0) {
    if (dict !== 0) otherDict.destroy();
    memory.arenaAllocator.free(root);
    return 0;
  }
  memory.i32[root << 1] = dict;
  memory.i32[(root << 1) + ROOT_TREE] = tree;
  if (copyMembers(shard, from)) return root;
  const value: DetachedValue = { type: ValueType.SortedSet, encoding: ZSET_TREE, root, cursor: 0 };
  while (!freeSlice(shard, value, FREED_AT_ONCE_MAX));
  return 0;
}

/** Copies all members, in their order, to otherDict and otherTree; false when memory is short. */
function copyMembers(shard: Shard, from: number): boolean {
  const { memory } = shard;
  const { otherDict, otherTree } = shard.collections;
  const count = collectionCount(shard, from);
  for (let rank = 0; rank < count;) {
    const met = treeOf(shard, from).collect(rank, COPIED_REFS, copied);
    let bytesOfAll = 0;
    for (let i = 0; i < met; i++) bytesOfAll += memberBytes(shard, copied[i] ?? 0) + LINE_BYTES;
    if (!otherTree.reserveAdd(met, met * 2, bytesOfAll)) return false;
    for (let i = 0; i < met; i++) {
      const member = copied[i] ?? 0;
      const bytes = memberBytes(shard, member);
      const copy = memory.arenaAllocator.alloc(bytes);
      assert(copy !== 0, 'the copy of a member was reserved');
      memory.kernel.copy(copy * 8, member * 8, bytes);
      otherDict.insert(otherDict.hashOfEntry(copy), copy);
      otherTree.append(memberScore(memory.f64, copy), copy);
    }
    rank += met;
  }
  return true;
}

function memberBytes(shard: Shard, member: number): number {
  return memberBytesFor(MEMBER_SCORED, entryKeyBytes(shard.memory.i32, member), 0, false);
}

// ------------------------------------------------------------------ weight and place

/** Exact for packs; the members of a dict are weighed by a sample. */
function ownedBytes(shard: Shard, ref: number, samplesMax = WEIGHED_MAX): number {
  const { arenaAllocator, i32 } = shard.memory;
  const root = entryRoot(i32, ref);
  if (root === 0) return 0;
  if (isPacked(shard, ref)) return shard.collections.packs.heldBytes(root);
  const dict = dictOf(shard, ref);
  const treeBytes = arenaAllocator.sizeOf(root) + treeOf(shard, ref).heldBytes();
  return treeBytes + dictBytes(shard, dict, samplesMax);
}

/** Cursors: 0 the root and the tree's header; 1 + line; TREE_CURSOR + the tree's cursor. */
function evacuate(shard: Shard, ref: number, cursor: number): number {
  const root = entryRoot(shard.memory.i32, ref);
  if (root === 0) return 0;
  if (isPacked(shard, ref)) {
    const pack = shard.collections.packs.evacuate(root);
    if (pack !== root) setEntryRoot(shard.memory.i32, ref, pack);
    return 0;
  }
  if (cursor >= TREE_CURSOR) {
    const next = treeOf(shard, ref).evacuate(cursor - TREE_CURSOR);
    return next === 0 ? 0 : TREE_CURSOR + next;
  }
  if (cursor === 0) moveHeaders(shard, ref);
  const lines = dictOf(shard, ref).lines();
  let line = cursor === 0 ? 0 : cursor - 1;
  const end = Math.min(lines, line + LINES_PER_SLICE);
  for (; line < end; line++) {
    const dict = dictOf(shard, ref);
    dict.evacuateLine(line);
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) {
      if (!moveMember(shard, ref, slots[i] ?? 0)) return 0;
    }
  }
  if (line < lines) return line + 1;
  const { memory } = shard;
  const word = entryRoot(memory.i32, ref) << 1;
  const header = memory.i32[word] ?? 0;
  const moved = evacuateDictIndex(memory, memory.arenaAllocator, header);
  memory.i32[word] = moved;
  return TREE_CURSOR;
}

/** Moves the root block and the tree's header out of sparse slabs, while memory lasts. */
function moveHeaders(shard: Shard, ref: number): void {
  const { memory } = shard;
  const old = entryRoot(memory.i32, ref);
  const root = movedBlock(memory, memory.arenaAllocator, old, TREE_ROOT_BYTES);
  setEntryRoot(memory.i32, ref, root);
  const tree = treeOf(shard, ref).evacuateHeader();
  memory.i32[(root << 1) + ROOT_TREE] = tree;
}

/** Moves the member in a slot out of a sparse slab; false when memory is short. */
function moveMember(shard: Shard, ref: number, slot: number): boolean {
  const { memory } = shard;
  const old = memory.i32[slot] ?? 0;
  if (!memory.arenaAllocator.isSparse(old)) return true;
  const bytes = memberBytes(shard, old);
  const fresh = memory.arenaAllocator.alloc(bytes);
  if (fresh === 0) return false;
  memory.kernel.copy(fresh * 8, old * 8, bytes);
  treeOf(shard, ref).replaceRef(memberScore(memory.f64, old), old, fresh);
  dictOf(shard, ref).replaceAt(slot, fresh);
  memory.arenaAllocator.free(old);
  return true;
}

// ------------------------------------------------------------------ checks

function check(shard: Shard, ref: number): void {
  const count = collectionCount(shard, ref);
  assert(count > 0, 'an empty sorted set is no key');
  if (isPacked(shard, ref)) checkPack(shard, ref, count);
  else checkTree(shard, ref, count);
}

function checkPack(shard: Shard, ref: number, count: number): void {
  const { packs } = shard.collections;
  const pack = entryRoot(shard.memory.i32, ref);
  packs.check(pack);
  assert(packs.count(pack) === count * 2, 'a pack holds pairs');
  assert(count <= zsetLayout.packPairsMax, 'a long sorted set is no pack');
  let before = 0;
  for (let pos = packs.first(pack); pos !== 0; pos = nextPair(shard, pack, pos)) {
    const at = packs.entryAt(pack, pos);
    const bytes = packs.entryBytes(pack, pos);
    assert(bytes <= zsetLayout.packMemberBytesMax, 'a long member is in no pack');
    const score = packedScore(shard, pack, pos);
    const isOrdered = before === 0 || isPairBefore(shard, pack, before, score, at, bytes, false);
    assert(isOrdered, 'pairs of a pack ascend');
    before = pos;
  }
}

function checkTree(shard: Shard, ref: number, count: number): void {
  const dict = dictOf(shard, ref);
  assert(dict.count() === count, 'the dict of a sorted set has its count');
  const tree = treeOf(shard, ref);
  tree.check();
  assert(tree.count() === count, 'the tree of a sorted set has its count');
  const { i32, f64 } = shard.memory;
  const lines = dict.lines();
  for (let line = 0; line < lines; line++) {
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) {
      const member = i32[slots[i] ?? 0] ?? 0;
      assert(memberHash(i32, member) === dict.hashOfEntry(member), 'a member carries its hash');
      assert(tree.seek(tree.rankOf(memberScore(f64, member), member)), 'a member has a rank');
      assert(tree.cursorRef() === member, 'a member of the dict is in the tree');
    }
  }
}

/** Registered under ValueType.SortedSet. */
export const zsetHandler: TypeHandler = Object.freeze({
  name: 'zset',
  rdbTypes: ZSET_RDB_TYPES,
  freeValue,
  freeSlice,
  copyValue,
  encodingName: zsetEncodingName,
  ownedBytes,
  evacuate,
  save: saveZset,
  load: loadZset,
  replay: replayZset,
  check,
});
