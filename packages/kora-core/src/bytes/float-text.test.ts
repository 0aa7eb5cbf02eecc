/**
 * Exact rounding against arithmetic that is right by construction: for doubles the engine's own
 * Number(text), for hexadecimals C's hexadecimal notation built from the double's bits.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import {
  DOUBLE_FORMAT, EXTENDED_FORMAT, readFloatText, roundBinary, roundFloatText, shiftRightToEven,
} from './float-text.ts';

/** The double that the rounding gives for a text. */
function rounded(text: string): number {
  const parts = readFloatText(text);
  if (parts === undefined) return NaN;
  const value = roundFloatText(parts, DOUBLE_FORMAT);
  if (value === 'infinite') return parts.isNegative ? -Infinity : Infinity;
  const half = Math.trunc(value.exponent / 2);
  return Number(value.mantissa) * 2 ** half * 2 ** (value.exponent - half);
}

describe('readFloatText', () => {
  it('takes numbers apart', () => {
    expect(readFloatText('-012.50e3')).toEqual(
      { kind: 'decimal', isNegative: true, digits: '1250', exponent: 1 });
    expect(readFloatText('0x0F.8p-2')).toEqual(
      { kind: 'hexadecimal', isNegative: false, digits: 'F8', exponent: -6 });
    expect(readFloatText('+InFiniTy')).toMatchObject({ kind: 'infinite', isNegative: false });
    for (const text of ['', '.', 'e1', '0x', '0xp1', 'in', 'nan', ' 1', '1\n', '\u0661']) {
      expect(readFloatText(text), JSON.stringify(text)).toBeUndefined();
    }
  });
});

describe('roundFloatText', () => {
  it('agrees with Number on random decimals, the subnormal and the largest included', () => {
    const seed = 1024;
    const chance = new SeededChance(seed);
    const below = (count: number): number => (chance.next32() >>> 0) % count;
    for (let round = 0; round < 4000; round++) {
      let text = '';
      for (let left = 1 + below(30); left > 0; left--) text += String(below(10));
      text += `e${String(below(700) - 360)}`;
      const expected = Number(text);
      expect(Math.abs(rounded(text)), `seed ${String(seed)}: ${text}`).toBe(expected);
    }
  });

  it('rounds exact ties to even', () => {
    expect(rounded('9007199254740993')).toBe(9007199254740992);
    expect(rounded('9007199254740995')).toBe(9007199254740996);
    expect(rounded(`9007199254740993.${'0'.repeat(400)}1`)).toBe(9007199254740994);
    expect(rounded('0x1.00000000000008p0')).toBe(1);
    expect(rounded('0x1.000000000000080001p0')).toBe(1 + 2 ** -52);
  });

  it('spends nothing on absurd exponents', () => {
    for (const [text, value] of [
      ['1e999999999999999999', Infinity], ['1e-999999999999999999', 0],
      ['0x1p999999999999', Infinity], ['0x1p-999999999999', 0],
      [`1e${'9'.repeat(400)}`, Infinity], [`1e-${'9'.repeat(400)}`, 0],
      [`0.${'0'.repeat(5000)}1e5001`, 1], [`1${'0'.repeat(5000)}e-5000`, 1],
    ] as const) expect(rounded(text), text.slice(0, 30)).toBe(value);
  });
});

describe('rounding integers', () => {
  it('shifts to nearest, ties to even', () => {
    const table = [[5n, 1, 2n], [7n, 1, 4n], [6n, 2, 2n], [10n, 2, 2n], [11n, 2, 3n], [9n, 0, 9n]];
    for (const [from, bits, to] of table) {
      expect(shiftRightToEven(BigInt(from!), Number(bits))).toBe(to);
    }
  });

  it('carries into a new bit, and beyond the largest into infinity', () => {
    const allOnes = 2n ** 65n - 1n;
    expect(roundBinary({ mantissa: allOnes, exponent: 0 }, EXTENDED_FORMAT))
      .toEqual({ mantissa: 2n ** 64n, exponent: 1 });
    expect(roundBinary({ mantissa: -allOnes, exponent: 16_319 }, EXTENDED_FORMAT))
      .toBe('infinite');
  });
});
