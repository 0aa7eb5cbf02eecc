/**
 * The low-memory chunks that replies are written into. One chunk is current and serves every
 * session in turn; what a session wrote is sent at the end of its turn, and usually the kernel
 * takes it at once and the same bytes serve the next session. A range that the engine still holds
 * pins its chunk; a chunk without pins that is not current is freed. Bound: REPLY_CHUNKS_MAX; over
 * it the session that needs more is cut. Before that, when only the reserve is left (isScarce), the
 * worker cuts the session that holds most, so that slow readers do not end the others.
 */
import type { Allocator } from '@kora/core';

/** Bytes of one chunk. */
export const REPLY_CHUNK_BYTES = 65_536;
/**
 * Chunks alive at once: 640 MiB of replies that nobody reads, so that one of the longest value
 * fits.
 */
export const REPLY_CHUNKS_MAX = 10_240;
/**
 * Of those, the last are for everybody while the session that holds most is being cut.
 */
export const REPLY_CHUNKS_RESERVED = 512;

/** A block of low memory with a count of the ranges in it that are on their way. */
export interface ReplyChunk {
  readonly ref: number;
  readonly start: number;
  readonly end: number;
  pins: number;
}

export class ReplyChunks {
  readonly #allocator: Allocator;
  #alive = 0;

  constructor(allocator: Allocator) {
    this.#allocator = allocator;
  }

  /** Chunks in use, the current one included. */
  get alive(): number {
    return this.#alive;
  }

  /** True when only the reserve is left. */
  get isScarce(): boolean {
    return this.#alive > REPLY_CHUNKS_MAX - REPLY_CHUNKS_RESERVED;
  }

  /** A fresh chunk, or undefined when the bound or the memory is reached. */
  take(): ReplyChunk | undefined {
    if (this.#alive >= REPLY_CHUNKS_MAX) return undefined;
    const ref = this.#allocator.alloc(REPLY_CHUNK_BYTES);
    if (ref === 0) return undefined;
    this.#alive++;
    return { ref, start: ref * 8, end: ref * 8 + REPLY_CHUNK_BYTES, pins: 0 };
  }

  /** Frees a chunk that holds nothing. */
  give(chunk: ReplyChunk): void {
    this.#alive--;
    this.#allocator.free(chunk.ref);
  }
}
