/**
 * Commands that end what is pending: XACK XDELEX XACKDEL. The last two are of Redis 8.2: they say
 * what becomes of references in pending lists when an entry goes.
 *
 *   KEEPREF   the entry goes, references stay             DELREF   references go as well
 *   ACKED     the entry goes only when every group has read and acknowledged it
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { toldIds } from './stream-effects.ts';
import { streamErrors } from './stream-errors.ts';
import {
  findGroup, groupAt, groupCount, groupLastId, nameAt, nameBytes,
} from './stream-groups.ts';
import { StreamId } from './stream-id.hot.ts';
import { IdForm } from './stream-id-text.ts';
import { findPending, removePending } from './stream-pending.ts';
import { isStreamOrAbsent, readIdArgument } from './stream-reply.ts';
import { deleteEntry, findEntry } from './stream.ts';

const id = new StreamId();
const lastRead = new StreamId();
const NUMBER_SLOT = 3;

/** Codes of XDELEX and XACKDEL for each ID. */
const NOT_FOUND = -1;
const DELETED = 1;
const STILL_REFERENCED = 2;

const policyArgument = arg.oneOf('KEEPREF', 'DELREF', 'ACKED');
const POLICY_WORDS = ['KEEPREF', 'DELREF', 'ACKED'].map((word) => arg.token(word).tokenBytes);
const IDS = arg.token('IDS').tokenBytes;
const POLICY_KEEPREF = 0;
const POLICY_DELREF = 1;
const POLICY_ACKED = 2;

/** What XDELEX and XACKDEL were asked, filled by their parser. */
let policy = POLICY_KEEPREF;
let idsAt = 0;
let idsCount = 0;

const idsArgument = arg.block({ numids: arg.integer(), id: arg.bytes().repeated() }, 'IDS');

export const xack = defineCommand({
  name: 'XACK', group: 'stream', since: '5.0.0',
  summary: 'Acknowledges entries: they are no longer pending in a group.',
  complexity: 'O(log p) for each ID; p = pending entries of the group.',
  arity: -4,
  flags: Flag.Write | Flag.Fast,
  acl: ['stream'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
  args: { key: arg.key(), group: arg.bytes(), id: arg.bytes().repeated() },
  reply: reply.integer('entries acknowledged'),
  examples: [
    ['XADD jobs 1-1 do this', '$"1-1"'], ['XGROUP CREATE jobs crew 0', '+"OK"'],
    ['XREADGROUP GROUP crew ada STREAMS jobs >', '*[*[$"jobs" *[*[$"1-1" *[$"do" $"this"]]]]]'],
    ['XACK jobs crew 1-1 2-2', ':1'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isStreamOrAbsent(shard, ref, out)) return;
    shard.keyspace.noteChange(ref);
    const group = ref === 0 ? 0 : groupOfArgument(shard, frame, ref);
    if (group === 0) {
      out.integer(0);
      return;
    }
    if (!areIds(frame, 3, frame.count)) {
      out.error(streamErrors.invalidId);
      return;
    }
    let count = 0;
    startPendingRemovals(shard, frame, group);
    for (let i = 3; i < frame.count; i++) {
      readIdArgument(frame, i, IdForm.Strict, id);
      if (acknowledge(shard, group)) count++;
    }
    toldIds.end(KeyEvent.None);
    out.integer(count);
  },
});

function groupOfArgument(shard: Shard, frame: ArgFrame, ref: number): number {
  return findGroup(shard, ref, frame.at[2] ?? 0, frame.bytes[2] ?? 0);
}

function areIds(frame: ArgFrame, from: number, end: number): boolean {
  for (let i = from; i < end; i++) {
    if (!readIdArgument(frame, i, IdForm.Strict, id)) return false;
  }
  return true;
}

function startPendingRemovals(shard: Shard, frame: ArgFrame, group: number): void {
  toldIds.start(
    shard, frame, EffectOp.StreamPendingRemove, nameAt(shard, group), nameBytes(shard, group),
  );
}

/** Removes what is pending under `id` in a group and tells it; false when nothing is. */
function acknowledge(shard: Shard, group: number): boolean {
  const record = findPending(shard, group, id);
  if (record === 0) return false;
  removePending(shard, group, record);
  toldIds.add(id);
  return true;
}

// ------------------------------------------------------------------ XDELEX, XACKDEL

export const xdelex = defineCommand({
  name: 'XDELEX', group: 'stream', since: '8.2.0',
  summary: 'Deletes entries of a stream and says what becomes of references to them.',
  complexity: 'O(log n) for each ID and group; n = entries of the stream.',
  arity: -5,
  flags: Flag.Write | Flag.Fast,
  acl: ['stream'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'delete' })],
  args: { key: arg.key(), condition: policyArgument.optional(), ids: idsArgument },
  reply: reply.array('for each ID: 1 deleted, -1 not found, 2 still referenced'),
  examples: [
    ['XADD jobs 1-1 do this', '$"1-1"'], ['XGROUP CREATE jobs crew 0', '+"OK"'],
    ['XDELEX jobs ACKED IDS 1 1-1', '*[:2]'],
    ['XDELEX jobs DELREF IDS 2 1-1 2-2', '*[:1 :-1]'],
  ],
  parse: (frame) => parsePolicy(frame, 2),
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isStreamOrAbsent(shard, ref, out)) return;
    if (!areIds(frame, idsAt, idsAt + idsCount)) {
      out.error(streamErrors.invalidId);
      return;
    }
    out.array(idsCount);
    for (let i = idsAt; i < idsAt + idsCount; i++) {
      readIdArgument(frame, i, IdForm.Strict, id);
      out.integer(ref === 0 ? NOT_FOUND : deleteByPolicy(shard, frame, ref));
    }
  },
});

export const xackdel = defineCommand({
  name: 'XACKDEL', group: 'stream', since: '8.2.0',
  summary: 'Acknowledges entries in a group and deletes them from the stream.',
  complexity: 'O(log n) for each ID and group; n = entries of the stream.',
  arity: -6,
  flags: Flag.Write | Flag.Fast,
  acl: ['stream'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['update', 'delete'] })],
  args: {
    key: arg.key(), group: arg.bytes(), condition: policyArgument.optional(), ids: idsArgument,
  },
  reply: reply.array(
    'for each ID: 1 acknowledged and deleted, -1 not pending, 2 acknowledged, still referenced',
  ),
  examples: [
    ['XADD jobs 1-1 do this', '$"1-1"'], ['XGROUP CREATE jobs crew 0', '+"OK"'],
    ['XREADGROUP GROUP crew ada STREAMS jobs >', '*[*[$"jobs" *[*[$"1-1" *[$"do" $"this"]]]]]'],
    ['XACKDEL jobs crew IDS 2 1-1 2-2', '*[:1 :-1]'], ['XLEN jobs', ':0'],
  ],
  parse: (frame) => parsePolicy(frame, 3),
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isStreamOrAbsent(shard, ref, out)) return;
    if (!areIds(frame, idsAt, idsAt + idsCount)) {
      out.error(streamErrors.invalidId);
      return;
    }
    const group = ref === 0 ? 0 : groupOfArgument(shard, frame, ref);
    out.array(idsCount);
    for (let i = idsAt; i < idsAt + idsCount; i++) {
      readIdArgument(frame, i, IdForm.Strict, id);
      out.integer(group === 0 ? NOT_FOUND : acknowledgeAndDelete(shard, frame, ref, group));
    }
  },
});

/** Reads the policy and the block of IDs, in any order, from argument `from` on. */
function parsePolicy(frame: ArgFrame, from: number): ReplyError | null {
  policy = -1;
  idsAt = 0;
  for (let i = from; i < frame.count; i++) {
    const choice = POLICY_WORDS.findIndex((word) => isWord(frame, i, word));
    if (choice >= 0 && policy < 0) {
      policy = choice;
    } else if (idsAt === 0 && isWord(frame, i, IDS) && i + 1 < frame.count) {
      const error = readCount(frame, ++i);
      if (error !== null) return error;
      idsAt = i + 1;
      i += idsCount;
    } else {
      return replyErrors.syntax;
    }
  }
  if (idsAt === 0) return replyErrors.syntax;
  if (policy < 0) policy = POLICY_KEEPREF;
  return null;
}

function readCount(frame: ArgFrame, at: number): ReplyError | null {
  if (!readInteger(frame, NUMBER_SLOT, at)) return streamErrors.idCountInvalid;
  idsCount = frame.number[NUMBER_SLOT] ?? 0;
  if (idsCount <= 0) return streamErrors.idCountInvalid;
  return idsCount > frame.count - at - 1 ? streamErrors.idCountMismatch : null;
}

/** True when a group has the entry `id` pending, or has not read as far. */
function isReferenced(shard: Shard, ref: number): boolean {
  const groups = groupCount(shard, ref);
  for (let i = 0; i < groups; i++) {
    const group = groupAt(shard, ref, i);
    groupLastId(shard, group, lastRead);
    if (id.compare(lastRead) > 0 || findPending(shard, group, id) !== 0) return true;
  }
  return false;
}

/** Deletes the entry `id` as the policy says. @returns its code */
function deleteByPolicy(shard: Shard, frame: ArgFrame, ref: number): number {
  if (policy === POLICY_DELREF) dropReferences(shard, frame, ref);
  if (!findEntry(shard, ref, id)) return NOT_FOUND;
  if (policy === POLICY_ACKED && isReferenced(shard, ref)) return STILL_REFERENCED;
  toldIds.start(shard, frame, EffectOp.StreamRemove, 0, 0);
  deleteEntry(shard, ref, id);
  toldIds.add(id);
  toldIds.end(KeyEvent.XDel);
  return DELETED;
}

/** Removes what is pending under `id` in every group. */
function dropReferences(shard: Shard, frame: ArgFrame, ref: number): void {
  const groups = groupCount(shard, ref);
  for (let i = 0; i < groups; i++) acknowledgeAlone(shard, frame, groupAt(shard, ref, i));
}

function acknowledgeAlone(shard: Shard, frame: ArgFrame, group: number): boolean {
  startPendingRemovals(shard, frame, group);
  const isDone = acknowledge(shard, group);
  toldIds.end(KeyEvent.None);
  return isDone;
}

function acknowledgeAndDelete(
  shard: Shard, frame: ArgFrame, ref: number, group: number,
): number {
  if (!acknowledgeAlone(shard, frame, group)) return NOT_FOUND;
  return deleteByPolicy(shard, frame, ref) === STILL_REFERENCED ? STILL_REFERENCED : DELETED;
}

/** Entries of this file. */
export const streamAckCommands: readonly Command[] = [xack, xdelex, xackdel];
