/**
 * Reads a log from its first segment to its last and says how far it can be believed, without
 * applying anything.
 *
 * The last segment may end in a torn tail: what was under way when the power went. Each frame says
 * what was durable when it was made; so when a frame does not hold, and a whole one behind it says
 * that what stood there had been durable, the disk has lost or changed it: damage, refused. Else it
 * is the tail, which ends before the first frame that does not hold, at the end of a chain. Every
 * other segment was durable as a whole before its follower was begun: anything in it is damage.
 * Cost: one sequential read; a checksum over every byte.
 */
import { CorruptFileFault } from '../errors.ts';
import { FileWindow } from '../disk/file-window.ts';
import { OpenMode } from '../disk/files.ts';
import type { Files } from '../disk/files.ts';
import { FRAME_BYTES_MAX } from '../limits.ts';
import { FrameCheck, mayBeFrame } from './frame-check.ts';
import { FRAME_CLOSED, FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from './log-layout.ts';
import { decodeSegmentHeader, parseSegmentName } from './log-segment.ts';
import type { SegmentHeader } from './log-segment.ts';

/** A segment that was read. */
export interface ScannedSegment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** Bytes that hold: where the next frame would begin. */
  readonly endBytes: number;
  /** Bytes that were durable before the process ended that wrote them, as its frames say. */
  readonly durableBytes: number;
  readonly fileBytes: number;
  readonly frameCount: number;
}

/** Where a part of a transaction begins. */
export interface PartMark {
  readonly transaction: number;
  /** All shards of the transaction, a bit each. */
  readonly shards: number;
  /** Sequence of the record before the part. */
  readonly sequenceBefore: number;
  readonly segmentIndex: number;
  readonly offset: number;
}

/** The end of a log that was not finished. */
export interface TornTail {
  readonly path: string;
  readonly offset: number;
  /** Bytes that are cut off. */
  readonly bytes: number;
  readonly expected: string;
  readonly found: string;
}

/** A log as it lies on the disk. */
export interface LogScan {
  readonly segments: readonly ScannedSegment[];
  /** Sequence of the first record that may be read; 1 + `lastSequence` of an empty log. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly parts: readonly PartMark[];
  /** What is not believed of the last segment; undefined when it ends with a whole chain. */
  readonly tornTail: TornTail | undefined;
  /** True when the log was closed in order. */
  readonly isClosed: boolean;
}

/** Which log is read. */
export interface LogName {
  readonly directory: string;
  readonly logSet: number;
  readonly shard: number;
  readonly shardCount: number;
}

/** What happens at a frame that is whole: for readers that look inside. */
export type FrameVisitor = (
  frame: FrameCheck, bytes: Uint8Array, at: number, segment: SegmentHeader,
) => void;

/** Names of a log's segments in order. */
export function segmentNamesOf(names: readonly string[], log: LogName): string[] {
  return names.filter((name) => {
    const parsed = parseSegmentName(name);
    return parsed?.logSet === log.logSet && parsed.shard === log.shard;
  }).sort();
}

/** How far a segment was durable, as its frames say: each knows of those before it. */
class DurableEnd {
  /** Where frames begin that no other one has called durable, and their last sequences. */
  #offsets: number[] = [];
  #lastSequences: number[] = [];
  /** Those before this one are durable. */
  #first = 0;

  add(offset: number, lastSequence: number, durableSequence: number): void {
    this.#offsets.push(offset);
    this.#lastSequences.push(lastSequence);
    while ((this.#lastSequences[this.#first] ?? Infinity) <= durableSequence) this.#first++;
    if (this.#first < this.#offsets.length) return;
    this.#offsets = [];
    this.#lastSequences = [];
    this.#first = 0;
  }

  /** Where the first frame begins of which it is not known; Infinity: there is none. */
  get offset(): number {
    return this.#offsets[this.#first] ?? Infinity;
  }
}

/** State of one scan. */
class Scanner {
  readonly #files: Files;
  readonly #log: LogName;
  readonly #visit: FrameVisitor;
  readonly #isSalvage: boolean;
  readonly #frame = new FrameCheck();
  readonly segments: ScannedSegment[] = [];
  readonly parts: PartMark[] = [];
  firstSequence = 1;
  nextSequence = 1;
  tornTail: TornTail | undefined;
  isClosed = false;

  constructor(files: Files, log: LogName, visit: FrameVisitor, isSalvage: boolean) {
    this.#files = files;
    this.#isSalvage = isSalvage;
    this.#log = log;
    this.#visit = visit;
  }

  readSegment(name: string, isLast: boolean): void {
    const path = `${this.#log.directory}/${name}`;
    const file = this.#files.open(path, OpenMode.Read);
    try {
      const window = new FileWindow(this.#files, file);
      const header = this.#readHeader(window, path, name, isLast);
      if (header !== undefined) this.#readFrames(window, path, header, isLast);
    } finally {
      this.#files.close(file);
    }
  }

  #readHeader(
    window: FileWindow, path: string, name: string, isLast: boolean,
  ): SegmentHeader | undefined {
    const at = window.at(0, SEGMENT_HEADER_BYTES);
    const bytes = window.bytes.subarray(at, at + window.availableAt(0));
    const header = decodeSegmentHeader(bytes);
    if ('expected' in header) {
      // A header is durable before the first frame: without frames the file was just being made.
      if (isLast && window.fileBytes <= SEGMENT_HEADER_BYTES) {
        this.tornTail = { path, bytes: window.fileBytes, ...header, offset: 0 };
        return undefined;
      }
      throw new CorruptFileFault({ path, ...header });
    }
    this.#checkIdentity(path, name, header);
    const isFirst = this.segments.length === 0;
    if (isFirst) {
      this.firstSequence = header.firstSequence;
      this.nextSequence = header.firstSequence;
    } else if (header.firstSequence !== this.nextSequence) {
      throw new CorruptFileFault({
        path, offset: 32, expected: `first sequence ${this.nextSequence}`,
        found: String(header.firstSequence),
      });
    }
    return header;
  }

  #checkIdentity(path: string, name: string, header: SegmentHeader): void {
    const { logSet, shard, shardCount } = this.#log;
    const number = parseSegmentName(name)?.number ?? 0;
    const before = this.segments.at(-1)?.header.number;
    const say = (of: number, shardOf: number, from: number, set: number): string =>
      `segment ${of} of shard ${shardOf} of ${from}, log set ${set}`;
    const isOurs = header.logSet === logSet && header.shard === shard
      && header.shardCount === shardCount && header.number === number;
    if (!isOurs) {
      throw new CorruptFileFault({
        path, offset: 16, expected: say(number, shard, shardCount, logSet),
        found: say(header.number, header.shard, header.shardCount, header.logSet),
      });
    }
    if (before !== undefined && number !== before + 1) {
      const expected = `segment ${before + 1} before it`;
      throw new CorruptFileFault({ path, offset: 28, expected, found: 'no such file' });
    }
  }

  #readFrames(window: FileWindow, path: string, header: SegmentHeader, isLast: boolean): void {
    const frame = this.#frame;
    let offset = SEGMENT_HEADER_BYTES;
    // Where the chain that is read began; what is believed ends there until the chain has ended.
    let chainAt = offset;
    let chainSequence = this.nextSequence;
    let chainPart: PartMark | undefined;
    let frameCount = 0;
    const durable = new DurableEnd();
    for (; offset < window.fileBytes; offset += frame.length) {
      const at = window.at(offset, FRAME_BYTES_MAX);
      const isWhole = frame.read(window.bytes, at, window.availableAt(offset), header.tag);
      if (!isWhole || frame.firstSequence !== this.nextSequence) {
        if (isWhole) this.#tellSequence(frame);
        break;
      }
      if (chainAt === offset && frame.transaction !== 0) {
        const { transaction, shards } = frame;
        chainPart = {
          transaction, shards, offset, sequenceBefore: this.nextSequence - 1,
          segmentIndex: this.segments.length,
        };
      }
      frameCount++;
      this.nextSequence += frame.recordCount;
      // What goes on is durable with the record that ends later.
      const lastSequence = frame.continues ? this.nextSequence : this.nextSequence - 1;
      if (isLast) durable.add(offset, lastSequence, frame.durableSequence);
      this.isClosed = (frame.flags & FRAME_CLOSED) !== 0;
      this.#visit(frame, window.bytes, at, header);
      if (frame.continues) continue;
      if (chainPart !== undefined) this.parts.push(chainPart);
      chainPart = undefined;
      chainAt = offset + frame.length;
      chainSequence = this.nextSequence;
    }
    if (chainAt < window.fileBytes) {
      this.#endEarly(window, path, header, isLast, offset, chainAt, chainSequence);
    }
    this.segments.push({
      path, header, endBytes: chainAt, fileBytes: window.fileBytes, frameCount,
      durableBytes: Math.min(chainAt, durable.offset),
    });
  }

  /** The log's bytes end before the file does, or in a chain: judges why. */
  #endEarly(
    window: FileWindow, path: string, header: SegmentHeader, isLast: boolean,
    offset: number, chainAt: number, chainSequence: number,
  ): void {
    const { wrongAt, expected, found } = this.#frame;
    const isEnd = offset >= window.fileBytes;
    const facts = isEnd
      ? { expected: 'the rest of a group of records', found: 'the end of the file' }
      : { expected, found };
    const wrong = isEnd ? window.fileBytes : offset + wrongAt;
    const isDamage = !isLast || this.#wasDurable(window, header, offset, chainSequence);
    if (isDamage && !this.#isSalvage) {
      throw new CorruptFileFault({ path, offset: wrong, ...facts });
    }
    this.nextSequence = chainSequence;
    this.isClosed = false;
    this.tornTail = { path, offset: chainAt, bytes: window.fileBytes - chainAt, ...facts };
  }

  #tellSequence(frame: FrameCheck): void {
    frame.wrongAt = 24;
    frame.expected = `sequence ${this.nextSequence}`;
    frame.found = String(frame.firstSequence);
  }

  /** True when a whole frame behind `offset` says that record `sequence` was durable. */
  #wasDurable(
    window: FileWindow, header: SegmentHeader, offset: number, sequence: number,
  ): boolean {
    const probe = new FrameCheck();
    const end = window.fileBytes - FRAME_HEADER_BYTES;
    for (let at = offset + 8 - (offset % 8); at <= end; at += 8) {
      const index = window.at(at, FRAME_BYTES_MAX);
      // The tag is chance: what a client stored cannot look like frames and cost checksums.
      if (!mayBeFrame(window.bytes, index, header.tag)) continue;
      const isFrame = probe.read(window.bytes, index, window.availableAt(at), header.tag);
      if (isFrame && probe.durableSequence >= sequence) return true;
    }
    return false;
  }
}

/**
 * Reads all of a log.
 * @param names of the files in its directory
 * @param visit called for every whole frame in order, also those of a chain that ends too early
 * @throws {CorruptFileFault} for damage; {DiskFault}
 */
export function scanLog(
  files: Files, names: readonly string[], log: LogName, visit: FrameVisitor = () => undefined,
): LogScan {
  const scanner = new Scanner(files, log, visit, false);
  const own = segmentNamesOf(names, log);
  own.forEach((name, index) => {
    scanner.readSegment(name, index === own.length - 1);
  });
  return resultOf(scanner);
}

/**
 * Reads as much of a log as holds, for a repair: damage ends it, `tornTail` says where, and later
 * segments are left out.
 * @throws {DiskFault}
 */
export function salvageLog(files: Files, names: readonly string[], log: LogName): LogScan {
  const scanner = new Scanner(files, log, () => undefined, true);
  const own = segmentNamesOf(names, log);
  for (const name of own) {
    try {
      scanner.readSegment(name, name === own.at(-1));
    } catch (error) {
      if (!(error instanceof CorruptFileFault)) throw error;
      const { path, offset, expected, found } = error;
      scanner.tornTail = { path, offset, bytes: 0, expected, found };
    }
    if (scanner.tornTail !== undefined) break;
  }
  return resultOf(scanner);
}

function resultOf(scanner: Scanner): LogScan {
  return {
    segments: scanner.segments, firstSequence: scanner.firstSequence,
    lastSequence: scanner.nextSequence - 1, parts: scanner.parts, tornTail: scanner.tornTail,
    isClosed: scanner.isClosed,
  };
}
