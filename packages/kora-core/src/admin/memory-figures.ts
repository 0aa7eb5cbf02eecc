/**
 * The figures of a shard's memory that INFO and MEMORY STATS show, counted once in one place.
 *   used     bytes in blocks of both allocators: what maxmemory bounds
 *   active   bytes of the pages those blocks lie in
 *   mapped   bytes of the worker memory so far; the most that can be resident
 */
import { Stat } from '../keyspace/statistics.ts';
import type { Shard } from '../shard/shard.ts';
import { PAGE_BYTES } from '../structs/memory-layout.ts';

/** Bytes of index one key takes on average (dict lines, directory). */
export const INDEX_BYTES_PER_KEY = 9;

/** Sizes in bytes. */
export interface MemoryFigures {
  readonly usedBytes: number;
  readonly peakBytes: number;
  readonly startupBytes: number;
  readonly activeBytes: number;
  readonly mappedBytes: number;
  /** Buffers of connections and scratch space. */
  readonly bufferBytes: number;
  readonly indexBytes: number;
  /** Everything but keys and values. */
  readonly overheadBytes: number;
  readonly datasetBytes: number;
  readonly keyCount: number;
  /** Of the arena's allocator and of that of the buffers. */
  readonly arenaUsedBytes: number;
  readonly arenaHeldBytes: number;
  readonly lowHeldBytes: number;
}

/** The figures of several shards together. The peak is at most this. */
export function sumMemory(all: readonly MemoryFigures[]): MemoryFigures {
  const sum = (of: (one: MemoryFigures) => number): number =>
    all.reduce((total, one) => total + of(one), 0);
  return {
    usedBytes: sum((one) => one.usedBytes),
    peakBytes: sum((one) => one.peakBytes),
    startupBytes: sum((one) => one.startupBytes),
    activeBytes: sum((one) => one.activeBytes),
    mappedBytes: sum((one) => one.mappedBytes),
    bufferBytes: sum((one) => one.bufferBytes),
    indexBytes: sum((one) => one.indexBytes),
    overheadBytes: sum((one) => one.overheadBytes),
    datasetBytes: sum((one) => one.datasetBytes),
    keyCount: sum((one) => one.keyCount),
    arenaUsedBytes: sum((one) => one.arenaUsedBytes),
    arenaHeldBytes: sum((one) => one.arenaHeldBytes),
    lowHeldBytes: sum((one) => one.lowHeldBytes),
  };
}

/** The figures now. Cost: O(databases). */
export function memoryFigures(shard: Shard): MemoryFigures {
  const { arenaAllocator, lowAllocator, pages } = shard.memory;
  const arenaBytes = arenaAllocator.usedBytes();
  const bufferBytes = lowAllocator.usedBytes();
  const arenaHeldBytes = arenaAllocator.heldBytes();
  const lowHeldBytes = lowAllocator.heldBytes();
  const usedBytes = shard.usedBytes();
  let indexBytes = 0;
  let keyCount = 0;
  for (const database of shard.keyspace.databases) {
    if (database.dict.header === 0) continue;
    indexBytes += database.dict.indexBytes();
    keyCount += database.count;
  }
  const datasetBytes = Math.max(0, arenaBytes - indexBytes);
  return {
    usedBytes,
    peakBytes: Math.max(usedBytes, shard.stats.counts[Stat.PeakUsedBytes] ?? 0),
    startupBytes: shard.engine.startUsedBytes,
    activeBytes: arenaHeldBytes + lowHeldBytes,
    mappedBytes: pages * PAGE_BYTES,
    bufferBytes,
    indexBytes,
    overheadBytes: usedBytes - datasetBytes,
    datasetBytes,
    keyCount,
    arenaUsedBytes: arenaBytes,
    arenaHeldBytes,
    lowHeldBytes,
  };
}

/** Bytes as INFO shows them to people: `1.21M`. */
export function humanBytes(bytes: number): string {
  const units = ['B', 'K', 'M', 'G', 'T', 'P'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes}B` : `${value.toFixed(2)}${units[unit] ?? ''}`;
}
