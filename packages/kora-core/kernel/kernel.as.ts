/**
 * The kernel: the few loops over raw memory that WebAssembly does better than TypeScript, over the
 * worker's own shared memory. memory.copy takes 15 ns for 64 bytes (copyWithin 42), SIMD compares
 * twelve fingerprints at once, and a batched find lets the cache misses of many keys overlap.
 * Every address is a byte offset (u32): all 4 GiB cost the same. Slots come back as word indexes.
 * Layouts read here: dict header, line and directory (structs/dict.hot.ts), entry (entry.hot.ts).
 * Invariants: no static data (a data segment would be written over the shared memory by every new
 *   instance); no load touches a byte outside the given ranges, so nothing traps at the end.
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
  let at = entry + 12 + ((word0 >>> 24) & 1) * 8;
  if (keyBytes >= 0xffff) {
    if ((word0 & 0xffff) != 0xffff) return false;
    if (load<u32>(entry + 12) != keyBytes) return false;
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
