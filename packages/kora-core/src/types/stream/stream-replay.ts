/**
 * Makes the changes of streams that a journal tells (ops StreamAdd to StreamPendingRemove), each as
 * the command made it. Every name, ID and number is held against the data first: what does not fit
 * is refused with CORRUPT_JOURNAL and nothing has changed.
 * Cost: that of the change.
 */
import { Fault } from '../../errors/fault.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { EffectParts } from '../../keyspace/effect-parts.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import type { ReplayKey } from '../../keyspace/type-handler.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { outOfMemory } from '../string/string.codec.ts';
import { destroyGroup } from './stream-free.ts';
import {
  CONSUMER_ACTIVE, CONSUMER_SEEN, consumerRoomBytes, createConsumer, createGroup, dataWord,
  findConsumer, findGroup, groupRoomBytes, setGroupPosition,
} from './stream-groups.ts';
import { HEADER_DELETED_ID, HEADER_LAST_ID, HEADER_LAST_LIVE_ID } from './stream-header.hot.ts';
import { STREAM_ID_BYTES, StreamId } from './stream-id.hot.ts';
import { idFromKey, longFromLow } from './stream-key.ts';
import {
  addPending, findPending, givePending, PENDING_DELIVERIES, PENDING_TIME, PENDING_TOLD_BYTES,
  removeConsumer, removePending, reservePending,
} from './stream-pending.ts';
import {
  appendEntry, createStream, deleteEntry, findEntry, headerId, removeHead, reserveAppend,
  reserveStream, setEntriesAdded, setHeaderId, setLastId, setLongAt,
} from './stream.ts';

const LONG_BYTES = 8;
const id = new StreamId();
const other = new StreamId();
const lastLive = new StreamId();
/** Latest time that a record may state: what a double tells exactly. */
const TIME_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** @throws {Fault} CORRUPT_JOURNAL, OUT_OF_MEMORY; nothing has changed then */
export function replayStream(
  shard: Shard, op: number, key: ReplayKey, parts: EffectParts,
): void {
  const isStream = key.ref === 0 || shard.keyspace.isType(key.ref, ValueType.Stream);
  check(isStream, 'a change of a stream of a key that holds something else');
  switch (op) {
    case EffectOp.StreamAdd:
      replayAdd(shard, key, parts);
      return;
    case EffectOp.StreamGroupPut:
      replayGroup(shard, key, parts);
      return;
    default:
  }
  check(key.ref !== 0, 'a change of a stream that does not exist');
  switch (op) {
    case EffectOp.StreamRemove:
      replayRemove(shard, key.ref, parts);
      return;
    case EffectOp.StreamTrim:
      replayTrim(shard, key.ref, parts);
      return;
    case EffectOp.StreamSetId:
      replaySetId(shard, key.ref, parts);
      return;
    default:
      replayOnGroup(shard, op, key.ref, parts);
  }
}

function check(isSound: boolean, what: string): asserts isSound {
  if (!isSound) throw new Fault('CORRUPT_JOURNAL', `The journal has ${what}.`);
}

/** Byte offset of part i, which has `bytes` bytes. */
function partAt(parts: EffectParts, i: number, bytes: number): number {
  check(i < parts.count && parts.bytes[i] === bytes, 'a part of another length than it must have');
  return parts.value[i] ?? 0;
}

/** Checks that part i is a name. */
function checkName(parts: EffectParts, i: number): void {
  check(i < parts.count && !parts.isNumber(i), 'a number where a name must be');
}

function replayAdd(shard: Shard, key: ReplayKey, parts: EffectParts): void {
  idFromKey(shard, partAt(parts, 0, STREAM_ID_BYTES), id);
  const columns = parts.count - 1;
  check(columns >= 2 && columns % 2 === 0, 'an entry with a field that has no value');
  const at = new Int32Array(columns);
  const bytes = new Int32Array(columns);
  for (let i = 0; i < columns; i++) {
    checkName(parts, i + 1);
    at[i] = parts.value[i + 1] ?? 0;
    bytes[i] = parts.bytes[i + 1] ?? 0;
  }
  if (key.ref === 0) other.setZero();
  else headerId(shard, key.ref, HEADER_LAST_ID, other);
  check(id.compare(other) > 0, 'an entry that is not behind the last one');
  const pairs = columns / 2;
  if (!reserveAppend(shard, key.ref, key.bytes, id, at, bytes, 0, pairs)) throw outOfMemory();
  const ref = key.ref === 0 ? createStream(shard, key.at, key.bytes) : key.ref;
  appendEntry(shard, ref, id, at, bytes, 0, pairs);
}

function replayRemove(shard: Shard, ref: number, parts: EffectParts): void {
  for (let i = 0; i < parts.count; i++) {
    idFromKey(shard, partAt(parts, i, STREAM_ID_BYTES), id);
    check(findEntry(shard, ref, id), 'the removal of an entry that does not exist');
  }
  for (let i = 0; i < parts.count; i++) {
    idFromKey(shard, partAt(parts, i, STREAM_ID_BYTES), id);
    deleteEntry(shard, ref, id);
  }
}

function replayTrim(shard: Shard, ref: number, parts: EffectParts): void {
  const count = parts.value[0] ?? -1;
  const isCount = parts.count === 1 && parts.isNumber(0) && Number.isInteger(count) && count >= 0;
  check(isCount && count <= collectionCount(shard, ref), 'a trim of more than there is');
  removeHead(shard, ref, count);
}

function replaySetId(shard: Shard, ref: number, parts: EffectParts): void {
  idFromKey(shard, partAt(parts, 0, STREAM_ID_BYTES), id);
  idFromKey(shard, partAt(parts, 1, STREAM_ID_BYTES), other);
  const added = longFromLow(shard, partAt(parts, 2, LONG_BYTES));
  headerId(shard, ref, HEADER_LAST_LIVE_ID, lastLive);
  check(id.compare(lastLive) >= 0, 'a last ID before that of an entry');
  if (!setLastId(shard, ref, id)) throw outOfMemory();
  setHeaderId(shard, ref, HEADER_DELETED_ID, other);
  setEntriesAdded(shard, ref, added);
}

function replayGroup(shard: Shard, key: ReplayKey, parts: EffectParts): void {
  checkName(parts, 0);
  const at = parts.value[0] ?? 0;
  const bytes = parts.bytes[0] ?? 0;
  idFromKey(shard, partAt(parts, 1, STREAM_ID_BYTES), id);
  const entriesRead = longFromLow(shard, partAt(parts, 2, LONG_BYTES));
  const group = key.ref === 0 ? 0 : findGroup(shard, key.ref, at, bytes);
  if (group !== 0) {
    setGroupPosition(shard, group, id, entriesRead);
    return;
  }
  const room = groupRoomBytes(shard, key.ref, bytes);
  const isReserved = key.ref === 0
    ? reserveStream(shard, key.bytes, 2, room)
    : shard.memory.arenaAllocator.reserve(2, room);
  if (!isReserved) throw outOfMemory();
  const ref = key.ref === 0 ? createStream(shard, key.at, key.bytes) : key.ref;
  createGroup(shard, ref, at, bytes, id, entriesRead);
}

function replayOnGroup(shard: Shard, op: number, ref: number, parts: EffectParts): void {
  checkName(parts, 0);
  const group = findGroup(shard, ref, parts.value[0] ?? 0, parts.bytes[0] ?? 0);
  check(group !== 0, 'a change of a group that does not exist');
  if (op === EffectOp.StreamGroupRemove) {
    destroyGroup(shard, ref, group);
    return;
  }
  if (op === EffectOp.StreamPendingRemove) {
    replayPendingRemove(shard, group, parts);
    return;
  }
  checkName(parts, 1);
  const at = parts.value[1] ?? 0;
  const bytes = parts.bytes[1] ?? 0;
  const consumer = findConsumer(shard, group, at, bytes);
  if (op === EffectOp.StreamConsumerPut) {
    replayConsumer(shard, group, consumer, parts);
    return;
  }
  check(consumer !== 0, 'a change of a consumer that does not exist');
  if (op === EffectOp.StreamConsumerRemove) removeConsumer(shard, group, consumer);
  else replayPendingPut(shard, group, consumer, parts);
}

function replayConsumer(shard: Shard, group: number, known: number, parts: EffectParts): void {
  const times = partAt(parts, 2, 2 * LONG_BYTES);
  const seen = longFromLow(shard, times);
  const active = longFromLow(shard, times + LONG_BYTES);
  check(seen >= 0n && seen <= TIME_MAX, 'a time beyond the calendar');
  check(active >= -1n && active <= TIME_MAX, 'a time beyond the calendar');
  const bytes = parts.bytes[1] ?? 0;
  let consumer = known;
  if (consumer === 0) {
    const room = consumerRoomBytes(shard, group, bytes);
    if (!shard.memory.arenaAllocator.reserve(2, room)) throw outOfMemory();
    consumer = createConsumer(shard, group, parts.value[1] ?? 0, bytes);
  }
  shard.noteMutation();
  const word = dataWord(shard, consumer);
  setLongAt(shard, word + CONSUMER_SEEN, seen);
  setLongAt(shard, word + CONSUMER_ACTIVE, active);
}

function replayPendingPut(
  shard: Shard, group: number, consumer: number, parts: EffectParts,
): void {
  for (let i = 2; i < parts.count; i++) {
    const at = partAt(parts, i, PENDING_TOLD_BYTES);
    const time = longFromLow(shard, at + STREAM_ID_BYTES);
    check(time >= 0n && time <= TIME_MAX, 'a time beyond the calendar');
  }
  if (!reservePending(shard, group, consumer, parts.count - 2)) throw outOfMemory();
  for (let i = 2; i < parts.count; i++) {
    const at = partAt(parts, i, PENDING_TOLD_BYTES);
    idFromKey(shard, at, id);
    let record = findPending(shard, group, id);
    if (record === 0) record = addPending(shard, group, consumer, id, 0);
    else givePending(shard, record, consumer);
    shard.noteMutation();
    const time = longFromLow(shard, at + STREAM_ID_BYTES);
    setLongAt(shard, record * 2 + PENDING_TIME, time);
    const deliveries = longFromLow(shard, at + STREAM_ID_BYTES + LONG_BYTES);
    setLongAt(shard, record * 2 + PENDING_DELIVERIES, deliveries);
  }
}

function replayPendingRemove(shard: Shard, group: number, parts: EffectParts): void {
  for (let i = 1; i < parts.count; i++) {
    idFromKey(shard, partAt(parts, i, STREAM_ID_BYTES), id);
    const isPending = findPending(shard, group, id) !== 0;
    check(isPending, 'the removal of a pending entry that does not exist');
  }
  for (let i = 1; i < parts.count; i++) {
    idFromKey(shard, partAt(parts, i, STREAM_ID_BYTES), id);
    const record = findPending(shard, group, id); // None where an ID stands twice.
    if (record !== 0) removePending(shard, group, record);
  }
}
