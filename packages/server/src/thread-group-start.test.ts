/**
 * Several workers on threads of their own, on every engine that this machine offers: they
 * share one address that nobody else has, start all or none, and leave nothing behind. Threads run
 * the built files: needs a build.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createServer } from './server.ts';
import { freePort } from './testing/free-port.ts';
import { RawClient } from './testing/raw-client.ts';
import { isServed, WORKER_ENGINES, ThreadedServer, until } from './testing/threaded-server.ts';

/** Descriptors and threads of this process. */
const inProcess = (): number[] =>
  ['fd', 'task'].map((folder) => readdirSync(`/proc/self/${folder}`).length);

/** Resolves when there are no more than before. */
async function noneIsLeft([descriptors = 0, threads = 0]: readonly number[]): Promise<void> {
  await until(() => {
    const [descriptorsNow = 0, threadsNow = 0] = inProcess();
    return descriptorsNow <= descriptors && threadsNow <= threads;
  });
}

describe.each(WORKER_ENGINES)('the start of several workers, io %s', (io) => {
  const make = (workers: number, settings: Record<string, string | number>) =>
    createServer({
      io, workers, settings: { bind: '127.0.0.1', ...settings }, onLog: () => undefined,
    });

  it('shares one port, which no other server gets, and a unix socket', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kora-group-'));
    const path = join(directory, 'kora.sock');
    const served = await ThreadedServer.start({
      io, workers: 3, settings: { bind: '127.0.0.1 127.0.0.2 -203.0.113.1', unixsocket: path },
    });
    const { port } = served.address;
    expect(served.address).toEqual({ host: '127.0.0.1', port, io, unixSocket: path });
    expect(served.log.filter((line) => line.includes('Ready to accept'))).toHaveLength(3);
    for (const client of await served.connectMany(12)) {
      expect(await client.call('CONFIG', 'GET', 'port')).toBe(`["port", "${port}"]`);
    }
    for (const target of [{ host: '127.0.0.2', port }, { path }]) {
      const client = await RawClient.connect(target);
      expect(await client.call('PING')).toBe('+PONG');
      client.destroy();
    }
    const other = make(2, { port });
    await expect(other.start()).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE', message: `127.0.0.1:${port} is in use by another process`,
    });
    await other.closed;
    for (const client of await served.connectMany(12)) {
      expect(await client.call('PING')).toBe('+PONG');
    }
    await served.close();
    expect(await isServed(port)).toBe(false);
    expect(existsSync(path)).toBe(false);
    rmSync(directory, { recursive: true });
  });

  it('is won by one of two that want the same port at once', async () => {
    const port = await freePort();
    const servers = [make(2, { port }), make(2, { port })];
    const outcomes = await Promise.allSettled(servers.map((server) => server.start()));
    const refusals = outcomes.filter(({ status }) => status === 'rejected');
    expect(refusals).toHaveLength(1);
    expect(refusals[0]).toMatchObject({ reason: { code: 'ADDRESS_IN_USE' } });
    for (const server of servers) await server.close();
    expect(await isServed(port)).toBe(false);
  });

  it('needs no TCP', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kora-group-'));
    const path = join(directory, 'kora.sock');
    const server = make(2, { bind: '', unixsocket: path });
    expect(await server.start()).toEqual({ host: '', port: 0, io, unixSocket: path });
    const client = await RawClient.connect({ path });
    for (let i = 0; i < 20; i++) expect(await client.call('SET', `k${i}`, 'v')).toBe('+OK');
    expect(await client.call('DBSIZE')).toBe(':20');
    client.destroy();
    await server.close();
    rmSync(directory, { recursive: true });
  });

  it('is closed while it goes on', async () => {
    const server = make(2, { port: 0 });
    const starting = server.start();
    await server.close();
    await starting.then(undefined, (fault: unknown) => {
      expect(fault).toMatchObject({ code: 'ENGINE_CLOSED' });
    });
    await server.closed;
  });

  it('leaves no descriptor and no thread, refused or ended', async () => {
    const first = make(2, { port: 0 });
    await first.start();
    await first.close();
    const before = inProcess();
    const refused = make(2, { port: 0, bind: '127.0.0.1 203.0.113.1' });
    await expect(refused.start()).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
    await refused.closed;
    for (let i = 0; i < 3; i++) {
      const served = await ThreadedServer.start({ io, workers: 2 });
      const client = await served.connect();
      expect(await client.call('MSET', 'a', '1', 'b', '2', 'c', '3')).toBe('+OK');
      await served.close();
    }
    await noneIsLeft(before);
  });
});
