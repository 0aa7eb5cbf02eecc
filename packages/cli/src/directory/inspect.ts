/**
 * `kora inspect`: what lies in a directory, or in one file of it, and whether it holds. Changes
 * nothing and needs no lock. Ends with 1 when something is damaged, so that scripts can ask: of a
 * directory, when recovery would refuse it or there is no data in it. The end of a log that was not
 * closed may be torn without being damaged, which is said.
 */
import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { Fault } from '@kora/core/control';
import {
  damageOfDirectory, inspectDirectory, inspectFile, inspectSegment, NodeFiles,
} from '@kora/storage';
import type { Damage, FileSummary } from '@kora/storage';
import { recordLine } from './record-line.ts';

/** Where lines go. */
export type WriteLine = (line: string) => void;

/**
 * Shows a directory or a file.
 * @param showsRecords every record of the logs as a line
 * @returns true when all of it holds
 * @throws {DiskFault}
 */
export function inspect(path: string, showsRecords: boolean, write: WriteLine): boolean {
  const files = new NodeFiles();
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new Fault('INVALID_ARGUMENT', `${path}: there is no such file`);
  const isDirectory = stats.isDirectory();
  const directory = isDirectory ? path : dirname(path).replace(/\/$/, '');
  const summaries = isDirectory
    ? inspectDirectory(files, path) : [inspectFile(files, directory, basename(path))];
  const refused = isDirectory ? damageOfDirectory(files, path, summaries) : undefined;
  const lastSegments = lastSegmentsOf(summaries);
  let holds = true;
  for (const summary of summaries) {
    write(lineOf(summary));
    if (showsRecords && summary.kind === 'segment') {
      inspectSegment(files, `${directory}/${summary.name}`, summary.name, (record, sequence) => {
        write(`  ${recordLine(record, sequence)}`);
      });
    }
    const { damage } = summary;
    if (damage === undefined) continue;
    write(`  ${damageLine(damage)}`);
    if (!lastSegments.has(summary.name)) holds = false;
    else if (refused?.path !== `${directory}/${summary.name}`) write(`  ${tornLine(isDirectory)}`);
  }
  if (!summaries.some(({ kind }) => isOfStore(kind))) {
    if (isDirectory) write(`${path}: there is no data of an engine in it`);
    return false;
  }
  if (refused === undefined) return holds;
  write(`recovery refuses this directory: ${refused.path} at byte ${refused.offset}, ` +
    `expected ${refused.expected}, found ${refused.found}`);
  write(`kora repair ${path} makes it open again where that takes no guess, and says the cost`);
  return false;
}

function isOfStore(kind: FileSummary['kind']): boolean {
  return kind === 'segment' || kind === 'part' || kind === 'manifest';
}

/** What becomes of a log's end that does not hold. */
function tornLine(isJudged: boolean): string {
  const unless = isJudged ? '' : ', unless it had been durable';
  return `it is the end of a log: recovery cuts it off there${unless}`;
}

/** Names of the segments that logs end with. */
function lastSegmentsOf(summaries: readonly FileSummary[]): Set<string> {
  const last = new Map<string, string>();
  for (const { kind, name } of summaries) {
    if (kind === 'segment') last.set(name.slice(0, name.lastIndexOf('-')), name);
  }
  return new Set(last.values());
}

function damageLine({ offset, expected, found }: Damage): string {
  return `stops to hold at byte ${offset}: expected ${expected}, found ${found}`;
}

function lineOf(summary: FileSummary): string {
  const { name, bytes } = summary;
  const start = `${name}: ${bytes} bytes, `;
  switch (summary.kind) {
    case 'segment': {
      const { header, frameCount, recordCount, lastSequence, partCount } = summary;
      if (header === undefined) return `${start}a segment of a log without its header`;
      const { shard, shardCount, firstSequence } = header;
      const parts = partCount === 0 ? '' : `, ${partCount} parts of transactions`;
      const range = recordCount === 0 ? '' : ` (${firstSequence} to ${lastSequence})`;
      return `${start}log of shard ${shard} of ${shardCount}: ${recordCount} records${range} in ` +
        `${frameCount} frames${parts}`;
    }
    case 'part': {
      const { header, entryCount, keyCount, graphCount } = summary;
      const cut = header === undefined ? '' : `, up to record ${header.cutSequence}`;
      const graphs = graphCount === 0 ? '' : ` (vector sets with their graph: ${graphCount})`;
      return `${start}snapshot of shard ${header?.shard ?? '?'}: ${entryCount} entries, ` +
        `${keyCount} keys${graphs}${cut}`;
    }
    case 'manifest': {
      const { manifest } = summary;
      if (manifest === undefined) return `${start}a manifest that does not hold`;
      const { number, parts, logSets } = manifest;
      const sets = logSets.map((set) => `${set.logSet} of ${set.shardCount} shards`).join(', ');
      return `${start}manifest ${number}: ${parts.length} snapshot parts, log sets ${sets}`;
    }
    case 'lock': return `${start}the lock of the engine that has the directory`;
    case 'unfinished': return `${start}not finished: removed at the next start`;
    default: return `${start}not one of Kora's files`;
  }
}
