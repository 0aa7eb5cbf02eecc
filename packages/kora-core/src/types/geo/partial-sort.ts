/**
 * Sorts so much of a list that its first items are right: what COUNT needs of many hits. It is the
 * quicksort with the middle of three, or of three times three, as the pivot, which Redis uses where
 * it cuts a result: equal items come in the same order as there, though no rule promises one.
 *
 *   partition   | = pivot | < pivot | ... | > pivot | = pivot |   then equals move to the middle
 *
 * Cost: O(n + c log c) for the first c of n items; a list on which the pivots are bad again and
 * again is handed to the stable sort of the platform, so it is never quadratic.
 * Source: Engineering a sort function, Bentley and McIlroy 1993.
 */

export type Compare = (a: number, b: number) => number;

/** Shorter ranges are sorted by insertion. */
const INSERTION_COUNT_MAX = 6;
/** Longer ranges take the middle of three for their pivot, and of three such from here on. */
const MIDDLE_COUNT_MIN = 8;
const NINTHER_COUNT_MIN = 41;

/** Sorts items until those before `wanted` are the first ones, in order. */
export function sortFirst(items: Uint32Array, wanted: number, compare: Compare): void {
  const levels = 2 * Math.ceil(Math.log2(items.length + 1)) + 8;
  new PartialSort(items, wanted, compare).sort(0, items.length, levels);
}

class PartialSort {
  readonly #items: Uint32Array;
  readonly #wanted: number;
  readonly #compare: Compare;

  constructor(items: Uint32Array, wanted: number, compare: Compare) {
    this.#items = items;
    this.#wanted = wanted;
    this.#compare = compare;
  }

  /** Sorts the range, as far as it is wanted. @param levels partitions it may still nest */
  sort(start: number, end: number, levels: number): void {
    let from = start;
    for (let left = levels; from < this.#wanted; left--) {
      if (end - from <= INSERTION_COUNT_MAX) {
        this.#insert(from, end);
        return;
      }
      if (left === 0) {
        this.#items.subarray(from, end).sort(this.#compare);
        return;
      }
      const { below, above } = this.#partition(from, end);
      if (below > 1) this.sort(from, from + below, left - 1);
      if (above <= 1) return;
      from = end - above;
    }
  }

  #at(i: number): number {
    return this.#items[i] ?? 0;
  }

  #order(i: number, j: number): number {
    return this.#compare(this.#at(i), this.#at(j));
  }

  #swap(i: number, j: number): void {
    const kept = this.#at(i);
    this.#items[i] = this.#at(j);
    this.#items[j] = kept;
  }

  #insert(from: number, end: number): void {
    for (let i = from; i < end; i++) {
      for (let j = i; j > from && this.#order(j - 1, j) > 0; j--) this.#swap(j, j - 1);
    }
  }

  #middle(a: number, b: number, c: number): number {
    if (this.#order(a, b) < 0) {
      if (this.#order(b, c) < 0) return b;
      return this.#order(a, c) < 0 ? c : a;
    }
    if (this.#order(b, c) > 0) return b;
    return this.#order(a, c) < 0 ? a : c;
  }

  #pivot(from: number, end: number): number {
    const count = end - from;
    const half = from + (count >>> 1);
    if (count < MIDDLE_COUNT_MIN) return half;
    const last = end - 1;
    if (count < NINTHER_COUNT_MIN) return this.#middle(from, half, last);
    const step = count >>> 3;
    return this.#middle(
      this.#middle(from, from + step, from + 2 * step),
      this.#middle(half - step, half, half + step),
      this.#middle(last - 2 * step, last - step, last),
    );
  }

  /** Parts the range by a pivot. @returns how many items at its ends are below and above it */
  #partition(from: number, end: number): { readonly below: number; readonly above: number } {
    this.#swap(from, this.#pivot(from, end));
    let equalLow = from + 1;
    let low = equalLow;
    let high = end - 1;
    let equalHigh = high;
    for (;;) {
      for (; low <= high; low++) {
        const order = this.#order(low, from);
        if (order > 0) break;
        if (order === 0) this.#swap(equalLow++, low);
      }
      for (; low <= high; high--) {
        const order = this.#order(high, from);
        if (order < 0) break;
        if (order === 0) this.#swap(high, equalHigh--);
      }
      if (low > high) break;
      this.#swap(low++, high--);
    }
    const below = low - equalLow;
    const above = equalHigh - high;
    this.#exchange(from, low, Math.min(equalLow - from, below));
    this.#exchange(low, end, Math.min(above, end - 1 - equalHigh));
    return { below, above };
  }

  /** Swaps `count` items from `i` on with those that end before `end`. */
  #exchange(i: number, end: number, count: number): void {
    for (let k = 0; k < count; k++) this.#swap(i + k, end - count + k);
  }
}
