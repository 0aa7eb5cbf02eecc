/**
 * A key as a binary string, one character a byte, wherever it lies: an argument is in low memory, a
 * key that expires is in its entry in the arena, whose bytes are read through words alone.
 * For what tells people of keys and for names of channels; whoever compares keys hashes bytes.
 * Cost: 5 ns a byte.
 */
import { latin1Text } from '../bytes/number-text.ts';
import { byteAt } from '../structs/word-bytes.hot.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';

/** Bytes of a key in the arena that become text at once. */
const PART_BYTES = 1024;

/** The key at a byte offset of the worker memory. @returns characters U+0000 to U+00FF */
export function keyText(memory: WorkerMemory, keyAt: number, keyBytes: number): string {
  if (keyAt + keyBytes <= memory.lowBytes) return latin1Text(memory.low, keyAt, keyBytes);
  const { i32 } = memory;
  const part = new Uint8Array(Math.min(keyBytes, PART_BYTES));
  let text = '';
  for (let done = 0; done < keyBytes; done += part.length) {
    const length = Math.min(part.length, keyBytes - done);
    for (let i = 0; i < length; i++) part[i] = byteAt(i32, keyAt + done + i);
    text += latin1Text(part, 0, length);
  }
  return text;
}
