/**
 * While a transaction stands between two of its steps its keys neither expire nor are evicted in
 * the background, while others are; commands see deadlines as ever; and once it is over all is as
 * before. Memory that held keys alone could give is no end of eviction.
 */
import { describe, expect, it } from 'vitest';
import { slotOfKey } from '../bytes/crc16.hot.ts';
import { SCRATCH_BYTES } from '../limits.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { LockedKeys } from './locked-keys.ts';
import { lockOf, SlotLocks } from './slot-locks.ts';

const MINUTE_MS = 60_000;

interface Locked {
  readonly driver: CommandDriver;
  readonly guard: LockedKeys;
  readonly end: () => void;
}

/** A transaction that has locked the slots of these keys, each for reading or for writing. */
function locked(keys: readonly string[], settings: Readonly<Record<string, string>> = {}): Locked {
  const driver = new CommandDriver({ settings });
  const locks = new SlotLocks();
  const owner = locks.open(locks.listen({ onLocked: () => undefined }));
  const slots = [...new Set(keys.map((key) => slotOfKey(Buffer.from(key), 0, key.length)))];
  slots.sort((a, b) => a - b);
  for (const [i, slot] of slots.entries()) locks.addSlot(owner, lockOf(slot, i % 2 === 0));
  locks.enter(owner);
  const guard = new LockedKeys(driver.shard, locks);
  guard.begin();
  return { driver, guard, end: () => {
    guard.end();
    locks.leave(owner);
  } };
}

describe('keys that a transaction has locked', () => {
  it('do not expire in the background until it is over', () => {
    const { driver, end } = locked(['held', 'hash']);
    for (const key of ['held', 'free']) driver.run('SET', key, 'v', 'PX', '1000');
    driver.run('HSET', 'hash', 'f', 'v', 'g', 'v');
    driver.run('HPEXPIRE', 'hash', '1000', 'FIELDS', '1', 'f');
    const { stats } = driver.shard;
    driver.clock.advance(MINUTE_MS);
    let slices = 0;
    while (driver.shard.maintain()) expect(++slices, 'slices without an end').toBeLessThan(100);
    driver.shard.atInstant(driver.clock.nowMs() - MINUTE_MS, () => {
      expect(driver.run('MGET', 'held', 'free')).toBe('*[$"v" _]');
      expect(driver.run('HLEN', 'hash')).toBe(':2');
    });
    end();
    expect(driver.shard.guard).toBeNull();
    driver.clock.advance(1000);
    driver.settle();
    const { dict } = driver.shard.keyspace.databases[0] ?? {};
    expect(dict?.count()).toBe(1);
    expect(driver.run('HLEN', 'hash')).toBe(':1');
    expect(stats.counts.length).toBeGreaterThan(0);
  });

  it('expire by a command that looks for them', () => {
    const { driver } = locked(['held']);
    driver.run('SET', 'held', 'v', 'PX', '1000');
    driver.clock.advance(MINUTE_MS);
    expect(driver.run('GET', 'held')).toBe('_');
  });

  it.each([
    'allkeys-lru', 'allkeys-lfu', 'allkeys-random', 'volatile-lru', 'volatile-random',
    'volatile-ttl',
  ])(
    'are passed over by eviction, %s',
    (policy) => {
      const held = Array.from({ length: 40 }, (_, i) => `held${i}`);
      const { driver, end } = locked(held, { 'maxmemory-policy': policy });
      for (const key of held) driver.run('SET', key, 'v', 'PX', '1000');
      for (let i = 0; i < 200; i++) driver.run('SET', `free${i}`, 'v', 'PX', String(2000 + i));
      const { evictor } = driver.shard.maintenance;
      while (evictor.evictOne());
      expect(driver.run('EXISTS', ...held)).toBe(':40');
      expect(Number(driver.run('DBSIZE').slice(1))).toBeLessThan(80);
      driver.settings.load([['maxmemory', '1']]);
      expect(driver.shard.ensureMemory(), 'held keys may go later').toBe(true);
      expect(driver.run('EXISTS', ...held)).toBe(':40');
      end();
      expect(driver.shard.ensureMemory()).toBe(false);
      expect(driver.run('DBSIZE')).toBe(':0');
    },
  );

  it('are all that are too long to look at', () => {
    const { driver, guard } = locked(['other']);
    const long = 'k'.repeat(SCRATCH_BYTES + 1);
    driver.run('SET', long, 'v');
    driver.run('SET', 'short', 'v');
    const refOf = (key: string): number => {
      const { memory, keyspace } = driver.shard;
      const ref = memory.lowAllocator.alloc(key.length);
      memory.low.set(Buffer.from(key), ref * 8);
      return keyspace.find(keyspace.databases[0]!, ref * 8, key.length);
    };
    expect(guard.holds(refOf(long))).toBe(true);
    expect(guard.holds(refOf('short'))).toBe(false);
  });

  it('are held until the last of several transactions is over', () => {
    const { driver, guard } = locked(['held']);
    guard.begin();
    guard.end();
    expect(driver.shard.guard).toBe(guard);
    guard.end();
    expect(driver.shard.guard).toBeNull();
    expect(() => {
      guard.end();
    }).toThrow(/what ends has begun/);
  });
});

describe('a lock table that is paused', () => {
  it('tells nobody until it goes on, and then all in their order', () => {
    const locks = new SlotLocks();
    const told: number[] = [];
    const listener = locks.listen({ onLocked: (owner) => void told.push(owner) });
    const owners = [1, 1, 2].map((slot) => {
      const owner = locks.open(listener);
      locks.addSlot(owner, lockOf(slot, true));
      return owner;
    });
    const [first, second, third] = owners as [number, number, number]; // Three were opened.
    locks.enter(first);
    locks.enter(second);
    expect(locks.pause()).toBe(true);
    expect(locks.pause()).toBe(false);
    locks.leave(first);
    locks.enter(third);
    expect(told).toEqual([first]);
    expect(locks.hasAll(second)).toBe(true);
    locks.resume();
    expect(told).toEqual([first, second, third]);
    locks.leave(second);
    locks.leave(third);
    expect(locks.count).toBe(0);
  });
});
