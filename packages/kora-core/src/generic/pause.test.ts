/**
 * CLIENT PAUSE and commands that look at many keys: while it holds, nothing changes, whatever is
 * due; what is due is hidden from every reader all the same.
 */
import { describe, expect, it } from 'vitest';
import { CommandDriver } from '../testing/command-driver.ts';

/** A driver with ten living and ten due keys, and a pause of writes in force. */
function pausedDriver(): { readonly driver: CommandDriver; readonly changes: () => number } {
  const driver = new CommandDriver();
  for (let i = 0; i < 10; i++) {
    driver.run('SET', `living:${i}`, 'x');
    driver.run('SET', `due:${i}`, 'x', 'PX', 100);
  }
  driver.clock.advance(200);
  driver.shard.refreshClock();
  driver.shard.pause.start(driver.shard.nowMs + 60_000, false, driver.shard.nowMs);
  const before = driver.shard.journal.sequence;
  return { driver, changes: () => driver.shard.journal.sequence - before };
}

describe('while writes are paused', () => {
  it('SCAN hides keys that are due and frees none', () => {
    const { driver, changes } = pausedDriver();
    const reply = driver.run('SCAN', '0', 'COUNT', '1000');
    expect(reply.match(/living:/g)?.length).toBe(10);
    expect(reply).not.toContain('due:');
    expect(changes()).toBe(0);
    expect(driver.run('DBSIZE')).toBe(':20');
    driver.shard.pause.end();
    driver.run('SCAN', '0', 'COUNT', '1000');
    expect(changes()).toBe(10);
    expect(driver.run('DBSIZE')).toBe(':10');
  });

  it('RANDOMKEY names a living key and frees none', () => {
    const { driver, changes } = pausedDriver();
    for (let i = 0; i < 200; i++) expect(driver.run('RANDOMKEY')).toMatch(/^\$"living:/);
    expect(changes()).toBe(0);
  });

  it('RANDOMKEY finds nothing where everything is due', () => {
    const driver = new CommandDriver();
    for (let i = 0; i < 50; i++) driver.run('SET', `due:${i}`, 'x', 'PX', 100);
    driver.clock.advance(200);
    driver.shard.refreshClock();
    driver.shard.pause.start(driver.shard.nowMs + 60_000, false, driver.shard.nowMs);
    expect(driver.run('RANDOMKEY')).toBe('_');
    expect(driver.run('DBSIZE')).toBe(':50');
  });

  it('the other readers change nothing either', () => {
    const { driver, changes } = pausedDriver();
    for (const line of ['KEYS *', 'GET due:1', 'MGET due:1 due:2 due:3 due:4 living:1', 'TTL due:3',
      'EXISTS due:4 living:1', 'OBJECT ENCODING due:5', 'TOUCH due:6', 'MEMORY USAGE due:7',
      'DUMP due:8', 'LCS due:9 living:1', 'TYPE due:0', 'STRLEN due:1']) {
      expect(driver.runLine(line), line).not.toContain('due:');
    }
    driver.settle();
    expect(changes()).toBe(0);
    expect(driver.run('DBSIZE')).toBe(':20');
  });
});
