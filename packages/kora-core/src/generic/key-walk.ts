/**
 * Walks over the keys of a database: all that match (KEYS), some lines from a cursor on (SCAN), one
 * by chance (RANDOMKEY). A key whose time has come is passed over everywhere; SCAN and RANDOMKEY
 * free it too, as a lookup would, KEYS only looks. While CLIENT PAUSE holds, all three only look.
 *
 * A cursor's position is a place in the bit-reversed hash space (Dict.scanNext), so growth and
 * shrinkage between two calls move no key to the part that is done: a key that is there all along
 * is met, perhaps twice.
 * Cost: KEYS two walks over all lines, so that the reply's length is known and nothing is
 * collected; SCAN the lines it visits; RANDOMKEY a few lines, unless nearly all keys are due and
 * nobody has freed them.
 */
import { assert } from '../assert.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Database } from '../keyspace/database.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import { entryIsDue, entryKeyAt, entryKeyBytes } from '../structs/entry.hot.ts';
import type { KeyMatcher } from './key-matcher.ts';

/**
 * Keys drawn by chance, each one due and freed, before RANDOMKEY walks to the next key that is
 * alive.
 */
const RANDOM_TRIES_MAX = 100;
/** Bytes of keys that a step of SCAN meets at most, but for those of its last line. */
export const WALK_KEY_BYTES_MAX = 32 * 1024 * 1024;

/** Slots of the chain that is being looked at. */
const slots = new Int32Array(CHAIN_SLOTS_MAX);

function isDue(shard: Shard, ref: number): boolean {
  const { keyspace, memory } = shard;
  return entryIsDue(memory.i32, ref, keyspace.nowLow, keyspace.nowHigh);
}

/** Keys of the database that match and are not due. */
export function countMatches(shard: Shard, db: Database, matcher: KeyMatcher): number {
  if (db.dict.header === 0) return 0;
  if (matcher.matchesAll && db.expiringCount === 0) return db.count;
  const lines = db.dict.lines();
  let count = 0;
  for (let line = 0; line < lines; line++) {
    const entries = db.dict.collectLine(line, slots);
    for (let i = 0; i < entries; i++) {
      const ref = shard.memory.i32[slots[i] ?? 0] ?? 0;
      if (!isDue(shard, ref) && matcher.matches(ref)) count++;
    }
  }
  return count;
}

/** Writes the keys that countMatches counted, as bulk strings. */
export function writeMatches(
  shard: Shard, db: Database, matcher: KeyMatcher, out: ReplySink,
): void {
  const lines = db.dict.lines();
  for (let line = 0; line < lines; line++) {
    const entries = db.dict.collectLine(line, slots);
    for (let i = 0; i < entries; i++) {
      const { i32 } = shard.memory;
      const ref = i32[slots[i] ?? 0] ?? 0;
      if (isDue(shard, ref) || !matcher.matches(ref)) continue;
      out.bulk(entryKeyAt(i32, ref), entryKeyBytes(i32, ref));
    }
  }
}

/**
 * Visits lines from `cursor` on until `entriesMin` entries, or WALK_KEY_BYTES_MAX bytes of their
 * keys, were met or `linesMax` lines visited; due entries are freed. Entries met stay where they
 * are until the caller changes data.
 * @param into gets the refs of the entries met, after being emptied
 * @returns the cursor to go on with, 0 at the end
 */
export function walkLines(
  shard: Shard, db: Database, cursor: number, entriesMin: number, linesMax: number, into: number[],
): number {
  into.length = 0;
  const { dict } = db;
  if (dict.header === 0) return 0;
  let next = cursor;
  let keyBytes = 0;
  for (let lines = 0; lines < linesMax; lines++) {
    const count = collectLiving(shard, db, next);
    const { i32 } = shard.memory;
    for (let i = 0; i < count; i++) {
      const ref = i32[slots[i] ?? 0] ?? 0;
      keyBytes += entryKeyBytes(i32, ref);
      into.push(ref);
    }
    next = dict.scanNext(next);
    if (next === 0 || into.length >= entriesMin || keyBytes >= WALK_KEY_BYTES_MAX) break;
  }
  return next;
}

/** Collects the line at a cursor into `slots` after freeing what is due there. */
function collectLiving(shard: Shard, db: Database, cursor: number): number {
  const { dict } = db;
  let count = dict.collectLine(dict.lineAtCursor(cursor), slots);
  if (isPaused(shard)) return passOverDue(shard, count);
  for (let i = 0; i < count; i++) {
    const slot = slots[i] ?? 0;
    const ref = shard.memory.i32[slot] ?? 0;
    if (!isDue(shard, ref)) continue;
    expireSlot(shard, db, slot, ref);
    // The removal may have moved slots or merged lines: look again from the start.
    count = dict.collectLine(dict.lineAtCursor(cursor), slots);
    i = -1;
  }
  return count;
}

/** True while nothing may change (CLIENT PAUSE): what is due is hidden, not freed. */
function isPaused(shard: Shard): boolean {
  return shard.pause.isActive(shard.nowMs);
}

/** Takes what is due out of the first `count` of `slots`; returns how many are left. */
function passOverDue(shard: Shard, count: number): number {
  const { i32 } = shard.memory;
  let left = 0;
  for (let i = 0; i < count; i++) {
    const slot = slots[i] ?? 0;
    if (!isDue(shard, i32[slot] ?? 0)) slots[left++] = slot;
  }
  return left;
}

/** Frees the due entry in a slot as a lookup of its key would. */
function expireSlot(shard: Shard, db: Database, slot: number, ref: number): void {
  const { keyspace } = shard;
  keyspace.db = db;
  keyspace.hash = db.dict.hashOfEntry(ref);
  keyspace.slot = slot;
  shard.expireLastLookup(ref);
}

/** An entry by chance that is not due; 0 when there is none. */
export function randomEntry(shard: Shard, db: Database): number {
  const { dict } = db;
  const { chance } = shard.platform;
  if (dict.header === 0) return 0;
  for (let tries = 0; tries < RANDOM_TRIES_MAX; tries++) {
    const slot = dict.randomSlot(chance.next32(), chance.next32());
    if (slot === 0) return 0;
    const ref = shard.memory.i32[slot] ?? 0;
    assert(ref !== 0, 'a random slot is occupied');
    if (!isDue(shard, ref)) return ref;
    if (!isPaused(shard)) expireSlot(shard, db, slot, ref);
  }
  return nextLiving(shard, db, chance.next32());
}

/** The first entry that is not due in the lines from a random one on. */
function nextLiving(shard: Shard, db: Database, random: number): number {
  const lines = db.dict.lines();
  const first = Math.floor(((random >>> 0) / 4_294_967_296) * lines);
  for (let step = 0; step < lines; step++) {
    const line = (first + step) % lines;
    const count = db.dict.collectLine(line, slots);
    for (let i = 0; i < count; i++) {
      const ref = shard.memory.i32[slots[i] ?? 0] ?? 0;
      if (!isDue(shard, ref)) return ref;
    }
  }
  return 0;
}
