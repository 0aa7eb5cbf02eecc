/**
 * Makes a snapshot count, and lets go of what it makes superfluous. The manifest comes first and is
 * the one step that matters; what is removed afterwards may be removed at any later time as well:
 * older manifests beyond those that are kept, their parts, and segments of logs that no kept
 * manifest needs. A log keeps its last segment always.
 */
import { assert } from '@kora/core/control';
import { OpenMode } from '../disk/files.ts';
import type { Files } from '../disk/files.ts';
import { SEGMENT_HEADER_BYTES } from '../log/log-layout.ts';
import { segmentNamesOf } from '../log/log-scan.ts';
import { decodeSegmentHeader, parseSegmentName } from '../log/log-segment.ts';
import type { PartFacts } from '../snapshot/part-writer.ts';
import { partName } from '../snapshot/snapshot-layout.ts';
import type { Manifest } from './manifest.ts';
import { parseManifestName } from './manifest.ts';
import { putManifest, readManifestFile } from './recovery.ts';

/** A snapshot that is durable and is to count. */
export interface FinishedSnapshot {
  readonly parts: readonly PartFacts[];
  /** For each shard the last sequence that its part holds. */
  readonly cuts: readonly number[];
  readonly createdMs: number;
}

/**
 * The manifest by which a snapshot of the log set that is written counts.
 * @param before the manifest that counts now
 * @param number of the snapshot's parts, greater than that of any manifest in the directory
 */
export function manifestOf(
  before: Manifest, snapshot: FinishedSnapshot, number = before.number + 1,
): Manifest {
  const set = before.logSets.at(-1);
  assert(set !== undefined, 'a manifest has a log set');
  assert(snapshot.cuts.length === set.shardCount, 'every shard has a cut');
  assert(snapshot.parts.length === set.shardCount, 'every shard has a part');
  return {
    number, createdMs: snapshot.createdMs, parts: snapshot.parts,
    logSets: [{ ...set, cuts: snapshot.cuts }],
  };
}

/**
 * Commits a snapshot at once.
 * @param before as `manifestOf`, and `number`
 * @returns the manifest that counts from here on
 * @throws {DiskFault} the one before still counts then, or already the new one: both are right
 */
export function commitSnapshot(
  files: Files, directory: string, before: Manifest, snapshot: FinishedSnapshot,
  number = before.number + 1,
): Manifest {
  const manifest = manifestOf(before, snapshot, number);
  putManifest(files, directory, manifest);
  return manifest;
}

/** Files that are superfluous, by name, in the order in which they may go. */
export interface SuperfluousFiles {
  /** Older manifests: they go before what they name, durably, so none that is left misses any. */
  readonly manifests: readonly string[];
  readonly others: readonly string[];
}

/** Parts of a snapshot that was given up before its manifest had its name. @throws {DiskFault} */
export function givenUpFiles(files: Files, directory: string, number: number): SuperfluousFiles {
  const prefix = partName(number, 0).slice(0, -'000.part'.length);
  const others = files.list(directory).filter((name) => name.startsWith(prefix));
  return { manifests: [], others };
}

/**
 * What the newest `keepCount` manifests do not need.
 * @param keepCount at least 1; more keeps older snapshots, and the logs since the oldest of them
 * @throws {DiskFault}
 */
export function superfluousFiles(
  files: Files, directory: string, manifest: Manifest, keepCount: number,
): SuperfluousFiles {
  assert(keepCount >= 1, 'the manifest that counts is kept');
  const names = files.list(directory);
  const own = names.filter((name) => (parseManifestName(name) ?? 0) > 0).sort().reverse();
  const manifests: string[] = [];
  const kept: Manifest[] = [];
  for (const name of own) {
    const number = parseManifestName(name) ?? 0;
    if (number > manifest.number) continue;
    const read = number === manifest.number
      ? manifest : readManifestFile(files, `${directory}/${name}`);
    if ('expected' in read || kept.length >= keepCount) manifests.push(name);
    else kept.push(read);
  }
  const parts = new Set(kept.flatMap((each) => each.parts.map((part) => part.name)));
  const superfluousParts = names.filter((name) => {
    // Parts of a snapshot that is being written have a greater number.
    const number = Number(/^snapshot-(\d+)-\d+\.part$/.exec(name)?.[1] ?? NaN);
    return number <= manifest.number && !parts.has(name);
  });
  const segments = superfluousSegments(files, directory, names, kept);
  return { manifests, others: [...superfluousParts, ...segments] };
}

/**
 * Removes what the newest `keepCount` manifests do not need, at once.
 * @param keepCount as in `superfluousFiles`
 * @returns names of the files that were removed
 * @throws {DiskFault} what is left can be removed the next time
 */
export function removeSuperfluous(
  files: Files, directory: string, manifest: Manifest, keepCount: number,
): string[] {
  const { manifests, others } = superfluousFiles(files, directory, manifest, keepCount);
  for (const name of manifests) files.unlink(`${directory}/${name}`);
  if (manifests.length > 0) files.syncDirectory(directory);
  for (const name of others) files.unlink(`${directory}/${name}`);
  return [...manifests, ...others];
}

/** Segments that all lie before the cuts of all kept manifests. */
function superfluousSegments(
  files: Files, directory: string, names: readonly string[], kept: readonly Manifest[],
): string[] {
  const neededFrom = new Map<string, number>();
  for (const { logSets } of kept) {
    for (const { logSet, cuts } of logSets) {
      cuts.forEach((cut, shard) => {
        const key = `${logSet} ${shard}`;
        neededFrom.set(key, Math.min(neededFrom.get(key) ?? Infinity, cut + 1));
      });
    }
  }
  const superfluous: string[] = [];
  const seen = new Set<string>();
  for (const name of names) {
    const parsed = parseSegmentName(name);
    if (parsed === undefined) continue;
    const { logSet, shard } = parsed;
    const key = `${logSet} ${shard}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const segments = segmentNamesOf(names, { directory, logSet, shard, shardCount: 0 });
    const from = neededFrom.get(key);
    if (from === undefined) {
      superfluous.push(...segments);
      continue;
    }
    const begins = segments.map((segment) => firstSequenceOf(files, `${directory}/${segment}`));
    const firstNeeded = begins.findLastIndex((first) => first <= from);
    superfluous.push(...segments.slice(0, Math.max(0, firstNeeded)));
  }
  return superfluous;
}

/** First sequence of a segment; Infinity for one whose header does not hold (yet). */
export function firstSequenceOf(files: Files, path: string): number {
  const file = files.open(path, OpenMode.Read);
  try {
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
    const count = files.read(file, bytes, 0, bytes.length, 0);
    const header = decodeSegmentHeader(bytes.subarray(0, count));
    return 'expected' in header ? Infinity : header.firstSequence;
  } finally {
    files.close(file);
  }
}
