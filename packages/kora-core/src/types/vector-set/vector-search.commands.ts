/**
 * VSIM: the elements of a vector set that are most like a vector, or like another element. Scores
 * are likenesses, (1 + cos) / 2: 1 the same direction, 0 the opposite one.
 * FILTER-EF is read and changes nothing: a filter finds what there is whatever that takes. With
 * NOTHREAD no thread searches, also where there are some.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readDouble } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { ReplyError, replyErrors } from '../../errors/reply-error.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryKeyAt, entryKeyBytes } from '../../structs/entry.hot.ts';
import { fitVector, integerAt, readVector, wordOf } from './vector-arguments.ts';
import type { VectorFilter } from './vector-engine.ts';
import { filterSyntax, vectorErrors } from './vector-errors.ts';
import type { VectorHits } from './vector-search.ts';
import { queryByName, searchVectorSet } from './vector-search.ts';
import { attributeBytes, attributesAt, shapeOf } from './vector-set-layout.ts';
import { isVectorSetOrAbsent } from './vector-set.ts';

const COUNT_DEFAULT = 10;
const EF_DEFAULT = 100;
const EF_NAMED_MAX = 1_000_000;

const words = {
  ele: wordOf('ELE'), withScores: wordOf('WITHSCORES'), withAttributes: wordOf('WITHATTRIBS'),
  count: wordOf('COUNT'), epsilon: wordOf('EPSILON'), ef: wordOf('EF'), filter: wordOf('FILTER'),
  filterEf: wordOf('FILTER-EF'), truth: wordOf('TRUTH'), noThread: wordOf('NOTHREAD'),
};

/** What VSIM was asked; filled anew by each. Owner: the running command. */
const asked = {
  /** Argument with the element's name; 0: the query is the vector at hand. */
  element: 0, hasScores: false, hasAttributes: false, count: COUNT_DEFAULT, ef: EF_DEFAULT,
  epsilon: Infinity, filter: 0, isExact: false, isHere: false,
};

export const vsim = defineCommand({
  name: 'VSIM', group: 'vector', since: '8.0.0',
  summary: 'Returns the elements of a vector set that are most like a vector or an element.',
  complexity: 'O(log n); O(n) with TRUTH, in small sets and for rare matches of a filter.',
  arity: -4,
  flags: Flag.ReadOnly,
  acl: ['vectorset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
  args: { key: arg.key(), words: arg.repeat({ a: arg.bytes(), b: arg.bytes() }) },
  documentedArgs: [
    ['key', arg.key()],
    ['query', arg.oneOf({
      ele: arg.bytes('ELE'), fp32: arg.bytes('FP32'),
      values: arg.block({ num: arg.integer(), value: arg.double().repeated() }, 'VALUES'),
    })],
    ['withscores', arg.token('WITHSCORES').optional()],
    ['withattribs', arg.token('WITHATTRIBS').optional()],
    ['count', arg.integer('COUNT').optional()],
    ['max_distance', arg.double('EPSILON').optional()],
    ['search-exploration-factor', arg.integer('EF').optional()],
    ['expression', arg.bytes('FILTER').optional()],
    ['max-filtering-effort', arg.integer('FILTER-EF').optional()],
    ['truth', arg.token('TRUTH').optional()],
    ['nothread', arg.token('NOTHREAD').optional()],
  ],
  history: [['8.2.0', 'Added the `WITHATTRIBS` option.']],
  reply: oneReplyOf(
    reply.array('elements, most like first; in RESP2 with scores and attributes behind each'),
    reply.map('with scores or attributes in RESP3: these by element'),
  ),
  examples: [
    ['VADD points VALUES 2 1 0 east NOQUANT', ':1'],
    ['VADD points VALUES 2 0 1 north NOQUANT', ':1'],
    ['VSIM points VALUES 2 3 0 WITHSCORES', '*[$"east" $"1" $"north" $"0.5"]'],
    ['VSIM points ELE north COUNT 1', '*[$"north"]'],
    ['VSIM points ELE west', '-"ERR element not found in set"'], ['VSIM nosuch ELE a', '*[]'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const error = readAsked(shard, frame);
    if (error !== null) {
      out.error(error);
      return;
    }
    const filter = asked.filter === 0 ? null : filterAt(shard, frame, asked.filter);
    if (filter instanceof ReplyError) {
      out.error(filter);
      return;
    }
    const ref = shard.keyspace.read(frame, 1);
    if (!isVectorSetOrAbsent(shard, ref, out)) return;
    if (ref === 0) {
      out.array(0);
      return;
    }
    const refusal = takeQuery(shard, frame, ref);
    if (refusal !== null) out.error(refusal);
    else answer(shard, frame, ref, filter, out);
  },
});

/** Reads the arguments into `asked`, and a vector among them into the window. */
function readAsked(shard: Shard, frame: ArgFrame): ReplyError | null {
  asked.element = 0;
  asked.hasScores = false;
  asked.hasAttributes = false;
  asked.count = COUNT_DEFAULT;
  asked.ef = EF_DEFAULT;
  asked.epsilon = Infinity;
  asked.filter = 0;
  asked.isExact = false;
  asked.isHere = false;
  let next = 4;
  if (isWord(frame, 2, words.ele)) asked.element = 3;
  else next = readVector(shard, frame, 2);
  if (next < 0) return vectorErrors.specification;
  for (let i = next; i < frame.count; i++) {
    if (isWord(frame, i, words.withScores)) asked.hasScores = true;
    else if (isWord(frame, i, words.withAttributes)) asked.hasAttributes = true;
    else if (isWord(frame, i, words.truth)) asked.isExact = true;
    else if (isWord(frame, i, words.noThread)) asked.isHere = true;
    else {
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
  if (isWord(frame, i, words.count)) {
    asked.count = integerAt(frame, i + 1, 1, Number.MAX_SAFE_INTEGER);
    return asked.count < 0 ? vectorErrors.invalidCount : null;
  }
  if (isWord(frame, i, words.ef)) {
    asked.ef = integerAt(frame, i + 1, 1, EF_NAMED_MAX);
    return asked.ef < 0 ? vectorErrors.invalidEf : null;
  }
  if (isWord(frame, i, words.epsilon)) {
    asked.epsilon = readDouble(frame, i + 1) ?? -1;
    return asked.epsilon > 0 ? null : vectorErrors.invalidEpsilon;
  }
  if (isWord(frame, i, words.filterEf)) {
    const effort = integerAt(frame, i + 1, 0, Number.MAX_SAFE_INTEGER);
    return effort < 0 ? vectorErrors.invalidFilterEf : null;
  }
  if (!isWord(frame, i, words.filter)) return replyErrors.syntax;
  asked.filter = i + 1;
  return null;
}

/** Reads argument i as a filter. */
export function filterAt(shard: Shard, frame: ArgFrame, i: number): VectorFilter | ReplyError {
  const { engine } = shard.vectors;
  if (engine === null) return vectorErrors.noFilters;
  const at = frame.at[i] ?? 0;
  // A copy: what lies in shared memory cannot be decoded.
  const text = shard.memory.low.slice(at, at + (frame.bytes[i] ?? 0));
  const filter = engine.parseFilter(text);
  return typeof filter === 'string' ? filterSyntax(filter) : filter;
}

/** Makes what is asked for the vector at hand. */
function takeQuery(shard: Shard, frame: ArgFrame, ref: number): ReplyError | null {
  if (asked.element === 0) return fitVector(shard, shapeOf(shard, ref));
  return queryByName(shard, frame, ref, asked.element) ? null : vectorErrors.noElement;
}

function answer(
  shard: Shard, frame: ArgFrame, ref: number, filter: VectorFilter | null, out: ReplySink,
): void {
  if (!asked.isExact) shard.vectors.ensureIndex(ref);
  const hits = searchVectorSet(shard, frame, ref, {
    count: asked.count, ef: Math.max(asked.ef, Math.min(asked.count, EF_NAMED_MAX)),
    distanceMax: asked.epsilon * 2, filter, strategy: 'auto', isExact: asked.isExact,
    isHere: asked.isHere,
  });
  if (hits === null) return;
  write(shard, frame, ref, hits, out);
}

function write(
  shard: Shard, frame: ArgFrame, ref: number, hits: VectorHits, out: ReplySink,
): void {
  const { i32 } = shard.memory;
  const { hasScores, hasAttributes } = asked;
  const isNested = hasScores && hasAttributes && frame.client.resp === 3;
  if (!hasScores && !hasAttributes) out.array(hits.count);
  else if (hasScores !== hasAttributes || isNested) out.map(hits.count);
  else out.array(hits.count * 3);
  for (let i = 0; i < hits.count; i++) {
    const member = hits.members[i] ?? 0;
    out.bulk(entryKeyAt(i32, member), entryKeyBytes(i32, member));
    if (isNested) out.array(2);
    if (hasScores) out.double(1 - (hits.distances[i] ?? 0) / 2);
    if (hasAttributes) writeAttributes(shard, ref, member, out);
  }
}

/** The attributes of an element, null when it has none. */
export function writeAttributes(
  shard: Shard, ref: number, member: number, out: ReplySink,
): void {
  const { i32 } = shard.memory;
  const shape = shapeOf(shard, ref);
  const bytes = attributeBytes(i32, member, shape);
  if (bytes === 0) out.null();
  else out.bulk(attributesAt(i32, member, shape), bytes);
}

/** Entries that search vector sets. */
export const vectorSearchCommands: readonly Command[] = [vsim];
