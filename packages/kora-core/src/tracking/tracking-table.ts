/**
 * Who has read which keys and wants to hear when they change: the owner's half of CLIENT TRACKING.
 * Keys are known by their bytes alone, whatever their database, as in Redis. Everything lies in the
 * arena and counts as used memory (tracking-layout.ts): no pause of the collector grows with it.
 *
 * A reader is noted once for a key; what takes a key out (`take`) forgets all who read it. A client
 *   that has gone stays until its keys change, as in Redis, and nobody is told then.
 * Bounds: tracking-table-max-keys, which the caller sees to; TRACKED_READER_COUNT_MAX readers of a
 *   key: one more than that begins the key anew, and all before are told.
 * Cost: a lookup of about 100 ns; O(readers of the key / 62) blocks to know one of many. Clearing
 *   takes slices: `step`.
 */
import { assert } from '../assert.ts';
import { TRACKED_READER_COUNT_MAX } from '../limits.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import { Dict } from '../structs/dict.hot.ts';
import {
  entryBytesFor, entryKeyAt, entryValueWord, writeEntryHeader,
} from '../structs/entry.hot.ts';
import {
  nextRoom, READERS_AT, READERS_BYTES_MAX, READERS_NEXT, READERS_USED, readersRoom, readersUsed,
  readersWord, TRACKED_BLOCK, TRACKED_FIRST, TRACKED_VALUE_BYTES,
} from './tracking-layout.ts';

/** Blocks that one more key may need: its entry, an overflow line, a first dict; their bytes. */
const BLOCKS_OF_KEY = 5;
const BYTES_OF_DICT = 64 + 64 + 1024 + 64;
/** Keys freed in one slice of clearing. */
const FREED_AT_ONCE_MAX = 1024;

/** Keys that are looked up at once. */
const AHEAD_MAX = 64;
/** Words of a record of Dict.findBatch: byte, bytes, hash, slot. */
const RECORD_WORDS = 4;

/** What became of a read that was to be noted. */
export const Noted = Object.freeze({
  /** The reader is told of the next change, and was to be before. */
  Already: 0,
  /** The reader is told of the next change. */
  Yes: 3,
  /** There is no room: the reader must not keep what it has read. */
  NoMemory: 1,
  /** The key has too many readers: take it, then try again. */
  Crowded: 2,
} as const);

export class TrackingTable {
  /** Readers of all keys together. */
  itemCount = 0;
  readonly #shard: Shard;
  #dict: Dict | null = null;
  /** Headers of dicts that were cleared and are not empty yet. */
  readonly #leaving: number[] = [];
  #leavingDict: Dict | null = null;
  #leavingLine = 0;
  readonly #slots = new Int32Array(CHAIN_SLOTS_MAX);
  /** Records of `lookAhead` in low memory, 0 = none; which is next, of how many. */
  #aheadAt = 0;
  #aheadNext = 0;
  #aheadCount = 0;
  /** For whom, and in which state of the dict. */
  #aheadReader = 0;
  #aheadHeader = 0;
  #aheadEpoch = 0;

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  /** Keys that somebody has read. */
  get keyCount(): number {
    const dict = this.#dict;
    return dict === null || dict.header === 0 ? 0 : dict.count();
  }

  /**
   * The reader has read the key. @param keyAt byte of the worker memory
   * @returns one of Noted
   */
  note(keyAt: number, keyBytes: number, reader: number): number {
    const dict = this.#dict;
    if (dict === null || dict.header === 0) return this.#noteNew(keyAt, keyBytes, reader);
    return this.noteHashed(keyAt, keyBytes, dict.hashOf(keyAt, keyBytes), reader);
  }

  /** As note, for a key whose hash in the shard's databases is known. */
  noteHashed(keyAt: number, keyBytes: number, hash: number, reader: number): number {
    const dict = this.#dict;
    const slot = dict === null || dict.header === 0 ? 0 : dict.find(keyAt, keyBytes, hash);
    if (slot === 0) return this.#noteNew(keyAt, keyBytes, reader);
    const { i32 } = this.#shard.memory;
    const entry = i32[slot] ?? 0;
    const isKnown = i32[entryValueWord(i32, entry) + TRACKED_FIRST] === reader;
    return isKnown ? Noted.Already : this.#addReader(entry, reader);
  }

  /**
   * Looks up, all at once so that cache misses overlap, which of the keys that a pipeline reads the
   * reader has read before: `noteAhead` finds it here.
   * @param list as Dict.findBatch has it, with keys in the first two words of each record
   */
  lookAhead(list: number, count: number, reader: number): void {
    const dict = this.#dict;
    const { i32, lowAllocator } = this.#shard.memory;
    this.#aheadCount = 0;
    if (dict === null || dict.header === 0 || count > AHEAD_MAX) return;
    if (this.#aheadAt === 0) this.#aheadAt = lowAllocator.alloc(AHEAD_MAX * RECORD_WORDS * 4) * 8;
    if (this.#aheadAt === 0) return;
    const from = list >>> 2;
    const to = this.#aheadAt >>> 2;
    const words = count * RECORD_WORDS;
    for (let i = 0; i < words; i += RECORD_WORDS) {
      i32[to + i] = i32[from + i] ?? 0;
      i32[to + i + 1] = i32[from + i + 1] ?? 0;
    }
    dict.findBatch(this.#aheadAt, count);
    for (let i = 0; i < words; i += RECORD_WORDS) {
      // An absent key has slot 0, which holds 0.
      const entry = i32[i32[to + i + 3] ?? 0] ?? 0;
      i32[to + i + 3] = entry !== 0 && this.#hasReader(entry, reader) ? 1 : 0;
    }
    this.#aheadCount = count;
    this.#aheadNext = 0;
    this.#aheadReader = reader;
    this.#aheadHeader = dict.header;
    this.#aheadEpoch = dict.epoch();
  }

  /** As noteHashed, for a key that may be the next of those that were looked up ahead. */
  noteAhead(keyAt: number, keyBytes: number, hash: number, reader: number): number {
    const next = this.#aheadNext;
    if (next < this.#aheadCount && this.#aheadReader === reader) {
      const { i32 } = this.#shard.memory;
      const row = (this.#aheadAt >>> 2) + next * RECORD_WORDS;
      this.#aheadNext = next + 1;
      const isIt = i32[row] === keyAt && i32[row + 1] === keyBytes && i32[row + 2] === hash;
      if (isIt && i32[row + 3] === 1 && this.#isAsAhead()) return Noted.Already;
    }
    return this.noteHashed(keyAt, keyBytes, hash, reader);
  }

  /** No key has come or gone since `lookAhead`. */
  #isAsAhead(): boolean {
    const dict = this.#dict;
    return dict !== null && dict.header === this.#aheadHeader && dict.header !== 0 &&
      dict.epoch() === this.#aheadEpoch;
  }

  #hasReader(entry: number, reader: number): boolean {
    const { i32 } = this.#shard.memory;
    const word = entryValueWord(i32, entry);
    if (i32[word + TRACKED_FIRST] === reader) return true;
    for (let block = i32[word + TRACKED_BLOCK] ?? 0; block !== 0;) {
      const at = (block << 1) + READERS_AT;
      const end = at + readersUsed(i32[(block << 1) + READERS_USED] ?? 0);
      for (let i = at; i < end; i++) if (i32[i] === reader) return true;
      block = i32[(block << 1) + READERS_NEXT] ?? 0;
    }
    return false;
  }

  #noteNew(keyAt: number, keyBytes: number, reader: number): number {
    const { arenaAllocator } = this.#shard.memory;
    const dict = this.#opened();
    const bytes = entryBytesFor(keyBytes, TRACKED_VALUE_BYTES, false);
    if (!arenaAllocator.reserve(BLOCKS_OF_KEY, bytes + BYTES_OF_DICT)) return Noted.NoMemory;
    this.#addKey(dict, keyAt, keyBytes, reader);
    return Noted.Yes;
  }

  #opened(): Dict {
    if (this.#dict === null) {
      const { keyspace, memory } = this.#shard;
      const { seed0, seed1 } = keyspace.db.dict;
      this.#dict = new Dict(memory, memory.arenaAllocator, seed0, seed1);
    }
    return this.#dict;
  }

  #addKey(dict: Dict, keyAt: number, keyBytes: number, reader: number): void {
    const { memory } = this.#shard;
    if (dict.header === 0) dict.create();
    const entry = memory.arenaAllocator.alloc(entryBytesFor(keyBytes, TRACKED_VALUE_BYTES, false));
    assert(dict.header !== 0 && entry !== 0, 'memory for a tracked key was reserved');
    const { i32 } = memory;
    writeEntryHeader(i32, entry, 0, keyBytes, TRACKED_VALUE_BYTES);
    memory.kernel.copy(entryKeyAt(i32, entry), keyAt, keyBytes);
    const word = entryValueWord(i32, entry);
    i32[word + TRACKED_FIRST] = reader;
    i32[word + TRACKED_BLOCK] = 0;
    dict.insert(dict.hashOf(keyAt, keyBytes), entry);
    this.itemCount++;
  }

  /** One more reader of a key that has some. */
  #addReader(entry: number, reader: number): number {
    const { i32 } = this.#shard.memory;
    const word = entryValueWord(i32, entry);
    let count = 1;
    let open = 0;
    let room = 0;
    for (let block = i32[word + TRACKED_BLOCK] ?? 0; block !== 0;) {
      const at = block << 1;
      const state = i32[at + READERS_USED] ?? 0;
      const used = readersUsed(state);
      const end = at + READERS_AT + used;
      for (let i = at + READERS_AT; i < end; i++) if (i32[i] === reader) return Noted.Already;
      if (used < readersRoom(state)) open = at;
      room = Math.max(room, readersRoom(state));
      count += used;
      block = i32[at + READERS_NEXT] ?? 0;
    }
    if (count >= TRACKED_READER_COUNT_MAX) return Noted.Crowded;
    if (open === 0) open = this.#addBlock(word, nextRoom(room));
    if (open === 0) return Noted.NoMemory;
    const { i32: now } = this.#shard.memory;
    const state = now[open + READERS_USED] ?? 0;
    const used = readersUsed(state);
    now[open + READERS_AT + used] = reader;
    now[open + READERS_USED] = readersWord(used + 1, readersRoom(state));
    this.itemCount++;
    return Noted.Yes;
  }

  /** A new first block in the chain of an entry. @returns its first word, 0 = no memory */
  #addBlock(word: number, room: number): number {
    const { memory } = this.#shard;
    if (!memory.arenaAllocator.reserve(1, READERS_BYTES_MAX)) return 0;
    const block = memory.arenaAllocator.alloc((READERS_AT + room) * 4);
    assert(block !== 0, 'memory for readers was reserved');
    const { i32 } = memory;
    const at = block << 1;
    i32[at + READERS_NEXT] = i32[word + TRACKED_BLOCK] ?? 0;
    i32[at + READERS_USED] = readersWord(0, room);
    i32[word + TRACKED_BLOCK] = block;
    return at;
  }

  /**
   * Forgets the key. @param readers gets those who have read it; emptied before
   * @returns the entry that held it, to be given to `free` when its key is needed no more; 0:
   *   nobody had read it
   */
  take(keyAt: number, keyBytes: number, readers: number[]): number {
    readers.length = 0;
    const dict = this.#dict;
    if (dict === null || dict.header === 0) return 0;
    const hash = dict.hashOf(keyAt, keyBytes);
    const slot = dict.find(keyAt, keyBytes, hash);
    if (slot === 0) return 0;
    const entry = this.#shard.memory.i32[slot] ?? 0;
    dict.removeAt(slot, hash);
    this.#freeBlocks(entry, readers);
    this.itemCount -= readers.length;
    if (dict.count() === 0) dict.destroy();
    return entry;
  }

  /** Frees an entry that was taken. */
  free(entry: number): void {
    this.#shard.memory.arenaAllocator.free(entry);
  }

  /** Any key that somebody has read, as the entry that holds it; 0 when there is none. */
  randomEntry(): number {
    const dict = this.#dict;
    if (dict === null || dict.header === 0) return 0;
    const { chance } = this.#shard.platform;
    const slot = dict.randomSlot(chance.next32(), chance.next32());
    return slot === 0 ? 0 : this.#shard.memory.i32[slot] ?? 0;
  }

  /** Frees the blocks of an entry. @param readers gets all of its readers; null: nobody asks */
  #freeBlocks(entry: number, readers: number[] | null): void {
    const { i32, arenaAllocator } = this.#shard.memory;
    const word = entryValueWord(i32, entry);
    readers?.push(i32[word + TRACKED_FIRST] ?? 0);
    for (let block = i32[word + TRACKED_BLOCK] ?? 0; block !== 0;) {
      const at = block << 1;
      const used = readersUsed(i32[at + READERS_USED] ?? 0);
      for (let i = 0; i < used; i++) readers?.push(i32[at + READERS_AT + i] ?? 0);
      const next = i32[at + READERS_NEXT] ?? 0;
      arenaAllocator.free(block);
      block = next;
    }
  }

  /** Forgets all keys, without telling of any. What they take is freed in slices. */
  clear(): void {
    const dict = this.#dict;
    if (dict === null || dict.header === 0) return;
    this.#leaving.push(dict.header);
    dict.bind(0);
    this.itemCount = 0;
    this.#shard.platform.scheduler.requestTurn();
  }

  /** Frees a bounded number of the keys that were cleared; true when more are left. */
  step(): boolean {
    const header = this.#leaving[0];
    if (header === undefined) return false;
    const dict = this.#windowOn(header);
    const lines = dict.lines();
    for (let freed = 0; this.#leavingLine < lines; this.#leavingLine++) {
      if (freed >= FREED_AT_ONCE_MAX) return true;
      freed += this.#freeLine(dict, this.#leavingLine) + 1;
    }
    if (dict.freeChunks(FREED_AT_ONCE_MAX)) return true;
    dict.destroy();
    this.#leaving.shift();
    this.#leavingLine = 0;
    return this.#leaving.length > 0;
  }

  #freeLine(dict: Dict, line: number): number {
    const count = dict.collectLine(line, this.#slots);
    for (let i = 0; i < count; i++) {
      const entry = this.#shard.memory.i32[this.#slots[i] ?? 0] ?? 0;
      this.#freeBlocks(entry, null);
      this.free(entry);
    }
    dict.freeOverflow(line);
    return count;
  }

  #windowOn(header: number): Dict {
    const { memory } = this.#shard;
    this.#leavingDict ??= new Dict(memory, memory.arenaAllocator, 0, 0);
    this.#leavingDict.bind(header);
    return this.#leavingDict;
  }
}
