/**
 * The kernel: the few loops over raw memory that WebAssembly does better than TypeScript, over the
 * worker's own shared memory. memory.copy takes 15 ns for 64 bytes (copyWithin 42), SIMD compares
 * twelve fingerprints at once, and a batched find lets the cache misses of many keys overlap.
 * Every address is a byte offset (u32): all 4 GiB cost the same. Slots come back as word indexes.
 * Layouts read here: dict header, line and directory (structs/dict.hot.ts), entry (entry.hot.ts),
 *   members (member.hot.ts), packs (packs.hot.ts).
 * Invariants: no static data (a data segment would be written over the shared memory by every new
 *   instance); no load touches a byte outside the given ranges, so nothing traps at the end.
 * Compiled together with kernel-lists.as.ts (tools/kernel), as one source.
 * Twin and oracle: src/structs/kernel-twin.hot.ts. Language: AssemblyScript, not TypeScript.
 * Source: Marvin32 as published for .NET by Microsoft; Linear hashing, Litwin 1980.
 */

// Dict header, in bytes from its start (structs/dict-layout.ts).
// @ts-ignore: decorator
@inline const HEADER_LEVEL: usize = 0;
// @ts-ignore: decorator
@inline const HEADER_SPLIT: usize = 4;
// @ts-ignore: decorator
@inline const HEADER_DIRECTORY: usize = 16;
// @ts-ignore: decorator
@inline const HEADER_SEED0: usize = 44;
// @ts-ignore: decorator
@inline const HEADER_SEED1: usize = 48;
// @ts-ignore: decorator
@inline const HEADER_SINK: usize = 60;

export function copy(to: u32, from: u32, bytes: u32): void {
  memory.copy(to, from, bytes);
}

export function fill(to: u32, byte: u32, bytes: u32): void {
  memory.fill(to, <u8>byte, bytes);
}

// @ts-ignore: decorator
@inline
function sameBytes(a: usize, b: usize, bytes: usize): bool {
  if (bytes >= 8) {
    const last = a + bytes - 8;
    const delta = b - a;
    while (a < last) {
      if (load<u64>(a) != load<u64>(a + delta)) return false;
      a += 8;
    }
    return load<u64>(last) == load<u64>(last + delta);
  }
  if (bytes >= 4) {
    const tail = bytes - 4;
    return load<u32>(a) == load<u32>(b) && load<u32>(a + tail) == load<u32>(b + tail);
  }
  for (let i: usize = 0; i < bytes; i++) {
    if (load<u8>(a + i) != load<u8>(b + i)) return false;
  }
  return true;
}

export function equal(a: u32, b: u32, bytes: u32): u32 {
  return sameBytes(a, b, bytes) ? 1 : 0;
}

export function compare(a: u32, aBytes: u32, b: u32, bBytes: u32): i32 {
  const shared: u32 = min(aBytes, bBytes);
  let i: u32 = 0;
  while (shared - i >= 8) {
    const x = load<u64>(a + i);
    const y = load<u64>(b + i);
    if (x != y) return bswap(x) < bswap(y) ? -1 : 1;
    i += 8;
  }
  while (i < shared) {
    const x: u32 = load<u8>(a + i);
    const y: u32 = load<u8>(b + i);
    if (x != y) return x < y ? -1 : 1;
    i++;
  }
  if (aBytes == bBytes) return 0;
  return aBytes < bBytes ? -1 : 1;
}

// @ts-ignore: decorator
@inline
function tailWord(at: usize, bytes: u32): u32 {
  const rest = bytes & 3;
  if (rest == 0) return 0x80;
  const bits = rest << 3;
  const end = at + bytes;
  if (bytes >= 4) return (load<u32>(end - 4) >>> (32 - bits)) | (<u32>0x80 << bits);
  let word: u32 = load<u8>(at);
  if (rest > 1) word |= <u32>load<u8>(at + 1) << 8;
  if (rest > 2) word |= <u32>load<u8>(at + 2) << 16;
  return word | (<u32>0x80 << bits);
}

// @ts-ignore: decorator
@inline
function marvin(at: usize, bytes: u32, seed0: u32, seed1: u32): u32 {
  const tail = tailWord(at, bytes);
  const end = at + (bytes & ~3);
  let p0 = seed0;
  let p1 = seed1;
  while (at < end) {
    p0 += load<u32>(at);
    p1 ^= p0;
    p0 = rotl(p0, 20) + p1;
    p1 = rotl(p1, 9) ^ p0;
    p0 = rotl(p0, 27) + p1;
    p1 = rotl(p1, 19);
    at += 4;
  }
  p0 += tail;
  p1 ^= p0;
  p0 = rotl(p0, 20) + p1;
  p1 = rotl(p1, 9) ^ p0;
  p0 = rotl(p0, 27) + p1;
  p1 = rotl(p1, 19);
  p1 ^= p0;
  p0 = rotl(p0, 20) + p1;
  p1 = rotl(p1, 9) ^ p0;
  p0 = rotl(p0, 27) + p1;
  p1 = rotl(p1, 19);
  return p0 ^ p1;
}

export function hash(at: u32, bytes: u32, seed0: u32, seed1: u32): u32 {
  return marvin(at, bytes, seed0, seed1);
}

// @ts-ignore: decorator
@inline
function lineAddress(dict: usize, hash: u32): usize {
  const level = load<u32>(dict + HEADER_LEVEL);
  let line = hash & ((1 << level) - 1);
  if (line < load<u32>(dict + HEADER_SPLIT)) line = hash & ((2 << level) - 1);
  const directory = <usize>load<u32>(dict + HEADER_DIRECTORY) << 3;
  return (<usize>load<u32>(directory + ((line >>> 8) << 2)) << 2) + ((line & 255) << 6);
}

// @ts-ignore: decorator
@inline
function fingerprint(hash: u32): i8 {
  const top = hash >>> 24;
  return <i8>(top == 0 ? 1 : top);
}

// @ts-ignore: decorator
@inline
function isKeyOf(entry: usize, key: usize, keyBytes: u32): bool {
  const word0 = load<u32>(entry);
  // Bytes of the header by its kind, a byte each (entry.hot.ts).
  const head = entry + ((0x1008040c >>> ((word0 >>> 30) << 3)) & 0xff);
  let at = head + ((word0 >>> 24) & 1) * 8;
  if (keyBytes >= 0xffff) {
    if ((word0 & 0xffff) != 0xffff) return false;
    if (load<u32>(head) != keyBytes) return false;
    at += 4;
  } else if ((word0 & 0xffff) != keyBytes) {
    return false;
  }
  return sameBytes(at, key, keyBytes);
}

function findFrom(address: usize, key: usize, keyBytes: u32, hash: u32): u32 {
  const wanted = i8x16.splat(fingerprint(hash));
  let line = address;
  while (true) {
    let hits: u32 = i8x16.bitmask(i8x16.eq(v128.load(line), wanted)) & 0xfff;
    while (hits != 0) {
      const slot = line + 16 + (ctz(hits) << 2);
      if (isKeyOf(<usize>load<u32>(slot) << 3, key, keyBytes)) return <u32>(slot >>> 2);
      hits &= hits - 1;
    }
    const next = load<u32>(line + 12);
    if (next == 0) return 0;
    line = <usize>next << 3;
  }
}

export function find(dict: u32, key: u32, keyBytes: u32, hash: u32): u32 {
  return findFrom(lineAddress(dict, hash), key, keyBytes, hash);
}

/** Records of 16 bytes: key address, key bytes, hash (written here), slot word (written here). */
export function findBatch(list: u32, count: u32, dict: u32): void {
  const end: usize = list + (count << 4);
  const seed0 = load<u32>(<usize>dict + HEADER_SEED0);
  const seed1 = load<u32>(<usize>dict + HEADER_SEED1);
  let sink: u32 = 0;
  for (let at: usize = list; at < end; at += 16) {
    const hash = marvin(load<u32>(at), load<u32>(at + 4), seed0, seed1);
    store<u32>(at + 8, hash);
    // The line's address waits in the slot field; reading the line starts its cache miss.
    const line = lineAddress(dict, hash);
    store<u32>(at + 12, <u32>line);
    sink ^= load<u32>(line);
  }
  for (let at: usize = list; at < end; at += 16) {
    const line = <usize>load<u32>(at + 12);
    const wanted = i8x16.splat(fingerprint(load<u32>(at + 8)));
    const hits: u32 = i8x16.bitmask(i8x16.eq(v128.load(line), wanted)) & 0xfff;
    if (hits != 0) {
      sink ^= load<u32>(<usize>load<u32>(line + 16 + (ctz(hits) << 2)) << 3);
    }
  }
  // A use of the loads above that no optimiser can drop; nobody reads the word.
  store<u32>(<usize>dict + HEADER_SINK, sink);
  for (let at: usize = list; at < end; at += 16) {
    const line = <usize>load<u32>(at + 12);
    const slot = findFrom(line, load<u32>(at), load<u32>(at + 4), load<u32>(at + 8));
    store<u32>(at + 12, slot);
  }
}

// Packs (structs/packs.hot.ts): `pack` is a ref, positions are byte offsets inside the pack.
// @ts-ignore: decorator
@inline const PACK_COUNT: usize = 4;

// @ts-ignore: decorator
@inline
function lengthBytes(bytes: u32): u32 {
  return bytes < 0x80 ? 1 : bytes < 0x4000 ? 2 : 5;
}

// @ts-ignore: decorator
@inline
function lengthAt(at: usize): u32 {
  const first: u32 = load<u8>(at);
  if (first < 0x80) return first;
  if (first != 0xff) return ((first & 0x3f) << 8) | <u32>load<u8>(at + 1);
  return load<u32>(at + 1);
}

// @ts-ignore: decorator
@inline
function lengthBefore(end: usize): u32 {
  const last: u32 = load<u8>(end - 1);
  if (last < 0x80) return last;
  if (last != 0xff) return ((last & 0x3f) << 8) | <u32>load<u8>(end - 2);
  return load<u32>(end - 5);
}

// @ts-ignore: decorator
@inline
function entryRoom(bytes: u32): u32 {
  return bytes + (lengthBytes(bytes) << 1);
}

// @ts-ignore: decorator
@inline
function entryEnd(at: usize): usize {
  return at + entryRoom(lengthAt(at));
}

/** Short copies by loads and stores: memory.copy leaves the generated code. */
// @ts-ignore: decorator
@inline
function copyShort(to: usize, from: usize, bytes: usize): void {
  if (bytes > 64) {
    memory.copy(to, from, bytes);
  } else if (bytes >= 8) {
    const last = bytes - 8;
    const tail = load<u64>(from + last);
    for (let i: usize = 0; i < last; i += 8) store<u64>(to + i, load<u64>(from + i));
    store<u64>(to + last, tail);
  } else if (bytes >= 4) {
    const tail = load<u32>(from + bytes - 4);
    store<u32>(to, load<u32>(from));
    store<u32>(to + bytes - 4, tail);
  } else {
    for (let i: usize = 0; i < bytes; i++) store<u8>(to + i, load<u8>(from + i));
  }
}

/** Writes an entry; the bytes come from outside the pack. */
// @ts-ignore: decorator
@inline
function writeEntry(at: usize, from: usize, bytes: u32): void {
  if (bytes < 0x80) {
    store<u8>(at, <u8>bytes);
    store<u8>(at + 1 + bytes, <u8>bytes);
    copyShort(at + 1, from, bytes);
  } else if (bytes < 0x4000) {
    const high = <u8>(0x80 | (bytes >>> 8));
    const end = at + 2 + bytes;
    store<u8>(at, high);
    store<u8>(at + 1, <u8>bytes);
    store<u8>(end, <u8>bytes);
    store<u8>(end + 1, high);
    memory.copy(at + 2, from, bytes);
  } else {
    const end = at + 5 + bytes;
    store<u8>(at, 0xff);
    store<u32>(at + 1, bytes);
    store<u32>(end, bytes);
    store<u8>(end + 4, 0xff);
    memory.copy(at + 5, from, bytes);
  }
}

export function packFind(pack: u32, from: u32, key: u32, bytes: u32, stride: u32): u32 {
  if (from == 0) return 0;
  const base = <usize>pack << 3;
  const end = base + load<u32>(base);
  let at = base + from;
  while (at < end) {
    const length = lengthAt(at);
    if (length == bytes && sameBytes(at + lengthBytes(length), key, bytes)) return <u32>(at - base);
    at += entryRoom(length);
    for (let skip: u32 = 1; skip < stride && at < end; skip++) at = entryEnd(at);
  }
  return 0;
}

export function packForward(pack: u32, pos: u32, steps: u32): u32 {
  const base = <usize>pack << 3;
  const end = base + load<u32>(base);
  let at = base + pos;
  for (; steps != 0 && at < end; steps--) at = entryEnd(at);
  return at < end ? <u32>(at - base) : 0;
}

export function packBack(pack: u32, pos: u32, steps: u32): u32 {
  let at = (<usize>pack << 3) + pos;
  for (; steps != 0; steps--) at -= entryRoom(lengthBefore(at));
  return <u32>(at - (<usize>pack << 3));
}

export function packCount(pack: u32, pos: u32): u32 {
  const base = <usize>pack << 3;
  const end = base + load<u32>(base);
  let count: u32 = 0;
  for (let at = base + pos; at < end; count++) at = entryEnd(at);
  return count;
}

export function packList(pack: u32, pos: u32, entries: u32, out: u32): u32 {
  const base = <usize>pack << 3;
  const end = base + load<u32>(base);
  let at = base + pos;
  let pair: usize = out;
  for (; entries != 0 && at < end; entries--) {
    const bytes = lengthAt(at);
    store<u32>(pair, <u32>(at + lengthBytes(bytes)));
    store<u32>(pair + 4, bytes);
    pair += 8;
    at += entryRoom(bytes);
  }
  return at < end ? <u32>(at - base) : 0;
}

export function packInsert(pack: u32, pos: u32, from: u32, bytes: u32): void {
  const base = <usize>pack << 3;
  const used = load<u32>(base);
  const room = entryRoom(bytes);
  let at = base + used;
  if (pos != 0) {
    at = base + pos;
    memory.copy(at + room, at, used - pos);
  }
  writeEntry(at, from, bytes);
  store<u32>(base, used + room);
  store<u32>(base + PACK_COUNT, load<u32>(base + PACK_COUNT) + 1);
}

export function packReplace(pack: u32, pos: u32, from: u32, bytes: u32): void {
  const base = <usize>pack << 3;
  const used = load<u32>(base);
  const at = base + pos;
  const old = entryRoom(lengthAt(at));
  const room = entryRoom(bytes);
  if (room != old) {
    memory.copy(at + room, at + old, used - pos - old);
    store<u32>(base, used + room - old);
  }
  writeEntry(at, from, bytes);
}

export function packRemove(pack: u32, pos: u32, entries: u32): void {
  const base = <usize>pack << 3;
  const used = load<u32>(base);
  const at = base + pos;
  let end = at;
  for (let left = entries; left != 0; left--) end = entryEnd(end);
  const rest = base + used - end;
  if (rest != 0) memory.copy(at, end, rest);
  store<u32>(base, used - <u32>(end - at));
  store<u32>(base + PACK_COUNT, load<u32>(base + PACK_COUNT) - entries);
}

// Nodes of a score tree (structs/score-tree-nodes.hot.ts): `node` is a ref.
export function nodeScoresBelow(node: u32, from: u32, score: f64): u32 {
  const base = <usize>node << 3;
  const end = base + 8 + ((load<u32>(base) & 0xffff) << 3);
  const wanted = f64x2.splat(score);
  let at = base + 8 + (from << 3);
  let even = i64x2.splat(0);
  let odd = i64x2.splat(0);
  // A true lane is -1. Every line is read, without waiting for the one before.
  for (; at + 64 <= end; at += 64) {
    even = i64x2.sub(even, f64x2.lt(v128.load(at), wanted));
    odd = i64x2.sub(odd, f64x2.lt(v128.load(at, 16), wanted));
    even = i64x2.sub(even, f64x2.lt(v128.load(at, 32), wanted));
    odd = i64x2.sub(odd, f64x2.lt(v128.load(at, 48), wanted));
  }
  for (; at + 16 <= end; at += 16) even = i64x2.sub(even, f64x2.lt(v128.load(at), wanted));
  const lanes = i64x2.add(even, odd);
  let below = <u32>(i64x2.extract_lane(lanes, 0) + i64x2.extract_lane(lanes, 1));
  if (at < end) below += <u32>(load<f64>(at) < score);
  return from + below;
}

/** Moves [from, end) up by `step` bytes, from its end on. */
// @ts-ignore: decorator
@inline
function shiftUp(from: usize, end: usize, step: usize): void {
  let at = end;
  while (at >= from + 16) {
    at -= 16;
    v128.store(at + step, v128.load(at));
  }
  while (at > from) {
    at -= 4;
    store<u32>(at + step, load<u32>(at));
  }
}

/** Moves [from, end) down by `step` bytes. */
// @ts-ignore: decorator
@inline
function shiftDown(from: usize, end: usize, step: usize): void {
  let at = from;
  for (; at + 16 <= end; at += 16) v128.store(at - step, v128.load(at));
  for (; at < end; at += 4) store<u32>(at - step, load<u32>(at));
}

export function leafOpen(node: u32, index: u32): void {
  const base = <usize>node << 3;
  const word = load<u32>(base);
  const count = word & 0xffff;
  const refs = base + 8 + ((word >>> 16) << 3);
  shiftUp(base + 8 + (index << 3), base + 8 + (count << 3), 8);
  shiftUp(refs + (index << 2), refs + (count << 2), 4);
  store<u32>(base, word + 1);
}

export function leafClose(node: u32, index: u32): void {
  const base = <usize>node << 3;
  const word = load<u32>(base);
  const count = word & 0xffff;
  const refs = base + 8 + ((word >>> 16) << 3);
  shiftDown(base + 16 + (index << 3), base + 8 + (count << 3), 8);
  shiftDown(refs + 4 + (index << 2), refs + (count << 2), 4);
  store<u32>(base, word - 1);
}
