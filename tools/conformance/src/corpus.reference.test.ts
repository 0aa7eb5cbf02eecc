/**
 * The runner judged by the reference: the server on which the corpus was recorded must pass all
 * of it, in both protocols. A failure here is a fault of the runner (or a slow machine), not of
 * Kora. Needs redis-server 7.0.15 on the PATH; takes about half a minute.
 */
import { describeServerCorpus } from './corpus-suite.ts';
import { REFERENCE_CORPUS_FLAGS, startReference } from './server-process.ts';

describeServerCorpus(new Map(), () => startReference(REFERENCE_CORPUS_FLAGS));
