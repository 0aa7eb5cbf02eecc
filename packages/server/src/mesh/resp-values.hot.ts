/**
 * Finds the ends of whole RESP values in bytes that this process has encoded, to put replies of
 * several shards together without decoding them.
 * Cost: O(headers); bytes of bulk strings are not looked at. Nothing is allocated.
 */
import { assert } from '@kora/core';

const CR = 0x0d;
const MINUS = 0x2d;
const ZERO = 0x30;
const DOLLAR = 0x24;
const EQUALS = 0x3d;
const EXCLAMATION = 0x21;
const STAR = 0x2a;
const TILDE = 0x7e;
const ANGLE = 0x3e;
const PERCENT = 0x25;

/** Header line of the value parsed last: its number (length, count, integer). */
export const header = { number: 0 };

/** Reads the line at `at`, type byte included. @returns the offset behind CR LF */
export function readLine(u8: Uint8Array, at: number): number {
  let i = at + 1;
  let number = 0;
  const isNegative = u8[i] === MINUS;
  if (isNegative) i++;
  for (; u8[i] !== CR; i++) number = number * 10 + u8[i]! - ZERO;
  header.number = isNegative ? -number : number;
  return i + 2;
}

/** Offset behind the whole value that starts at `at`. */
export function endOfValue(u8: Uint8Array, at: number, end: number): number {
  let left = 1;
  let i = at;
  while (left > 0) {
    assert(i < end, 'a reply is whole');
    const type = u8[i]!;
    if (type === DOLLAR || type === EQUALS || type === EXCLAMATION) {
      i = readLine(u8, i);
      if (header.number >= 0) i += header.number + 2;
    } else if (type === STAR || type === TILDE || type === ANGLE) {
      i = readLine(u8, i);
      if (header.number > 0) left += header.number;
    } else if (type === PERCENT) {
      i = readLine(u8, i);
      left += header.number * 2;
    } else {
      while (u8[i] !== CR) i++;
      i += 2;
    }
    left--;
  }
  return i;
}
