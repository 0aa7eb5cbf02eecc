/**
 * The clients that people use, as they come, subscribing and publishing: ioredis 6 and node-redis 6
 * in both protocol versions, on two workers with real threads. Every connection may be on either
 * worker, so several of each are opened.
 */
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ThreadedServer, until, WORKER_ENGINES } from '../testing/threaded-server.ts';

let served: ThreadedServer;
beforeAll(async () => {
  served = await ThreadedServer.start({ io: WORKER_ENGINES[0], workers: 2 });
});
afterAll(() => served.close());

const BINARY = Buffer.from([0, 255, 13, 10, 128]);

describe('ioredis', () => {
  it('subscribes, publishes and looks', async () => {
    const { port } = served.address;
    const listeners = Array.from({ length: 6 }, () => new Redis({ port }));
    const publisher = new Redis({ port });
    const heard: string[][] = listeners.map(() => []);
    listeners.forEach((listener, i) => {
      listener.on('message', (channel, text) => heard[i]?.push(`${channel} ${text}`));
      listener.on('pmessage', (pattern, channel, text) =>
        heard[i]?.push(`${pattern} ${channel} ${text}`));
    });
    for (const listener of listeners) {
      expect(await listener.subscribe('news', 'sport')).toBe(2);
      expect(await listener.psubscribe('n*')).toBe(3);
    }
    expect(await publisher.publish('news', 'one')).toBe(12);
    expect(await publisher.publish('sport', 'two')).toBe(6);
    expect(await publisher.pubsub('NUMSUB', 'news', 'none')).toEqual(['news', 6, 'none', 0]);
    expect((await publisher.pubsub('CHANNELS')).sort()).toEqual(['news', 'sport']);
    await until(() => heard.every(({ length }) => length === 3));
    for (const lines of heard) {
      expect(lines.sort()).toEqual(['n* news one', 'news one', 'sport two']);
    }
    for (const listener of listeners) {
      expect(await listener.punsubscribe('n*')).toBe(2);
      expect(await listener.unsubscribe('news', 'sport')).toBe(0);
      expect(await listener.ping()).toBe('PONG');
    }
    expect(await publisher.publish('news', 'three')).toBe(0);
    for (const redis of [...listeners, publisher]) redis.disconnect();
  });

  it('hears bytes of any value, and sharded channels', async () => {
    const { port } = served.address;
    const listener = new Redis({ port });
    const publisher = new Redis({ port });
    const heard: Buffer[] = [];
    listener.on('messageBuffer', (_channel, payload) => heard.push(payload));
    listener.on('smessageBuffer', (_channel: Buffer, payload: Buffer) => heard.push(payload));
    await listener.subscribe('bytes');
    await listener.ssubscribe('shard');
    expect(await publisher.publish('bytes', BINARY)).toBe(1);
    expect(await publisher.spublish('shard', BINARY)).toBe(1);
    await until(() => heard.length === 2);
    expect(heard).toEqual([BINARY, BINARY]);
    for (const redis of [listener, publisher]) redis.disconnect();
  });
});

describe.each([2, 3] as const)('node-redis with RESP%i', (RESP) => {
  it('subscribes, publishes and looks', async () => {
    const url = `redis://127.0.0.1:${served.address.port}`;
    const listeners = Array.from({ length: 6 }, () => createClient({ RESP, url }));
    const publisher = createClient({ RESP, url });
    await Promise.all([...listeners, publisher].map((client) => client.connect()));
    const heard: string[][] = listeners.map(() => []);
    for (const [i, listener] of listeners.entries()) {
      const note = (text: string, channel: string): void => {
        heard[i]?.push(`${channel} ${text}`);
      };
      await listener.subscribe(['a', 'b'], note);
      await listener.pSubscribe('a*', note);
      await listener.sSubscribe('s', note);
    }
    expect(await publisher.publish('a', 'one')).toBe(12);
    expect(await publisher.publish('b', 'two')).toBe(6);
    expect(await publisher.sPublish('s', 'three')).toBe(6);
    expect(await publisher.pubSubNumSub(['a', 'none'])).toEqual({ a: 6, none: 0 });
    expect(await publisher.pubSubNumPat()).toBe(1);
    expect(await publisher.pubSubShardChannels()).toEqual(['s']);
    await until(() => heard.every(({ length }) => length === 4));
    for (const lines of heard) expect(lines.sort()).toEqual(['a one', 'a one', 'b two', 's three']);
    for (const listener of listeners) {
      await listener.unsubscribe('a');
      await listener.pUnsubscribe();
      await listener.sUnsubscribe();
    }
    expect(await publisher.publish('a', '')).toBe(0);
    expect(await publisher.publish('b', '')).toBe(6);
    await Promise.all([...listeners, publisher].map((client) => client.close()));
  });
});
