/**
 * The hash type: with its sisters in this folder (deadlines, walk) the only file that knows how
 * fields lie in memory. Commands talk to these functions and to nothing below them.
 *
 * The encodings stand in hash-layout.ts; one only changes upwards. ENTRY_WIDE is what OBJECT
 * ENCODING answers, by Redis's rule; it does not decide how bytes lie. A field whose time has come
 * is held until it is freed but never found: `findField` sees the living, `findHeld` all. While a
 * journal is replayed all live.
 *
 * Use: `findField` or `preparePut`; what was found holds until the next change or lookup. Functions
 * that may run out of memory answer 0 or false, and nothing has changed then.
 * Cost: a find among 64 pairs 0.6 us, in a dict one hash and two cache misses; no heap allocation.
 */
import { assert } from '../../assert.ts';
import type { ReplySink } from '../../command/sink.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import {
  collectionCount, createCollection, ROOT_BYTES, setCollectionCount, setCollectionEncoding,
} from '../../keyspace/collection-entry.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { DICT_HEADER_BYTES, LINES_MIN, LINE_BYTES } from '../../structs/dict-layout.ts';
import {
  ENTRY_ENCODING_SHIFT, ENTRY_WIDE, entryEncoding, entryFlags, entryHasTtl, entryIsDue,
  entryRoot, setEntryFlags, setEntryRoot,
} from '../../structs/entry.hot.ts';
import {
  fieldValueAt, fieldValueBytes, MEMBER_FIELD, memberBytesFor, newMember, setFieldValueBytes,
} from '../../structs/member.hot.ts';
import { PACK_HEADER_BYTES } from '../../structs/packs.hot.ts';
import { dropDeadline, dueCount, moveDeadline } from './hash-deadlines.ts';
import { found, HASH_DICT, HASH_PACK, HASH_TIMED, hashLayout } from './hash-layout.ts';

/** Flags of a new hash. */
const PACK_FLAGS = ValueType.Hash | (HASH_PACK << ENTRY_ENCODING_SHIFT);
const DICT_FLAGS = ValueType.Hash | (HASH_DICT << ENTRY_ENCODING_SHIFT);
/** A fresh dict: header, directory, chunk. */
const DICT_BLOCKS = 3;
const DICT_BYTES = DICT_HEADER_BYTES + 8 + LINES_MIN * LINE_BYTES;
/** A pair in a dict: the member, an overflow line. */
const PAIR_BLOCKS = 2;

/** Byte offsets and lengths of texts, in turn field, value, field, value. */
export type TextOffsets = Int32Array | Float64Array;

// ------------------------------------------------------------------ reading

/** True when the key is absent or holds a hash; else the error is written. */
export function isHashOrAbsent(shard: Shard, ref: number, out: ReplySink): boolean {
  if (ref === 0 || shard.keyspace.isType(ref, ValueType.Hash)) return true;
  out.error(replyErrors.wrongType);
  return false;
}

/** Fields alive. */
export function hashCount(shard: Shard, ref: number): number {
  const held = collectionCount(shard, ref);
  if (entryEncoding(shard.memory.i32, ref) !== HASH_TIMED) return held;
  return held - dueCount(shard, ref);
}

/** Header of the dict of a hash that has one. */
export function dictHeader(shard: Shard, ref: number): number {
  const { i32 } = shard.memory;
  const root = entryRoot(i32, ref);
  return entryEncoding(i32, ref) === HASH_TIMED ? (i32[root << 1] ?? 0) : root;
}

/** Looks a field up in entry `ref`; what is found stands in {@link found}. Binds the dict. */
export function findField(shard: Shard, ref: number, at: number, bytes: number): boolean {
  return findHeld(shard, ref, at, bytes) && !isFoundDue(shard);
}

/** As findField, fields that are due included. */
export function findHeld(shard: Shard, ref: number, at: number, bytes: number): boolean {
  const { i32 } = shard.memory;
  const root = entryRoot(i32, ref);
  const encoding = entryEncoding(i32, ref);
  if (encoding === HASH_PACK) {
    const { packs } = shard.collections;
    const pos = root === 0 ? 0 : packs.find(root, packs.first(root), at, bytes, 2);
    found.pack = root;
    found.member = 0;
    found.fieldPos = pos;
    if (pos === 0) return false;
    found.valuePos = packs.next(root, pos);
    return true;
  }
  const { dict } = shard.collections;
  dict.bind(encoding === HASH_TIMED ? (i32[root << 1] ?? 0) : root);
  const hash = dict.hashOf(at, bytes);
  const slot = dict.find(at, bytes, hash);
  found.pack = 0;
  found.hash = hash;
  found.slot = slot;
  found.member = slot === 0 ? 0 : (i32[slot] ?? 0);
  return slot !== 0;
}

/** True when the time of the field found has come. */
export function isFoundDue(shard: Shard): boolean {
  return found.member !== 0 && isMemberDue(shard, found.member);
}

/** True when the member's time has come. */
export function isMemberDue(shard: Shard, member: number): boolean {
  const { keyspace, memory } = shard;
  if (!entryHasTtl(memory.i32, member) || shard.isReplaying) return false;
  return entryIsDue(memory.i32, member, keyspace.nowLow, keyspace.nowHigh);
}

/** Byte offset of the value of the field found. */
export function foundValueAt(shard: Shard): number {
  if (found.member !== 0) return fieldValueAt(shard.memory.i32, found.member);
  return shard.collections.packs.entryAt(found.pack, found.valuePos);
}

/** Length of the value of the field found. */
export function foundValueBytes(shard: Shard): number {
  if (found.member !== 0) return fieldValueBytes(shard.memory.i32, found.member);
  return shard.collections.packs.entryBytes(found.pack, found.valuePos);
}

/** What OBJECT ENCODING says, by Redis 7.0's rule. */
export function hashEncodingName(shard: Shard, ref: number): string {
  return (entryFlags(shard.memory.i32, ref) & ENTRY_WIDE) === 0 ? 'listpack' : 'hashtable';
}

// ------------------------------------------------------------------ storing

/**
 * Makes sure that `pairs` pairs can be put, whichever of them are new, and makes the entry ready:
 * creates it for an absent key, gives it the encoding that takes them all.
 * @param ref entry of the key looked up last, 0 when it is absent
 * @param at @param bytes where fields and values lie, in turn from index `from` on
 * @returns the entry, for `pairs` calls of {@link putField}; 0 when memory is short
 */
export function preparePut(
  shard: Shard, ref: number, keyAt: number, keyBytes: number,
  at: TextOffsets, bytes: Int32Array, from: number, pairs: number,
): number {
  const { packs } = shard.collections;
  let room = 0;
  let memberBytes = 0;
  let longest = 0;
  for (let i = from; i < from + pairs * 2; i += 2) {
    const fieldBytes = bytes[i] ?? 0;
    const valueBytes = bytes[i + 1] ?? 0;
    room += packs.entryRoom(fieldBytes) + packs.entryRoom(valueBytes);
    memberBytes += memberBytesFor(MEMBER_FIELD, fieldBytes, valueBytes, true) + LINE_BYTES;
    if (fieldBytes > longest) longest = fieldBytes;
    if (valueBytes > longest) longest = valueBytes;
  }
  const isShort = longest <= hashLayout.packTextBytesMax;
  if (ref === 0) {
    const isPack = isShort && pairs <= hashLayout.packPairsMax;
    if (isPack) return createPacked(shard, keyAt, keyBytes, room);
    return createDict(shard, keyAt, keyBytes, pairs * PAIR_BLOCKS, memberBytes);
  }
  if (entryEncoding(shard.memory.i32, ref) !== HASH_PACK) {
    return shard.memory.arenaAllocator.reserve(pairs * PAIR_BLOCKS, memberBytes) ? ref : 0;
  }
  if (isShort && newPairsFit(shard, ref, at, bytes, from, pairs)) {
    const root = entryRoot(shard.memory.i32, ref);
    if (root !== 0 && packs.growBytes(root, room) === 0) return ref;
    return growPack(shard, ref, exactRoom(shard, ref, at, bytes, from, pairs)) ? ref : 0;
  }
  const unpacked = unpackingBytes(shard, ref);
  const blocks = unpackingBlocks(shard, ref) + pairs * PAIR_BLOCKS;
  if (!shard.memory.arenaAllocator.reserve(blocks, unpacked + memberBytes)) return 0;
  unpack(shard, ref);
  return ref;
}

function createPacked(shard: Shard, keyAt: number, keyBytes: number, room: number): number {
  if (!shard.keyspace.reserve(keyBytes, ROOT_BYTES, 1, PACK_HEADER_BYTES + room)) return 0;
  const ref = createCollection(shard, keyAt, keyBytes, PACK_FLAGS);
  const pack = shard.collections.packs.create(room);
  assert(pack !== 0, 'the pack of a new hash was reserved');
  setEntryRoot(shard.memory.i32, ref, pack);
  return ref;
}

function createDict(
  shard: Shard, keyAt: number, keyBytes: number, blocks: number, bytes: number,
): number {
  const { dict } = shard.collections;
  const isReserved = shard.keyspace.reserve(
    keyBytes, ROOT_BYTES, DICT_BLOCKS + blocks, DICT_BYTES + bytes,
  );
  if (!isReserved) return 0;
  const ref = createCollection(shard, keyAt, keyBytes, DICT_FLAGS);
  const header = dict.create();
  assert(header !== 0, 'the dict of a new hash was reserved');
  setEntryRoot(shard.memory.i32, ref, header);
  return ref;
}

/**
 * True when the pack may hold the pairs too. Fields that come twice count twice; pairs that alone
 * would fill a pack are not looked up, so that a long command costs no search each.
 */
function newPairsFit(
  shard: Shard, ref: number, at: TextOffsets, bytes: Int32Array, from: number, pairs: number,
): boolean {
  let count = collectionCount(shard, ref);
  if (count + pairs <= hashLayout.packPairsMax) return true;
  if (pairs > hashLayout.packPairsMax) return false;
  for (let i = from; i < from + pairs * 2; i += 2) {
    if (!findHeld(shard, ref, at[i] ?? 0, bytes[i] ?? 0)) count++;
  }
  return count <= hashLayout.packPairsMax;
}

/**
 * Room that the pairs take in the pack beyond what their fields have now: writing the same fields
 * again and again must not grow it.
 */
function exactRoom(
  shard: Shard, ref: number, at: TextOffsets, bytes: Int32Array, from: number, pairs: number,
): number {
  const { packs } = shard.collections;
  let room = 0;
  for (let i = from; i < from + pairs * 2; i += 2) {
    const fieldBytes = bytes[i] ?? 0;
    const valueRoom = packs.entryRoom(bytes[i + 1] ?? 0);
    if (findHeld(shard, ref, at[i] ?? 0, fieldBytes)) {
      room += Math.max(0, valueRoom - packs.entryRoom(foundValueBytes(shard)));
    } else {
      room += packs.entryRoom(fieldBytes) + valueRoom;
    }
  }
  return room;
}

/** Makes room for entries in the pack; false when memory is short. */
function growPack(shard: Shard, ref: number, room: number): boolean {
  const { packs } = shard.collections;
  const root = entryRoot(shard.memory.i32, ref);
  const bytes = packs.growBytes(root, room);
  if (bytes === 0) return true;
  if (!shard.memory.arenaAllocator.reserve(1, bytes)) return false;
  shard.noteMutation();
  setEntryRoot(shard.memory.i32, ref, packs.grow(root, room));
  return true;
}

/** Blocks and bytes that {@link unpack} takes: to be reserved with what follows it. */
export function unpackingBlocks(shard: Shard, ref: number): number {
  return DICT_BLOCKS + collectionCount(shard, ref) * PAIR_BLOCKS;
}

export function unpackingBytes(shard: Shard, ref: number): number {
  const count = collectionCount(shard, ref);
  const root = entryRoot(shard.memory.i32, ref);
  const used = root === 0 ? 0 : shard.collections.packs.usedBytes(root);
  // Of a member beside its texts: header, padding; an expiry that may be set next; its line.
  return DICT_BYTES + used + count * (24 + LINE_BYTES);
}

/** Turns a pack into a dict of the same fields. The caller reserved. */
export function unpack(shard: Shard, ref: number): void {
  const { memory } = shard;
  const { dict, packs } = shard.collections;
  assert(entryEncoding(memory.i32, ref) === HASH_PACK, 'a pack is unpacked');
  shard.noteMutation();
  const pack = entryRoot(memory.i32, ref);
  const header = dict.create();
  assert(header !== 0, 'the dict of an unpacked hash was reserved');
  for (let pos = pack === 0 ? 0 : packs.first(pack); pos !== 0;) {
    const valuePos = packs.next(pack, pos);
    const fieldAt = packs.entryAt(pack, pos);
    const fieldBytes = packs.entryBytes(pack, pos);
    const valueAt = packs.entryAt(pack, valuePos);
    const valueBytes = packs.entryBytes(pack, valuePos);
    const hash = dict.hashOf(fieldAt, fieldBytes);
    addMember(shard, fieldAt, fieldBytes, hash, valueAt, valueBytes);
    pos = packs.next(pack, valuePos);
  }
  if (pack !== 0) packs.destroy(pack);
  setEntryRoot(memory.i32, ref, header);
  setCollectionEncoding(shard, ref, HASH_DICT);
}

/** Adds a member without a deadline to the dict that is bound. The caller reserved. */
function addMember(
  shard: Shard, fieldAt: number, fieldBytes: number, hash: number,
  valueAt: number, valueBytes: number,
): void {
  const { memory } = shard;
  const member = newMember(
    memory, memory.arenaAllocator, MEMBER_FIELD, fieldAt, fieldBytes, valueBytes, 0, 0, 0,
  );
  assert(member !== 0, 'a member of a hash was reserved');
  memory.kernel.copy(fieldValueAt(memory.i32, member), valueAt, valueBytes);
  shard.collections.dict.insert(hash, member);
}

/**
 * Puts one pair of those that {@link preparePut} prepared; all texts lie outside the hash.
 * @param keepsDeadline false: the field has no deadline afterwards
 * @returns true when no living field had that name
 */
export function putField(
  shard: Shard, ref: number, fieldAt: number, fieldBytes: number,
  valueAt: number, valueBytes: number, keepsDeadline: boolean,
): boolean {
  const isHeld = findHeld(shard, ref, fieldAt, fieldBytes);
  return putFound(
    shard, ref, isHeld, fieldAt, fieldBytes, valueAt, valueBytes, keepsDeadline,
  );
}

/** As putField, when `findHeld` has just looked the field up and answered `isHeld`. */
export function putFound(
  shard: Shard, ref: number, isHeld: boolean, fieldAt: number, fieldBytes: number,
  valueAt: number, valueBytes: number, keepsDeadline: boolean,
): boolean {
  shard.noteMutation();
  let isNew = !isHeld;
  if (found.pack !== 0) {
    putInPack(shard, ref, isHeld, fieldAt, fieldBytes, valueAt, valueBytes);
  } else if (isHeld) {
    isNew = isFoundDue(shard);
    if (entryHasTtl(shard.memory.i32, found.member) && (isNew || !keepsDeadline)) {
      dropDeadline(shard, ref, found.member);
    }
    replaceValue(shard, ref, fieldBytes, valueAt, valueBytes);
  } else {
    addMember(shard, fieldAt, fieldBytes, found.hash, valueAt, valueBytes);
  }
  if (!isHeld) setCollectionCount(shard, ref, collectionCount(shard, ref) + 1);
  noteWidth(shard, ref, fieldBytes > valueBytes ? fieldBytes : valueBytes);
  return isNew;
}

function putInPack(
  shard: Shard, ref: number, isHeld: boolean, fieldAt: number, fieldBytes: number,
  valueAt: number, valueBytes: number,
): void {
  const { packs } = shard.collections;
  let pack = found.pack;
  if (isHeld) {
    pack = packs.replace(pack, found.valuePos, valueAt, valueBytes);
  } else {
    pack = packs.insert(pack, 0, fieldAt, fieldBytes);
    pack = packs.insert(pack, 0, valueAt, valueBytes);
  }
  if (pack !== found.pack) setEntryRoot(shard.memory.i32, ref, pack);
}

/** Gives the member found another value; it moves when its block does not suit any more. */
function replaceValue(
  shard: Shard, ref: number, fieldBytes: number, valueAt: number, valueBytes: number,
): void {
  const { memory } = shard;
  const { i32, kernel } = memory;
  const old = found.member;
  shard.collections.dict.noteChange(old);
  const hasTtl = entryHasTtl(i32, old);
  const bytes = memberBytesFor(MEMBER_FIELD, fieldBytes, valueBytes, hasTtl);
  if (suits(memory.arenaAllocator.sizeOf(old), bytes)) {
    setFieldValueBytes(i32, old, valueBytes);
    kernel.copy(fieldValueAt(i32, old), valueAt, valueBytes);
    return;
  }
  const fresh = memory.arenaAllocator.alloc(bytes);
  assert(fresh !== 0, 'a member of a hash was reserved');
  const headBytes = fieldValueAt(memory.i32, old) - old * 8;
  kernel.copy(fresh * 8, old * 8, headBytes);
  setFieldValueBytes(memory.i32, fresh, valueBytes);
  kernel.copy(fresh * 8 + headBytes, valueAt, valueBytes);
  shard.collections.dict.replaceAt(found.slot, fresh);
  if (hasTtl) moveDeadline(shard, ref, old, fresh);
  memory.arenaAllocator.free(old);
  found.member = fresh;
}

/** True when a block of `have` bytes holds `bytes` without wasting more than half of itself. */
function suits(have: number, bytes: number): boolean {
  return bytes <= have && bytes * 2 > have - 32;
}

/** Answers of {@link reserveFound}. */
export const PUT_READY = 1;
export const PUT_SHORT_OF_MEMORY = 0;
export const PUT_NEEDS_PREPARING = -1;

/**
 * Makes sure that one pair can be put into an existing hash when `findHeld` has just answered
 * `isHeld`: the everyday case, without a second look.
 * @returns PUT_READY; PUT_SHORT_OF_MEMORY; PUT_NEEDS_PREPARING when the encoding has to change,
 *   which is preparePut's business. Nothing has changed but the room of the pack.
 */
export function reserveFound(
  shard: Shard, ref: number, isHeld: boolean, fieldBytes: number, valueBytes: number,
): number {
  const allocator = shard.memory.arenaAllocator;
  if (found.pack === 0) {
    const bytes = memberBytesFor(MEMBER_FIELD, fieldBytes, valueBytes, true);
    const isReserved = allocator.reserve(PAIR_BLOCKS, bytes + LINE_BYTES);
    return isReserved ? PUT_READY : PUT_SHORT_OF_MEMORY;
  }
  const { packs } = shard.collections;
  if (valueBytes > hashLayout.packTextBytesMax) return PUT_NEEDS_PREPARING;
  let room = packs.entryRoom(valueBytes);
  if (isHeld) {
    const oldBytes = packs.entryBytes(found.pack, found.valuePos);
    if (valueBytes <= oldBytes) return PUT_READY;
    room -= packs.entryRoom(oldBytes);
  } else {
    if (fieldBytes > hashLayout.packTextBytesMax) return PUT_NEEDS_PREPARING;
    if (collectionCount(shard, ref) >= hashLayout.packPairsMax) return PUT_NEEDS_PREPARING;
    room += packs.entryRoom(fieldBytes);
  }
  if (!growPack(shard, ref, room)) return PUT_SHORT_OF_MEMORY;
  found.pack = entryRoot(shard.memory.i32, ref);
  return PUT_READY;
}

/** Notes when Redis would have given up the listpack: one way. */
function noteWidth(shard: Shard, ref: number, longest: number): void {
  const { settings } = shard;
  const isNarrow =
    longest <= settings.hashListpackValueBytesMax
    && collectionCount(shard, ref) <= settings.hashListpackEntriesMax;
  if (isNarrow) return;
  const { i32 } = shard.memory;
  setEntryFlags(i32, ref, entryFlags(i32, ref) | ENTRY_WIDE);
}

// ------------------------------------------------------------------ removing

/** Removes the field found, due or not. Never fails; an empty hash is the caller's to remove. */
export function removeFound(shard: Shard, ref: number): void {
  shard.noteMutation();
  if (found.pack !== 0) {
    const pack = shard.collections.packs.remove(found.pack, found.fieldPos, 2);
    setEntryRoot(shard.memory.i32, ref, pack);
  } else {
    const { arenaAllocator, i32 } = shard.memory;
    if (entryHasTtl(i32, found.member)) dropDeadline(shard, ref, found.member);
    shard.collections.dict.removeAt(found.slot, found.hash);
    arenaAllocator.free(found.member);
  }
  setCollectionCount(shard, ref, collectionCount(shard, ref) - 1);
}
