/**
 * Bodies of notes: words, doubles, and texts of one byte a character with their length before them,
 * little-endian, one after the other. Notes never leave the process, so there is no version.
 * Invariant: whoever reads takes what was written, in that order; a body has room for all of it.
 */
import { Buffer } from 'node:buffer';

const WORD_BYTES = 4;
const DOUBLE_BYTES = 8;

export class NoteBody {
  readonly #bytes: Buffer;
  #at = 0;

  /** @param bytesMax room for all that is written */
  constructor(bytesMax: number) {
    this.#bytes = Buffer.allocUnsafe(bytesMax);
  }

  /** A signed 32-bit integer. */
  word(value: number): void {
    this.#at = this.#bytes.writeInt32LE(value, this.#at);
  }

  double(value: number): void {
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  /** A binary string, with a word for its length. */
  text(value: string): void {
    this.word(value.length);
    this.#at += this.#bytes.write(value, this.#at, 'latin1');
  }

  /** What was written; valid until more is. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }
}

export class NoteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(body: Uint8Array) {
    this.#bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  }

  word(): number {
    const value = this.#bytes.readInt32LE(this.#at);
    this.#at += WORD_BYTES;
    return value;
  }

  words(count: number): number[] {
    const values: number[] = [];
    for (let i = 0; i < count; i++) values.push(this.word());
    return values;
  }

  double(): number {
    const value = this.#bytes.readDoubleLE(this.#at);
    this.#at += DOUBLE_BYTES;
    return value;
  }

  text(): string {
    const length = this.word();
    const value = this.#bytes.toString('latin1', this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  /** What is left; valid as long as the body. */
  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }
}
