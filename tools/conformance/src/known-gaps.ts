/**
 * The list of cases that are known to fail, `known-gaps.json`, and what it excuses.
 *
 * Form: `{ "lists:lpush and rpush": { "drivers": ["resp2", "resp3"], "why": "..." }, ... }`;
 *   a key is the name of a case file, a colon and the title of a case.
 * Exact both ways: a failure that is not listed fails, a listed case that passes fails, and a
 *   key that names no case (or a driver that does not play it) fails. So the list can only
 *   shrink, and what it says is true on every day.
 * Invariant: the file is in the one form that `knownGapsText` writes, keys sorted, one a line;
 *   a key written twice cannot hide.
 */
import { driversOf } from './applicability.ts';
import type { CaseFile, ConformanceCase } from './case-file.ts';
import { DRIVER_NAMES, type DriverName } from './drivers/driver.ts';

export interface KnownGap {
  readonly drivers: readonly DriverName[];
  /** When it will be closed, or why never. */
  readonly why: string;
}
export type KnownGaps = ReadonlyMap<string, KnownGap>;

/** What the list makes of one played case. */
export type Verdict = 'passed' | 'known gap' | 'unlisted failure' | 'listed but passes';

export function gapKeyOf(file: CaseFile, conformanceCase: ConformanceCase): string {
  return `${file.name}:${conformanceCase.title}`;
}

export function isListed(gaps: KnownGaps, key: string, driver: DriverName): boolean {
  return gaps.get(key)?.drivers.includes(driver) ?? false;
}

export function verdictOf(hasFailed: boolean, isListedGap: boolean): Verdict {
  if (hasFailed) return isListedGap ? 'known gap' : 'unlisted failure';
  return isListedGap ? 'listed but passes' : 'passed';
}

/** True for the two verdicts that make a run fail. */
export function isBad(verdict: Verdict): boolean {
  return verdict === 'unlisted failure' || verdict === 'listed but passes';
}

/** What is wrong with the keys of the list: one line per entry that names no played case. */
export function misspeltGaps(gaps: KnownGaps, corpus: readonly CaseFile[]): string[] {
  const players = new Map<string, readonly DriverName[]>();
  for (const file of corpus) {
    for (const entry of file.cases) players.set(gapKeyOf(file, entry), driversOf(entry));
  }
  const complaints: string[] = [];
  for (const [key, gap] of gaps) {
    const drivers = players.get(key);
    if (drivers === undefined) complaints.push(`"${key}" names no case`);
    for (const driver of drivers === undefined ? [] : gap.drivers) {
      if (drivers?.includes(driver) === false) complaints.push(`"${key}" is not for ${driver}`);
    }
  }
  return complaints;
}

/** Reads the list.
 * @throws {Error} when it is not in the form that knownGapsText writes, naming the first entry
 *   or line that is wrong */
export function parseKnownGaps(text: string): KnownGaps {
  const parsed: unknown = JSON.parse(text);
  if (!isRecord(parsed)) throw new Error('known gaps: not an object');
  const gaps = new Map<string, KnownGap>();
  for (const [key, entry] of Object.entries(parsed)) gaps.set(key, knownGapOf(key, entry));
  const expectedLines = knownGapsText(gaps).split('\n');
  const wrongLine = text.split('\n').findIndex((line, index) => line !== expectedLines[index]);
  if (wrongLine >= 0) {
    throw new Error(
      `known gaps, line ${String(wrongLine + 1)}: keys are sorted and each is written once, ` +
        `on a line of its own; expected here: ${expectedLines[wrongLine] ?? '(the end)'}`,
    );
  }
  return gaps;
}

/** The list as a file: sorted, one entry a line. */
export function knownGapsText(gaps: KnownGaps): string {
  const keys = [...gaps.keys()].sort();
  if (keys.length === 0) return '{}\n';
  const lines = keys.map((key) => `  ${JSON.stringify(key)}: ${gapText(gaps.get(key))}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** The list after a run: entries of cases that passed lose the driver, new failures are added.
 * @param results what the run found, by key; cases that were not played stay as they are
 * @param why reason given for entries that are new */
export function updatedGaps(
  gaps: KnownGaps,
  driver: DriverName,
  results: ReadonlyMap<string, { readonly hasFailed: boolean }>,
  why: string,
): KnownGaps {
  const updated = new Map(gaps);
  for (const [key, { hasFailed }] of results) {
    const known = updated.get(key);
    const others = (known?.drivers ?? []).filter((name) => name !== driver);
    const failing = hasFailed ? [...others, driver] : others;
    const drivers = DRIVER_NAMES.filter((name) => failing.includes(name));
    if (drivers.length === 0) updated.delete(key);
    else updated.set(key, { drivers, why: known?.why ?? why });
  }
  return updated;
}

function gapText(gap: KnownGap | undefined): string {
  const drivers = (gap?.drivers ?? []).map((driver) => JSON.stringify(driver)).join(', ');
  return `{ "drivers": [${drivers}], "why": ${JSON.stringify(gap?.why ?? '')} }`;
}

function knownGapOf(key: string, entry: unknown): KnownGap {
  const complaint = (what: string): Error => new Error(`known gaps: "${key}" ${what}`);
  if (!isRecord(entry)) throw complaint('is not an object');
  const { drivers, why, ...unknownFields } = entry;
  const [unknownField] = Object.keys(unknownFields);
  if (unknownField !== undefined) throw complaint(`has an unknown field "${unknownField}"`);
  if (typeof why !== 'string' || why === '') throw complaint('says no why');
  if (!Array.isArray(drivers) || drivers.length === 0) throw complaint('names no drivers');
  const names = drivers.map((name: unknown) => {
    const known = DRIVER_NAMES.find((driver) => driver === name);
    if (known === undefined) throw complaint(`names an unknown driver "${String(name)}"`);
    return known;
  });
  return { drivers: names, why };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
