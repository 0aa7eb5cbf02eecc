/**
 * LZ4 blocks in WebAssembly, over memory that the caller gives: addresses are byte offsets (u32).
 * A block is a row of sequences: token (literals << 4 | match - 4; 15 = more length bytes follow,
 * 255 = yet more), literals, u16 distance back. It ends with literals alone.
 * Invariants: decompress reads nothing outside [from, from + fromBytes) and writes nothing outside
 *   [to, to + toBytes), whatever the block says; no static data.
 * Twin and oracle: src/lz4/lz4-twin.hot.ts, which gives the same bytes and the same refusals.
 * Source: the LZ4 block format description by Y. Collet; greedy search over a hash of 4 bytes.
 */

// @ts-ignore: decorator
@inline const HASH_BITS: u32 = 13;
// @ts-ignore: decorator
@inline const TABLE_BYTES: usize = 32768;
/** The last bytes of a block are literals; no match begins in the last twelve. */
// @ts-ignore: decorator
@inline const LAST_LITERALS: usize = 5;
// @ts-ignore: decorator
@inline const MATCH_END_BYTES: usize = 12;
// @ts-ignore: decorator
@inline const DISTANCE_MAX: usize = 65535;

// @ts-ignore: decorator
@inline
function slotOf(table: usize, at: usize): usize {
  return table + ((<usize>((load<u32>(at) * 2654435761) >>> (32 - HASH_BITS))) << 2);
}

/** Writes the rest of a length that did not fit its four bits. */
// @ts-ignore: decorator
@inline
function putLength(at: usize, rest: usize): usize {
  while (rest >= 255) {
    store<u8>(at, 255);
    at++;
    rest -= 255;
  }
  store<u8>(at, <u8>rest);
  return at + 1;
}

/** Bytes that are the same from `at` and `match` on, at least 4, ending before `end`. */
// @ts-ignore: decorator
@inline
function matchLength(at: usize, match: usize, end: usize): usize {
  let length: usize = 4;
  while (at + length + 8 <= end) {
    const difference = load<u64>(at + length) ^ load<u64>(match + length);
    if (difference != 0) return length + <usize>(ctz(difference) >> 3);
    length += 8;
  }
  while (at + length < end && load<u8>(at + length) == load<u8>(match + length)) length++;
  return length;
}

/** Writes literals and a match. Gives where they end; 0 when they do not fit. */
// @ts-ignore: decorator
@inline
function putSequence(
  to: usize, outEnd: usize, anchor: usize, literals: usize, distance: usize, length: usize,
): usize {
  let out = to;
  if (out + literals + literals / 255 + length / 255 + 5 > outEnd) return 0;
  const token = out;
  out++;
  let high = literals;
  if (literals >= 15) {
    out = putLength(out, literals - 15);
    high = 15;
  }
  memory.copy(out, anchor, literals);
  out += literals;
  store<u16>(out, <u16>distance);
  out += 2;
  let low = length - 4;
  if (low >= 15) {
    out = putLength(out, low - 15);
    low = 15;
  }
  store<u8>(token, <u8>((high << 4) | low));
  return out;
}

/**
 * Compresses; `table` is 32 KiB of working memory.
 * Gives the bytes written, or 0 when they would be more than `toBytes`.
 */
export function compress(
  from: u32, fromBytes: u32, to: u32, toBytes: u32, table: u32,
): u32 {
  const start: usize = from;
  const end: usize = start + fromBytes;
  const outEnd: usize = <usize>to + toBytes;
  let out: usize = to;
  let anchor: usize = start;
  if (fromBytes > <u32>MATCH_END_BYTES) {
    const lastStart = end - MATCH_END_BYTES;
    const matchEnd = end - LAST_LITERALS;
    memory.fill(table, 0, TABLE_BYTES);
    let at: usize = start + 1;
    let tries: usize = 64;
    while (at <= lastStart) {
      const slot = slotOf(table, at);
      let match: usize = start + load<u32>(slot);
      store<u32>(slot, <u32>(at - start));
      if (at - match > DISTANCE_MAX || load<u32>(match) != load<u32>(at)) {
        at += tries >> 6;
        tries++;
        continue;
      }
      tries = 64;
      while (at > anchor && match > start && load<u8>(at - 1) == load<u8>(match - 1)) {
        at--;
        match--;
      }
      const length = matchLength(at, match, matchEnd);
      out = putSequence(out, outEnd, anchor, at - anchor, at - match, length);
      if (out == 0) return 0;
      at += length;
      anchor = at;
      if (at <= lastStart) store<u32>(slotOf(table, at - 2), <u32>(at - 2 - start));
    }
  }
  const literals = end - anchor;
  if (out + literals + literals / 255 + 2 > outEnd) return 0;
  if (literals >= 15) {
    store<u8>(out, 0xf0);
    out = putLength(out + 1, literals - 15);
  } else {
    store<u8>(out, <u8>(literals << 4));
    out++;
  }
  memory.copy(out, anchor, literals);
  return <u32>(out + literals - to);
}

/** Decompresses; gives the bytes written, or -1 when the block is none or `to` is too small. */
export function decompress(from: u32, fromBytes: u32, to: u32, toBytes: u32): i32 {
  let at: usize = from;
  const end: usize = at + fromBytes;
  const start: usize = to;
  const outEnd: usize = start + toBytes;
  let out: usize = start;
  while (at < end) {
    const token: usize = load<u8>(at);
    at++;
    let literals = token >> 4;
    if (literals == 15) {
      let more: usize = 255;
      while (more == 255) {
        if (at >= end) return -1;
        more = load<u8>(at);
        at++;
        literals += more;
      }
    }
    if (literals > end - at || literals > outEnd - out) return -1;
    if (literals <= 16 && end - at >= 16 && outEnd - out >= 16) {
      v128.store(out, v128.load(at));
    } else {
      memory.copy(out, at, literals);
    }
    at += literals;
    out += literals;
    if (at == end) return <i32>(out - start);
    if (end - at < 2) return -1;
    const distance: usize = load<u16>(at);
    at += 2;
    if (distance == 0 || distance > out - start) return -1;
    let length = (token & 15) + 4;
    if (length == 19) {
      let more: usize = 255;
      while (more == 255) {
        if (at >= end) return -1;
        more = load<u8>(at);
        at++;
        length += more;
      }
    }
    if (length > outEnd - out) return -1;
    let match = out - distance;
    const copyEnd = out + length;
    if (distance >= 16) {
      while (out < copyEnd && outEnd - out >= 16) {
        v128.store(out, v128.load(match));
        out += 16;
        match += 16;
      }
    } else if (distance >= 8) {
      while (out < copyEnd && outEnd - out >= 8) {
        store<u64>(out, load<u64>(match));
        out += 8;
        match += 8;
      }
    }
    while (out < copyEnd) {
      store<u8>(out, load<u8>(match));
      out++;
      match++;
    }
    out = copyEnd;
  }
  return -1;
}
