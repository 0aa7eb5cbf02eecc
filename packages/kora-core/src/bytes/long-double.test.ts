/**
 * INCRBYFLOAT without a server: a table recorded from redis-server 7.0.15 on x86-64, and laws that
 * hold for any correct 80-bit arithmetic. The thousands of random pairs are in
 * bytes.reference.test.ts, which needs the server.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import {
  LONG_DOUBLE_TEXT_BYTES_MAX, addLongDouble, incrByFloat, longDoubleText, parseLongDouble,
} from './long-double.ts';

const tenTo300 =
  '10000000000000000000089973240795591938705239442732907479382600823212656465961809357558491520' +
  '83750497190350372508614274835903592556184672983913096260520748646287327135641843653294084255' +
  '10760601678972665293237003055138294762099454029477278188962060617926761162709741065056718738' +
  '6105690089424915104006144';

const recorded: readonly (readonly [string, string, string])[] = [
  ['0.1', '0.2', '0.3'],
  ['1.1', '2.2', '3.3'],
  ['10.50', '0.1', '10.6'],
  ['5.0e3', '2.0e2', '5200'],
  ['3.0e3', '0', '3000'],
  ['1e300', '1', tenTo300],
  ['1e300', '-1e300', '0'],
  ['5e-324', '0', '0'],
  ['1e-17', '0', '0.00000000000000001'],
  ['5e-18', '0', '0'],
  ['4e-18', '0', '0'],
  ['1.5e-17', '1e-18', '0.00000000000000002'],
  ['-1e-20', '0', '0'],
  ['123456789012345678', '0.5', '123456789012345678.5'],
  ['9223372036854775807', '1', '9223372036854775808'],
  ['18446744073709551615', '1', '18446744073709551616'],
  ['18446744073709551616', '1', '18446744073709551616'],
  ['0.12345678901234567890123456789', '0', '0.12345678901234568'],
  ['3.14159265358979323846', '2.71828182845904523536', '5.85987448204883847'],
  ['99999999999999999.9', '0.1', '100000000000000000'],
  ['-0.3', '0.1', '-0.2'],
  ['1e18', '-0.000001', '1000000000000000000'],
  ['0x1p-3', '0x.8', '0.625'],
  ['0x1.8p3', '-2', '10'],
  ['1e19', '1e-3', '10000000000000000000'],
  ['1e4932', '1e4932', 'nan-or-infinity'],
  ['inf', '1', 'nan-or-infinity'],
  ['inf', '-inf', 'nan-or-infinity'],
  ['1', '-Infinity', 'nan-or-infinity'],
  ['nan', '1', 'not-a-float'],
  ['1e4933', '0', 'not-a-float'],
  ['1e-5000', '0', 'not-a-float'],
  ['3.7e-4951', '0', '0'],
  ['1.', '.5', '1.5'],
  ['+1', '1', '2'],
  ['-0', '0', '0'],
  ['1e', '1', 'not-a-float'],
  ['0x', '1', 'not-a-float'],
];

describe('incrByFloat', () => {
  it.each(recorded)('%s + %s, as recorded', (current, increment, sum) => {
    expect(incrByFloat(current, increment)).toBe(sum);
  });

  it('refuses what is no number, on either side', () => {
    for (const text of ['', ' 1', '1 ', 'abc', '1\0', '--1', '1e99999999999', 'nan']) {
      expect(incrByFloat(text, '1'), JSON.stringify(text)).toBe('not-a-float');
      expect(incrByFloat('1', text), JSON.stringify(text)).toBe('not-a-float');
    }
  });

  it('bounds the text', () => {
    expect(incrByFloat('1'.padStart(LONG_DOUBLE_TEXT_BYTES_MAX, '0'), '1')).toBe('2');
    expect(incrByFloat('1'.padStart(LONG_DOUBLE_TEXT_BYTES_MAX + 1, '0'), '1')).toBe('not-a-float');
  });
});

describe('the 80-bit arithmetic', () => {
  it('adds integers of up to 63 bits exactly and in any order', () => {
    const seed = 80;
    const chance = new SeededChance(seed);
    for (let round = 0; round < 5000; round++) {
      const shift = BigInt(chance.next32() & 63);
      const word = (BigInt(chance.next32()) << 32n) | BigInt(chance.next32() >>> 0);
      const a = BigInt.asIntN(63, word >> shift);
      const b = BigInt(chance.next32());
      const note = `seed ${String(seed)}: ${String(a)} ${String(b)}`;
      expect(incrByFloat(String(a), String(b)), note).toBe(String(a + b));
      expect(incrByFloat(String(b), String(a)), note).toBe(String(a + b));
    }
  });

  it('rounds to 64 bits, ties to even', () => {
    const top = 2n ** 64n;
    expect(incrByFloat(String(top), '1')).toBe(String(top));
    expect(incrByFloat(String(top), '3')).toBe(String(top + 4n));
    expect(incrByFloat(String(top + 2n), '1')).toBe(String(top + 4n));
  });

  it('knows the ends of its range', () => {
    const largest = parseLongDouble('0x1.fffffffffffffffep16383');
    const smallest = parseLongDouble('0x1p-16445');
    expect(largest).toEqual({ mantissa: 2n ** 64n - 1n, exponent: 16_320 });
    expect(smallest).toEqual({ mantissa: 1n, exponent: -16_445 });
    expect(parseLongDouble('0x1.ffffffffffffffffp16383')).toBeUndefined();
    expect(parseLongDouble('0x1p-16446')).toBeUndefined();
    if (largest === undefined || largest === 'infinite') throw new Error('largest is finite');
    expect(addLongDouble(largest, largest)).toBe('infinite');
    expect(longDoubleText(largest)).toHaveLength(4933);
  });
});
