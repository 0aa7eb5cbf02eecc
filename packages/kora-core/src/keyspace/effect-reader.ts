/**
 * Reads an encoded effect front to back and believes nothing: every length is held against what is
 * left, and what does not fit is a Fault with code CORRUPT_JOURNAL that names the offset. It owns
 * nothing but its position.
 */
import { Fault } from '../errors/fault.ts';

export class EffectReader {
  readonly #record: Uint8Array;
  #offset = 0;

  /** @param record one whole record; borrowed until the reader is done */
  constructor(record: Uint8Array) {
    this.#record = record;
  }

  /** Bytes not yet read. */
  get left(): number {
    return this.#record.length - this.#offset;
  }

  u8(): number {
    this.#expect(1);
    return this.#record[this.#offset++] ?? 0;
  }

  /** As int32: the form of an entry's words. */
  i32(): number {
    this.#expect(4);
    const at = this.#offset;
    this.#offset += 4;
    const record = this.#record;
    const low = (record[at] ?? 0) | ((record[at + 1] ?? 0) << 8);
    return low | ((record[at + 2] ?? 0) << 16) | ((record[at + 3] ?? 0) << 24);
  }

  u32(): number {
    return this.i32() >>> 0;
  }

  /** The next `bytes` bytes, a view of the record. */
  take(bytes: number): Uint8Array {
    this.#expect(bytes);
    const at = this.#offset;
    this.#offset += bytes;
    return this.#record.subarray(at, at + bytes);
  }

  /** A length and as many bytes. */
  takeCounted(): Uint8Array {
    return this.take(this.u32());
  }

  /** Refuses the record unless `isSound`. @throws {Fault} `CORRUPT_JOURNAL` */
  check(isSound: boolean, what: string): asserts isSound {
    if (isSound) return;
    throw new Fault(
      'CORRUPT_JOURNAL',
      `damaged journal record: ${what} (at byte ${this.#offset} of ${this.#record.length})`,
    );
  }

  #expect(bytes: number): void {
    this.check(bytes <= this.left, `${bytes} bytes expected, ${this.left} left`);
  }
}
