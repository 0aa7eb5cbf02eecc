/**
 * Where records of a snapshot are put together: one chunk of low memory, into which the kernel
 * copies keys and values straight from the arena. A chunk that has no room for the next record goes
 * to the sink.
 * Invariant: `begin` claims the whole record before its first byte is written.
 * Cost: one copy a byte, two calls of the kernel for a short key and value.
 */
import { assert } from '../assert.ts';
import { SNAPSHOT_CHUNK_BYTES } from '../limits.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';
import type { SnapshotSink } from './snapshot-format.ts';
import { SnapshotRecord } from './snapshot-format.ts';

/** Bytes of the record that says which database the keys behind it are of. */
const DATABASE_RECORD_BYTES = 2;

export class SnapshotStage {
  readonly #memory: WorkerMemory;
  readonly #sink: SnapshotSink;
  readonly #from: number;
  readonly #end: number;
  #at: number;
  /** Database of the records in this chunk, -1 before the first. */
  #db = -1;
  /** Bytes that were given to the sink. */
  bytesGiven = 0;

  /** @param block ref of SNAPSHOT_CHUNK_BYTES of low memory; the caller's */
  constructor(memory: WorkerMemory, block: number, sink: SnapshotSink) {
    this.#memory = memory;
    this.#sink = sink;
    this.#from = block * 8;
    this.#end = this.#from + SNAPSHOT_CHUNK_BYTES;
    this.#at = this.#from;
  }

  /** Makes room for a record of at most `bytes` bytes, and says which database it is of. */
  beginIn(db: number, bytes: number): void {
    this.begin(bytes + DATABASE_RECORD_BYTES);
    if (db === this.#db) return;
    this.#db = db;
    this.u8(SnapshotRecord.Database);
    this.u8(db);
  }

  /** Makes room for a record of at most `bytes` bytes. */
  begin(bytes: number): void {
    if (bytes <= this.#end - this.#at) return;
    this.flush();
    assert(bytes <= SNAPSHOT_CHUNK_BYTES, 'a record fits a chunk');
  }

  /** Gives the sink what is there. */
  flush(): void {
    const length = this.#at - this.#from;
    if (length === 0) return;
    this.#at = this.#from;
    this.#db = -1;
    this.bytesGiven += length;
    this.#sink.chunk(this.#memory.low, this.#from, length);
  }

  u8(value: number): void {
    this.#memory.low[this.#at++] = value;
  }

  /** A length, number or id: integer, 0 .. 2^32-1. */
  count(value: number): void {
    const { low } = this.#memory;
    let left = value;
    while (left > 0x7f) {
      low[this.#at++] = (left & 0x7f) | 0x80;
      left >>>= 7;
    }
    low[this.#at++] = left;
  }

  u24(value: number): void {
    this.u8(value);
    this.u8(value >>> 8);
    this.u8(value >>> 16);
  }

  u32(value: number): void {
    this.u24(value);
    this.u8(value >>> 24);
  }

  /** Bytes at byte offset `from` of the worker memory. */
  copy(from: number, bytes: number): void {
    this.#memory.kernel.copy(this.#at, from, bytes);
    this.#at += bytes;
  }

  /** Bytes on the heap. */
  copyOf(bytes: Uint8Array): void {
    this.#memory.low.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}
