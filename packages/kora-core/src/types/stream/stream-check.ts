/**
 * Walks a whole stream and asserts what its files promise: order and counts of blocks, edges and
 * counters of the header, names, and that each pending record stands in exactly its two trees. For
 * DEBUG RELOAD and tests. Cost: O(n).
 */
import { assert } from '../../assert.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryRoot } from '../../structs/entry.hot.ts';
import { BLOCK_KEY, blockDead, blockLive } from './stream-blocks.hot.ts';
import {
  consumerAt, consumerCount, groupAt, groupCount, nameAt, nameBytes,
} from './stream-groups.ts';
import {
  HEADER_FIRST_ID, HEADER_LAST_ID, HEADER_LAST_LIVE_ID, headerTree,
} from './stream-header.hot.ts';
import { StreamId } from './stream-id.hot.ts';
import {
  boundTree, consumerTreeWord, findPending, groupTreeWord, pendingConsumer, pendingCount,
  readPendingId,
} from './stream-pending.ts';
import { headerId } from './stream.ts';

const before = new StreamId();
const found = new StreamId();
const first = new StreamId();

/** Asserts that the stream of an entry is sound. */
export function checkStream(shard: Shard, ref: number): void {
  checkBlocks(shard, ref);
  const groups = groupCount(shard, ref);
  for (let i = 0; i < groups; i++) {
    if (i > 0) checkNames(shard, groupAt(shard, ref, i - 1), groupAt(shard, ref, i));
    checkGroup(shard, groupAt(shard, ref, i));
  }
}

function checkBlocks(shard: Shard, ref: number): void {
  const { i32 } = shard.memory;
  const { tree, streams } = shard.collections;
  const root = entryRoot(i32, ref);
  if (headerTree(i32, root) !== 0) {
    tree.bind(headerTree(i32, root));
    tree.check();
  }
  const { walk } = streams;
  walk.bind(root);
  let total = 0;
  before.setZero();
  first.setZero();
  for (let rank = 0; rank < walk.blockCount; rank++) {
    const block = walk.blockAt(rank);
    assert(blockLive(i32, block) > 0, 'a block has a live entry');
    found.readKey(i32, block * 2 + BLOCK_KEY);
    assert(found.compare(before) > 0, 'blocks ascend');
    total += checkEntries(shard, block, total === 0);
  }
  assert(total === collectionCount(shard, ref), 'the entry counts the live entries');
  checkEdges(shard, ref, total);
}

/** Checks the entries of a block, which come behind `before`; returns the live ones. */
function checkEntries(shard: Shard, block: number, isFirst: boolean): number {
  const { i32 } = shard.memory;
  const { cursor } = shard.collections.streams.walk;
  let live = 0;
  let dead = 0;
  cursor.open(block);
  while (cursor.next()) {
    if (cursor.isDead) {
      dead++; // After XSETID went back it may stand behind the entries that follow.
      continue;
    }
    assert(cursor.id.compare(before) > 0, 'IDs ascend');
    before.copy(cursor.id);
    if (live === 0 && isFirst) first.copy(cursor.id);
    live++;
    found.copy(cursor.id);
  }
  assert(live === blockLive(i32, block), 'a block counts its live entries');
  assert(dead <= blockDead(i32, block), 'a block counts its dead entries, those skipped as well');
  return live;
}

function checkEdges(shard: Shard, ref: number, total: number): void {
  if (total === 0) found.setZero();
  headerId(shard, ref, HEADER_LAST_LIVE_ID, before);
  assert(before.compare(found) === 0, 'the header has the ID of the last live entry');
  headerId(shard, ref, HEADER_FIRST_ID, before);
  assert(before.compare(first) === 0, 'the header has the ID of the first live entry');
  headerId(shard, ref, HEADER_LAST_ID, before);
  assert(before.compare(found) >= 0, 'no entry is behind the last ID');
}

function checkNames(shard: Shard, a: number, b: number): void {
  const { kernel } = shard.memory;
  const order = kernel.compare(
    nameAt(shard, a), nameBytes(shard, a), nameAt(shard, b), nameBytes(shard, b),
  );
  assert(order < 0, 'names ascend');
}

function checkGroup(shard: Shard, group: number): void {
  const consumers = consumerCount(shard, group);
  let sum = 0;
  for (let i = 0; i < consumers; i++) {
    const consumer = consumerAt(shard, group, i);
    if (i > 0) checkNames(shard, consumerAt(shard, group, i - 1), consumer);
    const word = consumerTreeWord(shard, consumer);
    boundTree(shard, word)?.check();
    const count = pendingCount(shard, word);
    assert(count > 0 || boundTree(shard, word) === null, 'a tree without records is 0');
    for (let rank = 0; rank < count; rank++) checkRecord(shard, group, consumer, rank);
    sum += count;
  }
  boundTree(shard, groupTreeWord(shard, group))?.check();
  const pending = pendingCount(shard, groupTreeWord(shard, group));
  assert(sum === pending, 'every record of a group is one of a consumer');
}

function checkRecord(shard: Shard, group: number, consumer: number, rank: number): void {
  const tree = boundTree(shard, consumerTreeWord(shard, consumer));
  assert(tree?.seek(rank) === true, 'a consumer has as many records as it says');
  const record = tree.cursorRef();
  assert(pendingConsumer(shard, record) === consumer, 'a record names its consumer');
  readPendingId(shard, record, found);
  assert(findPending(shard, group, found) === record, 'a record stands in the tree of its group');
}
