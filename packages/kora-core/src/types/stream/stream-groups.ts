/**
 * Consumer groups: they lie inside the stream's value and share its fate (DEL, RENAME, COPY, DUMP).
 *
 *   group      member's header with the name | last delivered ID, 4 words | entries read, 64 bits |
 *              pending tree | consumers: a name list
 *   consumer   member's header with the name | seen time, 64 bits | active time, 64 bits |
 *              pending tree
 *
 * Entries read is -1 where nobody knows it. Times are ms since 1970, low word first; the active
 *   time is -1 before the first delivery. A pending tree of 0 is empty; its records are in
 *   stream-pending.ts.
 * Invariants: group and consumer blocks never move while they live: records name consumers by ref.
 * Cost: find O(log n) by name.
 */
import type { Shard } from '../../shard/shard.ts';
import {
  entryKeyAt, entryKeyBytes, entryRoot, entryValueWord,
} from '../../structs/entry.hot.ts';
import { MEMBER_OF_SET, memberBytesFor, newMember } from '../../structs/member.hot.ts';
import { HEADER_GROUPS, headerGroups } from './stream-header.hot.ts';
import type { StreamId } from './stream-id.hot.ts';
import { headerWord, setLongAt } from './stream.ts';

/** Words behind a group's name. */
export const GROUP_LAST_ID = 0;
export const GROUP_READ = 4;
export const GROUP_PENDING = 6;
export const GROUP_CONSUMERS = 7;
const GROUP_DATA_BYTES = 32;
/** Words behind a consumer's name. */
export const CONSUMER_SEEN = 0;
export const CONSUMER_ACTIVE = 2;
export const CONSUMER_PENDING = 4;
const CONSUMER_DATA_BYTES = 20;
/** Entries read of a group of which nobody knows it. */
export const ENTRIES_READ_UNKNOWN = -1n;
const TWO_32 = 4_294_967_296;

/** First word behind the name of a group or consumer. */
export function dataWord(shard: Shard, block: number): number {
  return entryValueWord(shard.memory.i32, block);
}

/** Byte offset and length of the name of a group or consumer. */
export function nameAt(shard: Shard, block: number): number {
  return entryKeyAt(shard.memory.i32, block);
}

export function nameBytes(shard: Shard, block: number): number {
  return entryKeyBytes(shard.memory.i32, block);
}

/** A time in ms at a word; -1 for none. */
export function timeAt(shard: Shard, word: number): number {
  const { i32 } = shard.memory;
  return (i32[word + 1] ?? 0) * TWO_32 + ((i32[word] ?? 0) >>> 0);
}

export function setTimeAt(shard: Shard, word: number, ms: number): void {
  const { i32 } = shard.memory;
  i32[word] = ms | 0;
  i32[word + 1] = Math.floor(ms / TWO_32);
}

// ------------------------------------------------------------------ groups

export function groupCount(shard: Shard, ref: number): number {
  const { i32 } = shard.memory;
  return shard.collections.streams.names.count(headerGroups(i32, entryRoot(i32, ref)));
}

/** The group at a position, in the order of names. */
export function groupAt(shard: Shard, ref: number, position: number): number {
  const { i32 } = shard.memory;
  return shard.collections.streams.names.at(headerGroups(i32, entryRoot(i32, ref)), position);
}

/** The group of this name, 0 = none. */
export function findGroup(shard: Shard, ref: number, at: number, bytes: number): number {
  const { i32 } = shard.memory;
  const { names } = shard.collections.streams;
  const list = headerGroups(i32, entryRoot(i32, ref));
  const position = names.find(list, at, bytes);
  return position < 0 ? 0 : names.at(list, position);
}

/** Bytes that createGroup allocates, in at most two blocks; `ref` 0 = a fresh stream. */
export function groupRoomBytes(shard: Shard, ref: number, bytes: number): number {
  const { i32 } = shard.memory;
  const { names } = shard.collections.streams;
  const list = ref === 0 ? 0 : headerGroups(i32, entryRoot(i32, ref));
  return names.growBytes(list) + memberBytesFor(MEMBER_OF_SET, bytes, GROUP_DATA_BYTES, false);
}

/** Makes a group that does not exist; reserved. @returns it */
export function createGroup(
  shard: Shard, ref: number, at: number, bytes: number, id: StreamId, entriesRead: bigint,
): number {
  shard.noteMutation();
  const { memory } = shard;
  const { names } = shard.collections.streams;
  const group = newMember(
    memory, memory.arenaAllocator, MEMBER_OF_SET, at, bytes, GROUP_DATA_BYTES, 0, 0, 0,
  );
  const list = headerGroups(memory.i32, entryRoot(memory.i32, ref));
  const moved = names.insert(list, -1 - names.find(list, at, bytes), group);
  const word = dataWord(shard, group);
  memory.i32[word + GROUP_PENDING] = 0;
  memory.i32[word + GROUP_CONSUMERS] = 0;
  memory.i32[headerWord(shard, ref) + HEADER_GROUPS] = moved;
  setGroupPosition(shard, group, id, entriesRead);
  return group;
}

/** Says up to where a group has read. */
export function setGroupPosition(
  shard: Shard, group: number, id: StreamId, entriesRead: bigint,
): void {
  shard.noteMutation();
  const word = dataWord(shard, group);
  id.write(shard.memory.i32, word + GROUP_LAST_ID);
  setLongAt(shard, word + GROUP_READ, entriesRead);
}

/** Takes the group's block out of the stream's list; the caller frees it and what it owns. */
export function unlinkGroup(shard: Shard, ref: number, group: number): void {
  shard.noteMutation();
  const { i32 } = shard.memory;
  const { names } = shard.collections.streams;
  const list = headerGroups(i32, entryRoot(i32, ref));
  const position = names.find(list, nameAt(shard, group), nameBytes(shard, group));
  i32[headerWord(shard, ref) + HEADER_GROUPS] = names.remove(list, position);
}

/** Reads the last ID delivered to the group. */
export function groupLastId(shard: Shard, group: number, into: StreamId): void {
  into.read(shard.memory.i32, dataWord(shard, group) + GROUP_LAST_ID);
}

// ------------------------------------------------------------------ consumers

function consumerList(shard: Shard, group: number): number {
  return shard.memory.i32[dataWord(shard, group) + GROUP_CONSUMERS] ?? 0;
}

export function consumerCount(shard: Shard, group: number): number {
  return shard.collections.streams.names.count(consumerList(shard, group));
}

/** The consumer at a position, in the order of names. */
export function consumerAt(shard: Shard, group: number, position: number): number {
  return shard.collections.streams.names.at(consumerList(shard, group), position);
}

/** The consumer of this name, 0 = none. */
export function findConsumer(shard: Shard, group: number, at: number, bytes: number): number {
  const { names } = shard.collections.streams;
  const list = consumerList(shard, group);
  const position = names.find(list, at, bytes);
  return position < 0 ? 0 : names.at(list, position);
}

/** Bytes that createConsumer allocates, in at most two blocks; `group` 0 = a fresh group. */
export function consumerRoomBytes(shard: Shard, group: number, bytes: number): number {
  const { names } = shard.collections.streams;
  const list = group === 0 ? 0 : consumerList(shard, group);
  return names.growBytes(list) + memberBytesFor(MEMBER_OF_SET, bytes, CONSUMER_DATA_BYTES, false);
}

/** Makes a consumer that does not exist, seen now and never active; reserved. @returns it */
export function createConsumer(shard: Shard, group: number, at: number, bytes: number): number {
  shard.noteMutation();
  const { memory } = shard;
  const { names } = shard.collections.streams;
  const consumer = newMember(
    memory, memory.arenaAllocator, MEMBER_OF_SET, at, bytes, CONSUMER_DATA_BYTES, 0, 0, 0,
  );
  const list = consumerList(shard, group);
  const moved = names.insert(list, -1 - names.find(list, at, bytes), consumer);
  memory.i32[dataWord(shard, group) + GROUP_CONSUMERS] = moved;
  const word = dataWord(shard, consumer);
  memory.i32[word + CONSUMER_PENDING] = 0;
  setTimeAt(shard, word + CONSUMER_SEEN, shard.nowMs);
  setTimeAt(shard, word + CONSUMER_ACTIVE, -1);
  return consumer;
}

/** Takes the consumer's block out of the group's list; the caller frees it and what it owns. */
export function unlinkConsumer(shard: Shard, group: number, consumer: number): void {
  shard.noteMutation();
  const { names } = shard.collections.streams;
  const list = consumerList(shard, group);
  const position = names.find(list, nameAt(shard, consumer), nameBytes(shard, consumer));
  shard.memory.i32[dataWord(shard, group) + GROUP_CONSUMERS] = names.remove(list, position);
}
