/**
 * What the shards of a process know of its snapshots, in shared memory: what was asked for, how far
 * each shard's part has come, and what INFO tells. One snapshot is under way at a time.
 *
 *   i32  asked | stage | is given up | scheduled | ended | failed | save status | rewrite status
 *        saves | rewrites | number                then, of each shard from word 16: state | errno
 *   f64  began ms | saved ms | save seconds | rewrite seconds | base bytes | snapshot bytes
 *        then, of each shard: cut | log bytes at the cut | part bytes | entries | crc
 *        sequence saved | log bytes saved | log bytes | changes at the cut | changes saved
 *
 * Invariants: `asked` goes from 0 to a kind by compare-exchange, on any thread, and back to 0 on
 *   the director's; a shard's words are its own thread's, facts stored before the state that
 *   publishes them; all else, and what was saved, is the director's.
 */
import { assert } from '@kora/core/control';

/** What a snapshot is taken for, in Redis's words: BGSAVE, BGREWRITEAOF, SAVE. It is the same. */
export const SnapshotKind = { Save: 1, Rewrite: 2, SaveNow: 3 } as const;
export type SnapshotKind = (typeof SnapshotKind)[keyof typeof SnapshotKind];

/** Where a shard is with its part. */
export const PartPhase = { None: 0, Writing: 1, Done: 2, Failed: 3 } as const;

/** Where the director is. */
export const SnapshotStage = { Idle: 0, Gathering: 1, Committing: 2 } as const;

const ASKED = 0;
const STAGE = 1;
const GIVEN_UP = 2;
const SCHEDULED = 3;
const ENDED = 4;
const FAILED = 5;
const SAVE_STATUS = 6;
const REWRITE_STATUS = 7;
const SAVES = 8;
const REWRITES = 9;
const NUMBER = 10;
const SHARDS = 16;
/** A line for each shard. */
const SHARD_WORDS = 16;
const STATE = 0;
const ERRNO = 1;

const BEGAN_MS = 0;
const SAVED_MS = 1;
const SAVE_SECONDS = 2;
const REWRITE_SECONDS = 3;
const BASE_BYTES = 4;
const SNAPSHOT_BYTES = 5;
const SHARD_DOUBLES_AT = 8;
const SHARD_DOUBLES = 16;
const CUT = 0;
const CUT_LOG_BYTES = 1;
const PART_BYTES = 2;
const ENTRIES = 3;
const CRC = 4;
const SAVED_SEQUENCE = 5;
const SAVED_LOG_BYTES = 6;
const LOG_BYTES = 7;
const CUT_CHANGES = 8;
const SAVED_CHANGES = 9;

/** What a part has become; see PartFacts. */
export interface PartNumbers {
  readonly bytes: number;
  readonly entryCount: number;
  readonly blocksCrc: number;
}

/** The snapshots of a process. */
export class SnapshotWords {
  /** Give it to other threads; `new SnapshotWords(shardCount, buffer)` there is the same. */
  readonly buffer: SharedArrayBuffer;
  readonly shardCount: number;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;

  constructor(
    shardCount: number, buffer = new SharedArrayBuffer(SnapshotWords.bytesFor(shardCount)),
  ) {
    this.buffer = buffer;
    this.shardCount = shardCount;
    const words = SHARDS + shardCount * SHARD_WORDS;
    this.#words = new Int32Array(buffer, 0, words);
    this.#doubles = new Float64Array(buffer, words * 4);
  }

  static bytesFor(shardCount: number): number {
    const words = SHARDS + shardCount * SHARD_WORDS;
    return words * 4 + (SHARD_DOUBLES_AT + shardCount * SHARD_DOUBLES) * 8;
  }

  // ------------------------------------------------------------------ any thread

  /** Asks for a snapshot; wake the director then. @returns false while one is under way */
  ask(kind: SnapshotKind): boolean {
    // Pairs with the store in `end`.
    return Atomics.compareExchange(this.#words, ASKED, 0, kind) === 0;
  }
  /** What the snapshot under way is for, 0 = none is. */
  get asked(): number {
    return Atomics.load(this.#words, ASKED);
  }
  /** One is to follow as soon as it may. */
  schedule(kind: SnapshotKind): void {
    Atomics.or(this.#words, SCHEDULED, 1 << kind);
  }
  isScheduled(kind: SnapshotKind): boolean {
    return (Atomics.load(this.#words, SCHEDULED) & (1 << kind)) !== 0;
  }
  /** Snapshots that have come to their end; the one under way is the next. */
  get ended(): number {
    return Atomics.load(this.#words, ENDED);
  }
  /** Number, as `ended` counts, of the last that failed; 0 = none has. */
  get failed(): number {
    return Atomics.load(this.#words, FAILED);
  }
  get isGivenUp(): boolean {
    return Atomics.load(this.#words, GIVEN_UP) === 1;
  }
  /** One of SnapshotStage. */
  get stage(): number {
    return Atomics.load(this.#words, STAGE);
  }
  /** Number of the snapshot under way: that of its manifest. */
  get number(): number {
    return Atomics.load(this.#words, NUMBER);
  }
  /** When it began, ms; NaN before its cut. */
  get beganMs(): number {
    return this.#doubles[BEGAN_MS] ?? NaN;
  }
  /** When data was saved last, ms; 0 = not by this process. */
  get savedMs(): number {
    return this.#doubles[SAVED_MS] ?? 0;
  }
  /** How long the last one of a kind took, s; -1 = there was none. */
  secondsOf(kind: SnapshotKind): number {
    return (this.#doubles[kind === SnapshotKind.Rewrite ? REWRITE_SECONDS : SAVE_SECONDS] ?? 0) - 1;
  }
  /** True unless the last one of a kind failed. */
  isWell(kind: SnapshotKind): boolean {
    const place = kind === SnapshotKind.Rewrite ? REWRITE_STATUS : SAVE_STATUS;
    return Atomics.load(this.#words, place) === 0;
  }
  /** How many of a kind went well. */
  countOf(kind: SnapshotKind): number {
    return Atomics.load(this.#words, kind === SnapshotKind.Rewrite ? REWRITES : SAVES);
  }
  /** Bytes of snapshot and logs when the last snapshot had ended. */
  get baseBytes(): number {
    return this.#doubles[BASE_BYTES] ?? 0;
  }
  /** Bytes of the snapshot that counts, and of the logs behind it. */
  get totalBytes(): number {
    let bytes = this.#doubles[SNAPSHOT_BYTES] ?? 0;
    for (let shard = 0; shard < this.shardCount; shard++) bytes += this.logBytes(shard);
    return bytes;
  }
  /** Sequence of a shard's log up to which changes are in a snapshot, or were loaded. */
  savedSequence(shard: number): number {
    return this.#double(shard, SAVED_SEQUENCE);
  }
  /** Changes of a shard's journal that are in a snapshot, or were loaded. */
  savedChanges(shard: number): number {
    return this.#double(shard, SAVED_CHANGES);
  }
  /** Bytes of a shard's log behind the last snapshot. */
  logBytes(shard: number): number {
    return this.#double(shard, LOG_BYTES) - this.#double(shard, SAVED_LOG_BYTES);
  }

  // ------------------------------------------------------------------ a shard's own thread

  /**
   * It has begun its part, when its log had so many bytes (`setLogBytes`) and its journal so many
   * changes.
   */
  setCut(shard: number, cutSequence: number, logBytes: number, changes: number): void {
    this.#set(shard, CUT_CHANGES, changes);
    this.#set(shard, CUT, cutSequence);
    this.#set(shard, CUT_LOG_BYTES, logBytes);
    this.#setPhase(shard, PartPhase.Writing);
  }
  setDone(shard: number, { bytes, entryCount, blocksCrc }: PartNumbers): void {
    this.#set(shard, PART_BYTES, bytes);
    this.#set(shard, ENTRIES, entryCount);
    this.#set(shard, CRC, blocksCrc);
    this.#setPhase(shard, PartPhase.Done);
  }
  setFailed(shard: number, errno: number): void {
    Atomics.store(this.#words, SHARDS + shard * SHARD_WORDS + ERRNO, errno);
    this.#setPhase(shard, PartPhase.Failed);
  }
  /** All bytes of its log that there are or were since the process began. */
  setLogBytes(shard: number, bytes: number): void {
    this.#set(shard, LOG_BYTES, bytes);
  }
  /** Before anything is served: up to here changes count as saved. */
  setLoaded(shard: number, sequence: number, changes: number): void {
    this.#set(shard, SAVED_SEQUENCE, sequence);
    this.#set(shard, SAVED_CHANGES, changes);
  }

  #setPhase(shard: number, phase: number): void {
    // Publishes what was stored before; pairs with the load in `phaseOf`.
    Atomics.store(this.#words, SHARDS + shard * SHARD_WORDS + STATE, phase);
  }
  #set(shard: number, place: number, value: number): void {
    this.#doubles[SHARD_DOUBLES_AT + shard * SHARD_DOUBLES + place] = value;
  }
  #double(shard: number, place: number): number {
    return this.#doubles[SHARD_DOUBLES_AT + shard * SHARD_DOUBLES + place] ?? 0;
  }

  // ------------------------------------------------------------------ the director's thread

  /** A snapshot begins: no shard has a part of it yet. */
  begin(number: number, nowMs: number): void {
    for (let shard = 0; shard < this.shardCount; shard++) this.#setPhase(shard, PartPhase.None);
    this.#doubles[BEGAN_MS] = nowMs;
    Atomics.store(this.#words, GIVEN_UP, 0);
    Atomics.store(this.#words, NUMBER, number);
    Atomics.store(this.#words, STAGE, SnapshotStage.Gathering);
  }
  setStage(stage: number): void {
    Atomics.store(this.#words, STAGE, stage);
  }
  /** One of PartPhase. */
  phaseOf(shard: number): number {
    return Atomics.load(this.#words, SHARDS + shard * SHARD_WORDS + STATE);
  }
  errnoOf(shard: number): number {
    return Atomics.load(this.#words, SHARDS + shard * SHARD_WORDS + ERRNO);
  }
  cutOf(shard: number): number {
    return this.#double(shard, CUT);
  }
  numbersOf(shard: number): PartNumbers {
    return {
      bytes: this.#double(shard, PART_BYTES), entryCount: this.#double(shard, ENTRIES),
      blocksCrc: this.#double(shard, CRC),
    };
  }
  giveUp(): void {
    Atomics.store(this.#words, GIVEN_UP, 1);
  }
  /** The snapshot that counts has so many bytes. */
  setSnapshotBytes(bytes: number): void {
    this.#doubles[SNAPSHOT_BYTES] = bytes;
  }
  /** What there is to grow from. */
  setBaseBytes(bytes: number): void {
    this.#doubles[BASE_BYTES] = bytes;
  }
  takeScheduled(kind: SnapshotKind): boolean {
    return (Atomics.and(this.#words, SCHEDULED, ~(1 << kind)) & (1 << kind)) !== 0;
  }

  /** The snapshot under way is over. */
  end(isWell: boolean, nowMs: number): void {
    const kind = this.asked;
    assert(kind !== 0, 'what ends was asked for');
    const isSave = kind !== SnapshotKind.Rewrite;
    Atomics.store(this.#words, isSave ? SAVE_STATUS : REWRITE_STATUS, isWell ? 0 : 1);
    const seconds = Math.floor(nowMs / 1000) - Math.floor(this.beganMs / 1000);
    this.#doubles[isSave ? SAVE_SECONDS : REWRITE_SECONDS] = seconds + 1;
    const ended = this.ended + 1;
    if (isWell) {
      this.#doubles[SAVED_MS] = nowMs;
      Atomics.add(this.#words, isSave ? SAVES : REWRITES, 1);
      for (let shard = 0; shard < this.shardCount; shard++) {
        this.#set(shard, SAVED_SEQUENCE, this.cutOf(shard));
        this.#set(shard, SAVED_CHANGES, this.#double(shard, CUT_CHANGES));
        this.#set(shard, SAVED_LOG_BYTES, this.#double(shard, CUT_LOG_BYTES));
      }
    } else {
      Atomics.store(this.#words, FAILED, ended);
    }
    Atomics.store(this.#words, STAGE, SnapshotStage.Idle);
    Atomics.store(this.#words, ENDED, ended);
    Atomics.store(this.#words, ASKED, 0);
  }
}
