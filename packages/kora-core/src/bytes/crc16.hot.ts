/**
 * CRC-16/XMODEM and the key slots of Redis Cluster: polynomial 0x1021, start 0, bits not
 *   reflected; the check value of "123456789" is 0x31c3.
 * A slot is the CRC modulo 16384 of the key, or only of its hashtag: the bytes between the first
 *   "{" and the first "}" after it, when there is at least one. Keys that share a hashtag share
 *   a slot, and so a shard.
 * Four bytes go at once through four tables: table k has what a byte becomes when k bytes follow
 *   it, so their lookups do not wait for each other. A key with a brace takes the byte-wise way.
 * Cost: O(bytes); 45 ns for 16 bytes, 90 for 64 (byte by byte 105 and 430; Node 20, Xeon 2.5 GHz,
 *   2026-11-20). 2 KiB of tables; nothing is allocated.
 * Source: the Redis Cluster specification, "Keys distribution model" and "Hash tags"; slicing as
 *   in Kounavis and Berry 2008.
 */

/** Slots of the key space, as in Redis Cluster. */
export const SLOT_COUNT = 16_384;

const POLYNOMIAL = 0x1021;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const TABLE_COUNT = 4;
const TABLE_1 = 256;
const TABLE_2 = 512;
const TABLE_3 = 768;
const table = buildTables(new Uint16Array(TABLE_COUNT * 256));
/** The four tables, for the kernel. Not to be changed. */
export const CRC_TABLES: Readonly<Uint16Array> = table;

function buildTables(into: Uint16Array): Uint16Array {
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ POLYNOMIAL;
    }
    into[byte] = crc;
  }
  for (let i = 256; i < into.length; i++) {
    const before = into[i - 256]!;
    into[i] = (before << 8) ^ into[before >>> 8]!;
  }
  return into;
}

/** CRC-16/XMODEM of `bytes` bytes at `at`; 0 to 65535. */
export function crc16(u8: Uint8Array, at: number, bytes: number): number {
  let crc = 0;
  const end = at + bytes;
  for (let i = at; i < end; i++) {
    crc = ((crc << 8) & 0xffff) ^ table[(crc >>> 8) ^ u8[i]!]!;
  }
  return crc;
}

/** The slot of a key, 0 to 16383, by the hashtag rule. */
export function slotOfKey(u8: Uint8Array, at: number, bytes: number): number {
  const end = at + bytes;
  const lastFour = end - 4;
  let crc = 0;
  let i = at;
  for (; i <= lastFour; i += 4) {
    const b0 = u8[i]!;
    const b1 = u8[i + 1]!;
    const b2 = u8[i + 2]!;
    const b3 = u8[i + 3]!;
    if (b0 === OPEN_BRACE || b1 === OPEN_BRACE || b2 === OPEN_BRACE || b3 === OPEN_BRACE) {
      return slotOfTagged(u8, at, end);
    }
    crc = table[TABLE_3 + ((crc >>> 8) ^ b0)]! ^ table[TABLE_2 + ((crc & 0xff) ^ b1)]! ^
      table[TABLE_1 + b2]! ^ table[b3]!;
  }
  for (; i < end; i++) {
    const byte = u8[i]!;
    if (byte === OPEN_BRACE) return slotOfTagged(u8, at, end);
    crc = ((crc << 8) & 0xffff) ^ table[(crc >>> 8) ^ byte]!;
  }
  return crc & (SLOT_COUNT - 1);
}

/** The same for a key with a brace. */
function slotOfTagged(u8: Uint8Array, at: number, end: number): number {
  let open = at;
  while (u8[open]! !== OPEN_BRACE) open++;
  let close = open + 1;
  while (close < end && u8[close]! !== CLOSE_BRACE) close++;
  const hasTag = close < end && close > open + 1;
  const crc = hasTag ? crc16(u8, open + 1, close - open - 1) : crc16(u8, at, end - at);
  return crc & (SLOT_COUNT - 1);
}
