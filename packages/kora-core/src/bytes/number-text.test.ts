/**
 * Doubles as text: what strtod accepts and refuses, and "%.17g" digit by digit. The printed forms
 * were recorded from C's printf; the ties (exact decimals of 18 digits ending in 5) are in the
 * table because JavaScript alone rounds them the other way.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import {
  DOUBLE_TEXT_BYTES_MAX, doubleToText17, integer64ToBigint, latin1Text, parseDoubleStrict,
} from './number-text.ts';

const read = (text: string): number | undefined => {
  const bytes = Buffer.from(`7${text}7`, 'latin1');
  return parseDoubleStrict(bytes, 1, bytes.length - 2);
};

function randomDouble(chance: SeededChance): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setInt32(0, chance.next32());
  view.setInt32(4, chance.next32());
  return view.getFloat64(0);
}

describe('parseDoubleStrict', () => {
  it('reads every form of strtod', () => {
    const table: [string, number][] = [
      ['0', 0], ['-0', -0], ['+0', 0], ['1.', 1], ['.5', 0.5], ['-.5', -0.5], ['+1.25', 1.25],
      ['3.0e3', 3000], ['3E-3', 0.003], ['007', 7], ['123456789012345', 123456789012345],
      ['0.000000000000001', 1e-15], ['1234567.890123456', 1234567.890123456],
      ['9007199254740993', 9007199254740992], ['1e308', 1e308], ['5e-324', 5e-324],
      ['1.7976931348623158e308', Number.MAX_VALUE], ['inf', Infinity], ['-INF', -Infinity],
      ['+infinity', Infinity], ['0x10', 16], ['-0x1.8p3', -12], ['0X.8', 0.5],
      ['0x1p-1074', 5e-324],
      ['0x1.fffffffffffff8p0', 2], ['0x1.fffffffffffff7p0', 2 - 2 ** -52],
      ['-0x0', -0], ['0e999999999999999', 0], ['0x1.8p-1074', 1e-323],
    ];
    for (const [text, value] of table) {
      expect(read(text), text).toBe(value);
    }
  });

  it('refuses everything else', () => {
    const refused = [
      '', ' 1', '1 ', '1\0', '+', '-', '.', '-.', 'e5', '1e', '1e+', '1.2.3', '1_0', '1,5', '--1',
      'nan', 'NaN', '-nan', 'nan(1)', 'infi', 'infinityy', '0x', '0x.', '0x.p5', '0x1p', '0x1g',
      '1e309', '-1e309', '1e999999999999999', '1e-400', '1e-999999999999999',
      '0x1p1024', '0x1p-1076',
      '\xb2', '1\xa0',
    ];
    for (const text of refused) expect(read(text), JSON.stringify(text)).toBeUndefined();
  });

  it('bounds the text', () => {
    expect(read('1'.padStart(DOUBLE_TEXT_BYTES_MAX, '0'))).toBe(1);
    expect(read('1'.padStart(DOUBLE_TEXT_BYTES_MAX + 1, '0'))).toBeUndefined();
  });

  it('agrees with Number on random decimals', () => {
    const seed = 53;
    const chance = new SeededChance(seed);
    const below = (count: number): number => (chance.next32() >>> 0) % count;
    for (let round = 0; round < 20_000; round++) {
      let text = below(2) === 0 ? '' : '-';
      const digits = 1 + below(18);
      const dot = below(digits + 4);
      for (let i = 0; i < digits; i++) text += (i === dot ? '.' : '') + String(below(10));
      expect(read(text), `seed ${String(seed)}: ${text}`).toBe(Number(text));
    }
  });
});

describe('doubleToText17', () => {
  it('prints what C prints', () => {
    const table: [number, string][] = [
      [0.1, '0.10000000000000001'], [1e21, '1e+21'], [1e17, '1e+17'], [1e16, '10000000000000000'],
      [123456789012345680, '1.2345678901234568e+17'], [2 ** -25, '2.9802322387695312e-08'],
      [2 ** -26, '1.4901161193847656e-08'], [3 * 2 ** -25, '8.9406967163085938e-08'],
      [1 / 3, '0.33333333333333331'], [5e-324, '4.9406564584124654e-324'],
      [Number.MAX_VALUE, '1.7976931348623157e+308'], [1e-5, '1.0000000000000001e-05'],
      [0.0001, '0.0001'], [0.00012345, '0.00012344999999999999'],
      [4503599627370498, '4503599627370498'], [-0, '-0'], [0, '0'], [1e15, '1000000000000000'],
      [1e15 + 0.125, '1000000000000000.1'], [100, '100'], [1.5e300, '1.5000000000000001e+300'],
      [-2.5, '-2.5'], [Infinity, 'inf'], [-Infinity, '-inf'], [NaN, 'nan'],
    ];
    for (const [value, text] of table) expect(doubleToText17(value)).toBe(text);
  });

  it('rounds ties to even where the exact text has 18 digits', () => {
    // m / 2^20 = m * 5^20 / 10^20: for odd m of this range, 18 digits of which the last is a 5.
    for (let m = 1049; m < 10_485; m += 2) {
      const exact = BigInt(m) * 5n ** 20n;
      expect(String(exact)).toMatch(/^\d{17}5$/);
      const below = exact / 10n;
      const even = String(below + (below & 1n)).replace(/0+$/, '');
      const printed = doubleToText17(m / 2 ** 20);
      expect(printed.replace('.', '').replace(/^0+/, ''), String(m)).toBe(even);
    }
  });

  it('prints text that reads back as the same double', () => {
    const seed = 17;
    const chance = new SeededChance(seed);
    for (let round = 0; round < 20_000; round++) {
      const value = randomDouble(chance);
      if (Number.isNaN(value)) continue;
      const text = doubleToText17(value);
      expect(read(text), `seed ${String(seed)}: ${text}`).toBe(value);
    }
  });
});

describe('small conversions', () => {
  it('joins two words to a bigint', () => {
    expect(integer64ToBigint(-1, -1)).toBe(-1n);
    expect(integer64ToBigint(-0x80000000, 0)).toBe(-(2n ** 63n));
    expect(integer64ToBigint(0x7fffffff, -1)).toBe(2n ** 63n - 1n);
    expect(integer64ToBigint(0, -2)).toBe(0xfffffffen);
  });

  it('turns bytes into characters one by one', () => {
    expect(latin1Text(Buffer.from('x\0é\xffx', 'latin1'), 1, 3)).toBe('\0é\xff');
    for (const bytes of [63, 64, 65, 4095, 4096, 4097, 20_000]) {
      const text = Array.from({ length: bytes }, (_, i) => String.fromCharCode((i * 7) & 0xff));
      const source = Buffer.from(`<${text.join('')}>`, 'latin1');
      expect(latin1Text(source, 1, bytes)).toBe(text.join(''));
    }
  });
});
