/**
 * Calls of one connection that wait for others of it, the oldest first. Bounded by the program's
 * memory alone, as everything is that a program asks for without waiting for replies.
 * Cost: O(1) a call; those that have left are let go when they are half of all.
 */
import type { OpenCall } from './open-call.ts';
import type { Content } from './request-writer.ts';

/** A call that waits for its turn. */
export interface HeldCall {
  readonly call: OpenCall;
  readonly contents: readonly Content[];
}

/** Calls that have left before the list is shortened. */
const SHORTEN_COUNT_MIN = 256;

export class HeldCalls {
  #calls: (HeldCall | undefined)[] = [];
  #goneCount = 0;

  get count(): number {
    return this.#calls.length - this.#goneCount;
  }

  get first(): HeldCall | undefined {
    return this.#calls[this.#goneCount];
  }

  /** The contents are kept: nobody else may change them. */
  add(call: OpenCall, contents: readonly Content[]): void {
    this.#calls.push({ call, contents });
  }

  /** The first one leaves. */
  shift(): void {
    this.#calls[this.#goneCount] = undefined;
    this.#goneCount++;
    if (this.#goneCount === this.#calls.length) {
      this.#calls = [];
      this.#goneCount = 0;
    } else if (this.#goneCount >= SHORTEN_COUNT_MIN && this.#goneCount * 2 >= this.#calls.length) {
      this.#calls.splice(0, this.#goneCount);
      this.#goneCount = 0;
    }
  }
}
