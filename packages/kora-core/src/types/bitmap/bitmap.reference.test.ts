/**
 * Bitmap commands side by side with a real redis-server 7.0: the same random commands to both, then
 * value, encoding and length of every key, must give the same replies. BITOP's later operations are
 * left out; the model test has them.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../../reference/redis-server.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { RandomBitmapCommands } from '../../testing/random-bitmap-commands.ts';
import { notationOf } from '../../testing/recorded-reply.ts';

const BATCH = 250;

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

describe('bitmap commands and redis-server', () => {
  it.each([1, 2, 3, 4])('answer the same, seed %i', async (seed) => {
    const driver = new CommandDriver({ seed, startMs: Date.now() });
    const random = new RandomBitmapCommands(seed, { hasLaterOperations: false });
    await redis.ask([['FLUSHALL']]);
    for (let batch = 0; batch < 6; batch++) {
      const commands = Array.from({ length: BATCH }, () => random.next());
      for (const key of new Set(commands.map((args) => args[1] ?? ''))) {
        commands.push(['GET', key], ['OBJECT', 'ENCODING', key]);
      }
      const wanted = (await redis.ask(commands)).map(notationOf);
      commands.forEach((args, i) => {
        const got = driver.run(...args);
        if (got === wanted[i]) return;
        const shown = args.map((arg) => JSON.stringify(arg.slice(0, 30))).join(' ');
        const wantedShown = wanted[i]?.slice(0, 200) ?? '';
        expect.fail(`seed ${seed}: ${shown}: ${got.slice(0, 200)}, not ${wantedShown}`);
      });
    }
    expect(driver.errors).toEqual([]);
  });
});
