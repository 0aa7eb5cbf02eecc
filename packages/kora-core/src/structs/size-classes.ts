/**
 * The allocator's size classes, computed once.
 *
 *   8 .. 128      by 8                                      64 KiB slabs
 *   128 .. 2048   eight per doubling                        64 KiB slabs
 *   .. 8184       as many bytes as n = 31 .. 8 blocks need  64 KiB slabs (no tail is wasted)
 *   .. 32760      as many bytes as n = 31 .. 8 blocks need  256 KiB slabs
 *   beyond, or where whole pages cost no more than the class: a run of 4 KiB pages
 *
 * Worst waste inside a block: 12.5 % above 64 bytes (7 bytes below); about 3 % on mixed sizes.
 * A slab starts with a 64-byte header, so blocks of 64, 128 .. 2048 bytes and of whole pages are
 * line-aligned.
 */
import { assert } from '../assert.ts';
import { PAGE_BYTES } from './memory-layout.ts';

/** Bytes of the header at the start of every slab: one cache line. */
export const SLAB_HEADER_BYTES = 64;
/** Pages of a slab for blocks up to 8 KiB. */
export const SMALL_SLAB_PAGES = 16;
/** Pages of a slab for blocks up to 32 KiB. */
export const MEDIUM_SLAB_PAGES = 64;
/** Marks a size in {@link CLASS_OF_GRANULE} that is cheaper as a run of pages. */
export const CLASS_RUN = 255;

const SIZE_STEP_8_MAX = 128;
const SIZE_DOUBLING_MAX = 2048;
const CLASSES_PER_DOUBLING = 8;
const BLOCKS_PER_SLAB_MAX = 31;
const BLOCKS_PER_SLAB_MIN = 8;

function blockBytesFor(slabPages: number, blocks: number): number {
  return Math.floor((slabPages * PAGE_BYTES - SLAB_HEADER_BYTES) / blocks / 8) * 8;
}

function smallSizes(): number[] {
  const sizes: number[] = [];
  for (let size = 8; size <= SIZE_STEP_8_MAX; size += 8) sizes.push(size);
  for (let base = SIZE_STEP_8_MAX; base < SIZE_DOUBLING_MAX; base *= 2) {
    for (let i = 1; i <= CLASSES_PER_DOUBLING; i++) {
      sizes.push(base + (base / CLASSES_PER_DOUBLING) * i);
    }
  }
  for (let n = BLOCKS_PER_SLAB_MAX; n >= BLOCKS_PER_SLAB_MIN; n--) {
    sizes.push(blockBytesFor(SMALL_SLAB_PAGES, n));
  }
  return sizes;
}

function mediumSizes(): number[] {
  const sizes: number[] = [];
  for (let n = BLOCKS_PER_SLAB_MAX; n >= BLOCKS_PER_SLAB_MIN; n--) {
    sizes.push(blockBytesFor(MEDIUM_SLAB_PAGES, n));
  }
  return sizes;
}

const small = smallSizes();
const medium = mediumSizes();

/** Classes whose slabs have 16 pages; the classes from here on have slabs of 64. */
export const SMALL_CLASS_COUNT = small.length;
/** All classes. */
export const CLASS_COUNT = small.length + medium.length;
/** Block bytes of each class, ascending. */
export const CLASS_BYTES = Int32Array.from([...small, ...medium]);
/** Largest block that comes from a slab. */
export const SLAB_BLOCK_BYTES_MAX = CLASS_BYTES[CLASS_COUNT - 1] ?? 0;
/** Largest block that comes from a 64 KiB slab. */
export const SMALL_BLOCK_BYTES_MAX = CLASS_BYTES[SMALL_CLASS_COUNT - 1] ?? 0;
/** Pages of a slab of each class. */
export const CLASS_SLAB_PAGES = CLASS_BYTES.map((_, index) =>
  index < SMALL_CLASS_COUNT ? SMALL_SLAB_PAGES : MEDIUM_SLAB_PAGES);
/** Blocks of a slab of each class. */
export const CLASS_SLAB_BLOCKS = CLASS_BYTES.map((bytes, index) =>
  Math.floor(((CLASS_SLAB_PAGES[index] ?? 0) * PAGE_BYTES - SLAB_HEADER_BYTES) / bytes));
/**
 * Class of a block of g granules of 8 bytes: index by (bytes + 7) >>> 3; {@link CLASS_RUN} = pages.
 */
export const CLASS_OF_GRANULE = classOfGranule();

function classOfGranule(): Uint8Array {
  const table = new Uint8Array((SLAB_BLOCK_BYTES_MAX >> 3) + 1);
  let sizeClass = 0;
  for (let granule = 0; granule < table.length; granule++) {
    const bytes = granule * 8;
    while ((CLASS_BYTES[sizeClass] ?? 0) < bytes) sizeClass++;
    const runBytes = Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
    const isRunCheaper = bytes > SMALL_BLOCK_BYTES_MAX && runBytes <= (CLASS_BYTES[sizeClass] ?? 0);
    // Whole pages stay whole pages: no class of 4 KiB is line-aligned, and dict chunks must be.
    const isWholePages = bytes > 0 && bytes % PAGE_BYTES === 0;
    table[granule] = isRunCheaper || isWholePages ? CLASS_RUN : sizeClass;
  }
  return table;
}

assert(CLASS_COUNT < CLASS_RUN, 'classes fit the byte that the page map has for them');
