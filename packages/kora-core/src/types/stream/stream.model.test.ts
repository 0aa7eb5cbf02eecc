/**
 * Random stream commands on a shard and on a naive model (testing/naive-streams.ts), with blocks of
 * a few entries and of many: after every step the replies are the same, forwards, backwards and of
 * pending entries, and the structure is sound. The journal of it, replayed into a fresh shard,
 * gives the same streams; a copy and a payload do too; when all is gone, so is its memory.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { verify } from '../../assert.ts';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { NaiveStreams } from '../../testing/naive-streams.ts';
import { randomSource } from '../../testing/random-source.ts';
import { RandomStreamCommands, STREAM_KEYS } from '../../testing/random-stream-commands.ts';
import { contentsOf } from '../../testing/shard-contents.ts';

const START_MS = 1_700_000_000_000;

afterEach(() => {
  verify.enabled = false;
  verify.growsOnAlloc = false;
});

/** A reply with errors cut to their sign. */
function answer(driver: CommandDriver, args: readonly string[]): string {
  const text = driver.run(...args);
  return text.startsWith('-') ? '-' : text;
}

function entryOf(driver: CommandDriver, key: string): number {
  const { keyspace, scratchAt } = driver.shard;
  const [db] = keyspace.databases;
  for (let i = 0; i < key.length; i++) driver.memory.low[scratchAt + i] = key.charCodeAt(i);
  return db === undefined ? 0 : keyspace.find(db, scratchAt, key.length);
}

function expectSame(driver: CommandDriver, model: NaiveStreams, where: string): void {
  for (const key of STREAM_KEYS) {
    const asked: string[][] = [['XRANGE', key, '-', '+'], ['XREVRANGE', key, '+', '-']];
    for (const group of ['g', 'h\xff']) {
      asked.push(['XPENDING', key, group], ['XPENDING', key, group, '-', '+', '1000']);
    }
    for (const args of asked) {
      const got = answer(driver, args);
      const wanted = model.run(args);
      if (got !== wanted) expect.fail(`${where}: ${args.join(' ')}: ${got}, not ${wanted}`);
    }
    const ref = entryOf(driver, key);
    if (ref !== 0) driver.shard.handlerOf(ref).check(driver.shard, ref);
  }
}

interface Play {
  readonly seed: number;
  readonly steps: number;
  readonly kernel?: 'wasm' | 'twin';
  readonly entriesMax?: number;
  readonly bytesMax?: number;
}

function play({ seed, steps, kernel = 'wasm', entriesMax = 100, bytesMax = 4096 }: Play): void {
  verify.enabled = true;
  const driver = new CommandDriver({
    seed, startMs: START_MS, memoryOptions: { kernel },
    settings: {
      'stream-node-max-entries': String(entriesMax), 'stream-node-max-bytes': String(bytesMax),
    },
  });
  const usedAtStart = driver.memory.arenaAllocator.usedBytes();
  const recorder = new JournalRecorder(driver.shard);
  const model = new NaiveStreams();
  const random = randomSource(seed);
  const commands = new RandomStreamCommands(random);
  for (let step = 0; step < steps; step++) {
    if (random.chance(0.1)) driver.clock.advance(random.below(60));
    model.nowMs = driver.clock.nowMs();
    const args = commands.next();
    const where = `seed ${seed}, step ${step}: ${args.map((arg) => arg.slice(0, 20)).join(' ')}`;
    const wanted = model.run(args);
    const got = answer(driver, args);
    if (got !== wanted) expect.fail(`${where}: ${got}, not ${wanted}`);
    if (step % 8 === 0 || step > steps - 20) expectSame(driver, model, where);
  }
  recorder.close();
  expect(driver.errors).toEqual([]);
  expectReplay(driver, recorder.records);
  expectCopies(driver, model, `seed ${seed}`);
  driver.run('FLUSHALL');
  driver.settle();
  driver.run('SET', 'x', '1');
  driver.run('DEL', 'x');
  const rest = driver.memory.arenaAllocator.usedBytes() - usedAtStart;
  const plain = new CommandDriver();
  const plainStart = plain.memory.arenaAllocator.usedBytes();
  plain.run('SET', 'x', '1');
  plain.run('FLUSHALL');
  plain.run('SET', 'x', '1');
  plain.run('DEL', 'x');
  expect(rest, `seed ${seed}`).toBe(plain.memory.arenaAllocator.usedBytes() - plainStart);
}

function expectReplay(driver: CommandDriver, records: readonly Uint8Array[]): void {
  const other = new CommandDriver({ startMs: START_MS });
  for (const record of records) replayEffect(other.shard, record);
  expect(contentsOf(other.shard)).toEqual(contentsOf(driver.shard));
  for (const key of STREAM_KEYS) {
    const ref = entryOf(other, key);
    if (ref !== 0) other.shard.handlerOf(ref).check(other.shard, ref);
  }
}

/** COPY, and DUMP with RESTORE, give streams that answer alike. */
function expectCopies(driver: CommandDriver, model: NaiveStreams, where: string): void {
  for (const key of STREAM_KEYS) {
    if (!model.streams.has(key)) continue;
    expect(driver.run('COPY', key, 'copy', 'REPLACE'), where).toBe(':1');
    const dumped = driver.reply('DUMP', key);
    const text = 'text' in dumped ? dumped.text : '';
    const payload = Uint8Array.from(text, (character) => character.charCodeAt(0));
    expect(driver.run('RESTORE', 'loaded', '0', payload, 'REPLACE'), where).toBe('+"OK"');
    const facts = driver.run('XINFO', 'STREAM', key, 'FULL', 'COUNT', '0');
    for (const other of ['copy', 'loaded']) {
      const ref = entryOf(driver, other);
      driver.shard.handlerOf(ref).check(driver.shard, ref);
      const got = driver.run('XINFO', 'STREAM', other, 'FULL', 'COUNT', '0');
      expect(withoutBlocks(got), `${where}: ${other}`).toBe(withoutBlocks(facts));
    }
  }
}

/** Empty blocks are not loaded, and a copy may have others. */
function withoutBlocks(facts: string): string {
  return facts.replace(/\$"radix-tree-keys" :\d+ \$"radix-tree-nodes" :\d+/, '');
}

describe('streams', () => {
  it.each([1, 2, 3, 4])('are those of the naive model, seed %i', (seed) => {
    play({ seed, steps: 1200 });
  });

  it.each([11, 12, 13, 14])('with blocks of three entries, seed %i', (seed) => {
    play({ seed, steps: 1200, entriesMax: 3 });
  });

  it.each([21, 22])('with blocks of one entry, seed %i', (seed) => {
    play({ seed, steps: 800, entriesMax: 1 });
  });

  it.each([31, 32])('with short blocks, seed %i', (seed) => {
    play({ seed, steps: 1000, entriesMax: 0, bytesMax: 200 });
  });

  it.each([41, 42])('with the twin of the kernel, seed %i', (seed) => {
    play({ seed, steps: 800, entriesMax: 4, kernel: 'twin' });
  });

  it.each([51, 52])('while every allocation grows the memory, seed %i', (seed) => {
    verify.growsOnAlloc = true;
    play({ seed, steps: 400, entriesMax: 4 });
  });
});
