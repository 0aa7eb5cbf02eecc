/**
 * A shard's share of the snapshots of its process: at the cut it begins its part, writes it in
 * slices between turns, and tells of it in the words that all shards share. The director
 * (snapshot-director.ts) says when, and makes of all parts a snapshot that counts.
 *
 *   cut() ─▶ Writing ── part done ─▶ Done
 *     │         └── a disk that fails, or all give up ── nothing is left of it ─▶ Failed
 *     └── no memory, or the last one is being cleared still ─▶ Failed
 *
 * The log goes on in a new segment from the cut on, so all before it may go when the snapshot
 * counts.
 * Cost: of a turn without a snapshot one load; of one with it a slice of 30 to 100 us.
 */
import { Stat } from '@kora/core';
import type { Shard } from '@kora/core';
import type { Disk } from '../disk/disk.ts';
import { Errno } from '../disk/errno.ts';
import { SNAPSHOT_BLOCK_BYTES } from '../limits.ts';
import { Lz4Codec } from '../lz4/lz4-codec.ts';
import { BLOCK_HEADER_BYTES } from '../snapshot/snapshot-layout.ts';
import { ShardPart } from '../snapshot/shard-part.ts';
import type { ShardPersistence } from './shard-persistence.ts';
import type { SnapshotWords } from './snapshot-words.ts';

/** Bytes of the longest write of a snapshot, for disks that stage them. */
export const SNAPSHOT_WRITE_BYTES = SNAPSHOT_BLOCK_BYTES + BLOCK_HEADER_BYTES;

/** Slices of a turn that serves, about 30 us, and of one that does not, about 100 us. */
const SERVING_UNITS = 128;
const RESTING_UNITS = 512;

/** Rounds of completions that one turn takes. */
const DRAIN_ROUNDS_MAX = 32;

/** A disk that was opened for one snapshot. */
export interface SnapshotDisk extends Disk {
  /** Does what is under way at once, and all that follows: for the end. */
  finish(): void;
  /** Nothing is under way, and nothing more comes. */
  release(): void;
}

/** What a shard's share is made of. */
export interface ShardSnapshotsOptions {
  readonly shard: Shard;
  readonly persistence: ShardPersistence;
  readonly directory: string;
  readonly words: SnapshotWords;
  /** The token of the disk for the part. */
  readonly token: number;
  /** Bytes of the log behind the last snapshot, as recovery has found it. */
  readonly logBytes: number;
  /** A disk for one part; null: memory is short. */
  openDisk(): SnapshotDisk | null;
  /** Takes the place of a part that failed, to be told. */
  onFailure(cause: Error): void;
  /** The director has something to look at. */
  wakeDirector(): void;
}

/** One shard's share. */
export class ShardSnapshots {
  readonly #options: ShardSnapshotsOptions;
  #codec: Lz4Codec | undefined;
  #part: ShardPart | null = null;
  #disk: SnapshotDisk | null = null;
  /** Commands that had run at the end of the last turn. */
  #commands = 0;

  constructor(options: ShardSnapshotsOptions) {
    this.#options = options;
    const { words, shard, persistence } = options;
    words.setLoaded(shard.index, persistence.appended, shard.journal.sequence);
    this.#noteBytes();
  }

  /** True while there is a part, or something left of one. */
  get isActive(): boolean {
    return this.#part !== null;
  }

  /** Fixes the cut of the snapshot that the words tell of: now, between two commands. */
  cut(): void {
    const { shard, words, persistence, directory, token } = this.#options;
    const { effects, log } = persistence;
    effects.endGroup();
    const cutSequence = persistence.appended;
    const mayBegin = this.#part === null && !words.isGivenUp;
    const disk = mayBegin ? this.#options.openDisk() : null;
    const part = disk === null ? null : ShardPart.begin(shard, {
      disk, directory, token, snapshot: words.number, shard: shard.index,
      shardCount: words.shardCount, createdMs: words.beganMs,
      tag: shard.platform.chance.next32() >>> 0, cutSequence,
      codec: this.#codec ??= new Lz4Codec(SNAPSHOT_BLOCK_BYTES),
    });
    if (part === null) {
      disk?.release();
      this.#fail(Errno.NoMemory);
      return;
    }
    this.#disk = disk;
    this.#part = part;
    log.endSegment();
    words.setCut(shard.index, cutSequence, this.#noteBytes(), shard.journal.sequence);
  }

  /**
   * Does a slice of what there is to do.
   * @returns true when another could follow at once
   */
  endTurn(): boolean {
    this.#noteBytes();
    const part = this.#part;
    if (part === null) return false;
    if (this.#options.words.isGivenUp) part.abort();
    const hasMore = part.step(this.#isServing() ? SERVING_UNITS : RESTING_UNITS);
    this.drain();
    return hasMore && this.#part !== null;
  }

  /** True when the turn has served somebody: who waits for the next one waits for the slice. */
  #isServing(): boolean {
    const commands = this.#options.shard.stats.counts[Stat.Commands] ?? 0;
    const isServing = commands !== this.#commands;
    this.#commands = commands;
    return isServing;
  }

  /** Takes what the disk has done. */
  drain(): void {
    const part = this.#part;
    const disk = this.#disk;
    if (part === null || disk === null) return;
    // What a disk does at once it has done when it is asked again.
    for (let round = 0; round < DRAIN_ROUNDS_MAX; round++) {
      const count = disk.drain((token, result) => {
        part.complete(token, result);
      });
      if (count === 0) break;
    }
    this.#look(part);
  }

  /** Reports a part that has ended, when nothing of it is left in the shard. */
  #look(part: ShardPart): void {
    const { state } = part;
    const { shard, words } = this.#options;
    if (state !== 'done' && state !== 'failed') return;
    if (state === 'failed' && shard.keyspace.keeper !== null) return;
    this.#part = null;
    this.#disk?.release();
    this.#disk = null;
    if (state === 'done') {
      words.setDone(shard.index, part.facts);
      this.#options.wakeDirector();
      return;
    }
    const { failure } = part;
    if (failure !== undefined) this.#options.onFailure(failure);
    this.#fail(failure?.errno ?? 0);
  }

  #fail(errno: number): void {
    this.#options.words.setFailed(this.#options.shard.index, errno);
    this.#options.wakeDirector();
  }

  /** @returns all bytes of the log, with those that recovery has found */
  #noteBytes(): number {
    const { words, shard, persistence, logBytes } = this.#options;
    const bytes = logBytes + persistence.log.appendedBytes;
    words.setLogBytes(shard.index, bytes);
    return bytes;
  }

  /** Gives up what is under way: the shard ends. */
  close(): void {
    if (this.#part === null) return;
    this.#part.abort();
    this.#disk?.finish();
    this.drain();
    this.#part = null;
    this.#disk?.release();
    this.#disk = null;
  }
}
