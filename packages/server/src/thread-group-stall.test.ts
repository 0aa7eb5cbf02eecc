/**
 * One of three workers stands still in the middle of its work, on every engine of this machine:
 * what needs it waits, also what fills its rings and what asks for all workers at one moment;
 * everything else goes on; and when it moves again all that waited is done, in order, once. The
 * worker looks for a file in its ticks and stands still while that is there. Needs a build.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { slotOfKey, slotOwners } from '@kora/core';
import { afterAll, describe, expect, it } from 'vitest';
import type { RawClient } from './testing/raw-client.ts';
import { changedThread, GroupRun, until, WORKER_ENGINES } from './testing/threaded-server.ts';

const WORKERS = 3;
const STALLED = 1;
const CLIENTS_EACH = 6;
const folder = mkdtempSync(join(tmpdir(), 'kora-stall-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Says who accepts each connection; the worker that stalls does while there is such a file. */
const stalling = (file: string): URL => changedThread('worker.js', `
  const { existsSync } = await import('node:fs');
  const { workerData } = await import('node:worker_threads');
  const { index } = workerData.room.mesh;
  const { onAccept, onTick } = parts.Worker.prototype;
  parts.Worker.prototype.onAccept = function (slot, peer) {
    this.log('warning', 'accepted by ' + index);
    return onAccept.call(this, slot, peer);
  };
  const word = new Int32Array(new SharedArrayBuffer(4));
  parts.Worker.prototype.onTick = function () {
    if (index === ${STALLED} && existsSync('${file}')) {
      this.log('warning', 'stands still');
      while (existsSync('${file}')) Atomics.wait(word, 0, 0, 5);
    }
    onTick.call(this);
  };`);

const owners = slotOwners(WORKERS);

/** Keys of a worker, other ones for each purpose. */
function keysOf(worker: number, purpose: string, count: number): string[] {
  const found: string[] = [];
  for (let i = 0; found.length < count; i++) {
    const key = `${purpose}:${i}`;
    if (owners[slotOfKey(Buffer.from(key), 0, key.length)] === worker) found.push(key);
  }
  return found;
}

/** Clients by their worker, at least so many of each. */
async function clientsOfAll(run: GroupRun): Promise<RawClient[][]> {
  const clients: RawClient[][] = Array.from({ length: WORKERS }, () => []);
  const accepted = (): string[] => run.log.filter((line) => line.startsWith('accepted by '));
  while (clients.some((some) => some.length < CLIENTS_EACH)) {
    const before = accepted().length;
    const client = await run.connect();
    expect(await client.call('PING')).toBe('+PONG');
    await until(() => accepted().length > before);
    clients[Number(accepted().at(-1)?.slice(-1))]?.push(client);
  }
  return clients;
}

/** Replies that are awaited, and how many have come. */
class Awaited {
  count = 0;
  readonly all: Promise<string[]>;

  constructor(client: RawClient, commands: readonly string[]) {
    client.send(commands.map((command) => `${command}\r\n`).join(''));
    this.all = this.#read(client, commands.length);
  }

  async #read(client: RawClient, count: number): Promise<string[]> {
    const replies: string[] = [];
    for (; this.count < count; this.count++) replies.push(await client.reply());
    return replies;
  }
}

describe.each(WORKER_ENGINES)('a worker that stands still, io %s', (io) => {
  it('holds up what needs it and nothing else, and loses nothing', async () => {
    const file = join(folder, io);
    const run = await GroupRun.start(io, WORKERS, () => stalling(file));
    const clients = await clientsOfAll(run);
    const take = (worker: number): RawClient => {
      const client = clients[worker]?.pop();
      if (client === undefined) throw new Error('too few clients');
      return client;
    };
    const [here = '', there = ''] = [...keysOf(0, 'own', 1), ...keysOf(2, 'own', 1)];
    const stalledKeys = keysOf(STALLED, 'stalled', 50);
    const [first = ''] = stalledKeys;
    writeFileSync(file, '');
    await until(() => run.log.includes('stands still'));

    const increments = new Awaited(take(0), stalledKeys.flatMap((key) =>
      [`INCR ${key}`, `INCR ${key}`]));
    const own = new Awaited(take(STALLED), ['PING', `GET ${there}`]);
    const mixing = take(2);
    expect(await mixing.call('SET', there, '1')).toBe('+OK');
    const mixed = new Awaited(mixing, [`GET ${first}`, `GET ${there}`]);
    // More than its ring holds, twice.
    const big = keysOf(STALLED, 'big', 60);
    const value = 'b'.repeat(3000);
    const filling = [take(0), take(2)].map((client) =>
      new Awaited(client, big.map((key) => `SET ${key} ${value}`)));
    const everywhere = [0, 1, 2].map((worker) => keysOf(worker, 'all', 1)[0] ?? '');
    const setAll = new Awaited(take(0), [`MSET ${everywhere.map((key) => `${key} 1`).join(' ')}`]);
    const gone = take(2);
    const counters = [0, 1, 2].map((worker) => keysOf(worker, 'gone', 1)[0] ?? '');
    gone.send(`MULTI\r\n${counters.map((key) => `INCR ${key}\r\n`).join('')}`);
    expect((await gone.replies(1 + counters.length)).at(-1)).toBe('+QUEUED');
    gone.socket.end('EXEC\r\n');

    // Others go on, for as long as they like.
    const busy = [take(0), take(2)];
    for (let round = 0; round < 40; round++) {
      for (const client of busy) {
        expect(await client.call('INCR', here)).toMatch(/^:\d+$/);
        expect(await client.call('MSET', `{${here}}1`, 'x', `{${there}}1`, 'y')).toBe('+OK');
        expect(await client.call('MGET', `{${there}}1`, `{${here}}1`)).toBe('["y", "x"]');
      }
    }
    expect(await busy[0]?.call('GET', here)).toBe('"80"');
    const waiting = [increments, own, mixed, setAll, ...filling];
    expect(waiting.map(({ count }) => count)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(existsSync(file)).toBe(true);

    rmSync(file);
    expect(await increments.all).toEqual(stalledKeys.flatMap(() => [':1', ':2']));
    expect(await own.all).toEqual(['+PONG', '"1"']);
    expect((await mixed.all).at(-1)).toBe('"1"');
    for (const { all } of filling) expect(new Set(await all)).toEqual(new Set(['+OK']));
    expect(await setAll.all).toEqual(['+OK']);
    const [client = take(2)] = busy;
    expect(await client.call('MGET', ...everywhere)).toBe('["1", "1", "1"]');
    expect(await client.call('MGET', ...stalledKeys)).toBe(
      `[${stalledKeys.map(() => '"2"').join(', ')}]`,
    );
    expect(await client.call('STRLEN', big[0] ?? '')).toBe(':3000');
    // Its client had stopped sending before this EXEC could run.
    expect(await client.call('MGET', ...counters)).toBe('["1", "1", "1"]');
    for (const each of [...clients.flat(), ...busy]) each.destroy();
    await run.end();
    expect(run.words).toEqual(['listening', 'ended']);
  });
});
