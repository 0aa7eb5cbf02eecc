/**
 * GET and SET for a host in the same thread that needs no reply: the same lookups, counters,
 * reservations and journal entries as the commands (string-basic.commands.ts), without a sink. The
 * caller has passed what the gate checks, counts the call, and takes the way through the executor
 * whenever these functions say so.
 * Cost: that of the lookup and the store; nothing is allocated.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { ValueType } from '../../keyspace/type-handler.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  ENTRY_IS_ROPE, ENTRY_TYPE_MASK, entryFlags, entryValueAt, entryValueBytes,
} from '../../structs/entry.hot.ts';
import { commitStringSet } from './string-effects.ts';
import { reserveArgument, storeArgument } from './string.ts';

/** `findDirect` found something that only the command can answer: a rope, or another type. */
export const NOT_DIRECT = -1;

/**
 * Looks argument 1 up as GET does.
 * @returns the entry of a string that lies in one piece, 0 when the key is absent; both are counted
 * as a read.
 *   NOT_DIRECT: nothing was counted, run the command
 */
export function findDirect(shard: Shard, frame: ArgFrame): number {
  const { keyspace } = shard;
  const ref = keyspace.peek(frame, 1);
  if (ref !== 0) {
    const flags = entryFlags(shard.memory.i32, ref);
    if ((flags & (ENTRY_IS_ROPE | ENTRY_TYPE_MASK)) !== ValueType.String) return NOT_DIRECT;
  }
  keyspace.noteRead(frame, ref, frame.at[1] ?? 0, frame.bytes[1] ?? 0);
  return ref;
}

/** Byte offset of the value of an entry that `findDirect` found; valid until the next change. */
export function directValueAt(shard: Shard, ref: number): number {
  return entryValueAt(shard.memory.i32, ref);
}

/** Length of that value. */
export function directValueBytes(shard: Shard, ref: number): number {
  return entryValueBytes(shard.memory.i32, ref);
}

/** Stores argument 2 under argument 1 as SET without options does; false when memory is short. */
export function storeDirect(shard: Shard, frame: ArgFrame): boolean {
  shard.keyspace.write(frame, 1);
  if (!reserveArgument(shard, frame, 1, 2)) return false;
  const ref = storeArgument(shard, frame, 1, 2, 0, 0, 0);
  commitStringSet(shard, frame, 1, ref, KeyEvent.Set);
  return true;
}
