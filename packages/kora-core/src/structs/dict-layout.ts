/**
 * The dict in bytes: its header, its lines and its bounds, shared by dict.hot.ts and both kernels.
 *
 *   header, 64 bytes, i32 words
 *     0 level | 1 split | 2 count | 3 lines | 4 directory ref | 5 chunks
 *     6 directory capacity | 7 overflow lines | 8 epoch | 9 growAt | 10 shrinkAt
 *     11 seed0 | 12 seed1 | 13 lines of chunk 0 | 14 snapshot | 15 batched find writes
 *   directory             | first word of chunk 0 | of chunk 1 | ...            doubles by copying
 *   chunk                 256 lines, 16 KiB; chunk 0 starts with 16 lines and doubles to 256
 *   line, 16 words        | fp0..fp11: 12 bytes, 0 = empty | overflow line | ref0 | ... | ref11 |
 *   address of hash h     line = h & (2^level - 1);  if line < split: line = h & (2^(level+1) - 1)
 *   fingerprint of h      h >>> 24, and 1 for 0
 */

/** Word offsets in the header. The kernel reads LEVEL, SPLIT, DIRECTORY and the seeds. */
export const DICT_LEVEL = 0;
export const DICT_SPLIT = 1;
export const DICT_COUNT = 2;
export const DICT_LINES = 3;
export const DICT_DIRECTORY = 4;
export const DICT_CHUNKS = 5;
export const DICT_DIRECTORY_CAPACITY = 6;
export const DICT_OVERFLOW = 7;
export const DICT_EPOCH = 8;
export const DICT_GROW_AT = 9;
export const DICT_SHRINK_AT = 10;
export const DICT_SEED0 = 11;
export const DICT_SEED1 = 12;
export const DICT_FIRST_LINES = 13;
/**
 * Of a dict of members: MEMBER_SAVED as members have it that a snapshot is done with, or none runs;
 * DICT_OPEN while a snapshot saves them one by one (snapshot/open-members.ts).
 */
export const DICT_SNAPSHOT = 14;
export const DICT_SINK = 15;

/** In DICT_SNAPSHOT: members whose bit differs are saved before they change or go. */
export const DICT_OPEN = 1;

export const DICT_HEADER_BYTES = 64;
export const LINE_BYTES = 64;
export const LINE_WORDS = 16;
export const LINE_SLOTS = 12;
/** Word of a line that names its overflow line. */
export const LINE_NEXT = 3;
/** First word of a line's refs. */
export const LINE_REFS = 4;

export const CHUNK_SHIFT = 8;
export const CHUNK_LINES = 256;
export const CHUNK_BYTES = CHUNK_LINES * LINE_BYTES;
/** Lines of an empty dict: 1 KiB. */
export const LINES_MIN = 16;
export const LEVEL_MIN = 4;
/** Lines at most: 2^24, because the fingerprint takes the top byte of the hash. */
export const LEVEL_MAX = 24;
/** Mean entries a line before the dict grows, in halves: 7.5 of 12. */
export const LINE_LOAD_HALVES = 15;
/** Mean entries a line below which the dict shrinks. */
export const LINE_LOAD_MIN = 2;
/** Lines of one chain at most. Only a broken hash gets there: an alarm, not a limit. */
export const CHAIN_LINES_MAX = 8;
/** Length of an array that takes any chain's slots. */
export const CHAIN_SLOTS_MAX = CHAIN_LINES_MAX * LINE_SLOTS;
/** Lines one insert splits at most: two, so that a dict denied memory for a while catches up. */
export const SPLITS_PER_INSERT_MAX = 2;
