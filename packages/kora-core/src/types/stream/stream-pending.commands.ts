/**
 * XPENDING: what was delivered to the consumers of a group and not acknowledged, in sum or record
 * by record. A reply announces its length, so records are counted before they are written.
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
import type { Shard } from '../../shard/shard.ts';
import {
  consumerAt, consumerCount, findConsumer, findGroup, nameAt, nameBytes,
} from './stream-groups.ts';
import { StreamId } from './stream-id.hot.ts';
import {
  boundTree, consumerTreeWord, groupTreeWord, pendingConsumer, pendingCount, pendingDeliveries,
  pendingTime, rankFrom, readPendingId,
} from './stream-pending.ts';
import { readInterval } from './stream-range.commands.ts';
import { isStreamOrAbsent, noKeyOrGroup, writeIdReply } from './stream-reply.ts';

const IDLE = arg.integer('IDLE').tokenBytes;
const NUMBER_SLOT = 3;
const start = new StreamId();
const end = new StreamId();
const recordId = new StreamId();
/** Records fetched from a tree at a time. */
const CHUNK_REFS = 256;
const chunk = new Int32Array(CHUNK_REFS);

/** What XPENDING was asked, filled by its parser. */
class PendingQuestion {
  isSummary = false;
  idleMsMin = 0;
  count = 0;
  /** Argument index of the consumer, 0 = all. */
  consumerAt = 0;
}
const question = new PendingQuestion();

export const xpending = defineCommand({
  name: 'XPENDING', group: 'stream', since: '5.0.0',
  summary: 'Tells what is pending in a group: in sum, or entry by entry.',
  complexity: 'O(log p + k); p = pending entries, k = entries looked at; O(n) in sum, n = '
    + 'consumers.',
  arity: -3,
  flags: Flag.ReadOnly,
  acl: ['stream'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
  tips: ['nondeterministic_output'],
  history: [['6.2.0', 'Added the `IDLE` option and exclusive range intervals.']],
  args: {
    key: arg.key(),
    group: arg.bytes(),
    filters: arg.block({
      'min-idle-time': arg.integer('IDLE').optional().documented({ since: '6.2.0' }),
      start: arg.bytes(),
      end: arg.bytes(),
      count: arg.integer(),
      consumer: arg.bytes().optional(),
    }).optional(),
  },
  reply: oneReplyOf(
    reply.array('in sum: pending entries, lowest ID, highest ID, consumers with their counts; '
      + 'else for each entry: ID, consumer, ms since its delivery, deliveries'),
  ),
  examples: [
    ['XADD jobs 1-1 do this', '$"1-1"'], ['XGROUP CREATE jobs crew 0', '+"OK"'],
    ['XREADGROUP GROUP crew ada STREAMS jobs >', '*[*[$"jobs" *[*[$"1-1" *[$"do" $"this"]]]]]'],
    ['XPENDING jobs crew', '*[:1 $"1-1" $"1-1" *[*[$"ada" $"1"]]]'],
    ['XPENDING jobs crew - + 10', '*[*[$"1-1" $"ada" :0 :1]]'],
  ],
  parse: parseXpending,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isStreamOrAbsent(shard, ref, out)) return;
    const group = ref === 0
      ? 0
      : findGroup(shard, ref, frame.at[2] ?? 0, frame.bytes[2] ?? 0);
    if (group === 0) {
      out.error(noKeyOrGroup(frame, 1, 2));
      return;
    }
    if (question.isSummary) writeSummary(shard, out, group);
    else writeRecords(shard, frame, out, group);
  },
});

function parseXpending(frame: ArgFrame): ReplyError | null {
  question.isSummary = frame.count === 3;
  question.idleMsMin = 0;
  question.consumerAt = 0;
  if (question.isSummary) return null;
  if (frame.count < 6 || frame.count > 9) return replyErrors.syntax;
  let at = 3;
  if (isWord(frame, 3, IDLE)) {
    if (!readInteger(frame, NUMBER_SLOT, 4)) return replyErrors.notInteger;
    question.idleMsMin = frame.number[NUMBER_SLOT] ?? 0;
    if (frame.count < 8) return replyErrors.syntax;
    at = 5;
  }
  if (!readInteger(frame, NUMBER_SLOT, at + 2)) return replyErrors.notInteger;
  question.count = Math.max(0, frame.number[NUMBER_SLOT] ?? 0);
  if (at + 3 < frame.count) question.consumerAt = at + 3;
  return readInterval(frame, at, at + 1, start, end);
}

function writeSummary(shard: Shard, out: ReplySink, group: number): void {
  const tree = boundTree(shard, groupTreeWord(shard, group));
  out.array(4);
  if (tree === null) {
    out.integer(0);
    out.null();
    out.null();
    out.nullArray();
    return;
  }
  const count = tree.count();
  out.integer(count);
  for (const rank of [0, count - 1]) {
    tree.seek(rank);
    readPendingId(shard, tree.cursorRef(), recordId);
    writeIdReply(shard, out, recordId);
  }
  const consumers = consumerCount(shard, group);
  let busy = 0;
  for (let i = 0; i < consumers; i++) {
    if (countOf(shard, consumerAt(shard, group, i)) > 0) busy++;
  }
  out.array(busy);
  for (let i = 0; i < consumers; i++) {
    const consumer = consumerAt(shard, group, i);
    const pending = countOf(shard, consumer);
    if (pending === 0) continue;
    out.array(2);
    out.bulk(nameAt(shard, consumer), nameBytes(shard, consumer));
    out.bulkText(String(pending));
  }
}

function countOf(shard: Shard, consumer: number): number {
  return pendingCount(shard, consumerTreeWord(shard, consumer));
}

function writeRecords(shard: Shard, frame: ArgFrame, out: ReplySink, group: number): void {
  let treeWord = groupTreeWord(shard, group);
  if (question.consumerAt !== 0) {
    const at = question.consumerAt;
    const consumer = findConsumer(shard, group, frame.at[at] ?? 0, frame.bytes[at] ?? 0);
    if (consumer === 0) {
      out.array(0);
      return;
    }
    treeWord = consumerTreeWord(shard, consumer);
  }
  let found = 0;
  visitRecords(shard, treeWord, () => void found++);
  out.array(found);
  visitRecords(shard, treeWord, (record) => {
    out.array(4);
    writeIdReply(shard, out, recordId);
    const consumer = pendingConsumer(shard, record);
    out.bulk(nameAt(shard, consumer), nameBytes(shard, consumer));
    out.integer(Math.max(0, shard.nowMs - pendingTime(shard, record)));
    out.integer64(pendingDeliveries(shard, record));
  });
}

/** Visits the records that the question asks for; their ID stands in `recordId`. */
function visitRecords(shard: Shard, treeWord: number, visit: (record: number) => void): void {
  const tree = boundTree(shard, treeWord);
  if (tree === null) return;
  let rank = rankFrom(shard, tree, start);
  let left = question.count;
  while (left > 0) {
    const count = tree.collect(rank, CHUNK_REFS, chunk);
    for (let i = 0; i < count && left > 0; i++) {
      const record = chunk[i] ?? 0;
      readPendingId(shard, record, recordId);
      if (recordId.compare(end) > 0) return;
      const idleMs = shard.nowMs - pendingTime(shard, record);
      if (question.idleMsMin !== 0 && idleMs < question.idleMsMin) continue;
      visit(record);
      left--;
    }
    if (count < CHUNK_REFS) return;
    rank += count;
  }
}

/** Entries of this file. */
export const streamPendingCommands: readonly Command[] = [xpending];
