/**
 * The packed lists of Redis before version 7, read so that its old dumps can be restored: ziplists
 * (lists, hashes, sorted sets) and zipmaps (hashes of Redis 2.4). They are never written.
 *
 *   ziplist   u32 bytes | u32 place of the last | u16 count, 0xffff unknown | entry ... | 0xff
 *     entry   bytes of the entry before: u8, or 0xfe and u32 | form | data
 *     form    00nnnnnn, 01nnnnnn u8, 10000000 u32 (most significant first): a string
 *             11000000 i16, 11010000 i32, 11100000 i64, 11110000 i24, 11111110 i8, 1111nnnn: n - 1
 *   zipmap    u8 count, above 253 unknown | length key | length unused value | ... | 0xff
 *     length  u8, or 0xfe and u32;   unused: u8, bytes behind the value
 *
 * Every length is held against the bytes, also the backward ones. Cost: O(bytes).
 */
import { parseInteger, parsed } from '../bytes/number-text.hot.ts';
import type { ElementReader } from './element-reader.ts';
import { signedAt, unsignedAt } from './little-endian.ts';
import { checkRdb } from './rdb-error.ts';
import type { RdbReader } from './rdb-reader.ts';

const END = 0xff;
const LONG = 0xfe;
const HEADER_BYTES = 10;
const COUNT_UNKNOWN = 0xffff;
const SHORT_COUNT_MAX = 253;

/** Reads numbers of a byte array and refuses what lies outside it. */
class Bytes {
  position = 0;
  readonly u8: Uint8Array;

  constructor(u8: Uint8Array) {
    this.u8 = u8;
  }

  /** Passes over `bytes` bytes; @returns where they start */
  skip(bytes: number): number {
    const at = this.position;
    checkRdb(at + bytes < this.u8.length, 'an element lies inside its list');
    this.position = at + bytes;
    return at;
  }

  byte(): number {
    return this.u8[this.skip(1)] ?? 0;
  }

  unsigned(bytes: number): number {
    return unsignedAt(this.u8, this.skip(bytes), bytes);
  }

  signed(bytes: number): number {
    return signedAt(this.u8, this.skip(bytes), bytes);
  }

  /** The byte that comes next, which stays. */
  peek(): number {
    return this.u8[this.position] ?? END;
  }

  /** A length of one byte, or of five. */
  length(): number {
    const first = this.byte();
    checkRdb(first !== END, 'a length is no end mark');
    return first === LONG ? this.unsigned(4) : first;
  }
}

export class ZiplistReader implements ElementReader {
  high = 0;
  low = 0;
  readonly #reader: RdbReader;
  readonly #bytes: Bytes;
  readonly #count: number;
  #read = 0;
  #bytesBefore = 0;

  /** @param u8 one whole ziplist; borrowed @throws {RdbError} when its frame is damaged */
  constructor(reader: RdbReader, u8: Uint8Array) {
    this.#reader = reader;
    checkRdb(u8.length > HEADER_BYTES, 'a ziplist has a header and an end');
    this.#bytes = new Bytes(u8);
    checkRdb(unsignedAt(u8, 0, 4) === u8.length, 'a ziplist states its length');
    checkRdb(u8[u8.length - 1] === END, 'a ziplist ends with its mark');
    this.#bytes.position = HEADER_BYTES;
    const count = unsignedAt(u8, 8, 2);
    this.#count = count === COUNT_UNKNOWN ? this.#countEntries() : count;
    this.#checkEnd();
  }

  get left(): number {
    return this.#count - this.#read;
  }

  next(): void {
    if (!this.#readEntry()) this.#reader.placeInteger(this.high, this.low);
  }

  nextInteger(): void {
    if (!this.#readEntry()) return;
    const { text } = this.#reader;
    checkRdb(parseInteger(text, 0, text.length), 'an element is an integer');
    this.high = parsed.high;
    this.low = parsed.low;
  }

  /** True = a string, placed in the reader; false = an integer in the words. */
  #readEntry(): boolean {
    checkRdb(this.#read < this.#count, 'a ziplist has as many entries as it says');
    const from = this.#bytes.position;
    checkRdb(this.#bytes.length() === this.#bytesBefore, 'a backward length equals the length');
    const bytes = this.#stringBytes();
    if (bytes >= 0) this.#reader.place(this.#bytes.u8, this.#bytes.skip(bytes), bytes);
    else this.#readInteger();
    this.#bytesBefore = this.#bytes.position - from;
    this.#read++;
    this.#checkEnd();
    return bytes >= 0;
  }

  /** Length of the string whose form comes next; -1 when it is an integer. */
  #stringBytes(): number {
    const form = this.#bytes.peek();
    if (form >= 0xc0) return -1;
    this.#bytes.skip(1);
    if (form < 0x40) return form;
    if (form < 0x80) return ((form & 0x3f) << 8) | this.#bytes.byte();
    checkRdb(form === 0x80, 'an entry has a known form');
    let bytes = 0;
    for (let i = 0; i < 4; i++) bytes = bytes * 256 + this.#bytes.byte();
    return bytes;
  }

  #readInteger(): void {
    const form = this.#bytes.byte();
    if (form === 0xe0) {
      this.low = this.#bytes.signed(4);
      this.high = this.#bytes.signed(4);
      return;
    }
    if (form === 0xc0) this.low = this.#bytes.signed(2);
    else if (form === 0xd0) this.low = this.#bytes.signed(4);
    else if (form === 0xf0) this.low = this.#bytes.signed(3);
    else if (form === 0xfe) this.low = this.#bytes.signed(1);
    else {
      checkRdb(form >= 0xf1 && form <= 0xfd, 'an entry has a known form');
      this.low = (form & 0xf) - 1;
    }
    this.high = this.low >> 31;
  }

  /** Entries of a ziplist too long to state them. */
  #countEntries(): number {
    let count = 0;
    while (this.#bytes.peek() !== END) {
      this.#bytes.length();
      const bytes = this.#stringBytes();
      if (bytes >= 0) this.#bytes.skip(bytes);
      else this.#readInteger();
      count++;
    }
    this.#bytes.position = HEADER_BYTES;
    return count;
  }

  #checkEnd(): void {
    if (this.#read !== this.#count) return;
    const { position, u8 } = this.#bytes;
    checkRdb(position === u8.length - 1, 'a ziplist ends behind its last entry');
  }
}

/** Fields and values in turn. */
export class ZipmapReader implements ElementReader {
  high = 0;
  low = 0;
  readonly #reader: RdbReader;
  readonly #bytes: Bytes;
  readonly #count: number;
  #read = 0;

  /** @param u8 one whole zipmap; borrowed @throws {RdbError} when it is damaged */
  constructor(reader: RdbReader, u8: Uint8Array) {
    this.#reader = reader;
    checkRdb(u8.length >= 2 && u8[u8.length - 1] === END, 'a zipmap ends with its mark');
    this.#bytes = new Bytes(u8);
    const stated = this.#bytes.byte();
    this.#count = 2 * this.#countPairs();
    const isKnown = stated <= SHORT_COUNT_MAX;
    checkRdb(!isKnown || 2 * stated === this.#count, 'a zipmap has as many pairs as it says');
  }

  get left(): number {
    return this.#count - this.#read;
  }

  next(): void {
    checkRdb(this.left > 0, 'a zipmap has no more elements');
    const bytes = this.#bytes.length();
    const unusedBytes = this.#read % 2 === 1 ? this.#bytes.byte() : 0;
    this.#reader.place(this.#bytes.u8, this.#bytes.skip(bytes), bytes);
    this.#bytes.skip(unusedBytes);
    this.#read++;
  }

  nextInteger(): void {
    this.next();
    const { text } = this.#reader;
    checkRdb(parseInteger(text, 0, text.length), 'an element is an integer');
    this.high = parsed.high;
    this.low = parsed.low;
  }

  #countPairs(): number {
    const bytes = this.#bytes;
    let count = 0;
    while (bytes.peek() !== END) {
      bytes.skip(bytes.length());
      const valueBytes = bytes.length();
      bytes.skip(bytes.byte() + valueBytes);
      count++;
    }
    checkRdb(bytes.position === bytes.u8.length - 1, 'a zipmap ends behind its last pair');
    bytes.position = 1;
    return count;
  }
}
