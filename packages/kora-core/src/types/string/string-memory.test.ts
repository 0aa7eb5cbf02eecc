/**
 * Law 7 for strings: with memory refused at any point a command answers OOM, and then nothing has
 * changed and nothing has leaked. Refusal is injected at the n-th reserve of each command, for
 * every n, and met for real in a memory that is small.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../../platform/platform.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { RandomStringCommands } from '../../testing/random-string-commands.ts';
import type { RecordedReply } from '../../testing/recorded-reply.ts';
import type { ShardContents } from '../../testing/shard-contents.ts';
import { contentsOf } from '../../testing/shard-contents.ts';

const START_MS = 1_700_000_000_000;
const RESERVES_PER_COMMAND_MAX = 40;

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function isOutOfMemory(reply: RecordedReply): boolean {
  return reply.kind === 'error' && reply.text.startsWith('OOM');
}

/** Makes the n-th `reserve` from now on fail; returns whether it came to that, and undoes it. */
function refuseReserve(driver: CommandDriver, n: number): () => boolean {
  const allocator = driver.memory.arenaAllocator;
  let calls = 0;
  Object.defineProperty(allocator, 'reserve', {
    configurable: true,
    value(this: typeof allocator, blocks: number, bytes: number): boolean {
      calls++;
      const prototype = Object.getPrototypeOf(allocator) as typeof allocator;
      return calls !== n && prototype.reserve.call(this, blocks, bytes);
    },
  });
  return () => {
    Reflect.deleteProperty(allocator, 'reserve');
    return calls >= n;
  };
}

function expectSame(before: ShardContents, driver: CommandDriver, where: string): void {
  const after = contentsOf(driver.shard, latin1Of);
  expect([...after.keys()].sort(), where).toEqual([...before.keys()].sort());
  for (const [key, contents] of before) {
    const got = JSON.stringify(after.get(key), bigintText);
    const isSame = got === JSON.stringify(contents, bigintText);
    if (!isSame) expect.fail(`${where}: ${key} changed`);
  }
}

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

describe('string commands without memory', () => {
  it.each([1, 2, 3, 4])('change nothing when the n-th reserve is refused, seed %i', (seed) => {
    const driver = new CommandDriver({ seed, startMs: START_MS });
    const random = new RandomStringCommands(new SeededChance(seed), START_MS);
    let refusals = 0;
    for (let step = 0; step < 200; step++) {
      const args = random.next();
      const where = `seed ${seed}, step ${step}: ${args[0] ?? ''}`;
      for (let n = 1; n < RESERVES_PER_COMMAND_MAX; n++) {
        const before = contentsOf(driver.shard, latin1Of);
        const used = driver.memory.usedBytes();
        const undo = refuseReserve(driver, n + ropeArgumentCount(args));
        const reply = driver.reply(...args);
        const wasRefused = undo();
        if (!wasRefused) break;
        if (!isOutOfMemory(reply)) continue; // A refused growth of the dict is left out: no error.
        refusals++;
        expectSame(before, driver, `${where}, reserve ${n}`);
        expect(driver.memory.usedBytes(), `${where}, reserve ${n}: leak`).toBe(used);
      }
    }
    expect(driver.errors).toEqual([]);
    expect(refusals).toBeGreaterThan(50);
  });

  it('refuse in a full memory and work again when there is room', () => {
    const driver = new CommandDriver({
      startMs: START_MS, memoryOptions: { lowBytes: 4 * 1024 * 1024, bytesMax: 8 * 1024 * 1024 },
    });
    const random = new RandomStringCommands(new SeededChance(7), START_MS);
    let refusals = 0;
    for (let i = 0; i < 100_000 && refusals < 50; i++) {
      const reply = driver.reply('SET', `fill:${i}`, 'x'.repeat(random.pick([500, 5000, 60_000])));
      if (isOutOfMemory(reply)) refusals++;
    }
    expect(refusals).toBe(50);
    for (let step = 0; step < 120; step++) {
      const args = random.next();
      if (args.some((arg) => arg.length >= 65_536)) continue;
      const before = contentsOf(driver.shard, latin1Of);
      const used = driver.memory.usedBytes();
      if (!isOutOfMemory(driver.reply(...args))) continue;
      refusals++;
      expectSame(before, driver, `step ${step}: ${args[0] ?? ''}`);
      expect(driver.memory.usedBytes()).toBe(used);
    }
    expect(refusals).toBeGreaterThan(55);
    for (let i = 0; i < 500; i++) driver.run('GETDEL', `fill:${i}`);
    expect(driver.run('SET', 'k', 'v'.repeat(1000))).toBe('+"OK"');
    expect(driver.errors).toEqual([]);
  });
});

/** The driver itself reserves once for each rope it builds. */
function ropeArgumentCount(args: readonly string[]): number {
  return args.filter((arg) => arg.length >= 65_536).length;
}
