/**
 * The kora command between a redis-server and a kora server, as people use it: dumps both ways with
 * every type and encoding, a dump that goes through Kora and is loaded by another redis-server, and
 * what is said when something is wrong.
 */
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  contentsOf, differencesOf, EVERY_ENCODING, RandomData,
} from '../../reference/random-data.ts';
import { newFolder, runKora, ServerProcess } from '../../reference/server-process.ts';

let redis: ServerProcess;
let kora: ServerProcess;
const folder = newFolder();

beforeAll(async () => {
  redis = await ServerProcess.redis();
  kora = await ServerProcess.kora(['--workers', '2']);
});
afterAll(async () => {
  await redis.stop();
  await kora.stop();
});

async function fill(server: ServerProcess, seed: number): Promise<void> {
  await server.ask('FLUSHALL');
  const random = new RandomData(seed);
  await server.askAll([...EVERY_ENCODING, ...random.next(600)]);
}

/** Runs the command; its whole output, and its exit code. */
async function run(...words: string[]): Promise<{ output: string; code: number | null }> {
  const running = runKora(words, folder);
  const code = await running.ended;
  return { output: running.output, code };
}

async function dumpOfRedis(name: string): Promise<string> {
  expect(await redis.text('SAVE')).toBe('OK');
  const path = join(folder, name);
  copyFileSync(join(redis.folder, 'dump.rdb'), path);
  return path;
}

/** A redis-server that starts with the dump. */
async function redisWith(path: string): Promise<ServerProcess> {
  const other = newFolder();
  copyFileSync(path, join(other, 'dump.rdb'));
  return ServerProcess.redis([], other);
}

describe('a dump of redis-server', () => {
  for (const seed of [1, 2, 3]) {
    it(`gives Kora the same data, and comes back through Kora the same, seed ${seed}`, async () => {
      await fill(redis, seed);
      const path = await dumpOfRedis(`in-${seed}.rdb`);
      const imported = await run('import', path, '--to', kora.url.shown, '--flush');
      expect(imported.output).toMatch(/^kora: imported \d+ keys of .*REDIS 10 \(7\.0\.15\) into/);
      expect(imported.code).toBe(0);
      const wanted = await contentsOf(redis);
      expect(wanted.size).toBeGreaterThan(30);
      expect(differencesOf(await contentsOf(kora), wanted)).toEqual([]);

      const back = join(folder, `back-${seed}.rdb`);
      const exported = await run('export', back, '--from', kora.url.shown);
      expect(exported.output).toMatch(new RegExp(`^kora: exported ${wanted.size} keys`));
      expect(exported.code).toBe(0);
      const other = await redisWith(back);
      try {
        expect(await other.text('DEBUG', 'DIGEST')).toBe(await redis.text('DEBUG', 'DIGEST'));
        expect(differencesOf(await contentsOf(other), wanted)).toEqual([]);
        expect(await other.text('DEBUG', 'RELOAD')).toBe('OK');
        expect(differencesOf(await contentsOf(other), wanted)).toEqual([]);
      } finally {
        await other.stop();
      }
    });
  }

  it('with other thresholds has the older encodings of values in it, and is read', async () => {
    await redis.ask('CONFIG', 'SET', 'rdbcompression', 'no', 'rdbchecksum', 'yes',
      'list-max-listpack-size', '3', 'set-max-intset-entries', '2',
      'stream-node-max-entries', '4');
    await fill(redis, 9);
    const path = await dumpOfRedis('thresholds.rdb');
    expect((await run('import', path, '--to', kora.url.shown, '--flush')).code).toBe(0);
    const dropEncodings = (contents: Map<string, string>): Map<string, string> =>
      new Map([...contents].map(([key, text]) => [key, text.replace(/^(\S+) \S*/, '$1')]));
    expect(dropEncodings(await contentsOf(kora))).toEqual(dropEncodings(await contentsOf(redis)));
    await redis.ask('CONFIG', 'SET', 'rdbcompression', 'yes', 'list-max-listpack-size', '-2',
      'set-max-intset-entries', '512', 'stream-node-max-entries', '100');
  });

  it('is also what kora export takes from a running one', async () => {
    const source = await ServerProcess.redis(['--repl-diskless-sync-delay', '0']);
    await fill(source, 4);
    const path = join(folder, 'taken.rdb');
    for (const option of ['--live', '--valkey']) {
      const refused = await run('export', path, '--from', source.url.shown, option);
      expect(refused.output)
        .toMatch(/^kora: \S+ is no Kora: --live and --valkey are for one; .*\n$/);
      expect(refused.code).toBe(1);
    }
    const taken = await run('export', path, '--from', source.url.shown);
    expect(taken.output).toMatch(/^kora: exported \d+ keys/);
    const other = await redisWith(path);
    try {
      expect(await other.text('DEBUG', 'DIGEST')).toBe(await source.text('DEBUG', 'DIGEST'));
    } finally {
      await other.stop();
      await source.stop();
    }
  });
});

describe('facts of keys', () => {
  it('idle times and LFU counters come along where the policy goes by them', async () => {
    await redis.ask('FLUSHALL');
    await redis.ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu');
    await kora.ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu');
    await redis.ask('SET', 'often', 'v');
    await redis.ask('RESTORE', 'often', 0, await payloadOf(redis, 'often'), 'REPLACE', 'FREQ', 77);
    const path = await dumpOfRedis('lfu.rdb');
    await run('import', path, '--to', kora.url.shown, '--flush');
    expect(await kora.count('OBJECT', 'FREQ', 'often')).toBe(77);
    const back = join(folder, 'lfu-back.rdb');
    await run('export', back, '--from', kora.url.shown);
    await run('import', back, '--to', redis.url.shown, '--flush');
    expect(await redis.count('OBJECT', 'FREQ', 'often')).toBe(77);
    await kora.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await redis.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  });

  it('deadlines of fields are lost to Redis with a word, and kept for Kora', async () => {
    await kora.ask('FLUSHALL');
    await kora.ask('HSET', 'timed', 'f', 'v', 'g', 'w');
    await kora.ask('HPEXPIREAT', 'timed', 4_000_000_000_000, 'FIELDS', 1, 'f');
    const path = join(folder, 'fields.rdb');
    const exported = await run('export', path, '--from', kora.url.shown);
    expect(exported.output).toMatch(/hashes that were written without .* not know: 1;/);
    await run('import', path, '--to', redis.url.shown, '--flush');
    expect(await contentsOf(redis)).toEqual(new Map([
      ['0/timed', 'hash listpack -1 "f"="v" "g"="w" 2'],
    ]));
    await run('export', path, '--from', kora.url.shown, '--valkey', '--force');
    await run('import', path, '--to', kora.url.shown, '--flush');
    const reply = await kora.ask('HPEXPIRETIME', 'timed', 'FIELDS', 2, 'f', 'g');
    expect(reply.type === 'array' && reply.value.map(({ value }) => value))
      .toEqual([4_000_000_000_000, -1]);
  });

  it('vector sets are left out with a word', async () => {
    await kora.ask('FLUSHALL');
    await kora.ask('VADD', 'vectors', 'VALUES', 2, 1, 2, 'a');
    await kora.ask('SET', 'text', 'x');
    const path = join(folder, 'vectors.rdb');
    const exported = await run('export', path, '--from', kora.url.shown);
    expect(exported.output).toMatch(/vector sets that were left out, .*: 1/);
    await run('import', path, '--to', redis.url.shown, '--flush');
    expect([...(await contentsOf(redis)).keys()]).toEqual(['0/text']);
  });

  async function payloadOf(server: ServerProcess, key: string): Promise<Uint8Array> {
    const reply = await server.ask('DUMP', key);
    return reply.type === 'bulk' ? reply.value : new Uint8Array(0);
  }
});

describe('what is wrong', () => {
  it('is said in one line, and nothing half is left behind', async () => {
    await fill(redis, 5);
    const path = await dumpOfRedis('whole.rdb');
    const dump = readFileSync(path);
    const bad = join(folder, 'bad.rdb');
    const importBad = async (): Promise<string> => {
      const ended = await run('import', bad, '--to', kora.url.shown, '--flush');
      expect(ended.code).toBe(1);
      expect(ended.output.trimEnd().split('\n')).toHaveLength(1);
      return ended.output;
    };
    writeFileSync(bad, dump.subarray(0, dump.length >>> 1));
    expect(await importBad()).toMatch(/^kora: The dump is damaged: it ends too early \(at byte/);
    const flipped = Buffer.from(dump);
    flipped[dump.length - 30] = (flipped[dump.length - 30] ?? 0) ^ 1;
    writeFileSync(bad, flipped);
    expect(await importBad()).toMatch(/^kora: .*(checksum is another|refuses the key|damaged)/);
    writeFileSync(bad, Buffer.concat([dump, Buffer.from('more')]));
    expect(await importBad()).toMatch('4 bytes follow the end of the dump');
    writeFileSync(bad, 'hello');
    expect(await importBad()).toMatch('This is no Redis dump');
    await kora.ask('SET', 'still', 'there');
    writeFileSync(bad, 'REDIS0099');
    expect(await importBad()).toMatch('the server that wrote it is too new');
    writeFileSync(bad, '');
    expect(await importBad()).toMatch('it ends too early (at byte 0');
    expect(await kora.text('GET', 'still')).toBe('there');
    const refused = await run('export', path, '--from', kora.url.shown);
    expect(refused.output).toMatch('exists; --force replaces it');
    const nobody = await run('export', join(folder, 'x.rdb'), '--from', '127.0.0.1:1');
    expect(nobody.output).toMatch('cannot connect to redis://127.0.0.1:1');
    expect(readdirSync(folder).filter((name) => name.includes('.part'))).toEqual([]);
    expect(existsSync(join(folder, 'x.rdb'))).toBe(false);
  });

  it('with a server or a file is said in one line', async () => {
    await redis.askAll([['FLUSHALL'], ['SET', 'k', 'v']]);
    const path = await dumpOfRedis('small.rdb');
    const oneLine = async (words: readonly string[], pattern: RegExp): Promise<void> => {
      const ended = await run(...words);
      expect(ended.output).toMatch(pattern);
      expect(ended.output).toMatch(/^kora: .*\n$/);
      expect(ended.code).toBe(1);
    };
    const to = ['--to', kora.url.shown];
    await oneLine(['import', join(folder, 'none.rdb'), ...to], /cannot read the dump: ENOENT/);
    await oneLine(['import', folder, ...to], /cannot read the dump: EISDIR/);
    await oneLine(['import', path, '--to', '127.0.0.1:1'], /cannot connect to .*ECONNREFUSED/);
    const wrong = kora.url.shown.replace('//', '//:wrong@');
    await oneLine(['import', path, '--to', wrong], /refuses AUTH: .*/);
    await kora.ask('CONFIG', 'SET', 'requirepass', 'right');
    await oneLine(['import', path, '--to', wrong], /refuses AUTH: WRONGPASS/);
    await oneLine(['import', path, ...to], /NOAUTH .*Write the password into the URL/);
    await kora.ask('CONFIG', 'SET', 'requirepass', '');
  });

  it('a target that is full says which key it could not take', async () => {
    await redis.askAll(Array.from({ length: 100 }, (_, i) => ['SET', `k${i}`, 'v'.repeat(50_000)]));
    await redis.ask('CONFIG', 'SET', 'rdbcompression', 'no');
    const path = await dumpOfRedis('full.rdb');
    const small = await ServerProcess.redis(['--maxmemory', '2mb']);
    try {
      const ended = await run('import', path, '--to', small.url.shown);
      expect(ended.output).toMatch(/^kora: The target refuses the key ".*OOM.*had been imported/);
      expect(ended.code).toBe(1);
    } finally {
      await small.stop();
    }
  });
});
