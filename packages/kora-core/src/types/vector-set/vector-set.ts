/**
 * The vector set type: elements by name, each with a vector and perhaps attributes. With its
 * sisters (layout, window, indexes) the only file that knows how they lie. Commands talk to these
 * functions and to nothing below them.
 *
 * Use: `findElement`, and what it found holds until the next change or lookup. Whoever stores
 * fills the window (`shard.collections.vectors`), or has the bytes of an element from elsewhere.
 * Functions that may run out of memory answer so, and nothing has changed then.
 * Cost: a find one hash and two cache misses; storing copies the vector once, and puts it into the
 * index of a set that has one (vector-indexes.ts).
 */
import { assert } from '../../assert.ts';
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import type { ReplySink } from '../../command/sink.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import {
  collectionCount, createCollection, removeIfEmpty, ROOT_BYTES, setCollectionCount,
} from '../../keyspace/collection-entry.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { DICT_HEADER_BYTES, LINE_BYTES, LINES_MIN } from '../../structs/dict-layout.ts';
import {
  entryKeyAt, entryKeyBytes, entryRoot, setEntryRoot,
} from '../../structs/entry.hot.ts';
import { fieldValueAt, MEMBER_FIELD, memberBytesFor, newMember } from '../../structs/member.hot.ts';
import { PUT_NO_MEMORY } from './vector-engine.ts';
import type { VectorShape } from './vector-set-layout.ts';
import {
  attributeBytes, attributesAt, ELEMENT_HEAD_BYTES, PLACE_BYTES, SET_ATTRIBUTED, SET_DICT_WORD,
  SET_DIMENSION, SET_EF, SET_HANDLE, SET_INPUT_DIMENSION, SET_M, SET_ROOT_BYTES, SET_SEED,
  SET_TRAITS, shapeOf, traitsOf, VECTOR_ATTRIBUTES_BYTES_MAX, vectorBytesOf,
} from './vector-set-layout.ts';

/** A fresh set: root block, and header, directory and chunk of its dict. */
const SET_BLOCKS = 4;
const SET_BYTES = SET_ROOT_BYTES + DICT_HEADER_BYTES + 8 + LINES_MIN * LINE_BYTES;
/** An element: the member, an overflow line. */
const ELEMENT_BLOCKS = 2;

/** Answers of storing an element. */
export const ELEMENT_UNSOUND = -2;
export const ELEMENT_NO_MEMORY = -1;
export const ELEMENT_UPDATED = 0;
export const ELEMENT_ADDED = 1;

/** Attributes stay as they are. */
export const KEEP_ATTRIBUTES = -1;

/** What `findElement` found last. Owner: the running command of this thread. */
class FoundElement {
  member = 0;
  slot = 0;
  hash = 0;
}

export const foundElement = new FoundElement();

// ------------------------------------------------------------------ sets

/** True when the key is absent or holds a vector set; else the error is written. */
export function isVectorSetOrAbsent(shard: Shard, ref: number, out: ReplySink): boolean {
  if (ref === 0 || shard.keyspace.isType(ref, ValueType.VectorSet)) return true;
  out.error(replyErrors.wrongType);
  return false;
}

/** Makes an empty set at the key looked up last, which is absent. @returns 0: no memory */
export function createVectorSet(
  shard: Shard, keyAt: number, keyBytes: number, shape: VectorShape, elementBytes: number,
): number {
  const isReserved = shard.keyspace.reserve(
    keyBytes, ROOT_BYTES, SET_BLOCKS + ELEMENT_BLOCKS, SET_BYTES + elementBytes + LINE_BYTES,
  );
  if (!isReserved) return 0;
  const ref = createCollection(shard, keyAt, keyBytes, ValueType.VectorSet);
  const root = newRoot(shard, shape);
  assert(root !== 0, 'the root of a new vector set was reserved');
  setEntryRoot(shard.memory.i32, ref, root);
  return ref;
}

/** A root block with an empty dict, which is bound; 0: no memory, nothing leaks. */
export function newRoot(shard: Shard, shape: VectorShape): number {
  const { memory } = shard;
  const { arenaAllocator } = memory;
  const root = arenaAllocator.alloc(SET_ROOT_BYTES);
  const dict = root === 0 ? 0 : shard.collections.dict.create();
  if (dict === 0) {
    if (root !== 0) arenaAllocator.free(root);
    return 0;
  }
  const { i32 } = memory;
  const word = root << 1;
  i32[word + SET_DICT_WORD] = dict;
  i32[word + SET_DIMENSION] = shape.dimension;
  i32[word + SET_TRAITS] = traitsOf(shape);
  i32[word + SET_M] = shape.m;
  i32[word + SET_EF] = shape.ef;
  i32[word + SET_INPUT_DIMENSION] = shape.inputDimension;
  i32[word + SET_SEED] = shape.seed;
  i32[word + SET_HANDLE] = 0;
  i32[word + SET_ATTRIBUTED] = 0;
  return root;
}

/** Header of the dict of the set in entry `ref`. */
export function vectorDict(shard: Shard, ref: number): number {
  const { i32 } = shard.memory;
  return i32[(entryRoot(i32, ref) << 1) + SET_DICT_WORD] ?? 0;
}

/** Elements with attributes. */
export function attributedCount(shard: Shard, ref: number): number {
  const { i32 } = shard.memory;
  return i32[(entryRoot(i32, ref) << 1) + SET_ATTRIBUTED] ?? 0;
}

function addAttributed(shard: Shard, ref: number, by: number): void {
  const { i32 } = shard.memory;
  const word = (entryRoot(i32, ref) << 1) + SET_ATTRIBUTED;
  i32[word] = (i32[word] ?? 0) + by;
}

// ------------------------------------------------------------------ elements

/** Looks an element up in the set of entry `ref`; binds its dict. @returns its member or 0 */
export function findElement(shard: Shard, ref: number, at: number, bytes: number): number {
  const { dict } = shard.collections;
  dict.bind(vectorDict(shard, ref));
  const hash = dict.hashOf(at, bytes);
  const slot = dict.find(at, bytes, hash);
  foundElement.hash = hash;
  foundElement.slot = slot;
  foundElement.member = slot === 0 ? 0 : (shard.memory.i32[slot] ?? 0);
  return foundElement.member;
}

/** The element of the set that argument i names, 0 = none. */
export function elementNamed(shard: Shard, frame: ArgFrame, ref: number, i: number): number {
  return findElement(shard, ref, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
}

/** Bytes of the block of an element. */
export function elementBytesFor(
  shape: VectorShape, nameBytes: number, attributesBytes: number,
): number {
  const valueBytes = ELEMENT_HEAD_BYTES + vectorBytesOf(shape.form, shape.dimension);
  return memberBytesFor(MEMBER_FIELD, nameBytes, valueBytes + attributesBytes, false);
}

/** Bytes to ask of `reserveElements` for one element. */
export function bytesToReserve(
  shape: VectorShape, nameBytes: number, attributesBytes: number,
): number {
  return elementBytesFor(shape, nameBytes, attributesBytes) + LINE_BYTES;
}

/** Finds room for elements that are stored one after the other now; false: there is none. */
export function reserveElements(shard: Shard, count: number, bytes: number): boolean {
  return shard.memory.arenaAllocator.reserve(count * ELEMENT_BLOCKS, bytes);
}

/** Bytes of the block of an element that is there. */
export function memberBlockBytes(shard: Shard, member: number): number {
  const { i32 } = shard.memory;
  const valueBytes = i32[(member << 1) + 1] ?? 0;
  return memberBytesFor(MEMBER_FIELD, entryKeyBytes(i32, member), valueBytes, false);
}

/**
 * Stores the vector at hand under a name that lies outside the set.
 * @param jsonBytes of the attributes at `jsonAt`; KEEP_ATTRIBUTES: those it has
 * @param isReserved the set was made for this element, which is its first: it cannot fail
 * @returns ELEMENT_ADDED, ELEMENT_UPDATED or ELEMENT_NO_MEMORY
 */
export function putVector(
  shard: Shard, ref: number, nameAt: number, nameBytes: number, jsonAt: number, jsonBytes: number,
  isReserved: boolean,
): number {
  return store(shard, ref, nameAt, nameBytes, 0, jsonAt, jsonBytes, isReserved);
}

/**
 * Stores an element as it travels: norm, range, vector and attributes, `bytes` bytes at `at`, that
 * lie outside the set. Uses the window.
 * @returns as putVector, or ELEMENT_UNSOUND: the bytes are no element of this set
 */
export function putStored(
  shard: Shard, ref: number, nameAt: number, nameBytes: number, at: number, bytes: number,
  isReserved: boolean,
): number {
  const shape = shapeOf(shard, ref);
  const fixed = ELEMENT_HEAD_BYTES - PLACE_BYTES + vectorBytesOf(shape.form, shape.dimension);
  if (bytes < fixed || bytes - fixed > VECTOR_ATTRIBUTES_BYTES_MAX) return ELEMENT_UNSOUND;
  return store(shard, ref, nameAt, nameBytes, at, at + fixed, bytes - fixed, isReserved);
}

/** @param storedAt where norm, range and vector lie; 0: in the window */
function store(
  shard: Shard, ref: number, nameAt: number, nameBytes: number, storedAt: number, jsonAt: number,
  jsonBytes: number, isReserved: boolean,
): number {
  const { memory } = shard;
  const { arenaAllocator, kernel } = memory;
  const shape = shapeOf(shard, ref);
  const old = findElement(shard, ref, nameAt, nameBytes);
  const keeps = jsonBytes === KEEP_ATTRIBUTES;
  const oldJson = old === 0 ? 0 : attributeBytes(memory.i32, old, shape);
  const json = keeps ? oldJson : jsonBytes;
  const bytes = elementBytesFor(shape, nameBytes, json);
  const hasRoom = isReserved || arenaAllocator.reserve(ELEMENT_BLOCKS, bytes + LINE_BYTES);
  if (!hasRoom) return ELEMENT_NO_MEMORY;
  const vectorBytes = vectorBytesOf(shape.form, shape.dimension);
  const member = newMember(
    memory, arenaAllocator, MEMBER_FIELD, nameAt, nameBytes,
    ELEMENT_HEAD_BYTES + vectorBytes + json, 0, 0, 0,
  );
  assert(member !== 0, 'an element of a vector set was reserved');
  const at = fieldValueAt(memory.i32, member) + PLACE_BYTES;
  if (storedAt === 0) {
    shard.collections.vectors.write(at, shape.form);
  } else {
    kernel.copy(at, storedAt, ELEMENT_HEAD_BYTES - PLACE_BYTES + vectorBytes);
    if (!shard.collections.vectors.isSound(at, shape)) {
      arenaAllocator.free(member);
      return ELEMENT_UNSOUND;
    }
  }
  const from = keeps && old !== 0 ? attributesAt(memory.i32, old, shape) : jsonAt;
  if (json > 0) kernel.copy(attributesAt(memory.i32, member, shape), from, json);
  if (storedAt !== 0 && shard.vectors.hasIndex(ref)) {
    shard.collections.vectors.read(at, shape);
  }
  const slot = shard.vectors.put(ref, member);
  if (slot === PUT_NO_MEMORY) {
    arenaAllocator.free(member);
    return ELEMENT_NO_MEMORY;
  }
  link(shard, ref, old, member);
  addAttributed(shard, ref, (json > 0 ? 1 : 0) - (oldJson > 0 ? 1 : 0));
  return old === 0 ? ELEMENT_ADDED : ELEMENT_UPDATED;
}

/** Puts a member into the dict, in the place of `old` where that is not 0. */
function link(shard: Shard, ref: number, old: number, member: number): void {
  const { dict } = shard.collections;
  shard.noteMutation();
  dict.bind(vectorDict(shard, ref));
  if (old === 0) {
    dict.insert(foundElement.hash, member);
    setCollectionCount(shard, ref, collectionCount(shard, ref) + 1);
  } else {
    dict.noteChange(old);
    dict.replaceAt(foundElement.slot, member);
    shard.vectors.drop(ref, old);
    shard.memory.arenaAllocator.free(old);
  }
  foundElement.member = member;
}

/**
 * Gives the element found other attributes, `bytes` bytes at `at` outside the set; none: 0.
 * @returns false when memory is short
 */
export function setAttributes(shard: Shard, ref: number, at: number, bytes: number): boolean {
  const { memory } = shard;
  const { arenaAllocator, kernel } = memory;
  const shape = shapeOf(shard, ref);
  const old = foundElement.member;
  const oldJson = attributeBytes(memory.i32, old, shape);
  const nameBytes = entryKeyBytes(memory.i32, old);
  const valueBytes = ELEMENT_HEAD_BYTES + vectorBytesOf(shape.form, shape.dimension);
  if (!arenaAllocator.reserve(1, elementBytesFor(shape, nameBytes, bytes))) return false;
  const member = newMember(
    memory, arenaAllocator, MEMBER_FIELD, entryKeyAt(memory.i32, old), nameBytes,
    valueBytes + bytes, 0, 0, 0,
  );
  assert(member !== 0, 'an element of a vector set was reserved');
  const into = fieldValueAt(memory.i32, member);
  kernel.copy(into, fieldValueAt(memory.i32, old), valueBytes);
  if (bytes > 0) kernel.copy(into + valueBytes, at, bytes);
  shard.noteMutation();
  const { dict } = shard.collections;
  dict.bind(vectorDict(shard, ref));
  dict.noteChange(old);
  dict.replaceAt(foundElement.slot, member);
  arenaAllocator.free(old);
  foundElement.member = member;
  addAttributed(shard, ref, (bytes > 0 ? 1 : 0) - (oldJson > 0 ? 1 : 0));
  shard.vectors.noteMoved(ref, member);
  shard.vectors.noteAttributes(ref, member);
  return true;
}

/** Removes the element found. Never fails; an empty set is the caller's to remove. */
export function removeElement(shard: Shard, ref: number): void {
  const { memory } = shard;
  const { dict } = shard.collections;
  const { member, slot, hash } = foundElement;
  const hasJson = attributeBytes(memory.i32, member, shapeOf(shard, ref)) > 0;
  shard.noteMutation();
  dict.bind(vectorDict(shard, ref));
  // A snapshot that runs saves it with its node of the graph.
  dict.noteChange(member);
  shard.vectors.drop(ref, member);
  dict.removeAt(slot, hash);
  memory.arenaAllocator.free(member);
  setCollectionCount(shard, ref, collectionCount(shard, ref) - 1);
  if (hasJson) addAttributed(shard, ref, -1);
  shard.vectors.noteRemoved(ref);
}

/** Removes the key of a set that has lost its last element, unless it stays. */
export function removeIfEmptied(shard: Shard, ref: number): void {
  if (collectionCount(shard, ref) === 0 && !shapeOf(shard, ref).keepsEmpty) {
    removeIfEmpty(shard, ref);
  }
}
