/**
 * Geo commands side by side with a real redis-server 7.0, in both protocols: the same random
 * commands to both, then the members and scores of the key, must give the same replies. Stored
 * distances may differ in their last digits, where the platforms' sines do.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../../../reference/redis-server.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { RandomGeoCommands } from '../../testing/random-geo-commands.ts';
import type { RecordedReply } from '../../testing/recorded-reply.ts';
import { notationOf } from '../../testing/recorded-reply.ts';

const STEPS = 700;
/** Share by which a stored distance may differ. */
const DISTANCE_SHARE_MAX = 1e-12;

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

/** Pairs of a ZRANGE WITHSCORES, in the order of members. */
function pairsOf(reply: RecordedReply): [string, number][] {
  const items = 'items' in reply ? reply.items : [];
  const texts = items.map((item) => ('text' in item ? item.text : ''));
  const pairs: [string, number][] = [];
  for (let i = 0; i < texts.length; i += 2) pairs.push([texts[i] ?? '', Number(texts[i + 1])]);
  return pairs.sort(([a], [b]) => (a < b ? -1 : 1));
}

function isNear(got: RecordedReply, wanted: RecordedReply): boolean {
  const ours = pairsOf(got);
  const theirs = pairsOf(wanted);
  return ours.length === theirs.length && ours.every(([member, score], i) => {
    const [otherMember, otherScore] = theirs[i] ?? ['', 0];
    const isClose = Math.abs(score - otherScore) <= Math.abs(otherScore) * DISTANCE_SHARE_MAX;
    return member === otherMember && (score === otherScore || isClose);
  });
}

describe('geo commands and redis-server', () => {
  it.each([1, 2, 3, 4, 5, 6])('answer the same, seed %i', async (seed) => {
    const driver = new CommandDriver({ seed, startMs: Date.now() });
    const random = new RandomGeoCommands(seed);
    await redis.ask([['FLUSHALL'], ['RPUSH', 'list', 'x']]);
    driver.run('RPUSH', 'list', 'x');
    for (let step = 0; step < STEPS; step++) {
      const command = random.next();
      const where = `seed ${seed}, step ${step}: ${command.join(' ')}`;
      const targets = ['a', 'b', 'c', 'list'].filter((key) => command.includes(key));
      const after = targets.map((key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES']);
      const [wanted, ...wantedAfter] = await redis.ask([command, ...after]);
      if (wanted === undefined) throw new Error('redis-server answers');
      expect(driver.run(...command), where).toBe(notationOf(wanted));
      wantedAfter.forEach((reply, i) => {
        const got = driver.reply(...(after[i] ?? []));
        const isStored = command.includes('STOREDIST') && isNear(got, reply);
        if (!isStored) expect(notationOf(got), `${where}, afterwards`).toBe(notationOf(reply));
      });
      // What is stored as a distance may differ: start again from the same.
      if (!command.includes('STOREDIST')) continue;
      for (const key of targets) {
        await redis.ask([['DEL', key]]);
        driver.run('DEL', key);
      }
    }
    expect(driver.errors).toEqual([]);
  });
});
