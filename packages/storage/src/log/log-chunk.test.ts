/**
 * Where chunks go: each that a log was given is filled, kept for the next burst or given back, and
 * none twice, also when much more waits for the disk than is kept; those of a worker's memory come
 * from its allocator and return there.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { CommandDriver } from '@kora/core/testing';
import { DirectDisk } from '../disk/direct-disk.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import { LOG_CHUNK_BYTES, LOG_SPARE_CHUNK_COUNT_MAX } from '../limits.ts';
import { lowChunks } from './effect-log.ts';
import { allocateChunk } from './log-chunk.ts';
import type { ChunkMemory } from './log-chunk.ts';
import { ShardLog } from './shard-log.ts';

const START_MS = 1_700_000_000_000;
/** More than are kept, and than are given back at once. */
const BURST_CHUNKS = LOG_SPARE_CHUNK_COUNT_MAX + 20;

class Rig {
  readonly #disk: DirectDisk;
  readonly log: ShardLog;

  constructor(allocate: () => ChunkMemory) {
    const files = new SimulatedFiles(new SeededChance(1));
    files.makeDirectory('data');
    this.#disk = new DirectDisk(files);
    this.log = new ShardLog({
      directory: 'data', logSet: 1, shard: 0, shardCount: 1, disk: this.#disk, allocate,
      policy: 'every_second', tokenBase: 0, tag: 1, nextSequence: 1, nextSegment: 1,
    });
  }

  /** Appends so much that waits, and waits until it is durable. */
  burst(): void {
    const record = new Uint8Array(LOG_CHUNK_BYTES / 2);
    for (let i = 0; i < 2 * BURST_CHUNKS; i++) this.log.append(record, 0, record.length, START_MS);
    for (let turn = 0; this.log.durableSequence < this.log.frames.nextSequence - 1; turn++) {
      if (turn > 1000) throw new Error('the log does not become durable');
      this.log.pump(START_MS + turn * 100);
      this.#disk.drain((token, result) => this.log.complete(token, result));
    }
  }
}

describe('chunks of a log', () => {
  it('are filled, kept or given back', () => {
    const live = new Set<ChunkMemory>();
    let most = 0;
    const rig = new Rig(() => {
      const memory: ChunkMemory = {
        ...allocateChunk(),
        release: () => { expect(live.delete(memory)).toBe(true); },
      };
      live.add(memory);
      most = Math.max(most, live.size);
      return memory;
    });
    for (let round = 0; round < 3; round++) {
      rig.burst();
      expect(live.size, `round ${round}`).toBe(LOG_SPARE_CHUNK_COUNT_MAX + 1);
    }
    expect(most).toBeGreaterThan(BURST_CHUNKS);
    expect(most).toBeLessThan(BURST_CHUNKS + 3);
  });
  it('return to the memory of the worker', () => {
    const { memory } = new CommandDriver();
    const before = memory.lowAllocator.usedBytes();
    const rig = new Rig(lowChunks(memory));
    for (let round = 0; round < 3; round++) {
      rig.burst();
      const kept = (LOG_SPARE_CHUNK_COUNT_MAX + 1) * LOG_CHUNK_BYTES;
      expect(memory.lowAllocator.usedBytes() - before, `round ${round}`).toBe(kept);
    }
  });
});
