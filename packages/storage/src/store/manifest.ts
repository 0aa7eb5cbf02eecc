/**
 * The manifest: which snapshot counts, and where the logs go on from it. It is the commit point:
 * written when everything it names is durable, put in place in one step. Text, so that a person can
 * read it; its last line is the checksum of what stands before.
 *
 * Logs come in sets: a set has one log per shard, and a new one begins where the number of shards
 * changes. Recovery loads the parts, then replays the sets in order.
 */
import { crc32, hex32 } from '../crc/crc32.ts';
import type { DamageAt } from '../errors.ts';
import { MANIFEST_BYTES_MAX, SHARD_COUNT_MAX } from '../limits.ts';
import type { PartFacts } from '../snapshot/part-writer.ts';

/** Logs with one number of shards. */
export interface LogSet {
  readonly logSet: number;
  readonly shardCount: number;
  /** For each shard the last sequence that the snapshot holds: the log counts from the next on. */
  readonly cuts: readonly number[];
  /** For each shard its last sequence, of a set that is over; null while it is written. */
  readonly ends: readonly number[] | null;
}

/** What a directory holds. */
export interface Manifest {
  /** 1, 2, ...: the newest counts. */
  readonly number: number;
  readonly createdMs: number;
  /** Parts of the snapshot, of all shards that wrote it; none before the first snapshot. */
  readonly parts: readonly PartFacts[];
  /** In order; the last one is written. */
  readonly logSets: readonly LogSet[];
}

const FORMAT = 'kora-manifest';
const VERSION = 1;

/** `manifest-00000012` */
export function manifestName(number: number): string {
  return `manifest-${String(number).padStart(8, '0')}`;
}

/** The number in a manifest's name; undefined for another file's. */
export function parseManifestName(name: string): number | undefined {
  const match = /^manifest-(\d{8,12})$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** The manifest's bytes. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const text = `${JSON.stringify({ format: FORMAT, version: VERSION, ...manifest }, null, 1)}\n`;
  const bytes = new TextEncoder().encode(text);
  const line = new TextEncoder().encode(`crc32 ${hex32(crc32(bytes, 0, bytes.length))}\n`);
  const all = new Uint8Array(bytes.length + line.length);
  all.set(bytes);
  all.set(line, bytes.length);
  return all;
}

const CRC_LINE_BYTES = 'crc32 0x00000000\n'.length;

/** Reads a manifest; what does not hold comes back as damage. */
export function decodeManifest(bytes: Uint8Array): Manifest | DamageAt {
  if (bytes.length < CRC_LINE_BYTES || bytes.length > MANIFEST_BYTES_MAX) {
    return { offset: 0, expected: 'a manifest', found: `${bytes.length} bytes` };
  }
  const end = bytes.length - CRC_LINE_BYTES;
  const line = new TextDecoder('latin1').decode(bytes.subarray(end));
  const wanted = `crc32 ${hex32(crc32(bytes, 0, end))}\n`;
  if (line !== wanted) {
    return { offset: end, expected: wanted.trim(), found: JSON.stringify(line) };
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  } catch {
    return { offset: 0, expected: 'JSON', found: 'other text' };
  }
  const manifest = readManifest(value);
  if (manifest !== undefined) return manifest;
  const expected = `a manifest of version ${VERSION}`;
  return { offset: 0, expected, found: 'other fields or another version' };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isCounts(value: unknown, length: number): value is number[] {
  return Array.isArray(value) && value.length === length && value.every(isCount);
}

function readManifest(value: unknown): Manifest | undefined {
  const { format, version, number, createdMs, parts, logSets } = fieldsOf(value);
  if (format !== FORMAT || version !== VERSION || !isCount(number) || !isCount(createdMs)) {
    return undefined;
  }
  if (!Array.isArray(parts) || !Array.isArray(logSets) || logSets.length === 0) return undefined;
  const readParts = parts.map(readPart);
  const readSets = logSets.map(readLogSet);
  const isOrdered = readSets.every((set, index) => {
    const isLast = index === readSets.length - 1;
    const before = readSets[index - 1]?.logSet ?? 0;
    return set !== undefined && set.logSet > before && (set.ends === null) === isLast;
  });
  if (!isOrdered || readParts.includes(undefined)) return undefined;
  return {
    number, createdMs,
    parts: readParts.filter((part) => part !== undefined),
    logSets: readSets.filter((set) => set !== undefined),
  };
}

function readPart(value: unknown): PartFacts | undefined {
  const { name, shard, bytes, entryCount, blocksCrc } = fieldsOf(value);
  const isName = typeof name === 'string' && /^snapshot-\d{8,12}-\d{3}\.part$/.test(name);
  if (!isName || !isCount(shard) || !isCount(bytes)) return undefined;
  if (!isCount(entryCount) || !isCount(blocksCrc)) return undefined;
  return { name, shard, bytes, entryCount, blocksCrc };
}

function readLogSet(value: unknown): LogSet | undefined {
  const { logSet, shardCount, cuts, ends } = fieldsOf(value);
  if (!isCount(logSet) || !isCount(shardCount)) return undefined;
  if (shardCount === 0 || shardCount > SHARD_COUNT_MAX || !isCounts(cuts, shardCount)) {
    return undefined;
  }
  if (ends !== null && !isCounts(ends, shardCount)) return undefined;
  return { logSet, shardCount, cuts, ends };
}
