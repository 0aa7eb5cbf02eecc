/**
 * The loops against template strings, and against garbage: they allocate nothing.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SeededChance } from '@kora/core';
import { bytesPerCall } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { writeAsciiBulk, writeLength, writeLineEnd } from './request-bytes.hot.ts';

const FILL = 0xee;

describe('writeLength', () => {
  it('writes a sign, a number and a line end', () => {
    const numbers = [0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 16_383, 65_536, 123_456_789,
      2 ** 31 - 1, 536_870_912];
    for (const number of numbers) {
      const u8 = new Uint8Array(32).fill(FILL);
      const end = writeLength(u8, 3, 0x2a, number);
      expect(Buffer.from(u8.subarray(3, end)).toString()).toBe(`*${number}\r\n`);
      expect(u8[2]).toBe(FILL);
      expect(u8[end]).toBe(FILL);
    }
  });
});

describe('writeAsciiBulk', () => {
  it('writes ASCII as a bulk string, and refuses everything else', () => {
    const seed = 5;
    const chance = new SeededChance(seed);
    const random = (below: number): number => (chance.next32() >>> 0) % below;
    let refusals = 0;
    for (let round = 0; round < 4_000; round++) {
      const limit = [128, 128, 256, 0x10000][random(4)] ?? 128;
      const codes = Array.from({ length: random(120) }, () => random(limit));
      const text = String.fromCharCode(...codes);
      const u8 = new Uint8Array(160).fill(FILL);
      const end = writeAsciiBulk(u8, 7, text);
      const note = `seed ${seed}, round ${round}`;
      if (codes.some((code) => code >= 128)) {
        expect(end, note).toBe(-1);
        refusals++;
        continue;
      }
      expect(Buffer.from(u8.subarray(7, end)).toString(), note)
        .toBe(`$${text.length}\r\n${text}\r\n`);
      expect(u8[end], note).toBe(FILL);
    }
    expect(refusals).toBeGreaterThan(100);
  });

  it('allocates nothing', () => {
    setFlagsFromString('--expose-gc');
    // Byte boundary: the collector has no type of its own.
    const collect = runInNewContext('gc') as () => void;
    const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };
    const buffer = Buffer.alloc(256);
    const texts = ['GET', 'key:000000000017', 'v'.repeat(40)];
    let at = 0;
    const bytes = bytesPerCall(meter, () => {
      at = writeLength(buffer, 0, 0x2a, 1234);
      for (let i = 0; i < 3; i++) at = writeAsciiBulk(buffer, at, texts[i] ?? '');
      at = writeLineEnd(buffer, at);
    });
    expect(at).toBeGreaterThan(60);
    expect(bytes).toBeLessThan(1);
  });
});
