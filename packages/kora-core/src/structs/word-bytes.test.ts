/**
 * Bytes through words against Buffer: reads, writes, comparisons and copies at every alignment, of
 * every short length, and copies that overlap in both directions.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../testing/random-source.ts';
import {
  byteAt, copyBytes, isSame, partialWordAt, setByteAt, wordAt,
} from './word-bytes.hot.ts';

const BYTES = 64;

function makeBytes(): { i32: Int32Array; u8: Buffer } {
  const buffer = new ArrayBuffer(BYTES);
  const u8 = Buffer.from(buffer);
  for (let i = 0; i < BYTES; i++) u8[i] = i * 37 + 11;
  return { i32: new Int32Array(buffer), u8 };
}

describe('bytes through words', () => {
  it('reads words, parts of words and bytes anywhere', () => {
    const { i32, u8 } = makeBytes();
    for (let at = 0; at < BYTES - 4; at++) {
      expect(wordAt(i32, at), `at ${at}`).toBe(u8.readInt32LE(at));
      expect(byteAt(i32, at), `at ${at}`).toBe(u8[at]);
      for (let bytes = 0; bytes < 4; bytes++) {
        const wanted = bytes === 0 ? 0 : u8.readUIntLE(at, bytes);
        expect(partialWordAt(i32, at, bytes), `${bytes} at ${at}`).toBe(wanted);
      }
    }
  });

  it('sets one byte and no other', () => {
    for (let at = 0; at < BYTES; at++) {
      const { i32, u8 } = makeBytes();
      const wanted = Buffer.from(u8);
      wanted[at] = 0xa5;
      setByteAt(i32, at, 0xa5);
      expect(u8.equals(wanted), `at ${at}`).toBe(true);
    }
  });

  it('copies as Buffer does, overlaps too', () => {
    const seed = 41;
    const random = randomSource(seed);
    for (let round = 0; round < 3000; round++) {
      const { i32, u8 } = makeBytes();
      const bytes = random.below(BYTES / 2);
      const from = random.below(BYTES - bytes);
      const to = random.below(BYTES - bytes);
      const wanted = Buffer.from(u8);
      wanted.copyWithin(to, from, from + bytes);
      copyBytes(i32, to, from, bytes);
      if (!u8.equals(wanted)) throw new Error(`seed ${seed} round ${round}`);
    }
  });

  it('tells ranges apart that differ in one byte', () => {
    for (let bytes = 1; bytes < 12; bytes++) {
      for (let differs = 0; differs < bytes; differs++) {
        const { i32, u8 } = makeBytes();
        u8.fill(7);
        expect(isSame(i32, 3, 33, bytes)).toBe(true);
        u8[33 + differs] = 8;
        expect(isSame(i32, 3, 33, bytes), `${bytes} ${differs}`).toBe(false);
      }
    }
  });
});
