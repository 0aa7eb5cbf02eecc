/**
 * The simplest type that owns many blocks, for tests of what the key space does with big values:
 * a chain in which each block holds the ref of the next and its own number. It detaches itself to
 * the lazy free when it is longer than a few blocks, and moves in slices, as real types do.
 *
 *   block, `bytes` long   | next ref | number | unused |
 */
import { assert } from '../assert.ts';
import type { TypeHandler } from '../keyspace/type-handler.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import type { Shard } from '../shard/shard.ts';
import {
  entryRoot, entryValueBytes, setEntryRoot, setEntryValueBytes,
} from '../structs/entry.hot.ts';
import { inlineHandler } from './inline-handler.ts';

/** Chains up to this length are freed at once. */
const FREED_AT_ONCE_MAX = 8;
/** Blocks that one call of `evacuate` looks at. */
export const CHAIN_BLOCKS_PER_SLICE = 64;

/** Registered under ValueType.List. */
export const chainHandler: TypeHandler = Object.freeze({
  ...inlineHandler,
  name: 'list',
  freeValue(shard: Shard, ref: number): void {
    const { i32 } = shard.memory;
    const root = entryRoot(i32, ref);
    if (root === 0) return;
    if (entryValueBytes(i32, ref) > FREED_AT_ONCE_MAX) {
      shard.lazyFree.takeValue(ValueType.List, 0, root);
      return;
    }
    const value = { type: ValueType.List, encoding: 0, root, cursor: 0 };
    assert(this.freeSlice(shard, value, FREED_AT_ONCE_MAX), 'a short chain is freed at once');
  },
  freeSlice(shard: Shard, value: { root: number }, blocksMax: number): boolean {
    const { memory } = shard;
    for (let freed = 0; freed < blocksMax && value.root !== 0; freed++) {
      const next = memory.i32[value.root * 2] ?? 0;
      memory.arenaAllocator.free(value.root);
      value.root = next;
    }
    return value.root === 0;
  },
  evacuate(shard: Shard, ref: number, cursor: number): number {
    const { arenaAllocator, i32, kernel } = shard.memory;
    let before = 0;
    let block = entryRoot(i32, ref);
    for (let i = 0; block !== 0 && i < cursor + CHAIN_BLOCKS_PER_SLICE; i++) {
      if (i >= cursor && arenaAllocator.isSparse(block)) {
        const bytes = arenaAllocator.sizeOf(block);
        const moved = arenaAllocator.alloc(bytes);
        if (moved === 0) return 0;
        kernel.copy(moved * 8, block * 8, bytes);
        if (before === 0) setEntryRoot(shard.memory.i32, ref, moved);
        else shard.memory.i32[before * 2] = moved;
        arenaAllocator.free(block);
        block = moved;
      }
      before = block;
      block = shard.memory.i32[block * 2] ?? 0;
    }
    return block === 0 ? 0 : cursor + CHAIN_BLOCKS_PER_SLICE;
  },
});

/** Fills the empty entry `ref` with a chain of `length` blocks. */
export function buildChain(shard: Shard, ref: number, length: number, bytes: number): void {
  const { memory } = shard;
  let next = 0;
  for (let number = length - 1; number >= 0; number--) {
    const block = memory.arenaAllocator.alloc(bytes);
    assert(block !== 0, 'memory holds the chain of a test');
    memory.i32[block * 2] = next;
    memory.i32[block * 2 + 1] = number;
    next = block;
  }
  setEntryRoot(memory.i32, ref, next);
  setEntryValueBytes(memory.i32, ref, length);
}

/** Walks the chain; throws when it is not whole. */
export function checkChain(shard: Shard, ref: number): void {
  const { i32 } = shard.memory;
  let count = 0;
  for (let block = entryRoot(i32, ref); block !== 0; block = i32[block * 2] ?? 0) {
    assert(i32[block * 2 + 1] === count, 'the blocks of a chain are numbered');
    count++;
  }
  assert(count === entryValueBytes(i32, ref), 'a chain is as long as its entry says');
}
