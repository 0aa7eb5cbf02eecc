/**
 * Measures what a call allocates on the JavaScript heap: best of many rounds of 20,000 calls, so
 * that neither an interruption counts nor an optimising compiler that comes late on a busy machine.
 * Clean hot code shows below 1 byte a call, and then no more rounds are needed; the smallest object
 * shows 16 and more. The caller brings the collector and the heap meter, for only tests may reach
 * Node.
 */

/** What the measurement needs from Node: `globalThis.gc` and `process.memoryUsage().heapUsed`. */
export interface HeapMeter {
  readonly collect: () => void;
  readonly usedBytes: () => number;
}

const ROUNDS_MAX = 25;
/** What clean code stays below. */
const CLEAN_BYTES = 1;
const CALLS = 20_000;

/** Bytes one call of `call` allocates, the least of several rounds. */
export function bytesPerCall(meter: HeapMeter, call: () => void): number {
  for (let i = 0; i < CALLS; i++) call();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS_MAX && least >= CLEAN_BYTES; round++) {
    meter.collect();
    const before = meter.usedBytes();
    for (let i = 0; i < CALLS; i++) call();
    least = Math.min(least, (meter.usedBytes() - before) / CALLS);
  }
  return least;
}
