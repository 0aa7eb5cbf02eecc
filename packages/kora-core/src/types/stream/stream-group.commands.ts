/**
 * XGROUP and its subcommands: groups and consumers are made, moved and removed. Errors come in
 * Redis's order: options, type of the key, missing key, missing group, ID.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { defineContainer, defineHelp } from '../../command/container.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import type { KeyEffect } from '../../command/key-spec.ts';
import { keysAt } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  commitConsumer, commitConsumerRemoval, commitGroup, commitGroupRemoval,
} from './stream-effects.ts';
import { streamErrors, subcommandSyntax } from './stream-errors.ts';
import { destroyGroup } from './stream-free.ts';
import {
  consumerRoomBytes, createConsumer, createGroup, ENTRIES_READ_UNKNOWN, findConsumer, findGroup,
  groupRoomBytes, setGroupPosition,
} from './stream-groups.ts';
import { HEADER_LAST_ID } from './stream-header.hot.ts';
import { StreamId } from './stream-id.hot.ts';
import { IdForm } from './stream-id-text.ts';
import { removeConsumer } from './stream-pending.ts';
import {
  echoArgument, isCharacter, isStreamOrAbsent, noGroupOfKey, readIdArgument, WORD_BYTES_MAX,
} from './stream-reply.ts';
import { createStream, headerId, reserveStream } from './stream.ts';

const MKSTREAM = arg.token('MKSTREAM').tokenBytes;
const ENTRIESREAD = arg.integer('ENTRIESREAD').tokenBytes;
const READ_SLOT = 3;
/** Arguments in which the key, the group and the ID or consumer stand. */
const KEY = 2;
const GROUP = 3;
const THIRD = 4;
const CREATE_ARGUMENTS_MAX = 8;
const id = new StreamId();

/** Options of CREATE and SETID, filled by their parser. */
let isMkStream = false;
let entriesRead = ENTRIES_READ_UNKNOWN;

const keyOf = (effect: KeyEffect): ReturnType<typeof keysAt> =>
  keysAt({ first: 2, last: 2, step: 1, access: 'RW', effect });

export const xgroup = defineContainer({
  name: 'XGROUP', group: 'stream', since: '5.0.0', summary: 'Manages the groups of streams.',
});

export const xgroupCreate = defineCommand({
  name: 'XGROUP|CREATE', group: 'stream', since: '5.0.0',
  summary: 'Makes a group, and with MKSTREAM the stream.',
  complexity: 'O(1)',
  arity: -5,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['stream'],
  keys: [keyOf('insert')],
  history: [['7.0.0', 'Added the `entries_read` named argument.']],
  args: {
    key: arg.key(),
    groupname: arg.bytes(),
    id: arg.oneOf({ id: arg.bytes(), new_id: arg.token('$') }),
    mkstream: arg.token('MKSTREAM').optional(),
    entries_read: arg.integer('ENTRIESREAD').optional(),
  },
  reply: reply.ok(),
  examples: [
    ['XGROUP CREATE jobs crew $ MKSTREAM', '+"OK"'],
    ['XGROUP CREATE jobs crew $', '-"BUSYGROUP Consumer Group name already exists"'],
  ],
  parse: (frame) => parseGroupOptions(frame, true),
  apply: applyCreate,
});

export const xgroupSetid = defineCommand({
  name: 'XGROUP|SETID', group: 'stream', since: '5.0.0',
  summary: 'Says after which ID a group goes on.',
  complexity: 'O(1)',
  arity: -5,
  flags: Flag.Write,
  acl: ['stream'],
  keys: [keyOf('update')],
  history: [['7.0.0', 'Added the optional `entries_read` argument.']],
  args: {
    key: arg.key(),
    groupname: arg.bytes(),
    id: arg.oneOf({ id: arg.bytes(), new_id: arg.token('$') }),
    entries_read: arg.integer('ENTRIESREAD').optional(),
  },
  reply: reply.ok(),
  examples: [
    ['XGROUP CREATE jobs crew $ MKSTREAM', '+"OK"'], ['XGROUP SETID jobs crew 0', '+"OK"'],
  ],
  parse: (frame) => parseGroupOptions(frame, false),
  apply: applySetid,
});

/** Reads the options behind the ID. */
function parseGroupOptions(frame: ArgFrame, isCreate: boolean): ReplyError | null {
  isMkStream = false;
  entriesRead = ENTRIES_READ_UNKNOWN;
  for (let i = 5; i < frame.count; i++) {
    if (isCreate && isWord(frame, i, MKSTREAM)) {
      isMkStream = true;
    } else if (isWord(frame, i, ENTRIESREAD) && i + 1 < frame.count) {
      if (!readInteger(frame, READ_SLOT, ++i)) return replyErrors.notInteger;
      entriesRead = frame.integer64(READ_SLOT);
      if (entriesRead < ENTRIES_READ_UNKNOWN) return streamErrors.entriesReadNegative;
    } else {
      return wrongOptions(frame);
    }
  }
  return null;
}

function wrongOptions(frame: ArgFrame): ReplyError {
  return subcommandSyntax(echoArgument(frame, 1, WORD_BYTES_MAX), 'XGROUP');
}

/** The stream of argument 2, 0 = absent where it may be; undefined after an error was written. */
function streamOf(
  shard: Shard, frame: ArgFrame, out: ReplySink, mayBeAbsent: boolean,
): number | undefined {
  const ref = shard.keyspace.write(frame, KEY);
  if (!isStreamOrAbsent(shard, ref, out)) return undefined;
  if (ref !== 0 || mayBeAbsent) return ref;
  out.error(streamErrors.xgroupKeyMissing);
  return undefined;
}

function groupOf(shard: Shard, frame: ArgFrame, ref: number): number {
  return findGroup(shard, ref, frame.at[GROUP] ?? 0, frame.bytes[GROUP] ?? 0);
}

/** Reads the ID of argument 4, `$` as the last one of the stream. */
function readGroupId(shard: Shard, frame: ArgFrame, ref: number, form: number): boolean {
  if (!isCharacter(frame, THIRD, '$')) return readIdArgument(frame, THIRD, form, id);
  if (ref === 0) id.setZero();
  else headerId(shard, ref, HEADER_LAST_ID, id);
  return true;
}

function applyCreate(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  const known = streamOf(shard, frame, out, isMkStream);
  if (known === undefined) return;
  if (frame.count > CREATE_ARGUMENTS_MAX) {
    out.error(wrongOptions(frame));
    return;
  }
  if (!readGroupId(shard, frame, known, IdForm.Strict)) {
    out.error(streamErrors.invalidId);
    return;
  }
  if (known !== 0 && groupOf(shard, frame, known) !== 0) {
    out.error(streamErrors.busyGroup);
    return;
  }
  const keyBytes = frame.bytes[KEY] ?? 0;
  const nameBytes = frame.bytes[GROUP] ?? 0;
  const room = groupRoomBytes(shard, known, nameBytes);
  const isReserved = known === 0
    ? reserveStream(shard, keyBytes, 2, room)
    : shard.memory.arenaAllocator.reserve(2, room);
  if (!isReserved) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const ref = known === 0 ? createStream(shard, frame.at[KEY] ?? 0, keyBytes) : known;
  const group = createGroup(shard, ref, frame.at[GROUP] ?? 0, nameBytes, id, entriesRead);
  commitGroup(shard, frame, KEY, group, KeyEvent.XGroupCreate);
  out.ok();
}

function applySetid(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  const ref = streamOf(shard, frame, out, false);
  if (ref === undefined) return;
  const group = existingGroup(shard, frame, out, ref);
  if (group === 0) return;
  // More than one ENTRIESREAD.
  if (frame.count !== 5 && frame.count !== 7) {
    out.error(wrongOptions(frame));
    return;
  }
  if (!readGroupId(shard, frame, ref, IdForm.Open)) {
    out.error(streamErrors.invalidId);
    return;
  }
  setGroupPosition(shard, group, id, entriesRead);
  commitGroup(shard, frame, KEY, group, KeyEvent.XGroupSetId);
  out.ok();
}

/** The group of argument 3; 0 after the error was written. */
function existingGroup(shard: Shard, frame: ArgFrame, out: ReplySink, ref: number): number {
  const group = groupOf(shard, frame, ref);
  if (group === 0) out.error(noGroupOfKey(frame, KEY, GROUP));
  return group;
}

export const xgroupDestroy = defineCommand({
  name: 'XGROUP|DESTROY', group: 'stream', since: '5.0.0',
  summary: 'Removes a group with its consumers and pending entries.',
  complexity: 'O(1), and freeing n pending entries in the background.',
  arity: 4,
  flags: Flag.Write,
  acl: ['stream'],
  keys: [keyOf('delete')],
  args: { key: arg.key(), groupname: arg.bytes() },
  reply: reply.integer('1 when the group was removed, 0 when there is none'),
  examples: [
    ['XGROUP CREATE jobs crew $ MKSTREAM', '+"OK"'],
    ['XGROUP DESTROY jobs crew', ':1'], ['XGROUP DESTROY jobs crew', ':0'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const ref = streamOf(shard, frame, out, false);
    if (ref === undefined) return;
    const group = groupOf(shard, frame, ref);
    if (group !== 0) {
      commitGroupRemoval(shard, frame, KEY, group);
      destroyGroup(shard, ref, group);
    }
    out.integer(group === 0 ? 0 : 1);
  },
});

export const xgroupCreateconsumer = defineCommand({
  name: 'XGROUP|CREATECONSUMER', group: 'stream', since: '6.2.0',
  summary: 'Makes a consumer of a group.',
  complexity: 'O(log n); n = consumers of the group.',
  arity: 5,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['stream'],
  keys: [keyOf('insert')],
  args: { key: arg.key(), groupname: arg.bytes(), consumername: arg.bytes() },
  reply: reply.integer('1 when the consumer was made, 0 when it exists'),
  examples: [
    ['XGROUP CREATE jobs crew $ MKSTREAM', '+"OK"'],
    ['XGROUP CREATECONSUMER jobs crew ada', ':1'], ['XGROUP CREATECONSUMER jobs crew ada', ':0'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const ref = streamOf(shard, frame, out, false);
    if (ref === undefined) return;
    const group = existingGroup(shard, frame, out, ref);
    if (group === 0) return;
    const at = frame.at[THIRD] ?? 0;
    const bytes = frame.bytes[THIRD] ?? 0;
    if (findConsumer(shard, group, at, bytes) !== 0) {
      out.integer(0);
      return;
    }
    if (!shard.memory.arenaAllocator.reserve(2, consumerRoomBytes(shard, group, bytes))) {
      out.error(replyErrors.arenaFull);
      return;
    }
    const consumer = createConsumer(shard, group, at, bytes);
    commitConsumer(shard, frame, KEY, group, consumer, KeyEvent.XGroupCreateConsumer);
    out.integer(1);
  },
});

export const xgroupDelconsumer = defineCommand({
  name: 'XGROUP|DELCONSUMER', group: 'stream', since: '5.0.0',
  summary: 'Removes a consumer of a group and what is pending for it.',
  complexity: 'O(p log n); p = pending entries of the consumer, n = those of the group.',
  arity: 5,
  flags: Flag.Write,
  acl: ['stream'],
  keys: [keyOf('delete')],
  args: { key: arg.key(), groupname: arg.bytes(), consumername: arg.bytes() },
  reply: reply.integer('pending entries that the consumer had'),
  examples: [
    ['XGROUP CREATE jobs crew $ MKSTREAM', '+"OK"'],
    ['XGROUP CREATECONSUMER jobs crew ada', ':1'], ['XGROUP DELCONSUMER jobs crew ada', ':0'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const ref = streamOf(shard, frame, out, false);
    if (ref === undefined) return;
    const group = existingGroup(shard, frame, out, ref);
    if (group === 0) return;
    const consumer = findConsumer(shard, group, frame.at[THIRD] ?? 0, frame.bytes[THIRD] ?? 0);
    if (consumer === 0) {
      out.integer(0);
      return;
    }
    commitConsumerRemoval(shard, frame, KEY, group, consumer);
    out.integer(removeConsumer(shard, group, consumer));
  },
});

export const xgroupHelp = defineHelp({
  container: 'XGROUP', group: 'stream', since: '5.0.0', acl: ['stream'],
  lines: [
    'CREATE <key> <groupname> <id|$> [option]',
    '    Makes a group. Options are:',
    '    * MKSTREAM',
    '      Makes the stream, empty, if it does not exist.',
    '    * ENTRIESREAD entries_read',
    '      Sets the number of entries that the group has read.',
    'CREATECONSUMER <key> <groupname> <consumer>',
    '    Makes a consumer of the group.',
    'DELCONSUMER <key> <groupname> <consumer>',
    '    Removes the consumer and what is pending for it.',
    'DESTROY <key> <groupname>',
    '    Removes the group.',
    'SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]',
    '    Sets the last delivered ID and the number of entries read.',
  ],
});

/** Entries of this file. */
export const streamGroupCommands: readonly Command[] = [
  xgroup, xgroupCreate, xgroupSetid, xgroupDestroy, xgroupCreateconsumer, xgroupDelconsumer,
  xgroupHelp,
];
