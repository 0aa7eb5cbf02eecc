/**
 * Copies a stream with its groups, block by block and record by record: COPY. Each step leaves a
 * sound stream behind, so that a copy which runs out of memory is freed like any other.
 * Cost: O(n) in blocks, O(p log p) in pending entries.
 */
import { assert } from '../../assert.ts';
import { collectionCount, setCollectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryRoot, setEntryRoot } from '../../structs/entry.hot.ts';
import { BLOCK_KEY, BLOCK_USED } from './stream-blocks.hot.ts';
import { freeStreamSlice } from './stream-free.ts';
import {
  CONSUMER_ACTIVE, CONSUMER_SEEN, consumerAt, consumerCount, consumerRoomBytes, createConsumer,
  createGroup, dataWord, findConsumer, GROUP_READ, groupAt, groupCount, groupLastId,
  groupRoomBytes, nameAt, nameBytes, setTimeAt, timeAt,
} from './stream-groups.ts';
import {
  HEADER_ADDED, HEADER_TAIL, HEADER_TREE, headerTail,
} from './stream-header.hot.ts';
import { StreamId } from './stream-id.hot.ts';
import {
  addPending, boundTree, groupTreeWord, PENDING_DELIVERIES, PENDING_TIME, pendingConsumer,
  readPendingId, reservePending,
} from './stream-pending.ts';
import { headerWord, initStream, longAt, setLongAt } from './stream.ts';

const copiedId = new StreamId();
/** Records fetched from a tree at a time. */
const CHUNK_REFS = 256;
const chunk = new Int32Array(CHUNK_REFS);
/** Words of the header that are copied as they are: IDs and the number of entries added. */
const PLAIN_WORDS = HEADER_ADDED + 2;

/** Gives entry `to` a copy of the stream of entry `from`; false: memory is short, nothing leaks. */
export function copyStream(shard: Shard, from: number, to: number): boolean {
  const { memory } = shard;
  setEntryRoot(memory.i32, to, 0);
  if (!initStream(shard, to)) return false;
  if (copyBlocks(shard, from, to) && copyGroups(shard, from, to)) return true;
  const value = { type: 0, encoding: 0, root: entryRoot(memory.i32, to), cursor: 0 };
  while (!freeStreamSlice(shard, value, CHUNK_REFS));
  setEntryRoot(memory.i32, to, 0);
  return false;
}

function copyBlocks(shard: Shard, from: number, to: number): boolean {
  const { memory, collections } = shard;
  const { walk } = collections.streams;
  const source = headerWord(shard, from);
  const target = headerWord(shard, to);
  memory.kernel.copy(target * 4, source * 4, PLAIN_WORDS * 4);
  setCollectionCount(shard, to, collectionCount(shard, from));
  walk.bind(entryRoot(memory.i32, from));
  const hasTail = headerTail(memory.i32, entryRoot(memory.i32, from)) !== 0;
  const inTree = walk.blockCount - (hasTail ? 1 : 0);
  if (inTree > 0) {
    const tree = collections.tree.create();
    if (tree === 0) return false;
    memory.i32[target + HEADER_TREE] = tree;
  }
  for (let rank = 0; rank < walk.blockCount; rank++) {
    const block = walk.blockAt(rank);
    const used = memory.i32[block * 2 + BLOCK_USED] ?? 0;
    const isTail = rank === inTree;
    const isReserved = isTail
      ? memory.arenaAllocator.reserve(1, used)
      : collections.tree.reserveAdd(1, 1, used);
    if (!isReserved) return false;
    const copied = memory.arenaAllocator.alloc(used);
    memory.kernel.copy(copied * 8, block * 8, used);
    if (isTail) {
      memory.i32[target + HEADER_TAIL] = copied;
    } else {
      copiedId.readKey(memory.i32, copied * 2 + BLOCK_KEY);
      collections.tree.add(copiedId.score(), copied);
    }
  }
  return true;
}

function copyGroups(shard: Shard, from: number, to: number): boolean {
  const { arenaAllocator } = shard.memory;
  const groups = groupCount(shard, from);
  for (let i = 0; i < groups; i++) {
    const group = groupAt(shard, from, i);
    const bytes = nameBytes(shard, group);
    if (!arenaAllocator.reserve(2, groupRoomBytes(shard, to, bytes))) return false;
    groupLastId(shard, group, copiedId);
    const entriesRead = longAt(shard, dataWord(shard, group) + GROUP_READ);
    const copied = createGroup(shard, to, nameAt(shard, group), bytes, copiedId, entriesRead);
    if (!copyConsumers(shard, group, copied) || !copyPending(shard, group, copied)) return false;
  }
  return true;
}

function copyConsumers(shard: Shard, from: number, to: number): boolean {
  const { arenaAllocator } = shard.memory;
  const consumers = consumerCount(shard, from);
  for (let i = 0; i < consumers; i++) {
    const consumer = consumerAt(shard, from, i);
    const bytes = nameBytes(shard, consumer);
    if (!arenaAllocator.reserve(2, consumerRoomBytes(shard, to, bytes))) return false;
    const copied = createConsumer(shard, to, nameAt(shard, consumer), bytes);
    const source = dataWord(shard, consumer);
    const target = dataWord(shard, copied);
    setTimeAt(shard, target + CONSUMER_SEEN, timeAt(shard, source + CONSUMER_SEEN));
    setTimeAt(shard, target + CONSUMER_ACTIVE, timeAt(shard, source + CONSUMER_ACTIVE));
  }
  return true;
}

function copyPending(shard: Shard, from: number, to: number): boolean {
  let rank = 0;
  for (;;) {
    const count = boundTree(shard, groupTreeWord(shard, from))?.collect(rank, CHUNK_REFS, chunk);
    if (count === undefined || count === 0) return true;
    for (let i = 0; i < count; i++) {
      if (!copyRecord(shard, chunk[i] ?? 0, to)) return false;
    }
    rank += count;
  }
}

function copyRecord(shard: Shard, record: number, to: number): boolean {
  const owner = pendingConsumer(shard, record);
  const consumer = findConsumer(shard, to, nameAt(shard, owner), nameBytes(shard, owner));
  assert(consumer !== 0, 'the consumer of a record was copied before it');
  if (!reservePending(shard, to, consumer, 1)) return false;
  readPendingId(shard, record, copiedId);
  const time = timeAt(shard, record * 2 + PENDING_TIME);
  const copied = addPending(shard, to, consumer, copiedId, time);
  const deliveries = longAt(shard, record * 2 + PENDING_DELIVERIES);
  setLongAt(shard, copied * 2 + PENDING_DELIVERIES, deliveries);
  return true;
}
