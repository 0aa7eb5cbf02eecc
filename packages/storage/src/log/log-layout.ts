/**
 * The log's bytes, drawn in docs/internals/wal.md. A segment is a header and then frames, each
 * padded with zeros to 8 bytes; all numbers are little-endian, an u64 is low word and high word.
 *
 *   segment  0 u8[8] "KORAWAL" 1 | 8 u32 crc of 12..64 | 12 u32 version | 16 u32 log set
 *            20 u32 shard | 24 u32 shards | 28 u32 number | 32 u64 first sequence
 *            40 u64 created, ms since 1970 | 48 u32 tag | 52 zeros to 64
 *   frame    0 u32 "KLF1" | 4 u32 crc of 8..bytes | 8 u32 bytes, with header and padding
 *            12 u32 flags | 16 u32 tag of its segment | 20 u32 records that end here
 *            24 u64 sequence of the first of them | 32 u64 time, ms since 1970
 *            40 u64 sequence that was durable before | 48 u64 transaction, 0 = none
 *            56 u32 shards of the transaction, a bit each | 60 u32 bytes of padding
 *            64 pieces: u32 bytes, top bit: goes on in the next frame | the bytes
 *
 * A frame is what its checksum covers: it is there or it is not. Frames with Continues and the one
 * after them are a chain, which is there as a whole or not at all.
 */
import { FILE_HEADER_BYTES } from '../bytes/file-header.ts';

/** Bytes of a segment's header. */
export const SEGMENT_HEADER_BYTES = FILE_HEADER_BYTES;
/** Bytes of a frame before its pieces. */
export const FRAME_HEADER_BYTES = 64;
/** Bytes of a piece before its content. */
export const PIECE_HEADER_BYTES = 4;
/** Set in a piece's length: the record goes on in the next frame. */
export const PIECE_GOES_ON = 0x8000_0000;

/** "KLF1", as an int32. */
export const FRAME_MAGIC = 0x31464c4b;
/** "KORAWAL" and the number of this layout. */
export const SEGMENT_MAGIC: readonly number[] = [0x4b, 0x4f, 0x52, 0x41, 0x57, 0x41, 0x4c, 0x01];
/** Version of what the records of this package mean; an older program refuses a newer one. */
export const LOG_VERSION = 1;

/** Bits of a frame's flags; append-only. */
export const FRAME_CONTINUES = 1;
/** The log was closed in order here: everything before is durable. */
export const FRAME_CLOSED = 2;
/** Flags that this version knows. */
export const FRAME_FLAGS_KNOWN = 3;

// Offsets in a frame.
export const FRAME_CRC_AT = 4;
export const FRAME_BYTES_AT = 8;
export const FRAME_FLAGS_AT = 12;
export const FRAME_TAG_AT = 16;
export const FRAME_RECORDS_AT = 20;
export const FRAME_SEQUENCE_AT = 24;
export const FRAME_TIME_AT = 32;
export const FRAME_DURABLE_AT = 40;
export const FRAME_TRANSACTION_AT = 48;
export const FRAME_SHARDS_AT = 56;
export const FRAME_PADDING_AT = 60;
