/**
 * kora import from a running redis-server: everything that is there, both ways a master sends its
 * dump, then what many writers change meanwhile and afterwards; the source itself says, by WAIT,
 * when all has been taken. KORA_FOLLOW_COMMANDS makes it longer.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  contentsOf, differencesOf, EVERY_ENCODING, RandomData,
} from '../../reference/random-data.ts';
import type { RunningProcess } from '../../reference/server-process.ts';
import { runKora, ServerProcess } from '../../reference/server-process.ts';

const COMMANDS = Number(process.env['KORA_FOLLOW_COMMANDS'] ?? 8000);
const WRITER_COUNT = 4;
const BATCH = 50;
/** For the target to take all; it does so much more slowly than the writers write at its worst. */
const WAIT_MS = 30_000 + COMMANDS;

let kora: ServerProcess;
beforeAll(async () => {
  kora = await ServerProcess.kora(['--workers', '2']);
});
afterAll(() => kora.stop());

async function startRedis(flags: readonly string[]): Promise<ServerProcess> {
  const redis = await ServerProcess.redis(['--repl-diskless-sync-delay', '0', ...flags]);
  await redis.askAll([...EVERY_ENCODING, ...new RandomData(1).next(300)]);
  return redis;
}

function follow(redis: ServerProcess, ...words: string[]): RunningProcess {
  return runKora(['import', redis.url.shown, '--to', kora.url.shown, '--flush', ...words]);
}

/** Random commands of several writers at once, a transaction now and then, until all are done. */
async function writeMuch(redis: ServerProcess, commands: number): Promise<void> {
  const writers = Array.from({ length: WRITER_COUNT }, (_, i) => new RandomData(100 + i));
  for (let done = 0; done < commands; done += BATCH * WRITER_COUNT) {
    await Promise.all(writers.map((writer, i) => {
      const batch = writer.next(BATCH);
      const isTransaction = (done / BATCH + i) % 5 === 0;
      return redis.askAll(isTransaction ? [['MULTI'], ...batch, ['EXEC']] : batch);
    }));
  }
}

async function caughtUp(redis: ServerProcess, following: RunningProcess): Promise<void> {
  expect(await redis.count('WAIT', 1, WAIT_MS), following.output).toBe(1);
}

/**
 * What a replica has of its master: all but what redis-server 7.0.15 tells none of its replicas:
 * how many entries a group has read, and consumers that asked and got nothing.
 */
async function followedOf(server: ServerProcess): Promise<Map<string, string>> {
  const contents = await contentsOf(server);
  for (const [key, text] of contents) {
    const told = text.replace(/entries-read=\S+ lag=\S+/g, '');
    contents.set(key, told.replace(/\{name=\S+ pel-count=0 pending=\[\]\} ?/g, ''));
  }
  return contents;
}

describe('a running redis-server', () => {
  const ways: readonly (readonly string[])[] = [
    ['--repl-diskless-sync', 'yes'], ['--repl-diskless-sync', 'no'],
  ];
  for (const flags of ways) {
    it(`is copied and followed with ${flags.join(' ')}`, async () => {
      const redis = await startRedis(flags);
      try {
        const before = writeMuch(redis, COMMANDS / 4);
        const following = follow(redis);
        await before;
        await following.printed(/^kora: following changes/m);
        await writeMuch(redis, COMMANDS);
        await redis.askAll([
          ['SELECT', '9'], ['SET', 'nine', '9'], ['SELECT', '0'], ['PUBLISH', 'channel', 'text'],
          ['MULTI'], ['SET', 'in', 'exec'], ['PUBLISH', 'channel', 'text'], ['EXEC'],
          ['SETEX', 'binary \r\n\0\xff', '100000', '\r\n$5\r\n'],
        ]);
        await caughtUp(redis, following);
        const wanted = await followedOf(redis);
        expect(wanted.size).toBeGreaterThan(20);
        expect(differencesOf(await followedOf(kora), wanted)).toEqual([]);
        following.child.kill('SIGTERM');
        expect(await following.ended).toBe(0);
        expect(following.output).toMatch(/^kora: imported \d+ keys of redis:.*\n/);
        expect(following.output).toMatch(/^kora: stopped after \d+ commands\n/m);
      } finally {
        await redis.stop();
      }
    });
  }

  it('is copied once when that is asked for', async () => {
    const redis = await startRedis([]);
    try {
      const once = follow(redis, '--once');
      expect(await once.ended).toBe(0);
      expect(await contentsOf(kora)).toEqual(await contentsOf(redis));
    } finally {
      await redis.stop();
    }
  });

  it('that asks for a password gets it; without it nothing of the target is touched', async () => {
    const redis = await ServerProcess.redis(['--repl-diskless-sync-delay', '0']);
    await kora.askAll([['FLUSHALL'], ['SET', 'mine', 'v']]);
    await redis.askAll([['SET', 'k', 'v'], ['CONFIG', 'SET', 'requirepass', 'p@ss']]);
    const words = ['--to', kora.url.shown, '--flush', '--once'];
    try {
      const refused = runKora(['import', redis.url.shown, ...words]);
      expect(await refused.ended).toBe(1);
      expect(refused.output).toMatch(/NOAUTH/);
      expect(await kora.text('GET', 'mine')).toBe('v');
      const url = redis.url.shown.replace('//', '//default:p%40ss@');
      const taken = runKora(['import', url, ...words]);
      expect(await taken.ended).toBe(0);
      expect(taken.output).not.toMatch('p@ss');
      expect([...(await contentsOf(kora)).keys()]).toEqual(['0/k']);
    } finally {
      await redis.stop();
    }
  });

  it('that goes away, and a target that does, are named', async () => {
    const redis = await startRedis([]);
    const target = await ServerProcess.kora();
    const words = ['import', redis.url.shown, '--to', target.url.shown];
    const first = runKora(words);
    await first.printed(/following changes/);
    await target.stop();
    await redis.ask('SET', 'a', 'b');
    expect(await first.ended).toBe(1);
    expect(first.output).toMatch(/kora: redis:\S+( closed the connection|: .*EPIPE|: .*RESET)/);
    const second = follow(redis, '--retry', '0');
    await second.printed(/following changes/);
    await redis.stop();
    expect(await second.ended).toBe(1);
    expect(second.output).toMatch(`kora: ${redis.url.shown}`);
  });

  it('whose connection is lost is followed on where it was', async () => {
    const redis = await startRedis([]);
    try {
      const following = follow(redis);
      await following.printed(/following changes/);
      for (let round = 0; round < 3; round++) {
        await writeMuch(redis, 1000);
        expect(await redis.count('CLIENT', 'KILL', 'TYPE', 'replica')).toBe(1);
        await writeMuch(redis, 1000);
        await caughtUp(redis, following);
      }
      expect(differencesOf(await followedOf(kora), await followedOf(redis))).toEqual([]);
      following.child.kill('SIGTERM');
      expect(await following.ended).toBe(0);
      expect(following.output).toMatch('the connection to the source was made again: 3');
    } finally {
      await redis.stop();
    }
  });

  it('that has forgotten what was missed is not followed on', async () => {
    const redis = await startRedis([]);
    try {
      const following = follow(redis);
      await following.printed(/following changes/);
      await redis.ask('DEBUG', 'CHANGE-REPL-ID');
      await redis.ask('CLIENT', 'KILL', 'TYPE', 'replica');
      expect(await following.ended).toBe(1);
      expect(following.output).toMatch('does not have any more what was missed');
    } finally {
      await redis.stop();
    }
  });

  it('with something the target cannot do: it ends with the command and the reason', async () => {
    const redis = await startRedis([]);
    try {
      const following = follow(redis);
      await following.printed(/following changes/);
      await kora.ask('CONFIG', 'SET', 'maxmemory', '1');
      await redis.ask('SET', 'a', 'b');
      expect(await following.ended).toBe(1);
      expect(following.output).toMatch(/The target refuses SET, which the source did: OOM/);
      await kora.ask('CONFIG', 'SET', 'maxmemory', '0');
    } finally {
      await redis.stop();
    }
  });

  it('that is a Kora is refused before the target forgets anything', async () => {
    await kora.askAll([['FLUSHALL'], ['SET', 'mine', 'v']]);
    const source = await ServerProcess.kora();
    try {
      const refused = follow(source);
      expect(await refused.ended).toBe(1);
      expect(refused.output).toMatch('is a Kora server, which has no replicas yet');
      expect(await kora.text('GET', 'mine')).toBe('v');
    } finally {
      await source.stop();
    }
  });
});
