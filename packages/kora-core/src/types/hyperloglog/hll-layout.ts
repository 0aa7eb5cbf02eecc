/**
 * The bytes of a HyperLogLog, as Redis stores and exchanges them: a string value with a header.
 *
 *   header   "HYLL" | encoding u8 | 3 unused | cardinality u64, little-endian
 *            bit 63 of the cardinality: it is stale and must be counted again
 *   dense    16,384 registers of 6 bits, the lowest bits of a byte first: 12,304 bytes in all
 *   sparse   runs of registers, until all 16,384 are told
 *     ZERO   00nnnnnn            n + 1 registers are 0
 *     XZERO  01nnnnnn nnnnnnnn   n + 1 registers are 0
 *     VAL    1vvvvvnn            n + 1 registers are v + 1
 *
 * Numbers reach disk and wire: they are Redis's and never change.
 */

/** Registers: 2^14, chosen by the lowest 14 bits of an element's hash. */
export const REGISTER_COUNT = 16_384;
/** Bits of a hash that choose the register. */
export const REGISTER_BITS = 14;
/** Bits of a hash that are searched for the first one: a register is at most this and one. */
export const RANK_BITS = 50;
export const HLL_HEADER_BYTES = 16;
/** Byte of the header that holds the encoding. */
export const HLL_ENCODING_AT = 4;
export const HLL_DENSE = 0;
export const HLL_SPARSE = 1;
/** First byte of the cardinality, and the byte whose top bit says that it is stale. */
export const HLL_CARDINALITY_AT = 8;
export const HLL_STALE_AT = 15;
export const HLL_STALE = 0x80;
/** Bytes of the registers of a dense value, and of the whole. */
export const DENSE_REGISTERS_BYTES = (REGISTER_COUNT * 6) / 8;
export const HLL_DENSE_BYTES: number = HLL_HEADER_BYTES + DENSE_REGISTERS_BYTES;
/** Largest register that a sparse value can hold. */
export const SPARSE_VALUE_MAX = 32;
/** "HYLL" as the first word. */
export const HLL_MAGIC = 0x4c4c5948;
