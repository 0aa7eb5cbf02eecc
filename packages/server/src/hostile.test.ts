/**
 * Peers that behave badly: slow writers, resets at every moment, half-closed connections, thousands
 * of connections, no descriptors left. The server serves the others, and afterwards holds what it
 * held before.
 */
import { Stat } from '@kora/core';
import { encodeRequest } from '@kora/protocol';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { INPUT_BYTES_MAX } from './input.ts';
import { TEST_IO } from './testing/polled-engine.ts';
import { RawClient } from './testing/raw-client.ts';
import { TestServer } from './testing/test-server.ts';

let server: TestServer;
let admin: RawClient;
beforeAll(async () => {
  server = await TestServer.start({ maxclients: 20_000 });
  admin = await server.connect();
  await admin.call('PING');
});
afterAll(() => server.close());

const turn = (): Promise<void> => new Promise((resolve) => {
  setImmediate(resolve);
});
const { round } = Math;

/** io_uring gives itself more receive buffers under load, up to this much, and keeps them. */
const ENGINE_GROWTH_BYTES_MAX = TEST_IO === 'uring' ? 40 * 1024 * 1024 : 0;

/** Bytes in use in both regions. */
function used(): number {
  const { arenaAllocator, lowAllocator } = server.room.composed.memory;
  return arenaAllocator.usedBytes() + lowAllocator.usedBytes();
}

const isBackTo = (before: number): boolean => used() <= before + ENGINE_GROWTH_BYTES_MAX;

describe('peers that behave badly', () => {
  it('may write as slowly as they like', async () => {
    const slow = await server.connect();
    const bytes = Buffer.from(encodeRequest(['SET', 'slow', 'x'.repeat(100_000)]));
    for (let from = 0; from < bytes.length; from += 9973) {
      slow.send(bytes.subarray(from, from + 9973));
      await turn();
      expect(await admin.call('PING')).toBe('+PONG');
    }
    expect(await slow.reply()).toBe('+OK');
    slow.destroy();
    await admin.call('DEL', 'slow');
  });

  it('may not keep more of a request than the bound, and nobody else is cut for it', async () => {
    const before = used();
    const greedy = await server.connect();
    const argument = `$60000\r\n${'x'.repeat(60_000)}\r\n`;
    greedy.send('*1000001\r\n$4\r\nMSET\r\n');
    const isOver = greedy.ended.then(() => true);
    for (let sent = 0; sent < INPUT_BYTES_MAX; sent += argument.length * 100) {
      greedy.send(argument.repeat(100));
      if (await Promise.race([isOver, turn().then(() => false)])) break;
      expect(await admin.call('PING')).toBe('+PONG');
    }
    expect(await isOver).toBe(true);
    const cut = 'no memory is left for its request';
    expect(server.log.some((line) => line.includes(cut))).toBe(true);
    await server.until(() => isBackTo(before));
    expect(await admin.call('EXISTS', 'x')).toBe(':0');
  });

  it('may reset at any point of a request', async () => {
    const words = ['MSET', 'a', 'x'.repeat(70_000), 'b', 'y'.repeat(30)];
    const bytes = Buffer.from(encodeRequest(words));
    const before = used();
    for (let i = 0; i <= 40; i++) {
      const client = await server.connect();
      client.send(bytes.subarray(0, round((bytes.length * i) / 41)));
      await turn();
      client.socket.resetAndDestroy();
    }
    await server.until(() => server.room.worker.sessions.count === 1 && isBackTo(before));
    expect(await admin.call('EXISTS', 'a', 'b')).toBe(':0');
  });

  it('may reset while replies are on their way', async () => {
    await admin.call('SET', 'blob', 'b'.repeat(60_000));
    const before = used();
    for (let i = 0; i < 20; i++) {
      const client = await server.connect();
      client.socket.pause();
      client.send('GET blob\r\n'.repeat(100));
      await turn();
      client.socket.resetAndDestroy();
    }
    await server.until(() => server.room.worker.sessions.count === 1 && isBackTo(before));
    expect(await admin.call('DEL', 'blob')).toBe(':1');
  });

  it('may close their half and still read the answers', async () => {
    const client = await server.connect();
    client.socket.end('INCR half\r\nINCR half\r\n');
    expect(await client.replies(2)).toEqual([':1', ':2']);
    await client.ended;
    await admin.call('DEL', 'half');
  });

  it('may keep a connection open that was ended: it is cut after a while', async () => {
    const client = await server.connect();
    client.socket.allowHalfOpen = true;
    const id = Number((await client.call('CLIENT', 'ID')).slice(1));
    client.send('QUIT\r\n');
    expect(await client.reply()).toBe('+OK');
    const { sessions } = server.room.worker;
    const session = sessions.all().find((each) => each.id === id);
    if (session !== undefined) session.closingSinceMs -= 60_000;
    server.room.worker.onTick();
    await server.until(() => sessions.all().every((each) => each.id !== id));
    client.destroy();
  });

  it('may come in thousands: 10,000 connections, opened and closed in batches', async () => {
    const before = used();
    const { worker } = server.room;
    const chunksBefore = worker.chunks.alive;
    const accepted = (): number => Number(worker.shard.stats.counts[Stat.Connections]);
    const start = accepted();
    for (let batch = 0; batch < 20; batch++) {
      const clients = await Promise.all(Array.from({ length: 500 }, () =>
        RawClient.connect({ host: '127.0.0.1', port: server.address.port })));
      const replies = await Promise.all(clients.map((client, i) => client.call('ECHO', `${i}`)));
      expect(replies).toEqual(clients.map((_, i) => `"${i}"`));
      for (const client of clients) client.destroy();
      await server.until(() => worker.sessions.all().length === 1);
    }
    expect(accepted() - start).toBe(10_000);
    expect(isBackTo(before)).toBe(true);
    expect(worker.chunks.alive).toBeLessThanOrEqual(chunksBefore);
    expect(await admin.call('PING')).toBe('+PONG');
  });
});

describe('a command that throws', () => {
  it('answers an internal error, is logged, and the server goes on', async () => {
    const { registry } = server.room.composed;
    const echo = registry.byName('echo')!;
    const defect = vi.spyOn(echo, 'apply').mockImplementation(() => {
      throw new Error('a defect');
    });
    const client = await server.connect();
    client.send('PING\r\nECHO 1\r\nPING\r\n');
    expect(await client.replies(3)).toEqual(['+PONG', '-ERR internal error', '+PONG']);
    defect.mockRestore();
    expect(await client.call('ECHO', '1')).toBe('"1"');
    expect(server.log.some((line) => /^warning .*a defect/s.test(line))).toBe(true);
  });

  it('ends the connection when a part of its reply is written already', async () => {
    const { registry } = server.room.composed;
    const echo = registry.byName('echo')!;
    const defect = vi.spyOn(echo, 'apply').mockImplementation((_shard, _frame, out) => {
      out.array(3);
      out.integer(1);
      throw new Error('a defect in the middle');
    });
    const client = await server.connect();
    const chunks = server.room.worker.chunks.alive;
    client.send('ECHO 1\r\nPING\r\n');
    await client.ended;
    defect.mockRestore();
    expect(server.log.some((line) => line.includes('in the middle of its reply'))).toBe(true);
    expect(server.room.worker.chunks.alive).toBeLessThanOrEqual(chunks);
    expect(await admin.call('PING')).toBe('+PONG');
  });
});
