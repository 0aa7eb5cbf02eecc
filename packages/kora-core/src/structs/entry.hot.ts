/**
 * An entry: one key with its value, in one block owned by one dict slot.
 *
 *   word 0   key length:16 | flags:16        key length 0xffff: it has a word of its own
 *   word 1   access:24 | spare:8             LRU clock or LFU counter, in the low 24 bits
 *   word 2   value length in bytes, u32      a rope's total length; a collection's size
 *   [word    key length]                     only when word 0 says 0xffff
 *   [2 words expiry, signed 64-bit ms]       only with ENTRY_HAS_TTL; low word first
 *   key bytes, zero padded to 4
 *   value bytes, inline (4-aligned), or one word: the root ref of a rope or collection
 *
 *   flags    type:4 | encoding:4 | has ttl | is rope | raw | wide | timed | saved | header:2
 *
 * Members of collections have shorter headers (member.hot.ts); the top two flag bits tell.
 * Invariants: ENTRY_HAS_TTL never changes in place (it moves key and value); the key never changes.
 * Cost: O(1), no allocation. Byte offsets may exceed 2^31: they are for the kernel only.
 */

/** Flag bits 0-3: the type of the value. Numbers reach disk: append only. */
export const ENTRY_TYPE_MASK = 0xf;
export const ENTRY_STRING = 0;
export const ENTRY_LIST = 1;
export const ENTRY_SET = 2;
export const ENTRY_ZSET = 3;
export const ENTRY_HASH = 4;
export const ENTRY_STREAM = 5;
export const ENTRY_VECTOR_SET = 6;
/** Flag bits 4-7: the encoding, numbered by the type. */
export const ENTRY_ENCODING_SHIFT = 4;
export const ENTRY_ENCODING_MASK = 0xf0;
/** An expiry of two words follows the header. */
export const ENTRY_HAS_TTL = 1 << 8;
/** The value is a rope; word 2 is its length and the value field its root. */
export const ENTRY_IS_ROPE = 1 << 9;
/** A string that answers `raw` to OBJECT ENCODING for good. */
export const ENTRY_RAW = 1 << 10;
/** A collection that answers the encoding of big ones to OBJECT ENCODING for good. */
export const ENTRY_WIDE = 1 << 11;
/** Elements of the collection may have deadlines of their own; its handler knows them. */
export const ENTRY_TIMED_ELEMENTS = 1 << 12;
/**
 * Which snapshot the entry was saved by, or made after, in turns (keyspace/snapshot-keeper.ts).
 * Bits 14 and 15 name the kind of header.
 */
export const ENTRY_SNAPSHOT = 1 << 13;

/** Bytes of the header without the optional words. */
export const ENTRY_HEADER_BYTES = 12;
/** Keys from this length on have a length word of their own. */
export const ENTRY_LONG_KEY_BYTES = 0xffff;
/** Longest key, as in Redis: 512 MiB. */
export const ENTRY_KEY_BYTES_MAX = 512 * 1024 * 1024;

const ACCESS_MASK = 0xffffff;
const HAS_TTL_SHIFT = 24; // bit 8 of the flags, in word 0
const EXPIRE_HIGH_UNIT = 4_294_967_296;
/** Words of the header by its kind, a digit each: entry 3, set member 1, field 2, scored 4. */
const HEADER_WORDS_OF_KIND = 0x4213;
const KIND_SHIFT = 30; // bits 14 and 15 of the flags, in word 0

/** All 16 flag bits. */
export function entryFlags(i32: Int32Array, ref: number): number {
  return i32[ref << 1]! >>> 16;
}

/** Replaces all flags. ENTRY_HAS_TTL must stay as it is: it decides where the key lies. */
export function setEntryFlags(i32: Int32Array, ref: number, flags: number): void {
  i32[ref << 1] = (i32[ref << 1]! & 0xffff) | (flags << 16);
}

/** ENTRY_STRING .. ENTRY_VECTOR_SET. */
export function entryType(i32: Int32Array, ref: number): number {
  return (i32[ref << 1]! >>> 16) & ENTRY_TYPE_MASK;
}

/** The encoding, 0 .. 15, numbered by the type. */
export function entryEncoding(i32: Int32Array, ref: number): number {
  return (i32[ref << 1]! >>> 20) & 0xf;
}

export function entryHasTtl(i32: Int32Array, ref: number): boolean {
  return ((i32[ref << 1]! >>> HAS_TTL_SHIFT) & 1) !== 0;
}

/**
 * True when the value has blocks of its own: a rope or a collection. An inline string owns nothing.
 */
export function ownsBlocks(flags: number): boolean {
  return (flags & (ENTRY_IS_ROPE | ENTRY_TYPE_MASK)) !== 0;
}

/** First word behind the header: the length of a long key, the expiry, or the key. */
function headerEnd(i32: Int32Array, ref: number): number {
  const word = ref << 1;
  return word + ((HEADER_WORDS_OF_KIND >>> ((i32[word]! >>> KIND_SHIFT) << 2)) & 0xf);
}

/** First word of the optional parts' end: the key's first word. */
function keyWord(i32: Int32Array, ref: number): number {
  const word0 = i32[ref << 1]!;
  const longKeyWords = (word0 & 0xffff) === ENTRY_LONG_KEY_BYTES ? 1 : 0;
  return headerEnd(i32, ref) + longKeyWords + ((word0 >>> HAS_TTL_SHIFT) & 1) * 2;
}

/** Byte offset of the key. */
export function entryKeyAt(i32: Int32Array, ref: number): number {
  return keyWord(i32, ref) * 4;
}

export function entryKeyBytes(i32: Int32Array, ref: number): number {
  const bytes = i32[ref << 1]! & 0xffff;
  return bytes === ENTRY_LONG_KEY_BYTES ? i32[headerEnd(i32, ref)]! : bytes;
}

/** First word of the value: inline bytes, or the root ref. */
export function entryValueWord(i32: Int32Array, ref: number): number {
  return keyWord(i32, ref) + ((entryKeyBytes(i32, ref) + 3) >>> 2);
}

/** Byte offset of the value. */
export function entryValueAt(i32: Int32Array, ref: number): number {
  return entryValueWord(i32, ref) * 4;
}

/** Word 2: bytes of the value, total bytes of a rope. */
export function entryValueBytes(i32: Int32Array, ref: number): number {
  return i32[(ref << 1) + 2]! >>> 0;
}

/** Bytes of the value area inside the entry: 4 for a root ref, else the value's own length. */
export function entryValueInlineBytes(i32: Int32Array, ref: number): number {
  if (ownsBlocks(i32[ref << 1]! >>> 16)) return 4;
  return i32[(ref << 1) + 2]! >>> 0;
}

export function setEntryValueBytes(i32: Int32Array, ref: number, bytes: number): void {
  i32[(ref << 1) + 2] = bytes;
}

/** Root ref of a rope or collection. */
export function entryRoot(i32: Int32Array, ref: number): number {
  return i32[entryValueWord(i32, ref)]!;
}

export function setEntryRoot(i32: Int32Array, ref: number, root: number): void {
  i32[entryValueWord(i32, ref)] = root;
}

/** The 24 bits of the LRU clock or LFU counter. */
export function entryAccess(i32: Int32Array, ref: number): number {
  return i32[(ref << 1) + 1]! & ACCESS_MASK;
}

export function setEntryAccess(i32: Int32Array, ref: number, access: number): void {
  const word = (ref << 1) + 1;
  i32[word] = (i32[word]! & ~ACCESS_MASK) | (access & ACCESS_MASK);
}

/** First word of the expiry; only with ENTRY_HAS_TTL. */
function expireWord(i32: Int32Array, ref: number): number {
  const isLongKey = (i32[ref << 1]! & 0xffff) === ENTRY_LONG_KEY_BYTES;
  return headerEnd(i32, ref) + (isLongKey ? 1 : 0);
}

/** Low word of the expiry, 0 without one. */
export function entryExpireLow(i32: Int32Array, ref: number): number {
  return entryHasTtl(i32, ref) ? i32[expireWord(i32, ref)]! : 0;
}

/** High word of the expiry, 0 without one. */
export function entryExpireHigh(i32: Int32Array, ref: number): number {
  return entryHasTtl(i32, ref) ? i32[expireWord(i32, ref) + 1]! : 0;
}

/**
 * The expiry in ms since 1970, exact below 2^53; -1 without one. A double: boxed if not inlined.
 */
export function entryExpireMs(i32: Int32Array, ref: number): number {
  if (!entryHasTtl(i32, ref)) return -1;
  const word = expireWord(i32, ref);
  return i32[word + 1]! * EXPIRE_HIGH_UNIT + (i32[word]! >>> 0);
}

/** Sets the expiry. The entry has ENTRY_HAS_TTL already. */
export function setEntryExpire(i32: Int32Array, ref: number, low: number, high: number): void {
  const word = expireWord(i32, ref);
  i32[word] = low;
  i32[word + 1] = high;
}

/** True when the expiry lies before now; as in Redis a key still lives in its last millisecond. */
export function entryIsDue(
  i32: Int32Array, ref: number, nowLow: number, nowHigh: number,
): boolean {
  if (!entryHasTtl(i32, ref)) return false;
  const word = expireWord(i32, ref);
  const high = i32[word + 1]!;
  if (high !== nowHigh) return high < nowHigh;
  return i32[word]! >>> 0 < nowLow >>> 0;
}

/** True when the instant of the first two words lies before that of the others. */
export function isBefore(
  low: number, high: number, otherLow: number, otherHigh: number,
): boolean {
  return high < otherHigh || (high === otherHigh && low >>> 0 < otherLow >>> 0);
}

/** Bytes of an entry's block. A rope or collection has a value of 4 bytes here: its root. */
export function entryBytesFor(keyBytes: number, valueBytes: number, hasTtl: boolean): number {
  const longKeyBytes = keyBytes >= ENTRY_LONG_KEY_BYTES ? 4 : 0;
  const ttlBytes = hasTtl ? 8 : 0;
  return ENTRY_HEADER_BYTES + longKeyBytes + ttlBytes + ((keyBytes + 3) & ~3) + valueBytes;
}

/**
 * Makes the header that of another value of the same key, whose place stays: flags with the same
 * ENTRY_HAS_TTL as before.
 */
export function rewriteEntryHeader(
  i32: Int32Array, ref: number, flags: number, valueBytes: number, access: number,
): void {
  const word = ref << 1;
  i32[word] = (i32[word]! & 0xffff) | (flags << 16);
  i32[word + 1] = access & ACCESS_MASK;
  i32[word + 2] = valueBytes;
}

/**
 * Writes everything of a fresh block but the key's bytes and the value: header, access 0, expiry 0,
 * and the zero padding after the key. The caller then copies keyBytes bytes to entryKeyAt.
 */
export function writeEntryHeader(
  i32: Int32Array, ref: number, flags: number, keyBytes: number, valueBytes: number,
): void {
  const word = ref << 1;
  const isLongKey = keyBytes >= ENTRY_LONG_KEY_BYTES;
  i32[word] = (isLongKey ? ENTRY_LONG_KEY_BYTES : keyBytes) | (flags << 16);
  i32[word + 1] = 0;
  i32[word + 2] = valueBytes;
  let at = word + 3;
  if (isLongKey) i32[at++] = keyBytes;
  if ((flags & ENTRY_HAS_TTL) !== 0) {
    i32[at++] = 0;
    i32[at++] = 0;
  }
  if ((keyBytes & 3) !== 0) i32[at + (keyBytes >>> 2)] = 0;
}
