/**
 * The door of @kora/storage/engine: what joins logs and snapshots to shards of the engine, which is
 * loaded with it. Programs that keep records of their own need only @kora/storage.
 */
export { believedBytes } from './log/log-replay.ts';
export { EffectLog, lowChunks } from './log/effect-log.ts';
export type { WrittenPart } from './log/effect-log.ts';
export type { DeferredRecords } from './log/deferred-records.ts';
export { dealOut } from './engine/deal-out.ts';
export { ShardLoad } from './engine/shard-load.ts';
export type { ShardData } from './engine/shard-load.ts';
export { ShardPersistence } from './engine/shard-persistence.ts';
export type { ShardPersistenceOptions } from './engine/shard-persistence.ts';
export { ShardSnapshots, SNAPSHOT_WRITE_BYTES } from './engine/shard-snapshots.ts';
export type { SnapshotDisk } from './engine/shard-snapshots.ts';
export {
  answerBgSave, answerRewrite, refusalOfSave, SnapshotWish,
} from './engine/snapshot-commands.ts';
export { SnapshotDirector } from './engine/snapshot-director.ts';
export { saveRulesOf } from './engine/snapshot-rules.ts';
export type { SnapshotRules } from './engine/snapshot-rules.ts';
export { SnapshotKind, SnapshotWords } from './engine/snapshot-words.ts';
export type { Manifest } from './store/manifest.ts';
export { addStoreInfo } from './engine/store-info.ts';
export type { StoreFacts } from './engine/store-info.ts';
export { BackgroundSyncDisk } from './disk/background-sync-disk.ts';
export type { BeginSync } from './disk/background-sync-disk.ts';
export { CallbackDisk } from './disk/callback-disk.ts';
export type { CompletionListener, Disk, DiskOperation } from './disk/disk.ts';
export type { Files } from './disk/files.ts';
export { NodeFiles } from './disk/node-files.ts';
export { PortDisk } from './disk/port-disk.ts';
export type { FilePort } from './disk/port-disk.ts';
export { Errno, errnoText } from './disk/errno.ts';
export { DiskFault } from './errors.ts';
export { LogWords } from './engine/log-words.ts';
export type { LogPlace } from './engine/log-words.ts';
export type { DurablePart } from './log/settled-tracker.ts';
export type { SyncPolicy } from './log/shard-log.ts';
export { openStore, reportText } from './engine/open-store.ts';
export type { OpenedStore, ShardStorePlan } from './engine/open-store.ts';
export { storePlanOf } from './engine/store-plan.ts';
export type { StorePlan } from './engine/store-plan.ts';
export { syncPolicyOf } from './engine/sync-policies.ts';
export { nodeProcesses } from './store/process-table.ts';
export type { ProcessTable } from './store/process-table.ts';
