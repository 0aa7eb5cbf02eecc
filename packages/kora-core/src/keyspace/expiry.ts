/**
 * Active expiry: frees keys soon after their time, whether anyone reads them or not. The wheel of
 * each database names hashes that are due; the line of a hash is looked at and every due entry with
 * it is removed through the shard's one way to expire a key (journal entry, reason expired). A key
 * that lives on, because its deadline moved or the shard's guard holds it, is armed again.
 *
 * Invariants: a taken record either frees an entry, is armed again at its key's deadline, or named
 *   a key that is gone; records in one slice are bounded, so a million keys due at once are freed
 *   over many slices; nothing happens while expiry is switched off, paused, or a journal replayed.
 * Rebuild: a deadline that moves earlier, or a deleted key, leaves a record behind. When records
 *   outnumber twice the keys with a deadline (and a floor), or when some are known to be missing,
 *   a new wheel is filled from the dict in slices while the old one still fires; then it is freed.
 * Elements with deadlines (fields of hashes) arm the wheel with their key's hash; their type
 *   removes what is due, and the key is gone on with where that is more than a slice.
 * A clock that is put back leaves wheels ahead of it: one ahead by CLOCK_BACK_TICKS_MAX is rebuilt.
 * Cost: about 0.6 us a key freed at 1 M keys; a slice of RECORDS_PER_SLICE stays under 1 ms.
 */
import { assert } from '../assert.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import {
  ENTRY_TIMED_ELEMENTS, entryExpireMs, entryFlags, entryHasTtl, entryIsDue,
} from '../structs/entry.hot.ts';
import { TimingWheel, WHEEL_TICK_MS } from '../structs/timing-wheel.hot.ts';
import type { Database } from './database.ts';
import { collectMatches, warmHashes } from './hash-sweep.hot.ts';
import { Stat } from './statistics.ts';

/** Due records looked at in one slice, over all databases. */
export const RECORDS_PER_SLICE = 512;
/** Records taken from a wheel at once, and warmed together. */
const RECORDS_PER_TAKE = 64;
/** What a take counts at least, in records: it may have moved records between levels instead. */
const TAKE_COST_MIN = 32;
/** Elements of one key removed at once, at most. */
const ELEMENTS_PER_CALL = 256;
/** Records that looking at a key with such elements counts for. */
const TIMED_KEY_COST = 8;
/** Wheels with no more records than this above twice the keys are left alone. */
export const REBUILD_RECORDS_FLOOR = 4_096;
/** Lines armed in one slice of a rebuild. */
const REBUILD_LINES_PER_SLICE = 64;
/** Chunks of the old wheel freed in one slice of a rebuild. */
const REBUILD_CHUNKS_PER_SLICE = 512;
/** After a rebuild for missing records the next one waits this long: memory may still be short. */
const REBUILD_PAUSE_MS = 10_000;
/** A wheel may be ahead of the clock by so many ticks, a minute, before it is rebuilt. */
const CLOCK_BACK_TICKS_MAX = 600;

export class ActiveExpiry {
  readonly #shard: Shard;
  readonly #hashes = new Int32Array(RECORDS_PER_TAKE);
  readonly #slots = new Int32Array(CHAIN_SLOTS_MAX);
  /** The wheel that is being replaced; bound only during a rebuild. */
  readonly #oldWheel: TimingWheel;
  #rebuilt: Database | null = null;
  #rebuildCursor = 0;
  #isRebuildFilled = false;
  #rebuildNotBeforeMs = 0;
  #nextDb = 0;
  #recordsLeft = 0;
  /** Keys with more due elements than a slice removes: at most a take's records. */
  #unfinished: { readonly db: Database; readonly hash: number }[] = [];
  /** Result of warming reads; kept so that they are made. @internal */
  warmth = 0;

  constructor(shard: Shard) {
    this.#shard = shard;
    this.#oldWheel = new TimingWheel(shard.memory, shard.memory.arenaAllocator);
  }

  /** True while a wheel is being replaced. */
  get isRebuilding(): boolean {
    return this.#rebuilt !== null;
  }

  /**
   * Frees what is due at the shard's time, looking at up to `recordsMax` records.
   * @returns true when more is waiting
   */
  step(recordsMax = RECORDS_PER_SLICE): boolean {
    const shard = this.#shard;
    if (!shard.settings.isActiveExpireOn || shard.isReplaying) return false;
    if (shard.pause.isActive(shard.nowMs)) return false;
    const { keyspace } = shard;
    const tick = Math.floor((shard.nowMs - keyspace.baseMs) / WHEEL_TICK_MS);
    const { databases } = keyspace;
    this.#recordsLeft = recordsMax;
    this.#resumeUnfinished(tick);
    let hasMore = false;
    this.#nextDb = (this.#nextDb + 1) % databases.length;
    for (let i = 0; i < databases.length; i++) {
      const db = databases[(this.#nextDb + i) % databases.length];
      assert(db !== undefined, 'databases have no holes');
      db.wheel.advanceTo(tick);
      if (this.#fire(db, db.wheel, tick)) hasMore = true;
      if (this.#rebuilt === null && this.#needsRebuild(db, tick)) this.#startRebuild(db);
    }
    if (this.#rebuilt !== null) hasMore = this.#stepRebuild(this.#rebuilt, tick) || hasMore;
    if (recordsMax > this.#recordsLeft) {
      const at = Stat.ExpireCycleSlices;
      shard.stats.counts[at] = (shard.stats.counts[at] ?? 0) + 1;
    }
    return hasMore || this.#unfinished.length > 0;
  }

  /** Ms until `step` has something to do, unless a command runs meanwhile; at most `msMax`. */
  restMs(msMax: number): number {
    const shard = this.#shard;
    if (!shard.settings.isActiveExpireOn || shard.isReplaying) return msMax;
    if (this.#rebuilt !== null || this.#unfinished.length > 0) return 0;
    const { baseMs, databases } = shard.keyspace;
    let earliestMs = shard.nowMs + msMax;
    for (const { wheel } of databases) {
      if (wheel.recordCount() === 0) continue;
      const dueMs = baseMs + (wheel.targetTick() + wheel.ticksToNext()) * WHEEL_TICK_MS;
      if (dueMs < earliestMs) earliestMs = dueMs;
    }
    return Math.max(0, earliestMs - shard.nowMs);
  }

  /** Goes on with the keys that had more due elements than the last slice removed. */
  #resumeUnfinished(tick: number): void {
    const unfinished = this.#unfinished;
    this.#unfinished = [];
    for (const { db, hash } of unfinished) {
      if (db.dict.header === 0) continue;
      const deadlineMs = this.#expireHash(db, hash);
      if (deadlineMs >= 0) this.#arm(db, hash, deadlineMs, tick);
    }
  }

  /** Takes due records and looks at their lines; true when the wheel has more. */
  #fire(db: Database, wheel: TimingWheel, tick: number): boolean {
    while (wheel.hasDue()) {
      if (this.#recordsLeft <= 0) return true;
      const max = Math.min(this.#recordsLeft, RECORDS_PER_TAKE);
      const count = wheel.takeDue(this.#hashes, max);
      this.#recordsLeft -= Math.max(count, TAKE_COST_MIN);
      if (count === 0 || db.dict.header === 0) continue;
      this.warmth = warmHashes(db.dict, this.#hashes, count, this.#slots);
      for (let i = 0; i < count; i++) {
        const deadlineMs = this.#expireHash(db, this.#hashes[i] ?? 0);
        if (deadlineMs >= 0 && wheel === db.wheel) {
          this.#arm(db, this.#hashes[i] ?? 0, deadlineMs, tick);
        }
      }
    }
    return false;
  }

  /** Frees what is due of a hash; returns the earliest deadline of what is left, -1 if none. */
  #expireHash(db: Database, hash: number): number {
    const { keyspace, memory, guard } = this.#shard;
    let earliestMs = -1;
    let count = collectMatches(db.dict, hash, this.#slots);
    for (let i = 0; i < count; i++) {
      const slot = this.#slots[i] ?? 0;
      const ref = memory.i32[slot] ?? 0;
      const isTimed = hasTimedElements(memory.i32, ref);
      if (!entryHasTtl(memory.i32, ref) && !isTimed) continue;
      if (db.dict.hashOfEntry(ref) !== hash) continue;
      keyspace.db = db;
      keyspace.hash = hash;
      keyspace.slot = slot;
      if (guard?.holds(ref) === true) {
        earliestMs = earlier(earliestMs, this.#shard.nowMs);
        continue;
      }
      if (entryIsDue(memory.i32, ref, keyspace.nowLow, keyspace.nowHigh)) {
        this.#shard.expireLastLookup(ref);
      } else {
        if (entryHasTtl(memory.i32, ref)) {
          earliestMs = earlier(earliestMs, entryExpireMs(memory.i32, ref));
        }
        if (isTimed) earliestMs = earlier(earliestMs, this.#expireElements(db, hash, ref));
        if (keyspace.slot !== 0) continue;
      }
      // Removal may move slots: look again from the start.
      count = collectMatches(db.dict, hash, this.#slots);
      i = -1;
      earliestMs = -1;
    }
    return earliestMs;
  }

  /** Removes due elements of the key looked up last; the earliest deadline left, -1 for none. */
  #expireElements(db: Database, hash: number, ref: number): number {
    const shard = this.#shard;
    const elementsMax = Math.max(1, Math.min(this.#recordsLeft, ELEMENTS_PER_CALL));
    shard.keyspace.noteChange(ref);
    const deadlineMs = shard.handlerOf(ref).expireElements?.(shard, ref, elementsMax) ?? -1;
    const hasMore = deadlineMs >= 0 && deadlineMs < shard.nowMs;
    this.#recordsLeft -= hasMore ? elementsMax : TIMED_KEY_COST;
    if (!hasMore) return deadlineMs;
    this.#unfinished.push({ db, hash });
    return -1;
  }

  /**
   * Arms for a tick after the present one, and after the wheel's, so that a record never comes
   * twice in one tick.
   */
  #arm(db: Database, hash: number, deadlineMs: number, tick: number): void {
    const due = Math.ceil((deadlineMs - this.#shard.keyspace.baseMs) / WHEEL_TICK_MS);
    db.wheel.arm(hash, Math.max(due, tick + 1, db.wheel.targetTick() + 1));
  }

  #needsRebuild(db: Database, tick: number): boolean {
    if (db.wheel.targetTick() > tick + CLOCK_BACK_TICKS_MAX) return true;
    const records = db.wheel.recordCount();
    const keysKnown = db.expiringCount + db.timedAtRebuild;
    if (records > 2 * keysKnown + REBUILD_RECORDS_FLOOR) return true;
    const isMissing = db.wheel.missedCount() > 0 || records < db.expiringCount;
    return isMissing && this.#shard.nowMs >= this.#rebuildNotBeforeMs;
  }

  /** Puts a fresh wheel in the old one's place; the old one goes on firing until it is freed. */
  #startRebuild(db: Database): void {
    const old = db.wheel.header;
    db.wheel.bind(0);
    this.#rebuildNotBeforeMs = this.#shard.nowMs + REBUILD_PAUSE_MS;
    if (db.wheel.create() === 0) {
      db.wheel.bind(old); // No memory for a header: later.
      return;
    }
    this.#oldWheel.bind(old);
    this.#rebuilt = db;
    this.#rebuildCursor = 0;
    this.#isRebuildFilled = db.dict.header === 0;
    db.timedAtRebuild = 0;
  }

  /** Arms some lines' keys on the new wheel, or frees some of the old one; false when done. */
  #stepRebuild(db: Database, tick: number): boolean {
    this.#oldWheel.advanceTo(tick);
    if (!this.#isRebuildFilled) {
      this.#fire(db, this.#oldWheel, tick);
      this.#fillRebuild(db, tick);
      return true;
    }
    if (this.#oldWheel.clearStep(REBUILD_CHUNKS_PER_SLICE)) return true;
    this.#oldWheel.destroy();
    this.#rebuilt = null;
    return false;
  }

  #fillRebuild(db: Database, tick: number): void {
    const shard = this.#shard;
    const { memory } = shard;
    for (let lines = 0; lines < REBUILD_LINES_PER_SLICE; lines++) {
      if (db.dict.header === 0) {
        this.#isRebuildFilled = true; // Flushed meanwhile.
        return;
      }
      const line = db.dict.lineAtCursor(this.#rebuildCursor);
      const count = db.dict.collectLine(line, this.#slots);
      for (let i = 0; i < count; i++) {
        const ref = memory.i32[this.#slots[i] ?? 0] ?? 0;
        const hash = db.dict.hashOfEntry(ref);
        if (entryHasTtl(memory.i32, ref)) {
          this.#arm(db, hash, entryExpireMs(memory.i32, ref), tick);
        }
        if (!hasTimedElements(memory.i32, ref)) continue;
        db.timedAtRebuild++;
        const deadlineMs = shard.handlerOf(ref).elementDeadlineMs?.(shard, ref) ?? -1;
        if (deadlineMs >= 0) this.#arm(db, hash, deadlineMs, tick);
      }
      this.#rebuildCursor = db.dict.scanNext(this.#rebuildCursor);
      if (this.#rebuildCursor === 0) {
        this.#isRebuildFilled = true;
        return;
      }
    }
  }
}

function hasTimedElements(i32: Int32Array, ref: number): boolean {
  return (entryFlags(i32, ref) & ENTRY_TIMED_ELEMENTS) !== 0;
}

/** The earlier of two deadlines; -1 is none. */
function earlier(a: number, b: number): number {
  if (a < 0 || b < 0) return Math.max(a, b);
  return Math.min(a, b);
}
