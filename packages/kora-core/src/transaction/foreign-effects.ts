/**
 * Changes that a command on another shard has made of keys of this one: records in low memory
 * (keyspace/effect-codec.ts), carried out and announced here as changes of this shard, with the
 * event and the reason they had there.
 * A key may have expired or been evicted since its value was lent: then there is nothing left to
 * change, and nothing is announced.
 * Cost: O(bytes of the record).
 */
import type { Effect } from '../keyspace/effect.ts';
import { COLLECTION_OP_MIN, EffectOp } from '../keyspace/effect.ts';
import { replayEffect } from '../keyspace/effect-codec.ts';
import { EffectReader } from '../keyspace/effect-reader.ts';
import { readPartsInPlace } from '../keyspace/value-effects.ts';
import type { Shard } from '../shard/shard.ts';

/**
 * Carries out and announces the change of a record.
 * @param at byte of the record in low memory
 * @throws {Fault} `OUT_OF_MEMORY`: nothing has changed; removals never need memory
 */
export function applyForeign(shard: Shard, at: number, bytes: number): void {
  const { keyspace, memory } = shard;
  const { op, db, keyAt, keyBytes, event, reason } = describeRecord(shard, at, bytes);
  const database = keyspace.databases[db];
  const ref = database === undefined ? 0 : keyspace.find(database, keyAt, keyBytes);
  if (ref === 0 && op !== EffectOp.StringSet && op !== EffectOp.ValueSet) return;
  if (op === EffectOp.KeyRemove) {
    shard.removeLastLookup(ref, event, reason);
    return;
  }
  replayEffect(shard, memory.low.subarray(at, at + bytes));
  const effect = describeRecord(shard, at, bytes);
  if (database !== undefined) effect.ref = keyspace.find(database, keyAt, keyBytes);
  shard.commit();
}

/**
 * Fills the shard's effect from a record in low memory, all but the entry; addresses are those of
 * the record.
 */
export function describeRecord(shard: Shard, at: number, bytes: number): Effect {
  const reader = new EffectReader(shard.memory.low.subarray(at, at + bytes));
  reader.u8(); // Version: replaying checks it.
  const op = reader.u8();
  const reason = reader.u8();
  const db = reader.u8();
  const otherDb = reader.u8();
  const event = reader.u8();
  const secondEvent = reader.u8();
  reader.u8();
  reader.u32();
  reader.u32();
  const keyBytes = reader.u32();
  const keyAt = at + bytes - reader.left;
  reader.take(keyBytes);
  const effect = shard.effectOf(op, db, keyAt, keyBytes, event);
  effect.reason = reason;
  effect.otherDb = otherDb;
  effect.secondEvent = secondEvent;
  describeBody(effect, reader, at + bytes);
  return effect;
}

function describeBody(effect: Effect, reader: EffectReader, endAt: number): void {
  switch (effect.op) {
    case EffectOp.StringPatch:
      effect.offset = reader.u32();
      describeOther(effect, reader, endAt);
      return;
    case EffectOp.StringAppend:
    case EffectOp.KeyRename:
    case EffectOp.KeyCopy:
      describeOther(effect, reader, endAt);
      return;
    case EffectOp.KeyExpire:
      effect.expireLow = reader.i32();
      effect.expireHigh = reader.i32();
      return;
    default:
      if (effect.op >= COLLECTION_OP_MIN) readPartsInPlace(effect.parts, reader, endAt);
  }
}

function describeOther(effect: Effect, reader: EffectReader, endAt: number): void {
  effect.otherBytes = reader.u32();
  effect.otherAt = endAt - reader.left;
}
