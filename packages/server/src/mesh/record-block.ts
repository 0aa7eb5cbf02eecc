/**
 * Journal records on their way between workers: a growing block of low memory, each record behind
 * its length. The block is what is sent (send-block.ts), so a value is copied twice in all: into
 * the block here, and out of the ring there.
 *
 *   u32 length | record | u32 length | record | ...       little-endian, not aligned
 *
 * Short of memory the block says so (`isLost`) and holds nothing. Bound: low memory.
 */
import type { RecordWriter, WorkerMemory } from '@kora/core';

const FIRST_BYTES = 512;
const LENGTH_BYTES = 4;

export class RecordBlock implements RecordWriter {
  isLost = false;
  byteCount = 0;
  /** Block of low memory, 0 = none yet. */
  ref = 0;
  readonly #memory: WorkerMemory;
  #capacity = 0;
  /** Byte of the length of the record under way, from the start. */
  #lengthAt = 0;

  constructor(memory: WorkerMemory) {
    this.#memory = memory;
  }

  /** Byte offset of the first. */
  get at(): number {
    return this.ref * 8;
  }

  beginRecord(): void {
    this.#lengthAt = this.byteCount;
    this.u32(0);
  }

  endRecord(): void {
    if (this.isLost) return;
    const length = this.byteCount - this.#lengthAt - LENGTH_BYTES;
    writeLength(this.#memory.low, this.at + this.#lengthAt, length);
  }

  u8(value: number): void {
    if (!this.#ensure(1)) return;
    this.#memory.low[this.at + this.byteCount] = value;
    this.byteCount++;
  }

  u32(value: number): void {
    if (!this.#ensure(LENGTH_BYTES)) return;
    writeLength(this.#memory.low, this.at + this.byteCount, value);
    this.byteCount += LENGTH_BYTES;
  }

  /** Adds bytes of the worker memory. */
  bytes(at: number, bytes: number): void {
    if (!this.#ensure(bytes)) return;
    this.#memory.kernel.copy(this.at + this.byteCount, at, bytes);
    this.byteCount += bytes;
  }

  /** Hands the block over: this one is empty afterwards. */
  take(): number {
    const { ref } = this;
    this.ref = 0;
    this.#capacity = 0;
    this.byteCount = 0;
    return ref;
  }

  /** Gives the block back. */
  free(): void {
    const ref = this.take();
    if (ref !== 0) this.#memory.lowAllocator.free(ref);
  }

  #ensure(more: number): boolean {
    if (this.isLost) return false;
    const needed = this.byteCount + more;
    if (needed <= this.#capacity) return true;
    const { lowAllocator, kernel } = this.#memory;
    const capacity = Math.max(needed, this.#capacity * 2, FIRST_BYTES);
    const ref = lowAllocator.alloc(capacity);
    if (ref === 0) {
      this.isLost = true;
      this.free();
      return false;
    }
    if (this.ref !== 0) {
      kernel.copy(ref * 8, this.at, this.byteCount);
      lowAllocator.free(this.ref);
    }
    this.ref = ref;
    this.#capacity = capacity;
    return true;
  }
}

/** Calls `each` with the place of every record in a block of low memory. */
export function forEachRecord(
  low: Uint8Array, at: number, bytes: number, each: (at: number, bytes: number) => void,
): void {
  for (let from = at; from < at + bytes;) {
    const length = readLength(low, from);
    each(from + LENGTH_BYTES, length);
    from += LENGTH_BYTES + length;
  }
}

function writeLength(low: Uint8Array, at: number, value: number): void {
  low[at] = value;
  low[at + 1] = value >>> 8;
  low[at + 2] = value >>> 16;
  low[at + 3] = value >>> 24;
}

function readLength(low: Uint8Array, at: number): number {
  const byte = (i: number): number => low[at + i] ?? 0;
  return (byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24)) >>> 0;
}
