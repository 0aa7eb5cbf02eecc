/**
 * Many vectors at once into a segment: copied into the engine's memory a part at a time and stored
 * there without a call for each. Component j of vector i is `vectors[i * dimension + j]`.
 */
import { BATCH_BYTES } from './limits.ts';
import type { Segment } from './segment.ts';
import { VectorError } from './vector-error.ts';
import type { VectorId } from './vector-types.ts';
import { checkId, checkVectors } from './vector-types.ts';

/** Vectors of a dimension that are copied at once. */
export function batchCount(dimension: number): number {
  return Math.max(1, Math.floor(BATCH_BYTES / 4 / dimension));
}

/**
 * Refuses before anything is stored what does not go together.
 * @throws VectorError DIMENSION, ID
 */
export function checkIds(
  dimension: number, ids: readonly VectorId[], vectors: Float32Array,
): void {
  if (!Array.isArray(ids)) throw new VectorError('ID', `ids are an array, not ${typeof ids}`);
  if (!(vectors instanceof Float32Array)) checkVectors(vectors, dimension);
  if (vectors.length !== ids.length * dimension) {
    throw new VectorError('DIMENSION',
      `${vectors.length} components are not ${ids.length} vectors of ${dimension}`);
  }
  for (let i = 0; i < ids.length; i++) checkId(ids[i]);
}

function refuseFirst(number: number): never {
  throw new VectorError('NOT_FINITE',
    `a component, or the length, of vector ${number} is not finite`);
}

/**
 * Refuses what cannot be stored; the engine looks, a part at a time.
 * @throws VectorError NOT_FINITE, MEMORY_LIMIT
 */
export function checkFinite(segment: Segment, vectors: Float32Array): void {
  const { engine } = segment;
  const { dimension } = segment.options;
  const perBatch = batchCount(dimension);
  const block = engine.takeBlock(perBatch * dimension * 4);
  if (block === 0) throw new VectorError('MEMORY_LIMIT', 'no memory for a batch of vectors');
  try {
    for (let at = 0; at < vectors.length; at += perBatch * dimension) {
      const part = vectors.subarray(at, at + perBatch * dimension);
      engine.f32.set(part, block / 4);
      const count = part.length / dimension;
      const first = engine.calls.firstNotFinite(block, count, dimension * 4);
      if (first < count) refuseFirst(at / dimension + first);
    }
  } finally {
    engine.calls.giveBlock(block, perBatch * dimension * 4);
  }
}

/**
 * Stores `count` vectors from number `from` on; the slots of those that it could store.
 * @param isChecked all were found finite; else they are looked at here, before the first is stored
 * @throws VectorError NOT_FINITE, MEMORY_LIMIT: nothing was stored
 */
export function appendBatch(
  segment: Segment, vectors: Float32Array, from: number, count: number, isChecked = true,
): Int32Array {
  const { engine } = segment;
  const { dimension } = segment.options;
  const vectorBytes = count * dimension * 4;
  const block = engine.takeBlock(vectorBytes + count * 4);
  if (block === 0) {
    if (!isChecked) checkFinite(segment, vectors.subarray(from * dimension));
    return new Int32Array(0);
  }
  engine.f32.set(vectors.subarray(from * dimension, (from + count) * dimension), block / 4);
  const finite = isChecked ? count : engine.calls.firstNotFinite(block, count, dimension * 4);
  if (finite < count) {
    engine.calls.giveBlock(block, vectorBytes + count * 4);
    refuseFirst(from + finite);
  }
  const stored = engine.calls.appendMany(block, count, dimension * 4, block + vectorBytes);
  engine.fit();
  const slotsAt = (block + vectorBytes) / 4;
  const slots = engine.i32.slice(slotsAt, slotsAt + stored);
  engine.calls.giveBlock(block, vectorBytes + count * 4);
  return slots;
}
