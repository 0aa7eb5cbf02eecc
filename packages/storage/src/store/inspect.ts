/**
 * What lies in a directory, for people and tools: reads every file to its end and says what holds
 * and what does not. Changes nothing and takes no lock, so the engine may be running: the ends of
 * logs it writes may then look torn.
 */
import { ChunkCounts } from '@kora/core';
import { Fault } from '@kora/core/control';
import { OpenMode } from '../disk/files.ts';
import type { Files } from '../disk/files.ts';
import { CorruptFileFault } from '../errors.ts';
import type { Damage } from '../errors.ts';
import { FileWindow } from '../disk/file-window.ts';
import { FRAME_BYTES_MAX } from '../limits.ts';
import { FrameCheck } from '../log/frame-check.ts';
import { SEGMENT_HEADER_BYTES } from '../log/log-layout.ts';
import { RecordAssembler } from '../log/log-replay.ts';
import type { RecordListener } from '../log/log-replay.ts';
import { decodeSegmentHeader, parseSegmentName } from '../log/log-segment.ts';
import type { SegmentHeader } from '../log/log-segment.ts';
import { PartReader, wholeEntries } from '../snapshot/part-reader.ts';
import type { PieceListener } from '../snapshot/part-reader.ts';
import type { PartHeader } from '../snapshot/snapshot-layout.ts';
import { LOCK_NAME } from './directory-lock.ts';
import { parseManifestName } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { readManifestFile } from './recovery.ts';

/** A segment of a log. */
export interface SegmentSummary {
  readonly kind: 'segment';
  readonly name: string;
  readonly bytes: number;
  readonly header: SegmentHeader | undefined;
  readonly frameCount: number;
  readonly recordCount: number;
  readonly lastSequence: number;
  /** Parts of transactions over several shards that begin in it. */
  readonly partCount: number;
  /** Where it stops to hold; in the last segment of a log that is a torn tail. */
  readonly damage: Damage | undefined;
}

/** A part of a snapshot. */
export interface PartSummary {
  readonly kind: 'part';
  readonly name: string;
  readonly bytes: number;
  readonly header: PartHeader | undefined;
  readonly entryCount: number;
  /** Keys of a shard, and vector sets among them whose graph goes along; 0 of other entries. */
  readonly keyCount: number;
  readonly graphCount: number;
  /** CRC of the checksums of all blocks, as far as they were read. */
  readonly blocksCrc: number;
  readonly damage: Damage | undefined;
}

/** A manifest. */
export interface ManifestSummary {
  readonly kind: 'manifest';
  readonly name: string;
  readonly bytes: number;
  readonly manifest: Manifest | undefined;
  readonly damage: Damage | undefined;
}

/** Something else. */
export interface OtherSummary {
  readonly kind: 'lock' | 'unfinished' | 'foreign';
  readonly name: string;
  readonly bytes: number;
  readonly damage: undefined;
}

/** One file of a directory. */
export type FileSummary = SegmentSummary | PartSummary | ManifestSummary | OtherSummary;

/** Reads every file of a directory. @throws {DiskFault} */
export function inspectDirectory(files: Files, directory: string): FileSummary[] {
  return files.list(directory).map((name) => inspectFile(files, directory, name));
}

/** Reads one file. @throws {DiskFault} */
export function inspectFile(files: Files, directory: string, name: string): FileSummary {
  const path = `${directory}/${name}`;
  if (parseSegmentName(name) !== undefined) {
    return inspectSegment(files, path, name, () => undefined);
  }
  if (/^snapshot-\d+-\d+\.part$/.test(name)) {
    return inspectPart(files, path, name, () => undefined);
  }
  const bytes = sizeOf(files, path);
  if (parseManifestName(name) !== undefined) {
    const read = readManifestFile(files, path);
    return 'expected' in read
      ? { kind: 'manifest', name, bytes, manifest: undefined, damage: read }
      : { kind: 'manifest', name, bytes, manifest: read, damage: undefined };
  }
  const isUnfinished = name.endsWith('.tmp');
  const kind = name === LOCK_NAME ? 'lock' : isUnfinished ? 'unfinished' : 'foreign';
  return { kind, name, bytes, damage: undefined };
}

function sizeOf(files: Files, path: string): number {
  const file = files.open(path, OpenMode.Read);
  try {
    return files.size(file);
  } finally {
    files.close(file);
  }
}

/** Reads a segment by itself and gives its records, up to where it holds. @throws {DiskFault} */
export function inspectSegment(
  files: Files, path: string, name: string, listener: RecordListener,
): SegmentSummary {
  const file = files.open(path, OpenMode.Read);
  try {
    const window = new FileWindow(files, file);
    const bytes = window.fileBytes;
    const at = window.at(0, SEGMENT_HEADER_BYTES);
    const headerBytes = Math.min(SEGMENT_HEADER_BYTES, window.availableAt(0));
    const header = decodeSegmentHeader(window.bytes.subarray(at, at + headerBytes));
    const counts = { frameCount: 0, recordCount: 0, lastSequence: 0, partCount: 0 };
    if ('expected' in header) {
      const damage = { path, ...header };
      return { kind: 'segment', name, bytes, header: undefined, ...counts, damage };
    }
    counts.lastSequence = header.firstSequence - 1;
    const damage = readFrames(window, path, header, counts, listener);
    return { kind: 'segment', name, bytes, header, ...counts, damage };
  } finally {
    files.close(file);
  }
}

function readFrames(
  window: FileWindow, path: string, header: SegmentHeader,
  counts: { frameCount: number; recordCount: number; lastSequence: number; partCount: number },
  listener: RecordListener,
): Damage | undefined {
  const frame = new FrameCheck();
  const assembler = new RecordAssembler();
  let doesContinue = false;
  for (let offset = SEGMENT_HEADER_BYTES; offset < window.fileBytes; offset += frame.length) {
    const at = window.at(offset, FRAME_BYTES_MAX);
    if (!frame.read(window.bytes, at, window.availableAt(offset), header.tag)) {
      const { wrongAt, expected, found } = frame;
      return { path, offset: offset + wrongAt, expected, found };
    }
    counts.frameCount++;
    counts.recordCount += frame.recordCount;
    counts.lastSequence += frame.recordCount;
    if (frame.transaction !== 0 && !doesContinue) counts.partCount++;
    doesContinue = frame.continues;
    assembler.take(frame, window.bytes, at, listener);
  }
  return undefined;
}

/** Reads a part by itself and gives its entries, up to where it holds. @throws {DiskFault} */
export function inspectPart(
  files: Files, path: string, name: string, listener: PieceListener,
): PartSummary {
  const bytes = sizeOf(files, path);
  const counts = new PartCounts();
  let reader: PartReader | undefined;
  try {
    reader = new PartReader(files, path, (piece, at, length, isLast) => {
      counts.take(piece, at, length, isLast);
      listener(piece, at, length, isLast);
    });
    while (reader.step());
    const { header, entryCount, blocksCrc } = reader;
    return {
      kind: 'part', name, bytes, header, entryCount, ...counts.sums, blocksCrc, damage: undefined,
    };
  } catch (error) {
    if (!(error instanceof CorruptFileFault)) throw error;
    const { offset, expected, found } = error;
    return {
      kind: 'part', name, bytes, header: reader?.header, entryCount: reader?.entryCount ?? 0,
      ...counts.sums, blocksCrc: reader?.blocksCrc ?? 0,
      damage: { path, offset, expected, found },
    };
  }
}

/** Counts keys, as long as entries are chunks of a shard's snapshot. */
class PartCounts {
  readonly #counts = new ChunkCounts();
  #areChunks = true;
  readonly take: PieceListener = wholeEntries((entry) => {
    if (!this.#areChunks) return;
    try {
      this.#counts.add(entry);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#areChunks = false;
    }
  });

  get sums(): { keyCount: number; graphCount: number } {
    const { keys, graphs } = this.#counts;
    return this.#areChunks ? { keyCount: keys, graphCount: graphs }
      : { keyCount: 0, graphCount: 0 };
  }
}
