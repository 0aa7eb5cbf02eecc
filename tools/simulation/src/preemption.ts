/**
 * Interrupts a worker wherever it meets the others: every access through `Atomics` first asks the
 * simulator, which may let other workers run there. All that threads can see of each other goes
 * through these accesses, and they are sequentially consistent; so what a run shows is what threads
 * could do, and a tail that is stored for one peer and not yet for the next is seen so.
 * Interruptions nest: a worker goes on when those that ran within its interruption are at the end
 * of their turns. So of two interrupted workers the later goes on first, which threads need not.
 * The functions of `Atomics` are replaced while a run lasts, which is synchronous, and put back.
 */

const NAMES = ['load', 'store', 'or', 'and', 'add', 'sub', 'exchange', 'compareExchange'] as const;

/** A function of `Atomics`. */
export type AccessName = (typeof NAMES)[number];

/** Sees every access before it happens. */
export interface AccessObserver {
  /** @returns what the access gives instead of happening; undefined: it happens */
  onAccess(name: AccessName, words: Int32Array, index: number, value: number): number | undefined;
}

type AtomicAccess = (words: Int32Array, index: number, ...values: number[]) => number;

/** Runs something while every access is seen. */
export function observed<T>(observer: AccessObserver, run: () => T): T {
  // They do not look at `this`, and all take words, an index and numbers.
  const originals = NAMES.map((name): readonly [AccessName, AtomicAccess] =>
    [name, Reflect.get(Atomics, name) as AtomicAccess]);
  for (const [name, original] of originals) {
    Reflect.set(Atomics, name, (words: Int32Array, index: number, ...values: number[]) =>
      observer.onAccess(name, words, index, values[0] ?? 0) ?? original(words, index, ...values));
  }
  try {
    return run();
  } finally {
    for (const [name, original] of originals) Reflect.set(Atomics, name, original);
  }
}
