/**
 * Hashes in the RDB format: a listpack or plain pairs as redis-server 7.0 writes them, by the same
 * rule as OBJECT ENCODING; with deadlines of fields the form of Valkey 9 (type 22): a count, then
 * field, value, and the deadline in ms as 8 bytes, -1 without one. Older packed forms are read.
 *
 * Saving a field whose time has come saves it too: a copy elsewhere frees it as this one would.
 * Loading believes nothing: an empty hash, a field twice, half a pair are refused.
 * Cost: O(bytes).
 */
import type { ElementReader } from '../../rdb/element-reader.ts';
import { ListpackReader } from '../../rdb/listpack-reader.ts';
import { checkRdb } from '../../rdb/rdb-error.ts';
import type { RdbReader } from '../../rdb/rdb-reader.ts';
import { RdbType } from '../../rdb/rdb-types.ts';
import type { RdbWriter } from '../../rdb/rdb-writer.ts';
import { ZiplistReader, ZipmapReader } from '../../rdb/ziplist-reader.ts';
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import { ENTRY_WIDE, entryFlags, entryRoot, setEntryRoot } from '../../structs/entry.hot.ts';
import { firstDeadlineMs, setFoundDeadline } from './hash-deadlines.ts';
import { prepareDeadlines } from './hash-timed.ts';
import { visitPairs } from './hash-walk.ts';
import { findHeld, preparePut, putField } from './hash.ts';

/** Type bytes that {@link loadHash} understands. */
export const HASH_RDB_TYPES: readonly number[] = [
  RdbType.Hash, RdbType.HashZipmap, RdbType.HashZiplist, RdbType.HashListpack, RdbType.HashTimed,
];

/** Room of the pack that loading starts with; it grows as pairs come. */
const FIRST_PACK_BYTES = 64;
/** Fewest bytes of a pair: two lengths. */
const PAIR_BYTES_MIN = 2;

const textAt = new Int32Array(2);
const textBytes = new Int32Array(2);

/** Writes type byte and body of the hash in entry `ref`. */
export function saveHash(shard: Shard, ref: number, out: RdbWriter): void {
  if (firstDeadlineMs(shard, ref) >= 0) {
    out.u8(RdbType.HashTimed);
    out.count(collectionCount(shard, ref));
    visitPairs(shard, ref, (fieldAt, fieldBytes, valueAt, valueBytes, deadlineMs) => {
      out.string(fieldAt, fieldBytes);
      out.string(valueAt, valueBytes);
      out.milliseconds(deadlineMs);
    });
    return;
  }
  if ((entryFlags(shard.memory.i32, ref) & ENTRY_WIDE) !== 0) {
    out.u8(RdbType.Hash);
    out.count(collectionCount(shard, ref));
    visitPairs(shard, ref, (fieldAt, fieldBytes, valueAt, valueBytes) => {
      out.string(fieldAt, fieldBytes);
      out.string(valueAt, valueBytes);
    });
    return;
  }
  out.u8(RdbType.HashListpack);
  const { listpack } = out;
  listpack.begin();
  visitPairs(shard, ref, (fieldAt, fieldBytes, valueAt, valueBytes) => {
    listpack.add(fieldAt, fieldBytes);
    listpack.add(valueAt, valueBytes);
  });
  out.stringOf(listpack.finish());
}

/**
 * Reads a body into the entry `ref`: an empty one, or one that a body before has filled.
 * @returns false when memory is short @throws {RdbError} when the bytes are no hash
 */
export function loadHash(
  shard: Shard, rdbType: number, reader: RdbReader, ref: number,
): boolean {
  if (entryRoot(shard.memory.i32, ref) === 0) {
    const pack = shard.collections.packs.create(FIRST_PACK_BYTES);
    if (pack === 0) return false;
    setEntryRoot(shard.memory.i32, ref, pack);
  }
  if (rdbType === RdbType.HashListpack) {
    return loadPacked(shard, reader, new ListpackReader(reader, reader.blob()), ref);
  }
  if (rdbType === RdbType.HashZiplist) {
    return loadPacked(shard, reader, new ZiplistReader(reader, reader.blob()), ref);
  }
  if (rdbType === RdbType.HashZipmap) {
    return loadPacked(shard, reader, new ZipmapReader(reader, reader.blob()), ref);
  }
  const isTimed = rdbType === RdbType.HashTimed;
  const pairs = reader.countOf(isTimed ? PAIR_BYTES_MIN + 8 : PAIR_BYTES_MIN);
  checkRdb(pairs > 0, 'a hash has a field');
  for (let i = 0; i < pairs; i++) {
    reader.string();
    reader.keep();
    reader.string();
    if (!addPair(shard, reader, ref)) return false;
    if (isTimed && !addDeadline(shard, reader, ref)) return false;
  }
  return true;
}

/** Reads field, value, field, value ... of a packed list. */
function loadPacked(
  shard: Shard, reader: RdbReader, elements: ElementReader, ref: number,
): boolean {
  checkRdb(elements.left > 0, 'a hash has a field');
  checkRdb(elements.left % 2 === 0, 'a hash has a value for each field');
  while (elements.left > 0) {
    elements.next();
    reader.keep();
    elements.next();
    if (!addPair(shard, reader, ref)) return false;
  }
  return true;
}

/** Adds the pair kept and read; false when memory is short. */
function addPair(shard: Shard, reader: RdbReader, ref: number): boolean {
  textAt[0] = reader.keptAt;
  textBytes[0] = reader.keptBytes;
  textAt[1] = reader.at;
  textBytes[1] = reader.bytes;
  if (preparePut(shard, ref, 0, 0, textAt, textBytes, 0, 1) === 0) return false;
  const { keptAt, keptBytes, at, bytes } = reader;
  const countBefore = collectionCount(shard, ref);
  putField(shard, ref, keptAt, keptBytes, at, bytes, true);
  checkRdb(collectionCount(shard, ref) === countBefore + 1, 'a field comes once');
  return true;
}

/** Reads the deadline of the pair added last; false when memory is short. */
function addDeadline(shard: Shard, reader: RdbReader, ref: number): boolean {
  const { keptAt, keptBytes, bytes } = reader;
  const deadlineMs = reader.milliseconds();
  checkRdb(deadlineMs >= -1, 'a deadline is not negative');
  if (deadlineMs === -1) return true;
  if (!prepareDeadlines(shard, ref, 1, keptBytes + bytes, 0, 0)) return false;
  findHeld(shard, ref, keptAt, keptBytes);
  setFoundDeadline(shard, ref, deadlineMs);
  return true;
}
