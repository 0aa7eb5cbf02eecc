/**
 * The vector of SORT: the elements of a list, set or sorted set by address, each with its weight,
 * in one block of the arena. Nothing of an element is copied but integers that have no bytes of
 * their own; addresses hold because a sort changes nothing before its result is complete.
 *
 *   element, 16 bytes   | byte offset u32 | bytes u32 | weight |
 *   weight              f64, or of a text: byte offset u32 | bytes u32
 *
 * The order is an array of indices beside it. A text weight of -1 bytes is absent: it comes first.
 * Cost: 16 bytes an element, and 4 for the order; sorting O(n log n) comparisons, stable.
 */
import { INTEGER_TEXT_BYTES_MAX } from '../bytes/number-text.hot.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import type { Shard } from '../shard/shard.ts';
import { entryEncoding, entryType } from '../structs/entry.hot.ts';
import { gatherElements, listCount } from '../types/list/list.ts';
import { SET_INTSET } from '../types/set/set-layout.ts';
import { setWalkOf } from '../types/set/set-reply.ts';
import { setCount } from '../types/set/set.ts';
import { walk as zsetWalk } from '../types/zset/zset-walk.ts';
import { zsetCount } from '../types/zset/zset.ts';

/** Elements of a list that are gathered at once. */
const LIST_PART = 1024;
const ELEMENT_SHIFT = 4;
/** A text weight that is absent. */
const ABSENT = -1;

/** Number of elements of a list, set or sorted set; 0 = no key. */
export function sortableCount(shard: Shard, ref: number): number {
  if (ref === 0) return 0;
  const type = entryType(shard.memory.i32, ref);
  if (type === ValueType.List) return listCount(shard, ref);
  return type === ValueType.Set ? setCount(shard, ref) : zsetCount(shard, ref);
}

export class SortVector {
  count = 0;
  /** Indices of the elements in their order; set by `sort`, else as loaded. */
  order: Int32Array = new Int32Array(0);
  readonly #shard: Shard;
  #block = 0;
  /** Block for the texts of integers, 0 = none. */
  #texts = 0;
  /** Blocks of weights that had to be copied. */
  readonly #copies: number[] = [];

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  /**
   * Loads `count` elements from `from` on, in the collection's order, from its end with `isBack`.
   * @returns false when memory is short
   */
  load(ref: number, from: number, count: number, isBack: boolean): boolean {
    const { arenaAllocator, i32 } = this.#shard.memory;
    this.count = count;
    this.order = Int32Array.from({ length: count }, (_, i) => i);
    if (count === 0) return true;
    this.#block = arenaAllocator.alloc(count << ELEMENT_SHIFT);
    if (this.#block === 0) return false;
    const type = entryType(i32, ref);
    if (type === ValueType.Set) return this.#loadSet(ref, from);
    if (type === ValueType.List) this.#loadList(ref, from, isBack);
    else this.#loadZset(ref, from, isBack);
    return true;
  }

  #loadList(ref: number, from: number, isBack: boolean): void {
    const shard = this.#shard;
    const first = isBack ? listCount(shard, ref) - from - this.count : from;
    for (let done = 0; done < this.count; done += LIST_PART) {
      const step = Math.min(LIST_PART, this.count - done);
      gatherElements(shard, ref, first + done, step, shard.scratchAt);
      const { i32 } = shard.memory;
      const list = shard.scratchAt >>> 2;
      for (let i = 0; i < step; i++) {
        const place = isBack ? this.count - 1 - done - i : done + i;
        this.#put(place, i32[list + i * 2] ?? 0, i32[list + i * 2 + 1] ?? 0);
      }
    }
  }

  /** False when memory is short. */
  #loadSet(ref: number, from: number): boolean {
    const shard = this.#shard;
    const { arenaAllocator, i32, kernel } = shard.memory;
    const isIntset = entryEncoding(i32, ref) === SET_INTSET;
    if (isIntset) {
      this.#texts = arenaAllocator.alloc(this.count * INTEGER_TEXT_BYTES_MAX);
      if (this.#texts === 0) return false;
    }
    let textAt = this.#texts * 8;
    const walk = setWalkOf(shard);
    walk.start(ref);
    for (let i = 0; walk.next(); i++) {
      if (i < from) continue;
      if (i - from === this.count) break;
      let at = walk.at();
      if (isIntset) {
        kernel.copy(textAt, at, walk.bytes());
        at = textAt;
        textAt += walk.bytes();
      }
      this.#put(i - from, at, walk.bytes());
    }
    return true;
  }

  #loadZset(ref: number, from: number, isBack: boolean): void {
    const shard = this.#shard;
    const rank = isBack ? zsetCount(shard, ref) - 1 - from : from;
    zsetWalk.open(shard, ref, rank, this.count, isBack);
    for (let i = 0; zsetWalk.next(); i++) this.#put(i, zsetWalk.at, zsetWalk.bytes);
  }

  #put(i: number, at: number, bytes: number): void {
    const { i32 } = this.#shard.memory;
    const word = this.#wordOf(i);
    i32[word] = at;
    i32[word + 1] = bytes;
    i32[word + 2] = 0;
    i32[word + 3] = 0;
  }

  /** First word of element i. */
  #wordOf(i: number): number {
    return (this.#block << 1) + i * 4;
  }

  /** Byte offset (u32) of element i. */
  at(i: number): number {
    return (this.#shard.memory.i32[this.#wordOf(i)] ?? 0) >>> 0;
  }

  bytes(i: number): number {
    return this.#shard.memory.i32[this.#wordOf(i) + 1] ?? 0;
  }

  setScore(i: number, score: number): void {
    this.#shard.memory.f64[this.#block + i * 2 + 1] = score;
  }

  /** The bytes at `at` are what element i is compared by; they stay where they are. */
  setText(i: number, at: number, bytes: number): void {
    const { i32 } = this.#shard.memory;
    i32[this.#wordOf(i) + 2] = at;
    i32[this.#wordOf(i) + 3] = bytes;
  }

  /** Element i has nothing to be compared by. */
  setNoText(i: number): void {
    this.setText(i, 0, ABSENT);
  }

  /** A block of the vector's own for a weight, freed with it; 0: no memory. */
  newCopy(bytes: number): number {
    const block = this.#shard.memory.arenaAllocator.alloc(bytes);
    if (block !== 0) this.#copies.push(block);
    return block;
  }

  /** Sorts by scores, ties by the elements' bytes. */
  sortByScore(isDescending: boolean): void {
    const { f64, kernel } = this.#shard.memory;
    const sign = isDescending ? -1 : 1;
    const first = this.#block + 1;
    this.order.sort((a, b) => {
      const scoreA = f64[first + a * 2] ?? 0;
      const scoreB = f64[first + b * 2] ?? 0;
      if (scoreA !== scoreB) return scoreA < scoreB ? -sign : sign;
      return sign * kernel.compare(this.at(a), this.bytes(a), this.at(b), this.bytes(b));
    });
  }

  /** Sorts by text weights; elements of equal weight stay in their order. */
  sortByText(isDescending: boolean): void {
    const { i32, kernel } = this.#shard.memory;
    const sign = isDescending ? -1 : 1;
    this.order.sort((a, b) => {
      const wordA = this.#wordOf(a) + 2;
      const wordB = this.#wordOf(b) + 2;
      const bytesA = i32[wordA + 1] ?? 0;
      const bytesB = i32[wordB + 1] ?? 0;
      if (bytesA === ABSENT || bytesB === ABSENT) return sign * (Number(bytesB === ABSENT) -
        Number(bytesA === ABSENT));
      const atA = (i32[wordA] ?? 0) >>> 0;
      return sign * kernel.compare(atA, bytesA, (i32[wordB] ?? 0) >>> 0, bytesB);
    });
  }

  /** Frees everything. */
  close(): void {
    const { arenaAllocator } = this.#shard.memory;
    for (const block of this.#copies) arenaAllocator.free(block);
    if (this.#texts !== 0) arenaAllocator.free(this.#texts);
    if (this.#block !== 0) arenaAllocator.free(this.#block);
  }
}
