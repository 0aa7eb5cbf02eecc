/**
 * Intsets: small sets of integers in one block, in ascending order.
 *
 *   intset   | count u32 | width u32: 4 or 8 | value | value | ...     8-aligned
 *   value    one int32 word (width 4), or low word and high word of a signed 64-bit integer (8)
 *
 * A value crosses every call as two int32 words (high, low), as number-text gives them.
 * Invariants: values ascend, none twice; a set of width 4 becomes one of width 8 when a value needs
 *   it, and stays so. Callers bound the count: an insert moves what is behind it.
 * Cost: search O(log n), 15 ns of 512 values; insert and remove one move of at most 4 KiB.
 * Source: the idea of Redis's intset; the layout is our own.
 */
import { assert } from '../assert.ts';
import type { Allocator } from './allocator.hot.ts';
import type { Kernel } from './kernel.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** Bytes of an intset without values. */
export const INTSET_HEADER_BYTES = 8;
/** Bytes of a value that fits an int32. */
export const INTSET_NARROW = 4;
/** Bytes of any other. */
export const INTSET_BROAD = 8;

const COUNT = 0;
const WIDTH = 1;
const FIRST = 2;
/** A block is given up for a smaller one only when that saves half of it and this much. */
const SHRINK_BYTES_MIN = 32;

/** Bytes that a value of these words needs. */
export function intsetWidthOf(high: number, low: number): number {
  return high === low >> 31 ? INTSET_NARROW : INTSET_BROAD;
}

/**
 * All intsets of one memory. Owner: the shard's thread; stateless, so it may be shared freely.
 * `set` arguments are refs; what a function returns as set ref takes the old ref's place.
 */
export class Intsets {
  readonly memory: WorkerMemory;
  readonly allocator: Allocator;
  readonly kernel: Kernel;

  constructor(memory: WorkerMemory, allocator: Allocator) {
    this.memory = memory;
    this.allocator = allocator;
    this.kernel = memory.kernel;
  }

  /** Bytes of a block for `count` values of this width. */
  bytesFor(count: number, width: number): number {
    return INTSET_HEADER_BYTES + count * width;
  }

  /** An empty set with room for `count` values of this width; 0: no memory. */
  create(count: number, width: number): number {
    const set = this.allocator.alloc(INTSET_HEADER_BYTES + count * width);
    if (set === 0) return 0;
    const i32 = this.memory.i32;
    i32[(set << 1) + COUNT] = 0;
    i32[(set << 1) + WIDTH] = width;
    return set;
  }

  destroy(set: number): void {
    this.allocator.free(set);
  }

  /** A second set of the same values, without slack; 0: no memory. */
  copy(set: number): number {
    const used = this.usedBytes(set);
    const fresh = this.allocator.alloc(used);
    if (fresh !== 0) this.kernel.copy(fresh * 8, set * 8, used);
    return fresh;
  }

  count(set: number): number {
    return this.memory.i32[(set << 1) + COUNT]!;
  }

  /** INTSET_NARROW or INTSET_BROAD. */
  width(set: number): number {
    return this.memory.i32[(set << 1) + WIDTH]!;
  }

  /** Bytes of header and values. */
  usedBytes(set: number): number {
    const word = set << 1;
    return INTSET_HEADER_BYTES + this.memory.i32[word + COUNT]! * this.memory.i32[word + WIDTH]!;
  }

  /** Bytes of the block. */
  heldBytes(set: number): number {
    return this.allocator.sizeOf(set);
  }

  /** Upper word of value `index`. */
  high(set: number, index: number): number {
    const i32 = this.memory.i32;
    const word = set << 1;
    if (i32[word + WIDTH] === INTSET_NARROW) return i32[word + FIRST + index]! >> 31;
    return i32[word + FIRST + index * 2 + 1]!;
  }

  /** Lower word of value `index`. */
  low(set: number, index: number): number {
    const i32 = this.memory.i32;
    const word = set << 1;
    if (i32[word + WIDTH] === INTSET_NARROW) return i32[word + FIRST + index]!;
    return i32[word + FIRST + index * 2]!;
  }

  /** Index of the value, or -1 - the index at which it would stand. */
  search(set: number, high: number, low: number): number {
    const i32 = this.memory.i32;
    const word = set << 1;
    const count = i32[word + COUNT]!;
    if (i32[word + WIDTH] === INTSET_NARROW) {
      if (high !== low >> 31) return high < 0 ? -1 : -1 - count;
      return searchNarrow(i32, word + FIRST, count, low);
    }
    return searchBroad(i32, word + FIRST, count, high, low);
  }

  /**
   * Bytes of the block that `more` values of this width make necessary; 0 when they fit. What
   * `reserve` needs, for one block, before {@link grow}.
   */
  growBytes(set: number, more: number, width: number): number {
    const i32 = this.memory.i32;
    const word = set << 1;
    const wider = width > i32[word + WIDTH]! ? width : i32[word + WIDTH]!;
    const needed = INTSET_HEADER_BYTES + (i32[word + COUNT]! + more) * wider;
    const isRoomy = wider === i32[word + WIDTH]! && needed <= this.allocator.sizeOf(set);
    return isRoomy ? 0 : needed;
  }

  /**
   * Makes room for `more` values of this width, so that their inserts cannot fail. 0: no memory,
   * nothing changed (never after `reserve(1, growBytes)`). Otherwise the set ref.
   */
  grow(set: number, more: number, width: number): number {
    const needed = this.growBytes(set, more, width);
    if (needed === 0) return set;
    const fresh = this.allocator.alloc(needed);
    if (fresh === 0) return 0;
    this.moveTo(set, fresh, width);
    return fresh;
  }

  /** Copies the set into the block `fresh`, widening it if need be, and frees the old block. */
  private moveTo(set: number, fresh: number, width: number): void {
    const i32 = this.memory.i32;
    const from = set << 1;
    const to = fresh << 1;
    if (width <= i32[from + WIDTH]!) {
      this.kernel.copy(fresh * 8, set * 8, this.usedBytes(set));
    } else {
      const count = i32[from + COUNT]!;
      i32[to + COUNT] = count;
      i32[to + WIDTH] = width;
      for (let i = 0; i < count; i++) {
        const low = i32[from + FIRST + i]!;
        i32[to + FIRST + i * 2] = low;
        i32[to + FIRST + i * 2 + 1] = low >> 31;
      }
    }
    this.allocator.free(set);
  }

  /** Inserts a value that is absent at `index` (see {@link search}); room was made (grow). */
  insertAt(set: number, index: number, high: number, low: number): void {
    const i32 = this.memory.i32;
    const word = set << 1;
    const count = i32[word + COUNT]!;
    const width = i32[word + WIDTH]!;
    assert(index <= count, 'a value is inserted in its place');
    const at = set * 8 + INTSET_HEADER_BYTES + index * width;
    if (index < count) this.kernel.copy(at + width, at, (count - index) * width);
    i32[word + COUNT] = count + 1;
    if (width === INTSET_NARROW) {
      i32[word + FIRST + index] = low;
    } else {
      i32[word + FIRST + index * 2] = low;
      i32[word + FIRST + index * 2 + 1] = high;
    }
  }

  /** Removes the value at `index`. May move to a smaller block. @returns the set ref */
  removeAt(set: number, index: number): number {
    const i32 = this.memory.i32;
    const word = set << 1;
    const count = i32[word + COUNT]! - 1;
    const width = i32[word + WIDTH]!;
    assert(index <= count, 'a removed value is there');
    const at = set * 8 + INTSET_HEADER_BYTES + index * width;
    if (index < count) this.kernel.copy(at, at + width, (count - index) * width);
    i32[word + COUNT] = count;
    return this.fit(set);
  }

  /** Moves to a smaller block where that saves half of it and touches nothing reserved. */
  private fit(set: number): number {
    const used = this.usedBytes(set);
    const held = this.allocator.sizeOf(set);
    if (used * 2 > held || held - used < SHRINK_BYTES_MIN) return set;
    if (!this.allocator.reserveBeside(1, used)) return set;
    const fresh = this.copy(set);
    if (fresh === 0) return set;
    this.allocator.free(set);
    return fresh;
  }

  /** Throws unless the set is sound. @internal */
  check(set: number): void {
    const count = this.count(set);
    const width = this.width(set);
    assert(width === INTSET_NARROW || width === INTSET_BROAD, 'an intset has a width');
    assert(this.usedBytes(set) <= this.allocator.sizeOf(set), 'an intset lies in its block');
    for (let i = 1; i < count; i++) {
      const high = this.high(set, i);
      const before = this.high(set, i - 1);
      const isAbove = high > before
        || (high === before && this.low(set, i) >>> 0 > this.low(set, i - 1) >>> 0);
      assert(isAbove, 'the values of an intset ascend');
    }
  }
}

function searchNarrow(i32: Int32Array, first: number, count: number, value: number): number {
  let from = 0;
  let to = count;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (i32[first + middle]! < value) from = middle + 1;
    else to = middle;
  }
  return from < count && i32[first + from] === value ? from : -1 - from;
}

function searchBroad(
  i32: Int32Array, first: number, count: number, high: number, low: number,
): number {
  let from = 0;
  let to = count;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const middleHigh = i32[first + middle * 2 + 1]!;
    const isBelow = middleHigh < high
      || (middleHigh === high && i32[first + middle * 2]! >>> 0 < low >>> 0);
    if (isBelow) from = middle + 1;
    else to = middle;
  }
  if (from === count) return -1 - from;
  const isSame = i32[first + from * 2] === low && i32[first + from * 2 + 1] === high;
  return isSame ? from : -1 - from;
}
