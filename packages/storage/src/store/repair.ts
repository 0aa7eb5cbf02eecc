/**
 * Makes a damaged directory one that opens, by leaving out what cannot be believed: damaged logs
 * end where they stop to hold, damaged manifests are set aside for the newest one that holds.
 * Where nothing but segments is damaged that lie before the snapshot, they go and cost nothing; a
 * damaged snapshot costs nothing either while the logs reach back to their first records.
 * Everything that is changed or removed is copied first, to a directory inside, durably. What a
 * repair cannot do without guessing it refuses: a damaged snapshot without an older one behind it
 * whose logs begin later, a directory without any manifest that holds.
 */
import { Fault } from '@kora/core/control';
import { OpenMode, readWhole, writeAll } from '../disk/files.ts';
import type { Files } from '../disk/files.ts';
import { CorruptFileFault } from '../errors.ts';
import type { Damage } from '../errors.ts';
import { cutLog } from '../log/log-cut.ts';
import { salvageLog, segmentNamesOf } from '../log/log-scan.ts';
import type { LogName, LogScan } from '../log/log-scan.ts';
import { lockDirectory } from './directory-lock.ts';
import { parseManifestName } from './manifest.ts';
import type { LogSet, Manifest } from './manifest.ts';
import type { ProcessTable } from './process-table.ts';
import { missingManifest, putManifest, readManifestFile } from './recovery.ts';
import { firstSequenceOf } from './snapshot-commit.ts';
import { damageOfSnapshot } from './verify.ts';

/** What a repair did to one file; `damage` is why. */
export interface RepairStep {
  /** `superfluous`: removed, and nothing is lost by it, for the snapshot or the logs have it. */
  readonly action: 'cut' | 'removed' | 'superfluous';
  readonly path: string;
  /** Bytes that the file has now, 0 when it is gone. */
  readonly bytes: number;
  readonly damage: Damage;
}

/** What a repair did. */
export interface RepairResult {
  /** Where the files lie as they were; undefined when nothing had to be changed. */
  readonly copyDirectory: string | undefined;
  readonly steps: readonly RepairStep[];
}

const NOTHING_ELSE = 'no older whole state stands behind it, so a repair would have to guess: ' +
  'nothing was changed';

/** State of one repair. */
class Repair {
  readonly #files: Files;
  readonly #directory: string;
  readonly #copyDirectory: string;
  readonly steps: RepairStep[] = [];

  constructor(files: Files, directory: string, nowMs: number) {
    this.#files = files;
    this.#directory = directory;
    this.#copyDirectory = `${directory}/repair-${nowMs}`;
  }

  get copyDirectory(): string | undefined {
    return this.steps.length === 0 ? undefined : this.#copyDirectory;
  }

  /** The newest manifest whose snapshot holds; newer ones are set aside. */
  settleManifest(): Manifest {
    const names = this.#files.list(this.#directory)
      .filter((name) => parseManifestName(name) !== undefined).sort().reverse();
    const damaged: [string, Damage][] = [];
    for (const name of names) {
      const manifest = readManifestFile(this.#files, `${this.#directory}/${name}`);
      const damage = 'expected' in manifest ? manifest : this.#snapshotDamage(manifest);
      if (damage !== undefined) {
        damaged.push([name, damage]);
        continue;
      }
      if ('expected' in manifest) continue;
      this.#keepAll([...damaged.map(([each]) => each)]);
      for (const [each, why] of damaged) this.#remove(`${this.#directory}/${each}`, why);
      return manifest;
    }
    const [first] = damaged;
    if (first === undefined) {
      const missing = missingManifest(this.#directory, this.#files.list(this.#directory));
      if (missing !== undefined) throw new CorruptFileFault(missing, NOTHING_ELSE);
      throw new Fault('INVALID_ARGUMENT', `${this.#directory} has no manifest: nothing to repair`);
    }
    const [name, damage] = first;
    const read = readManifestFile(this.#files, `${this.#directory}/${name}`);
    const byLogs = 'expected' in read ? undefined : this.#withoutSnapshot(read, name, damage);
    if (byLogs !== undefined) return byLogs;
    throw new CorruptFileFault(damage, NOTHING_ELSE);
  }

  /**
   * A manifest by which the logs alone are the data; undefined where they do not reach back to the
   * beginning. Only the first log set begins with nothing.
   */
  #withoutSnapshot(
    manifest: Manifest, name: string, damage: Damage,
  ): Manifest | undefined {
    const [set, ...more] = manifest.logSets;
    if (set?.logSet !== 1 || more.length > 0) return undefined;
    const names = this.#files.list(this.#directory);
    for (const [shard, cut] of set.cuts.entries()) {
      const scan = salvageLog(this.#files, names, this.#logName(set, shard));
      if (scan.firstSequence !== 1 || scan.lastSequence < cut) return undefined;
    }
    const parts = manifest.parts.map((part) => part.name).filter((part) => names.includes(part));
    this.#keepAll([name, ...parts]);
    const logSets = [{ ...set, cuts: set.cuts.map(() => 0) }];
    const byLogs = { ...manifest, number: manifest.number + 1, parts: [], logSets };
    putManifest(this.#files, this.#directory, byLogs);
    for (const each of [name, ...parts]) {
      this.#remove(`${this.#directory}/${each}`, damage, 'superfluous');
    }
    return byLogs;
  }

  #snapshotDamage(manifest: Manifest): Damage | undefined {
    const present = this.#files.list(this.#directory);
    return damageOfSnapshot(this.#files, this.#directory, present, manifest);
  }

  /** Ends each log of a set where it stops to hold. @returns the set, with the ends it has now */
  repairLogs(set: LogSet): LogSet {
    const lasts = set.cuts.map((cut, shard) => {
      const log = this.#logName(set, shard);
      this.#removeSuperfluous(log, cut);
      const names = this.#files.list(this.#directory);
      const scan = salvageLog(this.#files, names, log);
      this.#checkStart(scan, cut);
      this.#cut(names, log, scan);
      return Math.max(cut, scan.lastSequence);
    });
    return set.ends === null ? set : { ...set, ends: lasts };
  }

  #logName({ logSet, shardCount }: LogSet, shard: number): LogName {
    return { directory: this.#directory, logSet, shard, shardCount };
  }

  /** Segments that lie before the snapshot's cut go when more of the log holds without them. */
  #removeSuperfluous(log: LogName, cut: number): void {
    const names = this.#files.list(this.#directory);
    const { tornTail, lastSequence } = salvageLog(this.#files, names, log);
    if (tornTail === undefined) return;
    const own = segmentNamesOf(names, log);
    const begins = own.map((name) => firstSequenceOf(this.#files, `${this.#directory}/${name}`));
    const superfluous = own.slice(0, Math.max(0, begins.findLastIndex((at) => at <= cut + 1)));
    const others = names.filter((name) => !superfluous.includes(name));
    if (salvageLog(this.#files, others, log).lastSequence <= lastSequence) return;
    this.#keepAll(superfluous);
    for (const name of superfluous) {
      this.#remove(`${this.#directory}/${name}`, tornTail, 'superfluous');
    }
  }

  /** Records before the log begins cannot be had back by leaving something out. */
  #checkStart(scan: LogScan, cut: number): void {
    const [first] = scan.segments;
    if (first === undefined || scan.firstSequence <= cut + 1) return;
    throw new CorruptFileFault({
      path: first.path, offset: 0, expected: `a log from sequence ${cut + 1} on`,
      found: `one from ${scan.firstSequence} on`,
    });
  }

  #cut(names: readonly string[], log: LogName, scan: LogScan): void {
    const { tornTail } = scan;
    if (tornTail === undefined) return;
    const kept = new Map(scan.segments.map((segment) => [segment.path, segment]));
    const changed = segmentNamesOf(names, log).filter((name) => {
      const segment = kept.get(`${this.#directory}/${name}`);
      return segment === undefined || segment.endBytes < segment.fileBytes;
    });
    this.#keepAll(changed);
    cutLog(this.#files, names, log, scan);
    for (const name of changed) {
      const path = `${this.#directory}/${name}`;
      const bytes = kept.get(path)?.endBytes ?? 0;
      const action = kept.has(path) ? 'cut' : 'removed';
      this.steps.push({ action, path, bytes, damage: tornTail });
    }
  }

  #remove(path: string, damage: Damage, action: RepairStep['action'] = 'removed'): void {
    this.#files.unlink(path);
    this.#files.syncDirectory(this.#directory);
    this.steps.push({ action, path, bytes: 0, damage });
  }

  /** Copies files aside, durably, before anything is done to them. */
  #keepAll(names: readonly string[]): void {
    if (names.length === 0) return;
    this.#files.makeDirectory(this.#copyDirectory);
    for (const name of names) {
      const bytes = readWhole(this.#files, `${this.#directory}/${name}`);
      const file = this.#files.open(`${this.#copyDirectory}/${name}`, OpenMode.Create);
      try {
        writeAll(this.#files, file, bytes, 0);
        this.#files.sync(file);
      } finally {
        this.#files.close(file);
      }
    }
    this.#files.syncDirectory(this.#copyDirectory);
    this.#files.syncDirectory(this.#directory);
  }
}

/**
 * Repairs a directory that recovery refuses.
 * @param nowMs names the directory of the copies
 * @throws {Fault} `DIRECTORY_IN_USE`; {CorruptFileFault} what cannot be repaired; {DiskFault}
 */
export function repairDirectory(
  files: Files, directory: string, processes: ProcessTable, nowMs: number,
): RepairResult {
  const lock = lockDirectory(files, directory, processes);
  try {
    const repair = new Repair(files, directory, nowMs);
    const manifest = repair.settleManifest();
    const logSets = manifest.logSets.map((set) => repair.repairLogs(set));
    const hasChanged = JSON.stringify(logSets) !== JSON.stringify(manifest.logSets);
    if (hasChanged) {
      putManifest(files, directory, { ...manifest, number: manifest.number + 1, logSets });
    }
    return { copyDirectory: repair.copyDirectory, steps: repair.steps };
  } finally {
    lock.release();
  }
}
