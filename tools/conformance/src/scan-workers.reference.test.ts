/**
 * SCAN of several workers beside redis-server: whole scans of the same small databases, with random
 * COUNT, MATCH and TYPE, find the same keys; none of them changes meanwhile, so each is found at
 * least once and nothing else is. A call that asks for more than there is answers cursor 0.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from './drivers/driver.ts';
import { call } from './drivers/driver.ts';
import { openSocket } from './drivers/socket-driver.ts';
import type { Outcome } from './reply-notation.ts';
import type { RunningServer } from './server-process.ts';
import { REFERENCE_CORPUS_FLAGS, startKora, startReference } from './server-process.ts';

const SCANS = 60;
const CALLS_MAX = 1000;
const REPLY_MS_MAX = 10_000;
const PATTERNS = ['*', 'k*', '?1*', 'k[0-4]*', 'list:*', '*\\*', 'none'] as const;
const TYPES = ['string', 'list', 'HASH', 'zset', 'other'] as const;

function textIn(reply: Outcome | undefined): string {
  if (reply?.kind !== 'bulk') throw new Error(`a text, not ${JSON.stringify(reply)}`);
  return reply.text;
}

/** The keys of a whole scan, each once, in order; and how many calls it took. */
async function scan(
  client: Connection, options: readonly string[],
): Promise<{ readonly keys: string[]; readonly calls: number }> {
  const keys = new Set<string>();
  let cursor = '0';
  for (let calls = 1; calls < CALLS_MAX; calls++) {
    const reply = await call(client, ['SCAN', cursor, ...options], REPLY_MS_MAX);
    if (reply.kind !== 'array') throw new Error(`an array, not ${JSON.stringify(reply)}`);
    const [next, found] = reply.items;
    if (found?.kind !== 'array') throw new Error('keys');
    for (const key of found.items) keys.add(textIn(key));
    cursor = textIn(next);
    if (cursor === '0') return { keys: [...keys].sort(), calls };
  }
  throw new Error('the scan does not end');
}

describe.each([2, 4])('SCAN of %i workers', (workers) => {
  const servers: RunningServer[] = [];
  const clients: Connection[] = [];
  beforeAll(async () => {
    servers.push(await startReference(REFERENCE_CORPUS_FLAGS));
    servers.push(await startKora(['--workers', String(workers)]));
    for (const server of servers) clients.push(await openSocket(server));
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await Promise.all(servers.map((server) => server.stop()));
  });

  const both = async (...words: string[]): Promise<void> => {
    for (const client of clients) await call(client, words, REPLY_MS_MAX);
  };

  it.each([0, 1, 40, 150])('finds what redis-server finds, %i keys of each type', async (count) => {
    await both('FLUSHALL');
    for (let i = 0; i < count; i++) {
      await both('SET', `k${i}`, 'v');
      await both('RPUSH', `list:${i}`, 'e');
      await both('HSET', `h*${i}`, 'f', 'v');
    }
    const [redis, kora] = clients;
    if (redis === undefined || kora === undefined) throw new Error('there are two servers');
    for (let i = 0; i < SCANS; i++) {
      const options = i % 3 === 0 ? [] : ['COUNT', String(1 + ((i * 37) % 90))];
      if (i % 2 === 1) options.push('MATCH', PATTERNS[i % PATTERNS.length] ?? '*');
      if (i % 5 === 4) options.push('TYPE', TYPES[i % TYPES.length] ?? 'string');
      const wanted = await scan(redis, options);
      const got = await scan(kora, options);
      expect(got.keys, options.join(' ')).toEqual(wanted.keys);
    }
    expect((await scan(kora, ['COUNT', '10000'])).calls).toBe(1);
  });
});
