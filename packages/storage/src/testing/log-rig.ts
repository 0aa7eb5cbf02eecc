/**
 * A log on a simulated disk with everything around it that tests need: a clock, completions, what
 * was appended and promised, and reading it all back the way recovery does.
 */
import { assert, SeededChance } from '@kora/core';
import type { Disk } from '../disk/disk.ts';
import { DirectDisk } from '../disk/direct-disk.ts';
import { DelayedDisk } from '../disk/delayed-disk.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import { cutLog } from '../log/log-cut.ts';
import { LogReplay } from '../log/log-replay.ts';
import { scanLog } from '../log/log-scan.ts';
import type { LogScan } from '../log/log-scan.ts';
import { parseSegmentName } from '../log/log-segment.ts';
import { ShardLog } from '../log/shard-log.ts';
import type { SyncPolicy } from '../log/shard-log.ts';

/** Choices of a rig. */
export interface LogRigOptions {
  readonly seed: number;
  readonly policy: SyncPolicy;
  readonly segmentBytes?: number;
  /** True: operations take their time and overtake each other. */
  readonly isDelayed?: boolean;
}

/** The log's place in tests. */
export const rigLog = { directory: 'data', logSet: 1, shard: 0, shardCount: 1 } as const;

/** A log, its disk, and what it promised. */
export class LogRig {
  readonly files: SimulatedFiles;
  readonly chance: SeededChance;
  readonly #options: LogRigOptions;
  log: ShardLog;
  disk: Disk;
  nowMs = 1_700_000_000_000;
  /** Records by sequence - 1, as they were appended. */
  records: Uint8Array[] = [];
  /** Sequences of the last records of groups: the log may only end there. */
  groupEnds: number[] = [];
  /** The greatest sequence that a client was told of. */
  acknowledged = 0;

  constructor(options: LogRigOptions) {
    this.#options = options;
    this.chance = new SeededChance(options.seed);
    this.files = new SimulatedFiles(new SeededChance(options.seed ^ 0x5a5a));
    this.files.makeDirectory('data');
    [this.disk, this.log] = this.#open(1, 1);
  }

  #open(nextSequence: number, nextSegment: number): [Disk, ShardLog] {
    const { policy, segmentBytes, isDelayed } = this.#options;
    const disk = isDelayed === true
      ? new DelayedDisk(this.files, this.chance) : new DirectDisk(this.files);
    const log = new ShardLog({
      ...rigLog, disk, policy, nextSequence, nextSegment, tokenBase: 10,
      tag: this.chance.next32() >>> 0, ...(segmentBytes === undefined ? {} : { segmentBytes }),
    });
    return [disk, log];
  }

  below(end: number): number {
    return (this.chance.next32() >>> 0) % end;
  }
  /** A record with its sequence in it and `bytes` random bytes after. */
  randomRecord(bytes: number): Uint8Array {
    const record = new Uint8Array(4 + bytes);
    new DataView(record.buffer).setUint32(0, this.log.frames.nextSequence);
    for (let i = 4; i < record.length; i++) record[i] = this.chance.next32() & 255;
    return record;
  }
  append(record: Uint8Array): number {
    const sequence = this.log.append(record, 0, record.length, this.nowMs);
    assert(sequence === this.records.length + 1, 'sequences have no gaps');
    this.records.push(record);
    return sequence;
  }
  /** A record alone, or a few that stay together. */
  appendSome(maxBytes: number): void {
    if (this.below(4) !== 0) {
      this.append(this.randomRecord(this.below(maxBytes)));
    } else {
      this.log.frames.beginGroup();
      const count = 1 + this.below(4);
      for (let i = 0; i < count; i++) this.append(this.randomRecord(this.below(maxBytes)));
      this.log.frames.endGroup();
    }
    this.groupEnds.push(this.records.length);
  }
  /** Ends a turn and takes completions; what is acknowledged now is promised. */
  turn(ms: number): void {
    this.nowMs += ms;
    this.log.pump(this.nowMs);
    this.drain();
    this.acknowledged = Math.max(this.acknowledged, this.log.acknowledgedSequence);
  }
  drain(): number {
    return this.disk.drain((token, result) => {
      assert(this.log.complete(token, result), 'every token is the log\'s');
    });
  }
  /** Goes on until `isDone`; the bound catches a log that stands still. */
  settle(isDone: () => boolean): void {
    for (let i = 0; i < 1000 && !isDone(); i++) this.turn(100);
    assert(isDone(), 'the log comes to rest');
  }

  /** Reads the log and cuts it, as recovery does. */
  recover(): { readonly scan: LogScan; readonly records: Uint8Array[] } {
    const names = this.files.list('data');
    const scan = scanLog(this.files, names, rigLog);
    const segments = cutLog(this.files, names, rigLog, scan);
    const records: Uint8Array[] = [];
    const replay = new LogReplay(this.files, segments, 1, (record, sequence) => {
      assert(sequence === records.length + 1, 'sequences of a replay have no gaps');
      records.push(record.slice());
    });
    while (replay.step());
    return { scan, records };
  }
  /** Recovers, checks every promise, and goes on with what is there. @returns records that are */
  restart(): number {
    const { scan, records } = this.recover();
    const count = records.length;
    assert(count >= this.acknowledged, `acknowledged ${this.acknowledged}, found ${count}`);
    assert(count <= this.records.length, 'nothing was read that was not written');
    assert(count === 0 || this.groupEnds.includes(count), 'groups are whole');
    records.forEach((record, index) => {
      const expected = this.records[index];
      assert(expected !== undefined && isSame(record, expected), `record ${index + 1} is itself`);
    });
    this.records = this.records.slice(0, count);
    this.groupEnds = this.groupEnds.filter((end) => end <= count);
    this.acknowledged = count;
    assert(scan.lastSequence === count, 'the scan counts what the replay gives');
    const last = this.files.list('data').at(-1);
    const number = last === undefined ? 0 : parseSegmentName(last)?.number ?? 0;
    [this.disk, this.log] = this.#open(count + 1, number + 1);
    return count;
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
