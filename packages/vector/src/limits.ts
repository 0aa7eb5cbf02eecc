/**
 * Every bound of the package, unit in the name. Bounds that the engine has too are named there
 * (assembly/layout.as.ts, assembly/scratch.as.ts); a test compares them.
 */

/** Components of a vector. */
export const DIMENSION_MAX = 65_536;
/** Links of a node on upper levels; level 0 has twice as many. */
export const M_MAX = 128;
/** Smallest useful M. */
export const M_MIN = 4;
/** Width of a beam, when linking and when searching; greater values are cut to it. */
export const EF_MAX = 4096;
/** Answers that come through a beam; more are found by an exact scan. */
export const BEAM_ANSWERS_MAX = 4096;
/** Bytes of one memory: 65,535 pages. A larger index has several. */
export const SEGMENT_BYTES_MAX = 65_535 * 65_536;
/** Smallest memory that holds an index: its tables and scratch of 65,536 dimensions. */
export const SEGMENT_BYTES_MIN = 1 << 20;
/** UTF-16 units of an id. */
export const ID_UNITS_MAX = 65_536;
/** UTF-16 units of an element's attributes as JSON. */
export const ATTRIBUTES_UNITS_MAX = 1 << 20;
/** UTF-16 units of a filter expression, and its nesting. */
export const FILTER_UNITS_MAX = 65_536;
export const FILTER_DEPTH_MAX = 64;
/** Attribute fields that get an index; others are read element by element. */
export const INDEXED_FIELDS_MAX = 256;
/** Distinct values of a field that get a set of their own; beyond, the field is scanned. */
export const INDEXED_VALUES_MAX = 65_536;
/** Live vectors that an index in mode `auto` scans before it builds a graph. */
export const AUTO_FLAT_MAX = 2000;
/** Vectors, and components, from which the range of the codes is first taken. */
export const TRAINING_VECTORS_MAX = 1024;
export const TRAINING_VECTORS_MIN = 32;
export const TRAINING_COMPONENTS = 131_072;
/** Pending vectors linked after each added one, while there are any. */
export const LINKS_PER_ADD = 2;
/** Stored vectors that wait in the tail of an index with threads; every search scans them ... */
export const TAIL_SLOTS_MAX = 4096;
export const TAIL_SLOTS_MIN = 256;
/** ... of so many components at most: some 50 us. Writes wait beyond. */
export const TAIL_COMPONENTS = 1 << 19;
/** Best candidates ranked again by their vectors: this many, or twice the answers asked for. */
export const RERANK_MIN = 20;
/** Slots that one call cleans while a sweep runs. */
export const SWEEP_SLOTS = 256;
/** Vectors copied into the engine's memory at once by addMany, in bytes. */
export const BATCH_BYTES = 1 << 18;
