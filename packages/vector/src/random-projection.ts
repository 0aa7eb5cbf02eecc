/**
 * Fewer dimensions by a random projection: distances and angles keep their order well enough to
 * search by, without looking at data first. Entries are +s, 0 and -s with chances 1/6, 2/3 and 1/6
 * and s = sqrt(3 / to), so a projection adds and subtracts a third of the components.
 * Same seed, same projection, on every machine. Error of a squared distance: about sqrt(2 / to).
 * Cost: from * to / 3 additions; from * to / 3 words of memory.
 * Source: Johnson and Lindenstrauss 1984; Achlioptas 2003. (A PCA would keep more of data that has
 * few true dimensions, but must be fitted, and must be fitted again when the data moves.)
 */
import { DIMENSION_MAX } from './limits.ts';
import type { VectorLike } from './vector-types.ts';
import { VectorError } from './vector-error.ts';

/** A fixed linear map from one number of dimensions to a smaller one. */
export class RandomProjection {
  readonly from: number;
  readonly to: number;
  /** Components to add and to subtract, output by output; `ends` has two places an output. */
  private readonly components: Uint32Array;
  private readonly ends: Uint32Array;
  private readonly scale: number;

  /**
   * @param options `from` components in, `to` out, 1 <= to <= from; `seed` any integer
   * @throws VectorError OPTION
   */
  constructor(options: { readonly from: number; readonly to: number; readonly seed?: number }) {
    const { from, to, seed = 1 } = options;
    const isWhole = Number.isInteger(from) && Number.isInteger(to) && Number.isInteger(seed);
    if (!isWhole || to < 1 || to > from || from > DIMENSION_MAX) {
      throw new VectorError('OPTION', `a projection from ${from} to ${to} with seed ${seed}; `
        + `wanted: integers, 1 <= to <= from <= ${DIMENSION_MAX}`);
    }
    this.from = from;
    this.to = to;
    this.scale = Math.sqrt(3 / to);
    const draw = generator(seed);
    const chosen: number[] = [];
    this.ends = new Uint32Array(2 * to);
    for (let row = 0; row < to; row++) {
      const subtracted: number[] = [];
      for (let i = 0; i < from; i++) {
        const die = draw() % 6;
        if (die === 0) chosen.push(i);
        else if (die === 1) subtracted.push(i);
      }
      this.ends[2 * row] = chosen.length;
      for (const i of subtracted) chosen.push(i);
      this.ends[2 * row + 1] = chosen.length;
    }
    this.components = Uint32Array.from(chosen);
  }

  /**
   * The projected vector, in `into` if it is given. @throws VectorError DIMENSION
   */
  project(vector: VectorLike, into: Float32Array = new Float32Array(this.to)): Float32Array {
    if (vector.length !== this.from || into.length !== this.to) {
      throw new VectorError('DIMENSION', `the projection takes ${this.from} components and gives `
        + `${this.to}, not ${vector.length} and ${into.length}`);
    }
    const { components, ends, scale } = this;
    let at = 0;
    for (let row = 0; row < this.to; row++) {
      const added = ends[2 * row] ?? 0;
      const end = ends[2 * row + 1] ?? 0;
      let sum = 0;
      for (; at < added; at++) sum += vector[components[at] ?? 0] ?? 0;
      for (; at < end; at++) sum -= vector[components[at] ?? 0] ?? 0;
      into[row] = sum * scale;
    }
    return into;
  }
}

/** Numbers of 32 bits, by a multiply and xorshift finish over a counter. */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
}
