/**
 * What the key space must be able to do with a value without knowing its type: free it, copy it,
 * name its encoding, weigh it, move it. Each type registers one handler under its number; commands
 * of the type talk to the type's own API instead.
 */
import type { Shard } from '../shard/shard.ts';

/** Type numbers in entries; also on disk, so append-only. */
export const ValueType = Object.freeze({
  String: 0,
  List: 1,
  Set: 2,
  SortedSet: 3,
  Hash: 4,
  Stream: 5,
} as const);

/** Types an entry's four type bits can name. */
export const VALUE_TYPE_COUNT = 16;

export interface TypeHandler {
  /** Name that TYPE answers. */
  readonly name: string;
  /**
   * Frees what the entry's value owns besides the entry block itself. Bounded work; never fails.
   */
  freeValue(shard: Shard, ref: number): void;
  /**
   * Fills the value area of entry `to` (same type, encoding, flags and value length; new key) with
   * a copy of the value of entry `from`. False when memory ran out; nothing leaks then.
   */
  copyValue(shard: Shard, from: number, to: number): boolean;
  /** OBJECT ENCODING by Redis 7.0's rule. */
  encodingName(shard: Shard, ref: number): string;
  /** Bytes the value owns besides the entry block. */
  ownedBytes(shard: Shard, ref: number): number;
  /** Moves owned blocks out of sparse slabs; bounded work. */
  evacuate(shard: Shard, ref: number): void;
}
