/**
 * Seeded small choices: the same seed gives the same stream of commands on every machine.
 *
 * Why its own: a judge does not take its dice from what it judges.
 * Source: mulberry32 (Tommy Ettinger, public domain); uniform enough for choosing test input.
 */

export class Choices {
  #state: number;

  /** @param seed any int32 */
  constructor(seed: number) {
    this.#state = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1);
  }

  /** An integer in [0, below). */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  }

  /** One of the items.
   * @throws {Error} when there are none */
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
