/**
 * Where engines listen and whom they see, on every engine that can be had here: they agree on
 * ports, paths, permissions, on the words of their errors, and on what is free again when they
 * stop.
 */
import {
  chmodSync, existsSync, mkdtempSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '@kora/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EngineRig, engineKinds, readAll, until } from '../testing/engine-rig.ts';
import type { EngineKind } from '../testing/engine-rig.ts';
import { NodeEngine } from './node-engine.ts';

const rigs: EngineRig[] = [];
let folder = '';

function open(kind: EngineKind): EngineRig {
  const rig = new EngineRig(kind);
  rigs.push(rig);
  return rig;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kora-engine-'));
});

afterEach(() => {
  const broken: string[] = [];
  for (const rig of rigs.splice(0)) {
    rig.stop();
    broken.push(...rig.broken);
  }
  rmSync(folder, { recursive: true, force: true });
  expect(broken).toEqual([]);
});

/** What the other engines have to say too. */
const nodeKind: EngineKind = { name: 'node', isLoop: false, open: () => new NodeEngine() };

async function refusalOf(
  kind: EngineKind, address: Parameters<EngineRig['listen']>[0],
): Promise<{ code: string; message: string }> {
  const failure = await open(kind).listen(address).catch((error: unknown) => error);
  if (!(failure instanceof Fault)) throw new Error('it was not refused');
  return { code: failure.code, message: failure.message };
}

describe.each(engineKinds())('addresses of the engine $name', (kind) => {
  it('takes a free port and shows both ends of a connection', async () => {
    const rig = open(kind);
    const { client, connection } = await rig.pair();
    const { address, localAddress, isLoopback, isUnixSocket } = connection.peer;
    expect(localAddress).toBe(`127.0.0.1:${client.remotePort}`);
    expect(address).toBe(`127.0.0.1:${client.localPort}`);
    expect({ isLoopback, isUnixSocket }).toEqual({ isLoopback: true, isUnixSocket: false });
    expect(connection.peer.descriptor).toBeGreaterThan(2);
  });

  it('listens on IPv6 for itself, on the same port as IPv4', async () => {
    const rig = open(kind);
    const { port } = await rig.listen({ host: '::1' });
    await rig.listen({ host: '127.0.0.1', port });
    const client = await rig.connect({ port, host: '::1' });
    await until(() => rig.connections.length === 1);
    const { address, localAddress, isLoopback } = rig.connections[0]!.peer;
    expect(address).toBe(`[::1]:${client.localPort}`);
    expect(localAddress).toBe(`[::1]:${port}`);
    expect(isLoopback).toBe(true);
    const both = await rig.listen({ host: '::' });
    await rig.listen({ host: '0.0.0.0', port: both.port });
    await rig.connect({ port: both.port });
    await until(() => rig.connections.length === 2);
    expect(rig.connections[1]!.peer.address).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('finds the addresses of a name', async () => {
    const rig = open(kind);
    const { port } = await rig.listen({ host: 'localhost' });
    await rig.connect({ port, host: 'localhost' });
    await until(() => rig.connections.length === 1);
  });

  it('refuses an address that is taken, not here or nobody\'s, in the same words', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => {
      taken.listen(0, '127.0.0.1', resolve);
    });
    // A TCP server's address is an AddressInfo.
    const { port } = taken.address() as AddressInfo;
    const cases = [
      { port }, { host: '192.0.2.77' }, { host: '192.0.2.77', port }, { host: '2001:db8::1' },
      { host: 'no.such.name.invalid' }, { path: join(folder, 'x'.repeat(120)) },
    ];
    for (const address of cases) {
      const refusal = await refusalOf(kind, address);
      expect(refusal).toEqual(await refusalOf(nodeKind, address));
      expect(refusal.code).toBe('port' in address && !('host' in address)
        ? 'ADDRESS_IN_USE' : 'LISTEN_FAILED');
    }
    taken.close();
    const nowhere = join(folder, 'none', 'x.sock');
    const { code, message } = await refusalOf(kind, { path: nowhere });
    expect(code).toBe('LISTEN_FAILED');
    // libuv says EACCES where the system says ENOENT.
    expect(message).toMatch(/^cannot listen on .*\.sock: listen E(ACCES|NOENT): .*\.sock$/);
  });

  it('gives the address back at once, and keeps what it accepted there', async () => {
    const rig = open(kind);
    rig.script = { onReceive: (connection, bytes) => void rig.send(connection, bytes) };
    const { port, listener } = await rig.listen();
    const client = await rig.connect({ port });
    await until(() => rig.connections.length === 1);
    rig.call(() => {
      rig.engine.stopListening(listener);
    });
    const again = await rig.listen({ port });
    expect(again.port).toBe(port);
    expect(again.listener).not.toBe(listener);
    rig.call(() => {
      rig.engine.stopListening(listener);
      rig.engine.stopListening(again.listener);
    });
    await expect(rig.connect({ port })).rejects.toThrow('ECONNREFUSED');
    const answer = readAll(client);
    client.end('still here');
    await until(() => rig.connections[0]!.hasEnded);
    rig.close(rig.connections[0]!, true);
    expect((await answer).bytes.toString()).toBe('still here');
  });

  it('listens on a path, with permissions, and removes its file', async () => {
    const rig = open(kind);
    const path = join(folder, 'engine.sock');
    const { port, listener } = await rig.listen({ path, pathMode: 0o700 });
    expect(port).toBe(0);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    const client = await rig.connect({ path });
    await until(() => rig.connections.length === 1);
    const local = `${path}:0`;
    const { descriptor, ...peer } = rig.connections[0]!.peer;
    expect(descriptor).toBeGreaterThan(2);
    expect(peer).toEqual({
      address: local, localAddress: local, isLoopback: true, isUnixSocket: true,
    });
    rig.call(() => {
      rig.engine.stopListening(listener);
    });
    expect(existsSync(path)).toBe(false);
    const answer = readAll(client);
    rig.send(rig.connections[0]!, Buffer.from('bye'));
    rig.close(rig.connections[0]!, true);
    client.end();
    expect((await answer).bytes.toString()).toBe('bye');
  });

  it('takes the place of a socket file left behind, and of nothing else', async () => {
    const path = join(folder, 'stale.sock');
    const before = open(kind);
    await before.listen({ path });
    const rig = open(kind);
    await rig.listen({ path });
    await rig.connect({ path });
    await until(() => rig.connections.length === 1);
    const file = join(folder, 'file');
    writeFileSync(file, 'precious');
    expect((await refusalOf(kind, { path: file })).code).toBe('ADDRESS_IN_USE');
    const link = join(folder, 'link');
    symlinkSync(file, link);
    expect((await refusalOf(kind, { path: link })).code).toBe('ADDRESS_IN_USE');
    expect(existsSync(file)).toBe(true);
    unlinkSync(link);
  });

  it('takes the longest path there is', async () => {
    const rig = open(kind);
    const path = join(folder, 'p'.repeat(107 - folder.length - 1));
    expect(Buffer.byteLength(path)).toBe(107);
    await rig.listen({ path });
    await rig.connect({ path });
    await until(() => rig.connections.length === 1);
    expect(existsSync(path)).toBe(true);
  });

  it('sets keepalive on connections of both kinds', async () => {
    const rig = open(kind);
    const path = join(folder, 'keep.sock');
    await rig.listen({ path });
    await rig.connect({ path });
    await until(() => rig.connections.length === 1);
    await rig.pair();
    for (const { slot } of rig.connections) {
      for (const seconds of [300, 1, 0]) {
        rig.call(() => {
          rig.engine.setKeepAlive(slot, seconds);
        });
      }
    }
    rig.call(() => {
      rig.engine.setKeepAlive(1000, 300);
    });
    expect(rig.connections.every(({ isClosed }) => !isClosed)).toBe(true);
  });

  it('stops with everything open', async () => {
    const rig = open(kind);
    const path = join(folder, 'stop.sock');
    await rig.listen({ path });
    const { client } = await rig.pair();
    chmodSync(path, 0o600);
    const answer = readAll(client);
    rig.stop();
    await answer;
    expect(existsSync(path)).toBe(false);
    rig.call(() => {
      rig.engine.stop();
      rig.engine.requestTurn();
      rig.engine.stopListening(0);
      rig.engine.close(0, false);
    });
  });
});
