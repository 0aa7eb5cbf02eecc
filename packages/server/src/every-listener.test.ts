/**
 * W-29 of the list of faults that this server must not have: a listener that serves another, empty
 * database, without the password and without persistence. Every address of a server, TCP and unix
 * socket, leads to the same data behind the same password, and what is written there is kept.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { RawClient } from './testing/raw-client.ts';
import type { Target } from './testing/raw-client.ts';
import { TestServer } from './testing/test-server.ts';

const root = mkdtempSync(join(tmpdir(), 'kora-listeners-'));
afterAll(() => { rmSync(root, { recursive: true }); });

const path = join(root, 'kora.sock');
const dataDir = join(root, 'data');

function start(): Promise<TestServer> {
  const settings = {
    bind: '127.0.0.1 127.0.0.2', unixsocket: path, unixsocketperm: '700', requirepass: 'secret',
    appendfsync: 'always',
  };
  return TestServer.start(settings, { dataDir });
}

function targetsOf({ address: { port } }: TestServer): Target[] {
  return [{ host: '127.0.0.1', port }, { host: '127.0.0.2', port }, { path }];
}

describe('W-29: every listener', () => {
  it('serves the same data behind the same password, and keeps what is written', async () => {
    const first = await start();
    for (const [index, target] of targetsOf(first).entries()) {
      const client = await RawClient.connect(target);
      expect(await client.call('GET', 'key')).toBe('-NOAUTH Authentication required.');
      expect(await client.call('AUTH', 'secret')).toBe('+OK');
      expect(await client.call('INCR', 'key')).toBe(`:${index + 1}`);
      expect(await client.call('RPUSH', 'list', String(index))).toBe(`:${index + 1}`);
      client.destroy();
    }
    await first.close();
    const second = await start();
    for (const target of targetsOf(second)) {
      const client = await RawClient.connect(target);
      expect(await client.call('DBSIZE')).toBe('-NOAUTH Authentication required.');
      expect(await client.call('AUTH', 'secret')).toBe('+OK');
      expect(await client.call('DBSIZE')).toBe(':2');
      expect(await client.call('GET', 'key')).toBe('"3"');
      expect(await client.call('LRANGE', 'list', '0', '-1')).toBe('["0", "1", "2"]');
      client.destroy();
    }
    await second.close();
  });
});
