/**
 * Reads numbers and byte ranges of a chunk of a snapshot that lies in low memory. Nothing is read
 * behind its end.
 * Cost: O(1) each; bytes are not copied.
 */
import { Fault } from '../errors/fault.ts';
import { VARINT_BYTES_MAX } from './snapshot-format.ts';

const TWO_32 = 4_294_967_296;

export class ChunkReader {
  readonly #memory: { readonly low: Uint8Array };
  #at = 0;
  #end = 0;

  /** @param memory read anew each time, as low memory may grow */
  constructor(memory: { readonly low: Uint8Array }) {
    this.#memory = memory;
  }

  /** Reads low[from .. end) from now on. */
  start(from: number, end: number): void {
    this.#at = from;
    this.#end = end;
  }

  /** Bytes not yet read. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** @throws {Fault} `CORRUPT_SNAPSHOT` as all that follow */
  u8(): number {
    if (this.#at >= this.#end) throw cutShort();
    return this.#memory.low[this.#at++] ?? 0;
  }

  u24(): number {
    return this.u8() | (this.u8() << 8) | (this.u8() << 16);
  }

  i32(): number {
    return this.u24() | (this.u8() << 24);
  }

  /** A length, number or id, 0 .. 2^32-1. */
  count(): number {
    let value = this.u8();
    if (value < 0x80) return value;
    value &= 0x7f;
    let unit = 128;
    for (let bytes = 1; bytes < VARINT_BYTES_MAX; bytes++) {
      const byte = this.u8();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) {
        if (value >= TWO_32) break;
        return value;
      }
      unit *= 128;
    }
    throw new Fault('CORRUPT_SNAPSHOT', 'The snapshot is damaged: a number that is too long.');
  }

  /** The next bytes. @returns their byte offset in low memory */
  take(bytes: number): number {
    if (bytes > this.left) throw cutShort();
    const at = this.#at;
    this.#at += bytes;
    return at;
  }
}

function cutShort(): Fault {
  return new Fault('CORRUPT_SNAPSHOT', 'The snapshot is damaged: a chunk ends within a record.');
}
