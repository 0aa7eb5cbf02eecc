/**
 * Real servers killed while they make snapshots: clients write alone, in transactions over keys of
 * several shards, and values of all types, others ask for one snapshot after the other. The process
 * is killed at a random moment and started again, at last with another number of workers: all that
 * was acknowledged is there, no transaction by half, whichever snapshot counts.
 * Runs the built files, with every I/O engine this machine offers.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { platform } from 'node:process';
import { afterAll, describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { KilledServer } from '../testing/killed-server.ts';
import type { RawClient } from '../testing/raw-client.ts';

const root = mkdtempSync(join(tmpdir(), 'kora-snapshot-kill-'));
afterAll(() => { rmSync(root, { recursive: true }); });

const start = (directory: string, io: string, workers: number): Promise<KilledServer> =>
  KilledServer.start({ directory, io, workers, fsync: 'always', loglevel: 'notice' });

/** Runs until the connection ends. */
async function untilKilled(work: () => Promise<void>): Promise<void> {
  try {
    for (;;) await work();
  } catch (error) {
    if (!String(error).includes('the connection ended')) throw error;
  }
}

/** What one client was told. */
interface Told {
  /** Last round that was acknowledged, and the last that was sent. */
  acknowledged: number;
  sent: number;
}

/** A round: a value of each type, then a transaction over keys of several shards. */
async function writeRound(client: RawClient, id: number, told: Told): Promise<void> {
  const round = String(told.sent + 1);
  told.sent++;
  const replies = await Promise.all([
    client.call('SET', `string:${id}`, round),
    client.call('RPUSH', `list:${id}`, round),
    client.call('HSET', `hash:${id}`, `f${Number(round) % 500}`, round),
    client.call('ZADD', `zset:${id}`, round, `m${Number(round) % 500}`),
    client.call('SADD', `set:${id}`, round),
    client.call('SETRANGE', `long:${id}`, String((Number(round) % 90) * 1000), round),
    client.call('MULTI'), client.call('SET', `{a}${id}`, round),
    client.call('SET', `{b}${id}`, round), client.call('INCR', `{c}${id}`), client.call('EXEC'),
  ]);
  for (const reply of replies) expect(reply).not.toMatch(/^-/);
  told.acknowledged++;
}

async function numbersOf(client: RawClient, id: number): Promise<Record<string, number>> {
  const [string, list, last, a, b, c, set] = await Promise.all([
    client.call('GET', `string:${id}`), client.call('LLEN', `list:${id}`),
    client.call('LINDEX', `list:${id}`, '-1'), client.call('GET', `{a}${id}`),
    client.call('GET', `{b}${id}`), client.call('GET', `{c}${id}`),
    client.call('SCARD', `set:${id}`),
  ]);
  const number = (text = '_'): number =>
    Number(text === '_' ? 0 : text.startsWith(':') ? text.slice(1) : JSON.parse(text));
  return {
    string: number(string), list: number(list), last: number(last), a: number(a), b: number(b),
    c: number(c), set: number(set),
  };
}

/** Everything is what some moment behind the acknowledged one had. */
async function check(client: RawClient, id: number, told: Told, about: string): Promise<void> {
  const found = await numbersOf(client, id);
  for (const [name, number] of Object.entries(found)) {
    expect(number, `${name}, ${about}`).toBeGreaterThanOrEqual(told.acknowledged);
    expect(number, `${name}, ${about}`).toBeLessThanOrEqual(told.sent);
  }
  expect(found['list'], about).toBe(found['last']);
  expect([found['b'], found['c']], about).toEqual([found['a'], found['a']]);
  // What was under way may be there in part: the next round has a number of its own.
  const last = String(found['c']);
  await Promise.all([
    client.call('SET', `string:${id}`, last), client.call('LTRIM', `list:${id}`, '0',
      String(Number(last) - 1)),
    client.call('SREM', `set:${id}`, String(Number(last) + 1)),
  ]);
  if (Number(last) === 0) await client.call('DEL', `list:${id}`);
  while (Number((await client.call('LLEN', `list:${id}`)).slice(1)) < Number(last)) {
    const next = Number((await client.call('LLEN', `list:${id}`)).slice(1)) + 1;
    await client.call('RPUSH', `list:${id}`, String(next));
    await client.call('SADD', `set:${id}`, String(next));
  }
  told.sent = Number(last);
  told.acknowledged = Number(last);
}

const CLIENTS = 4;
const ROUNDS = 3;
const offered = (process.env['KORA_OFFERED_IO'] ?? 'node').split(' ');

describe.each(offered)('a server killed while it makes snapshots, on %s', (io) => {
  it.each([1, 2])('has all that it acknowledged, with %i workers', async (workers) => {
    const directory = join(root, `${io}-${workers}`);
    const chance = new SeededChance(workers);
    const told: Told[] = Array.from({ length: CLIENTS }, () => ({ acknowledged: 0, sent: 0 }));
    let snapshots = 0;
    for (let round = 0; round < ROUNDS; round++) {
      // The last start deals the keys out to another number of workers.
      const running = await start(directory, io, round === ROUNDS - 1 ? 3 - workers : workers);
      const clients = await Promise.all(told.map(() => running.connect()));
      const saver = await running.connect();
      for (const [id, each] of told.entries()) {
        await check(clients[id]!, id, each, `round ${round}, client ${id}: ${running.log}`);
      }
      const before = snapshots;
      const work = [
        ...told.map((each, id) => untilKilled(() => writeRound(clients[id]!, id, each))),
        untilKilled(async () => {
          expect(await saver.call('SAVE')).toBe('+OK');
          snapshots++;
        }),
      ];
      const enough = 1 + ((chance.next32() >>> 0) % 4);
      const wanted = told.map(({ acknowledged }) => acknowledged + 20);
      while (snapshots < before + enough || told.some((each, i) => each.sent < wanted[i]!)) {
        await new Promise((resolve) => { setImmediate(resolve); });
      }
      await running.kill();
      await Promise.all(work);
    }
    expect(snapshots).toBeGreaterThanOrEqual(ROUNDS);
    const running = await start(directory, io, workers);
    const client = await running.connect();
    for (const [id, each] of told.entries()) {
      await check(client, id, each, `at last, client ${id}: ${running.log}`);
    }
    expect(await client.call('SAVE')).toBe('+OK');
    // An end in order also removes what the snapshot made superfluous.
    await running.close();
    const names = readdirSync(directory);
    expect(names.filter((name) => name.endsWith('.tmp')), running.log).toEqual([]);
    expect(names.filter((name) => name.startsWith('manifest')).length).toBeLessThanOrEqual(2);
  }, 120_000);
});

describe('a disk that has no room for a snapshot', () => {
  it.each(offered)('leaves the one before, and the next one is whole, on %s', async (io) => {
    if (platform !== 'linux') return; // The room of a running process can be changed there alone.
    const directory = join(root, `full-${io}`);
    const chance = new SeededChance(7);
    const noise = Array.from({ length: 300_000 }, () =>
      String.fromCharCode(33 + ((chance.next32() >>> 0) % 90))).join('');
    for (const workers of [1, 2]) {
      const running = await start(directory, io, workers);
      const client = await running.connect();
      expect(await client.call('SET', 'noise', noise)).toBe('+OK');
      expect(await client.call('SAVE')).toBe('+OK');
      // The log goes on in a new segment, which is short.
      expect(await client.call('SET', 'small', '1')).toBe('+OK');
      const before = readdirSync(directory).filter((name) => name.startsWith('manifest'));
      running.limitFiles(100_000);
      expect(await client.call('SAVE')).toMatch(/^-ERR the snapshot failed/);
      expect(await client.call('VSAVE'))
        .toBe('-ERR save failed: the log of the server says why');
      expect(await client.call('INFO', 'persistence')).toContain('rdb_last_bgsave_status:err');
      expect(await client.call('SET', 'meanwhile', String(workers))).toBe('+OK');
      expect(running.log).toMatch(/snapshot \d+ failed: .*EFBIG/);
      const names = readdirSync(directory);
      expect(names.filter((name) => name.startsWith('manifest'))).toEqual(before);
      running.limitFiles('unlimited');
      expect(await client.call('SAVE')).toBe('+OK');
      expect(await client.call('INFO', 'persistence')).toContain('rdb_last_bgsave_status:ok');
      await running.kill();
      const again = await start(directory, io, workers);
      const reader = await again.connect();
      expect(await reader.call('GET', 'noise')).toBe(JSON.stringify(noise));
      expect(await reader.call('GET', 'meanwhile')).toBe(`"${workers}"`);
      await again.kill();
    }
  }, 60_000);
});
