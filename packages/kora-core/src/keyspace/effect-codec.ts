/**
 * Effects as bytes, and back: what the log, the change feed and replicas carry. One record is one
 * change, complete in itself; whoever stores records adds length, sequence and checksum. Replayed
 * in order into an empty shard the records of a shard give identical data.
 *
 *   u8 version | u8 op | u8 reason | u8 db | u8 other db | u8 event | u8 second event | u8 0
 *   u32 low | u32 high of ms since 1970 | u32 key length | key (none for whole databases)
 *   StringSet      u8 traits (1 deadline, 2 raw, 4 text) | [2 u32 deadline] | u32 length | bytes
 *   StringAppend   u32 length | bytes            StringPatch   u32 offset | u32 length | bytes
 *   KeyExpire      u32 low | u32 high            KeyRename, KeyCopy   u32 length | new key
 *   KeyRemove, KeyPersist, KeyMove, DatabaseFlush, EverythingFlush, DatabaseSwap   nothing more
 *   ValueSet       u8 traits (1 deadline, 2 wide) | [2 u32 deadline] | RDB type and body
 *   ops of collections   u32 parts | u32 0xffffffff | f64,  or  u32 length | bytes | ...
 *
 * All numbers little-endian. The version grows with the layout; numbers of ops are append-only.
 * A record that does not hold together is refused with CORRUPT_JOURNAL; nothing has changed then.
 */
import { assert } from '../assert.ts';
import { KEY_BYTES_MAX, DATABASE_COUNT } from '../limits.ts';
import type { Shard } from '../shard/shard.ts';
import {
  encodeStringBytes, encodeStringSet, outOfMemory, replayStringAppend, replayStringPatch,
  replayStringSet,
} from '../types/string/string.codec.ts';
import type { Database } from './database.ts';
import type { Effect } from './effect.ts';
import { COLLECTION_OP_MIN, EFFECT_VERSION, EffectOp, EffectReason } from './effect.ts';
import { EffectReader } from './effect-reader.ts';
import type { EffectWriter } from './effect-writer.ts';
import { keyEvents } from './events.ts';
import type { KeyBytes } from './move-entry.ts';
import { copyEntry, moveEntry, renameEntry, swapDatabases } from './move-entry.ts';
import {
  encodeParts, encodeValueSet, replayParts, replayValueSet, typeOfOp,
} from './value-effects.ts';

const TWO_32 = 4_294_967_296;
/** Latest time of a record: what a double tells exactly. */
const TIME_HIGH_MAX = 0x1f_ffff;

/** The first word of a record, of an effect: version, op, reason and db. */
export function recordKindOf(effect: Effect): number {
  return EFFECT_VERSION | (effect.op << 8) | (effect.reason << 16) | (effect.db << 24);
}

/** The second word of a record, of an effect: other db and events. */
export function recordEventsOf(effect: Effect): number {
  return effect.otherDb | (effect.event << 8) | (effect.secondEvent << 16);
}

/**
 * Writes one record; call it from a journal listener, while the effect's addresses are valid.
 * @param timeMs when the change was committed, integer
 */
export function encodeEffect(
  shard: Shard, effect: Effect, timeMs: number, writer: EffectWriter,
): void {
  writer.u32(recordKindOf(effect));
  writer.u32(recordEventsOf(effect));
  writer.u32(timeMs | 0);
  writer.u32(Math.floor(timeMs / TWO_32));
  writer.u32(effect.keyBytes);
  writer.bytes(effect.keyAt, effect.keyBytes);
  switch (effect.op) {
    case EffectOp.StringSet:
      encodeStringSet(shard, effect, writer);
      break;
    case EffectOp.StringPatch:
      writer.u32(effect.offset);
      encodeStringBytes(shard, effect, writer);
      break;
    case EffectOp.StringAppend:
      encodeStringBytes(shard, effect, writer);
      break;
    case EffectOp.KeyExpire:
      writer.u32(effect.expireLow);
      writer.u32(effect.expireHigh);
      break;
    case EffectOp.KeyRename:
    case EffectOp.KeyCopy:
      writer.u32(effect.otherBytes);
      writer.bytes(effect.otherAt, effect.otherBytes);
      break;
    case EffectOp.ValueSet:
      encodeValueSet(shard, effect, writer);
      break;
    default:
      if (effect.op >= COLLECTION_OP_MIN) encodeParts(effect.parts, writer);
      else assert(isBareOp(effect.op), 'every op has a layout');
  }
}

function isBareOp(op: number): boolean {
  return (
    op === EffectOp.KeyRemove || op === EffectOp.KeyPersist || op === EffectOp.KeyMove ||
    op === EffectOp.DatabaseFlush || op === EffectOp.EverythingFlush || op === EffectOp.DatabaseSwap
  );
}

/**
 * Makes the change that a record tells. Deadlines do not act and nothing is announced: the journal
 * names every removal itself.
 * @param record one whole record; borrowed for the call
 * @throws {Fault} `CORRUPT_JOURNAL` when the record does not hold together or does not fit the
 *   data,
 *   `OUT_OF_MEMORY` when the shard cannot hold the change; in both cases nothing has changed
 */
export function replayEffect(shard: Shard, record: Uint8Array): void {
  const reader = new EffectReader(record);
  const head = readHead(reader);
  const wasReplaying = shard.isReplaying;
  const { lowAllocator } = shard.memory;
  const block = lowAllocator.alloc(Math.max(1, head.key.length));
  if (block === 0) throw outOfMemory();
  shard.isReplaying = true;
  shard.nowMs = head.timeMs;
  shard.keyspace.setNow(head.timeMs);
  try {
    shard.memory.low.set(head.key, block * 8);
    replayOn(shard, reader, head, { at: block * 8, bytes: head.key.length });
  } finally {
    shard.isReplaying = wasReplaying;
    lowAllocator.free(block);
  }
}

interface RecordHead {
  readonly op: number;
  readonly db: number;
  readonly otherDb: number;
  readonly timeMs: number;
  readonly key: Uint8Array;
}

function readHead(reader: EffectReader): RecordHead {
  reader.check(reader.u8() === EFFECT_VERSION, 'unknown version of the layout');
  const op = reader.u8();
  const isKnown = (op >= EffectOp.StringSet && op <= EffectOp.ValueSet) || typeOfOp(op) >= 0;
  reader.check(isKnown, 'unknown op');
  reader.check(reader.u8() <= EffectReason.Evicted, 'unknown reason');
  const db = reader.u8();
  const otherDb = reader.u8();
  reader.check(Math.max(db, otherDb) < DATABASE_COUNT, 'no such database');
  reader.check(reader.u8() < keyEvents.length, 'unknown event');
  reader.check(reader.u8() < keyEvents.length, 'unknown second event');
  reader.check(reader.u8() === 0, 'a reserved byte is set');
  const timeLow = reader.u32();
  const timeHigh = reader.u32();
  reader.check(timeHigh <= TIME_HIGH_MAX, 'a time lies beyond the calendar');
  const key = reader.takeCounted();
  reader.check(key.length <= KEY_BYTES_MAX, 'a key is too long');
  return { op, db, otherDb, timeMs: timeHigh * TWO_32 + timeLow, key };
}

function replayOn(shard: Shard, reader: EffectReader, head: RecordHead, key: KeyBytes): void {
  const db = databaseOf(shard, head.db);
  switch (head.op) {
    case EffectOp.DatabaseFlush:
      expectEnd(reader);
      shard.lazyFree.take(db);
      return;
    case EffectOp.EverythingFlush:
      expectEnd(reader);
      for (const each of shard.keyspace.databases) shard.lazyFree.take(each);
      return;
    case EffectOp.DatabaseSwap:
      expectEnd(reader);
      swapDatabases(shard, head.db, head.otherDb);
      return;
    default:
  }
  const ref = shard.keyspace.find(db, key.at, key.bytes);
  switch (head.op) {
    case EffectOp.StringSet:
      replayStringSet(shard, { ...key, ref }, reader);
      return;
    case EffectOp.StringAppend:
      replayStringAppend(shard, { ...key, ref }, reader);
      return;
    case EffectOp.StringPatch:
      replayStringPatch(shard, { ...key, ref }, reader);
      return;
    case EffectOp.ValueSet:
      replayValueSet(shard, db, key, reader);
      return;
    default:
      if (head.op >= COLLECTION_OP_MIN) {
        replayParts(shard, head.op, { ...key, ref }, reader);
        return;
      }
      reader.check(ref !== 0, 'the key of the change does not exist');
      replayOnKey(shard, reader, head, key, ref);
  }
}

/** Changes of a key that exists and was looked up last. */
function replayOnKey(
  shard: Shard, reader: EffectReader, head: RecordHead, key: KeyBytes, ref: number,
): void {
  const { keyspace } = shard;
  const otherDb = databaseOf(shard, head.otherDb);
  switch (head.op) {
    case EffectOp.KeyRemove:
      expectEnd(reader);
      keyspace.remove(ref);
      break;
    case EffectOp.KeyPersist:
      expectEnd(reader);
      if (!keyspace.reserveMove(ref)) throw outOfMemory();
      keyspace.clearExpire(ref);
      break;
    case EffectOp.KeyExpire:
      replayExpire(shard, reader, ref);
      break;
    case EffectOp.KeyMove:
      expectEnd(reader);
      reader.check(head.otherDb !== head.db, 'a key moves to another database');
      reader.check(keyspace.find(otherDb, key.at, key.bytes) === 0, 'a moved key is in the way');
      if (!moveEntry(shard, databaseOf(shard, head.db), ref, key, otherDb)) throw outOfMemory();
      break;
    default:
      withSecondKey(shard, reader, (newKey) => {
        const isSame = head.db === head.otherDb && sameBytes(shard, key, newKey);
        reader.check(!isSame, 'a key is renamed or copied to another');
        return head.op === EffectOp.KeyRename
          ? renameEntry(shard, databaseOf(shard, head.db), ref, key, newKey)
          : copyEntry(shard, ref, otherDb, newKey);
      });
  }
}

function replayExpire(shard: Shard, reader: EffectReader, ref: number): void {
  const low = reader.i32();
  const high = reader.i32();
  reader.check(high >= 0, 'a deadline is not negative');
  expectEnd(reader);
  if (!shard.keyspace.reserveMove(ref)) throw outOfMemory();
  shard.keyspace.setExpire(ref, low, high);
}

/** Runs `change` with the record's second key in low memory. */
function withSecondKey(
  shard: Shard, reader: EffectReader, change: (key: KeyBytes) => boolean,
): void {
  const newKey = reader.takeCounted();
  expectEnd(reader);
  reader.check(newKey.length <= KEY_BYTES_MAX, 'a key is too long');
  const { lowAllocator, low } = shard.memory;
  const block = lowAllocator.alloc(Math.max(1, newKey.length));
  if (block === 0) throw outOfMemory();
  low.set(newKey, block * 8);
  try {
    if (!change({ at: block * 8, bytes: newKey.length })) throw outOfMemory();
  } finally {
    lowAllocator.free(block);
  }
}

function sameBytes(shard: Shard, a: KeyBytes, b: KeyBytes): boolean {
  return a.bytes === b.bytes && shard.memory.kernel.equal(a.at, b.at, a.bytes) === 1;
}

function databaseOf(shard: Shard, index: number): Database {
  const db = shard.keyspace.databases[index];
  assert(db !== undefined, 'a checked database exists');
  return db;
}

function expectEnd(reader: EffectReader): void {
  reader.check(reader.left === 0, 'a record ends where its change ends');
}
