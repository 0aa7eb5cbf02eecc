/**
 * CRC-16/XMODEM and the key slots of Redis Cluster: polynomial 0x1021, start 0, bits not
 *   reflected; the check value of "123456789" is 0x31c3.
 * A slot is the CRC modulo 16384 of the key, or only of its hashtag: the bytes between the first
 *   "{" and the first "}" after it, when there is at least one. Keys that share a hashtag share
 *   a slot, and so a shard.
 * Cost: O(bytes), one table lookup a byte (256 u16); nothing is allocated.
 * Source: the Redis Cluster specification, "Keys distribution model" and "Hash tags".
 */

/** Slots of the key space, as in Redis Cluster. */
export const SLOT_COUNT = 16_384;

const POLYNOMIAL = 0x1021;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const table = buildTable(new Uint16Array(256));

function buildTable(into: Uint16Array): Uint16Array {
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ POLYNOMIAL;
    }
    into[byte] = crc;
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
  let open = at;
  while (open < end && u8[open]! !== OPEN_BRACE) open++;
  if (open < end) {
    let close = open + 1;
    while (close < end && u8[close]! !== CLOSE_BRACE) close++;
    if (close < end && close > open + 1) {
      return crc16(u8, open + 1, close - open - 1) & (SLOT_COUNT - 1);
    }
  }
  return crc16(u8, at, bytes) & (SLOT_COUNT - 1);
}
