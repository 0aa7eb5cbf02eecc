/**
 * The header of a stream: the block that the root of its entry names.
 *
 *   words 0-3     last ID given out            words 4-7     ID of the first live entry
 *   words 8-11    highest ID that was deleted  words 12-15   ID of the last live entry
 *   words 16-17   entries ever added, a signed 64-bit number, low word first
 *   word 18       the block that entries are appended to, 0 = none
 *   word 19       ScoreTree of all blocks before it, 0 = none yet
 *   word 20       groups: a name list (name-list.hot.ts), 0 = none
 *
 * The number of live entries is in the entry, as of every collection. IDs of a stream without live
 *   entries are 0-0 but for the last one given out and the highest deleted.
 * Invariant: the header stays where it is as long as the stream lives.
 */

export const HEADER_LAST_ID = 0;
export const HEADER_FIRST_ID = 4;
export const HEADER_DELETED_ID = 8;
export const HEADER_LAST_LIVE_ID = 12;
export const HEADER_ADDED = 16;
export const HEADER_TAIL = 18;
export const HEADER_TREE = 19;
export const HEADER_GROUPS = 20;
export const HEADER_BYTES = 84;

/** Writes the header of an empty stream. */
export function startHeader(i32: Int32Array, root: number): void {
  const word = root << 1;
  i32.fill(0, word, word + (HEADER_BYTES >>> 2));
}

/** The block that entries are appended to, 0 = none. */
export function headerTail(i32: Int32Array, root: number): number {
  return i32[(root << 1) + HEADER_TAIL]!;
}

/** The tree of the blocks before it, 0 = none yet. */
export function headerTree(i32: Int32Array, root: number): number {
  return i32[(root << 1) + HEADER_TREE]!;
}

/** The list of groups, 0 = none. */
export function headerGroups(i32: Int32Array, root: number): number {
  return i32[(root << 1) + HEADER_GROUPS]!;
}

/** Adds one to a 64-bit number in memory, low word first. */
export function addOne64(i32: Int32Array, word: number): void {
  const low = (i32[word]! + 1) | 0;
  i32[word] = low;
  if (low === 0) i32[word + 1]! += 1;
}
