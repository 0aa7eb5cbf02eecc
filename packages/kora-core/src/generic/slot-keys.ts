/**
 * The keys of one slot of Redis Cluster, of a database of a shard. There is no index by slot, since
 * only administration asks for it: every key is looked at.
 * Cost: O(keys) and one CRC each; the reply is written in a second walk, so that its length is
 *   known and nothing is collected.
 */
import { slotOfKey } from '../bytes/crc16.hot.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import type { ReplySink } from '../command/sink.ts';
import { SCRATCH_BYTES } from '../limits.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import { entryIsDue, entryKeyAt, entryKeyBytes } from '../structs/entry.hot.ts';

/** Slots of the chain that is being looked at. */
const slots = new Int32Array(CHAIN_SLOTS_MAX);

/** Slot of argument i, which is flat. */
export function slotOfArgument(shard: Shard, frame: ArgFrame, i: number): number {
  return slotOfKey(shard.memory.low, frame.at[i] ?? 0, frame.bytes[i] ?? 0);
}

/** Keys of the slot in a database that are not due. */
export function countKeysOfSlot(shard: Shard, db: number, slot: number): number {
  let count = 0;
  forEachKey(shard, db, slot, () => {
    count++;
    return true;
  });
  return count;
}

/** Writes an array of keys of the slot, at most `countMax`. */
export function writeKeysOfSlot(
  shard: Shard, db: number, slot: number, countMax: number, out: ReplySink,
): void {
  let left = Math.min(countKeysOfSlot(shard, db, slot), countMax);
  out.array(left);
  if (left === 0) return;
  forEachKey(shard, db, slot, (ref) => {
    const { i32 } = shard.memory;
    out.bulk(entryKeyAt(i32, ref), entryKeyBytes(i32, ref));
    left--;
    return left > 0;
  });
}

/** Visits until the visitor says no. */
function forEachKey(
  shard: Shard, dbIndex: number, slot: number, visit: (ref: number) => boolean,
): void {
  const { keyspace, memory } = shard;
  const db = keyspace.databases[dbIndex];
  if (db === undefined || db.dict.header === 0) return;
  const lines = db.dict.lines();
  for (let line = 0; line < lines; line++) {
    const entries = db.dict.collectLine(line, slots);
    for (let i = 0; i < entries; i++) {
      const { i32 } = memory;
      const ref = i32[slots[i] ?? 0] ?? 0;
      if (entryIsDue(i32, ref, keyspace.nowLow, keyspace.nowHigh)) continue;
      if (slotOfEntry(shard, ref) === slot && !visit(ref)) return;
    }
  }
}

function slotOfEntry({ memory, scratchAt }: Shard, ref: number): number {
  const { i32, kernel, low, lowAllocator } = memory;
  const at = entryKeyAt(i32, ref);
  const bytes = entryKeyBytes(i32, ref);
  if (bytes <= SCRATCH_BYTES) {
    kernel.copy(scratchAt, at, bytes);
    return slotOfKey(low, scratchAt, bytes);
  }
  const block = lowAllocator.alloc(bytes);
  if (block === 0) return -1;
  kernel.copy(block * 8, at, bytes);
  const slot = slotOfKey(low, block * 8, bytes);
  lowAllocator.free(block);
  return slot;
}
