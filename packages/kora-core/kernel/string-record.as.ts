/**
 * Records of strings that lie in their entries, over a worker's memory: addresses are byte offsets
 * (u32). Entries are drawn in src/structs/entry.hot.ts, records in src/keyspace/effect-codec.ts.
 * Invariants: reads nothing outside the entry's block, writes nothing outside [to, to + room), and
 *   nothing at all when it returns 0; no static data.
 * Twin and oracle: src/types/string/string-record.hot.ts, which gives the same bytes.
 */

// Flags of entries, shifted to the low half of word 0.
// @ts-ignore: decorator
@inline const HAS_TTL: u32 = 1 << 8;
// @ts-ignore: decorator
@inline const IS_ROPE: u32 = 1 << 9;
// @ts-ignore: decorator
@inline const LONG_KEY: u32 = 0xffff;
// @ts-ignore: decorator
@inline const HEADER_BYTES: usize = 12;
// Bytes of a record before its key, and of traits and value length.
// @ts-ignore: decorator
@inline const HEAD_BYTES: u32 = 20;
// @ts-ignore: decorator
@inline const VALUE_HEAD_BYTES: u32 = 5;
/** From here on the engine's own copy is faster than a loop. */
// @ts-ignore: decorator
@inline const LOOP_BYTES_MAX: u32 = 512;

/** Copies exactly `bytes` bytes between ranges that do not overlap. */
// @ts-ignore: decorator
@inline
function copy(to: usize, from: usize, bytes: u32): void {
  if (bytes > LOOP_BYTES_MAX) {
    memory.copy(to, from, bytes);
  } else if (bytes >= 16) {
    const last = <usize>bytes - 16;
    for (let i: usize = 0; i < last; i += 16) v128.store(to + i, v128.load(from + i));
    v128.store(to + last, v128.load(from + last));
  } else if (bytes >= 8) {
    const last = <usize>bytes - 8;
    store<u64>(to, load<u64>(from));
    store<u64>(to + last, load<u64>(from + last));
  } else {
    for (let i: usize = 0; i < <usize>bytes; i++) store<u8>(to + i, load<u8>(from + i));
  }
}

/** Writes the record of the entry; its bytes, or 0 for a rope, a long key or too little room. */
export function plainSet(
  to: usize, room: u32, kind: u32, rest: u32, timeLow: u32, timeHigh: u32, ref: u32,
): u32 {
  const entry = <usize>ref << 3;
  const word0 = load<u32>(entry);
  const flags = word0 >>> 16;
  const keyBytes = word0 & 0xffff;
  if ((flags & IS_ROPE) != 0 || keyBytes == LONG_KEY) return 0;
  const valueBytes = load<u32>(entry, 8);
  const deadlineBytes = (flags & HAS_TTL) >>> 5;
  const bytes = HEAD_BYTES + keyBytes + VALUE_HEAD_BYTES + deadlineBytes + valueBytes;
  if (bytes > room) return 0;
  store<u32>(to, kind);
  store<u32>(to, rest, 4);
  store<u32>(to, timeLow, 8);
  store<u32>(to, timeHigh, 12);
  store<u32>(to, keyBytes, 16);
  const key = entry + HEADER_BYTES + <usize>deadlineBytes;
  copy(to + HEAD_BYTES, key, keyBytes);
  let at = to + <usize>(HEAD_BYTES + keyBytes);
  // Traits: 1 has a deadline, 2 raw (bit 10 of the flags), 4 text (encoding 1).
  const isText: u32 = ((flags >>> 4) & 15) == 1 ? 4 : 0;
  store<u8>(at, ((flags >>> 8) & 1) | ((flags >>> 9) & 2) | isText);
  at++;
  if (deadlineBytes != 0) {
    store<u64>(at, load<u64>(entry, HEADER_BYTES));
    at += 8;
  }
  store<u32>(at, valueBytes);
  copy(at + 4, key + <usize>((keyBytes + 3) & ~3), valueBytes);
  return bytes;
}
