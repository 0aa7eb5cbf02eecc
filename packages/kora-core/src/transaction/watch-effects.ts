/**
 * What a change in the journal means to those who watch keys: which keys of which database it
 * touches. An effect is a change of its key, also one that leaves the value as it was, as in Redis;
 * what is done to a stream's last ID, its groups and their consumers is none. Renames, copies and
 * moves have two keys; a flush and SWAPDB touch the keys that are there before or after.
 */
import type { Database } from '../keyspace/database.ts';
import type { Effect } from '../keyspace/effect.ts';
import { EffectOp } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import { KeyChange } from './watch-layout.ts';
import type { WatchTable } from './watch-table.ts';

/**
 * Tells the table of a change that the journal announces.
 * @param databases those of the shard, by number
 */
export function hearChange(
  table: WatchTable, databases: readonly Database[], effect: Effect,
): void {
  const { db, keyAt, keyBytes } = effect;
  switch (effect.op) {
    case EffectOp.KeyRemove:
      table.touch(db, keyAt, keyBytes, KeyChange.Removed);
      return;
    case EffectOp.KeyRename:
    case EffectOp.KeyMove:
      table.touch(db, keyAt, keyBytes, KeyChange.Removed);
      touchOther(table, effect);
      return;
    case EffectOp.KeyCopy:
      touchOther(table, effect);
      return;
    case EffectOp.DatabaseFlush:
      emptied(table, databases[db]);
      return;
    case EffectOp.EverythingFlush:
      for (const database of databases) emptied(table, database);
      return;
    case EffectOp.DatabaseSwap:
      swapped(table, databases[db], databases[effect.otherDb]);
      return;
    case EffectOp.StringPatch:
      // Without an event only the encoding changed, or the last of its patches is to come.
      if (effect.event === KeyEvent.None) return;
      table.touch(db, keyAt, keyBytes, KeyChange.Changed);
      return;
    case EffectOp.StreamSetId:
    case EffectOp.StreamGroupPut:
    case EffectOp.StreamGroupRemove:
    case EffectOp.StreamConsumerPut:
    case EffectOp.StreamConsumerRemove:
    case EffectOp.StreamPendingPut:
    case EffectOp.StreamPendingRemove:
      table.touch(db, keyAt, keyBytes, KeyChange.Appeared);
      return;
    default:
      table.touch(db, keyAt, keyBytes, KeyChange.Changed);
  }
}

function touchOther(table: WatchTable, effect: Effect): void {
  table.touch(effect.otherDb, effect.otherAt, effect.otherBytes, KeyChange.Changed);
}

/** A flush is announced while the keys are still there. */
function emptied(table: WatchTable, database: Database | undefined): void {
  if (database !== undefined) table.touchDatabase(database.index, database, null);
}

/** SWAPDB is announced when it has happened. */
function swapped(table: WatchTable, one: Database | undefined, other: Database | undefined): void {
  if (one === undefined || other === undefined) return;
  table.touchDatabase(one.index, other, one);
  table.touchDatabase(other.index, one, other);
}
