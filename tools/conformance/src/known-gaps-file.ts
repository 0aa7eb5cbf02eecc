/**
 * Where the lists of known gaps lie, and their two ends: reading and writing back. Beside the list
 * there is one of what fails with several workers only.
 * Kept apart from known-gaps.ts, which knows the rules of the list and no files.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { knownGapsText, parseKnownGaps, type KnownGaps } from './known-gaps.ts';

const KNOWN_GAPS_PATH = fileURLToPath(new URL('../known-gaps.json', import.meta.url));
const WORKERS_PATH = fileURLToPath(new URL('../known-gaps.workers.json', import.meta.url));

/** @throws {Error} when the file is not in its one form */
export function loadKnownGaps(): KnownGaps {
  return parseKnownGaps(readFileSync(KNOWN_GAPS_PATH, 'utf8'));
}

/** What fails with several workers, beside what fails with one. */
export function loadWorkersGaps(): KnownGaps {
  return parseKnownGaps(readFileSync(WORKERS_PATH, 'utf8'));
}

export function saveKnownGaps(gaps: KnownGaps): void {
  writeFileSync(KNOWN_GAPS_PATH, knownGapsText(gaps));
}
