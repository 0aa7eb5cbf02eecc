/**
 * The header that log segments and parts of snapshots begin with: 64 bytes that say what the file
 * is before anything of it is believed. What lies between version and zeros is the file's own.
 *
 *   0 u8[8] mark | 8 u32 crc of 12..64 | 12 u32 version | 16 fields of the kind | 52 zeros to 64
 *
 * All numbers are little-endian (words.hot.ts). A header of another version is refused as damage,
 * and so is one whose numbers no writer of this version makes.
 */
import { crc32, hex32 } from '../crc/crc32.ts';
import type { DamageAt } from '../errors.ts';
import { fits64, get32, put32 } from './words.hot.ts';

export const FILE_HEADER_BYTES = 64;

const CRC_AT = 8;
const VERSION_AT = 12;
const ZEROS_AT = 52;

/** What a kind of file has in its header. */
export interface FileHeaderKind {
  /** For messages: `a log segment`. */
  readonly what: string;
  /** The first eight bytes. */
  readonly mark: readonly number[];
  readonly version: number;
  /** Offsets of its u64 fields, the first one first. */
  readonly longFields: readonly number[];
}

/** A header's bytes. @param putFields writes the fields of the kind */
export function encodeFileHeader(
  kind: FileHeaderKind, putFields: (bytes: Uint8Array) => void,
): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  bytes.set(kind.mark);
  put32(bytes, VERSION_AT, kind.version);
  putFields(bytes);
  put32(bytes, CRC_AT, crcOf(bytes));
  return bytes;
}

/** What does not fit; undefined: the fields may be read. @param bytes may be too few */
export function damageOfFileHeader(
  bytes: Uint8Array, kind: FileHeaderKind,
): DamageAt | undefined {
  if (bytes.length < FILE_HEADER_BYTES) {
    const expected = `${FILE_HEADER_BYTES} bytes of header`;
    return { offset: bytes.length, expected, found: 'the end of the file' };
  }
  const wrongAt = kind.mark.findIndex((byte, index) => bytes[index] !== byte);
  if (wrongAt >= 0) {
    return { offset: wrongAt, expected: `the mark of ${kind.what}`, found: 'other bytes' };
  }
  const stored = get32(bytes, CRC_AT);
  const actual = crcOf(bytes);
  if (stored !== actual) {
    const expected = `checksum ${hex32(stored)} of the header`;
    return { offset: CRC_AT, expected, found: hex32(actual) };
  }
  const version = get32(bytes, VERSION_AT);
  if (version !== kind.version) {
    const expected = `version ${kind.version}`;
    return { offset: VERSION_AT, expected, found: `version ${version}` };
  }
  const zeros = bytes.subarray(ZEROS_AT, FILE_HEADER_BYTES);
  if (kind.longFields.some((at) => !fits64(bytes, at)) || zeros.some((byte) => byte !== 0)) {
    const offset = kind.longFields[0] ?? ZEROS_AT;
    return { offset, expected: 'a header of this version', found: 'numbers beyond it' };
  }
  return undefined;
}

function crcOf(bytes: Uint8Array): number {
  return crc32(bytes, VERSION_AT, FILE_HEADER_BYTES - VERSION_AT);
}
