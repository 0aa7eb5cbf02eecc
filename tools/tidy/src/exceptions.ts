/**
 * The knowing departures from tidy's rules, each with its reason. Keep it short: an entry here is
 * a debt the next reader pays. An entry that excuses nothing fails the test.
 */
import type { Exception } from './offence.ts';

/** All of them. */
export const exceptions: readonly Exception[] = [
  {
    path: 'packages/vector/src/engine/',
    rule: 'file-length',
    reason: 'the two compiled engines as base64, generated; nobody reads them line by line',
  },
  {
    path: 'tools/tidy/fixtures/',
    rule: 'focused-test',
    reason: 'reporter.test.ts proves that a skipped test counts as failed',
  },
];
