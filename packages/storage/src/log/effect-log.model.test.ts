/**
 * The engine's own changes through the log: random commands of every type on a shard, the power
 * goes at some operation, and what recovery replays into a fresh shard is the data as it was after
 * some command, with everything that was acknowledged. With chunks in the worker's memory and in
 * the runtime's.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import {
  CommandDriver, contentsOf, EVERY_TYPE, RandomTypeCommands, replayEffect,
} from '@kora/core/testing';
import type { ShardContents } from '@kora/core/testing';
import { DelayedDisk } from '../disk/delayed-disk.ts';
import { DirectDisk } from '../disk/direct-disk.ts';
import { SimulatedCrash, SimulatedFiles } from '../disk/simulated-files.ts';
import { recoverStore } from '../store/recovery.ts';
import { EffectLog, lowChunks } from './effect-log.ts';
import { LogReplay } from './log-replay.ts';
import { scanLog } from './log-scan.ts';
import { segmentName } from './log-segment.ts';
import { ShardLog } from './shard-log.ts';

const START_MS = 1_700_000_000_000;
const processes = { pid: 1, identityOf: () => undefined };

interface Moment {
  readonly sequence: number;
  readonly nowMs: number;
  readonly contents: string;
}

function textOf(contents: ShardContents): string {
  const sorted = [...contents].sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(sorted.map(([key, { type, value, deadlineMs }]) =>
    [key, type, value, String(deadlineMs)]));
}

/** A shard that logs, until the power goes. @returns the data after each command */
function runUntilCrash(
  files: SimulatedFiles, seed: number,
): { moments: Moment[]; acknowledged: number } {
  const store = recoverStore(files, {
    directory: 'data', shardCount: 1, processes, nowMs: START_MS,
  });
  const chance = new SeededChance(seed);
  const driver = new CommandDriver({ seed, startMs: START_MS });
  const disk = new DelayedDisk(files, chance);
  const log = new ShardLog({
    ...store.next[0]!, directory: 'data', shardCount: 1, disk, policy: 'every_write',
    tokenBase: 0, tag: seed, segmentBytes: 100_000,
    ...(seed % 2 === 0 ? { allocate: lowChunks(driver.memory) } : {}),
  });
  const effects = new EffectLog(driver.shard, log);
  const random = new RandomTypeCommands(new SeededChance(seed), EVERY_TYPE);
  const moment = (): Moment => ({
    sequence: log.frames.nextSequence - 1, nowMs: driver.shard.nowMs,
    contents: textOf(contentsOf(driver.shard)),
  });
  const moments = [moment()];
  const turnSteps = seed % 2 === 0 ? 3 : 60;
  let acknowledged = 0;
  const [from, spread] = turnSteps === 3 ? [20, 150] : [5, 10];
  files.crashAt(from + ((chance.next32() >>> 0) % spread));
  try {
    for (let step = 0; step < 300; step++) {
      driver.reply(...random.next());
      effects.endGroup();
      moments.push(moment());
      // Long turns fill several frames: what one write carries may be torn between them.
      if ((chance.next32() >>> 0) % turnSteps !== 0) continue;
      log.pump(driver.clock.nowMs());
      disk.drain((token, result) => log.complete(token, result));
      acknowledged = log.acknowledgedSequence;
    }
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
  }
  effects.close();
  return { moments, acknowledged };
}

describe('the changes of a shard', () => {
  it('are replayed to the data after some command, and nothing acknowledged is lost', () => {
    let found = 0;
    for (let seed = 1; seed <= 14; seed++) {
      const files = new SimulatedFiles(new SeededChance(seed));
      const { moments, acknowledged } = runUntilCrash(files, seed);
      files.crash(seed % 3 === 0 ? 'drop' : 'chance');
      const store = recoverStore(files, {
        directory: 'data', shardCount: 1, processes, nowMs: START_MS,
      });
      const fresh = new CommandDriver({ seed: seed + 50, startMs: START_MS });
      let last = 0;
      const { segments, fromSequence } = store.logs[0]![0]!;
      const replay = new LogReplay(files, segments, fromSequence, (record, sequence) => {
        replayEffect(fresh.shard, record);
        last = sequence;
      });
      while (replay.step());
      expect(last, `seed ${seed}`).toBeGreaterThanOrEqual(acknowledged);
      const after = moments.findLast((moment) => moment.sequence === last);
      if (after === undefined) throw new Error(`seed ${seed}: no command ended at ${last}`);
      fresh.shard.keyspace.setNow(after.nowMs);
      expect(textOf(contentsOf(fresh.shard)), `seed ${seed}`).toBe(after.contents);
      found += last;
    }
    expect(found).toBeGreaterThan(500);
  });
  it('of one command or EXEC are there together, wherever the log is cut', () => {
    const files = new SimulatedFiles(new SeededChance(1));
    files.makeDirectory('data');
    const driver = new CommandDriver({ seed: 1, startMs: START_MS });
    const disk = new DirectDisk(files);
    const log = new ShardLog({
      directory: 'data', logSet: 1, shard: 0, shardCount: 1, disk, policy: 'every_write',
      tokenBase: 0, tag: 1, nextSequence: 1, nextSegment: 1,
    });
    const effects = new EffectLog(driver.shard, log);
    for (const keys of [['a'], ['b', 'c', 'd'], ['e']]) {
      if (keys.length > 1) driver.run('MULTI');
      for (const key of keys) driver.run('SET', key, 'x'.repeat(20_000));
      if (keys.length > 1) driver.run('EXEC');
    }
    effects.endGroup();
    for (let i = 0; i < 8; i++) {
      log.pump(START_MS);
      disk.drain((token, result) => log.complete(token, result));
    }
    expect(log.durableSequence).toBe(5);
    const path = `data/${segmentName(1, 0, 1)}`;
    const bytes = files.contentOf(path).slice();
    const counts = new Set<number>();
    for (let cut = 0; cut <= bytes.length - 64; cut += 56) {
      const length = bytes.length - cut;
      files.place(path, bytes.slice(0, length));
      const name = { directory: 'data', logSet: 1, shard: 0, shardCount: 1 };
      counts.add(scanLog(files, files.list('data'), name).lastSequence);
    }
    expect([...counts]).toEqual([5, 4, 1, 0]);
  });
});
