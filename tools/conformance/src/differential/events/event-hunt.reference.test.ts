/**
 * Keyspace events judged by redis-server: streams of commands on keys and on all types, from a seed
 * that changes every day, for a bounded time. Every command must publish the same events, in the
 * same order. A failure prints the seed and the shortest requests that show it.
 * Needs redis-server 7.0.15 on the PATH.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  REFERENCE_CORPUS_FLAGS, startReference, type RunningServer,
} from '../../server-process.ts';
import { hunt } from '../hunt.ts';
import { streamOf, type Stream } from '../stream.ts';
import { typeStreamOf } from '../types/type-stream.ts';
import { EventPair } from './play-events.ts';

const HUNT_MS_MAX = Number(process.env['KORA_HUNT_MS'] ?? 20_000);
const ROUNDS_MIN = 30;
const REPORTS_MAX = Number(process.env['KORA_HUNT_REPORTS'] ?? 3);
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

async function expectSameEvents(make: (seed: number) => Stream): Promise<void> {
  const seedOfDay = (Math.floor(Date.now() / MS_PER_DAY) % 100_000) * SEEDS_PER_DAY;
  const seed = Number(process.env['KORA_HUNT_SEED'] ?? seedOfDay);
  const endMs = performance.now() + HUNT_MS_MAX;
  const pair = new EventPair(reference!);
  try {
    const result = await hunt((stream) => pair.play(stream), seed, {
      roundsMax: SEEDS_PER_DAY,
      reportsMax: REPORTS_MAX,
      mayContinue: () => performance.now() < endMs,
      streamOf: make,
    });
    const where = `seeds ${seed} to ${seed + result.rounds - 1}`;
    expect(result.reports.join('\n\n'), where).toBe('');
    expect(result.rounds, `${where}: a slow machine plays fewer`).toBeGreaterThan(ROUNDS_MIN);
  } finally {
    pair.close();
  }
}

describe('the same random commands publish the same keyspace events', () => {
  it('of keys and strings', { timeout: 300_000 }, async () => {
    await expectSameEvents(streamOf);
  });

  it('of all types', { timeout: 300_000 }, async () => {
    await expectSameEvents(typeStreamOf);
  });
});
