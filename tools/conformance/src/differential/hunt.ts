/**
 * Plays seed after seed until a stream fails the same way twice, and makes that one short.
 *
 * A stream that fails once and not again met an unlucky moment of the clock; it is counted and
 *   told, and no difference is claimed.
 */
import { minimised } from './minimise.ts';
import type { Difference } from './play-stream.ts';
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
  /** The stream of a seed; default: those of keys and strings. */
  readonly streamOf?: (seed: number) => Stream;
  /** Told each report as soon as there is one. */
  readonly onReport?: (report: string) => void;
}

/** Plays a stream on both sides; where they part first, or undefined. */
export type Player = (stream: Stream) => Promise<Difference | undefined>;

/** Plays streams from `seed` on, one seed after the other. */
export async function hunt(
  play: Player,
  seed: number,
  bounds: HuntBounds,
): Promise<HuntResult> {
  const make = bounds.streamOf ?? streamOf;
  const unsteadySeeds: number[] = [];
  const reports: string[] = [];
  let rounds = 0;
  while (rounds < bounds.roundsMax && reports.length < bounds.reportsMax && bounds.mayContinue()) {
    const stream = make(seed + rounds);
    rounds += 1;
    if ((await play(stream)) === undefined) continue;
    const report = await shortReport(play, stream);
    if (report === undefined) unsteadySeeds.push(stream.seed);
    else {
      reports.push(report);
      bounds.onReport?.(report);
    }
  }
  return { rounds, unsteadySeeds, reports };
}

/** The report of a stream that fails again, after making it short; undefined when it passes. */
async function shortReport(play: Player, stream: Stream): Promise<string | undefined> {
  const again = await play(stream);
  if (again === undefined) return undefined;
  const steps = stream.steps.slice(0, again.step + 1);
  let last: { stream: Stream; difference: Difference } = { stream, difference: again };
  await minimised({ ...stream, steps }, async (shorter) => {
    const difference = await play(shorter);
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
