/**
 * The database with promises: the same behaviour in this thread, on one worker and on three. The
 * threads run the built files.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { KoraReplyError, open, openSync } from './index.ts';
import type { AsyncKora, OpenAsyncOptions } from './index.ts';

const opened: AsyncKora[] = [];

async function start(options: OpenAsyncOptions): Promise<AsyncKora> {
  const db = await open(options);
  opened.push(db);
  return db;
}

afterEach(async () => {
  for (const db of opened.splice(0)) await db.close();
});

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
  return 'nothing was thrown';
}

const places = [
  { name: 'in this thread', place: {} },
  { name: 'on one worker', place: { workers: 1 } },
  { name: 'on three workers', place: { workers: 3 } },
];

describe.each(places)('a database $name', ({ place }) => {
  it('has typed methods', async () => {
    const db = await start(place);
    expect(await db.get('k')).toBeNull();
    expect(await db.set('k', 'v')).toBe(true);
    expect(await db.set('k', 'w', { ifAbsent: true })).toBe(false);
    expect(await db.get('k')).toBe('v');
    expect(await db.getBytes('k')).toEqual(Uint8Array.of(0x76));
    expect(await db.incr('n')).toBe(1);
    expect(await db.incr('n', 2n ** 62n)).toBe(2n ** 62n + 1n);
    expect(await db.set('t', 'x', { ttlMs: 60_000 })).toBe(true);
    expect(await db.call('PTTL', 't')).toBeGreaterThan(50_000);
    expect(await db.exists('k', 'n', 'no', 'k')).toBe(3);
    expect(await db.size()).toBe(3);
    expect(await db.del('k', 'n', 'no')).toBe(2);
    expect(await db.del()).toBe(0);
  });

  it('gives the values of openSync', async () => {
    const db = await start(place);
    const sync = openSync();
    const lines: (readonly (string | number)[])[] = [
      ['PING'], ['ECHO', 'é'], ['SET', 'k', 1], ['SET', 'k', 2, 'GET'], ['APPEND', 'k', 'x'],
      ['RPUSH', 'l', 'a', 'b', 'c'], ['LRANGE', 'l', 0, -1], ['LPOS', 'l', 'z'],
      ['HSET', 'h', 'f', 1, 'g', 2], ['HGETALL', 'h'], ['HRANDFIELD', 'no'],
      ['SADD', 's', 'x'], ['SMEMBERS', 's'], ['ZADD', 'z', 1.5, 'm', '-inf', 'n'],
      ['ZSCORE', 'z', 'm'], ['ZRANGE', 'z', 0, -1, 'WITHSCORES'], ['ZMSCORE', 'z', 'n', 'no'],
      ['MSET', 'a', 1, 'b', 2, 'c', 3], ['MGET', 'a', 'b', 'c', 'd'], ['DEL', 'a', 'b', 'c', 'd'],
      ['SINTERSTORE', 'to', 's', 's'], ['OBJECT', 'ENCODING', 'z'], ['TYPE', 'h'],
      ['XADD', 'x', '1-1', 'f', 'v'], ['XRANGE', 'x', '-', '+'], ['BITFIELD', 'q', 'GET', 'u4', 0],
      ['INCRBYFLOAT', 'f', '1.5'], ['GETRANGE', 'no', 0, 1], ['EXPIRE', 'k', 100], ['DBSIZE'],
      ['CONFIG', 'GET', 'maxmemory'], ['COMMAND', 'COUNT'], ['LMPOP', 2, 'l', 'no', 'LEFT'],
    ];
    for (const line of lines) {
      expect(await db.call(...line), line.join(' ')).toEqual(sync.call(...line));
      if (line[0] === 'LRANGE' || line[0] === 'MGET') {
        expect(await db.callBytes(...line)).toEqual(sync.callBytes(...line));
      }
    }
    sync.close();
  });

  it('refuses as openSync does', async () => {
    const db = await start(place);
    const sync = openSync();
    await db.call('RPUSH', 'l', 'a');
    sync.call('RPUSH', 'l', 'a');
    const lines = [
      ['GET', 'l'], ['NoSuch', 'x', 'y'], ['POST'], ['SET', 'k'], ['SELECT', '16'],
      ['CONFIG', 'SET', 'nosuch', '1'], ['EXEC'], ['CLIENT', 'LIST'], ['HELLO', '3'],
      ['INCRBY', 'n', 'much'],
    ];
    for (const line of lines) {
      let refusal: unknown;
      try {
        sync.call(...line);
      } catch (error) {
        refusal = error;
      }
      const { code, message } = refusal as KoraReplyError; // Each of them is refused.
      await expect(db.call(...line), line.join(' ')).rejects.toMatchObject({ code, message });
      await expect(db.call(...line)).rejects.toBeInstanceOf(KoraReplyError);
    }
    expect(await codeOf(db.call())).toBe('INVALID_ARGUMENT');
    expect(await codeOf(db.call('SET', 'k', NaN))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(db.get(null as unknown as string))).toBe('INVALID_ARGUMENT');
    expect(await db.call('PING')).toBe('PONG');
    sync.close();
  });

  it('keeps values of every length, and bytes that are no text', async () => {
    const db = await start(place);
    const lengths = [0, 1, 7, 8, 40, 41, 1_000, 16_300, 16_384, 65_535, 65_536, 300_000, 1_048_576];
    const values = lengths.map((length) => Uint8Array.from({ length }, (_, i) => (i * 7) & 0xff));
    await Promise.all(values.map((value, i) => db.set(`v${i}`, value)));
    const got = await Promise.all(values.map((_, i) => db.getBytes(`v${i}`)));
    got.forEach((value, i) => {
      expect(Buffer.compare(value ?? Buffer.of(), values[i] ?? Buffer.of()), `${i}`).toBe(0);
    });
    const key = Uint8Array.of(0xff, 0, 13, 10);
    await db.set(key, 'é'.repeat(100_000));
    expect(await db.get(key)).toBe('é'.repeat(100_000));
    const many = await db.callBytes('MGET', ...values.map((_, i) => `v${i}`));
    expect(many).toEqual(values);
  });

  it('takes bytes as they are when the call is made', async () => {
    const db = await start(place);
    const bytes = Uint8Array.of(1, 2, 3);
    const calls = [db.set('k', bytes), db.call('MSET', 'a', bytes, 'b', bytes, 'c', bytes)];
    bytes.fill(9);
    await Promise.all(calls);
    expect(await db.callBytes('MGET', 'k', 'a', 'b', 'c'))
      .toEqual(Array.from({ length: 4 }, () => Uint8Array.of(1, 2, 3)));
  });

  it('keeps the order of calls on a key, also around calls on many', async () => {
    const db = await start(place);
    const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
    const seen: Promise<unknown>[] = [];
    for (let round = 0; round < 40; round++) {
      for (const key of keys) void db.incr(key);
      seen.push(db.call('MGET', ...keys));
      void db.call('MSET', ...keys.flatMap((key) => [key, round * 100]));
      for (const key of keys) seen.push(db.incr(key));
    }
    const replies = await Promise.all(seen);
    for (let round = 0; round < 40; round++) {
      const at = round * (keys.length + 1);
      const before = round === 0 ? 1 : (round - 1) * 100 + 2;
      expect(replies[at], `round ${round}`).toEqual(keys.map(() => String(before)));
      for (let i = 1; i <= keys.length; i++) expect(replies[at + i]).toBe(round * 100 + 1);
    }
  });

  it('runs transactions, and WATCH notices others', async () => {
    const db = await start(place);
    const other = db.connection();
    const replies = await Promise.all([
      db.call('MULTI'), db.call('SET', 'a', 1), db.call('INCR', 'b'), db.call('INCR', 'c'),
      db.call('LPUSH', 'a', 'x'), db.call('EXEC'), db.get('b'),
    ]);
    expect(replies).toEqual([
      'OK', 'QUEUED', 'QUEUED', 'QUEUED', 'QUEUED', ['OK', 1, 1, expect.any(KoraReplyError)], '1',
    ]);
    await other.call('WATCH', 'a', 'b', 'c');
    await db.set('c', 5);
    await other.call('MULTI');
    await other.call('INCR', 'a');
    expect(await other.call('EXEC')).toBeNull();
    expect(await db.get('a')).toBe('1');
    await db.call('MULTI');
    expect(await codeOf(db.get('a'))).toBe('ENGINE_BUSY');
    await expect(db.call('NoSuch')).rejects.toThrow('unknown command');
    await expect(db.call('EXEC')).rejects.toMatchObject({ code: 'EXECABORT' });
    expect(await db.get('a')).toBe('1');
  });

  it('has a database for each connection, also one that EXEC selects', async () => {
    const db = await start({ ...place, databases: 4 });
    const one = db.connection();
    const keys = Array.from({ length: 8 }, (_, i) => `k${i}`);
    const done = [one.call('SELECT', 1), ...keys.map((key) => one.call('SET', key, 'one'))];
    expect(one.db).toBe(1);
    await Promise.all(done);
    expect(await db.size()).toBe(0);
    await expect(one.call('SELECT', 4)).rejects.toThrow('DB index is out of range');
    expect(one.db).toBe(1);
    expect(await Promise.all(keys.map((key) => one.call('GET', key))))
      .toEqual(keys.map(() => 'one'));
    await one.call('MULTI');
    await one.call('SELECT', 2);
    await one.call('SET', 'k0', 'two');
    const after = one.call('EXEC');
    const late = keys.map((key) => one.call('GET', key));
    expect(await after).toEqual(['OK', 'OK']);
    expect(await Promise.all(late)).toEqual(['two', ...keys.slice(1).map(() => null)]);
    expect(one.db).toBe(2);
    expect(await one.call('DBSIZE')).toBe(1);
    await one.call('MULTI');
    await one.call('SELECT', 0);
    await one.call('DISCARD');
    expect(one.db).toBe(2);
    expect(await one.call('GET', 'k0')).toBe('two');
  });

  it('answers thousands of calls that nobody waits for one by one', async () => {
    const db = await start(place);
    const count = 30_000;
    const calls: Promise<unknown>[] = [];
    for (let i = 0; i < count; i++) calls.push(db.set(`k${i}`, `v${i}`));
    expect((await Promise.all(calls)).every((stored) => stored === true)).toBe(true);
    const values = await Promise.all(calls.map((_, i) => db.get(`k${i}`)));
    expect(values.every((value, i) => value === `v${i}`)).toBe(true);
    expect(await db.size()).toBe(count);
  }, 30_000);

  it('reads long lists that travel in many messages', async () => {
    const db = await start(place);
    const elements = Array.from({ length: 20_000 }, (_, i) => `element:${i}`);
    await db.call('RPUSH', 'l', ...elements);
    const [all, length] = await Promise.all([db.call('LRANGE', 'l', 0, -1), db.call('LLEN', 'l')]);
    expect(all).toEqual(elements);
    expect(length).toBe(elements.length);
  });

  it('keeps to maxmemory', async () => {
    const db = await start({ ...place, maxmemory: '24mb' });
    const value = 'x'.repeat(10_000);
    const stored = await Promise.allSettled(
      Array.from({ length: 4_000 }, (_, i) => db.set(`k${i}`, value)),
    );
    const refused = stored.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(500);
    expect(refused[0]).toMatchObject({ reason: { code: 'OOM' } });
  });

  it('gives figures of all of it', async () => {
    const db = await start(place);
    await Promise.all(Array.from({ length: 100 }, (_, i) => db.set(`k${i}`, 'v')));
    await db.connection().call('SELECT', 3);
    await Promise.all([db.get('k1'), db.get('no')]);
    const stats = await db.stats();
    expect(stats).toMatchObject({ keyCount: 100, hitCount: 1, missCount: 1, evictedKeyCount: 0 });
    expect(stats.usedBytes).toBeGreaterThan(1_000);
    expect(stats.memoryBytes).toBeGreaterThan(stats.usedBytes);
    expect(stats.commandCount).toBeGreaterThan(100);
  });

  it('closes connections, with what they have queued', async () => {
    const db = await start(place);
    const connection = db.connection();
    await connection.call('MULTI');
    await connection.call('SET', 'k', 'v');
    const last = connection.call('PING');
    connection.close();
    connection.close();
    expect(await last).toBe('QUEUED');
    expect(await codeOf(connection.call('PING'))).toBe('ENGINE_CLOSED');
    expect(await db.get('k')).toBeNull();
    for (let i = 0; i < 200; i++) {
      const one = db.connection();
      expect(await one.call('INCR', 'n')).toBe(i + 1);
      one.close();
    }
  });

  it('answers what was called before it is closed, and nothing after', async () => {
    const db = await start(place);
    expect(db.isClosed).toBe(false);
    const keys = Array.from({ length: 3_000 }, (_, i) => `k${i}`);
    const calls = keys.map((key) => db.incr(key));
    const many = db.call('MGET', ...keys);
    const closing = db.close();
    expect(db.isClosed).toBe(true);
    expect(await codeOf(db.get('k'))).toBe('ENGINE_CLOSED');
    expect(await codeOf(db.del())).toBe('ENGINE_CLOSED');
    expect(() => db.connection()).toThrow('this database was closed');
    expect(await Promise.all(calls)).toEqual(keys.map(() => 1));
    expect(await many).toEqual(keys.map(() => '1'));
    await closing;
    await db.close();
  });
});

describe('a reply that a worker has no memory for', () => {
  it('is refused, and the connection goes on where it was', async () => {
    const db = await start({ workers: 2, memoryBytesMax: 64 * 1024 * 1024 });
    const connection = db.connection();
    await connection.call('SELECT', 3);
    const element = 'x'.repeat(10_000);
    for (let i = 0; i < 30; i++) {
      await connection.call('RPUSH', 'long', ...Array.from({ length: 100 }, () => element));
    }
    await connection.call('SET', 'k', 'v');
    const calls = await Promise.allSettled([
      connection.call('LRANGE', 'long', 0, 50), connection.call('LRANGE', 'long', 0, -1),
    ]);
    expect(calls).toMatchObject([
      { status: 'fulfilled' }, { status: 'rejected', reason: { code: 'OUT_OF_MEMORY' } },
    ]);
    expect(await connection.call('LLEN', 'long')).toBe(3_000);
    expect(await connection.call('GET', 'k')).toBe('v');
    expect(connection.db).toBe(3);
    expect(await db.call('EXISTS', 'long')).toBe(0);
  });
});

describe('options of set', () => {
  it('are known, or the promise is rejected and nothing is stored', async () => {
    const db = await open();
    await expect(db.set('k', 'v', { ttl: 5 } as never))
      .rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await db.size()).toBe(0);
    await db.close();
  });
});

describe('options of open', () => {
  it.each([0, -1, 1.5, 31, NaN, '2', 'x', null])('refuse workers: %s', async (workers) => {
    const call = open({ workers: workers as number });
    await expect(call).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(call).rejects.toThrow(`workers is ${String(workers)}; it is an integer from 1`);
  });

  it('are checked before anything starts', async () => {
    await expect(open({ workers: 2, maxmemory: 'much' }))
      .rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(open(null as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(open({ workers: 2, onNotice: 5 as never }))
      .rejects.toThrow('onNotice is 5; it is a function');
    await expect(open({ workers: 2, nosuch: 1 } as OpenAsyncOptions))
      .rejects.toThrow('unknown option "nosuch"');
    const platform = {
      clock: { nowMs: () => 1, monotonicUs: () => 1 }, chance: { next32: () => 1 },
      scheduler: { requestTurn: () => undefined },
    };
    await expect(open({ workers: 2, platform })).rejects.toThrow('leave out workers');
    expect(() => openSync({ workers: 2 } as OpenAsyncOptions)).toThrow('workers are for open()');
  });

  it('reach every worker', async () => {
    const db = await start({ workers: 2, settings: { 'list-max-listpack-size': 7 } });
    expect(await db.call('CONFIG', 'GET', 'list-max-listpack-size'))
      .toEqual(new Map([['list-max-listpack-size', '7']]));
    await db.call('CONFIG', 'SET', 'maxmemory', '100mb');
    const answers = await Promise.all([1, 2].map(() => {
      return db.connection().call('CONFIG', 'GET', 'maxmemory');
    }));
    expect(answers[0]).toEqual(new Map([['maxmemory', '104857600']]));
    expect(answers[1]).toEqual(answers[0]);
  });
});
