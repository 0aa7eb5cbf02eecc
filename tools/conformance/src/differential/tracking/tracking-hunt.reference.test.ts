/**
 * CLIENT TRACKING judged by redis-server: random conversations of several connections, from a seed
 * that changes every day, for a bounded time, on one worker and on two. Every byte of every
 * connection must be equal after every step; on several workers but for the order of pushes. A
 * failure prints the seed and the last steps.
 * Needs the build and redis-server 7.0.15 on the PATH.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  KORA_CORPUS_FLAGS, REFERENCE_CORPUS_FLAGS, startKora, startReference, type RunningServer,
} from '../../server-process.ts';
import { playTracking, TrackingSide } from './play-tracking.ts';

const HUNT_MS_MAX = Number(process.env['KORA_HUNT_MS'] ?? 20_000);
const STEPS = 60;
const ROUNDS_MIN = 5;
const MS_PER_DAY = 86_400_000;
/** Seeds of one day do not meet those of the next. */
const SEEDS_PER_DAY = 10_000;

let reference: RunningServer | undefined;

beforeAll(async () => {
  reference = await startReference(REFERENCE_CORPUS_FLAGS);
});

afterAll(async () => {
  await reference?.stop();
});

describe('the same conversation about tracking', () => {
  it.each([1, 2])('has the same bytes on %i workers', { timeout: 180_000 }, async (workers) => {
    const kora = await startKora([...KORA_CORPUS_FLAGS, '--workers', String(workers)]);
    const first = Number(
      process.env['KORA_HUNT_SEED'] ??
        (Math.floor(Date.now() / MS_PER_DAY) % 100_000) * SEEDS_PER_DAY,
    );
    const endMs = performance.now() + HUNT_MS_MAX;
    let rounds = 0;
    try {
      for (; performance.now() < endMs; rounds += 1) {
        const sides = [new TrackingSide(kora), new TrackingSide(reference!)] as const;
        const parting = await playTracking(...sides, first + rounds, STEPS, workers > 1);
        for (const side of sides) side.close();
        expect(parting).toBeUndefined();
      }
    } finally {
      await kora.stop();
    }
    expect(rounds, `from seed ${first}: a slow machine plays fewer`).toBeGreaterThan(ROUNDS_MIN);
  });
});
