/**
 * RESP requests byte by byte: short text and the numbers around it, quicker so than any call into
 * native code. Text only if it is ASCII, whose characters are its UTF-8 bytes.
 * The caller has made sure that there is room: LENGTH_LINE_BYTES for a line of a length, and
 * BULK_EXTRA_BYTES beside the characters of a string.
 */

/** Bytes of a line with a length, at most: a sign, ten digits, CR LF. */
export const LENGTH_LINE_BYTES = 13;
/** Bytes of a bulk string beside its content, at most. */
export const BULK_EXTRA_BYTES = 15;

const CR = 0x0d;
const LF = 0x0a;
const DOLLAR = 0x24;
const ZERO = 0x30;

/** Writes `<sign><number> CR LF`. @returns position behind it */
export function writeLength(u8: Uint8Array, at: number, sign: number, number: number): number {
  u8[at] = sign;
  let next = at + 1;
  if (number < 10) {
    u8[next] = ZERO + number;
    next += 1;
  } else {
    let digits = 2;
    for (let bound = 100; number >= bound; bound *= 10) digits += 1;
    let left = number;
    for (let i = next + digits - 1; i >= next; i--) {
      const rest = Math.floor(left / 10);
      u8[i] = ZERO + left - rest * 10;
      left = rest;
    }
    next += digits;
  }
  u8[next] = CR;
  u8[next + 1] = LF;
  return next + 2;
}

/**
 * Writes text as a bulk string. @returns position behind it; -1 when a character is beyond ASCII:
 *   the bytes written are meaningless then
 */
export function writeAsciiBulk(u8: Uint8Array, at: number, text: string): number {
  const length = text.length;
  const from = writeLength(u8, at, DOLLAR, length);
  let all = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    u8[from + i] = code;
    all |= code;
  }
  if (all >= 0x80) return -1;
  const end = from + length;
  u8[end] = CR;
  u8[end + 1] = LF;
  return end + 2;
}

/** Writes the end of a bulk string. @returns position behind it */
export function writeLineEnd(u8: Uint8Array, at: number): number {
  u8[at] = CR;
  u8[at + 1] = LF;
  return at + 2;
}
