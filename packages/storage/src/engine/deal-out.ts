/**
 * Deals the keys of a directory out to another number of shards. One old shard after the other is
 * loaded into a memory of its own, and every key of it becomes one record, that of its whole value,
 * in the log of the new shard its slot belongs to. When all new logs are durable and closed, a
 * manifest names them alone, and what the old ones had is removed.
 * Cost: that of loading, and of writing all keys once; memory: one old shard.
 */
import {
  composeShard, DATABASE_COUNT, encodeEntry, entryKeyRange, Fault, MemoryPool, SeededChance,
  slotOfKey, slotOwners, visitEntries,
} from '@kora/core';
import type { ComposedShard, EffectWriter, Platform, Shard, WorkerMemory } from '@kora/core';
import { DirectDisk } from '../disk/direct-disk.ts';
import type { Files } from '../disk/files.ts';
import { DiskFault } from '../errors.ts';
import type { FrameWriter } from '../log/frame-writer.hot.ts';
import { ShardLog } from '../log/shard-log.ts';
import type { RecoveredStore } from '../store/recovery.ts';
import { putManifest } from '../store/recovery.ts';
import { removeSuperfluous } from '../store/snapshot-commit.ts';
import { ShardLoad } from './shard-load.ts';

/** Records between two looks at how much a log has to write. */
const RECORDS_PER_PUMP = 256;
/** Rounds that the end of a log may take. */
const ROUNDS_MAX = 1000;
const STAGING_BYTES = 16_384;

/** A platform for shards that only load. */
function loadingPlatform(nowMs: number): Platform {
  return {
    clock: { nowMs: () => nowMs, monotonicUs: () => performance.now() * 1000 },
    chance: new SeededChance(nowMs | 0),
    scheduler: { requestTurn: () => undefined },
  };
}

/** Writes whole keys to one of the new logs. */
class KeyLog implements EffectWriter {
  readonly #log: ShardLog;
  readonly #disk: DirectDisk;
  readonly #frames: FrameWriter;
  readonly #nowMs: number;
  #memory: WorkerMemory | undefined;
  #stagingAt = 0;
  #records = 0;

  constructor(log: ShardLog, disk: DirectDisk, nowMs: number) {
    this.#log = log;
    this.#disk = disk;
    this.#frames = log.frames;
    this.#nowMs = nowMs;
  }

  /** Keys come from this memory from here on. */
  from(memory: WorkerMemory, stagingAt: number): void {
    this.#memory = memory;
    this.#stagingAt = stagingAt;
  }

  add(shard: Shard, db: number, ref: number): void {
    this.#frames.beginRecord(this.#nowMs);
    encodeEntry(shard, db, ref, this);
    this.#frames.endRecord();
    this.#records++;
    if (this.#records % RECORDS_PER_PUMP === 0) this.#turn();
  }

  #turn(): void {
    this.#log.pump(this.#nowMs);
    this.#disk.drain((token, result) => this.#log.complete(token, result));
    const { failure } = this.#log;
    if (failure !== undefined) throw new DiskFault(failure.operation, failure.path, failure.errno);
  }

  /** Everything is durable when it returns. @throws {DiskFault} */
  close(): void {
    this.#turn();
    this.#log.close();
    for (let round = 0; round < ROUNDS_MAX && !this.#log.isClosed; round++) this.#turn();
    if (!this.#log.isClosed) throw new Fault('ENGINE_FAILED', `${this.#log.path} does not end`);
  }

  u8(value: number): void {
    this.#frames.u8(value);
  }
  u32(value: number): void {
    this.#frames.u32(value);
  }
  bytes(at: number, bytes: number): void {
    const memory = this.#memory;
    if (memory === undefined) return;
    for (let done = 0; done < bytes; done += STAGING_BYTES) {
      const step = Math.min(STAGING_BYTES, bytes - done);
      memory.kernel.copy(this.#stagingAt, at + done, step);
      this.#frames.bytes(memory.low, this.#stagingAt, step);
    }
  }
}

/**
 * Deals out what the first log set of a store has, to the logs of the last one.
 * @param pool where memories come from and go to
 * @returns how many keys there were
 * @throws {CorruptFileFault} {DiskFault}; {Fault} `OUT_OF_MEMORY`, `CORRUPT_JOURNAL`
 */
export function dealOut(
  files: Files, store: RecoveredStore, nowMs: number, pool = new MemoryPool(),
): number {
  const { directory, next, manifest } = store;
  const owners = slotOwners(next.length);
  const disks = next.map(() => new DirectDisk(files));
  const logs = next.map((each, shard) => {
    const disk = disks[shard] ?? new DirectDisk(files);
    const log = new ShardLog({
      ...each, directory, shardCount: next.length, disk, policy: 'os_managed', tokenBase: 0,
      tag: (nowMs + shard) | 0,
    });
    return new KeyLog(log, disk, nowMs);
  });
  let count = 0;
  for (const [shard, log] of (store.logs[0] ?? []).entries()) {
    const composed = composeLoaded(nowMs, pool);
    const data = { directory, part: manifest.parts[shard], log };
    const load = new ShardLoad(files, composed.shard, data);
    try {
      load.step(Infinity);
    } finally {
      load.close();
    }
    count += dealOutShard(composed, logs, owners);
    pool.give(composed.memory);
  }
  for (const log of logs) log.close();
  const last = manifest.logSets.at(-1);
  if (last === undefined) throw new Fault('ENGINE_FAILED', 'a manifest has a log set');
  const cuts = next.map(() => 0);
  const counted = {
    number: manifest.number + 1, createdMs: nowMs, parts: [], logSets: [{ ...last, cuts }],
  };
  putManifest(files, directory, counted);
  removeSuperfluous(files, directory, counted, 1);
  return count;
}

function composeLoaded(nowMs: number, pool: MemoryPool): ComposedShard {
  const memory = pool.take(MEMORY_BYTES);
  try {
    return composeShard({
      platform: loadingPlatform(nowMs),
      memoryOptions: {
        bytesMax: MEMORY_BYTES, ...(memory === undefined ? {} : { memory }),
      },
    });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new Fault('OUT_OF_MEMORY', 'the system has no room to deal keys out', { cause });
  }
}

/** Address space of a shard that is dealt out. */
const MEMORY_BYTES = 4 * 1024 * 1024 * 1024;

function dealOutShard(
  { shard, memory }: ComposedShard, logs: readonly KeyLog[], owners: Uint8Array,
): number {
  const block = memory.lowAllocator.alloc(STAGING_BYTES);
  if (block === 0) throw new Fault('OUT_OF_MEMORY', 'no memory is left to deal keys out');
  for (const log of logs) log.from(memory, block * 8);
  let count = 0;
  for (let db = 0; db < DATABASE_COUNT; db++) {
    visitEntries(shard, db, (ref) => {
      const { at, bytes } = entryKeyRange(shard, ref);
      // The slot is computed of low memory, where the key is copied to.
      memory.kernel.copy(block * 8, at, Math.min(bytes, STAGING_BYTES));
      const slot = slotOfLongKey(shard, block * 8, at, bytes);
      logs[owners[slot] ?? 0]?.add(shard, db, ref);
      count++;
    });
  }
  memory.lowAllocator.free(block);
  return count;
}

/** The slot of a key of any length; `stagingAt` has its first bytes. */
function slotOfLongKey(shard: Shard, stagingAt: number, at: number, bytes: number): number {
  const { memory } = shard;
  if (bytes <= STAGING_BYTES) return slotOfKey(memory.low, stagingAt, bytes);
  const key = new Uint8Array(bytes);
  shard.rdb.copyOut(at, bytes, key, 0);
  return slotOfKey(key, 0, bytes);
}
