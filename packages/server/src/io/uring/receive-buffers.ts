/**
 * The buffers that the kernel receives into: a ring of free buffers in low memory, of which each
 * receive takes the next, so that ten thousand idle connections need none of their own. The engine
 * gives a buffer back as soon as its bytes were handled.
 *
 *   ring, 16 bytes an entry   | address u64 | bytes u32 | buffer number u16 | - or the tail u16 |
 *                             the tail lies in the first entry's last two bytes
 *
 * The pool begins small and doubles when many connections found no buffer in one turn (ENOBUFS), up
 * to BUFFER_COUNT_MAX; a few that stream do not make it grow, they take turns.
 * Buffers are staggered: at a power-of-two distance their first lines would share one cache set.
 * Invariant: a buffer is the kernel's from `give` until a completion names it.
 * Source: io_uring_register(2), IORING_REGISTER_PBUF_RING. The ring has to start on a page.
 */
import type { Allocator } from '@kora/core';
import type { NativeMemory } from '../native/libc.ts';
import type { Scratch } from '../native/scratch.ts';
import { REGISTER_BUFFER_RING } from './uring-constants.ts';

/** Bytes of one buffer; a request of a 16 KiB value arrives in one piece. */
export const BUFFER_BYTES = 32_768;
/** Buffers to begin with. */
export const BUFFER_COUNT_MIN = 64;
/** Most buffers: 32 MiB. With none free a connection waits for the next turn. */
export const BUFFER_COUNT_MAX = 1024;

const PAGE_BYTES = 4096;
const ENTRY_BYTES = 16;
const TAIL_BYTE = 14;
const STAGGER_BYTES = 832;
const STRIDE_BYTES = BUFFER_BYTES + STAGGER_BYTES;
const REGISTRATION_BYTES = 40;
const TWO_32 = 4294967296;

export class ReceiveBuffers {
  readonly #native: NativeMemory;
  readonly #view: DataView;
  readonly #tailWord: Uint16Array;
  readonly #ringAt: number;
  readonly #bufferAt = new Int32Array(BUFFER_COUNT_MAX);
  readonly #allocator: Allocator;
  readonly #blocks: number[] = [];
  #count = 0;
  #tail = 0;

  private constructor(native: NativeMemory, ringBlock: number, allocator: Allocator) {
    this.#native = native;
    this.#view = native.memory.lowView;
    this.#allocator = allocator;
    this.#ringAt = Math.ceil((ringBlock * 8) / PAGE_BYTES) * PAGE_BYTES;
    this.#tailWord = new Uint16Array(native.memory.low.buffer, this.#ringAt + TAIL_BYTE, 1);
    this.#blocks.push(ringBlock);
  }

  /**
   * Registers the ring as buffer group 0.
   * @returns the buffers, or on one line why there are none; nothing is taken then
   */
  static open(scratch: Scratch, ring: number): ReceiveBuffers | string {
    const { libc, native, addressAt: scratchAt } = scratch;
    const allocator = native.memory.lowAllocator;
    const block = allocator.alloc(BUFFER_COUNT_MAX * ENTRY_BYTES + PAGE_BYTES);
    if (block === 0) return 'low memory has no room for receive buffers';
    const buffers = new ReceiveBuffers(native, block, allocator);
    const { low, lowView } = native.memory;
    low.fill(0, buffers.#ringAt, buffers.#ringAt + BUFFER_COUNT_MAX * ENTRY_BYTES);
    low.fill(0, scratchAt, scratchAt + REGISTRATION_BYTES);
    const address = native.addressOf(buffers.#ringAt);
    lowView.setUint32(scratchAt, address % TWO_32, true);
    lowView.setUint32(scratchAt + 4, address / TWO_32, true);
    lowView.setUint32(scratchAt + 8, BUFFER_COUNT_MAX, true);
    const result = libc.io_uring_register(
      ring, REGISTER_BUFFER_RING, native.addressOf(scratchAt), 1,
    );
    if (result === 0 && buffers.#add(BUFFER_COUNT_MIN)) {
      buffers.publish();
      return buffers;
    }
    const error = libc.errno();
    buffers.release();
    return result === 0
      ? 'low memory has no room for receive buffers'
      : `the kernel has no ring of receive buffers, which needs Linux 5.19 (error ${error})`;
  }

  /** Buffers there are. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of one. */
  get bytes(): number {
    return BUFFER_BYTES;
  }

  /** Byte offset of a buffer. */
  atOf(number: number): number {
    return this.#bufferAt[number] ?? 0;
  }

  /** Makes a buffer the kernel's again; `publish` tells it. */
  give(number: number): void {
    const entry = this.#ringAt + (this.#tail & (BUFFER_COUNT_MAX - 1)) * ENTRY_BYTES;
    const address = this.#native.base + (this.#bufferAt[number] ?? 0);
    const view = this.#view;
    view.setUint32(entry, address % TWO_32, true);
    view.setUint32(entry + 4, address / TWO_32, true);
    view.setUint32(entry + 8, BUFFER_BYTES, true);
    view.setUint16(entry + 12, number, true);
    this.#tail = (this.#tail + 1) & 0xffff;
  }

  /** Lets the kernel see the buffers given since the last time. */
  publish(): void {
    // Publishes the entries written above; pairs with the kernel's acquire of the tail.
    Atomics.store(this.#tailWord, 0, this.#tail);
  }

  /** The kernel ran out: twice as many, while the bound and low memory allow. */
  grow(): void {
    if (this.#count < BUFFER_COUNT_MAX && this.#add(this.#count)) this.publish();
  }

  #add(count: number): boolean {
    const block = this.#allocator.alloc(count * STRIDE_BYTES);
    if (block === 0) return false;
    this.#blocks.push(block);
    for (let i = 0; i < count; i++) {
      this.#bufferAt[this.#count] = block * 8 + i * STRIDE_BYTES;
      this.give(this.#count++);
    }
    return true;
  }

  /** Gives the memory back; the kernel must not have the ring any more. */
  release(): void {
    for (const block of this.#blocks.splice(0)) this.#allocator.free(block);
  }
}
