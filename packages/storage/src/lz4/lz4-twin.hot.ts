/**
 * LZ4 blocks in plain TypeScript: the twin of the WebAssembly kernel (kernel/lz4.as.ts, which draws
 * the format). The oracle in tests, and what runs where WebAssembly has no SIMD. Both give the same
 * bytes and the same refusals; distances and lengths are drawn there.
 * Invariants: nothing outside the given ranges is read or written, whatever the block says.
 * Cost: a quarter of the kernel's speed in, a fifth out; no allocation. `table` is working
 *   memory, 32 KiB.
 */

const HASH_BITS = 13;
const TABLE_BYTES = 32_768;
const LAST_LITERALS = 5;
const MATCH_END_BYTES = 12;
const DISTANCE_MAX = 65_535;

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function slotOf(bytes: Uint8Array, table: number, at: number): number {
  return table + ((Math.imul(word(bytes, at), 0x9e3779b1) >>> (32 - HASH_BITS)) << 2);
}

function putLength(bytes: Uint8Array, at: number, rest: number): number {
  while (rest >= 255) {
    bytes[at] = 255;
    at++;
    rest -= 255;
  }
  bytes[at] = rest;
  return at + 1;
}

/** Bytes that are the same from `at` and `match` on, at least 4, ending before `end`. */
function matchLength(bytes: Uint8Array, at: number, match: number, end: number): number {
  let length = 4;
  while (at + length < end && bytes[at + length] === bytes[match + length]) length++;
  return length;
}

function copyForward(bytes: Uint8Array, to: number, from: number, length: number): void {
  for (let i = 0; i < length; i++) bytes[to + i] = bytes[from + i]!;
}

/** As the kernel's `compress`, with all addresses in `bytes`. */
export function compressByTwin(
  bytes: Uint8Array, from: number, fromBytes: number, to: number, toBytes: number, table: number,
): number {
  const end = from + fromBytes;
  const outEnd = to + toBytes;
  let out = to;
  let anchor = from;
  if (fromBytes > MATCH_END_BYTES) {
    const lastStart = end - MATCH_END_BYTES;
    bytes.fill(0, table, table + TABLE_BYTES);
    let at = from + 1;
    let tries = 64;
    while (at <= lastStart) {
      const slot = slotOf(bytes, table, at);
      let match = from + word(bytes, slot);
      putWord(bytes, slot, at - from);
      if (at - match > DISTANCE_MAX || word(bytes, match) !== word(bytes, at)) {
        at += tries >> 6;
        tries++;
        continue;
      }
      tries = 64;
      while (at > anchor && match > from && bytes[at - 1] === bytes[match - 1]) {
        at--;
        match--;
      }
      const length = matchLength(bytes, at, match, end - LAST_LITERALS);
      const next = putSequence(bytes, out, outEnd, anchor, at, at - match, length);
      if (next === 0) return 0;
      out = next;
      at += length;
      anchor = at;
      if (at <= lastStart) putWord(bytes, slotOf(bytes, table, at - 2), at - 2 - from);
    }
  }
  const literals = end - anchor;
  if (out + literals + Math.floor(literals / 255) + 2 > outEnd) return 0;
  if (literals >= 15) {
    bytes[out] = 0xf0;
    out = putLength(bytes, out + 1, literals - 15);
  } else {
    bytes[out] = literals << 4;
    out++;
  }
  copyForward(bytes, out, anchor, literals);
  return out + literals - to;
}

/** Writes literals [anchor, at) and a match. @returns where it ends; 0 when it does not fit */
function putSequence(
  bytes: Uint8Array, out: number, outEnd: number, anchor: number, at: number, distance: number,
  length: number,
): number {
  const literals = at - anchor;
  const lengthBytes = Math.floor(literals / 255) + Math.floor(length / 255);
  if (out + literals + lengthBytes + 5 > outEnd) return 0;
  const token = out;
  out++;
  if (literals >= 15) out = putLength(bytes, out, literals - 15);
  copyForward(bytes, out, anchor, literals);
  out += literals;
  bytes[out] = distance;
  bytes[out + 1] = distance >>> 8;
  out += 2;
  if (length >= 19) out = putLength(bytes, out, length - 19);
  bytes[token] = (Math.min(literals, 15) << 4) | Math.min(length - 4, 15);
  return out;
}

/** As the kernel's `decompress`, with all addresses in `bytes`. */
export function decompressByTwin(
  bytes: Uint8Array, from: number, fromBytes: number, to: number, toBytes: number,
): number {
  const end = from + fromBytes;
  const outEnd = to + toBytes;
  let at = from;
  let out = to;
  while (at < end) {
    const token = bytes[at]!;
    at++;
    let literals = token >> 4;
    if (literals === 15) {
      let more = 255;
      while (more === 255) {
        if (at >= end) return -1;
        more = bytes[at]!;
        at++;
        literals += more;
      }
    }
    if (literals > end - at || literals > outEnd - out) return -1;
    copyForward(bytes, out, at, literals);
    at += literals;
    out += literals;
    if (at === end) return out - to;
    if (end - at < 2) return -1;
    const distance = bytes[at]! | (bytes[at + 1]! << 8);
    at += 2;
    if (distance === 0 || distance > out - to) return -1;
    let length = (token & 15) + 4;
    if (length === 19) {
      let more = 255;
      while (more === 255) {
        if (at >= end) return -1;
        more = bytes[at]!;
        at++;
        length += more;
      }
    }
    if (length > outEnd - out) return -1;
    copyForward(bytes, out, out - distance, length);
    out += length;
  }
  return -1;
}
