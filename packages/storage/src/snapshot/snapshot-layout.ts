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
import {
  damageOfFileHeader, encodeFileHeader, FILE_HEADER_BYTES,
} from '../bytes/file-header.ts';
import type { FileHeaderKind } from '../bytes/file-header.ts';
import { get32, get64, put32, put64 } from '../bytes/words.hot.ts';
import { crc32 } from '../crc/crc32.ts';
import type { DamageAt } from '../errors.ts';

export const PART_HEADER_BYTES = FILE_HEADER_BYTES;
export const BLOCK_HEADER_BYTES = 24;
export const PART_END_BYTES = 48;
/** "KSB1" and "KSE1". */
export const BLOCK_MAGIC = 0x3142534b;
export const END_MAGIC = 0x3145534b;

const partKind: FileHeaderKind = {
  what: 'a snapshot',
  /** "KORASNP" and the number of this layout. */
  mark: [0x4b, 0x4f, 0x52, 0x41, 0x53, 0x4e, 0x50, 0x01],
  version: 1,
  longFields: [16, 32, 40],
};

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
  return encodeFileHeader(partKind, (bytes) => {
    put64(bytes, 16, header.snapshot);
    put32(bytes, 24, header.shard);
    put32(bytes, 28, header.shardCount);
    put64(bytes, 32, header.cutSequence);
    put64(bytes, 40, header.createdMs);
    put32(bytes, 48, header.tag);
  });
}

/** Reads a header; what does not fit comes back as damage. */
export function decodePartHeader(bytes: Uint8Array): PartHeader | DamageAt {
  const damage = damageOfFileHeader(bytes, partKind);
  if (damage !== undefined) return damage;
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
