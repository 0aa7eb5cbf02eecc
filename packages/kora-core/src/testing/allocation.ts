/**
 * Measures what a call allocates on the JavaScript heap: best of five rounds of 20,000 warm calls,
 * so that one interruption does not count. Clean hot code shows below 1 byte a call, the smallest
 * object 16 and more. The caller brings the collector and the heap meter, for only tests may reach
 * Node.
 */

/** What the measurement needs from Node: `globalThis.gc` and `process.memoryUsage().heapUsed`. */
export interface HeapMeter {
  readonly collect: () => void;
  readonly usedBytes: () => number;
}

const ROUNDS = 5;
const CALLS = 20_000;

/** Bytes one call of `call` allocates, the least of several rounds. */
export function bytesPerCall(meter: HeapMeter, call: () => void): number {
  for (let i = 0; i < CALLS; i++) call();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    meter.collect();
    const before = meter.usedBytes();
    for (let i = 0; i < CALLS; i++) call();
    least = Math.min(least, (meter.usedBytes() - before) / CALLS);
  }
  return least;
}
