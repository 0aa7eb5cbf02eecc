/**
 * A full collection on request: what a benchmark of the JavaScript heap begins and ends with, so
 * that only what lives is counted. The flag is set when it is first needed, not on a command line.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects all garbage, now. */
export function collectNow(): void {
  setFlagsFromString('--expose-gc');
  // The flag makes `gc` visible in new contexts only.
  const gc = runInNewContext('gc') as () => void;
  gc();
}
