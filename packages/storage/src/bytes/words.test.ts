/**
 * Numbers to bytes and back, against DataView, at the ends of their ranges; and the copy, on both
 * sides of the length where it changes its way.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { copyBytes } from './copy-bytes.ts';
import { fits64, get32, get64, put32, put64 } from './words.hot.ts';

const wholeNumbers = [
  0, 1, 255, 256, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 2 ** 32, 2 ** 40 + 5, 2 ** 53 - 1,
];

describe('words', () => {
  it('are what DataView reads, and come back', () => {
    const bytes = new Uint8Array(24);
    const view = new DataView(bytes.buffer);
    for (const value of wholeNumbers) {
      put64(bytes, 3, value);
      expect(view.getBigUint64(3, true)).toBe(BigInt(value));
      expect(get64(bytes, 3)).toBe(value);
      expect(fits64(bytes, 3)).toBe(true);
      if (value > 0xffff_ffff) continue;
      put32(bytes, 13, value);
      expect(view.getUint32(13, true)).toBe(value);
      expect(get32(bytes, 13)).toBe(value);
    }
  });
  it('know which u64 a double cannot tell', () => {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    for (const [value, fits] of [[2n ** 53n - 1n, true], [2n ** 53n, false]] as const) {
      view.setBigUint64(0, value, true);
      expect(fits64(bytes, 0)).toBe(fits);
    }
  });
});

describe('copyBytes', () => {
  it('copies the range and nothing beside it', () => {
    const chance = new SeededChance(11);
    const from = Uint8Array.from({ length: 300 }, () => chance.next32() & 255);
    for (const length of [0, 1, 63, 64, 65, 200]) {
      const to = new Uint8Array(300).fill(0xaa);
      copyBytes(to, 7, from, 31, length);
      expect(to.subarray(7, 7 + length)).toEqual(from.subarray(31, 31 + length));
      expect(to.subarray(0, 7).every((byte) => byte === 0xaa)).toBe(true);
      expect(to.subarray(7 + length).every((byte) => byte === 0xaa)).toBe(true);
    }
  });
});
