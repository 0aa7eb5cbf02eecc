/**
 * Memories of closed engines, kept zeroed for the next ones.
 * Why: a dropped shared memory is not collected in time (300 of them held 5 GB), and a fresh one
 *   costs page faults, 2.6 us per 4 KiB, that a used one has behind it.
 * Invariants: a pooled memory holds only zeroes and nobody else has it; the pool keeps a bounded
 *   number of memories and of bytes; a memory only serves engines of its own maximum.
 * Cost: give() writes zeroes over what the engine touched, about 8 ms per 64 MiB.
 */
import { assert } from '../assert.ts';
import { PAGE_BYTES } from './memory-layout.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** Memories that a pool keeps unless told otherwise. */
export const POOL_MEMORIES_MAX = 16;
/** Bytes of memory that a pool keeps unless told otherwise. */
export const POOL_BYTES_MAX = 1024 * 1024 * 1024;

interface PooledMemory {
  readonly memory: WebAssembly.Memory;
  readonly bytesMax: number;
}

/** Owner: one thread. A memory is given by the thread that owned it, after everybody let go. */
export class MemoryPool {
  readonly #memoriesMax: number;
  readonly #bytesMax: number;
  readonly #pooled: PooledMemory[];
  #pooledBytes: number;

  constructor(memoriesMax = POOL_MEMORIES_MAX, bytesMax = POOL_BYTES_MAX) {
    assert(memoriesMax >= 0, 'a pool keeps no negative number of memories');
    this.#memoriesMax = memoriesMax;
    this.#bytesMax = bytesMax;
    this.#pooled = [];
    this.#pooledBytes = 0;
  }

  /** A zeroed memory whose maximum is `bytesMax`, or undefined: then make a new one. */
  take(bytesMax: number): WebAssembly.Memory | undefined {
    const index = this.#pooled.findIndex((pooled) => pooled.bytesMax === bytesMax);
    if (index < 0) return undefined;
    const [pooled] = this.#pooled.splice(index, 1);
    if (pooled === undefined) return undefined;
    this.#pooledBytes -= pooled.memory.buffer.byteLength;
    return pooled.memory;
  }

  /**
   * Takes over a closed engine's memory. Nobody may touch it afterwards, through old views neither.
   * @returns false when the pool is full: the memory is left to the collector
   */
  give(worker: WorkerMemory): boolean {
    if (!this.#hasRoomFor(worker.memory)) return false;
    zeroTouched(worker);
    return this.giveZeroed(worker.memory, worker.bytesMax);
  }

  /**
   * Takes over a memory that its owner has zeroed, on another thread.
   * @returns false when the pool is full: the memory is left to the collector
   */
  giveZeroed(memory: WebAssembly.Memory, bytesMax: number): boolean {
    if (!this.#hasRoomFor(memory)) return false;
    this.#pooled.push({ memory, bytesMax });
    this.#pooledBytes += memory.buffer.byteLength;
    return true;
  }

  #hasRoomFor(memory: WebAssembly.Memory): boolean {
    assert(
      !this.#pooled.some((pooled) => pooled.memory === memory), 'a memory is given to a pool once',
    );
    const isFull = this.#pooled.length >= this.#memoriesMax;
    return !isFull && this.#pooledBytes + memory.buffer.byteLength <= this.#bytesMax;
  }

  /** Memories waiting. */
  get count(): number {
    return this.#pooled.length;
  }
}

/** Zeroes the pages that either allocator ever had, and their part of the page map. */
function zeroTouched(worker: WorkerMemory): void {
  const peakPage = worker.peakPage();
  worker.low.fill(0, 0, worker.lowPeakPage() * PAGE_BYTES);
  worker.i32.fill(0, worker.pageMapWord, worker.pageMapWord + peakPage);
  const arenaWord = (worker.arenaFirstPage * PAGE_BYTES) / 4;
  worker.i32.fill(0, arenaWord, (peakPage * PAGE_BYTES) / 4);
}
