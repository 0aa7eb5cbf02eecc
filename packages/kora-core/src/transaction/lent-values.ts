/**
 * What a shard answers when a command on another shard needs a key of its own: the value as one
 * journal record (keyspace/effect-codec.ts), written to whatever carries it there. Values are
 * lent whole, or, for commands that take one element away, as a list or set of that element:
 * then a big collection costs no more than a small one.
 * Nothing changes; a key whose time has come is removed as by any other lookup.
 * Cost: O(bytes of what is lent).
 */
import { assert } from '../assert.ts';
import { dropAside, newAside } from '../keyspace/collection-entry.ts';
import type { Database } from '../keyspace/database.ts';
import { EffectOp } from '../keyspace/effect.ts';
import { encodeEffect } from '../keyspace/effect-codec.ts';
import type { RecordWriter } from '../keyspace/effect-writer.ts';
import { KeyEvent } from '../keyspace/events.ts';
import type { KeyBytes } from '../keyspace/move-entry.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import type { Shard } from '../shard/shard.ts';
import { appendElement, findEnd, LIST_FLAGS, place } from '../types/list/list.ts';
import { SET_FLAGS } from '../types/set/set-layout.ts';
import { SET_ADDED, setAdd, setHas } from '../types/set/set.ts';

/** What came of lending: absent keys write nothing. */
export type Lending = 'absent' | 'lent' | 'wrong type' | 'no memory';

/** Lends the whole value of a key, with its deadline. @param key in low memory */
export function lendValue(
  shard: Shard, db: Database, key: KeyBytes, writer: RecordWriter,
): Lending {
  const ref = shard.keyspace.find(db, key.at, key.bytes);
  if (ref === 0) return 'absent';
  lendEntry(shard, db, key, ref, writer);
  return 'lent';
}

/** Lends a list of its first or last element only. */
export function lendEnd(
  shard: Shard, db: Database, key: KeyBytes, isHead: boolean, writer: RecordWriter,
): Lending {
  const ref = shard.keyspace.find(db, key.at, key.bytes);
  if (ref === 0) return 'absent';
  if (!shard.keyspace.isType(ref, ValueType.List)) return 'wrong type';
  findEnd(shard, ref, isHead);
  const { at, bytes } = place;
  const list = newAside(shard, key.at, key.bytes, LIST_FLAGS);
  if (list === 0) return 'no memory';
  const isFilled = appendElement(shard, list, at, bytes);
  if (isFilled) lendEntry(shard, db, key, list, writer);
  dropAside(shard, list);
  return isFilled ? 'lent' : 'no memory';
}

/**
 * Lends a set of one member: the given one when the set has it, else some other, so that the key
 * exists and the member does not.
 */
export function lendMember(
  shard: Shard, db: Database, key: KeyBytes, member: KeyBytes, writer: RecordWriter,
): Lending {
  const ref = shard.keyspace.find(db, key.at, key.bytes);
  if (ref === 0) return 'absent';
  if (!shard.keyspace.isType(ref, ValueType.Set)) return 'wrong type';
  const { at, bytes } = setHas(shard, ref, member.at, member.bytes) ? member
    : otherMember(shard, member);
  const set = newAside(shard, key.at, key.bytes, SET_FLAGS);
  if (set === 0) return 'no memory';
  const isFilled = setAdd(shard, set, at, bytes) === SET_ADDED;
  if (isFilled) lendEntry(shard, db, key, set, writer);
  dropAside(shard, set);
  return isFilled ? 'lent' : 'no memory';
}

/** Not the member: the empty one, or a byte of the scratch area where that is the member. */
function otherMember({ memory, scratchAt }: Shard, member: KeyBytes): KeyBytes {
  if (member.bytes !== 0) return { at: member.at, bytes: 0 };
  memory.low[scratchAt] = 0;
  return { at: scratchAt, bytes: 1 };
}

/** Writes an entry, made aside or not, as the value of the key. */
export function lendEntry(
  shard: Shard, db: Database, key: KeyBytes, ref: number, writer: RecordWriter,
): void {
  assert(key.at + key.bytes <= shard.memory.lowBytes, 'a key of a part lies in low memory');
  const op = shard.keyspace.isType(ref, ValueType.String) ? EffectOp.StringSet : EffectOp.ValueSet;
  const effect = shard.effectOf(op, db.index, key.at, key.bytes, KeyEvent.None);
  effect.ref = ref;
  writer.beginRecord();
  encodeEffect(shard, effect, shard.nowMs, writer);
  writer.endRecord();
}
