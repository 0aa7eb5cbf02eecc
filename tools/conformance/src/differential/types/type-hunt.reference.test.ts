/**
 * Every type judged by redis-server on commands that nobody wrote down: streams from a seed that
 * changes every day, for a bounded time, on the server and on the engine in this process. A failure
 * prints the seed and the shortest requests that show it; `pnpm fuzz differential SEED 1` plays it
 * again.
 * Needs the build and redis-server 7.0.15 on the PATH.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmbeddedEngine } from '../../embedded-engine.ts';
import {
  KORA_CORPUS_FLAGS, REFERENCE_CORPUS_FLAGS, startKora, startReference, type RunningServer,
} from '../../server-process.ts';
import { hunt, type Player } from '../hunt.ts';
import { ServerPair } from '../pair.ts';
import { playStream } from '../play-stream.ts';
import { EmbeddedPair } from './play-embedded.ts';
import { typeStreamOf } from './type-stream.ts';

const HUNT_MS_MAX = 30_000;
const ROUNDS_MIN = 50;
const REPORTS_MAX = 3;
/** A stream that fails once and passes the next time is bad luck; so many are not. */
const UNSTEADY_SHARE_MAX = 0.01;
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

async function expectNothingParts(play: Player): Promise<void> {
  const seed = (Math.floor(Date.now() / MS_PER_DAY) % 100_000) * SEEDS_PER_DAY;
  const endMs = performance.now() + HUNT_MS_MAX;
  const result = await hunt(play, seed, {
    roundsMax: SEEDS_PER_DAY,
    reportsMax: REPORTS_MAX,
    mayContinue: () => performance.now() < endMs,
    streamOf: typeStreamOf,
  });
  const where = `seeds ${seed} to ${seed + result.rounds - 1}`;
  expect(result.reports.join('\n\n'), where).toBe('');
  expect(result.rounds, `${where}: a slow machine plays fewer`).toBeGreaterThan(ROUNDS_MIN);
  const unsteadyMax = 1 + result.rounds * UNSTEADY_SHARE_MAX;
  expect(result.unsteadySeeds.length, result.unsteadySeeds.join(' ')).toBeLessThan(unsteadyMax);
}

describe('the same random commands on all types', () => {
  it('get the same replies from Kora and from redis-server', { timeout: 150_000 }, async () => {
    const kora = await startKora(KORA_CORPUS_FLAGS);
    const pair = new ServerPair(kora, reference!);
    try {
      await expectNothingParts((stream) => playStream(pair, stream));
    } finally {
      pair.restart('2');
      await kora.stop();
    }
  });

  it('give the same values in this process', { timeout: 150_000 }, async () => {
    const engine = await openEmbeddedEngine();
    const pair = new EmbeddedPair(engine, reference!);
    try {
      await expectNothingParts((stream) => pair.play(stream));
    } finally {
      pair.close();
      engine.close();
    }
  });
});
