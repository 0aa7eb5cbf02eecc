/**
 * What a rule says about a file, and the few places where the house knowingly departs from a rule.
 * An exception names file, rule and reason. It must be needed: one that excuses nothing is itself
 * an offence, so the list cannot rot.
 */
import type { TreeFile } from './tree.ts';

/** One thing wrong; `line` counts from 1, 0 = the file as a whole. */
export interface Offence {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/** A named check; yields the offences of one file. */
export interface Rule {
  readonly name: string;
  readonly check: (file: TreeFile) => Offence[];
}

/** One knowing departure. A path ending in `/` covers a folder. */
export interface Exception {
  readonly path: string;
  readonly rule: string;
  readonly reason: string;
}

function covers(exception: Exception, offence: Offence): boolean {
  if (exception.rule !== offence.rule) return false;
  if (exception.path.endsWith('/')) return offence.path.startsWith(exception.path);
  return exception.path === offence.path;
}

/** Offences left after the exceptions, plus one for each exception that excuses nothing. */
export function offencesOf(
  found: readonly Offence[],
  rule: string,
  exceptions: readonly Exception[],
): Offence[] {
  const forRule = exceptions.filter((exception) => exception.rule === rule);
  const left = found.filter((offence) => !forRule.some((exception) => covers(exception, offence)));
  for (const exception of forRule) {
    if (found.some((offence) => covers(exception, offence))) continue;
    const message = 'the exception for it excuses nothing; remove it';
    left.push({ path: exception.path, line: 0, rule, message });
  }
  return left;
}

/** A readable list, one offence a line. */
export function formatOffences(offences: readonly Offence[]): string {
  return offences
    .map(({ path, line, message }) => `${path}${line > 0 ? `:${line}` : ''}: ${message}`)
    .join('\n');
}
