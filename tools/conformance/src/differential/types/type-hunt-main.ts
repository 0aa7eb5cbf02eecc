/**
 * `pnpm fuzz differential [SEED] [SECONDS] [REPORTS] [KIND ...] [embedded]`: starts Kora, as a
 * server or in this process, and redis-server, and hunts for streams of commands on all types, or
 * on these kinds of keys, on which they part. Exit status 1 when one was found.
 *
 * Bounds: ends after SECONDS (default 60) or REPORTS different failures (default 3).
 */
import {
  KORA_CORPUS_FLAGS, REFERENCE_CORPUS_FLAGS, startKora, startReference,
} from '../../server-process.ts';
import type { SocketTarget } from '../../drivers/socket-driver.ts';
import { openEmbeddedEngine } from '../../embedded-engine.ts';
import { hunt, type HuntBounds, type HuntResult } from '../hunt.ts';
import { ServerPair } from '../pair.ts';
import { playStream } from '../play-stream.ts';
import { EmbeddedPair } from './play-embedded.ts';
import { KEY_KINDS } from './type-commands.ts';
import { typeStreamOf } from './type-stream.ts';

const SECONDS_DEFAULT = 60;
const REPORTS_DEFAULT = 3;
/** The word that asks for the engine in this process. */
const EMBEDDED = 'embedded';
const EXIT_USAGE = 2;
const EXIT_BROKEN_OFF = 130;

/** Runs a hunt and prints what it found.
 * @param words SEED SECONDS REPORTS, all optional whole numbers, then kinds of keys or `embedded`
 * @returns the exit status */
export async function typeHuntMain(words: readonly string[]): Promise<number> {
  const named = KEY_KINDS.filter((kind) => words.includes(kind));
  const numbers = words.filter((word) => /^\d{1,9}$/.test(word));
  const known = [...named, ...numbers, EMBEDDED];
  if (!words.every((word) => known.includes(word))) {
    const kinds = KEY_KINDS.join(' ');
    process.stderr.write(`differential takes SEED SECONDS REPORTS, ${kinds} or ${EMBEDDED}\n`);
    return EXIT_USAGE;
  }
  const kinds = named.length === 0 ? KEY_KINDS : named;
  const [seed = 1, seconds = SECONDS_DEFAULT, reportsMax = REPORTS_DEFAULT] = numbers.map(Number);
  // A hunt is long and often broken off: leaving this way ends the servers too.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => process.exit(EXIT_BROKEN_OFF));
  }
  const reference = await startReference(REFERENCE_CORPUS_FLAGS);
  try {
    const endMs = performance.now() + seconds * 1_000;
    const bounds: HuntBounds = {
      roundsMax: Number.MAX_SAFE_INTEGER,
      reportsMax,
      mayContinue: () => performance.now() < endMs,
      streamOf: (each) => typeStreamOf(each, kinds),
      onReport: (report) => process.stdout.write(`${report}\n\n`),
    };
    const isEmbedded = words.includes(EMBEDDED);
    const result = await (isEmbedded ? huntEmbedded : huntServer)(reference, seed, bounds);
    const unsteady = result.unsteadySeeds.join(' ');
    process.stdout.write(
      `${result.rounds} streams from seed ${seed}: ${result.reports.length} part` +
        `${unsteady === '' ? '' : `; unsteady: ${unsteady}`}\n`,
    );
    return result.reports.length === 0 ? 0 : 1;
  } finally {
    await reference.stop();
  }
}

async function huntServer(
  reference: SocketTarget, seed: number, bounds: HuntBounds,
): Promise<HuntResult> {
  const kora = await startKora(KORA_CORPUS_FLAGS);
  try {
    const pair = new ServerPair(kora, reference);
    const result = await hunt((stream) => playStream(pair, stream), seed, bounds);
    pair.restart('2');
    return result;
  } finally {
    await kora.stop();
  }
}

async function huntEmbedded(
  reference: SocketTarget, seed: number, bounds: HuntBounds,
): Promise<HuntResult> {
  const engine = await openEmbeddedEngine();
  try {
    const pair = new EmbeddedPair(engine, reference);
    const result = await hunt((stream) => pair.play(stream), seed, bounds);
    pair.close();
    return result;
  } finally {
    engine.close();
  }
}
