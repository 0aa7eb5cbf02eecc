/**
 * DEBUG RELOAD's work: every value is written in the RDB format, read back, and takes its own place
 * again, as a restart from a snapshot would have it. Deadlines and access fields stay. Nothing
 * changes for a client, so nothing is announced; a value that memory is too short to have twice
 * stays as it is.
 * Cost: O(all bytes), in one go: for tests.
 */
import { assert } from '../assert.ts';
import type { Database } from '../keyspace/database.ts';
import { loadValue } from '../rdb/load-value.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import {
  entryAccess, entryExpireHigh, entryExpireLow, entryHasTtl, entryKeyAt, entryKeyBytes,
  setEntryAccess,
} from '../structs/entry.hot.ts';
import { dropAside } from '../keyspace/collection-entry.ts';

/** Writes and reads back every value of the shard. */
export function reloadValues(shard: Shard): void {
  const slots = new Int32Array(CHAIN_SLOTS_MAX);
  for (const db of shard.keyspace.databases) {
    const lines = db.dict.header === 0 ? 0 : db.dict.lines();
    for (let line = 0; line < lines; line++) {
      const count = db.dict.collectLine(line, slots);
      // An entry's new block takes the old one's slot: the others stay where they are.
      for (let i = 0; i < count; i++) {
        reloadValue(shard, db, shard.memory.i32[slots[i] ?? 0] ?? 0);
      }
    }
  }
}

function reloadValue(shard: Shard, db: Database, ref: number): void {
  const { keyspace, memory, rdb } = shard;
  const { i32, kernel, lowAllocator } = memory;
  const keyBytes = entryKeyBytes(i32, ref);
  const block = lowAllocator.alloc(Math.max(1, keyBytes));
  if (block === 0) return;
  const keyAt = block * 8;
  kernel.copy(keyAt, entryKeyAt(i32, ref), keyBytes);
  try {
    rdb.begin();
    shard.handlerOf(ref).save(shard, ref, rdb);
    const body = rdb.bytes();
    const entry = loadValue(shard, body, 0, body.length, {
      keyAt, keyBytes, hasTtl: entryHasTtl(i32, ref) ? 1 : 0,
      expireLow: entryExpireLow(i32, ref), expireHigh: entryExpireHigh(i32, ref),
    });
    if (entry === 0) return;
    if (!keyspace.reserve(0, 0, 0, 0)) {
      dropAside(shard, entry);
      return;
    }
    setEntryAccess(memory.i32, entry, entryAccess(memory.i32, ref));
    const wasReplaying = shard.isReplaying;
    shard.isReplaying = true; // What is due is reloaded like all else.
    const found = keyspace.find(db, keyAt, keyBytes);
    shard.isReplaying = wasReplaying;
    assert(found === ref, 'an entry is found by its key');
    keyspace.link(entry);
  } finally {
    lowAllocator.free(block);
  }
}
