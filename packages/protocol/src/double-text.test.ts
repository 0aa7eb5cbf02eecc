/**
 * doubleText against values printed by C's printf("%.17g"), and against a slow exact twin that
 * expands doubles with BigInt and rounds half to even, over random doubles of several sorts.
 */
import { describe, expect, it } from 'vitest';
import { DOUBLE_TEXT_BYTES_MAX, doubleText } from './double-text.ts';
import { seededChooser } from './testing/seeded.ts';

/** Printed by glibc's printf("%.17g"). */
const PRINTED: readonly (readonly [number, string])[] = [
  [0, '0'], [-0, '-0'], [1, '1'], [-1, '-1'], [0.1, '0.10000000000000001'], [2.5, '2.5'],
  [3.141, '3.141'], [0.5, '0.5'], [0.0001, '0.0001'], [0.00001, '1.0000000000000001e-05'],
  [-1.5e-7, '-1.4999999999999999e-07'], [1e15, '1000000000000000'], [1e16, '10000000000000000'],
  [1e17, '1e+17'], [123456789012345678, '1.2345678901234568e+17'],
  [1e300, '1.0000000000000001e+300'],
  [5e-324, '4.9406564584124654e-324'], [1.7976931348623157e308, '1.7976931348623157e+308'],
  [1000000000000000.25, '1000000000000000.2'], [1000000000000000.75, '1000000000000000.8'],
  [2251799813685247.75, '2251799813685247.8'], [Infinity, 'inf'], [-Infinity, '-inf'],
  [Number.NaN, 'nan'],
];

/** "%.17e" digits and exponent of a positive double, exactly: value = numerator / 2^shift. */
function exactDigits(value: number): { digits: bigint; exponent: number } {
  const bits = new BigUint64Array(new Float64Array([value]).buffer)[0]!;
  const biased = Number(bits >> 52n);
  const mantissa = (bits & ((1n << 52n) - 1n)) | (biased === 0 ? 0n : 1n << 52n);
  const power = Math.max(biased, 1) - 1_075;
  const numerator = power > 0 ? mantissa << BigInt(power) : mantissa;
  const denominator = power < 0 ? 1n << BigInt(-power) : 1n;
  // log10 is right to within one; the first exponent that leaves 17 digits is the one.
  for (let exponent = Math.max(-325, Math.floor(Math.log10(value)) - 1); ; exponent++) {
    const scale = exponent - 16;
    const top = scale < 0 ? numerator * 10n ** BigInt(-scale) : numerator;
    const bottom = scale > 0 ? denominator * 10n ** BigInt(scale) : denominator;
    if (top >= bottom * 10n ** 17n) continue;
    let digits = top / bottom;
    const twice = (top % bottom) * 2n;
    if (twice > bottom || (twice === bottom && digits % 2n === 1n)) digits += 1n;
    if (digits < 10n ** 17n) return { digits, exponent };
    return { digits: 10n ** 16n, exponent: exponent + 1 };
  }
}

function slowText(value: number): string {
  const { digits, exponent } = exactDigits(Math.abs(value));
  const sign = value < 0 ? '-' : '';
  const text = String(digits);
  if (exponent < -4 || exponent >= 17) {
    const fraction = text.slice(1).replace(/0+$/, '');
    const power = String(Math.abs(exponent)).padStart(2, '0');
    const mantissa = `${text.slice(0, 1)}${fraction && '.'}${fraction}`;
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${power}`;
  }
  const padded = exponent < 0 ? '0'.repeat(-exponent) + text : text;
  const whole = Math.max(exponent, 0) + 1;
  const fraction = padded.slice(whole).replace(/0+$/, '');
  return `${sign}${padded.slice(0, whole)}${fraction && '.'}${fraction}`;
}

describe('the text of a double', () => {
  it.each(PRINTED)('%d is printed as by printf', (value, text) => {
    expect(doubleText(value)).toBe(text);
    expect(text.length).toBeLessThanOrEqual(DOUBLE_TEXT_BYTES_MAX);
  });

  it('fits the longest text', () => {
    expect(doubleText(-2.2250738585072014e-308)).toHaveLength(DOUBLE_TEXT_BYTES_MAX);
  });

  it.each([1, 2, 3])('equals the exact twin, seed %i', (seed) => {
    const choose = seededChooser(seed);
    const word = new Uint32Array(2);
    const double = new Float64Array(word.buffer);
    for (let round = 0; round < 1_000; round++) {
      word.set([choose(2 ** 32), choose(2 ** 32)]);
      const values = [
        double[0]!, choose(1e9) / 10 ** choose(9),
        choose(2 ** 32) * choose(2 ** 20) + choose(8) / 8,
        (2 ** 50 + choose(2 ** 32) * 2 ** 16 + choose(2 ** 16)) / 2 ** choose(60),
      ];
      for (const value of values) {
        if (!Number.isFinite(value) || value === 0) continue;
        expect(doubleText(value), `seed ${seed} value ${value}`).toBe(slowText(value));
      }
    }
  });

  it('rounds exact ties to the even digit, where toExponential rounds them up', () => {
    const choose = seededChooser(4);
    let tieCount = 0;
    for (let round = 0; round < 3_000; round++) {
      const shift = 2 + choose(24);
      // 5^shift * odd with 18 digits, over 10^shift: see double-text.ts.
      const least = Math.ceil(1e17 / 5 ** shift);
      const odd = (least + choose(Math.min(2 ** 53 - least, least * 9))) | 1;
      if (odd <= 0 || odd >= 2 ** 53) continue;
      const value = odd / 2 ** shift;
      if (!/5(0*)e/.test(value.toExponential(17))) continue;
      tieCount++;
      expect(doubleText(value), `odd ${odd} shift ${shift}`).toBe(slowText(value));
    }
    expect(tieCount).toBeGreaterThan(100);
  });
});
