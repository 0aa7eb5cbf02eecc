/**
 * Commands that remove a range of a sorted set, or store one elsewhere. What goes is announced by
 * name before it goes; a range that is the whole set goes with its key, in slices when it is big.
 * A stored range is built aside and takes the destination's place when it is complete.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { dropAside, linkAside, newAside } from '../../keyspace/collection-entry.ts';
import { EffectOp, EffectReason } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import { bounds, RANGE_NAME, RANGE_RANK, RANGE_SCORE } from './zset-range.ts';
import { FORM_OPEN, request } from './zset-range-request.ts';
import { otherWalk, walk } from './zset-walk.ts';
import {
  isZsetOrAbsent, prepareAdd, removeRanks, ZSET_FLAGS_EMPTY, zsetAppend, zsetCount,
} from './zset.ts';

const removedKey = [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'delete' })];
const removedReply = reply.integer('members that were removed');

/** Members stored with one reserve. */
const STORED_AT_ONCE = 256;

/** Arguments are read by the command. */
const parsePlaces = (frame: ArgFrame): null => {
  frame.index[0] = 1;
  return null;
};

// ------------------------------------------------------------------ removing

export const zremrangebyrank = defineCommand({
  name: 'ZREMRANGEBYRANK', group: 'sorted_set', since: '2.0.0',
  summary: 'Removes the members in a range of ranks.',
  complexity: 'O(m log n); n = members of the set, m = members removed.',
  arity: 4,
  flags: Flag.Write,
  acl: ['sortedset'],
  keys: removedKey,
  args: { key: arg.key(), start: arg.integer(), stop: arg.integer() },
  reply: removedReply,
  examples: [['ZADD board 1 ada 2 bob', ':2'], ['ZREMRANGEBYRANK board 0 0', ':1']],
  parse: parsePlaces,
  apply(shard, frame, out) {
    removeRange(shard, frame, out, RANGE_RANK, KeyEvent.ZRemRangeByRank);
  },
});

export const zremrangebyscore = defineCommand({
  name: 'ZREMRANGEBYSCORE', group: 'sorted_set', since: '1.2.0',
  summary: 'Removes the members with scores in a range.',
  complexity: 'O(m log n); n = members of the set, m = members removed.',
  arity: 4,
  flags: Flag.Write,
  acl: ['sortedset'],
  keys: removedKey,
  args: { key: arg.key(), min: arg.double(), max: arg.double() },
  reply: removedReply,
  examples: [['ZADD board 1 ada 2 bob', ':2'], ['ZREMRANGEBYSCORE board (1 5', ':1']],
  parse: parsePlaces,
  apply(shard, frame, out) {
    removeRange(shard, frame, out, RANGE_SCORE, KeyEvent.ZRemRangeByScore);
  },
});

export const zremrangebylex = defineCommand({
  name: 'ZREMRANGEBYLEX', group: 'sorted_set', since: '2.8.9',
  summary: 'Removes the members in a range of names, of a set whose scores are all the same.',
  complexity: 'O(m log n); n = members of the set, m = members removed.',
  arity: 4,
  flags: Flag.Write,
  acl: ['sortedset'],
  keys: removedKey,
  args: { key: arg.key(), min: arg.bytes(), max: arg.bytes() },
  reply: removedReply,
  examples: [['ZADD names 0 ada 0 bob', ':2'], ['ZREMRANGEBYLEX names - [b', ':1']],
  parse: parsePlaces,
  apply(shard, frame, out) {
    removeRange(shard, frame, out, RANGE_NAME, KeyEvent.ZRemRangeByLex);
  },
});

function removeRange(
  shard: Shard, frame: ArgFrame, out: ReplySink, kind: number, event: number,
): void {
  const error = bounds.read(frame, kind, 2, 3);
  if (error !== null) {
    out.error(error);
    return;
  }
  const ref = shard.keyspace.write(frame, 1);
  if (!isZsetOrAbsent(shard, ref, out)) return;
  if (ref !== 0) bounds.resolve(shard, ref, false);
  const count = ref === 0 ? 0 : bounds.count;
  if (count > 0) dropRanks(shard, frame, 1, ref, bounds.from, count, event);
  out.integer(count);
}

/**
 * Announces and removes `count` members from a rank on, and the key when none is left.
 * @param keyIndex argument with the key, which was looked up last
 */
export function dropRanks(
  shard: Shard, frame: ArgFrame, keyIndex: number, ref: number, rank: number, count: number,
  event: number,
): void {
  const effect = effectOfKey(shard, frame, keyIndex, EffectOp.ScoredRemove, event);
  if (shard.journal.isHeard) {
    otherWalk.open(shard, ref, rank, count, false);
    while (otherWalk.next()) effect.parts.add(otherWalk.at, otherWalk.bytes);
  }
  shard.commit();
  if (count === zsetCount(shard, ref)) {
    shard.removeLastLookup(ref, KeyEvent.Del, EffectReason.Command);
  } else {
    removeRanks(shard, ref, rank, count);
  }
}

// ------------------------------------------------------------------ storing

const storeForm = Object.freeze({
  sourceIndex: 2, kind: FORM_OPEN, direction: FORM_OPEN, isStore: true,
});

export const zrangestore = defineCommand({
  name: 'ZRANGESTORE', group: 'sorted_set', since: '6.2.0',
  summary: 'Stores a range of a sorted set in another key.',
  complexity: 'O(log n + m log m); n = members of the set, m = members stored.',
  arity: -5,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['sortedset'],
  keys: [
    keysAt({ first: 1, last: 1, step: 1, access: 'OW', effect: 'update' }),
    keysAt({ first: 2, last: 2, step: 1, access: 'RO', effect: 'access' }),
  ],
  args: {
    dst: arg.key(), src: arg.key(), min: arg.bytes(), max: arg.bytes(),
    sortby: arg.oneOf('BYSCORE', 'BYLEX').optional(), rev: arg.token('REV').optional(),
    offset_count: arg.block({ offset: arg.integer(), count: arg.integer() }, 'LIMIT').optional(),
  },
  reply: reply.integer('members of the destination'),
  examples: [
    ['ZADD board 1 ada 2 bob 3 cid', ':3'], ['ZRANGESTORE best board 1 2', ':2'],
    ['ZRANGE best 0 -1', '*[$"bob" $"cid"]'],
  ],
  parse: parsePlaces,
  apply(shard, frame, out) {
    const error = request.read(frame, storeForm);
    if (error !== null) {
      out.error(error);
      return;
    }
    const ref = shard.keyspace.read(frame, 2);
    if (!isZsetOrAbsent(shard, ref, out)) return;
    let count = 0;
    if (ref !== 0) {
      bounds.resolve(shard, ref, request.isReverse);
      bounds.limit(request.offset, request.count, request.isReverse);
      count = bounds.count;
    }
    if (count > 0) {
      storeRange(shard, frame, ref, bounds.from, count, out);
      return;
    }
    const destination = shard.keyspace.write(frame, 1);
    if (destination !== 0) {
      shard.removeLastLookup(destination, KeyEvent.Del, EffectReason.Command);
    }
    out.integer(0);
  },
});

function storeRange(
  shard: Shard, frame: ArgFrame, ref: number, rank: number, count: number, out: ReplySink,
): void {
  const keyAt = frame.at[1] ?? 0;
  const keyBytes = frame.bytes[1] ?? 0;
  const stored = newAside(shard, keyAt, keyBytes, ZSET_FLAGS_EMPTY);
  const isBuilt = stored !== 0 && copyRange(shard, ref, rank, count, stored);
  if (!isBuilt || !shard.keyspace.reserve(0, 0, 0, 0)) {
    if (stored !== 0) dropAside(shard, stored);
    out.error(replyErrors.arenaFull);
    return;
  }
  linkAside(shard, shard.keyspace.db, keyAt, keyBytes, stored);
  const effect = effectOfKey(shard, frame, 1, EffectOp.ValueSet, KeyEvent.ZRangeStore);
  effect.ref = stored;
  shard.commit();
  out.integer(count);
}

/** Adds the members of a range to the set of entry `to`; false when memory is short. */
function copyRange(
  shard: Shard, from: number, rank: number, count: number, to: number,
): boolean {
  walk.open(shard, from, rank, count, false);
  otherWalk.open(shard, from, rank, count, false);
  for (let left = count; left > 0;) {
    const step = Math.min(left, STORED_AT_ONCE);
    let memberBytes = 0;
    let longest = 0;
    for (let i = 0; i < step; i++) {
      otherWalk.next();
      memberBytes += otherWalk.bytes;
      if (otherWalk.bytes > longest) longest = otherWalk.bytes;
    }
    if (prepareAdd(shard, to, 0, 0, step, memberBytes, longest) === 0) return false;
    for (let i = 0; i < step; i++) {
      walk.next();
      zsetAppend(shard, to, walk.at, walk.bytes, walk.score());
    }
    left -= step;
  }
  return true;
}

/** Commands that remove or store ranges. */
export const zsetRangeWriteCommands: readonly Command[] = [
  zrangestore, zremrangebyrank, zremrangebyscore, zremrangebylex,
];
