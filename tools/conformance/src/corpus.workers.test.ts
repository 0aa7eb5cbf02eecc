/**
 * The corpus on two workers, on every engine that can have several: keys of one case are then on
 * different threads as a rule. RESP2 only. What fails beside the known gaps of one worker stands in
 * known-gaps.workers.json, exact both ways.
 */
import { describe, expect, it } from 'vitest';
import { describeServerCorpus } from './corpus-suite.ts';
import { isListed } from './known-gaps.ts';
import { loadKnownGaps, loadWorkersGaps } from './known-gaps-file.ts';
import { KORA_CORPUS_FLAGS, startKora } from './server-process.ts';

const offered = (process.env['KORA_OFFERED_IO'] ?? 'node').split(' ').filter((io) => io !== 'node');
const oneWorker = loadKnownGaps();
const several = loadWorkersGaps();

it('lists only what one worker does', () => {
  for (const key of several.keys()) expect(isListed(oneWorker, key, 'resp2'), key).toBe(false);
});

describe.each(offered)('two workers on %s', (io) => {
  const flags = [...KORA_CORPUS_FLAGS, '--io', io, '--workers', '2'];
  const gaps = new Map([...oneWorker, ...several]);
  describeServerCorpus(gaps, () => startKora(flags), ['2']);
});
