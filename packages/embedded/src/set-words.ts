/**
 * The options of `set` as the words of SET, in one order for every engine. An option that nobody
 * knows is refused: a misspelt deadline would keep a key for ever, a misspelt condition overwrite.
 */
import { Fault } from '@kora/core';
import type { CallArgument } from './arguments.ts';
import type { SetOptions } from './kora.ts';

const OPTION_NAMES: readonly string[] = [
  'ttlMs', 'expireAtMs', 'keepTtl', 'ifAbsent', 'ifPresent',
];

/** Words behind key and value. @throws {Fault} INVALID_ARGUMENT */
export function setWords(options: SetOptions): CallArgument[] {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) {
    throw new Fault('INVALID_ARGUMENT', `options of set are an object, not ${String(given)}`);
  }
  for (const name in options) {
    if (OPTION_NAMES.includes(name)) continue;
    const known = OPTION_NAMES.join(', ');
    throw new Fault('INVALID_ARGUMENT', `unknown option ${name} of set; known: ${known}`);
  }
  const words: CallArgument[] = [];
  if (options.ifAbsent === true) words.push('NX');
  if (options.ifPresent === true) words.push('XX');
  if (options.ttlMs !== undefined) words.push('PX', options.ttlMs);
  if (options.expireAtMs !== undefined) words.push('PXAT', options.expireAtMs);
  if (options.keepTtl === true) words.push('KEEPTTL');
  return words;
}
