/**
 * Streams in the RDB format: DUMP, RESTORE, snapshots, whole values in the journal. Written as
 * Redis 7.0 does (19); the forms of Redis 5 (15) and 7.2 (21) are read as well. A block of ours
 * becomes one listpack without its dead entries, and a listpack one block or more.
 *
 *   count of listpacks | 16-byte ID, listpack | ...
 *   length | last ID | [19: first ID | highest deleted ID | entries added]
 *   count of groups | name | last ID | [19: entries read]
 *     | pending: count | ID, 8 bytes of time, deliveries | ...
 *     | consumers: count | name | 8 bytes seen | [21: 8 bytes active] | pending: count | ID | ...
 *   listpack: live | deleted | n | n fields | 0
 *     | flags | ms - block's | seq - block's | [n] | fields and values, or values | elements | ...
 *
 * Flags: 1 deleted, 2 the fields are those of the listpack. Cost: O(bytes).
 */
import { collectionCount } from '../../keyspace/collection-entry.ts';
import { ListpackReader } from '../../rdb/listpack-reader.ts';
import type { ListpackWriter } from '../../rdb/listpack.ts';
import { checkRdb } from '../../rdb/rdb-error.ts';
import type { RdbReader } from '../../rdb/rdb-reader.ts';
import { RdbType } from '../../rdb/rdb-types.ts';
import type { RdbWriter } from '../../rdb/rdb-writer.ts';
import type { Shard } from '../../shard/shard.ts';
import { entryRoot } from '../../structs/entry.hot.ts';
import type { BlockCursor } from './block-cursor.hot.ts';
import { PAIR_WORDS } from './block-cursor.hot.ts';
import { ColumnBuffer } from './column-buffer.ts';
import { loadGroups, saveGroups } from './stream-groups.codec.ts';
import {
  BLOCK_HEADER_BYTES, BLOCK_KEY, blockLive,
} from './stream-blocks.hot.ts';
import {
  HEADER_ADDED, HEADER_DELETED_ID, HEADER_FIRST_ID, HEADER_LAST_ID,
} from './stream-header.hot.ts';
import { STREAM_ID_BYTES, StreamId } from './stream-id.hot.ts';
import { idFromKey, readId, writeId } from './stream-key.ts';
import { GATHERED_PAIRS_MAX, SCRATCH_PAIRS } from './stream-scratch.ts';
import {
  appendEntry, closeBlock, headerId, headerWord, initStream, reserveAppend, setEntriesAdded,
  setHeaderId, setLongAt,
} from './stream.ts';

const FLAG_DELETED = 1;
const FLAG_BLOCK_FIELDS = 2;
/** Elements of an entry besides fields and values: flags, two differences. */
const ENTRY_SIDE_ELEMENTS = 3;
/** Fewest bytes of a listpack and its ID. */
const LISTPACK_BYTES_MIN = 24;

const id = new StreamId();
const base = new StreamId();
const last = new StreamId();

// ------------------------------------------------------------------ writing

export function saveStream(shard: Shard, ref: number, out: RdbWriter): void {
  out.u8(RdbType.StreamListpacks2);
  const { walk } = shard.collections.streams;
  const { memory } = shard;
  walk.bind(entryRoot(memory.i32, ref));
  out.count(walk.blockCount);
  for (let rank = 0; rank < walk.blockCount; rank++) {
    const block = walk.blockAt(rank);
    out.string(block * 8 + BLOCK_KEY * 4, STREAM_ID_BYTES);
    saveBlock(shard, block, walk.cursor, out);
  }
  out.count(collectionCount(shard, ref));
  for (const field of [HEADER_LAST_ID, HEADER_FIRST_ID, HEADER_DELETED_ID]) {
    headerId(shard, ref, field, id);
    writeId(out, id);
  }
  const word = headerWord(shard, ref) + HEADER_ADDED;
  out.count64(memory.i32[word + 1] ?? 0, memory.i32[word] ?? 0);
  saveGroups(shard, ref, out);
}

function saveBlock(shard: Shard, block: number, cursor: BlockCursor, out: RdbWriter): void {
  const { listpack } = out;
  const { i32 } = shard.memory;
  listpack.begin();
  listpack.addInteger(blockLive(i32, block));
  listpack.addInteger(0);
  base.readKey(i32, block * 2 + BLOCK_KEY);
  saveFields(shard, block, listpack);
  listpack.addInteger(0);
  cursor.open(block);
  while (cursor.next()) if (!cursor.isDead) saveEntry(shard, cursor, listpack);
  out.stringOf(listpack.finish());
}

/** The block's fields: varints and bytes behind its header (stream-blocks.hot.ts). */
function saveFields(shard: Shard, block: number, listpack: ListpackWriter): void {
  const { i32 } = shard.memory;
  let at = block * 8 + BLOCK_HEADER_BYTES;
  const varint = (): number => {
    let value = 0;
    let shift = 0;
    for (;;) {
      const byte = ((i32[at >>> 2] ?? 0) >>> ((at & 3) * 8)) & 0xff;
      at++;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
      shift += 7;
    }
  };
  const count = varint();
  listpack.addInteger(count);
  for (let i = 0; i < count; i++) {
    const bytes = varint();
    listpack.add(at, bytes);
    at += bytes;
  }
}

function saveEntry(shard: Shard, cursor: BlockCursor, listpack: ListpackWriter): void {
  const { i32 } = shard.memory;
  const pairs = cursor.startPairs();
  const isOfBlock = cursor.hasFieldsOfBlock();
  listpack.addInteger(isOfBlock ? FLAG_BLOCK_FIELDS : 0);
  addDifference(listpack, cursor.id.msHigh, cursor.id.msLow, base.msHigh, base.msLow);
  addDifference(listpack, cursor.id.seqHigh, cursor.id.seqLow, base.seqHigh, base.seqLow);
  if (!isOfBlock) listpack.addInteger(pairs);
  const word = (shard.scratchAt + SCRATCH_PAIRS) >>> 2;
  for (;;) {
    const count = cursor.gather(word, GATHERED_PAIRS_MAX);
    if (count === 0) break;
    for (let i = word; i < word + count * PAIR_WORDS; i += PAIR_WORDS) {
      if (!isOfBlock) listpack.add((i32[i] ?? 0) >>> 0, i32[i + 1] ?? 0);
      listpack.add((i32[i + 2] ?? 0) >>> 0, i32[i + 3] ?? 0);
    }
  }
  listpack.addInteger(ENTRY_SIDE_ELEMENTS + (isOfBlock ? pairs : 2 * pairs + 1));
}

function addDifference(
  listpack: ListpackWriter, high: number, low: number, baseHigh: number, baseLow: number,
): void {
  const borrow = low >>> 0 < baseLow >>> 0 ? 1 : 0;
  listpack.addInteger64((high - baseHigh - borrow) | 0, (low - baseLow) | 0);
}

// ------------------------------------------------------------------ reading

/** Fills entry `ref`; see TypeHandler.load. */
export function loadStream(
  shard: Shard, rdbType: number, reader: RdbReader, ref: number,
): boolean {
  if (!initStream(shard, ref)) return false;
  const fields = new ColumnBuffer(shard.memory.lowAllocator, shard.memory);
  const values = new ColumnBuffer(shard.memory.lowAllocator, shard.memory);
  try {
    const listpacks = reader.countOf(LISTPACK_BYTES_MIN);
    for (let i = 0; i < listpacks; i++) {
      if (!closeBlock(shard, ref)) return false;
      reader.string();
      checkRdb(reader.bytes === STREAM_ID_BYTES, 'a listpack of a stream has an ID');
      idFromKey(shard, reader.at, base);
      const listpack = new ListpackReader(reader, reader.blob());
      if (!loadBlock(shard, ref, reader, listpack, fields, values)) return false;
    }
  } finally {
    fields.close();
    values.close();
  }
  loadHeader(shard, rdbType, reader, ref);
  return loadGroups(shard, rdbType, reader, ref);
}

function loadHeader(shard: Shard, rdbType: number, reader: RdbReader, ref: number): void {
  const length = collectionCount(shard, ref);
  checkRdb(reader.count() === length, 'a stream has as many entries as it says');
  readId(reader, id);
  headerId(shard, ref, HEADER_LAST_ID, last);
  checkRdb(id.compare(last) >= 0, 'no entry is behind the last ID of a stream');
  setHeaderId(shard, ref, HEADER_LAST_ID, id);
  if (rdbType === RdbType.StreamListpacks) {
    setEntriesAdded(shard, ref, BigInt(length));
    return;
  }
  readId(reader, id); // The ID of the first entry, which is known already.
  readId(reader, id);
  setHeaderId(shard, ref, HEADER_DELETED_ID, id);
  reader.count64();
  const added = (BigInt(reader.high | 0) << 32n) | BigInt(reader.low >>> 0);
  setLongAt(shard, headerWord(shard, ref) + HEADER_ADDED, added);
}

/** A number of elements that a listpack states. */
function countIn(listpack: ListpackReader): number {
  listpack.nextInteger();
  checkRdb(listpack.high === 0 && listpack.low >= 0, 'a count is not negative');
  checkRdb(listpack.low <= listpack.left, 'a count of more than there is');
  return listpack.low;
}

function loadBlock(
  shard: Shard, ref: number, reader: RdbReader, listpack: ListpackReader, fields: ColumnBuffer,
  values: ColumnBuffer,
): boolean {
  const live = countIn(listpack);
  const dead = countIn(listpack);
  const fieldCount = countIn(listpack);
  fields.begin();
  for (let i = 0; i < fieldCount; i++) {
    listpack.next();
    fields.add(reader.at, reader.bytes);
  }
  listpack.nextInteger();
  let seenLive = 0;
  let seenDead = 0;
  while (listpack.left > 0) {
    listpack.nextInteger();
    const flags = listpack.low;
    loadEntryId(listpack);
    const isOfBlock = (flags & FLAG_BLOCK_FIELDS) !== 0;
    const pairs = isOfBlock ? fieldCount : countIn(listpack);
    loadPairs(reader, listpack, pairs, isOfBlock ? fields : null, values);
    const elements = ENTRY_SIDE_ELEMENTS + (isOfBlock ? pairs : 2 * pairs + 1);
    listpack.nextInteger();
    checkRdb(listpack.low === elements, 'an entry states its elements');
    if ((flags & FLAG_DELETED) !== 0) {
      seenDead++;
      continue;
    }
    seenLive++;
    headerId(shard, ref, HEADER_LAST_ID, last);
    checkRdb(id.compare(last) > 0, 'the IDs of a stream ascend');
    const { at, bytes } = values.columns();
    if (!reserveAppend(shard, ref, 0, id, at, bytes, 0, pairs)) return false;
    appendEntry(shard, ref, id, at, bytes, 0, pairs);
  }
  // Without a live one, as a trim can leave it in Redis, it becomes no block.
  checkRdb(live === seenLive && dead === seenDead, 'a listpack counts its entries');
  return true;
}

function loadEntryId(listpack: ListpackReader): void {
  listpack.nextInteger();
  id.msLow = (base.msLow + listpack.low) | 0;
  const msCarry = id.msLow >>> 0 < base.msLow >>> 0 ? 1 : 0;
  id.msHigh = (base.msHigh + listpack.high + msCarry) | 0;
  listpack.nextInteger();
  id.seqLow = (base.seqLow + listpack.low) | 0;
  const seqCarry = id.seqLow >>> 0 < base.seqLow >>> 0 ? 1 : 0;
  id.seqHigh = (base.seqHigh + listpack.high + seqCarry) | 0;
}

/** Reads the values, after their fields unless those are given, into columns of pairs. */
function loadPairs(
  reader: RdbReader, listpack: ListpackReader, pairs: number, fields: ColumnBuffer | null,
  values: ColumnBuffer,
): void {
  values.begin();
  for (let i = 0; i < pairs; i++) {
    if (fields === null) {
      listpack.next();
      values.add(reader.at, reader.bytes);
    } else {
      values.addFrom(fields, i);
    }
    listpack.next();
    values.add(reader.at, reader.bytes);
  }
}

