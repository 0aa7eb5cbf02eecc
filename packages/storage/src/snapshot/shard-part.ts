/**
 * One shard's part of a snapshot: the walk over the shard (ShardSnapshot of @kora/core) feeds a
 * PartWriter, a slice at a time, while the shard goes on working.
 *
 *   const part = ShardPart.begin(shard, options);        between two commands: the cut
 *   part.step()                                          once a turn, or as often as time allows
 *   disk.drain((token, result) => part.complete(...))    once a turn
 *   part.state === 'done'                                then part.facts and part.cutSequence
 *
 * Shards of one snapshot all begin at one moment between them (an intent over all shards); when
 * every part is done, whoever began them commits the snapshot (store/snapshot-commit.ts) with the
 * facts and cuts of all.
 * Invariant: a part that failed takes nothing more from its shard; what waits is bounded by the
 *   writer's queue, besides what changes before its turn.
 * Cost: that of the walk, 65 us for each block of LZ4 of 64 KiB.
 */
import { ShardSnapshot, SnapshotLoader } from '@kora/core';
import type { KeyFilter, Shard, SnapshotSink } from '@kora/core';
import type { DiskFault } from '../errors.ts';
import type { PieceListener } from './part-reader.ts';
import { wholeEntries } from './part-reader.ts';
import { PartWriter } from './part-writer.ts';
import type { PartFacts, PartState, PartWriterOptions } from './part-writer.ts';

/** What a part of a shard is given: its cut is found when it begins. */
export interface ShardPartOptions extends Omit<PartWriterOptions, 'cutSequence'> {
  /**
   * Sequence of the last record of the shard's log, which may have records of its own. Default:
   * that of the journal.
   */
  readonly cutSequence?: number;
}

/** Chunks of the walk become entries of the part, one to a block. */
class PartSink implements SnapshotSink {
  writer: PartWriter | null = null;

  get isFull(): boolean {
    return this.writer?.isFull === true;
  }

  chunk(bytes: Uint8Array, at: number, length: number): void {
    const { writer } = this;
    // A part that failed or was given up has nobody to take it.
    if (writer?.state !== 'writing' || writer.failure !== undefined) return;
    writer.entries.beginEntry();
    writer.entries.bytes(bytes, at, length);
    writer.entries.endEntry();
    writer.entries.endBlock();
  }
}

/** A part that is being written. */
export class ShardPart {
  /** Sequence of the last change that the part holds. */
  readonly cutSequence: number;
  readonly #walk: ShardSnapshot;
  readonly #writer: PartWriter;

  /**
   * Fixes the cut: now. The file is opened at once.
   * @returns null while another snapshot of the shard is under way, or when low memory is short
   */
  static begin(shard: Shard, options: ShardPartOptions): ShardPart | null {
    const sink = new PartSink();
    const walk = ShardSnapshot.begin(shard, sink);
    if (walk === null) return null;
    const { cutSequence = walk.sequence } = options;
    sink.writer = new PartWriter({ ...options, cutSequence });
    return new ShardPart(walk, sink.writer, cutSequence);
  }

  private constructor(walk: ShardSnapshot, writer: PartWriter, cutSequence: number) {
    this.#walk = walk;
    this.#writer = writer;
    this.cutSequence = cutSequence;
  }

  get state(): PartState {
    return this.#writer.state;
  }
  /** Why it failed; undefined while it has not, and after `abort`. */
  get failure(): DiskFault | undefined {
    return this.#writer.failure;
  }
  /** What a manifest says of a part that is done. */
  get facts(): PartFacts {
    return this.#writer.facts;
  }
  /** Keys saved so far. */
  get keyCount(): number {
    return this.#walk.keyCount;
  }

  /**
   * A slice of about 100 us; nothing while the disk is behind.
   * @param units another size of the slice: of 100 us it is 512
   * @returns true when another slice could follow at once
   */
  step(units?: number): boolean {
    const writer = this.#writer;
    if (writer.state !== 'writing') return false;
    if (writer.failure !== undefined) {
      this.#walk.abort();
      return false;
    }
    if (this.#walk.step(units)) return !writer.isFull;
    writer.finish();
    return false;
  }

  /** Gives the part up: its file is removed, then the state is `failed`. */
  abort(): void {
    this.#walk.abort();
    this.#writer.abort();
  }

  /** Takes a completion. @returns false when the token is not of this part */
  complete(token: number, result: number): boolean {
    if (!this.#writer.complete(token, result)) return false;
    if (this.#writer.failure !== undefined) this.#walk.abort();
    return true;
  }
}

/**
 * Loads the part of a snapshot into a shard: give `listener` to a PartLoad, step it to its end,
 * then `finish`.
 */
export class ShardPartLoad {
  readonly listener: PieceListener;
  readonly #loader: SnapshotLoader;

  /**
   * @param owns which keys are this shard's, where the count of shards has changed; null: all
   * @throws {Fault} `OUT_OF_MEMORY`; `listener` too, and `CORRUPT_SNAPSHOT`
   */
  constructor(shard: Shard, owns: KeyFilter | null = null) {
    const loader = new SnapshotLoader(shard, owns);
    this.#loader = loader;
    this.listener = wholeEntries((chunk) => {
      loader.chunk(chunk, 0, chunk.length);
    });
  }

  /** Keys loaded so far. */
  get keyCount(): number {
    return this.#loader.keyCount;
  }

  /** Behind the last piece. @throws {Fault} `CORRUPT_SNAPSHOT` when a value is not whole */
  finish(): void {
    this.#loader.finish();
  }

  /** Gives up, after an error; the shard holds what was loaded by then. */
  close(): void {
    this.#loader.close();
  }
}
