/**
 * Plays seed after seed until a stream fails the same way twice, and makes that one short.
 *
 * A stream that fails once and not again met an unlucky moment of the clock; it is counted and
 *   told, and no difference is claimed.
 */
import { minimised } from './minimise.ts';
import type { ServerPair } from './pair.ts';
import { playStream, type Difference } from './play-stream.ts';
import { reportOf } from './report.ts';
import { streamOf, type Stream } from './stream.ts';

export interface HuntResult {
  readonly rounds: number;
  /** Streams that failed once and passed when they were played again. */
  readonly unsteadySeeds: readonly number[];
  /** The shortened reproduction of each failing seed. */
  readonly reports: readonly string[];
}

/** What ends a hunt; whichever comes first. */
export interface HuntBounds {
  readonly roundsMax: number;
  readonly reportsMax: number;
  /** Asked before each round: false ends the hunt. */
  readonly mayContinue: () => boolean;
  /** Told each report as soon as there is one. */
  readonly onReport?: (report: string) => void;
}

/** Plays streams from `seed` on, one seed after the other. */
export async function hunt(
  pair: ServerPair,
  seed: number,
  bounds: HuntBounds,
): Promise<HuntResult> {
  const unsteadySeeds: number[] = [];
  const reports: string[] = [];
  let rounds = 0;
  while (rounds < bounds.roundsMax && reports.length < bounds.reportsMax && bounds.mayContinue()) {
    const stream = streamOf(seed + rounds);
    rounds += 1;
    if ((await playStream(pair, stream)) === undefined) continue;
    const report = await shortReport(pair, stream);
    if (report === undefined) unsteadySeeds.push(stream.seed);
    else {
      reports.push(report);
      bounds.onReport?.(report);
    }
  }
  return { rounds, unsteadySeeds, reports };
}

/** The report of a stream that fails again, after making it short; undefined when it passes. */
async function shortReport(pair: ServerPair, stream: Stream): Promise<string | undefined> {
  const again = await playStream(pair, stream);
  if (again === undefined) return undefined;
  const steps = stream.steps.slice(0, again.step + 1);
  let last: { stream: Stream; difference: Difference } = { stream, difference: again };
  await minimised({ ...stream, steps }, async (shorter) => {
    const difference = await playStream(pair, shorter);
    if (difference === undefined || kindOf(difference) !== kindOf(again)) return false;
    last = { stream: shorter, difference };
    return true;
  });
  return reportOf(last.stream, last.difference);
}

/** Two differences of one kind show the same fault: the same command parted. */
function kindOf({ request }: Difference): string {
  return request.slice(0, 1).join(' ').toLowerCase();
}
