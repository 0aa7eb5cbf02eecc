/**
 * Cuts a log: a torn tail, or what is behind its settled end. Segments behind the cut go first,
 * the last one before the others, each durably, so that a loss of power in between leaves a log
 * without a gap that the next recovery cuts again to the same place.
 * What is left is durable when it returns, also where nothing was cut: a process that was killed
 * may have left its last records in the system's hands, and what follows relies on them. They are
 * written again where they are: if a sync had failed before, another one would not write them.
 * Cost: what a log may hold without being durable, LOG_BUFFER_BYTES_MAX, is read and written once.
 */
import { OpenMode, writeAll } from '../disk/files.ts';
import type { Files } from '../disk/files.ts';
import { READ_BYTES } from '../limits.ts';
import { segmentNamesOf } from './log-scan.ts';
import type { LogName, LogScan } from './log-scan.ts';
import type { ReplaySegment } from './log-replay.ts';

/** A place in a log: a segment of its scan, and a byte offset where a frame begins. */
export interface LogPlace {
  readonly segmentIndex: number;
  readonly offset: number;
}

/** Makes the first `length` bytes of the file durable, of which the first `from` are. */
function settleFile(files: Files, path: string, from: number, length: number): void {
  const file = files.open(path, OpenMode.Update);
  try {
    if (files.size(file) > length) files.truncate(file, length);
    const bytes = new Uint8Array(Math.min(READ_BYTES, Math.max(0, length - from)));
    for (let at = from; at < length;) {
      const count = files.read(file, bytes, 0, Math.min(bytes.length, length - at), at);
      if (count === 0) break;
      writeAll(files, file, bytes.subarray(0, count), at);
      at += count;
    }
    files.sync(file);
  } finally {
    files.close(file);
  }
}

/**
 * Makes a log end at `place`, or where its scan says when there is none.
 * @returns its segments, ready to be replayed
 * @throws {DiskFault}
 */
export function cutLog(
  files: Files, names: readonly string[], log: LogName, scan: LogScan, place?: LogPlace,
): ReplaySegment[] {
  const lastIndex = place?.segmentIndex ?? scan.segments.length - 1;
  const kept = scan.segments.slice(0, lastIndex + 1);
  const keptPaths = new Set(kept.map((segment) => segment.path));
  for (const name of segmentNamesOf(names, log).reverse()) {
    const path = `${log.directory}/${name}`;
    if (keptPaths.has(path)) break;
    files.unlink(path);
    files.syncDirectory(log.directory);
  }
  return kept.map((segment, index) => {
    const isLast = index === lastIndex;
    const endBytes = isLast && place !== undefined ? place.offset : segment.endBytes;
    const isSettled = scan.isClosed && endBytes === segment.fileBytes;
    if (isLast && !isSettled) settleFile(files, segment.path, segment.durableBytes, endBytes);
    const { tag, firstSequence } = segment.header;
    return { path: segment.path, tag, firstSequence, endBytes };
  });
}
