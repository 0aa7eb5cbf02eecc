/**
 * What one shard has answered to a part of a transaction: encoded bytes in a growing block of low
 * memory. Short of memory the bytes are lost and the block says so: the connection ends then.
 */
import type { WorkerMemory } from '@kora/core';
import { assert } from '@kora/core';

const FIRST_BYTES = 256;

export class ReplyBytes {
  isLost = false;
  bytes = 0;
  readonly #memory: WorkerMemory;
  #ref = 0;
  #capacity = 0;

  constructor(memory: WorkerMemory) {
    this.#memory = memory;
  }

  /** Byte offset of the first. */
  get at(): number {
    return this.#ref * 8;
  }

  /** Adds bytes of low memory. */
  add(at: number, bytes: number): void {
    if (this.isLost || !this.#ensure(this.bytes + bytes)) return;
    this.#memory.kernel.copy(this.at + this.bytes, at, bytes);
    this.bytes += bytes;
  }

  /** Adds bytes from outside the worker's memory. */
  addBytes(source: Uint8Array): void {
    if (this.isLost || !this.#ensure(this.bytes + source.length)) return;
    this.#memory.low.set(source, this.at + this.bytes);
    this.bytes += source.length;
  }

  /** Forgets all behind the first `bytes`. */
  truncate(bytes: number): void {
    assert(bytes <= this.bytes || this.isLost, 'what is cut off is there');
    if (!this.isLost) this.bytes = bytes;
  }

  /** Hands the block of low memory over, 0 without one: this one is empty afterwards. */
  take(): number {
    const ref = this.#ref;
    this.#ref = 0;
    this.#capacity = 0;
    this.bytes = 0;
    return ref;
  }

  /** Gives the block back. */
  free(): void {
    const ref = this.take();
    if (ref !== 0) this.#memory.lowAllocator.free(ref);
  }

  #ensure(bytes: number): boolean {
    if (bytes <= this.#capacity) return true;
    const { lowAllocator, kernel } = this.#memory;
    const capacity = Math.max(bytes, this.#capacity * 2, FIRST_BYTES);
    const ref = lowAllocator.alloc(capacity);
    if (ref === 0) {
      this.isLost = true;
      this.free();
      return false;
    }
    if (this.bytes > 0) kernel.copy(ref * 8, this.at, this.bytes);
    if (this.#ref !== 0) lowAllocator.free(this.#ref);
    this.#ref = ref;
    this.#capacity = capacity;
    return true;
  }
}
