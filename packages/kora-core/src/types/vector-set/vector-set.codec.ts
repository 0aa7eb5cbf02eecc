/**
 * Vector sets as bytes, in the frame of the RDB format but with a type byte of our own: Redis keeps
 * them as a module's value with its graph, which nothing else can read.
 *
 *   u8 type | dimension | traits | m | ef | input dimension | seed | elements | name, value ...
 *   value   length | norm f32 | range f32 | vector, padded to 4 | attributes
 *
 * Numbers are lengths of the RDB format, names its strings; values are as they lie in memory,
 * without their place. The graph does not travel: it is made again where the set is searched.
 * Loading believes nothing; several bodies of one shape make one set (fragments of a snapshot).
 * Cost: O(bytes).
 */
import { collectionCount } from '../../keyspace/collection-entry.ts';
import { checkRdb } from '../../rdb/rdb-error.ts';
import type { RdbReader } from '../../rdb/rdb-reader.ts';
import { RdbType } from '../../rdb/rdb-types.ts';
import type { RdbWriter } from '../../rdb/rdb-writer.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  entryKeyAt, entryKeyBytes, entryRoot, setEntryRoot,
} from '../../structs/entry.hot.ts';
import { fieldValueAt, fieldValueBytes } from '../../structs/member.hot.ts';
import { visitElements } from './vector-search.ts';
import type { VectorShape } from './vector-set-layout.ts';
import {
  isSameShape, PLACE_BYTES, shapeAt, shapeFrom, traitsOf, vectorBytesOf,
} from './vector-set-layout.ts';
import {
  ELEMENT_ADDED, ELEMENT_NO_MEMORY, ELEMENT_UNSOUND, newRoot, putStored,
} from './vector-set.ts';

/** Type bytes that {@link loadVectorSet} understands. */
export const VECTOR_RDB_TYPES: readonly number[] = [RdbType.VectorSet];

/** Bytes of an element's value beside the vector: its length at least, norm and range. */
const VALUE_SIDE_BYTES = 9;

/** Writes what comes before the elements of a set whose root block this is. */
export function writeVectorHead(shard: Shard, root: number, count: number, out: RdbWriter): void {
  const shape = shapeAt(shard.memory.i32, root);
  out.u8(RdbType.VectorSet);
  out.count(shape.dimension);
  out.count(traitsOf(shape));
  out.count(shape.m);
  out.count(shape.ef);
  out.count(shape.inputDimension);
  out.count(shape.seed >>> 0);
  out.count(count);
}

/** Writes an element: its name, then all but its place. */
export function writeVectorElement(shard: Shard, member: number, out: RdbWriter): void {
  const { i32 } = shard.memory;
  out.string(entryKeyAt(i32, member), entryKeyBytes(i32, member));
  const bytes = fieldValueBytes(i32, member) - PLACE_BYTES;
  out.count(bytes);
  out.raw(fieldValueAt(i32, member) + PLACE_BYTES, bytes);
}

/** Writes type byte and body of the set in entry `ref`. */
export function saveVectorSet(shard: Shard, ref: number, out: RdbWriter): void {
  writeVectorHead(shard, entryRoot(shard.memory.i32, ref), collectionCount(shard, ref), out);
  visitElements(shard, ref, (member) => {
    writeVectorElement(shard, member, out);
  });
}

/**
 * Reads a body into the entry `ref`: an empty one, or one that a body before has filled.
 * @returns false when memory is short @throws {RdbError} when the bytes are no vector set
 */
export function loadVectorSet(
  shard: Shard, _rdbType: number, reader: RdbReader, ref: number,
): boolean {
  const shape = readShape(reader);
  checkRdb(shape !== undefined, 'a vector set has a known shape');
  const root = entryRoot(shard.memory.i32, ref);
  if (root === 0) {
    const fresh = newRoot(shard, shape);
    if (fresh === 0) return false;
    setEntryRoot(shard.memory.i32, ref, fresh);
  } else {
    const isSame = isSameShape(shapeAt(shard.memory.i32, root), shape);
    checkRdb(isSame, 'parts of a vector set have one shape');
  }
  const vectorBytes = vectorBytesOf(shape.form, shape.dimension);
  const count = reader.countOf(1 + VALUE_SIDE_BYTES + vectorBytes);
  checkRdb(count > 0 || shape.keepsEmpty, 'a vector set has an element');
  for (let i = 0; i < count; i++) {
    reader.string();
    reader.keep();
    reader.raw(reader.countOf());
    const { keptAt, keptBytes, at, bytes } = reader;
    const answer = putStored(shard, ref, keptAt, keptBytes, at, bytes, false);
    if (answer === ELEMENT_NO_MEMORY) return false;
    checkRdb(answer !== ELEMENT_UNSOUND, 'an element has the form of its set');
    checkRdb(answer === ELEMENT_ADDED, 'an element comes once');
  }
  return true;
}

function readShape(reader: RdbReader): VectorShape | undefined {
  const dimension = reader.count();
  const traits = reader.count();
  const m = reader.count();
  const ef = reader.count();
  const inputDimension = reader.count();
  const seed = reader.count();
  return seed < 2 ** 32 ? shapeFrom(dimension, traits, m, ef, inputDimension, seed) : undefined;
}
