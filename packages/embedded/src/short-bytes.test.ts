/**
 * The loops against what they stand for: TextEncoder (for ASCII the same bytes, for everything else
 * a refusal) and TypedArray.set.
 */
import { SeededChance } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { copyShort, writeAscii } from './short-bytes.hot.ts';

describe('writeAscii', () => {
  it('writes what TextEncoder writes, or refuses', () => {
    const seed = 11;
    const chance = new SeededChance(seed);
    const random = (below: number): number => (chance.next32() >>> 0) % below;
    const low = new Uint8Array(64);
    let refusals = 0;
    for (let round = 0; round < 5_000; round++) {
      const limits = [128, 128, 256, 0x10000];
      const limit = limits[random(limits.length)] ?? 128;
      const codes = Array.from({ length: random(40) }, () => random(limit));
      const text = String.fromCharCode(...codes);
      const isAscii = codes.every((code) => code < 128);
      const at = random(20);
      low.fill(0xee);
      expect(writeAscii(low, at, text), `seed ${seed}, round ${round}`).toBe(isAscii);
      if (!isAscii) refusals++;
      else {
        expect(low.subarray(at, at + text.length)).toEqual(new TextEncoder().encode(text));
        expect(low[at + text.length]).toBe(0xee);
      }
    }
    expect(refusals).toBeGreaterThan(100);
  });
});

describe('copyShort', () => {
  it('copies what set copies', () => {
    const low = Uint8Array.from({ length: 200 }, (_, i) => i * 3);
    for (let bytes = 0; bytes <= 100; bytes++) {
      const target = new Uint8Array(120);
      const plain = new Uint8Array(120);
      copyShort(low, bytes, target, 7, bytes);
      plain.set(low.subarray(bytes, 2 * bytes), 7);
      expect(target).toEqual(plain);
    }
  });
});
