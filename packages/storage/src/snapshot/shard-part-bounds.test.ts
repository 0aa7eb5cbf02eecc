/**
 * W-49 of the list of faults that this engine must not have: a snapshot that stops its shard for
 * as long as the data is large, and copies all of it in memory. A part begins at once, goes in
 * short slices between commands, takes no memory that grows with the data, and waits for its disk.
 */
import { SeededChance } from '@kora/core';
import { CommandDriver } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { DelayedDisk } from '../disk/delayed-disk.ts';
import { SimulatedFiles } from '../disk/simulated-files.ts';
import { SNAPSHOT_BLOCK_BYTES, SNAPSHOT_QUEUED_BLOCK_COUNT_MAX } from '../limits.ts';
import { ShardPart } from './shard-part.ts';

const TOKEN = 4;
const VALUE_BYTES = 150;
/** Keys of one slice: a bound that does not know how many there are. */
const KEYS_PER_STEP_MAX = 2000;
/** Room for a chunk of the walk, beside what waits for the disk. */
const WALK_BYTES_MAX = 1024 * 1024;

/** A shard with so many keys, and a part of it that has just begun. */
function begun(keyCount: number): { driver: CommandDriver; disk: DelayedDisk; part: ShardPart } {
  const driver = new CommandDriver();
  const chance = new SeededChance(1);
  const letter = (): string => String.fromCharCode(33 + ((chance.next32() >>> 0) % 90));
  const noise = Array.from({ length: VALUE_BYTES }, letter).join('');
  for (let i = 0; i < keyCount; i++) driver.reply('SET', `key:${i}`, `${i}${noise}`);
  const files = new SimulatedFiles(new SeededChance(2));
  files.makeDirectory('data');
  const disk = new DelayedDisk(files, chance);
  const part = ShardPart.begin(driver.shard, {
    disk, directory: 'data', token: TOKEN, snapshot: 1, shard: 0, shardCount: 1, createdMs: 0,
    tag: 3,
  });
  if (part === null) throw new Error('a part begins');
  return { driver, disk, part };
}

describe('W-49: a snapshot', () => {
  it.each([3000, 30_000])('of %i keys goes in slices that do not know how many there are', (
    keyCount,
  ) => {
    const { driver, disk, part } = begun(keyCount);
    expect(part.keyCount, 'it begins without looking at any key').toBe(0);
    let longest = 0;
    for (let turn = 0; part.state !== 'done'; turn++) {
      if (turn > 100_000) throw new Error('the part ends');
      const before = part.keyCount;
      part.step();
      longest = Math.max(longest, part.keyCount - before);
      expect(driver.run('STRLEN', `key:${turn % keyCount}`)).not.toBe(':0');
      driver.reply('SET', `new:${turn % 100}`, 'x');
      disk.drain((token, result) => part.complete(token, result));
    }
    expect(part.keyCount).toBe(keyCount);
    expect(longest).toBeLessThan(KEYS_PER_STEP_MAX);
  });

  it('waits for a slow disk, with a bound on what it holds, while commands run', () => {
    const { driver, part } = begun(30_000);
    const { arenaAllocator, lowAllocator } = driver.memory;
    const arenaBefore = arenaAllocator.usedBytes();
    const lowBefore = lowAllocator.usedBytes();
    for (let step = 0; step < 20_000; step++) {
      part.step();
      if (step % 100 === 0) driver.reply('SET', `key:${step}`, 'y'.repeat(VALUE_BYTES));
    }
    expect(part.state).toBe('writing');
    const queuedBytes = (SNAPSHOT_QUEUED_BLOCK_COUNT_MAX + 2) * SNAPSHOT_BLOCK_BYTES;
    // Keys whose values are as long again may be saved before their turn: 200 of them.
    expect(part.keyCount).toBeLessThan(queuedBytes / VALUE_BYTES + 200);
    expect(arenaAllocator.usedBytes() - arenaBefore).toBeLessThan(WALK_BYTES_MAX);
    expect(lowAllocator.usedBytes() - lowBefore).toBeLessThan(WALK_BYTES_MAX);
  });
});
