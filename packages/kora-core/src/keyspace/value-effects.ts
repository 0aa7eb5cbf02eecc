/**
 * Changes of collections in journal records: whole values (ValueSet) and the parts of the ops from
 * COLLECTION_OP_MIN on; effect-codec.ts draws the layout. A whole value is written in the RDB
 * format part by part; parts of a change one by one, and they lie in one block of low memory while
 * a type replays them.
 *
 * Invariant: the numbers of the ops name their type, eight to a type, so a record of an op that
 *   this version does not know is refused before anything is looked at.
 * Cost: O(bytes of the record).
 */
import { assert } from '../assert.ts';
import { SCRATCH_BYTES } from '../limits.ts';
import { loadValue } from '../rdb/load-value.ts';
import { RdbError } from '../rdb/rdb-error.ts';
import type { Shard } from '../shard/shard.ts';
import {
  ENTRY_WIDE, entryExpireHigh, entryExpireLow, entryFlags, entryHasTtl,
} from '../structs/entry.hot.ts';
import { outOfMemory } from '../types/string/string.codec.ts';
import { dropAside, linkAside } from './collection-entry.ts';
import type { Database } from './database.ts';
import type { Effect } from './effect.ts';
import { EffectOp } from './effect.ts';
import { EffectParts } from './effect-parts.ts';
import type { EffectReader } from './effect-reader.ts';
import type { EffectWriter } from './effect-writer.ts';
import type { KeyBytes } from './move-entry.ts';
import type { ReplayKey } from './type-handler.ts';
import { ValueType } from './type-handler.ts';

/** Bits of the traits byte of ValueSet. */
const TRAIT_TTL = 1;
const TRAIT_WIDE = 2;
/** A part of a record with this in place of its length is a number. */
const NUMBER_MARK = 0xffff_ffff;
/** Bytes of the shortest part: a length. */
const PART_BYTES_MIN = 4;
/** Ops of collections have numbers below. */
const COLLECTION_OP_END = 72;
/**
 * Types by eights of op numbers: 16 list, 24 set, 32 hash, 40 sorted set, 48 and 56 stream, 64
 * vector set.
 */
const TYPE_OF_EIGHTH: readonly number[] = [
  -1, -1, ValueType.List, ValueType.Set, ValueType.Hash, ValueType.SortedSet, ValueType.Stream,
  ValueType.Stream, ValueType.VectorSet,
];

const knownOps: ReadonlySet<number> = new Set(Object.values(EffectOp));
const doubleWords = new DataView(new ArrayBuffer(8));
/** Parts of the record that is replayed. Owner: `replayParts`. */
const replayed = new EffectParts();

/** The type whose collections an op changes; -1 when it is no op of a collection. */
export function typeOfOp(op: number): number {
  if (op >= COLLECTION_OP_END || !knownOps.has(op)) return -1;
  return TYPE_OF_EIGHTH[op >>> 3] ?? -1;
}

/** Writes the whole value of the effect's entry. */
export function encodeValueSet(shard: Shard, effect: Effect, writer: EffectWriter): void {
  const { i32 } = shard.memory;
  const { ref } = effect;
  const hasTtl = entryHasTtl(i32, ref);
  const isWide = (entryFlags(i32, ref) & ENTRY_WIDE) !== 0;
  writer.u8((hasTtl ? TRAIT_TTL : 0) | (isWide ? TRAIT_WIDE : 0));
  if (hasTtl) {
    writer.u32(entryExpireLow(i32, ref));
    writer.u32(entryExpireHigh(i32, ref));
  }
  const { rdb } = shard;
  rdb.beginStream((part) => {
    writeHeapBytes(shard, part, writer);
  });
  shard.handlerOf(ref).save(shard, ref, rdb);
  rdb.end();
}

/** Writes bytes of the heap, which a writer takes from the worker memory only. */
function writeHeapBytes(shard: Shard, body: Uint8Array, writer: EffectWriter): void {
  const { lowAllocator, low } = shard.memory;
  const blockBytes = Math.max(1, Math.min(body.length, SCRATCH_BYTES));
  const block = lowAllocator.alloc(blockBytes);
  assert(block !== 0, 'low memory holds a block for a journal record');
  for (let done = 0; done < body.length; done += blockBytes) {
    const step = Math.min(blockBytes, body.length - done);
    low.set(body.subarray(done, done + step), block * 8);
    writer.bytes(block * 8, step);
  }
  lowAllocator.free(block);
}

/** Writes the operands of a change of a collection. */
export function encodeParts(parts: EffectParts, writer: EffectWriter): void {
  writer.u32(parts.count);
  for (let i = 0; i < parts.count; i++) {
    const value = parts.value[i] ?? 0;
    if (parts.isNumber(i)) {
      doubleWords.setFloat64(0, value, true);
      writer.u32(NUMBER_MARK);
      writer.u32(doubleWords.getInt32(0, true));
      writer.u32(doubleWords.getInt32(4, true));
    } else {
      const bytes = parts.bytes[i] ?? 0;
      writer.u32(bytes);
      writer.bytes(value, bytes);
    }
  }
}

/** Gives the key the value of a ValueSet. */
export function replayValueSet(
  shard: Shard, db: Database, key: KeyBytes, reader: EffectReader,
): void {
  const traits = reader.u8();
  reader.check(traits <= (TRAIT_TTL | TRAIT_WIDE), 'unknown traits of a value');
  const hasTtl = (traits & TRAIT_TTL) !== 0;
  const expireLow = hasTtl ? reader.i32() : 0;
  const expireHigh = hasTtl ? reader.i32() : 0;
  reader.check(expireHigh >= 0, 'a deadline is not negative');
  const body = reader.take(reader.left);
  const head = {
    keyAt: key.at, keyBytes: key.bytes, hasTtl: hasTtl ? 1 : 0, expireLow, expireHigh,
    isWide: (traits & TRAIT_WIDE) !== 0,
  };
  let ref: number;
  try {
    ref = loadValue(shard, body, 0, body.length, head);
  } catch (error) {
    if (error instanceof RdbError) reader.check(false, error.message);
    throw error;
  }
  if (ref === 0) throw outOfMemory();
  if (!shard.keyspace.reserve(0, 0, 0, 0)) {
    dropAside(shard, ref);
    throw outOfMemory();
  }
  linkAside(shard, db, key.at, key.bytes, ref);
}

/** Lets the type of the op make its change; the key was looked up last. */
export function replayParts(
  shard: Shard, op: number, key: ReplayKey, reader: EffectReader,
): void {
  const type = typeOfOp(op);
  const handler = shard.typeHandlers[type];
  reader.check(handler !== undefined, 'a change of a type that is not here');
  const fits = key.ref === 0 || shard.keyspace.isType(key.ref, type);
  reader.check(fits, 'a change of a key that holds another type');
  const { lowAllocator } = shard.memory;
  const block = lowAllocator.alloc(Math.max(1, reader.left));
  if (block === 0) throw outOfMemory();
  try {
    readParts(shard, reader, block * 8);
    handler.replay(shard, op, key, replayed);
  } finally {
    lowAllocator.free(block);
  }
}

/**
 * Reads the parts of a record that lies in low memory: their bytes stay where they are.
 * @param endAt byte behind the record
 */
export function readPartsInPlace(parts: EffectParts, reader: EffectReader, endAt: number): void {
  const count = reader.u32();
  for (let i = 0; i < count; i++) {
    const bytes = reader.u32();
    if (bytes === NUMBER_MARK) {
      doubleWords.setInt32(0, reader.i32(), true);
      doubleWords.setInt32(4, reader.i32(), true);
      parts.addNumber(doubleWords.getFloat64(0, true));
    } else {
      parts.add(endAt - reader.left, bytes);
      reader.take(bytes);
    }
  }
}

/** Reads the parts; their bytes go to low memory from `at` on, one after the other. */
function readParts(shard: Shard, reader: EffectReader, at: number): void {
  const { low } = shard.memory;
  const count = reader.u32();
  reader.check(count * PART_BYTES_MIN <= reader.left, 'more parts than there are');
  replayed.clear();
  let next = at;
  for (let i = 0; i < count; i++) {
    const bytes = reader.u32();
    if (bytes === NUMBER_MARK) {
      doubleWords.setInt32(0, reader.i32(), true);
      doubleWords.setInt32(4, reader.i32(), true);
      replayed.addNumber(doubleWords.getFloat64(0, true));
    } else {
      low.set(reader.take(bytes), next);
      replayed.add(next, bytes);
      next += bytes;
    }
  }
  reader.check(reader.left === 0, 'a record ends with its last part');
}
