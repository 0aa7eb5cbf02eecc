/**
 * A walk over the members of a set, whatever its encoding, without a closure and without
 * allocation: for replies, the algebra of sets and that of sorted sets.
 *   walk.start(ref);
 *   while (walk.next()) use(walk.at(), walk.bytes());
 * Order: intsets ascend, packs keep the order of adding, dicts go line by line.
 *
 * Invariants: the set does not change during the walk (another may); a walk has a dict window and
 *   a place for integers as text of its own, so two of them do not disturb each other.
 * Cost: O(1) a member; the members of a line are read together, so that their misses overlap.
 */
import { writeInteger64 } from '../../bytes/number-text.hot.ts';
import { CHAIN_SLOTS_MAX } from '../../structs/dict-layout.ts';
import { Dict } from '../../structs/dict.hot.ts';
import {
  entryEncoding, entryKeyAt, entryKeyBytes, entryRoot,
} from '../../structs/entry.hot.ts';
import { Intsets } from '../../structs/intset.hot.ts';
import { Packs } from '../../structs/packs.hot.ts';
import type { WorkerMemory } from '../../structs/worker-memory.ts';
import { SET_DICT, SET_INTSET, SET_PACK } from './set-layout.ts';

/** Bytes of low memory for an integer as text. */
const TEXT_BYTES = 24;

/** One walk; may be started again and again. Owner: the shard's thread. */
export class SetWalk {
  readonly memory: WorkerMemory;
  readonly dict: Dict;
  readonly packs: Packs;
  readonly intsets: Intsets;
  readonly slots: Int32Array;
  /** Low memory for integers as text. */
  readonly textAt: number;
  encoding: number;
  root: number;
  /** Next index of an intset, next position in a pack (0 = end), next line of a dict. */
  place: number;
  /** Values of the intset, lines of the dict. */
  places: number;
  /** Position in the pack of the current member; bytes of the current integer's text. */
  current: number;
  slot: number;
  slotCount: number;
  /** The current member's entry in a dict, else 0. */
  ref: number;
  /** What the touching of a line read, so that it is read; nobody looks at it. */
  sink: number;

  /** Takes a few bytes of low memory for good: make one per use and shard, not per walk. */
  constructor(memory: WorkerMemory) {
    this.memory = memory;
    this.dict = new Dict(memory, memory.arenaAllocator, 0, 0);
    this.packs = new Packs(memory, memory.arenaAllocator);
    this.intsets = new Intsets(memory, memory.arenaAllocator);
    this.slots = new Int32Array(CHAIN_SLOTS_MAX);
    this.textAt = memory.lowAllocator.alloc(TEXT_BYTES) * 8;
    this.encoding = SET_INTSET;
    this.root = 0;
    this.place = 0;
    this.places = 0;
    this.current = 0;
    this.slot = 0;
    this.slotCount = 0;
    this.ref = 0;
    this.sink = 0;
  }

  /** Before the first member of the set in entry `ref`; 0 = no set, no members. */
  start(ref: number): void {
    const i32 = this.memory.i32;
    const root = ref === 0 ? 0 : entryRoot(i32, ref);
    this.root = root;
    this.encoding = root === 0 ? SET_INTSET : entryEncoding(i32, ref);
    this.place = 0;
    this.places = 0;
    this.slot = 0;
    this.slotCount = 0;
    this.ref = 0;
    if (root === 0) return;
    if (this.encoding === SET_DICT) {
      this.dict.header = root; // What bind does; the lint takes that for a function's.
      this.places = this.dict.lines();
    } else if (this.encoding === SET_PACK) {
      this.place = this.packs.first(root);
    } else {
      this.places = this.intsets.count(root);
    }
  }

  /** To the next member; false behind the last. */
  next(): boolean {
    if (this.encoding === SET_DICT) return this.nextOfDict();
    if (this.encoding === SET_PACK) {
      this.current = this.place;
      if (this.place === 0) return false;
      this.place = this.packs.next(this.root, this.place);
      return true;
    }
    const index = this.place;
    if (index === this.places) return false;
    this.place = index + 1;
    const high = this.intsets.high(this.root, index);
    const low = this.intsets.low(this.root, index);
    this.current = writeInteger64(this.memory.low, this.textAt, high, low);
    return true;
  }

  private nextOfDict(): boolean {
    while (this.slot === this.slotCount) {
      if (this.place === this.places) return false;
      this.slotCount = this.dict.collectLine(this.place, this.slots);
      this.place++;
      this.slot = 0;
      const i32 = this.memory.i32;
      let sink = 0;
      for (let i = 0; i < this.slotCount; i++) {
        const ref = i32[this.slots[i]!]!;
        this.slots[i] = ref;
        sink ^= i32[ref << 1]!;
      }
      this.sink = sink;
    }
    this.ref = this.slots[this.slot]!;
    this.slot++;
    return true;
  }

  /** Byte offset (u32) of the current member; valid until the next call of `next`. */
  at(): number {
    if (this.encoding === SET_DICT) return entryKeyAt(this.memory.i32, this.ref);
    if (this.encoding === SET_PACK) return this.packs.entryAt(this.root, this.current);
    return this.textAt;
  }

  /** Bytes of the current member. */
  bytes(): number {
    if (this.encoding === SET_DICT) return entryKeyBytes(this.memory.i32, this.ref);
    if (this.encoding === SET_PACK) return this.packs.entryBytes(this.root, this.current);
    return this.current;
  }
}
