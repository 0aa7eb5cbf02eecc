/**
 * Vectors of a shard's thread: the one being stored or searched for, and arithmetic on those in the
 * arena. Words are read through views of the whole memory; views are made anew when it has grown.
 *
 *   f32    components as they are          l2, ip, cosine
 *   q8     four signed bytes a word; component = byte * range / 127
 *   bits   one sign a bit, 1 = above zero; a vector of 1 and -1
 *
 * Distances: cosine 1 - cos (1 where a length is 0), l2 Euclidean, ip minus the dot product;
 * smaller is nearer. They are rounded to f32, as everybody's are.
 * This is the twin of kernel/vector-scan.as.ts, which adds in the same order: change both.
 * Cost: a distance of 128 dimensions about .2 us from f32 and q8, 10 ns from bits.
 */
import { assert } from '../../assert.ts';
import type { WorkerMemory } from '../../structs/worker-memory.ts';
import type { VectorShape } from './vector-set-layout.ts';
import { vectorBytesOf, VectorForm, VectorMetric } from './vector-set-layout.ts';

const Q8_MAX = 127;
const FIRST_DIMENSION = 128;

/** Set bits of a word. */
function bitCount(word: number): number {
  let x = word - ((word >>> 1) & 0x5555_5555);
  x = (x & 0x3333_3333) + ((x >>> 2) & 0x3333_3333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

export class VectorWindow {
  /** The vector at hand; its first `dimension` components count. */
  query: Float32Array;
  dimension = 0;
  /** Length of the vector at hand; may be more than an f32 holds. */
  norm = 0;
  readonly #memory: WorkerMemory;
  #i32: Int32Array;
  #f32: Float32Array;
  #signs = new Int32Array(FIRST_DIMENSION / 32);
  #given = new Float32Array(FIRST_DIMENSION);
  /** The bytes of `query`. */
  #bytes = new Uint8Array(FIRST_DIMENSION * 4);

  constructor(memory: WorkerMemory) {
    this.#memory = memory;
    this.query = new Float32Array(this.#bytes.buffer);
    this.#i32 = memory.i32;
    this.#f32 = new Float32Array(memory.i32.buffer);
  }

  /** The whole memory as f32; not to be kept over an allocation. */
  get f32(): Float32Array {
    if (this.#i32 !== this.#memory.i32) {
      this.#i32 = this.#memory.i32;
      this.#f32 = new Float32Array(this.#i32.buffer);
    }
    return this.#f32;
  }

  /** Makes room for a vector at hand of `dimension` components; fill `query`, then `measure`. */
  start(dimension: number): Float32Array {
    if (this.query.length < dimension) {
      this.#bytes = new Uint8Array(dimension * 4);
      this.query = new Float32Array(this.#bytes.buffer);
    }
    this.dimension = dimension;
    return this.query;
  }

  /** Takes the vector at hand from bytes of low memory: f32, little-endian. */
  takeBytes(at: number, dimension: number): void {
    this.start(dimension);
    this.#bytes.set(this.#memory.low.subarray(at, at + dimension * 4));
  }

  /**
   * Puts up to `count` components from `from` on into low memory as bytes. @returns how many bytes
   */
  writeBytes(at: number, from: number, count: number): number {
    const end = Math.min(this.dimension, from + count);
    this.#memory.low.set(this.#bytes.subarray(from * 4, end * 4), at);
    return (end - from) * 4;
  }

  /** Works out the length. @returns false when a component is no finite number */
  measure(): boolean {
    const { query } = this;
    let square = 0;
    for (let i = 0; i < this.dimension; i++) {
      const x = query[i] ?? 0;
      square += x * x;
    }
    this.norm = Math.sqrt(square);
    return Number.isFinite(square);
  }

  /**
   * Projects the vector at hand to `dimension` components: sums of its own with signs by chance,
   * the same for the same seed. Distances stay about what they were.
   * Source: Achlioptas, Database-friendly random projections, 2003.
   */
  project(dimension: number, seed: number): void {
    const from = this.dimension;
    if (this.#given.length < from) this.#given = new Float32Array(from);
    const given = this.#given;
    given.set(this.query.subarray(0, from));
    const into = this.start(dimension);
    const scale = 1 / Math.sqrt(dimension);
    let word = (seed ^ 0x9e37_79b9) | 1;
    for (let row = 0; row < dimension; row++) {
      let sum = 0;
      for (let i = 0; i < from; i += 32) {
        word ^= word << 13;
        word ^= word >>> 17;
        word ^= word << 5;
        const end = Math.min(from, i + 32);
        for (let at = i, signs = word; at < end; at++, signs >>>= 1) {
          const x = given[at] ?? 0;
          sum += (signs & 1) !== 0 ? x : -x;
        }
      }
      into[row] = sum * scale;
    }
  }

  // ------------------------------------------------------------------ in the arena

  /** Writes range and vector at hand into an element; `at` is the byte offset of its norm. */
  write(at: number, form: number): void {
    const { f32, query, dimension } = this;
    const word = at / 4;
    f32[word] = this.norm;
    f32[word + 1] = 0;
    if (form === VectorForm.F32) {
      f32.set(query.subarray(0, dimension), word + 2);
    } else if (form === VectorForm.Q8) {
      f32[word + 1] = this.#writeBytes(word + 2);
    } else {
      this.#writeSigns(this.#i32, word + 2);
    }
  }

  /** @returns the range */
  #writeBytes(word: number): number {
    const { query, dimension } = this;
    const i32 = this.#i32;
    let most = 0;
    for (let i = 0; i < dimension; i++) most = Math.max(most, Math.abs(query[i] ?? 0));
    const range = Math.fround(most);
    const scale = range === 0 ? 0 : Q8_MAX / range;
    for (let i = 0; i < dimension; i += 4) {
      let packed = 0;
      for (let j = 0; j < 4 && i + j < dimension; j++) {
        const byte = Math.max(-Q8_MAX, Math.min(Q8_MAX, Math.round((query[i + j] ?? 0) * scale)));
        packed |= (byte & 0xff) << (j * 8);
      }
      i32[word + (i >>> 2)] = packed;
    }
    return range;
  }

  #writeSigns(into: Int32Array, word: number): void {
    const { query, dimension } = this;
    for (let i = 0; i < dimension; i += 32) {
      let signs = 0;
      const end = Math.min(dimension, i + 32);
      for (let at = i; at < end; at++) if ((query[at] ?? 0) > 0) signs |= 1 << (at - i);
      into[word + (i >>> 5)] = signs;
    }
  }

  /** Makes an element's vector the one at hand, as near as it is kept. `at`: of its norm. */
  read(at: number, shape: VectorShape): void {
    const { dimension, form } = shape;
    const query = this.start(dimension);
    const { f32 } = this;
    const i32 = this.#i32;
    const word = at / 4 + 2;
    if (form === VectorForm.F32) {
      query.set(f32.subarray(word, word + dimension));
    } else if (form === VectorForm.Q8) {
      const unit = (f32[word - 1] ?? 0) / Q8_MAX;
      for (let i = 0; i < dimension; i++) {
        query[i] = (((i32[word + (i >>> 2)] ?? 0) << (24 - (i & 3) * 8)) >> 24) * unit;
      }
    } else {
      for (let i = 0; i < dimension; i++) {
        query[i] = (((i32[word + (i >>> 5)] ?? 0) >>> (i & 31)) & 1) === 1 ? 1 : -1;
      }
    }
    this.measure();
  }

  /** True when norm, range and components at `at` (of the norm) can be of that shape. */
  isSound(at: number, shape: VectorShape): boolean {
    const { f32 } = this;
    const word = at / 4;
    const norm = f32[word] ?? NaN;
    const range = f32[word + 1] ?? NaN;
    if (!(norm >= 0) || !(range >= 0) || !Number.isFinite(range)) return false;
    if (shape.metric === VectorMetric.Cosine && !Number.isFinite(norm)) return false;
    if (shape.form !== VectorForm.F32) return true;
    for (let i = word + 2; i < word + 2 + shape.dimension; i++) {
      if (!Number.isFinite(f32[i] ?? NaN)) return false;
    }
    return true;
  }

  // ------------------------------------------------------------------ distances

  /** Makes the vector at hand ready to be compared in a set of that shape. */
  prepare(shape: VectorShape): void {
    assert(this.dimension === shape.dimension, 'a query has the dimension of its set');
    if (shape.form !== VectorForm.Bits) return;
    const words = (shape.dimension + 31) >>> 5;
    if (this.#signs.length < words) this.#signs = new Int32Array(words);
    this.#writeSigns(this.#signs, 0);
  }

  /** Bytes that `writeQuery` writes. */
  queryBytes(shape: VectorShape): number {
    return vectorBytesOf(shape.form === VectorForm.Bits ? shape.form : VectorForm.F32,
      shape.dimension);
  }

  /**
   * Puts what elements are compared with into low memory: components, or signs where a set has
   * signs. After `prepare`.
   */
  writeQuery(at: number, shape: VectorShape): void {
    if (shape.form === VectorForm.Bits) this.#writeSigns(this.#memory.i32, at / 4);
    else this.writeBytes(at, 0, shape.dimension);
  }

  /** Distance of the vector at hand to an element; `at` is the byte offset of its norm. */
  distance(at: number, shape: VectorShape): number {
    const { form, metric, dimension } = shape;
    const word = at / 4;
    if (form === VectorForm.Bits) return this.#hamming(word + 2, dimension);
    if (metric === VectorMetric.L2) return this.#euclidean(word + 2, dimension);
    const { f32 } = this;
    const dot = form === VectorForm.F32
      ? this.#dotOfFloats(word + 2, dimension)
      : this.#dotOfBytes(word + 2, dimension) * ((f32[word + 1] ?? 0) / Q8_MAX);
    if (metric === VectorMetric.Ip) return Math.fround(-dot);
    const lengths = this.norm * (f32[word] ?? 0);
    if (lengths === 0) return 1;
    return Math.max(0, Math.min(2, Math.fround(1 - Math.fround(dot / lengths))));
  }

  #dotOfFloats(word: number, dimension: number): number {
    const { f32, query } = this;
    let even = 0;
    let odd = 0;
    let i = 0;
    for (; i + 1 < dimension; i += 2) {
      even += (query[i] ?? 0) * (f32[word + i] ?? 0);
      odd += (query[i + 1] ?? 0) * (f32[word + i + 1] ?? 0);
    }
    if (i < dimension) even += (query[i] ?? 0) * (f32[word + i] ?? 0);
    return even + odd;
  }

  #dotOfBytes(word: number, dimension: number): number {
    const { query } = this;
    const i32 = this.#memory.i32;
    let sum = 0;
    let i = 0;
    for (; i + 3 < dimension; i += 4) {
      const packed = i32[word + (i >>> 2)] ?? 0;
      sum += (query[i] ?? 0) * ((packed << 24) >> 24)
        + (query[i + 1] ?? 0) * ((packed << 16) >> 24)
        + (query[i + 2] ?? 0) * ((packed << 8) >> 24) + (query[i + 3] ?? 0) * (packed >> 24);
    }
    for (; i < dimension; i++) {
      sum += (query[i] ?? 0) * (((i32[word + (i >>> 2)] ?? 0) << (24 - (i & 3) * 8)) >> 24);
    }
    return sum;
  }

  #euclidean(word: number, dimension: number): number {
    const { f32, query } = this;
    let sum = 0;
    for (let i = 0; i < dimension; i++) {
      const difference = (query[i] ?? 0) - (f32[word + i] ?? 0);
      sum += difference * difference;
    }
    return Math.fround(Math.sqrt(sum));
  }

  #hamming(word: number, dimension: number): number {
    const i32 = this.#memory.i32;
    const signs = this.#signs;
    const words = (dimension + 31) >>> 5;
    let different = 0;
    for (let i = 0; i < words; i++) different += bitCount((signs[i] ?? 0) ^ (i32[word + i] ?? 0));
    return Math.fround((different * 2) / dimension);
  }
}
