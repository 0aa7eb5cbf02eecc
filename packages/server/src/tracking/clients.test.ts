/**
 * Client-side caching of the clients that people use, as they come, on two workers with real
 * threads: node-redis 6 with its own cache over RESP3, and ioredis 6 with invalidations redirected
 * to a subscriber. What a client keeps is never older than what a writer was told, and what nobody
 * changes is not asked for twice. Connections and keys are on either worker, so there are many.
 */
import { Redis } from 'ioredis';
import { BasicClientSideCache, createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ThreadedServer, until, WORKER_ENGINES } from '../testing/threaded-server.ts';

const READERS = 4;
const KEYS = Array.from({ length: 12 }, (_, i) => `cached:${i}`);

describe.each(WORKER_ENGINES)('client-side caching on %s', (io) => {
  let served: ThreadedServer;
  beforeAll(async () => {
    served = await ThreadedServer.start({ io, workers: 2 });
  });
  afterAll(() => served.close());

  it('node-redis keeps what nobody changes, and hears of what somebody does', async () => {
    const url = `redis://127.0.0.1:${served.address.port}`;
    const caches = Array.from({ length: READERS }, () =>
      new BasicClientSideCache({ ttl: 0, maxEntries: 0, evictPolicy: 'LRU' }));
    const readers = caches.map((clientSideCache) =>
      createClient({ RESP: 3, url, clientSideCache }));
    const writer = createClient({ RESP: 3, url });
    await Promise.all([...readers, writer].map((client) => client.connect()));
    for (const key of KEYS) await writer.set(key, 'first');
    for (let round = 0; round < 3; round++) {
      for (const reader of readers) {
        for (const key of KEYS) expect(await reader.get(key)).toBe('first');
      }
    }
    for (const cache of caches) {
      expect(cache.stats()).toMatchObject({ missCount: KEYS.length, hitCount: KEYS.length * 2 });
    }
    // One is set, one is removed, several at once, and in a transaction.
    await writer.set('cached:0', 'second');
    await writer.del('cached:1');
    await writer.mSet(KEYS.slice(2, 6).flatMap((key) => [key, 'second']));
    await writer.multi().set('cached:6', 'second').rename('cached:7', 'cached:8').exec();
    const wanted = new Map<string, string | null>([
      ...KEYS.map((key): [string, string | null] => [key, 'first']),
      ['cached:0', 'second'], ['cached:1', null],
      ...KEYS.slice(2, 7).map((key): [string, string] => [key, 'second']), ['cached:7', null],
    ]);
    for (const reader of readers) {
      for (const [key, value] of wanted) {
        await until(async () => (await reader.get(key)) === value);
      }
    }
    await writer.flushAll();
    for (const cache of caches) await until(() => cache.size() === 0);
    for (const reader of readers) expect(await reader.get('cached:9')).toBeNull();
    await Promise.all([...readers, writer].map((client) => client.close()));
  });

  it('ioredis is told of changes through a subscriber', async () => {
    const { port } = served.address;
    const writer = new Redis({ port });
    const rigs = await Promise.all(Array.from({ length: READERS }, async () => {
      // With RESP3 they would be messages of their own, which this client drops.
      const listener = new Redis({ port, protocol: 2 });
      const reader = new Redis({ port });
      const gone = new Set<string>();
      const id = await listener.client('ID');
      // The payload is a list, of which its types do not know.
      listener.on('messageBuffer', (_channel: Buffer, keys: unknown) => {
        for (const key of [keys].flat()) gone.add(String(key));
      });
      await listener.subscribe('__redis__:invalidate');
      await reader.client('TRACKING', 'ON', 'REDIRECT', id);
      return { listener, reader, gone };
    }));
    await writer.mset(...KEYS.flatMap((key) => [key, 'first']));
    for (const { reader } of rigs) {
      expect(await reader.mget(...KEYS)).toEqual(KEYS.map(() => 'first'));
    }
    for (const key of KEYS.slice(0, 5)) await writer.set(key, 'second');
    for (const { gone } of rigs) {
      await until(() => gone.size >= 5);
      expect([...gone].sort()).toEqual(KEYS.slice(0, 5));
    }
    for (const redis of [writer, ...rigs.flatMap(({ listener, reader }) => [listener, reader])]) {
      redis.disconnect();
    }
  });
});
