/**
 * Much data, and long values, between a redis-server and a kora server: a million keys, a text of
 * 100 MB and one that packs, collections of 200,000 elements. Compared by the digest that
 * redis-server makes of all it has, after the way there and back. Takes half a minute and 2 GB.
 */
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RequestArgument } from '@kora/protocol';
import { afterAll, expect, it } from 'vitest';
import { newFolder, runKora, ServerProcess } from '../../reference/server-process.ts';

const KEY_COUNT = 1_000_000;
const ELEMENT_COUNT = 200_000;
const ELEMENTS_AT_ONCE = 10_000;
const LONG_BYTES = 100_000_000;
const TEST_MS_MAX = 240_000;

const folder = newFolder();
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Bytes that LZF finds nothing in. */
function noise(bytes: number): Uint8Array {
  const words = new Uint32Array(bytes / 4);
  let state = 12_345;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    words[i] = state ^ (state >>> 15);
  }
  return new Uint8Array(words.buffer);
}

async function fill(server: ServerProcess): Promise<void> {
  await server.ask('DEBUG', 'POPULATE', KEY_COUNT, 'key', 50);
  await server.ask('SET', 'long', noise(LONG_BYTES));
  await server.ask('SET', 'long that packs', new Uint8Array(LONG_BYTES).fill(7));
  for (let from = 0; from < ELEMENT_COUNT; from += ELEMENTS_AT_ONCE) {
    const numbers = Array.from({ length: ELEMENTS_AT_ONCE }, (_, i) => from + i);
    const command = (name: string, key: string, each: (i: number) => RequestArgument[]):
    RequestArgument[] => [name, key, ...numbers.flatMap(each)];
    await server.askAll([
      command('RPUSH', 'large list', (i) => [`element ${i}`]),
      command('ZADD', 'large zset', (i) => [i / 3, `member ${i}`]),
      command('HSET', 'large hash', (i) => [`field ${i}`, i]),
    ]);
  }
}

async function run(...words: string[]): Promise<void> {
  const running = runKora(words, folder);
  expect(await running.ended, running.output).toBe(0);
}

it('a million keys and values of 100 MB come there and back the same', async () => {
  const redis = await ServerProcess.redis();
  const kora = await ServerProcess.kora();
  const path = join(folder, 'large.rdb');
  let wanted: string;
  try {
    await fill(redis);
    wanted = await redis.text('DEBUG', 'DIGEST');
    expect(await redis.text('SAVE')).toBe('OK');
    copyFileSync(join(redis.folder, 'dump.rdb'), path);
  } finally {
    await redis.stop();
  }
  const other = newFolder();
  try {
    await run('import', path, '--to', kora.url.shown);
    expect(await kora.count('DBSIZE')).toBe(KEY_COUNT + 5);
    expect(await kora.count('STRLEN', 'long')).toBe(LONG_BYTES);
    expect(await kora.count('ZCARD', 'large zset')).toBe(ELEMENT_COUNT);
    await run('export', 'back.rdb', '--from', kora.url.shown);
    copyFileSync(join(folder, 'back.rdb'), join(other, 'dump.rdb'));
  } finally {
    await kora.stop();
  }
  const loaded = await ServerProcess.redis([], other);
  try {
    expect(await loaded.count('DBSIZE')).toBe(KEY_COUNT + 5);
    expect(await loaded.text('DEBUG', 'DIGEST')).toBe(wanted);
  } finally {
    await loaded.stop();
  }
}, TEST_MS_MAX);
