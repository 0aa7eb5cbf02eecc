/**
 * kora export and kora import between two kora servers, as processes: every type, many keys, one
 * moment while clients write, values as long as they get. Needs a build.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RdbFileReader } from '@kora/storage';
import type { RdbKey } from '@kora/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  contentsOf, differencesOf, EVERY_ENCODING, RandomData,
} from '../../reference/random-data.ts';
import { newFolder, runKora, ServerProcess } from '../../reference/server-process.ts';

let source: ServerProcess;
let target: ServerProcess;
const folder = newFolder();

beforeAll(async () => {
  source = await ServerProcess.kora(['--workers', '2']);
  target = await ServerProcess.kora();
});
afterAll(async () => {
  await source.stop();
  await target.stop();
});

async function run(...words: string[]): Promise<string> {
  const running = runKora(words, folder);
  expect(await running.ended, running.output).toBe(0);
  return running.output;
}

function keysOf(path: string): Map<string, RdbKey> {
  const reader = new RdbFileReader();
  const keys = new Map<string, RdbKey>();
  reader.feed(readFileSync(path));
  reader.finish();
  for (;;) {
    const item = reader.next();
    if (item?.kind === 'end') return keys;
    if (item?.kind !== 'key') continue;
    keys.set(Buffer.from(item.key).toString('latin1'), { ...item, value: item.value.slice() });
  }
}

describe('a dump of Kora', () => {
  it('gives another Kora the same data, seed 6', async () => {
    await source.ask('FLUSHALL');
    await source.askAll([...EVERY_ENCODING, ...new RandomData(6).next(600)]);
    await source.askAll([
      ['HSET', 'timed', 'f', 'v'], ['HPEXPIREAT', 'timed', '4000000000000', 'FIELDS', '1', 'f'],
      ['SET', 'long', 'x'.repeat(3_000_000)], ['SET', 'binary \r\n\0\xff', 'v'],
    ]);
    const path = join(folder, 'all.rdb');
    await run('export', path, '--from', source.url.shown, '--valkey');
    await target.ask('SET', 'stays', 'not');
    const output = await run('import', path, '--to', target.url.shown, '--flush');
    expect(output).toMatch(/^kora: imported \d+ keys of \S+all\.rdb, VALKEY 80/);
    const wanted = await contentsOf(source);
    expect(wanted.size).toBeGreaterThan(30);
    expect(differencesOf(await contentsOf(target), wanted)).toEqual([]);
    expect(await target.count('STRLEN', 'long')).toBe(3_000_000);
  });

  it('is the same with --live while nobody writes', async () => {
    await source.askAll([['FLUSHALL'], ...EVERY_ENCODING, ...new RandomData(7).next(200)]);
    const [held, live] = [join(folder, 'held.rdb'), join(folder, 'live.rdb')];
    await run('export', held, '--from', source.url.shown);
    await run('export', live, '--from', source.url.shown, '--live');
    const wanted = keysOf(held);
    expect(wanted.size).toBeGreaterThan(30);
    expect([...wanted.values()].some(({ expireMs }) => expireMs > 0)).toBe(true);
    const found = keysOf(live);
    for (const [key, { value, expireMs }] of wanted) {
      expect(found.get(key), key).toMatchObject({ value, expireMs });
    }
    expect(found.size).toBe(wanted.size);
  });

  it('replaces keys of the same name and leaves the others', async () => {
    await source.askAll([['FLUSHALL'], ['SET', 'both', 'new']]);
    await target.askAll([['FLUSHALL'], ['RPUSH', 'both', 'old'], ['SET', 'other', 'stays']]);
    const path = join(folder, 'one.rdb');
    await run('export', path, '--from', source.url.shown);
    await run('import', path, '--to', target.url.shown);
    expect(await target.text('GET', 'both')).toBe('new');
    expect(await target.text('GET', 'other')).toBe('stays');
  });

  it('is of one moment while clients write, and lets them go on', async () => {
    await source.ask('FLUSHALL');
    const count = 20_000;
    await source.askAll(Array.from({ length: count }, (_, i) => ['SET', `filler:${i}`, `v${i}`]));
    const path = join(folder, 'moment.rdb');
    let isDone = false;
    let written = 0;
    const exporting = run('export', path, '--from', source.url.shown);
    const setDone = (): void => { isDone = true; };
    exporting.then(setDone, setDone);
    while (!isDone) {
      await source.askAll([['MULTI'], ['INCR', 'first'], ['INCR', 'zz:last'], ['EXEC']]);
      written++;
    }
    await exporting;
    await source.askAll([['MULTI'], ['INCR', 'first'], ['INCR', 'zz:last'], ['EXEC']]);
    expect(await source.text('GET', 'first')).toBe(String(written + 1));
    const keys = keysOf(path);
    const [first, last] = [keys.get('first'), keys.get('zz:last')];
    expect(first?.value).toEqual(last?.value);
    expect(keys.size).toBe(count + (first === undefined ? 0 : 2));
  });
});
