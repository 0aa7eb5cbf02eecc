/**
 * Families of vectors for tests and benchmarks, from a seed: the same numbers everywhere.
 *   clustered   200 weighted centres in a subspace of 32 dimensions, each with a local subspace of
 *               12 and a little noise in all: like embeddings
 *   gaussian    independent components: the hard case
 *   duplicates  clustered, every vector many times over
 *   sorted      clustered, in the order of the first component
 *   drifting    gaussian around a point that moves while they come
 */

/** A seeded generator: xorshift, 32 bits. */
export class Chance {
  private state: number;

  constructor(seed: number) { this.state = (seed | 0) || 1; }

  /** From 0 up to, not including, 1. */
  next(): number {
    let s = this.state;
    s ^= s << 13; s ^= s >>> 17; s ^= s << 5;
    this.state = s;
    return (s >>> 0) / 4294967296;
  }

  below(count: number): number { return Math.floor(this.next() * count); }

  gaussian(): number {
    return Math.sqrt(-2 * Math.log(this.next() + 1e-12)) * Math.cos(2 * Math.PI * this.next());
  }
}

export const FAMILIES = ['clustered', 'gaussian', 'duplicates', 'sorted', 'drifting'] as const;
export type Family = (typeof FAMILIES)[number];

/** Data and queries of one family, each vector a view. */
export interface FamilyData {
  readonly vectors: readonly Float32Array[];
  readonly queries: readonly Float32Array[];
  /** All vectors behind each other. */
  readonly flat: Float32Array;
}

const CENTRES = 200;
const LOCAL = 12;

function clusteredInto(out: Float32Array, dimension: number, chance: Chance): void {
  const shared = Math.min(32, dimension);
  const randoms = (count: number, scale: number): Float32Array =>
    Float32Array.from({ length: count }, () => chance.gaussian() * scale);
  const basis = randoms(shared * dimension, 1 / Math.sqrt(shared));
  const locals = Array.from({ length: 16 }, () => randoms(LOCAL * dimension, 1 / Math.sqrt(LOCAL)));
  const centres = new Float32Array(CENTRES * dimension);
  for (let c = 0; c < CENTRES; c++) {
    for (let j = 0; j < shared; j++) {
      const z = chance.gaussian();
      const at = c * dimension;
      for (let d = 0; d < dimension; d++) centres[at + d]! += z * basis[j * dimension + d]!;
    }
  }
  for (let at = 0; at < out.length; at += dimension) {
    const c = chance.below(CENTRES);
    const local = locals[c % 16]!;
    for (let d = 0; d < dimension; d++) {
      out[at + d] = centres[c * dimension + d]! + 0.1 * chance.gaussian();
    }
    for (let j = 0; j < LOCAL; j++) {
      const z = 0.7 * chance.gaussian();
      for (let d = 0; d < dimension; d++) out[at + d]! += z * local[j * dimension + d]!;
    }
  }
}

function split(flat: Float32Array, dimension: number, count: number): FamilyData {
  const view = (i: number): Float32Array => flat.subarray(i * dimension, (i + 1) * dimension);
  const total = flat.length / dimension;
  return {
    flat: flat.subarray(0, count * dimension),
    vectors: Array.from({ length: count }, (_, i) => view(i)),
    queries: Array.from({ length: total - count }, (_, i) => view(count + i)),
  };
}

/** Makes `count` vectors and `queryCount` queries of a family. */
export function makeFamily(
  family: Family, dimension: number, count: number, queryCount: number, seed: number,
): FamilyData {
  const chance = new Chance(seed);
  const flat = new Float32Array((count + queryCount) * dimension);
  if (family === 'gaussian' || family === 'drifting') {
    for (let i = 0; i < flat.length; i++) {
      const moved = family === 'drifting' ? Math.floor(i / dimension) / count * 8 : 0;
      flat[i] = chance.gaussian() + (i % dimension < 4 ? Math.min(moved, 8 * chance.next()) : 0);
    }
  } else clusteredInto(flat, dimension, chance);
  if (family === 'duplicates') {
    for (let i = 0; i < count; i++) {
      const from = (i % Math.ceil(count / 50)) * dimension;
      flat.copyWithin(i * dimension, from, from + dimension);
    }
  }
  if (family === 'sorted') {
    const rows = split(flat, dimension, count).vectors.map((each) => each.slice());
    rows.sort((a, b) => a[0]! - b[0]!);
    for (const [i, row] of rows.entries()) flat.set(row, i * dimension);
  }
  return split(flat, dimension, count);
}

/** Distance as the index gives it, in doubles. */
export function trueDistance(
  metric: 'cosine' | 'l2' | 'ip', a: ArrayLike<number>, b: ArrayLike<number>,
): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  let square = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i]!;
    const y = b[i]!;
    dot += x * y; aa += x * x; bb += y * y; square += (x - y) * (x - y);
  }
  if (metric === 'l2') return Math.sqrt(square);
  if (metric === 'ip') return -dot;
  return aa > 0 && bb > 0 ? 1 - dot / Math.sqrt(aa * bb) : 1;
}
