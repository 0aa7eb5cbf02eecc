/**
 * A seeded trace of key numbers whose popularity follows Zipf's law: key r (from 1) is asked for in
 * proportion to 1 / r^exponent. Ranks are shuffled, so that neighbours in number are not neighbours
 * in popularity.
 */
import { SeededChance } from '@kora/core';

/** What a trace is made of. */
export interface ZipfTraceOptions {
  readonly keys: number;
  readonly requests: number;
  readonly exponent: number;
  readonly seed: number;
}

/** Key numbers 0 .. keys - 1, one per request. */
export function zipfTrace(options: ZipfTraceOptions): Int32Array {
  const { keys, requests, exponent } = options;
  const chance = new SeededChance(options.seed);
  const cumulative = new Float64Array(keys);
  let sum = 0;
  for (let rank = 0; rank < keys; rank++) {
    sum += (rank + 1) ** -exponent;
    cumulative[rank] = sum;
  }
  const keyOfRank = Int32Array.from({ length: keys }, (_, rank) => rank);
  for (let i = keys - 1; i > 0; i--) {
    const j = (chance.next32() >>> 0) % (i + 1);
    const other = keyOfRank[j] ?? 0;
    keyOfRank[j] = keyOfRank[i] ?? 0;
    keyOfRank[i] = other;
  }
  const trace = new Int32Array(requests);
  for (let i = 0; i < requests; i++) {
    const wanted = ((chance.next32() >>> 0) / 4_294_967_296) * sum;
    trace[i] = keyOfRank[firstAbove(cumulative, wanted)] ?? 0;
  }
  return trace;
}

/** Index of the first element above `wanted` in an ascending array; the last index at most. */
function firstAbove(ascending: Float64Array, wanted: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? 0) > wanted) high = middle;
    else low = middle + 1;
  }
  return low;
}
