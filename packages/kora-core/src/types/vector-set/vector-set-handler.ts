/**
 * The vector set type as the key space knows it: freeing, copying, weighing, moving and checking a
 * value. Big ones are freed and moved in slices. The index of a set goes with it, and is no part of
 * a copy.
 * Invariant: a handler may be asked in the middle of a command of another type, so it binds the
 * windows it uses and trusts no binding after it called another function.
 */
import { assert } from '../../assert.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { DetachedValue, TypeHandler } from '../../keyspace/type-handler.ts';
import { ValueType, WEIGHED_MAX } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../../structs/dict-layout.ts';
import { evacuateDictIndex } from '../../structs/dict-index-move.ts';
import { entryKeyAt, entryKeyBytes, entryRoot, setEntryRoot } from '../../structs/entry.hot.ts';
import { fieldValueAt, fieldValueBytes } from '../../structs/member.hot.ts';
import { movedBlock } from '../../structs/moved-block.ts';
import {
  dictBytes, freeDictSlice, freeNowOrLater, LINES_PER_SLICE,
} from '../shared/dict-members.ts';
import {
  attributeBytes, ELEMENT_HEAD_BYTES, PLACE_BYTES, SET_ATTRIBUTED, SET_DICT_WORD, SET_HANDLE,
  SET_ROOT_BYTES, setElementPlace, shapeAt, shapeOf, VECTOR_ATTRIBUTES_BYTES_MAX, vectorBytesOf,
} from './vector-set-layout.ts';
import {
  finishVectorSet, loadVectorSet, saveVectorSet, VECTOR_FRAGMENT_TYPES, VECTOR_RDB_TYPES,
} from './vector-set.codec.ts';
import { replayVectorSet } from './vector-set-replay.ts';
import { memberBlockBytes, newRoot, vectorDict } from './vector-set.ts';

const slots = new Int32Array(CHAIN_SLOTS_MAX);

function freeValue(shard: Shard, ref: number): void {
  const root = entryRoot(shard.memory.i32, ref);
  if (root === 0) return;
  shard.vectors.dropWithSet(root);
  shard.memory.i32[(root << 1) + SET_HANDLE] = 0;
  freeNowOrLater(shard, ref, ValueType.VectorSet, freeSlice);
}

/** The cursor is the next line; behind the last one the index of the dict and the root go. */
function freeSlice(shard: Shard, value: DetachedValue, blocksMax: number): boolean {
  const { dict } = shard.collections;
  dict.bind(shard.memory.i32[(value.root << 1) + SET_DICT_WORD] ?? 0);
  if (!freeDictSlice(shard, dict, value, blocksMax)) return false;
  shard.memory.arenaAllocator.free(value.root);
  return true;
}

function copyValue(shard: Shard, from: number, to: number): boolean {
  const { memory, collections } = shard;
  const source = entryRoot(memory.i32, from);
  if (source === 0) return true;
  const root = newRoot(shard, shapeAt(memory.i32, source));
  if (root === 0) return false;
  const { dict, otherDict } = collections;
  otherDict.bind(dict.header);
  dict.bind(vectorDict(shard, from));
  const lines = dict.lines();
  for (let line = 0; line < lines; line++) {
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) {
      if (copyElement(shard, memory.i32[slots[i] ?? 0] ?? 0)) continue;
      const value: DetachedValue = { type: ValueType.VectorSet, encoding: 0, root, cursor: 0 };
      while (!freeSlice(shard, value, LINES_PER_SLICE));
      return false;
    }
  }
  const { i32 } = memory;
  i32[(root << 1) + SET_ATTRIBUTED] = i32[(source << 1) + SET_ATTRIBUTED] ?? 0;
  setEntryRoot(i32, to, root);
  return true;
}

/** Copies an element into otherDict; false when memory is short. */
function copyElement(shard: Shard, member: number): boolean {
  const { memory, collections } = shard;
  const { otherDict } = collections;
  const bytes = memberBlockBytes(shard, member);
  if (!otherDict.reserveInsert(bytes)) return false;
  const copy = memory.arenaAllocator.alloc(bytes);
  assert(copy !== 0, 'the copy of an element was reserved');
  memory.kernel.copy(copy * 8, member * 8, bytes);
  setElementPlace(memory.i32, copy, 0);
  otherDict.insert(otherDict.hashOfEntry(copy), copy);
  return true;
}

/** Root block and elements, these by a sample; the index of a big set is not the arena's. */
function ownedBytes(shard: Shard, ref: number, samplesMax = WEIGHED_MAX): number {
  const root = entryRoot(shard.memory.i32, ref);
  if (root === 0) return 0;
  const { dict } = shard.collections;
  dict.bind(vectorDict(shard, ref));
  const rootBytes = shard.memory.arenaAllocator.sizeOf(root);
  return rootBytes + dictBytes(shard, dict, samplesMax) + shard.vectors.bytesOf(ref);
}

/** The cursor is the next line of the dict; behind the last one its index and the root move. */
function evacuate(shard: Shard, ref: number, cursor: number): number {
  const { memory, collections } = shard;
  const { dict } = collections;
  const root = entryRoot(memory.i32, ref);
  if (root === 0) return 0;
  dict.bind(vectorDict(shard, ref));
  const lines = dict.lines();
  const end = Math.min(lines, cursor + LINES_PER_SLICE);
  for (let line = cursor; line < end; line++) {
    dict.evacuateLine(line);
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) if (!moveElement(shard, ref, slots[i] ?? 0)) return 0;
  }
  if (end < lines) return end;
  const { arenaAllocator } = memory;
  const header = evacuateDictIndex(memory, arenaAllocator, vectorDict(shard, ref));
  memory.i32[(root << 1) + SET_DICT_WORD] = header;
  const moved = movedBlock(memory, arenaAllocator, root, SET_ROOT_BYTES);
  if (moved !== root) {
    setEntryRoot(memory.i32, ref, moved);
    shard.vectors.noteRoot(moved);
  }
  return 0;
}

/** Moves the element in a slot out of a sparse slab; false when memory is short. */
function moveElement(shard: Shard, ref: number, slot: number): boolean {
  const { memory } = shard;
  const { arenaAllocator } = memory;
  const old = memory.i32[slot] ?? 0;
  if (!arenaAllocator.isSparse(old)) return true;
  const bytes = memberBlockBytes(shard, old);
  const fresh = arenaAllocator.alloc(bytes);
  if (fresh === 0) return false;
  memory.kernel.copy(fresh * 8, old * 8, bytes);
  shard.collections.dict.replaceAt(slot, fresh);
  shard.vectors.noteMoved(ref, fresh);
  arenaAllocator.free(old);
  return true;
}

function check(shard: Shard, ref: number): void {
  const { memory, collections } = shard;
  const { i32 } = memory;
  const { dict, vectors } = collections;
  const shape = shapeOf(shard, ref);
  const count = collectionCount(shard, ref);
  assert(count > 0 || shape.keepsEmpty, 'an empty vector set is no key');
  dict.bind(vectorDict(shard, ref));
  assert(dict.count() === count, 'the dict of a vector set has its count');
  const fixed = ELEMENT_HEAD_BYTES + vectorBytesOf(shape.form, shape.dimension);
  let attributed = 0;
  const lines = dict.lines();
  for (let line = 0; line < lines; line++) {
    const met = dict.collectLine(line, slots);
    for (let i = 0; i < met; i++) {
      const member = i32[slots[i] ?? 0] ?? 0;
      const found = dict.find(
        entryKeyAt(i32, member), entryKeyBytes(i32, member), dict.hashOfEntry(member),
      );
      assert(found === slots[i], 'an element is found by its name');
      const json = attributeBytes(i32, member, shape);
      assert(json >= 0 && json <= VECTOR_ATTRIBUTES_BYTES_MAX, 'attributes have their bound');
      assert(fieldValueBytes(i32, member) === fixed + json, 'an element has the bytes of its set');
      const at = fieldValueAt(i32, member) + PLACE_BYTES;
      assert(vectors.isSound(at, shape), 'a vector has finite components');
      if (json > 0) attributed++;
    }
  }
  const root = entryRoot(i32, ref);
  assert(i32[(root << 1) + SET_ATTRIBUTED] === attributed, 'elements with attributes are counted');
  shard.vectors.check(ref);
}

/** What the key space may do with a vector set. */
export const vectorSetHandler: TypeHandler = Object.freeze({
  name: 'vectorset',
  rdbTypes: VECTOR_RDB_TYPES,
  fragmentTypes: VECTOR_FRAGMENT_TYPES,
  freeValue,
  freeSlice,
  copyValue,
  encodingName: () => 'raw',
  ownedBytes,
  evacuate,
  save: saveVectorSet,
  load: loadVectorSet,
  finishFragments: finishVectorSet,
  replay: replayVectorSet,
  check,
});
