/**
 * HRANDFIELD and HSCAN. Choices are uniform over the living fields and come from the engine's
 * generator; nothing is changed, so nothing is journalled.
 * A negative count draws with repetition, one by one; a positive one without: when it asks for much
 * of the hash, or when fields are due but not freed, all places are collected and shuffled as far
 * as needed, else places are drawn until enough differ.
 * Cost: HRANDFIELD O(count), at worst O(n); HSCAN O(COUNT) a step.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryEncoding, entryRoot } from '../../structs/entry.hot.ts';
import {
  allMembers, answersWhole, ElementMatcher, parseScanCursor, readScanOptions, scanArguments,
  scanCount, scanCursor, scanMembers, writeScanStep,
} from '../shared/collection-scan.ts';
import type { CollectionScanSlots } from '../shared/collection-scan.ts';
import { drawBelow, REPEATED_DRAWS_MAX, shuffleFront } from '../shared/draw.ts';
import { DRAW_SLOT, readDrawOptions, startDrawn } from '../shared/random-options.ts';
import { HASH_PACK } from './hash-layout.ts';
import {
  collectPlaces, placeFieldAt, placeFieldBytes, SHOW_BOTH, SHOW_FIELD, writePlace,
} from './hash-walk.ts';
import { dictHeader, hashCount, isHashOrAbsent, isMemberDue } from './hash.ts';

/** A part of the hash from which on all places are collected: one in so many. */
const COLLECTED_SHARE = 3;

const accessedKey = [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })];
const withValues = arg.token('WITHVALUES');
const noValues = arg.token('NOVALUES');

export const hrandfield = defineCommand({
  name: 'HRANDFIELD', group: 'hash', since: '6.2.0',
  summary: 'Returns fields drawn by chance.',
  complexity: 'O(n); n = fields drawn.',
  arity: -2,
  flags: Flag.ReadOnly,
  acl: ['hash'],
  keys: accessedKey,
  tips: ['nondeterministic_output'],
  args: {
    key: arg.key(),
    options: arg
      .block({ count: arg.integer(), withvalues: withValues.optional() })
      .optional(),
  },
  reply: oneReplyOf(
    reply.bulk('without a count: a field'),
    reply.null('without a count: the key does not exist'),
    reply.array('with a count: fields, with their values where asked for; repeated if negative'),
  ),
  examples: [
    ['HRANDFIELD ada', '_'],
    ['HSET ada city London', ':1'],
    ['HRANDFIELD ada', '$"city"'],
    ['HRANDFIELD ada 5', '*[$"city"]'],
    ['HRANDFIELD ada -2', '*[$"city" $"city"]'],
  ],
  parse: parseHrandfield,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isHashOrAbsent(shard, ref, out)) return;
    const count = ref === 0 ? 0 : hashCount(shard, ref);
    if ((frame.index[DRAW_SLOT] ?? 0) === 0) {
      if (count === 0) out.null();
      else writePlace(shard, ref, drawPlace(shard, ref, count), SHOW_FIELD, out);
      return;
    }
    const wanted = frame.number[DRAW_SLOT] ?? 0;
    if (wanted < -REPEATED_DRAWS_MAX) out.error(replyErrors.outOfRange);
    else if (count === 0 || wanted === 0) out.array(0);
    else if (wanted < 0) writeRepeated(shard, frame, ref, count, -wanted, out);
    else writeDistinct(shard, frame, ref, count, Math.min(wanted, count), out);
  },
});

function parseHrandfield(frame: ArgFrame): ReplyError | null {
  return readDrawOptions(frame, withValues.tokenBytes);
}

function hasDue(shard: Shard, ref: number, living: number): boolean {
  return collectionCount(shard, ref) !== living;
}

/** A place by chance; there are `living` of them, at least one. */
function drawPlace(shard: Shard, ref: number, living: number): number {
  const { i32 } = shard.memory;
  const { chance } = shard.platform;
  if (entryEncoding(i32, ref) === HASH_PACK) {
    return shard.collections.packs.seek(entryRoot(i32, ref), drawBelow(chance, living) * 2);
  }
  if (hasDue(shard, ref, living)) {
    const places: number[] = [];
    collectPlaces(shard, ref, places);
    return places[drawBelow(chance, places.length)] ?? 0;
  }
  const { dict } = shard.collections;
  dict.bind(dictHeader(shard, ref));
  return i32[dict.randomSlot(chance.next32(), chance.next32())] ?? 0;
}

function writeRepeated(
  shard: Shard, frame: ArgFrame, ref: number, living: number, wanted: number, out: ReplySink,
): void {
  const isNested = startDrawn(frame, wanted, out);
  const show = frame.choice[DRAW_SLOT] === 1 ? SHOW_BOTH : SHOW_FIELD;
  const places: number[] = [];
  if (hasDue(shard, ref, living)) collectPlaces(shard, ref, places);
  const { chance } = shard.platform;
  for (let i = 0; i < wanted; i++) {
    const place = places.length === 0
      ? drawPlace(shard, ref, living)
      : (places[drawBelow(chance, places.length)] ?? 0);
    if (isNested) out.array(2);
    writePlace(shard, ref, place, show, out);
  }
}

function writeDistinct(
  shard: Shard, frame: ArgFrame, ref: number, living: number, wanted: number, out: ReplySink,
): void {
  const isNested = startDrawn(frame, wanted, out);
  const show = frame.choice[DRAW_SLOT] === 1 ? SHOW_BOTH : SHOW_FIELD;
  const isPack = entryEncoding(shard.memory.i32, ref) === HASH_PACK;
  const collectsAll =
    isPack || wanted * COLLECTED_SHARE >= living || hasDue(shard, ref, living);
  const places = collectsAll
    ? shuffledPlaces(shard, ref, wanted)
    : drawnPlaces(shard, ref, living, wanted);
  for (const place of places) {
    if (isNested) out.array(2);
    writePlace(shard, ref, place, show, out);
  }
}

/** `wanted` places out of all; where all are wanted, in their order. */
function shuffledPlaces(shard: Shard, ref: number, wanted: number): number[] {
  const places: number[] = [];
  collectPlaces(shard, ref, places);
  if (wanted === places.length) return places;
  shuffleFront(shard.platform.chance, places, places.length, wanted);
  places.length = wanted;
  return places;
}

/** `wanted` different places, a small part of all. */
function drawnPlaces(shard: Shard, ref: number, living: number, wanted: number): Set<number> {
  const places = new Set<number>();
  while (places.size < wanted) places.add(drawPlace(shard, ref, living));
  return places;
}

// ------------------------------------------------------------------ HSCAN

interface HscanSlots extends CollectionScanSlots {
  readonly novalues: number;
}

export const hscan = defineCommand({
  name: 'HSCAN', group: 'hash', since: '2.8.0',
  summary: 'Lists the fields of a hash step by step; each reply names the next cursor.',
  complexity: 'O(1) a step, O(n) a whole scan; n = fields.',
  arity: -3,
  flags: Flag.ReadOnly,
  acl: ['hash'],
  keys: accessedKey,
  tips: ['nondeterministic_output'],
  history: [['7.4.0', 'Added the `NOVALUES` flag.']],
  args: {
    ...scanArguments, novalues: noValues.optional().documented({ since: '7.4.0' }),
  },
  reply: reply.array('the next cursor, 0 at the end, and an array of fields and values'),
  examples: [
    ['HSET ada born 1815 city London', ':2'],
    ['HSCAN ada 0 MATCH c*', '*[$"0" *[$"city" $"London"]]'],
    ['HSCAN ada 0 MATCH c* NOVALUES', '*[$"0" *[$"city"]]'],
    ['HSCAN nosuch 0', '*[$"0" *[]]'],
  ],
  parse: parseScanCursor,
  apply(shard, frame, out, at) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isHashOrAbsent(shard, ref, out)) return;
    if (ref === 0) {
      writeScanStep(out, 0, 0);
      return;
    }
    const error = readScanOptions(frame, at, at.novalues, noValues.tokenBytes);
    if (error === null) writeStep(shard, frame, ref, at, out);
    else out.error(error);
  },
});

function writeStep(
  shard: Shard, frame: ArgFrame, ref: number, at: HscanSlots, out: ReplySink,
): void {
  const met: number[] = [];
  const next = meetPlaces(shard, frame, ref, at, met);
  const matcher = new ElementMatcher(shard, frame, frame.index[at.pattern] ?? 0);
  const places = matcher.matchesAll
    ? met
    : met.filter((place) =>
        matcher.matches(placeFieldAt(shard, ref, place), placeFieldBytes(shard, ref, place)));
  const show = (frame.index[at.novalues] ?? 0) === 0 ? SHOW_BOTH : SHOW_FIELD;
  writeScanStep(out, next, show === SHOW_BOTH ? places.length * 2 : places.length);
  for (const place of places) writePlace(shard, ref, place, show, out);
}

/** Living places of the step at the command's cursor; the cursor to go on with. */
function meetPlaces(
  shard: Shard, frame: ArgFrame, ref: number, at: HscanSlots, into: number[],
): number {
  if (entryEncoding(shard.memory.i32, ref) === HASH_PACK) {
    collectPlaces(shard, ref, into);
    return 0;
  }
  const { dict } = shard.collections;
  dict.bind(dictHeader(shard, ref));
  const members: number[] = [];
  let next = 0;
  if (answersWhole(shard, ref)) allMembers(shard, dict, members);
  else next = scanMembers(shard, dict, scanCursor(frame), scanCount(frame, at), members);
  for (const member of members) if (!isMemberDue(shard, member)) into.push(member);
  return next;
}

/** Entries in the order of the documentation. */
export const hashRandomCommands: readonly Command[] = [hrandfield, hscan];
