/**
 * The log in the small: what each policy promises and when, group commit, rotation, closing, long
 * records, and that trouble with the disk is told, waited out and loses nothing.
 */
import { describe, expect, it } from 'vitest';
import { Errno } from '../disk/errno.ts';
import { LOG_BUFFER_BYTES_MAX, LOG_CHUNK_BYTES } from '../limits.ts';
import { LogRig } from '../testing/log-rig.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe('ShardLog', () => {
  it('acknowledges what is durable with every_write', () => {
    const rig = new LogRig({ seed: 1, policy: 'every_write', isDelayed: true });
    rig.append(text('a'));
    expect(rig.log.acknowledgedSequence).toBe(0);
    rig.groupEnds.push(1);
    rig.settle(() => rig.log.durableSequence === 1);
    rig.files.crash('drop');
    expect(rig.restart()).toBe(1);
  });
  it('makes all records of a turn durable with one write', () => {
    const rig = new LogRig({ seed: 2, policy: 'every_write' });
    rig.settle(() => rig.log.path !== '' && rig.drain() === 0);
    const before = rig.files.operationCount;
    for (let i = 0; i < 100; i++) rig.append(text(`record ${i}`));
    rig.turn(0);
    rig.turn(0);
    expect(rig.log.durableSequence).toBe(100);
    // A durable write counts as a write and its sync.
    expect(rig.files.operationCount - before).toBe(2);
  });
  it('begins segments as long as it was asked for last, and never shorter than the least', () => {
    const rig = new LogRig({ seed: 4, policy: 'every_write' });
    const pathsOf = (bytes: number): number => {
      rig.log.setSegmentBytes(bytes);
      const paths = new Set<string>();
      for (let i = 0; i < 40; i++) {
        rig.append(rig.randomRecord(10_000));
        rig.settle(() => rig.log.durableSequence === rig.records.length);
        paths.add(rig.log.path);
      }
      return paths.size;
    };
    // 400 kB each time: in one file; at the end of that and in two more; in one for every 64 KiB.
    expect([pathsOf(0), pathsOf(300_000)]).toEqual([1, 3]);
    const few = pathsOf(65_536);
    expect(few).toBeGreaterThanOrEqual(6);
    expect(pathsOf(1)).toBe(few);
    rig.groupEnds.push(rig.records.length);
    rig.files.crash('drop');
    expect(rig.restart()).toBe(rig.records.length);
  });
  it('syncs once a second with every_second', () => {
    const rig = new LogRig({ seed: 3, policy: 'every_second' });
    rig.turn(0);
    rig.append(text('first'));
    expect(rig.log.acknowledgedSequence).toBe(1);
    rig.settle(() => rig.log.durableSequence === 1);
    rig.append(text('second'));
    for (let i = 0; i < 8; i++) rig.turn(100);
    expect([rig.log.writtenSequence, rig.log.durableSequence]).toEqual([2, 1]);
    for (let i = 0; i < 4; i++) rig.turn(100);
    expect(rig.log.durableSequence).toBe(2);
  });
  it('loses a second and a sync at most with every_second', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const rig = new LogRig({ seed, policy: 'every_second', segmentBytes: 30_000 });
      const appendedAtMs: number[] = [];
      rig.turn(0);
      const turns = 1 + rig.below(200);
      for (let turn = 0; turn < turns; turn++) {
        if (rig.below(3) !== 0) {
          rig.append(rig.randomRecord(rig.below(2000)));
          rig.groupEnds.push(rig.records.length);
          appendedAtMs.push(rig.nowMs);
        }
        // Operations complete in the turn that begins them, or the next: a sync takes no time.
        rig.turn(rig.below(100));
        rig.turn(0);
      }
      rig.acknowledged = 0;
      rig.files.crash('drop');
      const kept = rig.restart();
      const lostAtMs = appendedAtMs[kept] ?? rig.nowMs;
      expect(rig.nowMs - lostAtMs, `seed ${seed}`).toBeLessThanOrEqual(1000 + 100);
    }
  });
  it('leaves syncing to the system with os_managed', () => {
    const rig = new LogRig({ seed: 4, policy: 'os_managed' });
    rig.append(text('first'));
    for (let i = 0; i < 50; i++) rig.turn(1000);
    expect([rig.log.writtenSequence, rig.log.durableSequence]).toEqual([1, 0]);
    expect(rig.log.bufferedBytes).toBeLessThan(LOG_CHUNK_BYTES);
    rig.files.kill();
    rig.groupEnds.push(1);
    expect(rig.restart()).toBe(1);
  });
  it('keeps its promises when the policy changes', () => {
    const rig = new LogRig({ seed: 5, policy: 'os_managed', isDelayed: true });
    rig.append(text('first'));
    rig.settle(() => rig.log.writtenSequence === 1);
    rig.log.setPolicy('every_write');
    expect(rig.log.acknowledgedSequence).toBe(0);
    rig.append(text('second'));
    rig.settle(() => rig.log.acknowledgedSequence === 2);
    rig.groupEnds.push(1, 2);
    rig.files.crash('drop');
    expect(rig.restart()).toBe(2);
  });
  it('writes records that fill many chunks, in the middle of others', () => {
    const rig = new LogRig({ seed: 6, policy: 'every_write', segmentBytes: 300_000 });
    for (const bytes of [0, 5, 3 * LOG_CHUNK_BYTES, 1, LOG_CHUNK_BYTES - 64, LOG_CHUNK_BYTES, 9]) {
      rig.append(rig.randomRecord(bytes));
      rig.groupEnds.push(rig.records.length);
    }
    rig.settle(() => rig.log.durableSequence === 7);
    rig.files.crash('drop');
    expect(rig.restart()).toBe(7);
  });
  it('begins a new segment when one is full', () => {
    const rig = new LogRig({ seed: 7, policy: 'every_second', segmentBytes: 4096 });
    for (let i = 0; i < 40; i++) {
      rig.append(rig.randomRecord(LOG_CHUNK_BYTES / 4));
      rig.groupEnds.push(rig.records.length);
      rig.turn(100);
    }
    rig.settle(() => rig.log.durableSequence === 40);
    expect(rig.files.list('data').length).toBeGreaterThan(5);
    rig.files.crash('drop');
    expect(rig.restart()).toBe(40);
  });
  it('marks a log that was closed, and reads on after it', () => {
    const rig = new LogRig({ seed: 8, policy: 'os_managed', isDelayed: true });
    rig.append(text('last words'));
    rig.groupEnds.push(1);
    rig.log.close();
    rig.settle(() => rig.log.isClosed);
    rig.files.crash('drop');
    expect(rig.recover().scan.isClosed).toBe(true);
    expect(rig.restart()).toBe(1);
    rig.append(text('again'));
    rig.groupEnds.push(2);
    rig.log.close();
    rig.settle(() => rig.log.isClosed);
    expect(rig.restart()).toBe(2);
  });
});

describe('ShardLog in trouble', () => {
  it('says why it takes no writes, and goes on when the disk has room again', () => {
    const rig = new LogRig({ seed: 9, policy: 'every_write' });
    rig.append(text('before'));
    rig.settle(() => rig.log.durableSequence === 1);
    rig.files.capacityBytes = 0;
    rig.append(text('into a full disk'));
    for (let i = 0; i < 30; i++) rig.turn(100);
    expect(rig.log.failure).toMatchObject({ operation: 'write', errno: Errno.NoSpace });
    expect(rig.log.acknowledgedSequence).toBe(1);
    rig.files.capacityBytes = Infinity;
    rig.settle(() => rig.log.failure === undefined);
    expect(rig.log.acknowledgedSequence).toBe(2);
    rig.groupEnds.push(1, 2);
    rig.files.crash('drop');
    expect(rig.restart()).toBe(2);
  });
  it('writes again what a failed sync may have lost', () => {
    const rig = new LogRig({ seed: 10, policy: 'every_second' });
    rig.turn(0);
    rig.files.refuse = (operation) => (operation === 'sync' ? Errno.InputOutput : 0);
    rig.append(text('stranded'));
    for (let i = 0; i < 30; i++) rig.turn(100);
    expect(rig.log.failure).toMatchObject({ operation: 'sync', errno: Errno.InputOutput });
    rig.files.refuse = () => 0;
    rig.settle(() => rig.log.durableSequence === 1);
    expect(rig.log.failure).toBeUndefined();
    rig.groupEnds.push(1);
    rig.files.crash('drop');
    expect(rig.restart()).toBe(1);
  });
  it('asks writers to wait when its buffer is full, and is empty again later', () => {
    const rig = new LogRig({ seed: 11, policy: 'every_second' });
    rig.turn(0);
    rig.files.capacityBytes = 0;
    const record = new Uint8Array(LOG_CHUNK_BYTES);
    const count = Math.ceil(LOG_BUFFER_BYTES_MAX / record.length);
    for (let i = 0; i < count; i++) {
      expect(rig.log.mustWait(rig.nowMs), `record ${i}`).toBe(false);
      rig.append(record);
      rig.turn(1);
    }
    expect(rig.log.mustWait(rig.nowMs)).toBe(true);
    rig.files.capacityBytes = Infinity;
    rig.settle(() => rig.log.durableSequence === count);
    expect(rig.log.mustWait(rig.nowMs)).toBe(false);
    expect(rig.log.bufferedBytes).toBeLessThanOrEqual(LOG_CHUNK_BYTES);
  });
});
