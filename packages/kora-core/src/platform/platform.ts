/**
 * Time, chance, wake-ups and disk as arguments. The core never asks the operating system for any of
 * them, so that tests and the simulator run the production code under a virtual clock and a seeded
 * generator.
 * Hosts (embedded, server) pass real ones in.
 */

/** The two clocks of the engine. Both are cheap to call and never go through promises. */
export interface Clock {
  /**
   * Wall clock, milliseconds since 1970, integer. May jump; deadlines of keys are measured on it.
   */
  nowMs(): number;
  /** Monotonic clock, microseconds, fractional part allowed; for durations only. */
  monotonicUs(): number;
}

/** The source of chance. `next32` is uniform over the int32 range. */
export interface Chance {
  next32(): number;
}

/** Asks the owner of a shard to run `Shard.maintain` again soon (next turn of its loop). */
export interface Scheduler {
  requestTurn(): void;
}

/** Everything a shard needs from outside. */
export interface Platform {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly scheduler: Scheduler;
}

/** Xoroshiro64**: small, seeded, statistically sound generator; not for secrets. */
export class SeededChance implements Chance {
  #s0: number;
  #s1: number;

  /** @param seed any int32; two different seeds give unrelated streams */
  constructor(seed: number) {
    this.#s0 = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 1;
    this.#s1 = Math.imul(seed + 0x6a09e667, 0xc2b2ae35) ^ 0x2545f491;
    for (let i = 0; i < 8; i++) this.next32();
  }

  next32(): number {
    const s0 = this.#s0;
    let s1 = this.#s1;
    const scrambled = Math.imul(s0, 0x9e3779bb);
    const result = Math.imul((scrambled << 5) | (scrambled >>> 27), 5);
    s1 ^= s0;
    this.#s0 = ((s0 << 26) | (s0 >>> 6)) ^ s1 ^ (s1 << 9);
    this.#s1 = (s1 << 13) | (s1 >>> 19);
    return result;
  }
}

/** A clock that moves only when told to; for tests and the simulator. */
export class VirtualClock implements Clock {
  #nowMs: number;

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }
  nowMs(): number {
    return Math.floor(this.#nowMs);
  }
  monotonicUs(): number {
    return this.#nowMs * 1000;
  }
  /** Moves both clocks forward. */
  advance(ms: number): void {
    this.#nowMs += ms;
  }
}
