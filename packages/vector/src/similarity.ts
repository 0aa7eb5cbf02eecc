/**
 * Distances, similarities and scores of two vectors at hand, without an index: for re-ranking by
 * hand, for checks, for thresholds. In doubles, so the last bits differ from what an index answers.
 */
import { METRICS, oneOf } from './options.ts';
import type { Metric } from './options.ts';
import type { VectorLike } from './vector-types.ts';
import { VectorError } from './vector-error.ts';

interface Sums {
  readonly dot: number;
  readonly squareA: number;
  readonly squareB: number;
  readonly squareApart: number;
}

function sumsOf(a: VectorLike, b: VectorLike): Sums {
  if (a.length !== b.length || a.length === 0) {
    throw new VectorError('DIMENSION',
      `vectors of ${a.length} and ${b.length} components cannot be compared`);
  }
  let dot = 0;
  let squareA = 0;
  let squareB = 0;
  let squareApart = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? 0;
    const y = b[i] ?? 0;
    dot += x * y;
    squareA += x * x;
    squareB += y * y;
    squareApart += (x - y) * (x - y);
  }
  if (!Number.isFinite(squareA + squareB)) {
    throw new VectorError('NOT_FINITE', 'a component, or a length, is not finite');
  }
  return { dot, squareA, squareB, squareApart };
}

/**
 * Cosine of the angle between two vectors, -1..1; 0 when one of them has no length.
 * @throws VectorError DIMENSION for empty ones or different lengths, NOT_FINITE
 */
export function similarity(a: VectorLike, b: VectorLike): number {
  const { dot, squareA, squareB } = sumsOf(a, b);
  const lengths = Math.sqrt(squareA) * Math.sqrt(squareB);
  return lengths === 0 ? 0 : Math.min(1, Math.max(-1, dot / lengths));
}

/**
 * Distance as an index of this metric answers it; smaller is nearer.
 * @throws VectorError DIMENSION, NOT_FINITE, OPTION
 */
export function distanceBetween(metric: Metric, a: VectorLike, b: VectorLike): number {
  oneOf('metric', metric, METRICS);
  if (metric === 'cosine') return 1 - similarity(a, b);
  const { dot, squareApart } = sumsOf(a, b);
  return metric === 'l2' ? Math.sqrt(squareApart) : -dot;
}

/**
 * A distance as a score, greater is nearer: cosine -1..1, l2 1 / (1 + distance), ip the dot
 * product. @throws VectorError OPTION
 */
export function scoreOf(metric: Metric, distance: number): number {
  oneOf('metric', metric, METRICS);
  if (metric === 'cosine') return 1 - distance;
  return metric === 'l2' ? 1 / (1 + distance) : -distance;
}
