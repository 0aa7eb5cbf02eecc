/**
 * Entries of collections: the value area is one word, the root ref of the type's structure, and the
 * length that the entry states is the number of elements. Root 0 is an empty collection, which
 * exists only inside a command: a command that leaves a collection empty removes the key.
 *
 * Two ways to make one. In place: look the key up, find it absent, reserve, `createCollection`,
 * add. Aside, for results that replace something (STORE, RESTORE, COPY): `newAside` gives an entry
 * that no dict knows; fill it, then `linkAside` puts it in the place of what the key held, or
 * `dropAside` forgets it. Since the value area never changes its size, the entry stays where it is.
 * Cost: O(1) besides the lookup.
 */
import type { Shard } from '../shard/shard.ts';
import {
  ENTRY_ENCODING_MASK, ENTRY_ENCODING_SHIFT, ENTRY_HAS_TTL, entryBytesFor, entryFlags, entryKeyAt,
  entryValueBytes, setEntryAccess, setEntryExpire, setEntryFlags, setEntryRoot, setEntryValueBytes,
  writeEntryHeader,
} from '../structs/entry.hot.ts';
import type { Database } from './database.ts';
import { EffectReason } from './effect.ts';
import { KeyEvent } from './events.ts';

/** Bytes of the value area: the root ref. */
export const ROOT_BYTES = 4;

/** Elements of the collection in entry `ref`. */
export function collectionCount(shard: Shard, ref: number): number {
  return entryValueBytes(shard.memory.i32, ref);
}

export function setCollectionCount(shard: Shard, ref: number, count: number): void {
  setEntryValueBytes(shard.memory.i32, ref, count);
}

/** Notes another encoding (0 .. 15, numbered by the type) in the entry's flags. */
export function setCollectionEncoding(shard: Shard, ref: number, encoding: number): void {
  const { i32 } = shard.memory;
  const rest = entryFlags(i32, ref) & ~ENTRY_ENCODING_MASK;
  setEntryFlags(i32, ref, rest | (encoding << ENTRY_ENCODING_SHIFT));
}

/**
 * Makes an empty collection at the key looked up last, which is absent. The caller reserved
 * (`keyspace.reserve(keyBytes, ROOT_BYTES, blocks, bytes)`).
 * @param flags ValueType, with the encoding in its bits
 */
export function createCollection(
  shard: Shard, keyAt: number, keyBytes: number, flags: number,
): number {
  const ref = shard.keyspace.put(keyAt, keyBytes, flags, 0, ROOT_BYTES, 0, 0, 0);
  setEntryRoot(shard.memory.i32, ref, 0);
  return ref;
}

/** An empty collection under a key, known to no dict; 0 when memory is short. */
export function newAside(shard: Shard, keyAt: number, keyBytes: number, flags: number): number {
  const ref = newEntryAside(shard, keyAt, keyBytes, flags, 0, ROOT_BYTES, 0, 0, 0);
  if (ref !== 0) setEntryRoot(shard.memory.i32, ref, 0);
  return ref;
}

/**
 * An entry of any type under a key, known to no dict: header, key and deadline are written, the
 * value area is the caller's to fill.
 * @param valueBytes what the entry states as its length
 * @param hasTtl 1 with expireLow and expireHigh, 0 without
 * @returns 0 when memory is short
 */
export function newEntryAside(
  shard: Shard, keyAt: number, keyBytes: number, flags: number, valueBytes: number,
  inlineBytes: number, hasTtl: number, expireLow: number, expireHigh: number,
): number {
  const { memory, keyspace } = shard;
  const isTimed = hasTtl !== 0;
  const ref = memory.arenaAllocator.alloc(entryBytesFor(keyBytes, inlineBytes, isTimed));
  if (ref === 0) return 0;
  const { i32, kernel } = memory;
  const allFlags = isTimed ? flags | ENTRY_HAS_TTL : flags & ~ENTRY_HAS_TTL;
  writeEntryHeader(i32, ref, allFlags, keyBytes, valueBytes);
  setEntryAccess(i32, ref, keyspace.access.initial());
  if (isTimed) setEntryExpire(i32, ref, expireLow, expireHigh);
  kernel.copy(entryKeyAt(i32, ref), keyAt, keyBytes);
  return ref;
}

/**
 * Puts an entry made aside at its key, replacing and freeing what is there; the caller reserved
 * (`keyspace.reserve(0, 0, 0, 0)`) after the last allocation for it.
 */
export function linkAside(
  shard: Shard, db: Database, keyAt: number, keyBytes: number, ref: number,
): void {
  shard.keyspace.find(db, keyAt, keyBytes);
  shard.keyspace.link(ref);
}

/** Frees an entry made aside with all that its value owns. */
export function dropAside(shard: Shard, ref: number): void {
  shard.freeValue(ref);
  shard.memory.arenaAllocator.free(ref);
}

/**
 * Removes the key of entry `ref`, looked up last, when its collection is empty, and announces it
 * (`del`). @returns true when the key is gone
 */
export function removeIfEmpty(shard: Shard, ref: number): boolean {
  if (collectionCount(shard, ref) !== 0) return false;
  shard.removeLastLookup(ref, KeyEvent.Del, EffectReason.Command);
  return true;
}
