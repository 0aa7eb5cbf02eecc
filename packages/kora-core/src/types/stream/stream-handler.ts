/**
 * What the key space asks of streams: free, copy, weigh, move and check a value, and the doors to
 * the codec and the replay.
 *
 *   cursor of an evacuation   phase * 2^40 + position
 *     phase 0                 the header; then blocks by rank, the tail last
 *     phase 1                 nodes of their tree
 *     phase 2 + 3 g           of group g: records by rank; nodes of its tree; trees of consumers
 *
 * Invariants: groups, consumers and their name lists stay where they are, for records name
 *   consumers by ref (stream-groups.ts); a copy that fails leaves nothing.
 * Cost: an evacuation moves at most EVACUATED_MAX blocks a call.
 */
import type { TypeHandler } from '../../keyspace/type-handler.ts';
import { WEIGHED_MAX } from '../../keyspace/type-handler.ts';
import { RdbType } from '../../rdb/rdb-types.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryRoot, setEntryRoot } from '../../structs/entry.hot.ts';
import { movedBlock } from '../../structs/moved-block.ts';
import type { ScoreTree } from '../../structs/score-tree.hot.ts';
import { checkStream } from './stream-check.ts';
import { copyStream } from './stream-copy.ts';
import { freeStream, freeStreamSlice } from './stream-free.ts';
import { consumerAt, consumerCount, groupAt, groupCount } from './stream-groups.ts';
import { HEADER_BYTES, HEADER_TAIL, headerTail, headerTree } from './stream-header.hot.ts';
import {
  boundTree, consumerTreeWord, groupTreeWord, PENDING_BYTES, pendingConsumer, readPendingId,
} from './stream-pending.ts';
import { BLOCK_KEY } from './stream-blocks.hot.ts';
import { replayStream } from './stream-replay.ts';
import { loadStream, saveStream } from './stream.codec.ts';

/** Blocks or records looked at in one call of evacuate. */
const EVACUATED_MAX = 64;
const PHASE = 2 ** 40;
/** Of the position of consumers' trees: a consumer this often. */
const CONSUMER_STEP = 2 ** 24;
const PHASES_OF_GROUP = 3;
const FIRST_GROUP_PHASE = 2;

const refs = new Int32Array(EVACUATED_MAX);

/** What the key space may do with a stream. */
export const streamHandler: TypeHandler = Object.freeze({
  name: 'stream',
  rdbTypes: [RdbType.StreamListpacks, RdbType.StreamListpacks2, RdbType.StreamListpacks3],
  freeValue: freeStream,
  freeSlice: freeStreamSlice,
  copyValue: copyStream,
  encodingName: () => 'stream',
  ownedBytes,
  evacuate,
  save: saveStream,
  load: loadStream,
  replay: replayStream,
  check: checkStream,
} satisfies TypeHandler);

/** Blocks are weighed all over the stream; the others count as their average. */
function ownedBytes(shard: Shard, ref: number, samplesMax = WEIGHED_MAX): number {
  const { memory, collections } = shard;
  const allocator = memory.arenaAllocator;
  const { walk } = collections.streams;
  const root = entryRoot(memory.i32, ref);
  walk.bind(root);
  const weighed = Math.min(walk.blockCount, samplesMax);
  let bytes = 0;
  for (let i = 0; i < weighed; i++) {
    bytes += allocator.sizeOf(walk.blockAt(Math.floor((i * walk.blockCount) / weighed)));
  }
  if (weighed > 0) bytes = Math.round((bytes / weighed) * walk.blockCount);
  bytes += allocator.realBytes(HEADER_BYTES);
  const tree = headerTree(memory.i32, root);
  if (tree !== 0) {
    collections.tree.bind(tree);
    bytes += collections.tree.heldBytes();
  }
  const groups = groupCount(shard, ref);
  for (let i = 0; i < groups; i++) bytes += groupBytes(shard, groupAt(shard, ref, i));
  return bytes;
}

function groupBytes(shard: Shard, group: number): number {
  const allocator = shard.memory.arenaAllocator;
  let bytes = allocator.sizeOf(group);
  const tree = boundTree(shard, groupTreeWord(shard, group));
  if (tree !== null) bytes += tree.heldBytes() + tree.count() * allocator.realBytes(PENDING_BYTES);
  const consumers = consumerCount(shard, group);
  for (let i = 0; i < consumers; i++) {
    const consumer = consumerAt(shard, group, i);
    bytes += allocator.sizeOf(consumer);
    bytes += boundTree(shard, consumerTreeWord(shard, consumer))?.heldBytes() ?? 0;
  }
  return bytes;
}

// ------------------------------------------------------------------ evacuation

function evacuate(shard: Shard, ref: number, cursor: number): number {
  const root = entryRoot(shard.memory.i32, ref);
  const phase = Math.floor(cursor / PHASE);
  const position = cursor % PHASE;
  let next = 0;
  if (phase === 0) {
    next = evacuateBlocks(shard, position === 0 ? movedHeader(shard, ref) : root, position);
  } else if (phase === 1) {
    next = evacuateNodes(shard, headerTree(shard.memory.i32, root), position);
  } else {
    const part = phase - FIRST_GROUP_PHASE;
    const index = Math.floor(part / PHASES_OF_GROUP);
    if (index >= groupCount(shard, ref)) return 0;
    const group = groupAt(shard, ref, index);
    const step = part % PHASES_OF_GROUP;
    if (step === 0) next = evacuateRecords(shard, group, position);
    else if (step === 1) next = evacuateTreeAt(shard, groupTreeWord(shard, group), position);
    else next = evacuateConsumers(shard, group, position);
  }
  if (next !== 0) return phase * PHASE + next;
  const after = (phase + 1) * PHASE;
  return after < Number.MAX_SAFE_INTEGER ? after : 0;
}

/** The header, in a fuller slab where its own is sparse and memory lasts. */
function movedHeader(shard: Shard, ref: number): number {
  const { memory } = shard;
  const old = entryRoot(memory.i32, ref);
  const root = movedBlock(memory, memory.arenaAllocator, old, HEADER_BYTES);
  if (root !== old) setEntryRoot(memory.i32, ref, root);
  return root;
}

/** Moves sparse blocks from a rank on; where to go on, 0 = all done. */
function evacuateBlocks(shard: Shard, root: number, rank: number): number {
  const { memory, collections } = shard;
  const allocator = memory.arenaAllocator;
  const { walk, id } = collections.streams;
  walk.bind(root);
  const end = Math.min(rank + EVACUATED_MAX, walk.blockCount);
  let count = 0;
  for (let i = rank; i < end; i++) refs[count++] = walk.blockAt(i);
  for (let i = 0; i < count; i++) {
    const block = refs[i] ?? 0;
    if (!allocator.isSparse(block)) continue;
    const moved = moveBlock(shard, block);
    if (moved === 0) return 0;
    if (headerTail(memory.i32, root) === block) {
      memory.i32[root * 2 + HEADER_TAIL] = moved;
    } else {
      id.readKey(memory.i32, moved * 2 + BLOCK_KEY);
      collections.tree.bind(headerTree(memory.i32, root));
      collections.tree.replaceRef(id.score(), block, moved);
    }
    allocator.free(block);
  }
  return end < walk.blockCount ? end : 0;
}

/** A copy of a block in a fuller slab; the old one stays. 0: memory is short. */
function moveBlock(shard: Shard, block: number): number {
  const { arenaAllocator, kernel } = shard.memory;
  const bytes = arenaAllocator.sizeOf(block);
  const moved = arenaAllocator.alloc(bytes);
  if (moved !== 0) kernel.copy(moved * 8, block * 8, bytes);
  return moved;
}

function evacuateNodes(shard: Shard, header: number, position: number): number {
  if (header === 0) return 0;
  const { tree } = shard.collections;
  tree.bind(header);
  return tree.evacuate(position);
}

function evacuateTreeAt(shard: Shard, word: number, position: number): number {
  return evacuateNodes(shard, shard.memory.i32[word] ?? 0, position);
}

function evacuateRecords(shard: Shard, group: number, rank: number): number {
  const allocator = shard.memory.arenaAllocator;
  const word = groupTreeWord(shard, group);
  const tree = boundTree(shard, word);
  if (tree === null) return 0;
  const count = tree.collect(rank, EVACUATED_MAX, refs);
  for (let i = 0; i < count; i++) {
    const record = refs[i] ?? 0;
    if (!allocator.isSparse(record)) continue;
    const moved = moveBlock(shard, record);
    if (moved === 0) return 0;
    replaceIn(shard, boundTree(shard, word), record, moved);
    const consumer = pendingConsumer(shard, moved);
    replaceIn(shard, boundTree(shard, consumerTreeWord(shard, consumer)), record, moved);
    allocator.free(record);
  }
  return count === EVACUATED_MAX ? rank + count : 0;
}

function replaceIn(shard: Shard, tree: ScoreTree | null, record: number, moved: number): void {
  const { id } = shard.collections.streams;
  readPendingId(shard, moved, id);
  tree?.replaceRef(id.score(), record, moved);
}

/** Position: consumer * CONSUMER_STEP + place in its tree. */
function evacuateConsumers(shard: Shard, group: number, position: number): number {
  const index = Math.floor(position / CONSUMER_STEP);
  if (index >= consumerCount(shard, group) || index >= PHASE / CONSUMER_STEP - 1) return 0;
  const word = consumerTreeWord(shard, consumerAt(shard, group, index));
  const next = evacuateTreeAt(shard, word, position % CONSUMER_STEP);
  if (next !== 0 && next < CONSUMER_STEP) return index * CONSUMER_STEP + next;
  return (index + 1) * CONSUMER_STEP;
}

