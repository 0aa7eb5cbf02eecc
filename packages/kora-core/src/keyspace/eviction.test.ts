/**
 * Eviction by policy: what stays, what goes, what is announced; bounded work a call; one limit for
 * several shards; nothing while paused. Keys are counted by name, not by chance: shares have slack.
 */
import { describe, expect, it } from 'vitest';
import { EVICTION_STEPS_PER_COMMAND_MAX } from '../limits.ts';
import { EvictionPolicy } from '../settings/shard-settings.ts';
import { KeyspaceFixture } from '../testing/keyspace-fixture.ts';
import type { KeyspaceFixtureOptions } from '../testing/keyspace-fixture.ts';
import { checkAtMost, checkSame } from '../testing/quick-checks.ts';
import { EffectReason } from './effect.ts';
import { MemoryBudget } from './memory-budget.ts';
import { Stat } from './statistics.ts';

const KEYS = 6_000;

function newFixture(policy: number, options: KeyspaceFixtureOptions = {}): KeyspaceFixture {
  const fixture = new KeyspaceFixture(options);
  const { settings, keyspace } = fixture.shard;
  settings.maxmemoryPolicy = policy;
  const isLfu = policy === EvictionPolicy.AllKeysLfu || policy === EvictionPolicy.VolatileLfu;
  keyspace.access.isLfu = isLfu ? 1 : 0;
  return fixture;
}

/** Fills with KEYS keys of 100 bytes; every second one gets a deadline, low numbers first. */
function fill(fixture: KeyspaceFixture, hasDeadlines: boolean): void {
  for (let i = 0; i < KEYS; i++) {
    fixture.set(`k${i}`, 100, hasDeadlines && i % 2 === 1 ? 100_000 + i * 10 : undefined);
  }
}

/** Sets the limit so that about `share` of what is used must go, and runs to the end. */
function evictShare(fixture: KeyspaceFixture, share: number): void {
  const { shard } = fixture;
  const empty = new KeyspaceFixture().shard.usedBytes();
  const used = shard.usedBytes() - empty;
  shard.settings.maxmemoryBytes = Math.floor(empty + used * (1 - share));
  for (let calls = 0; shard.usedBytes() > shard.settings.maxmemoryBytes; calls++) {
    if (calls > 50) throw new Error('eviction does not come to an end');
    expect(shard.ensureMemory()).toBe(true);
  }
}

function survivors(fixture: KeyspaceFixture, keep: (i: number) => boolean): number {
  let count = 0;
  for (let i = 0; i < KEYS; i++) if (keep(i) && fixture.check(`k${i}`) === 100) count++;
  return count;
}

const isOdd = (i: number): boolean => i % 2 === 1;
const isEven = (i: number): boolean => i % 2 === 0;
const isHot = (i: number): boolean => i % 4 < 2;

describe('Evictor, a limit above the size of the arena', () => {
  for (const policy of ['AllKeysLru', 'VolatileTtl', 'NoEviction'] as const) {
    it(`${policy} meets the end of the arena`, () => {
      const fixture = newFixture(EvictionPolicy[policy], { bytesMax: 16 * 1024 * 1024 });
      const { shard } = fixture;
      shard.settings.maxmemoryBytes = 1024 * 1024 * 1024;
      let refused = 0;
      for (let i = 0; i < 40_000; i++) {
        checkSame(shard.ensureMemory(), true, `key ${i}`);
        if (!fixture.set(`k${i}`, 300 + (i % 400), 1_000_000)) refused++;
      }
      if (policy === 'NoEviction') expect(refused).toBeGreaterThan(0);
      else expect(refused).toBe(0);
    });
  }

  it('lets commands pass that find the arena full of keys it may not evict', () => {
    const fixture = newFixture(EvictionPolicy.VolatileTtl, { bytesMax: 4 * 1024 * 1024 });
    fixture.shard.settings.maxmemoryBytes = 1024 * 1024 * 1024;
    while (fixture.set(`k${fixture.database().count}`, 100));
    expect(fixture.shard.ensureMemory()).toBe(true);
  });
});

describe('Evictor, policies', () => {
  it('noeviction refuses above the limit and evicts nothing', () => {
    const fixture = newFixture(EvictionPolicy.NoEviction);
    fill(fixture, true);
    const used = fixture.shard.usedBytes();
    fixture.shard.settings.maxmemoryBytes = used;
    expect(fixture.shard.ensureMemory()).toBe(true);
    fixture.shard.settings.maxmemoryBytes = used - 1;
    expect(fixture.shard.ensureMemory()).toBe(false);
    expect(fixture.database().count).toBe(KEYS);
    fixture.remove('k0');
    expect(fixture.shard.ensureMemory()).toBe(true);
    fixture.shard.settings.maxmemoryBytes = 0;
    expect(fixture.shard.ensureMemory()).toBe(true);
  });

  for (const policy of ['AllKeysLru', 'VolatileLru'] as const) {
    it(`${policy} keeps what was used lately`, () => {
      const fixture = newFixture(EvictionPolicy[policy]);
      fill(fixture, policy === 'VolatileLru');
      fixture.advance(60_000);
      for (let i = 0; i < KEYS; i++) if (isHot(i)) fixture.touch(`k${i}`);
      fixture.advance(5_000);
      evictShare(fixture, 0.2);
      const isTaken = policy === 'VolatileLru' ? isOdd : () => true;
      const hot = survivors(fixture, (i) => isTaken(i) && isHot(i));
      const cold = survivors(fixture, (i) => isTaken(i) && !isHot(i));
      const each = policy === 'VolatileLru' ? KEYS / 4 : KEYS / 2;
      expect(hot / each).toBeGreaterThan(0.98);
      expect(cold / each).toBeLessThan(0.7);
      if (policy === 'VolatileLru') expect(survivors(fixture, isEven)).toBe(KEYS / 2);
    });
  }

  for (const policy of ['AllKeysLfu', 'VolatileLfu'] as const) {
    it(`${policy} keeps what is used often, though not lately`, () => {
      const fixture = newFixture(EvictionPolicy[policy]);
      fill(fixture, policy === 'VolatileLfu');
      for (let round = 0; round < 12; round++) {
        for (let i = 0; i < KEYS; i++) if (isHot(i)) fixture.touch(`k${i}`);
      }
      fixture.advance(2_000);
      for (let i = 0; i < KEYS; i++) if (!isHot(i)) fixture.touch(`k${i}`);
      evictShare(fixture, 0.15);
      const isTaken = policy === 'VolatileLfu' ? isOdd : () => true;
      const hot = survivors(fixture, (i) => isTaken(i) && isHot(i));
      const cold = survivors(fixture, (i) => isTaken(i) && !isHot(i));
      expect(hot).toBeGreaterThan(cold * 1.2);
      if (policy === 'VolatileLfu') expect(survivors(fixture, isEven)).toBe(KEYS / 2);
    });
  }

  it('volatile-ttl takes what is due first', () => {
    const fixture = newFixture(EvictionPolicy.VolatileTtl);
    fill(fixture, true);
    evictShare(fixture, 0.25);
    expect(survivors(fixture, isEven)).toBe(KEYS / 2);
    const soon = survivors(fixture, (i) => isOdd(i) && i < KEYS / 2);
    const late = survivors(fixture, (i) => isOdd(i) && i >= KEYS / 2);
    expect(late / (KEYS / 4)).toBeGreaterThan(0.85);
    expect(soon).toBeLessThan(late / 3);
  });

  it('the random policies take from everywhere, volatile-random only keys with a deadline', () => {
    const all = newFixture(EvictionPolicy.AllKeysRandom);
    fill(all, true);
    evictShare(all, 0.5);
    for (const part of [0, 1, 2, 3]) {
      const left = survivors(all, (i) => Math.floor(i / (KEYS / 4)) === part) / (KEYS / 4);
      expect(left).toBeGreaterThan(0.4);
      expect(left).toBeLessThan(0.6);
    }
    const some = newFixture(EvictionPolicy.VolatileRandom);
    fill(some, true);
    evictShare(some, 0.25);
    expect(survivors(some, isEven)).toBe(KEYS / 2);
    for (const part of [0, 1]) {
      const left = survivors(some, (i) => isOdd(i) && Math.floor(i / (KEYS / 2)) === part);
      expect(left / (KEYS / 4)).toBeGreaterThan(0.4);
      expect(left / (KEYS / 4)).toBeLessThan(0.65);
    }
  });

  for (const policy of ['VolatileLru', 'VolatileLfu', 'VolatileRandom', 'VolatileTtl'] as const) {
    it(`${policy} finds the few keys with a deadline among many, then gives up`, () => {
      const fixture = newFixture(EvictionPolicy[policy]);
      for (let i = 0; i < 30_000; i++) fixture.set(`plain${i}`, 20);
      for (let i = 0; i < 20; i++) fixture.set(`due${i}`, 20, 1_000_000 + i);
      fixture.shard.settings.maxmemoryBytes = 1;
      for (let i = 0; i < 20; i++) fixture.shard.ensureMemory();
      expect(fixture.database().expiringCount).toBe(0);
      expect(fixture.shard.ensureMemory()).toBe(false);
      expect(fixture.database().count).toBe(30_000);
    });
  }
});

describe('Evictor, work and announcements', () => {
  it('evicts a bounded number of keys a call, lets the command pass, and asks for a turn', () => {
    const fixture = newFixture(EvictionPolicy.AllKeysLru);
    fill(fixture, false);
    fixture.shard.settings.maxmemoryBytes = 1;
    expect(fixture.shard.ensureMemory()).toBe(true);
    expect(fixture.database().count).toBe(KEYS - EVICTION_STEPS_PER_COMMAND_MAX);
    expect(fixture.turnsAsked).toBeGreaterThan(0);
    for (let i = 0; i < KEYS; i++) fixture.shard.ensureMemory();
    expect(fixture.database().count).toBe(0);
    expect(fixture.shard.ensureMemory()).toBe(false);
    expect(fixture.shard.stats.counts[Stat.EvictedKeys]).toBe(KEYS);
  });

  it('announces each evicted key once with its reason', () => {
    const fixture = newFixture(EvictionPolicy.AllKeysRandom);
    fill(fixture, false);
    const evicted = new Set<string>();
    fixture.listen((key, reason) => {
      checkSame(reason, EffectReason.Evicted, key);
      checkSame(evicted.has(key), false, key);
      evicted.add(key);
    });
    evictShare(fixture, 0.3);
    expect(evicted.size + fixture.database().count).toBe(KEYS);
    for (const key of evicted) checkSame(fixture.check(key), -1, key);
  });

  it('does nothing while paused, and lets commands pass', () => {
    const fixture = newFixture(EvictionPolicy.AllKeysLru);
    fill(fixture, false);
    const { shard } = fixture;
    shard.settings.maxmemoryBytes = 1;
    shard.pause.start(shard.nowMs + 1_000, false, shard.nowMs);
    expect(shard.ensureMemory()).toBe(true);
    expect(fixture.database().count).toBe(KEYS);
    fixture.advance(1_001);
    expect(shard.ensureMemory()).toBe(true);
    expect(fixture.database().count).toBeLessThan(KEYS);
  });

  it('takes from all databases', () => {
    const fixture = newFixture(EvictionPolicy.AllKeysLru);
    for (let i = 0; i < 3_000; i++) {
      fixture.set(`k${i}`, 100, undefined, i % 3);
      fixture.advance(1_000); // Different idle times, for among equals the first database loses.
    }
    evictShare(fixture, 0.5);
    for (let db = 0; db < 3; db++) {
      expect(fixture.database(db).count).toBeGreaterThan(100);
      expect(fixture.database(db).count).toBeLessThan(900);
    }
  });

  it('survives a pool full of keys that were deleted since', () => {
    const fixture = newFixture(EvictionPolicy.AllKeysLru);
    fill(fixture, false);
    evictShare(fixture, 0.1);
    for (let i = 0; i < KEYS - 50; i++) fixture.remove(`k${i}`);
    const { count } = fixture.database();
    fixture.shard.settings.maxmemoryBytes = fixture.shard.usedBytes() - 1_000;
    expect(fixture.shard.ensureMemory()).toBe(true);
    expect(fixture.database().count).toBeLessThan(count);
    expect(fixture.database().count).toBeGreaterThan(0);
  });
});

describe('Evictor, several shards under one limit', () => {
  it('lets one shard use nearly all of it, and keeps the sum below', () => {
    const budget = new MemoryBudget();
    const shards = [1, 2, 3].map((seed) => newFixture(EvictionPolicy.AllKeysLru, { budget, seed }));
    const idle = shards[0]!.shard.usedBytes() * 3;
    const limit = idle + 4_000_000;
    for (const { shard } of shards) shard.settings.maxmemoryBytes = limit;
    for (const { shard } of shards) expect(shard.ensureMemory()).toBe(true);
    for (let i = 0; i < 30_000; i++) {
      checkSame(shards[0]!.shard.ensureMemory(), true, `key ${i}`);
      shards[0]!.set(`k${i}`, 100);
    }
    const sum = () => shards.reduce((total, { shard }) => total + shard.usedBytes(), 0);
    expect(shards[0]!.shard.usedBytes() - idle / 3).toBeGreaterThan(1_500_000);
    // The others need room now: the big one feels the pressure and gives way.
    for (let i = 0; i < 30_000; i++) {
      for (const { shard } of shards) shard.ensureMemory();
      shards[1]!.set(`k${i}`, 100);
      checkAtMost(sum(), limit + 9_999, `key ${i}`);
    }
    expect(shards[1]!.shard.usedBytes() - idle / 3).toBeGreaterThan(1_000_000);
    for (const { shard } of shards) shard.maintenance.evictor.close();
    expect(budget.totalLeasedBytes()).toBe(0);
  });
});
