/**
 * The string type: the only file that knows how a string lies in an entry. Short values are bytes
 * in the entry; from ROPE_BYTES_MIN on the entry holds the root of a rope. A string never shrinks
 * in place, so the length alone decides: rope <=> length >= ROPE_BYTES_MIN.
 *
 *   encoding (4 bits of the flags)   0 = as the bytes say, STRING_TEXT = text that is never `int`
 *   ENTRY_RAW                        changed by APPEND or SETRANGE: `raw` whatever it holds
 *
 * Every function works on the key looked up last (keyspace.db, slot and hash). The ones that store
 * answer 0 when memory is short: then nothing has changed and nothing has leaked. Refs may move:
 * use what comes back.
 * Cost: one copy of the bytes; a rope argument is adopted without a copy, and a sink may send a
 * rope without one: then it is pinned, and a change makes a copy first. Nothing is allocated on
 * the heap.
 */
import { assert } from '../../assert.ts';
import { INTEGER_TEXT_BYTES_MAX, parseInteger } from '../../bytes/number-text.hot.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import type { ReplySink } from '../../command/sink.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import { ROPE_BYTES_MIN } from '../../limits.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  ENTRY_ENCODING_MASK, ENTRY_ENCODING_SHIFT, ENTRY_IS_ROPE, ENTRY_RAW, entryFlags, entryKeyBytes,
  entryRoot, entryValueAt, entryValueBytes, setEntryFlags, setEntryRoot, setEntryValueBytes,
} from '../../structs/entry.hot.ts';
import { ROPE_PIECE_BYTES } from '../../structs/rope.ts';

/**
 * Encoding of a string that was made as text: INCRBYFLOAT's result is `embstr` even when it is `3`.
 */
export const STRING_TEXT = 1;
/** Flags of a string by what SET makes. */
export const PLAIN_FLAGS: number = ValueType.String;
/** Flags of a string that INCRBYFLOAT makes. */
export const TEXT_FLAGS: number = ValueType.String | (STRING_TEXT << ENTRY_ENCODING_SHIFT);
/** Flags of a string that SETRANGE makes. */
export const RAW_FLAGS: number = ValueType.String | ENTRY_RAW;
/** Longest value that answers `embstr`. */
export const EMBSTR_BYTES_MAX = 44;

/** Bytes in the entry for a value of `bytes` bytes: itself, or the root ref of a rope. */
const ROOT_BYTES = 4;

// ------------------------------------------------------------------ reading

/** Length of the value in bytes. */
export function stringBytes(shard: Shard, ref: number): number {
  return entryValueBytes(shard.memory.i32, ref);
}

function isRope(shard: Shard, ref: number): boolean {
  return (entryFlags(shard.memory.i32, ref) & ENTRY_IS_ROPE) !== 0;
}

/** Writes the whole value as a bulk string. */
export function writeString(shard: Shard, ref: number, out: ReplySink): void {
  const { i32 } = shard.memory;
  if (isRope(shard, ref)) writeRopeRange(shard, ref, 0, entryValueBytes(i32, ref), out);
  else out.bulk(entryValueAt(i32, ref), entryValueBytes(i32, ref));
}

/** Writes `bytes` bytes of the value from `from` on as a bulk string. */
export function writeStringRange(
  shard: Shard, ref: number, from: number, bytes: number, out: ReplySink,
): void {
  const { i32 } = shard.memory;
  assert(from + bytes <= entryValueBytes(i32, ref), 'a range lies inside the value');
  if (isRope(shard, ref)) writeRopeRange(shard, ref, from, bytes, out);
  else out.bulk(entryValueAt(i32, ref) + from, bytes);
}

function writeRopeRange(
  shard: Shard, ref: number, from: number, bytes: number, out: ReplySink,
): void {
  out.bulkRope(shard.ropes, entryRoot(shard.memory.i32, ref), from, bytes);
}

/** Copies `bytes` bytes of the value from `from` on to byte offset `to` of the worker memory. */
export function copyStringRange(
  shard: Shard, ref: number, from: number, bytes: number, to: number,
): void {
  const { i32, kernel } = shard.memory;
  assert(from + bytes <= entryValueBytes(i32, ref), 'a range lies inside the value');
  if (isRope(shard, ref)) shard.ropes.read(entryRoot(i32, ref), from, to, bytes);
  else kernel.copy(to, entryValueAt(i32, ref) + from, bytes);
}

/** Pieces a reader of the value meets: 1 for a short value, none for an empty rope. */
export function stringPieceCount(shard: Shard, ref: number): number {
  return isRope(shard, ref) ? shard.ropes.pieceCount(entryRoot(shard.memory.i32, ref)) : 1;
}

/** Byte offset of a piece in the worker memory; valid until the next change. */
export function stringPieceAt(shard: Shard, ref: number, piece: number): number {
  const { i32 } = shard.memory;
  if (!isRope(shard, ref)) return entryValueAt(i32, ref);
  return shard.ropes.pieceAt(entryRoot(i32, ref), piece);
}

/** Bytes of the value that lie in a piece. */
export function stringPieceBytes(shard: Shard, ref: number, piece: number): number {
  const { i32 } = shard.memory;
  if (!isRope(shard, ref)) return entryValueBytes(i32, ref);
  return shard.ropes.pieceBytes(entryRoot(i32, ref), piece);
}

/**
 * Reads the value as a signed 64-bit decimal into `parsed`; false when it is none. Uses the scratch
 * area.
 */
export function parseStringInteger(shard: Shard, ref: number): boolean {
  const { i32, kernel, low } = shard.memory;
  const bytes = entryValueBytes(i32, ref);
  if (bytes > INTEGER_TEXT_BYTES_MAX) return false;
  kernel.copy(shard.scratchAt, entryValueAt(i32, ref), bytes);
  return parseInteger(low, shard.scratchAt, bytes);
}

/** True when the value equals argument `index` byte for byte. */
export function equalsArgument(
  shard: Shard, ref: number, frame: ArgFrame, index: number,
): boolean {
  const { i32, kernel } = shard.memory;
  const bytes = entryValueBytes(i32, ref);
  if (bytes !== (frame.bytes[index] ?? 0)) return false;
  const at = frame.at[index] ?? 0;
  for (let done = 0; done < bytes;) {
    const piece = Math.floor(done / ROPE_PIECE_BYTES);
    const step = Math.min(bytes - done, ROPE_PIECE_BYTES);
    const other = at < 0 ? shard.ropes.pieceAt(frame.ropeOf(index), piece) : at + done;
    if (kernel.equal(stringPieceAt(shard, ref, piece), other, step) === 0) return false;
    done += step;
  }
  return true;
}

/** What OBJECT ENCODING says, by Redis 7.0's rule. */
export function stringEncodingName(shard: Shard, ref: number): string {
  const { i32 } = shard.memory;
  const flags = entryFlags(i32, ref);
  if ((flags & ENTRY_RAW) !== 0) return 'raw';
  const isText = (flags & ENTRY_ENCODING_MASK) !== 0;
  if (!isText && parseStringInteger(shard, ref)) return 'int';
  return entryValueBytes(i32, ref) <= EMBSTR_BYTES_MAX ? 'embstr' : 'raw';
}

// ------------------------------------------------------------------ storing

/** Bytes that a value of this length takes inside its entry. */
export function stringInlineBytes(valueBytes: number): number {
  return valueBytes < ROPE_BYTES_MIN ? valueBytes : ROOT_BYTES;
}

/**
 * Stores `bytes` bytes at byte offset `at` of the worker memory (outside the old value) as the
 * key's value.
 * @param flags PLAIN_FLAGS, TEXT_FLAGS or RAW_FLAGS
 * @returns the entry, 0 when memory is short
 */
export function putString(
  shard: Shard, keyAt: number, keyBytes: number, at: number, bytes: number, flags: number,
  hasTtl: number, expireLow: number, expireHigh: number,
): number {
  const { keyspace, memory } = shard;
  if (bytes < ROPE_BYTES_MIN) {
    if (!keyspace.reserve(keyBytes, bytes, 0, 0)) return 0;
    const ref = keyspace.put(
      keyAt, keyBytes, flags, bytes, bytes, hasTtl, expireLow, expireHigh,
    );
    memory.kernel.copy(entryValueAt(memory.i32, ref), at, bytes);
    return ref;
  }
  const root = shard.ropes.create(bytes);
  if (root === 0) return 0;
  shard.ropes.write(root, 0, at, bytes);
  const ref = putRope(shard, keyAt, keyBytes, root, flags, hasTtl, expireLow, expireHigh);
  if (ref === 0) shard.ropes.free(root);
  return ref;
}

/**
 * Stores a rope of at least ROPE_BYTES_MIN bytes as the key's value; the entry owns it from now on.
 * @returns the entry; 0 when memory is short, then the rope is still the caller's
 */
export function putRope(
  shard: Shard, keyAt: number, keyBytes: number, root: number, flags: number,
  hasTtl: number, expireLow: number, expireHigh: number,
): number {
  if (!shard.keyspace.reserve(keyBytes, ROOT_BYTES, 0, 0)) return 0;
  return putReservedRope(shard, keyAt, keyBytes, root, flags, hasTtl, expireLow, expireHigh);
}

function putReservedRope(
  shard: Shard, keyAt: number, keyBytes: number, root: number, flags: number,
  hasTtl: number, expireLow: number, expireHigh: number,
): number {
  const { keyspace, memory, ropes } = shard;
  const bytes = ropes.bytesOf(root);
  assert(bytes >= ROPE_BYTES_MIN, 'a short value is not a rope');
  const ref = keyspace.put(
    keyAt, keyBytes, flags | ENTRY_IS_ROPE, bytes, ROOT_BYTES, hasTtl, expireLow, expireHigh,
  );
  setEntryRoot(memory.i32, ref, root);
  return ref;
}

/**
 * Makes argument `index` ready to be stored without a further big block: flat bytes that are to be
 * a rope become a rope argument, which the frame owns. False when memory is short.
 */
export function prepareArgument(shard: Shard, frame: ArgFrame, index: number): boolean {
  const at = frame.at[index] ?? 0;
  const bytes = frame.bytes[index] ?? 0;
  if (at < 0 || bytes < ROPE_BYTES_MIN) return true;
  const root = shard.ropes.create(bytes);
  if (root === 0) return false;
  shard.ropes.write(root, 0, at, bytes);
  frame.giveRope(index, root, bytes);
  return true;
}

/**
 * Makes sure that `storeArgument` of this value for this key cannot fail. Nothing has changed when
 * false.
 */
export function reserveArgument(
  shard: Shard, frame: ArgFrame, keyIndex: number, valueIndex: number,
): boolean {
  const bytes = frame.bytes[valueIndex] ?? 0;
  if (bytes >= ROPE_BYTES_MIN && !prepareArgument(shard, frame, valueIndex)) return false;
  return shard.keyspace.reserve(frame.bytes[keyIndex] ?? 0, stringInlineBytes(bytes), 0, 0);
}

/** Stores a reserved argument as the value of the key in argument `keyIndex`; a rope is adopted. */
export function storeArgument(
  shard: Shard, frame: ArgFrame, keyIndex: number, valueIndex: number,
  hasTtl: number, expireLow: number, expireHigh: number,
): number {
  const { keyspace, memory, ropes } = shard;
  const keyAt = frame.at[keyIndex] ?? 0;
  const keyBytes = frame.bytes[keyIndex] ?? 0;
  const at = frame.at[valueIndex] ?? 0;
  const bytes = frame.bytes[valueIndex] ?? 0;
  if (bytes >= ROPE_BYTES_MIN) {
    assert(at < 0, 'a long argument was made a rope when it was reserved');
    const root = frame.takeRope(valueIndex);
    return putReservedRope(
      shard, keyAt, keyBytes, root, PLAIN_FLAGS, hasTtl, expireLow, expireHigh,
    );
  }
  const ref = keyspace.put(
    keyAt, keyBytes, PLAIN_FLAGS, bytes, bytes, hasTtl, expireLow, expireHigh,
  );
  const valueAt = entryValueAt(memory.i32, ref);
  if (at < 0) ropes.read(frame.ropeOf(valueIndex), 0, valueAt, bytes);
  else memory.kernel.copy(valueAt, at, bytes);
  return ref;
}

/**
 * Puts short text in place of the value of entry `ref`, which keeps its deadline and access field.
 * @param flags PLAIN_FLAGS or TEXT_FLAGS
 * @returns the entry, 0 when memory is short
 */
export function replaceText(
  shard: Shard, ref: number, at: number, bytes: number, flags: number,
): number {
  const { keyspace, memory } = shard;
  assert(bytes < ROPE_BYTES_MIN && !isRope(shard, ref), 'short text replaces short text');
  let entry = ref;
  if (entryValueBytes(memory.i32, ref) === bytes) {
    shard.noteMutation();
  } else {
    if (!keyspace.reserve(entryKeyBytes(memory.i32, ref), bytes, 0, 0)) return 0;
    entry = keyspace.resize(ref, bytes, bytes);
  }
  const { i32, kernel } = memory;
  kernel.copy(entryValueAt(i32, entry), at, bytes);
  const kept = entryFlags(i32, entry) & ~(ENTRY_ENCODING_MASK | ENTRY_RAW);
  setEntryFlags(i32, entry, kept | flags);
  return entry;
}

// ------------------------------------------------------------------ changing

/**
 * Makes the value of entry `ref` at least `bytes` long, with zeros after what it has, and marks it
 * raw. A value that is being sent gets a copy in its place: what comes back may be changed.
 * @returns the entry, 0 when memory is short
 */
export function growString(shard: Shard, ref: number, bytes: number): number {
  const { i32 } = shard.memory;
  const before = entryValueBytes(i32, ref);
  let entry = ref;
  if (isRope(shard, ref) && shard.ropes.isPinned(entryRoot(i32, ref))) {
    if (!replacePinned(shard, ref, Math.max(before, bytes))) return 0;
  } else if (bytes > before) {
    if (isRope(shard, ref)) entry = growRope(shard, ref, bytes);
    else if (bytes < ROPE_BYTES_MIN) entry = growInline(shard, ref, before, bytes);
    else entry = turnIntoRope(shard, ref, before, bytes);
    if (entry === 0) return 0;
  } else {
    shard.noteMutation();
  }
  setEntryFlags(shard.memory.i32, entry, entryFlags(shard.memory.i32, entry) | ENTRY_RAW);
  return entry;
}

function growInline(shard: Shard, ref: number, before: number, bytes: number): number {
  const { keyspace, memory } = shard;
  if (!keyspace.reserve(entryKeyBytes(memory.i32, ref), bytes, 0, 0)) return 0;
  const entry = keyspace.resize(ref, bytes, bytes);
  memory.kernel.fill(entryValueAt(memory.i32, entry) + before, 0, bytes - before);
  return entry;
}

function growRope(shard: Shard, ref: number, bytes: number): number {
  const { memory } = shard;
  const root = shard.ropes.resize(entryRoot(memory.i32, ref), bytes);
  if (root === 0) return 0;
  shard.noteMutation();
  setEntryRoot(memory.i32, ref, root);
  setEntryValueBytes(memory.i32, ref, bytes);
  return ref;
}

/** Puts a copy of `bytes` bytes in the place of a pinned rope; false when memory is short. */
function replacePinned(shard: Shard, ref: number, bytes: number): boolean {
  const { memory, ropes } = shard;
  const pinned = entryRoot(memory.i32, ref);
  const root = ropes.copyGrown(pinned, bytes);
  if (root === 0) return false;
  shard.noteMutation();
  setEntryRoot(memory.i32, ref, root);
  setEntryValueBytes(memory.i32, ref, bytes);
  ropes.free(pinned);
  return true;
}

function turnIntoRope(shard: Shard, ref: number, before: number, bytes: number): number {
  const { keyspace, memory, ropes } = shard;
  const root = zeroRope(shard, bytes);
  if (root === 0) return 0;
  if (!keyspace.reserve(entryKeyBytes(memory.i32, ref), ROOT_BYTES, 0, 0)) {
    ropes.free(root);
    return 0;
  }
  ropes.write(root, 0, entryValueAt(memory.i32, ref), before);
  const entry = keyspace.resize(ref, bytes, ROOT_BYTES);
  const { i32 } = memory;
  setEntryFlags(i32, entry, entryFlags(i32, entry) | ENTRY_IS_ROPE);
  setEntryRoot(i32, entry, root);
  return entry;
}

/** A rope of zeros, 0 when memory is short. */
function zeroRope(shard: Shard, bytes: number): number {
  const { ropes } = shard;
  const empty = ropes.create(0);
  if (empty === 0) return 0;
  const root = ropes.resize(empty, bytes);
  if (root === 0) ropes.free(empty);
  return root;
}

/**
 * Stores `bytes` zero bytes, marked raw, as the value of an absent key.
 * @returns the entry, 0 when memory is short
 */
export function putZeros(shard: Shard, keyAt: number, keyBytes: number, bytes: number): number {
  const { keyspace, memory } = shard;
  if (bytes < ROPE_BYTES_MIN) {
    if (!keyspace.reserve(keyBytes, bytes, 0, 0)) return 0;
    const ref = keyspace.put(keyAt, keyBytes, RAW_FLAGS, bytes, bytes, 0, 0, 0);
    memory.kernel.fill(entryValueAt(memory.i32, ref), 0, bytes);
    return ref;
  }
  const root = zeroRope(shard, bytes);
  if (root === 0) return 0;
  const ref = putRope(shard, keyAt, keyBytes, root, RAW_FLAGS, 0, 0, 0);
  if (ref === 0) shard.ropes.free(root);
  return ref;
}

/**
 * Overwrites `bytes` bytes of the value at `offset` with those at byte offset `from` of the memory;
 * after growString, which takes care of values that are being sent.
 */
export function patchString(
  shard: Shard, ref: number, offset: number, from: number, bytes: number,
): void {
  const { i32, kernel } = shard.memory;
  assert(offset + bytes <= entryValueBytes(i32, ref), 'a patch lies inside the value');
  if (isRope(shard, ref)) shard.ropes.write(entryRoot(i32, ref), offset, from, bytes);
  else kernel.copy(entryValueAt(i32, ref) + offset, from, bytes);
}

/** Overwrites the value at `offset` with argument `index`, flat or rope. */
export function patchFromArgument(
  shard: Shard, ref: number, offset: number, frame: ArgFrame, index: number,
): void {
  const at = frame.at[index] ?? 0;
  if (at >= 0) {
    patchString(shard, ref, offset, at, frame.bytes[index] ?? 0);
    return;
  }
  const { ropes } = shard;
  const root = frame.ropeOf(index);
  const pieces = ropes.pieceCount(root);
  for (let piece = 0; piece < pieces; piece++) {
    const pieceAt = ropes.pieceAt(root, piece);
    const pieceOffset = offset + piece * ROPE_PIECE_BYTES;
    patchString(shard, ref, pieceOffset, pieceAt, ropes.pieceBytes(root, piece));
  }
}
