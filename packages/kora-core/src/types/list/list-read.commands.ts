/**
 * The commands that only read a list: LLEN LINDEX LRANGE LPOS. None walks more of a long list than
 * it answers, but for LPOS, which compares elements until it has enough.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKey, parseKeyAndOne, parseKeyRange } from '../../command/positional.hot.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import type { Shard } from '../../shard/shard.ts';
import { isListOrAbsent, listErrors } from './list-errors.ts';
import { writeElements } from './list-reply.ts';
import { positionsOf } from './list-search.ts';
import { findElement, listCount, place } from './list.ts';

const lengthKey = keysAt({ first: 1, last: 1, step: 1, access: 'RO' });
const readKey = keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' });
const INT32_MIN = -0x8000_0000;

export const llen = defineCommand({
  name: 'LLEN', group: 'list', since: '1.0.0',
  summary: 'Returns the number of elements of a list.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['list'],
  keys: [lengthKey],
  args: { key: arg.key() },
  reply: reply.integer('elements; 0 when there is no such list'),
  examples: [['RPUSH queue a b', ':2'], ['LLEN queue', ':2'], ['LLEN nosuch', ':0']],
  parse: parseKey,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (isListOrAbsent(shard, ref, out)) out.integer(ref === 0 ? 0 : listCount(shard, ref));
  },
});

export const lindex = defineCommand({
  name: 'LINDEX', group: 'list', since: '1.0.0',
  summary: 'Returns an element of a list by its index; negative ones count from the end.',
  complexity: 'O(log n); n = elements of the list. O(1) at its ends.',
  arity: 3,
  flags: Flag.ReadOnly,
  acl: ['list'],
  keys: [readKey],
  args: { key: arg.key(), index: arg.integer() },
  reply: oneReplyOf(reply.bulk('the element'), reply.null('there is none')),
  examples: [
    ['RPUSH queue a b c', ':3'], ['LINDEX queue 0', '$"a"'], ['LINDEX queue -1', '$"c"'],
    ['LINDEX queue 3', '_'],
  ],
  parse: parseKeyAndOne,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isListOrAbsent(shard, ref, out)) return;
    if (ref === 0) {
      out.null();
      return;
    }
    if (!readInteger(frame, 1, 2)) {
      out.error(replyErrors.notInteger);
      return;
    }
    const all = listCount(shard, ref);
    const given = frame.number[1] ?? 0;
    const index = given < 0 ? given + all : given;
    if (index < 0 || index >= all) {
      out.null();
      return;
    }
    findElement(shard, ref, index);
    out.bulk(place.at, place.bytes);
  },
});

export const lrange = defineCommand({
  name: 'LRANGE', group: 'list', since: '1.0.0',
  summary: 'Returns the elements of a list between two indices, both included.',
  complexity: 'O(log n + m); n = elements of the list, m = elements returned.',
  arity: 4,
  flags: Flag.ReadOnly,
  acl: ['list'],
  keys: [readKey],
  args: { key: arg.key(), start: arg.integer(), stop: arg.integer() },
  reply: reply.array('elements, first to last; none outside of the list'),
  examples: [
    ['RPUSH queue a b c', ':3'], ['LRANGE queue 0 -1', '*[$"a" $"b" $"c"]'],
    ['LRANGE queue -2 1', '*[$"b"]'], ['LRANGE queue 5 9', '*[]'],
  ],
  parse: parseKeyRange,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isListOrAbsent(shard, ref, out)) return;
    const all = ref === 0 ? 0 : listCount(shard, ref);
    const from = rangeStart(frame.number[1] ?? 0, all);
    const count = Math.max(0, rangeEnd(frame.number[2] ?? 0, all) - from + 1);
    out.array(count);
    if (count > 0) writeElements(shard, ref, from, count, out);
  },
});

/** First index that a range means in a list of `all` elements; may lie behind its end. */
export function rangeStart(start: number, all: number): number {
  return Math.max(0, start < 0 ? start + all : start);
}

/** Last index that a range means, at most the last of the list; -1 and below: before its start. */
export function rangeEnd(stop: number, all: number): number {
  return Math.min(stop < 0 ? stop + all : stop, all - 1);
}

const rankOption = arg.integer('RANK');
const countOption = arg.integer('COUNT');
const lengthOption = arg.integer('MAXLEN');

interface LposSlots {
  readonly rank: number;
  readonly numMatches: number;
  readonly len: number;
}

export const lpos = defineCommand({
  name: 'LPOS', group: 'list', since: '6.0.6',
  summary: 'Returns where an element stands in a list.',
  complexity: 'O(n); n = elements compared, at most MAXLEN.',
  arity: -3,
  flags: Flag.ReadOnly,
  acl: ['list'],
  keys: [readKey],
  args: {
    key: arg.key(),
    element: arg.bytes(),
    rank: rankOption.optional(),
    numMatches: countOption.optional(),
    len: lengthOption.optional(),
  },
  reply: oneReplyOf(
    reply.integer('index of the match'), reply.null('there is none'),
    reply.array('with COUNT: indices of the matches'),
  ),
  examples: [
    ['RPUSH word a b a a', ':4'], ['LPOS word a', ':0'], ['LPOS word a RANK -1', ':3'],
    ['LPOS word a COUNT 2 RANK 2', '*[:2 :3]'], ['LPOS word x', '_'],
  ],
  // The options are read in order: which error comes first depends on it.
  parse: parseLpos,
  apply(shard, frame, out, at) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isListOrAbsent(shard, ref, out)) return;
    if ((frame.index[at.numMatches] ?? 0) === 0) {
      const [index] = ref === 0 ? [] : findPositions(shard, ref, frame, at, 1);
      if (index === undefined) out.null();
      else out.integer(index);
      return;
    }
    const wanted = frame.number[at.numMatches] ?? 0;
    writeIndices(ref === 0 ? [] : findPositions(shard, ref, frame, at, wanted), out);
  },
});

function parseLpos(frame: ArgFrame, at: LposSlots): ReplyError | null {
  for (const slot of [at.rank, at.numMatches, at.len]) frame.index[slot] = 0;
  for (let i = 3; i < frame.count; i += 2) {
    const value = i + 1;
    if (value >= frame.count) return replyErrors.syntax;
    if (isWord(frame, i, rankOption.tokenBytes)) {
      if (!readInteger(frame, at.rank, value)) return replyErrors.notInteger;
      if (frame.number[at.rank] === 0) return listErrors.rankZero;
      frame.index[at.rank] = value;
    } else if (isWord(frame, i, countOption.tokenBytes)) {
      if (!readNotNegative(frame, at.numMatches, value)) return listErrors.countNegative;
    } else if (isWord(frame, i, lengthOption.tokenBytes)) {
      if (!readNotNegative(frame, at.len, value)) return listErrors.lengthNegative;
    } else {
      return replyErrors.syntax;
    }
  }
  return null;
}

function readNotNegative(frame: ArgFrame, slot: number, i: number): boolean {
  if (!readInteger(frame, slot, i) || (frame.high[slot] ?? 0) < 0) return false;
  frame.index[slot] = i;
  return true;
}

/** Indices of matches in the list, `wanted` at most; 0 = all. */
function findPositions(
  shard: Shard, ref: number, frame: ArgFrame, at: LposSlots, wanted: number,
): number[] {
  const hasRank = (frame.index[at.rank] ?? 0) !== 0;
  const hasCount = (frame.index[at.numMatches] ?? 0) !== 0;
  const rank = hasRank ? (frame.number[at.rank] ?? 1) : 1;
  // Redis negates the lowest rank to itself, below every number of matches: it skips none, and what
  // it then takes for the number of matches so far never reaches COUNT.
  const isLowest = hasRank && frame.high[at.rank] === INT32_MIN && frame.low[at.rank] === 0;
  const length = (frame.index[at.len] ?? 0) === 0 ? 0 : (frame.number[at.len] ?? 0);
  return positionsOf(shard, ref, frame.at[2] ?? 0, frame.bytes[2] ?? 0, {
    skip: isLowest ? 0 : Math.abs(rank) - 1,
    isBackward: rank < 0,
    count: wanted === 0 || (isLowest && hasCount) ? Infinity : wanted,
    lengthMax: length === 0 ? Infinity : length,
  });
}

function writeIndices(indices: readonly number[], out: ReplySink): void {
  out.array(indices.length);
  for (const index of indices) out.integer(index);
}

/** Entries that read lists. */
export const listReadCommands: readonly Command[] = [llen, lindex, lrange, lpos];
