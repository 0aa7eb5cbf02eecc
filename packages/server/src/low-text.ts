/**
 * Texts that the server sends without a session, placed in low memory once and for good: they may
 * be on their way to any number of connections for any time.
 */
import type { WorkerMemory } from '@kora/core';
import { assert } from '@kora/core';

/** Bytes in low memory. */
export interface LowText {
  readonly at: number;
  readonly bytes: number;
}

/** Places a Latin-1 text; it stays for the life of the memory. */
export function placeText(memory: WorkerMemory, text: string): LowText {
  const ref = memory.lowAllocator.alloc(text.length);
  assert(ref !== 0, 'low memory holds the server\'s own texts');
  for (let i = 0; i < text.length; i++) memory.low[ref * 8 + i] = text.charCodeAt(i);
  return { at: ref * 8, bytes: text.length };
}
