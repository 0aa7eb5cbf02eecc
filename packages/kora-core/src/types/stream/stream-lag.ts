/**
 * How far a group has read: the logical number of entries up to its last delivered ID, and the lag
 * behind the stream, by Redis 7.0's rules. The number is known exactly while nothing was deleted in
 * front of it, and at a few other places; elsewhere it is unknown (-1), never guessed.
 * Cost: O(1).
 */
import { collectionCount } from '../../keyspace/collection-entry.ts';
import type { Shard } from '../../shard/shard.ts';
import {
  addOne64, HEADER_DELETED_ID, HEADER_FIRST_ID, HEADER_LAST_ID,
} from './stream-header.hot.ts';
import {
  dataWord, ENTRIES_READ_UNKNOWN, GROUP_LAST_ID, GROUP_READ, groupLastId,
} from './stream-groups.ts';
import { StreamId } from './stream-id.hot.ts';
import { entriesAdded, headerId, longAt, setLongAt } from './stream.ts';

const first = new StreamId();
const last = new StreamId();
const deleted = new StreamId();
const read = new StreamId();

/** True when an entry at or behind the ID was deleted, as far as the highest one deleted tells. */
function hasTombstoneFrom(shard: Shard, ref: number, id: StreamId): boolean {
  headerId(shard, ref, HEADER_DELETED_ID, deleted);
  if (collectionCount(shard, ref) === 0 || deleted.isZero()) return false;
  headerId(shard, ref, HEADER_FIRST_ID, first);
  return deleted.compare(first) >= 0 && id.compare(deleted) <= 0;
}

/** Entries added up to the ID, -1 when that cannot be told. */
export function estimateEntriesRead(shard: Shard, ref: number, id: StreamId): bigint {
  const added = entriesAdded(shard, ref);
  const length = collectionCount(shard, ref);
  if (added === 0n) return 0n;
  headerId(shard, ref, HEADER_LAST_ID, last);
  const toLast = id.compare(last);
  if (length === 0 && toLast <= 0) return added;
  if (toLast === 0) return added;
  if (toLast > 0) return ENTRIES_READ_UNKNOWN;
  headerId(shard, ref, HEADER_FIRST_ID, first);
  headerId(shard, ref, HEADER_DELETED_ID, deleted);
  if (!deleted.isZero() && deleted.compare(first) >= 0) return ENTRIES_READ_UNKNOWN;
  const toFirst = id.compare(first);
  if (toFirst > 0) return ENTRIES_READ_UNKNOWN;
  const before = added - BigInt(length);
  return toFirst === 0 ? before + 1n : before;
}

/** Entries that the group has not read yet, null when that cannot be told. */
export function groupLag(shard: Shard, ref: number, group: number): bigint | null {
  const added = entriesAdded(shard, ref);
  if (added === 0n) return 0n;
  const entriesRead = longAt(shard, dataWord(shard, group) + GROUP_READ);
  groupLastId(shard, group, read);
  if (entriesRead !== ENTRIES_READ_UNKNOWN && !hasTombstoneFrom(shard, ref, read)) {
    return added - entriesRead;
  }
  const estimated = estimateEntriesRead(shard, ref, read);
  return estimated === ENTRIES_READ_UNKNOWN ? null : added - estimated;
}

/** Moves the group on to an entry that is delivered now, if it is behind the last one delivered. */
export function advanceGroup(shard: Shard, ref: number, group: number, id: StreamId): void {
  groupLastId(shard, group, read);
  if (id.compare(read) <= 0) return;
  const { i32 } = shard.memory;
  const word = dataWord(shard, group);
  // A number of -1 has both words -1.
  const isKnown = ((i32[word + GROUP_READ] ?? 0) & (i32[word + GROUP_READ + 1] ?? 0)) !== -1;
  if (isKnown && !hasTombstoneFrom(shard, ref, id)) {
    addOne64(i32, word + GROUP_READ);
  } else if (entriesAdded(shard, ref) !== 0n) {
    setLongAt(shard, word + GROUP_READ, estimateEntriesRead(shard, ref, id));
  }
  id.write(i32, word + GROUP_LAST_ID);
}
