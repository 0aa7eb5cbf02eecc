/**
 * Which writes of a log pass the system's cache by: those of full chunks, in whole blocks wherever
 * a segment began and turns ended, and only while all is well and nobody waits for each write.
 */
import { SeededChance } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { DirectDisk } from '../disk/direct-disk.ts';
import type { Disk, DiskOperation } from '../disk/disk.ts';
import { DiskOperationKind } from '../disk/disk.ts';
import { Errno } from '../disk/errno.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import { DIRECT_BLOCK_BYTES, LOG_CHUNK_BYTES, LOG_DIRECT_BACKLOG_BYTES_MAX } from '../limits.ts';
import { cutLog } from './log-cut.ts';
import { LogReplay } from './log-replay.ts';
import { scanLog } from './log-scan.ts';
import { ShardLog } from './shard-log.ts';
import type { SyncPolicy } from './shard-log.ts';

const START_MS = 1_700_000_000_000;
const place = { directory: 'data', logSet: 1, shard: 0, shardCount: 1 } as const;

/** Of a write: its offset in the file, its bytes, and whether it was direct. */
type Write = Pick<DiskOperation, 'at' | 'length' | 'position' | 'isDirect'>;

/** A log that notes its writes. */
class Rig {
  readonly files = new SimulatedFiles(new SeededChance(1));
  readonly writes: Write[] = [];
  readonly records: Uint8Array[] = [];
  readonly log: ShardLog;
  readonly #inner = new DirectDisk(this.files);
  #nowMs = START_MS;
  /** Errno of the next writes, 0 = they work. */
  errno = 0;

  constructor(policy: SyncPolicy, segmentBytes: number) {
    this.files.makeDirectory('data');
    this.files.refuse = (operation) => (operation === 'write' ? this.errno : 0);
    const disk: Disk = {
      submit: (operation, token) => {
        const { at, isDirect, kind, length, position } = operation;
        if (kind === DiskOperationKind.Write) this.writes.push({ at, isDirect, length, position });
        this.#inner.submit(operation, token);
      },
      drain: (listener) => this.#inner.drain(listener),
    };
    this.log = new ShardLog({
      ...place, disk, policy, segmentBytes, tokenBase: 0, tag: 1, nextSequence: 1, nextSegment: 1,
    });
  }

  append(length: number): void {
    const record = new Uint8Array(length).fill(this.records.length + 1);
    this.log.append(record, 0, length, this.#nowMs);
    this.records.push(record);
  }
  /** @param isWhole false: only full chunks are written */
  turn(isWhole: boolean, ms = 1): void {
    this.#nowMs += ms;
    if (isWhole) this.log.pump(this.#nowMs);
    else this.log.pumpFull(this.#nowMs);
    while (this.#inner.drain((token, result) => this.log.complete(token, result)) > 0);
  }
  get directWrites(): readonly Write[] {
    return this.writes.filter(({ isDirect }) => isDirect);
  }
  expectAllThere(): void {
    for (let i = 0; i < 20; i++) this.turn(true, 1000);
    const names = this.files.list('data');
    const segments = cutLog(this.files, names, place, scanLog(this.files, names, place));
    let count = 0;
    const replay = new LogReplay(this.files, segments, 1, (record, sequence) => {
      expect(Buffer.compare(record, this.records[sequence - 1] ?? record)).toBe(0);
      count++;
    });
    while (replay.step());
    expect(count).toBe(this.records.length);
  }
}

const isWhole = ({ at, length, position }: Write): boolean =>
  [at, length, position].every((each) => each % DIRECT_BLOCK_BYTES === 0);
const bytesOf = (writes: readonly Write[]): number =>
  writes.reduce((sum, { length }) => sum + length, 0);

describe('a log with every_second', () => {
  it.each([1_000_000, 64 * 1024 * 1024])(
    'writes full chunks directly, in whole blocks, segments of %i bytes', (segmentBytes) => {
      const chance = new SeededChance(segmentBytes);
      const below = (end: number): number => (chance.next32() >>> 0) % end;
      const rig = new Rig('every_second', segmentBytes);
      rig.turn(true);
      for (let turn = 0; turn < 600; turn++) {
        for (let i = below(60); i >= 0; i--) rig.append(below(600));
        if (below(100) === 0) rig.append(3 * LOG_CHUNK_BYTES);
        if (below(150) === 0) rig.log.endSegment();
        rig.turn(below(50) === 0);
      }
      const direct = rig.directWrites;
      // What begins a segment or goes on after a turn that was written is no whole block.
      const others = direct.filter((each) => !isWhole(each));
      for (const { at, position } of others) expect(at !== 0 || position === 64).toBe(true);
      expect(bytesOf(direct.filter(isWhole)) / bytesOf(rig.writes)).toBeGreaterThan(0.4);
      rig.expectAllThere();
    },
  );
  it('leaves to the cache what is written when a turn ends', () => {
    const rig = new Rig('every_second', 1e9);
    for (let turn = 0; turn < 300; turn++) {
      rig.append(2000);
      rig.turn(true);
    }
    const direct = rig.directWrites;
    expect(direct.length).toBeLessThan(5);
    expect(direct.filter(isWhole)).toEqual([]);
    rig.expectAllThere();
  });
  it('leaves the rest to the cache while the disk fails or lags', () => {
    const rig = new Rig('every_second', 1e9);
    rig.turn(true);
    for (let i = 0; i < 8; i++) rig.append(LOG_CHUNK_BYTES / 2);
    rig.errno = Errno.InputOutput;
    rig.turn(false);
    expect(rig.log.failure?.errno).toBe(Errno.InputOutput);
    rig.errno = 0;
    rig.writes.length = 0;
    for (let i = 0; i < 10; i++) rig.turn(true, 1000);
    expect([rig.log.failure, rig.directWrites]).toEqual([undefined, []]);
    rig.writes.length = 0;
    for (let bytes = 0; bytes < 2 * LOG_DIRECT_BACKLOG_BYTES_MAX; bytes += 100_000) {
      rig.append(100_000);
    }
    rig.turn(false);
    const lagging = rig.writes.findIndex(({ isDirect }) => isDirect);
    const behind = bytesOf(rig.writes.slice(0, lagging));
    expect(behind).toBeGreaterThanOrEqual(LOG_DIRECT_BACKLOG_BYTES_MAX);
    expect(behind).toBeLessThan(LOG_DIRECT_BACKLOG_BYTES_MAX + 3 * LOG_CHUNK_BYTES);
    expect(rig.writes.slice(lagging).every(({ isDirect }) => isDirect)).toBe(true);
    rig.expectAllThere();
  });
});

describe('a log with another policy', () => {
  it.each(['every_write', 'os_managed'] as const)('writes nothing directly: %s', (policy) => {
    const rig = new Rig(policy, 1e9);
    rig.turn(true);
    for (let i = 0; i < 40; i++) {
      rig.append(100_000);
      rig.turn(false);
    }
    expect(rig.directWrites).toEqual([]);
    rig.expectAllThere();
  });
});
