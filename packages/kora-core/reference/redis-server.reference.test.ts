/**
 * The helper by which tests start redis-server: a taken port costs another attempt and not the
 * test, a server that cannot start says why, and nothing is left of one that was stopped.
 */
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer, freePort } from './redis-server.ts';

let occupant: Server;
let takenPort = 0;
beforeAll(async () => {
  occupant = createServer();
  await new Promise<void>((resolve) => {
    occupant.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  takenPort = (occupant.address() as AddressInfo).port; // not a path: it listens on TCP
});
afterAll(() => {
  occupant.close();
});

describe('RedisServer', () => {
  it('answers over a unix socket in its folder, and leaves neither', async () => {
    const server = await RedisServer.start();
    const [dir, port] = await server.ask([['CONFIG', 'GET', 'dir'], ['CONFIG', 'GET', 'port']]);
    const folder = itemsOf(dir)[1] ?? '';
    expect(itemsOf(port)).toEqual(['port', '0']);
    expect(existsSync(`${folder}/socket`)).toBe(true);
    await server.stop();
    expect(existsSync(folder)).toBe(false);
    await expect(server.ask([['PING']])).rejects.toThrow('ENOENT');
    await server.stop();
  });

  it.each([
    ['a server on TCP', { isOnTcp: true }], ['a cluster', { isCluster: true }],
  ])('gives %s another port when one is taken', async (_name, options) => {
    const ports = [takenPort, takenPort];
    const server = await RedisServer.start({
      ...options, portSource: async () => ports.pop() ?? await freePort(),
    });
    expect(ports).toEqual([]);
    expect(await server.ask([['PING']])).toEqual([{ kind: 'simple', text: 'PONG' }]);
    await server.stop();
  });

  it('gives up in the end when every port is taken', async () => {
    let attempts = 0;
    const portSource = async (): Promise<number> => {
      attempts++;
      return takenPort;
    };
    await expect(RedisServer.start({ isOnTcp: true, portSource })).rejects.toThrow(
      'Address already in use',
    );
    expect(attempts).toBe(6);
  });

  it('tells why a server did not start', async () => {
    await expect(RedisServer.start({ flags: ['--no-such-option', '1'] })).rejects.toThrow(
      'Bad directive',
    );
  });

  it('fails a question whose connection the server closes', async () => {
    const server = await RedisServer.start();
    await expect(server.ask([['QUIT'], ['PING']])).rejects.toThrow('closed after 1 of 2 replies');
    await server.stop();
  });
});

function itemsOf(reply: unknown): string[] {
  expect(reply).toMatchObject({ kind: 'array' });
  const { items } = reply as { items: { text: string }[] };
  return items.map(({ text }) => text);
}
