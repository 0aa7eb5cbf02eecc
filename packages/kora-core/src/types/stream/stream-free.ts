/**
 * Frees what streams own: all of a value in slices, one group, one consumer. Blocks and records are
 * freed by rank before the nodes that name them, so nothing is searched and nothing compared.
 *
 *   a detached stream:   tail -> blocks of the tree -> its nodes -> groups, last first -> header
 *   a group:             records -> nodes of its tree -> consumers, last first -> their lists
 *
 * Invariant: what is left between slices is a stream's header again, with less below it; the
 *   value's cursor is the rank up to which blocks or records are gone.
 * Cost: about 100 ns a block.
 */
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { DetachedValue } from '../../keyspace/type-handler.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryRoot } from '../../structs/entry.hot.ts';
import type { ScoreTree } from '../../structs/score-tree.hot.ts';
import {
  dataWord, GROUP_CONSUMERS, GROUP_PENDING, CONSUMER_PENDING, groupAt, groupCount, unlinkGroup,
} from './stream-groups.ts';
import {
  HEADER_BYTES, HEADER_GROUPS, HEADER_TAIL, HEADER_TREE, startHeader,
} from './stream-header.hot.ts';
import { boundTree, groupTreeWord, pendingCount } from './stream-pending.ts';
import { streamBlockCount } from './stream.ts';

/** Refs collected from a tree at a time. */
const CHUNK_REFS = 256;
const chunk = new Int32Array(CHUNK_REFS);
/** A value with more blocks and records than this is freed in the background. */
const FREED_AT_ONCE_MAX = 64;
/** Blocks freed in one slice when all is freed at once. */
const SLICE_BLOCKS = 1024;

/** Frees the value of an entry, or hands it to the background. */
export function freeStream(shard: Shard, ref: number): void {
  const root = entryRoot(shard.memory.i32, ref);
  if (root === 0) return;
  if (isLarge(shard, ref)) {
    shard.lazyFree.takeValue(ValueType.Stream, 0, root);
    return;
  }
  const value = { type: ValueType.Stream, encoding: 0, root, cursor: 0 };
  while (!freeStreamSlice(shard, value, SLICE_BLOCKS));
}

function isLarge(shard: Shard, ref: number): boolean {
  if (collectionCount(shard, ref) > FREED_AT_ONCE_MAX) {
    if (streamBlockCount(shard, ref) > FREED_AT_ONCE_MAX) return true;
  }
  const groups = groupCount(shard, ref);
  if (groups > FREED_AT_ONCE_MAX) return true;
  for (let i = 0; i < groups; i++) {
    if (isLargeGroup(shard, groupAt(shard, ref, i))) return true;
  }
  return false;
}

function isLargeGroup(shard: Shard, group: number): boolean {
  const { i32 } = shard.memory;
  const consumers = i32[dataWord(shard, group) + GROUP_CONSUMERS] ?? 0;
  if (shard.collections.streams.names.count(consumers) > FREED_AT_ONCE_MAX) return true;
  return pendingCount(shard, groupTreeWord(shard, group)) > FREED_AT_ONCE_MAX;
}

/** Frees about `blocksMax` blocks of a detached stream; true when nothing is left. */
export function freeStreamSlice(shard: Shard, value: DetachedValue, blocksMax: number): boolean {
  const { memory } = shard;
  const word = value.root * 2;
  const tail = memory.i32[word + HEADER_TAIL] ?? 0;
  if (tail !== 0) {
    memory.i32[word + HEADER_TAIL] = 0;
    memory.arenaAllocator.free(tail);
  }
  const tree = boundTree(shard, word + HEADER_TREE);
  if (tree !== null) {
    if (freeMembers(shard, tree, value, blocksMax)) memory.i32[word + HEADER_TREE] = 0;
    return false;
  }
  const groups = memory.i32[word + HEADER_GROUPS] ?? 0;
  if (groups !== 0) {
    const { names } = shard.collections.streams;
    const last = names.count(groups) - 1;
    const group = names.at(groups, last);
    if (freeGroupSlice(shard, group, value, blocksMax)) {
      memory.i32[word + HEADER_GROUPS] = names.remove(groups, last);
    }
    return false;
  }
  memory.arenaAllocator.free(value.root);
  return true;
}

/** Frees members of a tree from the value's cursor on, then nodes; true when the tree is gone. */
function freeMembers(
  shard: Shard, tree: ScoreTree, value: DetachedValue, blocksMax: number,
): boolean {
  let done = 0;
  // Once nodes go the cursor stands behind every rank there was.
  while (done < blocksMax) {
    const count = tree.collect(value.cursor, Math.min(CHUNK_REFS, blocksMax - done), chunk);
    if (count === 0) break;
    for (let i = 0; i < count; i++) shard.memory.arenaAllocator.free(chunk[i] ?? 0);
    value.cursor += count;
    done += count;
  }
  if (value.cursor < tree.count() || !tree.freeSlice(blocksMax)) return false;
  value.cursor = 0;
  return true;
}

/** Frees a part of a group that no list names any more, at last the group; true then. */
function freeGroupSlice(
  shard: Shard, group: number, value: DetachedValue, blocksMax: number,
): boolean {
  const { memory } = shard;
  const word = dataWord(shard, group);
  const tree = boundTree(shard, word + GROUP_PENDING);
  if (tree !== null) {
    if (freeMembers(shard, tree, value, blocksMax)) memory.i32[word + GROUP_PENDING] = 0;
    return false;
  }
  const { names } = shard.collections.streams;
  for (let done = 0; done < blocksMax; done++) {
    const consumers = memory.i32[word + GROUP_CONSUMERS] ?? 0;
    if (consumers === 0) {
      memory.arenaAllocator.free(group);
      return true;
    }
    const last = names.count(consumers) - 1;
    const consumer = names.at(consumers, last);
    const pending = boundTree(shard, dataWord(shard, consumer) + CONSUMER_PENDING);
    if (pending !== null) {
      if (!pending.freeSlice(blocksMax)) return false;
      memory.i32[dataWord(shard, consumer) + CONSUMER_PENDING] = 0;
    }
    memory.arenaAllocator.free(consumer);
    memory.i32[word + GROUP_CONSUMERS] = names.remove(consumers, last);
  }
  return false;
}

/** Removes a group from its stream with all it has; a large one is freed in the background. */
export function destroyGroup(shard: Shard, ref: number, group: number): void {
  const { memory } = shard;
  unlinkGroup(shard, ref, group);
  const { names } = shard.collections.streams;
  // In the background it needs a header. Without memory for that it is freed at once.
  const bytes = HEADER_BYTES + names.growBytes(0);
  const isLarge = isLargeGroup(shard, group) && memory.arenaAllocator.reserve(2, bytes);
  if (isLarge) {
    const root = memory.arenaAllocator.alloc(HEADER_BYTES);
    startHeader(memory.i32, root);
    const list = names.insert(0, 0, group);
    memory.i32[root * 2 + HEADER_GROUPS] = list;
    shard.lazyFree.takeValue(ValueType.Stream, 0, root);
    return;
  }
  const value = { type: ValueType.Stream, encoding: 0, root: 0, cursor: 0 };
  while (!freeGroupSlice(shard, group, value, SLICE_BLOCKS));
}
