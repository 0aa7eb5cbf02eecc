/**
 * The operations of BITOP over any number of strings. Shorter sources end in zeros. The result is
 * made aside, chunk by chunk in the scratch area, so that the target may be one of the sources and
 * a refusal for memory changes nothing.
 *
 *   scratch   | once, the result | more: bits seen in two sources or more | a source's chunk |
 *
 *   DIFF x y..   x and none of y        DIFF1 x y..  one of y, not x
 *   ANDOR x y..  x and one of y         ONE x..      in exactly one source
 *
 * Cost: O(n * m) for n bytes of result and m sources; a source's chunk is copied only where it does
 * not lie on a word, as short values do.
 */
import { assert, unreachable } from '../../assert.ts';
import { ROPE_BYTES_MIN, SCRATCH_BYTES } from '../../limits.ts';
import type { Shard } from '../../shard/shard.ts';
import { ROPE_PIECE_BYTES } from '../../structs/rope.ts';
import { putRope, putString, RAW_FLAGS, stringBytes } from '../string/string.ts';
import {
  andNotWords, andWords, notWords, orWords, tallyWords, xorWords,
} from './bit-words.hot.ts';
import { byteAddress } from './bitmap.ts';

/** Names of the operations, as BITOP takes them. */
export const BIT_OPERATIONS = [
  'AND', 'OR', 'XOR', 'NOT', 'DIFF', 'DIFF1', 'ANDOR', 'ONE',
] as const;
export type BitOperation = (typeof BIT_OPERATIONS)[number];

const CHUNK_BYTES = 16_384;

assert(CHUNK_BYTES * 3 <= SCRATCH_BYTES, 'three chunks fit the scratch area');
assert(ROPE_PIECE_BYTES % CHUNK_BYTES === 0, 'a chunk lies in one piece');

/** Length of the result in bytes: that of the longest source. */
export function combinedBytes(shard: Shard, sources: readonly number[]): number {
  let most = 0;
  for (const ref of sources) if (ref !== 0) most = Math.max(most, stringBytes(shard, ref));
  return most;
}

/**
 * Combines the strings of entries `sources` (0 = an absent key) and stores the result, marked raw
 * and without a deadline, at the key.
 * @param bytes combinedBytes, at least 1
 * @param find looks the target's key up, after which nothing else is looked up
 * @returns the entry, 0 when memory is short: nothing has changed then
 */
export function storeCombination(
  shard: Shard, operation: BitOperation, sources: readonly number[], bytes: number,
  keyAt: number, keyBytes: number, find: () => void,
): number {
  const { memory, ropes, scratchAt } = shard;
  if (bytes >= ROPE_BYTES_MIN) {
    const root = ropes.create(bytes);
    if (root === 0) return 0;
    for (let done = 0; done < bytes; done += CHUNK_BYTES) {
      const step = Math.min(CHUNK_BYTES, bytes - done);
      combineChunk(shard, operation, sources, done, step);
      ropes.write(root, done, scratchAt, step);
    }
    find();
    const ref = putRope(shard, keyAt, keyBytes, root, RAW_FLAGS, 0, 0, 0);
    if (ref === 0) ropes.free(root);
    return ref;
  }
  const block = memory.lowAllocator.alloc(bytes);
  if (block === 0) return 0;
  for (let done = 0; done < bytes; done += CHUNK_BYTES) {
    const step = Math.min(CHUNK_BYTES, bytes - done);
    combineChunk(shard, operation, sources, done, step);
    memory.kernel.copy(block * 8 + done, scratchAt, step);
  }
  find();
  const ref = putString(shard, keyAt, keyBytes, block * 8, bytes, RAW_FLAGS, 0, 0, 0);
  memory.lowAllocator.free(block);
  return ref;
}

/** Puts `bytes` bytes of the result from `offset` on to the start of the scratch area. */
function combineChunk(
  shard: Shard, operation: BitOperation, sources: readonly number[], offset: number, bytes: number,
): void {
  const { i32, kernel } = shard.memory;
  const words = Math.ceil(bytes / 4);
  const once = shard.scratchAt >>> 2;
  const more = once + CHUNK_BYTES / 4;
  const first = sources[0] ?? 0;
  const startsWithFirst =
    operation === 'AND' || operation === 'XOR' || operation === 'NOT' || operation === 'DIFF';
  if (startsWithFirst) {
    kernel.copy(shard.scratchAt, sourceChunk(shard, first, offset, words) * 4, words * 4);
  } else {
    kernel.fill(shard.scratchAt, 0, words * 4);
  }
  if (operation === 'NOT') {
    notWords(i32, once, words);
    return;
  }
  if (operation === 'ONE') kernel.fill(more * 4, 0, words * 4);
  const isFirstLeft = operation === 'OR' || operation === 'ONE';
  for (let i = isFirstLeft ? 0 : 1; i < sources.length; i++) {
    const from = sourceChunk(shard, sources[i] ?? 0, offset, words);
    joinSource(i32, operation, once, more, from, words);
  }
  if (operation === 'ONE') andNotWords(i32, once, more, words);
  const isFirstLast = operation === 'DIFF1' || operation === 'ANDOR';
  if (!isFirstLast) return;
  const from = sourceChunk(shard, first, offset, words);
  if (operation === 'DIFF1') andNotWords(i32, once, from, words);
  else andWords(i32, once, from, words);
}

function joinSource(
  i32: Int32Array, operation: BitOperation, once: number, more: number, from: number,
  words: number,
): void {
  switch (operation) {
    case 'AND':
      andWords(i32, once, from, words);
      break;
    case 'XOR':
      xorWords(i32, once, from, words);
      break;
    case 'DIFF':
      andNotWords(i32, once, from, words);
      break;
    case 'OR':
    case 'DIFF1':
    case 'ANDOR':
      orWords(i32, once, from, words);
      break;
    case 'ONE':
      tallyWords(i32, once, more, from, words);
      break;
    case 'NOT':
      assert(false, 'NOT has one source');
      break;
    default:
      unreachable(operation);
  }
}

/** Word index of `words` words of a source from `offset` on, zeros behind its end. */
function sourceChunk(shard: Shard, ref: number, offset: number, words: number): number {
  const { kernel } = shard.memory;
  const bytes = words * 4;
  const left = ref === 0 ? 0 : Math.max(0, stringBytes(shard, ref) - offset);
  const have = Math.min(bytes, left);
  const at = have === 0 ? 0 : byteAddress(shard, ref, offset);
  if (have === bytes && at % 4 === 0) return at / 4;
  const to = shard.scratchAt + CHUNK_BYTES * 2;
  if (have > 0) kernel.copy(to, at, have);
  kernel.fill(to + have, 0, bytes - have);
  return to / 4;
}
