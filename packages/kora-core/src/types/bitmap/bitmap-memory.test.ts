/**
 * Law 7 for bitmaps and HyperLogLogs: with memory refused at the n-th reserve of a command, for
 * every n, it answers OOM, nothing has changed and nothing has leaked. The journal of all that did
 * succeed gives the same data.
 */
import { describe, expect, it } from 'vitest';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { BIG_ARGUMENT_BYTES_MIN } from '../../limits.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { refuseReserve } from '../../testing/memory-faults.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { RandomBitmapCommands } from '../../testing/random-bitmap-commands.ts';
import { RandomHyperloglogCommands } from '../../testing/random-hyperloglog-commands.ts';
import { contentsOf } from '../../testing/shard-contents.ts';

const RESERVES_PER_COMMAND_MAX = 12;

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

interface CommandStream {
  next(): string[];
}

function playWithRefusals(seed: number, commands: CommandStream, steps: number): number {
  const driver = new CommandDriver({ seed });
  const recorder = new JournalRecorder(driver.shard);
  let refusals = 0;
  for (let step = 0; step < steps; step++) {
    const args = commands.next();
    const shown = args.map((arg) => arg.slice(0, 20)).join(' ');
    const ropes = args.filter((arg) => arg.length >= BIG_ARGUMENT_BYTES_MIN).length;
    for (let n = 1; n < RESERVES_PER_COMMAND_MAX; n++) {
      const where = `seed ${seed}, step ${step}: ${shown}, reserve ${n}`;
      const before = contentsOf(driver.shard, latin1Of);
      const used = driver.memory.usedBytes();
      const low = driver.memory.lowAllocator.usedBytes();
      const undo = refuseReserve(driver, n + ropes);
      const reply = driver.reply(...args);
      const wasRefused = undo();
      expect(driver.memory.lowAllocator.usedBytes(), `${where}: low memory`).toBe(low);
      if (!wasRefused) break;
      if (reply.kind !== 'error' || !reply.text.startsWith('OOM')) continue;
      refusals++;
      expect(contentsOf(driver.shard, latin1Of), where).toEqual(before);
      expect(driver.memory.usedBytes(), `${where}: leak`).toBe(used);
    }
  }
  expect(driver.errors).toEqual([]);
  const fresh = new CommandDriver();
  for (const record of recorder.records) replayEffect(fresh.shard, record);
  const same = contentsOf(driver.shard, latin1Of);
  expect(contentsOf(fresh.shard, latin1Of), `seed ${seed}: replayed`).toEqual(same);
  return refusals;
}

describe('without memory', () => {
  it.each([1, 2, 3])('bitmap commands change nothing, seed %i', (seed) => {
    expect(playWithRefusals(seed, new RandomBitmapCommands(seed), 250)).toBeGreaterThan(20);
  });

  it.each([4, 5])('HyperLogLog commands change nothing, seed %i', (seed) => {
    expect(playWithRefusals(seed, new RandomHyperloglogCommands(seed), 150)).toBeGreaterThan(20);
  });
});
