/**
 * CRC-32 (IEEE 802.3, reflected polynomial 0xedb88320) by eight tables of 256 words, "slicing by
 * eight": the form for short ranges, and for a Node without zlib.crc32.
 * Check value: "123456789" gives 0xcbf43926.
 * Cost on 2026-11-21, Node 20: 0.9 ns a byte, nothing to start; zlib.crc32 takes 150 ns and then
 *   0.2 ns a byte. No allocation.
 * Source: M. Kounavis and F. Berry, "Novel table lookup-based algorithms for high-performance CRC
 *   generation", 2008.
 */

const SLICES = 8;
const POLYNOMIAL = 0xedb88320;

const tables = new Int32Array(256 * SLICES);

function fillTables(): void {
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let slice = 1; slice < SLICES; slice++) {
      const before = tables[(slice - 1) * 256 + byte]!;
      tables[slice * 256 + byte] = (before >>> 8) ^ tables[before & 255]!;
    }
  }
}

fillTables();

/** CRC-32 of `length` bytes from `at`, going on from `seed`, the CRC of what came before (0). */
export function crc32ByTable(bytes: Uint8Array, at: number, length: number, seed: number): number {
  const end = at + length;
  let crc = ~seed;
  while (end - at >= 8) {
    const low = crc ^ (
      bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    );
    crc = tables[1792 + (low & 255)]! ^ tables[1536 + ((low >>> 8) & 255)]! ^
      tables[1280 + ((low >>> 16) & 255)]! ^ tables[1024 + (low >>> 24)]! ^
      tables[768 + bytes[at + 4]!]! ^ tables[512 + bytes[at + 5]!]! ^
      tables[256 + bytes[at + 6]!]! ^ tables[bytes[at + 7]!]!;
    at += 8;
  }
  while (at < end) {
    crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]!) & 255]!;
    at++;
  }
  return ~crc >>> 0;
}
