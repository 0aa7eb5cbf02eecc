/**
 * The everyday string commands by behaviour: what the corpus and the models do not look at, such
 * as what is announced and counted, the order of checks, and replies written before a change.
 */
import { describe, expect, it } from 'vitest';
import { EffectOp } from '../../keyspace/effect.ts';
import { keyEvents } from '../../keyspace/events.ts';
import { Stat } from '../../keyspace/statistics.ts';
import { ROPE_BYTES_MIN } from '../../limits.ts';
import { CommandDriver } from '../../testing/command-driver.ts';

const opNames = new Map<number, string>(Object.entries(EffectOp).map(([name, op]) => [op, name]));

/** Runs commands and tells what each announced, as `Op event [event]`. */
function announcedBy(...commands: readonly (readonly string[])[]): string[] {
  const driver = new CommandDriver();
  const announced: string[] = [];
  driver.shard.journal.listen((effect) => {
    const events = [effect.event, effect.secondEvent].map((event) => keyEvents[event]?.name ?? '');
    announced.push([opNames.get(effect.op), ...events].filter(Boolean).join(' '));
  });
  for (const args of commands) driver.run(...args);
  return announced;
}

describe('SET and GET', () => {
  it('keep values of every length apart from their neighbours', () => {
    const driver = new CommandDriver();
    for (const bytes of [0, 1, 3, 4, 44, 65, 4096, ROPE_BYTES_MIN - 1, ROPE_BYTES_MIN, 200_001]) {
      const value = 'x'.repeat(bytes);
      expect(driver.run('SET', 'k', value)).toBe('+"OK"');
      expect(driver.run('SET', 'neighbour', 'n')).toBe('+"OK"');
      expect(driver.run('STRLEN', 'k')).toBe(`:${bytes}`);
      expect(driver.run('GET', 'k')).toBe(`$"${value}"`);
    }
  });

  it('answer the old value when it is long and replaced', () => {
    const driver = new CommandDriver();
    const long = 'y'.repeat(150_000);
    driver.run('SET', 'k', long);
    expect(driver.run('SET', 'k', 'short', 'GET')).toBe(`$"${long}"`);
    expect(driver.run('GETSET', 'k', long)).toBe('$"short"');
    expect(driver.run('GETDEL', 'k')).toBe(`$"${long}"`);
    expect(driver.run('GET', 'k')).toBe('_');
  });

  it('compare long values byte for byte', () => {
    const driver = new CommandDriver();
    const long = 'y'.repeat(150_000);
    const other = `${'y'.repeat(149_999)}z`;
    driver.run('SET', 'k', long);
    expect(driver.run('SET', 'k', 'v', 'IFEQ', other)).toBe('_');
    expect(driver.run('SET', 'k', other, 'IFEQ', long)).toBe('+"OK"');
    expect(driver.run('DELEX', 'k', 'IFNE', other)).toBe(':0');
    expect(driver.run('DELEX', 'k', 'IFNE', long)).toBe(':1');
  });

  it('refuse a bad deadline before they look at the key', () => {
    const driver = new CommandDriver();
    const bad = `-"ERR invalid expire time in 'set' command"`;
    expect(driver.run('SET', 'k', 'v', 'GET', 'NX', 'EX', '0')).toBe(bad);
    expect(driver.run('SET', 'k', 'v', 'PX', '9223372036854775807')).toBe(bad);
    expect(driver.run('SET', 'k', 'v', 'EXAT', '9223372036854776')).toBe(bad);
    expect(driver.run('SET', 'k', 'v', 'PXAT', '9223372036854775807')).toBe('+"OK"');
    expect(driver.run('GETEX', 'nosuch', 'EX', 'no number')).toBe('_');
  });

  it('live through their last millisecond', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'k', 'v', 'PX', '1500');
    driver.clock.advance(1500);
    expect(driver.run('GET', 'k')).toBe('$"v"');
    driver.clock.advance(1);
    expect(driver.run('GET', 'k')).toBe('_');
  });

  it('count hits and misses as Redis does: SET with GET reads, SET alone does not', () => {
    const driver = new CommandDriver();
    const { counts } = driver.shard.stats;
    driver.run('SET', 'k', 'v');
    driver.run('SET', 'k', 'v', 'XX');
    driver.run('INCR', 'n');
    driver.run('APPEND', 'k', 'w');
    expect([counts[Stat.KeyspaceHits], counts[Stat.KeyspaceMisses]]).toEqual([0, 0]);
    driver.run('SET', 'k', 'v', 'GET');
    driver.run('MGET', 'k', 'a', 'b', 'c', 'n');
    driver.run('GETDEL', 'nosuch');
    expect([counts[Stat.KeyspaceHits], counts[Stat.KeyspaceMisses]]).toEqual([3, 4]);
  });
});

describe('what string commands announce', () => {
  it('is one effect a key, with the events of Redis', () => {
    expect(announcedBy(
      ['SET', 'k', 'v'], ['SET', 'k', 'v', 'EX', '10'], ['SET', 'k', 'v', 'KEEPTTL'],
      ['SETEX', 'k', '10', 'v'], ['GETSET', 'k', 'v'], ['APPEND', 'k', 'w'], ['APPEND', 'a', ''],
      ['SETRANGE', 'k', '3', 'x'], ['INCR', 'n'], ['INCRBYFLOAT', 'n', '0.5'],
      ['GETEX', 'k', 'EX', '5'], ['GETEX', 'k', 'PERSIST'], ['GETEX', 'k', 'PXAT', '1'],
      ['MSET', 'x', '1', 'y', '2'], ['MSETEX', '1', 'x', '1', 'PX', '500'], ['DELEX', 'x'],
    )).toEqual([
      'StringSet set', 'StringSet set expire', 'StringSet set',
      'StringSet set expire', 'StringSet set', 'StringAppend append', 'StringSet append',
      'StringPatch setrange', 'StringSet incrby', 'StringSet incrbyfloat',
      'KeyExpire expire', 'KeyPersist persist', 'KeyRemove del',
      'StringSet set', 'StringSet set', 'StringSet set expire', 'KeyRemove del',
    ]);
  });

  it('is nothing when nothing changed', () => {
    expect(announcedBy(
      ['SET', 'k', 'v', 'XX'], ['GET', 'k'], ['GETEX', 'k', 'EX', '5'], ['GETDEL', 'k'],
      ['SETRANGE', 'k', '0', ''], ['INCRBY', 'k', 'x'], ['MSETEX', '1', 'k', 'v', 'XX'],
      ['DELEX', 'k'], ['LCS', 'k', 'l'],
    )).toEqual([]);
  });
});

describe('MGET', () => {
  it('finds every key although one that is due is removed on the way', () => {
    const driver = new CommandDriver();
    const keys = Array.from({ length: 300 }, (_, i) => `key:${i}`);
    for (const [i, key] of keys.entries()) {
      if (i % 3 === 0) driver.run('SET', key, String(i), 'PX', '10');
      else driver.run('SET', key, String(i));
    }
    driver.clock.advance(11);
    const wanted = keys.map((_, i) => (i % 3 === 0 ? '_' : `$"${i}"`));
    expect(driver.run('MGET', ...keys)).toBe(`*[${wanted.join(' ')}]`);
    expect(driver.run('MGET', ...keys, ...keys)).toBe(`*[${[...wanted, ...wanted].join(' ')}]`);
  });

  it('reads more keys than one batch holds', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'k', 'v');
    const items = Array.from({ length: 9001 }, (_, i) => (i % 2 === 0 ? 'k' : 'nosuch'));
    const wanted = items.map((key) => (key === 'k' ? '$"v"' : '_'));
    expect(driver.run('MGET', ...items)).toBe(`*[${wanted.join(' ')}]`);
  });
});

describe('LCS', () => {
  it('refuses a table beyond proto-max-bulk-len before it copies anything', () => {
    const driver = new CommandDriver();
    driver.run('SETRANGE', 'a', '99999', 'x');
    driver.run('SETRANGE', 'b', '99999', 'y');
    expect(driver.run('LCS', 'a', 'b')).toBe(
      '-"ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"',
    );
    expect(driver.run('LCS', 'a', 'b', 'IDX', 'LEN')).toBe(
      '-"ERR If you want both the length and indexes, please just use IDX."',
    );
    expect(driver.run('LCS', 'a', 'b', 'MINMATCHLEN', 'x', 'FOO')).toBe(
      '-"ERR value is not an integer or out of range"',
    );
  });
});

describe('conditions of Redis 8.4', () => {
  it('compare digests in any case and refuse what is none', () => {
    const driver = new CommandDriver();
    const bad = '-"ERR digest must be exactly 16 hexadecimal characters"';
    driver.run('SET', 'k', 'Hello world');
    expect(driver.run('SET', 'k', 'v', 'IFDEQ', 'xyz')).toBe(bad);
    expect(driver.run('DELEX', 'k', 'IFDNE', 'b6acb9d84a38ff7g')).toBe(bad);
    expect(driver.run('DELEX', 'k', 'IFDNE', 'b6acb9d84a38ff74')).toBe(':0');
    expect(driver.run('SET', 'k', 'v', 'IFDEQ', 'B6ACB9D84A38FF74')).toBe('+"OK"');
    expect(driver.run('SET', 'nosuch', 'v', 'IFDEQ', 'b6acb9d84a38ff74')).toBe('_');
    expect(driver.run('SET', 'nosuch', 'v', 'IFDNE', 'b6acb9d84a38ff74')).toBe('+"OK"');
  });

  it('exclude each other', () => {
    const driver = new CommandDriver();
    expect(driver.run('SET', 'k', 'v', 'NX', 'IFEQ', 'x')).toBe('-"ERR syntax error"');
    expect(driver.run('DELEX', 'k', 'IFEQ', 'x', 'IFNE', 'y')).toBe('-"ERR syntax error"');
    expect(driver.run('DELEX', 'k', 'IFEQ')).toBe('-"ERR syntax error"');
  });

  it('write all keys of MSETEX or none', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1', 'EX', '100');
    expect(driver.run('MSETEX', '2', 'a', '2', 'b', '2', 'NX')).toBe(':0');
    expect(driver.run('MSETEX', '2', 'a', '2', 'b', '2', 'XX')).toBe(':0');
    expect(driver.run('MGET', 'a', 'b')).toBe('*[$"1" _]');
    expect(driver.run('MSETEX', '2', 'a', '2', 'b', '2', 'KEEPTTL')).toBe(':1');
    expect(driver.run('MSETEX', '2', 'a', '2', 'b', '2', 'EX', '0')).toBe(
      `-"ERR invalid expire time in 'msetex' command"`,
    );
    expect(driver.run('MSETEX', '3', 'a', '2', 'b', '2')).toBe('-"ERR syntax error"');
    expect(driver.run('MSETEX', '0', 'a', '2')).toBe('-"ERR numkeys should be greater than 0"');
    driver.clock.advance(100_001);
    expect(driver.run('MGET', 'a', 'b')).toBe('*[_ $"2"]');
  });
});
