/**
 * The bytes of a snapshot of a shard: records in chunks, none of which crosses a chunk. A key or
 * value longer than SNAPSHOT_PART_BYTES comes in parts; parts of several may alternate.
 *   record    head u8 = kind:3 | traits:5, then
 *   String    key length | value length | [deadline] | [access] | key | value
 *   Value     the same; the value is type byte and body of the RDB format, strings without LZF
 *   Database  number                  of the keys behind it in this chunk
 *   Size      number of a database | keys in it: comes first, for the loader to make room
 *   Access    u8: 1 = access fields are of LFU, 0 = of LRU
 *   Open      id | form u8 | key length | value length | [deadline] | [access]
 *   Part      id | length | bytes     of the key, then of the value, or of one fragment
 *   Close     id
 *   deadline  i64 ms since 1970       access  24 bits as entries have them
 * Lengths, numbers and ids are LEB128; all else is little-endian. On disk: append only. The order
 * of keys means nothing. The value length of an Open is a string's; for others it is 0.
 */

/** Kinds of records, in the low three bits of the head. */
export const SnapshotRecord = Object.freeze({
  String: 0, Value: 1, Database: 2, Access: 3, Open: 4, Part: 5, Close: 6, Size: 7,
} as const);
export const RECORD_KIND_MASK = 7;

/** Traits of a key, in the other bits. */
export const TRAIT_TTL = 8;
export const TRAIT_ACCESS = 16;
/** ENTRY_RAW of a string, ENTRY_WIDE of a collection. */
export const TRAIT_MARK = 32;
/** STRING_TEXT of a string. */
export const TRAIT_TEXT = 64;

/** Of a Part of a fragment: it goes on in the next Part of its id. */
export const TRAIT_GOES_ON = 8;

/**
 * What the bytes behind the key of an Open are: a string, a value in the RDB format, or fragments:
 * of a set, hash, sorted set or vector set each a value in the RDB format of some of its members,
 * of a list each a u32, its place among the others, and such a value of some elements. Fragments
 * with nodes have the graph of a vector set beside its elements (vector-set.codec.ts).
 */
export const OpenForm = Object.freeze({
  String: 0, Value: 1, SetFragments: 2, HashFragments: 3, ZsetFragments: 4, ListFragments: 5,
  VectorFragments: 6, VectorNodeFragments: 7,
} as const);

/** Most bytes of an LEB128 of a u32. */
export const VARINT_BYTES_MAX = 5;
/** Most bytes of a record but for its key and value. */
export const RECORD_HEAD_BYTES_MAX = 2 + 3 * VARINT_BYTES_MAX + 8 + 3;

/** Takes the chunks of a snapshot; storage makes a part of a snapshot of them. */
export interface SnapshotSink {
  /** The next chunk: `length` bytes of `bytes` from `at` on, borrowed for the call. */
  chunk(bytes: Uint8Array, at: number, length: number): void;
  /** True when the walker should wait. Changes go on, and what they save comes all the same. */
  readonly isFull: boolean;
}
