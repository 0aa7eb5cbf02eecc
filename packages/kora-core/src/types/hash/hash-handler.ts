/**
 * The hash type as the key space knows it: freeing, copying, weighing, moving and checking a value
 * whatever is in it, and freeing fields whose time has come. Big hashes are freed, moved and
 * emptied of due fields in slices.
 * Invariant: a handler may be asked in the middle of a command of another type, so it binds the
 * windows it uses and trusts no binding after it called another function.
 */
import { assert } from '../../assert.ts';
import {
  collectionCount, removeIfEmpty, setCollectionCount,
} from '../../keyspace/collection-entry.ts';
import { EffectOp, EffectReason } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { Stat } from '../../keyspace/statistics.ts';
import type { DetachedValue, TypeHandler } from '../../keyspace/type-handler.ts';
import { ValueType, WEIGHED_MAX } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../../structs/dict-layout.ts';
import { evacuateDictIndex } from '../../structs/dict-index-move.ts';
import {
  entryEncoding, entryExpireMs, entryHasTtl, entryKeyAt, entryKeyBytes, entryRoot, setEntryRoot,
} from '../../structs/entry.hot.ts';
import { movedBlock } from '../../structs/moved-block.ts';
import {
  dictBytes, freeDict, freeDictSlice, freeNowOrLater, LINES_PER_SLICE,
} from '../shared/dict-members.ts';
import { firstDeadlineMs, memberBytes, moveDeadline, treeOf } from './hash-deadlines.ts';
import {
  HASH_DICT, HASH_PACK, HASH_TIMED, TIMED_ROOT_BYTES, TIMED_TREE, hashLayout,
} from './hash-layout.ts';
import { replayHash } from './hash-replay.ts';
import { HASH_RDB_TYPES, loadHash, saveHash } from './hash.codec.ts';
import { dictHeader, findHeld, hashEncodingName } from './hash.ts';

/** Fields that one effect removes when their time has come. */
const EXPIRED_PER_EFFECT = 64;

const slots = new Int32Array(CHAIN_SLOTS_MAX);
const dueMembers = new Int32Array(EXPIRED_PER_EFFECT);

function freeValue(shard: Shard, ref: number): void {
  const { i32 } = shard.memory;
  const root = entryRoot(i32, ref);
  if (root === 0) return;
  if (entryEncoding(i32, ref) === HASH_PACK) shard.collections.packs.destroy(root);
  else freeNowOrLater(shard, ref, ValueType.Hash, freeSlice);
}

/** The cursor is the next line; behind the last one the index is freed. */
function freeSlice(shard: Shard, value: DetachedValue, blocksMax: number): boolean {
  const { arenaAllocator, i32 } = shard.memory;
  const { dict, packs } = shard.collections;
  if (value.encoding === HASH_PACK) {
    packs.destroy(value.root);
    return true;
  }
  const isTimed = value.encoding === HASH_TIMED;
  const word = value.root << 1;
  if (isTimed && i32[word + TIMED_TREE] !== 0) {
    const { tree } = shard.collections;
    tree.bind(i32[word + TIMED_TREE] ?? 0);
    if (tree.freeSlice(blocksMax)) i32[word + TIMED_TREE] = 0;
    return false;
  }
  dict.bind(isTimed ? (i32[word] ?? 0) : value.root);
  if (!freeDictSlice(shard, dict, value, blocksMax)) return false;
  if (isTimed) arenaAllocator.free(value.root);
  return true;
}

// ------------------------------------------------------------------ copying

function copyValue(shard: Shard, from: number, to: number): boolean {
  const { memory } = shard;
  const { packs } = shard.collections;
  const encoding = entryEncoding(memory.i32, from);
  const source = entryRoot(memory.i32, from);
  if (source === 0) return true;
  let root = 0;
  if (encoding === HASH_PACK) root = packs.copy(source);
  else if (encoding === HASH_DICT) root = copyDict(shard, source, 0);
  else root = copyTimed(shard, from);
  if (root === 0) return false;
  setEntryRoot(memory.i32, to, root);
  return true;
}

function copyTimed(shard: Shard, from: number): number {
  const { arenaAllocator } = shard.memory;
  const { otherTree } = shard.collections;
  const root = arenaAllocator.alloc(TIMED_ROOT_BYTES);
  const tree = root === 0 ? 0 : otherTree.create();
  const header = tree === 0 ? 0 : copyDict(shard, dictHeader(shard, from), tree);
  if (header === 0) {
    if (tree !== 0) {
      otherTree.bind(tree);
      otherTree.destroy();
    }
    if (root !== 0) arenaAllocator.free(root);
    return 0;
  }
  const { i32 } = shard.memory;
  i32[root << 1] = header;
  i32[(root << 1) + TIMED_TREE] = tree;
  return root;
}

/**
 * A second dict with copies of all members; those with a deadline go into the tree, when it is not
 * 0. @returns its header; 0: no memory, nothing leaks but what is in the tree
 */
function copyDict(shard: Shard, source: number, tree: number): number {
  const { dict, otherDict } = shard.collections;
  const header = otherDict.create();
  if (header === 0) return 0;
  dict.bind(source);
  const lines = dict.lines();
  for (let line = 0; line < lines; line++) {
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) {
      const member = shard.memory.i32[slots[i] ?? 0] ?? 0;
      if (copyMember(shard, member, tree)) continue;
      freeDict(shard, otherDict);
      return 0;
    }
  }
  return header;
}

/** Copies one member into otherDict and the tree; false when memory is short. */
function copyMember(shard: Shard, member: number, tree: number): boolean {
  const { memory } = shard;
  const { otherDict, otherTree } = shard.collections;
  const bytes = memberBytes(shard, member);
  const isTimed = tree !== 0 && entryHasTtl(memory.i32, member);
  otherTree.bind(tree);
  // reserveInsert asks for the same: the member and an overflow line.
  const isReserved = isTimed
    ? otherTree.reserveAdd(1, 2, bytes + 64)
    : otherDict.reserveInsert(bytes);
  if (!isReserved) return false;
  const copy = memory.arenaAllocator.alloc(bytes);
  assert(copy !== 0, 'the copy of a member was reserved');
  memory.kernel.copy(copy * 8, member * 8, bytes);
  otherDict.insert(otherDict.hashOfEntry(copy), copy);
  if (isTimed) otherTree.add(entryExpireMs(memory.i32, copy), copy);
  return true;
}

// ------------------------------------------------------------------ weight and place

/** Exact for packs; the members of a dict are weighed by a sample. */
function ownedBytes(shard: Shard, ref: number, samplesMax = WEIGHED_MAX): number {
  const { arenaAllocator, i32 } = shard.memory;
  const { dict, packs } = shard.collections;
  const root = entryRoot(i32, ref);
  if (root === 0) return 0;
  if (entryEncoding(i32, ref) === HASH_PACK) return packs.heldBytes(root);
  const treeBytes = entryEncoding(i32, ref) === HASH_TIMED
    ? arenaAllocator.sizeOf(root) + treeOf(shard, ref).heldBytes()
    : 0;
  dict.bind(dictHeader(shard, ref));
  return treeBytes + dictBytes(shard, dict, samplesMax);
}

/** Cursors: 1 + next line of the dict; then -1 - the tree's cursor. */
function evacuate(shard: Shard, ref: number, cursor: number): number {
  const { i32 } = shard.memory;
  const encoding = entryEncoding(i32, ref);
  const root = entryRoot(i32, ref);
  if (root === 0) return 0;
  if (encoding === HASH_PACK) {
    const pack = shard.collections.packs.evacuate(root);
    if (pack !== root) setEntryRoot(shard.memory.i32, ref, pack);
    return 0;
  }
  if (cursor < 0) {
    const next = treeOf(shard, ref).evacuate(-1 - cursor);
    return next === 0 ? 0 : -1 - next;
  }
  const { dict } = shard.collections;
  const header = dictHeader(shard, ref);
  dict.bind(header);
  const lines = dict.lines();
  let line = cursor === 0 ? 0 : cursor - 1;
  const end = Math.min(lines, line + LINES_PER_SLICE);
  for (; line < end; line++) {
    dict.bind(header);
    dict.evacuateLine(line);
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) {
      if (!moveMember(shard, ref, slots[i] ?? 0)) return 0;
    }
  }
  if (line < lines) return line + 1;
  moveIndex(shard, ref, header);
  return encoding === HASH_TIMED ? -1 : 0;
}

/** Moves the index of the dict, the tree's header and the block that names both. */
function moveIndex(shard: Shard, ref: number, header: number): void {
  const { memory } = shard;
  const { arenaAllocator } = memory;
  const moved = evacuateDictIndex(memory, arenaAllocator, header);
  if (entryEncoding(memory.i32, ref) !== HASH_TIMED) {
    setEntryRoot(memory.i32, ref, moved);
    return;
  }
  const root = entryRoot(memory.i32, ref);
  memory.i32[root << 1] = moved;
  const tree = treeOf(shard, ref).evacuateHeader();
  memory.i32[(root << 1) + TIMED_TREE] = tree;
  const fresh = movedBlock(memory, arenaAllocator, root, TIMED_ROOT_BYTES);
  if (fresh !== root) setEntryRoot(memory.i32, ref, fresh);
}

/** Moves the member in a slot out of a sparse slab; false when memory is short. */
function moveMember(shard: Shard, ref: number, slot: number): boolean {
  const { memory } = shard;
  const { arenaAllocator } = memory;
  const old = memory.i32[slot] ?? 0;
  if (!arenaAllocator.isSparse(old)) return true;
  const bytes = memberBytes(shard, old);
  const fresh = arenaAllocator.alloc(bytes);
  if (fresh === 0) return false;
  memory.kernel.copy(fresh * 8, old * 8, bytes);
  shard.collections.dict.replaceAt(slot, fresh);
  if (entryHasTtl(memory.i32, fresh)) moveDeadline(shard, ref, old, fresh);
  arenaAllocator.free(old);
  return true;
}

// ------------------------------------------------------------------ deadlines of fields

function expireElements(shard: Shard, ref: number, elementsMax: number): number {
  let left = elementsMax;
  while (left > 0) {
    const tree = treeOf(shard, ref);
    const due = tree.count() === 0 ? 0 : tree.rankOfScore(shard.nowMs, false);
    const step = Math.min(due, left, EXPIRED_PER_EFFECT);
    if (step === 0) break;
    tree.collect(0, step, dueMembers);
    removeDue(shard, ref, step);
    if (removeIfEmpty(shard, ref)) return -1;
    left -= step;
  }
  return firstDeadlineMs(shard, ref);
}

/** Announces and removes the first `count` of `dueMembers`. */
function removeDue(shard: Shard, ref: number, count: number): void {
  const { arenaAllocator, i32 } = shard.memory;
  const effect = shard.effectOf(
    EffectOp.HashRemove, shard.keyspace.db.index, entryKeyAt(i32, ref), entryKeyBytes(i32, ref),
    KeyEvent.HExpired,
  );
  effect.reason = EffectReason.Expired;
  for (let i = 0; i < count; i++) {
    const member = dueMembers[i] ?? 0;
    effect.parts.add(entryKeyAt(i32, member), entryKeyBytes(i32, member));
  }
  shard.noteMutation();
  shard.commit();
  const header = dictHeader(shard, ref);
  for (let i = 0; i < count; i++) {
    const member = dueMembers[i] ?? 0;
    const { dict } = shard.collections;
    dict.bind(header);
    const at = entryKeyAt(i32, member);
    const bytes = entryKeyBytes(i32, member);
    const hash = dict.hashOf(at, bytes);
    const slot = dict.find(at, bytes, hash);
    assert(slot !== 0 && i32[slot] === member, 'a due member is in the dict');
    const wasTimed = treeOf(shard, ref).remove(entryExpireMs(i32, member), member);
    assert(wasTimed, 'a due member is in the tree');
    dict.removeAt(slot, hash);
    arenaAllocator.free(member);
  }
  setCollectionCount(shard, ref, collectionCount(shard, ref) - count);
  shard.stats.add(Stat.ExpiredSubkeys, count);
}

// ------------------------------------------------------------------ checks

function check(shard: Shard, ref: number): void {
  const { i32 } = shard.memory;
  const { packs } = shard.collections;
  const count = collectionCount(shard, ref);
  assert(count > 0, 'an empty hash is no key');
  if (entryEncoding(i32, ref) === HASH_PACK) {
    const pack = entryRoot(i32, ref);
    packs.check(pack);
    assert(packs.count(pack) === count * 2, 'a pack holds pairs');
    assert(count <= hashLayout.packPairsMax, 'a long hash is no pack');
    for (let pos = packs.first(pack); pos !== 0; pos = packs.next(pack, packs.next(pack, pos))) {
      const isFound = findHeld(shard, ref, packs.entryAt(pack, pos), packs.entryBytes(pack, pos));
      assert(isFound && packs.entryAt(pack, pos) > 0, 'a field of a pack is found');
    }
    return;
  }
  checkDict(shard, ref, count);
}

function checkDict(shard: Shard, ref: number, count: number): void {
  const { i32 } = shard.memory;
  const { dict } = shard.collections;
  const header = dictHeader(shard, ref);
  dict.bind(header);
  assert(dict.count() === count, 'the dict of a hash has its count');
  let timed = 0;
  const lines = dict.lines();
  for (let line = 0; line < lines; line++) {
    dict.bind(header);
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) {
      const member = i32[slots[i] ?? 0] ?? 0;
      const slot = dict.find(
        entryKeyAt(i32, member), entryKeyBytes(i32, member), dict.hashOfEntry(member),
      );
      assert(slot === slots[i], 'a field of a dict is found');
      if (!entryHasTtl(i32, member)) continue;
      timed++;
      const tree = treeOf(shard, ref);
      assert(tree.seek(tree.rankOf(entryExpireMs(i32, member), member)), 'a deadline has a rank');
      assert(tree.cursorRef() === member, 'a deadline of a member is in the tree');
    }
  }
  if (entryEncoding(i32, ref) !== HASH_TIMED) {
    assert(timed === 0, 'a hash without a tree has no deadlines');
    return;
  }
  const tree = treeOf(shard, ref);
  tree.check();
  assert(tree.count() === timed, 'the tree has every deadline and no other');
}

/** Registered under ValueType.Hash. */
export const hashHandler: TypeHandler = Object.freeze({
  name: 'hash',
  rdbTypes: HASH_RDB_TYPES,
  freeValue,
  freeSlice,
  copyValue,
  encodingName: hashEncodingName,
  ownedBytes,
  evacuate,
  save: saveHash,
  load: loadHash,
  replay: replayHash,
  check,
  expireElements,
  elementDeadlineMs: firstDeadlineMs,
});
