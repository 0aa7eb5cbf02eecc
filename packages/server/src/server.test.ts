/**
 * The life of a server: options refused before anything starts, addresses had and given up, several
 * servers in one process, an end that answers what was asked and takes less than a moment.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '@kora/core';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { ServerOptions } from './options.ts';
import { createServer } from './server.ts';
import { TEST_IO } from './testing/polled-engine.ts';
import { RawClient } from './testing/raw-client.ts';
import { TestServer } from './testing/test-server.ts';

const directory = mkdtempSync(join(tmpdir(), 'kora-server-'));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** The Fault that the call throws. */
function faultOf(act: () => unknown): Fault {
  try {
    act();
  } catch (fault) {
    if (fault instanceof Fault) return fault;
    throw fault;
  }
  throw new Error('nothing was thrown');
}

describe('options', () => {
  it.each<[ServerOptions, string, string]>([
    [{ workers: 2, extraCommands: [] }, 'INVALID_OPTION', 'workers 2 with extraCommands'],
    [{ workers: 0 }, 'INVALID_OPTION', 'workers is 0; allowed: a whole number from 1 to 30'],
    [{ workers: 31 }, 'INVALID_OPTION', 'workers is 31'],
    [{ workers: 1.5 }, 'INVALID_OPTION', 'workers is 1.5'],
    [{ io: 'uring', extraCommands: [] }, 'INVALID_OPTION', 'io uring with extraCommands'],
    [{ io: 'epoll', extraCommands: [] }, 'INVALID_OPTION', 'io epoll with extraCommands'],
    [JSON.parse('{"io": "fast"}') as ServerOptions, 'INVALID_OPTION', 'auto, uring, epoll, node'],
    [JSON.parse('{"fsync": "often"}') as ServerOptions, 'INVALID_OPTION', 'fsync'],
    [{ settings: { maxclients: 0 } }, 'INVALID_OPTION', 'maxclients'],
    [{ settings: { 'no-such-thing': 1 } }, 'INVALID_OPTION', 'no-such-thing'],
    [{ settings: { appendonly: 'maybe' } }, 'INVALID_OPTION', 'appendonly'],
    [{ dataDir: '' }, 'INVALID_OPTION', 'dataDir is empty; leave it out to keep nothing'],
    [{ settings: { port: 7001, 'cluster-ports': 7000 }, workers: 2 }, 'INVALID_OPTION',
      'cluster-ports is 7000: the ports 7000 to 7001 of its nodes cannot be the port 7001'],
    [{ settings: { port: 7000, 'cluster-ports': 7000 } }, 'INVALID_OPTION', 'the port 7000 of its'],
  ])('%j is refused as %s', (options, code, named) => {
    const fault = faultOf(() => createServer(options));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(named);
    expect(fault.message).not.toContain('\n');
  });

  it.each([[6999, 2], [7002, 2], [7001, 1], [0, 2]])('takes port %i beside nodes of %i workers', (
    port, workers,
  ) => {
    const settings = { port, 'cluster-ports': 7000 };
    expect(() => createServer({ settings, workers })).not.toThrow();
  });

  it('takes texts, numbers, booleans and lists', async () => {
    const server = await TestServer.start({
      'maxmemory': '64mb', 'maxclients': 77, 'protected-mode': false, 'save': [60, 1000],
    });
    const client = await server.connect();
    expect(await client.call('CONFIG', 'GET', 'maxmemory')).toBe('["maxmemory", "67108864"]');
    expect(await client.call('CONFIG', 'GET', 'maxclients')).toBe('["maxclients", "77"]');
    expect(await client.call('CONFIG', 'GET', 'protected-mode')).toBe('["protected-mode", "no"]');
    expect(await client.call('CONFIG', 'GET', 'save')).toBe('["save", "60 1000"]');
    await server.close();
  });
});

describe('addresses', () => {
  it('takes a free port for port 0 and says which', async () => {
    const server = await TestServer.start();
    expect(server.address).toEqual({ host: '127.0.0.1', port: server.address.port, io: TEST_IO });
    const client = await server.connect();
    expect(await client.call('CONFIG', 'GET', 'port')).toBe(`["port", "${server.address.port}"]`);
    expect(await server.info(client, 'server', 'tcp_port')).toBe(String(server.address.port));
    await server.close();
  });

  it('refuses a port in use with one line', async () => {
    const first = await TestServer.start();
    const second = createServer({ settings: { port: first.address.port, bind: '127.0.0.1' } });
    await expect(second.start()).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: `127.0.0.1:${first.address.port} is in use by another process`,
    });
    await second.closed;
    await first.close();
  });

  it('refuses an address that is not of this machine, unless it may fail', async () => {
    const bad = createServer({ settings: { port: 0, bind: '203.0.113.9' } });
    await expect(bad.start()).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
    const server = await TestServer.start({ bind: '127.0.0.1 -203.0.113.9' });
    expect(await (await server.connect()).call('PING')).toBe('+PONG');
    await server.close();
  });

  it('listens on several addresses with one port', async () => {
    const server = await TestServer.start({ bind: '127.0.0.1 127.0.0.2' });
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      const client = await RawClient.connect({ host, port: server.address.port });
      expect(await client.call('PING')).toBe('+PONG');
      client.destroy();
    }
    await server.close();
  });

  it('listens on every address of both families by default', async () => {
    const server = await TestServer.start({ bind: '* -::*' });
    expect(server.address.host).toBe('127.0.0.1');
    expect(await (await server.connect()).call('PING')).toBe('+PONG');
    await server.close();
  });

  it('listens on a unix socket, over a stale file, with its permissions', async () => {
    const path = join(directory, 'kora.sock');
    const server = await TestServer.start({ unixsocket: path, unixsocketperm: '700' });
    expect(server.address.unixSocket).toBe(path);
    expect((statSync(path).mode & 0o777).toString(8)).toBe('700');
    const client = await RawClient.connect({ path });
    expect(await client.call('CLIENT', 'INFO')).toMatch(/addr=\S+kora\.sock:0 .* flags=U /);
    client.destroy();
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  it('refuses a path that the system would cut', async () => {
    const path = join(directory, 'x'.repeat(120));
    const settings = { port: 0, bind: '127.0.0.1', unixsocket: path, unixsocketperm: '700' };
    await expect(createServer({ settings }).start()).rejects.toMatchObject({
      code: 'LISTEN_FAILED', message: expect.stringContaining('bytes, at most') as string,
    });
  });

  it('leaves a file that is no socket alone', async () => {
    const path = join(directory, 'precious');
    writeFileSync(path, 'data');
    const server = createServer({ settings: { port: 0, bind: '127.0.0.1', unixsocket: path } });
    await expect(server.start()).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    expect(readFileSync(path, 'utf8')).toBe('data');
  });

  it('moves to another port by CONFIG SET, and stays when that is taken', async () => {
    const [server, other] = [await TestServer.start(), await TestServer.start()];
    const client = await server.connect();
    const taken = other.address.port;
    await other.close();
    expect(await client.call('CONFIG', 'SET', 'port', String(taken))).toBe('+OK');
    await server.until(() => server.server.port === taken);
    const moved = await RawClient.connect({ host: '127.0.0.1', port: taken });
    expect(await moved.call('PING')).toBe('+PONG');
    const third = await TestServer.start();
    expect(await client.call('CONFIG', 'SET', 'port', String(third.address.port))).toBe('+OK');
    await server.until(() => server.log.some((line) => line.includes('the addresses stay')));
    await server.until(() => server.server.port === taken);
    expect(await client.call('CONFIG', 'GET', 'port')).toBe(`["port", "${taken}"]`);
    const again = await RawClient.connect({ host: '127.0.0.1', port: taken });
    expect(await again.call('PING')).toBe('+PONG');
    for (const each of [moved, again]) each.destroy();
    await server.close();
    await third.close();
  });
});

describe('addresses that are lost', () => {
  it('are logged, and those who are connected stay', async () => {
    const server = await TestServer.start();
    const client = await server.connect();
    vi.spyOn(server.room.worker.engine, 'listen').mockImplementation((_address, done) => {
      done(new Error('nothing is free'), 0);
      return 0;
    });
    expect(await client.call('CONFIG', 'SET', 'port', '1')).toBe('+OK');
    await server.until(() => server.log.some((line) => line.includes('no TCP address')));
    expect(await client.call('PING')).toBe('+PONG');
    await server.close();
  });
});

describe('the end', () => {
  it('answers what was asked before, ends every connection, frees the port', async () => {
    const server = await TestServer.start();
    const clients = await Promise.all(Array.from({ length: 20 }, () => server.connect()));
    const replies = clients.map((client) => client.call('PING'));
    await Promise.all(replies);
    await server.server.close();
    await Promise.all(clients.map((client) => client.ended));
    await server.server.closed;
    const next = await TestServer.start({ port: server.address.port });
    await next.close();
  });

  it('comes by SHUTDOWN, without a reply', async () => {
    const server = await TestServer.start();
    const client = await server.connect();
    client.send('SHUTDOWN NOSAVE\r\n');
    await client.ended;
    expect(client.unread).toEqual([]);
    await server.server.closed;
  });

  it('is refused to SHUTDOWN SAVE and ABORT', async () => {
    const server = await TestServer.start();
    const client = await server.connect();
    expect(await client.call('SHUTDOWN', 'SAVE'))
      .toBe('-ERR Errors trying to SHUTDOWN. Check logs.');
    expect(await client.call('SHUTDOWN', 'ABORT')).toBe('-ERR No shutdown in progress.');
    expect(await client.call('SHUTDOWN', 'LATER')).toBe('-ERR syntax error');
    expect(await client.call('PING')).toBe('+PONG');
    await server.close();
  });

  it('comes at once with a clear message when an invariant broke after a change', async () => {
    const server = await TestServer.start();
    const client = await server.connect();
    server.room.composed.shard.failure = new Error('span sum equals length');
    client.send('PING\r\n');
    await expect(server.server.closed).rejects.toMatchObject({
      code: 'ENGINE_FAILED', message: expect.stringContaining('span sum equals length') as string,
    });
    await client.ended;
    expect(server.log.join('\n')).toContain('span sum equals length');
  });
});

describe('CONFIG REWRITE', () => {
  it('writes the file that the server was started with', async () => {
    const file = join(directory, 'kora.conf');
    writeFileSync(file, '# mine\nmaxclients 50\n');
    const server = await TestServer.start({ maxclients: 50 }, { configFile: file });
    const client = await server.connect();
    expect(await client.call('CONFIG', 'SET', 'maxclients', '60')).toBe('+OK');
    expect(await client.call('CONFIG', 'REWRITE')).toBe('+OK');
    expect(readFileSync(file, 'utf8')).toMatch(/# mine\nmaxclients 60\n/);
    rmSync(file);
    expect(await client.call('CONFIG', 'REWRITE')).toMatch(/^-ERR Rewriting config file: ENOENT/);
    await server.close();
  });
});
