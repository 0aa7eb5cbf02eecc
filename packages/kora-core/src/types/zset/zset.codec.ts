/**
 * Sorted sets in the RDB format: a listpack (17) or pairs with binary scores (5), as redis-server
 * 7.0 writes them and by the same rule as OBJECT ENCODING. Type 5 goes from the highest score to
 * the lowest, as Redis walks it. Older forms are read: scores as text (3), ziplists (12).
 * Loading believes nothing: an empty set, a member twice, a score that is no number are refused.
 * A set that stays a `skiplist` keeps the sign of -0, which a listpack has not: so pairs are looked
 * through before the first is added, as a member makes a set wide that may be the last one read.
 * Cost: O(bytes), O(n log n) for lists that are not in order.
 */
import { parseDoubleStrict } from '../../bytes/number-text.ts';
import { collectionCount, setCollectionEncoding } from '../../keyspace/collection-entry.ts';
import type { ElementReader } from '../../rdb/element-reader.ts';
import { ListpackReader } from '../../rdb/listpack-reader.ts';
import { checkRdb } from '../../rdb/rdb-error.ts';
import type { RdbReader } from '../../rdb/rdb-reader.ts';
import { RdbType } from '../../rdb/rdb-types.ts';
import type { RdbWriter } from '../../rdb/rdb-writer.ts';
import { ZiplistReader } from '../../rdb/ziplist-reader.ts';
import type { Shard } from '../../shard/shard.ts';
import { ENTRY_WIDE, entryFlags, entryRoot, setEntryFlags } from '../../structs/entry.hot.ts';
import { ADDED, ZSET_PACK } from './zset-layout.ts';
import { walk } from './zset-walk.ts';
import { prepareAdd, zsetAdd } from './zset.ts';

/** Type bytes that {@link loadZset} understands. */
export const ZSET_RDB_TYPES: readonly number[] = [
  RdbType.SortedSet, RdbType.SortedSet2, RdbType.SortedSetListpack, RdbType.SortedSetZiplist,
];

/** Fewest bytes of a pair: a length and a score as text. */
const PAIR_BYTES_MIN = 2;
/** The same with a score of 8 bytes. */
const BINARY_PAIR_BYTES_MIN = 9;

/** Writes type byte and body of the sorted set in entry `ref`. */
export function saveZset(shard: Shard, ref: number, out: RdbWriter): void {
  const count = collectionCount(shard, ref);
  if ((entryFlags(shard.memory.i32, ref) & ENTRY_WIDE) !== 0) {
    out.u8(RdbType.SortedSet2);
    out.count(count);
    walk.open(shard, ref, count - 1, count, true);
    while (walk.next()) {
      out.string(walk.at, walk.bytes);
      out.binaryDouble(walk.score());
    }
    return;
  }
  out.u8(RdbType.SortedSetListpack);
  const { listpack } = out;
  listpack.begin();
  walk.open(shard, ref, 0, count, false);
  while (walk.next()) {
    listpack.add(walk.at, walk.bytes);
    listpack.addDouble(walk.score());
  }
  out.stringOf(listpack.finish());
}

/**
 * Reads a body into the entry `ref`: an empty one, or one that a body before has filled.
 * @returns false when memory is short @throws {RdbError} when the bytes are no sorted set
 */
export function loadZset(
  shard: Shard, rdbType: number, reader: RdbReader, ref: number,
): boolean {
  if (entryRoot(shard.memory.i32, ref) === 0) setCollectionEncoding(shard, ref, ZSET_PACK);
  if (rdbType === RdbType.SortedSetListpack) {
    return loadPacked(shard, reader, new ListpackReader(reader, reader.blob()), ref);
  }
  if (rdbType === RdbType.SortedSetZiplist) {
    return loadPacked(shard, reader, new ZiplistReader(reader, reader.blob()), ref);
  }
  return loadPairs(shard, rdbType === RdbType.SortedSet2, reader, ref);
}

/** Reads members that are each followed by their score, as 8 bytes or as text. */
function loadPairs(shard: Shard, isBinary: boolean, reader: RdbReader, ref: number): boolean {
  const count = reader.countOf(isBinary ? BINARY_PAIR_BYTES_MIN : PAIR_BYTES_MIN);
  if (isWideToBe(shard, count, isBinary, reader)) {
    const { i32 } = shard.memory;
    setEntryFlags(i32, ref, entryFlags(i32, ref) | ENTRY_WIDE);
  }
  for (let i = 0; i < count; i++) {
    reader.string();
    const { at, bytes } = reader;
    const score = isBinary ? reader.binaryDouble() : reader.textDouble();
    if (!addPair(shard, ref, at, bytes, score)) return false;
  }
  return true;
}

/** True when `count` pairs that come next make a `skiplist` by Redis's rule; reads none of them. */
function isWideToBe(
  shard: Shard, count: number, isBinary: boolean, reader: RdbReader,
): boolean {
  const { zsetListpackEntriesMax, zsetListpackValueBytesMax } = shard.settings;
  if (count > zsetListpackEntriesMax) return true;
  const { position } = reader;
  let longest = 0;
  for (let i = 0; i < count && longest <= zsetListpackValueBytesMax; i++) {
    reader.string();
    longest = Math.max(longest, reader.bytes);
    if (isBinary) reader.binaryDouble();
    else reader.textDouble();
  }
  reader.goBack(position);
  return longest > zsetListpackValueBytesMax;
}

/** Reads member, score, member, score ... of a packed list. */
function loadPacked(
  shard: Shard, reader: RdbReader, elements: ElementReader, ref: number,
): boolean {
  checkRdb(elements.left % 2 === 0, 'a sorted set has a score for each member');
  while (elements.left > 0) {
    elements.next();
    reader.keep();
    elements.next();
    const score = parseDoubleStrict(shard.memory.low, reader.at, reader.bytes);
    checkRdb(score !== undefined, 'a score is a number');
    if (!addPair(shard, ref, reader.keptAt, reader.keptBytes, score)) return false;
  }
  return true;
}

/** Adds a pair; false when memory is short. */
function addPair(
  shard: Shard, ref: number, at: number, bytes: number, score: number,
): boolean {
  if (prepareAdd(shard, ref, 0, 0, 1, bytes, bytes) === 0) return false;
  checkRdb(zsetAdd(shard, ref, at, bytes, score, 0) === ADDED, 'a member comes once');
  return true;
}
