/**
 * The anomaly matrix: a whole life of a directory (opened, written, rotated, closed, opened again)
 * with one thing wrong at every place where something can go wrong. Every operation of the disk
 * fails once, with every error that makes sense for it; the disk is full at every byte; writes are
 * done by half; the power goes. What has to follow is always the same: the error is told, the log
 * goes on when it can, and a restart has everything that was acknowledged.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { DirectDisk } from '../disk/direct-disk.ts';
import { Errno, errnoName } from '../disk/errno.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import { DiskFault } from '../errors.ts';
import { LogReplay } from '../log/log-replay.ts';
import { ShardLog } from '../log/shard-log.ts';
import type { LogFailure } from '../log/shard-log.ts';
import { LogRig } from '../testing/log-rig.ts';
import { recoverStore } from './recovery.ts';

const SEGMENT_BYTES = 1500;
const processes = { pid: 1, identityOf: () => undefined };
/** What each operation may fail with. */
const ERRORS = [
  Errno.InputOutput, Errno.NoSpace, Errno.ReadOnly, Errno.NoAccess, Errno.TooManyFiles,
  Errno.Quota, Errno.TooLarge,
];

/** Writes and rotates. @returns what failed on the way, the first time it was seen */
function live(rig: LogRig): LogFailure | undefined {
  let failure: LogFailure | undefined;
  for (let turn = 0; turn < 14; turn++) {
    rig.appendSome(300);
    rig.turn(100);
    failure ??= rig.log.failure;
  }
  // What the last turn has begun is told by the next ones.
  while (rig.drain() > 0);
  return failure ?? rig.log.failure;
}

/** Goes on until the log has ended in order. */
function close(rig: LogRig): void {
  rig.log.close();
  rig.settle(() => rig.log.isClosed);
  rig.acknowledged = rig.records.length;
}

function newRig(policy: 'every_write' | 'every_second'): LogRig {
  return new LogRig({ seed: 31, policy, segmentBytes: SEGMENT_BYTES });
}

describe.each(['every_write', 'every_second'] as const)('a life with one thing wrong, %s', (
  policy,
) => {
  const whole = newRig(policy);
  live(whole);
  const liveCount = whole.files.operationCount;
  close(whole);
  const count = whole.files.operationCount;

  it('is made of many operations', () => {
    expect(count).toBeGreaterThan(20);
    expect(whole.files.list('data').length).toBeGreaterThan(2);
  });

  it.each(ERRORS)('every operation fails once, errno %i: told, and nothing is lost', (errno) => {
    for (let n = 1; n <= count; n++) {
      const rig = newRig(policy);
      rig.files.failAt(n, errno);
      const failure = live(rig);
      const what = `${errnoName(errno)} at operation ${n}`;
      if (n <= liveCount && failure !== undefined) expect(failure.errno, what).toBe(errno);
      const promised = rig.acknowledged;
      close(rig);
      expect(rig.log.failure, what).toBeUndefined();
      rig.files.crash('drop');
      expect(rig.restart(), what).toBeGreaterThanOrEqual(promised);
    }
  });

  it('every operation fails until the power goes: what was acknowledged is there', () => {
    for (let n = 1; n <= liveCount; n++) {
      const rig = newRig(policy);
      rig.files.refuse = () => (rig.files.operationCount >= n ? Errno.InputOutput : 0);
      expect(live(rig), `operation ${n}`).toBeDefined();
      if (policy === 'every_second') rig.acknowledged = rig.log.durableSequence;
      rig.files.crash(n % 2 === 0 ? 'drop' : 'chance');
      rig.restart();
    }
  });

  it('the disk is full at every place: told, and it goes on when there is room', () => {
    const bytes = whole.files.list('data')
      .reduce((sum, name) => sum + whole.files.contentOf(`data/${name}`).length, 0);
    // With everysec the last records may wait in memory when the disk is looked at.
    const lastBytes = policy === 'every_write' ? 1200 : 1500;
    for (let capacity = 0; capacity < bytes - lastBytes; capacity += 23) {
      const rig = newRig(policy);
      rig.files.capacityBytes = capacity;
      live(rig);
      const what = `${capacity} of ${bytes} bytes`;
      expect(rig.log.failure?.errno, what).toBe(Errno.NoSpace);
      rig.files.capacityBytes = Infinity;
      close(rig);
      rig.files.crash('drop');
      expect(rig.restart(), what).toBe(rig.records.length);
    }
  });

  it('writes are done by half, as a signal does it: nobody notices', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const rig = newRig(policy);
      const chance = new SeededChance(seed);
      const write = rig.files.write.bind(rig.files);
      rig.files.write = (file, bytes, at, length, position) => {
        const isHeader = position === 0;
        const part = isHeader ? length : 1 + ((chance.next32() >>> 0) % length);
        return write(file, bytes, at, part, position);
      };
      expect(live(rig), `seed ${seed}`).toBeUndefined();
      if (policy === 'every_second') rig.acknowledged = rig.log.durableSequence;
      rig.files.crash(seed % 2 === 0 ? 'drop' : 'chance');
      rig.restart();
    }
  });
});

/** A directory of three shards with records and a transaction, closed by a loss of power. */
function written(): SimulatedFiles {
  const files = new SimulatedFiles(new SeededChance(2));
  const store = recoverStore(files, {
    directory: 'data', shardCount: 3, processes, nowMs: 1,
  });
  for (const next of store.next) {
    const disk = new DirectDisk(files);
    const log = new ShardLog({
      ...next, directory: 'data', shardCount: 3, disk, policy: 'every_write', tokenBase: 0,
      tag: 3 + next.shard, segmentBytes: 300,
    });
    for (let i = 0; i < 6; i++) {
      // The last transaction is on two shards of three: recovery has to cut it off.
      const isPart = i === 3 || (i === 5 && next.shard < 2);
      if (isPart) log.frames.beginPart(i, 7, 1);
      log.append(Uint8Array.of(next.shard, i), 0, 2, 1);
      if (isPart) log.frames.endPart();
      for (let turn = 0; turn < 6; turn++) {
        log.pump(1);
        disk.drain((token, result) => log.complete(token, result));
      }
    }
  }
  files.crash('drop');
  return files;
}

function recovered(files: SimulatedFiles, shardCount: number): string[] {
  const store = recoverStore(files, { directory: 'data', shardCount, processes, nowMs: 2 });
  const found: string[] = [];
  for (const { segments, fromSequence } of store.logs.flat()) {
    const replay = new LogReplay(files, segments, fromSequence, (record) => {
      found.push([...record].join(':'));
    });
    while (replay.step());
  }
  store.lock.release();
  return found.sort();
}

describe('a recovery with one thing wrong', () => {
  const wanted = [0, 1, 2].flatMap((shard) =>
    (shard === 2 ? [0, 1, 2, 3, 4, 5] : [0, 1, 2, 3, 4]).map((i) => `${shard}:${i}`));

  it('finds what was settled', () => {
    expect(recovered(written(), 3)).toEqual(wanted);
  });

  it.each([Errno.InputOutput, Errno.ReadOnly, Errno.NoSpace, Errno.NoAccess])(
    'every operation fails once, errno %i: told, and the next recovery finds all', (errno) => {
      for (const shardCount of [3, 2]) {
        let isOver = false;
        for (let n = 1; !isOver; n++) {
          const files = written();
          const before = files.operationCount;
          files.failAt(n, errno);
          try {
            expect(recovered(files, shardCount)).toEqual(wanted);
            isOver = files.operationCount - before < n;
          } catch (error) {
            expect(error, `operation ${n}`).toBeInstanceOf(DiskFault);
            expect((error as DiskFault).errno, `operation ${n}`).toBe(errno);
          }
          files.crash(n % 2 === 0 ? 'drop' : 'chance');
          expect(recovered(files, shardCount), `operation ${n}`).toEqual(wanted);
        }
      }
    },
  );
});
