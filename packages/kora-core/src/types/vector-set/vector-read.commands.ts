/**
 * Commands of Redis 8 that look at vector sets: VCARD VDIM VINFO VEMB VGETATTR VISMEMBER VLINKS
 * VRANDMEMBER VRANGE.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord, readInteger } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKey, parseKeyAndOne } from '../../command/positional.hot.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryKeyAt, entryKeyBytes, entryRoot } from '../../structs/entry.hot.ts';
import { fieldValueAt } from '../../structs/member.hot.ts';
import { REPEATED_DRAWS_MAX, shuffleFront } from '../shared/draw.ts';
import { wordOf } from './vector-arguments.ts';
import { writeIndexInfo } from './vector-engram.commands.ts';
import { vectorErrors } from './vector-errors.ts';
import { writeRange } from './vector-range.ts';
import { visitElements } from './vector-search.ts';
import { writeAttributes } from './vector-search.commands.ts';
import type { VectorShape } from './vector-set-layout.ts';
import {
  elementPlace, elementVectorAt, PLACE_BYTES, shapeOf, vectorBytesOf, VectorFace, VectorForm,
} from './vector-set-layout.ts';
import {
  attributedCount, elementNamed, isVectorSetOrAbsent, vectorDict,
} from './vector-set.ts';

const readKey = [keysAt({ first: 1, last: 1, step: 1, access: 'RO' })];
const accessedKey = [keysAt({ first: 1, last: 1, step: 1, access: 'RO', effect: 'access' })];
const wordRaw = wordOf('RAW');
const wordWithScores = wordOf('WITHSCORES');
/** A part of the set from which on all elements are shuffled: one in so many. */
const SHUFFLED_SHARE = 3;

export const vcard = defineCommand({
  name: 'VCARD', group: 'vector', since: '8.0.0',
  summary: 'Returns the number of elements of a vector set.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['vectorset'],
  keys: readKey,
  args: { key: arg.key() },
  reply: reply.integer('elements; 0 when the key does not exist'),
  examples: [['VADD points VALUES 2 1 0 east', ':1'], ['VCARD points', ':1']],
  parse: parseKey,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isVectorSetOrAbsent(shard, ref, out)) return;
    out.integer(ref === 0 ? 0 : collectionCount(shard, ref));
  },
});

export const vdim = defineCommand({
  name: 'VDIM', group: 'vector', since: '8.0.0',
  summary: 'Returns the dimension of the vectors of a vector set, reduced where it reduces them.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['vectorset'],
  keys: readKey,
  args: { key: arg.key() },
  reply: reply.integer('components of a vector'),
  examples: [
    ['VADD points VALUES 2 1 0 east', ':1'], ['VDIM points', ':2'],
    ['VDIM nosuch', '-"ERR key does not exist"'],
  ],
  parse: parseKey,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isVectorSetOrAbsent(shard, ref, out)) return;
    if (ref === 0) out.error(vectorErrors.noKey);
    else out.integer(shapeOf(shard, ref).dimension);
  },
});

export const vismember = defineCommand({
  name: 'VISMEMBER', group: 'vector', since: '8.0.0',
  summary: 'Tells whether a vector set has an element.',
  complexity: 'O(1)',
  arity: 3,
  flags: Flag.ReadOnly,
  acl: ['vectorset'],
  keys: readKey,
  args: { key: arg.key(), element: arg.bytes() },
  reply: reply.boolean('true when it has'),
  examples: [
    ['VADD points VALUES 2 1 0 east', ':1'], ['VISMEMBER points east', ':1'],
    ['VISMEMBER points west', ':0'],
  ],
  parse: parseKeyAndOne,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (isVectorSetOrAbsent(shard, ref, out)) out.boolean(elementAsked(shard, frame, ref) !== 0);
  },
});

/** The element of argument 2 in the set of entry `ref`, 0 when there is none. */
function elementAsked(shard: Shard, frame: ArgFrame, ref: number): number {
  return ref === 0 ? 0 : elementNamed(shard, frame, ref, 2);
}

/**
 * Answers for the element of argument 2, which `word` may follow and nothing else.
 * @param answer of the set and its element, which is there; with or without the word
 */
function answerOfElement(
  shard: Shard, frame: ArgFrame, out: ReplySink, word: Uint8Array,
  answer: (ref: number, member: number, hasWord: boolean) => void,
): void {
  const hasWord = frame.count > 3;
  if (frame.count > 4 || (hasWord && !isWord(frame, 3, word))) {
    out.error(replyErrors.syntax);
    return;
  }
  const ref = shard.keyspace.read(frame, 1);
  if (!isVectorSetOrAbsent(shard, ref, out)) return;
  const member = elementAsked(shard, frame, ref);
  if (member === 0) out.null();
  else answer(ref, member, hasWord);
}

export const vgetattr = defineCommand({
  name: 'VGETATTR', group: 'vector', since: '8.0.0',
  summary: 'Returns the attributes of an element of a vector set.',
  complexity: 'O(1)',
  arity: 3,
  flags: Flag.ReadOnly,
  acl: ['vectorset'],
  keys: accessedKey,
  args: { key: arg.key(), element: arg.bytes() },
  reply: oneReplyOf(
    reply.bulk('JSON, as it was given'), reply.null('no such element, or it has none'),
  ),
  examples: [
    ['VADD points VALUES 2 1 0 east SETATTR {"up":0}', ':1'],
    ['VGETATTR points east', '$"{\\"up\\":0}"'], ['VGETATTR points west', '_'],
  ],
  parse: parseKeyAndOne,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isVectorSetOrAbsent(shard, ref, out)) return;
    const member = elementAsked(shard, frame, ref);
    if (member === 0) out.null();
    else writeAttributes(shard, ref, member, out);
  },
});

export const vemb = defineCommand({
  name: 'VEMB', group: 'vector', since: '8.0.0',
  summary: 'Returns the vector of an element, as near as it is kept, or what is kept of it.',
  complexity: 'O(d); d = components of the vector.',
  arity: -3,
  flags: Flag.ReadOnly,
  acl: ['vectorset'],
  keys: accessedKey,
  args: { key: arg.key(), element: arg.bytes(), raw: arg.token('RAW').optional() },
  reply: oneReplyOf(
    reply.array('components; with RAW: form, bytes, length, and for q8 the range'),
    reply.null('no such element'),
  ),
  examples: [
    ['VADD points VALUES 2 1 0.5 east NOQUANT', ':1'],
    ['VEMB points east', '*[$"1" $"0.5"]'], ['VEMB points west', '_'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    answerOfElement(shard, frame, out, wordRaw, (ref, member, isRaw) => {
      if (isRaw) writeRaw(shard, shapeOf(shard, ref), member, out);
      else writeVector(shard, shapeOf(shard, ref), member, out);
    });
  },
});

/** Components; of a set of signs they have the length that was given. */
function writeVector(shard: Shard, shape: VectorShape, member: number, out: ReplySink): void {
  const { vectors } = shard.collections;
  const at = fieldValueAt(shard.memory.i32, member) + PLACE_BYTES;
  vectors.read(at, shape);
  const norm = vectors.f32[at / 4] ?? 0;
  const scale = shape.form === VectorForm.Bits ? norm / Math.sqrt(shape.dimension) : 1;
  out.array(shape.dimension);
  for (let i = 0; i < shape.dimension; i++) {
    out.double(Math.fround((vectors.query[i] ?? 0) * scale));
  }
}

function writeRaw(shard: Shard, shape: VectorShape, member: number, out: ReplySink): void {
  const { memory, collections } = shard;
  const at = fieldValueAt(memory.i32, member) + PLACE_BYTES;
  const { f32 } = collections.vectors;
  const norm = f32[at / 4] ?? 0;
  const range = f32[at / 4 + 1] ?? 0;
  const isQ8 = shape.form === VectorForm.Q8;
  out.array(isQ8 ? 4 : 3);
  out.simple(isQ8 ? 'q8' : shape.form === VectorForm.F32 ? 'fp32' : 'bin');
  const bytes = isQ8 ? shape.dimension : vectorBytesOf(shape.form, shape.dimension);
  if (shape.form === VectorForm.F32) writeNormalised(shard, shape, member, norm, out);
  else out.bulk(elementVectorAt(memory.i32, member), bytes);
  out.double(norm);
  // As Redis means it: the range of a vector of length 1.
  if (isQ8) out.double(norm === 0 ? 0 : Math.fround(range / norm));
}

/** Components divided by the length, as Redis keeps them. */
function writeNormalised(
  shard: Shard, shape: VectorShape, member: number, norm: number, out: ReplySink,
): void {
  const { f32 } = shard.collections.vectors;
  const word = elementVectorAt(shard.memory.i32, member) / 4;
  const bytes = new Uint8Array(shape.dimension * 4);
  const components = new Float32Array(bytes.buffer);
  components.set(f32.subarray(word, word + shape.dimension));
  if (norm > 0) for (const [i, x] of components.entries()) components[i] = x / norm;
  out.bulkBytes(bytes);
}

export const vinfo = defineCommand({
  name: 'VINFO', group: 'vector', since: '8.0.0',
  summary: 'Returns what a vector set is, and how large.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.ReadOnly | Flag.Fast,
  acl: ['vectorset'],
  keys: readKey,
  args: { key: arg.key() },
  reply: oneReplyOf(
    reply.map('names and figures'),
    reply.array('of an index that VNEW made: dim, metric and count, each before its value'),
    reply.nullArray('the key does not exist'),
  ),
  examples: [
    ['VADD points VALUES 2 1 0 east', ':1'], ['VINFO points', '*#18'], ['VINFO nosuch', '*_'],
  ],
  parse: parseKey,
  apply(shard, frame, out) {
    const ref = shard.keyspace.read(frame, 1);
    if (!isVectorSetOrAbsent(shard, ref, out)) return;
    if (ref === 0) out.nullArray();
    else if (shapeOf(shard, ref).face === VectorFace.Engram) writeIndexInfo(shard, ref, out);
    else writeInfo(shard, ref, out);
  },
});

const FORM_NAMES = ['f32', 'int8', 'bin'] as const;

function writeInfo(shard: Shard, ref: number, out: ReplySink): void {
  const shape = shapeOf(shard, ref);
  const index = shard.vectors.wholeIndex(ref);
  out.map(9);
  out.simple('quant-type');
  out.simple(FORM_NAMES[shape.form] ?? '');
  const figures: readonly (readonly [string, number])[] = [
    ['hnsw-m', shape.m], ['vector-dim', shape.dimension],
    ['projection-input-dim', shape.inputDimension], ['size', collectionCount(shard, ref)],
    ['max-level', Math.max(0, index?.levelMax ?? 0)],
    ['attributes-count', attributedCount(shard, ref)],
    ['vset-uid', entryRoot(shard.memory.i32, ref)],
    ['hnsw-max-node-uid', shard.vectors.slotEnd(ref)],
  ];
  for (const [name, figure] of figures) {
    out.simple(name);
    out.integer(figure);
  }
}

export const vlinks = defineCommand({
  name: 'VLINKS', group: 'vector', since: '8.0.0',
  summary: 'Returns the neighbours of an element on each level of the graph of a big vector set.',
  complexity: 'O(1)',
  arity: -3,
  flags: Flag.ReadOnly,
  acl: ['vectorset'],
  keys: readKey,
  args: { key: arg.key(), element: arg.bytes(), scores: arg.token('WITHSCORES').optional() },
  reply: oneReplyOf(
    reply.array('for each level, highest first, its neighbours; none in a set that is scanned'),
    reply.null('no such element'),
  ),
  examples: [
    ['VADD points VALUES 2 1 0 east', ':1'], ['VLINKS points east', '*[*[]]'],
    ['VLINKS points west', '_'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    answerOfElement(shard, frame, out, wordWithScores, (ref, member, hasScores) => {
      writeLinks(shard, ref, member, hasScores, out);
    });
  },
});

function writeLinks(
  shard: Shard, ref: number, member: number, hasScores: boolean, out: ReplySink,
): void {
  const { memory, collections } = shard;
  const index = shard.vectors.wholeIndex(ref);
  const slot = elementPlace(memory.i32, member) - 1;
  const top = index === null || slot < 0 ? -1 : index.levelOf(slot);
  if (index === null || top < 0) {
    out.array(1);
    out.array(0);
    return;
  }
  const shape = shapeOf(shard, ref);
  const { vectors } = collections;
  vectors.read(fieldValueAt(memory.i32, member) + PLACE_BYTES, shape);
  vectors.prepare(shape);
  out.array(top + 1);
  for (let level = top; level >= 0; level--) {
    const neighbours = index.neighbours(slot, level);
    if (hasScores) out.map(neighbours.length);
    else out.array(neighbours.length);
    for (const neighbour of neighbours) {
      const other = shard.vectors.memberAt(ref, neighbour);
      out.bulk(entryKeyAt(memory.i32, other), entryKeyBytes(memory.i32, other));
      const at = fieldValueAt(memory.i32, other) + PLACE_BYTES;
      if (hasScores) out.double(1 - vectors.distance(at, shape) / 2);
    }
  }
}

export const vrandmember = defineCommand({
  name: 'VRANDMEMBER', group: 'vector', since: '8.0.0',
  summary: 'Returns elements of a vector set by chance; a negative count allows repetitions.',
  complexity: 'O(1) for each element; O(n) for a large part of the set.',
  arity: -2,
  flags: Flag.ReadOnly,
  acl: ['vectorset'],
  keys: accessedKey,
  tips: ['nondeterministic_output'],
  args: { key: arg.key(), count: arg.integer().optional() },
  reply: oneReplyOf(
    reply.bulk('an element'), reply.null('the key does not exist'),
    reply.array('with a count: the elements'),
  ),
  examples: [
    ['VADD points VALUES 2 1 0 east', ':1'], ['VRANDMEMBER points', '$"east"'],
    ['VRANDMEMBER nosuch', '_'], ['VRANDMEMBER points 2', '*[$"east"]'],
    ['VRANDMEMBER points -2', '*[$"east" $"east"]'], ['VRANDMEMBER nosuch 2', '*[]'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const hasCount = frame.count > 2;
    if (frame.count > 3) {
      out.error(replyErrors.syntax);
      return;
    }
    if (hasCount && !readInteger(frame, 1, 2)) {
      out.error(replyErrors.notInteger);
      return;
    }
    const wanted = hasCount ? (frame.number[1] ?? 0) : 1;
    if (wanted < -REPEATED_DRAWS_MAX) {
      out.error(replyErrors.outOfRange);
      return;
    }
    const ref = shard.keyspace.read(frame, 1);
    if (!isVectorSetOrAbsent(shard, ref, out)) return;
    const count = ref === 0 ? 0 : collectionCount(shard, ref);
    if (count === 0) {
      if (hasCount) out.array(0);
      else out.null();
    } else if (!hasCount) {
      writeName(shard, drawElement(shard, ref), out);
    } else {
      writeDrawn(shard, ref, count, wanted, out);
    }
  },
});

function writeName(shard: Shard, member: number, out: ReplySink): void {
  const { i32 } = shard.memory;
  out.bulk(entryKeyAt(i32, member), entryKeyBytes(i32, member));
}

function drawElement(shard: Shard, ref: number): number {
  const { dict } = shard.collections;
  const { chance } = shard.platform;
  dict.bind(vectorDict(shard, ref));
  return shard.memory.i32[dict.randomSlot(chance.next32(), chance.next32())] ?? 0;
}

function writeDrawn(
  shard: Shard, ref: number, count: number, wanted: number, out: ReplySink,
): void {
  if (wanted < 0) {
    out.array(-wanted);
    for (let i = 0; i < -wanted; i++) writeName(shard, drawElement(shard, ref), out);
    return;
  }
  const taken = Math.min(wanted, count);
  const members = taken * SHUFFLED_SHARE >= count
    ? shuffledElements(shard, ref, count, taken) : drawnElements(shard, ref, taken);
  out.array(taken);
  for (const member of members) writeName(shard, member, out);
}

function shuffledElements(shard: Shard, ref: number, count: number, taken: number): Int32Array {
  const members = new Int32Array(count);
  let met = 0;
  visitElements(shard, ref, (member) => {
    members[met++] = member;
  });
  if (taken < count) shuffleFront(shard.platform.chance, members, count, taken);
  return members.subarray(0, taken);
}

function drawnElements(shard: Shard, ref: number, taken: number): ReadonlySet<number> {
  const members = new Set<number>();
  while (members.size < taken) members.add(drawElement(shard, ref));
  return members;
}

export const vrange = defineCommand({
  name: 'VRANGE', group: 'vector', since: '8.4.0',
  summary: 'Returns the elements of a vector set between two names, in the order of their bytes.',
  complexity: 'O(n log m); n = elements of the set, m = elements returned.',
  arity: -4,
  flags: Flag.ReadOnly,
  acl: ['vectorset'],
  keys: accessedKey,
  args: {
    key: arg.key(), start: arg.bytes(), end: arg.bytes(), count: arg.integer().optional(),
  },
  reply: reply.array('names'),
  examples: [
    ['VADD points VALUES 2 1 0 east', ':1'], ['VADD points VALUES 2 0 1 north', ':1'],
    ['VRANGE points - + 1', '*[$"east"]'], ['VRANGE points (east +', '*[$"north"]'],
    ['VRANGE points east +', '-"ERR invalid range item, must start with [ or ("'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    writeRange(shard, frame, out);
  },
});

/** Entries that look at vector sets. */
export const vectorReadCommands: readonly Command[] = [
  vcard, vdim, vinfo, vemb, vgetattr, vismember, vlinks, vrandmember, vrange,
];
