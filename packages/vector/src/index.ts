/**
 * The door of @kora/vector: an index of vectors in your process, exact or HNSW, in WebAssembly, and
 * what goes with it: collections by name, entities, sparse vectors, projections.
 * Everything exported here is public; nothing else is.
 */
export { VectorIndex } from './vector-index.ts';
export type {
  FilterStrategy, SearchHit, SearchOptions, VectorId, VectorIndexInfo, VectorLike, WithinOptions,
} from './vector-types.ts';
export type {
  CheckedOptions, Metric, Mode, Preset, Storage, VectorIndexOptions,
} from './options.ts';
export type { Attributes, JsonValue } from './attributes/attribute-index.ts';
export { VectorCollections } from './collections/vector-collections.ts';
export { EntityIndex } from './collections/entity-index.ts';
export { listIds, listMatching } from './collections/id-page.ts';
export type { IdPage } from './collections/id-page.ts';
export { SparseVectorIndex } from './sparse/sparse-vector-index.ts';
export type { SparseHit } from './sparse/sparse-vector-index.ts';
export { sparseOf } from './sparse/sparse-vector.ts';
export type { SparseVector } from './sparse/sparse-vector.ts';
export { distanceBetween, scoreOf, similarity } from './similarity.ts';
export { RandomProjection } from './random-projection.ts';
export { readSlotFilter, SlotIndex } from './slot-index.ts';
export type { SlotFilter } from './slot-index.ts';
export { dumpIndex, loadIndex } from './image.ts';
export { hasRelaxedSimd } from './engine/modules.ts';
export type { EngineVariant } from './engine/modules.ts';
export { VectorError } from './vector-error.ts';
export type { VectorErrorCode } from './vector-error.ts';
export {
  ATTRIBUTES_UNITS_MAX, DIMENSION_MAX, EF_MAX, FILTER_UNITS_MAX, ID_UNITS_MAX, M_MAX, M_MIN,
} from './limits.ts';
