/**
 * UTF-8 by the platform's encoder and decoder, where that is the faster way: reading, and writing
 * long texts. One object of each for all calls: they keep no state between calls, drop no byte
 * order mark, and put U+FFFD where there is no character.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text of these bytes. Copies; the bytes may be reused at once. */
export function utf8Text(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/**
 * Writes the text as UTF-8 at `at`, where there is room for it; returns the offset after it.
 * Allocates a view: for texts so long that it does not show.
 */
export function writeLongUtf8(u8: Uint8Array, at: number, text: string): number {
  return at + encoder.encodeInto(text, u8.subarray(at)).written;
}
