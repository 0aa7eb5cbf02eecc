/**
 * The connection table against a plain twin: a map of slots. Slots are reused only after release,
 * fresh ones start clean, and growth keeps what is there.
 */
import { SeededChance } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { ConnectionTable, FLOW_DEAD, FLOW_OPEN } from './uring-connections.hot.ts';

describe('ConnectionTable', () => {
  it.each([1, 2, 3])('does what a map of slots does, seed %i', (seed) => {
    const chance = new SeededChance(seed);
    const below = (bound: number): number => (chance.next32() >>> 0) % bound;
    const table = new ConnectionTable();
    const plain = new Map<number, { descriptor: number; at: number }>();
    for (let step = 0; step < 5000; step++) {
      if (below(5) < 3) {
        const descriptor = below(100_000);
        const slot = table.open(descriptor);
        expect(plain.has(slot), `seed ${seed}: slot ${slot} was free`).toBe(false);
        expect(table.flow[slot]).toBe(FLOW_OPEN);
        expect([table.inFlight[slot], table.vector[slot], table.directBytes[slot]])
          .toEqual([0, 0, 0]);
        const at = below(2 ** 30) * 4;
        table.directAt[slot] = at;
        table.directBytes[slot] = 1;
        table.inFlight[slot] = 2;
        table.vector[slot] = 3;
        table.flow[slot] = FLOW_OPEN | FLOW_DEAD;
        plain.set(slot, { descriptor, at });
      } else if (plain.size > 0) {
        const slot = [...plain.keys()][below(plain.size)]!;
        table.release(slot);
        expect(table.flow[slot]).toBe(0);
        plain.delete(slot);
      }
    }
    expect(plain.size).toBeGreaterThan(500);
    expect(table.slotsUsed).toBeGreaterThan(Math.max(...plain.keys()));
    for (const [slot, { descriptor, at }] of plain) {
      expect([table.descriptor[slot], table.directAt[slot]]).toEqual([descriptor, at]);
    }
  });
});
