/**
 * `pnpm conformance --differential [SEED] [ROUNDS] [REPORTS]`: starts Kora and redis-server and
 * hunts for streams on which they part. Exit status 1 when one was found.
 *
 * Bounds: ends after ROUNDS streams (default a thousand) or REPORTS different failures (default
 *   one).
 */
import {
  KORA_CORPUS_FLAGS, REFERENCE_CORPUS_FLAGS, startKora, startReference,
} from '../server-process.ts';
import { hunt } from './hunt.ts';
import { ServerPair } from './pair.ts';
import { playStream } from './play-stream.ts';

const ROUNDS_DEFAULT = 1_000;
const EXIT_USAGE = 2;
const EXIT_BROKEN_OFF = 130;

/** Runs a hunt and prints what it found.
 * @param words SEED ROUNDS REPORTS, all optional whole numbers
 * @returns the exit status */
export async function differentialMain(words: readonly string[]): Promise<number> {
  if (!words.every((word) => /^\d{1,9}$/.test(word))) {
    process.stderr.write('--differential takes whole numbers: SEED ROUNDS REPORTS\n');
    return EXIT_USAGE;
  }
  const [seed = 1, roundsMax = ROUNDS_DEFAULT, reportsMax = 1] = words.map(Number);
  // A hunt is long and often broken off: leaving this way ends the servers too.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => process.exit(EXIT_BROKEN_OFF));
  }
  const kora = await startKora(KORA_CORPUS_FLAGS);
  try {
    const reference = await startReference(REFERENCE_CORPUS_FLAGS);
    try {
      const pair = new ServerPair(kora, reference);
      const result = await hunt((stream) => playStream(pair, stream), seed, {
        roundsMax,
        reportsMax,
        mayContinue: () => true,
        onReport: (report) => process.stdout.write(`${report}\n\n`),
      });
      pair.restart('2');
      const unsteady = result.unsteadySeeds.join(' ');
      process.stdout.write(
        `${result.rounds} streams from seed ${seed}: ${result.reports.length} part` +
          `${unsteady === '' ? '' : `; unsteady: ${unsteady}`}\n`,
      );
      return result.reports.length === 0 ? 0 : 1;
    } finally {
      await reference.stop();
    }
  } finally {
    await kora.stop();
  }
}
