/**
 * One worker's memory: a shared WebAssembly.Memory, its typed-array views and its two allocators.
 * Why shared: growing takes 3-6 us whatever the step, detaches nothing, and V8 does not count it as
 *   external memory, so data never provokes a collection. Why one: sockets, logs and other workers
 *   reach the same bytes without a copy.
 *
 *   | null page, control words, constants | low pages ... | page map | arena pages ... |
 *   0                                 64 KiB          lowBytes  64 KiB aligned    bytesMax
 *
 * Low pages hold request bytes, reply chunks and scratch, below 2 GiB: `low` and `lowView` are for
 *   them. Everything above is touched through `i32`, `f64` or the kernel only: byte views above
 *   2^31 are 40 times slower on Node 26. The page map has a u32 per 4 KiB page of the maximum.
 * Invariant: `i32` and `f64` are re-read after anything that may allocate. A stale view is valid
 *   for the bytes it covers; a write beyond them is lost in silence.
 */
import { assert } from '../assert.ts';
import { ALLOC_PEAK_PAGE, Allocator } from './allocator.hot.ts';
import { instantiateKernel } from './kernel.ts';
import type { Kernel } from './kernel.ts';
import { KernelTwin } from './kernel-twin.hot.ts';
import type { MemoryAdvisor } from './memory-advisor.ts';
import {
  GROW_BYTES_MIN, LOW_BYTES_DEFAULT, LOW_BYTES_MAX, LOW_FIRST_BYTE, MEMORY_BYTES_MAX, PAGE_BYTES,
  WASM_PAGE_BYTES,
} from './memory-layout.ts';

/** No block ends at 2^32, which is address 0 to the kernel: the last page of 4 GiB stays unused. */
const ARENA_END_PAGE_MAX = MEMORY_BYTES_MAX / PAGE_BYTES - 1;

/** How to make a {@link WorkerMemory}. */
export interface WorkerMemoryOptions {
  /** Bytes of the low region: a multiple of 64 KiB, below 2 GiB. Default 16 MiB. */
  readonly lowBytes?: number;
  /** Most bytes the memory may ever have: a multiple of 64 KiB, at most 4 GiB (the default). */
  readonly bytesMax?: number;
  /** A zeroed memory from a {@link MemoryPool}, whose maximum is `bytesMax`. Default: a new one. */
  readonly memory?: WebAssembly.Memory;
  /** 'twin' takes the TypeScript kernel. Default: WebAssembly where SIMD is to be had. */
  readonly kernel?: 'wasm' | 'twin';
}

/** Owner: one thread. Not safe to use from another, except by protocols over control words. */
export class WorkerMemory {
  readonly memory: WebAssembly.Memory;
  readonly kernel: Kernel;
  /** The whole memory as words. Re-read after anything that may allocate. */
  i32: Int32Array;
  /** The whole memory as doubles. Re-read after anything that may allocate. */
  f64: Float64Array;
  /** Bytes [0, lowBytes); never changes. */
  readonly low: Uint8Array;
  readonly lowView: DataView;
  readonly lowBytes: number;
  readonly bytesMax: number;
  /** Word index of the page map's first entry; the entry of page p is at `pageMapWord + p`. */
  readonly pageMapWord: number;
  readonly arenaFirstPage: number;
  /** One past the last 4 KiB page the memory may ever have. */
  readonly pagesMax: number;
  /** 4 KiB pages the memory has now. */
  pages: number;
  /** Allocator of data, above the page map. */
  readonly arenaAllocator: Allocator;
  /** Allocator of buffers, in the low region. */
  readonly lowAllocator: Allocator;
  #advisor: MemoryAdvisor | null = null;

  private constructor(options: WorkerMemoryOptions) {
    const lowBytes = options.lowBytes ?? LOW_BYTES_DEFAULT;
    const bytesMax = options.bytesMax ?? MEMORY_BYTES_MAX;
    assert(lowBytes % WASM_PAGE_BYTES === 0, 'lowBytes is a multiple of 64 KiB');
    assert(lowBytes > LOW_FIRST_BYTE, 'lowBytes leaves room above the null page');
    assert(lowBytes <= LOW_BYTES_MAX, 'lowBytes ends below 2 GiB');
    assert(bytesMax % WASM_PAGE_BYTES === 0, 'bytesMax is a multiple of 64 KiB');
    assert(bytesMax <= MEMORY_BYTES_MAX, 'bytesMax is at most 4 GiB');
    this.lowBytes = lowBytes;
    this.bytesMax = bytesMax;
    this.pagesMax = bytesMax / PAGE_BYTES;
    const mapBytes = Math.ceil((this.pagesMax * 4) / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
    const arenaFirstByte = lowBytes + mapBytes;
    assert(arenaFirstByte < bytesMax, 'bytesMax leaves room for an arena');
    this.pageMapWord = lowBytes / 4;
    this.arenaFirstPage = arenaFirstByte / PAGE_BYTES;
    this.memory = options.memory ?? createSharedMemory(bytesMax, arenaFirstByte);
    const missing = arenaFirstByte - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
    const buffer = this.memory.buffer;
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.pages = buffer.byteLength / PAGE_BYTES;
    this.low = new Uint8Array(buffer, 0, lowBytes);
    this.lowView = new DataView(buffer, 0, lowBytes);
    const wantsTwin = options.kernel === 'twin';
    this.kernel = (wantsTwin ? null : instantiateKernel(this.memory)) ?? new KernelTwin(this);
    this.lowAllocator = new Allocator(this, LOW_FIRST_BYTE / PAGE_BYTES, lowBytes / PAGE_BYTES);
    const arenaEndPage = Math.min(this.pagesMax, ARENA_END_PAGE_MAX);
    this.arenaAllocator = new Allocator(this, this.arenaFirstPage, arenaEndPage);
  }

  /** Makes a memory, or takes over a zeroed one. @throws RangeError when the system has no room */
  static create(options: WorkerMemoryOptions = {}): WorkerMemory {
    return new WorkerMemory(options);
  }

  /**
   * Makes sure that pages below `topPage` exist; grows by max(16 MiB, 1/8) when they do not.
   * @returns false at the maximum and when the system refuses; nothing has changed then
   */
  ensurePages(topPage: number): boolean {
    if (topPage <= this.pages) return true;
    if (topPage > this.pagesMax) return false;
    const bytesNow = this.pages * PAGE_BYTES;
    const needed = topPage * PAGE_BYTES - bytesNow;
    const wanted = Math.max(needed, GROW_BYTES_MIN, Math.floor(bytesNow / 8));
    const step = Math.min(wanted, this.bytesMax - bytesNow);
    return this.#growBy(step) || this.#growBy(needed);
  }

  /** Who tells the system about the arena's pages, null when nobody does. */
  get advisor(): MemoryAdvisor | null {
    return this.#advisor;
  }

  /** Tells the advisor of the arena's pages so far, and from now on of every growth. Once. */
  attachAdvisor(advisor: MemoryAdvisor): void {
    assert(this.#advisor === null, 'a memory has one advisor');
    this.#advisor = advisor;
    const arenaFirstByte = this.arenaFirstPage * PAGE_BYTES;
    const endByte = this.pages * PAGE_BYTES;
    if (endByte > arenaFirstByte) advisor.onGrow(arenaFirstByte, endByte);
  }

  /** Bytes in blocks of both allocators. */
  usedBytes(): number {
    return this.arenaAllocator.usedBytes() + this.lowAllocator.usedBytes();
  }

  /** One past the highest arena page ever in use: what a pool has to zero. */
  peakPage(): number {
    return this.arenaAllocator.counts[ALLOC_PEAK_PAGE] ?? this.pages;
  }

  /** One past the highest page of the low region ever in use. */
  lowPeakPage(): number {
    return this.lowAllocator.counts[ALLOC_PEAK_PAGE] ?? this.lowBytes / PAGE_BYTES;
  }

  #growBy(bytes: number): boolean {
    try {
      this.memory.grow(Math.ceil(bytes / WASM_PAGE_BYTES));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return false; // The maximum, or no address space: out of memory is a value here.
    }
    const pagesBefore = this.pages;
    const buffer = this.memory.buffer;
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.pages = buffer.byteLength / PAGE_BYTES;
    this.#advisor?.onGrow(pagesBefore * PAGE_BYTES, this.pages * PAGE_BYTES);
    return true;
  }
}

/** A shared memory of at most `bytesMax` bytes, with at least `bytes` of them now. */
export function createSharedMemory(bytesMax: number, bytes: number): WebAssembly.Memory {
  return new WebAssembly.Memory({
    initial: Math.ceil(bytes / WASM_PAGE_BYTES),
    maximum: bytesMax / WASM_PAGE_BYTES,
    shared: true,
  });
}
