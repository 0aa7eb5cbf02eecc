/**
 * Bytes copied to words against a byte loop: every alignment, every length around the bounds of the
 * loops, neighbours untouched, the last word filled with zeros. What lies behind the end of the
 * source memory is never asked for.
 */
import { describe, expect, it } from 'vitest';
import { randomSource } from '../testing/random-source.ts';
import { WORDS_IN_BULK_MIN, copyBytesToWords } from './ring-copy.hot.ts';

const POISON = 0x5a5a5a5a;
const BYTES_MAX = WORDS_IN_BULK_MIN * 4 + 64;

interface Plain {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
}

function memoryOf(bytes: number): Plain {
  const buffer = new SharedArrayBuffer(Math.ceil(bytes / 4) * 4);
  return { words: new Int32Array(buffer), bytes: new Uint8Array(buffer) };
}

/** The same, written simply. */
function naiveCopy(from: Plain, fromByte: number, to: Plain, toWord: number, bytes: number): void {
  for (let i = 0; i < Math.ceil(bytes / 4) * 4; i++) {
    to.bytes[toWord * 4 + i] = i < bytes ? from.bytes[fromByte + i]! : 0;
  }
}

describe('copyBytesToWords', () => {
  const random = randomSource(7);
  const from = memoryOf(BYTES_MAX + 16);
  for (let i = 0; i < from.bytes.length; i++) from.bytes[i] = random.below(256);

  function compare(fromByte: number, toWord: number, bytes: number): void {
    const expected = memoryOf(BYTES_MAX + 64);
    const actual = memoryOf(BYTES_MAX + 64);
    expected.words.fill(POISON);
    actual.words.fill(POISON);
    naiveCopy(from, fromByte, expected, toWord, bytes);
    copyBytesToWords(from.words, fromByte, actual.words, toWord, bytes);
    const isSame = expected.words.every((word, index) => word === actual.words[index]);
    if (isSame) return;
    expect(actual.bytes, `from ${fromByte} to word ${toWord}, ${bytes} bytes`)
      .toEqual(expected.bytes);
  }

  it('copies from every alignment, with every rest', () => {
    for (let skew = 0; skew < 8; skew++) {
      for (let bytes = 0; bytes < 80; bytes++) compare(skew, bytes % 5, bytes);
    }
  });

  it('copies long runs, below and above the bound of the bulk copy', () => {
    for (let skew = 0; skew < 8; skew++) {
      for (let more = -9; more < 40; more++) {
        compare(skew, 3 + (more & 1), WORDS_IN_BULK_MIN * 4 + more);
      }
    }
  });

  it('reads nothing behind the end of its memory', () => {
    for (let bytes = 1; bytes < 24; bytes++) compare(from.bytes.length - bytes, 1, bytes);
    expect(() => {
      copyBytesToWords(from.words, from.bytes.length - 3, memoryOf(8).words, 0, 4);
    }).toThrow('the source lies in its memory');
  });

  it('writes nothing behind the end of the target', () => {
    expect(() => {
      copyBytesToWords(from.words, 1, memoryOf(8).words, 1, 5);
    }).toThrow('the target lies in its memory');
  });
});
