/**
 * Plays a corpus with one driver and holds the result against the list of known gaps.
 *
 * Invariant: every chosen case that the driver plays gives exactly one result; a run never ends
 *   early unless asked to, so that counts of two runs can be compared.
 */
import type { CaseFile, ConformanceCase } from './case-file.ts';
import { casesFor } from './corpus.ts';
import {
  gapKeyOf,
  isBad,
  isListed,
  verdictOf,
  type KnownGaps,
  type Verdict,
} from './known-gaps.ts';
import type { Failure, Player } from './play.ts';

const SHOWN_CHARACTERS_MAX = 600;

export interface CaseResult {
  readonly key: string;
  readonly file: string;
  readonly title: string;
  readonly verdict: Verdict;
  readonly failure: Failure | undefined;
}

/** Plays the cases of one file; `isEnough` is asked after each whether to stop. */
export async function runFile(
  file: CaseFile,
  player: Player,
  gaps: KnownGaps,
  isEnough: (result: CaseResult) => boolean = () => false,
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const conformanceCase of casesFor(file, player.driver.name)) {
    const result = await runCase(file, conformanceCase, player, gaps);
    results.push(result);
    if (isEnough(result)) break;
  }
  return results;
}

/** Plays one case. A known gap gets no second try: it is expected to fail. */
export async function runCase(
  file: CaseFile,
  conformanceCase: ConformanceCase,
  player: Player,
  gaps: KnownGaps,
): Promise<CaseResult> {
  const key = gapKeyOf(file, conformanceCase);
  const listed = isListed(gaps, key, player.driver.name);
  const failure = listed
    ? await player.play(conformanceCase)
    : await player.playPatiently(conformanceCase);
  const verdict = verdictOf(failure !== undefined, listed);
  return { key, file: file.name, title: conformanceCase.title, verdict, failure };
}

/** Why a result makes the run fail, over several lines; empty when it does not. */
export function complaintOf(result: CaseResult): string {
  if (!isBad(result.verdict)) return '';
  const { failure } = result;
  if (failure === undefined) return `${result.key}\n  passes, but known-gaps.json lists it`;
  return `${result.file}.case:${String(failure.line)}: ${result.title}\n${failureText(failure)}`;
}

/** A failure as indented lines. */
export function failureText(failure: Failure): string {
  const lines = [`  ${failure.reason}`];
  if (failure.request !== '') lines.push(`  sent   ${failure.request}`);
  if (failure.wanted !== '') lines.push(`  wanted ${failure.wanted}`);
  if (failure.got !== '') lines.push(`  got    ${failure.got}`);
  return lines.map((line) => line.slice(0, SHOWN_CHARACTERS_MAX)).join('\n');
}
