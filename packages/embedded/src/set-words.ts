/**
 * The options of `set` as the words of SET, in one order for every engine.
 */
import type { CallArgument } from './arguments.ts';
import type { SetOptions } from './kora.ts';

/** Words behind key and value. */
export function setWords(options: SetOptions): CallArgument[] {
  const words: CallArgument[] = [];
  if (options.ifAbsent === true) words.push('NX');
  if (options.ifPresent === true) words.push('XX');
  if (options.ttlMs !== undefined) words.push('PX', options.ttlMs);
  if (options.expireAtMs !== undefined) words.push('PXAT', options.expireAtMs);
  if (options.keepTtl === true) words.push('KEEPTTL');
  return words;
}
