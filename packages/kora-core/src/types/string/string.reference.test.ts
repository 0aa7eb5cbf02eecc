/**
 * String commands side by side with a real redis-server 7.0: the same random commands to both, then
 * encodings and deadlines of every key, must give the same replies. Left out is what 7.0 does not
 * know (IFEQ and its sisters, DELEX, DIGEST, MSETEX) and what runs out while the test runs.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../../reference/redis-server.ts';
import { SeededChance } from '../../platform/platform.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { RandomStringCommands } from '../../testing/random-string-commands.ts';
import { notationOf } from '../../testing/recorded-reply.ts';

const LATER_WORDS = new Set(['IFEQ', 'IFNE', 'IFDEQ', 'IFDNE']);
const LATER_COMMANDS = new Set(['DELEX', 'DIGEST', 'MSETEX']);
const TIMES_THAT_STAY = new Set(['0', '-1', 'x', '9223372036854775807']);
const BATCH = 200;

/** True when both servers can answer the same, however fast the test runs. */
function isComparable(args: readonly string[]): boolean {
  const name = args[0] ?? '';
  if (LATER_COMMANDS.has(name)) return false;
  if (name.endsWith('SETEX')) return TIMES_THAT_STAY.has(args[2] ?? '');
  return args.every((arg, i) => {
    const word = arg.toUpperCase();
    if (LATER_WORDS.has(word)) return false;
    const next = args[i + 1];
    return !/^P?X|^EX/.test(word) || next === undefined || TIMES_THAT_STAY.has(next);
  });
}

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

describe('string commands and redis-server', () => {
  it.each([1, 2, 3, 4])('answer the same, seed %i', async (seed) => {
    const driver = new CommandDriver({ seed, startMs: Date.now() });
    const random = new RandomStringCommands(new SeededChance(seed), Date.now());
    await redis.ask([['FLUSHALL']]);
    for (let batch = 0; batch < 8; batch++) {
      const commands = Array.from({ length: BATCH }, () => random.next()).filter(isComparable);
      for (const key of new Set(commands.map((args) => args[1] ?? ''))) {
        commands.push(['OBJECT', 'ENCODING', key], ['PEXPIRETIME', key]);
      }
      const wanted = (await redis.ask(commands)).map(notationOf);
      commands.forEach((args, i) => {
        const shown = args.map((arg) => arg.slice(0, 30)).join(' ');
        expect(driver.run(...args), `seed ${seed}: ${shown}`).toBe(wanted[i]);
      });
    }
  });
});
