/**
 * Commands that add to streams and take from them: XADD XLEN XDEL XTRIM XSETID. XADD is the hot
 * one: its parser is written by hand, and an entry that fits the last block allocates nothing.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { commitAdd, commitSetId, commitTrim, toldIds } from './stream-effects.ts';
import { streamErrors } from './stream-errors.ts';
import { HEADER_DELETED_ID, HEADER_LAST_ID, HEADER_LAST_LIVE_ID } from './stream-header.hot.ts';
import { StreamId } from './stream-id.hot.ts';
import { IdForm } from './stream-id-text.ts';
import { isStreamOrAbsent, readIdArgument, writeIdReply } from './stream-reply.ts';
import { countTrimmed, parseXadd, parseXtrim, trimOptions } from './stream-trim-options.ts';
import {
  appendEntry, createStream, deleteEntry, headerId, removeHead, reserveAppend, setEntriesAdded,
  setHeaderId, setLastId,
} from './stream.ts';

/** Longest entry: fields and values together, 1 GiB as in Redis. */
const ENTRY_BYTES_MAX = 1 << 30;

const id = new StreamId();
const last = new StreamId();
const deleted = new StreamId();

/** MAXLEN or MINID with their operators. */
const trimming = arg.block({
  strategy: arg.oneOf({
    maxlen: arg.token('MAXLEN'), minid: arg.token('MINID').documented({ since: '6.2.0' }),
  }),
  operator: arg.oneOf({ equal: arg.token('='), approximately: arg.token('~') }).optional(),
  threshold: arg.bytes(),
  count: arg.integer('LIMIT').optional().documented({ since: '6.2.0' }),
});

export const xadd = defineCommand({
  name: 'XADD', group: 'stream', since: '5.0.0',
  summary: 'Appends an entry to a stream, which is made if it does not exist.',
  complexity: 'O(1) to add; O(n) with trimming, n = entries removed.',
  arity: -5,
  flags: Flag.Write | Flag.DenyOom | Flag.Fast,
  acl: ['stream'],
  keys: [keysAt({
    first: 1, last: 1, step: 1, access: 'RW', effect: 'update',
    notes: 'UPDATE instead of INSERT because of the optional trimming feature',
  })],
  tips: ['nondeterministic_output'],
  history: [
    [
      '6.2.0',
      'Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option.',
    ],
    ['7.0.0', 'Added support for the `<ms>-*` explicit ID form.'],
  ],
  args: {
    key: arg.key(),
    nomkstream: arg.token('NOMKSTREAM').optional().documented({ since: '6.2.0' }),
    trim: trimming.optional(),
    'id-selector': arg.oneOf({ auto_id: arg.token('*'), id: arg.bytes() })
      .documented({ name: 'id_or_auto' }),
    data: arg.repeat({ field: arg.bytes(), value: arg.bytes() })
      .documented({ name: 'field_value' }),
  },
  reply: oneReplyOf(
    reply.bulk('ID of the entry'), reply.null('with NOMKSTREAM: the key does not exist'),
  ),
  examples: [
    ['XADD log 1-1 level info text started', '$"1-1"'],
    ['XADD log 1-* level info', '$"1-2"'],
    ['XADD log 1-2 level info', '-"ERR The ID specified in XADD is equal or smaller than the '
      + 'target stream top item"'],
    ['XADD other NOMKSTREAM * level info', '_'],
  ],
  parse: parseXadd,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isStreamOrAbsent(shard, ref, out)) return;
    if (ref === 0 && trimOptions.isNoMkStream) {
      out.null();
      return;
    }
    const from = trimOptions.idIndex + 1;
    const error = chooseId(shard, ref) ?? checkSize(frame, from);
    if (error !== null) {
      out.error(error);
      return;
    }
    addEntry(shard, frame, ref, from, out);
  },
});

/** The ID of the new entry, into `id`. */
function chooseId(shard: Shard, ref: number): ReplyError | null {
  if (ref === 0) last.setZero();
  else headerId(shard, ref, HEADER_LAST_ID, last);
  if (last.isMax()) return streamErrors.noMoreIds;
  if (!trimOptions.hasId) {
    id.setMs(shard.nowMs);
    if (id.compare(last) > 0) return null;
    // The clock stands or went back: IDs never do.
    id.copy(last);
    id.increment();
    return null;
  }
  id.copy(trimOptions.id);
  if (!trimOptions.hasSequence && id.hasSameMs(last)) {
    id.copy(last);
    if ((last.seqHigh & last.seqLow) === -1) return streamErrors.idNotGreater;
    id.increment();
  }
  return id.compare(last) > 0 ? null : streamErrors.idNotGreater;
}

function checkSize(frame: ArgFrame, from: number): ReplyError | null {
  let bytes = 0;
  for (let i = from; i < frame.count; i++) bytes += frame.bytes[i] ?? 0;
  return bytes > ENTRY_BYTES_MAX ? streamErrors.entryTooLarge : null;
}

function addEntry(
  shard: Shard, frame: ArgFrame, known: number, from: number, out: ReplySink,
): void {
  const keyBytes = frame.bytes[1] ?? 0;
  const pairs = (frame.count - from) >>> 1;
  if (!reserveAppend(shard, known, keyBytes, id, frame.at, frame.bytes, from, pairs)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const ref = known === 0 ? createStream(shard, frame.at[1] ?? 0, keyBytes) : known;
  appendEntry(shard, ref, id, frame.at, frame.bytes, from, pairs);
  commitAdd(shard, frame, 1, id, from);
  trimStream(shard, frame, ref);
  writeIdReply(shard, out, id);
}

/** Trims as the options say. @returns entries removed */
function trimStream(shard: Shard, frame: ArgFrame, ref: number): number {
  const count = countTrimmed(shard, ref);
  if (count === 0) return 0;
  removeHead(shard, ref, count);
  commitTrim(shard, frame, 1, count);
  return count;
}

export const xlen = defineCommand({
  name: 'XLEN', group: 'stream', since: '5.0.0',
  summary: 'Returns the number of entries of a stream.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['stream'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO' })],
  args: { key: arg.key() },
  reply: reply.integer('entries; 0 when the key does not exist'),
  examples: [['XADD log 1-1 a 1', '$"1-1"'], ['XLEN log', ':1'], ['XLEN nosuch', ':0']],
  parse: () => null,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isStreamOrAbsent(shard, ref, out)) return;
    out.integer(ref === 0 ? 0 : collectionCount(shard, ref));
  },
});

export const xdel = defineCommand({
  name: 'XDEL', group: 'stream', since: '5.0.0',
  summary: 'Deletes entries of a stream by their IDs.',
  complexity: 'O(log n) for each ID; n = entries of the stream.',
  arity: -3,
  flags: Flag.Write | Flag.Fast,
  acl: ['stream'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'delete' })],
  args: { key: arg.key(), id: arg.bytes().repeated() },
  reply: reply.integer('entries deleted'),
  examples: [
    ['XADD log 1-1 a 1', '$"1-1"'],
    ['XDEL log 1-1 9-9', ':1'],
    ['EXISTS log', ':1'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isStreamOrAbsent(shard, ref, out)) return;
    if (ref === 0) {
      out.integer(0);
      return;
    }
    for (let i = 2; i < frame.count; i++) {
      if (readIdArgument(frame, i, IdForm.Strict, id)) continue;
      out.error(streamErrors.invalidId);
      return;
    }
    let count = 0;
    toldIds.start(shard, frame, EffectOp.StreamRemove, 0, 0);
    for (let i = 2; i < frame.count; i++) {
      readIdArgument(frame, i, IdForm.Strict, id);
      if (!deleteEntry(shard, ref, id)) continue;
      toldIds.add(id);
      count++;
    }
    toldIds.end(KeyEvent.XDel);
    out.integer(count);
  },
});

export const xtrim = defineCommand({
  name: 'XTRIM', group: 'stream', since: '5.0.0',
  summary: 'Deletes the oldest entries of a stream, by its length or by an ID.',
  complexity: 'O(n); n = entries removed, which go a block at a time.',
  arity: -4,
  flags: Flag.Write,
  acl: ['stream'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'delete' })],
  tips: ['nondeterministic_output'],
  history: [['6.2.0', 'Added the `MINID` trimming strategy and the `LIMIT` option.']],
  args: {
    key: arg.key(),
    trim: arg.block({
      strategy: arg.oneOf('MAXLEN', 'MINID'),
      threshold: arg.bytes(),
    }),
    options: arg.oneOf('=', '~').optional(),
    count: arg.integer('LIMIT').optional(),
  },
  documentedArgs: [['key', arg.key()], ['trim', trimming]],
  reply: reply.integer('entries deleted'),
  examples: [
    ['XADD log 1-1 a 1', '$"1-1"'], ['XADD log 2-1 a 1', '$"2-1"'],
    ['XTRIM log MAXLEN = 1', ':1'], ['XTRIM log MINID 3', ':1'], ['XTRIM nosuch MAXLEN 1', ':0'],
  ],
  parse: parseXtrim,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isStreamOrAbsent(shard, ref, out)) return;
    out.integer(ref === 0 ? 0 : trimStream(shard, frame, ref));
  },
});

// ------------------------------------------------------------------ XSETID

const ENTRIESADDED = arg.integer('ENTRIESADDED').tokenBytes;
const MAXDELETEDID = arg.bytes('MAXDELETEDID').tokenBytes;
const ADDED_SLOT = 2;

/** What XSETID asks for besides the ID, which is in `id`; the deleted ID is in `deleted`. */
let addedAsked: bigint | null = null;

function parseXsetid(frame: ArgFrame): ReplyError | null {
  addedAsked = null;
  deleted.setZero();
  if (!readIdArgument(frame, 2, IdForm.Strict, id)) return streamErrors.invalidId;
  for (let i = 3; i < frame.count; i += 2) {
    const hasMore = i + 1 < frame.count;
    if (hasMore && isWord(frame, i, ENTRIESADDED)) {
      if (!readInteger(frame, ADDED_SLOT, i + 1)) return replyErrors.notInteger;
      addedAsked = frame.integer64(ADDED_SLOT);
      if (addedAsked < 0n) return streamErrors.addedNegative;
    } else if (hasMore && isWord(frame, i, MAXDELETEDID)) {
      if (!readIdArgument(frame, i + 1, IdForm.Strict, deleted)) return streamErrors.invalidId;
      if (id.compare(deleted) < 0) return streamErrors.setIdBelowGiven;
    } else {
      return replyErrors.syntax;
    }
  }
  return null;
}

export const xsetid = defineCommand({
  name: 'XSETID', group: 'stream', since: '5.0.0',
  summary: 'Sets the last ID of a stream, and its counters.',
  complexity: 'O(1)',
  arity: -3,
  flags: Flag.Write | Flag.DenyOom | Flag.Fast,
  acl: ['stream'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
  history: [['7.0.0', 'Added the `entries_added` and `max_deleted_entry_id` arguments.']],
  args: {
    key: arg.key(),
    'last-id': arg.bytes(),
    entries_added: arg.integer('ENTRIESADDED').optional().documented({ since: '7.0.0' }),
    max_deleted_entry_id: arg.bytes('MAXDELETEDID').optional()
      .documented({ since: '7.0.0' }),
  },
  reply: reply.ok(),
  examples: [
    ['XADD log 1-1 a 1', '$"1-1"'],
    ['XSETID log 5-0', '+"OK"'],
    ['XADD log 4-0 a 1', '-"ERR The ID specified in XADD is equal or smaller than the target '
      + 'stream top item"'],
    ['XSETID nosuch 1-1', '-"ERR no such key"'],
  ],
  parse: parseXsetid,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (ref === 0) {
      out.error(replyErrors.noSuchKey);
      return;
    }
    if (!isStreamOrAbsent(shard, ref, out)) return;
    const error = checkSetId(shard, ref);
    if (error !== null) {
      out.error(error);
      return;
    }
    if (!setLastId(shard, ref, id)) {
      out.error(replyErrors.arenaFull);
      return;
    }
    if (addedAsked !== null) setEntriesAdded(shard, ref, addedAsked);
    if (!deleted.isZero()) setHeaderId(shard, ref, HEADER_DELETED_ID, deleted);
    commitSetId(shard, frame, ref);
    out.ok();
  },
});

function checkSetId(shard: Shard, ref: number): ReplyError | null {
  const length = collectionCount(shard, ref);
  if (length === 0) return null;
  headerId(shard, ref, HEADER_LAST_LIVE_ID, last);
  if (id.compare(last) < 0) return streamErrors.setIdBelowTop;
  if (addedAsked !== null && addedAsked < BigInt(length)) return streamErrors.addedBelowLength;
  return null;
}

/** Entries of this file. */
export const streamAddCommands: readonly Command[] = [xadd, xlen, xdel, xtrim, xsetid];
