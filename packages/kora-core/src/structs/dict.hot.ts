/**
 * Dict: linear hashing over 64-byte lines, all of it in the arena; this object is only a window.
 * Why: no rehash ever, about 9 bytes of index a key, a get is two cache misses (line, entry), and
 *   SCAN, expiry and snapshots fall out of the line order. Layouts: dict-layout.ts.
 * Invariants: line b's chain holds exactly the keys whose address is b; all its lines but the last
 *   are full; a slot's ref is owned by that slot; the epoch changes whenever a slot moves or the
 *   set of slots changes. Callers keep no slot across insert and removeAt.
 * Cost: find O(1); insert O(1) plus at most two line splits (about 10 keys each), a 16 KiB chunk
 *   every 256 splits, a directory copy (4 bytes a chunk) when chunks double. Nothing else moves.
 * Source: Litwin, Linear Hashing, VLDB 1980; fingerprints as in Dash, Lu et al., VLDB 2020.
 */
import { assert } from '../assert.ts';
import type { Allocator } from './allocator.hot.ts';
import {
  CHAIN_SLOTS_MAX, CHUNK_BYTES, CHUNK_LINES, CHUNK_SHIFT, DICT_CHUNKS, DICT_COUNT, DICT_DIRECTORY,
  DICT_DIRECTORY_CAPACITY, DICT_EPOCH, DICT_FIRST_LINES, DICT_GROW_AT, DICT_HEADER_BYTES,
  DICT_LEVEL, DICT_LINES, DICT_OPEN, DICT_OVERFLOW, DICT_SEED0, DICT_SEED1, DICT_SHRINK_AT,
  DICT_SNAPSHOT, DICT_SPLIT, LEVEL_MIN, LINES_MIN, LINE_BYTES, LINE_NEXT, LINE_REFS,
  LINE_SLOTS, LINE_WORDS,
} from './dict-layout.ts';
import { clearSlot, DictLines, setLimits } from './dict-lines.hot.ts';
import { entryBytesFor, entryKeyAt, entryKeyBytes, writeEntryHeader } from './entry.hot.ts';
import { hasHash, isMember, MEMBER_SAVED, setMemberHash } from './member.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** Entries up to this size may use the last holes: below the smallest chunk's class. */
const HOLE_BYTES_MAX = 896;
const RANDOM_TRIES_MAX = 64;
/** Places that are drawn and read together. */
const RANDOM_BATCH = 4;
const RANDOM_POSITIONS = 2 * LINE_SLOTS;
const WARM_ENTRIES = 4096;
const WARM_KEY_BYTES = 8;

/** Reverses the 32 bits of a word. An int32: a u32 would be boxed on its way out. */
function reverse32(value: number): number {
  let x = value | 0;
  x = ((x >>> 1) & 0x55555555) | ((x & 0x55555555) << 1);
  x = ((x >>> 2) & 0x33333333) | ((x & 0x33333333) << 2);
  x = ((x >>> 4) & 0x0f0f0f0f) | ((x & 0x0f0f0f0f) << 4);
  x = ((x >>> 8) & 0x00ff00ff) | ((x & 0x00ff00ff) << 8);
  return (x >>> 16) | (x << 16);
}

/** A u32 as a fraction from 0 to below 1. */
function fraction(random32: number): number {
  return (random32 >>> 0) / 4_294_967_296;
}

/** The next random word made of one: enough to try another place. Source: murmur3's finaliser. */
function nextRandom(word: number): number {
  let x = (word + 0x9e3779b9) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/** Saves members of an open dict (DICT_OPEN) before they change or go. */
export interface MemberKeeper {
  saveMember(header: number, ref: number): void;
}

/** A flyweight: one object can be bound to any header of its memory. Owner: the memory's thread. */
export class Dict {
  readonly memory: WorkerMemory;
  readonly allocator: Allocator;
  /** Seeds of dicts made by {@link create}; a bound dict uses those in its header. */
  readonly seed0: number;
  readonly seed1: number;
  /** Ref of the bound header, 0 when none is. Set by create and bind only. */
  header: number;
  /** Of the snapshot that is being taken; null without one, for no dict is open then. */
  keeper: MemberKeeper | null;
  /** Work done by this object, indexed by DICT_WORK_*. */
  readonly counters: Float64Array;
  readonly #lines: DictLines;
  readonly #slots: Int32Array;
  /** Line, position and word of each place drawn. */
  readonly #drawn: Int32Array;

  /** The seeds are 64 random bits, one pair per process. */
  constructor(memory: WorkerMemory, allocator: Allocator, seed0: number, seed1: number) {
    this.memory = memory;
    this.allocator = allocator;
    this.seed0 = seed0 | 0;
    this.seed1 = seed1 | 0;
    this.header = 0;
    this.keeper = null;
    this.#lines = new DictLines(memory, allocator);
    this.counters = this.#lines.counters;
    this.#slots = new Int32Array(CHAIN_SLOTS_MAX);
    this.#drawn = new Int32Array(RANDOM_BATCH * 3);
  }

  /** Makes an empty dict and binds to it. @returns its header; 0: memory is full, nothing leaks */
  create(): number {
    const allocator = this.allocator;
    const header = allocator.alloc(DICT_HEADER_BYTES);
    const directory = header === 0 ? 0 : allocator.alloc(4);
    const chunk = directory === 0 ? 0 : allocator.alloc(LINES_MIN * LINE_BYTES);
    if (chunk === 0) {
      if (directory !== 0) allocator.free(directory);
      if (header !== 0) allocator.free(header);
      return 0;
    }
    this.memory.kernel.fill(header * 8, 0, DICT_HEADER_BYTES);
    this.memory.kernel.fill(chunk * 8, 0, LINES_MIN * LINE_BYTES);
    const i32 = this.memory.i32;
    const word = header << 1;
    i32[directory << 1] = chunk << 1;
    i32[word + DICT_LEVEL] = LEVEL_MIN;
    i32[word + DICT_LINES] = LINES_MIN;
    i32[word + DICT_DIRECTORY] = directory;
    i32[word + DICT_CHUNKS] = 1;
    i32[word + DICT_DIRECTORY_CAPACITY] = 1;
    i32[word + DICT_SEED0] = this.seed0;
    i32[word + DICT_SEED1] = this.seed1;
    i32[word + DICT_FIRST_LINES] = LINES_MIN;
    this.header = header;
    setLimits(i32, word);
    return header;
  }

  /** Makes this object a window on the dict with that header; 0 unbinds. */
  bind(header: number): void {
    this.header = header;
  }

  /** Frees lines, chunks and header, not the entries, and unbinds. O(lines) if lines overflowed. */
  destroy(): void {
    assert(this.header !== 0, 'a destroyed dict is bound');
    this.#lines.freeAll(this.header << 1);
    this.allocator.free(this.header);
    this.header = 0;
  }

  /** Entries in the dict. */
  count(): number {
    return this.memory.i32[(this.header << 1) + DICT_COUNT]!;
  }

  /** Lines with an address of their own: 0 .. lines - 1. */
  lines(): number {
    return this.memory.i32[(this.header << 1) + DICT_LINES]!;
  }

  /** Changes whenever a slot moves or the set of slots changes. Wraps after 2^32 changes. */
  epoch(): number {
    return this.memory.i32[(this.header << 1) + DICT_EPOCH]!;
  }

  /** Bytes of header, directory, chunks and overflow lines, without rounding of the allocator. */
  indexBytes(): number {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    const wholeChunks = i32[word + DICT_CHUNKS]! - 1;
    const lines = i32[word + DICT_FIRST_LINES]! + i32[word + DICT_OVERFLOW]!;
    const directoryBytes = i32[word + DICT_DIRECTORY_CAPACITY]! * 4;
    return DICT_HEADER_BYTES + directoryBytes + wholeChunks * CHUNK_BYTES + lines * LINE_BYTES;
  }

  /** Hash of key bytes anywhere in the memory, an int32. */
  hashOf(keyAt: number, keyBytes: number): number {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    return this.memory.kernel.hash(
      keyAt, keyBytes, i32[word + DICT_SEED0]!, i32[word + DICT_SEED1]!,
    );
  }

  /** Hash of the key in an entry. */
  hashOfEntry(ref: number): number {
    const i32 = this.memory.i32;
    return this.hashOf(entryKeyAt(i32, ref), entryKeyBytes(i32, ref));
  }

  /** Word index of the slot whose entry has the key, 0 when absent. The ref is `i32[slot]`. */
  find(keyAt: number, keyBytes: number, hash: number): number {
    return this.memory.kernel.find(this.header * 8, keyAt, keyBytes, hash);
  }

  /**
   * Gives the dict lines for so many entries, as far as memory goes: for loading keys in an order
   * that is not random, as another dict of the same seeds gives them.
   */
  growFor(count: number): void {
    this.#lines.growFor(this.header << 1, count);
  }

  /** Word index of the slot of an entry that is in the dict; `hash` is the entry's. */
  slotOf(ref: number, hash: number): number {
    const i32 = this.memory.i32;
    let at = this.addressLine(this.lineOf(hash));
    for (;;) {
      for (let slot = at + LINE_REFS; slot < at + LINE_WORDS; slot++) {
        if (i32[slot] === ref) return slot;
      }
      const next = i32[at + LINE_NEXT]!;
      assert(next !== 0, 'an entry is in the chain of its hash');
      at = next << 1;
    }
  }

  /**
   * Finds many keys at once; see {@link Kernel.findBatch} for the records at byte offset `list`.
   */
  findBatch(list: number, count: number): void {
    this.memory.kernel.findBatch(list, count, this.header * 8);
  }

  /**
   * Makes room for one entry of `entryBytes` and its slot: after true, alloc(entryBytes) and insert
   * cannot fail. Growth of the dict looks after itself and is left out when memory is short.
   */
  reserveInsert(entryBytes: number): boolean {
    if (this.allocator.reserve(2, entryBytes + LINE_BYTES)) return true;
    // Near the limit holes in slabs at hand will do, when no other block competes for them: of the
    // overflow line's class, or of the classes of a small chunk that a removal may halve.
    if (entryBytes > HOLE_BYTES_MAX) return false;
    if (!this.allocator.hasBlock(LINE_BYTES) || !this.allocator.hasBlock(entryBytes)) return false;
    return this.allocator.realBytes(entryBytes) !== this.allocator.realBytes(LINE_BYTES);
  }

  /**
   * Gives the entry a slot. The key is absent and the caller reserved ({@link reserveInsert}). A
   * member that carries its hash is told it here.
   * @returns the slot's word index, valid until the next insert or removal
   */
  insert(hash: number, ref: number): number {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    const count = i32[word + DICT_COUNT]! + 1;
    i32[word + DICT_COUNT] = count;
    i32[word + DICT_EPOCH]! += 1;
    if (isMember(i32, ref)) {
      this.#markSaved(ref);
      if (hasHash(i32, ref)) setMemberHash(i32, ref, hash);
    }
    if (count > i32[word + DICT_GROW_AT]!) this.#lines.grow(word, count);
    return this.#lines.put(word, this.addressLine(this.lineOf(hash)), hash, ref);
  }

  /**
   * Empties a slot. Does not free the entry. `hash` is the entry's. May move the chain's last entry
   * into the hole and may merge two lines: slots found before are void, also those of other keys.
   */
  removeAt(slot: number, hash: number): void {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    assert(i32[slot] !== 0, 'a removed slot is occupied');
    this.noteChange(i32[slot]!);
    const home = this.addressLine(this.lineOf(hash));
    const next = i32[home + LINE_NEXT]!;
    if (next === 0) {
      assert((slot & ~(LINE_WORDS - 1)) === home, 'a removed slot lies in the chain of its hash');
      clearSlot(i32, slot);
    } else {
      this.#lines.removeFromChain(word, home, slot);
    }
    const count = i32[word + DICT_COUNT]! - 1;
    i32[word + DICT_COUNT] = count;
    i32[word + DICT_EPOCH]! += 1;
    if (count < i32[word + DICT_SHRINK_AT]!) this.#lines.mergeLast(word);
  }

  /** Puts another block of the same key into the slot. The epoch stays. */
  replaceAt(slot: number, ref: number): void {
    this.memory.i32[slot] = ref;
    if (isMember(this.memory.i32, ref)) this.#markSaved(ref);
  }

  /** To be called before a member changes in its place. */
  noteChange(ref: number): void {
    const i32 = this.memory.i32;
    const mark = i32[(this.header << 1) + DICT_SNAPSHOT]!;
    if ((mark & DICT_OPEN) === 0 || ((mark ^ i32[ref << 1]!) & MEMBER_SAVED) === 0) return;
    assert(this.keeper !== null, 'an open dict is changed where its snapshot hears of it');
    this.keeper.saveMember(this.header, ref);
  }

  /** A member with a place of its own here need not be saved. */
  #markSaved(ref: number): void {
    const i32 = this.memory.i32;
    const mark = i32[(this.header << 1) + DICT_SNAPSHOT]! & MEMBER_SAVED;
    i32[ref << 1] = (i32[ref << 1]! & ~MEMBER_SAVED) | mark;
  }

  /** Line that the hash belongs to now. */
  lineOf(hash: number): number {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    const level = i32[word + DICT_LEVEL]!;
    const line = hash & ((1 << level) - 1);
    if (line < i32[word + DICT_SPLIT]!) return hash & ((2 << level) - 1);
    return line;
  }

  /** Word index of the first word of a hash's line. */
  lineOfHash(hash: number): number {
    return this.addressLine(this.lineOf(hash));
  }

  /** Word index of a line's first word. */
  addressLine(line: number): number {
    const i32 = this.memory.i32;
    const directory = i32[(this.header << 1) + DICT_DIRECTORY]! << 1;
    return i32[directory + (line >>> CHUNK_SHIFT)]! + ((line & (CHUNK_LINES - 1)) << 4);
  }

  /** Writes the chain's occupied slots into `out`, CHAIN_SLOTS_MAX long. @returns how many */
  collectLine(line: number, out: Int32Array): number {
    assert(out.length >= CHAIN_SLOTS_MAX, 'out takes any chain');
    const i32 = this.memory.i32;
    let count = 0;
    let at = this.addressLine(line);
    for (;;) {
      for (let slot = at + LINE_REFS; slot < at + LINE_WORDS; slot++) {
        if (i32[slot] !== 0) out[count++] = slot;
      }
      const next = i32[at + LINE_NEXT]!;
      if (next === 0) return count;
      at = next << 1;
    }
  }

  /**
   * Moves the overflow lines of a chain out of sparse slabs; the entries are the caller's to move.
   * @returns lines moved: slots of this chain found before are void unless it is 0
   */
  evacuateLine(line: number): number {
    const moved = this.#lines.evacuateChain(this.addressLine(line));
    if (moved !== 0) this.memory.i32[(this.header << 1) + DICT_EPOCH]! += 1;
    return moved;
  }

  /**
   * Frees the overflow lines of a line whose entries the caller has freed: what is left of a dict
   * that is taken apart line by line, so that {@link destroy} at its end is short. Nothing else may
   * be asked of such a dict.
   */
  freeOverflow(line: number): void {
    this.#lines.freeOverflow(this.header << 1, this.addressLine(line));
  }

  /**
   * Frees up to `chunksMax` chunks of lines of a dict that is being taken apart, when all lines
   * have been through {@link freeOverflow}. @returns true while more are left
   */
  freeChunks(chunksMax: number): boolean {
    assert(this.memory.i32[(this.header << 1) + DICT_OVERFLOW] === 0, 'no line has an overflow');
    return this.#lines.freeChunks(this.header << 1, chunksMax);
  }

  /** Line that a scan at this cursor visits. Start with 0. */
  lineAtCursor(cursor: number): number {
    return this.lineOf(reverse32(cursor));
  }

  /**
   * Next cursor, 0 when the scan is done. A cursor is a position in the bit-reversed hash space:
   * the line covering it is visited and the next cursor is the end of that line's interval. So a
   * key present during the whole scan is met whatever grows or shrinks in between, perhaps twice.
   */
  scanNext(cursor: number): number {
    const i32 = this.memory.i32;
    const word = this.header << 1;
    const level = i32[word + DICT_LEVEL]!;
    const line = reverse32(cursor) & ((1 << level) - 1);
    const bits = line < i32[word + DICT_SPLIT]! ? level + 1 : level;
    const interval = 1 << (32 - bits);
    return ((cursor & -interval) + interval) >>> 0;
  }

  /**
   * A slot by chance, 0 when the dict is empty. Every entry is as likely as any other: a line and a
   * position are drawn until an entry lies there. Positions 0 to 11 are the line's own slots; where
   * lines have overflowed, twelve more stand for that. (Only entries of chains of three lines, of
   * which there is one in twenty thousand at the highest load, come up a little less.)
   * RANDOM_BATCH draws are read together, so that their misses overlap. A dict of few lines is
   * counted through instead.
   * @param random32 u32, picks the line; @param random32b u32, picks the entry
   */
  randomSlot(random32: number, random32b: number): number {
    const lines = this.lines();
    const count = this.count();
    if (count === 0) return 0;
    if (lines <= LINES_MIN) return this.#slotAt(Math.floor(fraction(random32b) * count));
    const i32 = this.memory.i32;
    const drawn = this.#drawn;
    const hasOverflow = i32[(this.header << 1) + DICT_OVERFLOW] !== 0;
    const positions = hasOverflow ? RANDOM_POSITIONS : LINE_SLOTS;
    let randomLine = random32 | 0;
    let randomEntry = random32b | 0;
    let line = 0;
    for (let tries = 0; tries < RANDOM_TRIES_MAX; tries += RANDOM_BATCH) {
      for (let i = 0; i < RANDOM_BATCH; i++) {
        line = Math.floor(fraction(randomLine) * lines);
        const home = this.addressLine(line);
        const position = ((randomEntry >>> 16) * positions) >>> 16;
        drawn[i * 3] = home;
        drawn[i * 3 + 1] = position;
        // The word with the slot's fingerprint, or the overflow line.
        drawn[i * 3 + 2] = i32[home + (position < LINE_SLOTS ? position >>> 2 : LINE_NEXT)]!;
        randomLine = nextRandom(randomLine);
        randomEntry = nextRandom(randomEntry ^ random32);
      }
      for (let i = 0; i < RANDOM_BATCH; i++) {
        const word = drawn[i * 3 + 2]!;
        if (word === 0) continue;
        const position = drawn[i * 3 + 1]!;
        if (position >= LINE_SLOTS) {
          const slot = this.#overflowSlot(word, position - LINE_SLOTS, randomEntry);
          if (slot !== 0) return slot;
        } else if (((word >>> ((position & 3) << 3)) & 0xff) !== 0) {
          return drawn[i * 3]! + LINE_REFS + position;
        }
      }
    }
    let entries = 0;
    for (; entries === 0; line = line + 1 < lines ? line + 1 : 0) {
      entries = this.collectLine(line, this.#slots);
    }
    return this.#slots[Math.floor(fraction(randomEntry) * entries)]!;
  }

  /** Slot in the overflow lines from `first` on: the `index`-th, or one by chance; 0 = none. */
  #overflowSlot(first: number, index: number, random32: number): number {
    const i32 = this.memory.i32;
    let entries = 0;
    for (let next = first; next !== 0; next = i32[(next << 1) + LINE_NEXT]!) {
      const at = next << 1;
      for (let slot = at + LINE_REFS; slot < at + LINE_WORDS; slot++) {
        if (i32[slot] !== 0) this.#slots[entries++] = slot;
      }
    }
    if (entries > RANDOM_POSITIONS - LINE_SLOTS) {
      return this.#slots[Math.floor(fraction(random32) * entries)]!;
    }
    return index < entries ? this.#slots[index]! : 0;
  }

  /** Slot of the n-th entry in line order. O(lines). */
  #slotAt(index: number): number {
    let left = index;
    for (let line = 0; ; line++) {
      const entries = this.collectLine(line, this.#slots);
      if (left < entries) return this.#slots[left]!;
      left -= entries;
    }
  }

  /**
   * Runs growth, split, chunk, directory, overflow, shrink and destruction once on a throw-away
   * dict, so that none of it is compiled for the first time under traffic.
   * @returns false when memory is short; nothing has run then
   */
  warmRarePaths(): boolean {
    const boundHeader = this.header;
    const allocator = this.allocator;
    const entryBytes = entryBytesFor(WARM_KEY_BYTES, 0, false);
    const isPossible = allocator.reserve(WARM_ENTRIES * 2, WARM_ENTRIES * (entryBytes + LINE_BYTES))
      && this.create() !== 0;
    if (!isPossible) {
      this.header = boundHeader;
      return false;
    }
    for (let i = 0; i < WARM_ENTRIES; i++) {
      const ref = allocator.alloc(entryBytes);
      writeEntryHeader(this.memory.i32, ref, 0, WARM_KEY_BYTES, 0);
      const keyAt = entryKeyAt(this.memory.i32, ref);
      this.memory.i32[keyAt / 4] = i;
      this.memory.i32[keyAt / 4 + 1] = ~i;
      this.insert(this.hashOfEntry(ref), ref);
    }
    for (let cursor = this.scanNext(0); cursor !== 0; cursor = this.scanNext(cursor)) {
      this.collectLine(this.lineAtCursor(cursor), this.#slots);
    }
    let random = 1;
    while (this.count() > 0) {
      random = nextRandom(random);
      const ref = this.memory.i32[this.randomSlot(random, random)]!;
      const hash = this.hashOfEntry(ref);
      const keyAt = entryKeyAt(this.memory.i32, ref);
      this.removeAt(this.find(keyAt, WARM_KEY_BYTES, hash), hash);
      allocator.free(ref);
    }
    this.destroy();
    this.header = boundHeader;
    this.counters.fill(0);
    return true;
  }
}
