/**
 * Gives the records of a log that was scanned and cut, in order. Works frame by frame, so that a
 * caller can do other things in between. What the scan believed and the file no longer holds is
 * damage.
 */
import { assert } from '@kora/core/control';
import { copyBytes } from '../bytes/copy-bytes.ts';
import { get32 } from '../bytes/words.hot.ts';
import { FileWindow } from '../disk/file-window.ts';
import { OpenMode } from '../disk/files.ts';
import type { Files } from '../disk/files.ts';
import { CorruptFileFault } from '../errors.ts';
import { FRAME_BYTES_MAX, RECORD_BYTES_MAX } from '../limits.ts';
import { FrameCheck } from './frame-check.ts';
import {
  FRAME_HEADER_BYTES, PIECE_GOES_ON, PIECE_HEADER_BYTES, SEGMENT_HEADER_BYTES,
} from './log-layout.ts';

/** A segment, and how much of it is believed. */
export interface ReplaySegment {
  readonly path: string;
  readonly tag: number;
  readonly firstSequence: number;
  readonly endBytes: number;
}

/** Bytes of the segments that are believed, headers and all. */
export function believedBytes(segments: readonly ReplaySegment[]): number {
  return segments.reduce((sum, { endBytes }) => sum + endBytes, 0);
}

/**
 * Gets one record.
 * @param record borrowed for the call
 * @param transaction number of the transaction over several shards it is a part of, 0 = none
 */
export type RecordListener = (
  record: Uint8Array, sequence: number, timeMs: number, transaction: number,
) => void;

/** Takes records where they lie, for whoever copies a frame at once. */
export interface FrameTaker {
  /** The next records lie in these bytes, unless they come out of several frames; borrowed. */
  begin(bytes: Uint8Array, at: number, length: number): void;
  /** A record: `length` bytes from `at` on. Borrowed for the call. */
  record(bytes: Uint8Array, at: number, length: number): void;
}

type RangeListener = (
  bytes: Uint8Array, at: number, length: number, sequence: number,
) => void;

/** Assembles records from the pieces of frames. */
export class RecordAssembler {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /** Gives the records that end in a frame. @param at where the frame begins in `bytes` */
  take(frame: FrameCheck, bytes: Uint8Array, at: number, listener: RecordListener): void {
    const { timeMs, transaction } = frame;
    this.takeRanges(frame, bytes, at, (record, from, length, sequence) => {
      listener(record.subarray(from, from + length), sequence, timeMs, transaction);
    });
  }

  /** As `take`, without an object for each record. */
  takeRanges(frame: FrameCheck, bytes: Uint8Array, at: number, listener: RangeListener): void {
    const end = at + frame.contentEnd;
    let sequence = frame.firstSequence;
    let position = at + FRAME_HEADER_BYTES;
    while (position < end) {
      const word = get32(bytes, position);
      const from = position + PIECE_HEADER_BYTES;
      position = from + (word % PIECE_GOES_ON);
      if (word < PIECE_GOES_ON && this.#parts.length === 0) {
        listener(bytes, from, position - from, sequence);
        sequence++;
        continue;
      }
      const piece = bytes.subarray(from, position);
      if (word >= PIECE_GOES_ON) {
        this.#bytes += piece.length;
        assert(this.#bytes <= RECORD_BYTES_MAX, 'a record is not longer than its bound');
        this.#parts.push(piece.slice());
        continue;
      }
      const whole = this.#whole(piece);
      listener(whole, 0, whole.length, sequence);
      sequence++;
    }
  }

  #whole(last: Uint8Array): Uint8Array {
    const record = new Uint8Array(this.#bytes + last.length);
    let at = 0;
    for (const part of [...this.#parts, last]) {
      copyBytes(record, at, part, 0, part.length);
      at += part.length;
    }
    this.#parts = [];
    this.#bytes = 0;
    return record;
  }
}

/** Replays the segments of one log. */
export class LogReplay {
  readonly #files: Files;
  readonly #segments: readonly ReplaySegment[];
  readonly #fromSequence: number;
  readonly #listener: RecordListener;
  readonly #taker: FrameTaker | null;
  readonly #frame = new FrameCheck();
  readonly #assembler = new RecordAssembler();
  #index = 0;
  #file = -1;
  #window: FileWindow | undefined;
  #offset = 0;
  /** Bytes of frames that were read. */
  doneBytes = 0;
  /** Bytes of frames that there are. */
  readonly totalBytes: number;

  /**
   * @param fromSequence records before it are left out: a snapshot has them
   * @param taker gets all records; or a listener, which gets each with what is known of it
   */
  constructor(
    files: Files, segments: readonly ReplaySegment[], fromSequence: number,
    taker: RecordListener | FrameTaker,
  ) {
    this.#files = files;
    this.#segments = segments;
    this.#fromSequence = fromSequence;
    this.totalBytes = believedBytes(segments);
    this.#taker = typeof taker === 'function' ? null : taker;
    const listener = typeof taker === 'function' ? taker : (): void => undefined;
    this.#listener = (record, sequence, timeMs, transaction) => {
      if (sequence >= fromSequence) listener(record, sequence, timeMs, transaction);
    };
  }

  /**
   * Reads one frame and gives its records.
   * @returns false when there was none left
   * @throws {CorruptFileFault} {DiskFault}; and whatever the listener throws
   */
  step(): boolean {
    const segment = this.#segments[this.#index];
    if (segment === undefined) return false;
    const window = this.#open(segment);
    if (this.#offset >= segment.endBytes || this.#isBeforeStart()) {
      this.close();
      this.#index++;
      this.doneBytes += segment.endBytes - this.#offset;
      return true;
    }
    const at = window.at(this.#offset, FRAME_BYTES_MAX);
    const frame = this.#frame;
    if (!frame.read(window.bytes, at, window.availableAt(this.#offset), segment.tag)) {
      const { wrongAt, expected, found } = frame;
      const offset = this.#offset + wrongAt;
      throw new CorruptFileFault({ path: segment.path, offset, expected, found });
    }
    const taker = this.#taker;
    if (taker === null) {
      this.#assembler.take(frame, window.bytes, at, this.#listener);
    } else {
      taker.begin(window.bytes, at, frame.length);
      this.#assembler.takeRanges(frame, window.bytes, at, this.#range);
    }
    this.#offset += frame.length;
    this.doneBytes += frame.length;
    return true;
  }

  readonly #range: RangeListener = (bytes, at, length, sequence) => {
    if (sequence >= this.#fromSequence) this.#taker?.record(bytes, at, length);
  };

  /** The frame that is read next, or whose records are given: where to look when they are wrong. */
  get place(): { readonly path: string; readonly offset: number } {
    return { path: this.#segments[this.#index]?.path ?? '', offset: this.#offset };
  }

  /** True when the next segment begins at or before what is wanted: this one has nothing of it. */
  #isBeforeStart(): boolean {
    const next = this.#segments[this.#index + 1];
    return next !== undefined && next.firstSequence <= this.#fromSequence;
  }

  /** Closes the file that is open; to be called when the replay is given up. */
  close(): void {
    if (this.#file !== -1) this.#files.close(this.#file);
    this.#file = -1;
    this.#window = undefined;
  }

  #open(segment: ReplaySegment): FileWindow {
    if (this.#window !== undefined) return this.#window;
    this.#file = this.#files.open(segment.path, OpenMode.Read);
    this.#window = new FileWindow(this.#files, this.#file);
    this.#offset = SEGMENT_HEADER_BYTES;
    this.doneBytes += SEGMENT_HEADER_BYTES;
    return this.#window;
  }
}
