/**
 * Random sorted set commands on a shard and on a naive model (testing/naive-zsets.ts), in every
 * encoding by shrinking what a pack may hold: after every step the reply, all members, scores and
 * encodings are the same and the structure is sound. The journal of it, replayed into a fresh
 * shard, gives the same sets; when all keys are gone, memory is back where it was.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verify } from '../../assert.ts';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { NaiveZsets } from '../../testing/naive-zsets.ts';
import type { RandomZsetOptions } from '../../testing/random-zset-commands.ts';
import { RandomZsetCommands, ZSET_KEYS } from '../../testing/random-zset-commands.ts';
import { contentsOf } from '../../testing/shard-contents.ts';
import { zsetLayout } from './zset-layout.ts';

const layoutBefore = { ...zsetLayout };

beforeEach(() => {
  verify.enabled = true;
});
afterEach(() => {
  verify.enabled = false;
  verify.growsOnAlloc = false;
  Object.assign(zsetLayout, layoutBefore);
});

interface Play extends RandomZsetOptions {
  readonly steps: number;
  readonly kernel?: 'wasm' | 'twin';
  readonly entriesMax?: number;
}

function expectSame(driver: CommandDriver, model: NaiveZsets, where: string): void {
  const { keyspace } = driver.shard;
  for (const key of ZSET_KEYS) {
    const asked = ['ZRANGE', key, '0', '-1', 'WITHSCORES'];
    const wanted = model.run(asked);
    const got = driver.run(...asked);
    if (got !== wanted) expect.fail(`${where}: ${key}: ${got}, not ${wanted}`);
    const set = model.sets.get(key);
    const isThere = driver.run('EXISTS', key) === ':1';
    if (isThere !== (set !== undefined)) expect.fail(`${where}: ${key} exists: ${isThere}`);
    if (set === undefined) continue;
    const [db] = keyspace.databases;
    driver.memory.low.set(Buffer.from(key), driver.shard.scratchAt);
    const ref = keyspace.find(db!, driver.shard.scratchAt, key.length);
    const handler = driver.shard.handlerOf(ref);
    handler.check(driver.shard, ref);
    const encoding = handler.encodingName(driver.shard, ref);
    if (encoding !== (set.isWide ? 'skiplist' : 'listpack')) {
      expect.fail(`${where}: ${key} is ${encoding}`);
    }
  }
}

function play(options: Play): void {
  const { seed, steps, kernel = 'wasm', entriesMax = 128 } = options;
  const settings = { 'zset-max-listpack-entries': String(entriesMax) };
  const driver = new CommandDriver({ seed, memoryOptions: { kernel }, settings });
  const recorder = new JournalRecorder(driver.shard);
  const model = new NaiveZsets();
  model.entriesMax = entriesMax;
  const commands = new RandomZsetCommands(options);
  const usedAtStart = driver.memory.arenaAllocator.usedBytes();
  for (let step = 0; step < steps; step++) {
    const args = commands.next();
    const where = `seed ${seed}, step ${step}: ${args.map((arg) => arg.slice(0, 30)).join(' ')}`;
    const wanted = model.run(args);
    const got = driver.run(...args);
    if (got !== wanted) expect.fail(`${where}: ${got}, not ${wanted}`);
    expectSame(driver, model, where);
  }
  recorder.close();
  expect(driver.errors).toEqual([]);
  const fresh = new CommandDriver({ seed: seed + 1, settings });
  for (const record of recorder.records) replayEffect(fresh.shard, record);
  expect(contentsOf(fresh.shard), `seed ${seed}`).toEqual(contentsOf(driver.shard));
  for (const key of ZSET_KEYS) driver.run('DEL', key);
  driver.settle();
  for (const db of driver.shard.keyspace.databases) driver.shard.lazyFree.take(db);
  driver.settle();
  const used = driver.memory.arenaAllocator.usedBytes();
  expect(used, `seed ${seed}: memory leaked`).toBe(usedAtStart);
}

describe('sorted set commands against a naive model', () => {
  it.each([1, 2, 3, 4])('agree as packs that become trees, seed %i', (seed) => {
    play({ seed, steps: 300, names: seed % 2 === 0 ? 12 : 120 });
  });

  it.each([11, 12, 13, 14])('agree with packs of three short pairs, seed %i', (seed) => {
    Object.assign(zsetLayout, { packPairsMax: 3, packMemberBytesMax: 8 });
    play({ seed, steps: 300, names: 20, entriesMax: 6, isLexical: seed % 2 === 0 });
  });

  it.each([21, 22, 23])('agree as trees from the first member on, seed %i', (seed) => {
    Object.assign(zsetLayout, { packPairsMax: 0 });
    play({ seed, steps: 250, names: 200, isLexical: seed === 22 });
  });

  it.each([31, 32])('agree on ranges of names, seed %i', (seed) => {
    play({ seed, steps: 300, names: seed === 31 ? 30 : 150, isLexical: true });
  });

  it('agree on the twin kernel', () => {
    play({ seed: 41, steps: 200, kernel: 'twin', names: 90 });
  });

  it('agree while every allocation makes older views stale', () => {
    verify.growsOnAlloc = true;
    play({ seed: 51, steps: 50, names: 80 });
    Object.assign(zsetLayout, { packPairsMax: 2 });
    play({ seed: 52, steps: 50 });
  });
});
