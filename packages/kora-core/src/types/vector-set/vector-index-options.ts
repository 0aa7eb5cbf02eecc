/**
 * How the index of a vector set is made: what follows from the shape of the set alone, so that an
 * index that is made anew and one that comes out of a snapshot are of one kind.
 */
import type { NearestIndexOptions } from './vector-engine.ts';
import type { VectorShape } from './vector-set-layout.ts';
import { VectorForm, VectorMetric } from './vector-set-layout.ts';

/** Below this dimension codes of 7 bits would tie too often: the index keeps the components. */
const CODED_DIMENSION_MIN = 64;
const METRICS = ['cosine', 'l2', 'ip'] as const;

/** Options of the index of a set of this shape. */
export function indexOptionsOf(shape: VectorShape): NearestIndexOptions {
  const isBits = shape.form === VectorForm.Bits && shape.metric === VectorMetric.Cosine;
  const isCoded = shape.dimension >= CODED_DIMENSION_MIN;
  return {
    dimension: shape.dimension,
    metric: METRICS[shape.metric] ?? 'cosine',
    storage: isBits ? 'bits' : isCoded ? 'codes' : 'f32',
    m: shape.m, efConstruction: shape.ef, seed: shape.seed,
  };
}
