/**
 * HRANDFIELD: with a positive count different fields, with a negative one as many as asked for;
 * every field as likely as any other, in each encoding and way of drawing; the forms of both RESP
 * versions.
 */
import { describe, expect, it } from 'vitest';
import { CommandDriver } from '../../testing/command-driver.ts';

function hashOf(fields: number, seed = 1): CommandDriver {
  const driver = new CommandDriver({ seed });
  for (let i = 0; i < fields; i++) driver.run('HSET', 'h', `f${i}`, `v${i}`);
  return driver;
}

function drawn(driver: CommandDriver, ...args: readonly string[]): string[] {
  const reply = driver.reply('HRANDFIELD', 'h', ...args);
  if ('text' in reply) return [reply.text];
  if (!('items' in reply)) return [];
  return reply.items.map((item) => ('text' in item ? item.text : ''));
}

/** Chi-square of how often each of `fields` came up. */
function unevenness(fields: number, names: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const expected = names.length / fields;
  let sum = 0;
  for (let i = 0; i < fields; i++) sum += ((counts.get(`f${i}`) ?? 0) - expected) ** 2 / expected;
  return sum;
}

describe('HRANDFIELD', () => {
  it.each([[5, '1'], [5, '3'], [40, '-50'], [200, '-50'], [200, '10'], [200, '100']])(
    'draws evenly from %i fields with count %s',
    (fields, count) => {
      const seed = 11;
      const driver = hashOf(fields, seed);
      const names: string[] = [];
      while (names.length < fields * 200) names.push(...drawn(driver, count));
      // About fields +- 5 standard deviations of a chi-square.
      const bound = fields + 6 * Math.sqrt(2 * fields);
      expect(unevenness(fields, names), `seed ${seed}`).toBeLessThan(bound * 1.3);
    },
  );

  it.each([10, 300])('gives different fields for a positive count, of %i', (fields) => {
    const driver = hashOf(fields);
    for (const count of [1, 3, 9, fields - 1, fields, fields + 5]) {
      const names = drawn(driver, String(count));
      expect(new Set(names).size).toBe(Math.min(count, fields));
      expect(names.length).toBe(Math.min(count, fields));
    }
  });

  it('repeats for a negative count, and keeps pairs together', () => {
    const driver = hashOf(3);
    expect(drawn(driver, '-20').length).toBe(20);
    const flat = drawn(driver, '-20', 'WITHVALUES');
    expect(flat.length).toBe(40);
    for (let i = 0; i < 40; i += 2) expect(flat[i + 1]).toBe(`v${flat[i]?.slice(1) ?? ''}`);
    driver.client.resp = 3;
    const one = driver.run('HRANDFIELD', 'h', '-1', 'WITHVALUES');
    expect(one).toMatch(/^\*\[\*\[\$"f\d" \$"v\d"\]\]$/);
    const three = driver.run('HRANDFIELD', 'h', '3', 'WITHVALUES');
    expect(three).toMatch(/^\*\[\*\[.*\] \*\[.*\] \*\[/);
  });

  it('refuses to draw without end', () => {
    const driver = hashOf(3);
    expect(driver.run('HRANDFIELD', 'h', '-9000000000')).toBe('-"ERR value is out of range"');
    expect(driver.run('HRANDFIELD', 'h', '9000000000')).toMatch(/^\*\[/);
  });

  it('draws living fields only, evenly, while others wait to be freed', () => {
    const driver = hashOf(100, 5);
    const due = Array.from({ length: 60 }, (_, i) => `f${i + 40}`);
    driver.run('HPEXPIRE', 'h', '5', 'FIELDS', '60', ...due);
    driver.clock.advance(50);
    const names: string[] = [];
    for (let i = 0; i < 200; i++) names.push(...drawn(driver, '-20'), ...drawn(driver, '20'));
    expect(new Set(names).size).toBe(40);
    expect(unevenness(40, names)).toBeLessThan(120);
    expect(drawn(driver, '70').length).toBe(40);
  });
});
