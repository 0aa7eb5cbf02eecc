/**
 * Copies bytes from one memory to a word boundary of another, in words: what goes into a foreign
 * memory is written in whole words, and a byte loop would cost 3-4 ns a byte.
 *   source   .xyz|wvut|sr..     bytes at any place; only words that hold some of them are read
 *   target   xyzw|vuts|r000     the rest of the last word is zero
 * Each word of an unaligned source is read once, shifted and merged with its neighbour. Little
 * endian, as everything in a WebAssembly memory. Loops do four words a round: 1.5 to 2 times the
 * speed of one. Source and target do not overlap.
 * Cost: 0.2 ns a byte aligned, 0.3 unaligned, 0.04 in bulk. From WORDS_IN_BULK_MIN on the bulk copy
 *   makes one small object; below, nothing is allocated.
 */
import { assert } from '../assert.ts';
import { copyWordsInBulk } from './ring-bulk-copy.ts';

/** Runs of this many words and more that lie alike are copied by the engine: see `copyAligned`. */
export const WORDS_IN_BULK_MIN = 256;

/**
 * Copies `bytes` bytes to `toWord` and on.
 * @param fromByte byte offset in `from`, any alignment
 * @param toWord word index in `to`; ceil(bytes / 4) words are written
 */
export function copyBytesToWords(
  from: Int32Array, fromByte: number, to: Int32Array, toWord: number, bytes: number,
): void {
  const count = bytes >>> 2;
  const rest = bytes & 3;
  assert(fromByte + bytes <= from.length * 4, 'the source lies in its memory');
  assert(toWord + count + (rest === 0 ? 0 : 1) <= to.length, 'the target lies in its memory');
  const fromWord = fromByte >>> 2;
  const skew = fromByte & 3;
  if (skew === 0) copyAligned(from, fromWord, to, toWord, count, rest);
  else copySkewed(from, fromWord, skew, to, toWord, count, rest);
}

function copyAligned(
  from: Int32Array, fromWord: number, to: Int32Array, toWord: number, count: number, rest: number,
): void {
  // The engine copies by 8 bytes where both are as far from a multiple of 8, else byte by byte.
  if (count >= WORDS_IN_BULK_MIN && ((fromWord ^ toWord) & 1) === 0) {
    copyWordsInBulk(from, fromWord, to, toWord, count);
  } else {
    let i = 0;
    for (; i + 4 <= count; i += 4) {
      const at = fromWord + i;
      const target = toWord + i;
      to[target] = from[at]!;
      to[target + 1] = from[at + 1]!;
      to[target + 2] = from[at + 2]!;
      to[target + 3] = from[at + 3]!;
    }
    for (; i < count; i++) to[toWord + i] = from[fromWord + i]!;
  }
  if (rest !== 0) to[toWord + count] = from[fromWord + count]! & ((1 << (rest << 3)) - 1);
}

/** @param skew bytes of the first source word that are not of the source, 1 to 3 */
function copySkewed(
  from: Int32Array, fromWord: number, skew: number, to: Int32Array, toWord: number, count: number,
  rest: number,
): void {
  if (count + rest === 0) return;
  const down = skew << 3;
  const up = 32 - down;
  let low = from[fromWord]! >>> down;
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = fromWord + i;
    const target = toWord + i;
    const first = from[at + 1]!;
    const second = from[at + 2]!;
    const third = from[at + 3]!;
    const fourth = from[at + 4]!;
    to[target] = low | (first << up);
    to[target + 1] = (first >>> down) | (second << up);
    to[target + 2] = (second >>> down) | (third << up);
    to[target + 3] = (third >>> down) | (fourth << up);
    low = fourth >>> down;
  }
  for (; i < count; i++) {
    const word = from[fromWord + i + 1]!;
    to[toWord + i] = low | (word << up);
    low = word >>> down;
  }
  if (rest === 0) return;
  // What is left reaches into the next word only if `low` holds less than all of it.
  if (rest > 4 - skew) low |= from[fromWord + count + 1]! << up;
  to[toWord + count] = low & ((1 << (rest << 3)) - 1);
}
