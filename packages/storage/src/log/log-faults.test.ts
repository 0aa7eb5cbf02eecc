/**
 * W-09 of the list of faults that this engine must not have, each as the smallest case: a log that
 * reaches the disk only when its buffer is full, that forgets what it had before a rotation, that
 * hides what follows a torn end, that repeats what a snapshot holds, that keeps errors to itself,
 * and that acknowledges before the disk has anything.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { CommandDriver } from '@kora/core/testing';
import { DirectDisk } from '../disk/direct-disk.ts';
import { Errno } from '../disk/errno.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import { ShardLoad } from '../engine/shard-load.ts';
import { ShardPart, ShardPartLoad } from '../snapshot/shard-part.ts';
import { PartLoad } from '../store/load-part.ts';
import { recoverStore } from '../store/recovery.ts';
import { commitSnapshot } from '../store/snapshot-commit.ts';
import { LogRig } from '../testing/log-rig.ts';
import { EffectLog } from './effect-log.ts';
import { ShardLog } from './shard-log.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const nowMs = 1_700_000_000_000;

/** Appends so many records, a turn each; the log may end behind each of them. */
function append(rig: LogRig, count: number, msPerTurn: number): void {
  for (let i = 0; i < count; i++) {
    rig.append(text(`record ${i}`));
    rig.groupEnds.push(rig.records.length);
    rig.turn(msPerTurn);
  }
}

describe('W-09: the log', () => {
  it('everysec: a few records are durable within a second and a sync, by the clock alone', () => {
    const rig = new LogRig({ seed: 1, policy: 'every_second' });
    append(rig, 10, 1);
    for (let turn = 0; turn < 12; turn++) rig.turn(100);
    rig.files.crash('drop');
    expect(rig.restart()).toBe(10);
  });

  it('a rotation forgets nothing: 50 records in segments of a few are 50', () => {
    const rig = new LogRig({ seed: 2, policy: 'every_second', segmentBytes: 200 });
    append(rig, 50, 100);
    rig.settle(() => rig.log.durableSequence === 50);
    expect(rig.files.list('data').length).toBeGreaterThan(10);
    rig.files.crash('drop');
    expect(rig.restart()).toBe(50);
  });

  it('a torn end is cut off: what is appended behind it is found the next time', () => {
    const rig = new LogRig({ seed: 3, policy: 'every_write' });
    append(rig, 5, 1);
    rig.settle(() => rig.log.durableSequence === 5);
    const [name = ''] = rig.files.list('data');
    const bytes = rig.files.contentOf(`data/${name}`);
    rig.files.kill();
    rig.files.place(`data/${name}`, bytes.slice(0, bytes.length - 7));
    rig.acknowledged = 4;
    expect(rig.restart()).toBe(4);
    append(rig, 3, 1);
    rig.settle(() => rig.log.durableSequence === 7);
    rig.files.crash('drop');
    expect(rig.restart()).toBe(7);
  });

  it('an error of the disk is told at once, and what it concerned is not acknowledged', () => {
    const rig = new LogRig({ seed: 4, policy: 'every_write' });
    append(rig, 2, 1);
    rig.settle(() => rig.log.acknowledgedSequence === 2);
    rig.files.refuse = (operation) => (operation === 'write' ? Errno.InputOutput : 0);
    append(rig, 1, 1);
    rig.turn(1);
    expect(rig.log.failure).toMatchObject({ operation: 'write', errno: Errno.InputOutput });
    expect(rig.log.acknowledgedSequence).toBe(2);
  });

  it('every_write: nothing is acknowledged that a loss of power takes, after any operation', () => {
    for (let n = 1; n <= 40; n++) {
      const rig = new LogRig({ seed: 5, policy: 'every_write', segmentBytes: 300 });
      rig.files.refuse = () => (rig.files.operationCount >= n ? Errno.InputOutput : 0);
      append(rig, 12, 1);
      rig.files.crash('drop');
      // The rig holds what is found against what was acknowledged.
      rig.restart();
    }
  });

  it('what a snapshot holds is not done again: a list has each element once', () => {
    const files = new SimulatedFiles(new SeededChance(6));
    const disk = new DirectDisk(files);
    const processes = { pid: 1, identityOf: () => undefined };
    const options = { directory: 'data', shardCount: 1, processes, nowMs };
    const store = recoverStore(files, options);
    const driver = new CommandDriver({ startMs: nowMs });
    const log = new ShardLog({
      ...store.next[0]!, directory: 'data', shardCount: 1, disk, policy: 'every_write',
      tokenBase: 0, tag: 9,
    });
    const effects = new EffectLog(driver.shard, log);
    const turn = (take: (token: number, result: number) => boolean): void => {
      effects.endGroup();
      log.pump(nowMs);
      disk.drain((token, result) => log.complete(token, result) || take(token, result));
    };
    driver.reply('RPUSH', 'list', 'a', 'b', 'c');
    const part = ShardPart.begin(driver.shard, {
      disk, directory: 'data', token: 5, snapshot: 2, shard: 0, shardCount: 1, createdMs: nowMs,
      tag: 7,
    })!;
    driver.reply('RPUSH', 'list', 'd');
    for (let i = 0; i < 100 && part.state !== 'done'; i++) {
      part.step();
      turn((token, result) => part.complete(token, result));
    }
    driver.reply('RPUSH', 'list', 'e');
    for (let i = 0; i < 10; i++) turn(() => false);
    commitSnapshot(files, 'data', store.manifest, {
      parts: [part.facts], cuts: [part.cutSequence], createdMs: nowMs,
    });
    files.crash('drop');
    const found = recoverStore(files, options);
    const fresh = new CommandDriver({ startMs: nowMs });
    const partLoad = new ShardPartLoad(fresh.shard);
    const load = new PartLoad(files, 'data', found.manifest.parts[0]!, partLoad.listener);
    while (load.step());
    partLoad.finish();
    const rest = new ShardLoad(files, fresh.shard, {
      directory: 'data', part: undefined, log: found.logs[0]![0]!,
    });
    rest.step(Infinity);
    expect(fresh.run('LRANGE', 'list', '0', '-1')).toBe('*[$"a" $"b" $"c" $"d" $"e"]');
  });
});
