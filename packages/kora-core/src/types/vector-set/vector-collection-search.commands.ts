/**
 * VECSEARCH: the nearest of a collection to a vector or to one of its elements, with true distances
 * (smaller is nearer), pages, a bound on the distance, filters and the way they are applied. What
 * is asked for is what comes: fewer than k only when fewer match.
 * The width of the search is EF, else what the collection was made with, else 50.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { argumentText } from '../../command/argument-text.ts';
import { arg, isWord, readDouble } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { ReplyError, replyErrors } from '../../errors/reply-error.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryKeyAt, entryKeyBytes } from '../../structs/entry.hot.ts';
import { integerAt, readVector, wordOf } from './vector-arguments.ts';
import { collectionAsked, refusalOfVector } from './vector-collection.commands.ts';
import { distanceText } from './vector-distance-text.ts';
import type { FilterStrategy, VectorFilter } from './vector-engine.ts';
import { engramErrors, koraErrors, vectorErrors } from './vector-errors.ts';
import { filterAt, writeAttributes } from './vector-search.commands.ts';
import type { VectorHits } from './vector-search.ts';
import { queryByName, searchVectorSet } from './vector-search.ts';
import { shapeOf, VECTOR_EF_MAX } from './vector-set-layout.ts';
import { elementNamed } from './vector-set.ts';

const EF_DEFAULT = 50;
const FIRST_QUERY_WORD = 3;

const words = {
  id: wordOf('ID'), ef: wordOf('EF'), exact: wordOf('EXACT'), offset: wordOf('OFFSET'),
  maxDistance: wordOf('MAXDISTANCE'), filter: wordOf('FILTER'), strategy: wordOf('STRATEGY'),
  withAttributes: wordOf('WITHATTRIBS'), withSelf: wordOf('WITHSELF'),
};

function isStrategy(text: string): text is FilterStrategy {
  return text === 'auto' || text === 'pre' || text === 'post';
}

/** What VECSEARCH was asked; filled anew by each. Owner: the running command. */
const asked = {
  /** Argument with the id of the element that is the query; 0: it is the vector at hand. */
  id: 0, k: 0, ef: 0, offset: 0, distanceMax: Infinity, filter: 0, isExact: false,
  strategy: 'auto' as FilterStrategy, hasAttributes: false, hasSelf: false,
};

export const vecsearch = defineCommand({
  name: 'VECSEARCH', group: 'vector', since: '0.1.0',
  summary: 'Returns the k elements of a collection nearest to a vector or to one of its elements.',
  complexity: 'O(log n); O(n) with EXACT, in small collections and for rare matches of a filter.',
  arity: -5,
  flags: Flag.ReadOnly,
  acl: ['vectorset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
  args: { key: arg.key(), k: arg.integer(), words: arg.repeat({ a: arg.bytes(), b: arg.bytes() }) },
  documentedArgs: [
    ['key', arg.key()], ['k', arg.integer()],
    ['query', arg.oneOf({
      fp32: arg.bytes('FP32'), id: arg.bytes('ID'),
      values: arg.block({ num: arg.integer(), value: arg.double().repeated() }, 'VALUES'),
    })],
    ['search-exploration-factor', arg.integer('EF').optional()],
    ['exact', arg.token('EXACT').optional()],
    ['offset', arg.integer('OFFSET').optional()],
    ['max-distance', arg.double('MAXDISTANCE').optional()],
    ['expression', arg.bytes('FILTER').optional()],
    ['strategy', arg.oneOf('AUTO', 'PRE', 'POST').after('STRATEGY').optional()],
    ['withattribs', arg.token('WITHATTRIBS').optional()],
    ['withself', arg.token('WITHSELF').optional()],
  ],
  reply: reply.array('of each its id and distance, and with WITHATTRIBS its attributes or null'),
  examples: [
    ['VECNEW words 2 METRIC l2', '+"OK"'],
    ['VADD words VALUES 2 3 4 far NOQUANT', ':1'], ['VADD words VALUES 2 0 1 near NOQUANT', ':1'],
    ['VECSEARCH words 2 VALUES 2 0 0', '*[*[$"near" $"1"] *[$"far" $"5"]]'],
    ['VECSEARCH words 1 VALUES 2 0 0 OFFSET 1 WITHATTRIBS', '*[*[$"far" $"5" _]]'],
    ['VECSEARCH words 9 ID near EXACT MAXDISTANCE 5', '*[*[$"far" $"4.2426405"]]'],
    ['VECSEARCH words 1 ID nobody', '-"ERR element not found in set"'],
    ['VECSEARCH others 1 VALUES 1 0', '-"ERR no such index"'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const error = readAsked(shard, frame);
    if (error !== null) {
      out.error(error);
      return;
    }
    const ref = collectionAsked(shard, frame, false, out);
    if (ref === 0) return;
    const refusal = takeQuery(shard, frame, ref);
    const filter = asked.filter === 0 ? null : filterAt(shard, frame, asked.filter);
    if (refusal !== null) out.error(refusal);
    else if (filter instanceof ReplyError) out.error(filter);
    else answer(shard, frame, ref, filter, out);
  },
});

/** Reads all arguments into `asked`, and the vector into the window. */
function readAsked(shard: Shard, frame: ArgFrame): ReplyError | null {
  asked.k = integerAt(frame, 2, 0, Number.MAX_SAFE_INTEGER);
  if (asked.k < 0) return replyErrors.notInteger;
  asked.id = asked.ef = asked.offset = asked.filter = 0;
  asked.distanceMax = Infinity;
  asked.strategy = 'auto';
  asked.isExact = asked.hasAttributes = asked.hasSelf = false;
  let from = FIRST_QUERY_WORD + 2;
  if (isWord(frame, FIRST_QUERY_WORD, words.id)) asked.id = FIRST_QUERY_WORD + 1;
  else from = readVector(shard, frame, FIRST_QUERY_WORD);
  if (from < 0) return engramErrors.encoding;
  for (let i = from; i < frame.count; i++) {
    if (isWord(frame, i, words.exact)) {
      asked.isExact = true;
    } else if (isWord(frame, i, words.withAttributes)) {
      asked.hasAttributes = true;
    } else if (isWord(frame, i, words.withSelf)) {
      asked.hasSelf = true;
    } else {
      const error = readOption(frame, i);
      if (error !== null) return error;
      i++;
    }
  }
  return null;
}

/** An option with a value, at argument i. */
function readOption(frame: ArgFrame, i: number): ReplyError | null {
  if (i + 1 >= frame.count) return replyErrors.syntax;
  if (isWord(frame, i, words.ef)) {
    // What is wider than a search can be is cut.
    asked.ef = Math.min(VECTOR_EF_MAX, integerAt(frame, i + 1, 1, Number.MAX_SAFE_INTEGER));
    return asked.ef < 0 ? vectorErrors.invalidEf : null;
  }
  if (isWord(frame, i, words.offset)) {
    asked.offset = integerAt(frame, i + 1, 0, Number.MAX_SAFE_INTEGER);
    return asked.offset < 0 ? koraErrors.invalidOffset : null;
  }
  if (isWord(frame, i, words.maxDistance)) {
    asked.distanceMax = readDouble(frame, i + 1) ?? NaN;
    return Number.isNaN(asked.distanceMax) ? koraErrors.invalidMaxDistance : null;
  }
  if (isWord(frame, i, words.strategy)) {
    const strategy = argumentText(frame, i + 1).toLowerCase();
    if (!isStrategy(strategy)) return koraErrors.strategy;
    asked.strategy = strategy;
    return null;
  }
  if (!isWord(frame, i, words.filter)) return replyErrors.syntax;
  asked.filter = i + 1;
  return null;
}

/** Makes what is asked for the vector at hand. */
function takeQuery(shard: Shard, frame: ArgFrame, ref: number): ReplyError | null {
  if (asked.id === 0) return refusalOfVector(shard, shapeOf(shard, ref));
  return queryByName(shard, frame, ref, asked.id) ? null : vectorErrors.noElement;
}

function answer(
  shard: Shard, frame: ArgFrame, ref: number, filter: VectorFilter | null, out: ReplySink,
): void {
  const { id, hasSelf } = asked;
  const self = id === 0 || hasSelf ? 0 : elementNamed(shard, frame, ref, id);
  const size = collectionCount(shard, ref);
  const wanted = Math.min(size, asked.offset + asked.k + (self === 0 ? 0 : 1));
  const ef = asked.ef === 0 ? shapeOf(shard, ref).searchEf : asked.ef;
  if (!asked.isExact) shard.vectors.ensureIndex(ref);
  const hits = searchVectorSet(shard, frame, ref, {
    count: wanted, ef: Math.max(ef === 0 ? EF_DEFAULT : ef, wanted), filter,
    distanceMax: asked.distanceMax, strategy: asked.strategy, isExact: asked.isExact,
  });
  if (hits === null) return;
  write(shard, ref, hits, self, out);
}

/** Writes the page that was asked for, without the element `self`. */
function write(
  shard: Shard, ref: number, hits: VectorHits, self: number, out: ReplySink,
): void {
  const { i32 } = shard.memory;
  const selfAt = self === 0 ? -1 : hits.members.subarray(0, hits.count).indexOf(self);
  const found = hits.count - (selfAt < 0 ? 0 : 1);
  const count = Math.max(0, Math.min(asked.k, found - asked.offset));
  out.array(count);
  for (let i = asked.offset; i < asked.offset + count; i++) {
    const at = selfAt >= 0 && i >= selfAt ? i + 1 : i;
    const member = hits.members[at] ?? 0;
    out.array(asked.hasAttributes ? 3 : 2);
    out.bulk(entryKeyAt(i32, member), entryKeyBytes(i32, member));
    out.double(hits.distances[at] ?? 0, distanceText);
    if (asked.hasAttributes) writeAttributes(shard, ref, member, out);
  }
}

/** Entries that search named collections. */
export const vectorCollectionSearchCommands: readonly Command[] = [vecsearch];
