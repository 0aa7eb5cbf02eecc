/**
 * Peers that behave badly against two and four workers on threads of their own, on every engine of
 * this machine: who they are connected to and who has their keys is chance, so every scene plays
 * with many connections and keys. The others are served, no update is half done, and afterwards the
 * process holds what it held before. The scenes are those of hostile.test.ts and limits.test.ts
 * that can be seen from outside, and what only several workers have. Needs a build.
 */
import { encodeRequest } from '@kora/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RawClient } from './testing/raw-client.ts';
import { ThreadedServer, until, WORKER_ENGINES } from './testing/threaded-server.ts';

const SCENES = WORKER_ENGINES.flatMap((io) => [{ io, workers: 2 }, { io, workers: 4 }]);

/** What receive buffers and rings of the engines may keep for later, bytes. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024;
const KEYS = Array.from({ length: 12 }, (_, i) => `k${i}`);

const turn = (): Promise<void> => new Promise((resolve) => {
  setImmediate(resolve);
});

const lines = (...commands: string[]): string =>
  commands.map((command) => `${command}\r\n`).join('');

describe.each(SCENES)('peers of $workers workers that behave badly, io $io', ({ io, workers }) => {
  let served: ThreadedServer;
  let admin: RawClient;
  beforeAll(async () => {
    served = await ThreadedServer.start({ io, workers, settings: { maxclients: 20_000 } });
    admin = await served.connect();
    await admin.call('PING');
  });
  afterAll(async () => {
    expect(served.log.join('\n')).not.toMatch(/failed|internal error|terminated/);
    await served.close();
  });

  const field = async (section: string, name: string): Promise<number> => {
    const text = await admin.call('INFO', section);
    return Number(new RegExp(String.raw`\\r\\n${name}:(.*?)\\r\\n`).exec(text)?.[1]);
  };

  /** The others are gone, what they held was given back, and every worker answers. */
  async function expectRest(bytesBefore: number): Promise<void> {
    await until(async () => await field('clients', 'connected_clients') === 1);
    expect(await admin.call('MSET', ...KEYS.flatMap((key) => [key, '1']))).toBe('+OK');
    expect(await admin.call('FLUSHALL')).toBe('+OK');
    await until(async () => await field('memory', 'used_memory') < bytesBefore + KEPT_BYTES_MAX);
  }

  it('may write slowly, reset anywhere in a request, and while replies are under way', async () => {
    const before = await field('memory', 'used_memory');
    const words = ['MSET', 'a', 'x'.repeat(70_000), 'b', 'y'.repeat(30), 'c', 'z'.repeat(20_000)];
    const bytes = Buffer.from(encodeRequest(words));
    const slow = await served.connect();
    for (let from = 0; from < bytes.length; from += 9973) {
      slow.send(bytes.subarray(from, from + 9973));
      await turn();
      expect(await admin.call('PING')).toBe('+PONG');
    }
    expect(await slow.reply()).toBe('+OK');
    slow.destroy();
    expect(await admin.call('DEL', 'a', 'b', 'c')).toBe(':3');
    for (let i = 0; i <= 20; i++) {
      const client = await served.connect();
      client.send(bytes.subarray(0, Math.round((bytes.length * i) / 21)));
      await turn();
      client.socket.resetAndDestroy();
    }
    expect(await admin.call('EXISTS', 'a', 'b', 'c')).toBe(':0');
    await admin.call('MSET', ...KEYS.flatMap((key) => [key, 'v'.repeat(60_000)]));
    for (let i = 0; i < 20; i++) {
      const client = await served.connect();
      client.socket.pause();
      client.send(lines(`MGET ${KEYS.join(' ')}`, ...KEYS.map((key) => `GET ${key}`)).repeat(8));
      await turn();
      client.socket.resetAndDestroy();
    }
    await expectRest(before);
  });

  it('may close their half and still read the answers of all workers', async () => {
    const clients = await served.connectMany(workers * 3);
    await Promise.all(clients.map(async (client) => {
      client.socket.end(lines(...KEYS.map((key) => `INCR ${key}`), `MGET ${KEYS.join(' ')}`));
      const replies = await client.replies(KEYS.length + 1);
      expect(replies.slice(0, -1).every((reply) => /^:\d+$/.test(reply))).toBe(true);
      await client.ended;
    }));
    const sum = `"${clients.length}"`;
    expect(await admin.call('MGET', ...KEYS)).toBe(`[${KEYS.map(() => sum).join(', ')}]`);
    await expectRest(await field('memory', 'used_memory'));
  });

  it('are refused or cut at their limits, whoever they are connected to', async () => {
    const before = await field('memory', 'used_memory');
    const set = async (name: string, value: string): Promise<void> => {
      expect(await admin.call('CONFIG', 'SET', name, value)).toBe('+OK');
    };
    const refusedBefore = await field('stats', 'rejected_connections');
    await set('maxclients', '2');
    const second = await served.connect();
    expect(await second.call('PING')).toBe('+PONG');
    for (let i = 0; i < 8; i++) {
      const refused = await served.connect();
      expect(await refused.reply()).toBe('-ERR max number of clients reached');
      await refused.ended;
    }
    expect(await field('stats', 'rejected_connections') - refusedBefore).toBe(8);
    second.destroy();
    await set('maxclients', '20000');
    await set('client-query-buffer-limit', '1mb');
    await set('client-output-buffer-limit', 'normal 2000000 0 0');
    const values = Array.from({ length: 120 }, () => 'x'.repeat(10_000));
    const greedy = await served.connectMany(workers * 2);
    for (const client of greedy) client.send(encodeRequest(['MSET', ...values]));
    await Promise.all(greedy.map(({ ended }) => ended));
    expect(await field('stats', 'client_query_buffer_limit_disconnections')).toBe(greedy.length);
    expect(await admin.call('DBSIZE')).toBe(':0');
    await admin.call('MSET', ...KEYS.flatMap((key) => [key, 'v'.repeat(60_000)]));
    const idle = await served.connectMany(workers * 2);
    const get = lines(`MGET${` ${KEYS.join(' ')}`.repeat(4)}`);
    for (const client of idle) client.socket.pause();
    for (const client of idle) client.send(get.repeat(4));
    const name = 'client_output_buffer_limit_disconnections';
    await until(async () => await field('stats', name) === idle.length);
    for (const client of idle) client.destroy();
    const broken = await served.connectMany(workers * 2);
    for (const client of broken) client.send('GET k1\r\n*1\r\n$x\r\n');
    for (const client of broken) {
      expect((await client.reply()).length).toBe(60_002);
      expect(await client.reply()).toBe('-ERR Protocol error: invalid bulk length');
      await client.ended;
    }
    await set('client-query-buffer-limit', '1gb');
    await set('client-output-buffer-limit', 'normal 0 0 0');
    await expectRest(before);
  });

  it('may come in hundreds and go at once', async () => {
    const before = await field('memory', 'used_memory');
    for (let batch = 0; batch < 3; batch++) {
      const clients = await served.connectMany(200);
      const replies = await Promise.all(clients.map((client, i) => client.call('INCR', `n${i}`)));
      expect(new Set(replies)).toEqual(new Set([`:${batch + 1}`]));
      for (const client of clients) client.destroy();
    }
    await expectRest(before);
  });

  it('may vanish in the middle of an EXEC over all workers: whole or not at all', async () => {
    const before = await field('memory', 'used_memory');
    const block = Buffer.from(lines('MULTI', ...KEYS.map((key) => `INCR ${key}`), 'EXEC'));
    const steady = await served.connectMany(4);
    let isOver = false;
    const traffic = steady.map(async (client) => {
      while (!isOver) {
        client.send(block);
        const reply = (await client.replies(KEYS.length + 2)).at(-1) ?? '';
        expect(new Set(reply.match(/\d+/g)).size, reply).toBe(1);
      }
    });
    for (let i = 0; i < 90; i++) {
      const client = await served.connect();
      const sent = Buffer.concat([block, block, block]).subarray(0, block.length * 3 - (i % 30));
      client.send(sent);
      for (let turns = i % 4; turns > 0; turns--) await turn();
      if (i % 2 === 0) client.socket.resetAndDestroy();
      else client.destroy();
    }
    isOver = true;
    await Promise.all(traffic);
    for (const client of steady) client.destroy();
    await until(async () => await field('clients', 'connected_clients') === 1);
    const values = (await admin.call('MGET', ...KEYS)).match(/\d+/g);
    expect(values).toHaveLength(KEYS.length);
    expect(new Set(values).size).toBe(1);
    await expectRest(before);
  });

  it('may watch 100,000 keys of all workers', async () => {
    const before = await field('memory', 'used_memory');
    const client = await served.connect();
    const keys = Array.from({ length: 100_000 }, (_, i) => `watched:${i}`);
    const exec = lines('MULTI', ...KEYS.map((key) => `SET ${key} 1`), 'EXEC');
    const outcome = async (): Promise<string | undefined> => {
      client.send(exec);
      return (await client.replies(KEYS.length + 2)).at(-1);
    };
    const all = `[${KEYS.map(() => '+OK').join(', ')}]`;
    for (const touched of ['watched:0', 'watched:77777']) {
      // In one command, and in many.
      const perCommand = touched === 'watched:0' ? keys.length : 1000;
      for (let from = 0; from < keys.length; from += perCommand) {
        client.send(encodeRequest(['WATCH', ...keys.slice(from, from + perCommand)]));
      }
      const replies = await client.replies(keys.length / perCommand);
      expect(new Set(replies)).toEqual(new Set(['+OK']));
      expect(await admin.call('SET', touched, '1')).toBe('+OK');
      expect(await outcome()).toBe('_');
      // The watches have ended with it.
      expect(await admin.call('SET', touched, '2')).toBe('+OK');
      expect(await outcome()).toBe(all);
    }
    expect(await client.call('WATCH', ...keys)).toBe('+OK');
    client.socket.resetAndDestroy();
    await expectRest(before);
  });

  it('may ask for more than rings hold, all of each other at once', async () => {
    const before = await field('memory', 'used_memory');
    const names = Array.from({ length: 40 }, (_, i) => `ring:${i}`);
    const value = 'r'.repeat(9000);
    const clients = await served.connectMany(workers * 4);
    // Nobody reads: requests fill the rings one way, their replies the other.
    const sets = lines(...names.map((name) => `SET ${name} ${value}`)).repeat(3);
    const gets = lines(...names.map((name) => `GET ${name}`)).repeat(3);
    for (const client of clients) client.socket.pause();
    for (const client of clients) client.send(sets + gets + sets + gets);
    for (let i = 0; i < 20; i++) await turn();
    for (const client of clients) client.socket.resume();
    const shown = `"${value}"`;
    await Promise.all(clients.map(async (client, i) => {
      for (const wanted of ['+OK', shown, '+OK', shown]) {
        for (let n = 0; n < names.length * 3; n++) {
          const reply = await client.reply();
          expect(reply === wanted, `client ${i}: ${reply.slice(0, 60)}`).toBe(true);
        }
      }
    }));
    for (const client of clients) client.destroy();
    await expectRest(before);
  });
});
