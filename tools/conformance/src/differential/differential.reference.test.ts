/**
 * Kora judged by redis-server on commands that nobody wrote down: streams from a seed that changes
 * every day, for a bounded time. A failure prints the seed and the shortest requests that show it;
 * `pnpm conformance --differential SEED` plays it again.
 * Needs the build and redis-server 7.0.15 on the PATH.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  KORA_CORPUS_FLAGS, REFERENCE_CORPUS_FLAGS, startKora, startReference, type RunningServer,
} from '../server-process.ts';
import { hunt } from './hunt.ts';
import { ServerPair } from './pair.ts';
import { playStream } from './play-stream.ts';

const HUNT_MS_MAX = 35_000;
const ROUNDS_MAX = 2_500;
const ROUNDS_MIN = 100;
const REPORTS_MAX = 3;
/** A stream that fails once and passes the next time is bad luck; so many are not. */
const UNSTEADY_SHARE_MAX = 0.01;
const MS_PER_DAY = 86_400_000;
/** Seeds of one day do not meet those of the next. */
const SEEDS_PER_DAY = 10_000;

let kora: RunningServer | undefined;
let reference: RunningServer | undefined;

beforeAll(async () => {
  kora = await startKora(KORA_CORPUS_FLAGS);
  reference = await startReference(REFERENCE_CORPUS_FLAGS);
});

afterAll(async () => {
  await kora?.stop();
  await reference?.stop();
});

describe('the same random commands', () => {
  it('get the same replies from Kora and from redis-server', { timeout: 120_000 }, async () => {
    const seed = (Math.floor(Date.now() / MS_PER_DAY) % 100_000) * SEEDS_PER_DAY;
    const pair = new ServerPair(kora!, reference!);
    const endMs = performance.now() + HUNT_MS_MAX;
    const result = await hunt((stream) => playStream(pair, stream), seed, {
      roundsMax: ROUNDS_MAX,
      reportsMax: REPORTS_MAX,
      mayContinue: () => performance.now() < endMs,
    });
    pair.restart('2');
    const where = `seeds ${seed} to ${seed + result.rounds - 1}`;
    expect(result.reports.join('\n\n'), where).toBe('');
    expect(result.rounds, `${where}: a slow machine plays fewer`).toBeGreaterThan(ROUNDS_MIN);
    const unsteadyMax = 1 + result.rounds * UNSTEADY_SHARE_MAX;
    expect(result.unsteadySeeds.length, result.unsteadySeeds.join(' ')).toBeLessThan(unsteadyMax);
  });
});
