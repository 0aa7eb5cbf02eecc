/**
 * Engines of workers with a directory: everything is there again after an end, with another number
 * of workers and in an engine without any; a call of `always` is settled when it is durable, so a
 * process that is killed at any moment loses none that was; half of a transaction is never there.
 * While the disk has no room, calls say so and reads go on, and it recovers by itself.
 * Threads and processes run the built files.
 */
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath, platform } from 'node:process';
import { SeededChance } from '@kora/core';
import { afterAll, describe, expect, it } from 'vitest';
import { open, openSync } from '../index.ts';
import type { AsyncKora } from '../index.ts';

const ENTRY = new URL('../../dist/index.js', import.meta.url).href;
const root = mkdtempSync(join(tmpdir(), 'kora-embedded-workers-'));
afterAll(() => { rmSync(root, { recursive: true }); });

type Call = (...given: string[]) => unknown;

/** Everything in database 0: deadlines and values as DUMP has them. */
async function contentsOf(call: Call, callBytes: Call): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const keys = await call('KEYS', '*');
  for (const key of (keys as string[]).toSorted()) {
    const dump = await callBytes('DUMP', key);
    const bytes = dump instanceof Uint8Array ? Buffer.from(dump).toString('hex') : '';
    found.set(key, `${String(await call('PEXPIRETIME', key))} ${bytes}`);
  }
  return found;
}

function contentsOfAsync(db: AsyncKora): Promise<Map<string, string>> {
  return contentsOf((...given) => db.call(...given), (...given) => db.callBytes(...given));
}

async function fill(db: AsyncKora): Promise<void> {
  await db.set('text', 'ä'.repeat(100), { ttlMs: 1e8 });
  await db.set('big', 'x'.repeat(300_000));
  await db.call('MSET', ...Array.from({ length: 40 }, (_, i) => [`key:${i}`, String(i)]).flat());
  await db.call('RPUSH', 'list', 'a', 'b', 'c');
  await db.call('HSET', 'hash', 'f', '1', 'g', '2');
  await db.call('ZADD', 'zset', '1.5', 'm', '2', 'n');
  await db.call('SADD', 'set', 'a', 'b', '3');
  await db.call('XADD', 'stream', '1-1', 'f', 'v');
  await db.call('XGROUP', 'CREATE', 'stream', 'group', '0');
  await db.call('XREADGROUP', 'GROUP', 'group', 'me', 'STREAMS', 'stream', '>');
  await db.call('RENAME', 'list', 'other list');
  await db.call('SUNIONSTORE', 'union', 'set', 'none');
  await db.call('MULTI');
  await db.call('INCR', 'key:1');
  await db.call('LMOVE', 'other list', 'moved', 'LEFT', 'RIGHT');
  await db.call('SPOP', 'set');
  await db.call('EXEC');
  await db.del('key:2', 'key:3', 'key:4');
}

describe('a directory of workers', () => {
  it('has everything again, with other numbers of workers, and without any', async () => {
    for (const fsync of ['always', 'everysec', 'no'] as const) {
      const dir = join(root, fsync);
      const first = await open({ dir, workers: 2, fsync });
      await fill(first);
      const before = await contentsOfAsync(first);
      expect(before.size).toBe(46);
      await first.close();
      for (const workers of [2, 3, 1]) {
        const notices: string[] = [];
        const onNotice = (message: string): void => { notices.push(message); };
        const db = await open({ dir, workers, fsync, onNotice });
        expect(await contentsOfAsync(db), `${fsync}, ${workers} workers`).toEqual(before);
        expect(notices.length, notices.join()).toBe(workers === 2 ? 0 : 1);
        await db.set('again', 'and again');
        await db.del('again');
        await db.close();
      }
      const here = openSync({ dir, fsync });
      const found = await contentsOf(
        (...given) => here.call(...given), (...given) => here.callBytes(...given),
      );
      expect(found, fsync).toEqual(before);
      here.close();
    }
  });

  it('settles calls at once when they are not awaited, and closes behind them', async () => {
    const dir = join(root, 'many');
    const db = await open({ dir, workers: 2, fsync: 'always' });
    const calls = Array.from({ length: 3_000 }, (_, i) => db.set(`k${i}`, String(i)));
    await db.close();
    expect((await Promise.all(calls)).every(Boolean)).toBe(true);
    const again = await open({ dir, workers: 2, fsync: 'always' });
    expect(await again.size()).toBe(3_000);
    const info = await again.call('INFO', 'persistence');
    expect(info).toMatch(/loading:0\r\n[^]*aof_enabled:1\r\n[^]*aof_last_write_status:ok/);
    expect(await again.call('CONFIG', 'GET', 'dir')).toEqual(new Map([['dir', dir]]));
    await expect(again.call('CONFIG', 'SET', 'appendonly', 'no'))
      .rejects.toThrow(/chosen when it is opened/);
    await again.close();
  });

  it('is of one engine at a time, and damage is refused', async () => {
    const dir = join(root, 'one');
    const db = await open({ dir, workers: 2, fsync: 'always' });
    await db.call('MSET', ...Array.from({ length: 40 }, (_, i) => [`key:${i}`, 'v']).flat());
    await expect(open({ dir, workers: 2 })).rejects.toMatchObject({ code: 'DIRECTORY_IN_USE' });
    await db.close();
    const log = join(dir, readdirSync(dir).find((name) => name.startsWith('wal')) ?? '');
    const bytes = readFileSync(log);
    const damaged = Buffer.from(bytes);
    damaged[100] = (damaged[100] ?? 0) ^ 8;
    writeFileSync(log, damaged);
    await expect(open({ dir, workers: 2 })).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
    writeFileSync(log, bytes);
    const again = await open({ dir, workers: 2 });
    expect(await again.size()).toBe(40);
    await again.close();
    writeFileSync(join(root, 'file'), '');
    await expect(open({ dir: join(root, 'file'), workers: 2 })).rejects.toThrow(/cannot/);
    await expect(open({ dir: '', workers: 2 })).rejects.toThrow(/dir is empty/);
  });
});

/** Writes alone and in transactions over shards until it is killed, and says what was settled. */
const writer = `
import { writeSync } from 'node:fs';
import { open } from '${ENTRY}';
const [dir, workers, fsync] = process.argv.slice(1);
const db = await open({ dir, workers: Number(workers), fsync });
const found = [];
for (let id = 0; id < 4; id++) {
  found.push([await db.get('own:' + id), await db.get('{a}' + id), await db.get('{c}' + id)]);
}
writeSync(1, JSON.stringify(found) + '\\n');
await Promise.all([0, 1, 2, 3].map(async (id) => {
  const connection = db.connection();
  let own = Number(found[id][0] ?? 0);
  let both = String(Number(found[id][1] ?? 0));
  for (;;) {
    own++;
    both = String(Number(both) + 1);
    await db.set('own:' + id, String(own));
    const last = [
      connection.call('MULTI'), connection.call('SET', '{a}' + id, both),
      connection.call('SET', '{b}' + id, both),
      connection.call('RENAME', '{b}' + id, '{c}' + id), connection.call('EXEC'),
    ];
    await Promise.all(last);
    writeSync(1, id + ' ' + own + ' ' + both + '\\n');
  }
}));
`;

/** The lines of a writer that is killed when it has said so many; all of the last is read. */
async function linesUntilKilled(given: readonly string[], count: number): Promise<string[]> {
  const child: ChildProcess = spawn(
    execPath, ['--input-type=module', '--eval', writer, ...given],
    { stdio: ['ignore', 'pipe', 'pipe'], env: {} },
  );
  let out = '';
  let errors = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    if (out.split('\n').length > count) child.kill('SIGKILL');
  });
  child.stderr?.on('data', (chunk: Buffer) => { errors += chunk.toString(); });
  await once(child, 'close');
  expect(errors).toBe('');
  return out.split('\n').slice(0, -1);
}

describe('a killed program', () => {
  it.each([
    ['always', 1], ['always', 2], ['everysec', 2],
  ])('with %s and %i workers has what was settled, and no transaction by half', async (
    fsync, workers,
  ) => {
    const dir = join(root, `killed-${fsync}-${workers}`);
    const seed = workers;
    const chance = new SeededChance(seed);
    const settled = [0, 1, 2, 3].map(() => ({ own: 0, both: 0 }));
    for (let round = 0; round < 4; round++) {
      const count = workers === 2 && round === 3 ? 1 : workers;
      const lines = 2 + ((chance.next32() >>> 0) % 120);
      const [first = '', ...said] = await linesUntilKilled([dir, String(count), fsync], lines);
      const found = JSON.parse(first) as (string | null)[][];
      for (const [id, [own = null, a = null, c = null]] of found.entries()) {
        const about = `seed ${seed}, round ${round}, ${id}: ${first}`;
        expect(a, about).toBe(c);
        const each = settled[id]!;
        if (fsync === 'always') {
          expect(Number(own), about).toBeGreaterThanOrEqual(each.own);
          expect(Number(a), about).toBeGreaterThanOrEqual(each.both);
        }
        Object.assign(each, { own: Number(own), both: Number(a) });
      }
      for (const line of said) {
        const [id = 0, own = 0, both = 0] = line.split(' ').map(Number);
        Object.assign(settled[id]!, { own, both });
      }
    }
    expect(settled.every(({ both }) => both > 0)).toBe(true);
  }, 120_000);
});

/** Fills the disk of its own process, and says what calls do then. */
const crowded = `
import { execFileSync } from 'node:child_process';
import { open } from '${ENTRY}';
const [dir, workers, fsync] = process.argv.slice(1);
const notices = [];
const db = await open({
  dir, workers: Number(workers), fsync, onNotice: (message) => { notices.push(message); },
});
const limit = (bytes) => execFileSync(
  'prlimit', ['--pid', String(process.pid), '--fsize=' + bytes + ':unlimited']);
const said = (promise) => promise.then(
  String, (error) => (error.code === 'DISK_FAILED' ? error.code : error.message));
await db.set('before', '1');
limit(8192);
const lost = said(db.set('long', 'x'.repeat(20_000)));
const codes = new Set();
let refusal = '';
while (refusal === '') {
  const text = await said(db.connection().call('SET', 'refused', '1'));
  if (text.startsWith('MISCONF')) refusal = text;
  else codes.add(text);
  if (await db.get('before') !== '1') throw new Error('reads do not go on');
}
const first = fsync === 'always' ? await lost : String(await lost);
limit('unlimited');
let accepted = '';
while (accepted !== 'OK') accepted = await said(db.call('SET', 'after', '2'));
await db.close();
console.log(JSON.stringify({ first, refusal, codes: [...codes], notices: notices.length }));
`;

describe('a disk without room', () => {
  const ways = [['always', 1], ['always', 2], ['everysec', 2]] as const;
  it.each(ways)('%s, %i workers: says so, reads go on, and it recovers', (fsync, workers) => {
    if (platform !== 'linux') return; // The room of a running process can be changed there alone.
    const dir = join(root, `full-${fsync}-${workers}`);
    const out = execFileSync(
      execPath, ['--input-type=module', '--eval', crowded, dir, String(workers), fsync],
      { env: {}, timeout: 30_000, encoding: 'utf8' },
    );
    const { first, refusal, codes, notices } = JSON.parse(out) as {
      first: string; refusal: string; codes: string[]; notices: number;
    };
    expect(first).toBe(fsync === 'always' ? 'DISK_FAILED' : 'true');
    expect(refusal).toBe('MISCONF Errors writing to the AOF file: File too large');
    for (const code of codes) expect(['OK', 'DISK_FAILED']).toContain(code);
    expect(notices).toBeGreaterThanOrEqual(2);
    const again = openSync({ dir });
    expect([again.get('before'), again.get('after')]).toEqual(['1', '2']);
    expect(again.get('long')).toHaveLength(20_000);
    again.close();
  }, 60_000);
});
