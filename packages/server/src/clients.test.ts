/**
 * The clients that people use, as they come: ioredis 6 and node-redis 6, each through connecting,
 * pipelines, binary values, errors, both protocol versions and an orderly end.
 */
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer } from './testing/test-server.ts';

const NOT_INTEGER = 'ERR value is not an integer or out of range';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ requirepass: 'secret' });
});
afterAll(() => server.close());

describe('ioredis', () => {
  it('does its everyday work', async () => {
    const redis = new Redis({
      port: server.address.port, password: 'secret', db: 2, connectionName: 'io',
    });
    expect(await redis.set('greeting', 'hello', 'EX', 100)).toBe('OK');
    expect(await redis.get('greeting')).toBe('hello');
    const binary = Buffer.from([0, 255, 13, 10, 128]);
    await redis.set('binary', binary);
    expect(await redis.getBuffer('binary')).toEqual(binary);
    const replies = await redis.pipeline()
      .incr('n').incr('n').get('missing').mget('n', 'greeting').exec();
    expect(replies).toEqual([[null, 1], [null, 2], [null, null], [null, ['2', 'hello']]]);
    await expect(redis.incr('greeting')).rejects.toThrow(NOT_INTEGER);
    const keys: string[] = [];
    for await (const page of redis.scanStream({ count: 2 })) keys.push(...(page as string[]));
    expect(keys.sort()).toEqual(['binary', 'greeting', 'n']);
    expect(await redis.client('GETNAME')).toBe('io');
    expect(await redis.dbsize()).toBe(3);
    expect(await redis.quit()).toBe('OK');
  });

  it('hears a wrong password', async () => {
    const redis = new Redis({
      port: server.address.port, password: 'wrong', lazyConnect: true, retryStrategy: () => null,
    });
    redis.on('error', () => undefined);
    await expect(redis.get('a')).rejects.toThrow();
    redis.disconnect();
  });
});

describe.each([2, 3] as const)('node-redis with RESP%i', (RESP) => {
  it('does its everyday work', async () => {
    const client = createClient({
      RESP, url: `redis://default:secret@127.0.0.1:${server.address.port}/${RESP + 2}`, name: 'nr',
    });
    await client.connect();
    const expiration = { type: 'EX', value: 100 } as const;
    expect(await client.set('greeting', 'hello', { expiration })).toBe('OK');
    expect(await client.get('greeting')).toBe('hello');
    expect(await client.get('missing')).toBeNull();
    const all = await Promise.all([client.incr('n'), client.incr('n'), client.incr('n')]);
    expect(all).toEqual([1, 2, 3]);
    expect(await client.mGet(['n', 'greeting', 'missing'])).toEqual(['3', 'hello', null]);
    await expect(client.incr('greeting')).rejects.toThrow(NOT_INTEGER);
    const info = await client.clientInfo();
    expect(info.name).toBe('nr');
    expect(await client.configGet('maxclients')).toMatchObject({ maxclients: '10000' });
    const keys: string[] = [];
    for await (const page of client.scanIterator()) keys.push(...page);
    expect(keys.sort()).toEqual(['greeting', 'n']);
    await client.close();
  });
});
