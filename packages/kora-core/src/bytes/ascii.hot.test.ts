/**
 * Case-blind comparison against its plain twin (Latin-1 strings and a regular expression), over all
 * pairs of bytes, because the traps are the neighbours of the letters and the bytes above 0x7f.
 */
import { describe, expect, it } from 'vitest';
import { asciiLower, asciiUpper, equalsIgnoreCase } from './ascii.hot.ts';

const plainUpper = (text: string): string => text.replace(/[a-z]/g, (one) => one.toUpperCase());
const plainLower = (text: string): string => text.replace(/[A-Z]/g, (one) => one.toLowerCase());

describe('folding one byte', () => {
  it('changes the 26 letters and nothing else', () => {
    for (let byte = 0; byte < 256; byte++) {
      const text = String.fromCharCode(byte);
      expect(String.fromCharCode(asciiLower(byte))).toBe(plainLower(text));
      expect(String.fromCharCode(asciiUpper(byte))).toBe(plainUpper(text));
    }
  });
});

describe('equalsIgnoreCase', () => {
  const word = Buffer.from('ZADD');

  it('accepts any mix of cases, in the middle of other bytes', () => {
    for (const text of ['ZADD', 'zadd', 'zAdD']) {
      expect(equalsIgnoreCase(Buffer.from(`$4${text}\r\n`), 2, 4, word)).toBe(true);
    }
  });

  it('refuses other lengths and other words', () => {
    expect(equalsIgnoreCase(Buffer.from('zaddx'), 0, 5, word)).toBe(false);
    expect(equalsIgnoreCase(Buffer.from('zad'), 0, 3, word)).toBe(false);
    expect(equalsIgnoreCase(Buffer.from('zrem'), 0, 4, word)).toBe(false);
    expect(equalsIgnoreCase(Buffer.from(''), 0, 0, Buffer.from(''))).toBe(true);
  });

  it('agrees with its twin on every pair of bytes', () => {
    const one = new Uint8Array(1);
    const upperWord = new Uint8Array(1);
    for (let byte = 0; byte < 256; byte++) {
      for (let letter = 0; letter < 256; letter++) {
        if (letter >= 0x61 && letter <= 0x7a) continue;
        one[0] = byte;
        upperWord[0] = letter;
        const expected = plainUpper(String.fromCharCode(byte)) === String.fromCharCode(letter);
        expect(equalsIgnoreCase(one, 0, 1, upperWord)).toBe(expected);
      }
    }
  });
});
