/**
 * LCS against the recursive definition for its length, and against itself for the rest: the ranges
 * must spell the subsequence, from the end to the start. Random comparison with redis-server,
 * which also fixes the choice among several longest ones, is in bytes.reference.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { lcsTableBytes, longestCommonSubsequence } from './lcs.ts';
import type { LcsResult } from './lcs.ts';

const tableBytesMax = 1 << 20;

function find(a: string, b: string, rangeBytesMin = 0): LcsResult {
  const found =
    longestCommonSubsequence(Buffer.from(a), Buffer.from(b), tableBytesMax, rangeBytesMin);
  if (found === 'table-too-large') throw new Error(found);
  return found;
}

function plainLength(a: string, b: string): number {
  if (a === '' || b === '') return 0;
  if (a[0] === b[0]) return 1 + plainLength(a.slice(1), b.slice(1));
  return Math.max(plainLength(a.slice(1), b), plainLength(a, b.slice(1)));
}

describe('longestCommonSubsequence', () => {
  it('answers the example of the Redis documentation', () => {
    const found = find('ohmytext', 'mynewtext');
    expect(Buffer.from(found.bytes).toString()).toBe('mytext');
    expect(found.length).toBe(6);
    expect(found.ranges).toEqual([
      { aStart: 4, aEnd: 7, bStart: 5, bEnd: 8 },
      { aStart: 2, aEnd: 3, bStart: 0, bEnd: 1 },
    ]);
    expect(find('ohmytext', 'mynewtext', 4).ranges).toEqual([
      { aStart: 4, aEnd: 7, bStart: 5, bEnd: 8 },
    ]);
  });

  it('takes empty strings and strings with nothing in common', () => {
    for (const [a, b] of [['', ''], ['a', ''], ['', 'a'], ['abc', 'xyz']] as const) {
      expect(find(a, b)).toEqual({ length: 0, bytes: new Uint8Array(0), ranges: [] });
    }
  });

  it('has the defined length and ranges that spell it', () => {
    const seed = 3;
    const chance = new SeededChance(seed);
    const draw = (): string => {
      let text = '';
      for (let left = (chance.next32() >>> 0) % 9; left > 0; left--) {
        text += 'abc'.charAt((chance.next32() >>> 0) % 3);
      }
      return text;
    };
    for (let round = 0; round < 2000; round++) {
      const a = draw();
      const b = draw();
      const note = `seed ${String(seed)}: ${a} ${b}`;
      const found = find(a, b);
      const inOrder = [...found.ranges].reverse();
      const spelledByA = inOrder.map((one) => a.slice(one.aStart, one.aEnd + 1)).join('');
      const spelledByB = inOrder.map((one) => b.slice(one.bStart, one.bEnd + 1)).join('');
      expect(found.length, note).toBe(plainLength(a, b));
      expect(Buffer.from(found.bytes).toString(), note).toBe(spelledByA);
      expect(spelledByB, note).toBe(spelledByA);
      for (let i = 1; i < inOrder.length; i++) {
        expect(inOrder[i]!.aStart, note).toBeGreaterThan(inOrder[i - 1]!.aEnd);
        expect(inOrder[i]!.bStart, note).toBeGreaterThan(inOrder[i - 1]!.bEnd);
      }
    }
  });

  it('refuses a table beyond the bound, and only then', () => {
    const a = new Uint8Array(9);
    const b = new Uint8Array(4);
    expect(lcsTableBytes(9, 4)).toBe(200);
    expect(longestCommonSubsequence(a, b, 199, 0)).toBe('table-too-large');
    expect(longestCommonSubsequence(a, b, 200, 0)).toMatchObject({ length: 4 });
  });
});
