/**
 * The corpus on the embedded engine with two workers: the same cases as in one thread, with the
 * same known gaps and those of several workers, exact both ways. The threads run the built files.
 */
import { afterAll, beforeAll } from 'vitest';
import { describeCorpus } from './corpus-suite.ts';
import { loadCorpus } from './corpus.ts';
import { embeddedDriver, type EmbeddedWorkers } from './drivers/embedded-driver.ts';
import { openEmbeddedWorkers } from './embedded-engine.ts';
import { loadKnownGaps, loadWorkersGaps } from './known-gaps-file.ts';
import { Player } from './play.ts';

const gaps = new Map([...loadKnownGaps(), ...loadWorkersGaps()]);
let engine: EmbeddedWorkers | undefined;
let player: Player | undefined;

beforeAll(async () => {
  engine = await openEmbeddedWorkers(2);
  player = new Player(embeddedDriver(engine));
});

afterAll(async () => {
  player?.close();
  await engine?.close();
});

describeCorpus({ corpus: loadCorpus(), driver: 'embedded', gaps, player: () => player! });
