/**
 * Sets in the RDB format, as redis-server 7.0 writes them by the rule of OBJECT ENCODING: an intset
 * (type 11) or members one after another (type 2); also read: the listpack of Redis 7.2 (type 20).
 * And the replay of changes of sets from a journal.
 *
 * Loading believes nothing: an empty set and a member twice are refused. While a journal is
 * replayed a set that has lost its last member stays until the record that removes its key.
 * Cost: O(bytes); a set of integers that lies in a dict is sorted on the heap to be saved.
 */
import { parsed } from '../../bytes/number-text.hot.ts';
import { Fault } from '../../errors/fault.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import type { EffectParts } from '../../keyspace/effect-parts.ts';
import type { ReplayKey } from '../../keyspace/type-handler.ts';
import type { ElementReader } from '../../rdb/element-reader.ts';
import { encodeIntset, IntsetReader } from '../../rdb/intset.ts';
import { ListpackReader } from '../../rdb/listpack-reader.ts';
import { checkRdb } from '../../rdb/rdb-error.ts';
import type { RdbReader } from '../../rdb/rdb-reader.ts';
import { RdbType } from '../../rdb/rdb-types.ts';
import type { RdbWriter } from '../../rdb/rdb-writer.ts';
import type { Shard } from '../../shard/shard.ts';
import { ENTRY_WIDE, entryFlags } from '../../structs/entry.hot.ts';
import { addMembers } from './set-add.ts';
import { setWalkOf } from './set-reply.ts';
import {
  parseMember, setAdd, setHas, setRemove, SET_ADDED, SET_NO_MEMORY,
} from './set.ts';

/** Type bytes that {@link loadSet} understands. */
export const SET_RDB_TYPES: readonly number[] = [
  RdbType.Set, RdbType.SetIntset, RdbType.SetListpack,
];

/** Writes type byte and body of the set in entry `ref`. */
export function saveSet(shard: Shard, ref: number, out: RdbWriter): void {
  const walk = setWalkOf(shard);
  const count = collectionCount(shard, ref);
  walk.start(ref);
  if ((entryFlags(shard.memory.i32, ref) & ENTRY_WIDE) !== 0) {
    out.u8(RdbType.Set);
    out.count(count);
    while (walk.next()) out.string(walk.at(), walk.bytes());
    return;
  }
  const values = new BigInt64Array(count);
  for (let i = 0; walk.next(); i++) {
    parseMember(shard, walk.at(), walk.bytes());
    values[i] = (BigInt(parsed.high) << 32n) | BigInt(parsed.low >>> 0);
  }
  values.sort();
  out.u8(RdbType.SetIntset);
  out.stringOf(encodeIntset(values));
}

/**
 * Reads a body into the empty entry `ref`.
 * @returns false when memory is short @throws {RdbError} when the bytes are no set
 */
export function loadSet(
  shard: Shard, rdbType: number, reader: RdbReader, ref: number,
): boolean {
  if (rdbType === RdbType.SetIntset) {
    return loadElements(shard, reader, new IntsetReader(reader, reader.blob()), ref);
  }
  if (rdbType === RdbType.SetListpack) {
    return loadElements(shard, reader, new ListpackReader(reader, reader.blob()), ref);
  }
  const count = reader.countOf();
  for (let i = 0; i < count; i++) {
    reader.string();
    if (!loadMember(shard, reader, ref)) return false;
  }
  return true;
}

function loadElements(
  shard: Shard, reader: RdbReader, elements: ElementReader, ref: number,
): boolean {
  while (elements.left > 0) {
    elements.next();
    if (!loadMember(shard, reader, ref)) return false;
  }
  return true;
}

/** Adds what the reader read last. */
function loadMember(shard: Shard, reader: RdbReader, ref: number): boolean {
  const added = setAdd(shard, ref, reader.at, reader.bytes);
  if (added === SET_NO_MEMORY) return false;
  checkRdb(added === SET_ADDED, 'a set has each member once');
  return true;
}

// ------------------------------------------------------------------ replay

/** @throws {Fault} CORRUPT_JOURNAL, OUT_OF_MEMORY; nothing has changed then */
export function replaySet(shard: Shard, op: number, key: ReplayKey, parts: EffectParts): void {
  checkRecord(parts.count > 0, 'a change of a set without members');
  for (let i = 0; i < parts.count; i++) checkRecord(!parts.isNumber(i), 'a number for a member');
  const { count, value, bytes } = parts;
  if (op === EffectOp.SetAdd) {
    const added = addMembers(shard, key.ref, key.at, key.bytes, value, bytes, 0, count, null);
    if (added === SET_NO_MEMORY) {
      throw new Fault('OUT_OF_MEMORY', 'The memory is full while a journal is replayed.');
    }
    return;
  }
  checkRecord(op === EffectOp.SetRemove, `an unknown change of a set, ${op}`);
  checkRecord(key.ref !== 0, 'a change of an absent set');
  for (let i = 0; i < count; i++) {
    const isThere = setHas(shard, key.ref, value[i] ?? 0, bytes[i] ?? 0);
    checkRecord(isThere, 'a removal of an absent member');
  }
  for (let i = 0; i < count; i++) setRemove(shard, key.ref, value[i] ?? 0, bytes[i] ?? 0);
}

function checkRecord(isSound: boolean, what: string): asserts isSound {
  if (!isSound) throw new Fault('CORRUPT_JOURNAL', `The journal has ${what}.`);
}
