/**
 * The timing wheel against a sorted list of (due, hash): random arms near, far and past, time that
 * steps and jumps (days, years), takes of random size. Nothing comes early, nothing is missing once
 * takes found nothing more, dues come in the order of their ticks, and memory balances to zero.
 */
import { describe, expect, it } from 'vitest';
import { verify } from '../assert.ts';
import { SeededChance } from '../platform/platform.ts';
import { checkAtMost, checkSame } from '../testing/quick-checks.ts';
import {
  HORIZON_TICKS, TimingWheel, TOUCHES_PER_TAKE_MAX, WHEEL_TOUCHES,
} from './timing-wheel.hot.ts';
import { WorkerMemory } from './worker-memory.ts';

verify.enabled = true; // Double frees and foreign refs are assertions, freed blocks poisoned.

const MEBIBYTE = 1_048_576;
const DAY_TICKS = 864_000;
/** A tick of 2023, well above 2^32, as ticks of 100 ms since 1970 are. */
const NOW_TICK = 17_000_000_123;

function newMemory(bytesMax = 256 * MEBIBYTE): WorkerMemory {
  return WorkerMemory.create({ lowBytes: MEBIBYTE, bytesMax });
}

function below(chance: SeededChance, bound: number): number {
  return (chance.next32() >>> 0) % bound;
}

function randomDistance(chance: SeededChance): number {
  const kind = below(chance, 10);
  if (kind === 0) return -below(chance, 5_000);
  if (kind <= 3) return below(chance, 40);
  if (kind <= 5) return below(chance, 3_000);
  if (kind === 6) return 1_020 + below(chance, 10);
  if (kind === 7) return 1_048_570 + below(chance, 12);
  if (kind === 8) return below(chance, 40 * DAY_TICKS);
  return below(chance, 1_500) * DAY_TICKS;
}

function randomJump(chance: SeededChance): number {
  const kind = below(chance, 12);
  if (kind <= 5) return below(chance, 3);
  if (kind <= 8) return below(chance, 1_500);
  if (kind <= 10) return below(chance, 3 * DAY_TICKS);
  return below(chance, 400) * DAY_TICKS;
}

/** Takes until the wheel has nothing more up to its tick; returns all hashes in order. */
function takeAll(wheel: TimingWheel, chance: SeededChance): number[] {
  const out = new Int32Array(512);
  const hashes: number[] = [];
  while (wheel.hasDue()) {
    const max = 1 + below(chance, 512);
    const before = wheel.counters[WHEEL_TOUCHES]!;
    const count = wheel.takeDue(out, max);
    const touches = wheel.counters[WHEEL_TOUCHES]! - before;
    checkAtMost(count, max, 'records of a take');
    checkAtMost(touches, max + TOUCHES_PER_TAKE_MAX + 64, 'touches of a take');
    for (let i = 0; i < count; i++) hashes.push(out[i]!);
  }
  return hashes;
}

describe('TimingWheel against a sorted list', () => {
  for (const seed of [11, 12, 13, 14, 15, 16]) {
    it(`delivers each record in its tick, in order, seed ${seed}`, () => {
      const memory = newMemory();
      const wheel = new TimingWheel(memory, memory.arenaAllocator);
      const chance = new SeededChance(seed);
      expect(wheel.create(NOW_TICK)).not.toBe(0);
      const model = new Map<number, number>(); // hash (unique here) -> due tick
      let now = NOW_TICK;
      let nextHash = -1_000_000;
      for (let step = 0; step < 600; step++) {
        const context = `seed ${seed} step ${step}`;
        const arms = below(chance, below(chance, 20) === 0 ? 2_000 : 30);
        for (let i = 0; i < arms; i++) {
          const due = now + randomDistance(chance);
          model.set(nextHash, due);
          checkSame(wheel.arm(nextHash, due), true, context);
          nextHash++;
        }
        expect(wheel.recordCount(), context).toBe(model.size);
        now += randomJump(chance);
        wheel.advanceTo(now);
        for (const hash of takeAll(wheel, chance)) {
          const due = model.get(hash);
          if (due === undefined) throw new Error(`${context}: hash ${hash} came unasked`);
          checkAtMost(due, now, context);
          model.delete(hash);
        }
        let late = 0;
        let earliest = Infinity;
        for (const due of model.values()) {
          if (due <= now) late++;
          if (due < earliest) earliest = due;
        }
        expect(late, context).toBe(0);
        checkAtMost(now + wheel.ticksToNext(), earliest, context);
        expect(wheel.recordCount(), context).toBe(model.size);
        expect(memory.arenaAllocator.usedBytes(), context).toBe(wheel.heldBytes());
      }
      wheel.destroy();
      expect(memory.arenaAllocator.usedBytes()).toBe(0);
    });
  }

  it.each([1, 500, 1_023, 1_024, 90_000, DAY_TICKS, 40 * DAY_TICKS])(
    'has to be looked at seldom before a record that is due in %i ticks', (distance) => {
      const memory = newMemory();
      const wheel = new TimingWheel(memory, memory.arenaAllocator);
      const out = new Int32Array(1);
      wheel.create(NOW_TICK);
      expect(wheel.ticksToNext()).toBe(HORIZON_TICKS);
      wheel.arm(5, NOW_TICK + distance);
      let taken = 0;
      let looks = 0;
      for (; taken === 0; looks++) {
        expect(wheel.ticksToNext()).toBeGreaterThan(0);
        wheel.advanceTo(wheel.targetTick() + wheel.ticksToNext());
        while (wheel.hasDue()) taken += wheel.takeDue(out, 1);
      }
      expect(wheel.targetTick()).toBe(NOW_TICK + distance);
      expect(looks).toBeLessThanOrEqual(3);
    });

  it('delivers in the order of ticks', () => {
    const memory = newMemory();
    const wheel = new TimingWheel(memory, memory.arenaAllocator);
    const chance = new SeededChance(5);
    wheel.create(NOW_TICK);
    const dues: number[] = [];
    for (let hash = 0; hash < 20_000; hash++) {
      const due = NOW_TICK + 1 + below(chance, 3 * DAY_TICKS);
      dues.push(due);
      wheel.arm(hash, due);
    }
    wheel.advanceTo(NOW_TICK + 4 * DAY_TICKS);
    const delivered = takeAll(wheel, chance).map((hash) => dues[hash]!);
    expect(delivered.length).toBe(20_000);
    expect(delivered).toEqual(dues.toSorted((a, b) => a - b));
  });
});

describe('TimingWheel, bounds', () => {
  it('spreads the cascade of a slot with 200,000 records over many takes', () => {
    const memory = newMemory();
    const wheel = new TimingWheel(memory, memory.arenaAllocator);
    wheel.create(NOW_TICK);
    const due = NOW_TICK + 5_000;
    for (let i = 0; i < 200_000; i++) wheel.arm(i, due + (i % 700));
    const out = new Int32Array(16);
    wheel.advanceTo(due - 1_000);
    let worst = 0;
    let takes = 0;
    while (wheel.hasDue()) {
      const before = wheel.counters[WHEEL_TOUCHES]!;
      checkSame(wheel.takeDue(out, 16), 0, 'a cascade');
      worst = Math.max(worst, wheel.counters[WHEEL_TOUCHES]! - before);
      takes++;
    }
    wheel.advanceTo(due + 700);
    const chance = new SeededChance(1);
    expect(takeAll(wheel, chance).length).toBe(200_000);
    expect(worst).toBeLessThanOrEqual(TOUCHES_PER_TAKE_MAX + 64);
    expect(takes).toBeLessThan(400);
  });

  it('crosses years of empty time in a few touches', () => {
    const memory = newMemory();
    const wheel = new TimingWheel(memory, memory.arenaAllocator);
    wheel.create(NOW_TICK);
    wheel.arm(1, NOW_TICK + 2_000 * DAY_TICKS);
    wheel.advanceTo(NOW_TICK + 2_000 * DAY_TICKS - 1);
    const out = new Int32Array(4);
    while (wheel.hasDue()) expect(wheel.takeDue(out, 4)).toBe(0);
    wheel.advanceTo(NOW_TICK + 2_000 * DAY_TICKS);
    let taken = 0;
    while (wheel.hasDue()) taken += wheel.takeDue(out, 4);
    expect(taken).toBe(1);
    expect(wheel.counters[WHEEL_TOUCHES]).toBeLessThan(64);
  });

  it('wakes a record beyond the horizon at the horizon', () => {
    const memory = newMemory();
    const wheel = new TimingWheel(memory, memory.arenaAllocator);
    wheel.create(NOW_TICK);
    wheel.arm(77, Number.MAX_SAFE_INTEGER);
    const out = new Int32Array(4);
    wheel.advanceTo(NOW_TICK + HORIZON_TICKS - 1);
    while (wheel.hasDue()) expect(wheel.takeDue(out, 4)).toBe(0);
    wheel.advanceTo(NOW_TICK + HORIZON_TICKS);
    let taken = 0;
    while (wheel.hasDue()) taken += wheel.takeDue(out, 4);
    expect(taken).toBe(1);
    expect(out[0]).toBe(77);
  });

  it('costs 8.3 bytes a record where slots are well filled, and small blocks where not', () => {
    const memory = newMemory();
    const wheel = new TimingWheel(memory, memory.arenaAllocator);
    wheel.create(NOW_TICK);
    for (let i = 0; i < 1_000_000; i++) wheel.arm(i, NOW_TICK + 1 + (i % 600));
    expect(wheel.heldBytes() / 1_000_000).toBeLessThan(8.5);
    wheel.clear();
    expect(wheel.recordCount()).toBe(0);
    const empty = wheel.heldBytes();
    for (let i = 0; i < 600; i++) wheel.arm(i, NOW_TICK + 1 + i);
    expect((wheel.heldBytes() - empty) / 600).toBeLessThan(48);
  });
});

describe('TimingWheel without memory', () => {
  it('refuses an arm, counts the miss, and goes on with what it has', () => {
    const memory = newMemory(2 * MEBIBYTE);
    const wheel = new TimingWheel(memory, memory.arenaAllocator);
    wheel.create(NOW_TICK);
    let armed = 0;
    while (wheel.arm(armed, NOW_TICK + 2_000 + (armed % 900))) armed++;
    expect(wheel.missedCount()).toBe(1);
    expect(wheel.recordCount()).toBe(armed);
    expect(memory.arenaAllocator.usedBytes()).toBe(wheel.heldBytes());
    // The cascade finds no memory for its small chunks: records may come early, none is lost.
    wheel.advanceTo(NOW_TICK + 3_000);
    const hashes = new Set(takeAll(wheel, new SeededChance(3)));
    expect(hashes.size).toBe(armed);
    wheel.destroy();
    expect(memory.arenaAllocator.usedBytes()).toBe(0);
  });

  it('cannot refuse an arm that was reserved', () => {
    const memory = newMemory(2 * MEBIBYTE);
    const wheel = new TimingWheel(memory, memory.arenaAllocator);
    wheel.create(NOW_TICK);
    const chance = new SeededChance(9);
    let armed = 0;
    while (wheel.reserveArm()) {
      const due = NOW_TICK + randomDistance(chance);
      checkSame(wheel.arm(armed, due), true, `arm ${armed}`);
      armed++;
    }
    expect(armed).toBeGreaterThan(1_000);
    expect(wheel.missedCount()).toBe(0);
  });
});

describe('several wheels on one memory', () => {
  it('keeps them apart when one object is bound in turn', () => {
    const memory = newMemory();
    const wheel = new TimingWheel(memory, memory.arenaAllocator);
    const headers = [wheel.create(NOW_TICK), wheel.create(NOW_TICK), wheel.create(NOW_TICK)];
    for (let i = 0; i < 3_000; i++) {
      wheel.bind(headers[i % 3]!);
      wheel.arm(i, NOW_TICK + 1 + (i % 50));
    }
    const chance = new SeededChance(2);
    for (let which = 0; which < 3; which++) {
      wheel.bind(headers[which]!);
      wheel.advanceTo(NOW_TICK + 100);
      const hashes = takeAll(wheel, chance);
      expect(hashes.length).toBe(1_000);
      expect(hashes.every((hash) => hash % 3 === which)).toBe(true);
      wheel.destroy();
    }
    expect(memory.arenaAllocator.usedBytes()).toBe(0);
  });
});
