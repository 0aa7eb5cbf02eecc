/**
 * Commands that give pending entries to another consumer: XCLAIM by ID, XAUTOCLAIM from an ID on.
 * Both remove pending entries whose stream entry is gone, as Redis 7 does. Options are read in
 * Redis's order of errors: XCLAIM's after the group was found, XAUTOCLAIM's before.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { claims, reserveClaims, writeClaimed } from './stream-claim.ts';
import { commitGroup } from './stream-effects.ts';
import { streamErrors, unrecognizedXclaim } from './stream-errors.ts';
import {
  dataWord, findGroup, GROUP_READ, groupLastId, setGroupPosition,
} from './stream-groups.ts';
import { StreamId } from './stream-id.hot.ts';
import { IdForm, idReading, readIntervalId } from './stream-id-text.ts';
import {
  addPending, boundTree, findPending, groupTreeWord, pendingCount, pendingTime, rankFrom,
  readPendingId,
} from './stream-pending.ts';
import {
  echoArgument, isStreamOrAbsent, noKeyOrGroup, readIdArgument, writeIdReply,
} from './stream-reply.ts';
import { findEntry, longAt } from './stream.ts';

const word = (text: string): Uint8Array => arg.token(text).tokenBytes;
const FORCE = word('FORCE');
const JUSTID = word('JUSTID');
const IDLE = word('IDLE');
const TIME = word('TIME');
const RETRYCOUNT = word('RETRYCOUNT');
const LASTID = word('LASTID');
const COUNT = word('COUNT');
const NUMBER_SLOT = 3;
/** First argument of XCLAIM that is an ID. */
const FIRST_ID = 5;
/** Entries that XAUTOCLAIM claims where it is not told, and how many it looks at for each. */
const COUNT_DEFAULT = 100;
const ATTEMPTS_FACTOR = 10;
const COUNT_MAX = 576_460_752_303_423_487n;
/** Redis cannot have memory for a list of more IDs than this. */
const COUNT_IN_MEMORY_MAX = 2 ** 43;

const id = new StreamId();
const lastId = new StreamId();
const groupId = new StreamId();

const claimedKey = (effect: 'update' | 'delete'): ReturnType<typeof keysAt> =>
  keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect });

/** The group, 0 after the error was written: it and its stream must exist. */
function groupOrError(shard: Shard, frame: ArgFrame, ref: number, out: ReplySink): number {
  const group = ref === 0 ? 0 : findGroup(shard, ref, frame.at[2] ?? 0, frame.bytes[2] ?? 0);
  if (group === 0) out.error(noKeyOrGroup(frame, 1, 2));
  return group;
}

// ------------------------------------------------------------------ XCLAIM

/** Options of XCLAIM. */
class ClaimOptions {
  idleMsMin = 0;
  idsEnd = 0;
  isForced = false;
  isJustId = false;
  /** When the records were delivered, undefined = now. */
  timeMs: bigint | undefined = undefined;
  deliveries: bigint | null = null;
}
const options = new ClaimOptions();

export const xclaim = defineCommand({
  name: 'XCLAIM', group: 'stream', since: '5.0.0',
  summary: 'Gives pending entries of a group to a consumer, by their IDs.',
  complexity: 'O(log p) for each ID; p = pending entries of the group.',
  arity: -6,
  flags: Flag.Write | Flag.Fast,
  acl: ['stream'],
  keys: [claimedKey('update')],
  tips: ['nondeterministic_output'],
  args: {
    key: arg.key(),
    group: arg.bytes(),
    consumer: arg.bytes(),
    'min-idle-time': arg.bytes(),
    id: arg.bytes().repeated(),
    ms: arg.integer('IDLE').optional(),
    'unix-time-milliseconds': arg.unixTime('TIME').optional(),
    count: arg.integer('RETRYCOUNT').optional(),
    force: arg.token('FORCE').optional(),
    justid: arg.token('JUSTID').optional(),
    lastid: arg.bytes('LASTID').optional().documented({ name: 'id' }),
  },
  reply: reply.array('the entries that were claimed; with JUSTID their IDs'),
  examples: [
    ['XADD jobs 1-1 do this', '$"1-1"'], ['XGROUP CREATE jobs crew 0', '+"OK"'],
    ['XREADGROUP GROUP crew ada STREAMS jobs >', '*[*[$"jobs" *[*[$"1-1" *[$"do" $"this"]]]]]'],
    ['XCLAIM jobs crew bob 0 1-1', '*[*[$"1-1" *[$"do" $"this"]]]'],
    ['XCLAIM jobs crew bob 0 1-1 JUSTID', '*[$"1-1"]'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isStreamOrAbsent(shard, ref, out)) return;
    shard.keyspace.noteChange(ref);
    const group = groupOrError(shard, frame, ref, out);
    if (group === 0) return;
    const error = readClaimOptions(shard, frame);
    if (error !== null) {
      out.error(error);
      return;
    }
    if (!reserveClaims(shard, frame, group, options.idsEnd - FIRST_ID)) {
      out.error(replyErrors.arenaFull);
      return;
    }
    raiseLastId(shard, frame, group);
    claims.start(shard, frame, group);
    for (let i = FIRST_ID; i < options.idsEnd; i++) {
      readIdArgument(frame, i, IdForm.Strict, id);
      claimOne(shard, frame, ref, group);
    }
    claims.end(shard, frame, group);
    writeClaimed(shard, out, ref, options.isJustId);
  },
});

function readClaimOptions(shard: Shard, frame: ArgFrame): ReplyError | null {
  options.isForced = false;
  options.isJustId = false;
  options.timeMs = undefined;
  options.deliveries = null;
  lastId.setZero();
  if (!readInteger(frame, NUMBER_SLOT, 4)) return streamErrors.minIdleXclaim;
  options.idleMsMin = Math.max(0, frame.number[NUMBER_SLOT] ?? 0);
  let i = FIRST_ID;
  while (i < frame.count && readIdArgument(frame, i, IdForm.Strict, id)) i++;
  options.idsEnd = i;
  for (; i < frame.count; i++) {
    const hasMore = i + 1 < frame.count;
    if (isWord(frame, i, FORCE)) options.isForced = true;
    else if (isWord(frame, i, JUSTID)) options.isJustId = true;
    else if (!hasMore) return unrecognizedXclaim(echoArgument(frame, i));
    else {
      const error = readClaimOption(shard, frame, i++);
      if (error !== null) return error;
    }
  }
  return null;
}

/** An option with a value, in argument i. */
function readClaimOption(shard: Shard, frame: ArgFrame, i: number): ReplyError | null {
  if (isWord(frame, i, LASTID)) {
    return readIdArgument(frame, i + 1, IdForm.Strict, lastId) ? null : streamErrors.invalidId;
  }
  const isIdle = isWord(frame, i, IDLE);
  const isTime = isWord(frame, i, TIME);
  if (!isIdle && !isTime && !isWord(frame, i, RETRYCOUNT)) {
    return unrecognizedXclaim(echoArgument(frame, i));
  }
  if (!readInteger(frame, NUMBER_SLOT, i + 1)) {
    if (isIdle) return streamErrors.xclaimIdle;
    return isTime ? streamErrors.xclaimTime : streamErrors.xclaimRetryCount;
  }
  const value = frame.integer64(NUMBER_SLOT);
  if (isIdle) options.timeMs = BigInt.asIntN(64, BigInt(shard.nowMs) - value);
  else if (isTime) options.timeMs = value;
  else options.deliveries = value < 0n ? null : value;
  return null;
}

/** The time that claimed records state: what was asked for where that makes sense, else now. */
function claimedMs(shard: Shard): number {
  const { timeMs } = options;
  const isSound = timeMs !== undefined && timeMs >= 0n && timeMs <= BigInt(shard.nowMs);
  return isSound ? Number(timeMs) : shard.nowMs;
}

/** LASTID: the group goes on behind this ID, if that is further. */
function raiseLastId(shard: Shard, frame: ArgFrame, group: number): void {
  groupLastId(shard, group, groupId);
  if (lastId.compare(groupId) <= 0) return;
  const entriesRead = longAt(shard, dataWord(shard, group) + GROUP_READ);
  setGroupPosition(shard, group, lastId, entriesRead);
  commitGroup(shard, frame, 1, group, KeyEvent.None);
}

/** Claims the pending entry `id`, or drops it when its entry is gone. */
function claimOne(shard: Shard, frame: ArgFrame, ref: number, group: number): void {
  let record = findPending(shard, group, id);
  if (!findEntry(shard, ref, id)) {
    if (record !== 0) claims.drop(shard, group, record, id);
    return;
  }
  if (record === 0) {
    if (!options.isForced) return;
    const consumer = claims.consumer(shard, frame, group);
    record = addPending(shard, group, consumer, id, shard.nowMs);
  } else {
    const idleMs = shard.nowMs - pendingTime(shard, record);
    if (options.idleMsMin !== 0 && idleMs < options.idleMsMin) return;
    claims.consumer(shard, frame, group);
  }
  claims.take(shard, record, claimedMs(shard), options.deliveries, options.isJustId);
}

// ------------------------------------------------------------------ XAUTOCLAIM

/** Options of XAUTOCLAIM; the first ID is in `id`. */
let autoIdleMsMin = 0;
let autoCount = COUNT_DEFAULT;
let isAutoJustId = false;

export const xautoclaim = defineCommand({
  name: 'XAUTOCLAIM', group: 'stream', since: '6.2.0',
  summary: 'Gives pending entries of a group that were idle for a while to a consumer.',
  complexity: 'O(k log p); k = COUNT, p = pending entries of the group.',
  arity: -6,
  flags: Flag.Write | Flag.Fast,
  acl: ['stream'],
  keys: [claimedKey('delete')],
  tips: ['nondeterministic_output'],
  history: [[
    '7.0.0',
    'Added an element to the reply array, containing deleted entries the command cleared from '
      + 'the PEL',
  ]],
  args: {
    key: arg.key(),
    group: arg.bytes(),
    consumer: arg.bytes(),
    'min-idle-time': arg.bytes(),
    start: arg.bytes(),
    count: arg.integer('COUNT').optional(),
    justid: arg.token('JUSTID').optional(),
  },
  reply: reply.array(
    'ID to go on from, 0-0 at the end; entries claimed, with JUSTID their IDs; IDs whose entries '
      + 'are gone',
  ),
  examples: [
    ['XADD jobs 1-1 do this', '$"1-1"'], ['XGROUP CREATE jobs crew 0', '+"OK"'],
    ['XREADGROUP GROUP crew ada STREAMS jobs >', '*[*[$"jobs" *[*[$"1-1" *[$"do" $"this"]]]]]'],
    ['XAUTOCLAIM jobs crew bob 0 0 JUSTID', '*[$"0-0" *[$"1-1"] *[]]'],
  ],
  parse: parseXautoclaim,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isStreamOrAbsent(shard, ref, out)) return;
    shard.keyspace.noteChange(ref);
    const group = groupOrError(shard, frame, ref, out);
    if (group === 0) return;
    if (autoCount > COUNT_IN_MEMORY_MAX) {
      out.error(streamErrors.countTooHigh);
      return;
    }
    const most = Math.min(autoCount, pendingCount(shard, groupTreeWord(shard, group)));
    if (!reserveClaims(shard, frame, group, most)) {
      out.error(replyErrors.arenaFull);
      return;
    }
    claimFrom(shard, frame, ref, group, out);
  },
});

function parseXautoclaim(frame: ArgFrame): ReplyError | null {
  autoCount = COUNT_DEFAULT;
  isAutoJustId = false;
  if (!readInteger(frame, NUMBER_SLOT, 4)) return streamErrors.minIdleXautoclaim;
  autoIdleMsMin = Math.max(0, frame.number[NUMBER_SLOT] ?? 0);
  const { low } = frame.memory;
  if (!readIntervalId(low, frame.at[5] ?? 0, frame.bytes[5] ?? 0, false, id)) {
    return streamErrors.invalidId;
  }
  if (idReading.isExclusive && !id.increment()) return streamErrors.invalidStart;
  for (let i = 6; i < frame.count; i++) {
    if (isWord(frame, i, COUNT) && i + 1 < frame.count) {
      const isCount = readInteger(frame, NUMBER_SLOT, ++i);
      const count = isCount ? frame.integer64(NUMBER_SLOT) : 0n;
      if (count < 1n || count > COUNT_MAX) return streamErrors.countNotPositive;
      autoCount = Number(count);
    } else if (isWord(frame, i, JUSTID)) {
      isAutoJustId = true;
    } else {
      return replyErrors.syntax;
    }
  }
  return null;
}

/** Claims from `id` on and writes the reply. */
function claimFrom(
  shard: Shard, frame: ArgFrame, ref: number, group: number, out: ReplySink,
): void {
  claims.start(shard, frame, group);
  const treeWord = groupTreeWord(shard, group);
  const gone: StreamId[] = [];
  let tree = boundTree(shard, treeWord);
  let rank = tree === null ? 0 : rankFrom(shard, tree, id);
  let left = autoCount;
  for (let attempts = autoCount * ATTEMPTS_FACTOR; attempts > 0 && left > 0; attempts--) {
    tree = boundTree(shard, treeWord);
    if (tree === null || !tree.seek(rank)) break;
    const record = tree.cursorRef();
    readPendingId(shard, record, id);
    if (!findEntry(shard, ref, id)) {
      const goneId = new StreamId();
      goneId.copy(id);
      gone.push(goneId);
      claims.drop(shard, group, record, id);
      left--;
      continue;
    }
    rank++;
    if (shard.nowMs - pendingTime(shard, record) < autoIdleMsMin) continue;
    claims.consumer(shard, frame, group);
    claims.take(shard, record, shard.nowMs, null, isAutoJustId);
    left--;
  }
  claims.end(shard, frame, group);
  tree = boundTree(shard, treeWord);
  if (tree !== null && tree.seek(rank)) readPendingId(shard, tree.cursorRef(), id);
  else id.setZero();
  out.array(3);
  writeIdReply(shard, out, id);
  writeClaimed(shard, out, ref, isAutoJustId);
  out.array(gone.length);
  for (const goneId of gone) writeIdReply(shard, out, goneId);
}

/** Entries of this file. */
export const streamClaimCommands: readonly Command[] = [xclaim, xautoclaim];
