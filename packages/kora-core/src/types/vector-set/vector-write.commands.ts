/**
 * Commands of Redis 8 that change vector sets: VADD VREM VSETATTR; VADD with four words is Engram's
 * (vector-engram.commands.ts). Each checks everything, reserves,
 * changes, commits and writes one reply. What is announced are elements as they are kept; the graph
 * of a big set is nobody's business but its shard's.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { arg, isWord } from '../../command/grammar.ts';
import { keysAt } from '../../command/key-spec.ts';
import { parseKeyAndOne } from '../../command/positional.hot.ts';
import { oneReplyOf, reply } from '../../command/reply-schema.ts';
import type { ReplySink } from '../../command/sink.ts';
import type { Command } from '../../command/spec.ts';
import { defineCommand, Flag } from '../../command/spec.ts';
import type { ReplyError } from '../../errors/reply-error.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import type { Shard } from '../../shard/shard.ts';
import { effectOfKey } from '../string/string-effects.ts';
import {
  fitVector, formNamed, hasLength, integerAt, readVector, wordOf,
} from './vector-arguments.ts';
import { dimensionMismatch, vectorErrors } from './vector-errors.ts';
import type { VectorShape } from './vector-set-layout.ts';
import {
  attributeBytes, VECTOR_ATTRIBUTES_BYTES_MAX, VECTOR_DIMENSION_MAX, VECTOR_EF_MAX, VECTOR_M_MAX,
  VECTOR_M_MIN, VectorFace, VectorForm, VectorMetric, shapeOf,
} from './vector-set-layout.ts';
import { addBlob } from './vector-engram.commands.ts';
import {
  ELEMENT_ADDED, ELEMENT_NO_MEMORY, findElement, foundElement, isVectorSetOrAbsent,
  KEEP_ATTRIBUTES, setAttributes,
} from './vector-set.ts';
import { storeElement, takeElement } from './vector-store.ts';

/** `VADD index key blob` is Engram's: Redis's has five words and more. */
const ENGRAM_WORDS = 4;
const M_DEFAULT = 16;
const EF_DEFAULT = 200;
/** Any EF that a client may name; what is wider than a search can be is cut. */
const EF_NAMED_MAX = 1_000_000;
/** All sets reduce, and link, by the same chance: equal commands make equal sets. */
const SEED = 1;

const words = {
  reduce: wordOf('REDUCE'), cas: wordOf('CAS'), noquant: wordOf('NOQUANT'),
  ef: wordOf('EF'), setattr: wordOf('SETATTR'), m: wordOf('M'),
};

/** What VADD was asked; filled anew by each. Owner: the running command. */
const asked = {
  reduced: 0, element: 0, form: VectorForm.Q8 as number, ef: EF_DEFAULT, m: M_DEFAULT, json: 0,
};

export const vadd = defineCommand({
  name: 'VADD', group: 'vector', since: '8.0.0',
  summary: 'Adds an element with its vector to a vector set, or gives it another vector.',
  complexity: 'O(log n) for each element added; n = elements of the set.',
  arity: -4,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['vectorset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'insert' })],
  args: { key: arg.key(), words: arg.repeat({ a: arg.bytes(), b: arg.bytes() }) },
  documentedArgs: [
    ['key', arg.key()],
    ['dim', arg.integer('REDUCE').optional()],
    ['vector', arg.oneOf({
      fp32: arg.bytes('FP32'),
      values: arg.block({ num: arg.integer(), value: arg.double().repeated() }, 'VALUES'),
    })],
    ['element', arg.bytes()],
    ['cas', arg.token('CAS').optional()],
    ['quantization', arg.oneOf('NOQUANT', 'Q8', 'BIN').optional()],
    ['build-exploration-factor', arg.integer('EF').optional()],
    ['attributes', arg.bytes('SETATTR').optional()],
    ['numlinks', arg.integer('M').optional()],
  ],
  reply: oneReplyOf(
    reply.boolean('true when the element was not there before'),
    reply.integer('the same, to the words of Engram: VADD index key blob'),
  ),
  examples: [
    ['VADD points VALUES 2 1 0 east', ':1'],
    ['VADD points VALUES 2 0 1 north SETATTR {"up":1}', ':1'],
    ['VADD points VALUES 2 0.9 0.1 east', ':0'],
    ['VADD points VALUES 3 1 0 0 far', '-"ERR Vector dimension mismatch - got 3 but set has 2"'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    if (frame.count === ENGRAM_WORDS) {
      addBlob(shard, frame, out);
      return;
    }
    const error = readAsked(shard, frame);
    if (error !== null) {
      out.error(error);
      return;
    }
    const ref = shard.keyspace.write(frame, 1);
    if (!isVectorSetOrAbsent(shard, ref, out)) return;
    const shape = ref === 0 ? newShape(shard) : shapeOf(shard, ref);
    const refusal = (ref === 0 ? null : mismatch(shard, shape)) ?? fitVector(shard, shape);
    if (refusal !== null) out.error(refusal);
    else if (!hasLength(shard, shape.metric)) out.error(vectorErrors.specification);
    else add(shard, frame, ref, shape, out);
  },
});

/** Reads all arguments into `asked`, and the vector into the window. */
function readAsked(shard: Shard, frame: ArgFrame): ReplyError | null {
  asked.reduced = 0;
  asked.form = VectorForm.Q8;
  asked.ef = EF_DEFAULT;
  asked.m = M_DEFAULT;
  asked.json = 0;
  let from = 2;
  if (isWord(frame, 2, words.reduce)) {
    asked.reduced = integerAt(frame, 3, 1, VECTOR_DIMENSION_MAX);
    if (asked.reduced < 0) return vectorErrors.specification;
    from = 4;
  }
  asked.element = readVector(shard, frame, from);
  if (asked.element < 0 || asked.element >= frame.count) return vectorErrors.specification;
  if (asked.reduced > shard.collections.vectors.dimension) return vectorErrors.specification;
  for (let i = asked.element + 1; i < frame.count; i++) {
    if (isWord(frame, i, words.cas)) continue;
    const form = formNamed(frame, i, words.noquant);
    if (form >= 0) {
      asked.form = form;
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
  if (i + 1 >= frame.count) return vectorErrors.option;
  if (isWord(frame, i, words.ef)) {
    const ef = integerAt(frame, i + 1, 1, EF_NAMED_MAX);
    if (ef < 0) return vectorErrors.invalidEf;
    asked.ef = Math.min(ef, VECTOR_EF_MAX);
  } else if (isWord(frame, i, words.m)) {
    asked.m = integerAt(frame, i + 1, VECTOR_M_MIN, VECTOR_M_MAX);
    if (asked.m < 0) return vectorErrors.invalidM;
  } else if (isWord(frame, i, words.setattr)) {
    asked.json = i + 1;
    if ((frame.bytes[i + 1] ?? 0) > VECTOR_ATTRIBUTES_BYTES_MAX) {
      return vectorErrors.attributesTooLong;
    }
  } else {
    return vectorErrors.option;
  }
  return null;
}

/** The set that a first VADD makes. */
function newShape(shard: Shard): VectorShape {
  const { dimension } = shard.collections.vectors;
  return {
    dimension: asked.reduced === 0 ? dimension : asked.reduced,
    form: asked.form, metric: VectorMetric.Cosine, face: VectorFace.Redis, keepsEmpty: false,
    m: asked.m, ef: asked.ef, searchEf: 0, seed: SEED,
    inputDimension: asked.reduced === 0 ? 0 : dimension,
  };
}

/** What is asked differs from what the set is. */
function mismatch(shard: Shard, shape: VectorShape): ReplyError | null {
  const { dimension } = shard.collections.vectors;
  if (asked.reduced !== 0 && shape.inputDimension === 0) return vectorErrors.noProjection;
  if (asked.reduced === 0 && shape.inputDimension !== 0) {
    return dimensionMismatch(dimension, shape.dimension);
  }
  if (asked.reduced !== 0 && asked.reduced !== shape.dimension) {
    return dimensionMismatch(asked.reduced, shape.dimension);
  }
  if (asked.form !== shape.form) return vectorErrors.quantisation;
  return asked.m === shape.m ? null : vectorErrors.m;
}

function add(
  shard: Shard, frame: ArgFrame, found: number, shape: VectorShape, out: ReplySink,
): void {
  const nameAt = frame.at[asked.element] ?? 0;
  const nameBytes = frame.bytes[asked.element] ?? 0;
  const jsonAt = frame.at[asked.json] ?? 0;
  const jsonBytes = asked.json === 0 ? KEEP_ATTRIBUTES : (frame.bytes[asked.json] ?? 0);
  const answer = storeElement(
    shard, frame, found, shape, nameAt, nameBytes, jsonAt, jsonBytes,
  );
  if (answer === ELEMENT_NO_MEMORY) out.error(replyErrors.arenaFull);
  else out.boolean(answer === ELEMENT_ADDED);
}

export const vrem = defineCommand({
  name: 'VREM', group: 'vector', since: '8.0.0',
  summary: 'Removes an element from a vector set.',
  complexity: 'O(log n); n = elements of the set.',
  arity: 3,
  flags: Flag.Write,
  acl: ['vectorset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'delete' })],
  args: { key: arg.key(), element: arg.bytes() },
  reply: reply.boolean('true when it was there'),
  examples: [
    ['VADD points VALUES 2 1 0 east', ':1'], ['VREM points west', ':0'],
    ['VREM points east', ':1'], ['EXISTS points', ':0'],
  ],
  parse: parseKeyAndOne,
  apply(shard, frame, out) {
    const ref = shard.keyspace.write(frame, 1);
    if (!isVectorSetOrAbsent(shard, ref, out)) return;
    out.boolean(ref !== 0 && takeElement(
      shard, frame, ref, frame.at[2] ?? 0, frame.bytes[2] ?? 0,
    ));
  },
});

export const vsetattr = defineCommand({
  name: 'VSETATTR', group: 'vector', since: '8.0.0',
  summary: 'Gives an element of a vector set attributes, JSON; an empty text takes them away.',
  complexity: 'O(1)',
  arity: 4,
  flags: Flag.Write | Flag.DenyOom,
  acl: ['vectorset'],
  keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
  args: { key: arg.key(), element: arg.bytes(), json: arg.bytes() },
  reply: reply.boolean('false when there is no such element'),
  examples: [
    ['VADD points VALUES 2 1 0 east', ':1'], ['VSETATTR points east {"up":0}', ':1'],
    ['VGETATTR points east', '$"{\\"up\\":0}"'], ['VSETATTR points west {}', ':0'],
  ],
  parse: () => null,
  apply(shard, frame, out) {
    const at = frame.at[3] ?? 0;
    const bytes = frame.bytes[3] ?? 0;
    if (bytes > VECTOR_ATTRIBUTES_BYTES_MAX) {
      out.error(vectorErrors.attributesTooLong);
      return;
    }
    const ref = shard.keyspace.write(frame, 1);
    if (!isVectorSetOrAbsent(shard, ref, out)) return;
    const nameAt = frame.at[2] ?? 0;
    const nameBytes = frame.bytes[2] ?? 0;
    if (ref === 0 || findElement(shard, ref, nameAt, nameBytes) === 0) {
      out.boolean(false);
      return;
    }
    const before = attributeBytes(shard.memory.i32, foundElement.member, shapeOf(shard, ref));
    if (bytes === 0 && before === 0) {
      out.boolean(true);
      return;
    }
    if (!setAttributes(shard, ref, at, bytes)) {
      out.error(replyErrors.arenaFull);
      return;
    }
    const effect = effectOfKey(shard, frame, 1, EffectOp.VectorAttributes, KeyEvent.VSetAttr);
    effect.parts.add(nameAt, nameBytes);
    effect.parts.add(at, bytes);
    shard.commit();
    out.boolean(true);
  },
});

/** Entries that change vector sets. */
export const vectorWriteCommands: readonly Command[] = [vadd, vrem, vsetattr];
