/**
 * Moving an element from an end of one list to an end of another, or of the same: what LMOVE,
 * RPOPLPUSH and their waiting forms do. Both keys are checked and all memory is reserved before
 * anything changes, so a destination of another type, or no memory, costs no element.
 *
 * Invariant: the push is announced before the removal, as Redis announces them; both apply to a
 *   list that is rotated as they are told.
 * Cost: O(1) and a copy of the element; a rotation copies it twice.
 */
import type { ArgFrame } from '../../command/arg-frame.hot.ts';
import type { ReplySink } from '../../command/sink.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { createCollection, removeIfEmpty } from '../../keyspace/collection-entry.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { SCRATCH_BYTES } from '../../limits.ts';
import type { Shard } from '../../shard/shard.ts';
import { commitRemoval, effectOfPush } from './list-effects.ts';
import { isListOrAbsent } from './list-errors.ts';
import {
  elementRoom, findEnd, LIST_FLAGS, listCount, place, pushReserved, removeElements, reservePush,
} from './list.ts';

/** Arguments that name the lists. */
const SOURCE = 1;
const DESTINATION = 2;

/**
 * Moves an element between the ends of the lists at arguments 1 and 2 and answers it; null when the
 * source does not exist.
 */
export function moveElement(
  shard: Shard, frame: ArgFrame, out: ReplySink, isFromHead: boolean, isToHead: boolean,
): void {
  const { keyspace } = shard;
  const source = keyspace.write(frame, SOURCE);
  if (source === 0) {
    out.null();
    return;
  }
  if (!isListOrAbsent(shard, source, out)) return;
  const found = keyspace.write(frame, DESTINATION);
  if (!isListOrAbsent(shard, found, out)) return;
  if (found === source) {
    rotate(shard, frame, out, source, isFromHead, isToHead);
    return;
  }
  findEnd(shard, source, isFromHead);
  const { at, bytes } = place;
  const room = elementRoom(shard, bytes);
  const keyBytes = frame.bytes[DESTINATION] ?? 0;
  if (!reservePush(shard, found, isToHead, keyBytes, room, 1)) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const keyAt = frame.at[DESTINATION] ?? 0;
  const ref = found === 0 ? createCollection(shard, keyAt, keyBytes, LIST_FLAGS) : found;
  pushReserved(shard, ref, isToHead, at, bytes, room);
  out.bulk(at, bytes);
  commitPushed(shard, frame, isToHead, at, bytes);
  const index = isFromHead ? 0 : listCount(shard, source) - 1;
  removeElements(shard, source, index, 1);
  commitRemoval(shard, frame, SOURCE, index, 1, isFromHead ? KeyEvent.LPop : KeyEvent.RPop);
  if (listCount(shard, source) !== 0) return;
  keyspace.find(keyspace.db, frame.at[SOURCE] ?? 0, frame.bytes[SOURCE] ?? 0);
  removeIfEmpty(shard, source);
}

function commitPushed(
  shard: Shard, frame: ArgFrame, isHead: boolean, at: number, bytes: number,
): void {
  const { parts } = effectOfPush(shard, frame, DESTINATION, isHead);
  if (shard.journal.isHeard) parts.add(at, bytes);
  shard.commit();
}

/** Moves an element between the ends of one list; its bytes wait outside of it meanwhile. */
function rotate(
  shard: Shard, frame: ArgFrame, out: ReplySink, ref: number, isFromHead: boolean,
  isToHead: boolean,
): void {
  const { kernel, arenaAllocator } = shard.memory;
  findEnd(shard, ref, isFromHead);
  const { at, bytes } = place;
  const isShort = bytes <= SCRATCH_BYTES;
  const block = isShort ? 0 : arenaAllocator.alloc(bytes);
  if (!isShort && block === 0) {
    out.error(replyErrors.arenaFull);
    return;
  }
  const copyAt = isShort ? shard.scratchAt : block * 8;
  kernel.copy(copyAt, at, bytes);
  const room = elementRoom(shard, bytes);
  if (reservePush(shard, ref, isToHead, 0, room, 1)) {
    const count = listCount(shard, ref);
    pushReserved(shard, ref, isToHead, copyAt, bytes, room);
    out.bulk(copyAt, bytes);
    commitPushed(shard, frame, isToHead, copyAt, bytes);
    const index = (isFromHead ? 0 : count - 1) + (isToHead ? 1 : 0);
    removeElements(shard, ref, index, 1);
    commitRemoval(shard, frame, SOURCE, index, 1, isFromHead ? KeyEvent.LPop : KeyEvent.RPop);
  } else {
    out.error(replyErrors.arenaFull);
  }
  if (block !== 0) arenaAllocator.free(block);
}
