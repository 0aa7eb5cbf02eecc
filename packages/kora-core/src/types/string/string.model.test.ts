/**
 * Random string commands on a shard and on a naive model (testing/naive-strings.ts): after every
 * step the reply, every key's value, encoding and deadline are the same; after the keys are gone
 * the memory is back where it was; and with memory refused at any point a command answers OOM and
 * has changed nothing.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verify } from '../../assert.ts';
import { SeededChance } from '../../platform/platform.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { NaiveStrings } from '../../testing/naive-strings.ts';
import { RandomStringCommands } from '../../testing/random-string-commands.ts';
import { isSameReply, notationOf } from '../../testing/recorded-reply.ts';
import type { ShardContents } from '../../testing/shard-contents.ts';
import { contentsOf } from '../../testing/shard-contents.ts';

const START_MS = 1_700_000_000_000;

beforeEach(() => {
  verify.enabled = true;
});
afterEach(() => {
  verify.enabled = false;
});

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function contentsOfModel(model: NaiveStrings): ShardContents {
  const contents: ShardContents = new Map();
  for (const [key, value] of model.values) {
    const { text, deadlineMs } = value;
    if (deadlineMs !== undefined && deadlineMs < BigInt(model.nowMs)) continue;
    contents.set(`0/${key}`, {
      type: 'string', encoding: NaiveStrings.encodingOf(value), value: text, deadlineMs,
    });
  }
  return contents;
}

/** A short name of the first difference: whole values would drown the message. */
function difference(got: ShardContents, wanted: ShardContents): string {
  for (const key of new Set([...got.keys(), ...wanted.keys()])) {
    const a = got.get(key);
    const b = wanted.get(key);
    if (a === undefined || b === undefined) return `key ${key}: ${a ? 'too many' : 'missing'}`;
    if (a.encoding !== b.encoding) return `key ${key}: ${a.encoding}, not ${b.encoding}`;
    const isSameDeadline = a.deadlineMs === b.deadlineMs;
    if (!isSameDeadline) return `key ${key}: due ${a.deadlineMs}, not ${b.deadlineMs}`;
    if (a.value !== b.value) return `key ${key}: value differs (${a.value.length} bytes)`;
  }
  return '';
}

function shown(args: readonly string[]): string {
  return args.map((arg) => (arg.length > 40 ? `<${arg.length} bytes>` : arg)).join(' ');
}

function playAgainstModel(seed: number, steps: number, kernel: 'wasm' | 'twin'): void {
  const chance = new SeededChance(seed);
  const driver = new CommandDriver({ seed, startMs: START_MS, memoryOptions: { kernel } });
  const model = new NaiveStrings();
  const commands = new RandomStringCommands(chance, START_MS);
  const usedAtStart = driver.shard.memory.arenaAllocator.usedBytes();
  for (let step = 0; step < steps; step++) {
    if (commands.below(10) === 0) driver.advance(commands.pick([1, 99, 100, 999, 1000, 60_000]));
    commands.nowMs = model.nowMs = driver.clock.nowMs();
    const args = commands.next();
    const where = `seed ${seed}, step ${step}: ${shown(args)}`;
    const modelled = model.run(args);
    const replied = driver.reply(...args);
    if (!isSameReply(replied, modelled)) {
      const [got, wanted] = [replied, modelled].map((reply) => notationOf(reply).slice(0, 200));
      expect.fail(`${where}: ${got}, not ${wanted}`);
    }
    const differs = difference(contentsOf(driver.shard, latin1Of), contentsOfModel(model));
    if (differs !== '') expect.fail(`${where}: ${differs}`);
  }
  expect(driver.errors).toEqual([]);
  for (const key of contentsOf(driver.shard, latin1Of).keys()) driver.run('GETDEL', key.slice(2));
  driver.advance(10 ** 12);
  const { databases } = driver.shard.keyspace;
  expect(databases.map((db) => db.count + db.expiringCount)).toEqual(databases.map(() => 0));
  for (const db of databases) driver.shard.lazyFree.take(db);
  const ofWheels = databases.reduce(
    (sum, { wheel }) => sum + (wheel.header === 0 ? 0 : wheel.heldBytes()), 0,
  );
  const used = driver.shard.memory.arenaAllocator.usedBytes() - ofWheels;
  expect(used, `seed ${seed}: memory leaked`).toBe(usedAtStart);
}

describe('string commands against a naive model', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('agree in every observable, seed %i', (seed) => {
    playAgainstModel(seed, 600, 'wasm');
  });

  it('agree on the twin kernel', () => {
    playAgainstModel(99, 300, 'twin');
  });

  it('agree while every allocation makes older views stale', () => {
    verify.growsOnAlloc = true;
    try {
      playAgainstModel(77, 150, 'wasm');
    } finally {
      verify.growsOnAlloc = false;
    }
  });
});
