/**
 * Kora's own commands: VECSET VECGET VECDEL VECQUERY. A key names an item and its index at once:
 * the index is what comes before the key's last colon, the item the whole key; a key without a
 * colon is an index. `ID id` names the item instead, and an item without any name gets one from its
 * vector, so that the same vector is the same item. Vectors come as numbers, distances go out, l2
 * unless METRIC said otherwise.
 * The key of the data is the index: routing, locks and tracking take it from the argument too
 * (KeySpec.namesIndex), and a command sees the frame with the index in the place of the key.
 */
import { indexNameBytes, keysAt } from '../../command/key-spec.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { argumentText } from '../../command/argument-text.ts';
import { arg, isWord } from '../../command/grammar.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import { EffectReason } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { BIG_ARGUMENT_BYTES_MIN } from '../../limits.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryKeyAt, entryKeyBytes } from '../../structs/entry.hot.ts';
import { fieldValueAt } from '../../structs/member.hot.ts';
import { hasLength, integerAt, readNumbers, wordOf } from './vector-arguments.ts';
import { distanceText } from './vector-distance-text.ts';
import { componentCount, engramErrors, indexDimension, koraErrors } from './vector-errors.ts';
import { searchVectorSet } from './vector-search.ts';
import type { VectorShape } from './vector-set-layout.ts';
import {
  PLACE_BYTES, shapeOf, VECTOR_DIMENSION_MAX, VectorFace, VectorForm, VectorMetric,
} from './vector-set-layout.ts';
import {
  ELEMENT_ADDED, ELEMENT_NO_MEMORY, findElement, isVectorSetOrAbsent, KEEP_ATTRIBUTES,
} from './vector-set.ts';
import { storeElement, takeElement } from './vector-store.ts';

const M = 16;
const EF_CONSTRUCTION = 200;
const EF_MIN = 50;
const SEED = 1;
/** Seeds of names made of vectors; fixed, for the same vector has the same name for ever. */
const NAME_SEEDS = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344] as const;

const words = { id: wordOf('ID'), metric: wordOf('METRIC') };
const METRIC_OF_NAME: Readonly<Record<string, number>> = {
  COSINE: VectorMetric.Cosine, L2: VectorMetric.L2, IP: VectorMetric.Ip,
};

const readItem = [keysAt({
  first: 1, last: 1, step: 1, access: 'RO', effect: 'access', namesIndex: true,
})];
const changeItem = [keysAt({
  first: 1, last: 1, step: 1, access: 'RW', effect: 'update', namesIndex: true,
})];

/** Runs a command with the name of the index in the place of its key. */
function withIndex(
  frame: ArgFrame, out: ReplySink, run: (keyBytes: number) => void,
): void {
  const keyBytes = frame.bytes[1] ?? 0;
  const at = frame.at[1] ?? 0;
  if (keyBytes >= BIG_ARGUMENT_BYTES_MIN) {
    out.error(koraErrors.keyTooLong);
    return;
  }
  frame.bytes[1] = indexNameBytes(frame.memory.low, at, keyBytes);
  // What was looked up ahead was the whole key.
  frame.warmed = 0;
  try {
    run(keyBytes);
  } finally {
    frame.bytes[1] = keyBytes;
  }
}

/** As withIndex, for commands that take a key and maybe the item's name. */
function withItem(frame: ArgFrame, out: ReplySink, run: (keyBytes: number) => void): void {
  if (frame.count > 3) out.error(replyErrors.syntax);
  else withIndex(frame, out, run);
}

/** What VECSET was asked; filled anew by each. Owner: the running command. */
const asked = { id: 0, metric: -1 };

export const vecset = defineCommand({
  name: 'VECSET', group: 'vector', since: '0.1.0',
  summary: 'Stores a vector as an item of an index, which is made if it does not exist.',
  complexity: 'O(log n); n = items of the index.',
  arity: -4,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['vectorset'],
  keys: changeItem,
  args: { key: arg.key(), dim: arg.integer(), words: arg.repeat(arg.bytes()) },
  documentedArgs: [
    ['key', arg.key()], ['dim', arg.integer()], ['component', arg.double().repeated()],
    ['id', arg.bytes('ID').optional()],
    ['metric', arg.oneOf('COSINE', 'L2', 'IP').after('METRIC').optional()],
  ],
  reply: reply.integer('1 for a new item, 0 for a known one; of an item without a name, its name'),
  examples: [
    ['VECSET embedding:doc1 3 0.5 0.8 0.3', ':1'],
    ['VECSET embedding:doc2 3 0.6 0.8 0.4', ':1'],
    ['VECQUERY embedding:doc1 1 0.6 0.7 0.4', '*[*[$"embedding:doc2" $"0.100000024"]]'],
    ['VECSET embedding 3 1 0 0 ID doc3', ':1'],
    ['VECSET embedding:doc4 3 1 0', '-"ERR VECSET expected 3 vector components, got 2"'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const error = readItemVector(shard, frame);
    if (error !== null) {
      out.error(error);
      return;
    }
    withIndex(frame, out, (keyBytes) => {
      setItem(shard, frame, keyBytes, out);
    });
  },
});

/** Reads the components into the window and the options into `asked`. */
function readItemVector(shard: Shard, frame: ArgFrame): ReplyError | null {
  asked.id = 0;
  asked.metric = -1;
  const dimension = integerAt(frame, 2, 1, VECTOR_DIMENSION_MAX);
  if (dimension < 0) return engramErrors.dimension;
  const given = frame.count - 3;
  if (given < dimension) return componentCount(dimension, given);
  for (let i = 3 + dimension; i < frame.count; i += 2) {
    if (i + 1 >= frame.count) return componentCount(dimension, given);
    if (isWord(frame, i, words.id)) {
      asked.id = i + 1;
    } else if (isWord(frame, i, words.metric)) {
      const name = argumentText(frame, i + 1).toUpperCase();
      const metric = Object.hasOwn(METRIC_OF_NAME, name) ? METRIC_OF_NAME[name] : undefined;
      if (metric === undefined) return koraErrors.metric;
      asked.metric = metric;
    } else {
      return componentCount(dimension, given);
    }
  }
  return readNumbers(shard, frame, 3, dimension) ? null : koraErrors.component;
}

function setItem(shard: Shard, frame: ArgFrame, keyBytes: number, out: ReplySink): void {
  const ref = shard.keyspace.write(frame, 1);
  if (!isVectorSetOrAbsent(shard, ref, out)) return;
  const { vectors } = shard.collections;
  const shape = ref === 0 ? newShape(vectors.dimension) : shapeOf(shard, ref);
  const refusal = refusalOf(shard, shape);
  if (refusal !== null) {
    out.error(refusal);
    return;
  }
  const isNamed = asked.id !== 0 || keyBytes !== frame.bytes[1];
  const name = isNamed ? 0n : madeName(shard);
  const nameBytes = isNamed ? nameOf(frame, asked.id, keyBytes) : writeName(shard, name);
  const nameAt = isNamed ? (frame.at[asked.id === 0 ? 1 : asked.id] ?? 0) : shard.scratchAt;
  const answer = storeElement(
    shard, frame, ref, shape, nameAt, nameBytes, 0, KEEP_ATTRIBUTES,
  );
  if (answer === ELEMENT_NO_MEMORY) out.error(replyErrors.arenaFull);
  else if (isNamed) out.integer(answer === ELEMENT_ADDED ? 1 : 0);
  else out.integer64(name);
}

/** Bytes of an item's name: of argument `id`, or the whole key where that is 0. */
function nameOf(frame: ArgFrame, id: number, keyBytes: number): number {
  return id === 0 ? keyBytes : (frame.bytes[id] ?? 0);
}

function newShape(dimension: number): VectorShape {
  return {
    dimension, form: VectorForm.F32, face: VectorFace.Kora, keepsEmpty: false,
    metric: asked.metric < 0 ? VectorMetric.L2 : asked.metric,
    m: M, ef: EF_CONSTRUCTION, searchEf: 0, inputDimension: 0, seed: SEED,
  };
}

/** What keeps the vector at hand from being an item of that index. */
function refusalOf(shard: Shard, shape: VectorShape): ReplyError | null {
  const { dimension } = shard.collections.vectors;
  if (shape.inputDimension !== 0 || dimension !== shape.dimension) {
    return indexDimension(shape.dimension, dimension);
  }
  if (asked.metric >= 0 && asked.metric !== shape.metric) return koraErrors.otherMetric;
  return hasLength(shard, shape.metric) ? null : koraErrors.component;
}

/** Components that are hashed together: they lie in the scratch area meanwhile. */
const NAME_COMPONENTS = 8192;

/** The name of the vector at hand: a hash of its bytes as a signed number of 64 bits. */
function madeName(shard: Shard): bigint {
  const { kernel } = shard.memory;
  const { vectors } = shard.collections;
  let high = 0;
  let low = vectors.dimension;
  for (let from = 0; from < vectors.dimension; from += NAME_COMPONENTS) {
    const bytes = vectors.writeBytes(shard.scratchAt, from, NAME_COMPONENTS);
    high = kernel.hash(shard.scratchAt, bytes, NAME_SEEDS[0] ^ high, NAME_SEEDS[1] ^ low);
    low = kernel.hash(shard.scratchAt, bytes, NAME_SEEDS[2] ^ low, NAME_SEEDS[3] ^ high);
  }
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

/** Puts a made name into the scratch area. @returns its bytes */
function writeName(shard: Shard, name: bigint): number {
  const text = String(name);
  for (let i = 0; i < text.length; i++) shard.memory.low[shard.scratchAt + i] = text.charCodeAt(i);
  return text.length;
}

export const vecget = defineCommand({
  name: 'VECGET', group: 'vector', since: '0.1.0',
  summary: 'Returns the vector of an item of an index.',
  complexity: 'O(d); d = components of the vector.',
  arity: -2,
  flags: Flag.ReadOnly,
  acl: ['vectorset'],
  keys: readItem,
  args: { key: arg.key(), id: arg.bytes().optional() },
  reply: oneReplyOf(reply.array('components'), reply.null('no such item')),
  examples: [
    ['VECSET embedding:doc1 3 0.5 0.8 0.3', ':1'],
    ['VECGET embedding:doc1', '*[$"0.5" $"0.8" $"0.3"]'], ['VECGET embedding:doc2', '_'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    withItem(frame, out, (keyBytes) => {
      const ref = shard.keyspace.read(frame, 1);
      if (!isVectorSetOrAbsent(shard, ref, out)) return;
      const member = ref === 0 ? 0 : findItem(shard, frame, ref, keyBytes);
      if (member === 0) out.null();
      else writeItem(shard, shapeOf(shard, ref), member, out);
    });
  },
});

/** The item that argument 2, or the whole key, names; 0 when there is none. */
function findItem(shard: Shard, frame: ArgFrame, ref: number, keyBytes: number): number {
  const id = frame.count > 2 ? 2 : 0;
  return findElement(shard, ref, frame.at[id === 0 ? 1 : 2] ?? 0, nameOf(frame, id, keyBytes));
}

function writeItem(shard: Shard, shape: VectorShape, member: number, out: ReplySink): void {
  const { vectors } = shard.collections;
  vectors.read(fieldValueAt(shard.memory.i32, member) + PLACE_BYTES, shape);
  out.array(shape.dimension);
  for (let i = 0; i < shape.dimension; i++) {
    const component = vectors.query[i] ?? 0;
    out.double(component, distanceText);
  }
}

export const vecdel = defineCommand({
  name: 'VECDEL', group: 'vector', since: '0.1.0',
  summary: 'Removes an item from an index; or the whole index, where the key is one.',
  complexity: 'O(log n); n = items of the index.',
  arity: -2,
  flags: Flag.Write,
  acl: ['vectorset'],
  keys: [keysAt({
    first: 1, last: 1, step: 1, access: 'RW', effect: 'delete', namesIndex: true,
  })],
  args: { key: arg.key(), id: arg.bytes().optional() },
  reply: reply.integer('1 when it was there, else 0'),
  examples: [
    ['VECSET embedding:doc1 3 0.5 0.8 0.3', ':1'], ['VECSET embedding:doc2 3 1 0 0', ':1'],
    ['VECDEL embedding:doc2', ':1'], ['VECDEL embedding:doc2', ':0'], ['VECDEL embedding', ':1'],
    ['EXISTS embedding', ':0'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    withItem(frame, out, (keyBytes) => {
      const ref = shard.keyspace.write(frame, 1);
      if (!isVectorSetOrAbsent(shard, ref, out)) return;
      out.integer(deleteItem(shard, frame, ref, keyBytes));
    });
  },
});

/** @returns 1 when something went */
function deleteItem(shard: Shard, frame: ArgFrame, ref: number, keyBytes: number): number {
  if (ref === 0) return 0;
  if (frame.count > 2) {
    return takeElement(shard, frame, ref, frame.at[2] ?? 0, frame.bytes[2] ?? 0) ? 1 : 0;
  }
  if (keyBytes !== frame.bytes[1]) {
    return takeElement(shard, frame, ref, frame.at[1] ?? 0, keyBytes) ? 1 : 0;
  }
  shard.removeLastLookup(ref, KeyEvent.Del, EffectReason.Command);
  return 1;
}

export const vecquery = defineCommand({
  name: 'VECQUERY', group: 'vector', since: '0.1.0',
  summary: 'Returns the k items of an index that are nearest to a vector, with their distances.',
  complexity: 'O(log n); O(n) in small indexes.',
  arity: -4,
  flags: Flag.ReadOnly,
  acl: ['vectorset'],
  keys: readItem,
  args: { key: arg.key(), k: arg.integer(), component: arg.repeat(arg.double()) },
  reply: reply.array('pairs of an item and its distance, nearest first'),
  examples: [
    ['VECSET embedding:doc1 2 3 4', ':1'],
    ['VECQUERY embedding 5 0 0', '*[*[$"embedding:doc1" $"5"]]'],
    ['VECQUERY other:doc1 5 0 0', '*[]'],
    ['VECQUERY embedding 5 0 0 0', '-"ERR dimension mismatch: index has 2, got 3"'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const k = integerAt(frame, 2, 0, Number.MAX_SAFE_INTEGER);
    if (k < 0) {
      out.error(replyErrors.notInteger);
      return;
    }
    const dimension = frame.count - 3;
    if (dimension > VECTOR_DIMENSION_MAX || !readNumbers(shard, frame, 3, dimension)) {
      out.error(koraErrors.component);
      return;
    }
    withIndex(frame, out, () => {
      query(shard, frame, k, out);
    });
  },
});

function query(shard: Shard, frame: ArgFrame, k: number, out: ReplySink): void {
  const ref = shard.keyspace.read(frame, 1);
  if (!isVectorSetOrAbsent(shard, ref, out)) return;
  if (ref === 0) {
    out.array(0);
    return;
  }
  asked.metric = -1;
  const shape = shapeOf(shard, ref);
  const refusal = refusalOf(shard, shape);
  if (refusal !== null) {
    out.error(refusal);
    return;
  }
  const ef = shape.searchEf === 0 ? EF_MIN : shape.searchEf;
  shard.vectors.ensureIndex(ref);
  const hits = searchVectorSet(shard, frame, ref, {
    count: k, ef: Math.max(ef, Math.min(k, collectionCount(shard, ref))),
    distanceMax: Infinity, filter: null, strategy: 'auto', isExact: false,
  });
  if (hits === null) return;
  const { i32 } = shard.memory;
  out.array(hits.count);
  for (let i = 0; i < hits.count; i++) {
    const member = hits.members[i] ?? 0;
    out.array(2);
    out.bulk(entryKeyAt(i32, member), entryKeyBytes(i32, member));
    out.double(hits.distances[i] ?? 0, distanceText);
  }
}

/** Entries of Kora's own. */
export const vectorKoraCommands: readonly Command[] = [vecset, vecget, vecdel, vecquery];
