/**
 * Every fuzz target, in one list: the smoke suite and the command line read it.
 */
import type { FuzzTarget } from './target.ts';
import { canary } from './targets/canary.ts';
import { commandStream } from './targets/command-stream.ts';
import { journalRecord } from './targets/journal-record.ts';
import { requestBytes } from './targets/request-bytes.ts';
import { typeStream } from './targets/type-stream.ts';
import { vectorWords } from './targets/vector-words.ts';

export const fuzzTargets: readonly FuzzTarget[] = [
  requestBytes, commandStream, typeStream, vectorWords, journalRecord, canary,
];

/** What rounds from a first seed found: the seed and error of the first failure, or null. */
export function fuzz(
  target: FuzzTarget,
  firstSeed: number,
  rounds: number,
): { readonly seed: number; readonly error: Error } | null {
  for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
    try {
      target.run(seed);
    } catch (cause) {
      return { seed, error: cause instanceof Error ? cause : new Error(String(cause)) };
    }
  }
  return null;
}
