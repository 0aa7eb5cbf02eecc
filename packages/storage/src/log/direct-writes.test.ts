/**
 * Which writes of a log pass the system's cache by: whole blocks wherever a segment began and turns
 * ended, and only while all is well and nobody waits for each write; and that all records are in
 * the file whatever becomes of such writes: refused, short, failed, or cut off by a loss of power.
 */
import { SeededChance } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { resultOf } from '../disk/disk.ts';
import { Errno } from '../disk/errno.ts';
import { OpenMode } from '../disk/files.ts';
import type { FilePort } from '../disk/port-disk.ts';
import { PortDisk } from '../disk/port-disk.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import {
  DIRECT_BLOCK_BYTES, DIRECT_BYTES_MIN, LOG_CHUNK_BYTES, LOG_DIRECT_BACKLOG_BYTES_MAX,
} from '../limits.ts';
import type { ChunkMemory } from './log-chunk.ts';
import { cutLog } from './log-cut.ts';
import { LogReplay } from './log-replay.ts';
import { scanLog } from './log-scan.ts';
import { ShardLog } from './shard-log.ts';
import type { SyncPolicy } from './shard-log.ts';

const START_MS = 1_700_000_000_000;
const CHUNKS = 64;
const place = { directory: 'data', logSet: 1, shard: 0, shardCount: 1 } as const;

/** A write as the port got it. */
interface Write {
  readonly isDirect: boolean;
  readonly bytes: number;
  readonly position: number;
}

/** A log in memory that a port reaches, which does what it is asked when it is told to. */
class Rig {
  readonly files = new SimulatedFiles(new SeededChance(1));
  readonly writes: Write[] = [];
  readonly records: Uint8Array[] = [];
  readonly log: ShardLog;
  /** Result of a write instead of `bytes`; negative: it fails. */
  fault: (write: Write) => number = ({ bytes }) => bytes;
  readonly #low = new Uint8Array((CHUNKS + 1) * LOG_CHUNK_BYTES);
  readonly #free = Array.from({ length: CHUNKS }, (_, i) => (i + 1) * LOG_CHUNK_BYTES);
  readonly #asked: (() => void)[] = [];
  readonly #direct = new Set<number>();
  readonly #disk: PortDisk;
  nowMs = START_MS;

  constructor(policy: SyncPolicy, segmentBytes: number) {
    const { files } = this;
    files.makeDirectory('data');
    const open = files.open.bind(files);
    files.open = (path, mode) => {
      const file = open(path, mode);
      if (mode === OpenMode.Direct) this.#direct.add(file);
      return file;
    };
    const port: FilePort = {
      write: (token, file, at, bytes, position) => this.#asked.push(() => {
        const write = { isDirect: this.#direct.has(file), bytes, position };
        this.writes.push(write);
        const count = this.fault(write);
        const result = count < 0
          ? count : resultOf(() => files.write(file, this.#low, at, count, position));
        this.#disk.completed(token, result);
      }),
      sync: (token, file) => this.#asked.push(() => {
        this.#disk.completed(token, resultOf(() => { files.sync(file); return 0; }));
      }),
    };
    const memory = { low: this.#low, stagingAt: 0, stagingBytes: LOG_CHUNK_BYTES };
    this.#disk = new PortDisk(files, port, memory);
    this.log = new ShardLog({
      ...place, disk: this.#disk, policy, segmentBytes, tokenBase: 0, tag: 1, nextSequence: 1,
      nextSegment: 1, allocate: () => this.#allocate(),
    });
  }

  #allocate(): ChunkMemory {
    const address = this.#free.pop();
    if (address === undefined) throw new Error('the log keeps more chunks than it should');
    const bytes = this.#low.subarray(address, address + LOG_CHUNK_BYTES);
    return { bytes, address, release: () => { this.#free.push(address); } };
  }
  append(length: number): void {
    const record = new Uint8Array(length).fill(this.records.length + 1);
    this.log.append(record, 0, length, this.nowMs);
    this.records.push(record);
  }
  /** Does what the port was asked, and what follows from it, as far as `most` operations. */
  work(most = Infinity): void {
    const drain = (): void => {
      while (this.#disk.drain((token, result) => this.log.complete(token, result)) > 0);
    };
    drain();
    for (let done = 0; done < most && this.#asked.length > 0; done++) {
      this.#asked.shift()?.();
      drain();
    }
  }
  /** @param isWhole false: only full chunks are written */
  turn(isWhole: boolean, ms = 1): void {
    this.nowMs += ms;
    if (isWhole) this.log.pump(this.nowMs);
    else this.log.pumpFull(this.nowMs);
    this.work();
  }
  /** Bytes of direct writes, of all. */
  get directShare(): number {
    const sum = (writes: readonly Write[]): number =>
      writes.reduce((total, { bytes }) => total + bytes, 0);
    return sum(this.writes.filter(({ isDirect }) => isDirect)) / sum(this.writes);
  }
  /** What recovery finds; in order and as it was appended. @returns how many records */
  recovered(): number {
    const names = this.files.list('data');
    const segments = cutLog(this.files, names, place, scanLog(this.files, names, place));
    let count = 0;
    const replay = new LogReplay(this.files, segments, 1, (record, sequence) => {
      expect(sequence).toBe(count + 1);
      expect(Buffer.compare(record, this.records[count] ?? record)).toBe(0);
      count++;
    });
    while (replay.step());
    return count;
  }
  expectAllThere(): void {
    for (let i = 0; i < 20; i++) this.turn(true, 1000);
    expect(this.log.failure).toBeUndefined();
    expect(this.recovered()).toBe(this.records.length);
  }
}

const isWhole = ({ bytes, position }: Write): boolean =>
  bytes % DIRECT_BLOCK_BYTES === 0 && position % DIRECT_BLOCK_BYTES === 0;

/** Random turns of a busy log; each is followed by `between`. */
function drive(rig: Rig, seed: number, turns: number, between: () => void = () => undefined): void {
  const chance = new SeededChance(seed);
  const below = (end: number): number => (chance.next32() >>> 0) % end;
  for (let turn = 0; turn < turns; turn++) {
    for (let i = below(200); i >= 0; i--) rig.append(below(600));
    if (below(100) === 0) rig.append(3 * LOG_CHUNK_BYTES);
    if (below(150) === 0) rig.log.endSegment();
    rig.turn(below(10) === 0);
    between();
  }
}

describe('a log with every_second', () => {
  it.each([3_000_000, 64 * 1024 * 1024])(
    'passes the cache with most bytes, in whole blocks, segments of %i bytes', (segmentBytes) => {
      const rig = new Rig('every_second', segmentBytes);
      drive(rig, segmentBytes, 300);
      for (const write of rig.writes) {
        if (!write.isDirect) continue;
        expect(isWhole(write), `${write.bytes} at ${write.position}`).toBe(true);
        expect(write.bytes).toBeGreaterThanOrEqual(DIRECT_BYTES_MIN);
      }
      // The first chunk of a segment lies askew of its blocks, so short segments have less.
      expect(rig.directShare).toBeGreaterThan(segmentBytes > 1e7 ? 0.7 : 0.4);
      rig.expectAllThere();
    },
  );
  it('leaves short writes to the cache', () => {
    const rig = new Rig('every_second', 1e9);
    for (let turn = 0; turn < 300; turn++) {
      rig.append(DIRECT_BYTES_MIN >> 4);
      rig.turn(true);
    }
    expect(rig.directShare).toBe(0);
    rig.expectAllThere();
  });
  it('leaves all to the cache where the file system knows no other writes', () => {
    const rig = new Rig('every_second', 3_000_000);
    rig.fault = ({ isDirect, bytes }) => (isDirect ? -Errno.Invalid : bytes);
    drive(rig, 5, 150);
    // One in each segment.
    const segments = rig.files.list('data').length;
    expect(rig.writes.filter(({ isDirect }) => isDirect).length).toBeLessThanOrEqual(segments);
    rig.expectAllThere();
  });
  it('loses nothing when writes end early, fail, or the disk is full for a while', () => {
    const chance = new SeededChance(77);
    const below = (end: number): number => (chance.next32() >>> 0) % end;
    const rig = new Rig('every_second', 3_000_000);
    let failures = 0;
    drive(rig, 7, 400, () => {
      rig.fault = ({ bytes }) => bytes;
      if (rig.log.failure !== undefined) {
        failures++;
        rig.turn(true, 600);
      } else if (below(8) === 0) {
        rig.fault = ({ bytes }) => 1 + below(bytes);
      } else if (below(6) === 0) {
        rig.fault = () => (below(2) === 0 ? -Errno.NoSpace : -Errno.InputOutput);
      }
    });
    expect(failures).toBeGreaterThan(3);
    expect(rig.directShare).toBeGreaterThan(0.3);
    rig.fault = ({ bytes }) => bytes;
    rig.expectAllThere();
  });
  it.each(Array.from({ length: 8 }, (_, seed) => seed))(
    'keeps what was durable when the power goes between pieces, seed %i', (seed) => {
      const chance = new SeededChance(seed);
      const rig = new Rig('every_second', 3_000_000);
      drive(rig, seed, 40 + seed);
      rig.turn(true, 1000);
      for (let i = 0; i < 20; i++) rig.append(DIRECT_BYTES_MIN >> 3);
      rig.nowMs += 20;
      rig.log.pump(rig.nowMs);
      rig.work((chance.next32() >>> 0) % 4);
      const durable = rig.log.durableSequence;
      rig.files.crash('chance');
      const count = rig.recovered();
      expect(durable).toBeGreaterThan(0);
      expect(count).toBeGreaterThanOrEqual(durable);
    },
  );
  it('leaves all to the cache while the disk fails or lags', () => {
    const rig = new Rig('every_second', 1e9);
    rig.turn(true);
    for (let i = 0; i < 8; i++) rig.append(LOG_CHUNK_BYTES / 2);
    rig.fault = () => -Errno.InputOutput;
    rig.turn(false);
    expect(rig.log.failure?.errno).toBe(Errno.InputOutput);
    rig.fault = ({ bytes }) => bytes;
    rig.writes.length = 0;
    for (let i = 0; i < 10; i++) rig.turn(true, 1000);
    expect([rig.log.failure, rig.directShare]).toEqual([undefined, 0]);
    rig.writes.length = 0;
    for (let bytes = 0; bytes < 2 * LOG_DIRECT_BACKLOG_BYTES_MAX; bytes += 100_000) {
      rig.append(100_000);
    }
    rig.turn(false);
    const behind = rig.writes.slice(0, rig.writes.findIndex(({ isDirect }) => isDirect))
      .reduce((sum, { bytes }) => sum + bytes, 0);
    expect(behind).toBeGreaterThanOrEqual(LOG_DIRECT_BACKLOG_BYTES_MAX);
    expect(behind).toBeLessThan(LOG_DIRECT_BACKLOG_BYTES_MAX + 3 * LOG_CHUNK_BYTES);
    rig.expectAllThere();
  });
});

describe('a log with another policy', () => {
  it.each(['every_write', 'os_managed'] as const)('passes nothing by: %s', (policy) => {
    const rig = new Rig(policy, 1e9);
    rig.turn(true);
    for (let i = 0; i < 40; i++) {
      rig.append(100_000);
      rig.turn(false);
    }
    expect(rig.directShare).toBe(0);
    rig.expectAllThere();
  });
});
