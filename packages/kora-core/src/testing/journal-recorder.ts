/**
 * Keeps the journal of a shard as encoded records, in order, for tests of replay. It reads the
 * arena through a block of low memory of its own, since a command may have its own use for the
 * scratch area while it commits.
 */
import { assert } from '../assert.ts';
import { encodeEffect } from '../keyspace/effect-codec.ts';
import type { EffectWriter } from '../keyspace/effect-writer.ts';
import type { Shard } from '../shard/shard.ts';

const BLOCK_BYTES = 65_536;

export class JournalRecorder implements EffectWriter {
  /** One encoded effect each, in commit order. */
  readonly records: Uint8Array[] = [];
  readonly #shard: Shard;
  readonly #block: number;
  readonly #stop: () => void;
  #bytes = new Uint8Array(1024);
  #length = 0;
  #sequence: number;

  /** Starts to listen; sequences must go on without a gap from here. */
  constructor(shard: Shard) {
    this.#shard = shard;
    this.#block = shard.memory.lowAllocator.alloc(BLOCK_BYTES);
    assert(this.#block !== 0, 'low memory holds the block of a recorder');
    this.#sequence = shard.journal.sequence;
    this.#stop = shard.journal.listen((effect, sequence, timeMs) => {
      assert(sequence === this.#sequence + 1, 'journal sequences have no gap');
      this.#sequence = sequence;
      this.#length = 0;
      encodeEffect(shard, effect, timeMs, this);
      this.records.push(this.#bytes.slice(0, this.#length));
    });
  }

  /** Ends listening and gives the block back. */
  close(): void {
    this.#stop();
    this.#shard.memory.lowAllocator.free(this.#block);
  }

  u8(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xff, 'a byte is 0..255');
    this.#ensure(1);
    this.#bytes[this.#length++] = value;
  }

  u32(value: number): void {
    this.#ensure(4);
    for (let shift = 0; shift < 32; shift += 8) this.#bytes[this.#length++] = value >>> shift;
  }

  bytes(at: number, bytes: number): void {
    this.#ensure(bytes);
    const { kernel, low } = this.#shard.memory;
    const blockAt = this.#block * 8;
    for (let done = 0; done < bytes; done += BLOCK_BYTES) {
      const step = Math.min(BLOCK_BYTES, bytes - done);
      kernel.copy(blockAt, at + done, step);
      this.#bytes.set(low.subarray(blockAt, blockAt + step), this.#length);
      this.#length += step;
    }
  }

  #ensure(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(needed * 2);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
