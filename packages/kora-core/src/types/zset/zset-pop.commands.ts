/**
 * Commands that take members from an end of a sorted set. What goes is written, announced by name,
 * and then removed. The blocking forms check their timeout as Redis does, and wait when every key
 * is empty (waiting/); where nobody may, they answer null.
 */
import { assert } from '../../assert.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import { keysAt, keysCounted } from '../../command/key-spec.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { WaitingDefinition } from '../../command/waiting-form.ts';
import { REPLY_VALUE_BYTES } from '../../command/waiting-form.ts';
import type { ReplyError} from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryKeyAt, entryKeyBytes } from '../../structs/entry.hot.ts';
import { memberScore } from '../../structs/member.hot.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { mayWait, waitForKeys } from '../../waiting/wait-for-keys.ts';
import { blockingTimeoutError, readBlockingTimeout } from '../shared/blocking-timeout.ts';
import { dropRanks } from './zset-range-write.commands.ts';
import { walk } from './zset-walk.ts';
import {
  isPacked, isZsetOrAbsent, RANK_AT_CURSOR, removeAtRank, treeOf, zsetCount,
} from './zset.ts';

/** Slot of the frame in which numbers are parsed. */
const NUMBER_SLOT = 0;

/** How the members of a pop stand in its reply. */
const SHAPE_FLAT = 0;
const SHAPE_NESTED = 1;
/** The key, then members and scores. */
const SHAPE_KEY_FLAT = 2;
/** The key, and an array of pairs. */
const SHAPE_KEY_NESTED = 3;

const minWord = Uint8Array.of(0x4d, 0x49, 0x4e);
const maxWord = Uint8Array.of(0x4d, 0x41, 0x58);
const countWord = Uint8Array.of(0x43, 0x4f, 0x55, 0x4e, 0x54);

const poppedKey = [keysAt({
  first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'delete'],
})];
const poppedKeys = [keysAt({
  first: 1, last: -2, step: 1, access: 'RW', effect: ['access', 'delete'],
})];

/** Arguments are read by the command. */
const parsePlaces = (frame: ArgFrame): null => {
  frame.index[0] = 1;
  return null;
};

/** Writes `count` members from an end of the set at argument `keyIndex` and removes them. */
function pop(
  shard: Shard, frame: ArgFrame, keyIndex: number, ref: number, isMax: boolean, wanted: number,
  shape: number, out: ReplySink,
): void {
  const held = zsetCount(shard, ref);
  const count = Math.min(wanted, held);
  if (shape === SHAPE_FLAT) out.array(count * 2);
  else if (shape === SHAPE_NESTED) out.array(count);
  else if (shape === SHAPE_KEY_FLAT) out.array(count * 2 + 1);
  else out.array(2);
  if (shape >= SHAPE_KEY_FLAT) out.bulk(frame.at[keyIndex] ?? 0, frame.bytes[keyIndex] ?? 0);
  if (shape === SHAPE_KEY_NESTED) out.array(count);
  const isNested = shape === SHAPE_NESTED || shape === SHAPE_KEY_NESTED;
  const event = isMax ? KeyEvent.ZPopMax : KeyEvent.ZPopMin;
  if (count === 1 && held > 1 && !isPacked(shard, ref)) {
    if (isNested) out.array(2);
    popMember(shard, frame, keyIndex, ref, isMax ? held - 1 : 0, event, out);
    return;
  }
  walk.open(shard, ref, isMax ? held - 1 : 0, count, isMax);
  while (walk.next()) {
    if (isNested) out.array(2);
    out.bulk(walk.at, walk.bytes);
    out.double(walk.score());
  }
  dropRanks(shard, frame, keyIndex, ref, isMax ? held - count : 0, count, event);
}

/** Most bytes of a reply of the key at argument `key` and `wanted` members with their scores. */
function poppedBytes(
  shard: Shard, frame: ArgFrame, key: number, ref: number, isMax: boolean, wanted: number,
): number {
  const held = zsetCount(shard, ref);
  const count = Math.min(wanted, held);
  let bytes = (frame.bytes[key] ?? 0) + 2 * REPLY_VALUE_BYTES;
  walk.open(shard, ref, isMax ? held - 1 : 0, count, isMax);
  while (walk.next()) bytes += walk.bytes + 3 * REPLY_VALUE_BYTES;
  return bytes;
}

/** Writes, announces and removes the member of a rank, one of several in a tree: found once. */
function popMember(
  shard: Shard, frame: ArgFrame, keyIndex: number, ref: number, rank: number, event: number,
  out: ReplySink,
): void {
  const tree = treeOf(shard, ref);
  const isThere = tree.seek(rank);
  assert(isThere, 'a popped rank exists');
  const member = tree.cursorRef();
  const { i32, f64 } = shard.memory;
  const at = entryKeyAt(i32, member);
  const bytes = entryKeyBytes(i32, member);
  out.bulk(at, bytes);
  out.double(memberScore(f64, member));
  const effect = effectOfKey(shard, frame, keyIndex, EffectOp.ScoredRemove, event);
  if (shard.journal.isHeard) effect.parts.add(at, bytes);
  shard.commit();
  removeAtRank(shard, ref, shard.journal.isHeard ? rank : RANK_AT_CURSOR);
}

// ------------------------------------------------------------------ one key

const popReply = oneReplyOf(
  reply.array('members and their scores; with a count in RESP3 as pairs'),
);

export const zpopmin = defineCommand({
  name: 'ZPOPMIN', group: 'sorted_set', since: '5.0.0',
  summary: 'Removes and returns the members with the lowest scores.',
  complexity: 'O(m log n); n = members of the set, m = members popped.',
  arity: -2,
  flags: Flag.Write | Flag.Fast,
  acl: ['sortedset'],
  keys: poppedKey,
  args: { key: arg.key(), count: arg.integer().optional() },
  reply: popReply,
  examples: [['ZADD board 1 ada 2 bob', ':2'], ['ZPOPMIN board', '*[$"ada" $"1"]']],
  parse: parsePlaces,
  apply(shard, frame, out) {
    popOne(shard, frame, out, false);
  },
});

export const zpopmax = defineCommand({
  name: 'ZPOPMAX', group: 'sorted_set', since: '5.0.0',
  summary: 'Removes and returns the members with the highest scores.',
  complexity: 'O(m log n); n = members of the set, m = members popped.',
  arity: -2,
  flags: Flag.Write | Flag.Fast,
  acl: ['sortedset'],
  keys: poppedKey,
  args: { key: arg.key(), count: arg.integer().optional() },
  reply: popReply,
  examples: [['ZADD board 1 ada 2 bob', ':2'], ['ZPOPMAX board', '*[$"bob" $"2"]']],
  parse: parsePlaces,
  apply(shard, frame, out) {
    popOne(shard, frame, out, true);
  },
});

function popOne(shard: Shard, frame: ArgFrame, out: ReplySink, isMax: boolean): void {
  if (frame.count > 3) {
    out.error(replyErrors.syntax);
    return;
  }
  let wanted = 1;
  if (frame.count === 3) {
    const isNumber = readInteger(frame, NUMBER_SLOT, 2);
    wanted = frame.number[NUMBER_SLOT] ?? 0;
    if (!isNumber || wanted < 0) {
      out.error(replyErrors.notPositive);
      return;
    }
  }
  const ref = shard.keyspace.write(frame, 1);
  if (!isZsetOrAbsent(shard, ref, out)) return;
  if (ref === 0 || wanted === 0) {
    out.array(0);
    return;
  }
  const isNested = frame.count === 3 && frame.client.resp === 3;
  pop(shard, frame, 1, ref, isMax, wanted, isNested ? SHAPE_NESTED : SHAPE_FLAT, out);
}

// ------------------------------------------------------------------ the first of several keys

/**
 * Pops from the first of the keys at arguments `first` .. that is not empty. False when all are:
 * nothing was answered.
 */
function popFirst(
  shard: Shard, frame: ArgFrame, first: number, keys: number, isMax: boolean, wanted: number,
  shape: number, out: ReplySink,
): boolean {
  for (let i = first; i < first + keys; i++) {
    const ref = shard.keyspace.write(frame, i);
    if (!isZsetOrAbsent(shard, ref, out)) return true;
    if (ref === 0) continue;
    pop(shard, frame, i, ref, isMax, wanted, shape, out);
    return true;
  }
  return false;
}

/** What ZMPOP and BZMPOP say behind their number of keys. Owner: the running command. */
class PopManyArguments {
  keys = 0;
  isMax = false;
  count = 1;

  /** @param countIndex argument with the number of keys */
  read(frame: ArgFrame, countIndex: number): ReplyError | null {
    if (!readInteger(frame, NUMBER_SLOT, countIndex)) return replyErrors.numkeysNotPositive;
    this.keys = frame.number[NUMBER_SLOT] ?? 0;
    if (this.keys < 1) return replyErrors.numkeysNotPositive;
    const whereIndex = countIndex + this.keys + 1;
    if (whereIndex >= frame.count) return replyErrors.syntax;
    this.isMax = isWord(frame, whereIndex, maxWord);
    if (!this.isMax && !isWord(frame, whereIndex, minWord)) return replyErrors.syntax;
    this.count = -1;
    for (let i = whereIndex + 1; i < frame.count; i += 2) {
      const isCount = this.count === -1 && i + 1 < frame.count && isWord(frame, i, countWord);
      if (!isCount) return replyErrors.syntax;
      if (!readInteger(frame, NUMBER_SLOT, i + 1)) return replyErrors.countNotPositive;
      this.count = frame.number[NUMBER_SLOT] ?? 0;
      if (this.count < 1) return replyErrors.countNotPositive;
    }
    if (this.count === -1) this.count = 1;
    return null;
  }
}

const popMany = new PopManyArguments();
const where = arg.oneOf('MIN', 'MAX');
const popManyReply = oneReplyOf(
  reply.array('the key, and pairs of member and score'),
  reply.nullArray('every key is empty'),
);

export const zmpop = defineCommand({
  name: 'ZMPOP', group: 'sorted_set', since: '7.0.0',
  summary: 'Removes and returns members from an end of the first sorted set that has any.',
  complexity: 'O(k + m log n); k = keys, n = members of the set, m = members popped.',
  arity: -4,
  flags: Flag.Write | Flag.MovableKeys,
  acl: ['sortedset'],
  keys: [keysCounted({ countAt: 1, access: 'RW', effect: ['access', 'delete'] })],
  args: {
    numkeys: arg.integer(), key: arg.repeat(arg.key()), where,
    count: arg.integer('COUNT').optional(),
  },
  reply: popManyReply,
  examples: [
    ['ZMPOP 1 board MIN', '*_'], ['ZADD board 1 ada 2 bob', ':2'],
    ['ZMPOP 2 nosuch board MAX COUNT 5', '*[$"board" *[*[$"bob" $"2"] *[$"ada" $"1"]]]'],
  ],
  parse: (frame) => popMany.read(frame, 1),
  apply(shard, frame, out) {
    const { keys, isMax, count } = popMany;
    const isPopped = popFirst(shard, frame, 2, keys, isMax, count, SHAPE_KEY_NESTED, out);
    if (!isPopped) out.nullArray();
  },
});

// ------------------------------------------------------------------ blocking forms

function popBlocking(
  shard: Shard, frame: ArgFrame, out: ReplySink, command: Command, isMax: boolean,
): void {
  const error = blockingTimeoutError(frame, frame.count - 1);
  if (error !== null) {
    out.error(error);
    return;
  }
  const keys = frame.count - 2;
  if (popFirst(shard, frame, 1, keys, isMax, 1, SHAPE_KEY_FLAT, out)) return;
  waitOrNull(shard, frame, out, command);
}

/** Waits for the keys, where the client may; else the answer is null. */
function waitOrNull(shard: Shard, frame: ArgFrame, out: ReplySink, command: Command): void {
  if (mayWait(frame.client)) waitForKeys(shard, command, frame, out);
  else out.nullArray();
}

/** How BZPOPMIN and BZPOPMAX are served by one key. */
const servedByEnd = (isMax: boolean): WaitingDefinition<unknown> => ({
  type: ValueType.SortedSet,
  firstKey: () => 1,
  keyCount: (frame) => frame.count - 2,
  timeoutMs: (frame) => readBlockingTimeout(frame, frame.count - 1),
  serve(shard, frame, out, key) {
    pop(shard, frame, key, shard.keyspace.write(frame, key), isMax, 1, SHAPE_KEY_FLAT, out);
  },
  replyBytes: (shard, frame, key, ref) => poppedBytes(shard, frame, key, ref, isMax, 1),
});

const blockingFlags = Flag.Write | Flag.NoScript | Flag.Blocking | Flag.Fast;
const blockingReply = oneReplyOf(
  reply.array('the key, the member and its score'),
  reply.nullArray('every key is empty'),
);

export const bzpopmin: Command = defineCommand({
  name: 'BZPOPMIN', group: 'sorted_set', since: '5.0.0',
  summary: 'Removes and returns the member with the lowest score of the first set that has any.',
  complexity: 'O(log n); n = members of the set.',
  arity: -3,
  flags: blockingFlags,
  acl: ['sortedset'],
  keys: poppedKeys,
  history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
  args: { key: arg.repeat(arg.key()), timeout: arg.double() },
  reply: blockingReply,
  examples: [
    ['ZADD board 1 ada 2 bob', ':2'], ['BZPOPMIN nosuch board 1', '*[$"board" $"ada" $"1"]'],
  ],
  parse: parsePlaces,
  waiting: servedByEnd(false),
  apply(shard, frame, out) {
    popBlocking(shard, frame, out, bzpopmin, false);
  },
});

export const bzpopmax: Command = defineCommand({
  name: 'BZPOPMAX', group: 'sorted_set', since: '5.0.0',
  summary: 'Removes and returns the member with the highest score of the first set that has any.',
  complexity: 'O(log n); n = members of the set.',
  arity: -3,
  flags: blockingFlags,
  acl: ['sortedset'],
  keys: poppedKeys,
  history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
  args: { key: arg.repeat(arg.key()), timeout: arg.double() },
  reply: blockingReply,
  examples: [['ZADD board 1 ada 2 bob', ':2'], ['BZPOPMAX board 1', '*[$"board" $"bob" $"2"]']],
  parse: parsePlaces,
  waiting: servedByEnd(true),
  apply(shard, frame, out) {
    popBlocking(shard, frame, out, bzpopmax, true);
  },
});

export const bzmpop: Command = defineCommand({
  name: 'BZMPOP', group: 'sorted_set', since: '7.0.0',
  summary: 'Removes and returns members from an end of the first sorted set that has any.',
  complexity: 'O(k + m log n); k = keys, n = members of the set, m = members popped.',
  arity: -5,
  flags: Flag.Write | Flag.Blocking | Flag.MovableKeys,
  acl: ['sortedset'],
  keys: [keysCounted({ countAt: 2, access: 'RW', effect: ['access', 'delete'] })],
  args: {
    timeout: arg.double(), numkeys: arg.integer(), key: arg.repeat(arg.key()), where,
    count: arg.integer('COUNT').optional(),
  },
  reply: popManyReply,
  examples: [
    ['ZADD board 1 ada 2 bob', ':2'], ['BZMPOP 1 1 board MIN', '*[$"board" *[*[$"ada" $"1"]]]'],
  ],
  parse: (frame) => popMany.read(frame, 2),
  waiting: {
    type: ValueType.SortedSet,
    firstKey: () => 3,
    keyCount: () => popMany.keys,
    timeoutMs: (frame) => readBlockingTimeout(frame, 1),
    serve(shard, frame, out, key) {
      const ref = shard.keyspace.write(frame, key);
      pop(shard, frame, key, ref, popMany.isMax, popMany.count, SHAPE_KEY_NESTED, out);
    },
    replyBytes: (shard, frame, key, ref) =>
      poppedBytes(shard, frame, key, ref, popMany.isMax, popMany.count),
  },
  apply(shard, frame, out) {
    const error = blockingTimeoutError(frame, 1);
    if (error !== null) {
      out.error(error);
      return;
    }
    const { keys, isMax, count } = popMany;
    if (popFirst(shard, frame, 3, keys, isMax, count, SHAPE_KEY_NESTED, out)) return;
    waitOrNull(shard, frame, out, bzmpop);
  },
});

/** Commands that pop. */
export const zsetPopCommands: readonly Command[] = [
  zpopmin, zpopmax, zmpop, bzpopmin, bzpopmax, bzmpop,
];
