/**
 * The commands at the ends of a list: LPUSH RPUSH LPUSHX RPUSHX LPOP RPOP, and what the commands
 * that pop from one of several lists share with them.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKeyAndCount, parseKeyAndSome } from '../../command/positional.hot.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { createCollection } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { commitPush, popElements, popOne } from './list-effects.ts';
import { pushIntoEnd } from './list-ends.hot.ts';
import { isListOrAbsent, listErrors } from './list-errors.ts';
import { writeElements, writeElementsBack } from './list-reply.ts';
import {
  elementRoom, LIST_FLAGS, listBounds, listCount, pushReserved, reservePush,
} from './list.ts';

/** What the four pushing commands share. */
const pushParts = {
  group: 'list',
  complexity: 'O(n); n = elements given.',
  arity: -3,
  flags: Flag.Write | Flag.DenyOom | Flag.Fast,
  acl: ['list'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'insert' })],
  args: { key: arg.key(), element: arg.bytes().repeated() },
  parse: parseKeyAndSome,
} as const;

const manyElements = 'Accepts multiple `element` arguments.';

export const lpush = defineCommand({
  ...pushParts,
  name: 'LPUSH', since: '1.0.0',
  summary: 'Puts elements before the first of a list, one after the other.',
  history: [['2.4.0', manyElements]],
  reply: reply.integer('elements of the list afterwards'),
  examples: [['LPUSH stack a b', ':2'], ['LRANGE stack 0 -1', '*[$"b" $"a"]']],
  apply(shard, frame, out) {
    push(shard, frame, out, true, false);
  },
});

export const rpush = defineCommand({
  ...pushParts,
  name: 'RPUSH', since: '1.0.0',
  summary: 'Puts elements behind the last of a list, one after the other.',
  history: [['2.4.0', manyElements]],
  reply: reply.integer('elements of the list afterwards'),
  examples: [['RPUSH queue a b', ':2'], ['LRANGE queue 0 -1', '*[$"a" $"b"]']],
  apply(shard, frame, out) {
    push(shard, frame, out, false, false);
  },
});

export const lpushx = defineCommand({
  ...pushParts,
  name: 'LPUSHX', since: '2.2.0',
  summary: 'Puts elements before the first of a list that exists.',
  history: [['4.0.0', manyElements]],
  reply: reply.integer('elements of the list afterwards; 0 when there is none'),
  examples: [['LPUSHX stack a', ':0'], ['LPUSH stack a', ':1'], ['LPUSHX stack b c', ':3']],
  apply(shard, frame, out) {
    push(shard, frame, out, true, true);
  },
});

export const rpushx = defineCommand({
  ...pushParts,
  name: 'RPUSHX', since: '2.2.0',
  summary: 'Puts elements behind the last of a list that exists.',
  history: [['4.0.0', manyElements]],
  reply: reply.integer('elements of the list afterwards; 0 when there is none'),
  examples: [['RPUSHX queue a', ':0'], ['RPUSH queue a', ':1'], ['RPUSHX queue b c', ':3']],
  apply(shard, frame, out) {
    push(shard, frame, out, false, true);
  },
});

function push(
  shard: Shard, frame: ArgFrame, out: ReplySink, isHead: boolean, wantsList: boolean,
): void {
  const found = shard.keyspace.write(frame, 1);
  if (!isListOrAbsent(shard, found, out)) return;
  if (found === 0 && wantsList) {
    out.integer(0);
    return;
  }
  if (found !== 0 && frame.count === 3 && pushOne(shard, frame, out, found, isHead)) return;
  let room = 0;
  for (let i = 2; i < frame.count; i++) room += elementRoom(shard, frame.bytes[i] ?? 0);
  const keyBytes = frame.bytes[1] ?? 0;
  if (!reservePush(shard, found, isHead, keyBytes, room, frame.count - 2)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  let ref = found;
  if (ref === 0) ref = createCollection(shard, frame.at[1] ?? 0, keyBytes, LIST_FLAGS);
  for (let i = 2; i < frame.count; i++) {
    const bytes = frame.bytes[i] ?? 0;
    pushReserved(shard, ref, isHead, frame.at[i] ?? 0, bytes, room);
    room -= elementRoom(shard, bytes);
  }
  commitPush(shard, frame, isHead);
  out.integer(listCount(shard, ref));
}

/** Pushes the one element given into the pack at the end; false when it has no room. */
function pushOne(
  shard: Shard, frame: ArgFrame, out: ReplySink, ref: number, isHead: boolean,
): boolean {
  const count = pushIntoEnd(
    shard, ref, isHead, frame.at[2] ?? 0, frame.bytes[2] ?? 0, listBounds.nodeBytesMax,
  );
  if (count === 0) return false;
  commitPush(shard, frame, isHead);
  out.integer(count);
  return true;
}

/** What LPOP and RPOP share. */
const popParts = {
  group: 'list', since: '1.0.0',
  complexity: 'O(n); n = elements returned.',
  arity: -2,
  flags: Flag.Write | Flag.Fast,
  acl: ['list'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'delete'] })],
  history: [['6.2.0', 'Added the `count` argument.']],
  args: { key: arg.key(), count: arg.integer().optional().documented({ since: '6.2.0' }) },
  reply: oneReplyOf(
    reply.bulk('the element'), reply.null('there is no such list'),
    reply.array('with a count: elements in the order they were taken'),
    reply.nullArray('with a count: there is no such list'),
  ),
} as const;

export const lpop = defineCommand({
  ...popParts,
  name: 'LPOP',
  summary: 'Takes the first element, or several, from a list.',
  examples: [
    ['RPUSH queue a b c', ':3'], ['LPOP queue', '$"a"'], ['LPOP queue 2', '*[$"b" $"c"]'],
    ['LPOP queue', '_'], ['LPOP queue 2', '*_'],
  ],
  parse: (frame) => parseKeyAndCount(frame, listErrors.lpopArity),
  apply(shard, frame, out) {
    pop(shard, frame, out, true);
  },
});

export const rpop = defineCommand({
  ...popParts,
  name: 'RPOP',
  summary: 'Takes the last element, or several, from a list.',
  examples: [
    ['RPUSH queue a b c', ':3'], ['RPOP queue', '$"c"'], ['RPOP queue 2', '*[$"b" $"a"]'],
    ['RPOP queue', '_'], ['RPOP queue 2', '*_'],
  ],
  parse: (frame) => parseKeyAndCount(frame, listErrors.rpopArity),
  apply(shard, frame, out) {
    pop(shard, frame, out, false);
  },
});

function pop(shard: Shard, frame: ArgFrame, out: ReplySink, isHead: boolean): void {
  const ref = shard.keyspace.write(frame, 1);
  if (!isListOrAbsent(shard, ref, out)) return;
  const hasCount = (frame.index[1] ?? 0) !== 0;
  if (ref === 0) {
    if (hasCount) out.nullArray();
    else out.null();
  } else if (hasCount) {
    popSeveral(shard, frame, out, 1, ref, isHead, frame.number[1] ?? 0);
  } else {
    popOne(shard, frame, out, 1, ref, isHead);
  }
}

/** Takes up to `countMax` elements from the list at argument `key` and answers an array of them. */
export function popSeveral(
  shard: Shard, frame: ArgFrame, out: ReplySink, key: number, ref: number, isHead: boolean,
  countMax: number,
): void {
  const all = listCount(shard, ref);
  const count = Math.min(all, countMax);
  out.array(count);
  if (count === 0) return;
  if (isHead) writeElements(shard, ref, 0, count, out);
  else writeElementsBack(shard, ref, all, count, out);
  popElements(shard, frame, key, ref, isHead, count);
}

/** Entries at the ends of lists. */
export const listPushCommands: readonly Command[] = [lpush, rpush, lpushx, rpushx, lpop, rpop];
