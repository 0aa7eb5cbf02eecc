/**
 * Renames, copies and moves an entry whatever its type: what RENAME, COPY, MOVE and SWAPDB do to
 * the data, and what the replay of their effects does. A rename gives the value area a new block
 * under the new key; a copy asks the type; a move hands the block itself to the other database.
 *
 * Invariants: the new entry is complete before a dict knows it, and it is linked before the old one
 * is unlinked, so
 *   the promise of `reserve` covers the only step that takes memory. False means that nothing
 *   changed.
 * Keys are given by bytes outside the entries they name (arguments, or a record's copy): blocks are
 * freed here.
 * Each function ends with the key space's last lookup on a key of its own; callers look up again.
 * Cost: two or three lookups; a rename moves at most the inline value, never what a root owns.
 */
import { assert } from '../assert.ts';
import type { Shard } from '../shard/shard.ts';
import {
  entryAccess,
  entryBytesFor,
  entryExpireHigh,
  entryExpireLow,
  entryFlags,
  entryHasTtl,
  entryKeyAt,
  entryValueAt,
  entryValueBytes,
  entryValueInlineBytes,
  setEntryAccess,
  setEntryExpire,
  writeEntryHeader,
} from '../structs/entry.hot.ts';
import type { Database } from './database.ts';

/** A key by its bytes in the worker memory. */
export interface KeyBytes {
  readonly at: number;
  readonly bytes: number;
}

/**
 * Gives the entry `ref` of `key` another key in the same database, replacing what is there.
 * Deadline, access field and value stay.
 * @returns false when memory is short
 */
export function renameEntry(
  shard: Shard, db: Database, ref: number, key: KeyBytes, newKey: KeyBytes,
): boolean {
  const { keyspace, memory } = shard;
  const inlineBytes = entryValueInlineBytes(memory.i32, ref);
  if (!keyspace.reserve(newKey.bytes, inlineBytes, 0, 0)) return false;
  const entry = buildEntry(shard, ref, newKey, entryAccess(memory.i32, ref));
  assert(entry !== 0, 'a reserved entry was had');
  const { i32, kernel } = memory;
  kernel.copy(entryValueAt(i32, entry), entryValueAt(i32, ref), inlineBytes);
  keyspace.find(db, newKey.at, newKey.bytes);
  keyspace.link(entry);
  takeOut(shard, db, ref, key);
  memory.arenaAllocator.free(ref);
  return true;
}

/**
 * Copies the entry `ref`, with its deadline, to a key of `toDb`, replacing what is there. The copy
 * counts as just accessed.
 * @returns false when memory is short
 */
export function copyEntry(shard: Shard, ref: number, toDb: Database, newKey: KeyBytes): boolean {
  const { keyspace, memory } = shard;
  const entry = buildEntry(shard, ref, newKey, keyspace.access.initial());
  if (entry === 0) return false;
  if (!shard.handlerOf(ref).copyValue(shard, ref, entry)) {
    memory.arenaAllocator.free(entry);
    return false;
  }
  if (!keyspace.reserve(0, 0, 0, 0)) {
    shard.freeValue(entry);
    memory.arenaAllocator.free(entry);
    return false;
  }
  keyspace.find(toDb, newKey.at, newKey.bytes);
  keyspace.link(entry);
  return true;
}

/**
 * Hands the entry `ref` of `key` from one database to another, which has no such key.
 * @returns false when memory is short
 */
export function moveEntry(
  shard: Shard, fromDb: Database, ref: number, key: KeyBytes, toDb: Database,
): boolean {
  const { keyspace } = shard;
  if (!keyspace.reserve(0, 0, 0, 0)) return false;
  const found = keyspace.find(toDb, key.at, key.bytes);
  assert(found === 0, 'a moved key is absent at its destination');
  keyspace.link(ref);
  takeOut(shard, fromDb, ref, key);
  return true;
}

/** Exchanges two databases; the numbers are valid. */
export function swapDatabases(shard: Shard, first: number, second: number): void {
  const { databases } = shard.keyspace;
  const a = databases[first];
  const b = databases[second];
  assert(a !== undefined && b !== undefined, 'swapped databases exist');
  shard.noteMutation();
  shard.keyspace.generation++;
  databases[first] = b;
  databases[second] = a;
  a.index = second;
  b.index = first;
}

/**
 * A block for `newKey` with the header, deadline and room for the value of entry `ref`, known to no
 * dict yet.
 * @returns its ref, 0 when memory is short
 */
function buildEntry(shard: Shard, ref: number, newKey: KeyBytes, access: number): number {
  const { memory } = shard;
  const inlineBytes = entryValueInlineBytes(memory.i32, ref);
  const hasTtl = entryHasTtl(memory.i32, ref);
  const entry = memory.arenaAllocator.alloc(entryBytesFor(newKey.bytes, inlineBytes, hasTtl));
  if (entry === 0) return 0;
  const { i32, kernel } = memory;
  writeEntryHeader(i32, entry, entryFlags(i32, ref), newKey.bytes, entryValueBytes(i32, ref));
  setEntryAccess(i32, entry, access);
  if (hasTtl) setEntryExpire(i32, entry, entryExpireLow(i32, ref), entryExpireHigh(i32, ref));
  kernel.copy(entryKeyAt(i32, entry), newKey.at, newKey.bytes);
  return entry;
}

/** Takes an entry out of its database; the block stays as it is. */
function takeOut(shard: Shard, db: Database, ref: number, key: KeyBytes): void {
  const found = shard.keyspace.find(db, key.at, key.bytes);
  assert(found === ref, 'the entry is still where it was');
  shard.keyspace.unlink(ref);
}
