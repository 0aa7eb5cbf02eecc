/**
 * Ranges of reply chunks that wait in windows for the replies before them: one table for a worker,
 * a list for each place, so that staging a reply allocates nothing.
 *
 *   range      1 ... n        0 = none
 *   chunk, at, bytes          the bytes; the chunk is pinned once for each range
 *   next                      of the same place, or of the free list
 *
 * Bound: places of windows, and the chunks that the ranges pin. Owner: the origin's thread.
 */
import type { ReplyChunk } from '../reply-chunks.ts';

const FIRST_COUNT = 256;

export class StagedRanges {
  readonly chunks: (ReplyChunk | null)[];
  at: Int32Array;
  bytes: Int32Array;
  next: Int32Array;
  #free = 0;

  constructor() {
    this.chunks = new Array<ReplyChunk | null>(FIRST_COUNT).fill(null);
    this.at = new Int32Array(FIRST_COUNT);
    this.bytes = new Int32Array(FIRST_COUNT);
    this.next = new Int32Array(FIRST_COUNT);
    this.#chain(1);
  }

  /** A range with these bytes, in no list yet. */
  take(chunk: ReplyChunk, at: number, bytes: number): number {
    if (this.#free === 0) this.#grow();
    const range = this.#free;
    this.#free = this.next[range] ?? 0;
    this.chunks[range] = chunk;
    this.at[range] = at;
    this.bytes[range] = bytes;
    this.next[range] = 0;
    return range;
  }

  /** True when byte `at` of the chunk follows the range directly. */
  isEnd(range: number, chunk: ReplyChunk, at: number): boolean {
    return this.chunks[range] === chunk && (this.at[range] ?? 0) + (this.bytes[range] ?? 0) === at;
  }

  /** Frees a range; its chunk is unpinned by the caller. @returns the next one of its list */
  give(range: number): number {
    const next = this.next[range] ?? 0;
    this.chunks[range] = null;
    this.next[range] = this.#free;
    this.#free = range;
    return next;
  }

  #grow(): void {
    const count = this.at.length;
    this.at = widened(this.at);
    this.bytes = widened(this.bytes);
    this.next = widened(this.next);
    for (let i = count; i < count * 2; i++) this.chunks.push(null);
    this.#chain(count);
  }

  /** Makes the ranges from `first` on free. */
  #chain(first: number): void {
    for (let range = this.at.length - 1; range >= first; range--) {
      this.next[range] = this.#free;
      this.#free = range;
    }
  }
}

function widened(column: Int32Array): Int32Array {
  const wide = new Int32Array(column.length * 2);
  wide.set(column);
  return wide;
}
