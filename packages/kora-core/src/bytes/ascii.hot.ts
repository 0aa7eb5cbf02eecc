/**
 * Case-blind comparison of bytes with words of the protocol (command names, option tokens).
 * Only the 26 letters of ASCII fold, as C's toupper does in the "C" locale: bytes from 0x80 on
 *   compare as they are, and so do digits and punctuation ("[" and "{" stay different).
 * Cost: O(bytes), stopping at the first difference; nothing is allocated.
 */

/** The lower-case form of one byte; only A to Z change. */
export function asciiLower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

/** The upper-case form of one byte; only a to z change. */
export function asciiUpper(byte: number): number {
  return byte >= 0x61 && byte <= 0x7a ? byte & 0xdf : byte;
}

/** True when the `bytes` bytes at `at` spell `word` in any mix of cases.
 * @param word the word in upper case; read, not kept */
export function equalsIgnoreCase(
  u8: Uint8Array, at: number, bytes: number, word: Uint8Array,
): boolean {
  if (bytes !== word.length) return false;
  for (let i = 0; i < bytes; i++) {
    const byte = u8[at + i]!;
    const folded = byte >= 0x61 && byte <= 0x7a ? byte & 0xdf : byte;
    if (folded !== word[i]!) return false;
  }
  return true;
}
