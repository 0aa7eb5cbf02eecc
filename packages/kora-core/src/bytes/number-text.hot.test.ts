/**
 * Integer text against its plain twin: a regular expression, BigInt and String. The hot code has
 * three roads (small, safe, 64 bits) and changes road at powers of ten and of two, so the tables
 * sit on those edges and the random part draws lengths evenly, not values.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { checkSame } from '../testing/quick-checks.ts';
import {
  INTEGER_TEXT_BYTES_MAX, integer64TextBytes, integerTextBytes, parseInteger, parsed,
  writeInteger, writeInteger64,
} from './number-text.hot.ts';
import { integer64ToBigint } from './number-text.ts';

const margin = 3;

/** The twin: what Redis's rule says, with a bigint for the value. */
function plainParse(text: string): bigint | undefined {
  if (!/^(0|-?[1-9][0-9]{0,18})$/.test(text)) return undefined;
  const value = BigInt(text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

/** Everything observable of one call, on bytes with other bytes around them. */
function observedParse(text: string): bigint | undefined {
  const bytes = Buffer.from(`999${text}999`, 'latin1');
  if (!parseInteger(bytes, margin, text.length)) return undefined;
  const exact = integer64ToBigint(parsed.high, parsed.low);
  const isSafe = exact >= -(2n ** 53n - 1n) && exact <= 2n ** 53n - 1n;
  checkSame(parsed.isSafe, isSafe, text);
  if (isSafe) checkSame(BigInt(parsed.value), exact, text);
  return exact;
}

function written(write: (u8: Uint8Array, at: number) => number): string {
  const u8 = new Uint8Array(INTEGER_TEXT_BYTES_MAX + 2 * margin).fill(0x2e);
  const bytes = write(u8, margin);
  const all = Buffer.from(u8).toString('latin1');
  const untouched = all.slice(0, margin) + all.slice(margin + bytes);
  checkSame(untouched, '.'.repeat(untouched.length), 'behind the text');
  return all.slice(margin, margin + bytes);
}

function edges(): bigint[] {
  const values: bigint[] = [];
  for (let power = 0n; power < 64n; power++) {
    for (const base of [2n ** power, 10n ** (power % 19n)]) {
      for (const delta of [-1n, 0n, 1n]) values.push(base + delta, -base + delta);
    }
  }
  values.push(2n ** 63n - 1n, -(2n ** 63n));
  return values.filter((value) => BigInt.asIntN(64, value) === value);
}

describe('parseInteger', () => {
  it('refuses what is not exactly a signed 64-bit decimal', () => {
    const refused = [
      '', '-', '-0', '+1', '01', '-01', '00', ' 1', '1 ', '1\n', '1\0', '0x1', '1e3', '1.0', '--1',
      '9223372036854775808', '-9223372036854775809', '18446744073709551616',
      '99999999999999999999', '-99999999999999999999', '100000000000000000000',
      '12345678901234567a', '1:', '1/', '123456789012345:', '123456789012345/',
    ];
    for (const text of refused) expect(observedParse(text), JSON.stringify(text)).toBeUndefined();
  });

  it('keeps the last result when it refuses', () => {
    observedParse('77');
    observedParse('9223372036854775808');
    expect([parsed.value, parsed.isSafe, parsed.low]).toEqual([77, true, 77]);
  });

  it('reads every edge', () => {
    for (const value of edges()) expect(observedParse(String(value))).toBe(value);
  });

  it('agrees with its twin on random texts', () => {
    const seed = 20_261_120;
    const chance = new SeededChance(seed);
    const below = (count: number): number => (chance.next32() >>> 0) % count;
    for (let round = 0; round < 20_000; round++) {
      let text = below(2) === 0 ? '' : '-';
      for (let left = below(21); left > 0; left--) text += String(below(10));
      if (below(8) === 0) {
        const at = below(text.length + 1);
        text = text.slice(0, at) + String.fromCharCode(below(256)) + text.slice(at);
      }
      checkSame(observedParse(text), plainParse(text), `seed ${String(seed)}: ${text}`);
    }
  });
});

describe('writing integers', () => {
  it('prints every edge as String does, in the announced number of bytes', () => {
    for (const value of edges()) {
      const high = Number(BigInt.asIntN(32, value >> 32n));
      const low = Number(BigInt.asIntN(32, value));
      expect(written((u8, at) => writeInteger64(u8, at, high, low))).toBe(String(value));
      checkSame(integer64TextBytes(high, low), String(value).length, String(value));
      if (!Number.isSafeInteger(Number(value))) continue;
      expect(written((u8, at) => writeInteger(u8, at, Number(value)))).toBe(String(value));
      checkSame(integerTextBytes(Number(value)), String(value).length, String(value));
    }
  });

  it('prints zero without a sign', () => {
    expect(written((u8, at) => writeInteger(u8, at, -0))).toBe('0');
  });

  it('gives back what it reads', () => {
    const seed = 7;
    const chance = new SeededChance(seed);
    for (let round = 0; round < 20_000; round++) {
      const shift = chance.next32() & 31;
      const high = chance.next32() >> shift;
      const low = chance.next32();
      const exact = integer64ToBigint(high, low);
      const text = written((u8, at) => writeInteger64(u8, at, high, low));
      checkSame(text, String(exact), `seed ${String(seed)}`);
      checkSame(observedParse(text), exact, `seed ${String(seed)}: ${text}`);
    }
  });
});
