/**
 * A shard's journal into its log: every change that the shard announces becomes a record, in
 * order. Replaying the records with `replayEffect` gives the same data.
 * What one outermost call changes (a command, an EXEC) is a group, there as a whole or not at all;
 * the shard's `unit` tells where one ends. Changes of maintenance go with the call before them.
 * Parts of transactions over several shards are told by who runs them: `beginPart`, `endPart`. A
 * part that runs in steps, with other calls between them, is kept aside until its last step: its
 * keys are locked meanwhile, so its changes and those between are independent of each other.
 * Removals of keys whose time has come are not kept aside: they are right at any time.
 * Values are copied out of the arena once, by the kernel where chunks lie in the worker's memory.
 * Cost: that copy, and what frame-writer.hot.ts costs. Owner: the shard's thread.
 */
import {
  assert, EffectOp, encodeEffect, Fault, recordEventsOf, recordKindOf, stringRecords,
} from '@kora/core';
import type { Effect, EffectWriter, Shard, StringRecords, WorkerMemory } from '@kora/core';
import { copyBytes } from '../bytes/copy-bytes.ts';
import { LOG_CHUNK_BYTES } from '../limits.ts';
import { DeferredRecords, TRANSIT_BYTES } from './deferred-records.ts';
import type { FrameWriter } from './frame-writer.hot.ts';
import { allocateChunk } from './log-chunk.ts';
import type { ChunkMemory } from './log-chunk.ts';
import type { ShardLog } from './shard-log.ts';

const TWO_32 = 4_294_967_296;

/**
 * Chunks in the low region of a worker's memory, where its kernel and its I/O engine reach them;
 * in the runtime's memory when that region is full.
 */
export function lowChunks(memory: WorkerMemory): () => ChunkMemory {
  return () => {
    const block = memory.lowAllocator.alloc(LOG_CHUNK_BYTES);
    if (block === 0) return allocateChunk();
    const address = block * 8;
    return {
      bytes: memory.low.subarray(address, address + LOG_CHUNK_BYTES), address,
      release: () => { memory.lowAllocator.free(block); },
    };
  };
}

/** A part of a transaction that was written. */
export interface WrittenPart {
  /** Sequence of the record before it ... */
  readonly sequenceBefore: number;
  /** ... and of its last record. */
  readonly lastSequence: number;
}

/** Writes all changes of a shard to a log until it is closed. */
export class EffectLog implements EffectWriter {
  readonly #frames: FrameWriter;
  readonly #memory: WorkerMemory;
  readonly #transitAt: number;
  readonly #stop: () => void;
  /** Of the call whose group is open. */
  #unit = 0;
  #isInGroup = false;
  /** -1 = no part is open. */
  #partBefore = -1;
  readonly #strings: StringRecords;
  /** Of the last record that was written at once, and its words. */
  #timeMs = 0;
  #timeLow = 0;
  #timeHigh = 0;
  /** Where the last sequence is told to other threads, null = nowhere. */
  #appended: Int32Array | null = null;
  /** Where changes go that are kept aside, null = nowhere. */
  #deferred: DeferredRecords | null = null;

  /**
   * @param log its next sequence is that of the shard's next change
   * @throws {Fault} `OUT_OF_MEMORY`
   */
  constructor(shard: Shard, log: ShardLog) {
    this.#frames = log.frames;
    this.#memory = shard.memory;
    this.#strings = stringRecords(shard.memory);
    const block = shard.memory.lowAllocator.alloc(TRANSIT_BYTES);
    if (block === 0) throw new Fault('OUT_OF_MEMORY', 'low memory has no room for a log');
    this.#transitAt = block * 8;
    assert(log.frames.nextSequence === shard.journal.sequence + 1, 'log and journal go together');
    this.#stop = shard.journal.listen((effect, _sequence, timeMs) => {
      const deferred = this.#deferred;
      if (deferred !== null && effect.reason === 0) {
        deferred.begin(timeMs);
        encodeEffect(shard, effect, timeMs, deferred);
        deferred.end();
        return;
      }
      if (this.#partBefore === -1 && (!this.#isInGroup || this.#unit !== shard.unit)) {
        this.#beginGroup(shard.unit);
      }
      this.#write(shard, effect, timeMs);
      // Published by what tells other threads of the change, which is stored later.
      if (this.#appended !== null) this.#appended[0] = (this.#frames.nextSequence - 1) | 0;
    });
  }

  /** Writes the effect as a record: at once where it is the usual one and fits. */
  #write(shard: Shard, effect: Effect, timeMs: number): void {
    if (effect.op === EffectOp.StringSet && this.#writeAtOnce(effect, timeMs)) return;
    const frames = this.#frames;
    frames.beginRecord(timeMs);
    encodeEffect(shard, effect, timeMs, this);
    frames.endRecord();
  }

  /** Puts the record of a string that was set where it is to stay; false when it does not fit. */
  #writeAtOnce(effect: Effect, timeMs: number): boolean {
    const frames = this.#frames;
    const at = frames.ready(timeMs);
    const { address, end } = frames.chunk;
    const room = end - at;
    if (address === 0 || room < 0) return false;
    if (timeMs !== this.#timeMs) this.#keepTime(timeMs);
    const bytes = this.#strings.plainSet(
      address + at, room, recordKindOf(effect), recordEventsOf(effect), this.#timeLow,
      this.#timeHigh, effect.ref,
    );
    if (bytes === 0) return false;
    frames.placed(bytes);
    return true;
  }

  /** Takes a time apart: as much work as a record, and a turn's records have one time. */
  #keepTime(timeMs: number): void {
    this.#timeMs = timeMs;
    this.#timeLow = timeMs | 0;
    this.#timeHigh = Math.floor(timeMs / TWO_32);
  }

  /** The low bits of the last record's sequence are in the first of these words from now on. */
  publishTo(words: Int32Array): void {
    this.#appended = words;
    words[0] = (this.#frames.nextSequence - 1) | 0;
  }

  #beginGroup(unit: number): void {
    if (this.#isInGroup) this.#frames.nextGroup();
    else this.#frames.beginGroup();
    this.#isInGroup = true;
    this.#unit = unit;
  }

  /** What comes next does not belong to what was before: at the end of a turn. */
  endGroup(): void {
    if (!this.#isInGroup) return;
    this.#isInGroup = false;
    this.#frames.endGroup();
  }

  /** From here to `endPart` all changes are the part of a transaction over these shards. */
  beginPart(transaction: number, shards: number, timeMs: number): void {
    assert(this.#partBefore === -1, 'parts are not nested');
    this.endGroup();
    this.#partBefore = this.#frames.nextSequence - 1;
    this.#frames.beginPart(transaction, shards, timeMs);
  }

  /** @param timeMs of the record that stands for a part without changes */
  endPart(timeMs: number): WrittenPart {
    const sequenceBefore = this.#partBefore;
    assert(sequenceBefore !== -1, 'a part is open');
    const frames = this.#frames;
    if (frames.nextSequence - 1 === sequenceBefore) {
      // A record without bytes: how far a log is durable is told by sequences.
      frames.beginRecord(timeMs);
      frames.endRecord();
    }
    frames.endPart();
    this.#partBefore = -1;
    if (this.#appended !== null) this.#appended[0] = (frames.nextSequence - 1) | 0;
    return { sequenceBefore, lastSequence: frames.nextSequence - 1 };
  }

  /** Changes up to `endAside` go to `records`. */
  beginAside(records: DeferredRecords): void {
    assert(this.#deferred === null, 'one part runs after the other');
    this.#deferred = records;
  }
  endAside(): void {
    this.#deferred = null;
  }

  /** Writes what was kept aside, as a part. */
  writePart(
    transaction: number, shards: number, timeMs: number, records: DeferredRecords,
  ): WrittenPart {
    this.beginPart(transaction, shards, timeMs);
    records.forEach((bytes, at, length, recordMs) => {
      this.#frames.beginRecord(recordMs);
      this.#frames.bytes(bytes, at, length);
      this.#frames.endRecord();
    });
    return this.endPart(timeMs);
  }

  /** New records for `beginAside`. */
  newRecords(): DeferredRecords {
    return new DeferredRecords(this.#memory, this.#transitAt);
  }

  /** Hears no more changes. */
  close(): void {
    this.endGroup();
    this.#stop();
    this.#memory.lowAllocator.free(this.#transitAt / 8);
  }

  u8(value: number): void {
    this.#frames.u8(value);
  }
  u32(value: number): void {
    this.#frames.u32(value);
  }

  bytes(at: number, bytes: number): void {
    const frames = this.#frames;
    const { kernel, low } = this.#memory;
    let done = 0;
    while (done < bytes) {
      const count = frames.claim(Math.min(bytes - done, TRANSIT_BYTES));
      const { chunk } = frames;
      const to = frames.filledBytes - count;
      if (chunk.address !== 0) {
        kernel.copy(chunk.address + to, at + done, count);
      } else {
        kernel.copy(this.#transitAt, at + done, count);
        copyBytes(chunk.bytes, to, low, this.#transitAt, count);
      }
      done += count;
    }
  }
}
