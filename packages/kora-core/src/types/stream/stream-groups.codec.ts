/**
 * The groups of a stream in the RDB format (drawn in stream.codec.ts). A group's pending entries
 * come before its consumers, who then claim them by ID; so they wait on the heap in between.
 * Cost: O(p log p), p = pending entries; 32 bytes of heap each while a group is read.
 */
import { checkRdb } from '../../rdb/rdb-error.ts';
import type { RdbReader } from '../../rdb/rdb-reader.ts';
import { RdbType } from '../../rdb/rdb-types.ts';
import type { RdbWriter } from '../../rdb/rdb-writer.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  CONSUMER_ACTIVE, CONSUMER_SEEN, consumerAt, consumerCount, consumerRoomBytes, createConsumer,
  createGroup, dataWord, findConsumer, findGroup, GROUP_READ, groupAt, groupCount, groupLastId,
  groupRoomBytes, nameAt, nameBytes, setTimeAt,
} from './stream-groups.ts';
import { STREAM_ID_BYTES, StreamId } from './stream-id.hot.ts';
import { idFromKey, readId, writeId } from './stream-key.ts';
import { estimateEntriesRead } from './stream-lag.ts';
import {
  addPending, boundTree, consumerTreeWord, groupTreeWord, PENDING_DELIVERIES, PENDING_KEY,
  PENDING_TIME, pendingCount, reservePending,
} from './stream-pending.ts';

const id = new StreamId();
const other = new StreamId();
/** Records fetched from a tree at a time. */
const CHUNK_REFS = 256;
const chunk = new Int32Array(CHUNK_REFS);
/** Fewest bytes of a group, a consumer and a pending entry. */
const GROUP_BYTES_MIN = 5;
const CONSUMER_BYTES_MIN = 10;
const PENDING_BYTES_MIN = 25;
/** Words of a pending entry that waits: ID 4, time 2, deliveries 2. */
const WAITING_WORDS = 8;
const TWO_32 = 4_294_967_296;

// ------------------------------------------------------------------ writing

export function saveGroups(shard: Shard, ref: number, out: RdbWriter): void {
  const groups = groupCount(shard, ref);
  out.count(groups);
  for (let i = 0; i < groups; i++) {
    const group = groupAt(shard, ref, i);
    out.string(nameAt(shard, group), nameBytes(shard, group));
    groupLastId(shard, group, id);
    writeId(out, id);
    saveLong(shard, out, dataWord(shard, group) + GROUP_READ);
    savePending(shard, groupTreeWord(shard, group), true, out);
    const consumers = consumerCount(shard, group);
    out.count(consumers);
    for (let k = 0; k < consumers; k++) {
      const consumer = consumerAt(shard, group, k);
      out.string(nameAt(shard, consumer), nameBytes(shard, consumer));
      saveTime(shard, out, dataWord(shard, consumer) + CONSUMER_SEEN);
      savePending(shard, consumerTreeWord(shard, consumer), false, out);
    }
  }
}

function saveLong(shard: Shard, out: RdbWriter, word: number): void {
  const { i32 } = shard.memory;
  out.count64(i32[word + 1] ?? 0, i32[word] ?? 0);
}

function saveTime(shard: Shard, out: RdbWriter, word: number): void {
  const { i32 } = shard.memory;
  out.integer64(i32[word + 1] ?? 0, i32[word] ?? 0);
}

function savePending(shard: Shard, treeWord: number, isWhole: boolean, out: RdbWriter): void {
  const total = pendingCount(shard, treeWord);
  out.count(total);
  for (let rank = 0; rank < total;) {
    const count = boundTree(shard, treeWord)?.collect(rank, CHUNK_REFS, chunk) ?? 0;
    for (let i = 0; i < count; i++) {
      const word = (chunk[i] ?? 0) * 2;
      out.raw((word + PENDING_KEY) * 4, STREAM_ID_BYTES);
      if (!isWhole) continue;
      saveTime(shard, out, word + PENDING_TIME);
      saveLong(shard, out, word + PENDING_DELIVERIES);
    }
    rank += count;
  }
}

// ------------------------------------------------------------------ reading

/** Pending entries of a group that no consumer has claimed yet, in the order of IDs. */
interface Waiting {
  readonly words: Int32Array;
  readonly isClaimed: Uint8Array;
  readonly count: number;
  claimed: number;
}

/** @returns false when memory is short @throws {RdbError} */
export function loadGroups(
  shard: Shard, rdbType: number, reader: RdbReader, ref: number,
): boolean {
  const groups = reader.countOf(GROUP_BYTES_MIN);
  for (let i = 0; i < groups; i++) {
    reader.string();
    reader.keep();
    checkRdb(findGroup(shard, ref, reader.keptAt, reader.keptBytes) === 0, 'a group is twice');
    readId(reader, id);
    let entriesRead = 0n;
    if (rdbType === RdbType.StreamListpacks) {
      entriesRead = estimateEntriesRead(shard, ref, id);
    } else {
      reader.count64();
      entriesRead = (BigInt(reader.high | 0) << 32n) | BigInt(reader.low >>> 0);
    }
    const bytes = reader.keptBytes;
    if (!shard.memory.arenaAllocator.reserve(2, groupRoomBytes(shard, ref, bytes))) return false;
    const group = createGroup(shard, ref, reader.keptAt, bytes, id, entriesRead);
    const waiting = readPending(shard, reader);
    if (!loadConsumers(shard, rdbType, reader, group, waiting)) return false;
    checkRdb(waiting.claimed === waiting.count, 'every pending entry has a consumer');
  }
  return true;
}

/** A time in ms since 1970. */
function timeOf(reader: RdbReader): number {
  const ms = reader.milliseconds();
  checkRdb(ms >= 0, 'a time is not before 1970');
  return ms;
}

/** The same, or -1 for never. */
function activeOf(reader: RdbReader): number {
  const ms = reader.milliseconds();
  checkRdb(ms >= -1, 'a time is not before 1970');
  return ms;
}

function readPending(shard: Shard, reader: RdbReader): Waiting {
  const count = reader.countOf(PENDING_BYTES_MIN);
  const words = new Int32Array(count * WAITING_WORDS);
  other.setZero();
  for (let i = 0; i < count; i++) {
    const word = i * WAITING_WORDS;
    reader.raw(STREAM_ID_BYTES);
    idFromKey(shard, reader.at, id);
    checkRdb(i === 0 || id.compare(other) > 0, 'pending entries ascend');
    other.copy(id);
    id.write(words, word);
    const timeMs = timeOf(reader);
    words[word + 4] = timeMs | 0;
    words[word + 5] = Math.floor(timeMs / TWO_32);
    reader.count64();
    words[word + 6] = reader.low | 0;
    words[word + 7] = reader.high | 0;
  }
  return { words, isClaimed: new Uint8Array(count), count, claimed: 0 };
}

function loadConsumers(
  shard: Shard, rdbType: number, reader: RdbReader, group: number, waiting: Waiting,
): boolean {
  const consumers = reader.countOf(CONSUMER_BYTES_MIN);
  for (let i = 0; i < consumers; i++) {
    reader.string();
    const { at, bytes } = reader;
    checkRdb(findConsumer(shard, group, at, bytes) === 0, 'a consumer is twice');
    const room = consumerRoomBytes(shard, group, bytes);
    if (!shard.memory.arenaAllocator.reserve(2, room)) return false;
    const consumer = createConsumer(shard, group, at, bytes);
    const word = dataWord(shard, consumer);
    const seenMs = timeOf(reader);
    setTimeAt(shard, word + CONSUMER_SEEN, seenMs);
    const hasActive = rdbType === RdbType.StreamListpacks3;
    setTimeAt(shard, word + CONSUMER_ACTIVE, hasActive ? activeOf(reader) : seenMs);
    const count = reader.countOf(STREAM_ID_BYTES);
    for (let k = 0; k < count; k++) {
      reader.raw(STREAM_ID_BYTES);
      idFromKey(shard, reader.at, id);
      if (!claimWaiting(shard, group, consumer, waiting)) return false;
    }
  }
  return true;
}

/** Makes a record of the waiting entry `id`; false: memory is short. */
function claimWaiting(shard: Shard, group: number, consumer: number, waiting: Waiting): boolean {
  const { words } = waiting;
  let from = 0;
  let end = waiting.count;
  while (from < end) {
    const middle = (from + end) >>> 1;
    other.read(words, middle * WAITING_WORDS);
    if (other.compare(id) < 0) from = middle + 1;
    else end = middle;
  }
  const word = from * WAITING_WORDS;
  if (from < waiting.count) other.read(words, word);
  checkRdb(from < waiting.count && other.compare(id) === 0, 'a consumer claims what is pending');
  checkRdb(waiting.isClaimed[from] === 0, 'an entry is pending for one consumer');
  if (!reservePending(shard, group, consumer, 1)) return false;
  const record = addPending(shard, group, consumer, id, 0);
  const { i32 } = shard.memory;
  i32[record * 2 + PENDING_TIME] = words[word + 4] ?? 0;
  i32[record * 2 + PENDING_TIME + 1] = words[word + 5] ?? 0;
  i32[record * 2 + PENDING_DELIVERIES] = words[word + 6] ?? 0;
  i32[record * 2 + PENDING_DELIVERIES + 1] = words[word + 7] ?? 0;
  waiting.isClaimed[from] = 1;
  waiting.claimed++;
  return true;
}
