/**
 * Draws are within their limit, hit every value, and are even: a chi-square of many draws stays
 * under a bound that chance passes once in a million. Limits just above 2^31 would show the bias of
 * a plain remainder as a factor of two.
 */
import { describe, expect, it } from 'vitest';
import type { Chance } from '../../platform/platform.ts';
import { SeededChance } from '../../platform/platform.ts';
import { drawBelow } from './draw.ts';

describe('drawBelow', () => {
  it('draws every value below the limit evenly', () => {
    const seed = 7;
    const chance = new SeededChance(seed);
    const limit = 7;
    const counts = new Array<number>(limit).fill(0);
    const draws = 70_000;
    for (let i = 0; i < draws; i++) {
      const drawn = drawBelow(chance, limit);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    const expected = draws / limit;
    const chiSquare = counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    expect(counts.length, `seed ${seed}`).toBe(limit);
    expect(chiSquare, `seed ${seed}`).toBeLessThan(40);
  });

  it('passes over words that would favour low values', () => {
    const words = [0xffff_ffff | 0, 0xc000_0000 | 0, 5];
    const chance: Chance = { next32: () => words.shift() ?? 0 };
    expect(drawBelow(chance, 0xc000_0000)).toBe(5);
  });

  it('takes the whole range', () => {
    const chance: Chance = { next32: () => -1 };
    expect(drawBelow(chance, 4_294_967_296)).toBe(4_294_967_295);
    expect(drawBelow(chance, 1)).toBe(0);
  });

  it('refuses to draw from nothing, instead of drawing for ever', () => {
    expect(() => drawBelow(new SeededChance(1), 0)).toThrow('something is drawn from');
  });
});
