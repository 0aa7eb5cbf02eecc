/**
 * The shared memory budget: leases against a limit, the sum against a plain model under random
 * calls, and several views of one buffer, as threads have them.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { MemoryBudget } from './memory-budget.ts';

describe('MemoryBudget', () => {
  it('grants up to the limit and not a byte more', () => {
    const budget = new MemoryBudget();
    const shard = budget.register();
    budget.setLimit(1_000);
    expect(budget.lease(shard, 999)).toBe(true);
    expect(budget.lease(shard, 2)).toBe(false);
    expect(budget.leasedBytes(shard)).toBe(999);
    expect(budget.lease(shard, 1)).toBe(true);
    expect(budget.excessBytes()).toBe(0);
  });

  it('bounds all shards together, not each', () => {
    const budget = new MemoryBudget();
    const first = budget.register();
    const second = budget.register();
    budget.setLimit(1_000);
    expect(budget.lease(first, 700)).toBe(true);
    expect(budget.lease(second, 400)).toBe(false);
    expect(budget.lease(second, 300)).toBe(true);
    budget.release(first, 600);
    expect(budget.lease(second, 600)).toBe(true);
    expect(budget.totalLeasedBytes()).toBe(1_000);
  });

  it('charges what is in use whatever the limit, and shows the excess and the pressure', () => {
    const budget = new MemoryBudget();
    const shard = budget.register();
    budget.setLimit(1_000);
    const before = budget.pressure();
    budget.charge(shard, 900);
    expect(budget.pressure()).toBe(before);
    budget.charge(shard, 500);
    expect(budget.excessBytes()).toBe(400);
    expect(budget.pressure()).not.toBe(before);
    budget.setLimit(0);
    expect(budget.excessBytes()).toBe(0);
    expect(budget.lease(shard, 1e12)).toBe(true);
  });

  it('refuses to take back more than was leased', () => {
    const budget = new MemoryBudget();
    const shard = budget.register();
    budget.charge(shard, 10);
    expect(() => budget.release(shard, 11)).toThrow('gives back what it leased');
  });

  it('is one budget through every view of its buffer, and agrees with a plain sum', () => {
    const seed = 41;
    const chance = new SeededChance(seed);
    const views = [new MemoryBudget()];
    for (let i = 0; i < 3; i++) views.push(new MemoryBudget(views[0]!.buffer));
    const shards = views.map((view) => view.register());
    expect(shards).toEqual([0, 1, 2, 3]);
    views[0]!.setLimit(10_000);
    const model = [0, 0, 0, 0];
    for (let step = 0; step < 5_000; step++) {
      const which = (chance.next32() >>> 0) % 4;
      const bytes = (chance.next32() >>> 0) % 3_000;
      const sum = model.reduce((total, lease) => total + lease, 0);
      const context = `seed ${seed} step ${step}`;
      if ((chance.next32() & 1) === 0) {
        const isGranted = views[which]!.lease(shards[which]!, bytes);
        expect(isGranted, context).toBe(sum + bytes <= 10_000);
        if (isGranted) model[which]! += bytes;
      } else {
        const back = Math.min(bytes, model[which]!);
        views[which]!.release(shards[which]!, back);
        model[which]! -= back;
      }
      const total = model.reduce((all, lease) => all + lease, 0);
      for (let i = 0; i < 4; i++) {
        expect(views[i]!.totalLeasedBytes(), context).toBe(total);
        expect(views[0]!.leasedBytes(shards[i]!), context).toBe(model[i]);
      }
    }
  });
});
