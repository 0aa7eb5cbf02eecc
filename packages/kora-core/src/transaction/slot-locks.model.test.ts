/**
 * The lock table against a list of owners in their order: random owners of slots and of whole
 * shards come and leave, also while they wait and inside the call that tells them of their locks.
 * After every step the same owners hold everything, and every question has the same answer.
 * Also: many owners that wait for one slot or for the whole shard cost a step each, not a walk, and
 * long chains of grants need no stack.
 */
import { describe, expect, it } from 'vitest';
import { SLOT_COUNT } from '../bytes/crc16.hot.ts';
import { NaiveLocks } from '../testing/naive-locks.ts';
import type { RandomSource } from '../testing/random-source.ts';
import { randomSource } from '../testing/random-source.ts';
import { lockOf, SlotLocks, WholeLock } from './slot-locks.ts';

/** One table with a name of ours for each of its owners. */
class Driven {
  readonly locks: SlotLocks;
  readonly listener: number;
  readonly ids = new Map<number, number>();
  readonly granted = new Set<number>();
  /** Names that leave inside the call that tells them of their locks. */
  readonly leavers = new Set<number>();
  #names = new Map<number, number>();

  constructor(locks: SlotLocks) {
    this.locks = locks;
    this.listener = locks.listen(this);
  }

  enter(
    name: number, whole: number, slots: readonly (readonly [number, boolean])[], isPresent = false,
  ): void {
    const id = this.locks.open(this.listener);
    this.ids.set(name, id);
    this.#names.set(id, name);
    if (whole !== WholeLock.None) this.locks.addWhole(id, whole);
    else for (const [slot, isWrite] of slots) this.locks.addSlot(id, lockOf(slot, isWrite));
    if (isPresent) this.locks.addPresence(id);
    this.locks.enter(id);
  }

  leave(name: number): void {
    const id = this.ids.get(name)!;
    this.ids.delete(name);
    this.granted.delete(name);
    this.#names.delete(id);
    this.locks.leave(id);
  }

  onLocked(id: number): void {
    const name = this.#names.get(id)!;
    if (this.granted.has(name)) throw new Error(`${name} was told twice`);
    this.granted.add(name);
    if (this.leavers.has(name)) this.leave(name);
  }
}

/** Few slots, so that owners meet, at both ends of the range. */
const SLOTS = [0, 1, 2, 7, SLOT_COUNT - 2, SLOT_COUNT - 1];

function randomSlots(random: RandomSource): [number, boolean][] {
  const density = random.below(3) === 0 ? 0.8 : 0.3;
  const writes = random.below(3) / 2;
  return SLOTS.filter(() => random.chance(density)).map((slot) => [slot, random.chance(writes)]);
}

function expectSameAnswers(one: SlotLocks, other: SlotLocks, context: string): void {
  expect(one.count, context).toBe(other.count);
  for (const isWrite of [false, true]) {
    expect(one.conflictsWithWhole(isWrite), context).toBe(other.conflictsWithWhole(isWrite));
    for (const slot of [...SLOTS, 3, 100]) {
      expect(one.conflictsWith(slot, isWrite), `${context} slot ${slot}`)
        .toBe(other.conflictsWith(slot, isWrite));
    }
  }
}

describe('SlotLocks against a list in order', () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    it(`grants what the list grants, seed ${seed}`, () => {
      const random = randomSource(seed);
      const table = new Driven(new SlotLocks());
      const model = new Driven(new NaiveLocks());
      const wholes = random.below(3) / 10;
      const crowd = 1 + random.below(30);
      for (let step = 0; step < 1200; step++) {
        const context = `seed ${seed} step ${step}`;
        const names = [...model.ids.keys()];
        if (random.below(crowd + names.length) < crowd) {
          const slots = random.chance(0.2) ? [] : randomSlots(random);
          const isPresent = random.chance(0.5);
          const isWhole = random.chance(wholes);
          const whole = !isWhole ? WholeLock.None
            : random.chance(0.5) ? WholeLock.Exclusive : WholeLock.Shared;
          const leavesAtOnce = random.chance(0.2);
          for (const driven of [table, model]) {
            if (leavesAtOnce) driven.leavers.add(step);
            driven.enter(step, whole, slots, isPresent);
          }
        } else {
          // Now the oldest, now anybody, also one that waits.
          const name = names[random.chance(0.5) ? 0 : random.below(names.length)]!;
          table.leave(name);
          model.leave(name);
        }
        expect([...table.granted].sort(byNumber), context)
          .toEqual([...model.granted].sort(byNumber));
        expectSameAnswers(table.locks, model.locks, context);
        for (const [name, id] of table.ids) {
          expect(table.locks.hasAll(id), context).toBe(model.granted.has(name));
        }
      }
      for (const name of [...table.ids.keys()]) if (table.ids.has(name)) table.leave(name);
      expect(table.locks.count).toBe(0);
      expect(table.locks.conflictsWithWhole(true)).toBe(false);
    });
  }

  it('keeps its tables as large as the largest crowd, not as its history', () => {
    const table = new Driven(new SlotLocks());
    const round = (): void => {
      for (let name = 0; name < 500; name++) table.enter(name, WholeLock.None, [[name, true]]);
      for (let name = 0; name < 500; name++) table.leave(name);
    };
    round();
    const bytes = table.locks.heldBytes();
    for (let i = 0; i < 20; i++) round();
    expect(table.locks.heldBytes()).toBe(bytes);
  });
});

function byNumber(a: number, b: number): number {
  return a - b;
}

describe('SlotLocks, rules', () => {
  it('has who is only present before or behind who changes everything, and nobody else', () => {
    const table = new Driven(new SlotLocks());
    table.enter(1, WholeLock.None, [], true);
    table.enter(2, WholeLock.Shared, []);
    table.leave(2);
    table.enter(3, WholeLock.None, [[5, true]]);
    table.leave(3);
    expect([...table.granted]).toEqual([1]);
    table.enter(4, WholeLock.Exclusive, []);
    table.enter(5, WholeLock.None, [], true);
    // Without a mark it passes.
    table.enter(6, WholeLock.None, []);
    expect([...table.granted]).toEqual([1, 6]);
    table.leave(1);
    expect([...table.granted]).toEqual([6, 4]);
    table.leave(4);
    expect([...table.granted]).toEqual([6, 5]);
  });

  it('does not let readers overtake a writer that waits', () => {
    const table = new Driven(new SlotLocks());
    table.enter(1, WholeLock.None, [[5, false]]);
    table.enter(2, WholeLock.None, [[5, true]]);
    table.enter(3, WholeLock.None, [[5, false]]);
    expect([...table.granted]).toEqual([1]);
    expect(table.locks.conflictsWith(5, false)).toBe(true);
    table.leave(1);
    expect([...table.granted]).toEqual([2]);
    table.leave(2);
    expect([...table.granted]).toEqual([3]);
    expect(table.locks.conflictsWith(5, false)).toBe(false);
  });

  it('lets readers of slots past a reader of everything that waits for writers', () => {
    const table = new Driven(new SlotLocks());
    table.enter(1, WholeLock.None, [[5, true]]);
    table.enter(2, WholeLock.Shared, []);
    table.enter(3, WholeLock.None, [[6, false]]);
    table.enter(4, WholeLock.None, [[7, true]]);
    expect([...table.granted].sort(byNumber)).toEqual([1, 3]);
    table.leave(1);
    expect([...table.granted].sort(byNumber)).toEqual([2, 3]);
    table.leave(2);
    expect([...table.granted].sort(byNumber)).toEqual([3, 4]);
  });

  it('wakes an owner again in its turn', () => {
    const locks = new SlotLocks();
    const told: number[] = [];
    const listener = locks.listen({ onLocked: (owner) => void told.push(owner) });
    const owner = locks.open(listener);
    locks.addSlot(owner, lockOf(1, true));
    locks.enter(owner);
    locks.wake(owner);
    expect(told).toEqual([owner, owner]);
    locks.leave(owner);
    expect(locks.count).toBe(0);
  });

  it('does not tell an owner that left before its turn, nor the next one of its id', () => {
    const locks = new SlotLocks();
    const told: number[] = [];
    let first = 0;
    let second = 0;
    let third = 0;
    const enter = (): number => {
      const owner = locks.open(listener);
      locks.addSlot(owner, lockOf(1, false));
      locks.enter(owner);
      return owner;
    };
    const listener = locks.listen({
      onLocked(owner) {
        told.push(owner);
        if (owner !== first) return;
        locks.leave(second);
        third = enter();
      },
    });
    const writer = locks.open(locks.listen({ onLocked: () => undefined }));
    locks.addSlot(writer, lockOf(1, true));
    locks.enter(writer);
    first = enter();
    second = enter();
    locks.leave(writer);
    expect(told).toEqual([first, third]);
    expect(locks.count).toBe(2);
    for (const owner of [first, third]) locks.leave(owner);
    first = 0;
    // Both ids that were given back can be had again, each once.
    expect(new Set([enter(), enter(), enter(), enter()]).size).toBe(4);
  });

  it('refuses slots that do not ascend, a second entrance and a second exit', () => {
    const locks = new SlotLocks();
    const listener = locks.listen({ onLocked: () => undefined });
    const owner = locks.open(listener);
    locks.addSlot(owner, lockOf(4, false));
    expect(() => locks.addSlot(owner, lockOf(4, true))).toThrow('ascend');
    expect(() => locks.addWhole(owner, WholeLock.Shared)).toThrow('slots or the whole');
    locks.enter(owner);
    expect(() => locks.enter(owner)).toThrow('once');
    locks.leave(owner);
    expect(() => locks.leave(owner)).toThrow('once');
  });
});

describe('SlotLocks with a crowd', () => {
  const CROWD = 30_000;

  it('grants 30,000 that wait for one slot one after the other', () => {
    const table = new Driven(new SlotLocks());
    table.enter(0, WholeLock.None, [[9, true]]);
    for (let name = 1; name <= CROWD; name++) {
      table.leavers.add(name);
      table.enter(name, WholeLock.None, [[9, true]]);
    }
    expect(table.granted.size).toBe(1);
    table.leave(0);
    expect(table.locks.count).toBe(0);
  });

  it('grants writers of slots that wait behind a reader of everything, and it behind them', () => {
    const table = new Driven(new SlotLocks());
    table.enter(0, WholeLock.Shared, []);
    for (let name = 1; name <= CROWD; name++) {
      const slots: [number, boolean][] = [[name % SLOT_COUNT, true]];
      table.enter(name, name % 1000 === 0 ? WholeLock.Shared : WholeLock.None, slots);
    }
    for (let name = 0; name <= CROWD; name++) {
      expect(table.granted.has(name)).toBe(true);
      table.leave(name);
    }
    expect(table.locks.count).toBe(0);
  });
});
