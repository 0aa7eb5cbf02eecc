/**
 * Refused connections against what they are promised: at least one generation of ticks to read why,
 * at most two, and a bound on how many are remembered.
 */
import { describe, expect, it } from 'vitest';
import { REFUSED_COUNT_MAX, RefusedConnections } from './refused-connections.ts';

describe('refused connections', () => {
  it.each([0, 1, 19, 20, 33])('are due after 20 to 40 ticks, refused at tick %i', (before) => {
    const refused = new RefusedConnections();
    for (let tick = 0; tick < before; tick++) expect([...refused.onTick()]).toEqual([]);
    expect(refused.hasAny).toBe(false);
    expect([...refused.note(7)]).toEqual([]);
    expect(refused.hasAny).toBe(true);
    let ticks = 0;
    while (!refused.onTick().has(7)) ticks++;
    expect(ticks + 1).toBeGreaterThanOrEqual(20);
    expect(ticks + 1).toBeLessThanOrEqual(40);
    expect(refused.hasAny).toBe(false);
    for (let tick = 0; tick < 100; tick++) expect([...refused.onTick()]).toEqual([]);
  });

  it('are young again when they are refused again on the same slot', () => {
    const refused = new RefusedConnections();
    refused.note(7);
    for (let tick = 0; tick < 20; tick++) refused.onTick();
    refused.note(7);
    for (let tick = 0; tick < 20; tick++) expect([...refused.onTick()]).toEqual([]);
    for (let tick = 0; tick < 19; tick++) expect([...refused.onTick()]).toEqual([]);
    expect([...refused.onTick()]).toEqual([7]);
  });

  it('are never more than two generations, and the newest are kept', () => {
    const refused = new RefusedConnections();
    const left = new Set<number>();
    for (let slot = 0; slot < REFUSED_COUNT_MAX * 10; slot++) {
      left.add(slot);
      for (const due of refused.note(slot)) expect(left.delete(due)).toBe(true);
      expect(left.has(slot)).toBe(true);
      expect(left.size).toBeLessThanOrEqual(2 * (REFUSED_COUNT_MAX + 1));
    }
  });
});
