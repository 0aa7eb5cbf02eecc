/**
 * Vector sets as bytes, in the frame of the RDB format but with a type byte of our own: Redis keeps
 * them as a module's value with its graph, which nothing else can read.
 *
 *   u8 type | dimension | traits | m | ef | input dimension | seed | elements | name, value ...
 *   value   length | norm f32 | range f32 | vector, padded to 4 | attributes
 *
 * Numbers are lengths of the RDB format, names its strings; values are as they lie in memory,
 * without their place. The graph does not travel, but in snapshots (a type byte of its own):
 *
 *   u8 type | dimension ... elements | elements of the set | head of the image |
 *     name, value, node | name, value, node ...
 *
 * Head and nodes are strings; only the engine that wrote them knows what they say.
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
import type { NearestImage } from './vector-engine.ts';
import { NO_NODE } from './vector-engine.ts';
import { visitElements } from './vector-search.ts';
import type { VectorShape } from './vector-set-layout.ts';
import {
  elementPlace, isSameShape, PLACE_BYTES, shapeAt, shapeFrom, traitsOf, vectorBytesOf,
} from './vector-set-layout.ts';
import {
  ELEMENT_ADDED, ELEMENT_NO_MEMORY, ELEMENT_UNSOUND, newRoot, putStored,
} from './vector-set.ts';

/** Type bytes that {@link loadVectorSet} understands. */
export const VECTOR_RDB_TYPES: readonly number[] = [RdbType.VectorSet];
/** The same of fragments of a snapshot. */
export const VECTOR_FRAGMENT_TYPES: readonly number[] = [RdbType.VectorSet, RdbType.VectorSetNodes];

/** Bytes of an element's value beside the vector: its length at least, norm and range. */
const VALUE_SIDE_BYTES = 9;

/** Writes what comes before the elements of a set whose root block this is. */
export function writeVectorHead(
  shard: Shard, root: number, count: number, out: RdbWriter, rdbType: number = RdbType.VectorSet,
): void {
  const shape = shapeAt(shard.memory.i32, root);
  out.u8(rdbType);
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

/**
 * Writes some elements of a set of `total` with what the image has of them, as a fragment of a
 * snapshot: `count` of `members`.
 */
export function writeVectorNodes(
  shard: Shard, root: number, members: Int32Array, count: number, total: number,
  image: NearestImage, out: RdbWriter,
): void {
  const { i32 } = shard.memory;
  writeVectorHead(shard, root, count, out, RdbType.VectorSetNodes);
  out.count(total);
  out.stringOf(image.head());
  for (let i = 0; i < count; i++) {
    const member = members[i] ?? 0;
    writeVectorElement(shard, member, out);
    out.stringOf(image.node(elementPlace(i32, member) - 1));
  }
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
  shard: Shard, rdbType: number, reader: RdbReader, ref: number,
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
  const hasNodes = rdbType === RdbType.VectorSetNodes;
  shard.vectors.takeNode(NO_NODE);
  if (hasNodes) {
    const total = reader.count();
    shard.vectors.restoreGraph(ref, reader.blob(), total);
  }
  for (let i = 0; i < count; i++) {
    reader.string();
    reader.keep();
    reader.raw(reader.countOf());
    const { keptAt, keptBytes, at, bytes } = reader;
    if (hasNodes) shard.vectors.takeNode(reader.blob());
    const answer = putStored(shard, ref, keptAt, keptBytes, at, bytes, false);
    if (answer === ELEMENT_NO_MEMORY) return false;
    checkRdb(answer !== ELEMENT_UNSOUND, 'an element has the form of its set');
    checkRdb(answer === ELEMENT_ADDED, 'an element comes once');
  }
  shard.vectors.takeNode(NO_NODE);
  return true;
}

/** All fragments of the set in entry `ref` were loaded. */
export function finishVectorSet(shard: Shard, ref: number): void {
  shard.vectors.settleGraph(ref);
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
