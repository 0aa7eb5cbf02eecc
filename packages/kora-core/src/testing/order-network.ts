/**
 * Messages between workers in one thread, for simulations of protocols: virtual time, random
 * delays, first in first out on each of the two lanes between any two workers, any order otherwise.
 * Between a worker and itself a message is a call. Everything follows from the seed.
 * Cost: O(log messages under way) a message.
 */
import type { RandomSource } from './random-source.ts';

interface Delivery {
  readonly at: number;
  readonly sequence: number;
  readonly deliver: () => void;
}

export interface NetworkOptions {
  readonly workerCount: number;
  readonly random: RandomSource;
  /** A message takes 1 to this many units of time. */
  readonly delayMax: number;
}

/** Requests and intents go one way; what must not stand behind them, another. */
export const OrderLane = Object.freeze({ Requests: 0, Words: 1 } as const);
const LANE_COUNT = 2;

export class OrderNetwork {
  /** Virtual time. */
  now = 0;
  /** Messages between different workers so far. */
  messageCount = 0;
  readonly #options: NetworkOptions;
  /** A heap: the earliest delivery first, then the one sent first. */
  readonly #heap: Delivery[] = [];
  /** By pair and lane: when its last message arrives. */
  readonly #lastAt: Float64Array;
  #sequence = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#lastAt = new Float64Array(options.workerCount ** 2 * LANE_COUNT);
  }

  /** Deliveries that wait. */
  get pendingCount(): number {
    return this.#heap.length;
  }

  /** Calls `deliver` at the receiver: at once for the worker itself, later for others. */
  send(from: number, to: number, lane: number, deliver: () => void): void {
    if (from === to) {
      deliver();
      return;
    }
    const { workerCount, random, delayMax } = this.#options;
    const way = (from * workerCount + to) * LANE_COUNT + lane;
    const at = Math.max(this.now + 1 + random.below(delayMax), this.#lastAt[way] ?? 0);
    this.#lastAt[way] = at;
    this.messageCount++;
    this.#push({ at, sequence: this.#sequence++, deliver });
  }

  /** Calls `run` after so many units of time; no message of anybody. */
  after(units: number, run: () => void): void {
    this.#push({ at: this.now + units, sequence: this.#sequence++, deliver: run });
  }

  /** Delivers the next; false when nothing waits. */
  step(): boolean {
    const next = this.#pop();
    if (next === undefined) return false;
    this.now = next.at;
    next.deliver();
    return true;
  }

  #push(delivery: Delivery): void {
    const heap = this.#heap;
    let at = heap.push(delivery) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isEarlier(delivery, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = delivery;
  }

  #pop(): Delivery | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      let below = heap[child];
      if (below === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isEarlier(right, below)) {
        child++;
        below = right;
      }
      if (!isEarlier(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isEarlier(one: Delivery, other: Delivery): boolean {
  return one.at < other.at || (one.at === other.at && one.sequence < other.sequence);
}
