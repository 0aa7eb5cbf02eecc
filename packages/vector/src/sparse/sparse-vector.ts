/**
 * Vectors of which few components are not zero, as pairs of component and value: words weighted by
 * a text model, counts, one-hot features. Checked once at the door, then held ascending.
 */
import type { VectorLike } from '../vector-types.ts';
import { VectorError } from '../vector-error.ts';

/** Components, distinct integers 0..2^32-1 in any order, and the value of each. */
export interface SparseVector {
  readonly components: ArrayLike<number>;
  readonly values: ArrayLike<number>;
}

/** Components of one vector that are not zero. */
export const SPARSE_COMPONENTS_MAX = 1 << 20;
const COMPONENT_MAX = 2 ** 32 - 1;

/** A checked one: ascending, without zeros, the caller's no more. */
export interface CheckedSparse {
  readonly components: Uint32Array;
  readonly values: Float32Array;
  /** Length of the vector. */
  readonly norm: number;
}

/** @throws VectorError DIMENSION, NOT_FINITE */
export function checkSparse(vector: SparseVector): CheckedSparse {
  const { components, values } = vector;
  if (components.length !== values.length || components.length > SPARSE_COMPONENTS_MAX) {
    throw new VectorError('DIMENSION', `${components.length} components and ${values.length} `
      + `values; wanted: as many of both, at most ${SPARSE_COMPONENTS_MAX}`);
  }
  const pairs: { component: number; value: number }[] = [];
  for (let i = 0; i < components.length; i++) {
    const component = components[i] ?? -1;
    const value = Math.fround(values[i] ?? NaN);
    if (!Number.isInteger(component) || component < 0 || component > COMPONENT_MAX) {
      throw new VectorError('DIMENSION', `component ${component}; wanted: 0 to ${COMPONENT_MAX}`);
    }
    if (!Number.isFinite(value)) {
      throw new VectorError('NOT_FINITE', `the value of component ${component} is not finite`);
    }
    if (value !== 0) pairs.push({ component, value });
  }
  pairs.sort((a, b) => a.component - b.component);
  for (const [i, { component }] of pairs.entries()) {
    if (i > 0 && pairs[i - 1]?.component === component) {
      throw new VectorError('DIMENSION', `component ${component} is given twice`);
    }
  }
  return {
    components: Uint32Array.from(pairs, (pair) => pair.component),
    values: Float32Array.from(pairs, (pair) => pair.value),
    // Of the ascending ones: the order that was given does not show.
    norm: Math.sqrt(pairs.reduce((sum, { value }) => sum + value * value, 0)),
  };
}

/** The components of a dense vector whose values are greater than `zero` in size. */
export function sparseOf(vector: VectorLike, zero = 0): SparseVector {
  const components: number[] = [];
  const values: number[] = [];
  for (let i = 0; i < vector.length; i++) {
    const value = vector[i] ?? 0;
    if (Math.abs(value) <= zero) continue;
    components.push(i);
    values.push(value);
  }
  return { components, values };
}
