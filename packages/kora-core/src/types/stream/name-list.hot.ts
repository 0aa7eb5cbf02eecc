/**
 * A list of named blocks, in the order of their names (memcmp): the groups of a stream, and the
 * consumers of a group. A named block begins with a member's header (structs/member.hot.ts), whose
 * key is the name; the list owns the blocks' refs, its owner the blocks.
 *
 *   | count | ref | ref | ...                       the capacity is what the block has room for
 *
 * Invariants: names ascend and differ; a list without blocks is ref 0.
 * Cost: find O(log n); insert and remove move at most 4 n bytes. There are few groups and
 *   consumers; with ten thousand the move takes a microsecond.
 */
import type { Allocator } from '../../structs/allocator.hot.ts';
import { entryKeyAt, entryKeyBytes } from '../../structs/entry.hot.ts';
import type { WorkerMemory } from '../../structs/worker-memory.ts';

/** Blocks for which a fresh list has room. */
const FIRST_CAPACITY = 3;

export class NameLists {
  readonly memory: WorkerMemory;
  readonly allocator: Allocator;

  constructor(memory: WorkerMemory, allocator: Allocator) {
    this.memory = memory;
    this.allocator = allocator;
  }

  count(list: number): number {
    return list === 0 ? 0 : this.memory.i32[list << 1]!;
  }

  /** The named block at a position below count. */
  at(list: number, position: number): number {
    return this.memory.i32[(list << 1) + 1 + position]!;
  }

  /** Position of the name: where it stands, or (as -1 - position) where it would. */
  find(list: number, nameAt: number, nameBytes: number): number {
    const i32 = this.memory.i32;
    const kernel = this.memory.kernel;
    let from = 0;
    let end = this.count(list);
    while (from < end) {
      const middle = (from + end) >>> 1;
      const block = i32[(list << 1) + 1 + middle]!;
      const order = kernel.compare(
        nameAt, nameBytes, entryKeyAt(i32, block), entryKeyBytes(i32, block),
      );
      if (order === 0) return middle;
      if (order < 0) end = middle;
      else from = middle + 1;
    }
    return -1 - from;
  }

  /** Bytes that inserting one may allocate, in one block; 0 when there is room. */
  growBytes(list: number): number {
    if (list === 0) return 4 + FIRST_CAPACITY * 4;
    const count = this.count(list);
    return 4 + (count + 1) * 4 <= this.allocator.sizeOf(list) ? 0 : 4 + count * 8;
  }

  /** Puts a block at a position; reserved (`growBytes`). @returns the list, which may move */
  insert(list: number, position: number, block: number): number {
    const bytes = this.growBytes(list);
    const count = this.count(list);
    const kernel = this.memory.kernel;
    let target = list;
    if (bytes !== 0) {
      target = this.allocator.alloc(bytes);
      if (list !== 0) {
        kernel.copy(target * 8, list * 8, 4 + count * 4);
        this.allocator.free(list);
      }
    }
    const at = target * 8 + 4 + position * 4;
    kernel.copy(at + 4, at, (count - position) * 4);
    const i32 = this.memory.i32;
    i32[(target << 1) + 1 + position] = block;
    i32[target << 1] = count + 1;
    return target;
  }

  /** Takes the block at a position out of the list; the last one takes the list along: 0. */
  remove(list: number, position: number): number {
    const count = this.count(list) - 1;
    if (count === 0) {
      this.allocator.free(list);
      return 0;
    }
    const at = list * 8 + 4 + position * 4;
    this.memory.kernel.copy(at, at + 4, (count - position) * 4);
    this.memory.i32[list << 1] = count;
    return list;
  }
}
