/**
 * HSCAN stands for the scans of collections: a field that is there all along is met whatever comes
 * and goes between the steps; steps are bounded; MATCH takes elements of any length; options and
 * cursors are read as Redis reads them.
 */
import { describe, expect, it } from 'vitest';
import { CommandDriver } from '../../testing/command-driver.ts';
import { randomSource } from '../../testing/random-source.ts';
import type { RecordedReply } from '../../testing/recorded-reply.ts';

interface Step {
  readonly cursor: string;
  readonly items: readonly string[];
}

function textOf(reply: RecordedReply | undefined): string {
  if (reply === undefined || !('text' in reply)) throw new Error('a text');
  return reply.text;
}

function step(driver: CommandDriver, cursor: string, ...options: readonly string[]): Step {
  const reply = driver.reply('HSCAN', 'h', cursor, ...options);
  if (!('items' in reply)) throw new Error(JSON.stringify(reply));
  const [next, list] = reply.items;
  if (list === undefined || !('items' in list)) throw new Error('a step has a list');
  return { cursor: textOf(next), items: list.items.map(textOf) };
}

function fill(driver: CommandDriver, from: number, to: number): void {
  for (let i = from; i < to; i++) driver.run('HSET', 'h', `f${i}`, `v${i}`);
}

describe('scans of collections', () => {
  it.each([1, 2, 3])('meet what is there all along, whatever else changes, seed %i', (seed) => {
    const driver = new CommandDriver({ seed });
    const random = randomSource(seed);
    fill(driver, 0, 1000);
    const met = new Set<string>();
    let cursor = '0';
    let extra = 1000;
    for (let steps = 0; steps < 10_000; steps++) {
      const result = step(driver, cursor, 'COUNT', String(1 + random.below(40)));
      for (let i = 0; i < result.items.length; i += 2) met.add(result.items[i] ?? '');
      ({ cursor } = result);
      if (cursor === '0') break;
      for (let i = random.below(60); i > 0; i--) {
        if (random.chance(0.5)) fill(driver, extra, ++extra);
        else driver.run('HDEL', 'h', `f${1000 + random.below(extra - 999)}`);
      }
      if (random.chance(0.2)) driver.run('HSET', 'h', `f${random.below(1000)}`, 'x'.repeat(300));
    }
    expect(cursor, `seed ${seed}`).toBe('0');
    const missed = Array.from({ length: 1000 }, (_, i) => `f${i}`).filter((name) => !met.has(name));
    expect(missed, `seed ${seed}`).toEqual([]);
  });

  it('meet every field once while nothing changes, in steps of about COUNT', () => {
    const driver = new CommandDriver();
    fill(driver, 0, 3000);
    const met: string[] = [];
    let cursor = '0';
    let steps = 0;
    do {
      const result = step(driver, cursor, 'COUNT', '20', 'NOVALUES');
      expect(result.items.length).toBeLessThan(20 + 96);
      met.push(...result.items);
      ({ cursor } = result);
      steps++;
    } while (cursor !== '0');
    expect(new Set(met).size).toBe(3000);
    expect(met.length).toBe(3000);
    expect(steps).toBeGreaterThan(50);
  });

  it('answer a small collection whole, whatever the cursor', () => {
    const driver = new CommandDriver();
    fill(driver, 0, 300);
    for (const cursor of ['0', '7', '18446744073709551615', '-1']) {
      const result = step(driver, cursor, 'COUNT', '1');
      expect(result.cursor).toBe('0');
      expect(result.items.length).toBe(600);
    }
  });

  it('match names of any length, and nothing but names', () => {
    const driver = new CommandDriver();
    const long = `${'a'.repeat(70_000)}end`;
    const longest = `${'b'.repeat(300_000)}end`;
    driver.run('HSET', 'h', long, 'x', longest, 'y', 'end', 'z', 'other', 'end', '', 'e');
    const ending = [...step(driver, '0', 'MATCH', '*end', 'NOVALUES').items].sort();
    expect(ending).toEqual([long, longest, 'end'].sort());
    expect(step(driver, '0', 'MATCH', 'b*').items).toEqual([longest, 'y']);
    expect(step(driver, '0', 'MATCH', '*', 'NOVALUES').items).toContain('');
    expect(step(driver, '0', 'MATCH', '**', 'NOVALUES').items).not.toContain('');
    expect(step(driver, '0', 'MATCH', '').items).toEqual(['', 'e']);
  });

  it('read options in order, the last of a kind counts, and only behind a key of the type', () => {
    const driver = new CommandDriver();
    fill(driver, 0, 5);
    expect(step(driver, '0', 'MATCH', 'x', 'match', 'f1').items).toEqual(['f1', 'v1']);
    const cases: readonly (readonly [string, string])[] = [
      ['HSCAN h 0 COUNT 0', '-"ERR syntax error"'],
      ['HSCAN h 0 COUNT x FOO', '-"ERR value is not an integer or out of range"'],
      ['HSCAN h 0 FOO COUNT x', '-"ERR syntax error"'],
      ['HSCAN h 0 NOVALUES MATCH', '-"ERR syntax error"'],
      ['HSCAN nokey 0 COUNT x', '*[$"0" *[]]'],
      ['HSCAN nokey x', '-"ERR invalid cursor"'],
    ];
    for (const [line, reply] of cases) expect(driver.runLine(line), line).toBe(reply);
  });

  it('end at a cursor beyond all positions', () => {
    const driver = new CommandDriver();
    fill(driver, 0, 2000);
    expect(step(driver, '4294967296')).toEqual({ cursor: '0', items: [] });
  });
});
