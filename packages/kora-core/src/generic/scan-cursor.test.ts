/**
 * Cursors against strtoul as Redis uses it: a table recorded from redis-server 7.0.15, and random
 * numbers and random text against bigint.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { CURSOR_INVALID, readCursor } from './scan-cursor.ts';

const SAFE = Number.MAX_SAFE_INTEGER;

function read(text: string): number {
  const bytes = Uint8Array.from(`--${text}7`, (letter) => letter.charCodeAt(0));
  return readCursor(bytes, 2, text.length);
}

describe('readCursor', () => {
  it('reads what the reference reads', () => {
    const table: readonly (readonly [string, number])[] = [
      ['0', 0], ['', 0], ['00', 0], ['+0', 0], ['-0', 0], ['\0', 0], ['0\0z', 0], ['12\x00', 12],
      ['4294967295', 4294967295], ['4294967296', 4294967296], ['9007199254740990', SAFE - 1],
      ['9007199254740991', SAFE], ['9007199254740993', SAFE], ['18446744073709551615', SAFE],
      ['-1', SAFE], ['-18446744073709551615', 1], ['000000000000000000000000000000000000017', 17],
      ['18446744073709551616', CURSOR_INVALID], ['-18446744073709551616', CURSOR_INVALID],
      ['x', CURSOR_INVALID], ['1x', CURSOR_INVALID], ['1.5', CURSOR_INVALID], ['-', CURSOR_INVALID],
      ['+', CURSOR_INVALID], [' 0', CURSOR_INVALID], ['\t0', CURSOR_INVALID],
      ['0 ', CURSOR_INVALID],
      ['+-1', CURSOR_INVALID], ['0x10', CURSOR_INVALID], ['-\0', CURSOR_INVALID],
    ];
    for (const [text, cursor] of table) expect(read(text), JSON.stringify(text)).toBe(cursor);
  });

  it('agrees with bigint on random numbers of every length', () => {
    const chance = new SeededChance(7);
    for (let i = 0; i < 5000; i++) {
      let text = '';
      const digits = 1 + ((chance.next32() >>> 0) % 24);
      for (let d = 0; d < digits; d++) text += String((chance.next32() >>> 0) % 10);
      const value = BigInt(text);
      const expected =
        value >= 2n ** 64n ? CURSOR_INVALID : value >= BigInt(SAFE) ? SAFE : Number(value);
      expect(read(text), text).toBe(expected);
    }
  });
});
