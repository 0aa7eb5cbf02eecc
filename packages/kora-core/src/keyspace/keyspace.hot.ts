/**
 * The key space of one shard: sixteen databases of entries. Every command reaches data through
 * these functions; they keep the dict, the wheel of deadlines, the access fields and the counters
 * right, and they alone decide that a key whose time has come does not exist.
 *
 * Use: look a key up (`read`, `write`, `peek`), check, `reserve`, then change through `put`,
 * `resize`, `setExpire`, `clearExpire`, `remove`; then `shard.commit`. `hash`, `slot` and `db`
 * describe the last lookup and stay valid until the next one. A ref may move in put, resize,
 * setExpire and clearExpire: use what they return.
 * Invariants: a returned ref is never due; expiringCount = entries with HAS_TTL; every such entry
 * has a wheel record not later than its deadline (its tick, or a later tick when memory was short:
 * then lazy expiry only).
 * Cost: one dict lookup each, entry moves copy at most the entry block.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { ClientFlag } from '../command/client-state.ts';
import type { Shard } from '../shard/shard.ts';
import {
  ENTRY_HAS_TTL, ENTRY_SNAPSHOT, ENTRY_TIMED_ELEMENTS, entryAccess, entryBytesFor, entryExpireHigh,
  entryExpireLow, entryExpireMs, entryFlags, entryIsDue, entryKeyAt, entryKeyBytes, entryType,
  entryValueAt, entryValueInlineBytes, isBefore, ownsBlocks, rewriteEntryHeader, setEntryAccess,
  setEntryExpire, setEntryFlags, setEntryValueBytes, writeEntryHeader,
} from '../structs/entry.hot.ts';
import type { Allocator } from '../structs/allocator.hot.ts';
import { ARM_BLOCKS_MAX, ARM_BYTES_MAX, WHEEL_TICK_MS } from '../structs/timing-wheel.hot.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';
import type { AccessClock } from './access.hot.ts';
import { touchAccess } from './access.hot.ts';
import type { Database } from './database.ts';
import type { KeyspaceObserver } from './notify.ts';
import type { SnapshotKeeper } from './snapshot-keeper.ts';
import { Stat } from './statistics.ts';

const TWO_32 = 4294967296;
/** Words of a cache line. */
const LINE_WORDS = 16;
/** Blocks one keyed change may need: entry, overflow line, a first dict (3), a wheel record. */
const SIDE_BLOCKS = 5 + ARM_BLOCKS_MAX;
const SIDE_BYTES = 64 + 64 + 1024 + 64 + ARM_BYTES_MAX;
/** What each further entry of one command adds: an overflow line, a chunk of wheel records. */
const SIDE_BYTES_OF_ONE_MORE = 64 + 256;

export class Keyspace {
  readonly memory: WorkerMemory;
  readonly allocator: Allocator;
  readonly access: AccessClock;
  readonly shard: Shard;
  databases: Database[];
  /** Hash of the key looked up last. */
  hash: number;
  /** Its slot in the dict, 0 when it is absent. */
  slot: number;
  /** Database of the last lookup. */
  db: Database;
  /** The shard's time as two words, for deadline comparisons. */
  nowLow: number;
  nowHigh: number;
  /** Changes when a database gets another dict (FLUSHDB, SWAPDB): an epoch says nothing then. */
  generation: number;
  /** Time of tick 0. */
  baseMs: number;
  /** Is told of misses and of new keys; null while nobody asks (keyspace/notify.ts). */
  observer: KeyspaceObserver | null;
  /** Saves entries before their first change, while a snapshot is taken; else null. */
  keeper: SnapshotKeeper | null;
  /** ENTRY_SNAPSHOT or 0: what the flags of entries have that need not be saved. */
  snapshotPhase: number;
  /** What findMany fetched, so that no optimiser drops it; nobody reads it. */
  sink: number;

  constructor(shard: Shard, databases: Database[], access: AccessClock) {
    this.shard = shard;
    this.memory = shard.memory;
    this.allocator = shard.memory.arenaAllocator;
    this.access = access;
    this.databases = databases;
    this.hash = 0;
    this.slot = 0;
    this.db = databases[0]!;
    this.nowLow = 0;
    this.nowHigh = 0;
    this.generation = 0;
    this.baseMs = 0;
    this.observer = null;
    this.keeper = null;
    this.snapshotPhase = 0;
    this.sink = 0;
  }

  /** Sets the instant that deadlines are compared with. */
  setNow(nowMs: number): void {
    this.nowHigh = Math.floor(nowMs / TWO_32) | 0;
    this.nowLow = nowMs | 0;
    this.access.setNow(nowMs);
  }

  // ------------------------------------------------------------------ lookups

  /** Entry of argument i for reading: counts a hit or miss and notes the access. 0 = absent. */
  read(frame: ArgFrame, i: number): number {
    const ref = this.lookup(frame, i);
    if (ref === 0) this.noteMiss(frame.at[i]!, frame.bytes[i]!);
    else this.noteHit(frame, ref);
    return ref;
  }

  /** What `read` does besides the lookup, for an entry (or 0) that was found last by this key. */
  noteRead(frame: ArgFrame, ref: number, keyAt: number, keyBytes: number): void {
    if (ref === 0) this.noteMiss(keyAt, keyBytes);
    else this.noteHit(frame, ref);
  }

  private noteMiss(keyAt: number, keyBytes: number): void {
    this.shard.stats.counts[Stat.KeyspaceMisses]!++;
    if (this.observer !== null) this.observer.onMiss(this.db.index, keyAt, keyBytes);
  }

  private noteHit(frame: ArgFrame, ref: number): void {
    this.shard.stats.counts[Stat.KeyspaceHits]!++;
    if ((frame.client.flags & ClientFlag.NoTouch) === 0) {
      touchAccess(this.memory.i32, ref, this.access);
    }
  }

  /**
   * As read, for a key that a batch has found (Dict.findBatch) in the client's database; the dict's
   * epoch has not changed since. `slot` 0 = absent.
   * @param i its argument
   */
  readFound(frame: ArgFrame, i: number, hash: number, slot: number): number {
    this.db = this.databases[frame.client.db]!;
    this.hash = hash;
    this.slot = slot;
    const ref = this.alive();
    if (ref === 0) this.noteMiss(frame.at[i]!, frame.bytes[i]!);
    else this.noteHit(frame, ref);
    return ref;
  }

  /**
   * Finds many keys of a database at once, so that their cache misses overlap; the database has a
   * dict. The second cache line of each entry, where most of a short value lies, is fetched too.
   * @param list byte offset of `count` records as {@link Dict.findBatch} takes them
   */
  findMany(db: Database, list: number, count: number): void {
    db.dict.findBatch(list, count);
    const i32 = this.memory.i32;
    const end = (list >>> 2) + count * 4;
    let sink = 0;
    for (let slotWord = (list >>> 2) + 3; slotWord < end; slotWord += 4) {
      // An absent key has slot 0, which holds 0. Behind the memory there is nothing to fetch.
      sink ^= i32[(i32[i32[slotWord]!]! << 1) + LINE_WORDS]! | 0;
    }
    this.sink = sink;
  }

  /** Entry of argument i for a change: notes the access, counts nothing. 0 = absent. */
  write(frame: ArgFrame, i: number): number {
    const ref = this.lookup(frame, i);
    if (this.keeper !== null) this.keeper.beforeChange(this.db, ref);
    if (ref !== 0 && (frame.client.flags & ClientFlag.NoTouch) === 0) {
      touchAccess(this.memory.i32, ref, this.access);
    }
    return ref;
  }

  /**
   * To be called before the value of an entry changes that was not looked up by `write` or `find`;
   * they, and what changes the entry itself, look after that. 0 is none.
   */
  noteChange(ref: number): void {
    if (this.keeper !== null) this.keeper.beforeChange(this.db, ref);
  }

  /** Entry of argument i without a trace (TTL, TYPE, OBJECT, EXISTS's sisters). 0 = absent. */
  peek(frame: ArgFrame, i: number): number {
    return this.lookup(frame, i);
  }

  /** As peek, counting a hit or miss. */
  peekCounted(frame: ArgFrame, i: number): number {
    const ref = this.lookup(frame, i);
    this.shard.stats.counts[ref === 0 ? Stat.KeyspaceMisses : Stat.KeyspaceHits]!++;
    if (ref === 0 && this.observer !== null) {
      this.observer.onMiss(this.db.index, frame.at[i]!, frame.bytes[i]!);
    }
    return ref;
  }

  private lookup(frame: ArgFrame, i: number): number {
    const db = this.databases[frame.client.db]!;
    const keyAt = frame.at[i]!;
    const keyBytes = frame.bytes[i]!;
    if (frame.warmed === 0 || i !== 1) return this.seek(db, keyAt, keyBytes);
    this.db = db;
    this.hash = frame.keyHash;
    this.slot = 0;
    const dict = db.dict;
    if (dict.header === 0) return 0;
    const isCurrent =
      frame.keyDb === db.index
      && frame.keyEpoch === dict.epoch()
      && frame.keyGeneration === this.generation;
    this.slot = isCurrent ? frame.keySlot : dict.find(keyAt, keyBytes, frame.keyHash);
    return this.alive();
  }

  /** Entry of a key given by its bytes; a key that is due is removed and reported absent. */
  find(db: Database, keyAt: number, keyBytes: number): number {
    const ref = this.seek(db, keyAt, keyBytes);
    if (this.keeper !== null) this.keeper.beforeChange(db, ref);
    return ref;
  }

  private seek(db: Database, keyAt: number, keyBytes: number): number {
    this.db = db;
    const dict = db.dict;
    this.hash = dict.hashOf(keyAt, keyBytes);
    this.slot = dict.header === 0 ? 0 : dict.find(keyAt, keyBytes, this.hash);
    return this.alive();
  }

  private alive(): number {
    if (this.slot === 0) return 0;
    const i32 = this.memory.i32;
    const ref = i32[this.slot]!;
    if ((entryFlags(i32, ref) & ENTRY_HAS_TTL) === 0) return ref;
    if (!entryIsDue(i32, ref, this.nowLow, this.nowHigh)) return ref;
    if (this.shard.isReplaying) return ref;
    // During CLIENT PAUSE nothing changes: the key is hidden, and no write is let through either.
    if (!this.shard.pause.isActive(this.shard.nowMs)) this.shard.expireLastLookup(ref);
    this.slot = 0;
    return 0;
  }

  // ------------------------------------------------------------------ changes

  /**
   * Makes sure that one put, resize or setExpire of such an entry, and `more` bytes in `blocks`,
   * cannot fail.
   */
  reserve(keyBytes: number, valueBytes: number, blocks: number, more: number): boolean {
    const entryBytes = entryBytesFor(keyBytes, valueBytes, true);
    return this.allocator.reserve(SIDE_BLOCKS + blocks, entryBytes + SIDE_BYTES + more);
  }

  /** Makes sure that setExpire or clearExpire of this entry cannot fail. */
  reserveMove(ref: number): boolean {
    const i32 = this.memory.i32;
    return this.reserve(entryKeyBytes(i32, ref), entryValueInlineBytes(i32, ref), 0, 0);
  }

  /**
   * As reserve, for `count` entries put one after another; `entryBytes` is the sum of
   * entryBytesFor, with expiry.
   */
  reserveMany(count: number, entryBytes: number): boolean {
    const bytes = entryBytes + count * SIDE_BYTES_OF_ONE_MORE + SIDE_BYTES;
    return this.allocator.reserve(SIDE_BLOCKS + count * 3, bytes);
  }

  /**
   * Writes an entry for the key looked up last, replacing what is there: header, key and expiry;
   * the value area (`inlineBytes` long: the value's bytes, or 4 for a root ref) is the caller's to
   * fill. The old value is freed; under an LFU policy its access counter stays.
   * @param valueBytes what the entry states as its length
   * @param hasTtl 1 with expireLow/expireHigh, 0 without
   * @returns the entry; memory was reserved, so it never fails
   */
  put(
    keyAt: number, keyBytes: number, flags: number, valueBytes: number, inlineBytes: number,
    hasTtl: number, expireLow: number, expireHigh: number,
  ): number {
    const db = this.db;
    const old = this.slot === 0 ? 0 : this.memory.i32[this.slot]!;
    const bytes = entryBytesFor(keyBytes, inlineBytes, hasTtl !== 0);
    // An overwritten key keeps its counter, as in Redis: how often it is used outlives a value.
    const keepsAccess = old !== 0 && this.access.isLfu !== 0;
    const access = keepsAccess ? entryAccess(this.memory.i32, old) : this.access.initial();
    this.shard.noteMutation();
    let ref = old;
    let isArmed = false;
    let keepsPlace = false;
    if (old === 0) {
      ref = this.allocator.alloc(bytes);
    } else {
      const i32 = this.memory.i32;
      const oldFlags = entryFlags(i32, old);
      if ((oldFlags & ENTRY_HAS_TTL) !== 0) {
        db.expiringCount--;
        // A record that fires earlier finds the key alive and is armed again: no second one.
        isArmed = !isBefore(
          expireLow, expireHigh, entryExpireLow(i32, old), entryExpireHigh(i32, old),
        );
      }
      const isTakenOver = this.keeper !== null && this.keeper.takeOver(db, old);
      if (!isTakenOver && ownsBlocks(oldFlags)) this.shard.freeValue(old);
      if (isTakenOver) {
        ref = this.allocator.alloc(bytes);
      } else if (this.fits(old, bytes)) {
        keepsPlace = ((oldFlags & ENTRY_HAS_TTL) !== 0) === (hasTtl !== 0);
      } else {
        ref = this.allocator.alloc(bytes);
        this.allocator.free(old);
      }
    }
    const i32 = this.memory.i32;
    const allFlags =
      (hasTtl !== 0 ? flags | ENTRY_HAS_TTL : flags & ~ENTRY_HAS_TTL) | this.snapshotPhase;
    if (keepsPlace) {
      rewriteEntryHeader(i32, ref, allFlags, valueBytes, access);
    } else {
      writeEntryHeader(i32, ref, allFlags, keyBytes, valueBytes);
      setEntryAccess(i32, ref, access);
      this.memory.kernel.copy(entryKeyAt(i32, ref), keyAt, keyBytes);
    }
    if (old === 0) this.slot = this.insert(db, ref);
    else if (ref !== old) db.dict.replaceAt(this.slot, ref);
    if (hasTtl !== 0) {
      setEntryExpire(this.memory.i32, ref, expireLow, expireHigh);
      db.expiringCount++;
      if (!isArmed) this.arm(db, this.hash, expireLow, expireHigh);
    }
    return ref;
  }

  private insert(db: Database, ref: number): number {
    if (db.dict.header === 0) {
      db.dict.create();
      this.hash = db.dict.hashOfEntry(ref); // The lookup had no dict, so no seeds, to hash with.
    }
    if (this.observer !== null) this.observer.onNew(db.index, this.hash);
    return db.dict.insert(this.hash, ref);
  }

  /** True when the block holds `bytes` without wasting more than half of itself. */
  private fits(ref: number, bytes: number): boolean {
    const have = this.allocator.sizeOf(ref);
    return bytes <= have && bytes * 2 > have - 32;
  }

  /**
   * Changes the length of the value area of the entry found last; the common prefix stays. The
   * entry may move.
   * @param inlineBytes new length of the value area in the entry
   */
  resize(ref: number, valueBytes: number, inlineBytes: number): number {
    this.shard.noteMutation();
    this.noteChange(ref);
    const i32 = this.memory.i32;
    const keyBytes = entryKeyBytes(i32, ref);
    const hasTtl = (entryFlags(i32, ref) & ENTRY_HAS_TTL) !== 0;
    const bytes = entryBytesFor(keyBytes, inlineBytes, hasTtl);
    if (this.fits(ref, bytes)) {
      setEntryValueBytes(i32, ref, valueBytes);
      return ref;
    }
    const kept = Math.min(entryValueInlineBytes(i32, ref), inlineBytes);
    const headBytes = entryValueAt(i32, ref) - ref * 8;
    const moved = this.allocator.alloc(bytes);
    this.memory.kernel.copy(moved * 8, ref * 8, headBytes + kept);
    setEntryValueBytes(this.memory.i32, moved, valueBytes);
    this.allocator.free(ref);
    this.db.dict.replaceAt(this.slot, moved);
    return moved;
  }

  /** Gives the entry found last a deadline (absolute ms, two words). The entry may move. */
  setExpire(ref: number, expireLow: number, expireHigh: number): number {
    let entry = ref;
    let isArmed = false;
    this.noteChange(ref);
    if ((entryFlags(this.memory.i32, ref) & ENTRY_HAS_TTL) === 0) {
      entry = this.shift(ref, 8);
      this.db.expiringCount++;
    } else {
      const i32 = this.memory.i32;
      isArmed = !isBefore(
        expireLow, expireHigh, entryExpireLow(i32, ref), entryExpireHigh(i32, ref),
      );
    }
    this.shard.noteMutation();
    setEntryExpire(this.memory.i32, entry, expireLow, expireHigh);
    if (!isArmed) this.arm(this.db, this.hash, expireLow, expireHigh);
    return entry;
  }

  /** Takes the deadline from the entry found last. The entry may move. */
  clearExpire(ref: number): number {
    if ((entryFlags(this.memory.i32, ref) & ENTRY_HAS_TTL) === 0) return ref;
    this.shard.noteMutation();
    this.noteChange(ref);
    this.db.expiringCount--;
    return this.shift(ref, -8);
  }

  /** Makes or closes the 8-byte gap of the expiry before the key. */
  private shift(ref: number, by: number): number {
    const i32 = this.memory.i32;
    const flags = entryFlags(i32, ref);
    const keyAt = entryKeyAt(i32, ref);
    const tailBytes = entryValueAt(i32, ref) + entryValueInlineBytes(i32, ref) - keyAt;
    const headBytes = keyAt - ref * 8 + by;
    const bytes = headBytes + tailBytes;
    let moved = ref;
    if (!this.fits(ref, bytes)) {
      moved = this.allocator.alloc(bytes);
      this.memory.kernel.copy(moved * 8, ref * 8, by > 0 ? headBytes - by : headBytes);
    }
    this.memory.kernel.copy(moved * 8 + headBytes, keyAt, tailBytes);
    setEntryFlags(this.memory.i32, moved, by > 0 ? flags | ENTRY_HAS_TTL : flags & ~ENTRY_HAS_TTL);
    if (moved !== ref) {
      this.allocator.free(ref);
      this.db.dict.replaceAt(this.slot, moved);
    }
    return moved;
  }

  /**
   * Removes the entry found last and frees it and its value. The caller has committed the effect
   * before.
   */
  remove(ref: number): void {
    const isTakenOver = this.keeper !== null && this.keeper.takeOver(this.db, ref);
    this.unlink(ref);
    if (isTakenOver) return;
    this.shard.freeValue(ref);
    this.allocator.free(ref);
  }

  /**
   * Takes the entry found last out of its database without freeing anything: the caller owns it
   * now.
   */
  unlink(ref: number): void {
    this.shard.noteMutation();
    this.noteChange(ref);
    if ((entryFlags(this.memory.i32, ref) & ENTRY_HAS_TTL) !== 0) this.db.expiringCount--;
    this.db.dict.removeAt(this.slot, this.hash);
    this.slot = 0;
  }

  /**
   * Puts an entry that was built aside, or that lies in another database, at the key looked up
   * last, replacing and freeing what is there. Header, key, expiry and value are complete; memory
   * was reserved, so it never fails.
   */
  link(ref: number): void {
    const db = this.db;
    const old = this.slot === 0 ? 0 : this.memory.i32[this.slot]!;
    this.shard.noteMutation();
    setEntryFlags(
      this.memory.i32, ref,
      (entryFlags(this.memory.i32, ref) & ~ENTRY_SNAPSHOT) | this.snapshotPhase,
    );
    if (old === 0) {
      this.slot = this.insert(db, ref);
    } else {
      if ((entryFlags(this.memory.i32, old) & ENTRY_HAS_TTL) !== 0) db.expiringCount--;
      db.dict.replaceAt(this.slot, ref);
      if (this.keeper === null || !this.keeper.takeOver(db, old)) {
        this.shard.freeValue(old);
        this.allocator.free(old);
      }
    }
    const i32 = this.memory.i32;
    const flags = entryFlags(i32, ref);
    if ((flags & ENTRY_HAS_TTL) !== 0) {
      db.expiringCount++;
      this.arm(db, this.hash, entryExpireLow(i32, ref), entryExpireHigh(i32, ref));
    }
    if ((flags & ENTRY_TIMED_ELEMENTS) !== 0) this.armElements(ref);
  }

  /** Puts the earliest deadline of the entry's elements on the wheel; it was looked up last. */
  private armElements(ref: number): void {
    const db = this.db;
    const hash = this.hash;
    const ms = this.shard.elementDeadlineMs(ref);
    if (ms >= 0) db.wheel.arm(hash, Math.ceil((ms - this.baseMs) / WHEEL_TICK_MS));
  }

  /** Puts a deadline on the wheel; one in the past fires at the next tick. */
  arm(db: Database, hash: number, expireLow: number, expireHigh: number): void {
    const dueMs = expireHigh * TWO_32 + (expireLow >>> 0);
    db.wheel.arm(hash, Math.ceil((dueMs - this.baseMs) / WHEEL_TICK_MS));
  }

  /** Deadline of the entry in ms, -1 when it has none. */
  expireMs(ref: number): number {
    const i32 = this.memory.i32;
    if ((entryFlags(i32, ref) & ENTRY_HAS_TTL) === 0) return -1;
    return entryExpireMs(i32, ref);
  }

  /** True when the entry has this type number. */
  isType(ref: number, type: number): boolean {
    return entryType(this.memory.i32, ref) === type;
  }
}
