/**
 * The operands of a change in a collection: byte strings anywhere in the worker memory, and
 * numbers, in the order that the effect's op states. One object per shard, filled again for every
 * change; a replay fills one in the same way, so that each type reads both alike.
 *
 * Invariant: addresses are valid during the commit, or replay, only.
 * Cost: three stores a part; the columns grow by doubling to the longest command met.
 */
import { assert } from '../assert.ts';
import { ARGUMENT_COUNT_MAX } from '../limits.ts';

const FIRST_CAPACITY = 16;
/** A number has this in place of its length. */
const NUMBER = -1;
/** Fewest parts that are never too few: every argument of a request, and the choice of a pop. */
const PARTS_MAX = ARGUMENT_COUNT_MAX * 4;

export class EffectParts {
  /** Number of parts. */
  count: number;
  /** Byte offset of each part (u32), or the number itself. */
  value: Float64Array;
  /** Bytes of each part; -1 = a number. */
  bytes: Int32Array;

  constructor() {
    this.count = 0;
    this.value = new Float64Array(FIRST_CAPACITY);
    this.bytes = new Int32Array(FIRST_CAPACITY);
  }

  /** Forgets all parts. */
  clear(): void {
    this.count = 0;
  }

  /** Adds `bytes` bytes at byte offset `at` of the worker memory. */
  add(at: number, bytes: number): void {
    if (this.count === this.bytes.length) this.grow();
    this.value[this.count] = at >>> 0;
    this.bytes[this.count] = bytes;
    this.count++;
  }

  /** Adds a number: an index, a count, a score, a time in ms. */
  addNumber(value: number): void {
    if (this.count === this.bytes.length) this.grow();
    this.value[this.count] = value;
    this.bytes[this.count] = NUMBER;
    this.count++;
  }

  /** True when part i is a number. */
  isNumber(i: number): boolean {
    return this.bytes[i] === NUMBER;
  }

  private grow(): void {
    assert(this.count < PARTS_MAX, 'the parts of one change are bounded');
    const capacity = this.bytes.length * 2;
    const value = new Float64Array(capacity);
    const bytes = new Int32Array(capacity);
    value.set(this.value);
    bytes.set(this.bytes);
    this.value = value;
    this.bytes = bytes;
  }
}
