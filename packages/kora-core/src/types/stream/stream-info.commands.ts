/**
 * XINFO and its subcommands: what a stream, its groups and their consumers look like. Nothing here
 * counts as an access of the key that Redis would not count.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { defineContainer, defineHelp } from '../../command/container.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryRoot } from '../../structs/entry.hot.ts';
import { subcommandSyntax } from './stream-errors.ts';
import {
  CONSUMER_SEEN, consumerAt, consumerCount, dataWord, ENTRIES_READ_UNKNOWN, findGroup, GROUP_READ,
  groupAt, groupCount, groupLastId, nameAt, nameBytes, timeAt,
} from './stream-groups.ts';
import { HEADER_DELETED_ID, HEADER_FIRST_ID, HEADER_LAST_ID } from './stream-header.hot.ts';
import { StreamId } from './stream-id.hot.ts';
import { groupLag } from './stream-lag.ts';
import {
  boundTree, consumerTreeWord, groupTreeWord, pendingConsumer, pendingCount, pendingDeliveries,
  pendingTime, readPendingId,
} from './stream-pending.ts';
import {
  echoArgument, isStreamOrAbsent, NO_COUNT, noGroupOfKey, WORD_BYTES_MAX, writeEntry,
  writeIdReply, writeRange,
} from './stream-reply.ts';
import { entriesAdded, headerId, longAt, streamBlockCount } from './stream.ts';

const FULL = arg.token('FULL').tokenBytes;
const COUNT = arg.token('COUNT').tokenBytes;
const COUNT_SLOT = 3;
/** Entries and pending entries that FULL shows where it is not told. */
const FULL_COUNT_DEFAULT = 10;
const id = new StreamId();
const zero = new StreamId();
const max = new StreamId();
max.setMax();
/** Records fetched from a tree at a time. */
const CHUNK_REFS = 256;
const chunk = new Int32Array(CHUNK_REFS);

const shownKey = keysAt({ first: 2, last: 2, step: 1, access: 'RO', effect: 'access' });

export const xinfo = defineContainer({
  name: 'XINFO', group: 'stream', since: '5.0.0', summary: 'Describes streams and their groups.',
});

/** The stream of argument 2; 0 after the error was written. */
function streamOf(shard: Shard, frame: ArgFrame, out: ReplySink): number {
  const ref = shard.keyspace.read(frame, 2);
  if (ref === 0) out.error(replyErrors.noSuchKey);
  return isStreamOrAbsent(shard, ref, out) ? ref : 0;
}

export const xinfoStream = defineCommand({
  name: 'XINFO|STREAM', group: 'stream', since: '5.0.0',
  summary: 'Describes a stream; with FULL its entries, groups and consumers as well.',
  complexity: 'O(1); O(n) with FULL, n = entries shown.',
  arity: -3,
  flags: Flag.ReadOnly,
  acl: ['stream'],
  keys: [shownKey],
  history: [
    ['6.0.0', 'Added the `FULL` modifier.'],
    [
      '7.0.0',
      'Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, '
        + '`entries-read` and `lag` fields',
    ],
  ],
  args: {
    key: arg.key(),
    'full-block': arg.block({ full: arg.token('FULL'), count: arg.integer('COUNT').optional() })
      .optional(),
  },
  documentedArgs: [
    ['key', arg.key()],
    ['full', arg.block({ count: arg.integer('COUNT').optional() }, 'FULL').optional()],
  ],
  reply: reply.map('names and values'),
  examples: [['XINFO STREAM nosuch', '-"ERR no such key"']],
  parse: () => null,
  apply(shard, frame, out) {
    const ref = streamOf(shard, frame, out);
    if (ref === 0) return;
    if (frame.count === 3) {
      writeBrief(shard, out, ref);
      return;
    }
    const isFull = frame.count === 4 || (frame.count === 6 && isWord(frame, 4, COUNT));
    if (!isFull || !isWord(frame, 3, FULL)) {
      out.error(subcommandSyntax(echoArgument(frame, 1, WORD_BYTES_MAX), 'XINFO'));
      return;
    }
    let count = FULL_COUNT_DEFAULT;
    if (frame.count === 6) {
      if (!readInteger(frame, COUNT_SLOT, 5)) {
        out.error(replyErrors.notInteger);
        return;
      }
      count = frame.number[COUNT_SLOT] ?? 0;
      if (count < 0) count = FULL_COUNT_DEFAULT;
    }
    writeFull(shard, out, ref, count === 0 ? NO_COUNT : count);
  },
});

function writeFacts(shard: Shard, out: ReplySink, ref: number): void {
  const blocks = streamBlockCount(shard, ref);
  out.bulkText('length');
  out.integer(collectionCount(shard, ref));
  out.bulkText('radix-tree-keys');
  out.integer(blocks);
  out.bulkText('radix-tree-nodes');
  out.integer(blocks + 1);
  out.bulkText('last-generated-id');
  writeHeaderId(shard, out, ref, HEADER_LAST_ID);
  out.bulkText('max-deleted-entry-id');
  writeHeaderId(shard, out, ref, HEADER_DELETED_ID);
  out.bulkText('entries-added');
  out.integer64(entriesAdded(shard, ref));
  out.bulkText('recorded-first-entry-id');
  writeHeaderId(shard, out, ref, HEADER_FIRST_ID);
}

function writeHeaderId(shard: Shard, out: ReplySink, ref: number, field: number): void {
  headerId(shard, ref, field, id);
  writeIdReply(shard, out, id);
}

function writeBrief(shard: Shard, out: ReplySink, ref: number): void {
  out.map(10);
  writeFacts(shard, out, ref);
  out.bulkText('groups');
  out.integer(groupCount(shard, ref));
  const { walk } = shard.collections.streams;
  walk.bind(entryRoot(shard.memory.i32, ref));
  out.bulkText('first-entry');
  walk.seekFrom(zero);
  if (walk.next()) writeEntry(shard, out, walk.cursor);
  else out.null();
  out.bulkText('last-entry');
  walk.seekBack(max);
  if (walk.previous()) writeEntry(shard, out, walk.cursor);
  else out.null();
}

function writeFull(shard: Shard, out: ReplySink, ref: number, countMax: number): void {
  out.map(9);
  writeFacts(shard, out, ref);
  out.bulkText('entries');
  writeRange(shard, out, ref, zero, max, countMax, false);
  out.bulkText('groups');
  const groups = groupCount(shard, ref);
  out.array(groups);
  for (let i = 0; i < groups; i++) {
    writeFullGroup(shard, out, ref, groupAt(shard, ref, i), countMax);
  }
}

function writeFullGroup(
  shard: Shard, out: ReplySink, ref: number, group: number, countMax: number,
): void {
  out.map(7);
  out.bulkText('name');
  out.bulk(nameAt(shard, group), nameBytes(shard, group));
  writePosition(shard, out, ref, group);
  const pending = pendingCount(shard, groupTreeWord(shard, group));
  out.bulkText('pel-count');
  out.integer(pending);
  out.bulkText('pending');
  writePending(shard, out, groupTreeWord(shard, group), countMax, true);
  const consumers = consumerCount(shard, group);
  out.bulkText('consumers');
  out.array(consumers);
  for (let i = 0; i < consumers; i++) {
    const consumer = consumerAt(shard, group, i);
    out.map(4);
    out.bulkText('name');
    out.bulk(nameAt(shard, consumer), nameBytes(shard, consumer));
    out.bulkText('seen-time');
    out.integer(timeAt(shard, dataWord(shard, consumer) + CONSUMER_SEEN));
    out.bulkText('pel-count');
    out.integer(pendingCount(shard, consumerTreeWord(shard, consumer)));
    out.bulkText('pending');
    writePending(shard, out, consumerTreeWord(shard, consumer), countMax, false);
  }
}

/** Last delivered ID, entries read and lag of a group, by name. */
function writePosition(shard: Shard, out: ReplySink, ref: number, group: number): void {
  out.bulkText('last-delivered-id');
  groupLastId(shard, group, id);
  writeIdReply(shard, out, id);
  out.bulkText('entries-read');
  const entriesRead = longAt(shard, dataWord(shard, group) + GROUP_READ);
  if (entriesRead === ENTRIES_READ_UNKNOWN) out.null();
  else out.integer64(entriesRead);
  out.bulkText('lag');
  const lag = groupLag(shard, ref, group);
  if (lag === null) out.null();
  else out.integer64(BigInt.asIntN(64, lag));
}

/** Records of a tree: ID, its consumer where that is not plain, delivery time, deliveries. */
function writePending(
  shard: Shard, out: ReplySink, treeWord: number, countMax: number, hasConsumer: boolean,
): void {
  const tree = boundTree(shard, treeWord);
  const total = tree === null ? 0 : Math.min(tree.count(), countMax);
  out.array(total);
  if (tree === null) return;
  for (let rank = 0; rank < total;) {
    const count = tree.collect(rank, Math.min(CHUNK_REFS, total - rank), chunk);
    for (let i = 0; i < count; i++) {
      const record = chunk[i] ?? 0;
      out.array(hasConsumer ? 4 : 3);
      readPendingId(shard, record, id);
      writeIdReply(shard, out, id);
      if (hasConsumer) {
        const consumer = pendingConsumer(shard, record);
        out.bulk(nameAt(shard, consumer), nameBytes(shard, consumer));
      }
      out.integer(pendingTime(shard, record));
      out.integer64(pendingDeliveries(shard, record));
    }
    rank += count;
  }
}

export const xinfoGroups = defineCommand({
  name: 'XINFO|GROUPS', group: 'stream', since: '5.0.0',
  summary: 'Describes the groups of a stream.',
  complexity: 'O(n); n = groups.',
  arity: 3,
  flags: Flag.ReadOnly,
  acl: ['stream'],
  keys: [shownKey],
  history: [['7.0.0', 'Added the `entries-read` and `lag` fields']],
  args: { key: arg.key() },
  reply: reply.array('groups; each a map of names and values'),
  examples: [
    ['XGROUP CREATE jobs crew $ MKSTREAM', '+"OK"'],
    [
      'XINFO GROUPS jobs',
      '*[*[$"name" $"crew" $"consumers" :0 $"pending" :0 $"last-delivered-id" $"0-0" '
        + '$"entries-read" _ $"lag" :0]]',
    ],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const ref = streamOf(shard, frame, out);
    if (ref === 0) return;
    const groups = groupCount(shard, ref);
    out.array(groups);
    for (let i = 0; i < groups; i++) {
      const group = groupAt(shard, ref, i);
      out.map(6);
      out.bulkText('name');
      out.bulk(nameAt(shard, group), nameBytes(shard, group));
      out.bulkText('consumers');
      out.integer(consumerCount(shard, group));
      out.bulkText('pending');
      out.integer(pendingCount(shard, groupTreeWord(shard, group)));
      writePosition(shard, out, ref, group);
    }
  },
});

export const xinfoConsumers = defineCommand({
  name: 'XINFO|CONSUMERS', group: 'stream', since: '5.0.0',
  summary: 'Describes the consumers of a group.',
  complexity: 'O(n); n = consumers of the group.',
  arity: 4,
  flags: Flag.ReadOnly,
  acl: ['stream'],
  keys: [shownKey],
  tips: ['nondeterministic_output'],
  args: { key: arg.key(), groupname: arg.bytes() },
  reply: reply.array('consumers; each a map of names and values'),
  examples: [
    ['XGROUP CREATE jobs crew $ MKSTREAM', '+"OK"'],
    ['XGROUP CREATECONSUMER jobs crew ada', ':1'],
    ['XINFO CONSUMERS jobs crew', '*[*[$"name" $"ada" $"pending" :0 $"idle" :0]]'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const ref = streamOf(shard, frame, out);
    if (ref === 0) return;
    const group = findGroup(shard, ref, frame.at[3] ?? 0, frame.bytes[3] ?? 0);
    if (group === 0) {
      out.error(noGroupOfKey(frame, 2, 3));
      return;
    }
    const consumers = consumerCount(shard, group);
    out.array(consumers);
    for (let i = 0; i < consumers; i++) {
      const consumer = consumerAt(shard, group, i);
      const seenMs = timeAt(shard, dataWord(shard, consumer) + CONSUMER_SEEN);
      out.map(3);
      out.bulkText('name');
      out.bulk(nameAt(shard, consumer), nameBytes(shard, consumer));
      out.bulkText('pending');
      out.integer(pendingCount(shard, consumerTreeWord(shard, consumer)));
      out.bulkText('idle');
      out.integer(Math.max(0, shard.nowMs - seenMs));
    }
  },
});

export const xinfoHelp = defineHelp({
  container: 'XINFO', group: 'stream', since: '5.0.0', acl: ['stream'],
  lines: [
    'CONSUMERS <key> <groupname>',
    '    Describes the consumers of <groupname>.',
    'GROUPS <key>',
    '    Describes the groups of the stream.',
    'STREAM <key> [FULL [COUNT <count>]',
    '    Describes the stream.',
  ],
});

/** Entries of this file. */
export const streamInfoCommands: readonly Command[] = [
  xinfo, xinfoStream, xinfoGroups, xinfoConsumers, xinfoHelp,
];
