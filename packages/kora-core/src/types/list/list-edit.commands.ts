/**
 * The commands that change elements inside a list: LSET LINSERT LTRIM LREM. Indices and counts are
 * 64-bit integers and only compared with what the list has.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKeyRange } from '../../command/positional.hot.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { removeIfEmpty } from '../../keyspace/collection-entry.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { insertReserved, reserveInsert, reserveSet, setReserved } from './list-edit.ts';
import { commitRemoval, RemovalEffect } from './list-effects.ts';
import { isListOrAbsent } from './list-errors.ts';
import { rangeEnd, rangeStart } from './list-read.commands.ts';
import { indexOfElement, removeMatches } from './list-search.ts';
import { elementRoom, listCount, removeElements } from './list.ts';

const beforeToken = arg.token('BEFORE');
const afterToken = arg.token('AFTER');
/** Alternatives of LINSERT's place. */
const BEFORE = 1;
const AFTER = 2;
const deletedKey = keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'delete' });

export const lset = defineCommand({
  name: 'LSET', group: 'list', since: '1.0.0',
  summary: 'Replaces an element of a list by its index.',
  complexity: 'O(log n); n = elements of the list. O(1) at its ends.',
  arity: 4,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['list'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
  args: { key: arg.key(), index: arg.integer(), element: arg.bytes() },
  reply: reply.ok(),
  examples: [
    ['RPUSH queue a b', ':2'], ['LSET queue -1 c', '+"OK"'],
    ['LRANGE queue 0 -1', '*[$"a" $"c"]'], ['LSET queue 2 x', '-"ERR index out of range"'],
  ],
  // The key comes before the index: apply reads it.
  parse: () => null,
  apply(shard, frame, out, at) {
    const ref = shard.keyspace.write(frame, 1);
    if (ref === 0) {
      out.error(replyErrors.noSuchKey);
      return;
    }
    if (!isListOrAbsent(shard, ref, out)) return;
    if (!readInteger(frame, at.index, 2)) {
      out.error(replyErrors.notInteger);
      return;
    }
    const all = listCount(shard, ref);
    const given = frame.number[at.index] ?? 0;
    const index = given < 0 ? given + all : given;
    if (index < 0 || index >= all) out.error(replyErrors.indexOutOfRange);
    else setElement(shard, frame, out, ref, index);
  },
});

function setElement(
  shard: Shard, frame: ArgFrame, out: ReplySink, ref: number, index: number,
): void {
  const at = frame.at[3] ?? 0;
  const bytes = frame.bytes[3] ?? 0;
  if (!reserveSet(shard, ref, index, bytes)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  setReserved(shard, ref, index, at, bytes);
  commitElement(shard, frame, EffectOp.ListSet, KeyEvent.LSet, index, 3);
  out.ok();
}

/** Announces an element, which is an argument, with its index. */
function commitElement(
  shard: Shard, frame: ArgFrame, op: number, event: number, index: number, argument: number,
): void {
  const { parts } = effectOfKey(shard, frame, 1, op, event);
  if (shard.journal.isHeard) {
    parts.addNumber(index);
    parts.add(frame.at[argument] ?? 0, frame.bytes[argument] ?? 0);
  }
  shard.commit();
}

export const linsert = defineCommand({
  name: 'LINSERT', group: 'list', since: '2.2.0',
  summary: 'Puts an element before or behind the first one that equals the pivot.',
  complexity: 'O(n); n = elements before the pivot.',
  arity: 5,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['list'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'insert' })],
  args: {
    key: arg.key(),
    where: arg.oneOf({ before: beforeToken, after: afterToken }),
    pivot: arg.bytes(),
    element: arg.bytes(),
  },
  reply: oneReplyOf(
    reply.integer('elements of the list afterwards; -1 without the pivot, 0 without the list'),
  ),
  examples: [
    ['RPUSH queue a c', ':2'], ['LINSERT queue BEFORE c b', ':3'],
    ['LRANGE queue 0 -1', '*[$"a" $"b" $"c"]'], ['LINSERT queue AFTER x y', ':-1'],
  ],
  parse(frame, at) {
    const isAfter = isWord(frame, 2, afterToken.tokenBytes);
    if (!isAfter && !isWord(frame, 2, beforeToken.tokenBytes)) return replyErrors.syntax;
    frame.choice[at.where] = isAfter ? AFTER : BEFORE;
    return null;
  },
  apply(shard, frame, out, at) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isListOrAbsent(shard, ref, out)) return;
    if (ref === 0) {
      out.integer(0);
      return;
    }
    const pivot = indexOfElement(shard, ref, frame.at[3] ?? 0, frame.bytes[3] ?? 0);
    if (pivot < 0) {
      out.integer(-1);
      return;
    }
    const index = frame.choice[at.where] === AFTER ? pivot + 1 : pivot;
    const bytes = frame.bytes[4] ?? 0;
    if (!reserveInsert(shard, ref, index, elementRoom(shard, bytes))) {
      out.error(replyErrors.arenaFull);
      return;
    }
    insertReserved(shard, ref, index, frame.at[4] ?? 0, bytes);
    commitElement(shard, frame, EffectOp.ListInsert, KeyEvent.LInsert, index, 4);
    out.integer(listCount(shard, ref));
  },
});

export const ltrim = defineCommand({
  name: 'LTRIM', group: 'list', since: '1.0.0',
  summary: 'Removes all elements of a list but those between two indices, both included.',
  complexity: 'O(log n + m); n = elements of the list, m = elements removed.',
  arity: 4,
  flags: Flag.Write,
  acl: ['list'],
  keys: [deletedKey],
  args: { key: arg.key(), start: arg.integer(), stop: arg.integer() },
  reply: reply.ok(),
  examples: [
    ['RPUSH log a b c d', ':4'], ['LTRIM log 1 -2', '+"OK"'],
    ['LRANGE log 0 -1', '*[$"b" $"c"]'], ['LTRIM log 5 9', '+"OK"'], ['EXISTS log', ':0'],
  ],
  parse: parseKeyRange,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isListOrAbsent(shard, ref, out)) return;
    if (ref !== 0) trim(shard, frame, ref);
    out.ok();
  },
});

function trim(shard: Shard, frame: ArgFrame, ref: number): void {
  const all = listCount(shard, ref);
  const from = rangeStart(frame.number[1] ?? 0, all);
  const end = rangeEnd(frame.number[2] ?? 0, all) + 1;
  if (from >= end) {
    removeElements(shard, ref, 0, all);
    commitRemoval(shard, frame, 1, 0, all, KeyEvent.LTrim);
    removeIfEmpty(shard, ref);
    return;
  }
  removeElements(shard, ref, end, all - end);
  removeElements(shard, ref, 0, from);
  // Announced also when everything stays, as in Redis.
  const { parts } = effectOfKey(shard, frame, 1, EffectOp.ListRemove, KeyEvent.LTrim);
  if (shard.journal.isHeard) {
    if (end < all) {
      parts.addNumber(end);
      parts.addNumber(all - end);
    }
    if (from > 0) {
      parts.addNumber(0);
      parts.addNumber(from);
    }
  }
  shard.commit();
}

export const lrem = defineCommand({
  name: 'LREM', group: 'list', since: '1.0.0',
  summary: 'Removes elements that equal the given one: so many from the head, or the tail, or all.',
  complexity: 'O(n); n = elements compared.',
  arity: 4,
  flags: Flag.Write,
  acl: ['list'],
  keys: [deletedKey],
  args: { key: arg.key(), count: arg.integer(), element: arg.bytes() },
  reply: reply.integer('elements removed'),
  examples: [
    ['RPUSH word a b a c a', ':5'], ['LREM word -2 a', ':2'],
    ['LRANGE word 0 -1', '*[$"a" $"b" $"c"]'], ['LREM word 0 x', ':0'],
  ],
  parse: parseLrem,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isListOrAbsent(shard, ref, out)) return;
    out.integer(ref === 0 ? 0 : removeEqual(shard, frame, ref));
  },
});

function parseLrem(frame: ArgFrame): ReplyError | null {
  return readInteger(frame, 1, 2) ? null : replyErrors.notInteger;
}

function removeEqual(shard: Shard, frame: ArgFrame, ref: number): number {
  const count = frame.number[1] ?? 0;
  const countMax = count === 0 ? Infinity : Math.abs(count);
  const { isHeard } = shard.journal;
  const effect = new RemovalEffect(shard, frame);
  const removed = removeMatches(
    shard, ref, frame.at[3] ?? 0, frame.bytes[3] ?? 0, countMax, count < 0,
    isHeard ? (index) => {
      effect.add(index);
    } : null,
  );
  if (removed === 0) return 0;
  if (!isHeard) effectOfKey(shard, frame, 1, EffectOp.ListRemove, KeyEvent.LRem);
  if (isHeard) effect.commit();
  else shard.commit();
  removeIfEmpty(shard, ref);
  return removed;
}

/** Entries that change the inside of lists. */
export const listEditCommands: readonly Command[] = [lset, linsert, ltrim, lrem];
