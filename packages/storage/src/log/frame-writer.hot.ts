/**
 * Turns records into frames, in chunks of memory. A record is written front to back without
 * knowing its length; where a chunk ends it goes on in a frame of the next one. Frames close when
 * they are big enough, when the time moves on, at the end of a turn and around the parts of
 * transactions; the checksum is made then, once for all records of the frame.
 *
 *   chunk  | frame | frame | header (open) piece piece |u32 bytes, so far| free          |
 *                    sealed^ frameAt^                   ^pieceAt      at^            end^
 *
 * Invariants: below `sealed` nothing changes; a frame never leaves its chunk; between records of a
 * group frames close with Continues; sequences have no gaps.
 * Cost on 2026-11-21: 95-100 ns for a record of 100 bytes with its share of everything but the
 *   disk (log.bench.ts); nothing is allocated but a view per frame for its checksum.
 */
import { assert } from '@kora/core/control';
import { copyBytes } from '../bytes/copy-bytes.ts';
import { put32, put64 } from '../bytes/words.hot.ts';
import { crc32 } from '../crc/crc32.ts';
import { FRAME_TARGET_BYTES } from '../limits.ts';
import type { LogChunk } from './log-chunk.ts';
import {
  FRAME_BYTES_AT, FRAME_CONTINUES, FRAME_CRC_AT, FRAME_DURABLE_AT, FRAME_FLAGS_AT,
  FRAME_HEADER_BYTES, FRAME_MAGIC, FRAME_PADDING_AT, FRAME_RECORDS_AT, FRAME_SEQUENCE_AT,
  FRAME_SHARDS_AT, FRAME_TAG_AT, FRAME_TIME_AT, FRAME_TRANSACTION_AT, PIECE_GOES_ON,
  PIECE_HEADER_BYTES,
} from './log-layout.ts';

// Words of `numbers`: doubles that change with every record, kept where no number is boxed.
const NEXT = 0;
const FIRST = 1;
const TIME = 2;
const DURABLE = 3;
const TRANSACTION = 4;
const NUMBER_COUNT = 5;

/** Gives the next chunk when one is full. */
export interface ChunkSource {
  /** @param base position of its first byte */
  next(base: number): LogChunk;
}

/** A chunk with less room than this is full. */
const FRAME_ROOM_MIN = FRAME_HEADER_BYTES + 4 * PIECE_HEADER_BYTES;

/** Writer of frames; one per log. */
export class FrameWriter {
  /** What is filled now. */
  chunk: LogChunk;
  private readonly source: ChunkSource;
  private readonly tag: number;
  private readonly numbers = new Float64Array(NUMBER_COUNT);
  private at = 0;
  private frameAt = -1;
  /** From here on the open frame is big enough; 0 without one. */
  private frameEnd = 0;
  private pieceAt = -1;
  private recordCount = 0;
  private shards = 0;
  private isInGroup = false;
  private hasGroupRecord = false;

  /**
   * @param tag of the segments that the frames will lie in
   * @param nextSequence of the first record
   */
  constructor(source: ChunkSource, tag: number, nextSequence: number) {
    this.source = source;
    this.tag = tag;
    this.numbers[NEXT] = nextSequence;
    this.numbers[FIRST] = nextSequence;
    this.chunk = source.next(0);
    this.chunk.completeSequence = nextSequence - 1;
  }

  /** Sequence that the next record gets. */
  get nextSequence(): number {
    return this.numbers[NEXT]!;
  }
  /** True between the ends of a record or a group. */
  get isBusy(): boolean {
    return this.pieceAt !== -1 || this.isInGroup;
  }
  /** Bytes of this chunk that are filled, with those of the frame that is open. */
  get filledBytes(): number {
    return this.at;
  }
  /** What is durable now; frames say so, for the reader's judgement of damage. */
  setDurable(sequence: number): void {
    this.numbers[DURABLE] = sequence;
  }

  /** Begins a record; its bytes follow, then `endRecord`. */
  beginRecord(timeMs: number): void {
    this.makeReady(timeMs);
    if (this.chunk.end - this.at < 2 * PIECE_HEADER_BYTES) this.turnChunk();
    this.pieceAt = this.at;
    this.at += PIECE_HEADER_BYTES;
  }

  /** Ends a record. @returns its sequence */
  endRecord(): number {
    assert(this.pieceAt !== -1, 'a record is open');
    put32(this.chunk.bytes, this.pieceAt, this.at - this.pieceAt - PIECE_HEADER_BYTES);
    this.pieceAt = -1;
    this.recordCount++;
    this.hasGroupRecord = this.isInGroup;
    const sequence = this.numbers[NEXT]!;
    this.numbers[NEXT] = sequence + 1;
    return sequence;
  }

  /**
   * Offset in `chunk` where the next record's bytes may be put at once, as far as the chunk goes,
   * for `placed` to add them. Whoever puts nothing there begins the record as any other.
   */
  ready(timeMs: number): number {
    if (this.at >= this.frameEnd || !this.isInGroup) this.makeReady(timeMs);
    return this.at + PIECE_HEADER_BYTES;
  }

  /** Adds the record of `length` bytes that lies where `ready` said, in one piece. */
  placed(length: number): void {
    assert(this.pieceAt === -1, 'the record before has ended');
    put32(this.chunk.bytes, this.at, length);
    this.at += PIECE_HEADER_BYTES + length;
    this.recordCount++;
    this.hasGroupRecord = this.isInGroup;
    this.numbers[NEXT] = this.numbers[NEXT]! + 1;
  }

  u8(value: number): void {
    if (this.at === this.chunk.end) this.turnChunk();
    this.chunk.bytes[this.at] = value;
    this.at++;
  }

  u32(value: number): void {
    if (this.chunk.end - this.at >= 4) {
      put32(this.chunk.bytes, this.at, value);
      this.at += 4;
      return;
    }
    this.u8(value & 255);
    this.u8((value >>> 8) & 255);
    this.u8((value >>> 16) & 255);
    this.u8(value >>> 24);
  }

  /** Copies `length` bytes of `from` into the record. */
  bytes(from: Uint8Array, at: number, length: number): void {
    let done = 0;
    while (done < length) {
      const count = this.claim(length - done);
      copyBytes(this.chunk.bytes, this.at - count, from, at + done, count);
      done += count;
    }
  }

  /**
   * Makes up to `wanted` bytes of the record the caller's to fill: those of `chunk` that end at
   * `filledBytes`. To be filled before anything else is called. @returns how many, at least 1
   */
  claim(wanted: number): number {
    if (this.at === this.chunk.end) this.turnChunk();
    const count = Math.min(wanted, this.chunk.end - this.at);
    this.at += count;
    return count;
  }

  /** From here to `endGroup` all records are applied together, or none. */
  beginGroup(): void {
    assert(!this.isBusy, 'groups and records are not nested');
    this.isInGroup = true;
    this.hasGroupRecord = false;
  }
  endGroup(): void {
    assert(this.isInGroup && this.pieceAt === -1, 'a group is open, its records have ended');
    this.isInGroup = false;
    this.hasGroupRecord = false;
  }

  /** As `endGroup` and `beginGroup`. */
  nextGroup(): void {
    assert(this.isInGroup && this.pieceAt === -1, 'a group is open, its records have ended');
    this.hasGroupRecord = false;
  }

  /** As a group, and only together with the parts of the other shards of the transaction. */
  beginPart(transaction: number, shards: number, timeMs: number): void {
    assert(!this.isBusy, 'parts and records are not nested');
    assert(transaction > 0, 'a transaction has a number');
    if (this.frameAt !== -1) this.closeFrame(0);
    this.numbers[TRANSACTION] = transaction;
    this.shards = shards;
    this.isInGroup = true;
    this.openFrame(timeMs);
    // An empty part is a frame too, and what follows the first frame continues the part.
    this.hasGroupRecord = true;
  }
  endPart(): void {
    assert(this.isInGroup && this.pieceAt === -1, 'a part is open, its records have ended');
    assert(this.frameAt !== -1, 'a part ends in a frame');
    this.isInGroup = false;
    this.hasGroupRecord = false;
    this.closeFrame(0);
    this.numbers[TRANSACTION] = 0;
    this.shards = 0;
  }

  /** Closes what is open, so that all records can be written. */
  flush(): void {
    assert(!this.isBusy, 'a turn ends between records');
    if (this.frameAt !== -1) this.closeFrame(0);
  }

  /** Goes on in a chunk of its own, with which a segment may begin. */
  startChunk(): void {
    this.flush();
    this.nextChunk(true);
  }

  /** An empty frame with these flags. */
  mark(flags: number, timeMs: number): void {
    this.flush();
    this.openFrame(timeMs);
    this.closeFrame(flags);
  }

  /** Closes a frame that the next record does not belong to, and opens one for it. */
  private makeReady(timeMs: number): void {
    assert(this.pieceAt === -1, 'the record before has ended');
    if (this.frameAt !== -1) {
      const isLate = this.numbers[TIME] !== timeMs && !this.isInGroup;
      if (isLate || this.at >= this.frameEnd) {
        this.closeFrame(this.hasGroupRecord ? FRAME_CONTINUES : 0);
      }
    }
    if (this.frameAt === -1) this.openFrame(timeMs);
  }

  private openFrame(timeMs: number): void {
    if (this.chunk.end - this.at < FRAME_ROOM_MIN) this.nextChunk(true);
    this.frameAt = this.at;
    this.frameEnd = this.at + FRAME_TARGET_BYTES;
    this.at += FRAME_HEADER_BYTES;
    this.recordCount = 0;
    this.numbers[FIRST] = this.numbers[NEXT]!;
    this.numbers[TIME] = timeMs;
  }

  private closeFrame(flags: number): void {
    const bytes = this.chunk.bytes;
    const from = this.frameAt;
    const end = this.chunk.end;
    let padding = -this.at & 7;
    // A full chunk is full to its last byte, so that it can be written in whole blocks.
    if (end - this.at - padding < FRAME_ROOM_MIN) padding = end - this.at;
    for (let i = 0; i < padding; i++) bytes[this.at + i] = 0;
    this.at += padding;
    const length = this.at - from;
    put32(bytes, from, FRAME_MAGIC);
    put32(bytes, from + FRAME_BYTES_AT, length);
    put32(bytes, from + FRAME_FLAGS_AT, flags);
    put32(bytes, from + FRAME_TAG_AT, this.tag);
    put32(bytes, from + FRAME_RECORDS_AT, this.recordCount);
    put64(bytes, from + FRAME_SEQUENCE_AT, this.numbers[FIRST]!);
    put64(bytes, from + FRAME_TIME_AT, this.numbers[TIME]!);
    put64(bytes, from + FRAME_DURABLE_AT, this.numbers[DURABLE]!);
    put64(bytes, from + FRAME_TRANSACTION_AT, this.numbers[TRANSACTION]!);
    put32(bytes, from + FRAME_SHARDS_AT, this.shards);
    put32(bytes, from + FRAME_PADDING_AT, padding);
    const covered = from + FRAME_BYTES_AT;
    put32(bytes, from + FRAME_CRC_AT, crc32(bytes, covered, this.at - covered, 0));
    this.frameAt = -1;
    this.frameEnd = 0;
    this.chunk.sealed = this.at;
    if ((flags & FRAME_CONTINUES) === 0) this.chunk.completeSequence = this.numbers[NEXT]! - 1;
  }

  /** The chunk is full in the middle of a frame. */
  private turnChunk(): void {
    const isInRecord = this.pieceAt !== -1;
    if (isInRecord) {
      const length = this.at - this.pieceAt - PIECE_HEADER_BYTES;
      put32(this.chunk.bytes, this.pieceAt, (length | PIECE_GOES_ON) >>> 0);
      this.pieceAt = -1;
    }
    const doesContinue = isInRecord || this.hasGroupRecord;
    const timeMs = this.numbers[TIME]!;
    this.closeFrame(doesContinue ? FRAME_CONTINUES : 0);
    this.nextChunk(!doesContinue);
    this.openFrame(timeMs);
    if (isInRecord) {
      this.pieceAt = this.at;
      this.at += PIECE_HEADER_BYTES;
    }
  }

  private nextChunk(isFresh: boolean): void {
    const before = this.chunk;
    const base = before.base + before.sealed;
    const chunk = this.source.next(base);
    chunk.base = base;
    chunk.completeSequence = before.completeSequence;
    // Inside a part or group a chunk may begin with a frame of the same chain.
    chunk.isFresh = isFresh && !this.hasGroupRecord;
    this.chunk = chunk;
    this.at = 0;
  }
}
