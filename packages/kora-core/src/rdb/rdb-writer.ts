/**
 * Writes one value in the RDB format into a growing buffer on the heap: DUMP, snapshots and the
 * journal's whole values. The bytes of a value come from the worker memory and pass through a
 * block of low memory of the writer's own, so the scratch area stays the caller's.
 *
 *   begin -> u8, count, string, ... -> bytes()         again from begin
 *   beginStream -> ..., parts go to `flush` -> end
 *
 * Invariants: the buffer never passes RDB_BYTES_MAX; what `bytes` gave is valid until the next
 *   `begin`; a buffer above KEPT_BYTES_MAX is let go by then. One writer per shard (`shard.rdb`).
 * Cost: one copy a byte, LZF for strings above 20 bytes. Strings take Redis's form (rdb-string.ts).
 */
import { assert } from '../assert.ts';
import { rdbStringBytesMax, writeRdbLength, writeRdbString } from '../bytes/rdb-string.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';
import { ListpackWriter } from './listpack.ts';
import { writeWord } from './little-endian.ts';
import { RdbError } from './rdb-error.ts';

/** Longest value that is written, in the RDB format: 1 GiB. */
export const RDB_BYTES_MAX = 1 << 30;
/** A buffer up to this size is kept for the next value. */
const KEPT_BYTES_MAX = 1 << 20;
/** A part of a stream has at least this many bytes, but for the last. */
const PART_BYTES = 65_536;
const FIRST_BYTES = 1024;
/** Bytes of low memory that what lies in the arena passes through. */
export const COPY_BLOCK_BYTES = 16_384;

const doubleView = new DataView(new ArrayBuffer(8));

export class RdbWriter {
  /** For values that hold listpacks: fill it, then `stringOf(listpack.finish())`. */
  readonly listpack: ListpackWriter;
  readonly #memory: WorkerMemory;
  #buffer = new Uint8Array(FIRST_BYTES);
  #length = 0;
  #flush: ((part: Uint8Array) => void) | null = null;
  /** Byte offset of COPY_BLOCK_BYTES of low memory. */
  readonly #blockAt: number;
  readonly #compresses: boolean;

  /** @param compresses false: strings are not written as LZF, for something else compresses them */
  constructor(memory: WorkerMemory, compresses = true) {
    this.#memory = memory;
    this.#compresses = compresses;
    this.listpack = new ListpackWriter(this);
    const block = memory.lowAllocator.alloc(COPY_BLOCK_BYTES);
    assert(block !== 0, 'low memory holds the copy block of a shard');
    this.#blockAt = block * 8;
  }

  /** Forgets what was written. */
  begin(): void {
    this.#flush = null;
    this.#length = 0;
    if (this.#buffer.length > KEPT_BYTES_MAX) this.#buffer = new Uint8Array(FIRST_BYTES);
  }

  /**
   * As `begin`, for a value of any length: what is written goes to `flush` in parts, each a view
   * valid during the call; `end` gives it the last. Nothing else of the writer tells of them.
   */
  beginStream(flush: (part: Uint8Array) => void): void {
    this.begin();
    this.#flush = flush;
  }

  /** Ends a stream. */
  end(): void {
    this.#flush?.(this.bytes());
    this.begin();
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Gives the writer's memory back; it is of no further use. */
  close(): void {
    this.#memory.lowAllocator.free(this.#blockAt / 8);
  }

  /** What was written; a view, valid until the next call of any other method. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** One byte, 0..255. */
  u8(value: number): void {
    this.#ensure(1);
    this.#buffer[this.#length++] = value;
  }

  /** A length or a small number: integer, 0 .. 2^53-1. */
  count(value: number): void {
    assert(value >= 0, 'a length is not negative');
    this.#ensure(9);
    this.#length = writeRdbLength(this.#buffer, this.#length, value);
  }

  /** An unsigned 64-bit number in the form of a length; two int32 or u32 words. */
  count64(high: number, low: number): void {
    if (high >>> 0 < 0x20_0000) {
      this.count((high >>> 0) * 4_294_967_296 + (low >>> 0));
      return;
    }
    this.#ensure(9);
    const buffer = this.#buffer;
    buffer[this.#length++] = 0x81;
    for (let shift = 24; shift >= 0; shift -= 8) buffer[this.#length++] = high >>> shift;
    for (let shift = 24; shift >= 0; shift -= 8) buffer[this.#length++] = low >>> shift;
  }

  /** `bytes` bytes at byte offset `at` of the worker memory, as a string in Redis's form. */
  string(at: number, bytes: number): void {
    const room = rdbStringBytesMax(bytes);
    this.#ensure(room + bytes);
    const from = this.#length + room;
    this.copyOut(at, bytes, this.#buffer, from);
    const value = this.#buffer.subarray(from, from + bytes);
    this.#length = writeRdbString(value, this.#buffer, this.#length, this.#compresses);
  }

  /** Bytes on the heap, as a string in Redis's form: a listpack, an intset, a text. */
  stringOf(value: Uint8Array): void {
    this.#ensure(rdbStringBytesMax(value.length));
    this.#length = writeRdbString(value, this.#buffer, this.#length, this.#compresses);
  }

  /** Bytes of the worker memory as they are, without a length. */
  raw(at: number, bytes: number): void {
    this.#ensure(bytes);
    this.copyOut(at, bytes, this.#buffer, this.#length);
    this.#length += bytes;
  }

  /** Bytes on the heap as they are, without a length. */
  rawOf(value: Uint8Array): void {
    this.#ensure(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  /** A double as 8 bytes, little-endian: scores. */
  binaryDouble(value: number): void {
    doubleView.setFloat64(0, value, true);
    this.integer64(doubleView.getInt32(4, true), doubleView.getInt32(0, true));
  }

  /** A 64-bit number as 8 bytes, little-endian: times in ms. Two int32 or u32 words. */
  integer64(high: number, low: number): void {
    this.#ensure(8);
    writeWord(this.#buffer, this.#length, 4, low);
    writeWord(this.#buffer, this.#length + 4, 4, high);
    this.#length += 8;
  }

  /** A time in ms since 1970 as 8 bytes; integer, |ms| < 2^53. */
  milliseconds(ms: number): void {
    this.integer64(Math.floor(ms / 4_294_967_296), ms | 0);
  }

  /** Copies bytes of the worker memory to the heap. */
  copyOut(at: number, bytes: number, into: Uint8Array, intoAt: number): void {
    const { low, kernel, lowBytes } = this.#memory;
    if (at >= 0 && at + bytes <= lowBytes) {
      into.set(low.subarray(at, at + bytes), intoAt);
      return;
    }
    const blockAt = this.#blockAt;
    for (let done = 0; done < bytes; done += COPY_BLOCK_BYTES) {
      const step = Math.min(COPY_BLOCK_BYTES, bytes - done);
      kernel.copy(blockAt, at + done, step);
      into.set(low.subarray(blockAt, blockAt + step), intoAt + done);
    }
  }

  #ensure(bytes: number): void {
    if (this.#flush !== null && this.#length >= PART_BYTES) {
      this.#flush(this.bytes());
      this.#length = 0;
    }
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    if (needed > RDB_BYTES_MAX) throw new RdbError('memory', 'a value is too long to be written');
    const bytesNow = Math.min(Math.max(needed, this.#buffer.length * 2), RDB_BYTES_MAX);
    const larger = new Uint8Array(bytesNow);
    larger.set(this.bytes());
    this.#buffer = larger;
  }
}
