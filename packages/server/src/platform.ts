/**
 * Time and chance of this machine, as the core wants them: the two things it never takes itself.
 * Random numbers are fetched from the system many at a time.
 */
import { randomFillSync } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Chance, Clock } from '@kora/core';

const WORDS_PER_FETCH = 1024;

/** The system's clocks. */
export const systemClock: Clock = Object.freeze({
  nowMs: () => Date.now(),
  monotonicUs: () => performance.now() * 1000,
});

/** Unpredictable numbers. */
export function systemChance(): Chance {
  const words = new Int32Array(WORDS_PER_FETCH);
  let next = words.length;
  return {
    next32: () => {
      if (next === words.length) {
        randomFillSync(words);
        next = 0;
      }
      return words[next++] ?? 0;
    },
  };
}
