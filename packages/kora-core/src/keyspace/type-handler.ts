/**
 * What the key space must be able to do with a value without knowing its type: free it, copy it,
 * name its encoding, weigh it, move it. Each type registers one handler under its number; commands
 * of the type talk to the type's own API instead.
 */
import type { RdbReader } from '../rdb/rdb-reader.ts';
import type { RdbWriter } from '../rdb/rdb-writer.ts';
import type { Shard } from '../shard/shard.ts';
import type { EffectParts } from './effect-parts.ts';

/** Type numbers in entries; also on disk, so append-only. */
export const ValueType = Object.freeze({
  String: 0,
  List: 1,
  Set: 2,
  SortedSet: 3,
  Hash: 4,
  Stream: 5,
  VectorSet: 6,
} as const);

/** Types an entry's four type bits can name. */
export const VALUE_TYPE_COUNT = 16;

/** Members or blocks that stand for all when a big collection is weighed. */
export const WEIGHED_MAX = 64;

/** A value that no entry holds any more: what is left of it is freed in slices. */
export interface DetachedValue {
  readonly type: number;
  /** Encoding bits of the entry that held it. */
  readonly encoding: number;
  /** Root ref; the handler moves it on when the structure's first block goes. */
  root: number;
  /** For the handler: where freeing goes on. 0 at the start. */
  cursor: number;
}

export interface TypeHandler {
  /** Name that TYPE answers. */
  readonly name: string;
  /** Type bytes of the RDB format that `load` understands. */
  readonly rdbTypes: readonly number[];
  /** The same of fragments of a snapshot, where they are others. */
  readonly fragmentTypes?: readonly number[];
  /**
   * Frees what the entry's value owns besides the entry block itself, or hands it to
   * `shard.lazyFree.takeValue` when that is more than a few blocks. Bounded work; never fails. Of a
   * collection whose root is 0 there is nothing to free.
   */
  freeValue(shard: Shard, ref: number): void;
  /**
   * Frees a part of a detached value: about `blocksMax` blocks. @returns true when nothing is left
   */
  freeSlice(shard: Shard, value: DetachedValue, blocksMax: number): boolean;
  /**
   * Fills the value area of entry `to` (same type, encoding, flags and value length; new key) with
   * a copy of the value of entry `from`. False when memory ran out; nothing leaks then.
   */
  copyValue(shard: Shard, from: number, to: number): boolean;
  /** OBJECT ENCODING by Redis 7.0's rule. */
  encodingName(shard: Shard, ref: number): string;
  /**
   * Bytes the value owns besides the entry block; of big collections estimated from a sample.
   * @param samplesMax members, or blocks of many, that are weighed; WEIGHED_MAX when absent
   */
  ownedBytes(shard: Shard, ref: number, samplesMax?: number): number;
  /**
   * Moves owned blocks out of sparse slabs; bounded work, so a big value is done in several calls.
   * @param cursor 0 at first, then what the call before returned; the value may have changed since
   * @returns where to go on, a safe integer; 0 when the value is done
   */
  evacuate(shard: Shard, ref: number, cursor: number): number;
  /** Writes the value in the RDB format: type byte, then the body, as DUMP has them. */
  save(shard: Shard, ref: number, out: RdbWriter): void;
  /**
   * Reads a body of one of `rdbTypes` into entry `ref`, which nobody knows yet: empty, root 0; but
   * sets, hashes and sorted sets take further bodies of other members (snapshots). It sets the
   * number of elements; none at all is refused by the caller, but for streams. The caller
   * checks that the bytes end where the value does. Collections only.
   * @returns false when memory is short (what was read stays in the entry, which its owner drops)
   * @throws {RdbError} when the bytes are no such value; the same holds
   */
  load(shard: Shard, rdbType: number, reader: RdbReader, ref: number): boolean;
  /** All fragments of a snapshot were loaded into entry `ref`. */
  finishFragments?(shard: Shard, ref: number): void;
  /**
   * Makes a change of a collection that a journal tells (ops from COLLECTION_OP_MIN on); the key
   * was looked up last. The parts lie in low memory.
   * @throws {Fault} CORRUPT_JOURNAL, OUT_OF_MEMORY; nothing has changed then
   */
  replay(shard: Shard, op: number, key: ReplayKey, parts: EffectParts): void;
  /** Walks the whole value and asserts that it is sound; DEBUG RELOAD and tests. */
  check(shard: Shard, ref: number): void;
  /**
   * Removes elements whose time has come from the key looked up last, announces that, and removes
   * the key when it is left empty. Asked of entries with ENTRY_TIMED_ELEMENTS only.
   * @param elementsMax how many at most
   * @returns the earliest deadline left in ms (one that is due: come again); -1 when there is none
   */
  expireElements?(shard: Shard, ref: number, elementsMax: number): number;
  /**
   * Earliest deadline of an element in ms, -1 when there is none: what a key that came to another
   * place has to be armed for. Asked of entries with ENTRY_TIMED_ELEMENTS only.
   */
  elementDeadlineMs?(shard: Shard, ref: number): number;
}

/** A key in low memory, and its database, as a replay has looked it up. */
export interface ReplayKey {
  readonly at: number;
  readonly bytes: number;
  /** Its entry, 0 = absent. */
  readonly ref: number;
}
