/**
 * The everyday commands of sorted sets: members and their scores one by one. Each checks
 * everything, prepares (which reserves), changes, commits one effect and writes one reply.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readDouble } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { replyErrors, wrongArity } from '../../errors/reply-error.ts';
import { removeIfEmpty } from '../../keyspace/collection-entry.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { isZaddOption, parseZadd, zaddArguments } from './zadd-parse.hot.ts';
import { zsetErrors } from './zset-errors.ts';
import {
  ADD_INCREMENT, ADD_NX, ADD_XX, ADDED, found, MOVED, NOT_A_NUMBER, REFUSED,
} from './zset-layout.ts';
import { bounds, RANGE_NAME, RANGE_SCORE } from './zset-range.ts';
import {
  findMember, isPacked, isZsetOrAbsent, prepareAdd, rankOfFound, removeFound, zsetAdd, zsetCount,
} from './zset.ts';

const readFlags = Flag.ReadOnly | Flag.Fast;
const writeFlags = Flag.Write | Flag.DenyOom | Flag.Fast;
const readKey = [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })];

const withScoreWord = Uint8Array.from('WITHSCORE', (letter) => letter.charCodeAt(0));

/** Arguments are places; the commands read them themselves. */
const parsePlaces = (frame: ArgFrame): null => {
  frame.index[0] = 1;
  return null;
};

// ------------------------------------------------------------------ ZADD and ZINCRBY

export const zadd = defineCommand({
  name: 'ZADD', group: 'sorted_set', since: '1.2.0',
  summary: 'Adds members to a sorted set or gives members of it another score.',
  complexity: 'O(log n) per member; n = members of the set.',
  arity: -4,
  flags: writeFlags,
  acl: ['sortedset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
  history: [
    ['2.4.0', 'Accepts multiple elements.'],
    ['3.0.2', 'Added the `XX`, `NX`, `CH` and `INCR` options.'],
    ['6.2.0', 'Added the `GT` and `LT` options.'],
  ],
  args: {
    key: arg.key(),
    condition: arg.oneOf('NX', 'XX').optional().documented({ since: '3.0.2' }),
    comparison: arg.oneOf('GT', 'LT').optional().documented({ since: '6.2.0' }),
    change: arg.token('CH').optional().documented({ since: '3.0.2' }),
    increment: arg.token('INCR').optional().documented({ since: '3.0.2' }),
    score_member: arg.repeat({ score: arg.double(), member: arg.bytes() }),
  },
  reply: oneReplyOf(
    reply.integer('members that are new; with CH also those whose score changed'),
    reply.double('with INCR: the score afterwards'),
    reply.null('with INCR: a condition refused'),
  ),
  examples: [
    ['ZADD board 1 ada 2 bob', ':2'],
    ['ZADD board CH XX 5 ada 9 cid', ':1'],
    ['ZADD board INCR 2 bob', '$"4"'],
    ['ZADD board NX INCR 2 bob', '_'],
  ],
  parse: parseZadd,
  apply(shard, frame, out) {
    const { flags, first, pairs, scores } = zaddArguments;
    const ref = shard.keyspace.write(frame, 1);
    if (!isZsetOrAbsent(shard, ref, out)) return;
    const isIncrement = (flags & ADD_INCREMENT) !== 0;
    if (ref === 0 && (flags & ADD_XX) !== 0) {
      if (isIncrement) out.null();
      else out.integer(0);
      return;
    }
    if (isIncrement) {
      incrementOne(shard, frame, out, ref, first, scores.values[0] ?? 0, flags);
      return;
    }
    const entry = prepareScores(shard, frame, ref, first + 1, pairs);
    if (entry === 0) {
      out.error(replyErrors.arenaFull);
      return;
    }
    const changed = addPairs(shard, frame, entry, KeyEvent.ZAdd);
    out.integer(zaddArguments.countsChanged ? changed : added.count);
  },
});

/** Members that the last {@link addPairs} added. */
const added = { count: 0 };

/** {@link prepareAdd} for members at arguments `first`, `first + 2` ...; the entry or 0. */
function prepareScores(
  shard: Shard, frame: ArgFrame, ref: number, first: number, pairs: number,
): number {
  if (pairs === 1 && ref !== 0 && isPacked(shard, ref)) {
    // A member that is in a pack moves inside it: no memory is needed.
    if (findMember(shard, ref, frame.at[first] ?? 0, frame.bytes[first] ?? 0)) return ref;
  }
  let memberBytes = 0;
  let longest = 0;
  for (let i = first; i < first + pairs * 2; i += 2) {
    const bytes = frame.bytes[i] ?? 0;
    memberBytes += bytes;
    if (bytes > longest) longest = bytes;
  }
  return prepareAdd(
    shard, ref, frame.at[1] ?? 0, frame.bytes[1] ?? 0, pairs, memberBytes, longest,
  );
}

/** Adds the pairs of ZADD and commits. @returns members added and moved */
function addPairs(shard: Shard, frame: ArgFrame, ref: number, event: number): number {
  const { flags, first, pairs, scores } = zaddArguments;
  const effect = effectOfKey(shard, frame, 1, EffectOp.ScoredPut, event);
  let changed = 0;
  added.count = 0;
  for (let pair = 0; pair < pairs; pair++) {
    const at = frame.at[first + pair * 2 + 1] ?? 0;
    const bytes = frame.bytes[first + pair * 2 + 1] ?? 0;
    const outcome = zsetAdd(shard, ref, at, bytes, scores.values[pair] ?? 0, flags);
    if (outcome === ADDED) added.count++;
    if (outcome !== ADDED && outcome !== MOVED) continue;
    changed++;
    if (shard.journal.isHeard) {
      effect.parts.addNumber(found.score[0] ?? 0);
      effect.parts.add(at, bytes);
    }
  }
  if (changed > 0) shard.commit();
  return changed;
}

/** ZADD INCR and ZINCRBY: one pair, whose score argument stands before its member. */
function incrementOne(
  shard: Shard, frame: ArgFrame, out: ReplySink, ref: number, scoreIndex: number,
  increment: number, flags: number,
): void {
  const at = frame.at[scoreIndex + 1] ?? 0;
  const bytes = frame.bytes[scoreIndex + 1] ?? 0;
  const isThere = ref !== 0 && findMember(shard, ref, at, bytes);
  if (isThere && Number.isNaN((found.score[0] ?? 0) + increment)) {
    // NX comes before the sum.
    if ((flags & ADD_NX) === 0) out.error(zsetErrors.notANumber);
    else out.null();
    return;
  }
  const entry = prepareScores(shard, frame, ref, scoreIndex + 1, 1);
  if (entry === 0) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const effect = effectOfKey(shard, frame, 1, EffectOp.ScoredPut, KeyEvent.ZIncr);
  const outcome = zsetAdd(shard, entry, at, bytes, increment, flags);
  if (outcome === REFUSED || outcome === NOT_A_NUMBER) {
    out.null();
    return;
  }
  if (outcome === ADDED || outcome === MOVED) {
    if (shard.journal.isHeard) {
      effect.parts.addNumber(found.score[0] ?? 0);
      effect.parts.add(at, bytes);
    }
    shard.commit();
  }
  out.double(found.score[0] ?? 0);
}

export const zincrby = defineCommand({
  name: 'ZINCRBY', group: 'sorted_set', since: '1.2.0',
  summary: 'Adds to the score of a member; an absent member had 0.',
  complexity: 'O(log n); n = members of the set.',
  arity: 4,
  flags: writeFlags,
  acl: ['sortedset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: ['access', 'update'] })],
  args: { key: arg.key(), increment: arg.integer(), member: arg.bytes() },
  reply: reply.double('the score afterwards'),
  examples: [['ZADD board 1 ada', ':1'], ['ZINCRBY board 1.5 ada', '$"2.5"']],
  parse: parsePlaces,
  apply(shard, frame, out) {
    // Redis reads it as ZADD INCR, so an option in the increment's place is one.
    if (isZaddOption(frame, 2)) {
      out.error(replyErrors.syntax);
      return;
    }
    const increment = readDouble(frame, 2);
    if (increment === undefined) {
      out.error(replyErrors.notFloat);
      return;
    }
    const ref = shard.keyspace.write(frame, 1);
    if (!isZsetOrAbsent(shard, ref, out)) return;
    incrementOne(shard, frame, out, ref, 2, increment, ADD_INCREMENT);
  },
});

// ------------------------------------------------------------------ removing

export const zrem = defineCommand({
  name: 'ZREM', group: 'sorted_set', since: '1.2.0',
  summary: 'Removes members from a sorted set.',
  complexity: 'O(log n) per member; n = members of the set.',
  arity: -3,
  flags: Flag.Write | Flag.Fast,
  acl: ['sortedset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'delete' })],
  history: [['2.4.0', 'Accepts multiple elements.']],
  args: { key: arg.key(), member: arg.repeat(arg.bytes()) },
  reply: reply.integer('members that were removed'),
  examples: [['ZADD board 1 ada 2 bob', ':2'], ['ZREM board ada eve', ':1']],
  parse: parsePlaces,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isZsetOrAbsent(shard, ref, out)) return;
    if (ref === 0) {
      out.integer(0);
      return;
    }
    const effect = effectOfKey(shard, frame, 1, EffectOp.ScoredRemove, KeyEvent.ZRem);
    let removed = 0;
    for (let i = 2; i < frame.count; i++) {
      if (!findMember(shard, ref, frame.at[i] ?? 0, frame.bytes[i] ?? 0)) continue;
      removeFound(shard, ref);
      removed++;
      if (shard.journal.isHeard) effect.parts.add(frame.at[i] ?? 0, frame.bytes[i] ?? 0);
      if (zsetCount(shard, ref) === 0) break;
    }
    if (removed > 0) {
      shard.commit();
      removeIfEmpty(shard, ref);
    }
    out.integer(removed);
  },
});

// ------------------------------------------------------------------ reading

export const zcard = defineCommand({
  name: 'ZCARD', group: 'sorted_set', since: '1.2.0',
  summary: 'Returns the number of members of a sorted set.',
  complexity: 'O(1)',
  arity: 2,
  flags: readFlags,
  acl: ['sortedset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO' })],
  args: { key: arg.key() },
  reply: reply.integer('members; 0 when the key does not exist'),
  examples: [['ZADD board 1 ada 2 bob', ':2'], ['ZCARD board', ':2'], ['ZCARD nosuch', ':0']],
  parse: parsePlaces,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isZsetOrAbsent(shard, ref, out)) return;
    out.integer(ref === 0 ? 0 : zsetCount(shard, ref));
  },
});

export const zscore = defineCommand({
  name: 'ZSCORE', group: 'sorted_set', since: '1.2.0',
  summary: 'Returns the score of a member.',
  complexity: 'O(1)',
  arity: 3,
  flags: readFlags,
  acl: ['sortedset'],
  keys: readKey,
  args: { key: arg.key(), member: arg.bytes() },
  reply: oneReplyOf(reply.double('the score'), reply.null('there is no such member or key')),
  examples: [
    ['ZADD board 1.5 ada', ':1'], ['ZSCORE board ada', '$"1.5"'], ['ZSCORE board eve', '_'],
  ],
  parse: parsePlaces,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isZsetOrAbsent(shard, ref, out)) return;
    writeScoreOf(shard, frame, ref, 2, out);
  },
});

function writeScoreOf(
  shard: Shard, frame: ArgFrame, ref: number, i: number, out: ReplySink,
): void {
  const isThere = ref !== 0 && findMember(shard, ref, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
  if (isThere) out.double(found.score[0] ?? 0);
  else out.null();
}

export const zmscore = defineCommand({
  name: 'ZMSCORE', group: 'sorted_set', since: '6.2.0',
  summary: 'Returns the scores of members.',
  complexity: 'O(1) per member.',
  arity: -3,
  flags: readFlags,
  acl: ['sortedset'],
  keys: readKey,
  args: { key: arg.key(), member: arg.repeat(arg.bytes()) },
  reply: reply.array('for each member its score, or null'),
  examples: [['ZADD board 1.5 ada', ':1'], ['ZMSCORE board ada eve', '*[$"1.5" _]']],
  parse: parsePlaces,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isZsetOrAbsent(shard, ref, out)) return;
    out.array(frame.count - 2);
    for (let i = 2; i < frame.count; i++) writeScoreOf(shard, frame, ref, i, out);
  },
});

const rankArguments = {
  key: arg.key(), member: arg.bytes(),
  withscore: arg.token('WITHSCORE').optional().documented({ since: '7.2.0' }),
};
const rankReply = oneReplyOf(
  reply.integer('the 0-based rank'),
  reply.array('with WITHSCORE: the rank and the score'),
  reply.null('there is no such member or key'),
  reply.nullArray('the same with WITHSCORE'),
);

export const zrank = defineCommand({
  name: 'ZRANK', group: 'sorted_set', since: '2.0.0',
  summary: 'Returns how many members stand before a member.',
  complexity: 'O(log n); n = members of the set.',
  arity: -3,
  flags: readFlags,
  acl: ['sortedset'],
  keys: readKey,
  history: [['7.2.0', 'Added the optional `WITHSCORE` argument.']],
  args: rankArguments,
  reply: rankReply,
  examples: [
    ['ZADD board 1 ada 2 bob', ':2'], ['ZRANK board bob', ':1'],
    ['ZRANK board bob WITHSCORE', '*[:1 $"2"]'],
  ],
  parse: parsePlaces,
  apply(shard, frame, out) {
    writeRank(shard, frame, out, false, zrankArity);
  },
});

export const zrevrank = defineCommand({
  name: 'ZREVRANK', group: 'sorted_set', since: '2.0.0',
  summary: 'Returns how many members stand behind a member.',
  complexity: 'O(log n); n = members of the set.',
  arity: -3,
  flags: readFlags,
  acl: ['sortedset'],
  keys: readKey,
  history: [['7.2.0', 'Added the optional `WITHSCORE` argument.']],
  args: rankArguments,
  reply: rankReply,
  examples: [['ZADD board 1 ada 2 bob', ':2'], ['ZREVRANK board bob', ':0']],
  parse: parsePlaces,
  apply(shard, frame, out) {
    writeRank(shard, frame, out, true, zrevrankArity);
  },
});

const zrankArity = wrongArity('zrank');
const zrevrankArity = wrongArity('zrevrank');

function writeRank(
  shard: Shard, frame: ArgFrame, out: ReplySink, isReverse: boolean,
  tooMany: typeof zrankArity,
): void {
  if (frame.count > 4) {
    out.error(tooMany);
    return;
  }
  const withScore = frame.count === 4;
  if (withScore && !isWord(frame, 3, withScoreWord)) {
    out.error(replyErrors.syntax);
    return;
  }
  const ref = shard.keyspace.read(frame, 1);
  if (!isZsetOrAbsent(shard, ref, out)) return;
  if (ref === 0 || !findMember(shard, ref, frame.at[2] ?? 0, frame.bytes[2] ?? 0)) {
    if (withScore) out.nullArray();
    else out.null();
    return;
  }
  const rank = rankOfFound(shard, ref);
  if (withScore) out.array(2);
  out.integer(isReverse ? zsetCount(shard, ref) - 1 - rank : rank);
  if (withScore) out.double(found.score[0] ?? 0);
}

// ------------------------------------------------------------------ counting

export const zcount = defineCommand({
  name: 'ZCOUNT', group: 'sorted_set', since: '2.0.0',
  summary: 'Counts the members with scores in a range.',
  complexity: 'O(log n); n = members of the set.',
  arity: 4,
  flags: readFlags,
  acl: ['sortedset'],
  keys: readKey,
  args: { key: arg.key(), min: arg.double(), max: arg.double() },
  reply: reply.integer('members in the range'),
  examples: [['ZADD board 1 ada 2 bob 3 cid', ':3'], ['ZCOUNT board (1 3', ':2']],
  parse: parsePlaces,
  apply(shard, frame, out) {
    countRange(shard, frame, out, RANGE_SCORE);
  },
});

export const zlexcount = defineCommand({
  name: 'ZLEXCOUNT', group: 'sorted_set', since: '2.8.9',
  summary: 'Counts the members in a range of names, in a set whose scores are all the same.',
  complexity: 'O(log n); n = members of the set.',
  arity: 4,
  flags: readFlags,
  acl: ['sortedset'],
  keys: readKey,
  args: { key: arg.key(), min: arg.bytes(), max: arg.bytes() },
  reply: reply.integer('members in the range'),
  examples: [['ZADD names 0 ada 0 bob 0 cid', ':3'], ['ZLEXCOUNT names [b +', ':2']],
  parse: parsePlaces,
  apply(shard, frame, out) {
    countRange(shard, frame, out, RANGE_NAME);
  },
});

function countRange(shard: Shard, frame: ArgFrame, out: ReplySink, kind: number): void {
  const error = bounds.read(frame, kind, 2, 3);
  if (error !== null) {
    out.error(error);
    return;
  }
  const ref = shard.keyspace.read(frame, 1);
  if (!isZsetOrAbsent(shard, ref, out)) return;
  if (ref !== 0) bounds.resolve(shard, ref, false);
  out.integer(ref === 0 ? 0 : bounds.count);
}

/** Commands of single members. */
export const zsetCommands: readonly Command[] = [
  zadd, zincrby, zrem, zcard, zscore, zmscore, zrank, zrevrank, zcount, zlexcount,
];
