/**
 * Pages, and the regions of a worker's memory in bytes: the constants that the memory, the page map
 * and the allocators share. The drawing is in worker-memory.ts.
 */

/** Bytes of one page of the allocators and of the page map. */
export const PAGE_BYTES = 4096;
/** Bytes of one WebAssembly page, the step in which a memory grows. */
export const WASM_PAGE_BYTES = 65_536;
/** First byte that the low allocator owns; below it lie control words and constants. */
export const LOW_FIRST_BYTE = 65_536;
/** Bytes of the low region unless asked otherwise. */
export const LOW_BYTES_DEFAULT = 16 * 1024 * 1024;
/** The low region ends below 2 GiB: Node 26 is slow at byte views beyond. */
export const LOW_BYTES_MAX = 2 ** 31 - WASM_PAGE_BYTES;
/** Most bytes one memory can hold: 65,536 WebAssembly pages. */
export const MEMORY_BYTES_MAX = 2 ** 32;
/** Smallest step of growth, so that a filling shard grows rarely. */
export const GROW_BYTES_MIN = 16 * 1024 * 1024;

/** A page number shifted left by this is the page's byte offset (as u32). */
export const PAGE_SHIFT = 12;
/** A page number shifted left by this is the page's first word. */
export const PAGE_WORD_SHIFT = 10;
/** A page number shifted left by this is the page's first ref. */
export const PAGE_REF_SHIFT = 9;
