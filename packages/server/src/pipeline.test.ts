/**
 * Bytes to commands to bytes: whatever the chunks, the same replies in the same order; half
 * requests cost nobody else anything; errors of the protocol are said once and end the connection;
 * big values pass through whole.
 */
import { encodeRequest } from '@kora/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer } from './testing/test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

/** Lets the event loop turn once. */
const turn = (): Promise<void> => new Promise((resolve) => {
  setImmediate(resolve);
});

describe('requests', () => {
  it('answers a pipeline in order', async () => {
    const client = await server.connect();
    await client.call('DEL', 'n');
    client.send('INCR n\r\n'.repeat(1000));
    const replies = await client.replies(1000);
    expect(replies).toEqual(Array.from({ length: 1000 }, (_, i) => `:${i + 1}`));
  });

  it('gives the same replies when the bytes are split anywhere', async () => {
    const client = await server.connect();
    const bytes = Buffer.from(
      '*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\na\r\nb\r\r\nGET key\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n',
      'latin1',
    );
    for (let at = 1; at < bytes.length; at++) {
      client.send(bytes.subarray(0, at));
      await turn();
      await turn();
      client.send(bytes.subarray(at));
      expect(await client.replies(3), `split at ${at}`).toEqual(['+OK', '"a\\r\\nb\\r"', '""']);
    }
  });

  it('takes a request byte by byte', async () => {
    const client = await server.connect();
    const bytes = Buffer.from(encodeRequest(['SET', 'slow', 'x'.repeat(20)]));
    for (const byte of bytes) {
      client.send(Uint8Array.of(byte));
      await turn();
    }
    expect(await client.reply()).toBe('+OK');
  });

  it('keeps a hundred half requests apart', async () => {
    const clients = await Promise.all(Array.from({ length: 100 }, () => server.connect()));
    const requests = clients.map((_, i) =>
      Buffer.from(encodeRequest(['SET', `half:${i}`, `${i}-`.repeat(500)])));
    clients.forEach((client, i) => {
      client.send(requests[i]!.subarray(0, 20 + i * 7));
    });
    expect(await (await server.connect()).call('PING')).toBe('+PONG');
    clients.forEach((client, i) => {
      client.send(requests[i]!.subarray(20 + i * 7));
    });
    for (const client of clients) expect(await client.reply()).toBe('+OK');
    for (let i = 0; i < clients.length; i++) {
      expect(await clients[i]!.call('GET', `half:${i}`)).toBe(`"${`${i}-`.repeat(500)}"`);
    }
  });

  const SIZES = [65_535, 65_536, 65_537, 200_000, 3_000_000];
  it.each(SIZES)('carries a value of %i bytes', async (bytes) => {
    const client = await server.connect();
    const value = Buffer.alloc(bytes, 'abcdefghijklmnopqrstuvwxyz0123456789-\r\n');
    expect(await client.call('SET', 'big', value)).toBe('+OK');
    expect(await client.call('STRLEN', 'big')).toBe(`:${bytes}`);
    expect(await client.call('GET', 'big')).toBe(JSON.stringify(value.toString('latin1')));
    expect(await client.call('DEL', 'big')).toBe(':1');
  });

  it('carries big values inside a pipeline, and several in one request', async () => {
    const client = await server.connect();
    const [a, b] = [Buffer.alloc(70_000, 'a'), Buffer.alloc(150_000, 'b')];
    const request = Buffer.concat([
      encodeRequest(['SET', 'small', '1']),
      encodeRequest(['MSET', 'big:a', a, 'big:b', b]),
      encodeRequest(['ECHO', 'after']),
      encodeRequest(['STRLEN', 'big:a']),
      encodeRequest(['STRLEN', 'big:b']),
    ]);
    for (let from = 0; from < request.length; from += 30_001) {
      client.send(request.subarray(from, from + 30_001));
      await turn();
    }
    expect(await client.replies(5)).toEqual(['+OK', '+OK', '"after"', ':70000', ':150000']);
    expect(await client.call('DEL', 'big:a', 'big:b')).toBe(':2');
  });

  it('leaves no memory behind when a peer goes in the middle of a big value', async () => {
    const watcher = await server.connect();
    await watcher.call('PING');
    const { arenaAllocator, lowAllocator } = server.room.composed.memory;
    const used = (): number => arenaAllocator.usedBytes() + lowAllocator.usedBytes();
    const before = used();
    const client = await server.connect();
    const values = [Buffer.alloc(100_000), Buffer.alloc(500_000)] as const;
    const request = Buffer.from(encodeRequest(['MSET', 'p', values[0], 'q', values[1]]));
    client.send(request.subarray(0, 400_000));
    await server.until(() => used() > before + 350_000);
    client.destroy();
    await server.until(() => used() <= before);
    expect(await watcher.call('EXISTS', 'p', 'q')).toBe(':0');
  });
});

describe('protocol errors', () => {
  it.each([
    ['a negative length', '*1\r\n$-5\r\n', 'invalid bulk length'],
    ['a count too large', '*99999999999\r\n', 'invalid multibulk length'],
    ['no dollar', '*1\r\n!4\r\nPING\r\n', "expected '$', got '!'"],
    ['open quotes', 'SET k "x\r\n', 'unbalanced quotes in request'],
    ['an endless line', `${'a'.repeat(70_000)}`, 'too big inline request'],
  ])('%s: one error, then the end; nothing after it runs', async (_name, bytes, text) => {
    const client = await server.connect();
    await client.call('DEL', 'after');
    client.send(`${bytes}SET after 1\r\n`);
    expect(await client.reply()).toBe(`-ERR Protocol error: ${text}`);
    await client.ended;
    expect(client.unread).toEqual([]);
    expect(await (await server.connect()).call('EXISTS', 'after')).toBe(':0');
  });

  it('answers what came before the error', async () => {
    const client = await server.connect();
    client.send('PING\r\n*1\r\n$x\r\n');
    expect(await client.replies(2)).toEqual([
      '+PONG', '-ERR Protocol error: invalid bulk length',
    ]);
    await client.ended;
  });

  it('ends an HTTP request without a word', async () => {
    for (const line of ['POST / HTTP/1.1\r\n', 'Host: x\r\nSET evil 1\r\n', 'post a\r\n']) {
      const client = await server.connect();
      client.send(line);
      await client.ended;
      expect(client.unread).toEqual([]);
    }
    expect(await (await server.connect()).call('EXISTS', 'evil')).toBe(':0');
  });

  it('shows no byte of one client to another', async () => {
    const secret = 'SECRET'.repeat(2000);
    const victim = await server.connect();
    victim.send(`*2\r\n$4\r\nECHO\r\n$20000\r\n${secret}`);
    for (let i = 0; i < 20; i++) {
      const snooper = await server.connect();
      snooper.send('*2\r\n$4\r\nECHO\r\n$3\r\nab');
      await turn();
      snooper.send('c\r\nGET nothing\r\nECHO ""\r\n');
      expect(await snooper.replies(3)).toEqual(['"abc"', '_', '""']);
      snooper.destroy();
    }
    victim.send(`${'x'.repeat(20_000 - secret.length)}\r\n`);
    expect(await victim.reply()).toContain('SECRETSECRET');
  });
});
