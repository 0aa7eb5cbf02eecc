/**
 * GET and SET without a reply: the same data, counters and journal as the commands leave behind.
 */
import { describe, expect, it } from 'vitest';
import { CommandDriver } from '../../testing/command-driver.ts';
import {
  directValueAt, directValueBytes, findDirect, NOT_DIRECT, storeDirect,
} from './string-direct.ts';

/** Puts text arguments into the driver's frame, the name left empty, and calls. */
function direct<Result>(
  driver: CommandDriver, args: readonly string[], use: () => Result,
): Result {
  const { low, lowAllocator } = driver.memory;
  const refs = args.map((text) => lowAllocator.alloc(Math.max(1, text.length)));
  refs.forEach((ref, i) => low.set(Buffer.from(args[i] ?? ''), ref * 8));
  driver.frame.bind(
    Int32Array.from([0, ...refs.map((ref) => ref * 8)]),
    Int32Array.from([0, ...args.map((text) => text.length)]),
    args.length + 1,
  );
  driver.frame.client = driver.client;
  driver.shard.refreshClock();
  const result = use();
  for (const ref of refs) lowAllocator.free(ref);
  return result;
}

function find(driver: CommandDriver, key: string): string | number {
  const { shard, memory } = driver;
  const ref = direct(driver, [key], () => findDirect(shard, driver.frame));
  if (ref <= 0) return ref;
  const bytes = directValueBytes(shard, ref);
  memory.kernel.copy(shard.scratchAt, directValueAt(shard, ref), bytes);
  return Buffer.from(memory.low.slice(shard.scratchAt, shard.scratchAt + bytes)).toString();
}

describe('direct strings', () => {
  it('are found as GET finds them, and counted as hits and misses', () => {
    const driver = new CommandDriver();
    const other = new CommandDriver();
    for (const each of [driver, other]) {
      each.run('SET', 'k', 'value');
      each.run('SET', 'soon', 'gone', 'PX', '10');
      each.clock.advance(11);
    }
    expect(find(driver, 'k')).toBe('value');
    expect(find(driver, 'soon')).toBe(0);
    expect(find(driver, 'none')).toBe(0);
    for (const key of ['k', 'soon', 'none']) other.run('GET', key);
    const counted = (each: CommandDriver): string => String(each.run('INFO', 'stats'))
      .split('\\r\\n').filter((line) => /^(keyspace|expired_keys)/.test(line)).join();
    expect(counted(driver)).toBe(counted(other));
  });

  it('leave ropes to the command, and count nothing then', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'k', 'x'.repeat(70_000));
    const before = [...driver.shard.stats.counts];
    expect(find(driver, 'k')).toBe(NOT_DIRECT);
    expect([...driver.shard.stats.counts]).toEqual(before);
  });

  it('are stored as SET stores them: no deadline, one journal entry, the same bytes used', () => {
    const driver = new CommandDriver();
    const other = new CommandDriver();
    for (const each of [driver, other]) each.run('SET', 'k', 'old', 'PX', '1000');
    const store = (): boolean => storeDirect(driver.shard, driver.frame);
    expect(direct(driver, ['k', 'new value'], store)).toBe(true);
    other.run('SET', 'k', 'new value');
    for (const each of [driver, other]) {
      expect([each.run('GET', 'k'), each.run('PTTL', 'k')]).toEqual(['$"new value"', ':-1']);
    }
    expect(driver.shard.journal.sequence).toBe(other.shard.journal.sequence);
    expect(driver.shard.mutations).toBe(other.shard.mutations);
    expect(driver.memory.arenaAllocator.usedBytes()).toBe(other.memory.arenaAllocator.usedBytes());
  });
});
