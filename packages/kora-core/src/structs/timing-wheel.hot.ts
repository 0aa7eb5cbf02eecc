/**
 * Timing wheel of hashes: tells in time which dict lines hold keys that are due. A record is
 * (hash, due tick) and names a line, never an entry, so that deleting, overwriting or moving an
 * entry unlinks nothing and no record can dangle. Whoever takes a hash looks at the line.
 *
 * A tick:  cursor moves -> stage 3 (level 2's slot is cascaded) -> 2 (level 1's) -> 1 (level 0's
 *   slot becomes the due list) -> 0; each stage waits for empty lists.
 * Invariants: the cursor never passes an occupied slot; ticks are kept modulo 2^32 and compared
 *   as distances from the cursor, so a due beyond HORIZON_TICKS (6.8 years) fires at the horizon.
 * Cost: arm O(1); a record is touched at most 4 times; a take touches the records it delivers and
 *   TOUCHES_PER_TAKE_MAX more. 8.3 bytes a record where slots are well filled.
 * Source: Varghese and Lauck 1987, hierarchical timing wheels.
 */
import { assert } from '../assert.ts';
import type { Allocator } from './allocator.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** Milliseconds of a tick, for those who tell the wheel what time it is. */
export const WHEEL_TICK_MS = 100;
/** Records moved between levels, and slots visited, by one take beyond what it delivers. */
export const TOUCHES_PER_TAKE_MAX = 1_024;
/** The furthest distance in ticks that a record can wait; what is due later fires here, early. */
export const HORIZON_TICKS = 0x7fff_ffff;
/** Blocks and bytes that one `arm` may take: what a caller reserves before it mutates. */
export const ARM_BLOCKS_MAX = 3;
export const ARM_BYTES_MAX = 448 + 4_096 + 256;

/** Index in `counters`: records delivered or moved, plus slots visited, by all takes. */
export const WHEEL_TOUCHES = 0;
/** Index in `counters`: the latest tick that this object was told, where a new wheel begins. */
export const WHEEL_NOW_TICK = 1;
const WHEEL_COUNTERS = 2;

/*
 *  header, 448 B  | records | chunks | due list | cascade list | cursor f64 | target f64 |
 *                 | slots of level 0 | 1 | 2 | stage | missed | chunk bytes | - | - |
 *                 | bitmap of occupied slots, 32 words a level |
 *  slots, 4 KiB   | chunk ref | x 1024                         (a level's are made on first use)
 *  chunk          | next chunk ref | count:16, capacity:16 | (hash i32, due tick i32) | ... |
 *                 a slot's first chunk is 32 bytes (3 records), its next 64, 128, then 256 (31)
 *  level 0: due in < 1024 ticks, a slot a tick | level 1: in < 2^20, a slot 1024 ticks
 *  level 2: the rest, a slot 2^20 ticks, taken modulo 1024 slots
 */
const RECORDS = 0;
const CHUNKS = 1;
const DUE = 2;
const CASCADE = 3;
const CURSOR_DOUBLE = 2;
const TARGET_DOUBLE = 3;
const SLOTS = 8;
const STAGE = 11;
const MISSED = 12;
const CHUNK_BYTES = 13;
const BITMAPS = 16;
const BITMAP_WORDS = 32;
const LEVELS = 3;
const HEADER_BYTES = (BITMAPS + LEVELS * BITMAP_WORDS) * 4;
assert(HEADER_BYTES + 4_096 + 256 === ARM_BYTES_MAX, 'an arm may need header, slots and a chunk');

const SLOT_COUNT = 1_024;
const SLOT_MASK = 1_023;
const LEVEL_1_TICKS = 1_024;
const LEVEL_2_TICKS = 1_048_576;
const RECORD_WORDS = 2;
const CHUNK_HEAD_WORDS = 2;
const CHUNK_CAPACITY_MIN = 3;
const CHUNK_CAPACITY_MAX = 31;

/**
 * One wheel at a time over a header in the arena; binding to another header costs nothing. Without
 * a header the wheel is empty, and the first arm makes one.
 */
export class TimingWheel {
  /** The bound header's ref, 0 = none. */
  header: number;
  /** See WHEEL_TOUCHES and WHEEL_NOW_TICK. */
  readonly counters: Float64Array;
  private readonly memory: WorkerMemory;
  private readonly allocator: Allocator;

  constructor(memory: WorkerMemory, allocator: Allocator) {
    this.header = 0;
    this.counters = new Float64Array(WHEEL_COUNTERS);
    this.memory = memory;
    this.allocator = allocator;
  }

  /**
   * Makes an empty wheel that stands at `nowTick`, or at the tick last told, and binds to it.
   * @returns its header's ref, 0 when memory is short
   */
  create(nowTick = this.counters[WHEEL_NOW_TICK]!): number {
    const header = this.allocator.alloc(HEADER_BYTES);
    if (header === 0) return 0;
    this.memory.kernel.fill(header * 8, 0, HEADER_BYTES);
    this.memory.f64[header + CURSOR_DOUBLE] = nowTick;
    this.memory.f64[header + TARGET_DOUBLE] = nowTick;
    this.header = header;
    return header;
  }

  /** Makes the wheel of `header` the one that all calls mean; 0 for none. */
  bind(header: number): void {
    this.header = header;
  }

  /** Frees everything, the header too, and unbinds. O(chunks); see clearStep for slices. */
  destroy(): void {
    if (this.header === 0) return;
    this.clear();
    this.allocator.free(this.header);
    this.header = 0;
  }

  /** Records in the wheel, due ones not yet taken included. */
  recordCount(): number {
    return this.header === 0 ? 0 : this.memory.i32[(this.header << 1) + RECORDS]!;
  }

  /** Arms refused for lack of memory since the last clear: their keys have no record. */
  missedCount(): number {
    return this.header === 0 ? 0 : this.memory.i32[(this.header << 1) + MISSED]!;
  }

  /** Exact bytes of the wheel in the arena. */
  heldBytes(): number {
    const i32 = this.memory.i32;
    const at = this.header << 1;
    if (at === 0) return 0;
    let bytes = this.allocator.sizeOf(this.header) + (i32[at + CHUNK_BYTES]! >>> 0);
    for (let level = 0; level < LEVELS; level++) {
      const slots = i32[at + SLOTS + level]!;
      if (slots !== 0) bytes += this.allocator.sizeOf(slots);
    }
    return bytes;
  }

  /** True when the next `arm` cannot fail: its memory is there. */
  reserveArm(): boolean {
    return this.allocator.reserve(ARM_BLOCKS_MAX, ARM_BYTES_MAX);
  }

  /** Adds a record that is due at `dueTick`, now when that is past.
   * @returns false when memory is short; the miss is counted, nothing else changed
   */
  arm(hash: number, dueTick: number): boolean {
    if (this.header === 0 && this.create() === 0) return false;
    const cursor = this.memory.f64[this.header + CURSOR_DOUBLE]!;
    let distance = dueTick - cursor;
    if (distance > HORIZON_TICKS) distance = HORIZON_TICKS;
    if (distance < 0) distance = 0;
    const at = this.header << 1;
    const isPlaced = this.place(hash, (cursor + distance) | 0, distance | 0);
    this.memory.i32[at + (isPlaced ? RECORDS : MISSED)]!++;
    return isPlaced;
  }

  /** Says that it is `tick` now. O(1): the work is done by takeDue. Time never goes back. */
  advanceTo(tick: number): void {
    this.counters[WHEEL_NOW_TICK] = tick;
    if (this.header === 0) return;
    const f64 = this.memory.f64;
    if (tick <= f64[this.header + TARGET_DOUBLE]!) return;
    f64[this.header + TARGET_DOUBLE] = tick;
    if (this.memory.i32[(this.header << 1) + RECORDS] === 0) {
      f64[this.header + CURSOR_DOUBLE] = tick;
      this.memory.i32[(this.header << 1) + STAGE] = 0;
    }
  }

  /** The tick up to which records are due: the latest that advanceTo accepted. */
  targetTick(): number {
    const f64 = this.header === 0 ? this.counters : this.memory.f64;
    return f64[this.header === 0 ? WHEEL_NOW_TICK : this.header + TARGET_DOUBLE]!;
  }

  /** True while takeDue may still find something up to the tick of advanceTo. */
  hasDue(): boolean {
    if (this.header === 0) return false;
    const i32 = this.memory.i32;
    const at = this.header << 1;
    if ((i32[at + DUE]! | i32[at + CASCADE]! | i32[at + STAGE]!) !== 0) return true;
    const f64 = this.memory.f64;
    return f64[this.header + CURSOR_DOUBLE]! < f64[this.header + TARGET_DOUBLE]!;
  }

  /**
   * Ticks from the last one that was told until takeDue has something to look at again: records
   * that are due, or ones to move between levels; 0 = now, HORIZON_TICKS = never.
   */
  ticksToNext(): number {
    if (this.recordCount() === 0) return HORIZON_TICKS;
    if (this.hasDue()) return 0;
    return this.distanceToNext(this.memory.f64[this.header + CURSOR_DOUBLE]! | 0);
  }

  /**
   * Takes up to `max` due records out, earliest ticks first, and writes their hashes. A call that
   * spends its touches on moving records between levels may deliver fewer, even none: hasDue
   * tells whether to come again.
   * @returns hashes written
   */
  takeDue(out: Int32Array, max: number): number {
    if (this.header === 0) return 0;
    const at = this.header << 1;
    let taken = 0;
    let touches = TOUCHES_PER_TAKE_MAX;
    while (taken < max && touches > 0) {
      const i32 = this.memory.i32;
      if (i32[at + DUE] !== 0) {
        taken = this.deliverChunk(out, taken, max);
      } else if (i32[at + CASCADE] !== 0) {
        touches -= this.cascadeChunk();
      } else if (i32[at + STAGE] !== 0) {
        this.runStage();
        touches--;
      } else if (this.moveCursor()) {
        touches--;
      } else {
        break;
      }
    }
    this.memory.i32[at + RECORDS]! -= taken;
    this.counters[WHEEL_TOUCHES]! += taken + TOUCHES_PER_TAKE_MAX - touches;
    return taken;
  }

  /**
   * Hashes of some records by chance, for sampling keys that have a deadline: a slot near a random
   * one, its newest records. Not uniform over records: sparse slots come up more often.
   * @returns hashes written, 0 when no slot is occupied
   */
  sampleHashes(random32: number, out: Int32Array, max: number): number {
    if (this.header === 0) return 0;
    const first = (random32 >>> 10) % LEVELS;
    for (let i = 0; i < LEVELS; i++) {
      const level = (first + i) % LEVELS;
      const from = random32 & SLOT_MASK;
      const next = this.nextOccupied(level, from);
      if (next < 0) continue;
      const slots = this.memory.i32[(this.header << 1) + SLOTS + level]!;
      const chunk = this.memory.i32[(slots << 1) + ((from + next) & SLOT_MASK)]!;
      const count = Math.min(max, this.memory.i32[(chunk << 1) + 1]! & 0xffff);
      const word = (chunk << 1) + CHUNK_HEAD_WORDS;
      for (let j = 0; j < count; j++) out[j] = this.memory.i32[word + j * RECORD_WORDS]!;
      return count;
    }
    return 0;
  }

  /** Drops all records and frees all but the header. O(chunks). */
  clear(): void {
    while (this.clearStep(SLOT_COUNT));
  }

  /** Drops up to `chunksMax` chunks of records. @returns true while more is left */
  clearStep(chunksMax: number): boolean {
    if (this.header === 0) return false;
    const at = this.header << 1;
    for (let done = 0; done < chunksMax; done++) {
      const headWord = this.anyChain();
      if (headWord === 0) {
        this.freeSlots();
        return false;
      }
      const i32 = this.memory.i32;
      const chunk = i32[headWord]!;
      i32[headWord] = i32[chunk << 1]!;
      i32[at + RECORDS]! -= i32[(chunk << 1) + 1]! & 0xffff;
      this.freeChunk(chunk);
    }
    return true;
  }

  /** Puts a record where its distance from the cursor belongs; false when memory is short. */
  private place(hash: number, due: number, distance: number): boolean {
    const at = this.header << 1;
    if (distance <= 0) return this.push(at + DUE, hash, due);
    let level = 0;
    let slot = due & SLOT_MASK;
    if (distance >= LEVEL_2_TICKS) {
      level = 2;
      slot = (due >>> 20) & SLOT_MASK;
    } else if (distance >= LEVEL_1_TICKS) {
      level = 1;
      slot = (due >>> 10) & SLOT_MASK;
    }
    let slots = this.memory.i32[at + SLOTS + level]!;
    if (slots === 0) {
      slots = this.allocator.alloc(SLOT_COUNT * 4);
      if (slots === 0) return false;
      this.memory.kernel.fill(slots * 8, 0, SLOT_COUNT * 4);
      this.memory.i32[at + SLOTS + level] = slots;
    }
    if (!this.push((slots << 1) + slot, hash, due)) return false;
    this.memory.i32[at + BITMAPS + level * BITMAP_WORDS + (slot >>> 5)]! |= 1 << (slot & 31);
    return true;
  }

  /** Appends a record to the chain whose head ref is at a word; false when memory is short. */
  private push(headWord: number, hash: number, due: number): boolean {
    let i32 = this.memory.i32;
    let chunk = i32[headWord]!;
    let state = chunk === 0 ? 0 : i32[(chunk << 1) + 1]!;
    if ((state & 0xffff) === state >>> 16) {
      let capacity = chunk === 0 ? CHUNK_CAPACITY_MIN : (state >>> 16) * 2 + 1;
      if (capacity > CHUNK_CAPACITY_MAX) capacity = CHUNK_CAPACITY_MAX;
      const fresh = this.allocator.alloc((CHUNK_HEAD_WORDS + capacity * RECORD_WORDS) * 4);
      if (fresh === 0) return false;
      i32 = this.memory.i32;
      const at = this.header << 1;
      i32[at + CHUNKS]!++;
      i32[at + CHUNK_BYTES]! += this.allocator.sizeOf(fresh);
      i32[fresh << 1] = chunk;
      i32[headWord] = fresh;
      chunk = fresh;
      state = capacity << 16;
    }
    const count = state & 0xffff;
    const word = (chunk << 1) + CHUNK_HEAD_WORDS + count * RECORD_WORDS;
    i32[word] = hash;
    i32[word + 1] = due;
    i32[(chunk << 1) + 1] = state + 1;
    return true;
  }

  /** Writes records of the due list's first chunk from out[taken] on; returns the new `taken`. */
  private deliverChunk(out: Int32Array, taken: number, max: number): number {
    const i32 = this.memory.i32;
    const at = this.header << 1;
    const chunk = i32[at + DUE]!;
    const word = chunk << 1;
    const state = i32[word + 1]!;
    const count = state & 0xffff;
    let left = count;
    let next = taken;
    while (left > 0 && next < max) {
      left--;
      out[next] = i32[word + CHUNK_HEAD_WORDS + left * RECORD_WORDS]!;
      next++;
    }
    i32[word + 1] = state - count + left;
    if (left === 0) {
      i32[at + DUE] = i32[word]!;
      this.freeChunk(chunk);
    }
    return next;
  }

  /**
   * Moves the records of the cascade list's first chunk to the levels where they belong now. When
   * memory is short the chunk itself joins the due list: its records fire early, none is lost.
   * Returns records touched, at least 1.
   */
  private cascadeChunk(): number {
    const at = this.header << 1;
    const cursor = this.memory.f64[this.header + CURSOR_DOUBLE]! | 0;
    const chunk = this.memory.i32[at + CASCADE]!;
    const word = chunk << 1;
    const count = this.memory.i32[word + 1]! & 0xffff;
    let left = count;
    while (left > 0) {
      const record = word + CHUNK_HEAD_WORDS + (left - 1) * RECORD_WORDS;
      const due = this.memory.i32[record + 1]!;
      if (!this.place(this.memory.i32[record]!, due, (due - cursor) | 0)) break;
      left--;
    }
    const i32 = this.memory.i32;
    i32[at + CASCADE] = i32[word]!;
    if (left === 0) {
      this.freeChunk(chunk);
    } else {
      i32[word + 1] = i32[word + 1]! - count + left;
      i32[word] = i32[at + DUE]!;
      i32[at + DUE] = chunk;
    }
    return count + 1;
  }

  /** Does the cursor's next stage; the due and cascade lists are empty. */
  private runStage(): void {
    const i32 = this.memory.i32;
    const at = this.header << 1;
    const cursor = this.memory.f64[this.header + CURSOR_DOUBLE]! | 0;
    const stage = i32[at + STAGE]!;
    if (stage === 1) {
      this.detach(0, cursor & SLOT_MASK, at + DUE);
    } else if (stage === 2) {
      if ((cursor & (LEVEL_1_TICKS - 1)) === 0) {
        this.detach(1, (cursor >>> 10) & SLOT_MASK, at + CASCADE);
      }
    } else if ((cursor & (LEVEL_2_TICKS - 1)) === 0) {
      this.detach(2, (cursor >>> 20) & SLOT_MASK, at + CASCADE);
    }
    i32[at + STAGE] = stage - 1;
  }

  /** Hands a slot's chain over to an empty list. */
  private detach(level: number, slot: number, toWord: number): void {
    const i32 = this.memory.i32;
    const at = this.header << 1;
    const slots = i32[at + SLOTS + level]!;
    if (slots === 0) return;
    const word = (slots << 1) + slot;
    i32[toWord] = i32[word]!;
    i32[word] = 0;
    i32[at + BITMAPS + level * BITMAP_WORDS + (slot >>> 5)]! &= ~(1 << (slot & 31));
  }

  /** Moves the cursor to the next occupied slot, or to the target; false when it stands there. */
  private moveCursor(): boolean {
    const f64 = this.memory.f64;
    const cursor = f64[this.header + CURSOR_DOUBLE]!;
    const target = f64[this.header + TARGET_DOUBLE]!;
    if (cursor >= target) return false;
    const distance = this.distanceToNext(cursor | 0);
    if (cursor + distance > target) {
      f64[this.header + CURSOR_DOUBLE] = target;
      return true;
    }
    f64[this.header + CURSOR_DOUBLE] = cursor + distance;
    this.memory.i32[(this.header << 1) + STAGE] = LEVELS;
    return true;
  }

  /** Ticks from the cursor, as a word, to the next occupied slot; HORIZON_TICKS without one. */
  private distanceToNext(low: number): number {
    let distance = HORIZON_TICKS;
    const next0 = this.nextOccupied(0, (low + 1) & SLOT_MASK);
    if (next0 >= 0) distance = next0 + 1;
    const next1 = this.nextOccupied(1, ((low >>> 10) + 1) & SLOT_MASK);
    if (next1 >= 0) {
      distance = Math.min(distance, (next1 + 1) * LEVEL_1_TICKS - (low & (LEVEL_1_TICKS - 1)));
    }
    const next2 = this.nextOccupied(2, ((low >>> 20) + 1) & SLOT_MASK);
    if (next2 >= 0) {
      distance = Math.min(distance, (next2 + 1) * LEVEL_2_TICKS - (low & (LEVEL_2_TICKS - 1)));
    }
    return distance;
  }

  /** Slots from `from` on, around the level's ring, to the first occupied one; -1 when none is. */
  private nextOccupied(level: number, from: number): number {
    const i32 = this.memory.i32;
    const bitmap = (this.header << 1) + BITMAPS + level * BITMAP_WORDS;
    const belowFrom = ~(-1 << (from & 31));
    for (let step = 0; step <= BITMAP_WORDS; step++) {
      const word = ((from >>> 5) + step) & (BITMAP_WORDS - 1);
      let bits = i32[bitmap + word]!;
      if (step === 0) bits &= ~belowFrom;
      else if (step === BITMAP_WORDS) bits &= belowFrom;
      if (bits !== 0) {
        const slot = (word << 5) + 31 - Math.clz32(bits & -bits);
        return (slot - from) & SLOT_MASK;
      }
    }
    return -1;
  }

  /** The word that heads some non-empty chain, 0 when there is none. */
  private anyChain(): number {
    const i32 = this.memory.i32;
    const at = this.header << 1;
    if (i32[at + DUE] !== 0) return at + DUE;
    if (i32[at + CASCADE] !== 0) return at + CASCADE;
    for (let level = 0; level < LEVELS; level++) {
      const slot = this.nextOccupied(level, 0);
      if (slot >= 0) {
        this.detach(level, slot, at + DUE);
        return at + DUE;
      }
    }
    return 0;
  }

  private freeChunk(chunk: number): void {
    const i32 = this.memory.i32;
    const at = this.header << 1;
    i32[at + CHUNKS]!--;
    i32[at + CHUNK_BYTES]! -= this.allocator.sizeOf(chunk);
    this.allocator.free(chunk);
  }

  /** Frees the slot arrays of the emptied wheel and puts its cursor at the target. */
  private freeSlots(): void {
    const i32 = this.memory.i32;
    const at = this.header << 1;
    assert(i32[at + RECORDS] === 0, 'an empty wheel has no records');
    assert(i32[at + CHUNKS] === 0, 'an empty wheel has no chunks');
    for (let level = 0; level < LEVELS; level++) {
      const slots = i32[at + SLOTS + level]!;
      if (slots !== 0) this.allocator.free(slots);
      i32[at + SLOTS + level] = 0;
    }
    i32[at + STAGE] = 0;
    i32[at + MISSED] = 0;
    this.memory.f64[this.header + CURSOR_DOUBLE] = this.memory.f64[this.header + TARGET_DOUBLE]!;
  }
}
