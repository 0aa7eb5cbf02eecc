/**
 * From a directory to data: takes the lock, finds the newest manifest that counts, reads all logs
 * to their settled ends, cuts what was torn, and says what is to be loaded and replayed and where
 * each log goes on. Nothing is loaded here: shards do that, each its own part, at once.
 *
 * A manifest that does not hold is passed over only when the one before it tells everything still:
 * its snapshot is there and the logs since then have no gap. Everything else that is damaged is
 * refused, with file, offset, expected and found. What was cut or passed over is reported.
 * Cost: one read of all logs behind the snapshot's cut.
 */
import { Fault } from '@kora/core/control';
import { replaceFile, readWhole } from '../disk/files.ts';
import type { Files } from '../disk/files.ts';
import { CorruptFileFault } from '../errors.ts';
import type { Damage } from '../errors.ts';
import { SHARD_COUNT_MAX } from '../limits.ts';
import { parseSegmentName } from '../log/log-segment.ts';
import type { TornTail } from '../log/log-scan.ts';
import { decodeManifest, encodeManifest, manifestName, parseManifestName } from './manifest.ts';
import type { LogSet, Manifest } from './manifest.ts';
import { lockDirectory, tryRemove } from './directory-lock.ts';
import type { DirectoryLock } from './directory-lock.ts';
import type { ProcessTable } from './process-table.ts';
import { missingPart } from './named-part.ts';
import { cutLogSet, scanLogSet } from './recover-logs.ts';
import type { RecoveredLog } from './recover-logs.ts';

/** What a directory is opened with. */
export interface RecoveryOptions {
  readonly directory: string;
  /** Shards that the engine will have; another number than before begins a new log set. */
  readonly shardCount: number;
  readonly processes: ProcessTable;
  readonly nowMs: number;
}

/** One thing that the operator is told of. */
export type RecoveryReport =
  | { readonly kind: 'torn-tail'; readonly tail: TornTail }
  | {
    readonly kind: 'unsettled'; readonly path: string; readonly offset: number;
    readonly transaction: number;
  }
  | { readonly kind: 'manifest-passed-over'; readonly damage: Damage }
  | { readonly kind: 'removed'; readonly path: string };

/** Where the log of a shard goes on. */
export interface NextLog {
  readonly logSet: number;
  readonly shard: number;
  readonly nextSequence: number;
  readonly nextSegment: number;
}

/** A directory that is open, and what is to be loaded from it. */
export interface RecoveredStore {
  readonly directory: string;
  readonly lock: DirectoryLock;
  readonly manifest: Manifest;
  /** Paths of the snapshot's parts: to be loaded first, by whom each key belongs to. */
  readonly partPaths: readonly string[];
  /** Logs to be replayed behind it: all of one set before the next set. */
  readonly logs: readonly (readonly RecoveredLog[])[];
  /** For each shard of the engine. */
  readonly next: readonly NextLog[];
  /**
   * Greatest number of a transaction over several shards in any log: numbers go on behind it, so
   * that a part which is there is never taken for one of another transaction.
   */
  readonly lastTransaction: number;
  readonly reports: readonly RecoveryReport[];
}

/**
 * Opens a directory, making it when it is not there.
 * @throws {Fault} `DIRECTORY_IN_USE`, `INVALID_OPTION`; {CorruptFileFault}; {DiskFault}
 */
export function recoverStore(files: Files, options: RecoveryOptions): RecoveredStore {
  const { directory, shardCount } = options;
  if (!Number.isInteger(shardCount) || shardCount < 1 || shardCount > SHARD_COUNT_MAX) {
    throw new Fault('INVALID_OPTION', `shardCount is ${shardCount}: 1 to ${SHARD_COUNT_MAX}`);
  }
  files.makeDirectory(directory);
  const lock = lockDirectory(files, directory, options.processes);
  try {
    return recoverLocked(files, options, lock);
  } catch (error) {
    tryRemove(files, lock.path);
    throw error;
  }
}

function recoverLocked(
  files: Files, options: RecoveryOptions, lock: DirectoryLock,
): RecoveredStore {
  const { directory, shardCount } = options;
  const reports: RecoveryReport[] = [];
  const names = files.list(directory).filter((name) => {
    if (!name.endsWith('.tmp')) return true;
    files.unlink(`${directory}/${name}`);
    return false;
  });
  const found = findManifest(files, directory, names, reports)
    ?? firstManifest(files, options, names);
  const logs: RecoveredLog[][] = [];
  let lastTransaction = 0;
  for (const set of found.logSets) {
    const scans = scanLogSet(files, names, directory, set);
    for (const { parts } of scans) {
      for (const part of parts) lastTransaction = Math.max(lastTransaction, part.transaction);
    }
    logs.push(cutLogSet(files, names, directory, set, scans, reports));
  }
  const last = found.logSets.at(-1);
  const lastLogs = logs.at(-1);
  if (last === undefined || lastLogs === undefined) throw new Fault('ENGINE_FAILED', 'no log set');
  const manifest = last.shardCount === shardCount
    ? found : beginLogSet(files, options, found, lastLogs);
  removeUnnamedParts(files, directory, names, manifest, reports);
  const next = manifest === found
    ? lastLogs.map(({ shard, lastSequence, nextSegment }): NextLog => ({
      logSet: last.logSet, shard, nextSequence: lastSequence + 1, nextSegment,
    }))
    : Array.from({ length: shardCount }, (_, shard): NextLog => ({
      logSet: last.logSet + 1, shard, nextSequence: 1, nextSegment: 1,
    }));
  const partPaths = manifest.parts.map((part) => `${directory}/${part.name}`);
  return { directory, lock, manifest, partPaths, logs, next, lastTransaction, reports };
}

/** Reads a manifest file. */
export function readManifestFile(files: Files, path: string): Manifest | Damage {
  const manifest = decodeManifest(readWhole(files, path));
  return 'expected' in manifest ? { path, ...manifest } : manifest;
}

/**
 * The newest manifest that counts; undefined in a directory without any.
 * @param reports gets the damaged ones that it stands for
 * @throws {CorruptFileFault}
 */
export function findManifest(
  files: Files, directory: string, names: readonly string[], reports: RecoveryReport[],
): Manifest | undefined {
  const own = names.filter((name) => parseManifestName(name) !== undefined).sort().reverse();
  let damage: Damage | undefined;
  for (const name of own) {
    const path = `${directory}/${name}`;
    const manifest = readManifestFile(files, path);
    if ('expected' in manifest) {
      damage ??= manifest;
      reports.push({ kind: 'manifest-passed-over', damage: manifest });
      continue;
    }
    if (manifest.number !== parseManifestName(name)) {
      const expected = `manifest ${parseManifestName(name)}`;
      throw new CorruptFileFault({ path, offset: 0, expected, found: String(manifest.number) });
    }
    if (damage !== undefined) checkTellsAll(names, manifest, damage);
    const missing = missingPart(directory, names, manifest);
    if (missing !== undefined) throw new CorruptFileFault(missing);
    return manifest;
  }
  if (damage !== undefined) throw new CorruptFileFault(damage);
  return undefined;
}

/** An older manifest may stand for a damaged one only when no log set came after it. */
function checkTellsAll(names: readonly string[], manifest: Manifest, damage: Damage): void {
  const lastSet = manifest.logSets.at(-1)?.logSet ?? 0;
  const isNewer = names.some((name) => (parseSegmentName(name)?.logSet ?? 0) > lastSet);
  if (isNewer) throw new CorruptFileFault(damage);
}

/** The manifest of a new directory. Data without a manifest is not a new directory. */
function firstManifest(
  files: Files, options: RecoveryOptions, names: readonly string[],
): Manifest {
  const { directory, shardCount, nowMs } = options;
  const missing = missingManifest(directory, names);
  if (missing !== undefined) throw new CorruptFileFault(missing);
  const manifest: Manifest = {
    number: 1, createdMs: nowMs, parts: [], logSets: [newLogSet(1, shardCount)],
  };
  putManifest(files, directory, manifest);
  return manifest;
}

/** Data in a directory without any manifest; undefined: there is none, so it is a new directory. */
export function missingManifest(directory: string, names: readonly string[]): Damage | undefined {
  const data = names.find((name) => /^(wal|snapshot)-\d/.test(name));
  if (data === undefined) return undefined;
  const path = `${directory}/${manifestName(1)}`;
  return { path, offset: 0, expected: `the manifest of ${data}`, found: 'no such file' };
}

function newLogSet(logSet: number, shardCount: number): LogSet {
  const cuts = Array.from({ length: shardCount }, () => 0);
  return { logSet, shardCount, cuts, ends: null };
}

/** Ends the logs of another number of shards, and begins a set for this one. */
function beginLogSet(
  files: Files, options: RecoveryOptions, before: Manifest, logs: readonly RecoveredLog[],
): Manifest {
  const ended = before.logSets.map((set): LogSet => (
    set.ends === null ? { ...set, ends: logs.map((log) => log.lastSequence) } : set
  ));
  const last = ended.at(-1)?.logSet ?? 0;
  const manifest: Manifest = {
    ...before, number: before.number + 1, createdMs: options.nowMs,
    logSets: [...ended, newLogSet(last + 1, options.shardCount)],
  };
  putManifest(files, options.directory, manifest);
  return manifest;
}

/** Commits a manifest. @throws {DiskFault} */
export function putManifest(files: Files, directory: string, manifest: Manifest): void {
  replaceFile(files, directory, manifestName(manifest.number), encodeManifest(manifest));
}

/** Parts of snapshots that were not finished, or that nobody names any more. */
function removeUnnamedParts(
  files: Files, directory: string, names: readonly string[], manifest: Manifest,
  reports: RecoveryReport[],
): void {
  const named = new Set(manifest.parts.map((part) => part.name));
  for (const name of names) {
    const number = parseManifestName(name);
    if (number === undefined || number >= manifest.number) continue;
    const older = readManifestFile(files, `${directory}/${name}`);
    if (!('expected' in older)) for (const part of older.parts) named.add(part.name);
  }
  for (const name of names) {
    if (!/^snapshot-\d+-\d+\.part$/.test(name) || named.has(name)) continue;
    const path = `${directory}/${name}`;
    files.unlink(path);
    reports.push({ kind: 'removed', path });
  }
}
