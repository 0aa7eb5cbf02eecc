/**
 * The cut of a snapshot over several workers is one moment of their order: money that clients move
 * between accounts of all workers, in EXEC, in MSET, and elements that led commands take from one
 * to another, are there as a whole in every snapshot by itself, without any log behind it. Loaded
 * by the embedded engine, so from several workers to one shard.
 * Runs the built files, with every I/O engine this machine offers.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { openSync } from '@kora/embedded';
import type { RawClient } from '../testing/raw-client.ts';
import { ThreadedServer, WORKER_ENGINES } from '../testing/threaded-server.ts';

const root = mkdtempSync(join(tmpdir(), 'kora-snapshot-cut-'));
afterAll(() => { rmSync(root, { recursive: true }); });

const ACCOUNTS = 12;
const START = 1000;
const CLIENTS = 6;
const SNAPSHOTS = 6;
const TOKENS = 40;

const account = (i: number): string => `account:${i}`;

/** One change of a client, which keeps what there is of everything. */
async function move(client: RawClient, chance: SeededChance, id: number): Promise<void> {
  const below = (end: number): number => (chance.next32() >>> 0) % end;
  const [from, to] = [below(ACCOUNTS), below(ACCOUNTS)];
  switch (below(4)) {
    case 0: {
      const amount = String(1 + below(20));
      await Promise.all([
        client.call('MULTI'), client.call('DECRBY', account(from), amount),
        client.call('INCRBY', account(to), amount), client.call('EXEC'),
      ]);
      return;
    }
    case 1: {
      const value = String(below(1e6));
      const pairs = Array.from({ length: 5 }, (_, i) => [`same:${id}:${i}`, value]);
      await client.call('MSET', ...pairs.flat());
      return;
    }
    case 2:
      await client.call('LMOVE', `list:${from}`, `list:${to}`, 'LEFT', 'RIGHT');
      return;
    default:
      await client.call('SMOVE', `set:${from}`, `set:${to}`, `token:${below(TOKENS)}`);
  }
}

/** Whether all is there, in a snapshot alone. */
function check(directory: string, about: string): void {
  const db = openSync({ dir: directory });
  try {
    const numbers = (prefix: string, count: number): number[] =>
      Array.from({ length: count }, (_, i) => Number(db.get(`${prefix}${i}`)));
    const sum = numbers('account:', ACCOUNTS).reduce((total, each) => total + each, 0);
    expect(sum, `${about}: money`).toBe(ACCOUNTS * START);
    for (let id = 0; id < CLIENTS; id++) {
      const values = new Set(Array.from({ length: 5 }, (_, i) => db.get(`same:${id}:${i}`)));
      expect(values.size, `${about}: MSET of client ${id}`).toBe(1);
    }
    const count = (command: string, prefix: string): number =>
      Array.from({ length: ACCOUNTS }, (_, i) => Number(db.call(command, `${prefix}${i}`)))
        .reduce((total, each) => total + each, 0);
    expect(count('LLEN', 'list:'), `${about}: LMOVE`).toBe(TOKENS);
    expect(count('SCARD', 'set:'), `${about}: SMOVE`).toBe(TOKENS);
  } finally {
    db.close();
  }
}

describe.each(WORKER_ENGINES)('the cut of a snapshot on %s', (io) => {
  it.each([2, 3])('takes transactions as a whole, with %i workers', async (workers) => {
    const directory = join(root, `${io}-${workers}`);
    const server = await ThreadedServer.start({
      io, workers,
      settings: { dir: directory, appendfsync: 'no', 'snapshot-retain': SNAPSHOTS + 1 },
    });
    try {
      const clients = await server.connectMany(CLIENTS + 1);
      const [saver] = clients.splice(0, 1);
      while ((await saver!.call('DBSIZE')).startsWith('-LOADING'));
      for (let i = 0; i < ACCOUNTS; i++) await saver!.call('SET', account(i), String(START));
      for (let i = 0; i < TOKENS; i++) {
        await saver!.call('RPUSH', `list:${i % ACCOUNTS}`, String(i));
        await saver!.call('SADD', `set:${i % ACCOUNTS}`, `token:${i}`);
      }
      let isOver = false;
      let moves = 0;
      const work = clients.map(async (client, id) => {
        const chance = new SeededChance(id + workers * 100);
        while (!isOver) {
          await move(client, chance, id);
          moves++;
        }
      });
      for (let taken = 0; taken < SNAPSHOTS; taken++) {
        const wanted = moves + 50;
        while (moves < wanted) await new Promise((resolve) => { setImmediate(resolve); });
        expect(await saver!.call('SAVE')).toBe('+OK');
      }
      isOver = true;
      await Promise.all(work);
    } finally {
      await server.close();
    }
    const manifests = readdirSync(directory).filter((name) => name.startsWith('manifest-'));
    const numbers = manifests.map((name) => Number(name.slice('manifest-'.length)));
    expect(numbers.length).toBeGreaterThanOrEqual(SNAPSHOTS);
    for (const number of numbers) {
      const parts = readdirSync(directory).filter((name) =>
        name.startsWith(`snapshot-${String(number).padStart(8, '0')}-`));
      if (parts.length === 0) continue;
      const alone = join(root, `${io}-${workers}-${number}`);
      mkdirSync(alone);
      const manifest = `manifest-${String(number).padStart(8, '0')}`;
      for (const name of [manifest, ...parts]) {
        copyFileSync(join(directory, name), join(alone, name));
      }
      check(alone, `snapshot ${number}`);
    }
  }, 60_000);
});
