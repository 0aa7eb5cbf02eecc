/**
 * The embedded engine judged by the corpus: the same cases as the server, called in this
 * process, with known-gaps.json exact both ways. Left out are cases about connections;
 * applicability.test.ts holds their number, so that it grows by decision only.
 */
import { afterAll, beforeAll } from 'vitest';
import { describeCorpus } from './corpus-suite.ts';
import { loadCorpus } from './corpus.ts';
import { embeddedDriver, type EmbeddedEngine } from './drivers/embedded-driver.ts';
import { openEmbeddedEngine } from './embedded-engine.ts';
import { loadKnownGaps } from './known-gaps-file.ts';
import { Player } from './play.ts';

const corpus = loadCorpus();
let engine: EmbeddedEngine | undefined;
let player: Player | undefined;

beforeAll(async () => {
  engine = await openEmbeddedEngine();
  player = new Player(embeddedDriver(engine));
});

afterAll(() => {
  player?.close();
  engine?.close();
});

describeCorpus({ corpus, driver: 'embedded', gaps: loadKnownGaps(), player: () => player! });
