/**
 * Active expiry against a plain map of deadlines: random sets, moves of deadlines either way,
 * persists and deletes, time that steps and jumps. After each slice run to its end, what is left in
 * the dict is what the model says, every expiry was announced once, and none came early.
 */
import { describe, expect, it } from 'vitest';
import { verify } from '../assert.ts';
import { SeededChance } from '../platform/platform.ts';
import { KeyspaceFixture } from '../testing/keyspace-fixture.ts';
import { checkAtLeast } from '../testing/quick-checks.ts';
import { EffectReason } from './effect.ts';
import { REBUILD_RECORDS_FLOOR, RECORDS_PER_SLICE } from './expiry.ts';
import { Stat } from './statistics.ts';

verify.enabled = true; // Double frees and foreign refs are assertions, freed blocks poisoned.

const STEPS_MAX = 100_000;
/** A key may stay this long past its deadline: a tick, and the tick of an exact hit. */
const LAG_MS_MAX = 200;

function below(chance: SeededChance, bound: number): number {
  return (chance.next32() >>> 0) % bound;
}

/** Runs slices until nothing is left to do; returns how many it took. */
function drain(fixture: KeyspaceFixture): number {
  const { expiry } = fixture.shard.maintenance;
  for (let steps = 1; steps < STEPS_MAX; steps++) if (!expiry.step()) return steps;
  throw new Error('expiry does not come to an end');
}

function randomTtl(chance: SeededChance): number {
  const kind = below(chance, 4);
  if (kind === 0) return 1 + below(chance, 300);
  if (kind === 1) return 1 + below(chance, 20_000);
  if (kind === 2) return 1 + below(chance, 300_000);
  return 1 + below(chance, 40 * 86_400_000);
}

describe('ActiveExpiry against a map of deadlines', () => {
  for (const seed of [21, 22, 23, 24]) {
    it(`frees what is due and nothing else, seed ${seed}`, () => {
      const fixture = new KeyspaceFixture({ seed });
      const chance = new SeededChance(seed);
      const deadlines = new Map<string, number>(); // Infinity = none
      fixture.listen((key, reason) => {
        if (reason !== EffectReason.Expired) return;
        const deadline = deadlines.get(key);
        if (deadline === undefined) throw new Error(`seed ${seed}: ${key} expired unasked`);
        expect(deadline, `seed ${seed}: ${key}`).toBeLessThan(fixture.shard.nowMs);
        deadlines.delete(key);
      });
      for (let step = 0; step < 300; step++) {
        const { nowMs } = fixture.shard;
        for (let i = below(chance, 60); i > 0; i--) {
          const key = `key:${below(chance, 2_000)}`;
          const action = below(chance, 6);
          const ttl = randomTtl(chance);
          if (action <= 2) {
            const hasTtl = action > 0;
            fixture.set(key, below(chance, 60), hasTtl ? ttl : undefined);
            deadlines.set(key, hasTtl ? nowMs + ttl : Infinity);
          } else if (action === 3) {
            if (fixture.expire(key, ttl)) deadlines.set(key, nowMs + ttl);
          } else if (action === 4) {
            if (fixture.expire(key, undefined)) deadlines.set(key, Infinity);
          } else {
            fixture.remove(key);
            deadlines.delete(key);
          }
        }
        const jump = below(chance, 10);
        const shortMs = jump < 6 ? below(chance, 250) : below(chance, 30_000);
        fixture.advance(jump < 9 ? shortMs : 86_400_000);
        drain(fixture);
        const context = `seed ${seed} step ${step}`;
        for (const [key, deadline] of deadlines) {
          checkAtLeast(deadline, fixture.shard.nowMs - LAG_MS_MAX, `${context} ${key}`);
        }
        const db = fixture.database();
        expect(db.count, context).toBe(deadlines.size);
        let expiring = 0;
        for (const deadline of deadlines.values()) if (deadline !== Infinity) expiring++;
        expect(db.expiringCount, context).toBe(expiring);
        expect(db.wheel.recordCount(), context).toBeGreaterThanOrEqual(expiring);
      }
      fixture.advance(50 * 86_400_000);
      drain(fixture);
      expect(fixture.database().expiringCount).toBe(0);
    });
  }
});

describe('ActiveExpiry, slices', () => {
  it('frees 100,000 keys that fall due at once over many slices', () => {
    const fixture = new KeyspaceFixture();
    for (let i = 0; i < 100_000; i++) fixture.set(`k${i}`, 8, 5_000);
    fixture.set('stays', 8);
    fixture.advance(5_200);
    const { expiry } = fixture.shard.maintenance;
    const { counts } = fixture.shard.stats;
    let slices = 0;
    let before = 0;
    while (expiry.step()) {
      const freed = counts[Stat.ExpiredKeys]! - before;
      // A record frees two keys when their hashes are equal.
      expect(freed).toBeLessThanOrEqual(RECORDS_PER_SLICE + 4);
      before = counts[Stat.ExpiredKeys]!;
      slices++;
    }
    expect(slices).toBeGreaterThanOrEqual(97);
    expect(slices).toBeLessThan(400);
    expect(counts[Stat.ExpiredKeys]).toBe(100_000);
    expect(fixture.database().count).toBe(1);
    expect(fixture.check('stays')).toBe(8);
  });

  it('serves all databases', () => {
    const fixture = new KeyspaceFixture();
    for (let db = 0; db < 16; db++) fixture.set('k', 3, 1_000 + db, db);
    fixture.advance(1_300);
    drain(fixture);
    for (let db = 0; db < 16; db++) expect(fixture.database(db).count).toBe(0);
  });

  it('does nothing while switched off, paused or replaying, and catches up after', () => {
    const fixture = new KeyspaceFixture();
    const { shard } = fixture;
    fixture.set('k', 3, 100);
    fixture.advance(1_000);
    shard.settings.isActiveExpireOn = false;
    expect(shard.maintenance.expiry.step()).toBe(false);
    shard.settings.isActiveExpireOn = true;
    shard.pause.start(shard.nowMs + 500, false, shard.nowMs);
    expect(shard.maintenance.expiry.step()).toBe(false);
    shard.pause.end();
    shard.isReplaying = true;
    expect(shard.maintenance.expiry.step()).toBe(false);
    shard.isReplaying = false;
    expect(fixture.database().count).toBe(1);
    drain(fixture);
    expect(fixture.database().count).toBe(0);
  });
});

describe('ActiveExpiry, rebuild of the wheel', () => {
  it('needs no rebuild and one record for a key whose deadline moves on and on', () => {
    const fixture = new KeyspaceFixture();
    for (let round = 0; round < 2_000; round++) {
      fixture.set('session', 8, 60_000);
      fixture.expire('session', 60_000);
      fixture.advance(50);
    }
    drain(fixture);
    expect(fixture.database().wheel.recordCount()).toBe(1);
    fixture.advance(59_000);
    drain(fixture);
    expect(fixture.database().count).toBe(1);
    fixture.advance(1_200);
    drain(fixture);
    expect(fixture.database().count).toBe(0);
  });

  it('drops the records of deleted keys and keeps every live deadline', () => {
    const fixture = new KeyspaceFixture();
    for (let i = 0; i < 60_000; i++) fixture.set(`k${i}`, 8, 600_000 + i);
    for (let i = 0; i < 60_000; i++) if (i % 10 !== 0) fixture.remove(`k${i}`);
    const { wheel } = fixture.database();
    expect(wheel.recordCount()).toBe(60_000);
    drain(fixture);
    expect(wheel.recordCount()).toBeLessThanOrEqual(2 * 6_000 + REBUILD_RECORDS_FLOOR);
    fixture.advance(700_000);
    drain(fixture);
    expect(fixture.database().count).toBe(0);
  });

  it('arms keys set during a rebuild, fires old deadlines, survives a flush in the middle', () => {
    const fixture = new KeyspaceFixture();
    const { shard } = fixture;
    const { expiry } = shard.maintenance;
    for (let i = 0; i < 30_000; i++) fixture.set(`k${i}`, 8, 5_000);
    for (let i = 0; i < 24_000; i++) fixture.remove(`k${i}`);
    expiry.step();
    expect(expiry.isRebuilding).toBe(true);
    for (let i = 0; i < 500; i++) fixture.set(`new${i}`, 8, 7_000);
    fixture.advance(5_300);
    drain(fixture);
    expect(fixture.database().count).toBe(500);
    fixture.advance(2_000);
    drain(fixture);
    expect(fixture.database().count).toBe(0);

    for (let i = 0; i < 30_000; i++) fixture.set(`k${i}`, 8, 5_000);
    for (let i = 0; i < 24_000; i++) fixture.remove(`k${i}`);
    expiry.step();
    expect(expiry.isRebuilding).toBe(true);
    shard.lazyFree.take(fixture.database());
    while (shard.lazyFree.step());
    fixture.set('after', 8, 1_000);
    drain(fixture);
    expect(expiry.isRebuilding).toBe(false);
    expect(fixture.database().wheel.recordCount()).toBeGreaterThanOrEqual(1);
    fixture.advance(1_200);
    drain(fixture);
    expect(fixture.database().count).toBe(0);
  });

  it('finds keys whose records went missing', () => {
    const fixture = new KeyspaceFixture();
    for (let i = 0; i < 1_000; i++) fixture.set(`k${i}`, 8, 60_000);
    fixture.database().wheel.clear();
    fixture.advance(10_001);
    drain(fixture);
    fixture.advance(50_300);
    drain(fixture);
    expect(fixture.database().count).toBe(0);
  });

  it('comes to rest when the clock is put back, and still frees what is due', () => {
    for (const backMs of [700, 30_000, 3_600_000, 40 * 365 * 86_400_000]) {
      const fixture = new KeyspaceFixture();
      for (let i = 0; i < 200; i++) fixture.set(`old${i}`, 8, 20_000);
      fixture.advance(5_000);
      drain(fixture);
      fixture.advance(-backMs);
      for (let i = 0; i < 200; i++) fixture.set(`k${i}`, 8, 500 + (i % 7) * 100);
      drain(fixture);
      // A wheel that is a little ahead catches up with the clock; one far ahead is put right.
      fixture.advance(Math.min(backMs, 60_000) + 1_400);
      drain(fixture);
      expect(fixture.database().count, `${backMs} ms back`).toBe(200);
      for (let i = 0; i < 200; i++) expect(fixture.check(`old${i}`)).toBe(8);
    }
  });

  it('leaves no memory of the old wheel behind', () => {
    const fixture = new KeyspaceFixture();
    const allocator = fixture.shard.memory.arenaAllocator;
    for (let i = 0; i < 30_000; i++) fixture.set(`k${i}`, 8, 5_000);
    for (let i = 0; i < 30_000; i++) fixture.remove(`k${i}`);
    drain(fixture);
    fixture.database().wheel.destroy();
    fixture.database().dict.destroy();
    expect(allocator.usedBytes()).toBe(0);
  });
});
