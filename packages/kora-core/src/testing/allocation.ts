/**
 * Measures what a call allocates on the JavaScript heap: best of many rounds of 20,000 calls, so
 * that neither an interruption counts nor an optimising compiler that comes late on a busy machine.
 * Clean hot code shows below 1 byte a call, and then no more rounds are needed; the smallest object
 * shows 16 and more. A test that allows more says so, or it would pay for all rounds.
 * The caller brings the collector and the heap meter, for only tests may reach Node.
 */

/** What the measurement needs from Node: `globalThis.gc` and `process.memoryUsage().heapUsed`. */
export interface HeapMeter {
  readonly collect: () => void;
  readonly usedBytes: () => number;
}

/** How a measurement differs from the usual. */
export interface BytesPerCallOptions {
  /** No more rounds once a call shows less: what the test allows. Default 1. */
  readonly enoughBytes?: number;
  /** Calls of a round; fewer for a call that does the work of many. Default 20,000. */
  readonly calls?: number;
}

const ROUNDS_MAX = 25;
/** What clean code stays below. */
const CLEAN_BYTES = 1;
const CALLS = 20_000;

/** Bytes one call of `call` allocates, the least of several rounds. */
export function bytesPerCall(
  meter: HeapMeter, call: () => void, options: BytesPerCallOptions = {},
): number {
  const { enoughBytes = CLEAN_BYTES, calls = CALLS } = options;
  for (let i = 0; i < calls; i++) call();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS_MAX && least >= enoughBytes; round++) {
    meter.collect();
    const before = meter.usedBytes();
    for (let i = 0; i < calls; i++) call();
    least = Math.min(least, (meter.usedBytes() - before) / calls);
  }
  return least;
}
