/**
 * How many bytes the reply writers may write, so that a caller can reserve before it writes.
 * Every writer stays within its bound; the writers themselves check nothing.
 */
import { DOUBLE_TEXT_BYTES_MAX } from './double-text.ts';

/** `:`, sign, 19 digits, CR LF: writeInteger, writeInteger64. */
export const INTEGER_BYTES_MAX = 23;
/** Type byte, up to 16 digits, CR LF: the bulk, array, map, set, push and attribute headers. */
export const HEADER_BYTES_MAX = 19;
/** writeNull2, writeNullArray2, writeNull3, writeBoolean3. */
export const NULL_BYTES_MAX = 5;
/** CR LF. */
export const CRLF_BYTES = 2;
/** `,`, text, CR LF: writeDouble3. */
export const DOUBLE_BYTES_MAX = DOUBLE_TEXT_BYTES_MAX + 3;
/** `$24` CR LF, text, CR LF: writeDouble2. */
export const DOUBLE_BULK_BYTES_MAX = DOUBLE_TEXT_BYTES_MAX + 7;

/** Room for writeSimple, writeError or writeDoubleText3 of this text. */
export function lineBytesMax(text: string): number {
  return text.length * 3 + 3;
}

/** Room for writeBulkText or writeVerbatim3 of this text. */
export function bulkTextBytesMax(text: string): number {
  return text.length * 3 + HEADER_BYTES_MAX + 4 + CRLF_BYTES;
}

/** Room for writeBigInteger or writeBigNumber3 of this number. */
export function bigNumberBytesMax(value: bigint): number {
  return String(value).length + 3;
}
