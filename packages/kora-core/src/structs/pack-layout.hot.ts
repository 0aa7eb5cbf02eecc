/**
 * The bytes of packs, for packs.hot.ts, which draws them, and for the kernel's twin: header words
 * and the lengths before and behind an entry. A position is a byte offset inside the pack.
 * Why bytes through words: byte views above 2^31 are slow on Node 26, and a ref shifted by one is
 *   an int32 where a byte offset is not.
 * Cost: two or three instructions for lengths below 128. kernel/kernel.as.ts has the same layout.
 */

/** Words of the header. */
export const PACK_USED = 0;
export const PACK_COUNT = 1;
/** Position of the first entry. */
export const PACK_FIRST = 8;
/** Lengths from here on take two bytes, and from the next on five. */
export const PACK_TWO_BYTES_FROM = 0x80;
export const PACK_FIVE_BYTES_FROM = 0x4000;

const LONG_MARK = 0xff;

/** The byte at a position. */
function packByte(i32: Int32Array, pack: number, pos: number): number {
  return (i32[(pack << 1) + (pos >>> 2)]! >>> ((pos & 3) << 3)) & 0xff;
}

/** Four bytes from a position on, as a word. */
function packWord(i32: Int32Array, pack: number, pos: number): number {
  const word = (pack << 1) + (pos >>> 2);
  const shift = (pos & 3) << 3;
  if (shift === 0) return i32[word]!;
  return (i32[word]! >>> shift) | (i32[word + 1]! << (32 - shift));
}

/** Bytes that the length of an entry of `bytes` bytes takes, once. */
export function packLengthBytes(bytes: number): number {
  if (bytes < PACK_TWO_BYTES_FROM) return 1;
  return bytes < PACK_FIVE_BYTES_FROM ? 2 : 5;
}

/** Length of the entry that starts at `pos`. */
export function packLengthAt(i32: Int32Array, pack: number, pos: number): number {
  const first = packByte(i32, pack, pos);
  if (first < PACK_TWO_BYTES_FROM) return first;
  if (first !== LONG_MARK) return ((first & 0x3f) << 8) | packByte(i32, pack, pos + 1);
  return packWord(i32, pack, pos + 1);
}

/** Length of the entry that ends at `pos`. */
export function packLengthBefore(i32: Int32Array, pack: number, pos: number): number {
  const last = packByte(i32, pack, pos - 1);
  if (last < PACK_TWO_BYTES_FROM) return last;
  if (last !== LONG_MARK) return ((last & 0x3f) << 8) | packByte(i32, pack, pos - 2);
  return packWord(i32, pack, pos - 5);
}
