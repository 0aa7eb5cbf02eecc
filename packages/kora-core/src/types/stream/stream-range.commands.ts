/**
 * Commands that read streams without groups: XRANGE XREVRANGE XREAD. They change nothing. XREAD
 * with BLOCK that finds nothing waits (waiting/); where nobody may, it answers null.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import type { KeySpec } from '../../command/key-spec.ts';
import { keysAt } from '../../command/key-spec.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { mayWait, waitForKeys } from '../../waiting/wait-for-keys.ts';
import type { Waiter } from '../../waiting/waiter.ts';
import {
  readIntervalId, idReading, IdForm, STREAM_ID_TEXT_BYTES_MAX, writeStreamId,
} from './stream-id-text.ts';
import { streamErrors } from './stream-errors.ts';
import { HEADER_LAST_ID, HEADER_LAST_LIVE_ID } from './stream-header.hot.ts';
import { StreamId } from './stream-id.hot.ts';
import { SCRATCH_TEXT } from './stream-scratch.ts';
import { parseXread, readOptions } from './stream-read-options.ts';
import {
  isCharacter, isStreamOrAbsent, NO_COUNT, readIdArgument, writeRange,
} from './stream-reply.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import { headerId } from './stream.ts';

const COUNT = arg.integer('COUNT').tokenBytes;
const COUNT_SLOT = 3;
const start = new StreamId();
const end = new StreamId();
const lastLive = new StreamId();
const last = new StreamId();
/** Entries that XRANGE and XREVRANGE asked for; 0 answers null. */
let rangeCount = 0;

const rangeHistory = [['6.2.0', 'Added exclusive ranges.']] as const;
const readKey = keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' });
const rangeReply = oneReplyOf(
  reply.array('entries: each an ID and an array of fields and values'),
  reply.nullArray('with a COUNT of 0 or less'),
);

export const xrange = defineCommand({
  name: 'XRANGE', group: 'stream', since: '5.0.0',
  summary: 'Returns the entries of a stream between two IDs.',
  complexity: 'O(log n + k); n = entries of the stream, k = entries returned.',
  arity: -4,
  flags: Flag.ReadOnly,
  acl: ['stream'],
  keys: [readKey],
  history: rangeHistory,
  args: {
    key: arg.key(), start: arg.bytes(), end: arg.bytes(), count: arg.integer('COUNT').optional(),
  },
  reply: rangeReply,
  examples: [
    ['XADD log 1-1 a 1', '$"1-1"'], ['XADD log 2-1 a 2', '$"2-1"'],
    ['XRANGE log - + COUNT 1', '*[*[$"1-1" *[$"a" $"1"]]]'],
    ['XRANGE log (1-1 +', '*[*[$"2-1" *[$"a" $"2"]]]'],
  ],
  parse: (frame) => parseRange(frame, 2, 3),
  apply(shard, frame, out) {
    answerRange(shard, frame, out, false);
  },
});

export const xrevrange = defineCommand({
  name: 'XREVRANGE', group: 'stream', since: '5.0.0',
  summary: 'Returns the entries of a stream between two IDs, the last one first.',
  complexity: 'O(log n + k); n = entries of the stream, k = entries returned.',
  arity: -4,
  flags: Flag.ReadOnly,
  acl: ['stream'],
  keys: [readKey],
  history: rangeHistory,
  args: {
    key: arg.key(), end: arg.bytes(), start: arg.bytes(), count: arg.integer('COUNT').optional(),
  },
  reply: rangeReply,
  examples: [
    ['XADD log 1-1 a 1', '$"1-1"'], ['XADD log 2-1 a 2', '$"2-1"'],
    ['XREVRANGE log + - COUNT 1', '*[*[$"2-1" *[$"a" $"2"]]]'],
  ],
  parse: (frame) => parseRange(frame, 3, 2),
  apply(shard, frame, out) {
    answerRange(shard, frame, out, true);
  },
});

function parseRange(frame: ArgFrame, startAt: number, endAt: number): ReplyError | null {
  const error = readInterval(frame, startAt, endAt, start, end);
  if (error !== null) return error;
  rangeCount = NO_COUNT;
  for (let i = 4; i < frame.count; i += 2) {
    if (i + 1 === frame.count || !isWord(frame, i, COUNT)) return replyErrors.syntax;
    if (!readInteger(frame, COUNT_SLOT, i + 1)) return replyErrors.notInteger;
    rangeCount = Math.min(Math.max(0, frame.number[COUNT_SLOT] ?? 0), NO_COUNT);
  }
  return null;
}

/** Reads both ends of an interval, exclusive ones included, into IDs that are included. */
export function readInterval(
  frame: ArgFrame, startAt: number, endAt: number, from: StreamId, to: StreamId,
): ReplyError | null {
  const { low } = frame.memory;
  if (!readIntervalId(low, frame.at[startAt] ?? 0, frame.bytes[startAt] ?? 0, false, from)) {
    return streamErrors.invalidId;
  }
  if (idReading.isExclusive && !from.increment()) return streamErrors.invalidStart;
  if (!readIntervalId(low, frame.at[endAt] ?? 0, frame.bytes[endAt] ?? 0, true, to)) {
    return streamErrors.invalidId;
  }
  return idReading.isExclusive && !to.decrement() ? streamErrors.invalidEnd : null;
}

function answerRange(shard: Shard, frame: ArgFrame, out: ReplySink, isReverse: boolean): void {
  const ref = shard.keyspace.read(frame, 1);
  if (!isStreamOrAbsent(shard, ref, out)) return;
  if (ref === 0) out.array(0);
  else if (rangeCount === 0) out.nullArray();
  else writeRange(shard, out, ref, start, end, rangeCount, isReverse);
}

// ------------------------------------------------------------------ XREAD

/** Keys behind the word STREAMS, in the first half of what follows it. */
export function keysOfStreams(startFrom: number): KeySpec {
  return {
    access: 'RO',
    effects: ['access'],
    begin: { kind: 'keyword', keyword: 'STREAMS', startFrom },
    find: { kind: 'range', last: -1, step: 1, limit: 2 },
  };
}

/** The streams of XREAD and XREADGROUP: as many keys as IDs. */
export const streamsArgument = arg.block(
  { key: arg.key().repeated(), id: arg.bytes().repeated() }, 'STREAMS',
);

/** What XREAD and XREADGROUP wait for. */
export const streamsWaiting = {
  type: ValueType.Stream,
  firstKey: (): number => readOptions.keysAt,
  keyCount: (): number => readOptions.streams,
  timeoutMs: (): number => readOptions.blockMs,
} as const;

export const xread: Command = defineCommand({
  name: 'XREAD', group: 'stream', since: '5.0.0',
  summary: 'Returns entries of several streams that came after given IDs.',
  complexity: 'O(log n + k) for each stream; n = entries of the stream, k = entries returned.',
  arity: -4,
  flags: Flag.ReadOnly | Flag.Blocking | Flag.MovableKeys,
  acl: ['stream'],
  keys: [keysOfStreams(1)],
  args: {
    count: arg.integer('COUNT').optional(),
    milliseconds: arg.integer('BLOCK').optional(),
    streams: streamsArgument,
  },
  reply: oneReplyOf(
    reply.map('keys, each with its entries; an array of pairs in RESP2'),
    reply.nullArray('no stream has entries after its ID'),
  ),
  examples: [
    ['XADD log 1-1 a 1', '$"1-1"'],
    ['XREAD COUNT 5 STREAMS log other 0 0', '*[*[$"log" *[*[$"1-1" *[$"a" $"1"]]]]]'],
    ['XREAD STREAMS log $', '*_'],
  ],
  parse: parseXread,
  waiting: {
    ...streamsWaiting,
    hasSomething(shard, frame, key) {
      const ref = shard.keyspace.peek(frame, key);
      if (ref === 0) return false;
      if (!shard.keyspace.isType(ref, ValueType.Stream)) return true;
      return findNews(shard, frame, key, key + readOptions.streams) !== 0;
    },
    spareBytes: newIdBytes,
    onWait: fixNewIds,
    isServable(shard, frame, key) {
      headerId(shard, shard.keyspace.peek(frame, key), HEADER_LAST_ID, last);
      return readIdArgument(frame, key + readOptions.streams, IdForm.Strict, start)
        && last.compare(start) > 0;
    },
    // Also when what came is deleted already: then without entries, as in Redis.
    serve(shard, frame, out, key) {
      const ref = shard.keyspace.peek(frame, key);
      readIdArgument(frame, key + readOptions.streams, IdForm.Strict, start);
      start.increment();
      end.setMax();
      startStreams(frame, out, 1);
      writeStreamKey(frame, out, key);
      writeRange(shard, out, ref, start, end, readOptions.countMax, false);
    },
  },
  apply(shard, frame, out) {
    const { keysAt: first, streams } = readOptions;
    for (let i = 0; i < streams; i++) {
      const error = checkReading(shard, frame, first + i, first + streams + i);
      if (error === null) continue;
      out.error(error);
      return;
    }
    let served = 0;
    for (let i = 0; i < streams; i++) {
      shard.keyspace.read(frame, first + i); // Again, as Redis does: all lookups count twice.
      if (findNews(shard, frame, first + i, first + streams + i) !== 0) served++;
    }
    if (served === 0) {
      if (readOptions.blockMs < 0 || !mayWait(frame.client)) out.nullArray();
      else waitForKeys(shard, xread, frame, out);
      return;
    }
    startStreams(frame, out, served);
    for (let i = 0; i < streams; i++) {
      const ref = findNews(shard, frame, first + i, first + streams + i);
      if (ref === 0) continue;
      writeStreamKey(frame, out, first + i);
      writeRange(shard, out, ref, start, end, readOptions.countMax, false);
    }
  },
});

/** Announces how many streams the reply has. */
export function startStreams(frame: ArgFrame, out: ReplySink, streams: number): void {
  if (frame.client.resp === 2) out.array(streams);
  else out.map(streams);
}

/** Writes the key of one stream; its entries follow. */
export function writeStreamKey(frame: ArgFrame, out: ReplySink, key: number): void {
  if (frame.client.resp === 2) out.array(2);
  out.bulk(frame.at[key] ?? 0, frame.bytes[key] ?? 0);
}

function checkReading(
  shard: Shard, frame: ArgFrame, key: number, idAt: number,
): ReplyError | null {
  const ref = shard.keyspace.read(frame, key);
  if (ref !== 0 && shard.handlerOf(ref).name !== 'stream') return replyErrors.wrongType;
  if (isCharacter(frame, idAt, '$')) return null;
  if (isCharacter(frame, idAt, '>')) return streamErrors.newInXread;
  return readIdArgument(frame, idAt, IdForm.Strict, start) ? null : streamErrors.invalidId;
}

/** The stream if it has entries after the ID, which then are `start` to `end`; else 0. */
function findNews(shard: Shard, frame: ArgFrame, key: number, idAt: number): number {
  const ref = shard.keyspace.peek(frame, key);
  if (ref === 0 || collectionCount(shard, ref) === 0) return 0;
  if (isCharacter(frame, idAt, '$')) headerId(shard, ref, HEADER_LAST_ID, start);
  else readIdArgument(frame, idAt, IdForm.Strict, start);
  headerId(shard, ref, HEADER_LAST_LIVE_ID, lastLive);
  if (lastLive.compare(start) <= 0) return 0;
  start.increment();
  end.setMax();
  return ref;
}

/** Bytes of the IDs that `$` will be replaced by. */
function newIdBytes(frame: ArgFrame): number {
  const { keysAt: first, streams } = readOptions;
  let bytes = 0;
  for (let i = 0; i < streams; i++) {
    if (isCharacter(frame, first + streams + i, '$')) bytes += STREAM_ID_TEXT_BYTES_MAX;
  }
  return bytes;
}

/** What `$` is now: the last ID of its stream, 0 without one. */
function fixNewIds(shard: Shard, frame: ArgFrame, waiter: Waiter): void {
  const { keysAt: first, streams } = readOptions;
  for (let i = 0; i < streams; i++) {
    const idAt = first + streams + i;
    if (!isCharacter(frame, idAt, '$')) continue;
    const ref = shard.keyspace.peek(frame, first + i);
    const isStream = ref !== 0 && shard.keyspace.isType(ref, ValueType.Stream);
    if (isStream) headerId(shard, ref, HEADER_LAST_ID, last);
    else last.setZero();
    const textAt = shard.scratchAt + SCRATCH_TEXT;
    waiter.replaceArgument(idAt, textAt, writeStreamId(shard.memory.low, textAt, last));
  }
}

/** Entries of this file. */
export const streamRangeCommands: readonly Command[] = [xrange, xrevrange, xread];
