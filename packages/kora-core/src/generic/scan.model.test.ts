/**
 * SCAN against its promise: a key that is there during the whole scan is reported, whatever else
 * grows, shrinks, expires or is scanned away between two steps; nothing is reported that was never
 * there; the work of a step is bounded; the scan ends. Random workloads whose weights vary with the
 * seed.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { CommandDriver } from '../testing/command-driver.ts';

interface Step {
  readonly cursor: string;
  readonly keys: readonly string[];
}

function scan(driver: CommandDriver, cursor: string, ...options: readonly string[]): Step {
  const reply = driver.reply('SCAN', cursor, ...options);
  if (!('items' in reply)) throw new Error(`an array, not ${JSON.stringify(reply)}`);
  const [next, list] = reply.items;
  if (next === undefined || !('text' in next)) throw new Error('a cursor');
  if (list === undefined || !('items' in list)) throw new Error('a list');
  return { cursor: next.text, keys: list.items.map((item) => ('text' in item ? item.text : '?')) };
}

/** All steps of a scan. */
function scanAll(driver: CommandDriver, ...options: readonly string[]): Step[] {
  const steps: Step[] = [];
  let cursor = '0';
  do {
    const step = scan(driver, cursor, ...options);
    steps.push(step);
    cursor = step.cursor;
    if (steps.length > 1_000_000) throw new Error('the scan does not end');
  } while (cursor !== '0');
  return steps;
}

function keysOf(steps: readonly Step[]): Set<string> {
  return new Set(steps.flatMap((step) => step.keys));
}

describe('SCAN', () => {
  it('reports every key of an unchanging database exactly once', () => {
    const driver = new CommandDriver();
    for (let i = 0; i < 3000; i++) driver.run('SET', `k${i}`, 'v');
    const steps = scanAll(driver, 'COUNT', '17');
    expect(steps.flatMap((step) => step.keys)).toHaveLength(3000);
    expect(keysOf(steps).size).toBe(3000);
  });

  it('keeps a step near COUNT entries, and near ten lines for each in a sparse table', () => {
    const driver = new CommandDriver();
    for (let i = 0; i < 20_000; i++) driver.run('SET', `k${i}`, 'v');
    for (const step of scanAll(driver)) expect(step.keys.length).toBeLessThan(10 + 30);
    for (const step of scanAll(driver, 'COUNT', '100')) {
      expect(step.keys.length).toBeLessThan(100 + 30);
    }
    expect(scanAll(driver, 'COUNT', '1000000')).toHaveLength(1);
  });

  it('filters by pattern and type, after counting', () => {
    const driver = new CommandDriver();
    for (let i = 0; i < 500; i++) driver.run('SET', `k${i}`, 'v');
    driver.run('SET', '\x00\xff', 'v');
    const found = keysOf(scanAll(driver, 'MATCH', 'k1?', 'COUNT', '5'));
    const expected = Array.from({ length: 10 }, (_, i) => `k1${i}`);
    expect([...found].sort()).toEqual(expected);
    expect([...keysOf(scanAll(driver, 'MATCH', '\x00*'))]).toEqual(['\x00\xff']);
    expect(keysOf(scanAll(driver, 'TYPE', 'STRING')).size).toBe(501);
    expect(keysOf(scanAll(driver, 'TYPE', 'list')).size).toBe(0);
    expect(keysOf(scanAll(driver, 'TYPE', 'nosuch')).size).toBe(0);
    expect(keysOf(scanAll(driver, 'match', 'x', 'MATCH', 'k7', 'TYPE', 'string')).size).toBe(1);
  });

  it('frees what is due on its way and does not report it', () => {
    const driver = new CommandDriver();
    for (let i = 0; i < 2000; i++) {
      driver.run('SET', `k${i}`, 'v', 'PX', i % 2 === 0 ? '10' : '10000');
    }
    driver.clock.advance(11);
    const found = keysOf(scanAll(driver, 'COUNT', '50'));
    expect(found.size).toBe(1000);
    expect([...found].every((key) => Number(key.slice(1)) % 2 === 1)).toBe(true);
    expect(driver.run('DBSIZE')).toBe(':1000');
  });

  it('answers errors in the order of its arguments', () => {
    const driver = new CommandDriver();
    const replies = [
      ['SCAN x FOO', '-"ERR invalid cursor"'],
      ['SCAN 5 FOO', '-"ERR syntax error"'],
      ['SCAN 0 MATCH', '-"ERR syntax error"'],
      ['SCAN 0 COUNT', '-"ERR syntax error"'],
      ['SCAN 0 COUNT 0 FOO', '-"ERR syntax error"'],
      ['SCAN 0 COUNT x FOO', '-"ERR value is not an integer or out of range"'],
      ['SCAN 0 COUNT +5', '-"ERR value is not an integer or out of range"'],
      ['SCAN 0 COUNT -9223372036854775808', '-"ERR syntax error"'],
      ['SCAN 0 COUNT 9223372036854775807', '*[$"0" *[]]'],
      ['SCAN 18446744073709551615', '*[$"0" *[]]'],
      ['SCAN ""', '*[$"0" *[]]'],
      ['SCAN', `-"ERR wrong number of arguments for 'scan' command"`],
    ];
    for (const [line, reply] of replies) expect(driver.runLine(line ?? ''), line).toBe(reply);
  });

  it('takes any cursor without harm', () => {
    const driver = new CommandDriver();
    for (let i = 0; i < 100; i++) driver.run('SET', `k${i}`, 'v');
    const chance = new SeededChance(3);
    for (let i = 0; i < 500; i++) {
      const step = scan(driver, String(chance.next32() >>> 0));
      for (const key of step.keys) expect(key).toMatch(/^k\d+$/);
    }
    expect(scan(driver, '4294967296')).toEqual({ cursor: '0', keys: [] });
  });
});

/** One scan with changes between its steps; returns what it failed to report. */
function scanWhileChanging(seed: number): readonly string[] {
  const driver = new CommandDriver({ seed });
  const chance = new SeededChance(seed);
  const below = (n: number): number => (chance.next32() >>> 0) % n;
  const stays = 1 + below(400);
  for (let i = 0; i < stays; i++) driver.run('SET', `stays:${i}`, 'v');
  const initial = below(3) * 1500;
  for (let i = 0; i < initial; i++) driver.run('SET', `comes:${i}`, 'v', 'PX', 1 + below(200));
  const weights = { add: below(4), remove: below(4), time: below(2), rename: below(3) };
  const count = String(1 + below(60));
  const found = new Set<string>();
  let cursor = '0';
  let steps = 0;
  do {
    const step = scan(driver, cursor, 'COUNT', count);
    for (const key of step.keys) found.add(key);
    cursor = step.cursor;
    for (let i = 0; i < weights.add * 40; i++) driver.run('SET', `comes:${below(6000)}`, 'v');
    for (let i = 0; i < weights.remove * 60; i++) driver.run('DEL', `comes:${below(6000)}`);
    for (let i = 0; i < weights.rename * 10; i++) {
      driver.run('RENAME', `comes:${below(6000)}`, `goes:${below(1000)}`);
    }
    if (weights.time > 0) driver.advance(below(40));
    if (++steps > 100_000) throw new Error(`seed ${seed}: the scan does not end`);
  } while (cursor !== '0');
  const missing: string[] = [];
  for (let i = 0; i < stays; i++) if (!found.has(`stays:${i}`)) missing.push(`stays:${i}`);
  for (const key of found) {
    if (!/^(stays|comes|goes):\d+$/.test(key)) missing.push(`invented ${key}`);
  }
  return missing;
}

describe('SCAN while the data changes', () => {
  it('misses no key that is there all along', () => {
    for (let seed = 1; seed <= 24; seed++) {
      expect(scanWhileChanging(seed), `seed ${seed}`).toEqual([]);
    }
  });

  it('ends when the keys it reports are deleted, and empties the database', () => {
    const driver = new CommandDriver();
    for (let i = 0; i < 2000; i++) driver.run('SET', `k${i}`, 'v');
    let cursor = '0';
    let deleted = 0;
    do {
      const step = scan(driver, cursor);
      for (const key of step.keys) deleted += driver.run('DEL', key) === ':1' ? 1 : 0;
      cursor = step.cursor;
    } while (cursor !== '0');
    expect(deleted).toBe(2000);
    expect(driver.run('DBSIZE')).toBe(':0');
  });
});
