/**
 * Records of a transaction's part that runs in steps, on the heap until its last step: they go to
 * the log together then. Rare: an EXEC over several shards with a command that needs the values of
 * more than one of them.
 * Bound: what the commands of one EXEC change.
 */
import { assert } from '@kora/core';
import type { EffectWriter, WorkerMemory } from '@kora/core';

const FIRST_BYTES = 1024;
/** Bytes that are copied through low memory at once. */
export const TRANSIT_BYTES = 16_384;

interface DeferredRecord {
  readonly at: number;
  readonly timeMs: number;
  length: number;
}

/** Records one after the other. */
export class DeferredRecords implements EffectWriter {
  readonly #memory: WorkerMemory;
  readonly #transitAt: number;
  readonly #records: DeferredRecord[] = [];
  #bytes: Uint8Array = new Uint8Array(FIRST_BYTES);
  #end = 0;

  /** @param transitAt TRANSIT_BYTES of low memory that are free while a record is written */
  constructor(memory: WorkerMemory, transitAt: number) {
    this.#memory = memory;
    this.#transitAt = transitAt;
  }

  begin(timeMs: number): void {
    this.#records.push({ at: this.#end, timeMs, length: -1 });
  }
  end(): void {
    const last = this.#records.at(-1);
    assert(last?.length === -1, 'a record ends once');
    last.length = this.#end - last.at;
  }

  forEach(
    take: (bytes: Uint8Array, at: number, length: number, timeMs: number) => void,
  ): void {
    for (const { at, length, timeMs } of this.#records) take(this.#bytes, at, length, timeMs);
  }

  u8(value: number): void {
    this.#room(1);
    this.#bytes[this.#end++] = value;
  }
  u32(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.u8((value >>> shift) & 255);
  }
  bytes(at: number, bytes: number): void {
    this.#room(bytes);
    const { kernel, low } = this.#memory;
    const transitAt = this.#transitAt;
    for (let done = 0; done < bytes; done += TRANSIT_BYTES) {
      const step = Math.min(bytes - done, TRANSIT_BYTES);
      kernel.copy(transitAt, at + done, step);
      this.#bytes.set(low.subarray(transitAt, transitAt + step), this.#end + done);
    }
    this.#end += bytes;
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#end + bytes, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = grown;
  }
}
