/**
 * Vectors as arguments: `FP32 blob`, f32 little-endian, or `VALUES n v1 ... vn`. What is read is
 * the vector at hand of the shard (vector-window.ts). A vector that is empty, too long or has a
 * component that is no finite number is refused before anything else happens.
 * Cost: of a blob one copy; of texts what reading numbers costs, 50 ns and more each.
 */
import { parseInteger, parsed } from '../../bytes/number-text.hot.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { isWord, readDouble } from '../../command/grammar.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import type { Shard } from '../../shard/shard.ts';
import { dimensionMismatch, inputMismatch, vectorErrors } from './vector-errors.ts';
import type { VectorShape } from './vector-set-layout.ts';
import { VECTOR_DIMENSION_MAX, VectorForm, VectorMetric } from './vector-set-layout.ts';

const wordFp32 = wordOf('FP32');
const wordValues = wordOf('VALUES');
const wordQ8 = wordOf('Q8');
const wordBin = wordOf('BIN');

/** A word in the form that isWord takes. */
export function wordOf(word: string): Uint8Array {
  return Uint8Array.from(word, (letter) => letter.charCodeAt(0));
}

/** Argument i as an integer of at least `least` and at most `most`; -1 when it is none. */
export function integerAt(frame: ArgFrame, i: number, least: number, most: number): number {
  const at = frame.at[i] ?? -1;
  if (i >= frame.count || at < 0) return -1;
  if (!parseInteger(frame.memory.low, at, frame.bytes[i] ?? 0) || !parsed.isSafe) return -1;
  return parsed.value >= least && parsed.value <= most ? parsed.value : -1;
}

/**
 * The form that argument i names: `plain` is the word for f32.
 * @returns one of VectorForm; -1 when it names none
 */
export function formNamed(frame: ArgFrame, i: number, plain: Uint8Array): number {
  if (isWord(frame, i, plain)) return VectorForm.F32;
  if (isWord(frame, i, wordQ8)) return VectorForm.Q8;
  return isWord(frame, i, wordBin) ? VectorForm.Bits : -1;
}

/**
 * Reads the vector that begins at argument i with FP32 or VALUES.
 * @returns the argument behind it; -1 when it is none
 */
export function readVector(shard: Shard, frame: ArgFrame, i: number): number {
  if (i < frame.count && isWord(frame, i, wordFp32)) {
    return i + 1 < frame.count && readBlob(shard, frame, i + 1) ? i + 2 : -1;
  }
  if (i >= frame.count || !isWord(frame, i, wordValues)) return -1;
  const dimension = integerAt(frame, i + 1, 1, VECTOR_DIMENSION_MAX);
  if (dimension < 0 || i + 2 + dimension > frame.count) return -1;
  return readNumbers(shard, frame, i + 2, dimension) ? i + 2 + dimension : -1;
}

/** Reads argument i, f32 little-endian; false when it is no vector. */
export function readBlob(shard: Shard, frame: ArgFrame, i: number): boolean {
  const bytes = frame.bytes[i] ?? 0;
  const at = frame.at[i] ?? -1;
  if (at < 0 || bytes === 0 || bytes % 4 !== 0 || bytes / 4 > VECTOR_DIMENSION_MAX) return false;
  const { vectors } = shard.collections;
  vectors.takeBytes(at, bytes / 4);
  return vectors.measure();
}

/** Reads `dimension` numbers from argument i on; false when one is no finite f32. */
export function readNumbers(
  shard: Shard, frame: ArgFrame, i: number, dimension: number,
): boolean {
  const { vectors } = shard.collections;
  const query = vectors.start(dimension);
  for (let component = 0; component < dimension; component++) {
    const value = readDouble(frame, i + component);
    if (value === undefined) return false;
    query[component] = value;
  }
  return vectors.measure();
}

/** True when the length of the vector at hand is one that a set of this metric can keep. */
export function hasLength(shard: Shard, metric: number): boolean {
  const { norm } = shard.collections.vectors;
  return metric !== VectorMetric.Cosine || Number.isFinite(Math.fround(norm));
}

/**
 * Makes the vector at hand one of the set's: reduces it where the set does.
 * @returns the error where it has another dimension
 */
export function fitVector(shard: Shard, shape: VectorShape): ReplyError | null {
  const { vectors } = shard.collections;
  if (shape.inputDimension === 0) {
    return vectors.dimension === shape.dimension
      ? null : dimensionMismatch(vectors.dimension, shape.dimension);
  }
  if (vectors.dimension !== shape.inputDimension) {
    return inputMismatch(vectors.dimension, shape.inputDimension);
  }
  vectors.project(shape.dimension, shape.seed);
  return vectors.measure() ? null : vectorErrors.specification;
}
