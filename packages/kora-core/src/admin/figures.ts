/**
 * What INFO and MEMORY show, as plain numbers: of one shard, or of all shards of a process added
 * up. Every worker of several answers with its own figures, and who was asked adds them; so a
 * counter stays in the private memory of its thread, and one shard alone pays nothing.
 * Sums are exact but for two: the peak of all is the sum of the peaks, which is at least the
 * highest sum, and avg_ttl weighs the mean of each shard's sample by its keys that expire.
 * Cost: O(commands + databases) a shard, and about 1 KiB of text on the way to another.
 */
import { assert } from '../assert.ts';
import type { Database } from '../keyspace/database.ts';
import { Stat } from '../keyspace/statistics.ts';
import type { Shard } from '../shard/shard.ts';
import { CHAIN_SLOTS_MAX } from '../structs/dict-layout.ts';
import { entryExpireMs, entryHasTtl } from '../structs/entry.hot.ts';
import type { MemoryFigures } from './memory-figures.ts';
import { memoryFigures, sumMemory } from './memory-figures.ts';

/** One database that holds keys. */
export interface DatabaseFigures {
  readonly index: number;
  readonly keyCount: number;
  readonly expiringCount: number;
  /** Mean time to live of a sample of the keys that have one, ms. */
  readonly averageTtlMs: number;
  readonly indexBytes: number;
}

/** Counters of commands by their place in the registry. */
export interface CommandFigures {
  readonly calls: ArrayLike<number>;
  readonly microseconds: ArrayLike<number>;
  readonly rejected: ArrayLike<number>;
  readonly failed: ArrayLike<number>;
}

/** The figures of one shard or of several. */
export interface EngineFigures extends CommandFigures {
  readonly shardCount: number;
  /** Of the first shard: what names the process. */
  readonly runId: string;
  readonly replicationId: string;
  readonly startMs: number;
  /** Counters by place (Stat). */
  readonly counts: ArrayLike<number>;
  /** Error replies by prefix. */
  readonly errors: readonly (readonly [string, number])[];
  readonly memory: MemoryFigures;
  readonly lazyFreePending: number;
  /** Effects in the journals. */
  readonly changeCount: number;
  /** Databases that hold keys, ascending. */
  readonly databases: readonly DatabaseFigures[];
  /** Figures of the host by name (InfoRegistry.addFigures). */
  readonly hosted: Readonly<Record<string, number>>;
  /** What sections of INFO tell beside numbers (InfoRegistry.addDetail): of those asked for. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** What knows how figures of several shards become one: the registry of INFO. */
export interface FigureMerger {
  mergeOf(name: string): FigureMerge;
  mergeDetails(all: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown>;
}

/** How a host's figure of several shards becomes one. */
export type FigureMerge = 'sum' | 'largest';

/**
 * The figures of a shard now. Arrays are borrowed: they go on counting.
 * @param sections of INFO that are asked for; absent: without details
 */
export function figuresOf(shard: Shard, sections: readonly string[] | null = null): EngineFigures {
  const { engine, stats } = shard;
  shard.timer.settle();
  return {
    shardCount: 1,
    runId: engine.runId,
    replicationId: engine.replicationId,
    startMs: engine.startMs,
    counts: stats.counts,
    calls: stats.calls,
    microseconds: stats.microseconds,
    rejected: stats.rejected,
    failed: stats.failed,
    errors: [...stats.errors],
    memory: memoryFigures(shard),
    lazyFreePending: shard.lazyFree.pendingObjects,
    changeCount: shard.journal.sequence,
    databases: shard.keyspace.databases
      .filter((database) => database.count > 0)
      .map((database) => databaseFigures(shard, database)),
    hosted: engine.info.hostedFigures(shard),
    details: engine.info.detailsOf(shard, sections),
  };
}

/** What figuresText writes in place of the columns: a row for each command that was ever named. */
type CommandRow = readonly [
  index: number, calls: number, microseconds: number, rejected: number, failed: number,
];
type Columns = 'calls' | 'microseconds' | 'rejected' | 'failed';
interface SentFigures extends Omit<EngineFigures, Columns> {
  readonly commandCount: number;
  readonly commands: readonly CommandRow[];
}

/** The figures as text, for another thread of this process. */
export function figuresText(figures: EngineFigures): string {
  const { calls, microseconds, rejected, failed, ...others } = figures;
  const commands: CommandRow[] = [];
  for (let i = 0; i < calls.length; i++) {
    const row: CommandRow = [
      i, calls[i] ?? 0, microseconds[i] ?? 0, rejected[i] ?? 0, failed[i] ?? 0,
    ];
    if (row[1] !== 0 || row[3] !== 0 || row[4] !== 0) commands.push(row);
  }
  const sent: SentFigures = {
    ...others, counts: Array.from(figures.counts), commandCount: calls.length, commands,
  };
  return JSON.stringify(sent);
}

/** Reads what figuresText of another thread of this process wrote. */
export function readFigures(text: string): EngineFigures {
  // The boundary between threads: the same program wrote it.
  const { commands, commandCount, ...others } = JSON.parse(text) as SentFigures;
  const columns = {
    calls: new Float64Array(commandCount),
    microseconds: new Float64Array(commandCount),
    rejected: new Float64Array(commandCount),
    failed: new Float64Array(commandCount),
  };
  for (const [index, calls, microseconds, rejected, failed] of commands) {
    columns.calls[index] = calls;
    columns.microseconds[index] = microseconds;
    columns.rejected[index] = rejected;
    columns.failed[index] = failed;
  }
  return { ...others, ...columns };
}

/**
 * The figures of several shards as those of one.
 * @param all at least one, the process's first shard before all others
 * @param info says how a host's figure and a section's details are merged
 */
export function sumFigures(
  all: readonly EngineFigures[], info: FigureMerger,
): EngineFigures {
  const [first] = all;
  assert(first !== undefined, 'a process has a shard');
  const counts = sumColumns(all, (one) => one.counts);
  // A share of keys, not a number of them.
  counts[Stat.ExpiredStalePerc] = (counts[Stat.ExpiredStalePerc] ?? 0) / all.length;
  return {
    shardCount: all.reduce((sum, one) => sum + one.shardCount, 0),
    runId: first.runId,
    replicationId: first.replicationId,
    startMs: first.startMs,
    counts,
    calls: sumColumns(all, (one) => one.calls),
    microseconds: sumColumns(all, (one) => one.microseconds),
    rejected: sumColumns(all, (one) => one.rejected),
    failed: sumColumns(all, (one) => one.failed),
    errors: sumErrors(all),
    memory: sumMemory(all.map((one) => one.memory)),
    lazyFreePending: all.reduce((sum, one) => sum + one.lazyFreePending, 0),
    changeCount: all.reduce((sum, one) => sum + one.changeCount, 0),
    databases: sumDatabases(all.flatMap((one) => one.databases)),
    hosted: mergeHosted(all, (name) => info.mergeOf(name)),
    details: info.mergeDetails(all.map((one) => one.details)),
  };
}

function sumColumns(
  all: readonly EngineFigures[], of: (one: EngineFigures) => ArrayLike<number>,
): number[] {
  const sums: number[] = [];
  for (const one of all) {
    const column = of(one);
    for (let i = 0; i < column.length; i++) sums[i] = (sums[i] ?? 0) + (column[i] ?? 0);
  }
  return sums;
}

function sumErrors(all: readonly EngineFigures[]): [string, number][] {
  const sums = new Map<string, number>();
  for (const { errors } of all) {
    for (const [prefix, count] of errors) sums.set(prefix, (sums.get(prefix) ?? 0) + count);
  }
  return [...sums];
}

function sumDatabases(all: readonly DatabaseFigures[]): DatabaseFigures[] {
  const sums = new Map<number, DatabaseFigures>();
  for (const one of all) {
    const { index } = one;
    const sum = sums.get(index);
    if (sum === undefined) {
      sums.set(index, one);
      continue;
    }
    const expiringCount = sum.expiringCount + one.expiringCount;
    const ttlMs = sum.averageTtlMs * sum.expiringCount + one.averageTtlMs * one.expiringCount;
    sums.set(index, {
      index,
      keyCount: sum.keyCount + one.keyCount,
      expiringCount,
      averageTtlMs: expiringCount === 0 ? 0 : Math.floor(ttlMs / expiringCount),
      indexBytes: sum.indexBytes + one.indexBytes,
    });
  }
  return [...sums.values()].sort((left, right) => left.index - right.index);
}

function mergeHosted(
  all: readonly EngineFigures[], mergeOf: (name: string) => FigureMerge,
): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const { hosted } of all) {
    for (const [name, value] of Object.entries(hosted)) {
      const before = merged[name] ?? 0;
      merged[name] = mergeOf(name) === 'sum' ? before + value : Math.max(before, value);
    }
  }
  return merged;
}

function databaseFigures(shard: Shard, database: Database): DatabaseFigures {
  return {
    index: database.index,
    keyCount: database.count,
    expiringCount: database.expiringCount,
    averageTtlMs: averageTtlMs(shard, database),
    indexBytes: database.dict.indexBytes(),
  };
}

/** Lines looked at for avg_ttl, spread evenly over the dict. */
const TTL_SAMPLE_LINES = 64;

/** Mean time to live of a sample of the keys that have one, ms; 0 when none was met. */
function averageTtlMs(shard: Shard, database: Database): number {
  if (database.expiringCount === 0) return 0;
  const { i32 } = shard.memory;
  const slots = new Int32Array(CHAIN_SLOTS_MAX);
  const lines = database.dict.lines();
  const stride = Math.max(1, Math.floor(lines / TTL_SAMPLE_LINES));
  let sumMs = 0;
  let count = 0;
  for (let line = 0; line < lines; line += stride) {
    const found = database.dict.collectLine(line, slots);
    for (let i = 0; i < found; i++) {
      const ref = i32[slots[i] ?? 0] ?? 0;
      if (ref === 0 || !entryHasTtl(i32, ref)) continue;
      sumMs += Math.max(0, entryExpireMs(i32, ref) - shard.nowMs);
      count++;
    }
  }
  return count === 0 ? 0 : Math.floor(sumMs / count);
}
