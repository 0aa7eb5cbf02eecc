/**
 * The public door of @kora/core: the engine without sockets, threads or files. Named exports only,
 * grouped by room; what is not here is internal.
 */
// composition
export { composeShard } from './shard/compose.ts';
export type { ComposedShard, ComposeOptions } from './shard/compose.ts';
export { Executor, Outcome } from './shard/executor.ts';
export { Shard } from './shard/shard.ts';

// commands
export { categoriesOfCommand } from './command/acl-categories.ts';
export { ArgFrame } from './command/arg-frame.hot.ts';
export {
  argumentText, argumentTexts, bindArgumentTexts, writeLatin1,
} from './command/argument-text.ts';
export { ClientFlag, ClientState } from './command/client-state.ts';
export { KORA_VERSION, REDIS_VERSION } from './command/engine-context.ts';
export type { EngineContext } from './command/engine-context.ts';
export { arg, isWord } from './command/grammar.ts';
export type { Leaf } from './command/grammar.ts';
export { flagNames } from './command/info.ts';
export { keysAt, keysCounted } from './command/key-spec.ts';
export { CommandRegistry } from './command/registry.ts';
export { oneReplyOf, reply } from './command/reply-schema.ts';
export type { ReplySchema, ReplyShape } from './command/reply-schema.ts';
export { writeBulks, writeRopeBytes } from './command/sink.ts';
export type { ReplySink } from './command/sink.ts';
export { defineCommand, Flag } from './command/spec.ts';
export type { Command, CommandDefinition } from './command/spec.ts';
export { defineContainer, defineHelp } from './command/container.ts';

// settings and INFO
export { InfoRegistry } from './admin/info-registry.ts';
export { humanBytes } from './admin/memory-figures.ts';
export type { InfoReader } from './admin/info-registry.ts';
export { Settings } from './settings/settings.ts';
export type { Setting, SettingValue } from './settings/setting.ts';
export { outputLimitTable } from './settings/special-settings.ts';
export type { OutputLimit } from './settings/special-settings.ts';

// errors
export { AssertionError, assert, unreachable } from './assert.ts';
export { Fault } from './errors/fault.ts';
export type { FaultCode } from './errors/fault.ts';
export {
  echoText, ReplyError, replyErrors, unknownCommand, unknownSubcommand, wrongArity,
} from './errors/reply-error.ts';

// platform, memory, limits
export { SeededChance, VirtualClock } from './platform/platform.ts';
export type { Chance, Clock, Platform, Scheduler } from './platform/platform.ts';
export { MemoryPool } from './structs/memory-pool.ts';
export type { MemoryAdvisor } from './structs/memory-advisor.ts';
export type { Allocator } from './structs/allocator.hot.ts';
export { randomHex40 } from './platform/random-hex.ts';
export { ROPE_PIECE_BYTES, Ropes } from './structs/rope.ts';
export { WorkerMemory } from './structs/worker-memory.ts';
export type { WorkerMemoryOptions } from './structs/worker-memory.ts';
export {
  ARGUMENT_COUNT_MAX, BIG_ARGUMENT_BYTES_MIN, DATABASE_COUNT, KEY_BYTES_MAX, ROPE_BYTES_MIN,
  SCRATCH_BYTES,
} from './limits.ts';
export { Stat, Statistics } from './keyspace/statistics.ts';

// strings without a sink, for the embedded engine
export {
  NOT_DIRECT, directValueAt, directValueBytes, findDirect, storeDirect,
} from './types/string/string-direct.ts';

// the journal as bytes
export { EFFECT_VERSION, encodeEffect, replayEffect } from './keyspace/effect-codec.ts';
export type { EffectWriter } from './keyspace/effect-writer.ts';
