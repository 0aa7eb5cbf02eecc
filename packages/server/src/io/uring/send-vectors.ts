/**
 * Records for sends of several ranges: a struct msghdr with its iovecs, in low memory. A record
 * belongs to the kernel from the submission of a SENDMSG to its completion; records are kept for
 * the next one. Without memory for one the engine sends range by range.
 *
 *   record  | msghdr: name 8, its bytes 8, iovecs 8, their count 8, control 16, flags 8 | iovec.. |
 */
import type { NativeMemory } from '../native/libc.ts';
import type { SendQueue } from '../native/send-queue.hot.ts';

/** Ranges of one send: 4 MiB of a large value. */
export const VECTOR_ENTRIES_MAX = 64;
const HEADER_BYTES = 56;
const RECORD_BYTES = HEADER_BYTES + VECTOR_ENTRIES_MAX * 16;
const TWO_32 = 4294967296;

export class SendVectors {
  readonly #native: NativeMemory;
  readonly #recordAt: number[] = [];
  readonly #free: number[] = [];

  constructor(native: NativeMemory) {
    this.#native = native;
  }

  /** A record with the slot's first ranges, or -1 when there is no memory for one. */
  take(queue: SendQueue, slot: number): number {
    const record = this.#free.pop() ?? this.#make();
    if (record < 0) return -1;
    const view = this.#native.memory.lowView;
    const at = this.#recordAt[record] ?? 0;
    const count = queue.fillVector(
      slot, view, at + HEADER_BYTES, this.#native.base, VECTOR_ENTRIES_MAX,
    );
    view.setUint32(at + 24, count, true);
    return record;
  }

  /** Address of a record's msghdr. */
  addressOf(record: number): number {
    return this.#native.addressOf(this.#recordAt[record] ?? 0);
  }

  /** The kernel has done with the record. */
  give(record: number): void {
    this.#free.push(record);
  }

  #make(): number {
    const { lowAllocator, low, lowView } = this.#native.memory;
    const at = lowAllocator.alloc(RECORD_BYTES) * 8;
    if (at === 0) return -1;
    low.fill(0, at, at + RECORD_BYTES);
    const vectors = this.#native.addressOf(at + HEADER_BYTES);
    lowView.setUint32(at + 16, vectors % TWO_32, true);
    lowView.setUint32(at + 20, vectors / TWO_32, true);
    return this.#recordAt.push(at) - 1;
  }

  /** Gives the memory back; no record may be in the kernel. */
  release(): void {
    for (const at of this.#recordAt.splice(0)) this.#native.memory.lowAllocator.free(at / 8);
    this.#free.length = 0;
  }
}
