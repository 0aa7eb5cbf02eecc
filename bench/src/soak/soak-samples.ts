/**
 * What is watched during a soak, and when it counts as flat: the median of the last third of the
 * samples is not above that of the first third by more than a stated margin. Medians, because the
 * data of random clients goes up and down; thirds, because a start is always steep.
 */
import { median } from '../table.ts';

/** One look at the server. */
export interface SoakSample {
  readonly atSeconds: number;
  /** Resident memory of the process, from /proc. */
  readonly residentBytes: number;
  /** `used_memory` of INFO is the sum of these: what keys take, and what connections do. */
  readonly dataBytes: number;
  readonly bufferBytes: number;
  /** `connected_clients` of INFO. */
  readonly clients: number;
  readonly descriptors: number;
  /** Keys in all databases. */
  readonly keys: number;
}

/** A figure that has to stay flat. */
export type SoakFigure =
  'residentBytes' | 'dataBytes' | 'bufferBytes' | 'clients' | 'descriptors';

/** How far above the first third the last may be: a share of it and an amount on top. */
export interface Margin {
  readonly share: number;
  readonly amount: number;
}

/** How one figure went. */
export interface FigureVerdict {
  readonly figure: SoakFigure;
  readonly first: number;
  readonly last: number;
  /** What `last` may be at most. */
  readonly limit: number;
  readonly isFlat: boolean;
}

const MIB = 1 << 20;
/** The pool that io_uring receives into grows with the largest burst so far, up to this. */
export const RECEIVE_POOL_BYTES_MAX = 36 * MIB;
/** A soak at least this long has its start behind it in the first third. */
const LONG_SECONDS_MIN = 300;

/**
 * The margins of a soak of this length. In a short one compilers still work and the heap finds its
 * size, so its resident memory only shows a leak of the coarse kind; the rest is held as tightly.
 */
export function marginsFor(seconds: number): Readonly<Record<SoakFigure, Margin>> {
  const isLong = seconds >= LONG_SECONDS_MIN;
  return {
    residentBytes: { share: 0.1, amount: (isLong ? 16 : 128) * MIB },
    dataBytes: { share: 0.1, amount: (isLong ? 8 : 32) * MIB },
    bufferBytes: { share: 0.1, amount: RECEIVE_POOL_BYTES_MAX },
    clients: { share: 0.1, amount: 5 },
    descriptors: { share: 0.1, amount: 5 },
  };
}

/** Judges all figures; none when there are fewer than three samples. */
export function verdictsOf(
  samples: readonly SoakSample[], margins: Readonly<Record<SoakFigure, Margin>>,
): FigureVerdict[] {
  const third = Math.floor(samples.length / 3);
  if (third === 0) return [];
  const figures: SoakFigure[] = [
    'residentBytes', 'dataBytes', 'bufferBytes', 'clients', 'descriptors',
  ];
  return figures.map((figure) => {
    const first = median(samples.slice(0, third).map((sample) => sample[figure]));
    const last = median(samples.slice(-third).map((sample) => sample[figure]));
    const { share, amount } = margins[figure];
    const limit = first * (1 + share) + amount;
    return { figure, first, last, limit, isFlat: last <= limit };
  });
}
