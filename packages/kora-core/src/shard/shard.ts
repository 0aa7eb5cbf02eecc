/**
 * One shard: an arena, sixteen databases, a journal and the counters, owned by one thread. It holds
 * no sockets, no timers and no promises; whoever composes the engine calls `execute` through an
 * Executor and `maintain` whenever the scheduler asks or a tick passes. Time, chance and wake-ups
 * come from the platform.
 */
import { AssertionError } from '../assert.ts';
import type { Barrier } from '../command/barrier.ts';
import type { EngineContext } from '../command/engine-context.ts';
import { AccessClock } from '../keyspace/access.hot.ts';
import { Database } from '../keyspace/database.ts';
import { Effect, EffectOp, EffectReason } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import { Journal } from '../keyspace/journal.ts';
import type { KeyGuard } from '../keyspace/key-guard.ts';
import { Keyspace } from '../keyspace/keyspace.hot.ts';
import { LazyFree } from '../keyspace/lazy-free.ts';
import { Maintenance } from '../keyspace/maintenance.ts';
import type { MemoryBudget } from '../keyspace/memory-budget.ts';
import { KeyspaceNotifier } from '../keyspace/notify.ts';
import { Stat, Statistics } from '../keyspace/statistics.ts';
import type { TypeHandler } from '../keyspace/type-handler.ts';
import { VALUE_TYPE_COUNT } from '../keyspace/type-handler.ts';
import { DATABASE_COUNT, SCRATCH_BYTES } from '../limits.ts';
import type { Platform } from '../platform/platform.ts';
import { RdbWriter } from '../rdb/rdb-writer.ts';
import { ShardSettings } from '../settings/shard-settings.ts';
import { Dict } from '../structs/dict.hot.ts';
import { entryKeyAt, entryKeyBytes, entryType } from '../structs/entry.hot.ts';
import { Ropes } from '../structs/rope.ts';
import { TimingWheel } from '../structs/timing-wheel.hot.ts';
import type { WorkerMemory } from '../structs/worker-memory.ts';
import { Tracking } from '../tracking/tracking.ts';
import { Transactions } from '../transaction/transactions.ts';
import { VectorIndexes } from '../types/vector-set/vector-indexes.ts';
import { WaitTable } from '../waiting/wait-table.ts';
import { Collections } from './collections.ts';
import { CommandTimer } from './command-timer.ts';
import { Pause } from './pause.ts';
import type { Publisher } from './publisher.ts';
import type { ShardObserver } from './shard-observer.ts';

/** How a shard is made. */
export interface ShardOptions {
  readonly memory: WorkerMemory;
  readonly platform: Platform;
  /** Shared by all shards of a process. */
  readonly budget: MemoryBudget;
  readonly settings?: ShardSettings;
  /** Its number among the shards of the keyspace, and how many there are; default 0 of 1. */
  readonly index?: number;
  readonly count?: number;
  /** Of a Pause, where other shards share it; default: words of its own. */
  readonly pauseWords?: Float64Array;
  /** Commands in the registry, for the per-command counters. */
  readonly commandCount: number;
  /** Called when a command throws; the text goes to the log. */
  readonly onError?: (message: string, cause: unknown) => void;
}

export class Shard {
  /** Its number among the shards of the keyspace, from 0. */
  readonly index: number;
  /** Shards of the keyspace. */
  readonly count: number;
  readonly memory: WorkerMemory;
  readonly platform: Platform;
  readonly settings: ShardSettings;
  readonly stats: Statistics;
  readonly journal = new Journal();
  readonly effect = new Effect();
  readonly keyspace: Keyspace;
  readonly ropes: Ropes;
  readonly collections: Collections;
  /** Values in the RDB format: whoever uses it begins anew, and keeps nothing. */
  readonly rdb: RdbWriter;
  readonly pause: Pause;
  readonly lazyFree: LazyFree;
  readonly maintenance: Maintenance;
  readonly transactions: Transactions;
  /** Who waits for keys. */
  readonly waiting: WaitTable;
  readonly notifier: KeyspaceNotifier;
  /** Keys that clients have read and keep. */
  readonly tracking: Tracking;
  /** Indexes of big vector sets. */
  readonly vectors: VectorIndexes;
  readonly timer: CommandTimer;
  readonly typeHandlers: (TypeHandler | undefined)[] = new Array<TypeHandler | undefined>(
    VALUE_TYPE_COUNT,
  ).fill(undefined);
  /** Byte offset of SCRATCH_BYTES of low memory, free for use within one command. */
  readonly scratchAt: number;
  /** The frozen instant of the running command, ms. */
  nowMs: number;
  /** Who asks what commands do: bits of Attention. */
  attention = 0;
  /** Changes so far, wrapping; tells whether a command has changed something. */
  mutations = 0;
  /**
   * Number of the outermost call that runs or ran last, wrapping: EXEC is one. What a call changes
   * belongs together.
   */
  unit = 0;
  /** True while a journal is replayed: deadlines do not act, for the journal names every expiry. */
  isReplaying = false;
  /** True while EXEC runs: its commands share one instant. */
  isClockFrozen = false;
  /** Keys that expire and are evicted by commands only, null = none. */
  guard: KeyGuard | null = null;
  /** Refuses or holds commands for a while, null = nothing does: recovery, a disk that fails. */
  barrier: Barrier | null = null;
  /** Brings events to subscribers; null where nobody can subscribe. Set by whoever composes. */
  publisher: Publisher | null = null;
  /** Hears how long things take; null where nobody asks. Set by whoever composes. */
  observer: ShardObserver | null = null;
  /** Set when an invariant broke after a change: the shard refuses all work. */
  failure: Error | null = null;
  readonly #onError: (message: string, cause: unknown) => void;
  #engine: EngineContext | null = null;

  constructor(options: ShardOptions) {
    const { memory, platform } = options;
    this.index = options.index ?? 0;
    this.count = options.count ?? 1;
    this.memory = memory;
    this.platform = platform;
    this.settings = options.settings ?? new ShardSettings();
    this.stats = new Statistics(options.commandCount);
    this.pause = new Pause(options.pauseWords);
    this.#onError = options.onError ?? (() => undefined);
    this.ropes = new Ropes(memory, memory.arenaAllocator);
    this.rdb = new RdbWriter(memory);
    this.scratchAt = memory.lowAllocator.alloc(SCRATCH_BYTES) * 8;
    const seed0 = platform.chance.next32();
    const seed1 = platform.chance.next32();
    this.collections = new Collections(memory, seed0, seed1, this.scratchAt);
    const databases: Database[] = [];
    for (let i = 0; i < DATABASE_COUNT; i++) {
      const allocator = memory.arenaAllocator;
      const dict = new Dict(memory, allocator, seed0, seed1);
      databases.push(new Database(i, dict, new TimingWheel(memory, allocator)));
    }
    this.keyspace = new Keyspace(this, databases, new AccessClock(platform.chance));
    this.lazyFree = new LazyFree(this);
    this.vectors = new VectorIndexes(this);
    this.maintenance = new Maintenance(this, options.budget);
    this.transactions = new Transactions(this);
    this.timer = new CommandTimer(this);
    this.waiting = new WaitTable(this);
    this.notifier = new KeyspaceNotifier(this);
    this.tracking = new Tracking(this);
    this.nowMs = platform.clock.nowMs();
    this.keyspace.baseMs = this.nowMs - 1000;
    this.keyspace.setNow(this.nowMs);
  }

  /** The command table, settings and INFO of the engine this shard belongs to. */
  get engine(): EngineContext {
    if (this.#engine === null) throw new AssertionError('a composed shard has an engine');
    return this.#engine;
  }

  /** Called once, by whoever composes the engine. */
  attachEngine(engine: EngineContext): void {
    this.#engine = engine;
  }

  /** Reads the clock: at the start of a turn, and before commands that are not fast. */
  refreshClock(): void {
    this.timer.breakOff();
    if (this.isReplaying || this.isClockFrozen) return;
    const nowMs = this.platform.clock.nowMs();
    if (nowMs === this.nowMs) return;
    this.nowMs = nowMs;
    this.keyspace.setNow(nowMs);
  }

  /** Sets or clears a bit of Attention. */
  attend(bit: number, isAsked: boolean): void {
    this.attention = isAsked ? this.attention | bit : this.attention & ~bit;
  }

  /** Runs something under one instant, ms, whatever the clock says: a part of a transaction. */
  atInstant(nowMs: number, run: () => void): void {
    const before = this.nowMs;
    this.nowMs = nowMs;
    this.keyspace.setNow(nowMs);
    this.isClockFrozen = true;
    try {
      run();
    } finally {
      this.isClockFrozen = false;
      this.nowMs = before;
      this.keyspace.setNow(before);
    }
  }

  registerType(type: number, handler: TypeHandler): void {
    this.typeHandlers[type] = handler;
  }

  /** Handler of the entry's type. */
  handlerOf(ref: number): TypeHandler {
    const handler = this.typeHandlers[entryType(this.memory.i32, ref)];
    if (handler === undefined) throw new AssertionError('an entry has a registered type');
    return handler;
  }

  /** Frees what the entry's value owns; the entry block stays. */
  freeValue(ref: number): void {
    this.handlerOf(ref).freeValue(this, ref);
  }

  /** Earliest deadline of an element of the entry's collection in ms, -1 without one. */
  elementDeadlineMs(ref: number): number {
    return this.handlerOf(ref).elementDeadlineMs?.(this, ref) ?? -1;
  }

  /** Called by the key space before each change. */
  noteMutation(): void {
    this.mutations = (this.mutations + 1) | 0;
  }

  /**
   * The reused effect, cleared and filled with what every keyed change has. Fill the rest, then
   * `commit()`.
   * @param db number of the database
   */
  effectOf(op: number, db: number, keyAt: number, keyBytes: number, event: number): Effect {
    const { effect } = this;
    effect.op = op;
    effect.reason = EffectReason.Command;
    effect.db = db;
    effect.otherDb = 0;
    effect.event = event;
    effect.secondEvent = KeyEvent.None;
    effect.keyAt = keyAt;
    effect.keyBytes = keyBytes;
    effect.otherAt = 0;
    effect.otherBytes = 0;
    effect.otherRope = 0;
    effect.ref = 0;
    effect.offset = 0;
    effect.parts.clear();
    effect.expireLow = 0;
    effect.expireHigh = 0;
    return effect;
  }

  /** Announces the change described by `effect`: the one place where a change becomes known. */
  commit(): void {
    this.journal.commit(this.effect, this.nowMs);
  }

  /** Commits and carries out the removal of the entry found last. */
  removeLastLookup(ref: number, event: number, reason: number): void {
    const { i32 } = this.memory;
    const { keyspace } = this;
    const keyAt = entryKeyAt(i32, ref);
    const effect = this.effectOf(
      EffectOp.KeyRemove, keyspace.db.index, keyAt, entryKeyBytes(i32, ref), event,
    );
    effect.reason = reason;
    this.commit();
    keyspace.remove(ref);
  }

  /** Removes the entry found last because its time has come. */
  expireLastLookup(ref: number): void {
    this.stats.counts[Stat.ExpiredKeys] = (this.stats.counts[Stat.ExpiredKeys] ?? 0) + 1;
    this.removeLastLookup(ref, KeyEvent.Expired, EffectReason.Expired);
  }

  /** Evicts as the policy says until memory is under the limit; false when it stays above. */
  ensureMemory(): boolean {
    return this.maintenance.evictor.ensureRoom();
  }

  /**
   * Background work in bounded slices: expiry, eviction, lazy freeing, evacuation.
   * @returns true when more is waiting and the caller should come back in its next turn
   */
  maintain(): boolean {
    if (this.failure !== null) return false;
    this.refreshClock();
    const hasMore = this.maintenance.step();
    if (this.waiting.hasReady) this.waiting.serve();
    return hasMore;
  }

  /** Bytes that count towards maxmemory. */
  usedBytes(): number {
    return this.memory.usedBytes() + this.vectors.indexBytes;
  }

  /** A command threw. Before a change it is only logged; after one the shard must stop. */
  onUnexpectedError(cause: unknown, command: string, hasChanged: boolean): void {
    this.stats.counts[Stat.UnexpectedErrors] = (this.stats.counts[Stat.UnexpectedErrors] ?? 0) + 1;
    const error = cause instanceof Error ? cause : new Error(String(cause));
    this.#onError(`command '${command}' failed: ${error.stack ?? error.message}`, cause);
    if (hasChanged) this.failure = error;
  }
}
