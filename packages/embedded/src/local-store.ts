/**
 * The directory of an engine in this thread: everything that was kept is loaded before the first
 * call, every change goes to the log, and `close` makes all of it durable.
 *   always     a call that changes something returns when that is durable
 *   everysec   bytes go to the system several times a second, and to the device once
 *   no         bytes go to the system; it decides about the device
 * A program may keep its event loop busy for as long as it likes: what is due is looked at within
 * calls too, and a sync that libuv could not tell of is done in this thread.
 * Cost of a call: a comparison when nothing has changed, and what effect-log.ts costs.
 */
import { Fault } from '@kora/core';
import type { Shard } from '@kora/core';
import {
  BackgroundSyncDisk, dealOut, DiskFault, LogWords, NodeFiles, nodeProcesses, openStore, reportText,
  ShardLoad, ShardPersistence,
} from '@kora/storage/engine';
import type {
  Files, OpenedStore, ProcessTable, SnapshotWords, StoreFacts, SyncPolicy,
} from '@kora/storage/engine';
import { LocalSnapshots } from './local-snapshots.ts';

/** The disk and the processes of this machine, or of a simulated one in tests. */
export interface StoreHost {
  readonly files: Files;
  readonly processes: ProcessTable;
  /** Absent: fdatasync on libuv's threads. */
  readonly beginSync?: (file: number, done: (error: Error | null) => void) => void;
}

/** Changes between two looks at the clock. */
const CHANGES_PER_LOOK = 64;
/** What was changed goes to the system at least this often while calls come. */
const PUMP_INTERVAL_MS = 50;
/** A sync of which libuv has not told after this is done in this thread. */
const SYNC_PATIENCE_MS = 1000;
/** Rounds until something is durable: a segment may have to be begun. */
const ROUNDS_MAX = 64;
/** Rounds in which what libuv has not told of is done: a segment, a write and a sync. */
const LATE_ROUNDS = 6;
/** Rounds in which a disk that works again is noticed. */
const RETRY_ROUNDS = 8;

export class LocalStore implements StoreFacts {
  readonly persistence: ShardPersistence;
  readonly snapshots: LocalSnapshots;
  /** Loaded before the first call. */
  readonly isLoading = false;
  readonly loadedKeyCount: number;
  readonly shard: Shard;
  readonly #store: OpenedStore;
  readonly #disk: BackgroundSyncDisk;
  #seen: number;
  #changes = 0;
  #pumpedMs: number;
  /** When an operation was first seen under way, 0 = none is. */
  #busySinceMs = 0;

  /** Loads what `store` has into the shard, which is new. @throws as ShardLoad */
  constructor(
    shard: Shard, store: OpenedStore, host: StoreHost, policy: SyncPolicy, onReady: () => void,
    onNotice: (message: string) => void,
  ) {
    this.shard = shard;
    this.#store = store;
    const [plan] = store.shards;
    if (plan === undefined) throw new Fault('ENGINE_FAILED', 'a store has a shard');
    const load = new ShardLoad(host.files, shard, plan.data);
    try {
      load.step(Infinity);
    } finally {
      load.close();
    }
    this.loadedKeyCount = load.keyCount;
    this.#disk = new BackgroundSyncDisk(host.files, onReady, host.beginSync);
    const logs = new LogWords(1);
    this.persistence = new ShardPersistence({
      shard, disk: this.#disk, directory: store.directory, next: plan.next, policy,
      words: logs, tag: shard.platform.chance.next32() >>> 0,
    });
    const { persistence } = this;
    this.snapshots = new LocalSnapshots({
      shard, persistence, store, host, logs, onReady, onNotice,
    });
    this.#seen = this.persistence.appended;
    this.#pumpedMs = shard.platform.clock.nowMs();
  }

  get snapshotWords(): SnapshotWords {
    return this.snapshots.words;
  }
  get errno(): number {
    return this.persistence.log.failure?.errno ?? 0;
  }
  get bufferedBytes(): number {
    return this.persistence.log.bufferedBytes;
  }
  get hasUnsynced(): boolean {
    return !this.persistence.isQuiet;
  }

  /** A call has run. @throws {DiskFault} `always`: what it has changed is not durable */
  afterCall(): void {
    const { persistence } = this;
    const appended = persistence.appended;
    if (appended === this.#seen) return;
    this.#seen = appended;
    this.#changes++;
    const isLook = this.#changes % CHANGES_PER_LOOK === 0;
    if (persistence.log.policy === 'every_write') this.#makeDurable(appended);
    else if (isLook) this.#look();
    if (isLook) this.snapshots.turnWithinCall(this.shard.platform.clock.nowMs());
  }

  /** Before a call, while writes are refused: the disk may work again. */
  retry(): void {
    for (let round = 0; round < RETRY_ROUNDS && this.shard.barrier !== null; round++) {
      this.persistence.endTurn();
      this.#disk.finish(false);
      this.persistence.drain();
    }
  }

  /**
   * Between calls, ten times a second, and when the disk has done something.
   * @returns true when another should follow at once
   */
  turn(): boolean {
    this.#pumpedMs = this.shard.platform.clock.nowMs();
    this.persistence.endTurn();
    this.#seen = this.persistence.appended;
    return this.snapshots.turn();
  }

  #look(): void {
    const nowMs = this.shard.platform.clock.nowMs();
    const { log } = this.persistence;
    if (nowMs - this.#pumpedMs >= PUMP_INTERVAL_MS || log.mustWait(nowMs)) this.turn();
    if (log.durableSequence === this.persistence.appended) this.#busySinceMs = 0;
    else if (this.#busySinceMs === 0) this.#busySinceMs = nowMs;
    const isLate = this.#busySinceMs !== 0 && nowMs - this.#busySinceMs > SYNC_PATIENCE_MS;
    if (!isLate && !log.mustWait(nowMs)) return;
    this.#busySinceMs = 0;
    // A segment is begun in several steps: none of them waits as long again.
    for (let round = 0; round < LATE_ROUNDS; round++) {
      this.#disk.finish(false);
      this.persistence.endTurn();
    }
  }

  #makeDurable(sequence: number): void {
    const { persistence } = this;
    const { log } = persistence;
    for (let round = 0; round < ROUNDS_MAX && log.durableSequence < sequence; round++) {
      persistence.endTurn();
      this.#disk.finish(false);
      persistence.drain();
      if (log.failure !== undefined) break;
    }
    if (log.durableSequence >= sequence) return;
    const { failure } = log;
    if (failure === undefined) throw new Fault('ENGINE_FAILED', `${log.path} does not go on`);
    throw new DiskFault(failure.operation, failure.path, failure.errno);
  }

  /**
   * Makes everything durable and gives the directory back.
   * @param isWhole false: the engine has failed, and what it did last is not to be kept
   * @throws {DiskFault} the last changes are not durable
   */
  close(isWhole: boolean): void {
    this.snapshots.close();
    this.#disk.finish(true);
    const { log } = this.persistence;
    const isClosed = !isWhole || this.persistence.closeNow();
    const { failure } = log;
    try {
      this.#store.close();
    } catch (error) {
      if (isClosed || !(error instanceof DiskFault)) throw error;
    }
    if (isClosed) return;
    if (failure === undefined) throw new Fault('ENGINE_FAILED', `${log.path} does not end`);
    throw new DiskFault(failure.operation, failure.path, failure.errno);
  }
}

/** The disk and the processes of this machine. */
export function realStoreHost(): StoreHost {
  return { files: new NodeFiles(), processes: nodeProcesses };
}

/**
 * Opens a directory for some number of shards.
 * @param onNotice told what recovery has found that an operator should know, line by line
 * @throws {Fault} `DIRECTORY_IN_USE`; {CorruptFileFault}; {DiskFault}
 */
export function openLocalStore(
  directory: string, host: StoreHost, nowMs: number, onNotice: (message: string) => void,
  shardCount = 1,
): OpenedStore {
  const { files, processes } = host;
  const options = { directory, shardCount, processes, nowMs };
  const store = openStore(files, options, dealOut);
  for (const report of store.reports) onNotice(reportText(report));
  const shards = shardCount === 1 ? '1 shard' : `${shardCount} shards`;
  if (store.dealtOutCount >= 0) onNotice(`${store.dealtOutCount} keys were dealt out to ${shards}`);
  return store;
}
