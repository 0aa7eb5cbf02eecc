/**
 * Commands over ranges of a sorted set that answer with members: ZRANGE and the older names of its
 * forms. Members go out by the hundred in one call of the sink; with scores one by one.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { Shard } from '../../shard/shard.ts';
import { bounds, RANGE_NAME, RANGE_RANK, RANGE_SCORE } from './zset-range.ts';
import {
  DIRECTION_DOWN, DIRECTION_UP, FORM_OPEN, request,
} from './zset-range-request.ts';
import type { RangeForm } from './zset-range-request.ts';
import { walk, writeMembers } from './zset-walk.ts';
import { isZsetOrAbsent } from './zset.ts';

const readKey = [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })];
const limit = arg.block({ offset: arg.integer(), count: arg.integer() }, 'LIMIT').optional();
const withScores = arg.token('WITHSCORES').optional();
const rangeReply = oneReplyOf(
  reply.array('members in order; with WITHSCORES also their scores: in RESP3 as pairs'),
);

/** Arguments are read by the command. */
const parsePlaces = (frame: ArgFrame): null => {
  frame.index[0] = 1;
  return null;
};

function readForm(kind: number, direction: number): RangeForm {
  return Object.freeze({ sourceIndex: 1, kind, direction, isStore: false });
}

function answerRange(shard: Shard, frame: ArgFrame, out: ReplySink, form: RangeForm): void {
  const error = request.read(frame, form);
  if (error !== null) {
    out.error(error);
    return;
  }
  const ref = shard.keyspace.read(frame, 1);
  if (!isZsetOrAbsent(shard, ref, out)) return;
  if (ref === 0) {
    out.array(0);
    return;
  }
  const { isReverse } = request;
  bounds.resolve(shard, ref, isReverse);
  bounds.limit(request.offset, request.count, isReverse);
  const { count } = bounds;
  const first = isReverse ? bounds.to - 1 : bounds.from;
  if (request.withScores) {
    writePairs(shard, ref, first, count, isReverse, frame.client.resp === 3, out);
    return;
  }
  out.array(count);
  writeMembers(shard, ref, first, count, isReverse, out);
}

/**
 * Writes an array of members with scores, nested pairs or one after the other.
 * @param first rank of the first, counted from the lowest
 */
export function writePairs(
  shard: Shard, ref: number, first: number, count: number, isReverse: boolean, isNested: boolean,
  out: ReplySink,
): void {
  out.array(isNested ? count : count * 2);
  walk.open(shard, ref, first, count, isReverse);
  while (walk.next()) {
    if (isNested) out.array(2);
    out.bulk(walk.at, walk.bytes);
    out.double(walk.score());
  }
}

// ------------------------------------------------------------------ ZRANGE

const openForm = readForm(FORM_OPEN, FORM_OPEN);

export const zrange = defineCommand({
  name: 'ZRANGE', group: 'sorted_set', since: '1.2.0',
  summary: 'Returns members of a sorted set in a range of ranks, scores or names.',
  complexity: 'O(log n + m); n = members of the set, m = members returned.',
  arity: -4,
  flags: Flag.ReadOnly,
  acl: ['sortedset'],
  keys: readKey,
  history: [['6.2.0', 'Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.']],
  args: {
    key: arg.key(), start: arg.bytes(), stop: arg.bytes(),
    sortby: arg.oneOf('BYSCORE', 'BYLEX').optional().documented({ since: '6.2.0' }),
    rev: arg.token('REV').optional().documented({ since: '6.2.0' }),
    offset_count: limit.documented({ since: '6.2.0' }), withscores: withScores,
  },
  reply: rangeReply,
  examples: [
    ['ZADD board 1 ada 2 bob 3 cid', ':3'],
    ['ZRANGE board 0 -2', '*[$"ada" $"bob"]'],
    ['ZRANGE board (3 1 BYSCORE REV LIMIT 0 1', '*[$"bob"]'],
  ],
  parse: parsePlaces,
  apply(shard, frame, out) {
    answerRange(shard, frame, out, openForm);
  },
});

// ------------------------------------------------------------------ its older names

const downForm = readForm(RANGE_RANK, DIRECTION_DOWN);

export const zrevrange = defineCommand({
  name: 'ZREVRANGE', group: 'sorted_set', since: '1.2.0',
  summary: 'Returns members in a range of ranks counted from the highest score.',
  deprecated: { since: '6.2.0', replacedBy: '`ZRANGE` with the `REV` argument' },
  complexity: 'O(log n + m); n = members of the set, m = members returned.',
  arity: -4,
  flags: Flag.ReadOnly,
  acl: ['sortedset'],
  keys: readKey,
  args: { key: arg.key(), start: arg.integer(), stop: arg.integer(), withscores: withScores },
  reply: rangeReply,
  examples: [['ZADD board 1 ada 2 bob', ':2'], ['ZREVRANGE board 0 0', '*[$"bob"]']],
  parse: parsePlaces,
  apply(shard, frame, out) {
    answerRange(shard, frame, out, downForm);
  },
});

const scoreForm = readForm(RANGE_SCORE, DIRECTION_UP);

export const zrangebyscore = defineCommand({
  name: 'ZRANGEBYSCORE', group: 'sorted_set', since: '1.0.5',
  summary: 'Returns members with scores in a range.',
  deprecated: { since: '6.2.0', replacedBy: '`ZRANGE` with the `BYSCORE` argument' },
  complexity: 'O(log n + m); n = members of the set, m = members returned.',
  arity: -4,
  flags: Flag.ReadOnly,
  acl: ['sortedset'],
  keys: readKey,
  history: [['2.0.0', 'Added the `WITHSCORES` modifier.']],
  args: {
    key: arg.key(), min: arg.double(), max: arg.double(),
    withscores: withScores.documented({ since: '2.0.0' }), offset_count: limit,
  },
  reply: rangeReply,
  examples: [
    ['ZADD board 1 ada 2 bob', ':2'],
    ['ZRANGEBYSCORE board (1 +inf', '*[$"bob"]'],
  ],
  parse: parsePlaces,
  apply(shard, frame, out) {
    answerRange(shard, frame, out, scoreForm);
  },
});

const scoreDownForm = readForm(RANGE_SCORE, DIRECTION_DOWN);

export const zrevrangebyscore = defineCommand({
  name: 'ZREVRANGEBYSCORE', group: 'sorted_set', since: '2.2.0',
  summary: 'Returns members with scores in a range, the highest first.',
  deprecated: { since: '6.2.0', replacedBy: '`ZRANGE` with the `REV` and `BYSCORE` arguments' },
  complexity: 'O(log n + m); n = members of the set, m = members returned.',
  arity: -4,
  flags: Flag.ReadOnly,
  acl: ['sortedset'],
  keys: readKey,
  history: [['2.1.6', '`min` and `max` can be exclusive.']],
  args: {
    key: arg.key(), max: arg.double(), min: arg.double(), withscores: withScores,
    offset_count: limit,
  },
  reply: rangeReply,
  examples: [
    ['ZADD board 1 ada 2 bob 3 cid', ':3'],
    ['ZREVRANGEBYSCORE board 2 -inf LIMIT 1 1', '*[$"ada"]'],
  ],
  parse: parsePlaces,
  apply(shard, frame, out) {
    answerRange(shard, frame, out, scoreDownForm);
  },
});

const nameForm = readForm(RANGE_NAME, DIRECTION_UP);

export const zrangebylex = defineCommand({
  name: 'ZRANGEBYLEX', group: 'sorted_set', since: '2.8.9',
  summary: 'Returns members in a range of names, of a set whose scores are all the same.',
  deprecated: { since: '6.2.0', replacedBy: '`ZRANGE` with the `BYLEX` argument' },
  complexity: 'O(log n + m); n = members of the set, m = members returned.',
  arity: -4,
  flags: Flag.ReadOnly,
  acl: ['sortedset'],
  keys: readKey,
  args: { key: arg.key(), min: arg.bytes(), max: arg.bytes(), offset_count: limit },
  reply: rangeReply,
  examples: [
    ['ZADD names 0 ada 0 bob', ':2'],
    ['ZRANGEBYLEX names [b +', '*[$"bob"]'],
  ],
  parse: parsePlaces,
  apply(shard, frame, out) {
    answerRange(shard, frame, out, nameForm);
  },
});

const nameDownForm = readForm(RANGE_NAME, DIRECTION_DOWN);

export const zrevrangebylex = defineCommand({
  name: 'ZREVRANGEBYLEX', group: 'sorted_set', since: '2.8.9',
  summary: 'Returns members in a range of names, the highest first.',
  deprecated: { since: '6.2.0', replacedBy: '`ZRANGE` with the `REV` and `BYLEX` arguments' },
  complexity: 'O(log n + m); n = members of the set, m = members returned.',
  arity: -4,
  flags: Flag.ReadOnly,
  acl: ['sortedset'],
  keys: readKey,
  args: { key: arg.key(), max: arg.bytes(), min: arg.bytes(), offset_count: limit },
  reply: rangeReply,
  examples: [
    ['ZADD names 0 ada 0 bob', ':2'],
    ['ZREVRANGEBYLEX names + -', '*[$"bob" $"ada"]'],
  ],
  parse: parsePlaces,
  apply(shard, frame, out) {
    answerRange(shard, frame, out, nameDownForm);
  },
});

/** Commands that read ranges. */
export const zsetRangeCommands: readonly Command[] = [
  zrange, zrevrange, zrangebyscore, zrevrangebyscore, zrangebylex, zrevrangebylex,
];
