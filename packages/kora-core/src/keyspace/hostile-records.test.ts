/**
 * Journal records that hold together but lie: they name a thing twice, a thing that is not there
 * after one that is, an ID or a time where none can be. Each is refused with CORRUPT_JOURNAL, and
 * then nothing has changed, or leaves the data whole. Random damage is in effect-codec's fuzz; here
 * stand the lies that chance rarely finds.
 */
import { describe, expect, it } from 'vitest';
import { checkShard } from '../admin/shard-check.ts';
import { verify } from '../assert.ts';
import { Fault } from '../errors/fault.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { contentsOf } from '../testing/shard-contents.ts';
import { replayEffect } from './effect-codec.ts';
import { EFFECT_VERSION, EffectOp } from './effect.ts';

const HEAD_BYTES = 20;
const NUMBER_MARK = 0xffff_ffff;

type Part = string | number | readonly number[];

function u32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

function partBytes(part: Part): number[] {
  if (typeof part === 'number') {
    const double = new Uint8Array(new Float64Array([part]).buffer);
    return [...u32(NUMBER_MARK), ...double];
  }
  const bytes = typeof part === 'string' ? [...part].map((c) => c.charCodeAt(0)) : part;
  return [...u32(bytes.length), ...bytes];
}

/** A record of database 0; `tail` stands behind the key. */
function record(op: number, key: string, tail: readonly number[]): Uint8Array {
  const head = [EFFECT_VERSION, op, 0, 0, 0, 0, 0, 0, ...u32(0), ...u32(0), ...u32(key.length)];
  expect(head.length).toBe(HEAD_BYTES);
  return Uint8Array.from([...head, ...[...key].map((c) => c.charCodeAt(0)), ...tail]);
}

function change(op: number, key: string, parts: readonly Part[]): Uint8Array {
  return record(op, key, [...u32(parts.length), ...parts.flatMap(partBytes)]);
}

/** An ID as the journal has it. */
function streamId(ms: number, sequence: number): number[] {
  return [...u32(0), ...u32(ms), ...u32(0), ...u32(sequence)].flatMap((_, i, all) => {
    const word = i - (i % 4);
    return [all[word + 3 - (i % 4)] ?? 0]; // Most significant byte first.
  });
}

/** What became of the record: the code of its Fault, or 'done'. Nothing leaks, all is whole. */
function outcome(lines: readonly string[], bad: Uint8Array): string {
  const driver = new CommandDriver();
  for (const line of lines) expect(driver.runLine(line), line).not.toMatch(/^-/);
  driver.settle();
  const before = contentsOf(driver.shard);
  const used = driver.memory.usedBytes();
  verify.enabled = true;
  try {
    replayEffect(driver.shard, bad);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    driver.settle();
    expect(contentsOf(driver.shard)).toEqual(before);
    expect(driver.memory.usedBytes()).toBe(used);
    checkShard(driver.shard);
    return error.code;
  } finally {
    verify.enabled = false;
  }
  checkShard(driver.shard);
  return 'done';
}

const FIELDS = ['HSET h a 1 b 2 c 3', 'HPEXPIRE h 100000 FIELDS 2 a b'];
const PENDING = [
  'XADD s 1-0 f v', 'XADD s 2-0 f v', 'XADD s 3-0 f v', 'XGROUP CREATE s g 0',
  'XREADGROUP GROUP g alice STREAMS s >',
];

/** A vector set of two dimensions, f32, as the next records name it. */
const VECTORS = ['VADD v VALUES 2 3 4 a NOQUANT', 'VADD v VALUES 2 1 0 b NOQUANT SETATTR {}'];

/** What a set is: dimension, traits, m, ef, input dimension, seed. */
function shape(...words: readonly number[]): number[] {
  return words.flatMap(u32);
}

const SHAPE = shape(2, 0, 16, 200, 0, 1);

/** Norm, range, components. */
function stored(...floats: readonly number[]): number[] {
  return [...new Uint8Array(Float32Array.from(floats).buffer)];
}

describe('records of vector sets that lie', () => {
  const put = (...parts: readonly Part[]): Uint8Array => change(EffectOp.VectorPut, 'v', parts);
  const lies: readonly [string, Uint8Array, string][] = [
    ['an element as it should be', put(SHAPE, 'c', stored(5, 0, 3, 4)), 'done'],
    ['the same with attributes', put(SHAPE, 'c', [...stored(5, 0, 3, 4), 0x7b]), 'done'],
    ['an element of another set', put(shape(2, 1, 16, 200, 0, 1), 'c', stored(5, 0, 3, 4)),
      'CORRUPT_JOURNAL'],
    ['an unknown form', put(shape(2, 3, 16, 200, 0, 1), 'c', stored(5, 0, 3, 4)),
      'CORRUPT_JOURNAL'],
    ['signs that compare by l2', change(EffectOp.VectorCreate, 'w', [shape(2, 18, 16, 200, 0, 1)]),
      'CORRUPT_JOURNAL'],
    ['no dimension', change(EffectOp.VectorCreate, 'w', [shape(0, 0, 16, 200, 0, 1)]),
      'CORRUPT_JOURNAL'],
    ['a dimension beyond all', change(EffectOp.VectorCreate, 'w', [shape(-1, 0, 16, 200, 0, 1)]),
      'CORRUPT_JOURNAL'],
    ['a set made twice', change(EffectOp.VectorCreate, 'v', [SHAPE]), 'CORRUPT_JOURNAL'],
    ['a shape that is cut', put(SHAPE.slice(1), 'c', stored(5, 0, 3, 4)), 'CORRUPT_JOURNAL'],
    ['a vector that is cut', put(SHAPE, 'c', stored(5, 0, 3)), 'CORRUPT_JOURNAL'],
    ['a component that is none', put(SHAPE, 'c', stored(5, 0, 3, NaN)), 'CORRUPT_JOURNAL'],
    ['an infinite component', put(SHAPE, 'c', stored(5, 0, 3, Infinity)), 'CORRUPT_JOURNAL'],
    ['a length below 0', put(SHAPE, 'c', stored(-5, 0, 3, 4)), 'CORRUPT_JOURNAL'],
    ['an infinite length', put(SHAPE, 'c', stored(Infinity, 0, 3, 4)), 'CORRUPT_JOURNAL'],
    ['an unsound first element',
      change(EffectOp.VectorPut, 'w', [SHAPE, 'c', stored(NaN, 0, 3, 4)]), 'CORRUPT_JOURNAL'],
    ['attributes beyond all',
      put(SHAPE, 'c', [...stored(5, 0, 3, 4), ...new Uint8Array((1 << 20) + 1)]),
      'CORRUPT_JOURNAL'],
    ['a number for a name', put(SHAPE, 7, stored(5, 0, 3, 4)), 'CORRUPT_JOURNAL'],
    ['a removal, then one of what is absent',
      change(EffectOp.VectorRemove, 'v', ['a', 'x']), 'CORRUPT_JOURNAL'],
    ['a removal twice', change(EffectOp.VectorRemove, 'v', ['a', 'a']), 'done'],
    ['attributes of what is absent',
      change(EffectOp.VectorAttributes, 'v', ['x', '{}']), 'CORRUPT_JOURNAL'],
    ['attributes of an absent set',
      change(EffectOp.VectorAttributes, 'w', ['x', '{}']), 'CORRUPT_JOURNAL'],
    ['attributes that go', change(EffectOp.VectorAttributes, 'v', ['b', '']), 'done'],
    ['a change of a set that is none', change(EffectOp.SetAdd, 'v', ['a']), 'CORRUPT_JOURNAL'],
  ];
  for (const [what, bad, expected] of lies) {
    it(what, () => {
      expect(outcome(VECTORS, bad)).toBe(expected);
    });
  }
});

describe('records that lie', () => {
  const lies: readonly [string, readonly string[], Uint8Array, string][] = [
    ['a field persisted, then one without a deadline', FIELDS,
      change(EffectOp.HashPersist, 'h', ['a', 'c']), 'CORRUPT_JOURNAL'],
    ['a field persisted, then one that is absent', FIELDS,
      change(EffectOp.HashPersist, 'h', ['a', 'x']), 'CORRUPT_JOURNAL'],
    ['a field persisted twice', FIELDS,
      change(EffectOp.HashPersist, 'h', ['a', 'a']), 'done'],
    ['a field removed twice', FIELDS, change(EffectOp.HashRemove, 'h', ['a', 'a']), 'done'],
    ['a field that expires twice', FIELDS,
      change(EffectOp.HashExpire, 'h', [2_000_000, 'a', 'a', 'c', 'c']), 'done'],
    ['a member removed twice', ['SADD m a b c'],
      change(EffectOp.SetRemove, 'm', ['a', 'a']), 'done'],
    ['a scored member removed twice', ['ZADD z 1 a 2 b 3 c'],
      change(EffectOp.ScoredRemove, 'z', ['a', 'a']), 'done'],
    ['a pending entry removed twice', PENDING,
      change(EffectOp.StreamPendingRemove, 's', ['g', streamId(2, 0), streamId(2, 0)]), 'done'],
    ['an entry removed twice', PENDING,
      change(EffectOp.StreamRemove, 's', [streamId(2, 0), streamId(2, 0)]), 'done'],
    ['a last ID before the last entry', PENDING,
      change(EffectOp.StreamSetId, 's', [streamId(2, 0), streamId(0, 0), [3, 0, 0, 0, 0, 0, 0, 0]]),
      'CORRUPT_JOURNAL'],
    ['a deadline before 1970', ['SET k v'],
      record(EffectOp.KeyExpire, 'k', [...u32(0), ...u32(-1)]), 'CORRUPT_JOURNAL'],
    ['a deadline as late as can be told', ['SET k v'],
      record(EffectOp.KeyExpire, 'k', [...u32(-1), ...u32(0x7fff_ffff)]), 'done'],
    ['elements removed behind what was removed', ['RPUSH l a b c d'],
      change(EffectOp.ListRemove, 'l', [0, 2, 1, 2]), 'CORRUPT_JOURNAL'],
    ['elements beyond all numbers', ['RPUSH l a b c d'],
      change(EffectOp.ListRemove, 'l', [Number.MAX_SAFE_INTEGER, 1]), 'CORRUPT_JOURNAL'],
  ];
  for (const [what, lines, bad, expected] of lies) {
    it(what, () => {
      expect(outcome(lines, bad)).toBe(expected);
    });
  }
});
