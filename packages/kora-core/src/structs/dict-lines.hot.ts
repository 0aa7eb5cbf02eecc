/**
 * The lines of a dict: how chains fill, split, merge and empty, and how chunks follow.
 * Apart from dict.hot.ts, which is what callers see; drawn in dict-layout.ts.
 * Invariants: all lines of a chain but the last are full; rebuilding a chain needs no memory (its
 *   own overflow lines are used again), so only a new chunk, a new directory and one overflow line
 *   of an insert ever allocate; a chunk is not zeroed, each line is when a split creates it.
 * Work per call: one chain taken apart and put together, CHAIN_SLOTS_MAX entries at worst and about
 *   10 as a rule; a chunk-0 copy of 8 KiB at most; a directory copy of 4 bytes a chunk.
 */
import { assert } from '../assert.ts';
import type { Allocator } from './allocator.hot.ts';
import {
  CHAIN_LINES_MAX, CHAIN_SLOTS_MAX, CHUNK_BYTES, CHUNK_LINES, CHUNK_SHIFT, DICT_CHUNKS,
  DICT_DIRECTORY, DICT_DIRECTORY_CAPACITY, DICT_FIRST_LINES, DICT_GROW_AT, DICT_LEVEL, DICT_LINES,
  DICT_OVERFLOW, DICT_SEED0, DICT_SEED1, DICT_SHRINK_AT, DICT_SPLIT, LEVEL_MAX, LINES_MIN,
  LINE_BYTES, LINE_LOAD_HALVES, LINE_LOAD_MIN, LINE_NEXT, LINE_REFS, LINE_SLOTS, LINE_WORDS,
  SPLITS_PER_INSERT_MAX,
} from './dict-layout.ts';
import { entryKeyAt, entryKeyBytes } from './entry.hot.ts';
import { hasHash, memberHash } from './member.hot.ts';
import type { WorkerMemory } from './worker-memory.ts';

/** Indices of the work counters: work done since the object was made. */
export const DICT_WORK_SPLITS = 0;
export const DICT_WORK_MERGES = 1;
/** Bytes of lines and directories copied to another place. */
export const DICT_WORK_BYTES_MOVED = 2;
export const DICT_WORK_CHUNKS = 3;
export const DICT_WORK_OVERFLOW_LINES = 4;
export const DICT_WORK_DIRECTORY_COPIES = 5;
/** Entries whose hash was asked for again because their line split. */
export const DICT_WORK_REHASHED = 6;
export const DICT_WORK_COUNTERS = 7;

const ONES = 0x01010101;
const HIGH_BITS = 0x80808080;

/** Sets the counts at which the dict grows and shrinks. `word`: the header's first word. */
export function setLimits(i32: Int32Array, word: number): void {
  const lines = i32[word + DICT_LINES]!;
  i32[word + DICT_GROW_AT] = (lines * LINE_LOAD_HALVES) >> 1;
  i32[word + DICT_SHRINK_AT] = lines > LINES_MIN ? lines * LINE_LOAD_MIN : 0;
}

/** Empties a slot and its fingerprint. */
export function clearSlot(i32: Int32Array, slot: number): void {
  const index = (slot & (LINE_WORDS - 1)) - LINE_REFS;
  const word = (slot & ~(LINE_WORDS - 1)) + (index >>> 2);
  i32[slot] = 0;
  i32[word]! &= ~(0xff << ((index & 3) << 3));
}

/** Sixteen stores: a call of fill takes as long as all else that is done to a line. */
function zeroLine(i32: Int32Array, at: number): void {
  for (let word = at; word < at + LINE_WORDS; word++) i32[word] = 0;
}

/** Word index of a line's first word. */
function lineAddress(i32: Int32Array, word: number, line: number): number {
  const directory = i32[word + DICT_DIRECTORY]! << 1;
  return i32[directory + (line >>> CHUNK_SHIFT)]! + ((line & (CHUNK_LINES - 1)) << 4);
}

export class DictLines {
  readonly memory: WorkerMemory;
  readonly allocator: Allocator;
  readonly counters: Float64Array;
  /** The chain being rebuilt: its refs and their hashes. */
  readonly #refs: Int32Array;
  readonly #hashes: Int32Array;
  /** Its overflow lines, to be used again first. */
  readonly #spare: Int32Array;
  #spareCount: number;

  constructor(memory: WorkerMemory, allocator: Allocator) {
    this.memory = memory;
    this.allocator = allocator;
    this.counters = new Float64Array(DICT_WORK_COUNTERS);
    this.#refs = new Int32Array(CHAIN_SLOTS_MAX * 2);
    this.#hashes = new Int32Array(CHAIN_SLOTS_MAX * 2);
    this.#spare = new Int32Array(CHAIN_LINES_MAX * 2);
    this.#spareCount = 0;
  }

  /** Puts the ref into the first free slot of the chain, adding a line when all are full. */
  put(word: number, home: number, hash: number, ref: number): number {
    let i32 = this.memory.i32;
    const top = hash >>> 24;
    const fingerprint = top === 0 ? 1 : top;
    let at = home;
    for (let lines = 1; ; lines++) {
      for (let i = 0; i < 3; i++) {
        const x = i32[at + i]!;
        const empty = (x - ONES) & ~x & HIGH_BITS; // The lowest flagged byte is truly empty.
        if (empty !== 0) {
          const shift = (31 - Math.clz32(empty & -empty)) & 24;
          const slot = at + LINE_REFS + (i << 2) + (shift >>> 3);
          i32[at + i] = x | (fingerprint << shift);
          i32[slot] = ref;
          return slot;
        }
      }
      let next = i32[at + LINE_NEXT]!;
      if (next === 0) {
        assert(lines < CHAIN_LINES_MAX, 'a chain stays short: the hash spreads keys');
        next = this.#takeOverflow(word);
        i32 = this.memory.i32;
        i32[at + LINE_NEXT] = next;
      }
      at = next << 1;
    }
  }

  /** Moves the chain's last entry into the hole, so that every line but the last stays full. */
  removeFromChain(word: number, home: number, slot: number): void {
    const i32 = this.memory.i32;
    const slotLine = slot & ~(LINE_WORDS - 1);
    let isInChain = slotLine === home;
    let before = home;
    let last = i32[home + LINE_NEXT]! << 1;
    while (i32[last + LINE_NEXT] !== 0) {
      isInChain ||= slotLine === last;
      before = last;
      last = i32[last + LINE_NEXT]! << 1;
    }
    isInChain ||= slotLine === last;
    assert(isInChain, 'a removed slot lies in the chain of its hash');
    let lastSlot = last + LINE_WORDS - 1;
    while (i32[lastSlot] === 0) lastSlot--;
    if (lastSlot !== slot) {
      const from = (lastSlot & (LINE_WORDS - 1)) - LINE_REFS;
      const to = (slot & (LINE_WORDS - 1)) - LINE_REFS;
      const byte = (i32[last + (from >>> 2)]! >>> ((from & 3) << 3)) & 0xff;
      const toShift = (to & 3) << 3;
      const toWord = slotLine + (to >>> 2);
      i32[toWord] = (i32[toWord]! & ~(0xff << toShift)) | (byte << toShift);
      i32[slot] = i32[lastSlot]!;
    }
    clearSlot(i32, lastSlot);
    if (lastSlot === last + LINE_REFS) {
      i32[before + LINE_NEXT] = 0;
      this.allocator.free(last >>> 1);
      i32[word + DICT_OVERFLOW]! -= 1;
    }
  }

  /** Splits lines until the load is right again, at most SPLITS_PER_INSERT_MAX. */
  grow(word: number, count: number): void {
    for (let splits = 0; splits < SPLITS_PER_INSERT_MAX; splits++) {
      if (!this.#splitNext(word)) return;
      if (count <= this.memory.i32[word + DICT_GROW_AT]!) return;
    }
  }

  /** Splits lines until the dict holds `count` entries without, or memory is short. */
  growFor(word: number, count: number): void {
    while (count > this.memory.i32[word + DICT_GROW_AT]!) if (!this.#splitNext(word)) return;
  }

  /** Merges the last line into the one it was split from, unless that needs one more line. */
  mergeLast(word: number): void {
    const i32 = this.memory.i32;
    let level = i32[word + DICT_LEVEL]!;
    let split = i32[word + DICT_SPLIT]!;
    if (split === 0) {
      level--;
      split = 1 << level;
    }
    const to = split - 1;
    const from = to + (1 << level);
    const toAt = lineAddress(i32, word, to);
    const fromAt = lineAddress(i32, word, from);
    if (!this.#isMergePossible(toAt, fromAt)) return;
    // All go to one line, for which a fingerprint is hash enough: no entry is read.
    const isShort = i32[toAt + LINE_NEXT] === 0 && i32[fromAt + LINE_NEXT] === 0;
    const kept = isShort ? 0 : this.#gather(word, toAt, 0);
    const count = this.#gather(word, fromAt, kept);
    for (let i = 0; i < count; i++) this.put(word, toAt, this.#hashes[i]!, this.#refs[i]!);
    this.#freeSpare();
    i32[word + DICT_LEVEL] = level;
    i32[word + DICT_SPLIT] = to;
    i32[word + DICT_LINES] = from;
    this.counters[DICT_WORK_MERGES]! += 1;
    this.#releaseLine(word, from);
    setLimits(this.memory.i32, word);
  }

  /** Moves overflow lines of this chain out of sparse slabs. @returns how many moved */
  evacuateChain(home: number): number {
    const allocator = this.allocator;
    let moved = 0;
    for (let at = home; ;) {
      const line = this.memory.i32[at + LINE_NEXT]!;
      if (line === 0) return moved;
      let next = line;
      if (allocator.isSparse(line) && allocator.hasBlock(LINE_BYTES)) {
        next = allocator.alloc(LINE_BYTES);
        this.memory.kernel.copy(next * 8, line * 8, LINE_BYTES);
        this.memory.i32[at + LINE_NEXT] = next;
        allocator.free(line);
        this.counters[DICT_WORK_BYTES_MOVED]! += LINE_BYTES;
        moved++;
      }
      at = next << 1;
    }
  }

  /** Frees the overflow lines of a chain whose entries are gone or noted elsewhere. */
  freeOverflow(word: number, home: number): void {
    const i32 = this.memory.i32;
    let line = i32[home + LINE_NEXT]!;
    i32[home + LINE_NEXT] = 0;
    while (line !== 0) {
      const next = i32[(line << 1) + LINE_NEXT]!;
      this.allocator.free(line);
      i32[word + DICT_OVERFLOW]! -= 1;
      line = next;
    }
  }

  /** Frees up to `chunksMax` chunks from the end, never the first. True while more are left. */
  freeChunks(word: number, chunksMax: number): boolean {
    const i32 = this.memory.i32;
    const directory = i32[word + DICT_DIRECTORY]! << 1;
    let chunks = i32[word + DICT_CHUNKS]!;
    for (let freed = 0; freed < chunksMax && chunks > 1; freed++) {
      chunks--;
      this.allocator.free(i32[directory + chunks]! >>> 1);
    }
    i32[word + DICT_CHUNKS] = chunks;
    return chunks > 1;
  }

  /** Frees overflow lines, chunks and directory; not the header, not the entries. */
  freeAll(word: number): void {
    const i32 = this.memory.i32;
    const allocator = this.allocator;
    if (i32[word + DICT_OVERFLOW] !== 0) {
      const lines = i32[word + DICT_LINES]!;
      for (let line = 0; line < lines; line++) {
        this.freeOverflow(word, lineAddress(i32, word, line));
      }
    }
    const directory = i32[word + DICT_DIRECTORY]!;
    const chunks = i32[word + DICT_CHUNKS]!;
    for (let chunk = 0; chunk < chunks; chunk++) {
      allocator.free(i32[(directory << 1) + chunk]! >>> 1);
    }
    allocator.free(directory);
  }

  /** Splits the line whose turn it is. False when memory or the hash's line bits are used up. */
  #splitNext(word: number): boolean {
    const level = this.memory.i32[word + DICT_LEVEL]!;
    const from = this.memory.i32[word + DICT_SPLIT]!;
    const bit = 1 << level;
    if (level >= LEVEL_MAX || !this.#ensureLine(word, from + bit)) return false;
    const i32 = this.memory.i32;
    const fromAt = lineAddress(i32, word, from);
    const toAt = lineAddress(i32, word, from + bit);
    const count = this.#gather(word, fromAt, 0);
    this.#hashGathered(word, count);
    zeroLine(i32, toAt);
    for (let i = 0; i < count; i++) {
      const hash = this.#hashes[i]!;
      this.put(word, (hash & bit) === 0 ? fromAt : toAt, hash, this.#refs[i]!);
    }
    this.#freeSpare();
    i32[word + DICT_LINES] = from + bit + 1;
    i32[word + DICT_SPLIT] = from + 1;
    if (from + 1 === bit) {
      i32[word + DICT_LEVEL] = level + 1;
      i32[word + DICT_SPLIT] = 0;
    }
    this.counters[DICT_WORK_SPLITS]! += 1;
    this.counters[DICT_WORK_REHASHED]! += count;
    setLimits(i32, word);
    return true;
  }

  /**
   * A zeroed overflow line: one of the chain being rebuilt, else a new block, which was reserved.
   */
  #takeOverflow(word: number): number {
    let line = 0;
    if (this.#spareCount > 0) {
      this.#spareCount--;
      line = this.#spare[this.#spareCount]!;
    } else {
      line = this.allocator.alloc(LINE_BYTES);
      assert(line !== 0, 'an overflow line was reserved');
      this.counters[DICT_WORK_OVERFLOW_LINES]! += 1;
    }
    const i32 = this.memory.i32;
    zeroLine(i32, line << 1);
    i32[word + DICT_OVERFLOW]! += 1;
    return line;
  }

  /**
   * Takes a chain apart: refs from `count` on, in place of the hashes what their fingerprints tell
   * of them, its overflow lines to the spare ones, home zeroed.
   */
  #gather(word: number, home: number, count: number): number {
    const i32 = this.memory.i32;
    const refs = this.#refs;
    const hashes = this.#hashes;
    let gathered = count;
    let at = home;
    for (;;) {
      for (let index = 0; index < LINE_SLOTS; index++) {
        const ref = i32[at + LINE_REFS + index]!;
        if (ref === 0) continue;
        refs[gathered] = ref;
        hashes[gathered] = (i32[at + (index >>> 2)]! >>> ((index & 3) << 3)) << 24;
        gathered++;
      }
      const next = i32[at + LINE_NEXT]!;
      if (next === 0) break;
      this.#spare[this.#spareCount] = next;
      this.#spareCount++;
      i32[word + DICT_OVERFLOW]! -= 1;
      at = next << 1;
    }
    zeroLine(i32, home);
    return gathered;
  }

  #freeSpare(): void {
    while (this.#spareCount > 0) {
      this.#spareCount--;
      this.allocator.free(this.#spare[this.#spareCount]!);
    }
  }

  /** Hashes the gathered refs. Reads two words of each first, so that their misses overlap. */
  #hashGathered(word: number, count: number): void {
    const i32 = this.memory.i32;
    const kernel = this.memory.kernel;
    const refs = this.#refs;
    const hashes = this.#hashes;
    const seed0 = i32[word + DICT_SEED0]!;
    const seed1 = i32[word + DICT_SEED1]!;
    let sink = 0;
    for (let i = 0; i < count; i++) sink ^= i32[refs[i]! << 1]! ^ i32[(refs[i]! << 1) + 1]!;
    hashes[0] = sink; // A use of the reads; the loop below overwrites it.
    for (let i = 0; i < count; i++) {
      const ref = refs[i]!;
      hashes[i] = hasHash(i32, ref)
        ? memberHash(i32, ref)
        : kernel.hash(entryKeyAt(i32, ref), entryKeyBytes(i32, ref), seed0, seed1);
    }
  }

  /**
   * Rebuilding must not allocate, because a caller's reserve may be open: the lines must suffice.
   */
  #isMergePossible(toAt: number, fromAt: number): boolean {
    const lines = chainLines(this.memory.i32, toAt) + chainLines(this.memory.i32, fromAt) - 1;
    if (lines > CHAIN_LINES_MAX) return false;
    const entries = chainEntries(this.memory.i32, toAt) + chainEntries(this.memory.i32, fromAt);
    return entries <= lines * LINE_SLOTS;
  }

  /** Makes sure that the next line has a place. False when memory is short. */
  #ensureLine(word: number, line: number): boolean {
    const i32 = this.memory.i32;
    const chunks = i32[word + DICT_CHUNKS]!;
    const firstLines = i32[word + DICT_FIRST_LINES]!;
    if (firstLines < CHUNK_LINES) {
      return line < firstLines || this.#resizeFirstChunk(word, firstLines * 2);
    }
    return line >>> CHUNK_SHIFT < chunks || this.#addChunk(word);
  }

  #addChunk(word: number): boolean {
    const allocator = this.allocator;
    const chunks = this.memory.i32[word + DICT_CHUNKS]!;
    const capacity = this.memory.i32[word + DICT_DIRECTORY_CAPACITY]!;
    const directoryBytes = chunks === capacity ? capacity * 8 : 0;
    // Growing is left out when it would eat what the caller reserved for its own blocks.
    if (!allocator.reserveBeside(2, CHUNK_BYTES + directoryBytes)) return false;
    if (directoryBytes !== 0) this.#doubleDirectory(word, capacity);
    const chunk = allocator.alloc(CHUNK_BYTES);
    assert(chunk !== 0, 'a chunk was reserved');
    const i32 = this.memory.i32;
    i32[(i32[word + DICT_DIRECTORY]! << 1) + chunks] = chunk << 1;
    i32[word + DICT_CHUNKS] = chunks + 1;
    this.counters[DICT_WORK_CHUNKS]! += 1;
    return true;
  }

  #doubleDirectory(word: number, capacity: number): void {
    const fresh = this.allocator.alloc(capacity * 8);
    assert(fresh !== 0, 'a directory was reserved');
    const i32 = this.memory.i32;
    const old = i32[word + DICT_DIRECTORY]!;
    this.memory.kernel.copy(fresh * 8, old * 8, capacity * 4);
    this.allocator.free(old);
    i32[word + DICT_DIRECTORY] = fresh;
    i32[word + DICT_DIRECTORY_CAPACITY] = capacity * 2;
    this.counters[DICT_WORK_DIRECTORY_COPIES]! += 1;
    this.counters[DICT_WORK_BYTES_MOVED]! += capacity * 4;
  }

  /**
   * Chunk 0 grows and shrinks between 16 and 256 lines by copying, so that small dicts stay small.
   */
  #resizeFirstChunk(word: number, lines: number): boolean {
    const allocator = this.allocator;
    const bytes = lines * LINE_BYTES;
    if (!allocator.reserveBeside(1, bytes)) return false;
    const fresh = allocator.alloc(bytes);
    assert(fresh !== 0, 'a small chunk was reserved');
    const i32 = this.memory.i32;
    const directory = i32[word + DICT_DIRECTORY]! << 1;
    const old = i32[directory]! >>> 1;
    const copied = i32[word + DICT_LINES]! * LINE_BYTES;
    this.memory.kernel.copy(fresh * 8, old * 8, copied);
    allocator.free(old);
    i32[directory] = fresh << 1;
    i32[word + DICT_FIRST_LINES] = lines;
    this.counters[DICT_WORK_BYTES_MOVED]! += copied;
    return true;
  }

  /** After a merge: gives back the chunk that the last line leaves empty. */
  #releaseLine(word: number, lines: number): void {
    const i32 = this.memory.i32;
    const chunks = i32[word + DICT_CHUNKS]!;
    const firstLines = i32[word + DICT_FIRST_LINES]!;
    if (chunks > 1) {
      if (lines > (chunks - 1) << CHUNK_SHIFT) return;
      this.allocator.free(i32[(i32[word + DICT_DIRECTORY]! << 1) + chunks - 1]! >>> 1);
      i32[word + DICT_CHUNKS] = chunks - 1;
    } else if (firstLines > LINES_MIN && lines * 4 <= firstLines) {
      this.#resizeFirstChunk(word, firstLines >>> 1);
    }
  }
}

/** Lines of a chain, home included. */
function chainLines(i32: Int32Array, home: number): number {
  let lines = 1;
  for (let next = i32[home + LINE_NEXT]!; next !== 0; lines++) {
    next = i32[(next << 1) + LINE_NEXT]!;
  }
  return lines;
}

function chainEntries(i32: Int32Array, home: number): number {
  let entries = 0;
  let at = home;
  for (;;) {
    for (let slot = at + LINE_REFS; slot < at + LINE_WORDS; slot++) {
      if (i32[slot] !== 0) entries++;
    }
    const next = i32[at + LINE_NEXT]!;
    if (next === 0) return entries;
    at = next << 1;
  }
}
