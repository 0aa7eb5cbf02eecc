/**
 * HyperLogLog commands side by side with a real redis-server 7.0: the same random commands to both,
 * under several limits of sparse values, then bytes, encoding and deadline of every key, must give
 * the same replies. Corrupt values are met too; one that was refused is deleted.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../../reference/redis-server.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { RandomHyperloglogCommands } from '../../testing/random-hyperloglog-commands.ts';
import { randomSource } from '../../testing/random-source.ts';
import { notationOf } from '../../testing/recorded-reply.ts';

const STEPS = 600;

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

function shown(text: string | undefined): string {
  return text === undefined ? 'nothing' : `${text.slice(0, 300)} (${text.length})`;
}

function keyOf(args: readonly string[]): string {
  return (args[0] === 'PFDEBUG' ? args[2] : args[1]) ?? '';
}

describe('HyperLogLog commands and redis-server', () => {
  it.each([
    [1, 3000], [2, 3000], [3, 60], [4, 400], [5, 0], [6, 15_000],
  ])('answer the same, seed %i, sparse to %i bytes', async (seed, bytesMax) => {
    const driver = new CommandDriver({ seed, startMs: Date.now() });
    const random = new RandomHyperloglogCommands(seed);
    const ask = async (commands: readonly string[][], where: string): Promise<string> => {
      const wanted = (await redis.ask(commands)).map(notationOf);
      const got = commands.map((args) => driver.run(...args));
      const i = got.findIndex((reply, at) => reply !== wanted[at]);
      if (i >= 0) {
        const name = commands[i]?.[0] ?? '';
        expect.fail(`${where}: ${name} gives ${shown(got[i])}, not ${shown(wanted[i])}`);
      }
      return got[0] ?? '';
    };
    await ask([['FLUSHALL'], ['CONFIG', 'SET', 'hll-sparse-max-bytes', String(bytesMax)]], 'start');
    for (let step = 0; step < STEPS; step++) {
      const command = random.next();
      const words = command.map((arg) => JSON.stringify(arg.slice(0, 30))).join(' ');
      const where = `seed ${seed}, step ${step}: ${words}`;
      const key = keyOf(command);
      const reply = await ask([command], where);
      // Redis has changed a part of a corrupt value when it refuses; we change nothing then.
      if (reply.includes('INVALIDOBJ')) await ask([['DEL', key]], where);
      await ask([['GET', key], ['OBJECT', 'ENCODING', key], ['EXPIRETIME', key]], where);
    }
    expect(driver.errors).toEqual([]);
  });
});

describe('a sparse value with bytes behind its runs', () => {
  it.each([1, 2, 3, 4])('answers as redis-server, seed %i', async (seed) => {
    const random = randomSource(seed);
    const bytesMax = [3000, 100, 400, 15_000][seed % 4] ?? 0;
    const settings = { 'hll-sparse-max-bytes': String(bytesMax) };
    await redis.ask([['CONFIG', 'SET', 'hll-sparse-max-bytes', String(bytesMax)]]);
    for (let round = 0; round < 60; round++) {
      const driver = new CommandDriver({ seed, settings });
      // Of few kinds all are there already, or raise a register in its place.
      const kinds = [12, 300, 30_000][random.below(3)] ?? 1;
      const elements = (): string[] =>
        Array.from({ length: 1 + random.below(30) }, () => `e${random.below(kinds)}`);
      const tail = random.chance(0.5) ? '\0'.repeat(1 + random.below(3))
        : String.fromCharCode(random.below(256)).repeat(1 + random.below(3));
      const [added, length] = (await redis.ask([
        ['FLUSHALL'], ['PFADD', 'k', ...elements()], ['STRLEN', 'k'], ['GET', 'k'],
      ])).slice(1);
      expect(added?.kind).toBe('integer');
      const bytes = length !== undefined && 'text' in length ? Number(length.text) : 0;
      const value = (await redis.ask([['GET', 'k']]))[0];
      const text = value !== undefined && 'text' in value ? value.text : '';
      const offset = bytes + random.below(random.chance(0.3) ? 200_000 : 60);
      const commands = [
        ['SET', 'k', text], ['SETRANGE', 'k', String(offset), tail], ['PFADD', 'k', ...elements()],
        ['PFCOUNT', 'k'], ['PFADD', 'k', ...elements()], ['PFADD', 'k'], ['PFMERGE', 'to', 'k'],
        ['PFCOUNT', 'to', 'k'],
      ];
      const where = `seed ${seed}, round ${round}: ${bytes} bytes, at ${offset} `
        + JSON.stringify(tail);
      for (const command of commands) {
        const asked = [command, ['GET', 'k']];
        const wanted = (await redis.ask(asked)).map(notationOf);
        const got = asked.map((args) => driver.run(...args));
        if (got[0] !== wanted[0]) {
          expect.fail(`${where}: ${command[0]}: ${got[0]}, not ${wanted[0]}`);
        }
        if (wanted[0]?.includes('INVALIDOBJ')) break;
        if (got[1] !== wanted[1]) {
          expect.fail(`${where}: after ${command[0]}: ${shown(got[1])}, not ${shown(wanted[1])}`);
        }
      }
    }
  });
});
