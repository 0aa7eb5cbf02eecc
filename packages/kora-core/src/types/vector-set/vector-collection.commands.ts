/**
 * Named collections of Kora: VECNEW VECADD VECINFO VECDROP, and VECSEARCH beside them
 * (vector-collection-search.commands.ts). A collection is a vector set that stays when it is empty
 * and remembers how it was made: metric, form, links, widths of linking and of searches. Others'
 * commands see it as any vector set; the typed methods of the embedded engine are these commands.
 * Here a key is always the collection, also where it has a colon.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { argumentText } from '../../command/argument-text.ts';
import { arg, isWord } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKey } from '../../command/positional.hot.ts';
import { reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import { EffectReason } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  fitVector, formNamed, hasLength, integerAt, readBlob, wordOf,
} from './vector-arguments.ts';
import { engramErrors, koraErrors, vectorErrors, wrongDimension } from './vector-errors.ts';
import type { VectorShape } from './vector-set-layout.ts';
import {
  givenDimension, shapeOf, VECTOR_ATTRIBUTES_BYTES_MAX, VECTOR_DIMENSION_MAX, VECTOR_EF_MAX,
  VECTOR_M_MAX, VECTOR_M_MIN, VectorFace, VectorForm, VectorMetric,
} from './vector-set-layout.ts';
import {
  attributedCount, bytesToReserve, ELEMENT_ADDED, ELEMENT_NO_MEMORY, isVectorSetOrAbsent,
  reserveElements,
} from './vector-set.ts';
import { createEmpty, storeElement } from './vector-store.ts';

/** What a collection is made with; each number that is given wins over the preset's. */
const PRESETS: Readonly<Record<string, { m: number; ef: number; searchEf: number }>> = {
  high_speed: { m: 8, ef: 100, searchEf: 20 },
  default: { m: 16, ef: 200, searchEf: 50 },
  high_recall: { m: 32, ef: 400, searchEf: 200 },
};
const METRICS: Readonly<Record<string, number>> = {
  cosine: VectorMetric.Cosine, l2: VectorMetric.L2, ip: VectorMetric.Ip,
};
const METRIC_NAMES = ['cosine', 'l2', 'ip'] as const;
const FORM_NAMES = ['f32', 'q8', 'bin'] as const;
const SEED = 1;
/** Words of one element of VECADD, and those before the first. */
const ELEMENT_WORDS = 3;
const FIRST_ELEMENT = 2;

const words = {
  metric: wordOf('METRIC'), f32: wordOf('F32'),
  preset: wordOf('PRESET'), m: wordOf('M'), efConstruction: wordOf('EF_CONSTRUCTION'),
  ef: wordOf('EF'),
};

/** What VECNEW was asked, 0 and -1 where nothing was said. Owner: the running command. */
const asked = { metric: 0, form: 0, preset: 'default', m: -1, ef: -1, searchEf: -1 };

export const vecnew = defineCommand({
  name: 'VECNEW', group: 'vector', since: '0.1.0',
  summary: 'Makes an empty collection of vectors, with its metric, form and widths of searches.',
  complexity: 'O(1)',
  arity: -3,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['vectorset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'insert' })],
  args: { key: arg.key(), dim: arg.integer(), words: arg.repeat(arg.bytes()).optional() },
  documentedArgs: [
    ['key', arg.key()], ['dim', arg.integer()],
    ['metric', arg.oneOf('COSINE', 'L2', 'IP').after('METRIC').optional()],
    ['form', arg.oneOf('F32', 'Q8', 'BIN').optional()],
    ['preset', arg.oneOf('HIGH_SPEED', 'DEFAULT', 'HIGH_RECALL').after('PRESET').optional()],
    ['numlinks', arg.integer('M').optional()],
    ['build-exploration-factor', arg.integer('EF_CONSTRUCTION').optional()],
    ['search-exploration-factor', arg.integer('EF').optional()],
  ],
  reply: reply.ok(),
  examples: [
    ['VECNEW words 2 METRIC l2 PRESET high_recall', '+"OK"'],
    ['VECNEW words 2', '-"ERR index already exists"'],
    ['VECNEW signs 64 BIN METRIC l2', '-"ERR Q8 and BIN are for the cosine metric"'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const dimension = integerAt(frame, 2, 1, VECTOR_DIMENSION_MAX);
    const error = dimension < 0 ? engramErrors.dimension : readAsked(frame);
    if (error !== null) {
      out.error(error);
      return;
    }
    const ref = shard.keyspace.write(frame, 1);
    if (!isVectorSetOrAbsent(shard, ref, out)) return;
    if (ref !== 0) out.error(engramErrors.exists);
    else createEmpty(shard, frame, shapeAsked(dimension), out);
  },
});

/** Reads the options into `asked`. */
function readAsked(frame: ArgFrame): ReplyError | null {
  asked.metric = VectorMetric.Cosine;
  asked.form = VectorForm.F32;
  asked.preset = 'default';
  asked.m = asked.ef = asked.searchEf = -1;
  for (let i = 3; i < frame.count; i++) {
    const form = formNamed(frame, i, words.f32);
    if (form >= 0) {
      asked.form = form;
    } else {
      const error = readOption(frame, i);
      if (error !== null) return error;
      i++;
    }
  }
  const isFit = asked.form === VectorForm.F32 || asked.metric === VectorMetric.Cosine;
  return isFit ? null : koraErrors.formMetric;
}

/** An option with a value, at argument i. */
function readOption(frame: ArgFrame, i: number): ReplyError | null {
  if (i + 1 >= frame.count) return replyErrors.syntax;
  if (isWord(frame, i, words.metric)) {
    const name = argumentText(frame, i + 1).toLowerCase();
    if (!Object.hasOwn(METRICS, name)) return koraErrors.metric;
    asked.metric = METRICS[name] ?? 0;
    return null;
  }
  if (isWord(frame, i, words.preset)) {
    asked.preset = argumentText(frame, i + 1).toLowerCase();
    return Object.hasOwn(PRESETS, asked.preset) ? null : koraErrors.preset;
  }
  if (isWord(frame, i, words.m)) {
    asked.m = integerAt(frame, i + 1, VECTOR_M_MIN, VECTOR_M_MAX);
    return asked.m < 0 ? vectorErrors.invalidM : null;
  }
  if (isWord(frame, i, words.efConstruction)) {
    asked.ef = integerAt(frame, i + 1, 1, VECTOR_EF_MAX);
    return asked.ef < 0 ? koraErrors.invalidEfConstruction : null;
  }
  if (!isWord(frame, i, words.ef)) return replyErrors.syntax;
  asked.searchEf = integerAt(frame, i + 1, 1, VECTOR_EF_MAX);
  return asked.searchEf < 0 ? vectorErrors.invalidEf : null;
}

function shapeAsked(dimension: number): VectorShape {
  const preset = PRESETS[asked.preset];
  const given = (number: number, other: number | undefined): number =>
    number < 0 ? (other ?? 0) : number;
  return {
    dimension, metric: asked.metric, form: asked.form, face: VectorFace.Kora, keepsEmpty: true,
    m: given(asked.m, preset?.m), ef: given(asked.ef, preset?.ef),
    searchEf: given(asked.searchEf, preset?.searchEf), inputDimension: 0, seed: SEED,
  };
}

/** The collection of argument 1; 0: the error was written. */
export function collectionAsked(
  shard: Shard, frame: ArgFrame, isWrite: boolean, out: ReplySink,
): number {
  const ref = isWrite ? shard.keyspace.write(frame, 1) : shard.keyspace.read(frame, 1);
  if (!isVectorSetOrAbsent(shard, ref, out)) return 0;
  if (ref === 0) out.error(engramErrors.noIndex);
  return ref;
}

/** The error of a vector at hand that is none of this collection's; else it was made to fit. */
export function refusalOfVector(shard: Shard, shape: VectorShape): ReplyError | null {
  const { dimension } = shard.collections.vectors;
  if (dimension !== givenDimension(shape)) return wrongDimension(givenDimension(shape), dimension);
  if (fitVector(shard, shape) !== null) return engramErrors.encoding;
  return hasLength(shard, shape.metric) ? null : engramErrors.encoding;
}

export const vecadd = defineCommand({
  name: 'VECADD', group: 'vector', since: '0.1.0',
  summary: 'Stores vectors in a collection, each under an id and with attributes; all or none.',
  complexity: 'O(log n) for each; n = elements of the collection.',
  arity: -5,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['vectorset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'insert' })],
  args: {
    key: arg.key(),
    elements: arg.repeat({ id: arg.bytes(), vector: arg.bytes(), attributes: arg.bytes() }),
  },
  reply: reply.integer('ids that were not there before'),
  examples: [
    ['VECNEW words 1 METRIC l2', '+"OK"'],
    ['VECADD words one "\\x00\\x00\\x80\\x3f" {"n":1} none "\\x00\\x00\\x00\\x00" ""', ':2'],
    ['VECADD words one "\\x00\\x00\\x80\\x3f" ""', ':0'],
    ['VECADD others one "\\x00\\x00\\x80\\x3f" ""', '-"ERR no such index"'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    if ((frame.count - FIRST_ELEMENT) % ELEMENT_WORDS !== 0) {
      out.error(koraErrors.elements);
      return;
    }
    const ref = collectionAsked(shard, frame, true, out);
    if (ref === 0) return;
    const shape = shapeOf(shard, ref);
    const error = checkElements(shard, frame, shape);
    if (error !== null) out.error(error);
    else storeElements(shard, frame, ref, shape, out);
  },
});

/** Looks at all elements, and finds room for them, before the first is stored. */
function checkElements(shard: Shard, frame: ArgFrame, shape: VectorShape): ReplyError | null {
  let bytes = 0;
  let count = 0;
  for (let i = FIRST_ELEMENT; i < frame.count; i += ELEMENT_WORDS) {
    if (!readBlob(shard, frame, i + 1)) return engramErrors.encoding;
    const error = refusalOfVector(shard, shape);
    if (error !== null) return error;
    const jsonBytes = frame.bytes[i + 2] ?? 0;
    if (jsonBytes > VECTOR_ATTRIBUTES_BYTES_MAX) return vectorErrors.attributesTooLong;
    bytes += bytesToReserve(shape, frame.bytes[i] ?? 0, jsonBytes);
    count++;
  }
  return reserveElements(shard, count, bytes) ? null : replyErrors.arenaFull;
}

function storeElements(
  shard: Shard, frame: ArgFrame, ref: number, shape: VectorShape, out: ReplySink,
): void {
  let added = 0;
  for (let i = FIRST_ELEMENT; i < frame.count; i += ELEMENT_WORDS) {
    readBlob(shard, frame, i + 1);
    fitVector(shard, shape);
    const answer = storeElement(
      shard, frame, ref, shape, frame.at[i] ?? 0, frame.bytes[i] ?? 0,
      frame.at[i + 2] ?? 0, frame.bytes[i + 2] ?? 0,
    );
    // Room in the arena was found; the memory of an index may end all the same.
    if (answer === ELEMENT_NO_MEMORY) {
      out.error(replyErrors.arenaFull);
      return;
    }
    if (answer === ELEMENT_ADDED) added++;
  }
  out.integer(added);
}

export const vecinfo = defineCommand({
  name: 'VECINFO', group: 'vector', since: '0.1.0',
  summary: 'Returns how a collection was made, and how large it is.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['vectorset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO' })],
  args: { key: arg.key() },
  reply: reply.map('names and figures'),
  examples: [
    ['VECNEW words 2 Q8', '+"OK"'], ['VECINFO words', '*#18'],
    ['VECINFO others', '-"ERR no such index"'],
  ],
  parse: parseKey,
  apply(shard, frame, out) {
    const ref = collectionAsked(shard, frame, false, out);
    if (ref !== 0) writeInfo(shard, ref, out);
  },
});

function writeInfo(shard: Shard, ref: number, out: ReplySink): void {
  const shape = shapeOf(shard, ref);
  const index = shard.vectors.wholeIndex(ref);
  const count = collectionCount(shard, ref);
  out.map(9);
  out.bulkText('metric');
  out.bulkText(METRIC_NAMES[shape.metric] ?? '');
  out.bulkText('storage');
  out.bulkText(FORM_NAMES[shape.form] ?? '');
  const figures: readonly (readonly [string, number])[] = [
    ['dimension', givenDimension(shape)], ['m', shape.m], ['ef_construction', shape.ef],
    ['ef', shape.searchEf], ['size', count], ['attributes', attributedCount(shard, ref)],
    ['linked', index === null ? 0 : count - index.pendingCount],
  ];
  for (const [name, figure] of figures) {
    out.bulkText(name);
    out.integer(figure);
  }
}

export const vecdrop = defineCommand({
  name: 'VECDROP', group: 'vector', since: '0.1.0',
  summary: 'Removes a collection with all that is in it.',
  complexity: 'O(1); what it held is freed in the background.',
  arity: 2,
  flags: Flag.Write | Flag.Fast,
  acl: ['vectorset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'delete' })],
  args: { key: arg.key() },
  reply: reply.integer('1 when it was there, else 0'),
  examples: [
    ['VECNEW words 2', '+"OK"'], ['VECDROP words', ':1'], ['VECDROP words', ':0'],
  ],
  parse: parseKey,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isVectorSetOrAbsent(shard, ref, out)) return;
    if (ref !== 0) shard.removeLastLookup(ref, KeyEvent.Del, EffectReason.Command);
    out.integer(ref === 0 ? 0 : 1);
  },
});

/** Entries of named collections, but for the search. */
export const vectorCollectionCommands: readonly Command[] = [vecnew, vecadd, vecinfo, vecdrop];
