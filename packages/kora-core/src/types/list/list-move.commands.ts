/**
 * The commands that take elements from one list for another, or from the first of several that has
 * any: LMOVE RPOPLPUSH LMPOP, and their forms that wait: BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP. The
 * latter wait when there is nothing (waiting/); where nobody may, they answer null.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import { keysAt, keysCounted } from '../../command/key-spec.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { WaitingDefinition } from '../../command/waiting-form.ts';
import { poppedBytes } from './list-reply.ts';
import type { ReplyError} from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { mayWait, waitForKeys } from '../../waiting/wait-for-keys.ts';
import { blockingTimeoutError, readBlockingTimeout } from '../shared/blocking-timeout.ts';
import { popOne } from './list-effects.ts';
import { isListOrAbsent } from './list-errors.ts';
import { moveElement } from './list-move.ts';
import { popSeveral } from './list-push.commands.ts';

const leftToken = arg.token('LEFT');
const rightToken = arg.token('RIGHT');
const countToken = arg.integer('COUNT');
/** Alternatives of an end. */
const LEFT = 1;
const RIGHT = 2;

const moveKeys = [
  keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'delete'] }),
  keysAt({ first: 2, last: 2, step: 1, access: 'RW', effect: 'insert' }),
];
const end = arg.oneOf({ left: leftToken, right: rightToken });
const moveReply = oneReplyOf(
  reply.bulk('the element'), reply.null('there is nothing to be moved'),
);
const waitHistory = [
  ['6.0.0', '`timeout` is interpreted as a double instead of an integer.'],
] as const;
const waitFlags = Flag.Write | Flag.NoScript | Flag.Blocking;

/** What BLMOVE and BRPOPLPUSH wait for: the source. */
const sourceWaiting = {
  type: ValueType.List, firstKey: (): number => 1, keyCount: (): number => 1, destination: 2,
} as const;

/** Reads the end that argument i names into a slot. */
function readEnd(frame: ArgFrame, slot: number, i: number): ReplyError | null {
  const isLeft = isWord(frame, i, leftToken.tokenBytes);
  if (!isLeft && !isWord(frame, i, rightToken.tokenBytes)) return replyErrors.syntax;
  frame.choice[slot] = isLeft ? LEFT : RIGHT;
  return null;
}

// ------------------------------------------------------------------ from list to list

export const lmove = defineCommand({
  name: 'LMOVE', group: 'list', since: '6.2.0',
  summary: 'Takes an element from an end of a list and puts it at an end of another.',
  complexity: 'O(1)',
  arity: 5,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['list'],
  keys: moveKeys,
  args: { source: arg.key(), destination: arg.key(), wherefrom: end, whereto: end },
  reply: moveReply,
  examples: [
    ['RPUSH todo a b', ':2'], ['LMOVE todo done LEFT RIGHT', '$"a"'],
    ['LRANGE done 0 -1', '*[$"a"]'], ['LMOVE nosuch done LEFT LEFT', '_'],
  ],
  parse: (frame, at) => readEnd(frame, at.wherefrom, 3) ?? readEnd(frame, at.whereto, 4),
  apply(shard, frame, out, at) {
    const isFromHead = frame.choice[at.wherefrom] === LEFT;
    moveElement(shard, frame, out, isFromHead, frame.choice[at.whereto] === LEFT);
  },
});

export const rpoplpush = defineCommand({
  name: 'RPOPLPUSH', group: 'list', since: '1.2.0',
  summary: 'Takes the last element of a list and puts it before the first of another.',
  deprecated: { since: '6.2.0', replacedBy: '`LMOVE` with the `RIGHT` and `LEFT` arguments' },
  complexity: 'O(1)',
  arity: 3,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['list'],
  keys: moveKeys,
  args: { source: arg.key(), destination: arg.key() },
  reply: moveReply,
  examples: [
    ['RPUSH ring a b c', ':3'], ['RPOPLPUSH ring ring', '$"c"'],
    ['LRANGE ring 0 -1', '*[$"c" $"a" $"b"]'], ['RPOPLPUSH nosuch ring', '_'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    moveElement(shard, frame, out, false, true);
  },
});

export const blmove: Command = defineCommand({
  name: 'BLMOVE', group: 'list', since: '6.2.0',
  summary: 'As LMOVE, and waits for an element when there is none.',
  complexity: 'O(1)',
  arity: 6,
  flags: waitFlags | Flag.DenyOom,
  acl: ['list'],
  keys: moveKeys,
  args: {
    source: arg.key(), destination: arg.key(), wherefrom: end, whereto: end,
    timeout: arg.double(),
  },
  reply: moveReply,
  examples: [
    ['RPUSH todo a b', ':2'], ['BLMOVE todo done RIGHT LEFT 1', '$"b"'],
    ['BLMOVE todo done RIGHT LEFT -1', '-"ERR timeout is negative"'],
    ['BLMOVE nosuch done LEFT LEFT 0.001', '_'],
  ],
  parse: (frame, at) =>
    readEnd(frame, at.wherefrom, 3) ?? readEnd(frame, at.whereto, 4)
      ?? blockingTimeoutError(frame, 5),
  waiting: {
    ...sourceWaiting,
    timeoutMs: (frame) => readBlockingTimeout(frame, 5),
    serve(shard, frame, out, _key, at) {
      const isFromHead = frame.choice[at.wherefrom] === LEFT;
      moveElement(shard, frame, out, isFromHead, frame.choice[at.whereto] === LEFT);
    },
    replyBytes: (shard, frame, key, ref, at) =>
      poppedBytes(shard, frame, key, ref, frame.choice[at.wherefrom] === LEFT, 1),
  },
  apply(shard, frame, out, at) {
    if (waitsForSource(shard, frame, out, blmove)) return;
    const isFromHead = frame.choice[at.wherefrom] === LEFT;
    moveElement(shard, frame, out, isFromHead, frame.choice[at.whereto] === LEFT);
  },
});

export const brpoplpush: Command = defineCommand({
  name: 'BRPOPLPUSH', group: 'list', since: '2.2.0',
  summary: 'As RPOPLPUSH, and waits for an element when there is none.',
  deprecated: { since: '6.2.0', replacedBy: '`BLMOVE` with the `RIGHT` and `LEFT` arguments' },
  complexity: 'O(1)',
  arity: 4,
  flags: waitFlags | Flag.DenyOom,
  acl: ['list'],
  keys: moveKeys,
  history: waitHistory,
  args: { source: arg.key(), destination: arg.key(), timeout: arg.double() },
  reply: moveReply,
  examples: [
    ['RPUSH ring a b c', ':3'], ['BRPOPLPUSH ring ring 0', '$"c"'],
    ['BRPOPLPUSH nosuch ring 0.001', '_'],
  ],
  parse: (frame) => blockingTimeoutError(frame, 3),
  waiting: {
    ...sourceWaiting,
    timeoutMs: (frame) => readBlockingTimeout(frame, 3),
    serve(shard, frame, out) {
      moveElement(shard, frame, out, false, true);
    },
    replyBytes: (shard, frame, key, ref) => poppedBytes(shard, frame, key, ref, false, 1),
  },
  apply(shard, frame, out) {
    if (waitsForSource(shard, frame, out, brpoplpush)) return;
    moveElement(shard, frame, out, false, true);
  },
});

/** True when there is no source and the command waits for one, or was refused that. */
function waitsForSource(
  shard: Shard, frame: ArgFrame, out: ReplySink, command: Command,
): boolean {
  if (!mayWait(frame.client) || shard.keyspace.peek(frame, 1) !== 0) return false;
  waitForKeys(shard, command, frame, out);
  return true;
}

// ------------------------------------------------------------------ from the first of several

interface PopSlots {
  readonly numkeys: number;
  readonly where: number;
  readonly count: number;
}

/** What LMPOP and BLMPOP share. */
const popReply = oneReplyOf(
  reply.array('the key, and an array of the elements that were taken from it'),
  reply.nullArray('all lists are missing'),
);
const popArgs = {
  numkeys: arg.integer(), key: arg.key().repeated(), where: end, count: countToken.optional(),
};

export const lmpop = defineCommand({
  name: 'LMPOP', group: 'list', since: '7.0.0',
  summary: 'Takes elements from the first of several lists that has any.',
  complexity: 'O(k + n); k = keys, n = elements returned.',
  arity: -4,
  flags: Flag.Write | Flag.MovableKeys,
  acl: ['list'],
  keys: [keysCounted({ countAt: 1, access: 'RW', effect: ['access', 'delete'] })],
  args: popArgs,
  reply: popReply,
  examples: [
    ['RPUSH b 1 2 3', ':3'], ['LMPOP 2 a b LEFT COUNT 2', '*[$"b" *[$"1" $"2"]]'],
    ['LMPOP 1 b RIGHT', '*[$"b" *[$"3"]]'], ['LMPOP 1 b LEFT', '*_'],
  ],
  parse: (frame, at) => parsePopSeveral(frame, at, 1),
  apply(shard, frame, out, at) {
    if (!popFirst(shard, frame, out, at, 2)) out.nullArray();
  },
});

export const blmpop: Command = defineCommand({
  name: 'BLMPOP', group: 'list', since: '7.0.0',
  summary: 'As LMPOP, and waits for an element when there is none.',
  complexity: 'O(k + n); k = keys, n = elements returned.',
  arity: -5,
  flags: Flag.Write | Flag.Blocking | Flag.MovableKeys,
  acl: ['list'],
  keys: [keysCounted({ countAt: 2, access: 'RW', effect: ['access', 'delete'] })],
  args: { timeout: arg.double(), ...popArgs },
  reply: popReply,
  examples: [
    ['RPUSH b 1 2 3', ':3'], ['BLMPOP 1 2 a b RIGHT COUNT 2', '*[$"b" *[$"3" $"2"]]'],
    ['BLMPOP 0.001 1 a LEFT', '*_'],
  ],
  parse: (frame, at) => parsePopSeveral(frame, at, 2) ?? blockingTimeoutError(frame, 1),
  waiting: {
    type: ValueType.List,
    firstKey: () => 3,
    keyCount: (frame, at) => frame.number[at.numkeys] ?? 0,
    timeoutMs: (frame) => readBlockingTimeout(frame, 1),
    serve(shard, frame, out, key, at) {
      popSome(shard, frame, out, key, shard.keyspace.write(frame, key), at);
    },
    replyBytes: (shard, frame, key, ref, at) => poppedBytes(
      shard, frame, key, ref, frame.choice[at.where] === LEFT, frame.number[at.count] ?? 1,
    ),
  },
  apply(shard, frame, out, at) {
    if (popFirst(shard, frame, out, at, 3)) return;
    waitOrNull(shard, frame, out, blmpop);
  },
});

/** Reads number of keys (argument `countAt`), end and count, in Redis's order. */
function parsePopSeveral(frame: ArgFrame, at: PopSlots, countAt: number): ReplyError | null {
  const isCount = readInteger(frame, at.numkeys, countAt) && (frame.number[at.numkeys] ?? 0) > 0;
  if (!isCount) return replyErrors.numkeysNotPositive;
  const whereAt = countAt + 1 + (frame.number[at.numkeys] ?? 0);
  if (whereAt >= frame.count) return replyErrors.syntax;
  const error = readEnd(frame, at.where, whereAt);
  if (error !== null) return error;
  frame.number[at.count] = 1;
  if (whereAt + 1 === frame.count) return null;
  const isCounted = isWord(frame, whereAt + 1, countToken.tokenBytes);
  if (!isCounted || whereAt + 3 > frame.count) return replyErrors.syntax;
  const isPositive =
    readInteger(frame, at.count, whereAt + 2) && (frame.number[at.count] ?? 0) > 0;
  if (!isPositive) return replyErrors.countNotPositive;
  return whereAt + 3 === frame.count ? null : replyErrors.syntax;
}

/** False when no key has a list: nothing was answered. */
function popFirst(
  shard: Shard, frame: ArgFrame, out: ReplySink, at: PopSlots, firstKey: number,
): boolean {
  const keyEnd = firstKey + (frame.number[at.numkeys] ?? 0);
  for (let i = firstKey; i < keyEnd; i++) {
    const ref = shard.keyspace.write(frame, i);
    if (!isListOrAbsent(shard, ref, out)) return true;
    if (ref === 0) continue;
    popSome(shard, frame, out, i, ref, at);
    return true;
  }
  return false;
}

/** Answers the key at argument `key` and elements of its list. */
function popSome(
  shard: Shard, frame: ArgFrame, out: ReplySink, key: number, ref: number, at: PopSlots,
): void {
  out.array(2);
  out.bulk(frame.at[key] ?? 0, frame.bytes[key] ?? 0);
  const isHead = frame.choice[at.where] === LEFT;
  popSeveral(shard, frame, out, key, ref, isHead, frame.number[at.count] ?? 1);
}

/** Waits for the keys, where the client may; else the answer is null. */
function waitOrNull(shard: Shard, frame: ArgFrame, out: ReplySink, command: Command): void {
  if (mayWait(frame.client)) waitForKeys(shard, command, frame, out);
  else out.nullArray();
}

/** What BLPOP and BRPOP share. */
const waitParts = {
  group: 'list', since: '2.0.0',
  complexity: 'O(k); k = keys.',
  arity: -3,
  flags: waitFlags,
  acl: ['list'],
  keys: [keysAt({ first: 1, last: -2, step: 1, access: 'RW', effect: ['access', 'delete'] })],
  history: waitHistory,
  args: { key: arg.key().repeated(), timeout: arg.double() },
  reply: oneReplyOf(
    reply.array('the key and the element that was taken from it'),
    reply.nullArray('all lists are missing'),
  ),
  parse: (frame: ArgFrame): ReplyError | null => blockingTimeoutError(frame, frame.count - 1),
} as const;

/** How BLPOP and BRPOP are served by one key. */
const servedByEnd = (isHead: boolean): WaitingDefinition<unknown> => ({
  type: ValueType.List,
  firstKey: () => 1,
  keyCount: (frame) => frame.count - 2,
  timeoutMs: (frame) => readBlockingTimeout(frame, frame.count - 1),
  serve(shard, frame, out, key) {
    popKeyed(shard, frame, out, key, shard.keyspace.write(frame, key), isHead);
  },
  replyBytes: (shard, frame, key, ref) => poppedBytes(shard, frame, key, ref, isHead, 1),
});

export const blpop: Command = defineCommand({
  ...waitParts,
  name: 'BLPOP',
  summary: 'Takes the first element of the first of several lists that has any, or waits for one.',
  examples: [
    ['RPUSH b 1 2', ':2'], ['BLPOP a b 1', '*[$"b" $"1"]'], ['BLPOP a 0.001', '*_'],
    ['BLPOP a x', '-"ERR timeout is not a float or out of range"'],
  ],
  waiting: servedByEnd(true),
  apply(shard, frame, out) {
    popOneOf(shard, frame, out, blpop, true);
  },
});

export const brpop: Command = defineCommand({
  ...waitParts,
  name: 'BRPOP',
  summary: 'Takes the last element of the first of several lists that has any, or waits for one.',
  examples: [['RPUSH b 1 2', ':2'], ['BRPOP a b 1', '*[$"b" $"2"]'], ['BRPOP a 0.001', '*_']],
  waiting: servedByEnd(false),
  apply(shard, frame, out) {
    popOneOf(shard, frame, out, brpop, false);
  },
});

function popOneOf(
  shard: Shard, frame: ArgFrame, out: ReplySink, command: Command, isHead: boolean,
): void {
  for (let i = 1; i < frame.count - 1; i++) {
    const ref = shard.keyspace.write(frame, i);
    if (!isListOrAbsent(shard, ref, out)) return;
    if (ref === 0) continue;
    popKeyed(shard, frame, out, i, ref, isHead);
    return;
  }
  waitOrNull(shard, frame, out, command);
}

/** Answers the key at argument `key` and an element of its list. */
function popKeyed(
  shard: Shard, frame: ArgFrame, out: ReplySink, key: number, ref: number, isHead: boolean,
): void {
  out.array(2);
  out.bulk(frame.at[key] ?? 0, frame.bytes[key] ?? 0);
  popOne(shard, frame, out, key, ref, isHead);
}

/** Entries that move elements, or wait for them. */
export const listMoveCommands: readonly Command[] = [
  lmove, rpoplpush, lmpop, blpop, brpop, blmove, brpoplpush, blmpop,
];
