/**
 * The logs of one set: read, held against what the manifest says of them, and cut to the place
 * where every transaction over several shards is there as a whole.
 */
import { assert } from '@kora/core/control';
import type { Files } from '../disk/files.ts';
import { CorruptFileFault } from '../errors.ts';
import { SEGMENT_HEADER_BYTES } from '../log/log-layout.ts';
import { cutLog } from '../log/log-cut.ts';
import type { LogPlace } from '../log/log-cut.ts';
import type { ReplaySegment } from '../log/log-replay.ts';
import { scanLog, segmentNamesOf } from '../log/log-scan.ts';
import type { LogName, LogScan } from '../log/log-scan.ts';
import { segmentName } from '../log/log-segment.ts';
import { settledCounts } from '../log/settled.ts';
import type { LogSet } from './manifest.ts';
import type { RecoveryReport } from './recovery.ts';

/** The log of one shard, ready to be replayed. */
export interface RecoveredLog {
  readonly logSet: number;
  readonly shard: number;
  readonly segments: readonly ReplaySegment[];
  /** Replay begins with this sequence. */
  readonly fromSequence: number;
  readonly lastSequence: number;
  /** Number of the segment that would be made next. */
  readonly nextSegment: number;
}

function logName(directory: string, set: LogSet, shard: number): LogName {
  return { directory, logSet: set.logSet, shard, shardCount: set.shardCount };
}

/**
 * Reads all logs of a set.
 * @throws {CorruptFileFault} when one is damaged, or does not reach from the snapshot to its end
 */
export function scanLogSet(
  files: Files, names: readonly string[], directory: string, set: LogSet,
): LogScan[] {
  return set.cuts.map((cut, shard) => {
    const log = logName(directory, set, shard);
    const scan = scanLog(files, names, log);
    const path = scan.segments[0]?.path ?? `${directory}/${segmentName(set.logSet, shard, 1)}`;
    const refuse = (expected: string, found: string): never => {
      throw new CorruptFileFault({ path, offset: 0, expected, found });
    };
    if (scan.segments.length > 0 && scan.firstSequence > cut + 1) {
      refuse(`a log from sequence ${cut + 1} on`, `one from ${scan.firstSequence} on`);
    }
    const end = set.ends?.[shard];
    if (end === undefined) return scan;
    const last = scan.segments.length === 0 ? cut : Math.max(cut, scan.lastSequence);
    if (last !== end) refuse(`a log up to sequence ${end}`, `one up to ${last}`);
    return scan;
  });
}

/** Cuts the logs of a set to their settled ends. @throws {DiskFault} */
export function cutLogSet(
  files: Files, names: readonly string[], directory: string, set: LogSet,
  scans: readonly LogScan[], reports: RecoveryReport[],
): RecoveredLog[] {
  // What the snapshot holds was settled when its cut was made.
  const logs = scans.map((scan, shard) => ({
    shard, parts: scan.parts.filter((part) => part.sequenceBefore >= (set.cuts[shard] ?? 0)),
  }));
  const counts = settledCounts(logs);
  return scans.map((scan, shard): RecoveredLog => {
    const log = logName(directory, set, shard);
    const cut = set.cuts[shard] ?? 0;
    const unsettled = logs[shard]?.parts[counts[shard] ?? 0];
    if (scan.tornTail !== undefined) reports.push({ kind: 'torn-tail', tail: scan.tornTail });
    let place: LogPlace | undefined;
    let lastSequence = scan.lastSequence;
    if (unsettled !== undefined) {
      place = { segmentIndex: unsettled.segmentIndex, offset: unsettled.offset };
      lastSequence = unsettled.sequenceBefore;
      const path = scan.segments[unsettled.segmentIndex]?.path ?? '';
      const { transaction, offset } = unsettled;
      reports.push({ kind: 'unsettled', path, offset, transaction });
    }
    const segments = cutLog(files, names, log, scan, place);
    const about = { logSet: set.logSet, shard, fromSequence: cut + 1 };
    const lastNumber = scan.segments[segments.length - 1]?.header.number ?? 0;
    if (segments.length === 0 || lastSequence < cut) {
      // The log had not come as far as the snapshot: all of it is in there.
      removeSegments(files, names, log);
      return { ...about, segments: [], lastSequence: cut, nextSegment: lastNumber + 1 };
    }
    const last = segments.at(-1);
    assert(last !== undefined, 'a log with segments has a last one');
    // A segment without frames is made again, so that restarts do not pile them up.
    const isEmpty = last.endBytes === SEGMENT_HEADER_BYTES;
    return {
      ...about, segments, lastSequence, nextSegment: isEmpty ? lastNumber : lastNumber + 1,
    };
  });
}

/** Removes all segments of a log, the last one first. */
function removeSegments(files: Files, names: readonly string[], log: LogName): void {
  const present = new Set(files.list(log.directory));
  for (const name of segmentNamesOf(names, log).reverse()) {
    if (!present.has(name)) continue;
    files.unlink(`${log.directory}/${name}`);
    files.syncDirectory(log.directory);
  }
}
