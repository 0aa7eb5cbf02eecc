/**
 * Real servers killed under load: clients write alone, in pipelines, and in transactions over keys
 * of several shards, and note every reply. The process is killed at a random moment and started
 * again: with `always` everything that was acknowledged is there, no transaction is there by half,
 * and the directory opens again and again, also with another number of workers. While the disk has
 * no room, writes are refused and reads go on, who waits for it too long is disconnected, and
 * afterwards it recovers by itself.
 * Runs the built files, with every I/O engine this machine offers.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { platform } from 'node:process';
import { afterAll, describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { KilledServer } from '../testing/killed-server.ts';
import { RawClient } from '../testing/raw-client.ts';

const root = mkdtempSync(join(tmpdir(), 'kora-server-kill-'));
afterAll(() => { rmSync(root, { recursive: true }); });

/** What one client was told. */
interface Told {
  /** Last value of its own key that was acknowledged, and the last that was sent. */
  acknowledged: number;
  sent: number;
  /** The same of its transactions. */
  committed: number;
  attempted: number;
}

/** Writes until the connection ends. */
async function writeOn(client: RawClient, id: number, told: Told): Promise<void> {
  try {
    for (;;) {
      const next = told.sent + 1;
      told.sent = next + 2;
      // Three in one go; what the last reply says covers all.
      const replies = [next, next + 1, next + 2].map((value) =>
        client.call('SET', `own:${id}`, String(value)));
      expect(await Promise.all(replies)).toEqual(['+OK', '+OK', '+OK']);
      told.acknowledged = next + 2;
      const value = String(told.attempted + 1);
      told.attempted++;
      const last = [
        client.call('MULTI'), client.call('SET', `{a}${id}`, value),
        client.call('SET', `{b}${id}`, value), client.call('RENAME', `{b}${id}`, `{c}${id}`),
        client.call('EXEC'),
      ];
      expect((await Promise.all(last)).at(-1)).toBe('[+OK, +OK, +OK]');
      told.committed++;
    }
  } catch (error) {
    if (!String(error).includes('the connection ended')) throw error;
  }
}

async function numberAt(client: RawClient, key: string): Promise<number> {
  const reply = await client.call('GET', key);
  return reply === '_' ? 0 : Number(JSON.parse(reply));
}

const CLIENTS = 6;
const ENDED = 'Error: the connection ended before the reply';
const offered = (process.env['KORA_OFFERED_IO'] ?? 'node').split(' ');

describe.each(offered)('a killed server on %s', (io) => {
  it.each([1, 2])('has all that it acknowledged, with %i workers', async (workers) => {
    const directory = join(root, `${io}-${workers}`);
    const chance = new SeededChance(workers);
    const told: Told[] = Array.from({ length: CLIENTS }, () => (
      { acknowledged: 0, sent: 0, committed: 0, attempted: 0 }
    ));
    for (let round = 0; round < 4; round++) {
      const isLast = round === 3;
      // The last start deals the keys out to another number of workers.
      const running = await KilledServer.start({
        directory, io, workers: isLast ? 3 - workers : workers, fsync: 'always',
        loglevel: 'warning',
      });
      const clients = await Promise.all(told.map(() => running.connect()));
      for (const [id, each] of told.entries()) {
        const client = clients[id]!;
        const about = `round ${round}, client ${id}: ${running.log}`;
        const own = await numberAt(client, `own:${id}`);
        expect(own, about).toBeGreaterThanOrEqual(each.acknowledged);
        expect(own, about).toBeLessThanOrEqual(each.sent);
        const [a, c] = [await numberAt(client, `{a}${id}`), await numberAt(client, `{c}${id}`)];
        expect(a, about).toBe(c);
        expect(a, about).toBeGreaterThanOrEqual(each.committed);
        expect(a, about).toBeLessThanOrEqual(each.attempted);
        Object.assign(each, { acknowledged: own, sent: own, committed: a, attempted: a });
      }
      const writers = Promise.all(told.map((each, id) => writeOn(clients[id]!, id, each)));
      const enough = 20 + ((chance.next32() >>> 0) % 60);
      while (told.reduce((sum, each) => sum + each.committed, 0) < enough * (round + 1)) {
        await new Promise((resolve) => { setImmediate(resolve); });
      }
      await running.kill();
      await writers;
    }
    expect(told.every((each) => each.committed > 0)).toBe(true);
  }, 120_000);
});

describe('a server whose disk has no room', () => {
  it.each(offered)('for long: who waits for it is disconnected, the others are not, on %s', async (
    io,
  ) => {
    if (platform !== 'linux') return; // The room of a running process can be changed there alone.
    const running = await KilledServer.start({
      directory: join(root, `long-${io}`), io, workers: 2, fsync: 'always', loglevel: 'warning',
    });
    const reader = await running.connect();
    const clients: RawClient[] = [];
    for (let i = 0; i < 3; i++) clients.push(await running.connect());
    expect(await reader.call('MSET', 'a', '1', 'b', '1')).toBe('+OK');
    running.limitFiles(8192);
    // Keys of both workers, on connections of any: one log fails, which is enough for all.
    const lost = clients.map((client, i) => client.call('SET', `long:${i}`, 'x'.repeat(20_000)));
    const ends = await Promise.all(lost.map((each) => each.catch(String)));
    expect(ends).toContain(ENDED);
    for (const end of ends) expect(end === ENDED || end.startsWith('-MISCONF')).toBe(true);
    expect(await reader.call('MGET', 'a', 'b')).toBe('["1", "1"]');
    expect(await reader.call('SET', 'a', '2')).toMatch(/^-MISCONF/);
    running.limitFiles('unlimited');
    let accepted = '';
    while (accepted !== '+OK') accepted = await reader.call('MSET', 'a', '3', 'b', '3');
    // The line comes by way of another thread.
    while (!running.log.includes('the log could not be written for 5 s')) {
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    await running.kill();
  }, 60_000);

  it.each(offered)('refuses writes, reads go on, and it recovers by itself, on %s', async (io) => {
    if (platform !== 'linux') return; // The room of a running process can be changed there alone.
    for (const fsync of ['always', 'everysec']) {
      const directory = join(root, `full-${io}-${fsync}`);
      const options = { directory, io, workers: 1, fsync, loglevel: 'warning' };
      const running = await KilledServer.start(options);
      const client = await running.connect();
      const writer = await running.connect();
      expect(await client.call('SET', 'before', '1')).toBe('+OK');
      expect(await client.call('WAITAOF', '1', '0', '0')).toBe('[:1, :0]');
      // No file may grow beyond this: a write of the log fails, whoever makes it.
      running.limitFiles(8192);
      const lost = writer.call('SET', 'long', 'x'.repeat(20_000)).catch(String);
      let refusal = '';
      const attempts: Promise<void>[] = [];
      while (refusal === '') {
        // With always, one that runs before the failure is known waits for the disk.
        const other = await RawClient.connect({ port: running.port, host: '127.0.0.1' });
        attempts.push(other.call('SET', 'refused', '1').then((reply) => {
          if (reply.startsWith('-')) refusal = reply;
        }, () => undefined));
        expect(await client.call('GET', 'before')).toBe('"1"');
      }
      expect(refusal).toBe('-MISCONF Errors writing to the AOF file: File too large');
      expect(await client.call('GET', 'before')).toBe('"1"');
      expect(await client.call('INFO', 'persistence')).toContain('aof_last_write_status:err');
      running.limitFiles('unlimited');
      let accepted = '';
      while (accepted !== '+OK') accepted = await client.call('SET', 'after', '2');
      // On a machine that is very busy it may have waited too long.
      expect(['+OK', ENDED]).toContain(await lost);
      await Promise.all(attempts);
      expect(await client.call('WAITAOF', '1', '0', '0')).toBe('[:1, :0]');
      await running.kill();
      const again = await KilledServer.start(options);
      const reader = await again.connect();
      expect(await reader.call('MGET', 'before', 'after')).toBe('["1", "2"]');
      expect(await reader.call('STRLEN', 'long')).toBe(':20000');
      await again.kill();
    }
  }, 60_000);
});
