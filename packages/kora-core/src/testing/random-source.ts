/**
 * Seeded randomness in the forms that model tests need, over the generator of the simulator.
 * Print the seed in the message of a failing check: the same seed gives the same run everywhere.
 */
import { SeededChance } from '../platform/platform.ts';

/** A stream of pseudo-random numbers. */
export interface RandomSource {
  /** An int32. */
  word(): number;
  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
}

const TWO_32 = 4_294_967_296;

/** The stream of a seed. */
export function randomSource(seed: number): RandomSource {
  const source = new SeededChance(seed);
  const fraction = (): number => (source.next32() >>> 0) / TWO_32;
  return {
    word: () => source.next32(),
    below: (limit) => Math.floor(fraction() * limit),
    chance: (probability) => fraction() < probability,
  };
}
