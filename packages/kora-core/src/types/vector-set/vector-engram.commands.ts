/**
 * The commands of Engram: VNEW VSEARCH VDEL VSAVE, VADD and VINFO where they are Engram's, with its
 * replies and errors in its order of checks. An index is a vector set that stays when it is empty,
 * with f32 vectors and a metric of its own; vectors come as blobs, f32 little-endian.
 * Where it differs: an index is a key, so DEL, EXPIRE and WRONGTYPE apply; dimensions end at
 * 65,536, and a large EF is cut instead of ending the process. VSAVE saves all keys.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { argumentText } from '../../command/argument-text.ts';
import { arg, isWord } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { reply } from '../../command/reply-schema.ts';
import { answerSave } from '../../command/saving-host.ts';
import type { SaveAsker } from '../../command/saving-host.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryKeyAt, entryKeyBytes } from '../../structs/entry.hot.ts';
import { fitVector, hasLength, readBlob, wordOf } from './vector-arguments.ts';
import { distanceText } from './vector-distance-text.ts';
import { engramErrors, saveFailed, wrongDimension } from './vector-errors.ts';
import { searchVectorSet } from './vector-search.ts';
import type { VectorShape } from './vector-set-layout.ts';
import {
  givenDimension, shapeOf, VECTOR_DIMENSION_MAX, VectorFace, VectorForm, VectorMetric,
} from './vector-set-layout.ts';
import {
  ELEMENT_ADDED, ELEMENT_NO_MEMORY, isVectorSetOrAbsent, KEEP_ATTRIBUTES,
} from './vector-set.ts';
import { createEmpty, storeElement, takeElement } from './vector-store.ts';

const M = 16;
const EF_CONSTRUCTION = 200;
const EF_DEFAULT = 64;
const SEED = 1;
const wordMetric = wordOf('METRIC');
const wordEf = wordOf('EF');

const METRIC_OF_NAME: Readonly<Record<string, number>> = {
  cosine: VectorMetric.Cosine, l2: VectorMetric.L2, euclidean: VectorMetric.L2,
  dot: VectorMetric.Ip, ip: VectorMetric.Ip,
};
const METRIC_NAMES = ['cosine', 'l2', 'dot'] as const;

/** Argument i as Engram reads a number: digits, with a plus before them or not; -1: it is none. */
function unsignedAt(frame: ArgFrame, i: number): number {
  const text = argumentText(frame, i);
  return /^[+]?[0-9]+$/.test(text) ? Number(text) : -1;
}

/** Largest number that Engram takes. */
const UNSIGNED_END = 2 ** 64;

export const vnew = defineCommand({
  name: 'VNEW', group: 'vector', since: '0.1.0',
  summary: 'Makes an empty index of vectors of one dimension, with a metric.',
  complexity: 'O(1)',
  arity: -3,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['vectorset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'insert' })],
  args: { key: arg.key(), dim: arg.integer(), metric: arg.bytes('METRIC').optional() },
  reply: reply.ok(),
  examples: [
    ['VNEW words 2 METRIC l2', '+"OK"'], ['VNEW words 2', '-"ERR index already exists"'],
    ['VNEW others 0', '-"ERR dimension must be a positive integer"'],
    ['TYPE words', '+"vectorset"'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const dimension = unsignedAt(frame, 2);
    if (dimension < 1 || dimension > VECTOR_DIMENSION_MAX) {
      out.error(engramErrors.dimension);
      return;
    }
    const isPlain = frame.count === 3;
    if (!isPlain && (frame.count !== 5 || !isWord(frame, 3, wordMetric))) {
      out.error(replyErrors.syntax);
      return;
    }
    const name = isPlain ? 'cosine' : argumentText(frame, 4).toLowerCase();
    const metric = Object.hasOwn(METRIC_OF_NAME, name) ? METRIC_OF_NAME[name] : undefined;
    if (metric === undefined) {
      out.error(engramErrors.metric);
      return;
    }
    const ref = shard.keyspace.write(frame, 1);
    if (!isVectorSetOrAbsent(shard, ref, out)) return;
    if (ref !== 0) out.error(engramErrors.exists);
    else createEmpty(shard, frame, indexShape(dimension, metric), out);
  },
});

function indexShape(dimension: number, metric: number): VectorShape {
  return {
    dimension, metric, form: VectorForm.F32, face: VectorFace.Engram, keepsEmpty: true,
    m: M, ef: EF_CONSTRUCTION, searchEf: 0, inputDimension: 0, seed: SEED,
  };
}

/** True when `ref` holds an index; otherwise the error was written. */
function isIndex(shard: Shard, ref: number, out: ReplySink): boolean {
  if (ref === 0) {
    out.error(engramErrors.noIndex);
    return false;
  }
  return isVectorSetOrAbsent(shard, ref, out);
}

/** Reads the blob of argument i for the index of entry `ref`; false: the error was written. */
function readQuery(
  shard: Shard, frame: ArgFrame, i: number, shape: VectorShape, out: ReplySink,
): boolean {
  if (!readBlob(shard, frame, i) || !hasLength(shard, shape.metric)) {
    out.error(engramErrors.encoding);
    return false;
  }
  const { dimension } = shard.collections.vectors;
  if (fitVector(shard, shape) === null) return true;
  out.error(wrongDimension(givenDimension(shape), dimension));
  return false;
}

/** VADD index key blob. */
export function addBlob(shard: Shard, frame: ArgFrame, out: ReplySink): void {
  const ref = shard.keyspace.write(frame, 1);
  if (!isIndex(shard, ref, out)) return;
  const shape = shapeOf(shard, ref);
  if (!readQuery(shard, frame, 3, shape, out)) return;
  const answer = storeElement(
    shard, frame, ref, shape, frame.at[2] ?? 0, frame.bytes[2] ?? 0, 0, KEEP_ATTRIBUTES,
  );
  if (answer === ELEMENT_NO_MEMORY) out.error(replyErrors.arenaFull);
  else out.integer(answer === ELEMENT_ADDED ? 1 : 0);
}

export const vsearch = defineCommand({
  name: 'VSEARCH', group: 'vector', since: '0.1.0',
  summary: 'Returns the k nearest of an index to a vector, each with its distance.',
  complexity: 'O(log n); O(n) in small indexes.',
  arity: -4,
  flags: Flag.ReadOnly,
  acl: ['vectorset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })],
  args: { key: arg.key(), query: arg.bytes(), k: arg.integer(), ef: arg.integer('EF').optional() },
  reply: reply.array('keys, nearest first, each followed by its distance'),
  examples: [
    ['VNEW words 1 METRIC l2', '+"OK"'], ['VADD words one "\\x00\\x00\\x80\\x3f"', ':1'],
    ['VSEARCH words "\\x00\\x00\\x00\\x00" 3', '*[$"one" $"1"]'],
    ['VSEARCH others x 3', '-"ERR no such index"'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const k = unsignedAt(frame, 3);
    const hasEf = frame.count === 6 && isWord(frame, 4, wordEf);
    if (k < 0 || k >= UNSIGNED_END) {
      out.error(replyErrors.notInteger);
      return;
    }
    if (frame.count !== 4 && !hasEf) {
      out.error(replyErrors.syntax);
      return;
    }
    const ef = hasEf ? unsignedAt(frame, 5) : EF_DEFAULT;
    if (ef < 0 || ef >= UNSIGNED_END) {
      out.error(replyErrors.notInteger);
      return;
    }
    const ref = shard.keyspace.read(frame, 1);
    if (!isIndex(shard, ref, out)) return;
    if (readQuery(shard, frame, 2, shapeOf(shard, ref), out)) search(shard, frame, ref, k, ef, out);
  },
});

function search(
  shard: Shard, frame: ArgFrame, ref: number, k: number, ef: number, out: ReplySink,
): void {
  shard.vectors.ensureIndex(ref);
  const hits = searchVectorSet(shard, frame, ref, {
    count: k, ef: Math.max(1, ef, Math.min(k, collectionCount(shard, ref))),
    distanceMax: Infinity, filter: null, strategy: 'auto', isExact: false,
  });
  if (hits === null) return;
  const { i32 } = shard.memory;
  out.array(hits.count * 2);
  for (let i = 0; i < hits.count; i++) {
    const member = hits.members[i] ?? 0;
    out.bulk(entryKeyAt(i32, member), entryKeyBytes(i32, member));
    out.bulkText(distanceText(hits.distances[i] ?? 0));
  }
}

export const vdel = defineCommand({
  name: 'VDEL', group: 'vector', since: '0.1.0',
  summary: 'Removes a key from an index, which stays.',
  complexity: 'O(log n); n = keys of the index.',
  arity: 3,
  flags: Flag.Write,
  acl: ['vectorset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'delete' })],
  args: { key: arg.key(), element: arg.bytes() },
  reply: reply.integer('1 when it was there, else 0'),
  examples: [
    ['VNEW words 1', '+"OK"'], ['VDEL words one', ':0'],
    ['VDEL others one', '-"ERR no such index"'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isIndex(shard, ref, out)) return;
    const at = frame.at[2] ?? 0;
    out.integer(takeElement(shard, frame, ref, at, frame.bytes[2] ?? 0) ? 1 : 0);
  },
});

/** VINFO of an index that Engram's commands made. */
export function writeIndexInfo(shard: Shard, ref: number, out: ReplySink): void {
  const { dimension, metric } = shapeOf(shard, ref);
  out.array(6);
  out.bulkText('dim');
  out.bulkText(String(dimension));
  out.bulkText('metric');
  out.bulkText(METRIC_NAMES[metric] ?? '');
  out.bulkText('count');
  out.bulkText(String(collectionCount(shard, ref)));
}

const asVsave = Object.freeze({
  isPatient: true, failed: saveFailed, notKept: engramErrors.notKept,
} satisfies SaveAsker);

export const vsave = defineCommand({
  name: 'VSAVE', group: 'vector', since: '0.1.0',
  summary: 'Makes a snapshot of the data, indexes among it, and answers when it is durable.',
  complexity: 'O(n); n = keys. Others are served meanwhile.',
  arity: 1,
  flags: Flag.Admin | Flag.NoScript | Flag.NoAsyncLoading | Flag.NoMulti,
  acl: [],
  keys: [],
  args: {},
  reply: reply.ok(),
  examples: [['VSAVE', '-"ERR persistence not enabled; start with a data dir"']],
  apply(shard, frame, out) {
    answerSave(shard.engine.saving, frame, out, asVsave);
  },
});

/** Entries of Engram. */
export const vectorEngramCommands: readonly Command[] = [vnew, vsearch, vdel, vsave];
