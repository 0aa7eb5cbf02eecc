/**
 * The background work of a shard that is looked at only when it says so, against a twin that is
 * looked at every 100 ms: same commands, same clock. Keys go, memory is given back and databases
 * are freed no later than a tick after the twin's; and a shard that has nothing to do says so.
 */
import { expect, it } from 'vitest';
import { CommandDriver } from '../testing/command-driver.ts';
import { GarbageAdvisor } from '../testing/garbage-advisor.ts';
import { KeyspaceFixture } from '../testing/keyspace-fixture.ts';
import { randomSource } from '../testing/random-source.ts';
import { GIVE_BACK_PERIOD_MS } from './give-back.ts';

const TICK_MS = 100;
const REST_MS_MAX = 1000;
const START_MS = 1_700_000_000_000;

/** A shard whose background work happens at times of its own choice, or at every tick. */
class Twin {
  readonly driver: CommandDriver;
  slices = 0;
  readonly #rests: boolean;
  #nextMs = START_MS;

  constructor(seed: number, rests: boolean) {
    this.#rests = rests;
    this.driver = new CommandDriver({ seed, startMs: START_MS });
    new GarbageAdvisor(this.driver.memory);
  }

  run(...words: string[]): string {
    const reply = this.driver.run(...words);
    this.#tickSoon();
    return reply;
  }

  pause(ms: number): void {
    const { clock, shard } = this.driver;
    shard.pause.start(clock.nowMs() + ms, false, clock.nowMs());
    this.#tickSoon();
  }

  /** As after every turn that did something. */
  #tickSoon(): void {
    this.#nextMs = Math.min(this.#nextMs, this.driver.clock.nowMs() + TICK_MS);
  }

  /** Lets time pass to an instant. */
  passTo(endMs: number): void {
    const { clock, shard } = this.driver;
    for (;;) {
      const nowMs = clock.nowMs();
      if (this.#nextMs > endMs) {
        clock.advance(Math.max(0, endMs - nowMs));
        return;
      }
      clock.advance(Math.max(0, this.#nextMs - nowMs));
      do this.slices++;
      while (shard.maintain());
      const restMs = this.#rests ? shard.maintenance.restMs(REST_MS_MAX) : 0;
      this.#nextMs = clock.nowMs() + Math.max(TICK_MS, restMs);
    }
  }

  get keys(): number {
    return this.driver.shard.keyspace.databases.reduce((sum, { count }) => sum + count, 0);
  }

  get offeredBytes(): number {
    return this.driver.shard.maintenance.giveBack.offeredBytes;
  }
}

it.each([1, 2, 3, 4])('is done in time, seed %i', (seed) => {
  const random = randomSource(seed);
  const [resting, ticking] = [new Twin(seed, true), new Twin(seed, false)];
  const both = (...words: string[]): void => {
    expect(resting.run(...words)).toBe(ticking.run(...words));
  };
  let nowMs = START_MS;
  let pausedUntilMs = 0;
  for (let step = 0; step < 400; step++) {
    const context = `seed ${seed} step ${step}`;
    // Commands would wait while the shards are paused; their own work does.
    const kind = nowMs < pausedUntilMs ? -1 : random.below(12);
    const key = `key${random.below(50)}`;
    if (kind >= 0 && kind < 3) both('SET', key, 'value', 'PX', String(1 + random.below(20_000)));
    else if (kind === 3) both('SET', key, 'x'.repeat(3_000_000));
    else if (kind === 4) both('HSETEX', key, 'PX', '2500', 'FIELDS', '1', 'field', 'value');
    else if (kind === 5) both('UNLINK', `key${random.below(50)}`, `key${random.below(50)}`);
    else if (kind === 6 && random.chance(0.2)) both('FLUSHALL', 'ASYNC');
    else if (kind === 7 && random.chance(0.5)) {
      const ms = random.below(1500);
      pausedUntilMs = nowMs + ms;
      for (const twin of [resting, ticking]) twin.pause(ms);
    }
    nowMs += random.below(4) === 0 ? random.below(8000) : random.below(300);
    // A tick of the wheel and one of the shard: what the twin has freed before is freed here.
    ticking.passTo(nowMs - 2 * TICK_MS);
    const keysBefore = ticking.keys;
    for (const twin of [resting, ticking]) twin.passTo(nowMs);
    expect(resting.keys, context).toBeLessThanOrEqual(keysBefore);
  }
  nowMs = Math.max(nowMs, pausedUntilMs);
  for (const twin of [resting, ticking]) twin.passTo(nowMs);
  both('FLUSHALL');
  for (const twin of [resting, ticking]) twin.passTo(nowMs + 4 * GIVE_BACK_PERIOD_MS);
  expect(ticking.offeredBytes).toBeGreaterThan(0);
  expect(resting.driver.memory.usedBytes()).toBe(ticking.driver.memory.usedBytes());
  expect(resting.slices).toBeLessThan(ticking.slices / 2);
  const before = [resting.slices, resting.offeredBytes];
  resting.passTo(nowMs + 60_000);
  expect(resting.slices - before[0]!).toBeLessThan(60);
  expect(resting.offeredBytes).toBe(before[1]);
});

it('looks at freed memory when its period ends, and no more when it was given back', () => {
  const fixture = new KeyspaceFixture();
  const { maintenance, memory } = fixture.shard;
  new GarbageAdvisor(memory);
  const restMs = (): number => maintenance.restMs(5 * GIVE_BACK_PERIOD_MS);
  expect(restMs()).toBe(5 * GIVE_BACK_PERIOD_MS);
  for (let i = 0; i < 4000; i++) fixture.set(`k${i}`, 1000);
  for (let i = 0; i < 4000; i++) fixture.remove(`k${i}`);
  fixture.advance(300);
  while (fixture.shard.maintain());
  for (let periods = 0; restMs() < 5 * GIVE_BACK_PERIOD_MS; periods++) {
    expect(periods).toBeLessThan(4);
    expect(restMs()).toBe(periods === 0 ? GIVE_BACK_PERIOD_MS - 300 : GIVE_BACK_PERIOD_MS);
    fixture.advance(restMs());
    while (fixture.shard.maintain());
  }
  expect(maintenance.giveBack.offeredBytes).toBeGreaterThan(3_000_000);
});
