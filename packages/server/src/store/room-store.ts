/**
 * A room's data on disk: loads it while the room answers LOADING, keeps the log of what changes,
 * and ends it. Driven by the turns of the room's worker.
 *
 *   loading --all shards have loaded--> serving --close()--> closed
 *
 * The log is written by what the I/O engine has for that: entries of an io_uring, libuv where the
 * thread lives in Node's loop, a thread for files elsewhere.
 */
import { assert, Flag, replyErrors } from '@kora/core';
import type { Barrier, Command, ReplyError, Shard } from '@kora/core';
import {
  BackgroundSyncDisk, believedBytes, Errno, errnoText, LogWords, NodeFiles, PortDisk, ShardLoad,
  ShardPersistence, syncPolicyOf,
} from '@kora/storage/engine';
import type {
  BeginSync, Disk, DurablePart, FilePort, Files, LogPlace, ShardStorePlan, SnapshotWords,
  StoreFacts, StorePlan,
} from '@kora/storage/engine';
import type { IoEngine, LoopEngine } from '../io/engine.ts';
import type { Log } from '../log.ts';
import { FileThread } from './file-thread.ts';
import type { FileWake } from './file-thread.ts';
import { LOG_TROUBLE_MS_MAX } from './held-replies.ts';
import type { HeldReplies, HoldingHost } from './held-replies.ts';
import { LogWaits } from './log-waits.ts';
import { RoomSnapshots } from './room-snapshots.ts';

/** Another disk than this machine's, for tests. */
export interface RoomDisk {
  readonly files: Files;
  /** Absent: fdatasync on libuv's threads. */
  readonly beginSync?: BeginSync;
  readonly segmentBytes?: number;
}

/** What it asks of the room. */
export interface RoomStoreHost {
  readonly log: Log;
  /** Absent: the disk of this machine. */
  readonly disk?: RoomDisk;
  /** The data cannot be had: nothing may be served. */
  onFailure(error: Error): void;
  /** Wakes the threads of shards, a bit each. */
  wake(shards: number): void;
  /** As ShardPersistenceOptions.announce. */
  announce(parts: readonly DurablePart[]): boolean;
  /** Several workers: has all of them make the cut of a snapshot. @returns false: not now */
  beginCut(done: () => void): boolean;
  /** True when nothing that the connection has asked for is under way. */
  isIdle(slot: number): boolean;
  /** Ends a connection at once. */
  cut(slot: number): void;
}

/** Milliseconds of loading between two looks at the sockets. */
const LOAD_SLICE_MS = 20;
/** Between two lines of the log while data is loaded. */
const PROGRESS_INTERVAL_MS = 1000;
/** Bytes of a write of memory that the engine does not reach. */
const STAGING_BYTES = 262_144;

/** Commands flagged so run, the others are answered LOADING. */
const loadingBarrier: Barrier = {
  refusalOf: (command: Command): ReplyError | null =>
    (command.flags & Flag.Loading) === 0 ? replyErrors.loading : null,
  mustWait: () => false,
};

export class RoomStore implements HoldingHost, StoreFacts {
  readonly words: LogWords;
  /** Clients that wait for the log. */
  readonly waits: LogWaits;
  readonly shard: Shard;
  readonly #engine: HeldReplies;
  readonly #plan: StorePlan;
  readonly #host: RoomStoreHost;
  readonly #files: Files;
  readonly #load: ShardLoad;
  readonly #loadBeganMs: number;
  #saidMs: number;
  #port: PortDisk | null = null;
  #background: BackgroundSyncDisk | null = null;
  #thread: FileThread | null = null;
  /** Null until all data is there. */
  persistence: ShardPersistence | null = null;
  snapshots: RoomSnapshots | null = null;
  #isClosed = false;
  #hasFailed = false;

  /** @throws {CorruptFileFault} {DiskFault} */
  constructor(shard: Shard, engine: HeldReplies, plan: StorePlan, host: RoomStoreHost) {
    this.shard = shard;
    this.#engine = engine;
    this.#plan = plan;
    this.#host = host;
    this.words = new LogWords(plan.shards.length, plan.words);
    this.waits = new LogWaits(this.words, shard.index);
    this.#files = host.disk?.files ?? new NodeFiles();
    this.#load = new ShardLoad(this.#files, shard, this.#own.data);
    this.#loadBeganMs = shard.platform.clock.nowMs();
    this.#saidMs = this.#loadBeganMs;
    shard.barrier = loadingBarrier;
    engine.attach(this);
    const isLoop = engine.engine.name !== 'node';
    // It takes a moment to start, and that moment is there now.
    if (isLoop && engine.files === undefined) {
      this.#thread = new FileThread(shard.memory, wakeOf(engine.engine));
    }
  }

  get #own(): ShardStorePlan {
    const own = this.#plan.shards[this.shard.index];
    assert(own !== undefined, 'every shard has its place in the directory');
    return own;
  }

  /** True while some shard has not loaded all of its data. */
  get isLoading(): boolean {
    return this.shard.barrier === loadingBarrier;
  }
  /** Keys that came out of a snapshot at the start. */
  get loadedKeyCount(): number {
    return this.#load.keyCount;
  }
  get snapshotWords(): SnapshotWords | undefined {
    return this.snapshots?.words;
  }
  /** Why some log of the process cannot be written, 0 = all can. */
  get errno(): number {
    return this.words.errno;
  }
  get bufferedBytes(): number {
    return this.persistence?.log.bufferedBytes ?? 0;
  }
  get hasUnsynced(): boolean {
    return this.persistence?.isQuiet === false;
  }
  /** True when nothing has to be looked at before something changes. */
  get isQuiet(): boolean {
    if (this.persistence?.isQuiet !== true || this.snapshots?.isQuiet !== true) return false;
    return !this.isLoading && this.#engine.isEmpty;
  }

  get isRefusing(): boolean {
    return this.persistence?.isRefusing === true;
  }
  isIdle(slot: number): boolean {
    return this.#host.isIdle(slot);
  }
  get monotonicMs(): number {
    return this.shard.platform.clock.monotonicUs() / 1000;
  }
  cut(slots: readonly number[]): void {
    const clients = slots.length === 1 ? '1 client' : `${slots.length} clients`;
    this.#host.log('warning', `the log could not be written for ${LOG_TROUBLE_MS_MAX / 1000} s: ` +
      `${clients} whose changes are not durable ${slots.length === 1 ? 'is' : 'are'} disconnected`);
    for (const slot of slots) this.#host.cut(slot);
  }
  /** As HeldReplies.noteAsked. */
  noteAsked(slot: number): void {
    this.#engine.noteAsked(slot);
  }
  /** The last change of this shard. */
  get appended(): LogPlace {
    return this.words.appended(this.shard.index);
  }

  /** The end of a turn of the worker. */
  endTurn(): void {
    if (this.#isClosed) return;
    if (this.persistence === null) {
      this.#loadSlice();
      return;
    }
    const { shard } = this;
    // The others' words are looked at with every tick.
    if (shard.barrier === loadingBarrier && !this.words.isLoading) shard.barrier = null;
    this.persistence.endTurn();
    if (!this.isLoading) this.snapshots?.endTurn();
    this.#noteFailure(this.persistence);
  }

  drain(): void {
    if (this.#thread !== null) this.#thread.drain((token, result) => {
      this.#completed(token, result);
    });
    this.persistence?.drain();
    this.waits.look();
  }

  onFile(token: number, result: number): void {
    this.#completed(token, result);
    this.persistence?.drain();
    this.waits.look();
  }

  #completed(token: number, result: number): void {
    if (this.#port?.completed(token, result) !== true) this.snapshots?.completed(token, result);
  }

  // ------------------------------------------------------------------ loading

  #loadSlice(): void {
    const shard = this.shard;
    let hasMore: boolean;
    try {
      hasMore = this.#load.step(LOAD_SLICE_MS);
    } catch (cause) {
      this.#load.close();
      this.#isClosed = true;
      this.#host.onFailure(cause instanceof Error ? cause : new Error(String(cause)));
      return;
    }
    const nowMs = shard.platform.clock.nowMs();
    if (hasMore) {
      if (nowMs - this.#saidMs >= PROGRESS_INTERVAL_MS) this.#sayProgress(nowMs);
      this.#engine.requestTurn();
      return;
    }
    const { keyCount, recordCount, totalBytes } = this.#load;
    if (totalBytes > 0) {
      const seconds = ((nowMs - this.#loadBeganMs) / 1000).toFixed(3);
      const bytes = `${(totalBytes / 1e6).toFixed(1)} MB`;
      const keys = this.#own.data.part === undefined ? '' : `${keyCount} keys and `;
      this.#host.log('notice', `${this.#name}loaded ${keys}${recordCount} changes, ${bytes}, in ` +
        `${seconds} s`);
    }
    // What others ask of this shard once all have loaded is logged.
    this.#begin();
    this.words.setLoading(shard.index, false);
    this.#host.wake((2 ** this.words.shardCount - 1) & ~(1 << shard.index));
  }

  get #name(): string {
    return this.words.shardCount === 1 ? '' : `worker ${this.shard.index}: `;
  }

  #sayProgress(nowMs: number): void {
    this.#saidMs = nowMs;
    const { doneBytes, totalBytes } = this.#load;
    const percent = Math.floor((doneBytes / Math.max(1, totalBytes)) * 100);
    const megabytes = (totalBytes / 1e6).toFixed(1);
    this.#host.log('notice', `${this.#name}loading, ${percent} % of ${megabytes} MB`);
  }

  // ------------------------------------------------------------------ serving

  #begin(): void {
    const shard = this.shard;
    const { settings } = shard.engine;
    this.persistence = new ShardPersistence({
      shard, disk: this.#openDisk(shard), directory: this.#plan.directory, next: this.#own.next,
      policy: syncPolicyOf(settings.text('appendfsync')), words: this.words,
      tag: shard.platform.chance.next32() >>> 0, ...segmentsOf(this.#host),
      announce: (parts) => this.#host.announce(parts),
      wake: (shards) => { this.#host.wake(shards); },
    });
    this.#beginSnapshots(this.persistence);
    const isLengthGiven = this.#host.disk?.segmentBytes !== undefined;
    settings.bind('wal-max-bytes', ({ number }) => {
      if (!isLengthGiven) this.persistence?.log.setSegmentBytes(number);
    });
    settings.bind('appendfsync', ({ text }) => {
      this.persistence?.log.setPolicy(syncPolicyOf(text));
      this.#engine.isHolding = text === 'always';
    });
    this.#engine.requestTurn();
  }

  #beginSnapshots(persistence: ShardPersistence): void {
    const { shard, words } = this;
    const { directory, manifest, snapshots } = this.#plan;
    const { segments } = this.#own.data.log;
    this.snapshots = new RoomSnapshots({
      shard, persistence, directory, manifest, words: snapshots, logs: words,
      files: this.#files, port: this.#filePort, beginSync: this.#host.disk?.beginSync,
      logBytes: believedBytes(segments),
      log: this.#host.log,
      requestTurn: () => { this.#engine.requestTurn(); },
      wake: (shards) => { this.#host.wake(shards); },
      beginCut: (done) => this.#host.beginCut(done),
    });
  }

  /** Where files are written; null: by libuv. */
  get #filePort(): FilePort | null {
    return this.#engine.engine.files ?? this.#thread;
  }

  #openDisk(shard: Shard): Disk {
    const port = this.#filePort;
    if (port === null) {
      const onReady = (): void => { this.#engine.requestTurn(); };
      const beginSync = this.#host.disk?.beginSync;
      this.#background = new BackgroundSyncDisk(this.#files, onReady, beginSync);
      return this.#background;
    }
    const block = shard.memory.lowAllocator.alloc(STAGING_BYTES);
    assert(block !== 0, 'low memory holds a block for the log');
    const memory = {
      low: shard.memory.low, stagingAt: block * 8, stagingBytes: STAGING_BYTES,
    };
    this.#port = new PortDisk(this.#files, port, memory);
    return this.#port;
  }

  /** Says once that the log fails, and once that it does no longer. */
  #noteFailure({ log }: ShardPersistence): void {
    const { failure } = log;
    if ((failure !== undefined) === this.#hasFailed) return;
    this.#hasFailed = failure !== undefined;
    if (failure === undefined) {
      this.#host.log('notice', `${log.path}: the log can be written again, so writes are accepted`);
      return;
    }
    const { operation, path, errno } = failure;
    this.#host.log('warning', `cannot ${operation} ${path}: ${errnoText(errno)}; writes are ` +
      'refused until the log can be written');
  }

  // ------------------------------------------------------------------ the end

  /**
   * Everything is durable when it returns.
   * @param isWhole false: an invariant broke, and what was done last is not to be kept
   * @returns 0, or the number of the error that the last changes were lost by
   */
  close(isWhole: boolean): number {
    if (this.#isClosed) return 0;
    this.#isClosed = true;
    this.#load.close();
    const { persistence } = this;
    let errno = 0;
    if (persistence !== null && isWhole) {
      if (this.#thread !== null) this.#thread.waitUntilIdle();
      this.drain();
      this.#port?.finish();
      this.#background?.finish(true);
      this.snapshots?.close();
      if (!persistence.closeNow()) {
        const { failure, path } = persistence.log;
        const why = failure === undefined ? '' : `: ${errnoText(failure.errno)}`;
        this.#host.log('warning', `${path}: the last changes could not be written${why}`);
        errno = failure?.errno ?? Errno.InputOutput;
      }
    }
    this.#thread?.end();
    return errno;
  }
}

/** How long segments are, where that is said. */
function segmentsOf({ disk }: RoomStoreHost): { readonly segmentBytes?: number } {
  return disk?.segmentBytes === undefined ? {} : { segmentBytes: disk.segmentBytes };
}

/** What ends the engine's wait, for the thread of files; -1 where it has no descriptor for that. */
function wakeOf(engine: IoEngine): FileWake {
  if (engine.bell !== undefined) return engine.bell;
  return 'shareWake' in engine ? (engine as LoopEngine).shareWake() : -1;
}
