/**
 * Pending entries: what was delivered to a consumer of a group and not yet acknowledged. A record
 * is one block, a member of two ScoreTrees, the group's and its consumer's.
 *
 *   words 0-4   a member's header and the ID as its key    words 5-6   delivery time, ms since 1970
 *   words 7-8   deliveries, 64 bits                        word 9      consumer
 *
 * Invariants: a record is in the tree of its group and in that of the consumer it names, and in no
 *   other; the entry itself may be gone from the stream; a tree without records is 0.
 * Cost: add, find, remove O(log n), 40 bytes and two places in trees.
 */
import type { Shard } from '../../shard/shard.ts';
import { MEMBER_OF_SET } from '../../structs/member.hot.ts';
import type { ScoreTree } from '../../structs/score-tree.hot.ts';
import {
  INNER_BYTES_MAX, LEAF_BYTES_MAX, LEAF_HALF_BYTES_MAX, TREE_HEADER_BYTES,
} from '../../structs/score-tree-nodes.hot.ts';
import { SCRATCH_KEY } from './stream-scratch.ts';
import {
  CONSUMER_PENDING, dataWord, GROUP_PENDING, setTimeAt, timeAt, unlinkConsumer,
} from './stream-groups.ts';
import type { StreamId } from './stream-id.hot.ts';
import { STREAM_ID_BYTES } from './stream-id.hot.ts';
import { addOne64 } from './stream-header.hot.ts';
import { longAt, setLongAt } from './stream.ts';

export const PENDING_KEY = 1;
export const PENDING_TIME = 5;
export const PENDING_DELIVERIES = 7;
const PENDING_CONSUMER = 9;
export const PENDING_BYTES = 40;
/** From here on a record has what the journal tells of it: ID, time, deliveries. */
export const PENDING_TOLD_AT = 4;
export const PENDING_TOLD_BYTES = 32;
/** Levels of inner nodes that a tree in this memory can have. */
const TREE_HEIGHT_MAX = 6;
/** Fewest members of a full node's half. */
const NODE_HALF = 31;
/** The leaves that one add makes anew: one, or the two halves of a full one. */
const LEAVES_BYTES_MAX = Math.max(LEAF_BYTES_MAX, 2 * LEAF_HALF_BYTES_MAX);
/** Header and first leaf of the two trees, where they have to be made. */
const FRESH_TREES_BLOCKS = 4;
const FRESH_TREES_BYTES = 2 * (TREE_HEADER_BYTES + LEAF_HALF_BYTES_MAX);

/** Word that holds the pending tree of a group. */
export function groupTreeWord(shard: Shard, group: number): number {
  return dataWord(shard, group) + GROUP_PENDING;
}

/** Word that holds the pending tree of a consumer. */
export function consumerTreeWord(shard: Shard, consumer: number): number {
  return dataWord(shard, consumer) + CONSUMER_PENDING;
}

/** Records in the tree that a word names. */
export function pendingCount(shard: Shard, treeWord: number): number {
  const tree = boundTree(shard, treeWord);
  return tree === null ? 0 : tree.count();
}

/** Binds the shard's tree window to the tree that a word names; null when there is none. */
export function boundTree(shard: Shard, treeWord: number): ScoreTree | null {
  const header = shard.memory.i32[treeWord] ?? 0;
  if (header === 0) return null;
  shard.collections.tree.bind(header);
  return shard.collections.tree;
}

/** Byte offset in low memory where the key of an ID stands for a search. */
function keyAt(shard: Shard, id: StreamId): number {
  const at = shard.scratchAt + SCRATCH_KEY;
  id.writeKey(shard.memory.i32, at >>> 2);
  return at;
}

/** Rank of the first record at or behind the ID in a bound tree. */
export function rankFrom(shard: Shard, tree: ScoreTree, id: StreamId): number {
  return tree.rankOfKey(id.score(), keyAt(shard, id), STREAM_ID_BYTES, false);
}

/** The record of the group for this ID, 0 = none. */
export function findPending(shard: Shard, group: number, id: StreamId): number {
  const tree = boundTree(shard, groupTreeWord(shard, group));
  if (tree === null || !tree.seek(rankFrom(shard, tree, id))) return 0;
  const record = tree.cursorRef();
  const { otherId } = shard.collections.streams;
  readPendingId(shard, record, otherId);
  return otherId.compare(id) === 0 ? record : 0;
}

export function readPendingId(shard: Shard, record: number, into: StreamId): void {
  into.readKey(shard.memory.i32, record * 2 + PENDING_KEY);
}

/** The consumer that a record names. */
export function pendingConsumer(shard: Shard, record: number): number {
  return shard.memory.i32[record * 2 + PENDING_CONSUMER] ?? 0;
}

/** Times the record was delivered. */
export function pendingDeliveries(shard: Shard, record: number): bigint {
  return longAt(shard, record * 2 + PENDING_DELIVERIES);
}

/** When it was delivered last, ms since 1970. */
export function pendingTime(shard: Shard, record: number): number {
  return timeAt(shard, record * 2 + PENDING_TIME);
}

/** States when and how often a record was delivered. */
export function setDeliveries(
  shard: Shard, record: number, ms: number, deliveries: bigint,
): void {
  shard.noteMutation();
  setTimeAt(shard, record * 2 + PENDING_TIME, ms);
  setLongAt(shard, record * 2 + PENDING_DELIVERIES, deliveries);
}

/** A delivery as if it were the first. */
export function restartDeliveries(shard: Shard, record: number, ms: number): void {
  setDeliveries(shard, record, ms, 1n);
}

/** One more delivery. */
export function countDelivery(shard: Shard, record: number, ms: number): void {
  shard.noteMutation();
  setTimeAt(shard, record * 2 + PENDING_TIME, ms);
  addOne64(shard.memory.i32, record * 2 + PENDING_DELIVERIES);
}

/**
 * What adding records needs: several groups' needs are summed, for a reserve covers only what comes
 * before the next one.
 *   start -> addBlocks, addRecords ... -> reserve
 */
export class PendingNeed {
  #blocks = 0;
  #bytes = 0;

  start(): void {
    this.#blocks = 0;
    this.#bytes = 0;
  }

  /** Other blocks of together `bytes` bytes. */
  addBlocks(blocks: number, bytes: number): void {
    this.#blocks += blocks;
    this.#bytes += bytes;
  }

  /** `count` records added to a group or given to a consumer; 0 = it is to be made. */
  addRecords(shard: Shard, group: number, consumer: number, count: number): void {
    if (count === 0) return;
    const first = group === 0 ? 0 : pendingCount(shard, groupTreeWord(shard, group));
    const second = consumer === 0 ? 0 : pendingCount(shard, consumerTreeWord(shard, consumer));
    const firstLeaves = leavesTouched(first, count);
    const secondLeaves = leavesTouched(second, count);
    const leaves = firstLeaves + secondLeaves;
    const inner = innerTouched(first, firstLeaves) + innerTouched(second, secondLeaves);
    this.#blocks += FRESH_TREES_BLOCKS + count + leaves * 2 + inner;
    this.#bytes += FRESH_TREES_BYTES + count * PENDING_BYTES + leaves * LEAVES_BYTES_MAX
      + inner * INNER_BYTES_MAX;
  }

  /** False when memory is short. Nothing is asked of the allocator when nothing was added. */
  reserve(shard: Shard): boolean {
    if (this.#blocks === 0) return true;
    return shard.memory.arenaAllocator.reserve(this.#blocks, this.#bytes);
  }
}

const oneNeed = new PendingNeed();

/** Makes sure that `count` records can be added to a group, or given to one consumer of it. */
export function reservePending(
  shard: Shard, group: number, consumer: number, count: number,
): boolean {
  oneNeed.start();
  oneNeed.addRecords(shard, group, consumer, count);
  return oneNeed.reserve(shard);
}

/** Leaves that adding `count` members to a tree of `members` may make or make anew. */
function leavesTouched(members: number, count: number): number {
  return Math.min(count, members + Math.ceil(count / 2) + 1);
}

/** The same of inner nodes: one for each leaf that is hung into it, and those that split. */
function innerTouched(members: number, leaves: number): number {
  const nodes = Math.min(leaves, 1 + (members >>> 5) + Math.ceil(leaves / NODE_HALF));
  return leaves + nodes * (TREE_HEIGHT_MAX + 2);
}

/** Adds a record for an ID that the group has none of; reserved. @returns it */
export function addPending(
  shard: Shard, group: number, consumer: number, id: StreamId, ms: number,
): number {
  shard.noteMutation();
  const { memory } = shard;
  const record = memory.arenaAllocator.alloc(PENDING_BYTES);
  const { i32 } = memory;
  const word = record * 2;
  i32[word] = STREAM_ID_BYTES | (MEMBER_OF_SET << 16);
  id.writeKey(i32, word + PENDING_KEY);
  i32[word + PENDING_CONSUMER] = consumer;
  setTimeAt(shard, word + PENDING_TIME, ms);
  i32[word + PENDING_DELIVERIES] = 1;
  i32[word + PENDING_DELIVERIES + 1] = 0;
  addToTree(shard, groupTreeWord(shard, group), id, record);
  addToTree(shard, consumerTreeWord(shard, consumer), id, record);
  return record;
}

function addToTree(shard: Shard, treeWord: number, id: StreamId, record: number): void {
  const { tree } = shard.collections;
  const header = shard.memory.i32[treeWord] ?? 0;
  if (header === 0) shard.memory.i32[treeWord] = tree.create();
  else tree.bind(header);
  tree.add(id.score(), record);
}

/** Takes a record out of a tree; an empty tree goes. */
function takeFromTree(shard: Shard, treeWord: number, id: StreamId, record: number): void {
  const { tree } = shard.collections;
  tree.bind(shard.memory.i32[treeWord] ?? 0);
  tree.remove(id.score(), record);
  if (tree.count() !== 0) return;
  tree.destroy();
  shard.memory.i32[treeWord] = 0;
}

/** Gives a record to a consumer; reserved, unless it is that consumer's already. */
export function givePending(shard: Shard, record: number, consumer: number): void {
  const owner = pendingConsumer(shard, record);
  if (owner === consumer) return;
  shard.noteMutation();
  const { otherId } = shard.collections.streams;
  readPendingId(shard, record, otherId);
  takeFromTree(shard, consumerTreeWord(shard, owner), otherId, record);
  shard.memory.i32[record * 2 + PENDING_CONSUMER] = consumer;
  addToTree(shard, consumerTreeWord(shard, consumer), otherId, record);
}

/** Removes a record from its group and its consumer, and frees it. Never fails. */
export function removePending(shard: Shard, group: number, record: number): void {
  shard.noteMutation();
  const { otherId } = shard.collections.streams;
  readPendingId(shard, record, otherId);
  takeFromTree(shard, groupTreeWord(shard, group), otherId, record);
  const consumer = pendingConsumer(shard, record);
  takeFromTree(shard, consumerTreeWord(shard, consumer), otherId, record);
  shard.memory.arenaAllocator.free(record);
}

/** Removes a consumer with its records. Never fails. @returns how many records it had */
export function removeConsumer(shard: Shard, group: number, consumer: number): number {
  const treeWord = consumerTreeWord(shard, consumer);
  const count = pendingCount(shard, treeWord);
  for (let i = 0; i < count; i++) {
    const tree = boundTree(shard, treeWord);
    if (tree === null || !tree.seek(count - 1 - i)) break;
    removePending(shard, group, tree.cursorRef());
  }
  unlinkConsumer(shard, group, consumer);
  shard.memory.arenaAllocator.free(consumer);
  return count;
}
