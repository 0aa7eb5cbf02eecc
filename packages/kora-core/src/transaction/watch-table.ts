/**
 * Which keys are watched, and by whom: the owner's half of WATCH. A watcher is a number that stands
 * for one client, of this worker or another, from its first WATCH to the end of its transaction; it
 * is dirty once a key that it watches has changed. Everything lies in the arena and counts as used
 * memory: per database a dict of the watched keys, per key a list of watches, of which each watcher
 * has a list too (watch-layout.ts). Only while something is watched does the journal tell of
 * changes (watch-effects.ts).
 *
 * A change takes the watches off the key's list and marks them touched; their blocks stay until the
 *   watcher lets go. So a change allocates and frees nothing, and meets each watch once.
 * A key that is due when it is watched may be removed unnoticed: nothing has changed for anybody. A
 *   deadline that passes later is a change, which `isDirty` knows from the earliest one.
 * Bounds: WATCH_COUNT_MAX, WATCHED_KEY_BYTES_MAX; letting go of many is done in slices.
 * Cost: O(1) a watch; a change is one lookup, and O(1) for each that watches the key; a flush looks
 *   up every watched key of the database. Source: the rules are those of redis-server 7.0.
 */
import { assert } from '../assert.ts';
import { slotOfKey } from '../bytes/crc16.hot.ts';
import { ReplyError, replyErrors } from '../errors/reply-error.ts';
import type { Database } from '../keyspace/database.ts';
import { WATCH_COUNT_MAX, WATCHED_KEY_BYTES_MAX } from '../limits.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import { Dict } from '../structs/dict.hot.ts';
import {
  entryBytesFor, entryExpireMs, entryHasTtl, entryIsDue, entryKeyAt, entryKeyBytes, entryValueWord,
  writeEntryHeader,
} from '../structs/entry.hot.ts';
import type { SlotTaker } from './slot-set.ts';
import { hearChange } from './watch-effects.ts';
import {
  ABSENT, afterChange, DB_MASK, DB_SHIFT, ENTRY_COUNT, ENTRY_SLOT, EXPIRED, IS_DUE, IS_THERE,
  TOUCHED, VALUE_BYTES, WAS_THERE, WATCH_BYTES, WATCH_ENTRY, WATCH_HASH, WATCH_NEXT,
  WATCH_PREVIOUS, WATCH_SIBLING, WATCH_WHO, WATCHER_MASK,
} from './watch-layout.ts';

/** Blocks of a watch: itself, its key's entry, an overflow line of the dict; and a first dict. */
const BLOCKS_OF_ONE = 3;
const BLOCKS_OF_DICT = 3;
const BYTES_OF_ONE = WATCH_BYTES + 64;
const BYTES_OF_DICT = 64 + 64 + 1024;
/** Watches freed at once; more are freed so many a slice. */
const FREED_AT_ONCE_MAX = 1024;

const tooMany = new ReplyError('OOM too many keys are watched');

/** One client's watches. */
class Watcher {
  readonly id: number;
  /** Its last watch, 0 = none. */
  head = 0;
  count = 0;
  isDirty = false;
  /** Earliest deadline of a key that it watches, ms. */
  dueMs = Infinity;

  constructor(id: number) {
    this.id = id;
  }
}

export class WatchTable {
  /** Watches of all watchers, those being let go included. */
  watchCount = 0;
  readonly #shard: Shard;
  /** By number of the database; made when something in it is first watched. */
  readonly #dicts: (Dict | undefined)[] = [];
  readonly #watchers: (Watcher | undefined)[] = [undefined];
  readonly #freeIds: number[] = [];
  /** Watchers that were let go and have watches left. */
  readonly #leaving: Watcher[] = [];
  readonly #slots = new Int32Array(CHAIN_SLOTS_MAX);
  #keyBytes = 0;

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  // ------------------------------------------------------------------ watching

  /**
   * Makes sure that `count` calls of `add` cannot fail.
   * @param keyBytes sum of the keys' lengths
   * @returns null, or the error: nothing has changed then
   */
  reserve(count: number, keyBytes: number): ReplyError | null {
    const isOverCount = this.watchCount + count > WATCH_COUNT_MAX;
    if (isOverCount || this.#keyBytes + keyBytes > WATCHED_KEY_BYTES_MAX) return tooMany;
    const bytesOfOne = entryBytesFor(0, VALUE_BYTES, false) + 8 + BYTES_OF_ONE;
    const bytes = keyBytes + count * bytesOfOne + BYTES_OF_DICT;
    const { arenaAllocator } = this.#shard.memory;
    const isReserved = arenaAllocator.reserve(count * BLOCKS_OF_ONE + BLOCKS_OF_DICT, bytes);
    return isReserved ? null : replyErrors.arenaFull;
  }

  /** A new watcher, who watches nothing. Its number is above 0 and free again after `drop`. */
  open(): number {
    const id = this.#freeIds.pop() ?? this.#watchers.length;
    assert(id <= WATCHER_MASK, 'a watcher has at least one of the watches, which are bounded');
    this.#watchers[id] = new Watcher(id);
    return id;
  }

  /**
   * Watches a key from now on; once more does nothing, and neither does it for a dirty watcher. The
   * memory was reserved.
   * @param keyAt byte offset of the key, in low memory
   */
  add(id: number, db: number, keyAt: number, keyBytes: number): void {
    const watcher = this.#watcherOf(id);
    if (watcher.isDirty) return;
    const dict = this.#dictOf(db);
    if (dict.header === 0) dict.create();
    assert(dict.header !== 0, 'memory for a first dict was reserved');
    const hash = dict.hashOf(keyAt, keyBytes);
    const slot = dict.find(keyAt, keyBytes, hash);
    let entry = slot === 0 ? 0 : this.#shard.memory.i32[slot] ?? 0;
    if (entry !== 0 && this.#isWatched(entry, watcher)) return;
    if (entry === 0) entry = this.#addEntry(dict, hash, keyAt, keyBytes);
    const state = this.#stateOf(watcher, db, keyAt, keyBytes);
    this.#link(watcher, entry, watcher.id | (db << DB_SHIFT) | state, hash);
    this.#listen();
  }

  #listen(): void {
    const { journal, keyspace } = this.#shard;
    journal.keyListener ??= (effect) => {
      hearChange(this, keyspace.databases, effect);
    };
  }

  /** Entry for a key that nobody watches yet. */
  #addEntry(dict: Dict, hash: number, keyAt: number, keyBytes: number): number {
    const { memory } = this.#shard;
    const entry = memory.arenaAllocator.alloc(entryBytesFor(keyBytes, VALUE_BYTES, false));
    assert(entry !== 0, 'memory for a watched key was reserved');
    const { i32 } = memory;
    writeEntryHeader(i32, entry, 0, keyBytes, VALUE_BYTES);
    memory.kernel.copy(entryKeyAt(i32, entry), keyAt, keyBytes);
    const word = entryValueWord(i32, entry);
    i32[word] = 0;
    i32[word + ENTRY_COUNT] = 0;
    i32[word + ENTRY_SLOT] = slotOfKey(memory.low, keyAt, keyBytes);
    dict.insert(hash, entry);
    this.#keyBytes += keyBytes;
    return entry;
  }

  /** Bits that say how the key is now; notes its deadline. */
  #stateOf(watcher: Watcher, db: number, keyAt: number, keyBytes: number): number {
    const { keyspace, memory } = this.#shard;
    const database = keyspace.databases[db];
    const ref = database === undefined ? 0 : this.#find(database, keyAt, keyBytes);
    if (ref === 0) return ABSENT;
    if (!entryHasTtl(memory.i32, ref)) return 0;
    if (this.#isDue(ref)) return EXPIRED;
    watcher.dueMs = Math.min(watcher.dueMs, entryExpireMs(memory.i32, ref));
    return 0;
  }

  /** True when the watcher watches the key: looks through the shorter one of two lists. */
  #isWatched(entry: number, watcher: Watcher): boolean {
    const { i32 } = this.#shard.memory;
    let ofKey = i32[entryValueWord(i32, entry)] ?? 0;
    let ofWatcher = watcher.head;
    while (ofKey !== 0 && ofWatcher !== 0) {
      if (((i32[(ofKey << 1) + WATCH_WHO] ?? 0) & WATCHER_MASK) === watcher.id) return true;
      if (i32[(ofWatcher << 1) + WATCH_ENTRY] === entry) return true;
      ofKey = i32[(ofKey << 1) + WATCH_NEXT] ?? 0;
      ofWatcher = i32[(ofWatcher << 1) + WATCH_SIBLING] ?? 0;
    }
    return false;
  }

  #link(watcher: Watcher, entry: number, who: number, hash: number): void {
    const { memory } = this.#shard;
    const watch = memory.arenaAllocator.alloc(WATCH_BYTES);
    assert(watch !== 0, 'memory for a watch was reserved');
    const { i32 } = memory;
    const word = watch << 1;
    const headWord = entryValueWord(i32, entry);
    const next = i32[headWord] ?? 0;
    i32[word + WATCH_ENTRY] = entry;
    i32[word + WATCH_NEXT] = next;
    i32[word + WATCH_PREVIOUS] = 0;
    i32[word + WATCH_SIBLING] = watcher.head;
    i32[word + WATCH_WHO] = who;
    i32[word + WATCH_HASH] = hash;
    if (next !== 0) i32[(next << 1) + WATCH_PREVIOUS] = watch;
    i32[headWord] = watch;
    i32[headWord + ENTRY_COUNT] = (i32[headWord + ENTRY_COUNT] ?? 0) + 1;
    watcher.head = watch;
    watcher.count++;
    this.watchCount++;
  }

  // ------------------------------------------------------------------ asking and letting go

  /** True when a key that the watcher watches has changed, or its time has come since. */
  isDirty(id: number): boolean {
    const watcher = this.#watcherOf(id);
    return watcher.isDirty || watcher.dueMs < this.#shard.nowMs;
  }

  /** As isDirty, but deadlines that passed do not count. */
  isTouched(id: number): boolean {
    return this.#watcherOf(id).isDirty;
  }

  /** Keys that the watcher watches. */
  countOf(id: number): number {
    return this.#watcherOf(id).count;
  }

  /**
   * Tells of the slot of every key that the watcher watches, in no order, to be read: what changes
   * them waits while they are locked. Of a dirty watcher none, for it stays dirty.
   * Cost: O(keys that it watches), and no longer than it is asked for.
   */
  addSlots(id: number, into: SlotTaker): void {
    const watcher = this.#watcherOf(id);
    if (watcher.isDirty) return;
    const { i32 } = this.#shard.memory;
    for (let watch = watcher.head; watch !== 0;) {
      const word = watch << 1;
      const entry = i32[word + WATCH_ENTRY] ?? 0;
      const slot = i32[entryValueWord(i32, entry) + ENTRY_SLOT] ?? 0;
      if (!into.addSlot(slot, false)) return;
      watch = i32[word + WATCH_SIBLING] ?? 0;
    }
  }

  /** Ends the watcher and all it watches. */
  drop(id: number): void {
    const watcher = this.#watcherOf(id);
    if (watcher.count > FREED_AT_ONCE_MAX) {
      this.#leaving.push(watcher);
      this.#shard.platform.scheduler.requestTurn();
      return;
    }
    this.#freeWatches(watcher);
  }

  /** Frees a bounded number of watches of those who were let go; true when more are left. */
  step(): boolean {
    const watcher = this.#leaving[this.#leaving.length - 1];
    if (watcher === undefined) return false;
    if (this.#freeWatches(watcher)) this.#leaving.pop();
    return this.#leaving.length > 0;
  }

  /** Frees watches, a bounded number; true when the watcher has none left and is gone. */
  #freeWatches(watcher: Watcher): boolean {
    for (let i = 0; i < FREED_AT_ONCE_MAX && watcher.head !== 0; i++) this.#freeLast(watcher);
    if (watcher.head !== 0) return false;
    this.#watchers[watcher.id] = undefined;
    this.#freeIds.push(watcher.id);
    if (this.watchCount === 0) this.#shard.journal.keyListener = null;
    return true;
  }

  #freeLast(watcher: Watcher): void {
    const { i32, arenaAllocator } = this.#shard.memory;
    const word = watcher.head << 1;
    const entry = i32[word + WATCH_ENTRY] ?? 0;
    const who = i32[word + WATCH_WHO] ?? 0;
    const headWord = entryValueWord(i32, entry);
    if ((who & TOUCHED) === 0) {
      const next = i32[word + WATCH_NEXT] ?? 0;
      const previous = i32[word + WATCH_PREVIOUS] ?? 0;
      if (next !== 0) i32[(next << 1) + WATCH_PREVIOUS] = previous;
      if (previous === 0) i32[headWord] = next;
      else i32[(previous << 1) + WATCH_NEXT] = next;
    }
    const left = (i32[headWord + ENTRY_COUNT] ?? 0) - 1;
    i32[headWord + ENTRY_COUNT] = left;
    const sibling = i32[word + WATCH_SIBLING] ?? 0;
    if (left === 0) this.#removeEntry((who >>> DB_SHIFT) & DB_MASK, entry, i32[word + WATCH_HASH]);
    arenaAllocator.free(watcher.head);
    watcher.head = sibling;
    watcher.count--;
    this.watchCount--;
  }

  /** Nobody watches the key any more. */
  #removeEntry(db: number, entry: number, hash = 0): void {
    const { i32, arenaAllocator } = this.#shard.memory;
    const dict = this.#dictOf(db);
    const keyBytes = entryKeyBytes(i32, entry);
    const slot = dict.find(entryKeyAt(i32, entry), keyBytes, hash);
    assert(slot !== 0 && i32[slot] === entry, 'a watched key is in its dict');
    dict.removeAt(slot, hash);
    arenaAllocator.free(entry);
    this.#keyBytes -= keyBytes;
    if (dict.count() === 0) dict.destroy();
  }

  // ------------------------------------------------------------------ changes

  /**
   * A key has changed. Called in the middle of commands: alters nothing but this table.
   * @param change of KeyChange
   */
  touch(db: number, keyAt: number, keyBytes: number, change: number): void {
    const dict = this.#dicts[db];
    if (dict === undefined || dict.header === 0) return;
    const slot = dict.find(keyAt, keyBytes, dict.hashOf(keyAt, keyBytes));
    if (slot !== 0) this.#tell(this.#shard.memory.i32[slot] ?? 0, change);
  }

  /**
   * The contents of a database are replaced.
   * @param db its number
   * @param before holds its keys before
   * @param after holds its keys afterwards; null: there are none
   */
  touchDatabase(db: number, before: Database, after: Database | null): void {
    const dict = this.#dicts[db];
    if (dict === undefined || dict.header === 0) return;
    const { i32 } = this.#shard.memory;
    const lines = dict.lines();
    for (let line = 0; line < lines; line++) {
      const count = dict.collectLine(line, this.#slots);
      for (let i = 0; i < count; i++) {
        const entry = i32[this.#slots[i] ?? 0] ?? 0;
        const change = this.#changeOf(entry, before, after);
        if ((change & (WAS_THERE | IS_THERE)) !== 0) this.#tell(entry, change);
      }
    }
  }

  /** What the replacement of its database means for a watched key. */
  #changeOf(entry: number, before: Database, after: Database | null): number {
    const { i32 } = this.#shard.memory;
    const keyAt = entryKeyAt(i32, entry);
    const keyBytes = entryKeyBytes(i32, entry);
    const change = this.#find(before, keyAt, keyBytes) === 0 ? 0 : WAS_THERE;
    const ref = after === null ? 0 : this.#find(after, keyAt, keyBytes);
    if (ref === 0) return change;
    return change | IS_THERE | (this.#isDue(ref) ? IS_DUE : 0);
  }

  /** Tells all who watch the key; those to whom it is no change stay on its list. */
  #tell(entry: number, change: number): void {
    const { i32 } = this.#shard.memory;
    const headWord = entryValueWord(i32, entry);
    let kept = 0;
    for (let watch = i32[headWord] ?? 0; watch !== 0;) {
      const word = watch << 1;
      const next = i32[word + WATCH_NEXT] ?? 0;
      const who = afterChange(i32[word + WATCH_WHO] ?? 0, change);
      i32[word + WATCH_WHO] = who;
      if ((who & TOUCHED) !== 0) {
        this.#watcherOf(who & WATCHER_MASK).isDirty = true;
      } else {
        i32[word + WATCH_NEXT] = kept;
        i32[word + WATCH_PREVIOUS] = 0;
        if (kept !== 0) i32[(kept << 1) + WATCH_PREVIOUS] = watch;
        kept = watch;
      }
      watch = next;
    }
    i32[headWord] = kept;
  }

  // ------------------------------------------------------------------ helpers

  #watcherOf(id: number): Watcher {
    const watcher = this.#watchers[id];
    assert(watcher !== undefined, 'the watcher was opened and not dropped');
    return watcher;
  }

  #dictOf(db: number): Dict {
    const known = this.#dicts[db];
    if (known !== undefined) return known;
    const { keyspace, memory } = this.#shard;
    const { seed0, seed1 } = keyspace.db.dict;
    const dict = new Dict(memory, memory.arenaAllocator, seed0, seed1);
    this.#dicts[db] = dict;
    return dict;
  }

  /** The entry of a key of the data, whether it is due or not; 0 = absent. Changes nothing. */
  #find(database: Database, keyAt: number, keyBytes: number): number {
    const { dict } = database;
    if (dict.header === 0) return 0;
    const slot = dict.find(keyAt, keyBytes, dict.hashOf(keyAt, keyBytes));
    return slot === 0 ? 0 : this.#shard.memory.i32[slot] ?? 0;
  }

  #isDue(ref: number): boolean {
    const { keyspace, memory } = this.#shard;
    return entryIsDue(memory.i32, ref, keyspace.nowLow, keyspace.nowHigh);
  }
}
