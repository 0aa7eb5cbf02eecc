/**
 * The door of @kora/storage/directory: opening a directory for shards of other threads, without
 * loading the engine.
 */
export { openStore, reportText } from './engine/open-store.ts';
export type { OpenedStore, ShardStorePlan } from './engine/open-store.ts';
export { LogWords } from './engine/log-words.ts';
export { SnapshotWords } from './engine/snapshot-words.ts';
export { storePlanOf } from './engine/store-plan.ts';
export type { StorePlan } from './engine/store-plan.ts';
export { Errno } from './disk/errno.ts';
export { NodeFiles } from './disk/node-files.ts';
export { nodeProcesses } from './store/process-table.ts';
