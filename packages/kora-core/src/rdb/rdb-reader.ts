/**
 * Reads one value in the RDB format: what RESTORE, a loader and a journal's whole values give. It
 * believes nothing: what does not fit the bytes that are left is an RdbError. Strings are put
 * into low memory, ready to be stored: `at`, `bytes`; a pair is read as
 *
 *   reader.string(); reader.keep();      the first lies at keptAt, keptBytes
 *   reader.string();                     the second at at, bytes
 *
 * Invariants: what was read last, and what was kept last, stay where they are until the next read
 *   and the next keep; the reader never reads behind its end; `close` gives its memory back.
 * Cost: one copy a byte; two blocks of low memory, as long as the longest string met.
 */
import { assert } from '../assert.ts';
import { writeInteger64 } from '../bytes/number-text.hot.ts';
import { parseDoubleStrict } from '../bytes/number-text.ts';
import { RdbCursor } from '../bytes/rdb-string.ts';
import { FLAT_ARGUMENT_BYTES_MAX, STRING_BYTES_MAX } from '../limits.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';
import { checkRdb, RdbError } from './rdb-error.ts';

const FIRST_BLOCK_BYTES = 1024;
const TWO_32 = 4_294_967_296;
/** Forms of a score as text: its length, or one of these. */
const TEXT_NAN = 253;
const TEXT_INFINITE = 254;
const TEXT_NEGATIVE_INFINITE = 255;

export class RdbReader {
  /** Byte offset in low memory, and length, of what was read last. */
  at = 0;
  bytes = 0;
  /** The same of what was kept last. */
  keptAt = 0;
  keptBytes = 0;
  /** Words (int32) that `count64` and `integer64` read. */
  high = 0;
  low = 0;
  readonly #memory: WorkerMemory;
  readonly #u8: Uint8Array;
  readonly #cursor: RdbCursor;
  /** Refs of blocks of low memory: for what is read, and for what is kept. */
  #block = 0;
  #keptBlock = 0;
  #blockBytes = 0;
  #keptBlockBytes = 0;
  readonly #double = new DataView(new ArrayBuffer(8));

  /** Reads u8[from .. end); the bytes are borrowed until `close`. */
  constructor(memory: WorkerMemory, u8: Uint8Array, from = 0, end: number = u8.length) {
    this.#memory = memory;
    this.#u8 = u8;
    this.#cursor = new RdbCursor(u8, from, end);
  }

  /** Gives the low memory back. */
  close(): void {
    const { lowAllocator } = this.#memory;
    if (this.#block !== 0) lowAllocator.free(this.#block);
    if (this.#keptBlock !== 0) lowAllocator.free(this.#keptBlock);
    this.#block = 0;
    this.#keptBlock = 0;
    this.#blockBytes = 0;
    this.#keptBlockBytes = 0;
  }

  /** Bytes not yet read. */
  get left(): number {
    return this.#cursor.left;
  }

  /** Where the next read begins; {@link goBack} leads there once more. */
  get position(): number {
    return this.#cursor.position;
  }

  /** Reads on from a `position` of before: for loaders that must know what comes. */
  goBack(position: number): void {
    assert(position <= this.#cursor.position, 'a reader only goes back');
    this.#cursor.position = position;
  }

  /** One byte. */
  u8(): number {
    checkRdb(this.left >= 1, 'a byte is missing');
    return this.#u8[this.#cursor.position++] ?? 0;
  }

  /**
   * A number of things that follow, each of at least `bytesEachMin` bytes: more than fit the bytes
   * that are left are refused here, before anything is allocated for them.
   */
  countOf(bytesEachMin = 1): number {
    const count = this.count();
    checkRdb(count * bytesEachMin <= this.left, 'a count of more than there is');
    return count;
  }

  /** A length or a small number, 0 .. 2^53-1. */
  count(): number {
    const length = this.#cursor.readLength();
    checkRdb(length !== undefined, 'a length is damaged');
    return length;
  }

  /** An unsigned 64-bit number in the form of a length, into `high` and `low`. */
  count64(): void {
    const { position } = this.#cursor;
    if (this.left >= 9 && this.#u8[position] === 0x81) {
      this.#cursor.position = position + 9;
      this.high = wordAt(this.#u8, position + 1);
      this.low = wordAt(this.#u8, position + 5);
      return;
    }
    const value = this.count();
    this.high = Math.floor(value / TWO_32);
    this.low = value | 0;
  }

  /** 8 bytes, little-endian, into `high` and `low`: times. */
  integer64(): void {
    this.#readEight();
    this.low = this.#double.getInt32(0, true);
    this.high = this.#double.getInt32(4, true);
  }

  /** A time in ms as 8 bytes; what lies beyond 2^53 is refused. */
  milliseconds(): number {
    this.integer64();
    const ms = this.high * TWO_32 + (this.low >>> 0);
    checkRdb(Number.isSafeInteger(ms), 'a time lies beyond the calendar');
    return ms;
  }

  /** A double as 8 bytes; not-a-number is refused. */
  binaryDouble(): number {
    this.#readEight();
    const value = this.#double.getFloat64(0, true);
    checkRdb(!Number.isNaN(value), 'a score is not a number');
    return value;
  }

  /** A double as text, the form before Redis 4; not-a-number is refused. */
  textDouble(): number {
    const form = this.u8();
    checkRdb(form !== TEXT_NAN, 'a score is not a number');
    if (form === TEXT_INFINITE) return Infinity;
    if (form === TEXT_NEGATIVE_INFINITE) return -Infinity;
    checkRdb(form <= this.left, 'a score is cut off');
    const { position } = this.#cursor;
    this.#cursor.position += form;
    const value = parseDoubleStrict(this.#u8, position, form);
    checkRdb(value !== undefined, 'a score is no number');
    return value;
  }

  /**
   * A string in any of its forms, into low memory.
   * @throws {RdbError} `memory` when it is longer than an argument can be, or low memory is short
   */
  string(): void {
    const bytes = this.#cursor.peekStringBytes();
    checkRdb(bytes !== undefined, 'a string is damaged');
    this.#makeRoom(bytes);
    const isSound = this.#cursor.readStringInto(this.#memory.low, this.at);
    checkRdb(isSound, 'a string is damaged');
    this.bytes = bytes;
  }

  /** `bytes` bytes as they are, into low memory: the IDs of a stream. */
  raw(bytes: number): void {
    checkRdb(bytes <= this.left, 'bytes are missing');
    const { position } = this.#cursor;
    this.#cursor.position += bytes;
    this.place(this.#u8, position, bytes);
  }

  /** A string on the heap: a listpack, an intset. Borrowed or new; for reading only. */
  blob(): Uint8Array {
    const value = this.#cursor.readStringView(STRING_BYTES_MAX);
    checkRdb(value !== undefined, 'a string is damaged');
    return value;
  }

  /** What was read last is the kept one now; the next read leaves it alone. */
  keep(): void {
    const { at, bytes } = this;
    const block = this.#block;
    const blockBytes = this.#blockBytes;
    this.#block = this.#keptBlock;
    this.#blockBytes = this.#keptBlockBytes;
    this.#keptBlock = block;
    this.#keptBlockBytes = blockBytes;
    this.keptAt = at;
    this.keptBytes = bytes;
  }

  /** Puts bytes into low memory as what was read last. For readers of packed lists. @internal */
  place(from: Uint8Array, fromAt: number, bytes: number): void {
    this.#makeRoom(bytes);
    this.#memory.low.set(from.subarray(fromAt, fromAt + bytes), this.at);
    this.bytes = bytes;
  }

  /** Puts the decimal text of an integer there. @internal */
  placeInteger(high: number, low: number): void {
    this.#makeRoom(32);
    this.bytes = writeInteger64(this.#memory.low, this.at, high, low);
  }

  /** The bytes read last, as a view of low memory. @internal */
  get text(): Uint8Array {
    return this.#memory.low.subarray(this.at, this.at + this.bytes);
  }

  /** Refuses a value that ends before its bytes do. */
  expectEnd(): void {
    checkRdb(this.left === 0, 'a value ends before its bytes do');
  }

  #makeRoom(bytes: number): void {
    if (bytes > this.#blockBytes) {
      if (bytes > FLAT_ARGUMENT_BYTES_MAX) throw new RdbError('memory', 'an element is too long');
      const { lowAllocator } = this.#memory;
      const wanted = Math.max(bytes, FIRST_BLOCK_BYTES);
      const block = lowAllocator.alloc(wanted);
      if (block === 0) throw new RdbError('memory', 'no low memory for an element');
      if (this.#block !== 0) lowAllocator.free(this.#block);
      this.#block = block;
      this.#blockBytes = wanted;
    }
    if (this.#block === 0) {
      this.#makeRoom(1);
      return;
    }
    this.at = this.#block * 8;
    assert(this.at + bytes <= this.#memory.lowBytes, 'low memory holds what was read');
  }

  #readEight(): void {
    checkRdb(this.left >= 8, 'a number of 8 bytes is cut off');
    for (let i = 0; i < 8; i++) {
      this.#double.setUint8(i, this.#u8[this.#cursor.position++] ?? 0);
    }
  }
}

/** Four bytes, most significant first, as an int32. */
function wordAt(u8: Uint8Array, at: number): number {
  let word = 0;
  for (let i = 0; i < 4; i++) word = (word << 8) | (u8[at + i] ?? 0);
  return word;
}
