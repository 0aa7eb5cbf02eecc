/**
 * Builds the entry of a value in the RDB format, known to no dict yet: what RESTORE, a journal's
 * whole values and DEBUG RELOAD put in the place of a key. Whatever goes wrong, what was built is
 * dropped again and nothing has changed.
 * Cost: O(bytes); the value stands on the heap only in the bytes it is read from.
 */
import {
  collectionCount, dropAside, newEntryAside, ROOT_BYTES,
} from '../keyspace/collection-entry.ts';
import type { TypeHandler } from '../keyspace/type-handler.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import type { Shard } from '../shard/shard.ts';
import { ENTRY_WIDE, entryFlags, setEntryFlags, setEntryRoot } from '../structs/entry.hot.ts';
import { newStringAside } from '../types/string/string.codec.ts';
import { checkRdb, RdbError } from './rdb-error.ts';
import { RdbReader } from './rdb-reader.ts';
import { RdbType } from './rdb-types.ts';

/** Key and deadline of an entry to be built. */
export interface EntryHead {
  /** The key's bytes in the worker memory. */
  readonly keyAt: number;
  readonly keyBytes: number;
  /** 1 with expireLow and expireHigh, 0 without. */
  readonly hasTtl: number;
  readonly expireLow: number;
  readonly expireHigh: number;
  /** True for an entry that was wide (ENTRY_WIDE), whatever its elements would make of it. */
  readonly isWide?: boolean;
}

/**
 * Reads type byte and body, u8[from .. end), all of it.
 * @returns the entry, to be linked or dropped; 0 when memory is short
 * @throws {RdbError} `format` when the bytes are no value, or one without elements
 */
export function loadValue(
  shard: Shard, u8: Uint8Array, from: number, end: number, head: EntryHead,
): number {
  const reader = new RdbReader(shard.memory, u8, from, end);
  try {
    const rdbType = reader.u8();
    const ref = rdbType === RdbType.String
      ? newStringAside(shard, reader.blob(), head)
      : loadCollection(shard, rdbType, reader, head);
    if (ref !== 0) expectEnd(shard, reader, ref);
    return ref;
  } catch (error) {
    if (error instanceof RdbError && error.kind === 'memory') return 0;
    throw error;
  } finally {
    reader.close();
  }
}

function loadCollection(
  shard: Shard, rdbType: number, reader: RdbReader, head: EntryHead,
): number {
  const type = typeOf(shard, rdbType);
  checkRdb(type >= 0, 'a value has a known type');
  const ref = newEntryAside(
    shard, head.keyAt, head.keyBytes, type, 0, ROOT_BYTES,
    head.hasTtl, head.expireLow, head.expireHigh,
  );
  if (ref === 0) return 0;
  const { i32 } = shard.memory;
  setEntryRoot(i32, ref, 0);
  if (head.isWide === true) setEntryFlags(i32, ref, entryFlags(i32, ref) | ENTRY_WIDE);
  let isLoaded = false;
  try {
    isLoaded = shard.handlerOf(ref).load(shard, rdbType, reader, ref);
    const mayBeEmpty = type === ValueType.Stream || type === ValueType.VectorSet;
    const isEmpty = isLoaded && !mayBeEmpty && collectionCount(shard, ref) === 0;
    checkRdb(!isEmpty, 'a collection has elements');
  } catch (error) {
    dropAside(shard, ref);
    throw error;
  }
  if (isLoaded) return ref;
  dropAside(shard, ref);
  return 0;
}

/** Drops the entry when bytes are left behind its value. */
function expectEnd(shard: Shard, reader: RdbReader, ref: number): void {
  if (reader.left === 0) return;
  dropAside(shard, ref);
  throw new RdbError('format', 'a value ends where its bytes do');
}

/** The type whose handler reads values of this RDB type, -1 when none does. */
function typeOf(shard: Shard, rdbType: number): number {
  return shard.typeHandlers.findIndex((handler: TypeHandler | undefined) =>
    handler?.rdbTypes.includes(rdbType) === true);
}
