/**
 * The corpus on disk: `cases/*.case`, and the choice of a part of it.
 *
 * Invariants: files in order of their names, cases in order of their lines, so that every run
 *   plays the same sequence. A file that cannot be parsed is an error, not fewer cases.
 */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { driversOf } from './applicability.ts';
import { commandsOf, parseCaseFile, type CaseFile, type ConformanceCase } from './case-file.ts';
import type { DriverName } from './drivers/driver.ts';

const CASES_DIRECTORY = fileURLToPath(new URL('../cases', import.meta.url));
const CASE_SUFFIX = '.case';

/** Reads every case file of the corpus.
 * @throws {Error} naming file and line of what cannot be parsed */
export function loadCorpus(): CaseFile[] {
  const names = readdirSync(CASES_DIRECTORY).filter((name) => name.endsWith(CASE_SUFFIX));
  return names.sort().map((name) => {
    const text = readFileSync(path.join(CASES_DIRECTORY, name), 'utf8');
    return parseCaseFile(path.basename(name, CASE_SUFFIX), text);
  });
}

export interface Choice {
  /** Names of files (`lists`, `lists.case`) and of commands (`LPUSH`); empty: everything. */
  readonly subjects: readonly string[];
  /** Only cases whose title matches. */
  readonly titles: RegExp | undefined;
}

/** The part of the corpus that a choice names; files without a chosen case are left out.
 * @throws {Error} naming a subject that is no file and no command of the corpus */
export function chooseCases(corpus: readonly CaseFile[], choice: Choice): CaseFile[] {
  const fileNames = new Set(corpus.map((file) => file.name));
  const files = new Set<string>();
  const commands = new Set<string>();
  for (const subject of choice.subjects) {
    const name = path.basename(subject, CASE_SUFFIX);
    if (fileNames.has(name)) files.add(name);
    else if (isCommandOf(corpus, subject.toUpperCase())) commands.add(subject.toUpperCase());
    else throw new Error(`no case file and no command of the corpus is called "${subject}"`);
  }
  const isChosen = (file: CaseFile, conformanceCase: ConformanceCase): boolean => {
    if (choice.titles?.test(conformanceCase.title) === false) return false;
    if (choice.subjects.length === 0 || files.has(file.name)) return true;
    return [...commandsOf(conformanceCase)].some((name) => commands.has(name));
  };
  return corpus
    .map((file) => ({ ...file, cases: file.cases.filter((entry) => isChosen(file, entry)) }))
    .filter((file) => file.cases.length > 0);
}

function isCommandOf(corpus: readonly CaseFile[], command: string): boolean {
  return corpus.some((file) => file.cases.some((entry) => commandsOf(entry).has(command)));
}

/** The cases of a file that a driver plays. */
export function casesFor(file: CaseFile, driver: DriverName): ConformanceCase[] {
  return file.cases.filter((conformanceCase) => driversOf(conformanceCase).includes(driver));
}
