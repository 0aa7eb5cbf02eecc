/**
 * Puts one engine with one shard together: memory, settings, INFO, command table, shard and
 * executor. Everything that serves data starts here: the embedded engine, the server, tests.
 * Nothing is started: the caller drives `shard.maintain` and feeds the executor, and returns the
 * memory when it closes.
 */
import { coreInfo } from '../admin/info-sections.ts';
import { InfoRegistry } from '../admin/info-registry.ts';
import type { EngineContext } from '../command/engine-context.ts';
import { CommandRegistry } from '../command/registry.ts';
import type { Command } from '../command/spec.ts';
import { MemoryBudget } from '../keyspace/memory-budget.ts';
import type { Platform } from '../platform/platform.ts';
import { randomHex40 } from '../platform/random-hex.ts';
import { bindShardSettings } from '../settings/bind-shard-settings.ts';
import type { Setting } from '../settings/setting.ts';
import { Settings } from '../settings/settings.ts';
import type { WorkerMemoryOptions } from '../structs/worker-memory.ts';
import { WorkerMemory } from '../structs/worker-memory.ts';
import type { VectorEngine } from '../types/vector-set/vector-engine.ts';
import { coreCommands, coreTypes } from './core-commands.ts';
import { Executor } from './executor.ts';
import { Shard } from './shard.ts';

/** What an engine is made of. */
export interface ComposeOptions {
  /** Clocks, chance and wake-ups. */
  readonly platform: Platform;
  /** Size and kind of the memory; a pooled one is given as `memoryOptions.memory`. */
  readonly memoryOptions?: WorkerMemoryOptions;
  /** Which of several shards of one keyspace; default: the only one. */
  readonly place?: { readonly index: number; readonly count: number };
  /** Shared with other shards; default: a new one. */
  readonly budget?: MemoryBudget;
  /** Shared with other shards (Pause); default: its own. */
  readonly pauseWords?: Float64Array;
  /** The engine's settings with the values to start with (`Settings.load`); default: defaults. */
  readonly settings?: Settings;
  /** Settings of other packages; only without `settings`. */
  readonly extraSettings?: readonly Setting[];
  /** Commands of other packages (server, types that are packages). */
  readonly extraCommands?: readonly Command[];
  /** Brings indexes and filters for vector sets; default: none, every search is a scan. */
  readonly vectorEngine?: VectorEngine;
  /** Called when a command throws; the message is for the log. */
  readonly onError?: (message: string, cause: unknown) => void;
}

/** A composed engine; all parts belong to the caller's thread. */
export interface ComposedShard {
  readonly memory: WorkerMemory;
  readonly shard: Shard;
  readonly executor: Executor;
  readonly registry: CommandRegistry;
  readonly settings: Settings;
  readonly info: InfoRegistry;
  readonly budget: MemoryBudget;
  readonly engine: EngineContext;
}

/**
 * Composes an engine of one shard. @throws RangeError when the system has no room for the memory
 */
export function composeShard(options: ComposeOptions): ComposedShard {
  const { platform } = options;
  const settings = options.settings ?? new Settings(options.extraSettings);
  const registry = new CommandRegistry();
  registry.add(coreCommands);
  registry.add(options.extraCommands ?? []);
  const info = new InfoRegistry();
  const memory = WorkerMemory.create(options.memoryOptions);
  const budget = options.budget ?? new MemoryBudget();
  const shard = new Shard({
    memory,
    platform,
    budget,
    ...options.place,
    ...(options.pauseWords === undefined ? {} : { pauseWords: options.pauseWords }),
    commandCount: registry.commands.length,
    ...(options.onError === undefined ? {} : { onError: options.onError }),
  });
  for (const [type, handler] of coreTypes) shard.registerType(type, handler);
  shard.vectors.engine = options.vectorEngine ?? null;
  settings.bind('maxmemory', ({ number }) => {
    budget.setLimit(Math.min(number, Number.MAX_SAFE_INTEGER));
  });
  bindShardSettings(settings, shard);
  const engine: EngineContext = {
    registry,
    settings,
    info,
    startMs: platform.clock.nowMs(),
    startUs: platform.clock.monotonicUs(),
    startUsedBytes: shard.usedBytes(),
    runId: randomHex40(platform.chance),
    replicationId: randomHex40(platform.chance),
    rewriteConfigFile: null,
    saving: null,
    isLocalClient: () => true,
  };
  shard.attachEngine(engine);
  coreInfo(info);
  const executor = new Executor(shard, registry);
  return { memory, shard, executor, registry, settings, info, budget, engine };
}
