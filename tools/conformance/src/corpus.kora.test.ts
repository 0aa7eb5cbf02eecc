/**
 * Kora's server judged by the corpus: the built executable, over TCP, in RESP2 and RESP3, case
 * by case, with known-gaps.json exact both ways. One server plays everything, one case after
 * the other, on the best I/O engine of this machine; corpus.engines.test.ts takes the others.
 * Needs the build; needs nothing but Node.
 */
import { describeServerCorpus } from './corpus-suite.ts';
import { loadKnownGaps } from './known-gaps-file.ts';
import { KORA_CORPUS_FLAGS, startKora } from './server-process.ts';

describeServerCorpus(loadKnownGaps(), () => startKora(KORA_CORPUS_FLAGS));
