/**
 * The checksum of logs, snapshots and manifests: CRC-32 (IEEE), by zlib where a range is long
 * enough to be worth the call, by tables else. Both give the same number; a test compares them.
 */
import { crc32 as crc32OfZlib } from 'node:zlib';
import { crc32ByTable } from './crc32-table.hot.ts';

/** From this length on zlib is faster (measured: equal at about 200 bytes). */
const ZLIB_BYTES_MIN = 192;

/**
 * CRC-32 of a range, an u32.
 * @param seed the CRC of the bytes before, to go on from; 0 at the start
 */
export function crc32(bytes: Uint8Array, at: number, length: number, seed = 0): number {
  if (length < ZLIB_BYTES_MIN) return crc32ByTable(bytes, at, length, seed);
  return crc32OfZlib(bytes.subarray(at, at + length), seed);
}

/** A checksum for messages. */
export function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
