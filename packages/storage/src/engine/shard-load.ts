/**
 * A shard's data out of its directory: its part of the snapshot, then its log. Works in steps of a
 * frame, so that whoever loads can answer others meanwhile; until all is there nothing of the shard
 * may be read or changed, and deadlines do not act.
 * Cost: bound by `replayEffect`; see docs/internals/wal.md.
 */
import { assert } from '@kora/core';
import type { Shard } from '@kora/core';
import { Fault } from '@kora/core/control';
import type { Files } from '../disk/files.ts';
import { LogReplay } from '../log/log-replay.ts';
import type { PartFacts } from '../snapshot/part-writer.ts';
import { ShardPartLoad } from '../snapshot/shard-part.ts';
import { PartLoad } from '../store/load-part.ts';
import type { RecoveredLog } from '../store/recover-logs.ts';
import { RecordReplay } from './record-replay.ts';

/** What a shard has in a directory; plain data, for other threads. */
export interface ShardData {
  readonly directory: string;
  /** Its part of the snapshot, undefined without one. */
  readonly part: PartFacts | undefined;
  /** Its log behind that. */
  readonly log: RecoveredLog;
}

/** Lazily freed databases and values that may wait while a log is replayed. */
const LAZY_PENDING_MAX = 8;
/** Frames or blocks between two looks at the clock. */
const STEPS_PER_LOOK = 4;

/** A record that no change of this version could have written, with its place. */
function placed(cause: unknown, place: LogReplay['place']): unknown {
  if (!(cause instanceof Fault) || cause.code !== 'CORRUPT_JOURNAL') return cause;
  const message = `${place.path}, in the frame at byte ${place.offset}: ${cause.message}`;
  return new Fault(cause.code, message, { cause });
}

/** Loads one shard. */
export class ShardLoad {
  readonly #shard: Shard;
  readonly #part: PartLoad | undefined;
  readonly #keys: ShardPartLoad | undefined;
  readonly #replay: LogReplay;
  readonly #records: RecordReplay;
  readonly #log: RecoveredLog;
  #isPartDone: boolean;
  #isDone = false;

  /** @throws {CorruptFileFault} {DiskFault}; {Fault} `OUT_OF_MEMORY` */
  constructor(files: Files, shard: Shard, data: ShardData) {
    const { directory, part, log } = data;
    this.#shard = shard;
    this.#log = log;
    this.#isPartDone = part === undefined;
    if (part !== undefined) {
      this.#keys = new ShardPartLoad(shard);
      this.#part = new PartLoad(files, directory, part, this.#keys.listener);
    }
    this.#records = new RecordReplay(shard);
    this.#replay = new LogReplay(files, log.segments, log.fromSequence, this.#records);
    assert(!shard.isReplaying, 'a shard is loaded once');
    shard.isReplaying = true;
  }

  /** Keys of the snapshot that were loaded. */
  get keyCount(): number {
    return this.#keys?.keyCount ?? 0;
  }
  /** Records of the log that were replayed. */
  get recordCount(): number {
    return this.#records.count;
  }
  get doneBytes(): number {
    return this.#replay.doneBytes + (this.#part?.doneBytes ?? 0);
  }
  get totalBytes(): number {
    return this.#replay.totalBytes + (this.#part?.totalBytes ?? 0);
  }

  /**
   * Loads for about so long.
   * @param ms at least one step is made; Infinity = all
   * @returns false when all is there, and the shard may serve
   * @throws {CorruptFileFault} {DiskFault}; {Fault} `CORRUPT_SNAPSHOT`, `CORRUPT_JOURNAL`,
   *   `OUT_OF_MEMORY`
   */
  step(ms: number): boolean {
    const shard = this.#shard;
    const { clock } = shard.platform;
    const endUs = clock.monotonicUs() + ms * 1000;
    do {
      for (let i = 0; i < STEPS_PER_LOOK && !this.#isDone; i++) this.#stepOnce();
    } while (!this.#isDone && clock.monotonicUs() < endUs);
    // Records have set the clock to their own times.
    const nowMs = clock.nowMs();
    shard.nowMs = nowMs;
    shard.keyspace.setNow(nowMs);
    if (!this.#isDone) return true;
    shard.isReplaying = false;
    this.#records.close();
    shard.journal.continueAfter(this.#log.lastSequence);
    return false;
  }

  #stepOnce(): void {
    const { lazyFree } = this.#shard;
    while (lazyFree.pending > LAZY_PENDING_MAX) lazyFree.step();
    if (!this.#isPartDone) {
      this.#isPartDone = this.#part?.step() !== true;
      if (this.#isPartDone) this.#keys?.finish();
      return;
    }
    try {
      this.#isDone = !this.#replay.step();
    } catch (cause) {
      throw placed(cause, this.#replay.place);
    }
  }

  /** Closes what is open; to be called when the load is given up. */
  close(): void {
    this.#replay.close();
    this.#records.close();
    if (this.#isPartDone) return;
    this.#part?.close();
    this.#keys?.close();
  }
}
