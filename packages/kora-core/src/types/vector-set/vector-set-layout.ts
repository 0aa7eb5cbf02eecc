/**
 * How a vector set lies in the arena, and the numbers that name its forms.
 *
 *   root      block | dict header | dimension | traits | m | ef | input dimension | seed | handle |
 *                   | elements with attributes | -
 *   traits    form:4 | metric:4 | keeps empty:1 | face:2 | search ef:13
 *   element   MEMBER_FIELD of the dict; its value:
 *             | place | norm f32 | range f32 | vector, padded to 4 | attributes, to the end |
 *
 * The words from `dimension` to `seed` say what the set is; they never change, and travel as they
 * are. `handle` names the index of a big set among the shard's (vector-indexes.ts), and `place` is
 * the element's slot there plus 1; both are 0 without one and mean nothing anywhere else.
 * Invariants: every element has the set's form and dimension; the norm is that of the vector as it
 *   was given (after REDUCE); the range of a q8 vector is that of its largest component.
 * Cost: 28 bytes and the name beside the vector, and 9 bytes of the dict.
 */
import type { Shard } from '../../shard/shard.ts';
import { entryRoot } from '../../structs/entry.hot.ts';
import { fieldValueAt, fieldValueBytes } from '../../structs/member.hot.ts';

/** Words of the root block. */
export const SET_DICT_WORD = 0;
export const SET_DIMENSION = 1;
export const SET_TRAITS = 2;
export const SET_M = 3;
export const SET_EF = 4;
export const SET_INPUT_DIMENSION = 5;
export const SET_SEED = 6;
export const SET_HANDLE = 7;
export const SET_ATTRIBUTED = 8;
export const SET_ROOT_BYTES = 40;
/** Bytes of the words that say what the set is, and where they begin. */
export const SHAPE_BYTES = 24;
export const SHAPE_OFFSET = 4;

/** How vectors are kept. On disk: append only. */
export const VectorForm = Object.freeze({ F32: 0, Q8: 1, Bits: 2 } as const);
/** What distances are. On disk: append only. */
export const VectorMetric = Object.freeze({ Cosine: 0, L2: 1, Ip: 2 } as const);
/** Whose commands made it: what VINFO answers. On disk: append only. */
export const VectorFace = Object.freeze({ Redis: 0, Engram: 1, Kora: 2 } as const);
const METRIC_SHIFT = 4;
const KEEPS_EMPTY = 1 << 8;
const FACE_SHIFT = 9;
const SEARCH_EF_SHIFT = 11;
const TRAITS_END = 1 << 24;

/** Bytes of an element's value before the vector: place, norm, range. */
export const ELEMENT_HEAD_BYTES = 12;
/** The place, which does not travel. */
export const PLACE_BYTES = 4;

/** Components of a vector, given or kept. */
export const VECTOR_DIMENSION_MAX = 65_536;
/** Links of a node of the graph. */
export const VECTOR_M_MIN = 4;
export const VECTOR_M_MAX = 128;
/** Widest search; greater values are cut to it. */
export const VECTOR_EF_MAX = 4096;
/** Attributes of one element, as JSON. */
export const VECTOR_ATTRIBUTES_BYTES_MAX = 1 << 20;

/** What a vector set is, for all its life. */
export interface VectorShape {
  readonly dimension: number;
  readonly form: number;
  readonly metric: number;
  readonly face: number;
  /** It stays when its last element goes. */
  readonly keepsEmpty: boolean;
  readonly m: number;
  /** Width of the search when an element is linked. */
  readonly ef: number;
  /** Width of searches that do not name one; 0: the command's own. */
  readonly searchEf: number;
  /** Components that are given, where they are reduced; else 0. */
  readonly inputDimension: number;
  /** Of the projection and of the graph. */
  readonly seed: number;
}

export function traitsOf(shape: VectorShape): number {
  return shape.form | (shape.metric << METRIC_SHIFT) | (shape.keepsEmpty ? KEEPS_EMPTY : 0)
    | (shape.face << FACE_SHIFT) | (shape.searchEf << SEARCH_EF_SHIFT);
}

/** A shape from its numbers, in the order of the root block; undefined when they make none. */
export function shapeFrom(
  dimension: number, traits: number, m: number, ef: number, inputDimension: number, seed: number,
): VectorShape | undefined {
  const form = traits & 0xf;
  const metric = (traits >>> METRIC_SHIFT) & 0xf;
  const face = (traits >>> FACE_SHIFT) & 3;
  const searchEf = traits >>> SEARCH_EF_SHIFT;
  const isKnown = traits >= 0 && traits < TRAITS_END && form <= VectorForm.Bits
    && metric <= VectorMetric.Ip && face <= VectorFace.Kora
    && (form === VectorForm.F32 || metric === VectorMetric.Cosine);
  const isBounded = dimension >= 1 && dimension <= VECTOR_DIMENSION_MAX
    && m >= VECTOR_M_MIN && m <= VECTOR_M_MAX && ef >= 1 && ef <= VECTOR_EF_MAX
    && searchEf <= VECTOR_EF_MAX
    && inputDimension >= 0 && inputDimension <= VECTOR_DIMENSION_MAX;
  if (!isKnown || !isBounded) return undefined;
  const keepsEmpty = (traits & KEEPS_EMPTY) !== 0;
  return {
    dimension, form, metric, face, keepsEmpty, m, ef, searchEf, inputDimension, seed: seed | 0,
  };
}

/** True when two shapes are the same in all. */
export function isSameShape(a: VectorShape, b: VectorShape): boolean {
  return a.dimension === b.dimension && traitsOf(a) === traitsOf(b) && a.m === b.m
    && a.ef === b.ef && a.inputDimension === b.inputDimension && a.seed === b.seed;
}

/** Shape of the set whose root block this is. */
export function shapeAt(i32: Int32Array, root: number): VectorShape {
  const word = root << 1;
  const shape = shapeFrom(
    i32[word + SET_DIMENSION] ?? 0, i32[word + SET_TRAITS] ?? 0, i32[word + SET_M] ?? 0,
    i32[word + SET_EF] ?? 0, i32[word + SET_INPUT_DIMENSION] ?? 0, i32[word + SET_SEED] ?? 0,
  );
  if (shape === undefined) throw new Error('the root block of a vector set is sound');
  return shape;
}

/** Shape of the set in entry `ref`. */
export function shapeOf(shard: Shard, ref: number): VectorShape {
  const { i32 } = shard.memory;
  return shapeAt(i32, entryRoot(i32, ref));
}

/** Components that a client gives. */
export function givenDimension(shape: VectorShape): number {
  return shape.inputDimension === 0 ? shape.dimension : shape.inputDimension;
}

/** Bytes of a vector of that form, padded to 4. */
export function vectorBytesOf(form: number, dimension: number): number {
  if (form === VectorForm.F32) return dimension * 4;
  return form === VectorForm.Q8 ? (dimension + 3) & ~3 : ((dimension + 31) >>> 5) * 4;
}

/** Byte offset of an element's vector. */
export function elementVectorAt(i32: Int32Array, member: number): number {
  return fieldValueAt(i32, member) + ELEMENT_HEAD_BYTES;
}

/** Slot of the element in the set's index plus 1, 0 when it has none there. */
export function elementPlace(i32: Int32Array, member: number): number {
  return i32[fieldValueAt(i32, member) / 4] ?? 0;
}

export function setElementPlace(i32: Int32Array, member: number, place: number): void {
  i32[fieldValueAt(i32, member) / 4] = place;
}

/** Bytes of an element's attributes, 0 when it has none. */
export function attributeBytes(i32: Int32Array, member: number, shape: VectorShape): number {
  const fixed = ELEMENT_HEAD_BYTES + vectorBytesOf(shape.form, shape.dimension);
  return fieldValueBytes(i32, member) - fixed;
}

/** Byte offset of an element's attributes. */
export function attributesAt(i32: Int32Array, member: number, shape: VectorShape): number {
  return elementVectorAt(i32, member) + vectorBytesOf(shape.form, shape.dimension);
}
