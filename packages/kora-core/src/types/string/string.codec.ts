/**
 * Strings in journal records: the payloads of StringSet, StringAppend and StringPatch (drawn in
 * keyspace/effect-codec.ts). Long values are written piece by piece and read back through the
 * scratch area, so no value ever stands on the heap as a whole because of a journal. And strings
 * from the RDB format, which are built together with their entry.
 */
import { Fault } from '../../errors/fault.ts';
import { newEntryAside } from '../../keyspace/collection-entry.ts';
import type { Effect } from '../../keyspace/effect.ts';
import type { EffectReader } from '../../keyspace/effect-reader.ts';
import type { EffectWriter } from '../../keyspace/effect-writer.ts';
import type { ReplayKey } from '../../keyspace/type-handler.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import { ROPE_BYTES_MIN, SCRATCH_BYTES } from '../../limits.ts';
import type { EntryHead } from '../../rdb/load-value.ts';
import { checkRdb } from '../../rdb/rdb-error.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  ENTRY_ENCODING_SHIFT, ENTRY_IS_ROPE, ENTRY_RAW, entryEncoding, entryExpireHigh, entryExpireLow,
  entryFlags, entryHasTtl, entryValueAt, setEntryRoot,
} from '../../structs/entry.hot.ts';
import { ROPE_BYTES_MAX } from '../../structs/rope.ts';
import { TRAIT_RAW, TRAIT_TEXT, TRAIT_TTL } from './string-record.hot.ts';
import {
  growString, patchString, PLAIN_FLAGS, putRope, putString, putZeros, STRING_TEXT, stringBytes,
  stringInlineBytes, stringPieceAt, stringPieceBytes, stringPieceCount,
} from './string.ts';

/** Writes the after-image of the effect's entry: traits, deadline, length, bytes. */
export function encodeStringSet(shard: Shard, effect: Effect, writer: EffectWriter): void {
  const { i32 } = shard.memory;
  const { ref } = effect;
  const hasTtl = entryHasTtl(i32, ref);
  const isRaw = (entryFlags(i32, ref) & ENTRY_RAW) !== 0;
  const isText = entryEncoding(i32, ref) === STRING_TEXT;
  writer.u8((hasTtl ? TRAIT_TTL : 0) | (isRaw ? TRAIT_RAW : 0) | (isText ? TRAIT_TEXT : 0));
  if (hasTtl) {
    writer.u32(entryExpireLow(i32, ref));
    writer.u32(entryExpireHigh(i32, ref));
  }
  writer.u32(stringBytes(shard, ref));
  const pieces = stringPieceCount(shard, ref);
  for (let piece = 0; piece < pieces; piece++) {
    writer.bytes(stringPieceAt(shard, ref, piece), stringPieceBytes(shard, ref, piece));
  }
}

/** Writes the bytes that were appended or patched in: length, bytes. */
export function encodeStringBytes(shard: Shard, effect: Effect, writer: EffectWriter): void {
  writer.u32(effect.otherBytes);
  if (effect.otherRope === 0) {
    writer.bytes(effect.otherAt, effect.otherBytes);
    return;
  }
  const { ropes } = shard;
  const pieces = ropes.pieceCount(effect.otherRope);
  for (let piece = 0; piece < pieces; piece++) {
    const at = ropes.pieceAt(effect.otherRope, piece);
    writer.bytes(at, ropes.pieceBytes(effect.otherRope, piece));
  }
}

/** Gives the key the value of a StringSet. */
export function replayStringSet(shard: Shard, key: ReplayKey, reader: EffectReader): void {
  const traits = reader.u8();
  reader.check(traits <= (TRAIT_TTL | TRAIT_RAW | TRAIT_TEXT), 'unknown traits of a string');
  const hasTtl = (traits & TRAIT_TTL) !== 0;
  const low = hasTtl ? reader.i32() : 0;
  const high = hasTtl ? reader.i32() : 0;
  reader.check(high >= 0, 'a deadline is not negative');
  const value = takeValue(reader);
  const flags =
    ValueType.String |
    ((traits & TRAIT_RAW) !== 0 ? ENTRY_RAW : 0) |
    ((traits & TRAIT_TEXT) !== 0 ? STRING_TEXT << ENTRY_ENCODING_SHIFT : 0);
  const ttl = hasTtl ? 1 : 0;
  let ref: number;
  if (value.length < ROPE_BYTES_MIN) {
    shard.memory.low.set(value, shard.scratchAt);
    ref = putString(
      shard, key.at, key.bytes, shard.scratchAt, value.length, flags, ttl, low, high,
    );
  } else {
    const root = ropeOf(shard, value);
    ref = root === 0 ? 0 : putRope(shard, key.at, key.bytes, root, flags, ttl, low, high);
    if (root !== 0 && ref === 0) shard.ropes.free(root);
  }
  if (ref === 0) throw outOfMemory();
}

/** Appends the bytes of a StringAppend. */
export function replayStringAppend(shard: Shard, key: ReplayKey, reader: EffectReader): void {
  const isString = key.ref !== 0 && shard.keyspace.isType(key.ref, ValueType.String);
  reader.check(isString, 'appended to a key that holds no string');
  const value = takeValue(reader);
  writeAt(shard, key, reader, stringBytes(shard, key.ref), value);
}

/** Writes the bytes of a StringPatch at its offset. */
export function replayStringPatch(shard: Shard, key: ReplayKey, reader: EffectReader): void {
  const isString = key.ref === 0 || shard.keyspace.isType(key.ref, ValueType.String);
  reader.check(isString, 'patched a key that holds no string');
  const offset = reader.u32();
  writeAt(shard, key, reader, offset, takeValue(reader));
}

function takeValue(reader: EffectReader): Uint8Array {
  const value = reader.takeCounted();
  reader.check(reader.left === 0, 'a record ends with its value');
  return value;
}

function writeAt(
  shard: Shard, key: ReplayKey, reader: EffectReader, offset: number, value: Uint8Array,
): void {
  const end = offset + value.length;
  reader.check(end <= ROPE_BYTES_MAX, 'a string stays below its longest length');
  const ref =
    key.ref === 0
      ? putZeros(shard, key.at, key.bytes, end)
      : growString(shard, key.ref, Math.max(end, stringBytes(shard, key.ref)));
  if (ref === 0) throw outOfMemory();
  for (let done = 0; done < value.length; done += SCRATCH_BYTES) {
    const part = value.subarray(done, done + SCRATCH_BYTES);
    shard.memory.low.set(part, shard.scratchAt);
    patchString(shard, ref, offset + done, shard.scratchAt, part.length);
  }
}

/**
 * The entry of a string, known to no dict yet.
 * @param value the string; borrowed for the call
 * @returns 0 when memory is short
 * @throws {RdbError} when it is longer than a string can be
 */
export function newStringAside(shard: Shard, value: Uint8Array, head: EntryHead): number {
  checkRdb(value.length <= shard.settings.stringBytesMax, 'a string keeps to its longest length');
  const isRope = value.length >= ROPE_BYTES_MIN;
  const root = isRope ? ropeOf(shard, value) : 0;
  if (isRope && root === 0) return 0;
  const ref = newEntryAside(
    shard, head.keyAt, head.keyBytes, isRope ? PLAIN_FLAGS | ENTRY_IS_ROPE : PLAIN_FLAGS,
    value.length, stringInlineBytes(value.length), head.hasTtl, head.expireLow, head.expireHigh,
  );
  if (ref === 0) {
    if (isRope) shard.ropes.free(root);
    return 0;
  }
  const { i32, kernel, low } = shard.memory;
  if (isRope) {
    setEntryRoot(i32, ref, root);
  } else {
    low.set(value, shard.scratchAt);
    kernel.copy(entryValueAt(i32, ref), shard.scratchAt, value.length);
  }
  return ref;
}

/** A rope with these bytes, 0 when memory is short. */
function ropeOf(shard: Shard, value: Uint8Array): number {
  const { memory, ropes, scratchAt } = shard;
  const root = ropes.create(value.length);
  if (root === 0) return 0;
  for (let done = 0; done < value.length; done += SCRATCH_BYTES) {
    const part = value.subarray(done, done + SCRATCH_BYTES);
    memory.low.set(part, scratchAt);
    ropes.write(root, done, scratchAt, part.length);
  }
  return root;
}

/** What a replay throws when the shard cannot hold what the journal tells. */
export function outOfMemory(): Fault {
  return new Fault(
    'OUT_OF_MEMORY', 'the shard has no memory left for what its journal holds; give it more',
  );
}
