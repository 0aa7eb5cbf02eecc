/**
 * Cursors of SCAN as clients write them. Redis reads them with strtoul: an optional sign, digits up
 * to the end or a zero byte, no leading blanks, an empty text is 0, a minus wraps around 2^64. Our
 * own are below 2^53:
 *
 *   cursor = shard number x 2^32 + position in the bit-reversed hash space
 *
 * What lies beyond every shard is a place after the end: such a scan is over.
 */

/** Positions of one shard. */
export const CURSOR_POSITIONS = 4_294_967_296;
/** Answer of readCursor for text that is no cursor. */
export const CURSOR_INVALID = -1;

const UINT64_MAX = 2n ** 64n - 1n;
const SAFE_DIGITS = 15;
const NUL = 0x00;
const PLUS = 0x2b;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

/** Number of the shard that a cursor stands in. */
export function shardOfCursor(cursor: number): number {
  return Math.floor(cursor / CURSOR_POSITIONS);
}

/** The cursor of a position in a shard; at its end (0), of the next shard; 0 = the very end. */
export function cursorBehind(shard: number, shardCount: number, position: number): number {
  if (position !== 0) return shard * CURSOR_POSITIONS + position;
  return shard + 1 < shardCount ? (shard + 1) * CURSOR_POSITIONS : 0;
}

/**
 * Reads a cursor of `bytes` bytes at `at`.
 * @returns 0 to 2^53-1, larger ones as 2^53-1; CURSOR_INVALID when the text is none
 */
export function readCursor(u8: Uint8Array, at: number, bytes: number): number {
  const end = at + bytes;
  if (bytes === 0 || u8[at] === NUL) return 0;
  const isNegative = u8[at] === MINUS;
  let next = isNegative || u8[at] === PLUS ? at + 1 : at;
  const digitsAt = next;
  while (next < end && u8[next] === ZERO) next++;
  let small = 0;
  let large = 0n;
  let digits = 0;
  for (; next < end; next++) {
    const byte = u8[next] ?? 0;
    if (byte === NUL) break;
    if (byte < ZERO || byte > NINE) return CURSOR_INVALID;
    if (++digits <= SAFE_DIGITS) small = small * 10 + (byte - ZERO);
    else large = (digits === SAFE_DIGITS + 1 ? BigInt(small) : large) * 10n + BigInt(byte - ZERO);
    if (large > UINT64_MAX) return CURSOR_INVALID;
  }
  if (next === digitsAt) return CURSOR_INVALID; // A sign alone.
  if (digits <= SAFE_DIGITS && !isNegative) return small;
  const value = digits <= SAFE_DIGITS ? BigInt(small) : large;
  const wrapped = isNegative ? (UINT64_MAX + 1n - value) & UINT64_MAX : value;
  return wrapped >= BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(wrapped);
}
