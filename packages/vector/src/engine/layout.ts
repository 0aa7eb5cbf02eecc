/**
 * Where the engine keeps the words that TypeScript reads, as word offsets into the memory, and the
 * numbers that both sides must agree on. Mirror of assembly/layout.as.ts, compared by a test.
 */

const HEADER = 1024;
const word = (byteOffset: number): number => (HEADER + byteOffset) >> 2;

/** Word offsets of header fields. */
export const HEADER_WORDS = {
  dimension: word(8), metric: word(12), coldKind: word(16), walk: word(20), m: word(24),
  seed: word(32), hot: word(36), cold: word(40), codeAt: word(44), slots: word(52),
  capacity: word(56), live: word(60), dead: word(64),
  freeCount: word(72), entry: word(76), bump: word(80), low: word(84), scale: word(88),
  trained: word(92), radius: word(96), pending: word(128), sweepPhase: word(140),
  bytesMax: word(148),
  clipped: word(152), encoded: word(156), era: word(100),
  tail: word(448), tailEnd: word(512), tailHead: word(640), goneEnd: word(704),
  goneHead: word(768),
} as const;

/** Bytes below which an engine's memory holds only its header, tables and this thread's words. */
export const READER_WORDS_FROM = 4096 >> 2;
/** Readers that can announce an era, and the words between two of them. */
export const READER_COUNT = 32;
export const READER_WORDS = 16;

export const METRIC_NUMBERS = { l2: 0, cosine: 1, ip: 2 } as const;
export const COLD_NONE = 0;
export const COLD_F32 = 1;
export const COLD_BF16 = 2;
export const WALK_F32 = 0;
export const WALK_BF16 = 1;
export const WALK_CODES = 2;
export const WALK_BITS = 3;

/** What the engine returns when it refuses. */
export const E_MEMORY = -1;
export const E_NOT_FINITE = -2;
export const E_ABSENT = -3;
export const E_RADIUS = -4;

/** Slots of one segment: their numbers must fit beside a level in one word. */
export const SLOTS_MAX = 1 << 27;
