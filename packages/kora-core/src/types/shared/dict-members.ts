/**
 * Members in dicts, which hashes, sets and sorted sets have alike: every slot holds the ref of a
 * block that its dict owns. They are freed in slices and weighed by a sample.
 * Cost: freeing is O(members), each slice bounded by its blocks; weighing looks at a sample and
 * the lines that hold it.
 */
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { DetachedValue, TypeHandler } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../../structs/dict-layout.ts';
import type { Dict } from '../../structs/dict.hot.ts';
import { entryEncoding, entryRoot } from '../../structs/entry.hot.ts';

/** Collections of up to this many members are freed within the command. */
export const FREED_AT_ONCE_MAX = 256;
/** Lines of a dict that one call of `evacuate` looks at. */
export const LINES_PER_SLICE = 64;

const slots = new Int32Array(CHAIN_SLOTS_MAX);

/** Frees the value of entry `ref`, which has a root, by `freeSlice`: now, or in slices when big. */
export function freeNowOrLater(
  shard: Shard, ref: number, type: number, freeSlice: TypeHandler['freeSlice'],
): void {
  const { i32 } = shard.memory;
  const root = entryRoot(i32, ref);
  const encoding = entryEncoding(i32, ref);
  if (collectionCount(shard, ref) > FREED_AT_ONCE_MAX) {
    shard.lazyFree.takeValue(type, encoding, root);
    return;
  }
  const value: DetachedValue = { type, encoding, root, cursor: 0 };
  while (!freeSlice(shard, value, FREED_AT_ONCE_MAX));
}

/**
 * Frees about `blocksMax` blocks of the bound dict and its members; `value.cursor` is the next
 * line, and behind the last one the index is freed. @returns true when the dict is gone
 */
export function freeDictSlice(
  shard: Shard, dict: Dict, value: DetachedValue, blocksMax: number,
): boolean {
  const { arenaAllocator, i32 } = shard.memory;
  const lines = dict.lines();
  for (let freed = 0; value.cursor < lines; value.cursor++) {
    if (freed >= blocksMax) return false;
    const met = dict.collectLine(value.cursor, slots);
    for (let i = 0; i < met; i++) arenaAllocator.free(i32[slots[i] ?? 0] ?? 0);
    dict.freeOverflow(value.cursor);
    freed += met + 1;
  }
  if (dict.freeChunks(blocksMax)) return false;
  dict.destroy();
  return true;
}

/** Frees the bound dict and its members at once. */
export function freeDict(shard: Shard, dict: Dict): void {
  const { arenaAllocator, i32 } = shard.memory;
  const lines = dict.lines();
  for (let line = 0; line < lines; line++) {
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) arenaAllocator.free(i32[slots[i] ?? 0] ?? 0);
  }
  dict.destroy();
}

/** Bytes of the bound dict's index, and of its members by a sample of about `samplesMax`. */
export function dictBytes(shard: Shard, dict: Dict, samplesMax: number): number {
  const { arenaAllocator, i32 } = shard.memory;
  let sampled = 0;
  let sampledBytes = 0;
  const lines = dict.lines();
  for (let line = 0; line < lines && sampled < samplesMax; line++) {
    const met = dict.collectLine(line, slots);
    sampled += met;
    for (let i = 0; i < met; i++) sampledBytes += arenaAllocator.sizeOf(i32[slots[i] ?? 0] ?? 0);
  }
  if (sampled === 0) return dict.indexBytes();
  return dict.indexBytes() + Math.round((sampledBytes / sampled) * dict.count());
}
