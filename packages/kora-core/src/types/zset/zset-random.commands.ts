/**
 * ZRANDMEMBER and ZSCAN. Choices are drawn by rank, so they are uniform whatever the encoding, from
 * the engine's generator; nothing is changed, so nothing is journalled.
 * A negative count draws with repetition; a positive one without: when it asks for much of the set
 * all ranks are shuffled as far as needed, else ranks are drawn until enough differ.
 * Cost: ZRANDMEMBER O(count log n), at worst O(n) more; ZSCAN O(COUNT) a step.
 */
import { doubleToText17 } from '../../bytes/number-text.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryKeyAt, entryKeyBytes } from '../../structs/entry.hot.ts';
import { memberScore } from '../../structs/member.hot.ts';
import {
  answersWhole, ElementMatcher, parseScanCursor, readScanOptions, scanArguments, scanCount,
  scanCursor, scanMembers, writeScanStep,
} from '../shared/collection-scan.ts';
import type { CollectionScanSlots } from '../shared/collection-scan.ts';
import { drawBelow, REPEATED_DRAWS_MAX, shuffleFront } from '../shared/draw.ts';
import { DRAW_SLOT, readDrawOptions, startDrawn } from '../shared/random-options.ts';
import { walk } from './zset-walk.ts';
import { dictOf, isPacked, isZsetOrAbsent, zsetCount } from './zset.ts';

/** A part of the set from which on all ranks are shuffled: one in so many. */
const SHUFFLED_SHARE = 3;

const accessedKey = [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })];
const withScores = arg.token('WITHSCORES');

export const zrandmember = defineCommand({
  name: 'ZRANDMEMBER', group: 'sorted_set', since: '6.2.0',
  summary: 'Returns members drawn by chance.',
  complexity: 'O(m log n); n = members of the set, m = members drawn.',
  arity: -2,
  flags: Flag.ReadOnly,
  acl: ['sortedset'],
  keys: accessedKey,
  tips: ['nondeterministic_output'],
  args: {
    key: arg.key(),
    options: arg
      .block({ count: arg.integer(), withscores: withScores.optional() })
      .optional(),
  },
  reply: oneReplyOf(
    reply.bulk('without a count: a member'),
    reply.null('without a count: the key does not exist'),
    reply.array('with a count: members, with scores where asked for; repeated if negative'),
  ),
  examples: [
    ['ZRANDMEMBER board', '_'], ['ZADD board 1 ada', ':1'], ['ZRANDMEMBER board', '$"ada"'],
    ['ZRANDMEMBER board -2', '*[$"ada" $"ada"]'],
  ],
  parse: parseZrandmember,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isZsetOrAbsent(shard, ref, out)) return;
    const count = ref === 0 ? 0 : zsetCount(shard, ref);
    if ((frame.index[DRAW_SLOT] ?? 0) === 0) {
      if (count === 0) out.null();
      else writeRank(shard, ref, drawBelow(shard.platform.chance, count), false, out);
      return;
    }
    const wanted = frame.number[DRAW_SLOT] ?? 0;
    if (wanted < -REPEATED_DRAWS_MAX) out.error(replyErrors.outOfRange);
    else if (count === 0 || wanted === 0) out.array(0);
    else if (wanted < 0) writeRepeated(shard, frame, ref, count, -wanted, out);
    else writeDistinct(shard, frame, ref, count, Math.min(wanted, count), out);
  },
});

function parseZrandmember(frame: ArgFrame): ReplyError | null {
  return readDrawOptions(frame, withScores.tokenBytes);
}

function writeRank(
  shard: Shard, ref: number, rank: number, showsScore: boolean, out: ReplySink,
): void {
  walk.open(shard, ref, rank, 1, false);
  walk.next();
  out.bulk(walk.at, walk.bytes);
  if (showsScore) out.double(walk.score());
}

function writeRepeated(
  shard: Shard, frame: ArgFrame, ref: number, count: number, wanted: number, out: ReplySink,
): void {
  const isNested = startDrawn(frame, wanted, out);
  const showsScore = frame.choice[DRAW_SLOT] === 1;
  for (let i = 0; i < wanted; i++) {
    if (isNested) out.array(2);
    writeRank(shard, ref, drawBelow(shard.platform.chance, count), showsScore, out);
  }
}

function writeDistinct(
  shard: Shard, frame: ArgFrame, ref: number, count: number, wanted: number, out: ReplySink,
): void {
  const isNested = startDrawn(frame, wanted, out);
  const showsScore = frame.choice[DRAW_SLOT] === 1;
  const ranks = wanted * SHUFFLED_SHARE >= count
    ? shuffledRanks(shard, count, wanted)
    : drawnRanks(shard, count, wanted);
  for (const rank of ranks) {
    if (isNested) out.array(2);
    writeRank(shard, ref, rank, showsScore, out);
  }
}

/** `wanted` ranks out of all; where all are wanted, in their order. */
function shuffledRanks(shard: Shard, count: number, wanted: number): Uint32Array {
  const ranks = new Uint32Array(count);
  for (let i = 0; i < count; i++) ranks[i] = i;
  if (wanted < count) shuffleFront(shard.platform.chance, ranks, count, wanted);
  return ranks.subarray(0, wanted);
}

/** `wanted` different ranks, a small part of all. */
function drawnRanks(shard: Shard, count: number, wanted: number): Set<number> {
  const ranks = new Set<number>();
  while (ranks.size < wanted) ranks.add(drawBelow(shard.platform.chance, count));
  return ranks;
}

// ------------------------------------------------------------------ ZSCAN

export const zscan = defineCommand({
  name: 'ZSCAN', group: 'sorted_set', since: '2.8.0',
  summary: 'Returns members and scores step by step; each reply names the cursor of the next step.',
  complexity: 'O(1) a step, O(n) a whole scan; n = members of the set.',
  arity: -3,
  flags: Flag.ReadOnly,
  acl: ['sortedset'],
  keys: accessedKey,
  tips: ['nondeterministic_output'],
  args: scanArguments,
  reply: reply.array('the next cursor, 0 at the end, and an array of members and scores'),
  examples: [
    ['ZADD board 1 ada 2 bob', ':2'],
    ['ZSCAN board 0 MATCH a*', '*[$"0" *[$"ada" $"1"]]'],
  ],
  parse: parseScanCursor,
  apply(shard, frame, out, at) {
    const ref = shard.keyspace.read(frame, 1);
    if (ref === 0) {
      writeScanStep(out, 0, 0);
      return;
    }
    if (!isZsetOrAbsent(shard, ref, out)) return;
    const error = readScanOptions(frame, at);
    if (error === null) scanStep(shard, frame, ref, at, out);
    else out.error(error);
  },
});

function scanStep(
  shard: Shard, frame: ArgFrame, ref: number, at: CollectionScanSlots, out: ReplySink,
): void {
  const matcher = new ElementMatcher(shard, frame, frame.index[at.pattern] ?? 0);
  if (answersWhole(shard, ref) || isPacked(shard, ref)) {
    scanWhole(shard, ref, matcher, out);
    return;
  }
  const members: number[] = [];
  const cursor = scanMembers(
    shard, dictOf(shard, ref), scanCursor(frame), scanCount(frame, at), members,
  );
  const { i32, f64 } = shard.memory;
  const met = matcher.matchesAll
    ? members
    : members.filter((member) =>
        matcher.matches(entryKeyAt(i32, member), entryKeyBytes(i32, member)));
  writeScanStep(out, cursor, met.length * 2);
  for (const member of met) {
    out.bulk(entryKeyAt(i32, member), entryKeyBytes(i32, member));
    out.bulkText(doubleToText17(memberScore(f64, member)));
  }
}

/** All members in their order, in one step. */
function scanWhole(
  shard: Shard, ref: number, matcher: ElementMatcher, out: ReplySink,
): void {
  const count = zsetCount(shard, ref);
  let met = count;
  if (!matcher.matchesAll) {
    met = 0;
    walk.open(shard, ref, 0, count, false);
    while (walk.next()) if (matcher.matches(walk.at, walk.bytes)) met++;
  }
  writeScanStep(out, 0, met * 2);
  walk.open(shard, ref, 0, count, false);
  while (walk.next()) {
    if (!matcher.matches(walk.at, walk.bytes)) continue;
    out.bulk(walk.at, walk.bytes);
    out.bulkText(doubleToText17(walk.score()));
  }
}

/** Commands that draw and scan. */
export const zsetRandomCommands: readonly Command[] = [zrandmember, zscan];
