/**
 * The public door of @kora/core: the engine without sockets, threads or files. Named exports only,
 * grouped by room; what is not here is internal.
 */
// composition
export { composeShard } from './shard/compose.ts';
export type { ComposedShard, ComposeOptions } from './shard/compose.ts';
export { coreCommands } from './shard/core-commands.ts';
export { Executor, Outcome } from './shard/executor.ts';
export { ROUTE_HERE, ROUTE_SEVERAL, Router } from './shard/router.ts';
export type { EventTaker, KeyspaceNotifier } from './keyspace/notify.ts';
export type { Publisher } from './shard/publisher.ts';
export { Shard } from './shard/shard.ts';
export { PrefixTable } from './tracking/prefix-table.ts';
export type { PrefixState } from './tracking/prefix-table.ts';
export type { TrackingHost } from './tracking/tracking.ts';
export { readerOf, workerOfReader } from './tracking/tracking-layout.ts';
export { keyText } from './keyspace/key-text.ts';
export type { CommandTap } from './shard/command-tap.ts';
export type { Cycle, ShardObserver } from './shard/shard-observer.ts';

// commands
export { categoriesOfCommand } from './command/acl-categories.ts';
export { ArgFrame } from './command/arg-frame.hot.ts';
export {
  argumentText, argumentTexts, bindArgumentTexts, writeLatin1,
} from './command/argument-text.ts';
export { ClientFlag, ClientState } from './command/client-state.ts';
export { KORA_VERSION, REDIS_VERSION } from './command/engine-context.ts';
export type { EngineContext } from './command/engine-context.ts';
export type { SaveAsker, SavingHost } from './command/saving-host.ts';
export { arg, isWord } from './command/grammar.ts';
export type { Leaf } from './command/grammar.ts';
export {
  checkGate, findCommand, fitsArity, isBarred, isConfined, isRefusedByBarrier, mustPause,
} from './command/gate.ts';
export type { Barrier } from './command/barrier.ts';
export { documentedLeaves, documentedName } from './command/docs.ts';
export { flagNames } from './command/info.ts';
export { keysAt, keysCounted } from './command/key-spec.ts';
export { COMMAND_COUNT_MAX, CommandRegistry } from './command/registry.ts';
export { oneReplyOf, reply } from './command/reply-schema.ts';
export type { ReplySchema, ReplyShape } from './command/reply-schema.ts';
export { writeBulks, writeRopeBytes } from './command/sink.ts';
export type { ReplySink } from './command/sink.ts';
export { defineCommand, Flag } from './command/spec.ts';
export type { Command, CommandDefinition } from './command/spec.ts';
export { defineContainer, defineHelp } from './command/container.ts';

// transactions
export { CommandQueue, QueueMemory } from './transaction/command-queue.ts';
export { AcrossShards, Merge, reachOf } from './transaction/across-shards.ts';
export type { CommandReach } from './transaction/across-shards.ts';
export { Coordinator, Course } from './transaction/coordinator.ts';
export type { CoordinatorPort, Transaction } from './transaction/coordinator.ts';
export { applyForeign } from './transaction/foreign-effects.ts';
export { ForeignKeys } from './transaction/foreign-keys.ts';
export { Intent, IntentForm, IntentQueue } from './transaction/intent-queue.ts';
export { ParkedCommands } from './transaction/parked-commands.ts';
export type { ParkedCommand, ParkedHost } from './transaction/parked-commands.ts';
export {
  applyForeignPop, endArguments, LENT_END_ARGUMENTS, lendEndOf, popsEnd,
} from './transaction/lent-ends.ts';
export { lendEnd, lendMember, lendValue } from './transaction/lent-values.ts';
export { LockedKeys } from './transaction/locked-keys.ts';
export { Participant } from './transaction/participant.ts';
export type { ParticipantPort } from './transaction/participant.ts';
export { SLOT_COUNT, slotOfKey } from './bytes/crc16.hot.ts';
export { globMatch } from './bytes/glob.ts';
export { latin1Text } from './bytes/number-text.ts';
export type { KeyBytes } from './keyspace/move-entry.ts';
export { sortKeys } from './generic/sort-keys.ts';
export { WALK_KEY_BYTES_MAX } from './generic/key-walk.ts';
export {
  countKeysOfSlot, slotOfArgument, writeKeysOfSlot,
} from './generic/slot-keys.ts';
export { CURSOR_POSITIONS, readCursor, shardOfCursor } from './generic/scan-cursor.ts';
export type { Lending } from './transaction/lent-values.ts';
export { firstSlotOf, slotOwner, slotOwners } from './shard/slot-map.ts';
export { Planner } from './transaction/plan.ts';
export { SlotLocks, WholeLock } from './transaction/slot-locks.ts';
export type { SlotTaker } from './transaction/slot-set.ts';
export { SlotSet } from './transaction/slot-set.ts';
export { ArgumentSplitter, PART_KEY_COUNT } from './transaction/split-arguments.ts';
export type { Transactions } from './transaction/transactions.ts';
export { WatchTable } from './transaction/watch-table.ts';

// waiting for keys
export { mayWait } from './waiting/wait-for-keys.ts';
export type { ParkedSearch, SearchHost } from './types/vector-set/parked-searches.ts';
export type { Waiter, WaitHost } from './waiting/waiter.ts';

// vector sets
export type {
  NearestImage, NearestIndex, NearestIndexOptions, RestoringIndex, ThreadedIndex, VectorEngine,
  VectorFilter,
} from './types/vector-set/vector-engine.ts';

// settings and INFO
export { InfoRegistry } from './admin/info-registry.ts';
export { humanBytes } from './admin/memory-figures.ts';
export type { FigureReader, InfoReader } from './admin/info-registry.ts';
export { figuresOf, figuresText, readFigures, sumFigures } from './admin/figures.ts';
export type { EngineFigures, FigureMerge } from './admin/figures.ts';
export { doctorReport, mallocStats, writeMemoryStats } from './admin/memory.commands.ts';
export { pairsOf } from './admin/config.commands.ts';
export { mayDebug } from './admin/debug.commands.ts';
export { PAUSE_WORDS } from './shard/pause.ts';
export { Settings } from './settings/settings.ts';
export type { Setting, SettingValue } from './settings/setting.ts';
export { outputLimitTable } from './settings/special-settings.ts';
export type { OutputLimit } from './settings/special-settings.ts';

// errors
export { AssertionError, assert, unreachable } from './assert.ts';
export { Fault } from './errors/fault.ts';
export type { FaultCode } from './errors/fault.ts';
export {
  echoText, logFails, ReplyError, replyErrors, unknownCommand, unknownSubcommand, wrongArity,
} from './errors/reply-error.ts';

// platform, memory, limits
export { SeededChance, VirtualClock } from './platform/platform.ts';
export type { Chance, Clock, Platform, Scheduler } from './platform/platform.ts';
export { MemoryPool } from './structs/memory-pool.ts';
export type { MemoryAdvisor } from './structs/memory-advisor.ts';
export type { Allocator } from './structs/allocator.hot.ts';
export { randomHex40 } from './platform/random-hex.ts';
export { ROPE_PIECE_BYTES, Ropes } from './structs/rope.ts';
export { createSharedMemory, WorkerMemory } from './structs/worker-memory.ts';
export type { WorkerMemoryOptions } from './structs/worker-memory.ts';
export {
  ARGUMENT_COUNT_MAX, BIG_ARGUMENT_BYTES_MIN, DATABASE_COUNT, FLAT_ARGUMENT_BYTES_MAX,
  KEY_BYTES_MAX, ROPE_BYTES_MIN, SCRATCH_BYTES,
} from './limits.ts';
export { Stat, Statistics } from './keyspace/statistics.ts';

// the mesh of workers
export { MemoryBudget } from './keyspace/memory-budget.ts';
export { Lane, MeshControl, WorkerState } from './mesh/mesh-control.ts';
export { MeshOrder } from './mesh/mesh-order.ts';
export { createRing, freeRing, lowWordsOf } from './mesh/ring-memory.ts';
export type { RingMemory } from './mesh/ring-memory.ts';
export { copyBytesToWords } from './mesh/ring-copy.hot.ts';
export {
  formatRing, KIND_MAX, MESSAGE_HEADER_BYTES, messageBytesMaxOf, ringBytes,
} from './mesh/ring-layout.ts';
export { RingReader } from './mesh/ring-reader.hot.ts';
export { RingWriter } from './mesh/ring-writer.hot.ts';
export {
  INTENT_LOCK_COUNT_MAX, MESH_WORKER_COUNT_MAX, MESSAGE_BYTES_MAX, RING_DATA_BYTES,
  TRANSACTION_COUNT_MAX,
} from './limits.ts';

// strings without a sink, for the embedded engine
export {
  NOT_DIRECT, directValueAt, directValueBytes, findDirect, storeDirect,
} from './types/string/string-direct.ts';

// keys as a Redis dump has them
export { encodeEntry, entryKeyRange, loadKey, visitEntries, visitKeys } from './rdb/shard-dump.ts';
export type { DumpedKeyFacts, KeyVisitor, LoadedKey } from './rdb/shard-dump.ts';
export { RdbError } from './rdb/rdb-error.ts';

// snapshots of a shard that goes on working
export { ChunkCounts } from './snapshot/chunk-counts.ts';
export { ShardSnapshot } from './snapshot/shard-snapshot.ts';
export { replayPlainSet } from './types/string/replay-string.hot.ts';
export { SnapshotLoader } from './snapshot/snapshot-loader.ts';
export type { KeyFilter } from './snapshot/snapshot-loader.ts';
export type { SnapshotSink } from './snapshot/snapshot-format.ts';
export { SNAPSHOT_CHUNK_BYTES } from './limits.ts';

// the journal as bytes
export { EFFECT_VERSION, EffectOp } from './keyspace/effect.ts';
export type { Effect } from './keyspace/effect.ts';
export {
  encodeEffect, recordEventsOf, recordKindOf, replayEffect,
} from './keyspace/effect-codec.ts';
export type { EffectWriter, RecordWriter } from './keyspace/effect-writer.ts';
export { stringRecords } from './types/string/string-records.ts';
export type { StringRecords } from './types/string/string-records.ts';
