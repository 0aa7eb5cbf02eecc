/**
 * Makes changes of vector sets again that a journal tells, by the functions that made them. What is
 * told are elements as they are kept, never a graph: a set that is replayed gets its index where it
 * is searched. A set that has lost its last element stays until the record that removes its key.
 */
import { Fault } from '../../errors/fault.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import type { Effect } from '../../keyspace/effect.ts';
import type { EffectParts } from '../../keyspace/effect-parts.ts';
import type { ReplayKey } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryRoot } from '../../structs/entry.hot.ts';
import { fieldValueAt, fieldValueBytes } from '../../structs/member.hot.ts';
import type { VectorShape } from './vector-set-layout.ts';
import {
  isSameShape, PLACE_BYTES, SHAPE_BYTES, SHAPE_OFFSET, shapeFrom, shapeOf,
  VECTOR_ATTRIBUTES_BYTES_MAX,
} from './vector-set-layout.ts';
import {
  createVectorSet, ELEMENT_NO_MEMORY, ELEMENT_UNSOUND, elementBytesFor, findElement, foundElement,
  putStored, removeElement, setAttributes,
} from './vector-set.ts';

/** Adds the part that says what the set of entry `ref` is. */
export function addShapePart(shard: Shard, effect: Effect, ref: number): void {
  effect.parts.add(entryRoot(shard.memory.i32, ref) * 8 + SHAPE_OFFSET, SHAPE_BYTES);
}

/** Adds the element found last: its name, which lies at `at`, and what is kept of it. */
export function addElementParts(
  shard: Shard, effect: Effect, at: number, bytes: number,
): void {
  const { i32 } = shard.memory;
  const { member } = foundElement;
  effect.parts.add(at, bytes);
  effect.parts.add(
    fieldValueAt(i32, member) + PLACE_BYTES, fieldValueBytes(i32, member) - PLACE_BYTES,
  );
}

/** @throws {Fault} CORRUPT_JOURNAL, OUT_OF_MEMORY; nothing has changed then */
export function replayVectorSet(
  shard: Shard, op: number, key: ReplayKey, parts: EffectParts,
): void {
  checkRecord(parts.count > 0, 'a change of a vector set without parts');
  for (let i = 0; i < parts.count; i++) checkRecord(!parts.isNumber(i), 'a number for a text');
  switch (op) {
    case EffectOp.VectorCreate:
      checkRecord(parts.count === 1 && key.ref === 0, 'a vector set that is made twice');
      create(shard, key, shapePart(shard, parts), 0);
      return;
    case EffectOp.VectorPut:
      replayPut(shard, key, parts);
      return;
    case EffectOp.VectorRemove:
      replayRemove(shard, key, parts);
      return;
    case EffectOp.VectorAttributes:
      replayAttributes(shard, key, parts);
      return;
    default:
      checkRecord(false, `an unknown change of a vector set, ${op}`);
  }
}

function checkRecord(isSound: boolean, what: string): asserts isSound {
  if (!isSound) throw new Fault('CORRUPT_JOURNAL', `The journal has ${what}.`);
}

function checkMemory(isDone: boolean): void {
  if (!isDone) throw new Fault('OUT_OF_MEMORY', 'The memory is full while a journal is replayed.');
}

/** The shape in part 0, whose bytes lie in low memory. */
function shapePart(shard: Shard, parts: EffectParts): VectorShape {
  checkRecord(parts.bytes[0] === SHAPE_BYTES, 'a vector set without a shape');
  const at = parts.value[0] ?? 0;
  const { lowView } = shard.memory;
  const words = Array.from({ length: 6 }, (_, i) => lowView.getInt32(at + i * 4, true));
  const [dimension = 0, traits = 0, m = 0, ef = 0, inputDimension = 0, seed = 0] = words;
  const shape = shapeFrom(dimension, traits, m, ef, inputDimension, seed);
  checkRecord(shape !== undefined, 'a vector set of an unknown shape');
  return shape;
}

function create(
  shard: Shard, key: ReplayKey, shape: VectorShape, elementBytes: number,
): number {
  const ref = createVectorSet(shard, key.at, key.bytes, shape, elementBytes);
  checkMemory(ref !== 0);
  return ref;
}

/** A record holds one element: what is refused leaves nothing behind. */
function replayPut(shard: Shard, key: ReplayKey, parts: EffectParts): void {
  checkRecord(parts.count === 3, 'an element of a vector set that is not whole');
  const shape = shapePart(shard, parts);
  const isNew = key.ref === 0;
  checkRecord(
    isNew || isSameShape(shapeOf(shard, key.ref), shape), 'an element of another vector set',
  );
  const { value, bytes } = parts;
  const nameBytes = bytes[1] ?? 0;
  const storedBytes = bytes[2] ?? 0;
  const elementBytes = elementBytesFor(shape, nameBytes, storedBytes);
  const ref = isNew ? create(shard, key, shape, elementBytes) : key.ref;
  const answer = putStored(
    shard, ref, value[1] ?? 0, nameBytes, value[2] ?? 0, storedBytes, isNew,
  );
  if (answer !== ELEMENT_NO_MEMORY && answer !== ELEMENT_UNSOUND) return;
  if (isNew) {
    shard.keyspace.find(shard.keyspace.db, key.at, key.bytes);
    shard.keyspace.remove(ref);
  }
  checkRecord(answer !== ELEMENT_UNSOUND, 'an element that its vector set cannot hold');
  checkMemory(false);
}

function hasElement(shard: Shard, key: ReplayKey, parts: EffectParts, i: number): boolean {
  return findElement(shard, key.ref, parts.value[i] ?? 0, parts.bytes[i] ?? 0) !== 0;
}

function replayRemove(shard: Shard, key: ReplayKey, parts: EffectParts): void {
  checkRecord(key.ref !== 0, 'a change of an absent vector set');
  for (let i = 0; i < parts.count; i++) {
    checkRecord(hasElement(shard, key, parts, i), 'a removal of an absent element');
  }
  for (let i = 0; i < parts.count; i++) {
    if (hasElement(shard, key, parts, i)) removeElement(shard, key.ref);
  }
}

function replayAttributes(shard: Shard, key: ReplayKey, parts: EffectParts): void {
  checkRecord(key.ref !== 0 && parts.count === 2, 'attributes of an absent vector set');
  checkRecord(hasElement(shard, key, parts, 0), 'attributes of an absent element');
  const bytes = parts.bytes[1] ?? 0;
  checkRecord(bytes <= VECTOR_ATTRIBUTES_BYTES_MAX, 'attributes that are too long');
  checkMemory(setAttributes(shard, key.ref, parts.value[1] ?? 0, bytes));
}
