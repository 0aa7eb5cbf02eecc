/**
 * The kernel's loops over packs (packs.hot.ts draws them) and over bulk strings, in plain
 * TypeScript: oracle of the WebAssembly form and its stand-in without SIMD. Same layouts and same
 * results as kernel/kernel.as.ts.
 * Invariant: no byte outside the pack's used bytes is read, none outside its block written.
 * Cost: O(entries passed); about three times that of WebAssembly.
 */
import {
  PACK_COUNT, PACK_FIVE_BYTES_FROM, PACK_TWO_BYTES_FROM, PACK_USED, packLengthAt, packLengthBefore,
  packLengthBytes,
} from './pack-layout.hot.ts';
import { copyBytes, isSame, setByteAt } from './word-bytes.hot.ts';

const BULKS_BYTES_MAX = 0x7fffffff;
const LONG_MARK = 0xff;
const DOLLAR = 0x24;
const DIGIT_ZERO = 0x30;
const CR = 0x0d;
const LF = 0x0a;

/** Position behind the entry at `pos`. */
function endOf(i32: Int32Array, pack: number, pos: number): number {
  const bytes = packLengthAt(i32, pack, pos);
  return pos + bytes + 2 * packLengthBytes(bytes);
}

/** See Kernel.packFind; so for all below. */
export function packFind(
  i32: Int32Array, pack: number, from: number, at: number, bytes: number, stride: number,
): number {
  if (from === 0) return 0;
  const end = i32[(pack << 1) + PACK_USED]!;
  let pos = from;
  while (pos < end) {
    const length = packLengthAt(i32, pack, pos);
    if (length === bytes && isSame(i32, pack * 8 + pos + packLengthBytes(length), at, bytes)) {
      return pos;
    }
    for (let skip = 0; skip < stride && pos < end; skip++) pos = endOf(i32, pack, pos);
  }
  return 0;
}

export function packForward(i32: Int32Array, pack: number, pos: number, steps: number): number {
  const end = i32[(pack << 1) + PACK_USED]!;
  let at = pos;
  for (let i = 0; i < steps && at < end; i++) at = endOf(i32, pack, at);
  return at < end ? at : 0;
}

export function packBack(i32: Int32Array, pack: number, pos: number, steps: number): number {
  let at = pos;
  for (let i = 0; i < steps; i++) {
    const bytes = packLengthBefore(i32, pack, at);
    at -= bytes + 2 * packLengthBytes(bytes);
  }
  return at;
}

export function packCount(i32: Int32Array, pack: number, pos: number): number {
  const end = i32[(pack << 1) + PACK_USED]!;
  let count = 0;
  for (let at = pos; at < end; at = endOf(i32, pack, at)) count++;
  return count;
}

export function packList(
  i32: Int32Array, pack: number, pos: number, entries: number, out: number,
): number {
  const end = i32[(pack << 1) + PACK_USED]!;
  let at = pos;
  let pair = out >>> 2;
  for (let i = 0; i < entries && at < end; i++) {
    const bytes = packLengthAt(i32, pack, at);
    i32[pair] = pack * 8 + at + packLengthBytes(bytes);
    i32[pair + 1] = bytes;
    pair += 2;
    at = endOf(i32, pack, at);
  }
  return at < end ? at : 0;
}

/** Writes the length before an entry (order 1) or behind it (order -1) at the byte offset. */
function writeLength(i32: Int32Array, at: number, bytes: number, order: number): void {
  if (bytes < PACK_TWO_BYTES_FROM) {
    setByteAt(i32, at, bytes);
  } else if (bytes < PACK_FIVE_BYTES_FROM) {
    setByteAt(i32, order > 0 ? at : at + 1, 0x80 | (bytes >>> 8));
    setByteAt(i32, order > 0 ? at + 1 : at, bytes & 0xff);
  } else {
    const word = order > 0 ? at + 1 : at;
    setByteAt(i32, order > 0 ? at : at + 4, LONG_MARK);
    for (let i = 0; i < 4; i++) setByteAt(i32, word + i, (bytes >>> (i << 3)) & 0xff);
  }
}

function writeEntry(i32: Int32Array, to: number, at: number, bytes: number): void {
  const head = packLengthBytes(bytes);
  writeLength(i32, to, bytes, 1);
  copyBytes(i32, to + head, at, bytes);
  writeLength(i32, to + head + bytes, bytes, -1);
}

export function packInsert(
  i32: Int32Array, pack: number, pos: number, at: number, bytes: number,
): void {
  const word = pack << 1;
  const used = i32[word + PACK_USED]!;
  const room = bytes + 2 * packLengthBytes(bytes);
  const to = pack * 8 + (pos === 0 ? used : pos);
  if (pos !== 0) copyBytes(i32, to + room, to, used - pos);
  writeEntry(i32, to, at, bytes);
  i32[word + PACK_USED] = used + room;
  i32[word + PACK_COUNT]! += 1;
}

export function packReplace(
  i32: Int32Array, pack: number, pos: number, at: number, bytes: number,
): void {
  const word = pack << 1;
  const used = i32[word + PACK_USED]!;
  const end = endOf(i32, pack, pos);
  const room = bytes + 2 * packLengthBytes(bytes);
  const to = pack * 8 + pos;
  copyBytes(i32, to + room, pack * 8 + end, used - end);
  i32[word + PACK_USED] = used + room - (end - pos);
  writeEntry(i32, to, at, bytes);
}

export function packRemove(i32: Int32Array, pack: number, pos: number, entries: number): void {
  const word = pack << 1;
  const used = i32[word + PACK_USED]!;
  let end = pos;
  for (let i = 0; i < entries; i++) end = endOf(i32, pack, end);
  copyBytes(i32, pack * 8 + pos, pack * 8 + end, used - end);
  i32[word + PACK_USED] = used - (end - pos);
  i32[word + PACK_COUNT]! -= entries;
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let rest = Math.floor(value / 10); rest !== 0; rest = Math.floor(rest / 10)) digits++;
  return digits;
}

export function bulksBytes(i32: Int32Array, list: number, count: number): number {
  const first = list >>> 2;
  let sum = 0;
  for (let word = first; word < first + count * 2; word += 2) {
    const bytes = i32[word + 1]! >>> 0;
    sum += bytes + digitsOf(bytes) + 5;
  }
  return sum > BULKS_BYTES_MAX ? BULKS_BYTES_MAX : sum;
}

export function encodeBulks(i32: Int32Array, list: number, count: number, to: number): number {
  const first = list >>> 2;
  let out = to;
  for (let word = first; word < first + count * 2; word += 2) {
    const bytes = i32[word + 1]! >>> 0;
    const digits = digitsOf(bytes);
    setByteAt(i32, out, DOLLAR);
    let rest = bytes;
    for (let digit = digits; digit > 0; digit--) {
      setByteAt(i32, out + digit, DIGIT_ZERO + (rest % 10));
      rest = Math.floor(rest / 10);
    }
    out += digits + 1;
    setByteAt(i32, out, CR);
    setByteAt(i32, out + 1, LF);
    copyBytes(i32, out + 2, i32[word]! >>> 0, bytes);
    out += bytes + 2;
    setByteAt(i32, out, CR);
    setByteAt(i32, out + 1, LF);
    out += 2;
  }
  return out - to;
}

/** Ranges of a list of pairs, one behind the other. @returns their bytes */
export function gather(i32: Int32Array, list: number, count: number, to: number): number {
  const first = list >>> 2;
  let out = to;
  for (let word = first; word < first + count * 2; word += 2) {
    const bytes = i32[word + 1]! >>> 0;
    copyBytes(i32, out, i32[word]! >>> 0, bytes);
    out += bytes;
  }
  return out - to;
}
