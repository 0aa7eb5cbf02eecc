/**
 * The corpus over the I/O engines that a server here would not choose by itself: RESP2 only, since
 * protocols do not depend on engines. KORA_OFFERED_IO holds what this machine offers, best first
 * (vitest.config.ts); without it there is node:net alone, which `auto` takes then.
 */
import { describe, expect, it } from 'vitest';
import { describeServerCorpus } from './corpus-suite.ts';
import { loadKnownGaps } from './known-gaps-file.ts';
import { KORA_CORPUS_FLAGS, startKora } from './server-process.ts';

const offered = (process.env['KORA_OFFERED_IO'] ?? 'node').split(' ');
const [best = '', ...others] = offered;

it('leaves the best engine to the other suite', async () => {
  const server = await startKora(KORA_CORPUS_FLAGS);
  await server.stop();
  expect(server.output()).toContain(`(io ${best}, `);
});

describe.each(others)('on %s', (io) => {
  describeServerCorpus(loadKnownGaps(), () => startKora([...KORA_CORPUS_FLAGS, '--io', io]), ['2']);
});
