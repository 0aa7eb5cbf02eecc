/**
 * Turns a hash into one whose fields can have deadlines, and reserves what giving them takes; the
 * deadlines themselves: hash-deadlines.ts.
 * Invariant: nothing changes, and nothing is held, when memory is short. The root block and the
 * tree are made first, for a tree can only be asked to reserve when it is there.
 * Cost: O(1) but for a pack, which becomes a dict: 64 fields at most.
 */
import { setCollectionEncoding } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  ENTRY_TIMED_ELEMENTS, entryEncoding, entryFlags, entryRoot, setEntryFlags, setEntryRoot,
} from '../../structs/entry.hot.ts';
import { ARM_BLOCKS_MAX, ARM_BYTES_MAX } from '../../structs/timing-wheel.hot.ts';
import { treeOf } from './hash-deadlines.ts';
import { HASH_PACK, HASH_TIMED, TIMED_ROOT_BYTES, TIMED_TREE } from './hash-layout.ts';
import { unpack, unpackingBlocks, unpackingBytes } from './hash.ts';

/**
 * Makes the hash able to have deadlines and makes sure that `fields` calls of
 * setFoundDeadline cannot fail, nor what takes `blocks` blocks of `bytes` bytes besides.
 * @param textBytes field and value bytes of those fields together
 * @returns false when memory is short; nothing has changed then
 */
export function prepareDeadlines(
  shard: Shard, ref: number, fields: number, textBytes: number, blocks: number, bytes: number,
): boolean {
  const { arenaAllocator } = shard.memory;
  const { tree } = shard.collections;
  const encoding = entryEncoding(shard.memory.i32, ref);
  let allBlocks = fields + blocks + ARM_BLOCKS_MAX;
  let allBytes = textBytes + fields * 24 + bytes + ARM_BYTES_MAX;
  if (encoding === HASH_TIMED) {
    treeOf(shard, ref);
    return tree.reserveAdd(fields, allBlocks, allBytes);
  }
  const root = arenaAllocator.alloc(TIMED_ROOT_BYTES);
  if (root === 0) return false;
  const header = tree.create();
  if (header === 0) {
    arenaAllocator.free(root);
    return false;
  }
  if (encoding === HASH_PACK) {
    allBlocks += unpackingBlocks(shard, ref);
    allBytes += unpackingBytes(shard, ref);
  }
  if (!tree.reserveAdd(fields, allBlocks, allBytes)) {
    tree.destroy();
    arenaAllocator.free(root);
    return false;
  }
  shard.noteMutation();
  if (encoding === HASH_PACK) unpack(shard, ref);
  const { i32 } = shard.memory;
  i32[root << 1] = entryRoot(i32, ref);
  i32[(root << 1) + TIMED_TREE] = header;
  setEntryRoot(i32, ref, root);
  setCollectionEncoding(shard, ref, HASH_TIMED);
  setEntryFlags(i32, ref, entryFlags(i32, ref) | ENTRY_TIMED_ELEMENTS);
  return true;
}
