/**
 * Bytes as texts of one character each, and back: how tests write and compare what is not text.
 * Both ways run through a loop or a call for many at once: a model test does this for every byte of
 * every value after every step, where a callback for each character took most of its time.
 */
import { assert } from '../assert.ts';

/** Characters made in one call: each is an argument of it. */
const CHARACTERS_AT_ONCE = 8192;

/** The text of these bytes. */
export function latin1Text(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += CHARACTERS_AT_ONCE) {
    // Byte boundary: apply takes anything that is indexed, its type only arrays.
    const part = bytes.subarray(i, i + CHARACTERS_AT_ONCE) as unknown as number[];
    text += String.fromCharCode.apply(null, part);
  }
  return text;
}

/** The bytes of a text whose characters are below 256. */
export function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  let all = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    all |= code;
    bytes[i] = code;
  }
  assert(all < 256, 'a text argument has one byte per character');
  return bytes;
}
