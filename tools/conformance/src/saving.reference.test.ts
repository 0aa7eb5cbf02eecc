/**
 * SAVE and its like beside a redis-server with a log: replies, errors, and the fields of INFO
 * persistence that tell of them, on one worker and on several. What depends on time or on bytes is
 * compared as far as both must agree; where Kora differs docs/differences.md says so.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from './drivers/driver.ts';
import { call, pause } from './drivers/driver.ts';
import { openSocket } from './drivers/socket-driver.ts';
import type { Outcome } from './reply-notation.ts';
import type { RunningServer } from './server-process.ts';
import { startKora, startReference } from './server-process.ts';

const REPLY_MS_MAX = 10_000;
const LOOKS_MAX = 500;
const LOOK_MS = 20;

/** Fields that both must agree on while nothing is under way. */
const SAME = [
  'loading', 'rdb_changes_since_last_save', 'rdb_bgsave_in_progress', 'rdb_last_bgsave_status',
  'rdb_current_bgsave_time_sec', 'rdb_saves', 'aof_enabled', 'aof_rewrite_in_progress',
  'aof_rewrite_scheduled', 'aof_current_rewrite_time_sec', 'aof_last_bgrewrite_status',
  'aof_rewrites', 'aof_last_write_status', 'aof_pending_rewrite',
] as const;

/** Fields that are Kora's own: behind those that both have. */
const OWN = ['vector_graphs_loaded', 'vector_graphs_refused'] as const;

async function infoOf(client: Connection): Promise<Map<string, string>> {
  const reply = await call(client, ['INFO', 'persistence'], REPLY_MS_MAX);
  if (reply.kind !== 'bulk') throw new Error(`a text, not ${JSON.stringify(reply)}`);
  const lines = reply.text.split('\r\n').filter((line) => line.includes(':'));
  return new Map(lines.map((line): [string, string] => {
    const [name = '', value = ''] = line.split(':');
    return [name, value];
  }));
}

/** Waits until a field is what it is to be. */
async function until(
  client: Connection, isReached: (info: Map<string, string>) => boolean,
): Promise<Map<string, string>> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    const info = await infoOf(client);
    if (isReached(info)) return info;
    await pause(LOOK_MS);
  }
  throw new Error('it does not come to that');
}

const isIdle = (info: Map<string, string>): boolean =>
  ['rdb_bgsave_in_progress', 'aof_rewrite_in_progress', 'aof_rewrite_scheduled']
    .every((name) => info.get(name) === '0');

/** The replies to requests that arrive together. */
async function together(
  client: Connection, requests: readonly (readonly string[])[],
): Promise<Outcome[]> {
  const raw = requests.map((words) =>
    `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`);
  client.sendRaw(raw.join(''));
  const replies: Outcome[] = [];
  for (let i = 0; i < requests.length; i++) replies.push(await client.next(REPLY_MS_MAX));
  return replies;
}

describe.each([1, 2])('saving with %i workers', (workers) => {
  const servers: RunningServer[] = [];
  const clients: Connection[] = [];
  beforeAll(async () => {
    servers.push(await startReference(['--appendonly', 'yes', '--save', '']));
    servers.push(await startKora(['--workers', String(workers), '--dir', 'data']));
    for (const server of servers) clients.push(await openSocket(server));
    for (const client of clients) await until(client, (info) => info.get('loading') === '0');
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await Promise.all(servers.map((server) => server.stop()));
  });

  const both = async (...requests: string[]): Promise<Outcome[][]> => {
    const all: Outcome[][] = [];
    for (const client of clients) {
      all.push(await together(client, requests.map((line) => line.split(' '))));
    }
    return all;
  };
  const idle = async (): Promise<Map<string, string>[]> => {
    const all: Map<string, string>[] = [];
    for (const client of clients) all.push(await until(client, isIdle));
    return all;
  };
  const expectSame = async (about: string): Promise<void> => {
    const of = (info: Map<string, string> | undefined): Record<string, string | undefined> =>
      Object.fromEntries(SAME.map((name) => [name, info?.get(name)]));
    const [redis, kora] = await idle();
    expect(of(kora), about).toEqual(of(redis));
  };

  it('has the fields of INFO persistence, in their order', async () => {
    const [redis, kora] = await idle();
    expect([...kora?.keys() ?? []]).toEqual([...redis?.keys() ?? [], ...OWN]);
    await expectSame('at the start');
  });

  /** Requests that arrive together, and how many snapshots of each kind they lead to. */
  const ROWS: readonly (readonly [string, number, number])[] = [
    ['SET a 1, SET b 2, INCR c, SAVE, SET d 1', 1, 0],
    ['BGSAVE, BGSAVE, BGSAVE SCHEDULE, SAVE, BGREWRITEAOF, BGREWRITEAOF', 1, 1],
    ['BGREWRITEAOF, BGREWRITEAOF, BGSAVE, BGSAVE SCHEDULE', 1, 1],
    ['MULTI, SET e 1, BGSAVE, EXEC', 1, 0],
    ['MULTI, SAVE, BGREWRITEAOF, EXEC', 0, 0],
    ['BGSAVE x, BGSAVE SCHEDULE x, SAVE x, LASTSAVE x, BGREWRITEAOF x', 0, 0],
    ['BGSAVE SCHEDULE', 1, 0],
    ['BGSAVE schedule, LASTSAVE SCHEDULE', 1, 0],
    ['SAVE, SAVE', 2, 0],
  ];
  it.each(ROWS)('answers %s', async (row, saves, rewrites) => {
    const [before] = await idle();
    const has = (info: Map<string, string>, name: string, count: number): boolean =>
      Number(info.get(name)) === Number(before?.get(name)) + count;
    const [redis, kora] = await both(...row.split(', '));
    expect(kora, row).toEqual(redis);
    for (const client of clients) {
      await until(client, (info) => isIdle(info) && has(info, 'rdb_saves', saves) &&
        has(info, 'aof_rewrites', rewrites));
    }
    await expectSame(row);
    await both('SAVE');
    await expectSame('when all is saved');
  });

  it('says when it saved last', async () => {
    const seconds = Math.floor(Date.now() / 1000);
    await both('SAVE');
    for (const [reply] of await both('LASTSAVE')) {
      expect(reply?.kind).toBe('integer');
      const said = reply?.kind === 'integer' ? Number(reply.text) : 0;
      expect(said).toBeGreaterThanOrEqual(seconds);
      expect(said).toBeLessThan(seconds + 10);
    }
    for (const info of await idle()) {
      expect(Number(info.get('rdb_last_save_time'))).toBeGreaterThanOrEqual(seconds);
      expect(Number(info.get('aof_last_rewrite_time_sec'))).toBeGreaterThanOrEqual(0);
    }
  });

  it('saves by the rules of save', async () => {
    const [before] = await idle();
    const saves = Number(before?.get('rdb_saves'));
    const [redis, kora] = await both(
      'CONFIG SET save 1', 'CONFIG SET save 0 x', 'CONFIG SET save -1', 'CONFIG GET save',
    );
    expect(kora).toEqual(redis);
    for (const client of clients) {
      await call(client, ['CONFIG', 'SET', 'save', '3600 100 1 2'], REPLY_MS_MAX);
    }
    const [redisHas, koraHas] = await both('CONFIG GET save', 'SET f 1', 'SET g 2');
    expect(koraHas).toEqual(redisHas);
    for (const client of clients) {
      await until(client, (info) => Number(info.get('rdb_saves')) === saves + 1 && isIdle(info));
    }
    await expectSame('after a rule');
    for (const client of clients) {
      await call(client, ['CONFIG', 'SET', 'save', ''], REPLY_MS_MAX);
    }
  });
});
