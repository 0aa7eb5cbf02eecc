/**
 * The small door of @kora/core, for threads that start and watch shards and hold none: settings,
 * faults, and what the shards of a process share. Everything here is also behind the large door
 * (index.ts), which loads the whole engine: 320 modules and 0.2 s, against 30 and 0.02 s
 * (Node 20, 2026-11-20).
 */
export { assert } from './assert.ts';
export { KORA_VERSION } from './command/engine-context.ts';
export { Fault } from './errors/fault.ts';
export type { FaultCode } from './errors/fault.ts';
export { MemoryBudget } from './keyspace/memory-budget.ts';
export { MESH_WORKER_COUNT_MAX } from './limits.ts';
export { MeshControl } from './mesh/mesh-control.ts';
export type { Setting } from './settings/setting.ts';
export { Settings } from './settings/settings.ts';
export { PAUSE_WORDS } from './shard/pause.ts';
export { createSharedMemory } from './structs/worker-memory.ts';
