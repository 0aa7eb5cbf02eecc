/**
 * The ID of a stream's entry: two unsigned 64-bit numbers, milliseconds and a sequence, as four
 * int32 words that are compared as unsigned ones. Objects of this class are made once and filled
 * again; nothing is allocated by their use.
 *
 *   in a header     | ms high | ms low | seq high | seq low |           words, as they are
 *   as a key        | ms, 8 bytes | seq, 8 bytes |                      big-endian: order of memcmp
 *
 * Invariant: `score` never falls when the ID grows, so a ScoreTree ordered by (score, key bytes) is
 *   ordered by ID, also where a double no longer tells milliseconds apart.
 * Cost: a few compares.
 */

const TWO_32 = 4_294_967_296;
/** Bytes of an ID as a key. */
export const STREAM_ID_BYTES = 16;

/** The word with its bytes in the opposite order. */
export function swapBytes(word: number): number {
  const pairs = ((word & 0x00ff00ff) << 8) | ((word >>> 8) & 0x00ff00ff);
  return (pairs << 16) | (pairs >>> 16);
}

export class StreamId {
  msHigh: number;
  msLow: number;
  seqHigh: number;
  seqLow: number;

  constructor() {
    this.msHigh = 0;
    this.msLow = 0;
    this.seqHigh = 0;
    this.seqLow = 0;
  }

  set(msHigh: number, msLow: number, seqHigh: number, seqLow: number): void {
    this.msHigh = msHigh | 0;
    this.msLow = msLow | 0;
    this.seqHigh = seqHigh | 0;
    this.seqLow = seqLow | 0;
  }

  copy(other: StreamId): void {
    this.msHigh = other.msHigh;
    this.msLow = other.msLow;
    this.seqHigh = other.seqHigh;
    this.seqLow = other.seqLow;
  }

  /** The ID `ms`-0. @param ms integer, 0 .. 2^53-1 */
  setMs(ms: number): void {
    this.msHigh = Math.floor(ms / TWO_32) | 0;
    this.msLow = ms | 0;
    this.seqHigh = 0;
    this.seqLow = 0;
  }

  /** 0-0. */
  setZero(): void {
    this.set(0, 0, 0, 0);
  }

  /** The last ID there is. */
  setMax(): void {
    this.set(-1, -1, -1, -1);
  }

  isZero(): boolean {
    return (this.msHigh | this.msLow | this.seqHigh | this.seqLow) === 0;
  }

  isMax(): boolean {
    return (this.msHigh & this.msLow & this.seqHigh & this.seqLow) === -1;
  }

  /** Below 0, 0 or above 0, as this ID is before, the same as or after the other. */
  compare(other: StreamId): number {
    if (this.msHigh !== other.msHigh) return this.msHigh >>> 0 < other.msHigh >>> 0 ? -1 : 1;
    if (this.msLow !== other.msLow) return this.msLow >>> 0 < other.msLow >>> 0 ? -1 : 1;
    if (this.seqHigh !== other.seqHigh) return this.seqHigh >>> 0 < other.seqHigh >>> 0 ? -1 : 1;
    if (this.seqLow !== other.seqLow) return this.seqLow >>> 0 < other.seqLow >>> 0 ? -1 : 1;
    return 0;
  }

  hasSameMs(other: StreamId): boolean {
    return this.msHigh === other.msHigh && this.msLow === other.msLow;
  }

  /** The next ID. @returns false at the last one, which stays */
  increment(): boolean {
    if (this.isMax()) return false;
    this.seqLow = (this.seqLow + 1) | 0;
    if (this.seqLow !== 0) return true;
    this.seqHigh = (this.seqHigh + 1) | 0;
    if (this.seqHigh !== 0) return true;
    this.msLow = (this.msLow + 1) | 0;
    if (this.msLow === 0) this.msHigh = (this.msHigh + 1) | 0;
    return true;
  }

  /** The ID before. @returns false at 0-0, which stays */
  decrement(): boolean {
    if (this.isZero()) return false;
    this.seqLow = (this.seqLow - 1) | 0;
    if (this.seqLow !== -1) return true;
    this.seqHigh = (this.seqHigh - 1) | 0;
    if (this.seqHigh !== -1) return true;
    this.msLow = (this.msLow - 1) | 0;
    if (this.msLow === -1) this.msHigh = (this.msHigh - 1) | 0;
    return true;
  }

  /** Reads the four words of a header. */
  read(i32: Int32Array, word: number): void {
    this.msHigh = i32[word]!;
    this.msLow = i32[word + 1]!;
    this.seqHigh = i32[word + 2]!;
    this.seqLow = i32[word + 3]!;
  }

  write(i32: Int32Array, word: number): void {
    i32[word] = this.msHigh;
    i32[word + 1] = this.msLow;
    i32[word + 2] = this.seqHigh;
    i32[word + 3] = this.seqLow;
  }

  /** Reads a key of 16 bytes that begins at a word. */
  readKey(i32: Int32Array, word: number): void {
    this.msHigh = swapBytes(i32[word]!);
    this.msLow = swapBytes(i32[word + 1]!);
    this.seqHigh = swapBytes(i32[word + 2]!);
    this.seqLow = swapBytes(i32[word + 3]!);
  }

  writeKey(i32: Int32Array, word: number): void {
    i32[word] = swapBytes(this.msHigh);
    i32[word + 1] = swapBytes(this.msLow);
    i32[word + 2] = swapBytes(this.seqHigh);
    i32[word + 3] = swapBytes(this.seqLow);
  }

  /** The milliseconds as the nearest double: exact below 2^53. */
  score(): number {
    return (this.msHigh >>> 0) * TWO_32 + (this.msLow >>> 0);
  }
}
