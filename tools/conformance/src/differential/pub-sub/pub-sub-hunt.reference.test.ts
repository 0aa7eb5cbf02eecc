/**
 * Publish and subscribe judged by redis-server: random connections of both protocol versions that
 * subscribe, publish and look, on one, two and four workers. Seeds change every day. A failure
 * prints the seed and the steps that lead to it.
 * Needs redis-server 7.0.15 on the PATH, and the build.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningServer } from '../../server-process.ts';
import {
  KORA_CORPUS_FLAGS, REFERENCE_CORPUS_FLAGS, startKora, startReference,
} from '../../server-process.ts';
import { differenceOf } from './play-pub-sub.ts';
import { pubSubStreamOf } from './pub-sub-stream.ts';

const HUNT_MS_MAX = Number(process.env['KORA_HUNT_MS'] ?? 15_000);
const ROUNDS_MIN = 5;
const MS_PER_DAY = 86_400_000;
const SEEDS_PER_DAY = 10_000;

let reference: RunningServer | undefined;

beforeAll(async () => {
  reference = await startReference(REFERENCE_CORPUS_FLAGS);
});

afterAll(async () => {
  await reference?.stop();
});

describe('subscribers of a random stream are told what redis-server tells them', () => {
  it.each([1, 2, 4])('by %i workers', { timeout: 300_000 }, async (workers) => {
    const day = Math.floor(Date.now() / MS_PER_DAY) % 100_000;
    const first = Number(process.env['KORA_HUNT_SEED'] ?? day * SEEDS_PER_DAY);
    const kora = await startKora([...KORA_CORPUS_FLAGS, '--workers', String(workers)]);
    try {
      const endMs = performance.now() + HUNT_MS_MAX;
      let seed = first;
      for (; performance.now() < endMs; seed++) {
        const difference = await differenceOf(pubSubStreamOf(seed), reference!, kora);
        expect(difference, `seed ${seed}`).toBeUndefined();
      }
      expect(seed - first, 'a slow machine plays fewer').toBeGreaterThan(ROUNDS_MIN);
    } finally {
      await kora.stop();
    }
  });
});
