/**
 * Glob patterns as Redis 7.0 matches them (KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET, ACL).
 *   *      any bytes      ?  one byte      [abc] [a-z] [^a]  one byte in, or not in, a set
 *   \x     the byte x itself, also inside a set
 * Redis's corners are kept: a set without its "]" runs to the end of the pattern; a range may be
 *   given backwards; bytes compare as signed chars, so 0x80 to 0xff sort below 0x00 in ranges; a
 *   lone backslash at the end is itself; an escaped byte in a set never folds its case; a "]"
 *   first in a set ends it; an empty text matches only an empty pattern, not even "*" (KEYS and
 *   SCAN answer a lone "*" with everything, without matching).
 * Every token but "*" takes exactly one byte, so on a mismatch only the last "*" needs to take
 *   one more: O(pattern * text) at worst, and linear for usual patterns. Nothing is allocated.
 */
import { asciiLower } from './ascii.hot.ts';

const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;

/** True when the whole text matches the whole pattern.
 * @param ignoreCase folds A to Z, as CONFIG GET does */
export function globMatch(
  pattern: Uint8Array, patternAt: number, patternBytes: number,
  text: Uint8Array, textAt: number, textBytes: number,
  ignoreCase: boolean,
): boolean {
  const patternEnd = patternAt + patternBytes;
  const textEnd = textAt + textBytes;
  if (textBytes === 0) return patternBytes === 0;
  let p = patternAt;
  let t = textAt;
  let retryPattern = -1;
  let retryText = textAt;
  while (t < textEnd) {
    if (p < patternEnd && byteAt(pattern, p) === STAR) {
      p++;
      if (p === patternEnd) return true;
      retryPattern = p;
      retryText = t;
    } else if (p < patternEnd && tokenMatches(pattern, p, patternEnd, text, t, ignoreCase)) {
      p = tokenEnd(pattern, p, patternEnd);
      t++;
    } else if (retryPattern >= 0) {
      retryText++;
      p = retryPattern;
      t = retryText;
    } else {
      return false;
    }
  }
  while (p < patternEnd && byteAt(pattern, p) === STAR) p++;
  return p === patternEnd;
}

/** The byte at a place that is in range by construction. */
function byteAt(u8: Uint8Array, at: number): number {
  return u8[at] ?? 0;
}

/** First place after the token (never a "*") at `at`. */
function tokenEnd(pattern: Uint8Array, at: number, end: number): number {
  const byte = byteAt(pattern, at);
  if (byte === BACKSLASH && at + 1 < end) return at + 2;
  if (byte !== OPEN_BRACKET) return at + 1;
  let next = setStart(pattern, at, end);
  while (next < end && byteAt(pattern, next) !== CLOSE_BRACKET) {
    next += setItemBytes(pattern, next, end);
  }
  return next < end ? next + 1 : end;
}

function tokenMatches(
  pattern: Uint8Array, at: number, end: number,
  text: Uint8Array, textAt: number, ignoreCase: boolean,
): boolean {
  const token = byteAt(pattern, at);
  const byte = byteAt(text, textAt);
  if (token === QUESTION) return true;
  if (token === OPEN_BRACKET) return setMatches(pattern, at, end, byte, ignoreCase);
  const literal = token === BACKSLASH && at + 1 < end ? byteAt(pattern, at + 1) : token;
  return isSameByte(literal, byte, ignoreCase);
}

function isSameByte(a: number, b: number, ignoreCase: boolean): boolean {
  return a === b || (ignoreCase && asciiLower(a) === asciiLower(b));
}

function isNegatedSet(pattern: Uint8Array, at: number, end: number): boolean {
  return at + 1 < end && byteAt(pattern, at + 1) === CARET;
}

/** Where the items of the set that opens at `at` begin. */
function setStart(pattern: Uint8Array, at: number, end: number): number {
  return isNegatedSet(pattern, at, end) ? at + 2 : at + 1;
}

/** Bytes of the set item at `at`: an escaped byte, a range, or a byte. */
function setItemBytes(pattern: Uint8Array, at: number, end: number): number {
  if (byteAt(pattern, at) === BACKSLASH && at + 1 < end) return 2;
  return at + 2 < end && byteAt(pattern, at + 1) === DASH ? 3 : 1;
}

function setMatches(
  pattern: Uint8Array, at: number, end: number, byte: number, ignoreCase: boolean,
): boolean {
  let isIn = false;
  let next = setStart(pattern, at, end);
  while (next < end && byteAt(pattern, next) !== CLOSE_BRACKET) {
    const bytes = setItemBytes(pattern, next, end);
    const first = byteAt(pattern, next);
    if (bytes === 3) {
      isIn ||= isInRange(byte, first, byteAt(pattern, next + 2), ignoreCase);
    } else if (bytes === 2) {
      isIn ||= byteAt(pattern, next + 1) === byte;
    } else {
      isIn ||= isSameByte(first, byte, ignoreCase);
    }
    next += bytes;
  }
  return isIn !== isNegatedSet(pattern, at, end);
}

/** The ends are put in order first and folded after, so folding may empty a range; as in Redis. */
function isInRange(byte: number, from: number, to: number, ignoreCase: boolean): boolean {
  let low = Math.min(signedChar(from), signedChar(to));
  let high = Math.max(signedChar(from), signedChar(to));
  let value = signedChar(byte);
  if (ignoreCase) {
    low = asciiLower(low);
    high = asciiLower(high);
    value = asciiLower(value);
  }
  return value >= low && value <= high;
}

function signedChar(byte: number): number {
  return (byte << 24) >> 24;
}
