/**
 * A part of a snapshot: what one shard held at the cut. Drawn in docs/internals/wal.md; all numbers
 * are little-endian. Entries are bytes of any meaning; a block holds pieces of them, and no piece
 * lies in two blocks.
 *
 *   header   0 u8[8] "KORASNP" 1 | 8 u32 crc of 12..64 | 12 u32 version | 16 u64 snapshot
 *            24 u32 shard | 28 u32 shards | 32 u64 last sequence that it holds
 *            40 u64 created, ms since 1970 | 48 u32 tag | 52 zeros to 64
 *   block    0 u32 "KSB1" | 4 u32 crc of 8.. | 8 u32 tag | 12 u32 index from 0 | 16 u32 stored
 *            20 u32 raw | stored bytes: an LZ4 block, or as they are when stored = raw
 *   raw      pieces: u32 bytes, top bit: the entry goes on in the next piece | the bytes
 *   end      0 u32 "KSE1" | 4 u32 crc of 8..48 | 8 u32 tag | 12 u32 blocks | 16 u64 entries
 *            24 u64 raw bytes | 32 u64 file bytes before | 40 u32 crc of all blocks' crcs | 44 0
 */
import { fits64, get32, get64, put32, put64 } from '../bytes/words.hot.ts';
import { crc32 } from '../crc/crc32.ts';
import type { HeaderDamage } from '../log/log-segment.ts';
import { hex32 } from '../log/log-segment.ts';

export const PART_HEADER_BYTES = 64;
export const BLOCK_HEADER_BYTES = 24;
export const PART_END_BYTES = 48;
/** "KSB1" and "KSE1". */
export const BLOCK_MAGIC = 0x3142534b;
export const END_MAGIC = 0x3145534b;
/** Version of the layout. */
export const SNAPSHOT_VERSION = 1;

const MAGIC = [0x4b, 0x4f, 0x52, 0x41, 0x53, 0x4e, 0x50, 0x01];
const ZEROS_AT = 52;

/** What the header of a part says. */
export interface PartHeader {
  /** Number of the snapshot: that of its manifest. */
  readonly snapshot: number;
  readonly shard: number;
  readonly shardCount: number;
  /** Sequence of the last change that the part holds. */
  readonly cutSequence: number;
  readonly createdMs: number;
  readonly tag: number;
}

/** `snapshot-00000012-003.part` */
export function partName(snapshot: number, shard: number): string {
  return `snapshot-${String(snapshot).padStart(8, '0')}-${String(shard).padStart(3, '0')}.part`;
}

/** The header's bytes. */
export function encodePartHeader(header: PartHeader): Uint8Array {
  const bytes = new Uint8Array(PART_HEADER_BYTES);
  bytes.set(MAGIC);
  put32(bytes, 12, SNAPSHOT_VERSION);
  put64(bytes, 16, header.snapshot);
  put32(bytes, 24, header.shard);
  put32(bytes, 28, header.shardCount);
  put64(bytes, 32, header.cutSequence);
  put64(bytes, 40, header.createdMs);
  put32(bytes, 48, header.tag);
  put32(bytes, 8, crc32(bytes, 12, PART_HEADER_BYTES - 12));
  return bytes;
}

/** Reads a header; what does not fit comes back as damage. */
export function decodePartHeader(bytes: Uint8Array): PartHeader | HeaderDamage {
  if (bytes.length < PART_HEADER_BYTES) {
    const expected = `${PART_HEADER_BYTES} bytes of header`;
    return { offset: bytes.length, expected, found: 'the end of the file' };
  }
  const wrongAt = MAGIC.findIndex((byte, index) => bytes[index] !== byte);
  if (wrongAt >= 0) {
    return { offset: wrongAt, expected: 'the mark of a snapshot', found: 'other bytes' };
  }
  const stored = get32(bytes, 8);
  const actual = crc32(bytes, 12, PART_HEADER_BYTES - 12);
  if (stored !== actual) {
    const expected = `checksum ${hex32(stored)} of the header`;
    return { offset: 8, expected, found: hex32(actual) };
  }
  const version = get32(bytes, 12);
  if (version !== SNAPSHOT_VERSION) {
    const expected = `version ${SNAPSHOT_VERSION}`;
    return { offset: 12, expected, found: `version ${version}` };
  }
  const zeros = bytes.subarray(ZEROS_AT, PART_HEADER_BYTES);
  if (![16, 32, 40].every((at) => fits64(bytes, at)) || zeros.some((byte) => byte !== 0)) {
    return { offset: 16, expected: 'a header of this version', found: 'numbers beyond it' };
  }
  return {
    snapshot: get64(bytes, 16), shard: get32(bytes, 24), shardCount: get32(bytes, 28),
    cutSequence: get64(bytes, 32), createdMs: get64(bytes, 40), tag: get32(bytes, 48),
  };
}

/** Sums of a part, at its end. */
export interface PartEnd {
  readonly blockCount: number;
  readonly entryCount: number;
  readonly rawBytes: number;
  /** Bytes of the file before the end. */
  readonly fileBytes: number;
  readonly blocksCrc: number;
}

/** The end's bytes. */
export function encodePartEnd(end: PartEnd, tag: number): Uint8Array {
  const bytes = new Uint8Array(PART_END_BYTES);
  put32(bytes, 0, END_MAGIC);
  put32(bytes, 8, tag);
  put32(bytes, 12, end.blockCount);
  put64(bytes, 16, end.entryCount);
  put64(bytes, 24, end.rawBytes);
  put64(bytes, 32, end.fileBytes);
  put32(bytes, 40, end.blocksCrc);
  put32(bytes, 4, crc32(bytes, 8, PART_END_BYTES - 8));
  return bytes;
}
