/**
 * Memory that a log fills with frames and writes from. Bytes below `sealed` never change, so they
 * may be under way to the disk while more is added behind them.
 */
import { assert } from '@kora/core/control';
import { LOG_CHUNK_BYTES, LOG_SPARE_CHUNK_COUNT_MAX } from '../limits.ts';

/** Where chunks lie; the owner of a worker's memory gives some of it. */
export interface ChunkMemory {
  /** LOG_CHUNK_BYTES bytes. */
  readonly bytes: Uint8Array;
  /** What the owner needs to copy into it by other means: a byte offset in its memory; 0 = none. */
  readonly address: number;
  /** Gives it back; nothing touches its bytes any more. */
  release(): void;
}

/** A chunk and how far it has come. */
export class LogChunk {
  readonly bytes: Uint8Array;
  readonly address: number;
  readonly memory: ChunkMemory;
  /** Where frames end at the latest; a multiple of 8. */
  end = LOG_CHUNK_BYTES;
  /** Bytes of closed frames. */
  sealed = 0;
  /** Position of byte 0 among all bytes of this log since it was opened. */
  base = 0;
  /** Sequence of the last record whose chain has ended in this chunk or before. */
  completeSequence = 0;
  /** True when its first frame continues no chain: a segment may begin here. */
  isFresh = true;

  constructor(memory: ChunkMemory) {
    assert(memory.bytes.length === LOG_CHUNK_BYTES, 'a chunk has its size');
    this.memory = memory;
    this.bytes = memory.bytes;
    this.address = memory.address;
    this.memory = memory;
  }
}

/** Hands out chunks and takes them back. */
export class ChunkPool {
  readonly #allocate: () => ChunkMemory;
  readonly #spare: LogChunk[] = [];

  /** @param allocate called when no spare chunk is left */
  constructor(allocate: () => ChunkMemory) {
    this.#allocate = allocate;
  }

  take(): LogChunk {
    const chunk = this.#spare.pop() ?? new LogChunk(this.#allocate());
    chunk.end = LOG_CHUNK_BYTES;
    chunk.sealed = 0;
    chunk.isFresh = true;
    return chunk;
  }
  give(chunk: LogChunk): void {
    if (this.#spare.length < LOG_SPARE_CHUNK_COUNT_MAX) this.#spare.push(chunk);
    else chunk.memory.release();
  }
}

/** Chunks of the JavaScript runtime's own memory, outside its heap. */
export function allocateChunk(): ChunkMemory {
  return { bytes: new Uint8Array(LOG_CHUNK_BYTES), address: 0, release: () => undefined };
}
