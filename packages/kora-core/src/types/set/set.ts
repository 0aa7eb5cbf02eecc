/**
 * The set type: the only file that knows how members lie (set-layout.ts) and converts between the
 * ways. Every function takes the entry of a set, linked or aside; the entry never moves.
 *
 * Adding comes in two forms. `setAdd` makes its own reserve, which suits results that are built
 * aside. For a command that must happen wholly: `planAdd` says what many members need, the caller
 * reserves `addPlan.blocks` and `addPlan.bytes`, then `prepareAdd` makes the room and `setPut`
 * cannot fail, nor allocate more than was planned.
 * Addresses of members may lie anywhere in the worker memory, but not inside the same set. The last
 * SET_TEXT_BYTES of the scratch area are used for integers as text.
 * Cost: intset O(log n) and one move, pack O(members passed), dict O(1).
 */
import { assert } from '../../assert.ts';
import { INTEGER_TEXT_BYTES_MAX, parseInteger, parsed, writeInteger64 }
  from '../../bytes/number-text.hot.ts';
import {
  collectionCount, setCollectionCount, setCollectionEncoding,
} from '../../keyspace/collection-entry.ts';
import { SCRATCH_BYTES } from '../../limits.ts';
import type { Shard } from '../../shard/shard.ts';
import { DICT_HEADER_BYTES, LINES_MIN, LINE_BYTES } from '../../structs/dict-layout.ts';
import {
  ENTRY_WIDE, entryEncoding, entryFlags, entryRoot, setEntryFlags, setEntryRoot,
} from '../../structs/entry.hot.ts';
import { intsetWidthOf } from '../../structs/intset.hot.ts';
import { MEMBER_OF_SET, memberBytesFor, newMember } from '../../structs/member.hot.ts';
import { PACK_HEADER_BYTES } from '../../structs/packs.hot.ts';
import { SET_DICT, SET_INTSET, SET_PACK, setLayout } from './set-layout.ts';

/** What {@link setAdd} answers. */
export const SET_ADDED = 1;
export const SET_PRESENT = 0;
export const SET_NO_MEMORY = -1;

/** Bytes at the end of the scratch area that sets write integers to. */
export const SET_TEXT_BYTES = 64;
/** Offset of that place in the scratch area. */
export const SET_TEXT_OFFSET: number = SCRATCH_BYTES - SET_TEXT_BYTES;
/** Room of one integer as a pack's entry, at most. */
const PACK_INTEGER_ROOM_MAX = INTEGER_TEXT_BYTES_MAX + 2;
/** Blocks and bytes of an empty dict. */
const DICT_BLOCKS = 3;
const DICT_BYTES = DICT_HEADER_BYTES + 8 + LINES_MIN * LINE_BYTES;
/** What a member takes beside its bytes, at most: header, length of a long one, padding, line. */
const MEMBER_BESIDE_BYTES = memberBytesFor(MEMBER_OF_SET, 0, 0, false) + 8 + LINE_BYTES;

// ------------------------------------------------------------------ reading

/** Members of the set. */
export function setCount(shard: Shard, ref: number): number {
  return collectionCount(shard, ref);
}

/** True when the set holds the `bytes` bytes at `at`. */
export function setHas(shard: Shard, ref: number, at: number, bytes: number): boolean {
  const { i32 } = shard.memory;
  const root = entryRoot(i32, ref);
  if (root === 0) return false;
  const { dict, intsets, packs } = shard.collections;
  const encoding = entryEncoding(i32, ref);
  if (encoding === SET_DICT) {
    dict.bind(root);
    return dict.find(at, bytes, dict.hashOf(at, bytes)) !== 0;
  }
  if (encoding === SET_PACK) return packs.find(root, packs.first(root), at, bytes, 1) !== 0;
  return parseMember(shard, at, bytes) && intsets.search(root, parsed.high, parsed.low) >= 0;
}

/** What OBJECT ENCODING says, by Redis 7.0's rule. */
export function setEncodingName(shard: Shard, ref: number): string {
  return (entryFlags(shard.memory.i32, ref) & ENTRY_WIDE) === 0 ? 'intset' : 'hashtable';
}

/** Reads the bytes as a signed 64-bit decimal into `parsed`; false when they are none. */
export function parseMember(shard: Shard, at: number, bytes: number): boolean {
  if (bytes > INTEGER_TEXT_BYTES_MAX) return false;
  const { kernel, low, lowBytes } = shard.memory;
  if (at + bytes <= lowBytes) return parseInteger(low, at, bytes);
  const textAt = shard.scratchAt + SET_TEXT_OFFSET;
  kernel.copy(textAt, at, bytes);
  return parseInteger(low, textAt, bytes);
}

// ------------------------------------------------------------------ planning

/** What the members about to be added need; filled by {@link planAdd}. */
class AddPlan {
  encoding = 0;
  /** Members, and the room of their entries in a pack. */
  more = 0;
  packRoom = 0;
  /** Width of the integers, when all are. */
  width = 0;
  /** To be reserved. */
  blocks = 0;
  bytes = 0;
}

/** The plan of this thread; valid until the next {@link planAdd}. */
export const addPlan = new AddPlan();

/**
 * Plans to add members to set `ref`, or to a new one.
 * @param ref 0 = a set that does not exist yet
 * @param more how many, at least 1
 * @param bytesSum bytes of all of them
 * @param bytesMax bytes of the longest
 * @param width INTSET_NARROW or INTSET_BROAD when all are integers, else 0
 */
export function planAdd(
  shard: Shard, ref: number, more: number, bytesSum: number, bytesMax: number, width: number,
): void {
  const { i32 } = shard.memory;
  const root = ref === 0 ? 0 : entryRoot(i32, ref);
  const encoding = root === 0 ? SET_INTSET : entryEncoding(i32, ref);
  const count = root === 0 ? 0 : collectionCount(shard, ref);
  addPlan.more = more;
  addPlan.width = width;
  addPlan.packRoom = bytesSum + more * (bytesMax < 128 ? 2 : 10);
  addPlan.blocks = 1;
  const isIntset = encoding === SET_INTSET && width !== 0;
  if (isIntset && count + more <= setLayout.intsetEntriesMax) {
    planIntset(shard, root, more, width);
  } else if (
    encoding !== SET_DICT && count + more <= setLayout.packMembersMax &&
    bytesMax <= setLayout.packMemberBytesMax
  ) {
    planPack(shard, root, encoding, count);
  } else {
    planDict(shard, root, encoding, count, bytesSum);
  }
}

function planIntset(shard: Shard, root: number, more: number, width: number): void {
  const { intsets } = shard.collections;
  addPlan.encoding = SET_INTSET;
  addPlan.bytes = root === 0
    ? intsets.bytesFor(more, width)
    : intsets.growBytes(root, more, width);
}

function planPack(shard: Shard, root: number, encoding: number, count: number): void {
  addPlan.encoding = SET_PACK;
  if (root !== 0 && encoding === SET_INTSET) addPlan.packRoom += count * PACK_INTEGER_ROOM_MAX;
  addPlan.bytes = root !== 0 && encoding === SET_PACK
    ? shard.collections.packs.growBytes(root, addPlan.packRoom)
    : PACK_HEADER_BYTES + addPlan.packRoom;
}

function planDict(
  shard: Shard, root: number, encoding: number, count: number, bytesSum: number,
): void {
  const { intsets, packs } = shard.collections;
  addPlan.encoding = SET_DICT;
  let members = addPlan.more;
  let bytes = bytesSum;
  addPlan.blocks = 0;
  if (root === 0 || encoding !== SET_DICT) {
    addPlan.blocks = DICT_BLOCKS;
    bytes += DICT_BYTES;
    members += count;
    if (root !== 0) {
      bytes += encoding === SET_PACK
        ? packs.usedBytes(root)
        : intsets.count(root) * INTEGER_TEXT_BYTES_MAX;
    }
  }
  addPlan.blocks += members * 2;
  addPlan.bytes = bytes + members * MEMBER_BESIDE_BYTES;
}

/** Makes the room that the last plan asks for; the caller reserved it. */
export function prepareAdd(shard: Shard, ref: number): void {
  const { memory } = shard;
  const { dict, intsets, packs } = shard.collections;
  const root = entryRoot(memory.i32, ref);
  const encoding = entryEncoding(memory.i32, ref);
  const { more, packRoom, width } = addPlan;
  if (root !== 0 && encoding !== addPlan.encoding) {
    convert(shard, ref, root, encoding);
    return;
  }
  let fresh = root;
  if (addPlan.encoding === SET_INTSET) {
    fresh = root === 0 ? intsets.create(more, width) : intsets.grow(root, more, width);
  } else if (addPlan.encoding === SET_PACK) {
    fresh = root === 0 ? packs.create(packRoom) : packs.grow(root, packRoom);
  } else if (root === 0) {
    fresh = dict.create();
  }
  assert(fresh !== 0, 'the room of new members was reserved');
  if (fresh === root) return;
  setEntryRoot(memory.i32, ref, fresh);
  if (root === 0) setCollectionEncoding(shard, ref, addPlan.encoding);
}

// ------------------------------------------------------------------ converting

/** Makes the intset or pack at `root` the pack or dict that the plan names. */
function convert(shard: Shard, ref: number, root: number, encoding: number): void {
  const { memory } = shard;
  const { dict, intsets, packs } = shard.collections;
  let fresh = addPlan.encoding === SET_PACK ? packs.create(addPlan.packRoom) : dict.create();
  assert(fresh !== 0, 'the structure of a larger set was reserved');
  if (encoding === SET_PACK) {
    for (let pos = packs.first(root); pos !== 0; pos = packs.next(root, pos)) {
      insertMember(shard, packs.entryAt(root, pos), packs.entryBytes(root, pos));
    }
    packs.destroy(root);
  } else {
    const textAt = shard.scratchAt + SET_TEXT_OFFSET;
    const count = intsets.count(root);
    for (let i = 0; i < count; i++) {
      const bytes = writeInteger64(memory.low, textAt, intsets.high(root, i), intsets.low(root, i));
      if (addPlan.encoding === SET_PACK) fresh = packs.insert(fresh, 0, textAt, bytes);
      else insertMember(shard, textAt, bytes);
    }
    intsets.destroy(root);
  }
  setEntryRoot(memory.i32, ref, fresh);
  setCollectionEncoding(shard, ref, addPlan.encoding);
}

/** Inserts an absent member into the bound dict; memory was reserved. */
function insertMember(shard: Shard, at: number, bytes: number): void {
  const { dict } = shard.collections;
  const hash = dict.hashOf(at, bytes);
  insertHashed(shard, at, bytes, hash);
}

function insertHashed(shard: Shard, at: number, bytes: number, hash: number): void {
  const { memory } = shard;
  const member = newMember(
    memory, memory.arenaAllocator, MEMBER_OF_SET, at, bytes, 0, 0, 0, 0,
  );
  assert(member !== 0, 'a member was reserved');
  shard.collections.dict.insert(hash, member);
}

// ------------------------------------------------------------------ adding and removing

/**
 * Adds a member to a set that exists, with a reserve of its own.
 * @returns SET_ADDED, SET_PRESENT, or SET_NO_MEMORY: then nothing has changed
 */
export function setAdd(shard: Shard, ref: number, at: number, bytes: number): number {
  const { i32, arenaAllocator } = shard.memory;
  const root = entryRoot(i32, ref);
  if (root !== 0 && entryEncoding(i32, ref) === SET_DICT) {
    return addToDict(shard, ref, root, at, bytes);
  }
  if (setHas(shard, ref, at, bytes)) return SET_PRESENT;
  planAdd(shard, ref, 1, bytes, bytes, integerWidth(shard, at, bytes));
  const isRoomy = addPlan.bytes === 0 && addPlan.blocks < 2;
  if (!isRoomy && !arenaAllocator.reserve(addPlan.blocks, addPlan.bytes)) return SET_NO_MEMORY;
  prepareAdd(shard, ref);
  return setPut(shard, ref, at, bytes);
}

function addToDict(shard: Shard, ref: number, root: number, at: number, bytes: number): number {
  const { dict } = shard.collections;
  dict.bind(root);
  const hash = dict.hashOf(at, bytes);
  if (dict.find(at, bytes, hash) !== 0) return SET_PRESENT;
  if (!dict.reserveInsert(memberBytesFor(MEMBER_OF_SET, bytes, 0, false))) return SET_NO_MEMORY;
  shard.noteMutation();
  insertHashed(shard, at, bytes, hash);
  noteAdded(shard, ref, at, bytes);
  return SET_ADDED;
}

/** Width of the integer that the bytes are, 0 when they are none. */
export function integerWidth(shard: Shard, at: number, bytes: number): number {
  if (!parseMember(shard, at, bytes)) return 0;
  return intsetWidthOf(parsed.high, parsed.low);
}

/** Adds a member for which room was prepared. @returns SET_ADDED or SET_PRESENT */
export function setPut(shard: Shard, ref: number, at: number, bytes: number): number {
  const { i32 } = shard.memory;
  const { dict, intsets, packs } = shard.collections;
  const root = entryRoot(i32, ref);
  const encoding = entryEncoding(i32, ref);
  shard.noteMutation();
  if (encoding === SET_DICT) {
    dict.bind(root);
    const hash = dict.hashOf(at, bytes);
    if (dict.find(at, bytes, hash) !== 0) return SET_PRESENT;
    insertHashed(shard, at, bytes, hash);
  } else if (encoding === SET_PACK) {
    if (packs.find(root, packs.first(root), at, bytes, 1) !== 0) return SET_PRESENT;
    const pack = packs.insert(root, 0, at, bytes);
    if (pack !== root) setEntryRoot(shard.memory.i32, ref, pack);
  } else {
    const isInteger = parseMember(shard, at, bytes);
    assert(isInteger, 'an intset is planned for integers');
    const found = intsets.search(root, parsed.high, parsed.low);
    if (found >= 0) return SET_PRESENT;
    intsets.insertAt(root, -1 - found, parsed.high, parsed.low);
  }
  noteAdded(shard, ref, at, bytes);
  return SET_ADDED;
}

/** Counts the new member, and notes when Redis would give up its intset. */
function noteAdded(shard: Shard, ref: number, at: number, bytes: number): void {
  const count = collectionCount(shard, ref) + 1;
  setCollectionCount(shard, ref, count);
  const { i32 } = shard.memory;
  const flags = entryFlags(i32, ref);
  if ((flags & ENTRY_WIDE) !== 0) return;
  const isNarrow = count <= shard.settings.intsetEntriesMax && parseMember(shard, at, bytes);
  if (!isNarrow) setEntryFlags(i32, ref, flags | ENTRY_WIDE);
}

/** Removes a member; false when it is absent. A set may be left empty, for the caller to remove. */
export function setRemove(shard: Shard, ref: number, at: number, bytes: number): boolean {
  const { i32, arenaAllocator } = shard.memory;
  const { dict, intsets, packs } = shard.collections;
  const root = entryRoot(i32, ref);
  if (root === 0) return false;
  const encoding = entryEncoding(i32, ref);
  let fresh = root;
  if (encoding === SET_DICT) {
    dict.bind(root);
    const hash = dict.hashOf(at, bytes);
    const slot = dict.find(at, bytes, hash);
    if (slot === 0) return false;
    const member = i32[slot] ?? 0;
    dict.removeAt(slot, hash);
    arenaAllocator.free(member);
  } else if (encoding === SET_PACK) {
    const pos = packs.find(root, packs.first(root), at, bytes, 1);
    if (pos === 0) return false;
    fresh = packs.remove(root, pos, 1);
  } else {
    const isInteger = parseMember(shard, at, bytes);
    const index = isInteger ? intsets.search(root, parsed.high, parsed.low) : -1;
    if (index < 0) return false;
    fresh = intsets.removeAt(root, index);
  }
  shard.noteMutation();
  if (fresh !== root) setEntryRoot(shard.memory.i32, ref, fresh);
  setCollectionCount(shard, ref, collectionCount(shard, ref) - 1);
  return true;
}

