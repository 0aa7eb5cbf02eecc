/**
 * Arguments as text, for commands about names, sections and settings. One character per byte
 * (Latin-1), so nothing is lost; the bytes are flat, for the executor makes them so. The other way
 * round for hosts without a parser: texts as the arguments of a frame.
 */
import { assert } from '../assert.ts';
import { latin1Text } from '../bytes/number-text.ts';
import { BIG_ARGUMENT_BYTES_MIN } from '../limits.ts';
import type { ArgFrame } from './arg-frame.hot.ts';
import type { ReplySink } from './sink.ts';

/** Argument i as text. */
export function argumentText(frame: ArgFrame, i: number): string {
  const at = frame.at[i] ?? -1;
  return at < 0 ? '' : latin1Text(frame.memory.low, at, frame.bytes[i] ?? 0);
}

/** Arguments from `first` on as texts. */
export function argumentTexts(frame: ArgFrame, first: number): string[] {
  const texts: string[] = [];
  for (let i = first; i < frame.count; i++) texts.push(argumentText(frame, i));
  return texts;
}

/** Writes a text that holds one byte per character as a bulk string. */
export function writeLatin1(out: ReplySink, text: string): void {
  out.bulkBytes(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}

/**
 * Writes texts of one byte per character to low memory and points the frame at them: the command's
 * name first. For consoles, examples and tests; allocates, so a busy host fills its own arrays.
 * @param at byte offset in low memory where the caller owns a block that holds all of them
 * @returns bytes written; the arguments are good until the block is written again
 */
export function bindArgumentTexts(frame: ArgFrame, at: number, texts: readonly string[]): number {
  const { low } = frame.memory;
  const starts = new Int32Array(texts.length);
  const lengths = new Int32Array(texts.length);
  let next = at;
  texts.forEach((text, i) => {
    assert(text.length < BIG_ARGUMENT_BYTES_MIN, 'an argument of 64 KiB and more is a rope');
    assert(next + text.length <= low.length, 'the arguments lie in low memory');
    starts[i] = next;
    lengths[i] = text.length;
    for (let j = 0; j < text.length; j++) {
      const code = text.charCodeAt(j);
      assert(code < 256, 'an argument text has one byte per character');
      low[next++] = code;
    }
  });
  frame.bind(starts, lengths, texts.length);
  return next - at;
}
