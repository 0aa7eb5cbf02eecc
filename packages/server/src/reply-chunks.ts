/**
 * The low-memory chunks that replies are written into. One chunk is current and serves every
 * session in turn; what a session wrote is sent at the end of its turn. Where the kernel takes it
 * at once the same bytes serve the next session; where every send is held until it completes, the
 * writer goes on behind it, and a chunk without pins starts over. A chunk that is full and pinned
 * is left for the next one; with its last pin it comes back here, and a few are kept with their
 * memory (SPARE_CHUNKS_MAX), so that chunks go round without work for the allocator, until a tick
 * finds that nobody needed them since the one before.
 * Bound: REPLY_CHUNKS_MAX; over it the session that needs more is cut. Before that, when only the
 * reserve is left (isScarce), the worker cuts the session that holds most, so that slow readers do
 * not end the others.
 */
import type { Allocator } from '@kora/core';
import { HeldRangesPool } from './held-ranges.ts';

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
/** Chunks without content that keep their memory: 2 MiB, what a busy turn sends. */
const SPARE_CHUNKS_MAX = 32;

/** Who writes into a chunk: hears when no range of it is on its way any more. */
export interface ChunkWriter {
  restart(chunk: ReplyChunk): void;
}

/** A block of low memory with a count of the ranges in it that are on their way. */
export class ReplyChunk {
  readonly ref: number;
  readonly start: number;
  readonly end: number;
  pins = 0;
  /** The sink whose current chunk it is, null when nobody writes into it any more. */
  writer: ChunkWriter | null = null;

  constructor(ref: number) {
    this.ref = ref;
    this.start = ref * 8;
    this.end = ref * 8 + REPLY_CHUNK_BYTES;
  }
}

export class ReplyChunks {
  /** Rings of held ranges, for sessions that have several. */
  readonly rings = new HeldRangesPool();
  readonly #allocator: Allocator;
  readonly #spares: ReplyChunk[] = [];
  /** Least number of spares since the last trim: those that nobody needed. */
  #sparesLeast = 0;
  #alive = 0;

  constructor(allocator: Allocator) {
    this.#allocator = allocator;
  }

  /** Chunks in use, the current one included and the spare ones not. */
  get alive(): number {
    return this.#alive;
  }

  /** True when only the reserve is left. */
  get isScarce(): boolean {
    return this.#alive > REPLY_CHUNKS_MAX - REPLY_CHUNKS_RESERVED;
  }

  /** An empty chunk, or undefined when the bound or the memory is reached. */
  take(): ReplyChunk | undefined {
    if (this.#alive >= REPLY_CHUNKS_MAX) return undefined;
    const spare = this.#spares.pop();
    if (spare !== undefined) {
      this.#alive++;
      if (this.#spares.length < this.#sparesLeast) this.#sparesLeast = this.#spares.length;
      return spare;
    }
    const ref = this.#allocator.alloc(REPLY_CHUNK_BYTES);
    if (ref === 0) return undefined;
    this.#alive++;
    return new ReplyChunk(ref);
  }

  /** A pinned range of the chunk is free again. */
  unpin(chunk: ReplyChunk): void {
    chunk.pins--;
    if (chunk.pins > 0) return;
    if (chunk.writer === null) this.give(chunk);
    else chunk.writer.restart(chunk);
  }

  /** Takes back a chunk that holds nothing. */
  give(chunk: ReplyChunk): void {
    this.#alive--;
    if (this.#spares.length < SPARE_CHUNKS_MAX) this.#spares.push(chunk);
    else this.#allocator.free(chunk.ref);
  }

  /** Gives the memory of spares back that were not needed since the last call. For every tick. */
  trim(): void {
    for (; this.#sparesLeast > 0; this.#sparesLeast--) {
      const spare = this.#spares.pop();
      if (spare !== undefined) this.#allocator.free(spare.ref);
    }
    this.#sparesLeast = this.#spares.length;
  }
}
