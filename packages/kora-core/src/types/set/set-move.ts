/**
 * The data part of SMOVE. Memory for the destination is reserved before the source loses anything,
 * so a member is never in neither set; what is announced comes in Redis's order: srem, perhaps del,
 * sadd.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import {
  createCollection, removeIfEmpty, ROOT_BYTES,
} from '../../keyspace/collection-entry.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { SET_FLAGS } from './set-layout.ts';
import {
  addPlan, integerWidth, planAdd, prepareAdd, setHas, setPut, setRemove,
} from './set.ts';

/**
 * Moves the member in argument 3, which the set of argument 1 has, to the set of argument 2.
 * @param ref entry of argument 1 @param toRef entry of argument 2, another one; 0 = absent
 * @returns false when memory is short; nothing has changed then
 */
export function moveMember(shard: Shard, frame: ArgFrame, ref: number, toRef: number): boolean {
  const { keyspace } = shard;
  const { db } = keyspace;
  const at = frame.at[3] ?? 0;
  const bytes = frame.bytes[3] ?? 0;
  const isNew = toRef === 0 || !setHas(shard, toRef, at, bytes);
  // The destination was looked up last: where it is absent it is created now.
  if (isNew && !addTo(shard, frame, toRef, at, bytes)) return false;
  setRemove(shard, ref, at, bytes);
  announce(shard, frame, 1, EffectOp.SetRemove, KeyEvent.SRem);
  keyspace.find(db, frame.at[1] ?? 0, frame.bytes[1] ?? 0);
  removeIfEmpty(shard, ref);
  if (isNew) announce(shard, frame, 2, EffectOp.SetAdd, KeyEvent.SAdd);
  return true;
}

function addTo(
  shard: Shard, frame: ArgFrame, toRef: number, at: number, bytes: number,
): boolean {
  const keyBytes = frame.bytes[2] ?? 0;
  planAdd(shard, toRef, 1, bytes, bytes, integerWidth(shard, at, bytes));
  const { blocks, bytes: moreBytes } = addPlan;
  const isReserved = toRef === 0
    ? shard.keyspace.reserve(keyBytes, ROOT_BYTES, blocks, moreBytes)
    : moreBytes === 0 || shard.memory.arenaAllocator.reserve(blocks, moreBytes);
  if (!isReserved) return false;
  const to = toRef === 0
    ? createCollection(shard, frame.at[2] ?? 0, keyBytes, SET_FLAGS)
    : toRef;
  prepareAdd(shard, to);
  setPut(shard, to, at, bytes);
  return true;
}

function announce(
  shard: Shard, frame: ArgFrame, keyIndex: number, op: number, event: number,
): void {
  const effect = effectOfKey(shard, frame, keyIndex, op, event);
  if (shard.journal.isHeard) effect.parts.add(frame.at[3] ?? 0, frame.bytes[3] ?? 0);
  shard.commit();
}
