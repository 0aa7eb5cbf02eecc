/**
 * Redis's intset inside DUMP payloads and RDB files: integers in ascending order, all of one width.
 *
 *   u32 bytes of an integer: 2, 4 or 8 | u32 count | integer ...                 little-endian
 *
 * Written with the width of the longest; Redis keeps a wider one when a long integer has left the
 * set, which no one can see but in these bytes. The reader refuses another order, repetitions, a
 * width that is none, and bytes that are too many or too few.
 * Cost: O(bytes), on the heap.
 */
import type { ElementReader } from './element-reader.ts';
import { signedAt, unsignedAt, writeWord } from './little-endian.ts';
import { checkRdb } from './rdb-error.ts';
import type { RdbReader } from './rdb-reader.ts';

const HEADER_BYTES = 8;

/**
 * The bytes of an intset.
 * @param values in ascending order, without repetitions
 */
export function encodeIntset(values: BigInt64Array): Uint8Array {
  const width = widthOf(values[0] ?? 0n, values[values.length - 1] ?? 0n);
  const bytes = new Uint8Array(HEADER_BYTES + width * values.length);
  writeWord(bytes, 0, 4, width);
  writeWord(bytes, 4, 4, values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0n;
    const at = HEADER_BYTES + i * width;
    writeWord(bytes, at, Math.min(width, 4), Number(BigInt.asIntN(32, value)));
    if (width === 8) writeWord(bytes, at + 4, 4, Number(BigInt.asIntN(32, value >> 32n)));
  }
  return bytes;
}

/** Bytes that an integer of the set needs, when these are its least and its greatest. */
function widthOf(least: bigint, greatest: bigint): number {
  if (least >= -0x8000n && greatest <= 0x7fffn) return 2;
  return least >= -0x8000_0000n && greatest <= 0x7fff_ffffn ? 4 : 8;
}

/** Reads an intset; elements are given as decimal text or as words. */
export class IntsetReader implements ElementReader {
  high = 0;
  low = 0;
  readonly #reader: RdbReader;
  readonly #u8: Uint8Array;
  readonly #width: number;
  readonly #count: number;
  #read = 0;

  /** @param u8 one whole intset; borrowed @throws {RdbError} when its frame is damaged */
  constructor(reader: RdbReader, u8: Uint8Array) {
    this.#reader = reader;
    this.#u8 = u8;
    checkRdb(u8.length >= HEADER_BYTES, 'an intset has a header');
    this.#width = unsignedAt(u8, 0, 4);
    this.#count = unsignedAt(u8, 4, 4);
    const isWidth = this.#width === 2 || this.#width === 4 || this.#width === 8;
    checkRdb(isWidth, 'an intset has integers of 2, 4 or 8 bytes');
    checkRdb(HEADER_BYTES + this.#width * this.#count === u8.length, 'an intset has its length');
  }

  get left(): number {
    return this.#count - this.#read;
  }

  next(): void {
    this.nextInteger();
    this.#reader.placeInteger(this.high, this.low);
  }

  nextInteger(): void {
    checkRdb(this.#read < this.#count, 'an intset has as many integers as it says');
    const { high, low } = this;
    const at = HEADER_BYTES + this.#read * this.#width;
    if (this.#width === 8) {
      this.low = signedAt(this.#u8, at, 4);
      this.high = signedAt(this.#u8, at + 4, 4);
    } else {
      this.low = signedAt(this.#u8, at, this.#width);
      this.high = this.low >> 31;
    }
    const isAscending = this.high > high || (this.high === high && this.low >>> 0 > low >>> 0);
    checkRdb(this.#read === 0 || isAscending, 'the integers of an intset ascend');
    this.#read++;
  }
}
