/**
 * The log and the memory it is given: every allocation of low memory may fail, and what the shard
 * changes is logged all the same, or nothing begins and it is said; a burst that waited for a slow
 * disk leaves no memory behind.
 */
import { Fault, SeededChance } from '@kora/core';
import { CommandDriver, contentsOf, RandomTypeCommands } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { DirectDisk } from '../disk/direct-disk.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import { LogWords } from '../engine/log-words.ts';
import { ShardLoad } from '../engine/shard-load.ts';
import { ShardPersistence } from '../engine/shard-persistence.ts';
import { LOG_CHUNK_BYTES, LOG_SPARE_CHUNK_COUNT_MAX } from '../limits.ts';
import { recoverStore } from '../store/recovery.ts';

const START_MS = 1_700_000_000_000;
const processes = { pid: 1, identityOf: () => undefined };
const options = { directory: 'data', shardCount: 1, processes, nowMs: START_MS };

function newFiles(): SimulatedFiles {
  return new SimulatedFiles(new SeededChance(1));
}

function persistenceOf(driver: CommandDriver, files: SimulatedFiles): ShardPersistence {
  return new ShardPersistence({
    shard: driver.shard, disk: new DirectDisk(files), directory: 'data',
    next: recoverStore(files, options).next[0]!, policy: 'every_second', words: new LogWords(1),
    tag: 5,
  });
}

/** Commands, some of them kept aside as a part that runs in steps keeps them. */
function live(driver: CommandDriver, persistence: ShardPersistence): void {
  const random = new RandomTypeCommands(new SeededChance(7));
  const { effects } = persistence;
  for (let step = 0; step < 60; step++) {
    const isAside = step % 6 === 5;
    const records = isAside ? effects.newRecords() : null;
    if (records !== null) effects.beginAside(records);
    driver.reply(...random.next());
    if (step % 10 === 5) driver.reply('SET', 'long', 'x'.repeat(step * 9000));
    if (records !== null) {
      effects.endAside();
      persistence.notePart(step, 1, effects.writePart(step, 1, driver.shard.nowMs, records));
    }
    driver.clock.advance(50);
    persistence.endTurn();
  }
}

function recovered(files: SimulatedFiles, nowMs: number): unknown {
  const driver = new CommandDriver({ startMs: nowMs });
  const log = recoverStore(files, options).logs[0]![0]!;
  const load = new ShardLoad(files, driver.shard, { directory: 'data', part: undefined, log });
  load.step(Infinity);
  return dataOf(driver);
}

function dataOf({ shard }: CommandDriver): unknown {
  shard.refreshClock();
  return new Map([...contentsOf(shard)].sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { type, value, deadlineMs }]) => [key, [type, value, deadlineMs]]));
}

describe('an allocation of low memory', () => {
  it('that fails for the log is told when it begins, and does no harm later, for each', () => {
    let refused = 0;
    for (let n = 1; n <= 14; n++) {
      const files = newFiles();
      const driver = new CommandDriver({ startMs: START_MS });
      const { lowAllocator } = driver.memory;
      const alloc = lowAllocator.alloc.bind(lowAllocator);
      let count = 0;
      // What the log asks for; commands have a memory that does not fail here.
      lowAllocator.alloc = (bytes) => {
        const isOfLog = bytes === LOG_CHUNK_BYTES || count === 0;
        if (isOfLog) count++;
        return isOfLog && count >= n && count < n + 3 ? 0 : alloc(bytes);
      };
      let persistence: ShardPersistence;
      try {
        persistence = persistenceOf(driver, files);
      } catch (error) {
        expect(error, `allocation ${n}`).toBeInstanceOf(Fault);
        expect(error, `allocation ${n}`).toHaveProperty('code', 'OUT_OF_MEMORY');
        refused++;
        continue;
      }
      live(driver, persistence);
      expect(persistence.closeNow(), `allocation ${n}`).toBe(true);
      const data = dataOf(driver);
      files.crash('drop');
      expect(recovered(files, driver.clock.nowMs()), `allocation ${n}`).toEqual(data);
    }
    expect(refused).toBeLessThan(3);
  });
});

describe('a burst', () => {
  it('that waited for the disk leaves no memory behind but some spare chunks', () => {
    const files = newFiles();
    const driver = new CommandDriver({ startMs: START_MS });
    const persistence = persistenceOf(driver, files);
    const used: number[] = [];
    for (let burst = 0; burst < 4; burst++) {
      files.capacityBytes = 0;
      for (let i = 0; i < 60; i++) {
        driver.reply('SET', `key:${i}`, 'x'.repeat(LOG_CHUNK_BYTES));
        driver.clock.advance(1);
        persistence.effects.endGroup();
        persistence.log.pump(driver.clock.nowMs());
      }
      files.capacityBytes = Infinity;
      for (let turn = 0; turn < 200; turn++) {
        driver.clock.advance(100);
        persistence.endTurn();
      }
      expect(persistence.log.durableSequence).toBe(persistence.appended);
      used.push(driver.memory.lowAllocator.usedBytes());
    }
    const spareBytes = (LOG_SPARE_CHUNK_COUNT_MAX + 1) * LOG_CHUNK_BYTES;
    expect(used[3]! - used[0]!).toBeLessThan(spareBytes);
    expect(Math.max(...used.slice(1)) - Math.min(...used.slice(1))).toBeLessThan(LOG_CHUNK_BYTES);
  });
});
