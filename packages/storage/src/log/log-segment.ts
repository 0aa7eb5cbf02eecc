/**
 * A segment's name and header. A log is a row of segments, numbered without gaps; the header says
 * whose it is and where in the log it begins, so that a file in the wrong place is recognised.
 */
import { damageOfFileHeader, encodeFileHeader } from '../bytes/file-header.ts';
import type { FileHeaderKind } from '../bytes/file-header.ts';
import { get32, get64, put32, put64 } from '../bytes/words.hot.ts';
import type { DamageAt } from '../errors.ts';
import { LOG_VERSION, SEGMENT_MAGIC } from './log-layout.ts';

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

const segmentKind: FileHeaderKind = {
  what: 'a log segment', mark: SEGMENT_MAGIC, version: LOG_VERSION, longFields: [32, 40],
};

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
  return encodeFileHeader(segmentKind, (bytes) => {
    put32(bytes, 16, header.logSet);
    put32(bytes, 20, header.shard);
    put32(bytes, 24, header.shardCount);
    put32(bytes, 28, header.number);
    put64(bytes, 32, header.firstSequence);
    put64(bytes, 40, header.createdMs);
    put32(bytes, 48, header.tag);
  });
}

/** Reads a header; what does not fit comes back as damage. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader | DamageAt {
  const damage = damageOfFileHeader(bytes, segmentKind);
  if (damage !== undefined) return damage;
  return {
    logSet: get32(bytes, 16), shard: get32(bytes, 20), shardCount: get32(bytes, 24),
    number: get32(bytes, 28), firstSequence: get64(bytes, 32), createdMs: get64(bytes, 40),
    tag: get32(bytes, 48),
  };
}
