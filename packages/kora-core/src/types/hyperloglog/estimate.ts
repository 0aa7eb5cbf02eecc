/**
 * How many distinct elements a histogram of registers speaks of: the improved raw estimator, which
 * needs no tables of bias. Its two series converge after a few dozen terms.
 * Cost: below 1 us. Error: about 0.81 % (1.04 / sqrt(16,384)).
 * Source: New cardinality estimation algorithms for HyperLogLog sketches, Otmar Ertl 2017.
 */
import { RANK_BITS, REGISTER_COUNT } from './hll-layout.ts';

/** 1 / (2 ln 2). */
const ALPHA_INFINITE = 0.721347520444481703680;

/** Rounded estimate.
 * @param histogram how many registers hold each value; 64 places */
export function estimateCardinality(histogram: Int32Array): number {
  const m = REGISTER_COUNT;
  const of = (value: number): number => histogram[value] ?? 0;
  let z = m * tau((m - of(RANK_BITS + 1)) / m);
  for (let value = RANK_BITS; value >= 1; value--) z = (z + of(value)) * 0.5;
  z += m * sigma(of(0) / m);
  return Math.round((ALPHA_INFINITE * m * m) / z);
}

/** Correction for registers that are full. */
function tau(of: number): number {
  if (of === 0 || of === 1) return 0;
  let x = of;
  let factor = 1;
  let sum = 1 - x;
  for (;;) {
    x = Math.sqrt(x);
    const before = sum;
    factor *= 0.5;
    sum -= (1 - x) * (1 - x) * factor;
    if (sum === before) return sum / 3;
  }
}

/** Correction for registers that are empty. */
function sigma(of: number): number {
  if (of === 1) return Number.POSITIVE_INFINITY;
  let x = of;
  let factor = 1;
  let sum = x;
  for (;;) {
    x *= x;
    const before = sum;
    sum += x * factor;
    factor += factor;
    if (sum === before) return sum;
  }
}
