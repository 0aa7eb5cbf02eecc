/**
 * Members of big collections: what a dict of a set, a hash or a sorted set holds. A member is an
 * entry (entry.hot.ts) under a shorter header, so that dict and kernel find it like a key;
 * entryKeyAt, entryKeyBytes and the functions of the expiry work on it.
 *
 *   of a set     | key length:16 flags:16 | [key length] | member bytes |
 *   field        | key length:16 flags:16 | value length | [key length] | [expiry, 2 words] |
 *                  field bytes, zero padded to 4 | value bytes |
 *   scored       | key length:16 flags:16 | hash | score f64 | [key length] | member bytes |
 *
 * The owner may use the type and encoding bits of the flags. Invariants: a member never owns
 *   blocks; the hash is the one under which its dict has it, written by Dict.insert.
 * Cost: O(1), no allocation. A member of 16 bytes takes 24, 24 + value and 32 bytes of block.
 */
import type { Allocator } from './allocator.hot.ts';
import {
  ENTRY_HAS_TTL, ENTRY_LONG_KEY_BYTES, entryKeyAt, entryValueAt, setEntryExpire,
} from './entry.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** Flag bits of the header kinds; exactly one of them stands in a member's flags. */
export const MEMBER_OF_SET = 1 << 14;
export const MEMBER_FIELD = 2 << 14;
export const MEMBER_SCORED = 3 << 14;

const HEADER_BYTES_OF_KIND = 0x1008040c;

/** Bit in word 0 of a member, 13 of its flags: see DICT_SNAPSHOT. Written by Dict. */
export const MEMBER_SAVED = 1 << 29;

/** Bytes of a member's block. `valueBytes` is 0 for all but fields. */
export function memberBytesFor(
  kind: number, keyBytes: number, valueBytes: number, hasTtl: boolean,
): number {
  const header = (HEADER_BYTES_OF_KIND >>> ((kind >>> 14) << 3)) & 0xff;
  const longKeyBytes = keyBytes >= ENTRY_LONG_KEY_BYTES ? 4 : 0;
  const ttlBytes = hasTtl ? 8 : 0;
  return header + longKeyBytes + ttlBytes + ((keyBytes + 3) & ~3) + valueBytes;
}

/**
 * Allocates and fills a member but for its value and score: the bytes at `keyAt` become its key.
 * @param kind MEMBER_OF_SET, MEMBER_FIELD or MEMBER_SCORED
 * @param hasTtl 1 with expireLow and expireHigh, 0 without; fields only
 * @returns its ref, 0 when memory is short (never after a reserve of memberBytesFor)
 */
export function newMember(
  memory: WorkerMemory, allocator: Allocator, kind: number, keyAt: number, keyBytes: number,
  valueBytes: number, hasTtl: number, expireLow: number, expireHigh: number,
): number {
  const ref = allocator.alloc(memberBytesFor(kind, keyBytes, valueBytes, hasTtl !== 0));
  if (ref === 0) return 0;
  const i32 = memory.i32;
  const word = ref << 1;
  const isLongKey = keyBytes >= ENTRY_LONG_KEY_BYTES;
  const flags = hasTtl !== 0 ? kind | ENTRY_HAS_TTL : kind;
  i32[word] = (isLongKey ? ENTRY_LONG_KEY_BYTES : keyBytes) | (flags << 16);
  const headerWords = ((HEADER_BYTES_OF_KIND >>> ((kind >>> 14) << 3)) & 0xff) >>> 2;
  if (headerWords > 1) i32[word + 1] = valueBytes;
  if (isLongKey) i32[word + headerWords] = keyBytes;
  if (hasTtl !== 0) setEntryExpire(i32, ref, expireLow, expireHigh);
  const at = entryKeyAt(i32, ref);
  if ((keyBytes & 3) !== 0) i32[(at + keyBytes) >>> 2] = 0;
  memory.kernel.copy(at, keyAt, keyBytes);
  return ref;
}

/** Byte offset of a field's value. */
export function fieldValueAt(i32: Int32Array, ref: number): number {
  return entryValueAt(i32, ref);
}

/** Length of a field's value in bytes. */
export function fieldValueBytes(i32: Int32Array, ref: number): number {
  return i32[(ref << 1) + 1]! >>> 0;
}

/** States another length of a field's value; the block must have room for it. */
export function setFieldValueBytes(i32: Int32Array, ref: number, bytes: number): void {
  i32[(ref << 1) + 1] = bytes;
}

/** Score of a scored member. */
export function memberScore(f64: Float64Array, ref: number): number {
  return f64[ref + 1]!;
}

/** True for members of any kind, false for entries of keys. */
export function isMember(i32: Int32Array, ref: number): boolean {
  return i32[ref << 1]! >>> 30 !== 0;
}

/** True for members that carry their hash: scored ones. */
export function hasHash(i32: Int32Array, ref: number): boolean {
  return i32[ref << 1]! >>> 30 === MEMBER_SCORED >>> 14;
}

/** Hash of a scored member. */
export function memberHash(i32: Int32Array, ref: number): number {
  return i32[(ref << 1) + 1]!;
}

export function setMemberHash(i32: Int32Array, ref: number, hash: number): void {
  i32[(ref << 1) + 1] = hash;
}

export function setMemberScore(f64: Float64Array, ref: number, score: number): void {
  f64[ref + 1] = score;
}
