/**
 * The part of a byte stream that its reader still needs: bytes are added at the end as they come,
 * read in the middle, and dropped at the front. The reader marks what it may come back to.
 *
 *   u8:  dropped at the next growth | kept, from `mark` on | unread, from `position` | room
 *
 * Every `try...` method takes all of its thing or nothing: with bytes missing it answers false (or
 *   MISSING) and the position stays. A running CRC-64 covers all bytes up to `sumTo`.
 * Invariants: mark <= position <= end <= u8.length; what is dropped has been summed.
 * Cost: a byte is copied O(1) times on average; the buffer is at most four times as long as what
 *   came of the longest marked part.
 */
import { assert } from '@kora/core/control';
import { Crc64 } from '@kora/core/rdb';
import { damaged, unsupported } from './rdb-file-fault.ts';

/** What `tryLength` answers when bytes are missing. */
export const MISSING = -1;

/** Bytes that are asked for at once. */
const ROOM_BYTES = 262_144;
/** A longer buffer is let go when what it was for is done. */
const IDLE_BYTES_MAX = 8_388_608;
/** A buffer becomes at most so many times as long at once. */
const GROWTH_MAX = 4;
/** String forms other than a length: integers of 1, 2, 4 bytes, and LZF. */
const FORM_INTEGER_8 = 0xc0;
const FORM_INTEGER_32 = 0xc2;
const FORM_LZF = 0xc3;
const LENGTH_32 = 0x80;
const LENGTH_64 = 0x81;

export class ByteWindow {
  u8 = new Uint8Array(2 * ROOM_BYTES);
  /** Index of the next byte to read. */
  position = 0;
  /** Index behind the last byte that is there. */
  end = 0;
  readonly sum = new Crc64();
  readonly #bytesMax: number;
  #mark = 0;
  #summed = 0;
  /** Offset in the stream of u8[0]. */
  #base = 0;
  /** Bytes that the string at the position is known to have in all, 0 = not known. */
  #stringBytes = 0;

  /** @param bytesMax most bytes between a mark and the end of what is being read */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Offset in the stream of the next byte to read. */
  get offset(): number {
    return this.#base + this.position;
  }

  /** Bytes that are there and unread. */
  get left(): number {
    return this.end - this.position;
  }

  /** Index in `u8` of an offset at or behind the mark; valid until room is made. */
  indexOf(offset: number): number {
    const index = offset - this.#base;
    assert(index >= this.#mark && index <= this.end, 'an offset lies in the window');
    return index;
  }

  /** From here on bytes are kept, until the next mark. */
  mark(index: number = this.position): void {
    this.#mark = index;
  }

  /** Takes all bytes before the position into the checksum. */
  sumTo(index: number = this.position): void {
    this.sum.update(this.u8, this.#summed, index - this.#summed);
    this.#summed = index;
  }

  /** Free room at the end, for the next bytes: fill it from its start and say `filled`. */
  room(): Uint8Array {
    if (this.u8.length - this.end < ROOM_BYTES) this.#makeRoom();
    return this.u8.subarray(this.end);
  }

  /** Says that the room has so many new bytes. */
  filled(bytes: number): void {
    assert(this.end + bytes <= this.u8.length, 'the room holds what came');
    this.end += bytes;
  }

  /** Adds a copy of the bytes. */
  feed(chunk: Uint8Array): void {
    for (let done = 0; done < chunk.length;) {
      const room = this.room();
      const bytes = Math.min(room.length, chunk.length - done);
      room.set(chunk.subarray(done, done + bytes));
      this.filled(bytes);
      done += bytes;
    }
  }

  /** The byte at an index before `end`. */
  byteAt(index: number): number {
    return this.u8[index] ?? 0;
  }

  /** Passes over so many bytes, if they are there. */
  trySkip(bytes: number): boolean {
    if (this.left < bytes) return false;
    this.position += bytes;
    return true;
  }

  /** A length of 0 to 2^53-1, or MISSING. @throws {RdbFileFault} when it is none */
  tryLength(): number {
    if (this.left < 1) return MISSING;
    const first = this.byteAt(this.position);
    const bytes = this.#lengthBytes(first);
    if (this.left < bytes) return MISSING;
    const at = this.position;
    this.position += bytes;
    if (bytes === 1) return first;
    if (bytes === 2) return ((first & 0x3f) << 8) | this.byteAt(at + 1);
    let length = 0;
    for (let i = 1; i < bytes; i++) length = length * 256 + this.byteAt(at + i);
    if (!Number.isSafeInteger(length)) throw damaged('a length above 2^53', this.#base + at);
    return length;
  }

  /** Passes over a number in the form of a length, of any 64 bits. */
  trySkipNumber(): boolean {
    return this.left >= 1 && this.trySkip(this.#lengthBytes(this.byteAt(this.position)));
  }

  /** Passes over a string in any of its forms. @throws {RdbFileFault} when it is none */
  trySkipString(): boolean {
    if (this.left < 1) return false;
    const at = this.position;
    const first = this.byteAt(at);
    // Most strings are short and plain.
    if (first < 64) return this.trySkip(1 + first);
    if (first >= FORM_INTEGER_8 && first <= FORM_INTEGER_32) {
      return this.trySkip(1 + (1 << (first - FORM_INTEGER_8)));
    }
    if (first === FORM_LZF) this.position++;
    const stored = this.tryLength();
    const plain = first === FORM_LZF && stored !== MISSING ? this.tryLength() : stored;
    if (plain !== MISSING && plain > this.#bytesMax) throw this.#tooLong(at, plain);
    if (stored > this.#bytesMax) throw this.#tooLong(at, stored);
    if (plain !== MISSING && this.trySkip(stored)) {
      this.#stringBytes = 0;
      return true;
    }
    this.#stringBytes = this.position - at + Math.max(0, stored);
    this.position = at;
    return false;
  }

  /** Bytes of a length, from its first. */
  #lengthBytes(first: number): number {
    if (first < 0x40) return 1;
    if (first < 0x80) return 2;
    if (first === LENGTH_32) return 5;
    if (first === LENGTH_64) return 9;
    const form = first.toString(16);
    throw damaged(`0x${form} is no form of a length`, this.offset);
  }

  #tooLong(at: number, bytes: number): Error {
    return unsupported(
      `A string of ${bytes} bytes is longer than the ${this.#bytesMax} that can be taken`,
      this.#base + at,
    );
  }

  /** Drops what lies before the mark; makes the buffer longer when that is not enough. */
  #makeRoom(): void {
    const from = this.#mark;
    if (this.#summed < from) this.sumTo(from);
    const kept = this.end - from;
    if (kept > this.#bytesMax) {
      throw unsupported(
        `A value is longer than the ${this.#bytesMax} bytes that can be taken`,
        this.#base + from,
      );
    }
    const isShort = kept + ROOM_BYTES > this.u8.length;
    const isIdle = this.u8.length > IDLE_BYTES_MAX && kept < IDLE_BYTES_MAX / 4;
    if (isShort || isIdle) {
      const other = new Uint8Array(isShort ? this.#longerBytes(kept) : IDLE_BYTES_MAX);
      other.set(this.u8.subarray(from, this.end));
      this.u8 = other;
    } else {
      this.u8.copyWithin(0, from, this.end);
    }
    this.#base += from;
    this.position -= from;
    this.end -= from;
    this.#summed -= from;
    this.#mark = 0;
  }

  /** Length of the next buffer: what the string being read wants, but never more than a few times
   * what has come, since its length may lie. */
  #longerBytes(kept: number): number {
    const { length } = this.u8;
    const wanted = this.position - this.#mark + this.#stringBytes + ROOM_BYTES;
    const next = wanted > length ? Math.min(wanted, GROWTH_MAX * length) : 2 * length;
    return Math.max(next, kept + ROOM_BYTES);
  }
}
