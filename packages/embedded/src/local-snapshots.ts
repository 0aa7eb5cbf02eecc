/**
 * Snapshots of an engine in this thread: whole within a call (`now`), or in slices between the
 * turns of the event loop, where BGSAVE, a rule of `save` or the growth of the log asks for one.
 * The same parts, director and retention as a server's (packages/storage/src/engine).
 * Cost: of a turn without a snapshot a few loads; of one with it a slice of about 100 us.
 */
import { assert, Fault } from '@kora/core';
import type { ArgFrame, ReplySink, SaveAsker, SavingHost, Shard } from '@kora/core';
import {
  answerBgSave, answerRewrite, BackgroundSyncDisk, believedBytes, refusalOfSave, saveRulesOf,
  ShardSnapshots, SnapshotDirector, SnapshotWish, SnapshotWords,
} from '@kora/storage/engine';
import type {
  LogWords, OpenedStore, ShardPersistence, SnapshotDisk, SnapshotRules,
} from '@kora/storage/engine';
import type { StoreHost } from './local-store.ts';

const PART_TOKEN = 8;
const DIRECTOR_TOKEN = 9;

/** A disk of the program's thread. */
class LocalDisk extends BackgroundSyncDisk implements SnapshotDisk {
  readonly #release: () => void;

  constructor(host: StoreHost, onReady: () => void, release: (disk: LocalDisk) => void) {
    super(host.files, onReady, host.beginSync);
    this.#release = () => { release(this); };
  }

  override finish(isForGood = true): void {
    super.finish(isForGood);
  }
  release(): void {
    this.#release();
  }
}

/** What they are made of. */
export interface LocalSnapshotsOptions {
  readonly shard: Shard;
  readonly persistence: ShardPersistence;
  readonly store: OpenedStore;
  readonly host: StoreHost;
  readonly logs: LogWords;
  /** A turn is due soon. */
  readonly onReady: () => void;
  onNotice(message: string): void;
}

export class LocalSnapshots implements SavingHost {
  readonly words = new SnapshotWords(1);
  readonly #shard: Shard;
  readonly #onReady: () => void;
  readonly #part: ShardSnapshots;
  readonly #director: SnapshotDirector;
  readonly #disks = new Set<LocalDisk>();
  /** Why the part of the last one failed. */
  #cause: Error | null = null;
  /** Since when one has waited for the disk while the program has not come to rest, 0 = none. */
  #waitingSinceMs = 0;

  constructor(options: LocalSnapshotsOptions) {
    const { shard, persistence, store, host, logs, onReady } = options;
    const { directory, manifest, shards } = store;
    const { words } = this;
    const segments = shards[0]?.data.log.segments ?? [];
    this.#shard = shard;
    this.#onReady = onReady;
    const openDisk = (): SnapshotDisk => {
      const disk = new LocalDisk(host, onReady, (done) => { this.#disks.delete(done); });
      this.#disks.add(disk);
      return disk;
    };
    this.#part = new ShardSnapshots({
      shard, persistence, directory, words, token: PART_TOKEN, openDisk,
      logBytes: believedBytes(segments),
      onFailure: (cause) => { this.#cause = cause; },
      wakeDirector: onReady,
    });
    this.#director = new SnapshotDirector({
      files: host.files, directory, manifest, words, logs, token: DIRECTOR_TOKEN,
      startMs: shard.engine.startMs, openDisk,
      startCut: () => {
        this.cut();
        return true;
      },
      rules: () => this.#rules(),
      wakeAll: () => undefined,
      // What is of interest is told by the call; what a rule began and lost, by a notice.
      log: (level, message) => { if (level === 'warning') options.onNotice(message); },
    });
    shard.engine.saving = this;
  }

  get savedMs(): number {
    return this.words.savedMs;
  }

  /** A turn of the program's thread. @returns true when another should follow at once */
  turn(): boolean {
    const hasMore = this.#part.endTurn();
    const goesOn = this.#director.endTurn(this.#shard.platform.clock.nowMs());
    return hasMore || goesOn;
  }

  /** A turn within a call of a program that may not come to rest for long. */
  turnWithinCall(nowMs: number): void {
    if (this.turn() || this.#isQuiet) this.#waitingSinceMs = 0;
    else if (this.#waitingSinceMs === 0) this.#waitingSinceMs = nowMs;
    else if (nowMs - this.#waitingSinceMs > SYNC_PATIENCE_MS) {
      this.#waitingSinceMs = 0;
      this.#settle();
    }
  }

  get #isQuiet(): boolean {
    return !this.#part.isActive && this.#director.isQuiet;
  }

  /**
   * Makes a snapshot of all that has changed by now; it counts when this returns.
   * @throws {Fault} DISK_FAILED: the one before it counts, and the log
   */
  now(): void {
    const wish = new SnapshotWish(this.words);
    let state = wish.look();
    for (let idle = 0; state === 'waiting'; state = wish.look()) {
      idle = this.turn() ? 0 : idle + 1;
      assert(idle < IDLE_TURNS_MAX, 'a snapshot goes on');
      this.#settle();
    }
    this.#settleAll();
    if (state === 'failed') throw this.#failure();
  }

  /**
   * As `now`, in slices: the program's other work goes on between them.
   * @param pause resolves soon; in a while when there is nothing to do but to wait
   */
  async later(pause: (isIdle: boolean) => Promise<void>): Promise<void> {
    const wish = new SnapshotWish(this.words);
    for (;;) {
      const hasMore = this.turn();
      const state = wish.look();
      if (state === 'failed') throw this.#failure();
      if (state === 'done' && this.#director.isQuiet) return;
      await pause(!hasMore);
    }
  }

  /** What waits for the device or for a slice of clearing is done now. */
  #settle(): void {
    for (const disk of this.#disks) disk.finish(false);
    this.#shard.maintain();
  }

  /** What the snapshot has made superfluous goes as well. */
  #settleAll(): void {
    while (!this.#isQuiet) {
      this.turn();
      this.#settle();
    }
  }

  #failure(): Fault {
    const message = `the snapshot failed: ${this.#why()}; the one before it counts`;
    return new Fault('DISK_FAILED', message, {
      cause: this.#cause, isRetryable: true,
    });
  }

  #why(): string {
    return this.#cause?.message ?? this.#director.reason;
  }

  /** Gives up what is under way. */
  close(): void {
    this.#part.close();
    this.#director.close();
  }

  #rules(): SnapshotRules {
    const { settings } = this.#shard.engine;
    return {
      saves: saveRulesOf(settings.text('save')),
      growthPercent: settings.number('auto-aof-rewrite-percentage'),
      growthBytesMin: settings.number('auto-aof-rewrite-min-size'),
      keptCount: Math.max(1, settings.number('snapshot-retain')),
    };
  }

  // ------------------------------------------------------------------ commands

  cut(): void {
    this.#cause = null;
    this.#part.cut();
  }

  save(_frame: ArgFrame, out: ReplySink, asker: SaveAsker): void {
    const refusal = asker.isPatient ? null : refusalOfSave(this.words);
    if (refusal !== null) {
      out.error(refusal);
      return;
    }
    try {
      this.now();
      out.ok();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      out.error(asker.failed(this.#why()));
    }
  }

  saveSoon(frame: ArgFrame, out: ReplySink, isScheduled: boolean): void {
    answerBgSave(this.words, frame, out, isScheduled, this.#onReady);
  }

  rewrite(frame: ArgFrame, out: ReplySink): void {
    answerRewrite(this.words, frame, out, this.#onReady);
  }
}

/** A disk of which libuv has not told after this is waited for in this thread. */
const SYNC_PATIENCE_MS = 1000;
/** Turns without anything to do, one after the other, while a snapshot is under way. */
const IDLE_TURNS_MAX = 1_000_000;
