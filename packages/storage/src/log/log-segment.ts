/**
 * A segment's name and header. A log is a row of segments, numbered without gaps; the header says
 * whose it is and where in the log it begins, so that a file in the wrong place is recognised.
 */
import { get32, get64, fits64, put32, put64 } from '../bytes/words.hot.ts';
import { crc32 } from '../crc/crc32.ts';
import type { Damage } from '../errors.ts';
import { LOG_VERSION, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC } from './log-layout.ts';

/** What the header of a segment says. */
export interface SegmentHeader {
  /** Counts the log sets of a directory: a new one begins where the number of shards changes. */
  readonly logSet: number;
  readonly shard: number;
  readonly shardCount: number;
  /** 1, 2, ... inside the log set. */
  readonly number: number;
  /** Sequence of the first record that may stand in it. */
  readonly firstSequence: number;
  readonly createdMs: number;
  /** Same in all frames of the segment; frames of others do not pass for its own. */
  readonly tag: number;
}

const CRC_AT = 8;
const COVERED_AT = 12;
const ZEROS_AT = 52;

/** `wal-000001-003-00000012.log`: log set, shard, number. */
export function segmentName(logSet: number, shard: number, number: number): string {
  const set = String(logSet).padStart(6, '0');
  return `wal-${set}-${String(shard).padStart(3, '0')}-${String(number).padStart(8, '0')}.log`;
}

/** What a segment's name says; undefined for another file's. */
export function parseSegmentName(
  name: string,
): { readonly logSet: number; readonly shard: number; readonly number: number } | undefined {
  const match = /^wal-(\d{6,10})-(\d{3})-(\d{8,10})\.log$/.exec(name);
  if (match === null) return undefined;
  return { logSet: Number(match[1]), shard: Number(match[2]), number: Number(match[3]) };
}

/** The header's bytes. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  bytes.set(SEGMENT_MAGIC);
  put32(bytes, 12, LOG_VERSION);
  put32(bytes, 16, header.logSet);
  put32(bytes, 20, header.shard);
  put32(bytes, 24, header.shardCount);
  put32(bytes, 28, header.number);
  put64(bytes, 32, header.firstSequence);
  put64(bytes, 40, header.createdMs);
  put32(bytes, 48, header.tag);
  put32(bytes, CRC_AT, crc32(bytes, COVERED_AT, SEGMENT_HEADER_BYTES - COVERED_AT));
  return bytes;
}

/** What is wrong with a header. */
export type HeaderDamage = Pick<Damage, 'offset' | 'expected' | 'found'>;

/** Reads a header; what does not fit comes back as damage. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader | HeaderDamage {
  if (bytes.length < SEGMENT_HEADER_BYTES) {
    const expected = `${SEGMENT_HEADER_BYTES} bytes of header`;
    return { offset: bytes.length, expected, found: 'the end of the file' };
  }
  const wrongAt = SEGMENT_MAGIC.findIndex((byte, index) => bytes[index] !== byte);
  if (wrongAt >= 0) {
    return { offset: wrongAt, expected: 'the mark of a log segment', found: 'other bytes' };
  }
  const stored = get32(bytes, CRC_AT);
  const actual = crc32(bytes, COVERED_AT, SEGMENT_HEADER_BYTES - COVERED_AT);
  if (stored !== actual) {
    const expected = `checksum ${hex32(stored)} of the header`;
    return { offset: CRC_AT, expected, found: hex32(actual) };
  }
  const version = get32(bytes, 12);
  if (version !== LOG_VERSION) {
    return { offset: 12, expected: `version ${LOG_VERSION}`, found: `version ${version}` };
  }
  const zeros = bytes.subarray(ZEROS_AT, SEGMENT_HEADER_BYTES);
  if (!fits64(bytes, 32) || !fits64(bytes, 40) || zeros.some((byte) => byte !== 0)) {
    return { offset: 32, expected: 'a header of this version', found: 'numbers beyond it' };
  }
  return {
    logSet: get32(bytes, 16), shard: get32(bytes, 20), shardCount: get32(bytes, 24),
    number: get32(bytes, 28), firstSequence: get64(bytes, 32), createdMs: get64(bytes, 40),
    tag: get32(bytes, 48),
  };
}

/** A checksum for messages. */
export function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
