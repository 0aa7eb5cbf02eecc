/**
 * The set type as the key space knows it: freeing, copying, weighing, moving and checking a value.
 * Big sets are freed and moved in slices.
 * Invariant: a handler may be asked in the middle of a command of another type, so it binds the
 * windows it uses and trusts no binding after it called another function.
 */
import { assert } from '../../assert.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { DetachedValue, TypeHandler } from '../../keyspace/type-handler.ts';
import { ValueType, WEIGHED_MAX } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../../structs/dict-layout.ts';
import { evacuateDictIndex } from '../../structs/dict-index-move.ts';
import type { Dict } from '../../structs/dict.hot.ts';
import {
  entryEncoding, entryKeyAt, entryKeyBytes, entryRoot, setEntryRoot,
} from '../../structs/entry.hot.ts';
import { MEMBER_OF_SET, memberBytesFor } from '../../structs/member.hot.ts';
import { movedBlock } from '../../structs/moved-block.ts';
import {
  dictBytes, freeDict, freeDictSlice, freeNowOrLater, LINES_PER_SLICE,
} from '../shared/dict-members.ts';
import { SET_DICT, SET_PACK, setLayout } from './set-layout.ts';
import { loadSet, replaySet, saveSet, SET_RDB_TYPES } from './set.codec.ts';
import { setEncodingName } from './set.ts';

const slots = new Int32Array(CHAIN_SLOTS_MAX);

function freeValue(shard: Shard, ref: number): void {
  const { i32 } = shard.memory;
  const root = entryRoot(i32, ref);
  if (root === 0) return;
  if (entryEncoding(i32, ref) !== SET_DICT) shard.memory.arenaAllocator.free(root);
  else freeNowOrLater(shard, ref, ValueType.Set, freeSlice);
}

/** The cursor is the next line; behind the last one the index is freed. */
function freeSlice(shard: Shard, value: DetachedValue, blocksMax: number): boolean {
  const { arenaAllocator } = shard.memory;
  const { dict } = shard.collections;
  if (value.encoding !== SET_DICT) {
    arenaAllocator.free(value.root);
    return true;
  }
  dict.bind(value.root);
  return freeDictSlice(shard, dict, value, blocksMax);
}

// ------------------------------------------------------------------ copying

function copyValue(shard: Shard, from: number, to: number): boolean {
  const { i32 } = shard.memory;
  const source = entryRoot(i32, from);
  if (source === 0) return true;
  const encoding = entryEncoding(i32, from);
  const { intsets, packs } = shard.collections;
  let root = 0;
  if (encoding === SET_DICT) root = copyDict(shard, source);
  else root = encoding === SET_PACK ? packs.copy(source) : intsets.copy(source);
  if (root === 0) return false;
  setEntryRoot(shard.memory.i32, to, root);
  return true;
}

/** A second dict with copies of all members; 0: no memory, nothing leaks. */
function copyDict(shard: Shard, source: number): number {
  const { dict, otherDict } = shard.collections;
  const header = otherDict.create();
  if (header === 0) return 0;
  dict.bind(source);
  const lines = dict.lines();
  for (let line = 0; line < lines; line++) {
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) {
      const member = shard.memory.i32[slots[i] ?? 0] ?? 0;
      if (copyMember(shard, member, otherDict)) continue;
      freeDict(shard, otherDict);
      return 0;
    }
  }
  return header;
}

function copyMember(shard: Shard, member: number, into: Dict): boolean {
  const { memory } = shard;
  const bytes = bytesOf(shard, member);
  if (!into.reserveInsert(bytes)) return false;
  const copy = memory.arenaAllocator.alloc(bytes);
  assert(copy !== 0, 'the copy of a member was reserved');
  memory.kernel.copy(copy * 8, member * 8, bytes);
  into.insert(into.hashOfEntry(copy), copy);
  return true;
}

/** Bytes of a member's block. */
function bytesOf(shard: Shard, member: number): number {
  return memberBytesFor(MEMBER_OF_SET, entryKeyBytes(shard.memory.i32, member), 0, false);
}

// ------------------------------------------------------------------ weight and place

/** Exact for intsets and packs; the members of a dict are weighed by a sample. */
function ownedBytes(shard: Shard, ref: number, samplesMax = WEIGHED_MAX): number {
  const { arenaAllocator, i32 } = shard.memory;
  const root = entryRoot(i32, ref);
  if (root === 0) return 0;
  if (entryEncoding(i32, ref) !== SET_DICT) return arenaAllocator.sizeOf(root);
  const { dict } = shard.collections;
  dict.bind(root);
  return dictBytes(shard, dict, samplesMax);
}

/** The cursor is the next line of the dict; behind the last one its index moves. */
function evacuate(shard: Shard, ref: number, cursor: number): number {
  const { memory } = shard;
  const root = entryRoot(memory.i32, ref);
  if (root === 0) return 0;
  if (entryEncoding(memory.i32, ref) !== SET_DICT) {
    moveFlat(shard, ref, root);
    return 0;
  }
  const { dict } = shard.collections;
  dict.bind(root);
  const lines = dict.lines();
  const end = Math.min(lines, cursor + LINES_PER_SLICE);
  for (let line = cursor; line < end; line++) {
    dict.evacuateLine(line);
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) if (!moveMember(shard, dict, slots[i] ?? 0)) return 0;
  }
  if (end < lines) return end;
  setEntryRoot(memory.i32, ref, evacuateDictIndex(memory, memory.arenaAllocator, root));
  return 0;
}

/** Moves an intset or pack out of a sparse slab, where memory allows it. */
function moveFlat(shard: Shard, ref: number, root: number): void {
  const { memory } = shard;
  const bytes = memory.arenaAllocator.sizeOf(root);
  const moved = movedBlock(memory, memory.arenaAllocator, root, bytes);
  if (moved !== root) setEntryRoot(memory.i32, ref, moved);
}

/** Moves the member in a slot out of a sparse slab; false when memory is short. */
function moveMember(shard: Shard, dict: Dict, slot: number): boolean {
  const { memory } = shard;
  const { arenaAllocator } = memory;
  const old = memory.i32[slot] ?? 0;
  if (!arenaAllocator.isSparse(old)) return true;
  const bytes = bytesOf(shard, old);
  const fresh = arenaAllocator.alloc(bytes);
  if (fresh === 0) return false;
  memory.kernel.copy(fresh * 8, old * 8, bytes);
  dict.replaceAt(slot, fresh);
  arenaAllocator.free(old);
  return true;
}

// ------------------------------------------------------------------ checks

function check(shard: Shard, ref: number): void {
  const { i32 } = shard.memory;
  const { intsets, packs } = shard.collections;
  const count = collectionCount(shard, ref);
  const root = entryRoot(i32, ref);
  assert(count > 0, 'an empty set is no key');
  assert(root !== 0, 'a set has a root');
  const encoding = entryEncoding(i32, ref);
  if (encoding === SET_DICT) {
    checkDict(shard, root, count);
  } else if (encoding === SET_PACK) {
    packs.check(root);
    assert(packs.count(root) === count, 'the pack of a set has its count');
    assert(count <= setLayout.packMembersMax, 'a long set is no pack');
    for (let pos = packs.first(root); pos !== 0; pos = packs.next(root, pos)) {
      const found = packs.find(
        root, packs.first(root), packs.entryAt(root, pos), packs.entryBytes(root, pos), 1,
      );
      assert(found === pos, 'a pack holds a member once');
    }
  } else {
    intsets.check(root);
    assert(intsets.count(root) === count, 'the intset of a set has its count');
    assert(count <= setLayout.intsetEntriesMax, 'a long set is no intset');
  }
}

function checkDict(shard: Shard, root: number, count: number): void {
  const { i32 } = shard.memory;
  const { dict } = shard.collections;
  dict.bind(root);
  assert(dict.count() === count, 'the dict of a set has its count');
  const lines = dict.lines();
  let met = 0;
  for (let line = 0; line < lines; line++) {
    const inLine = dict.collectLine(line, slots);
    met += inLine;
    for (let i = 0; i < inLine; i++) {
      const slot = slots[i] ?? 0;
      const member = i32[slot] ?? 0;
      const at = entryKeyAt(i32, member);
      const bytes = entryKeyBytes(i32, member);
      const found = dict.find(at, bytes, dict.hashOf(at, bytes));
      assert(found === slot, 'a member is found in its slot, and once');
    }
  }
  assert(met === count, 'the lines hold as many members as the dict says');
}

/** What the key space may do with a set. */
export const setHandler: TypeHandler = {
  name: 'set',
  rdbTypes: SET_RDB_TYPES,
  freeValue,
  freeSlice,
  copyValue,
  encodingName: setEncodingName,
  ownedBytes,
  evacuate,
  save: saveSet,
  load: loadSet,
  replay: replaySet,
  check,
};
