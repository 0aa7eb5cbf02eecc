/**
 * The loops over words against plain loops over bits, at every alignment and length around a word,
 * and without a byte touched outside the range.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../../testing/random-source.ts';
import {
  andNotWords, andWords, countBits, findByteWithBit, firstBitOfByte, notWords, orWords,
  tallyWords, wordBits, xorWords,
} from './bit-words.hot.ts';

const WORDS = 64;

function randomWords(seed: number): Int32Array {
  const random = randomSource(seed);
  return Int32Array.from({ length: WORDS }, () => random.word());
}

function naiveCount(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) for (let bit = 0; bit < 8; bit++) count += (byte >>> bit) & 1;
  return count;
}

describe('loops over bits', () => {
  it('count as a loop over bits does, at every alignment', () => {
    const i32 = randomWords(1);
    const u8 = new Uint8Array(i32.buffer);
    for (let at = 0; at < 9; at++) {
      for (let bytes = 0; bytes < 40; bytes++) {
        const wanted = naiveCount(u8.subarray(at, at + bytes));
        expect(countBits(i32, at, bytes), `${bytes} bytes at ${at}`).toBe(wanted);
      }
    }
    expect(wordBits(-1)).toBe(32);
  });

  it('find the first byte with a bit, wherever it stands', () => {
    for (const bit of [0, 1]) {
      for (let at = 0; at < 5; at++) {
        for (let bytes = 0; bytes < 30; bytes++) {
          for (let place = 0; place <= bytes; place++) {
            const i32 = new Int32Array(WORDS);
            const u8 = new Uint8Array(i32.buffer);
            // Outside the range every byte would end the search.
            u8.fill(bit === 1 ? 0xff : 0);
            u8.fill(bit === 1 ? 0 : 0xff, at, at + bytes);
            if (place < bytes) u8[at + place] = bit === 1 ? 0x10 : 0xef;
            const where = `${bytes} bytes at ${at}, bit ${bit} at ${place}`;
            expect(findByteWithBit(i32, at, bytes, bit), where).toBe(place);
          }
        }
      }
    }
  });

  it('name the first bit of a byte from the highest on', () => {
    for (let byte = 0; byte < 256; byte++) {
      const text = byte.toString(2).padStart(8, '0');
      for (const bit of [0, 1]) {
        const found = text.indexOf(String(bit));
        expect(firstBitOfByte(byte, bit), `${bit} in ${text}`).toBe(found < 0 ? 8 : found);
      }
    }
  });

  it('combine words as the operators do, and nothing beside them', () => {
    const operations = [
      { run: andWords, of: (a: number, b: number) => a & b },
      { run: orWords, of: (a: number, b: number) => a | b },
      { run: xorWords, of: (a: number, b: number) => a ^ b },
      { run: andNotWords, of: (a: number, b: number) => a & ~b },
    ];
    for (const { run, of } of operations) {
      const before = randomWords(2);
      const i32 = before.slice();
      run(i32, 5, 30, 11);
      i32.forEach((word, i) => {
        const isChanged = i >= 5 && i < 16;
        const wanted = isChanged ? of(before[i] ?? 0, before[i + 25] ?? 0) : before[i];
        expect(word, `${run.name}, word ${i}`).toBe(wanted);
      });
    }
    const before = randomWords(3);
    const i32 = before.slice();
    notWords(i32, 7, 3);
    expect([...i32].map((word, i) => (i >= 7 && i < 10 ? ~word : word))).toEqual([...before]);
  });

  it('tally bits seen once and more often', () => {
    const i32 = randomWords(4);
    i32.fill(0, 0, 8);
    const sources = [16, 20, 24, 28];
    for (const from of sources) tallyWords(i32, 0, 4, from, 4);
    for (let word = 0; word < 4; word++) {
      for (let bit = 0; bit < 32; bit++) {
        const seen = sources.filter((from) => (((i32[from + word] ?? 0) >>> bit) & 1) === 1).length;
        expect(((i32[word] ?? 0) >>> bit) & 1).toBe(seen > 0 ? 1 : 0);
        expect(((i32[4 + word] ?? 0) >>> bit) & 1).toBe(seen > 1 ? 1 : 0);
      }
    }
  });
});
