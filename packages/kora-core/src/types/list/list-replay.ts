/**
 * Makes changes of lists again that a journal tells, by the functions that made them. A list that
 * has lost its last element stays empty until the record that follows removes its key.
 *
 *   ListPushHead, ListPushTail   elements, in the order they were pushed
 *   ListRemove                   index, number of elements, and so on; each as the ones before it
 *                                have left the list
 *   ListSet                      index, element
 *   ListInsert                   index that the element has afterwards, element
 */
import { Fault } from '../../errors/fault.ts';
import { createCollection } from '../../keyspace/collection-entry.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import type { EffectParts } from '../../keyspace/effect-parts.ts';
import type { ReplayKey } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { insertReserved, reserveInsert, reserveSet, setReserved } from './list-edit.ts';
import {
  elementRoom, LIST_FLAGS, listCount, pushReserved, removeElements, reservePush,
} from './list.ts';

/** @throws {Fault} CORRUPT_JOURNAL, OUT_OF_MEMORY; nothing has changed then */
export function replayList(shard: Shard, op: number, key: ReplayKey, parts: EffectParts): void {
  switch (op) {
    case EffectOp.ListPushHead:
    case EffectOp.ListPushTail:
      replayPush(shard, key, parts, op === EffectOp.ListPushHead);
      return;
    case EffectOp.ListRemove:
      replayRemove(shard, key, parts);
      return;
    case EffectOp.ListSet:
    case EffectOp.ListInsert:
      replayElement(shard, key, parts, op === EffectOp.ListSet);
      return;
    default:
      checkRecord(false, `an unknown change of a list, ${op}`);
  }
}

function checkRecord(isSound: boolean, what: string): asserts isSound {
  if (!isSound) throw new Fault('CORRUPT_JOURNAL', `The journal has ${what}.`);
}

function checkMemory(isEnough: boolean): void {
  if (!isEnough) {
    throw new Fault('OUT_OF_MEMORY', 'The memory is full while a journal is replayed.');
  }
}

function replayPush(shard: Shard, key: ReplayKey, parts: EffectParts, isHead: boolean): void {
  checkRecord(parts.count > 0, 'a push of nothing');
  let room = 0;
  for (let i = 0; i < parts.count; i++) {
    checkRecord(!parts.isNumber(i), 'a number for an element');
    room += elementRoom(shard, parts.bytes[i] ?? 0);
  }
  checkMemory(reservePush(shard, key.ref, isHead, key.bytes, room, parts.count));
  const isNew = key.ref === 0;
  const ref = isNew ? createCollection(shard, key.at, key.bytes, LIST_FLAGS) : key.ref;
  for (let i = 0; i < parts.count; i++) {
    const bytes = parts.bytes[i] ?? 0;
    pushReserved(shard, ref, isHead, parts.value[i] ?? 0, bytes, room);
    room -= elementRoom(shard, bytes);
  }
}

function replayRemove(shard: Shard, key: ReplayKey, parts: EffectParts): void {
  const { ref } = key;
  checkRecord(ref !== 0 && parts.count % 2 === 0, 'a removal that names no elements');
  let left = listCount(shard, ref);
  for (let i = 0; i < parts.count; i += 2) {
    const from = indexOf(parts, i);
    const count = indexOf(parts, i + 1);
    checkRecord(count > 0 && from + count <= left, 'a removal outside of a list');
    left -= count;
  }
  for (let i = 0; i < parts.count; i += 2) {
    removeElements(shard, ref, parts.value[i] ?? 0, parts.value[i + 1] ?? 0);
  }
}

function replayElement(shard: Shard, key: ReplayKey, parts: EffectParts, isSet: boolean): void {
  const { ref } = key;
  checkRecord(ref !== 0 && parts.count === 2, 'a changed element of no list');
  checkRecord(!parts.isNumber(1), 'a number for an element');
  const index = indexOf(parts, 0);
  const at = parts.value[1] ?? 0;
  const bytes = parts.bytes[1] ?? 0;
  const count = listCount(shard, ref);
  checkRecord(isSet ? index < count : index <= count && count > 0, 'an element outside of a list');
  if (isSet) {
    checkMemory(reserveSet(shard, ref, index, bytes));
    setReserved(shard, ref, index, at, bytes);
  } else {
    checkMemory(reserveInsert(shard, ref, index, elementRoom(shard, bytes)));
    insertReserved(shard, ref, index, at, bytes);
  }
}

/** Part i as an index or a number of elements. */
function indexOf(parts: EffectParts, i: number): number {
  const value = parts.value[i] ?? -1;
  checkRecord(parts.isNumber(i) && Number.isSafeInteger(value) && value >= 0, 'a bad index');
  return value;
}
