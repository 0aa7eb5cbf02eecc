/**
 * Where the list of known gaps lies, and its two ends: reading it and writing it back.
 *
 * Kept apart from known-gaps.ts, which knows the rules of the list and no files.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { knownGapsText, parseKnownGaps, type KnownGaps } from './known-gaps.ts';

const KNOWN_GAPS_PATH = fileURLToPath(new URL('../known-gaps.json', import.meta.url));

/** @throws {Error} when the file is not in its one form */
export function loadKnownGaps(): KnownGaps {
  return parseKnownGaps(readFileSync(KNOWN_GAPS_PATH, 'utf8'));
}

export function saveKnownGaps(gaps: KnownGaps): void {
  writeFileSync(KNOWN_GAPS_PATH, knownGapsText(gaps));
}
