/**
 * ZUNION ZINTER ZDIFF, their STORE forms and ZINTERCARD: algebra of sorted sets and sets. What they
 * find is gathered and put in order (scored-members.ts), then answered, or stored: a sorted set is
 * made aside and takes the place of what the destination held, which may be one of the sources.
 * One effect tells the whole result; an empty one removes the destination.
 */
import { assert } from '../../assert.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { keysAt, keysCounted } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { ReplyError, replyErrors } from '../../errors/reply-error.ts';
import { dropAside, linkAside } from '../../keyspace/collection-entry.ts';
import { EffectOp, EffectReason } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { ScoredMembers, writeNames, writeNamesAndScores } from './scored-members.ts';
import type { AlgebraForm, AlgebraOptions } from './zset-algebra-options.ts';
import { algebraLeaves, readKeyCount, readOptions } from './zset-algebra-options.ts';
import { countCommon, intersect, subtract, unite } from './zset-algebra.ts';
import type { AlgebraSource } from './zset-sources.ts';
import { isSourceOrAbsent, sortedSetAside, sourceOf } from './zset-sources.ts';

const { destination, numkeys, keys, weight, aggregate, withscores, limit } = algebraLeaves;
const readFlags = Flag.ReadOnly | Flag.MovableKeys;
const storeFlags = Flag.Write | Flag.DenyOom | Flag.MovableKeys;
const readKeys = [keysCounted({ countAt: 1, access: 'RO', effect: 'access' })];
const storeKeys = [
  keysAt({ first: 1, last: 1, step: 1, access: 'OW', effect: 'update' }),
  keysCounted({ countAt: 2, access: 'RO', effect: 'access' }),
];
const readArgs = { numkeys, key: keys, weight, aggregate, withscores };
const storeArgs = { destination, numkeys, key: keys, weight, aggregate };
const inOrder = 'the members by score, each with its score if asked for';
const stored = 'members of the result';
/** Argument index of the count of keys, and its slot: alone and behind a destination. */
const COUNT_READ = 1;
const COUNT_STORE = 2;
const SLOT_READ = 0;
const SLOT_STORE = 1;

const readForm: AlgebraForm = { takesWeights: true, takesScores: true, takesLimit: false };
const diffForm: AlgebraForm = { takesWeights: false, takesScores: true, takesLimit: false };
const storeForm: AlgebraForm = { takesWeights: true, takesScores: false, takesLimit: false };
const diffStoreForm: AlgebraForm = { takesWeights: false, takesScores: false, takesLimit: false };
const cardForm: AlgebraForm = { takesWeights: false, takesScores: false, takesLimit: true };

/** One of union, intersection and difference: adds what it finds to `into`. */
type Operation = (
  shard: Shard, sources: readonly AlgebraSource[], aggregate: number, into: ScoredMembers,
) => void;

const difference: Operation = (shard, sources, _, into) => {
  subtract(shard, sources, into);
};

// ------------------------------------------------------------------ answered

export const zunion = defineCommand({
  name: 'ZUNION', group: 'sorted_set', since: '6.2.0',
  summary: 'Returns the members of any of several sorted sets or sets.',
  complexity: 'O(n * k + m log m); n = members of all k sources, m = members of the result.',
  arity: -3,
  flags: readFlags,
  acl: ['sortedset'],
  keys: readKeys,
  args: readArgs,
  reply: reply.array(inOrder),
  examples: [
    ['ZADD a 1 x 2 y', ':2'], ['ZADD b 3 y 4 z', ':2'], ['ZUNION 2 a b', '*[$"x" $"z" $"y"]'],
  ],
  parse: (frame) => readKeyCount(frame, COUNT_READ, 'zunion', SLOT_READ),
  apply(shard, frame, out) {
    answer(shard, frame, out, readForm, unite);
  },
});

export const zinter = defineCommand({
  name: 'ZINTER', group: 'sorted_set', since: '6.2.0',
  summary: 'Returns the members that several sorted sets or sets have in common.',
  complexity: 'O(n * k + m log m); n = members of the smallest of k sources, m = of the result.',
  arity: -3,
  flags: readFlags,
  acl: ['sortedset'],
  keys: readKeys,
  args: readArgs,
  reply: reply.array(inOrder),
  examples: [
    ['ZADD a 1 x 2 y', ':2'], ['ZADD b 3 y 4 z', ':2'],
    ['ZINTER 2 a b WEIGHTS 10 1 WITHSCORES', '*[$"y" $"23"]'],
  ],
  parse: (frame) => readKeyCount(frame, COUNT_READ, 'zinter', SLOT_READ),
  apply(shard, frame, out) {
    answer(shard, frame, out, readForm, intersect);
  },
});

export const zdiff = defineCommand({
  name: 'ZDIFF', group: 'sorted_set', since: '6.2.0',
  summary: 'Returns the members of the first sorted set or set that no other has.',
  complexity: 'O(n * k + m log m); n = members of the first of k sources, m = of the result.',
  arity: -3,
  flags: readFlags,
  acl: ['sortedset'],
  keys: readKeys,
  args: { numkeys, key: keys, withscores },
  reply: reply.array(inOrder),
  examples: [
    ['ZADD a 1 x 2 y', ':2'], ['ZADD b 3 y 4 z', ':2'], ['ZDIFF 2 a b', '*[$"x"]'],
  ],
  parse: (frame) => readKeyCount(frame, COUNT_READ, 'zdiff', SLOT_READ),
  apply(shard, frame, out) {
    answer(shard, frame, out, diffForm, difference);
  },
});

export const zintercard = defineCommand({
  name: 'ZINTERCARD', group: 'sorted_set', since: '7.0.0',
  summary: 'Counts the members that several sorted sets or sets have in common.',
  complexity: 'O(n * k); n = members of the smallest of k sources.',
  arity: -3,
  flags: readFlags,
  acl: ['sortedset'],
  keys: readKeys,
  args: { numkeys, key: keys, limit },
  reply: reply.integer('members in common, at most LIMIT unless that is 0'),
  examples: [
    ['ZADD a 1 x 2 y', ':2'], ['ZADD b 3 y 4 z', ':2'], ['ZINTERCARD 2 a b', ':1'],
  ],
  parse: (frame) => readKeyCount(frame, COUNT_READ, 'zintercard', SLOT_READ),
  apply(shard, frame, out) {
    const query = readQuery(shard, frame, COUNT_READ, SLOT_READ, cardForm);
    if (query instanceof ReplyError) out.error(query);
    else out.integer(countCommon(shard, query.sources, query.options.limit));
  },
});

// ------------------------------------------------------------------ stored

export const zunionstore = defineCommand({
  name: 'ZUNIONSTORE', group: 'sorted_set', since: '2.0.0',
  summary: 'Stores the members of any of several sorted sets or sets as a sorted set.',
  complexity: 'O(n * k + m log m); n = members of all k sources, m = members of the result.',
  arity: -4,
  flags: storeFlags,
  acl: ['sortedset'],
  keys: storeKeys,
  args: storeArgs,
  reply: reply.integer(stored),
  examples: [
    ['ZADD a 1 x 2 y', ':2'], ['ZADD b 3 y 4 z', ':2'],
    ['ZUNIONSTORE d 2 a b AGGREGATE MAX', ':3'], ['ZSCORE d y', '$"3"'],
  ],
  parse: (frame) => readKeyCount(frame, COUNT_STORE, 'zunionstore', SLOT_STORE),
  apply(shard, frame, out) {
    store(shard, frame, out, storeForm, unite, KeyEvent.ZUnionStore);
  },
});

export const zinterstore = defineCommand({
  name: 'ZINTERSTORE', group: 'sorted_set', since: '2.0.0',
  summary: 'Stores the members that several sorted sets or sets have in common as a sorted set.',
  complexity: 'O(n * k + m log m); n = members of the smallest of k sources, m = of the result.',
  arity: -4,
  flags: storeFlags,
  acl: ['sortedset'],
  keys: storeKeys,
  args: storeArgs,
  reply: reply.integer(stored),
  examples: [
    ['ZADD a 1 x 2 y', ':2'], ['ZADD b 3 y 4 z', ':2'], ['ZINTERSTORE d 2 a b', ':1'],
    ['ZSCORE d y', '$"5"'],
  ],
  parse: (frame) => readKeyCount(frame, COUNT_STORE, 'zinterstore', SLOT_STORE),
  apply(shard, frame, out) {
    store(shard, frame, out, storeForm, intersect, KeyEvent.ZInterStore);
  },
});

export const zdiffstore = defineCommand({
  name: 'ZDIFFSTORE', group: 'sorted_set', since: '6.2.0',
  summary: 'Stores the members of the first sorted set or set that no other has as a sorted set.',
  complexity: 'O(n * k + m log m); n = members of the first of k sources, m = of the result.',
  arity: -4,
  flags: storeFlags,
  acl: ['sortedset'],
  keys: storeKeys,
  args: { destination, numkeys, key: keys },
  reply: reply.integer(stored),
  examples: [
    ['ZADD a 1 x 2 y', ':2'], ['ZADD b 3 y 4 z', ':2'], ['ZDIFFSTORE d 2 a b', ':1'],
    ['ZRANGE d 0 -1', '*[$"x"]'],
  ],
  parse: (frame) => readKeyCount(frame, COUNT_STORE, 'zdiffstore', SLOT_STORE),
  apply(shard, frame, out) {
    store(shard, frame, out, diffStoreForm, difference, KeyEvent.ZDiffStore);
  },
});

// ------------------------------------------------------------------ both

interface Query {
  readonly sources: readonly AlgebraSource[];
  readonly options: AlgebraOptions;
}

/** Looks all keys up, then reads the options; the first error in Redis's order. */
function readQuery(
  shard: Shard, frame: ArgFrame, countIndex: number, slot: number, form: AlgebraForm,
): Query | ReplyError {
  const keyCount = frame.number[slot] ?? 0;
  const firstKey = countIndex + 1;
  const refs: number[] = [];
  for (let k = 0; k < keyCount; k++) {
    const ref = shard.keyspace.read(frame, firstKey + k);
    if (!isSourceOrAbsent(shard, ref)) return replyErrors.wrongType;
    refs.push(ref);
  }
  const options = readOptions(frame, firstKey + keyCount, keyCount, form);
  if (options instanceof ReplyError) return options;
  const sources = refs.map((ref, k) => sourceOf(shard, ref, options.weights?.[k] ?? 1));
  return { sources, options };
}

/** Fills `members` with the result, in order; false when memory is short. */
function gather(
  shard: Shard, query: Query, operation: Operation, members: ScoredMembers,
): boolean {
  operation(shard, query.sources, query.options.aggregate, members);
  members.sort();
  return !members.isShort;
}

function answer(
  shard: Shard, frame: ArgFrame, out: ReplySink, form: AlgebraForm, operation: Operation,
): void {
  const query = readQuery(shard, frame, COUNT_READ, SLOT_READ, form);
  if (query instanceof ReplyError) {
    out.error(query);
    return;
  }
  const members = new ScoredMembers(shard);
  try {
    if (!gather(shard, query, operation, members)) out.error(replyErrors.arenaFull);
    else if (query.options.hasScores) writeNamesAndScores(members, frame.client.resp, out);
    else writeNames(shard, members, out);
  } finally {
    members.release();
  }
}

function store(
  shard: Shard, frame: ArgFrame, out: ReplySink, form: AlgebraForm, operation: Operation,
  event: number,
): void {
  const query = readQuery(shard, frame, COUNT_STORE, SLOT_STORE, form);
  if (query instanceof ReplyError) {
    out.error(query);
    return;
  }
  const members = new ScoredMembers(shard);
  try {
    if (!gather(shard, query, operation, members)) {
      out.error(replyErrors.arenaFull);
    } else if (members.count === 0) {
      const old = shard.keyspace.write(frame, 1);
      if (old !== 0) shard.removeLastLookup(old, KeyEvent.Del, EffectReason.Command);
      out.integer(0);
    } else if (replaceBy(shard, frame, members, event)) {
      out.integer(members.count);
    } else {
      out.error(replyErrors.arenaFull);
    }
  } finally {
    members.release();
  }
}

/** Puts a sorted set of the members at the destination, and announces it; false: no memory. */
function replaceBy(
  shard: Shard, frame: ArgFrame, members: ScoredMembers, event: number,
): boolean {
  const keyAt = frame.at[1] ?? 0;
  const keyBytes = frame.bytes[1] ?? 0;
  const db = shard.keyspace.databases[frame.client.db];
  assert(db !== undefined, 'a client has a database');
  const ref = sortedSetAside(shard, keyAt, keyBytes, members);
  if (ref === 0) return false;
  if (!shard.keyspace.reserve(0, 0, 0, 0)) {
    dropAside(shard, ref);
    return false;
  }
  linkAside(shard, db, keyAt, keyBytes, ref);
  const effect = shard.effectOf(EffectOp.ValueSet, db.index, keyAt, keyBytes, event);
  effect.ref = ref;
  shard.commit();
  return true;
}

/** Entries in the order of the documentation. */
export const zsetAlgebraCommands: readonly Command[] = [
  zdiff, zdiffstore, zinter, zintercard, zinterstore, zunion, zunionstore,
];
