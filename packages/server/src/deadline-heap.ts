/**
 * Waits by their deadlines: a binary heap whose items know their places, so that a wait that was
 * answered leaves it at once instead of lying there until its time.
 */
import { assert } from '@kora/core';
import type { Wait } from './waits.ts';

export class DeadlineHeap {
  readonly #items: Wait[] = [];

  get count(): number {
    return this.#items.length;
  }

  /** The earliest deadline, ms; Infinity when there is none. */
  get firstMs(): number {
    return this.#items[0]?.untilMs ?? Infinity;
  }

  add(wait: Wait): void {
    assert(wait.heapAt < 0, 'a wait is in the heap once');
    this.#rise(wait, this.#items.length);
  }

  /** Takes the earliest one out. */
  takeFirst(): Wait | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  remove(wait: Wait): void {
    const at = wait.heapAt;
    assert(this.#items[at] === wait, 'a wait is where it says');
    wait.heapAt = -1;
    const last = this.#items.pop();
    if (last === undefined || last === wait) return;
    if (last.untilMs < wait.untilMs) this.#rise(last, at);
    else this.#sink(last, at);
  }

  /** Puts the wait at `place` or nearer to the top. */
  #rise(wait: Wait, place: number): void {
    let at = place;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = this.#items[above];
      if (other === undefined || other.untilMs <= wait.untilMs) break;
      this.#put(other, at);
      at = above;
    }
    this.#put(wait, at);
  }

  /** Puts the wait at `place` or further down. */
  #sink(wait: Wait, place: number): void {
    let at = place;
    for (;;) {
      const left = this.#items[at * 2 + 1];
      if (left === undefined) break;
      const right = this.#items[at * 2 + 2];
      const isLeft = right === undefined || left.untilMs <= right.untilMs;
      const least = isLeft ? left : right;
      if (least.untilMs >= wait.untilMs) break;
      const below = least.heapAt;
      this.#put(least, at);
      at = below;
    }
    this.#put(wait, at);
  }

  #put(wait: Wait, at: number): void {
    this.#items[at] = wait;
    wait.heapAt = at;
  }
}
