/**
 * Walks the live entries of a stream in either direction from any ID on. Blocks are found through
 * the stream's tree and fetched some at a time; the last block, which most readers want, without.
 *
 *   walk.bind(root); walk.seekFrom(id); while (walk.next()) ... walk.cursor.id, walk.cursor.pairs
 *
 * Invariants: the stream does not change while it is walked; the walk has a tree window of its own,
 *   so that other trees may be used meanwhile.
 * Cost: a seek O(log n) and at most one block; a step O(1), backwards twice that.
 */
import { ScoreTree } from '../../structs/score-tree.hot.ts';
import type { WorkerMemory } from '../../structs/worker-memory.ts';
import { BlockCursor } from './block-cursor.hot.ts';
import { BLOCK_ENTRIES_MAX, BLOCK_KEY, blockLive } from './stream-blocks.hot.ts';
import { HEADER_LAST_LIVE_ID, headerTail, headerTree } from './stream-header.hot.ts';
import { STREAM_ID_BYTES, StreamId } from './stream-id.hot.ts';

/** Blocks fetched from the tree at a time. */
const CHUNK_BLOCKS = 32;

export class StreamWalk {
  readonly memory: WorkerMemory;
  readonly cursor: BlockCursor;
  readonly tree: ScoreTree;
  /** Blocks of the stream. */
  blockCount: number;
  private root: number;
  private treeCount: number;
  /** Rank of the block that the cursor is in. */
  private rank: number;
  private readonly from: StreamId;
  private readonly master: StreamId;
  private isSkipping: boolean;
  private readonly chunk: Int32Array;
  private chunkRank: number;
  private chunkCount: number;
  /** Offsets of the entries of the block, for the way back. */
  private readonly offsets: Int32Array;
  private offsetCount: number;
  private readonly keyAt: number;

  /** @param keyAt byte offset of 16 bytes of low memory, free during a seek */
  constructor(memory: WorkerMemory, keyAt: number) {
    this.memory = memory;
    this.cursor = new BlockCursor(memory);
    this.tree = new ScoreTree(memory, memory.arenaAllocator);
    this.blockCount = 0;
    this.root = 0;
    this.treeCount = 0;
    this.rank = 0;
    this.from = new StreamId();
    this.master = new StreamId();
    this.isSkipping = false;
    this.chunk = new Int32Array(CHUNK_BLOCKS);
    this.chunkRank = 0;
    this.chunkCount = 0;
    this.offsets = new Int32Array(BLOCK_ENTRIES_MAX);
    this.offsetCount = 0;
    this.keyAt = keyAt;
  }

  /** Looks at the stream with this header; again after every change of it. */
  bind(root: number): void {
    const i32 = this.memory.i32;
    this.root = root;
    const tree = headerTree(i32, root);
    this.treeCount = 0;
    if (tree !== 0) {
      this.tree.header = tree; // What bind does; the lint takes that for a function's.
      this.treeCount = this.tree.count();
    }
    this.blockCount = this.treeCount + (headerTail(i32, root) === 0 ? 0 : 1);
    this.chunkCount = 0;
  }

  /** The block of a rank below blockCount. */
  blockAt(rank: number): number {
    if (rank >= this.treeCount) return headerTail(this.memory.i32, this.root);
    if (rank < this.chunkRank || rank >= this.chunkRank + this.chunkCount) {
      this.chunkRank = rank;
      this.chunkCount = this.tree.collect(rank, CHUNK_BLOCKS, this.chunk);
    }
    return this.chunk[rank - this.chunkRank]!;
  }

  /** Rank of the last block that begins at or before the ID; -1 when all begin behind it. */
  rankBefore(id: StreamId): number {
    const i32 = this.memory.i32;
    const tail = headerTail(i32, this.root);
    if (tail !== 0) {
      this.master.readKey(i32, (tail << 1) + BLOCK_KEY);
      if (this.master.compare(id) <= 0) return this.treeCount;
    }
    if (this.treeCount === 0) return -1;
    id.writeKey(i32, this.keyAt >>> 2);
    return this.tree.rankOfKey(id.score(), this.keyAt, STREAM_ID_BYTES, true) - 1;
  }

  /** Goes before the first entry at or behind `id`. */
  seekFrom(id: StreamId): void {
    this.from.copy(id);
    this.isSkipping = true;
    const rank = this.rankBefore(id);
    this.rank = rank < 0 ? 0 : rank;
    if (this.rank < this.blockCount) this.cursor.open(this.blockAt(this.rank));
  }

  /** Steps to the next live entry; false behind the last one. */
  next(): boolean {
    const cursor = this.cursor;
    while (this.rank < this.blockCount) {
      while (cursor.next()) {
        if (cursor.isDead) continue;
        if (this.isSkipping) {
          if (cursor.id.compare(this.from) < 0) continue;
          this.isSkipping = false;
        }
        return true;
      }
      this.rank++;
      if (this.rank < this.blockCount) cursor.open(this.blockAt(this.rank));
    }
    return false;
  }

  /** Goes behind the last entry at or before `id`; `previous` then walks down. */
  seekBack(id: StreamId): void {
    this.from.copy(id);
    this.rank = this.rankBefore(id);
    this.offsetCount = 0;
    if (this.rank >= 0) this.openBack();
  }

  /** Steps to the live entry before; false before the first one. */
  previous(): boolean {
    for (;;) {
      while (this.offsetCount > 0) {
        this.offsetCount--;
        this.cursor.readAt(this.offsets[this.offsetCount]!);
        return true;
      }
      this.rank--;
      if (this.rank < 0) return false;
      this.openBack();
    }
  }

  /** Collects the live entries of the block at `rank` up to the ID that was sought. */
  private openBack(): void {
    const cursor = this.cursor;
    cursor.open(this.blockBack(this.rank));
    this.offsetCount = 0;
    while (cursor.next()) {
      if (cursor.isDead) continue;
      if (cursor.id.compare(this.from) > 0) return;
      this.offsets[this.offsetCount++] = cursor.entryOffset;
    }
  }

  /** As blockAt, fetching those before it as well. */
  private blockBack(rank: number): number {
    const isFetched = rank >= this.chunkRank && rank < this.chunkRank + this.chunkCount;
    if (rank < this.treeCount && !isFetched) {
      this.blockAt(rank < CHUNK_BLOCKS ? 0 : rank - CHUNK_BLOCKS + 1);
    }
    return this.blockAt(rank);
  }

  /** Stands the cursor on the live entry with this ID; false when there is none. */
  find(id: StreamId): boolean {
    const rank = this.rankBefore(id);
    if (rank < 0) return false;
    const cursor = this.cursor;
    this.rank = rank;
    cursor.open(this.blockAt(rank));
    while (cursor.next()) {
      const order = cursor.id.compare(id);
      if (order === 0) return !cursor.isDead;
      if (order > 0) return false;
    }
    return false;
  }

  /** Live entries from `from` to `end`, both included, but at most `countMax`. */
  count(from: StreamId, end: StreamId, countMax: number): number {
    let total = 0;
    const first = this.rankBefore(from);
    let rank = first < 0 ? 0 : first;
    for (; rank < this.blockCount && total < countMax; rank++) {
      const block = this.blockAt(rank);
      this.master.readKey(this.memory.i32, (block << 1) + BLOCK_KEY);
      if (this.master.compare(end) > 0) break;
      if (this.master.compare(from) >= 0 && this.endsBefore(rank, end)) {
        total += blockLive(this.memory.i32, block);
      } else {
        total += this.countInBlock(block, from, end);
      }
    }
    return total < countMax ? total : countMax;
  }

  /** True when every entry of the block is known to be at or before `end`. */
  private endsBefore(rank: number, end: StreamId): boolean {
    const i32 = this.memory.i32;
    if (rank + 1 < this.blockCount) {
      this.master.readKey(i32, (this.blockAt(rank + 1) << 1) + BLOCK_KEY);
    } else {
      this.master.read(i32, (this.root << 1) + HEADER_LAST_LIVE_ID);
    }
    return this.master.compare(end) <= 0;
  }

  private countInBlock(block: number, from: StreamId, end: StreamId): number {
    const cursor = this.cursor;
    let total = 0;
    cursor.open(block);
    while (cursor.next()) {
      if (cursor.id.compare(end) > 0) break;
      if (!cursor.isDead && cursor.id.compare(from) >= 0) total++;
    }
    return total;
  }
}
