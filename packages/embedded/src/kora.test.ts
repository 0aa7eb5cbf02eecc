/**
 * What a program sees of the embedded engine: values in and out, options, refusals, expiry without
 * an event loop, lending, and the end.
 */
import { SeededChance, VirtualClock } from '@kora/core';
import type { Platform } from '@kora/core';
import { afterEach, describe, expect, it } from 'vitest';
import { KoraReplyError, openSync } from './index.ts';
import type { Kora, OpenOptions } from './index.ts';

const opened: Kora[] = [];

function open(options?: OpenOptions): Kora {
  const db = openSync(options);
  opened.push(db);
  return db;
}

/** A platform whose time is told. */
function virtualPlatform(): Platform & { readonly clock: VirtualClock } {
  return {
    clock: new VirtualClock(), chance: new SeededChance(7),
    scheduler: { requestTurn: () => undefined },
  };
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
  return 'nothing was thrown';
}

afterEach(() => {
  for (const db of opened.splice(0)) db.close();
});

describe('strings', () => {
  it('come back as they went in, whatever their size and characters', () => {
    const db = open();
    const texts = [
      '', 'a', 'é', '日本', '😀', 'x'.repeat(39), 'x'.repeat(41), `${'x'.repeat(40)}é`,
      'y'.repeat(21_845), 'é'.repeat(40_000), 'z'.repeat(65_535), 'z'.repeat(65_536),
      'w'.repeat(300_000),
    ];
    for (const text of texts) {
      expect(db.set('k', text)).toBe(true);
      expect(db.get('k')).toBe(text);
      expect(Buffer.from(db.getBytes('k') ?? []).equals(Buffer.from(text))).toBe(true);
      expect(db.call('GET', 'k')).toBe(text);
    }
  });

  it('may be bytes, under keys of bytes', () => {
    const db = open();
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(db.set(bytes, bytes)).toBe(true);
    expect(db.getBytes(bytes)).toEqual(bytes);
    expect(db.callBytes('GET', bytes)).toEqual(bytes);
    expect(db.get('no such key')).toBeNull();
    expect(db.getBytes('no such key')).toBeNull();
  });

  it('get keys in UTF-8, the same for every method', () => {
    const db = open();
    db.set('ключ-日本', 'v');
    expect(db.call('GET', 'ключ-日本')).toBe('v');
    expect(db.get(new TextEncoder().encode('ключ-日本'))).toBe('v');
  });

  it('give bytes that belong to the caller', () => {
    const db = open();
    db.set('k', 'before');
    const bytes = db.getBytes('k');
    db.set('k', 'after!');
    expect(Buffer.from(bytes ?? []).toString()).toBe('before');
    bytes?.fill(0);
    expect(db.get('k')).toBe('after!');
  });

  it('store numbers in decimal', () => {
    const db = open();
    const cases = [[0, '0'], [-1.5, '-1.5'], [2n ** 63n, '9223372036854775808']] as const;
    for (const [value, text] of cases) {
      db.set('n', value);
      expect(db.get('n')).toBe(text);
    }
    expect(codeOf(() => db.set('n', NaN))).toBe('INVALID_ARGUMENT');
  });
});

describe('getInto', () => {
  it('copies into the array from the offset and says how much', () => {
    const db = open();
    for (const bytes of [0, 1, 24, 25, 64, 65_535, 65_536, 200_000]) {
      const value = Uint8Array.from({ length: bytes }, (_, i) => i * 7);
      db.set('k', value);
      const target = new Uint8Array(bytes + 3).fill(9);
      expect(db.getInto('k', target, 2)).toBe(bytes);
      expect(Buffer.from(target.subarray(2, bytes + 2)).equals(Buffer.from(value))).toBe(true);
      expect([target[0], target[1], target[bytes + 2]]).toEqual([9, 9, 9]);
    }
    expect(db.getInto('no such key', new Uint8Array(0))).toBe(-1);
  });

  it('refuses an array that is too small and leaves it alone', () => {
    const db = open();
    for (const bytes of [10, 70_000]) {
      db.set('k', 'x'.repeat(bytes));
      const target = new Uint8Array(bytes - 1);
      expect(codeOf(() => db.getInto('k', target))).toBe('INVALID_ARGUMENT');
      expect(target.every((byte) => byte === 0)).toBe(true);
    }
  });
});

describe('with', () => {
  it('lends the bytes and returns what the callback returns', () => {
    const db = open();
    for (const bytes of [0, 5, 65_535, 65_536, 100_000]) {
      db.set('k', 'q'.repeat(bytes));
      expect(db.with('k', (view) => Buffer.from(view ?? []).toString())).toBe('q'.repeat(bytes));
    }
    expect(db.with('no such key', (view) => view)).toBeNull();
  });

  it('keeps every call out meanwhile, and lets them in again after an error too', () => {
    const db = open();
    db.set('k', 'v');
    expect(db.with('k', () => codeOf(() => db.set('k', 'w')))).toBe('ENGINE_BUSY');
    expect(db.with('k', () => codeOf(() => db.call('FLUSHALL')))).toBe('ENGINE_BUSY');
    expect(db.with('k', () => codeOf(() => { db.close(); }))).toBe('ENGINE_BUSY');
    expect(() => db.with('k', () => {
      throw new Error('the callback fails');
    })).toThrow('the callback fails');
    expect(db.get('k')).toBe('v');
  });
});

describe('set', () => {
  it('keeps its conditions and deadlines', () => {
    const platform = virtualPlatform();
    const db = open({ platform });
    expect(db.set('k', '1', { ifPresent: true })).toBe(false);
    expect(db.set('k', '1', { ifAbsent: true })).toBe(true);
    expect(db.set('k', '2', { ifAbsent: true })).toBe(false);
    expect(db.set('k', '3', { ttlMs: 100 })).toBe(true);
    expect(db.call('PTTL', 'k')).toBe(100);
    db.set('k', '4', { keepTtl: true });
    expect(db.call('PTTL', 'k')).toBe(100);
    platform.clock.advance(100);
    expect(db.get('k')).toBe('4');
    platform.clock.advance(1);
    expect(db.get('k')).toBeNull();
    db.set('k', '5', { expireAtMs: platform.clock.nowMs() + 50 });
    db.set('k', '6');
    platform.clock.advance(60);
    expect(db.get('k')).toBe('6');
    expect(codeOf(() => db.set('k', 'v', { ttlMs: 0 }))).toBe('ERR');
    expect(codeOf(() => db.set('k', 'v', { ttlMs: 1, keepTtl: true }))).toBe('ERR');
  });

  it('obeys maxmemory like any write', () => {
    const db = open({ maxmemory: '2mb', memoryBytesMax: 64 * 1024 * 1024 });
    const fill = (): void => {
      for (let i = 0; i < 10_000; i++) db.set(`k${i}`, 'x'.repeat(1000));
    };
    expect(codeOf(fill)).toBe('OOM');
    expect(db.get('k0')).toHaveLength(1000);
    db.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    fill();
    expect(db.stats.evictedKeyCount).toBeGreaterThan(0);
    expect(db.get('k9999')).toHaveLength(1000);
  });
});

describe('keys and numbers', () => {
  it('are counted, removed and incremented', () => {
    const db = open();
    db.set('a', '1');
    db.set('b', 'text');
    expect(db.size).toBe(2);
    expect(db.exists('a', 'b', 'a', 'c')).toBe(3);
    expect(db.incr('a')).toBe(2);
    expect(db.incr('a', -5)).toBe(-3);
    expect(db.incr('big', 2n ** 62n)).toBe(2n ** 62n);
    expect(codeOf(() => db.incr('b'))).toBe('ERR');
    expect(codeOf(() => db.incr('a', 1.5))).toBe('ERR');
    expect(db.del('a', 'c', 'b')).toBe(2);
    expect([db.del(), db.exists(), db.size]).toEqual([0, 0, 1]);
  });

  it('live in the database that was selected, one for each connection', () => {
    const db = open();
    const other = db.connection();
    expect(other.call('SELECT', 3)).toBe('OK');
    other.call('SET', 'k', 'three');
    expect([other.db, db.get('k'), other.call('GET', 'k')]).toEqual([3, null, 'three']);
    db.call('SELECT', '3');
    expect([db.get('k'), db.size]).toEqual(['three', 1]);
    db.del('k');
    expect(other.call('GET', 'k')).toBeNull();
  });

  it('are figures of stats', () => {
    const db = open();
    db.set('k', 'v');
    db.get('k');
    db.get('none');
    const { keyCount, hitCount, missCount, commandCount, usedBytes, memoryBytes } = db.stats;
    expect({ keyCount, hitCount, missCount, commandCount }).toEqual(
      { keyCount: 1, hitCount: 1, missCount: 1, commandCount: 3 },
    );
    expect(usedBytes).toBeGreaterThan(0);
    expect(memoryBytes).toBeGreaterThan(usedBytes);
  });
});

describe('refusals', () => {
  it('are errors with the reply as message and its first word as code', () => {
    const db = open();
    expect(() => db.call('NOSUCH', 'x')).toThrow(KoraReplyError);
    expect(() => db.call('GET')).toThrow("ERR wrong number of arguments for 'get' command");
    expect(codeOf(() => db.call('SET', 'k', 'v', 'NO'))).toBe('ERR');
    expect(codeOf(() => db.call())).toBe('INVALID_ARGUMENT');
    expect(codeOf(() => db.call('GET', null as unknown as string))).toBe('INVALID_ARGUMENT');
    expect(db.call('PING')).toBe('PONG');
  });

  it('of options name the option and what is allowed', () => {
    const bad: [OpenOptions, RegExp][] = [
      [{ maxMemory: 1 } as OpenOptions, /unknown option "maxMemory"; there is maxmemory, /],
      [{ maxmemory: 'lots' }, /maxmemory.*must be a memory value/],
      [{ maxmemoryPolicy: 'lru' as 'noeviction' }, /must be one of the following: volatile-lru/],
      [{ databases: 17 }, /databases is 17; it is an integer from 1 to 16/],
      [{ memoryBytesMax: 1000 }, /memoryBytesMax is 1000/],
      [{ memoryBytesMax: 64 * 1024 * 1024 + 1 }, /a multiple of 65536/],
      [{ settings: { nosuch: 1 } }, /there is no setting "nosuch"/],
      [{ settings: 'x' as never }, /settings is x; it is an object/],
      [{ dir: 5 as never }, /dir is 5; it is the path of a directory/],
      [{ dir: 'a\0b' }, /it is the path of a directory/],
      [{ onNotice: 5 as never }, /onNotice is 5; it is a function/],
      [{ onError: {} as never }, /onError is an object; it is a function/],
      [{ platform: {} as never }, /platform.clock is undefined; it is an object/],
      [null as never, /the argument of openSync\(\) is null; it is an object/],
      ['data' as never, /the argument of openSync\(\) is data; it is an object/],
    ];
    for (const [options, message] of bad) {
      expect(codeOf(() => open(options))).toBe('INVALID_OPTION');
      expect(() => open(options)).toThrow(message);
    }
    const db = open({ settings: { 'maxmemory-samples': 7 } });
    expect(db.call('CONFIG', 'GET', 'maxmemory-samples')).toEqual(
      new Map([['maxmemory-samples', '7']]),
    );
  });

  it('of options of set come before anything is stored', () => {
    const db = open();
    for (const options of [{ ttlMS: 5 }, { ifAbsent: true, ttl: 5 }, null, 5, 'NX']) {
      expect(codeOf(() => db.set('k', 'v', options as never))).toBe('INVALID_ARGUMENT');
    }
    expect(() => db.set('k', 'v', { ttl: 5 } as never)).toThrow(
      'unknown option ttl of set; known: ttlMs, expireAtMs, keepTtl, ifAbsent, ifPresent');
    expect(db.size).toBe(0);
    expect(db.set('k', 'v', { ttlMs: 5000, ifAbsent: true })).toBe(true);
  });

  it('of a place for bytes leave it as it was', () => {
    const db = open();
    const target = new Uint8Array(4);
    for (const [key, value] of [['short', 'abc'], ['long', 'x'.repeat(100_000)]] as const) {
      db.set(key, value);
      for (const offset of [-1, 1.5, NaN, '1' as never]) {
        expect(codeOf(() => db.getInto(key, target, offset))).toBe('INVALID_ARGUMENT');
      }
      for (const given of [null, undefined, [], new ArrayBuffer(9)]) {
        expect(codeOf(() => db.getInto(key, given as never))).toBe('INVALID_ARGUMENT');
      }
    }
    expect(target).toEqual(new Uint8Array(4));
  });

  it('a key longer than a megabyte is refused, the engine goes on', () => {
    const db = open();
    expect(codeOf(() => db.set('k'.repeat(1_048_577), 'v'))).toBe('ERR');
    expect(db.set('k'.repeat(1_048_576), 'v')).toBe(true);
    expect(db.get('k'.repeat(1_048_576))).toBe('v');
    expect(db.size).toBe(1);
  });
});

describe('close', () => {
  it('ends everything but itself', () => {
    const db = openSync();
    const connection = db.connection();
    db.set('k', 'v');
    db.close();
    db.close();
    const calls = [
      () => db.get('k'), () => db.getBytes('k'), () => db.getInto('k', new Uint8Array(9)),
      () => db.set('k', 'v'), () => db.del('k'), () => db.exists('k'), () => db.incr('k'),
      () => db.with('k', () => 1), () => db.call('PING'), () => db.callBytes('PING'),
      () => connection.call('PING'), () => db.connection(), () => db.size, () => db.stats,
    ];
    expect(calls.map(codeOf)).toEqual(calls.map(() => 'ENGINE_CLOSED'));
    expect(db.isClosed).toBe(true);
  });

  it('comes by itself with `using`', () => {
    let outside: Kora;
    {
      using db = openSync();
      db.set('k', 'v');
      outside = db;
    }
    expect(outside.isClosed).toBe(true);
  });
});
