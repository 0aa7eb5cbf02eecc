/**
 * XREADGROUP: delivers entries of streams to a consumer of a group. All streams are checked, what
 * their deliveries need is reserved at once, then groups, consumers and pending entries change, and
 * at last the reply is written from the streams, which do not change.
 *
 *   id `>`   entries that the group has not delivered yet; they become pending, unless NOACK
 *   else     the consumer's own pending entries after the ID: its history
 *
 * Without anything to deliver no consumer is made, and the command waits with BLOCK (waiting/);
 * where nobody may, and without BLOCK, it answers null.
 */
import { assert } from '../../assert.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryRoot } from '../../structs/entry.hot.ts';
import { mayWait, waitForKeys } from '../../waiting/wait-for-keys.ts';
import { commitConsumer, commitGroup, toldRecords } from './stream-effects.ts';
import { noGroup, streamErrors } from './stream-errors.ts';
import {
  CONSUMER_ACTIVE, CONSUMER_SEEN, consumerRoomBytes, createConsumer, dataWord, findConsumer,
  findGroup, groupLastId, setTimeAt,
} from './stream-groups.ts';
import { HEADER_LAST_ID, HEADER_LAST_LIVE_ID } from './stream-header.hot.ts';
import { StreamId } from './stream-id.hot.ts';
import { IdForm } from './stream-id-text.ts';
import { advanceGroup } from './stream-lag.ts';
import {
  addPending, boundTree, consumerTreeWord, countDelivery, findPending, givePending,
  groupTreeWord, PendingNeed, rankFrom, readPendingId, restartDeliveries,
} from './stream-pending.ts';
import {
  keysOfStreams, startStreams, streamsArgument, streamsWaiting, writeStreamKey,
} from './stream-range.commands.ts';
import { parseXreadgroup, readOptions } from './stream-read-options.ts';
import {
  echoArgument, isCharacter, isStreamOrAbsent, readIdArgument, writeEntry, writeIdReply,
  writeRange,
} from './stream-reply.ts';
import { findEntry, headerId } from './stream.ts';

/** What one stream of the command is served with. */
interface Served {
  readonly key: number;
  readonly ref: number;
  readonly group: number;
  readonly consumer: number;
  readonly isHistory: boolean;
  readonly start: StreamId;
  readonly count: number;
}

const start = new StreamId();
const lastLive = new StreamId();
const lastAdded = new StreamId();
const recordId = new StreamId();
const max = new StreamId();
max.setMax();
const need = new PendingNeed();

export const xreadgroup: Command = defineCommand({
  name: 'XREADGROUP', group: 'stream', since: '5.0.0',
  summary: 'Delivers new or pending entries of streams to a consumer of a group.',
  complexity: 'O(k log p) for each stream; k = entries returned, p = pending entries.',
  arity: -7,
  flags: Flag.Write | Flag.Blocking | Flag.MovableKeys,
  acl: ['stream'],
  keys: [keysOfStreams(4)],
  args: {
    'group-block': arg.block({ group: arg.bytes(), consumer: arg.bytes() }, 'GROUP')
      .documented({ name: 'group_consumer' }),
    count: arg.integer('COUNT').optional(),
    milliseconds: arg.integer('BLOCK').optional(),
    noack: arg.token('NOACK').optional(),
    streams: streamsArgument,
  },
  reply: oneReplyOf(
    reply.map('keys, each with its entries; an array of pairs in RESP2'),
    reply.nullArray('there is nothing to deliver'),
  ),
  examples: [
    ['XADD jobs 1-1 do this', '$"1-1"'],
    ['XGROUP CREATE jobs crew 0', '+"OK"'],
    ['XREADGROUP GROUP crew ada STREAMS jobs >', '*[*[$"jobs" *[*[$"1-1" *[$"do" $"this"]]]]]'],
    ['XREADGROUP GROUP crew ada STREAMS jobs >', '*_'],
    ['XREADGROUP GROUP crew ada STREAMS jobs 0', '*[*[$"jobs" *[*[$"1-1" *[$"do" $"this"]]]]]'],
  ],
  parse: parseXreadgroup,
  waiting: {
    ...streamsWaiting,
    endsWithKey: true,
    hasSomething(shard, frame, key) {
      const ref = shard.keyspace.peek(frame, key);
      if (ref === 0 || !shard.keyspace.isType(ref, ValueType.Stream)) return true;
      const group = groupOf(shard, frame, ref);
      if (group === 0 || !isForNew(frame, key + readOptions.streams)) return true;
      return countNew(shard, ref, group) > 0;
    },
    isServable(shard, frame, key) {
      const ref = shard.keyspace.peek(frame, key);
      const group = groupOf(shard, frame, ref);
      if (group === 0) return true;
      groupLastId(shard, group, start);
      headerId(shard, ref, HEADER_LAST_ID, lastAdded);
      return lastAdded.compare(start) > 0;
    },
    serve: serveWaiting,
  },
  apply(shard, frame, out) {
    const { keysAt: first, streams } = readOptions;
    for (let i = 0; i < streams; i++) {
      if (!checkStreamOf(shard, frame, out, first + i, first + streams + i)) return;
    }
    if (!reserveDeliveries(shard, frame, first, streams)) {
      out.error(replyErrors.arenaFull);
      return;
    }
    const served: Served[] = [];
    for (let i = 0; i < streams; i++) {
      const ref = shard.keyspace.read(frame, first + i); // Once more, as Redis does.
      const one = serve(shard, frame, first + i, first + streams + i, ref, false);
      if (one !== null) served.push(one);
    }
    if (served.length === 0) {
      const { blockMs } = readOptions;
      if (blockMs < 0 || !mayWait(frame.client)) out.nullArray();
      else waitForKeys(shard, xreadgroup, frame, out);
      return;
    }
    startStreams(frame, out, served.length);
    for (const one of served) writeServed(shard, frame, out, one);
  },
});

/**
 * Serves a command that waited from one stream. Also when what came is deleted already: then with
 * a consumer and without entries, as in Redis.
 */
function serveWaiting(shard: Shard, frame: ArgFrame, out: ReplySink, key: number): void {
  const ref = shard.keyspace.peek(frame, key);
  shard.keyspace.noteChange(ref);
  if (groupOf(shard, frame, ref) === 0) {
    out.error(streamErrors.groupGone);
    return;
  }
  if (!reserveDeliveries(shard, frame, key, 1)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const one = serve(shard, frame, key, key + readOptions.streams, ref, true);
  assert(one !== null, 'who waits is served by force');
  startStreams(frame, out, 1);
  writeServed(shard, frame, out, one);
}

/** Writes the error and returns false when the stream, group or ID is not there. */
function checkStreamOf(
  shard: Shard, frame: ArgFrame, out: ReplySink, key: number, idAt: number,
): boolean {
  const ref = shard.keyspace.read(frame, key);
  if (!isStreamOrAbsent(shard, ref, out)) return false;
  shard.keyspace.noteChange(ref);
  const error = checkGroupOf(shard, frame, ref, key, idAt);
  if (error !== null) out.error(error);
  return error === null;
}

function checkGroupOf(
  shard: Shard, frame: ArgFrame, ref: number, key: number, idAt: number,
): ReplyError | null {
  if (ref === 0 || groupOf(shard, frame, ref) === 0) {
    const group = echoArgument(frame, readOptions.groupAt);
    return noGroup(
      `No such key '${echoArgument(frame, key)}' or consumer group '${group}' in XREADGROUP with `
        + 'GROUP option',
    );
  }
  if (isCharacter(frame, idAt, '$')) return streamErrors.lastInXreadgroup;
  if (isCharacter(frame, idAt, '>')) return null;
  return readIdArgument(frame, idAt, IdForm.Strict, start) ? null : streamErrors.invalidId;
}

function groupOf(shard: Shard, frame: ArgFrame, ref: number): number {
  const { groupAt } = readOptions;
  return findGroup(shard, ref, frame.at[groupAt] ?? 0, frame.bytes[groupAt] ?? 0);
}

function consumerOf(shard: Shard, frame: ArgFrame, group: number): number {
  const at = readOptions.groupAt + 1;
  return findConsumer(shard, group, frame.at[at] ?? 0, frame.bytes[at] ?? 0);
}

/** True when the ID asks for new entries; `start` is the first one that may be delivered then. */
function isForNew(frame: ArgFrame, idAt: number): boolean {
  if (isCharacter(frame, idAt, '>')) return true;
  readIdArgument(frame, idAt, IdForm.Strict, start);
  return start.isMax();
}

/** New entries that the stream has for the group, from `start` on; 0 = none. */
function countNew(shard: Shard, ref: number, group: number): number {
  if (collectionCount(shard, ref) === 0) return 0;
  groupLastId(shard, group, start);
  headerId(shard, ref, HEADER_LAST_LIVE_ID, lastLive);
  if (lastLive.compare(start) <= 0) return 0;
  start.increment();
  const { walk } = shard.collections.streams;
  walk.bind(entryRoot(shard.memory.i32, ref));
  return walk.count(start, max, readOptions.countMax);
}

/** Reserves for streams together; what two of them share is counted twice. */
function reserveDeliveries(
  shard: Shard, frame: ArgFrame, first: number, count: number,
): boolean {
  const { streams } = readOptions;
  const nameBytes = frame.bytes[readOptions.groupAt + 1] ?? 0;
  need.start();
  for (let i = 0; i < count; i++) {
    const ref = shard.keyspace.peek(frame, first + i);
    const group = groupOf(shard, frame, ref);
    const consumer = consumerOf(shard, frame, group);
    if (consumer === 0) need.addBlocks(2, consumerRoomBytes(shard, group, nameBytes));
    const isNew = isForNew(frame, first + streams + i);
    if (!isNew || readOptions.isNoAck) continue;
    need.addRecords(shard, group, consumer, countNew(shard, ref, group));
  }
  return need.reserve(shard);
}

/** Delivers from one stream; null when there is nothing for the consumer, unless by force. */
function serve(
  shard: Shard, frame: ArgFrame, key: number, idAt: number, ref: number, isForced: boolean,
): Served | null {
  const group = groupOf(shard, frame, ref);
  const isHistory = !isForNew(frame, idAt);
  let count = 0;
  if (isHistory) start.increment();
  else count = countNew(shard, ref, group);
  if (!isHistory && count === 0 && !isForced) return null;
  const from = new StreamId();
  from.copy(start);
  const consumer = seeConsumer(shard, frame, key, group);
  toldRecords.start(shard, frame, key, group, consumer);
  if (isHistory) count = deliverAgain(shard, ref, consumer, from);
  else if (count > 0) deliverNew(shard, ref, group, consumer, from, count);
  toldRecords.end();
  if (!isHistory) commitGroup(shard, frame, key, group, KeyEvent.None);
  if (count > 0) setTimeAt(shard, dataWord(shard, consumer) + CONSUMER_ACTIVE, shard.nowMs);
  commitConsumer(shard, frame, key, group, consumer, KeyEvent.None);
  return { key, ref, group, consumer, isHistory, start: from, count };
}

/** The consumer, made if it does not exist; it was seen now. */
function seeConsumer(shard: Shard, frame: ArgFrame, key: number, group: number): number {
  const found = consumerOf(shard, frame, group);
  if (found !== 0) {
    shard.noteMutation();
    setTimeAt(shard, dataWord(shard, found) + CONSUMER_SEEN, shard.nowMs);
    return found;
  }
  const at = readOptions.groupAt + 1;
  const consumer = createConsumer(shard, group, frame.at[at] ?? 0, frame.bytes[at] ?? 0);
  commitConsumer(shard, frame, key, group, consumer, KeyEvent.XGroupCreateConsumer);
  return consumer;
}

function deliverNew(
  shard: Shard, ref: number, group: number, consumer: number, from: StreamId, count: number,
): void {
  const { walk } = shard.collections.streams;
  walk.bind(entryRoot(shard.memory.i32, ref));
  walk.seekFrom(from);
  const tree = boundTree(shard, groupTreeWord(shard, group));
  // A group that was set back can deliver what is pending already.
  const mayBePending = tree !== null && rankFrom(shard, tree, from) < tree.count();
  for (let i = 0; i < count && walk.next(); i++) {
    const { id } = walk.cursor;
    shard.noteMutation();
    advanceGroup(shard, ref, group, id);
    if (readOptions.isNoAck) continue;
    let record = mayBePending ? findPending(shard, group, id) : 0;
    if (record === 0) {
      record = addPending(shard, group, consumer, id, shard.nowMs);
    } else {
      givePending(shard, record, consumer);
      restartDeliveries(shard, record, shard.nowMs);
    }
    toldRecords.add(record);
  }
}

/** Counts one more delivery of the consumer's records that still have an entry. */
function deliverAgain(shard: Shard, ref: number, consumer: number, from: StreamId): number {
  let count = 0;
  eachRecord(shard, consumer, from, readOptions.countMax, (record) => {
    readPendingId(shard, record, recordId);
    count++;
    if (!findEntry(shard, ref, recordId)) return;
    countDelivery(shard, record, shard.nowMs);
    toldRecords.add(record);
  });
  return count;
}

/** Visits at most `countMax` records of a consumer from an ID on; the visitor moves none. */
function eachRecord(
  shard: Shard, consumer: number, from: StreamId, countMax: number,
  visit: (record: number) => void,
): void {
  const word = consumerTreeWord(shard, consumer);
  const first = boundTree(shard, word);
  let rank = first === null ? 0 : rankFrom(shard, first, from);
  for (let done = 0; done < countMax; done++, rank++) {
    const tree = boundTree(shard, word);
    if (tree === null || !tree.seek(rank)) return;
    visit(tree.cursorRef());
  }
}

function writeServed(shard: Shard, frame: ArgFrame, out: ReplySink, one: Served): void {
  writeStreamKey(frame, out, one.key);
  if (one.count === 0) {
    out.array(0);
    return;
  }
  if (!one.isHistory) {
    writeRange(shard, out, one.ref, one.start, max, one.count, false);
    return;
  }
  out.array(one.count);
  eachRecord(shard, one.consumer, one.start, one.count, (record) => {
    readPendingId(shard, record, recordId);
    if (findEntry(shard, one.ref, recordId)) {
      writeEntry(shard, out, shard.collections.streams.walk.cursor);
      return;
    }
    out.array(2);
    writeIdReply(shard, out, recordId);
    out.nullArray();
  });
}

/** Entries of this file. */
export const streamReadgroupCommands: readonly Command[] = [xreadgroup];
