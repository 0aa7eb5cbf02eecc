/**
 * Looks into the lines of a dict for those who work from hashes or lines instead of keys: expiry,
 * eviction, evacuation. Layout of a line and of fingerprints: structs/dict-layout.ts.
 * Slots found here are void after any insert or removal in the dict.
 * Cost: one line, no entry is read, until an entry's own hash is asked for.
 */
import type { Dict } from '../structs/dict.hot.ts';
import { LINE_REFS, LINE_WORDS } from '../structs/dict-layout.ts';

/** Fingerprint byte of a hash, as lines keep it. */
function fingerprintOf(hash: number): number {
  const top = hash >>> 24;
  return top === 0 ? 1 : top;
}

/** Fingerprint byte beside a slot. */
function fingerprintAt(i32: Int32Array, slot: number): number {
  const index = (slot & (LINE_WORDS - 1)) - LINE_REFS;
  return (i32[(slot & ~(LINE_WORDS - 1)) + (index >>> 2)]! >>> ((index & 3) << 3)) & 0xff;
}

/**
 * Slots in the chain of `hash` whose fingerprint is the hash's: all that can hold a key with it.
 * @param slots CHAIN_SLOTS_MAX long
 * @returns how many
 */
export function collectMatches(dict: Dict, hash: number, slots: Int32Array): number {
  const i32 = dict.memory.i32;
  const count = dict.collectLine(dict.lineOf(hash), slots);
  const fingerprint = fingerprintOf(hash);
  let matches = 0;
  for (let i = 0; i < count; i++) {
    const slot = slots[i]!;
    if (fingerprintAt(i32, slot) === fingerprint) slots[matches++] = slot;
  }
  return matches;
}

/**
 * Reads the lines of many hashes, then the first word of every entry that may have one of them, so
 * that their cache misses overlap before each is looked at.
 * @returns nothing of use; a caller stores it, so that the reads are made
 */
export function warmHashes(
  dict: Dict, hashes: Int32Array, count: number, slots: Int32Array,
): number {
  const i32 = dict.memory.i32;
  let sink = 0;
  for (let i = 0; i < count; i++) sink ^= i32[dict.addressLine(dict.lineOf(hashes[i]!))]!;
  for (let i = 0; i < count; i++) {
    const matches = collectMatches(dict, hashes[i]!, slots);
    for (let j = 0; j < matches; j++) sink ^= i32[i32[slots[j]!]! << 1]!;
  }
  return sink;
}

/**
 * As warmSlots, and the cache line behind the first, where most of a short value lies. Behind the
 * end of the memory there is nothing to read.
 */
export function warmValues(i32: Int32Array, slots: Int32Array, count: number): number {
  let sink = 0;
  for (let i = 0; i < count; i++) {
    const word = i32[slots[i]!]! << 1;
    sink ^= i32[word]! ^ (i32[word + LINE_WORDS]! | 0);
  }
  return sink;
}

/** Reads the first word of the entries in these slots, so that their cache misses overlap. */
export function warmSlots(i32: Int32Array, slots: Int32Array, count: number): number {
  let sink = 0;
  for (let i = 0; i < count; i++) sink ^= i32[i32[slots[i]!]! << 1]!;
  return sink;
}
