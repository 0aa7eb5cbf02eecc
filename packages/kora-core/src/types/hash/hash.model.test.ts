/**
 * Random hash commands on a shard and on a naive model (testing/naive-hashes.ts), in every encoding
 * by shrinking what a pack may hold: after every step the reply, all fields, values, deadlines and
 * encodings are the same and the structure is sound. The journal of it, replayed into a fresh
 * shard, gives the same hashes; when all keys are gone, memory is back where it was.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verify } from '../../assert.ts';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { SeededChance } from '../../platform/platform.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { NaiveHashes } from '../../testing/naive-hashes.ts';
import { RandomHashCommands } from '../../testing/random-hash-commands.ts';
import type { RecordedReply } from '../../testing/recorded-reply.ts';
import { notationOf } from '../../testing/recorded-reply.ts';
import { hashLayout } from './hash-layout.ts';
import { visitPairs } from './hash-walk.ts';
import { findHeld } from './hash.ts';

const START_MS = 1_700_000_000_000;
const KEYS = ['h', 'g', 'k\0\xff'];
const UNORDERED = new Set(['HKEYS', 'HVALS', 'HGETALL']);
const layoutBefore = { ...hashLayout };

beforeEach(() => {
  verify.enabled = true;
});
afterEach(() => {
  verify.enabled = false;
  verify.growsOnAlloc = false;
  Object.assign(hashLayout, layoutBefore);
});

/** Entry of a key, 0 = absent; the key's name is left in the scratch area. */
function entryOf(driver: CommandDriver, key: string): number {
  const { keyspace } = driver.shard;
  const [db] = keyspace.databases;
  if (db === undefined) return 0;
  return keyspace.find(db, driver.shard.scratchAt, placed(driver, key));
}

function placed(driver: CommandDriver, text: string): number {
  for (let i = 0; i < text.length; i++) {
    driver.memory.low[driver.shard.scratchAt + i] = text.charCodeAt(i);
  }
  return text.length;
}

/** Fields in an order of their own: pairs stay together. */
function inOrder(name: string, reply: RecordedReply): string {
  if (!UNORDERED.has(name) || !('items' in reply)) return notationOf(reply);
  const texts = reply.items.map(notationOf);
  if (name !== 'HGETALL') return texts.sort().join(' ');
  const pairs = texts.flatMap((text, i) => (i % 2 === 0 ? [`${text} ${texts[i + 1] ?? ''}`] : []));
  return pairs.sort().join(' ');
}

/** What is due and was freed by the shard is gone from the model too. */
function freeAlike(driver: CommandDriver, model: NaiveHashes): void {
  for (const key of KEYS) {
    model.free(key, (name) => {
      const ref = entryOf(driver, key);
      if (ref === 0) return false;
      return findHeld(driver.shard, ref, driver.shard.scratchAt, placed(driver, name));
    });
  }
}

function expectSame(driver: CommandDriver, model: NaiveHashes, where: string): void {
  for (const key of KEYS) {
    for (const command of ['HGETALL', 'HLEN']) {
      const got = inOrder(command, driver.reply(command, key));
      const wanted = inOrder(command, model.run([command, key]));
      if (got !== wanted) expect.fail(`${where}: ${command} ${key}: ${got}, not ${wanted}`);
    }
    const names = model.names(key);
    if (names.length > 0) {
      const asked = ['HPEXPIRETIME', key, 'FIELDS', String(names.length), ...names];
      expect(notationOf(driver.reply(...asked)), where).toBe(notationOf(model.run(asked)));
    }
    const ref = entryOf(driver, key);
    const hash = model.hashes.get(key);
    expect(ref !== 0, `${where}: ${key} exists`).toBe(hash !== undefined);
    if (ref === 0 || hash === undefined) continue;
    const handler = driver.shard.handlerOf(ref);
    handler.check(driver.shard, ref);
    if (hash.isDoubtful) continue;
    const encoding = handler.encodingName(driver.shard, ref);
    expect(encoding, `${where}: ${key}`).toBe(hash.isWide ? 'hashtable' : 'listpack');
  }
}

/** Everything a shard's hashes hold, due fields too. */
function held(driver: CommandDriver): string[] {
  const texts: string[] = [];
  const { low, kernel } = driver.memory;
  const { scratchAt } = driver.shard;
  const text = (at: number, bytes: number): string => {
    kernel.copy(scratchAt, at, bytes);
    return JSON.stringify(String.fromCharCode(...low.subarray(scratchAt, scratchAt + bytes)));
  };
  for (const key of KEYS) {
    const ref = entryOf(driver, key);
    if (ref === 0) continue;
    texts.push(`${key}: ${driver.shard.handlerOf(ref).encodingName(driver.shard, ref)}`);
    visitPairs(driver.shard, ref, (fieldAt, fieldBytes, valueAt, valueBytes, ms) => {
      texts.push(`${key}: ${text(fieldAt, fieldBytes)} ${text(valueAt, valueBytes)} ${ms}`);
    });
  }
  return texts.sort();
}

interface Play {
  readonly seed: number;
  readonly steps: number;
  readonly kernel?: 'wasm' | 'twin';
  readonly fieldCount?: number;
  readonly entriesMax?: number;
}

function play({ seed, steps, kernel = 'wasm', fieldCount = 12, entriesMax = 512 }: Play): void {
  const driver = new CommandDriver({
    seed, startMs: START_MS, memoryOptions: { kernel },
    settings: { 'hash-max-listpack-entries': String(entriesMax) },
  });
  const recorder = new JournalRecorder(driver.shard);
  const model = new NaiveHashes();
  model.entriesMax = entriesMax;
  model.nowMs = START_MS;
  const commands = new RandomHashCommands(new SeededChance(seed), START_MS, fieldCount);
  const usedAtStart = driver.memory.arenaAllocator.usedBytes();
  for (let step = 0; step < steps; step++) {
    if (commands.below(8) === 0) driver.advance(commands.pick([1, 40, 99, 100, 300, 1000, 5000]));
    commands.nowMs = model.nowMs = driver.clock.nowMs();
    freeAlike(driver, model);
    const args = commands.next();
    const where = `seed ${seed}, step ${step}: ${args.map((arg) => arg.slice(0, 30)).join(' ')}`;
    const wanted = inOrder(args[0] ?? '', model.run(args));
    const got = inOrder(args[0] ?? '', driver.reply(...args));
    if (got !== wanted) expect.fail(`${where}: ${got}, not ${wanted}`);
    expectSame(driver, model, where);
  }
  recorder.close();
  expect(driver.errors).toEqual([]);
  expectReplay(driver, recorder.records, `seed ${seed}`);
  expectNothingLeft(driver, usedAtStart, `seed ${seed}`);
}

function expectReplay(
  driver: CommandDriver, records: readonly Uint8Array[], where: string,
): void {
  const settings = {
    'hash-max-listpack-entries': String(driver.shard.settings.hashListpackEntriesMax),
  };
  const fresh = new CommandDriver({ seed: 5, startMs: START_MS, settings });
  for (const record of records) replayEffect(fresh.shard, record);
  expect(held(fresh), where).toEqual(held(driver));
}

function expectNothingLeft(driver: CommandDriver, usedAtStart: number, where: string): void {
  for (const key of KEYS) driver.run('DEL', key);
  driver.settle();
  const { databases } = driver.shard.keyspace;
  for (const db of databases) driver.shard.lazyFree.take(db);
  driver.settle();
  const ofWheels = databases.reduce(
    (sum, { wheel }) => sum + (wheel.header === 0 ? 0 : wheel.heldBytes()), 0,
  );
  const used = driver.memory.arenaAllocator.usedBytes() - ofWheels;
  expect(used, `${where}: memory leaked`).toBe(usedAtStart);
}

describe('hash commands against a naive model', () => {
  it.each([1, 2, 3, 4, 5, 6])('agree as packs that become dicts, seed %i', (seed) => {
    play({ seed, steps: 400, fieldCount: seed % 2 === 0 ? 12 : 100 });
  });

  it.each([11, 12, 13, 14])('agree with packs of three short pairs, seed %i', (seed) => {
    Object.assign(hashLayout, { packPairsMax: 3, packTextBytesMax: 8 });
    play({ seed, steps: 400, entriesMax: 6 });
  });

  it.each([21, 22, 23])('agree as dicts from the first field on, seed %i', (seed) => {
    Object.assign(hashLayout, { packPairsMax: 0 });
    play({ seed, steps: 400, fieldCount: 300 });
  });

  it('agree on the twin kernel', () => {
    play({ seed: 31, steps: 250, kernel: 'twin' });
  });

  it('agree while every allocation makes older views stale', () => {
    verify.growsOnAlloc = true;
    play({ seed: 41, steps: 60 });
    Object.assign(hashLayout, { packPairsMax: 2 });
    play({ seed: 42, steps: 60 });
  });
});
