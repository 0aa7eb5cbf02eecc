/**
 * Evacuation: after many deletes every slab holds a few blocks, and memory that is not used is not
 * free either. When held memory exceeds used memory by more than a bound, the allocator marks its
 * emptiest slabs and a cursor walks the lines of all databases: an entry in a marked slab is copied
 * to a fuller one and its slot overwritten; blocks that a value owns move by its type's handler.
 *
 *   rest -- held/used too high, enough changed since the last pass --> pass -- all lines --> rest
 *
 * A value too big for one slice is remembered by its entry, line, root and kind, with the cursor
 * that its handler gave; when the entry is gone from the line, or has another root or kind (blocks
 * are used again), its rest waits for the next pass.
 *
 * Invariants: an entry has one owner, its slot, so a move is a copy and a store; nothing logical
 *   changes, so nothing is journalled; a slice ends after LINES_PER_SLICE lines or, with the line,
 *   after MOVES_PER_SLICE moves, or after one part of a value that has more.
 * Cost: 0.66 us a moved entry, 56 us a slice; a pass reads every line of the dicts once.
 */
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import {
  ENTRY_ENCODING_MASK, ENTRY_IS_ROPE, ENTRY_TYPE_MASK, entryFlags, entryRoot, ownsBlocks,
} from '../structs/entry.hot.ts';
import type { Database } from './database.ts';
import { warmSlots } from './hash-sweep.hot.ts';
import { Stat } from './statistics.ts';

/** Lines one slice looks at, at most ... */
export const LINES_PER_SLICE = 64;
/** ... and entries after which it ends with the line. */
export const MOVES_PER_SLICE = 128;
/** A pass starts when held memory exceeds used memory by this share ... */
export const HELD_SHARE_MAX = 1.15;
/** ... and by this many bytes, so that small engines are left alone. */
export const HELD_EXCESS_BYTES_MIN = 1_048_576;
/** After a pass the next one waits until used memory changed by this share. */
const CHANGE_SHARE_MIN = 0.05;
/** Flags that say whose cursor it is. */
const KIND_MASK = ENTRY_TYPE_MASK | ENTRY_ENCODING_MASK | ENTRY_IS_ROPE;

export class Evacuation {
  readonly #shard: Shard;
  readonly #slots = new Int32Array(CHAIN_SLOTS_MAX);
  #isActive = false;
  /** Sparse slabs are being marked, in slices of their own. */
  #isMarking = false;
  #db = 0;
  #line = 0;
  #movedInPass = 0;
  /** Held bytes when the pass began. */
  #heldAtStart = 0;
  /** The entry in the line before `#line` whose value is being moved in parts, 0 = none. */
  #valueRef = 0;
  #valueRoot = 0;
  #valueKind = 0;
  #valueCursor = 0;
  /** Used bytes when the last pass ended, -1 before the first. */
  #usedAtRest = -1;
  /** Result of warming reads; kept so that they are made. @internal */
  warmth = 0;

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  /** True during a pass. */
  get isActive(): boolean {
    return this.#isActive;
  }

  /** One slice of a pass, when one is due. @returns true when more waits */
  step(): boolean {
    if (!this.#isActive && !this.#start()) return this.#isMarking;
    const { databases } = this.#shard.keyspace;
    const movesMax = this.#movedInPass + MOVES_PER_SLICE;
    for (let lines = 0; lines < LINES_PER_SLICE && this.#movedInPass < movesMax; lines++) {
      const db = databases[this.#db];
      if (db === undefined) return this.#endPass();
      const isDone = this.#valueRef === 0 && this.#line >= db.dict.lines();
      if (db.dict.header === 0 || isDone || this.#line > db.dict.lines()) {
        this.#db++;
        this.#line = 0;
        this.#valueRef = 0;
        continue;
      }
      if (this.#valueRef === 0) this.#line++;
      if (!this.#moveLine(db, this.#line - 1)) return this.#endPass();
      if (this.#valueRef !== 0) return true;
    }
    return true;
  }

  /** True when held memory is within its bound. */
  #isGood(): boolean {
    const allocator = this.#shard.memory.arenaAllocator;
    const used = allocator.usedBytes();
    const held = allocator.heldBytes();
    return held <= used * HELD_SHARE_MAX || held - used <= HELD_EXCESS_BYTES_MIN;
  }

  #start(): boolean {
    this.#isMarking = false;
    if (this.#isGood()) return false;
    const allocator = this.#shard.memory.arenaAllocator;
    const used = allocator.usedBytes();
    const change = Math.abs(used - this.#usedAtRest);
    if (this.#usedAtRest >= 0 && change < used * CHANGE_SHARE_MIN) return false;
    const marked = allocator.markSparse();
    this.#isMarking = allocator.isMarking();
    if (this.#isMarking) return false; // Marking is sliced too: it goes on in the next step.
    if (marked === 0) {
      this.#usedAtRest = used;
      return false;
    }
    this.#isActive = true;
    this.#db = 0;
    this.#line = 0;
    this.#movedInPass = 0;
    this.#heldAtStart = allocator.heldBytes();
    this.#valueRef = 0;
    return true;
  }

  /** Rests, or lets another pass follow at once when this one helped and more is to be had. */
  #endPass(): boolean {
    this.#isActive = false;
    const allocator = this.#shard.memory.arenaAllocator;
    const hasHelped = this.#movedInPass > 0 || allocator.heldBytes() < this.#heldAtStart;
    this.#usedAtRest = hasHelped ? -1 : allocator.usedBytes();
    return hasHelped && !this.#isGood();
  }

  /**
   * Moves the entries of a line, from the value that was left unfinished on; false: no memory. It
   * ends early, with `#valueRef` set, where a value has more.
   */
  #moveLine(db: Database, line: number): boolean {
    const { i32 } = this.#shard.memory;
    const count = db.dict.collectLine(line, this.#slots);
    this.warmth = warmSlots(i32, this.#slots, count);
    let i = 0;
    if (this.#valueRef !== 0) {
      while (i < count && i32[this.#slots[i] ?? 0] !== this.#valueRef) i++;
      const ref = this.#valueRef;
      const cursor = this.#valueCursor;
      this.#valueRef = 0;
      const isSame = i < count && (entryFlags(i32, ref) & KIND_MASK) === this.#valueKind &&
        entryRoot(i32, ref) === this.#valueRoot;
      if (isSame) this.#moveValue(ref, cursor);
      i++;
    }
    for (; i < count && this.#valueRef === 0; i++) {
      const ref = this.#moveEntry(db, this.#slots[i] ?? 0);
      if (ref === 0) return false;
      this.#moveValue(ref, 0);
    }
    if (this.#valueRef === 0) db.dict.evacuateLine(line);
    return true;
  }

  /** Moves a part of what a value owns; remembers the entry when there is more. */
  #moveValue(ref: number, cursor: number): void {
    const shard = this.#shard;
    if (!ownsBlocks(entryFlags(shard.memory.i32, ref))) return;
    const next = shard.handlerOf(ref).evacuate(shard, ref, cursor);
    if (next === 0) return;
    this.#valueRef = ref;
    this.#valueCursor = next;
    this.#valueRoot = entryRoot(shard.memory.i32, ref);
    this.#valueKind = entryFlags(shard.memory.i32, ref) & KIND_MASK;
  }

  /** Moves the entry of a slot out of a marked slab. @returns where it is now, 0: no memory */
  #moveEntry(db: Database, slot: number): number {
    const shard = this.#shard;
    const { memory } = shard;
    const allocator = memory.arenaAllocator;
    const ref = memory.i32[slot] ?? 0;
    if (!allocator.isSparse(ref)) return ref;
    const bytes = allocator.sizeOf(ref);
    const moved = allocator.alloc(bytes);
    if (moved === 0) return 0;
    memory.kernel.copy(moved * 8, ref * 8, bytes);
    db.dict.replaceAt(slot, moved);
    allocator.free(ref);
    this.#movedInPass++;
    const { counts } = shard.stats;
    counts[Stat.EvacuatedEntries] = (counts[Stat.EvacuatedEntries] ?? 0) + 1;
    return moved;
  }
}
