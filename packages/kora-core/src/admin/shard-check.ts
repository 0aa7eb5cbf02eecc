/**
 * Walks all data of a shard and asserts that it is whole: every entry is found by its own key, has
 * a registered type and an encoding, and the counters agree with what is there. DEBUG RELOAD and
 * tests use it; O(keys).
 */
import { assert } from '../assert.ts';
import type { Database } from '../keyspace/database.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import { entryHasTtl, entryKeyAt, entryKeyBytes } from '../structs/entry.hot.ts';

/** Checks every database. @throws {AssertionError} when something is not whole */
export function checkShard(shard: Shard): void {
  for (const database of shard.keyspace.databases) {
    if (database.dict.header !== 0) checkDatabase(shard, database);
  }
}

function checkDatabase(shard: Shard, database: Database): void {
  const { dict } = database;
  const slots = new Int32Array(CHAIN_SLOTS_MAX);
  let count = 0;
  let expiringCount = 0;
  const lines = dict.lines();
  for (let line = 0; line < lines; line++) {
    const found = dict.collectLine(line, slots);
    for (let i = 0; i < found; i++) {
      const slot = slots[i] ?? 0;
      const { i32 } = shard.memory;
      const ref = i32[slot] ?? 0;
      assert(ref !== 0, 'a collected slot holds an entry');
      const keyAt = entryKeyAt(i32, ref);
      const keyBytes = entryKeyBytes(i32, ref);
      const foundSlot = dict.find(keyAt, keyBytes, dict.hashOf(keyAt, keyBytes));
      assert(foundSlot === slot, 'an entry is found by its key');
      const handler = shard.handlerOf(ref);
      assert(handler.encodingName(shard, ref) !== '', 'an entry has an encoding');
      assert(handler.ownedBytes(shard, ref) >= 0, 'a value can be weighed');
      handler.check(shard, ref);
      count++;
      if (entryHasTtl(i32, ref)) expiringCount++;
    }
  }
  assert(count === database.count, 'the dict counts its entries');
  assert(expiringCount === database.expiringCount, 'keys with a deadline are counted');
}
