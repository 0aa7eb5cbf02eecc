/**
 * What one shard has answered to a part of a transaction: encoded bytes in a growing block of low
 * memory. Short of memory the bytes are lost and the block says so: the connection ends then. Of
 * commands that took something out of a key for their reply (`keepsAside`) they are kept beside it,
 * on the JavaScript heap: one reply of each connection that waits.
 */
import type { WorkerMemory } from '@kora/core';
import { assert } from '@kora/core';

const FIRST_BYTES = 256;

export class ReplyBytes {
  /** The block does not hold the bytes. */
  isLost = false;
  bytes = 0;
  #aside: Uint8Array[] = [];
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

  /** All bytes, where the block had no room for them; null: they are in it, or lost. */
  get aside(): Uint8Array | null {
    return this.#aside.length === 0 ? null : Buffer.concat(this.#aside);
  }

  /**
   * Adds bytes of low memory.
   * @param keepsAside true, of all bytes of a reply: what finds no room is in `aside`
   */
  add(at: number, bytes: number, keepsAside = false): void {
    if (this.isLost || !this.#ensure(this.bytes + bytes, keepsAside)) {
      if (keepsAside) this.#keepAside(at, bytes);
      return;
    }
    this.#memory.kernel.copy(this.at + this.bytes, at, bytes);
    this.bytes += bytes;
  }

  /** Adds bytes from outside the worker's memory. */
  addBytes(source: Uint8Array): void {
    if (this.isLost || !this.#ensure(this.bytes + source.length, false)) return;
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

  #keepAside(at: number, bytes: number): void {
    if (bytes > 0) this.#aside.push(this.#memory.low.slice(at, at + bytes));
  }

  #ensure(bytes: number, keepsAside: boolean): boolean {
    if (bytes <= this.#capacity) return true;
    const { lowAllocator, kernel } = this.#memory;
    const capacity = Math.max(bytes, this.#capacity * 2, FIRST_BYTES);
    const ref = lowAllocator.alloc(capacity);
    if (ref === 0) {
      this.isLost = true;
      if (keepsAside) this.#keepAside(this.at, this.bytes);
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
