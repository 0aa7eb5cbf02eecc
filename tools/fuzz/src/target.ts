/**
 * What a fuzz target is: a name, what it promises, and one round from a seed. A round that returns
 * has kept the promise; one that throws has found something, and the seed reproduces it.
 */

/** One way to attack a part of Kora. */
export interface FuzzTarget {
  readonly name: string;
  /** What must hold for every input. */
  readonly promise: string;
  /** Rounds of the smoke run. */
  readonly smokeRounds: number;
  /** True for the canary: it must fail, or the harness itself is broken. */
  readonly mustFail?: boolean;
  /** One round. @throws an Error that names what broke */
  run(seed: number): void;
}

/**
 * A seeded stream of small choices (mulberry32); the same seed gives the same stream everywhere.
 */
export class Choices {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1);
  }

  /** An integer in [0, below). */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below | 0;
  }

  /** One of the items. */
  of<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }
}
