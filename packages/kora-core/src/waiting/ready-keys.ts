/**
 * Which changes in the journal may give something to those who wait for keys: a list, sorted set or
 * stream that gains elements or appears at a key. The end of a stream or of a group concerns those
 * who read for a group, for they wait no longer then.
 * Effects are of the plain command, whoever ran it: EXEC, another shard's command, a restore.
 */
import type { Effect } from '../keyspace/effect.ts';
import { EffectOp } from '../keyspace/effect.ts';
import type { WaitTable } from './wait-table.ts';

/** Tells the table of a change that the journal announces. */
export function hearReady(table: WaitTable, effect: Effect): void {
  const { db, keyAt, keyBytes } = effect;
  switch (effect.op) {
    case EffectOp.ListPushHead:
    case EffectOp.ListPushTail:
    case EffectOp.ListInsert:
    case EffectOp.ScoredPut:
    case EffectOp.StreamAdd:
    case EffectOp.StreamGroupRemove:
    case EffectOp.ValueSet:
      table.mark(db, keyAt, keyBytes);
      return;
    case EffectOp.StringSet:
    case EffectOp.KeyRemove:
      table.markGone(db, keyAt, keyBytes);
      return;
    case EffectOp.KeyCopy:
      table.mark(effect.otherDb, effect.otherAt, effect.otherBytes);
      return;
    case EffectOp.KeyRename:
    case EffectOp.KeyMove:
      table.mark(effect.otherDb, effect.otherAt, effect.otherBytes);
      table.markGone(db, keyAt, keyBytes);
      return;
    case EffectOp.DatabaseSwap:
      table.markDatabase(db);
      table.markDatabase(effect.otherDb);
      return;
    case EffectOp.DatabaseFlush:
      table.markDatabaseGone(db);
      return;
    case EffectOp.EverythingFlush:
      table.markDatabaseGone(-1);
      return;
    default:
  }
}
