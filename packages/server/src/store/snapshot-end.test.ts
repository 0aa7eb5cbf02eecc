/**
 * Servers that end while a snapshot is made: by close, by SHUTDOWN with and without saving, and
 * with rules of `save`. They end in order, leave nothing unfinished behind, and have everything at
 * the next start. Runs the built files, with every I/O engine this machine offers.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RawClient } from '../testing/raw-client.ts';
import { ThreadedServer, WORKER_ENGINES } from '../testing/threaded-server.ts';

const root = mkdtempSync(join(tmpdir(), 'kora-snapshot-end-'));
afterAll(() => { rmSync(root, { recursive: true }); });

const KEYS = 3000;

async function connect(server: ThreadedServer): Promise<RawClient> {
  const client = await server.connect();
  while ((await client.call('DBSIZE')).startsWith('-LOADING'));
  return client;
}

/** How a server ends; `client` has asked for a snapshot. */
const ENDS: Readonly<Record<string, (server: ThreadedServer, client: RawClient) => Promise<void>>> =
  {
    close: (server) => server.close(),
    'SHUTDOWN NOSAVE': async (server, client) => {
      await expect(client.call('SHUTDOWN', 'NOSAVE')).rejects.toThrow(/ended/);
      await server.server.closed;
    },
    'SHUTDOWN SAVE': async (server, client) => {
      await expect(client.call('SHUTDOWN', 'SAVE')).rejects.toThrow(/ended/);
      await server.server.closed;
    },
    'SHUTDOWN with a rule': async (server, client) => {
      expect(await client.call('CONFIG', 'SET', 'save', '3600 1')).toBe('+OK');
      await expect(client.call('SHUTDOWN')).rejects.toThrow(/ended/);
      await server.server.closed;
    },
  };

describe.each(WORKER_ENGINES)('a server that ends during a snapshot, on %s', (io) => {
  it.each([1, 2])('ends in order and has everything, with %i workers', async (workers) => {
    const directory = join(root, `${io}-${workers}`);
    let rounds = 0;
    for (const [name, end] of Object.entries(ENDS)) {
      const server = await ThreadedServer.start({ io, workers, settings: { dir: directory } });
      const client = await connect(server);
      const about = `${name}: ${server.log.slice(-5).join('; ')}`;
      expect(await client.call('DBSIZE'), about).toBe(`:${rounds === 0 ? 0 : KEYS + rounds}`);
      const value = 'v'.repeat(300);
      await Promise.all(Array.from({ length: KEYS }, (_, i) =>
        client.call('SET', `key:${i}`, `${value}${i}`)));
      expect(await client.call('BGSAVE')).toBe('+Background saving started');
      rounds++;
      for (let i = 0; i < rounds; i++) await client.call('SET', `round:${i}`, '1');
      await end(server, client);
      const names = readdirSync(directory);
      expect(names.includes('kora.lock'), about).toBe(false);
      if (name.endsWith('SAVE') && name !== 'SHUTDOWN NOSAVE') {
        expect(names.filter((each) => each.endsWith('.part')).length, about)
          .toBeGreaterThanOrEqual(workers);
      }
    }
    const server = await ThreadedServer.start({ io, workers, settings: { dir: directory } });
    const client = await connect(server);
    expect(await client.call('DBSIZE')).toBe(`:${KEYS + rounds}`);
    expect(await client.call('SAVE')).toBe('+OK');
    await server.close();
    expect(readdirSync(directory).filter((each) => /snapshot.*\.tmp$/.test(each))).toEqual([]);
  }, 60_000);
});
