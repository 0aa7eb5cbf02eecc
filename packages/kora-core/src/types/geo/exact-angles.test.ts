/**
 * The angles against exact arithmetic: Taylor series in whole numbers of 2^-160. A result may not
 * be off by more than 0.51 units in the last place, and is hardly ever not the nearest.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../../testing/random-source.ts';
import { arcSine, cosine, sine } from './exact-angles.ts';

const BITS = 200n;
const ONE = 1n << BITS;

/** A double as a whole number of 2^-BITS. */
function exactOf(value: number): bigint {
  const [word] = new BigUint64Array(Float64Array.of(Math.abs(value)).buffer);
  const bits = word ?? 0n;
  const exponent = BigInt(bits >> 52n) - 1075n + BITS;
  const mantissa = (bits & ((1n << 52n) - 1n)) | (1n << 52n);
  const magnitude = exponent >= 0n ? mantissa << exponent : mantissa >> -exponent;
  return value < 0 ? -magnitude : magnitude;
}

/** Sum of x^n/n! from `first` on in steps of two, signs alternating. */
function series(angle: bigint, first: number): bigint {
  let term = first === 0 ? ONE : angle;
  let sum = 0n;
  for (let n = first; term !== 0n; n += 2) {
    sum += term;
    term = -((term * angle) >> BITS) * angle / (BigInt((n + 1) * (n + 2)) << BITS);
  }
  return sum;
}

/** How many units in the last place a result is off. */
function unitsOff(result: number, exact: bigint): number {
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(result))) - 52);
  const off = exactOf(result) - exact;
  return Math.abs(Number(off) / Number(exactOf(unit)));
}

describe('angles', () => {
  it('have sines and cosines that are the nearest doubles, or nearly', () => {
    const random = randomSource(1);
    let roughCount = 0;
    for (let i = 0; i < 3000; i++) {
      const scale = i % 3 === 0 ? 1e-3 : Math.PI;
      const angle = ((random.below(2 ** 32) / 2 ** 32) * 2 - 1) * scale + 1e-12;
      const exact = exactOf(angle);
      const offs = [
        unitsOff(sine(angle), series(exact, 1)), unitsOff(cosine(angle), series(exact, 0)),
      ];
      for (const off of offs) {
        expect(off, `angle ${angle}`).toBeLessThan(0.51);
        if (off > 0.5) roughCount++;
      }
    }
    expect(roughCount).toBeLessThan(30);
  });

  it('come back from their sines', () => {
    const random = randomSource(2);
    for (let i = 0; i < 3000; i++) {
      const value = random.below(2 ** 32) / 2 ** 32;
      const angle = arcSine(value);
      if (value === 0) continue;
      // Half a unit of the angle, seen through the slope of the sine.
      const half = exactOf(2 ** (Math.floor(Math.log2(angle)) - 53));
      const slope = BigInt(Math.round(Math.cos(angle) * 2 ** 40));
      const room = (half * slope * 51n) / (50n << 40n) + 1n;
      const off = series(exactOf(angle), 1) - exactOf(value);
      expect(off < 0n ? -off <= room : off <= room, `arc sine of ${value}`).toBe(true);
    }
    expect(arcSine(0)).toBe(0);
    expect(arcSine(1)).toBe(Math.PI / 2);
    expect(arcSine(1.0000000000000002)).toBeNaN();
  });
});
