/**
 * The snapshots of a room: its shard's part, on the worker of shard 0 also who directs them, and
 * the commands that ask for them. Driven by the turns of the room's worker (room-store.ts).
 *
 *   BGSAVE, SAVE, a rule ─▶ words ─▶ director ─▶ cut, over all workers ─▶ parts ─▶ it counts
 *
 * A part is written in slices between turns, through what the I/O engine has for files: entries of
 * an io_uring, the thread for files, libuv.
 */
import type { ArgFrame, ReplySink, SaveAsker, SavingHost, Shard } from '@kora/core';
import { assert } from '@kora/core';
import {
  answerBgSave, answerRewrite, BackgroundSyncDisk, PortDisk, refusalOfSave, saveRulesOf,
  ShardSnapshots, SNAPSHOT_WRITE_BYTES, SnapshotDirector, SnapshotWords,
} from '@kora/storage/engine';
import type {
  BeginSync, CompletionListener, DiskOperation, FilePort, Files, LogWords, Manifest,
  ShardPersistence, SnapshotDisk, SnapshotRules,
} from '@kora/storage/engine';
import type { Log } from '../log.ts';
import type { Session } from '../session.ts';
import { sessionOf } from '../session.ts';
import { SaveWaits } from './save-waits.ts';

/** Tokens of the disk that are not the log's. */
const PART_TOKEN = 8;
const DIRECTOR_TOKEN = 9;

/** Which part failed, and why, is known on the worker it failed on, and logged there. */
const FAILURE = 'the log of the server says why';

/** What the snapshots of a room are made of. */
export interface RoomSnapshotsOptions {
  readonly shard: Shard;
  readonly persistence: ShardPersistence;
  readonly directory: string;
  /** The one that counts. */
  readonly manifest: Manifest;
  /** Of the SnapshotWords. */
  readonly words: SharedArrayBuffer;
  readonly logs: LogWords;
  /** Bytes of the shard's log behind the snapshot, as they were found. */
  readonly logBytes: number;
  /** The disk, and who writes to it; null: libuv. */
  readonly files: Files;
  readonly port: FilePort | null;
  /** How libuv syncs, for tests. */
  readonly beginSync: BeginSync | undefined;
  readonly log: Log;
  readonly requestTurn: () => void;
  /** Wakes the threads of shards, a bit each. */
  wake(shards: number): void;
  /** Several workers: has all of them make their cut. @returns false: not now */
  beginCut(done: () => void): boolean;
}

/** A disk of the port that gives its staging block back. */
class StagedDisk implements SnapshotDisk {
  readonly port: PortDisk;
  readonly #release: () => void;

  constructor(port: PortDisk, release: () => void) {
    this.port = port;
    this.#release = release;
  }

  submit(operation: DiskOperation, token: number): void {
    this.port.submit(operation, token);
  }
  drain(listener: CompletionListener): number {
    return this.port.drain(listener);
  }
  finish(): void {
    this.port.finish();
  }
  release(): void {
    this.#release();
  }
}

/** The same of libuv. */
class LibuvDisk extends BackgroundSyncDisk implements SnapshotDisk {
  override finish(): void {
    super.finish(true);
  }
  release(): void {
    // What it has is the heap's.
  }
}

export class RoomSnapshots implements SavingHost {
  readonly words: SnapshotWords;
  readonly waits: SaveWaits;
  readonly #options: RoomSnapshotsOptions;
  readonly #part: ShardSnapshots;
  readonly #director: SnapshotDirector | null;
  /** Disks of the port that are open. */
  readonly #disks = new Set<PortDisk>();

  constructor(options: RoomSnapshotsOptions) {
    const { shard, persistence, directory, logs, log, manifest } = options;
    this.#options = options;
    this.words = new SnapshotWords(logs.shardCount, options.words);
    this.waits = new SaveWaits(this.words);
    const { words } = this;
    this.#part = new ShardSnapshots({
      shard, persistence, directory, words, token: PART_TOKEN, logBytes: options.logBytes,
      openDisk: () => this.#openDisk(),
      onFailure: ({ message }) => { log('warning', `snapshot ${words.number}: ${message}`); },
      wakeDirector: () => { this.#wakeDirector(); },
    });
    this.#director = shard.index !== 0 ? null : new SnapshotDirector({
      files: options.files, directory, manifest, words, logs, token: DIRECTOR_TOKEN,
      startMs: shard.engine.startMs,
      openDisk: () => this.#openDisk(),
      startCut: () => this.#startCut(),
      rules: () => this.#rules(),
      wakeAll: () => { options.wake((2 ** words.shardCount - 1) & ~(1 << shard.index)); },
      log,
    });
    shard.engine.saving = this;
  }

  /** True when nothing is under way here. */
  get isQuiet(): boolean {
    return !this.#part.isActive && this.#director?.isQuiet !== false && this.waits.isEmpty;
  }
  get savedMs(): number {
    return this.words.savedMs;
  }

  /** The end of a turn of the worker. */
  endTurn(): void {
    const hasMore = this.#part.endTurn();
    const goesOn = this.#director?.endTurn(this.#options.shard.platform.clock.nowMs()) === true;
    if (!this.waits.isEmpty) this.waits.look();
    if (hasMore || goesOn) this.#options.requestTurn();
  }

  /** The port has done what it was given. @returns false when it is of no snapshot */
  completed(token: number, result: number): boolean {
    for (const disk of this.#disks) if (disk.completed(token, result)) return true;
    return false;
  }

  /** Gives up what is under way; a commit that has begun is ended. The port has stopped. */
  close(): void {
    this.#part.close();
    this.#director?.close();
  }

  #openDisk(): SnapshotDisk | null {
    const { files, port, beginSync, shard, requestTurn } = this.#options;
    if (port === null) return new LibuvDisk(files, requestTurn, beginSync);
    const { low, lowAllocator } = shard.memory;
    const block = lowAllocator.alloc(SNAPSHOT_WRITE_BYTES);
    if (block === 0) return null;
    const staging = { low, stagingAt: block * 8, stagingBytes: SNAPSHOT_WRITE_BYTES };
    const disk = new PortDisk(files, port, staging);
    this.#disks.add(disk);
    return new StagedDisk(disk, () => {
      this.#disks.delete(disk);
      lowAllocator.free(block);
    });
  }

  #startCut(): boolean {
    const { words } = this;
    if (words.shardCount === 1) {
      this.cut();
      return true;
    }
    return this.#options.beginCut(() => {
      this.#director?.cutFailed();
    });
  }

  #rules(): SnapshotRules {
    const { settings } = this.#options.shard.engine;
    return {
      saves: saveRulesOf(settings.text('save')),
      growthPercent: settings.number('auto-aof-rewrite-percentage'),
      growthBytesMin: settings.number('auto-aof-rewrite-min-size'),
      keptCount: Math.max(1, settings.number('snapshot-retain')),
    };
  }

  #wakeDirector(): void {
    if (this.#director !== null) this.#options.requestTurn();
    else this.#options.wake(1);
  }

  // ------------------------------------------------------------------ commands

  cut(): void {
    this.#part.cut();
    this.#options.requestTurn();
  }

  save(frame: ArgFrame, out: ReplySink, asker: SaveAsker): void {
    const refusal = asker.isPatient ? null : refusalOfSave(this.words);
    if (refusal !== null) {
      out.error(refusal);
      return;
    }
    const session = sessionOf(frame);
    this.saveThen(session, (isSaved) => {
      session.worker.waits.answer(session, (sink) => {
        if (isSaved) sink.ok();
        else sink.error(asker.failed(FAILURE));
      });
    });
  }

  /** The session waits until all that has changed by now is in a snapshot that counts. */
  saveThen(session: Session, end: (isSaved: boolean) => void): void {
    assert(session.wait === null, 'a session waits for one thing');
    this.waits.begin(session, end);
    this.#wakeDirector();
  }

  saveSoon(frame: ArgFrame, out: ReplySink, isScheduled: boolean): void {
    answerBgSave(this.words, frame, out, isScheduled, () => { this.#wakeDirector(); });
  }

  rewrite(frame: ArgFrame, out: ReplySink): void {
    answerRewrite(this.words, frame, out, () => { this.#wakeDirector(); });
  }
}
