/**
 * VSAVE over a socket, byte for byte as Engram answers it: without a directory the error, with one
 * a snapshot that counts, whatever else is being saved. Indexes that lie on several workers are all
 * in it, empty ones too. Runs the built files.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RawClient } from '../testing/raw-client.ts';
import { ThreadedServer } from '../testing/threaded-server.ts';

const root = mkdtempSync(join(tmpdir(), 'kora-vector-save-'));
afterAll(() => { rmSync(root, { recursive: true }); });

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'] as const;

async function connect(server: ThreadedServer): Promise<RawClient> {
  const client = await server.connect();
  while ((await client.call('DBSIZE')).startsWith('-LOADING'));
  return client;
}

function blob(...components: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(components).buffer);
}

function snapshotsIn(directory: string): readonly string[] {
  return readdirSync(directory).filter((name) => name.startsWith('snapshot'));
}

describe.each([1, 2])('VSAVE of a server with %i workers', (workers) => {
  it('is refused without a directory, and with words behind it', async () => {
    const server = await ThreadedServer.start({ io: 'node', workers });
    const client = await server.connect();
    expect(await client.call('VSAVE'))
      .toBe('-ERR persistence not enabled; start with a data dir');
    expect(await client.call('vsave', 'now'))
      .toBe("-ERR wrong number of arguments for 'vsave' command");
    await server.close();
  });

  it('makes a snapshot of all indexes, also behind one that is under way', async () => {
    const directory = join(root, String(workers));
    const settings = { dir: directory };
    const server = await ThreadedServer.start({ io: 'node', workers, settings });
    const client = await connect(server);
    for (const name of NAMES) {
      expect(await client.call('VNEW', name, '2', 'METRIC', 'l2')).toBe('+OK');
    }
    for (const name of NAMES.slice(1)) {
      expect(await client.call('VADD', name, 'one', blob(3, 4))).toBe(':1');
    }
    expect(snapshotsIn(directory)).toEqual([]);
    expect(await client.call('BGSAVE')).toBe('+Background saving started');
    expect(await client.call('VADD', 'f', 'two', blob(0, 1))).toBe(':1');
    expect(await client.call('VSAVE')).toBe('+OK');
    expect(await client.call('INFO', 'persistence')).toContain('rdb_changes_since_last_save:0');
    expect(snapshotsIn(directory).length).toBeGreaterThanOrEqual(workers);
    await server.close();

    const again = await ThreadedServer.start({ io: 'node', workers, settings });
    const reader = await connect(again);
    for (const [i, name] of NAMES.entries()) {
      const count = i === 0 ? 0 : name === 'f' ? 2 : 1;
      expect(await reader.call('VINFO', name))
        .toBe(`["dim", "2", "metric", "l2", "count", "${count}"]`);
    }
    expect(await reader.call('VSEARCH', 'f', blob(0, 0), '2'))
      .toBe('["two", "1", "one", "5"]');
    await again.close();
  });
});
