/**
 * Chance in sets: every member comes as often as any other, in every encoding and by every way of
 * choosing (a chi-squared test at a seed that is fixed, so it passes or fails for good); choices
 * hold no member twice; SPOP's journal names what was chosen, so a replay removes the same.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { contentsOf } from '../../testing/shard-contents.ts';
import { setLayout } from './set-layout.ts';

const usualLayout = { ...setLayout };

afterEach(() => {
  Object.assign(setLayout, usualLayout);
});

const shapes: readonly (readonly [string, number, string, Partial<typeof setLayout>])[] = [
  ['an intset', 60, '', {}],
  ['a pack', 60, 'm', {}],
  ['a small dict', 60, 'm', { packMembersMax: 0 }],
  ['a dict of many lines', 400, 'm', {}],
];

function filled(count: number, prefix: string): CommandDriver {
  const driver = new CommandDriver({ seed: 5 });
  driver.run('SADD', 's', ...Array.from({ length: count }, (_, i) => `${prefix}${i}`));
  return driver;
}

function texts(driver: CommandDriver, ...args: readonly string[]): string[] {
  const reply = driver.reply(...args);
  if ('text' in reply) return [reply.text];
  return 'items' in reply ? reply.items.map((item) => ('text' in item ? item.text : '')) : [];
}

/** Chi-squared of how often each of `cells` members came. */
function chiSquared(drawn: readonly string[], cells: number): number {
  const counts = new Map<string, number>();
  for (const text of drawn) counts.set(text, (counts.get(text) ?? 0) + 1);
  const expected = drawn.length / cells;
  let sum = (cells - counts.size) * expected;
  for (const count of counts.values()) sum += (count - expected) ** 2 / expected;
  return sum;
}

/** What a fair draw exceeds once in ten thousand times, about. */
function chiSquaredMax(cells: number): number {
  return cells - 1 + 3.8 * Math.sqrt(2 * (cells - 1)) + 9;
}

describe.each(shapes)('chance in %s', (_, count, prefix, layout) => {
  it('is fair to each member, one at a time', () => {
    Object.assign(setLayout, layout);
    const driver = filled(count, prefix);
    const drawn = Array.from({ length: 40 }, () => texts(driver, 'SRANDMEMBER', 's', '-1000'));
    expect(chiSquared(drawn.flat(), count)).toBeLessThan(chiSquaredMax(count));
  });

  it.each([0.05, 0.3, 0.6, 0.95])('is fair when %f of the members are chosen', (share) => {
    Object.assign(setLayout, layout);
    const driver = filled(count, prefix);
    const wanted = Math.round(count * share);
    const rounds = Math.ceil(20_000 / wanted);
    const drawn = Array.from({ length: rounds }, () => {
      const chosen = texts(driver, 'SRANDMEMBER', 's', String(wanted));
      expect(new Set(chosen).size).toBe(wanted);
      return chosen;
    });
    expect(chiSquared(drawn.flat(), count)).toBeLessThan(chiSquaredMax(count));
  });

  it.each([undefined, 7])('is fair to those that SPOP takes, count %s', (taken) => {
    Object.assign(setLayout, layout);
    const driver = filled(count, prefix);
    const drawn: string[] = [];
    for (let round = 0; round < 6000 / (taken ?? 3); round++) {
      const popped = taken === undefined
        ? texts(driver, 'SPOP', 's') : texts(driver, 'SPOP', 's', String(taken));
      expect(popped.length).toBe(taken ?? 1);
      drawn.push(...popped);
      expect(driver.run('SADD', 's', ...popped)).toBe(`:${popped.length}`);
    }
    expect(chiSquared(drawn, count)).toBeLessThan(chiSquaredMax(count));
  });

  it('is told to the journal by name', () => {
    Object.assign(setLayout, layout);
    const driver = new CommandDriver({ seed: 5 });
    const recorder = new JournalRecorder(driver.shard);
    driver.run('SADD', 's', ...Array.from({ length: count }, (__, i) => `${prefix}${i}`));
    for (const args of [[], [], ['3'], ['20'], []]) driver.run('SPOP', 's', ...args);
    const twin = new CommandDriver({ seed: 77 });
    for (const record of recorder.records) replayEffect(twin.shard, record);
    expect(contentsOf(twin.shard)).toEqual(contentsOf(driver.shard));
    driver.run('SPOP', 's', '100000');
    for (const record of recorder.records.slice(-1)) replayEffect(twin.shard, record);
    expect(contentsOf(twin.shard).size).toBe(0);
    expect(driver.run('EXISTS', 's')).toBe(':0');
  });
});
