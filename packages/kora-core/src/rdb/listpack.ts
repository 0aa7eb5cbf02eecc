/**
 * Redis's listpack, the packed list inside DUMP payloads and RDB files (our own small collections
 * are packs, structs/packs.hot.ts).
 *
 *   u32 total bytes | u16 count, 0xffff = unknown | element ... | 0xff          little-endian
 *   element = form | data | length of form and data, 7 bits a byte, read backwards
 *   0nnnnnnn                   integer 0..127       10nnnnnn                   string below 64
 *   110nnnnn nnnnnnnn          signed 13 bits       1110nnnn nnnnnnnn          string below 4096
 *   11110001 .. 11110100       signed 16, 24, 32, 64 bits, as many bytes       11110000 u32 string
 *
 * The writer chooses as Redis 7.0 does: the decimal text of a signed 64-bit integer becomes an
 *   integer of the shortest form, all else a string. The reader is listpack-reader.ts.
 * Cost: O(bytes), on the heap, in a buffer that is used again for the next listpack.
 */
import { parseInteger, parsed } from '../bytes/number-text.hot.ts';
import { doubleToText17 } from '../bytes/number-text.ts';
import { writeWord } from './little-endian.ts';
import { RdbError } from './rdb-error.ts';

/** Header of a listpack: total bytes and count. */
export const LISTPACK_HEADER_BYTES = 6;
/** Largest listpack that is written. */
export const LISTPACK_BYTES_MAX = 1 << 30;

const END = 0xff;
const COUNT_UNKNOWN = 0xffff;
const FIRST_BYTES = 512;
const KEPT_BYTES_MAX = 1 << 18;
/** Most bytes of form and backward length around an element's data. */
const ELEMENT_SIDE_BYTES_MAX = 10;
const INTEGER_TEXT_BYTES_MAX = 20;

const textBytes = new Uint8Array(32);

/** Where the writer gets bytes of the worker memory from. */
interface ByteSource {
  copyOut(at: number, bytes: number, into: Uint8Array, intoAt: number): void;
}

/** Builds one listpack after the other. Owner: an RdbWriter. */
export class ListpackWriter {
  readonly #source: ByteSource;
  #buffer = new Uint8Array(FIRST_BYTES);
  #length = LISTPACK_HEADER_BYTES;
  #count = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Starts an empty listpack. */
  begin(): void {
    this.#length = LISTPACK_HEADER_BYTES;
    this.#count = 0;
    if (this.#buffer.length > KEPT_BYTES_MAX) this.#buffer = new Uint8Array(FIRST_BYTES);
  }

  /** Elements so far. */
  get count(): number {
    return this.#count;
  }

  /** Bytes that the listpack has when it is finished now: Redis's own measure of its size. */
  get bytes(): number {
    return this.#length + 1;
  }

  /** Appends `bytes` bytes at byte offset `at` of the worker memory. */
  add(at: number, bytes: number): void {
    if (bytes <= INTEGER_TEXT_BYTES_MAX) {
      this.#source.copyOut(at, bytes, textBytes, 0);
      this.#addShort(bytes);
      return;
    }
    this.#ensure(bytes + ELEMENT_SIDE_BYTES_MAX);
    const from = this.#length;
    this.#writeStringForm(bytes);
    this.#source.copyOut(at, bytes, this.#buffer, this.#length);
    this.#length += bytes;
    this.#close(from);
  }

  /** Appends bytes on the heap. */
  addBytes(value: Uint8Array): void {
    if (value.length <= INTEGER_TEXT_BYTES_MAX) {
      textBytes.set(value);
      this.#addShort(value.length);
      return;
    }
    this.#addString(value, value.length);
  }

  /** Appends an integer, |value| <= 2^53-1. */
  addInteger(value: number): void {
    this.addInteger64(Math.floor(value / 4_294_967_296), value | 0);
  }

  /** Appends a signed 64-bit integer of two int32 words. */
  addInteger64(high: number, low: number): void {
    this.#ensure(8 + ELEMENT_SIDE_BYTES_MAX);
    const from = this.#length;
    const buffer = this.#buffer;
    const isInt32 = high === low >> 31;
    if (isInt32 && low >= 0 && low <= 127) {
      buffer[this.#length++] = low;
    } else if (isInt32 && low >= -4096 && low <= 4095) {
      buffer[this.#length++] = 0xc0 | ((low >> 8) & 0x1f);
      buffer[this.#length++] = low;
    } else {
      const bytes = integerBytes(isInt32, low);
      buffer[this.#length++] = bytes === 8 ? 0xf4 : 0xef + bytes;
      for (let i = 0; i < Math.min(bytes, 4); i++) buffer[this.#length++] = low >> (8 * i);
      for (let i = 4; i < bytes; i++) buffer[this.#length++] = high >> (8 * (i - 4));
    }
    this.#close(from);
  }

  /** Appends a score as Redis prints it (%.17g), which may be an integer. */
  addDouble(value: number): void {
    const text = doubleToText17(value);
    for (let i = 0; i < text.length; i++) textBytes[i] = text.charCodeAt(i);
    this.#addShort(text.length);
  }

  /** Ends the listpack. @returns a view of it, valid until the next `begin` */
  finish(): Uint8Array {
    this.#ensure(1);
    const buffer = this.#buffer;
    buffer[this.#length++] = END;
    const bytes = this.#length;
    writeWord(buffer, 0, 4, bytes);
    writeWord(buffer, 4, 2, Math.min(this.#count, COUNT_UNKNOWN));
    return buffer.subarray(0, bytes);
  }

  /** Appends the first `bytes` bytes of `textBytes`. */
  #addShort(bytes: number): void {
    if (parseInteger(textBytes, 0, bytes)) this.addInteger64(parsed.high, parsed.low);
    else this.#addString(textBytes, bytes);
  }

  #addString(value: Uint8Array, bytes: number): void {
    this.#ensure(bytes + ELEMENT_SIDE_BYTES_MAX);
    const from = this.#length;
    this.#writeStringForm(bytes);
    this.#buffer.set(value.subarray(0, bytes), this.#length);
    this.#length += bytes;
    this.#close(from);
  }

  #writeStringForm(bytes: number): void {
    const buffer = this.#buffer;
    if (bytes < 64) {
      buffer[this.#length++] = 0x80 | bytes;
    } else if (bytes < 4096) {
      buffer[this.#length++] = 0xe0 | (bytes >>> 8);
      buffer[this.#length++] = bytes;
    } else {
      buffer[this.#length++] = 0xf0;
      for (let shift = 0; shift < 32; shift += 8) buffer[this.#length++] = bytes >>> shift;
    }
  }

  /** Writes the backward length of the element that starts at `from`. */
  #close(from: number): void {
    const bytes = this.#length - from;
    const width = backLengthBytes(bytes);
    for (let i = width - 1; i >= 0; i--) {
      const mark = i === width - 1 ? 0 : 0x80;
      this.#buffer[this.#length++] = ((bytes >>> (7 * i)) & 0x7f) | mark;
    }
    this.#count++;
  }

  #ensure(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    if (needed > LISTPACK_BYTES_MAX) throw new RdbError('memory', 'a listpack is too long');
    const bytesNow = Math.min(Math.max(needed, this.#buffer.length * 2), LISTPACK_BYTES_MAX);
    const larger = new Uint8Array(bytesNow);
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

/** Bytes of the data of an integer that has no shorter form: 2, 3, 4 or 8. */
function integerBytes(isInt32: boolean, low: number): number {
  if (!isInt32) return 8;
  if (low >= -0x8000 && low <= 0x7fff) return 2;
  return low >= -0x80_0000 && low <= 0x7f_ffff ? 3 : 4;
}

/** Bytes that Redis takes for a backward length; its borders lie one below powers of two. */
export function backLengthBytes(bytes: number): number {
  if (bytes <= 127) return 1;
  if (bytes < 16_383) return 2;
  if (bytes < 2_097_151) return 3;
  return bytes < 268_435_455 ? 4 : 5;
}
