/**
 * The corpus on several workers: keys of one case are then on different threads as a rule. RESP2
 * only. On every engine two workers play all of it, and four what is about keys of several shards
 * or about channels; one worker is what the other suites have, on all engines too.
 * What fails beside the known gaps of one worker stands in known-gaps.workers.json, exact both
 * ways, for every number of workers. Left out is what has no one answer here (differences.md).
 * Costs on two cores: 10 s an engine for all of it, 2 s for the groups on four workers.
 */
import { describe, expect, it } from 'vitest';
import type { CaseFile } from './case-file.ts';
import { loadCorpus } from './corpus.ts';
import { describeServerCorpus } from './corpus-suite.ts';
import { gapKeyOf, isListed } from './known-gaps.ts';
import { loadKnownGaps, loadWorkersGaps } from './known-gaps-file.ts';
import { KORA_CORPUS_FLAGS, startKora } from './server-process.ts';

const offered = (process.env['KORA_OFFERED_IO'] ?? 'node').split(' ');
const oneWorker = loadKnownGaps();
const several = loadWorkersGaps();
const gaps = new Map([...oneWorker, ...several]);

/** Case files about keys of several shards, and about channels. */
const GROUPS: ReadonlySet<string> = new Set([
  'transactions', 'workflows', 'scan', 'keys', 'sets', 'zsets-algebra', 'lists-blocking',
  'streams-groups', 'pubsub', 'keyspace-events',
]);
/** One EXEC makes two keys ready, on different workers: either may serve who waits for both. */
const NO_ONE_ANSWER = 'lists-blocking:push to two keys in multi serves first in command order';

const corpus: readonly CaseFile[] = loadCorpus().map((file) => ({
  ...file, cases: file.cases.filter((entry) => gapKeyOf(file, entry) !== NO_ONE_ANSWER),
}));
const groups = corpus.filter(({ name }) => GROUPS.has(name));

const scenes = offered.flatMap((io) => [
  { io, workers: 2, played: corpus }, { io, workers: 4, played: groups },
]);

it('lists only what one worker does', () => {
  for (const key of several.keys()) expect(isListed(oneWorker, key, 'resp2'), key).toBe(false);
});

it('knows all groups', () => {
  expect(groups.map(({ name }) => name).sort()).toEqual([...GROUPS].sort());
});

describe.each(scenes)('$workers workers on $io', ({ io, workers, played }) => {
  const flags = [...KORA_CORPUS_FLAGS, '--io', io, '--workers', String(workers)];
  describeServerCorpus(gaps, () => startKora(flags), ['2'], played);
});
