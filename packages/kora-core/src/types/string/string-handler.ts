/**
 * The string type as the key space knows it: freeing, copying, weighing and moving a value whatever
 * it holds. How a string lies in its entry is string.ts's business. Two members are not for
 * strings: an entry is as long as its string, so `newStringAside` (string.codec.ts) builds it
 * together with its entry, and the journal's ops of strings are replayed by the effect codec.
 */
import { AssertionError } from '../../assert.ts';
import type { TypeHandler } from '../../keyspace/type-handler.ts';
import { RdbType } from '../../rdb/rdb-types.ts';
import type { RdbWriter } from '../../rdb/rdb-writer.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  ENTRY_IS_ROPE, entryFlags, entryRoot, entryValueAt, entryValueBytes, setEntryRoot,
} from '../../structs/entry.hot.ts';
import {
  stringBytes, stringEncodingName, stringPieceAt, stringPieceBytes, stringPieceCount,
} from './string.ts';

/** Registered under ValueType.String. */
export const stringHandler: TypeHandler = Object.freeze({
  name: 'string',
  rdbTypes: [RdbType.String],
  freeValue(shard: Shard, ref: number): void {
    if (isRope(shard, ref)) shard.ropes.free(entryRoot(shard.memory.i32, ref));
  },
  freeSlice(): boolean {
    throw new AssertionError('a string is freed at once');
  },
  copyValue(shard: Shard, from: number, to: number): boolean {
    const { memory } = shard;
    if (!isRope(shard, from)) {
      const { i32, kernel } = memory;
      kernel.copy(entryValueAt(i32, to), entryValueAt(i32, from), entryValueBytes(i32, from));
      return true;
    }
    const root = shard.ropes.copyRope(entryRoot(memory.i32, from));
    if (root === 0) return false;
    setEntryRoot(memory.i32, to, root);
    return true;
  },
  encodingName: stringEncodingName,
  ownedBytes(shard: Shard, ref: number): number {
    return isRope(shard, ref) ? shard.ropes.heldBytes(entryRoot(shard.memory.i32, ref)) : 0;
  },
  evacuate(shard: Shard, ref: number): number {
    if (!isRope(shard, ref)) return 0;
    const root = shard.ropes.relocatePieces(entryRoot(shard.memory.i32, ref));
    setEntryRoot(shard.memory.i32, ref, root);
    return 0;
  },
  save: saveString,
  load(): boolean {
    throw new AssertionError('a string is built together with its entry');
  },
  replay(): void {
    throw new AssertionError('changes of strings are not ops of collections');
  },
  check(shard: Shard, ref: number): void {
    const pieces = stringPieceCount(shard, ref);
    let bytes = 0;
    for (let piece = 0; piece < pieces; piece++) bytes += stringPieceBytes(shard, ref, piece);
    if (bytes !== stringBytes(shard, ref)) {
      throw new AssertionError('a string is as long as its pieces');
    }
  },
});

function saveString(shard: Shard, ref: number, out: RdbWriter): void {
  out.u8(RdbType.String);
  if (!isRope(shard, ref)) {
    const { i32 } = shard.memory;
    out.string(entryValueAt(i32, ref), entryValueBytes(i32, ref));
    return;
  }
  const value = new Uint8Array(stringBytes(shard, ref));
  const pieces = stringPieceCount(shard, ref);
  let done = 0;
  for (let piece = 0; piece < pieces; piece++) {
    const bytes = stringPieceBytes(shard, ref, piece);
    out.copyOut(stringPieceAt(shard, ref, piece), bytes, value, done);
    done += bytes;
  }
  out.stringOf(value);
}

function isRope(shard: Shard, ref: number): boolean {
  return (entryFlags(shard.memory.i32, ref) & ENTRY_IS_ROPE) !== 0;
}
