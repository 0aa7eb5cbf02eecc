/**
 * The write-ahead log of one shard. Records are appended while commands run; a turn ends with
 * `pump`, which closes the open frame and gives the disk what is there: one write at a time, so one
 * sync covers all records that came meanwhile (group commit).
 *
 *   every_write   each write is durable when it completes; `acknowledgedSequence` follows it
 *   every_second  a sync every second, sooner when half of the buffer waits for it
 *   os_managed    no sync but around segments; the system writes when it likes
 *
 *   appended >= submitted >= written >= durable          (positions in bytes, sequences alike)
 *
 * Records stay in memory until they are durable (os_managed: written). When a write or a sync
 * fails, everything behind the durable position is written again at the same place and synced; a
 * second sync alone would lie, as the system counts the lost pages as clean. Until that has worked
 * `failure` tells why, new writes are to be refused, and nothing acknowledged is lost.
 * Cost: O(1) per record; a completion per write. Owner: the shard's thread.
 */
import { assert } from '@kora/core/control';
import type { Disk } from '../disk/disk.ts';
import { DiskOperation, DiskOperationKind, verbOf } from '../disk/disk.ts';
import { Errno } from '../disk/errno.ts';
import {
  DIRECT_BLOCK_BYTES, LOG_BUFFER_BYTES_MAX, LOG_CHUNK_BYTES, LOG_DIRECT_BACKLOG_BYTES_MAX,
  LOG_SEGMENT_BYTES, LOG_SEGMENT_BYTES_MIN, RETRY_INTERVAL_MS, SYNC_INTERVAL_MS, SYNC_LATE_MS,
} from '../limits.ts';
import { FrameWriter } from './frame-writer.hot.ts';
import type { ChunkMemory, LogChunk } from './log-chunk.ts';
import { allocateChunk, ChunkPool } from './log-chunk.ts';
import { FRAME_CLOSED, SEGMENT_HEADER_BYTES } from './log-layout.ts';
import { SegmentFile } from './segment-file.ts';
import type { SegmentIdentity } from './segment-file.ts';

/** When records become durable. */
export type SyncPolicy = 'every_write' | 'every_second' | 'os_managed';

/** How a log is opened; recovery tells most of it. */
export interface ShardLogOptions extends SegmentIdentity {
  readonly disk: Disk;
  readonly policy: SyncPolicy;
  /** Sequence of the next record. */
  readonly nextSequence: number;
  /** Number of the segment that is made first; it must not exist, or hold no frames. */
  readonly nextSegment: number;
  /** Tokens `tokenBase` to `tokenBase + 2` of the disk are this log's. */
  readonly tokenBase: number;
  readonly segmentBytes?: number;
  /** Where chunks lie; by default in memory of the runtime. */
  readonly allocate?: () => ChunkMemory;
}

/** Why a log takes no writes. */
export interface LogFailure {
  readonly operation: string;
  readonly path: string;
  /** errno.ts has its name. */
  readonly errno: number;
  readonly sinceMs: number;
}

/** Tokens a log takes. */
export const LOG_TOKEN_COUNT = 3;
const TOKEN_WRITE = 0;
const TOKEN_SYNC = 1;
const TOKEN_SEGMENT = 2;

/** The log of one shard. */
export class ShardLog {
  /** Where records are written: beginRecord, bytes, endRecord; groups and parts. */
  readonly frames: FrameWriter;
  readonly #disk: Disk;
  readonly #segment: SegmentFile;
  readonly #tokenBase: number;
  #segmentBytesMax: number;
  readonly #pool: ChunkPool;
  /** Chunks that are needed still, oldest first; the last is filled. */
  readonly #chunks: LogChunk[] = [];
  readonly #againRoom = new Uint8Array(LOG_CHUNK_BYTES);
  readonly #write = new DiskOperation();
  readonly #sync = new DiskOperation();
  #policy: SyncPolicy;
  #nowMs = 0;
  /** Position of the first byte behind the header of the segment that is written. */
  #segmentBase = 0;
  /** Position of the last chunk that was begun for a new segment. */
  #breakBytes = 0;
  /** Where a segment was asked to end. */
  #endedBytes = 0;
  /** Position of the end of the last turn that was to be written. */
  #pumpedBytes = 0;
  #writtenBytes = 0;
  #durableBytes = 0;
  #writtenSequence: number;
  #durableSequence: number;
  #isWriting = false;
  #writingSequence = 0;
  #isSyncing = false;
  #syncingBytes = 0;
  #syncingSequence = 0;
  #syncStartMs = 0;
  #lastSyncMs = 0;
  #mustRewind = false;
  /** What is read back and written again after a failed sync, when its chunks are gone. */
  #againBytes = 0;
  #againEndBytes = 0;
  #failure: LogFailure | undefined;
  #retryAtMs = 0;
  #closing: 'no' | 'asked' | 'marked' | 'done' = 'no';

  constructor(options: ShardLogOptions) {
    const { disk, tokenBase, nextSequence } = options;
    this.#disk = disk;
    this.#policy = options.policy;
    this.#tokenBase = tokenBase;
    this.#segmentBytesMax = options.segmentBytes ?? LOG_SEGMENT_BYTES;
    this.#segment = new SegmentFile(disk, options, options.nextSegment, tokenBase + TOKEN_SEGMENT);
    this.#pool = new ChunkPool(options.allocate ?? allocateChunk);
    this.#writtenSequence = nextSequence - 1;
    this.#durableSequence = nextSequence - 1;
    const next = (base: number): LogChunk => {
      const chunk = this.#pool.take();
      // So that the next chunk begins with a block of the file, and can be written directly.
      const position = SEGMENT_HEADER_BYTES + base - this.#segmentFrom;
      chunk.end = LOG_CHUNK_BYTES - position % DIRECT_BLOCK_BYTES;
      this.#chunks.push(chunk);
      return chunk;
    };
    this.frames = new FrameWriter({ next }, options.tag, nextSequence);
    this.frames.setDurable(nextSequence - 1);
  }

  /** Sequence of the last record that a loss of power does not take. */
  get durableSequence(): number {
    return this.#durableSequence;
  }
  /** Sequence of the last record that the end of this process does not take. */
  get writtenSequence(): number {
    return this.#writtenSequence;
  }
  /** Sequence of the last record whose reply may leave: by the policy. */
  get acknowledgedSequence(): number {
    return this.#policy === 'every_write'
      ? this.#durableSequence : this.frames.nextSequence - 1;
  }
  /** Why writes are to be refused; undefined while all is well. */
  get failure(): LogFailure | undefined {
    return this.#failure;
  }
  /** Bytes of records in memory. */
  get bufferedBytes(): number {
    const oldest = this.#chunks[0];
    const { chunk, filledBytes } = this.frames;
    return oldest === undefined ? 0 : chunk.base + filledBytes - oldest.base;
  }
  /** Path of the segment that is written. */
  get path(): string {
    return this.#segment.path;
  }
  /** Bytes that were appended since the log was opened. */
  get appendedBytes(): number {
    const { chunk, filledBytes } = this.frames;
    return chunk.base + filledBytes;
  }
  /** True when `close` has finished. */
  get isClosed(): boolean {
    return this.#closing === 'done';
  }
  get policy(): SyncPolicy {
    return this.#policy;
  }
  /** True when new writes should wait: the buffer is full, or a sync takes too long. */
  mustWait(nowMs: number): boolean {
    if (this.bufferedBytes >= LOG_BUFFER_BYTES_MAX) return true;
    return this.#isSyncing && nowMs - this.#syncStartMs > SYNC_LATE_MS;
  }

  /** Appends one record in one call. @returns its sequence */
  append(record: Uint8Array, at: number, length: number, timeMs: number): number {
    this.frames.beginRecord(timeMs);
    this.frames.bytes(record, at, length);
    return this.frames.endRecord();
  }

  /** Changes when records become durable; what was acknowledged before keeps its promise. */
  setPolicy(policy: SyncPolicy): void {
    this.#policy = policy;
  }

  /**
   * Changes how long segments are, the one that is written too.
   * @param bytes 0 = they end only where `endSegment` says; less than LOG_SEGMENT_BYTES_MIN is that
   */
  setSegmentBytes(bytes: number): void {
    this.#segmentBytesMax = bytes === 0 ? Infinity : Math.max(bytes, LOG_SEGMENT_BYTES_MIN);
  }

  /**
   * What comes next goes to a new segment, so that those before can be let go of. Between groups.
   */
  endSegment(): void {
    if (this.#closing !== 'no' || this.appendedBytes === this.#segmentBase) return;
    this.frames.flush();
    const { chunk, filledBytes } = this.frames;
    if (filledBytes > 0 || !chunk.isFresh) this.#startSegmentChunk();
    this.#breakBytes = this.frames.chunk.base;
    this.#endedBytes = this.#breakBytes;
  }

  /** Ends a turn, and keeps the log going between turns: call it ten times a second at least. */
  pump(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#closing === 'done') return;
    if (this.#closing === 'no') {
      this.frames.flush();
      this.#breakSegment();
      this.#pumpedBytes = this.frames.chunk.base + this.frames.filledBytes;
    }
    this.#advance();
  }

  /** As `pump`, but only chunks that are full are written: the last waits for more, or `pump`. */
  pumpFull(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#closing === 'no') this.#breakSegment();
    this.#advance();
  }

  /**
   * Begins to end the log: everything is made durable, whatever the policy, and the segment is
   * marked as closed in order. Go on with `pump` and completions until `isClosed`.
   */
  close(): void {
    if (this.#closing !== 'no') return;
    this.frames.flush();
    this.#closing = 'asked';
  }

  /** Takes a completion. @returns false when the token is not of this log */
  complete(token: number, result: number): boolean {
    switch (token - this.#tokenBase) {
      case TOKEN_WRITE: this.#completeWrite(result); break;
      case TOKEN_SYNC: this.#completeSync(result); break;
      case TOKEN_SEGMENT: this.#completeSegment(result); break;
      default: return false;
    }
    this.#advance();
    return true;
  }

  /** Position where the segment began that is filled. */
  get #segmentFrom(): number {
    return Math.max(this.#segmentBase, this.#breakBytes);
  }

  /** When a segment is full: what follows goes to a chunk that may begin the next one. */
  #breakSegment(): void {
    const { chunk, filledBytes } = this.frames;
    const bytes = chunk.base + filledBytes - this.#segmentFrom;
    if (bytes < this.#segmentBytesMax - SEGMENT_HEADER_BYTES) return;
    this.#startSegmentChunk();
  }

  #startSegmentChunk(): void {
    this.frames.flush();
    const { chunk, filledBytes } = this.frames;
    this.#breakBytes = chunk.base + filledBytes;
    this.frames.startChunk();
  }

  /** Begins whatever can begin now. */
  #advance(): void {
    if (this.#failure !== undefined && this.#nowMs < this.#retryAtMs) return;
    if (this.#closing === 'done' || this.#segment.isBusy) return;
    if (this.#mustRewind && !this.#rewind()) return;
    if (this.#segment.file === -1) {
      if (this.#closing === 'no' || this.#hasUnwritten()) this.#beginSegment();
      else this.#closing = 'done';
      return;
    }
    if (!this.#isWriting && this.#againBytes < this.#againEndBytes) this.#beginAgain();
    if (!this.#isWriting) this.#beginWrite();
    if (!this.#isSyncing && this.#needsSync()) this.#beginSync();
    if (this.#closing !== 'no') this.#advanceClosing();
  }

  #hasUnwritten(): boolean {
    const { chunk } = this.frames;
    return this.#writtenBytes < chunk.base + chunk.sealed;
  }

  #beginSegment(): void {
    this.#segment.begin(this.#writtenSequence + 1, this.#nowMs);
  }

  #chunkToWrite(): LogChunk | undefined {
    return this.#chunks.find((each) => each.base + each.sealed > this.#writtenBytes);
  }

  /** True when what comes next is to go to another segment, and may. */
  #isSegmentFull(next: LogChunk): boolean {
    if (!next.isFresh || next.base !== this.#writtenBytes) return false;
    const fileBytes = SEGMENT_HEADER_BYTES + this.#writtenBytes - this.#segmentBase;
    if (fileBytes >= this.#segmentBytesMax) return true;
    return next.base === this.#endedBytes && next.base > this.#segmentBase;
  }

  #beginWrite(): void {
    const from = this.#writtenBytes;
    const chunk = this.#chunkToWrite();
    if (chunk === undefined) return;
    if (this.#isSegmentFull(chunk)) {
      // What is not durable yet comes first: see #needsSync.
      if (this.#durableBytes === from && !this.#isSyncing) this.#beginSegment();
      return;
    }
    // The chunk that is filled waits for the end of a turn: few large writes cost less.
    const isFilled = chunk === this.frames.chunk && this.#closing === 'no';
    if (isFilled && from >= this.#pumpedBytes) return;
    const isDurable = this.#policy === 'every_write';
    // After a change of the policy: a durable write covers only itself, so a sync comes first.
    if (isDurable && this.#durableBytes < from) return;
    const operation = this.#write;
    operation.kind = isDurable ? DiskOperationKind.WriteDurable : DiskOperationKind.Write;
    operation.file = this.#segment.file;
    operation.bytes = chunk.bytes;
    operation.at = from - chunk.base;
    operation.length = chunk.sealed - operation.at;
    operation.position = SEGMENT_HEADER_BYTES + from - this.#segmentBase;
    operation.isDirect = this.#mayWriteDirectly();
    this.#writingSequence = chunk.completeSequence;
    this.#isWriting = true;
    this.#disk.submit(operation, this.#tokenBase + TOKEN_WRITE);
  }

  /** True while the disk keeps up and only syncs are waited for. */
  #mayWriteDirectly(): boolean {
    if (this.#policy !== 'every_second' || this.#failure !== undefined) return false;
    return this.appendedBytes - this.#writtenBytes < LOG_DIRECT_BACKLOG_BYTES_MAX;
  }

  #completeWrite(result: number): void {
    this.#isWriting = false;
    const { kind, length } = this.#write;
    if (result <= 0) {
      this.#fail(verbOf(kind), result === 0 ? Errno.NoSpace : -result);
      return;
    }
    if (this.#mustRewind) return;
    if (this.#againBytes < this.#againEndBytes) {
      this.#completeAgain(result);
      return;
    }
    assert(result <= length, 'a disk writes what it was given');
    const before = this.#writtenBytes;
    this.#writtenBytes = before + result;
    if (result === length) this.#writtenSequence = this.#writingSequence;
    if (kind === DiskOperationKind.WriteDurable) {
      assert(this.#durableBytes === before, 'durable writes follow each other');
      this.#setDurable(this.#writtenBytes, this.#writtenSequence);
      if (!this.#hasUnwritten()) this.#failure = undefined;
    }
    this.#release();
  }

  #needsSync(): boolean {
    if (this.#writtenBytes === this.#durableBytes) return false;
    if (this.#isWriting) return this.#isSyncDue();
    if (this.#againBytes < this.#againEndBytes) return false;
    const next = this.#chunkToWrite();
    if (next !== undefined && this.#isSegmentFull(next)) return true;
    if (this.#failure !== undefined || this.#closing !== 'no') return next === undefined;
    return this.#policy === 'every_write' || this.#isSyncDue();
  }

  #isSyncDue(): boolean {
    if (this.#policy !== 'every_second' || this.#failure !== undefined) return false;
    const waitingBytes = this.#writtenBytes - this.#durableBytes;
    return this.#nowMs - this.#lastSyncMs >= SYNC_INTERVAL_MS
      || waitingBytes >= LOG_BUFFER_BYTES_MAX / 2;
  }

  #beginSync(): void {
    this.#sync.kind = DiskOperationKind.Sync;
    this.#sync.file = this.#segment.file;
    this.#isSyncing = true;
    this.#syncingBytes = this.#writtenBytes;
    this.#syncingSequence = this.#writtenSequence;
    this.#syncStartMs = this.#nowMs;
    this.#lastSyncMs = this.#nowMs;
    this.#disk.submit(this.#sync, this.#tokenBase + TOKEN_SYNC);
  }

  #completeSync(result: number): void {
    this.#isSyncing = false;
    if (result < 0) {
      this.#fail('sync', -result);
      return;
    }
    // A write that failed meanwhile takes nothing from what this sync covers.
    if (this.#syncingBytes > this.#durableBytes) {
      this.#setDurable(this.#syncingBytes, this.#syncingSequence);
    }
    if (!this.#mustRewind) this.#failure = undefined;
    this.#release();
  }

  #completeSegment(result: number): void {
    const step = this.#segment.complete(result);
    if (step === 'failed') this.#fail(verbOf(this.#segment.operationKind), this.#segment.errno);
    if (step !== 'ready') return;
    if (this.#closing === 'marked' && this.#segment.file === -1) {
      this.#closing = 'done';
      return;
    }
    this.#segmentBase = this.#writtenBytes;
    if (!this.#mustRewind && this.#durableBytes === this.#writtenBytes) this.#failure = undefined;
  }

  #setDurable(bytes: number, sequence: number): void {
    this.#durableBytes = bytes;
    this.#durableSequence = sequence;
    this.frames.setDurable(sequence);
  }

  /** Lets go of chunks that will not be written again. */
  #release(): void {
    const done = this.#policy === 'os_managed' ? this.#writtenBytes : this.#durableBytes;
    for (;;) {
      const oldest = this.#chunks[0];
      if (oldest === undefined || oldest === this.frames.chunk) return;
      if (oldest.base + oldest.sealed > done) return;
      this.#chunks.shift();
      this.#pool.give(oldest);
    }
  }

  #fail(operation: string, errno: number): void {
    const sinceMs = this.#failure?.sinceMs ?? this.#nowMs;
    this.#failure = { operation, path: this.#segment.path, errno, sinceMs };
    this.#retryAtMs = this.#nowMs + RETRY_INTERVAL_MS;
    this.#mustRewind = true;
  }

  /** Goes back to where all is durable. @returns false while operations are under way */
  #rewind(): boolean {
    if (this.#isWriting || this.#isSyncing) return false;
    const oldest = this.#chunks[0];
    assert(oldest !== undefined, 'the chunk that is filled is there');
    // With os_managed chunks are gone once they are written: the system has their bytes.
    const from = Math.max(this.#durableBytes, Math.min(oldest.base, this.#writtenBytes));
    if (from === this.#durableBytes) this.#writtenSequence = this.#durableSequence;
    this.#writtenBytes = from;
    this.#againBytes = this.#durableBytes;
    this.#againEndBytes = from;
    this.#mustRewind = false;
    return true;
  }

  /** Reads back a piece of what a failed sync has left in the system's hands. */
  #beginAgain(): void {
    const operation = this.#write;
    operation.kind = DiskOperationKind.Read;
    operation.file = this.#segment.file;
    operation.bytes = this.#againRoom;
    operation.at = 0;
    operation.length = Math.min(
      this.#againRoom.length, this.#againEndBytes - this.#againBytes,
    );
    operation.position = SEGMENT_HEADER_BYTES + this.#againBytes - this.#segmentBase;
    this.#isWriting = true;
    this.#disk.submit(operation, this.#tokenBase + TOKEN_WRITE);
  }

  /** A piece was read: it is written where it was. Written: on to the next. */
  #completeAgain(result: number): void {
    if (this.#write.kind === DiskOperationKind.Write) {
      this.#againBytes += result;
      return;
    }
    this.#write.kind = DiskOperationKind.Write;
    this.#write.isDirect = false;
    this.#write.length = result;
    this.#isWriting = true;
    this.#disk.submit(this.#write, this.#tokenBase + TOKEN_WRITE);
  }

  #advanceClosing(): void {
    if (this.#isWriting || this.#isSyncing || this.#segment.isBusy) return;
    if (this.#hasUnwritten() || this.#durableBytes < this.#writtenBytes) return;
    if (this.#closing === 'asked') {
      this.frames.mark(FRAME_CLOSED, this.#nowMs);
      this.#closing = 'marked';
      this.#advance();
    } else if (this.#closing === 'marked') {
      this.#segment.beginClose();
    }
  }
}
