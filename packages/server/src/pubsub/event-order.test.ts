/**
 * Events in the order of their numbers, whichever come first: against a sorted list, with losses,
 * numbers that pass 2^31, and more that wait than may.
 */
import { describe, expect, it } from 'vitest';
import { belowOf } from '../testing/mesh-clients.ts';
import { EventOrder } from './event-order.ts';

describe('the order of events', () => {
  it.each([1, 2, 3, 4])('is that of their numbers, seed %i', (seed) => {
    const below = belowOf(seed);
    const heard: number[] = [];
    const order = new EventOrder<number>((event) => { heard.push(event); });
    const lost = new Set<number>();
    // Some are under way at a time, and any of them may come first.
    const underWay: number[] = [];
    for (let next = 0; next < 2_000 || underWay.length > 0;) {
      if (next < 2_000 && (underWay.length === 0 || below(2) === 0)) {
        underWay.push(next);
        if (below(50) === 0) lost.add(next);
        next++;
      } else {
        const [number = 0] = underWay.splice(below(underWay.length), 1);
        order.take(number, lost.has(number) ? null : () => number);
      }
    }
    const wanted = Array.from({ length: 2_000 }, (_, i) => i).filter((i) => !lost.has(i));
    expect(heard, `seed ${seed}`).toEqual(wanted);
    expect(order.heldCount).toBe(0);
  });

  it('keeps what is early, and not what has its turn', () => {
    const made: string[] = [];
    const order = new EventOrder<string>((event) => { made.push(event); });
    const take = (number: number): void => {
      order.take(number, (isKept) => `${number}${isKept ? ' kept' : ''}`);
    };
    take(1);
    take(2);
    expect(made).toEqual([]);
    take(0);
    take(3);
    expect(made).toEqual(['0', '1 kept', '2 kept', '3']);
  });

  it('is given up when too many wait; what is late comes when it comes', () => {
    const heard: number[] = [];
    const order = new EventOrder<number>((event) => { heard.push(event); }, 3);
    for (const number of [5, 4, 6]) order.take(number, () => number);
    expect(heard).toEqual([]);
    order.take(9, () => 9);
    expect(heard).toEqual([4, 5, 6]);
    order.take(2, () => 2);
    order.take(7, () => 7);
    order.take(8, () => 8);
    expect(heard).toEqual([4, 5, 6, 2, 7, 8, 9]);
  });

  it('does what is deferred behind all that was here, and before what came later', () => {
    const heard: (number | string)[] = [];
    const order = new EventOrder<number>((event) => { heard.push(event); });
    const take = (number: number): void => { order.take(number, () => number); };
    order.defer(() => { heard.push('at once'); });
    take(1);
    order.defer(() => { heard.push('behind 1'); });
    const { end } = order;
    take(3);
    order.defer(() => { heard.push('behind 3'); });
    expect(order.hasReached(end)).toBe(false);
    take(0);
    expect(heard).toEqual(['at once', 0, 1, 'behind 1']);
    expect(order.hasReached(end)).toBe(true);
    take(2);
    expect(heard.slice(4)).toEqual([2, 3, 'behind 3']);
  });

  it('goes on behind 2^31 and 2^32', () => {
    for (const start of [2 ** 31 - 3, 2 ** 32 - 3]) {
      const heard: number[] = [];
      // None may wait, so the first one has its turn, whatever its number is.
      const order = new EventOrder<number>((event) => { heard.push(event); }, 0);
      const words = Int32Array.of(start);
      const numbers = Array.from({ length: 6 }, () => Atomics.add(words, 0, 1));
      for (const [i, number] of numbers.entries()) order.take(number, () => i);
      expect(heard).toEqual([0, 1, 2, 3, 4, 5]);
    }
  });
});
