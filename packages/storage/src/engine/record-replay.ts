/**
 * Replays the records of a log into a shard, frame by frame: a frame is copied to low memory at
 * once, where records of short strings are read in place; all others go through replayEffect.
 * Cost: a copy of a frame, and of a short string what a SET costs.
 */
import { replayEffect, replayPlainSet } from '@kora/core';
import type { Shard } from '@kora/core';
import type { FrameTaker } from '../log/log-replay.ts';

/** Frames up to this are copied to low memory; those of today are half as long, but for one. */
const STAGE_BYTES = 65_536;

export class RecordReplay implements FrameTaker {
  /** Records that were replayed. */
  count = 0;
  readonly #shard: Shard;
  /** Ref of a block of low memory, 0 = none could be had, or it was given back. */
  #block: number;
  /** What of which bytes is there: its first byte, and how many. */
  #bytes: Uint8Array | null = null;
  #from = 0;
  #length = 0;

  constructor(shard: Shard) {
    this.#shard = shard;
    this.#block = shard.memory.lowAllocator.alloc(STAGE_BYTES);
  }

  begin(bytes: Uint8Array, at: number, length: number): void {
    this.#bytes = null;
    if (length > STAGE_BYTES || this.#block === 0) return;
    this.#shard.memory.low.set(bytes.subarray(at, at + length), this.#block * 8);
    this.#bytes = bytes;
    this.#from = at;
    this.#length = length;
  }

  /** @throws {Fault} `CORRUPT_JOURNAL`, `OUT_OF_MEMORY` */
  record(bytes: Uint8Array, at: number, length: number): void {
    this.count++;
    const offset = at - this.#from;
    const isStaged = bytes === this.#bytes && offset >= 0 && offset + length <= this.#length;
    if (isStaged && replayPlainSet(this.#shard, this.#block * 8 + offset, length)) return;
    // A record without bytes stands for a part of a transaction that changed nothing here.
    if (length > 0) replayEffect(this.#shard, bytes.subarray(at, at + length));
  }

  /** Gives back what it holds. */
  close(): void {
    if (this.#block !== 0) this.#shard.memory.lowAllocator.free(this.#block);
    this.#block = 0;
  }
}
