/**
 * A vector set's index and what it is of: the room of the set names the element of each slot, and
 * each element with a place names its slot (vector-indexes.ts has the life of rooms).
 * Invariants: `placed` counts the slots with an element; `bytes` is what VectorIndexes has counted
 *   for it.
 */
import { assert } from '../../assert.ts';
import type { Shard } from '../../shard/shard.ts';
import type { NearestIndex, RestoringIndex, ThreadedIndex } from './vector-engine.ts';
import type { VectorShape } from './vector-set-layout.ts';
import {
  attributeBytes, attributesAt, elementPlace, setElementPlace,
} from './vector-set-layout.ts';

/** Slots that a room has at least. */
export const ROOM_SLOTS_MIN = 128;

/** An index that a thread searches: its handle names it for good. */
export interface SearchedIndex {
  readonly handle: number;
  readonly index: ThreadedIndex;
  readonly attributeChanges: number;
}

export class VectorRoom {
  readonly handle: number;
  readonly index: NearestIndex;
  /** The same where threads may take part, else null. */
  readonly threaded: ThreadedIndex | null;
  /** The index, while it is made of an image. */
  restoring: RestoringIndex | null;
  readonly shape: VectorShape;
  /** Root block of the set. */
  root: number;
  /** Member of each slot, 0 = none. */
  members = new Int32Array(ROOM_SLOTS_MIN);
  /** Elements with a place. */
  placed = 0;
  /** Line at which filling goes on. */
  line = 0;
  isWhole = false;
  bytes = 0;
  /** Changes of attributes, wrapping. */
  attributeChanges = 0;

  constructor(
    handle: number, index: NearestIndex | ThreadedIndex, restoring: RestoringIndex | null,
    shape: VectorShape, root: number,
  ) {
    this.handle = handle;
    this.index = index;
    this.threaded = 'ask' in index ? index : null;
    this.restoring = restoring;
    this.shape = shape;
    this.root = root;
  }

  /** True when there is nothing to fill in or to link here. */
  get isIdle(): boolean {
    if (!this.isWhole) return false;
    return this.threaded?.hasThreads === true || this.index.pendingCount === 0;
  }

  /** An element has a slot now. */
  place(shard: Shard, slot: number, member: number): void {
    if (slot >= this.members.length) {
      const grown = new Int32Array(Math.max(slot + 1, this.members.length * 2));
      grown.set(this.members);
      this.members = grown;
    }
    this.members[slot] = member;
    this.placed++;
    setElementPlace(shard.memory.i32, member, slot + 1);
    const json = attributesOf(shard, member, this.shape);
    if (json !== null) this.index.setAttributes(slot, json);
  }

  /** Slots have new numbers: `moved` names them by the old ones. */
  renumber(i32: Int32Array, moved: Int32Array): void {
    const old = this.members;
    this.members = new Int32Array(Math.max(ROOM_SLOTS_MIN, this.placed));
    for (let slot = 0; slot < old.length; slot++) {
      const member = old[slot] ?? 0;
      if (member === 0) continue;
      const to = moved[slot] ?? -1;
      assert(to >= 0 && to < this.members.length, 'an element keeps a slot');
      this.members[to] = member;
      setElementPlace(i32, member, to + 1);
    }
  }

  /** Asserts that slots and elements know of each other. */
  check(i32: Int32Array): void {
    let placed = 0;
    for (let slot = 0; slot < this.members.length; slot++) {
      const member = this.members[slot] ?? 0;
      if (member === 0) continue;
      placed++;
      assert(elementPlace(i32, member) === slot + 1, 'an element knows its slot');
    }
    assert(placed === this.placed, 'a room counts its elements');
  }
}

/** A copy of an element's attributes; null when it has none. */
export function attributesOf(shard: Shard, member: number, shape: VectorShape): Uint8Array | null {
  const { memory, rdb } = shard;
  const bytes = attributeBytes(memory.i32, member, shape);
  if (bytes === 0) return null;
  const json = new Uint8Array(bytes);
  rdb.copyOut(attributesAt(memory.i32, member, shape), bytes, json, 0);
  return json;
}
