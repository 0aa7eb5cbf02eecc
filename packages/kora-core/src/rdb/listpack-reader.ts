/**
 * Reads a listpack (drawn in listpack.ts) from front to back. It believes nothing: the total
 * length, every element's length, every backward length, the count and the end mark are checked,
 * so a listpack that was read to its end is sound.
 * Cost: O(bytes); nothing is allocated on the heap.
 */
import { parseInteger, parsed } from '../bytes/number-text.hot.ts';
import type { ElementReader } from './element-reader.ts';
import { backLengthBytes, LISTPACK_HEADER_BYTES } from './listpack.ts';
import { signedAt, unsignedAt } from './little-endian.ts';
import { checkRdb } from './rdb-error.ts';
import type { RdbReader } from './rdb-reader.ts';

const END = 0xff;
const COUNT_UNKNOWN = 0xffff;

export class ListpackReader implements ElementReader {
  high = 0;
  low = 0;
  readonly #reader: RdbReader;
  readonly #u8: Uint8Array;
  readonly #count: number;
  #position = LISTPACK_HEADER_BYTES;
  #read = 0;

  /** @param u8 one whole listpack; borrowed @throws {RdbError} when its frame is damaged */
  constructor(reader: RdbReader, u8: Uint8Array) {
    this.#reader = reader;
    this.#u8 = u8;
    checkRdb(u8.length > LISTPACK_HEADER_BYTES, 'a listpack has a header and an end');
    checkRdb(this.#unsigned(0, 4) === u8.length, 'a listpack states its length');
    checkRdb(u8[u8.length - 1] === END, 'a listpack ends with its mark');
    const count = this.#unsigned(4, 2);
    this.#count = count === COUNT_UNKNOWN ? this.#countElements() : count;
    this.#checkEnd();
  }

  get left(): number {
    return this.#count - this.#read;
  }

  next(): void {
    if (!this.#readElement()) this.#reader.placeInteger(this.high, this.low);
  }

  nextInteger(): void {
    if (this.#readElement()) {
      const { text } = this.#reader;
      checkRdb(parseInteger(text, 0, text.length), 'an element is an integer');
      this.high = parsed.high;
      this.low = parsed.low;
    }
  }

  /** Reads an element: true = a string, placed in the reader; false = an integer in the words. */
  #readElement(): boolean {
    checkRdb(this.#read < this.#count, 'a listpack has as many elements as it says');
    const at = this.#position;
    const end = this.#endOf(at);
    const form = this.#byteAt(at);
    const isString = (form & 0xc0) === 0x80 || (form & 0xf0) === 0xe0 || form === 0xf0;
    if (isString) {
      const headBytes = form === 0xf0 ? 5 : (form & 0xf0) === 0xe0 ? 2 : 1;
      this.#reader.place(this.#u8, at + headBytes, end - at - headBytes);
    } else {
      this.#readInteger(form, at);
    }
    this.#position = this.#afterBackLength(end, end - at);
    this.#read++;
    this.#checkEnd();
    return isString;
  }

  #readInteger(form: number, at: number): void {
    if (form < 0x80) {
      this.low = form;
    } else if ((form & 0xe0) === 0xc0) {
      const value = ((form & 0x1f) << 8) | this.#byteAt(at + 1);
      this.low = (value << 19) >> 19;
    } else {
      const bytes = form === 0xf4 ? 8 : form - 0xef;
      this.low = signedAt(this.#u8, at + 1, Math.min(bytes, 4));
      if (bytes === 8) {
        this.high = signedAt(this.#u8, at + 5, 4);
        return;
      }
    }
    this.high = this.low >> 31;
  }

  /** Place behind the data of the element at `at`. */
  #endOf(at: number): number {
    const bytesMax = this.#u8.length - 1 - at; // The mark at the end is no part of an element.
    checkRdb(bytesMax >= 2, 'an element lies inside its listpack');
    const form = this.#byteAt(at);
    let bytes: number;
    if (form < 0x80) bytes = 1;
    else if (form < 0xc0) bytes = 1 + (form & 0x3f);
    else if (form < 0xe0) bytes = 2;
    else if (form < 0xf0) bytes = 2 + (((form & 0xf) << 8) | this.#byteAt(at + 1));
    else if (form === 0xf0) bytes = bytesMax >= 5 ? 5 + this.#unsigned(at + 1, 4) : bytesMax + 1;
    else if (form === 0xf4) bytes = 9;
    else bytes = form - 0xee;
    checkRdb(form < 0xf5, 'an element has a known form');
    checkRdb(bytes < bytesMax, 'an element lies inside its listpack');
    return at + bytes;
  }

  /** Checks the backward length of an element of `bytes` bytes; returns the place behind it. */
  #afterBackLength(at: number, bytes: number): number {
    const width = backLengthBytes(bytes);
    const end = at + width;
    checkRdb(end < this.#u8.length, 'an element lies inside its listpack');
    let value = 0;
    for (let i = 0; i < width; i++) {
      const byte = this.#byteAt(at + i);
      checkRdb(byte >>> 7 === (i === 0 ? 0 : 1), 'a backward length is well formed');
      value = value * 128 + (byte & 0x7f);
    }
    checkRdb(value === bytes, 'a backward length equals the length');
    return end;
  }

  /** Elements of a listpack too long to state them. */
  #countElements(): number {
    let count = 0;
    let at = this.#position;
    while (at < this.#u8.length - 1) {
      const end = this.#endOf(at);
      at = this.#afterBackLength(end, end - at);
      count++;
    }
    return count;
  }

  #checkEnd(): void {
    if (this.#read !== this.#count) return;
    checkRdb(this.#position === this.#u8.length - 1, 'a listpack ends behind its last element');
  }

  #byteAt(at: number): number {
    return this.#u8[at] ?? 0;
  }

  #unsigned(at: number, bytes: number): number {
    return unsignedAt(this.#u8, at, bytes);
  }
}
