/**
 * The table of connections against a map: slots are given out once, reused, and told apart by their
 * generation, also while the table grows.
 */
import { SeededChance } from '@kora/core';
import { describe, expect, it } from 'vitest';
import {
  Connections, INTEREST_NONE, STATE_FREE, STATE_GONE, STATE_OPEN, STATE_PAUSED,
} from './connections.hot.ts';

describe('the table of connections', () => {
  it('gives every open connection a slot of its own', () => {
    const chance = new SeededChance(11);
    const table = new Connections();
    const open = new Map<number, { descriptor: number; generation: number }>();
    const gone: { slot: number; generation: number }[] = [];
    let most = 0;
    for (let step = 0; step < 20_000; step++) {
      const [first] = open;
      if (first === undefined || (chance.next32() & 3) !== 0 && open.size < 500) {
        const slot = table.open(step, (step & 1) === 0);
        expect(open.has(slot), `seed 11, step ${step}`).toBe(false);
        expect(table.interest[slot]).toBe(INTEREST_NONE);
        expect(table.askedBytes[slot]).toBe(0);
        table.askedBytes[slot] = 5;
        open.set(slot, { descriptor: step, generation: table.generation[slot]! });
      } else {
        const [slot, { descriptor, generation }] = first;
        expect(table.descriptor[slot]).toBe(descriptor);
        expect(table.isOpen(slot, generation)).toBe(true);
        table.state[slot] = STATE_GONE;
        expect(table.isOpen(slot, generation)).toBe(false);
        table.release(slot);
        open.delete(slot);
        gone.push({ slot, generation });
      }
      most = Math.max(most, open.size);
    }
    for (const { slot, generation } of gone) expect(table.isOpen(slot, generation)).toBe(false);
    expect(table.length).toBe(most);
  });

  it('has a state for every slot, also where there was never a connection', () => {
    const table = new Connections();
    expect(table.stateOf(0)).toBe(STATE_FREE);
    expect(table.stateOf(1_000_000)).toBe(STATE_FREE);
    expect(table.isOpen(1_000_000, 0)).toBe(false);
    const slot = table.open(7, false);
    table.state[slot] = STATE_OPEN | STATE_PAUSED;
    expect(table.stateOf(slot)).toBe(STATE_OPEN | STATE_PAUSED);
    table.release(slot);
    expect(table.stateOf(slot)).toBe(STATE_FREE);
  });
});
