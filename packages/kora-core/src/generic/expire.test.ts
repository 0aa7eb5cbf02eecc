/**
 * Deadlines as clients set and see them: the order of checks, the exact ends of the 64-bit range,
 * conditions alone and together, rounding, and what is announced. The comparison table at the end
 * is recorded from redis-server 7.0.
 */
import { describe, expect, it } from 'vitest';
import { EffectOp } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import { CommandDriver } from '../testing/command-driver.ts';

const overflow = (name: string) => `-"ERR invalid expire time in '${name}' command"`;

describe('EXPIRE and its kin', () => {
  it('set a deadline in each unit, from now and absolute', () => {
    const driver = new CommandDriver({ startMs: 1_000_000_400 });
    driver.run('SET', 'a', '1');
    expect(driver.run('EXPIRE', 'a', '100')).toBe(':1');
    expect(driver.run('PEXPIRETIME', 'a')).toBe(':1000100400');
    expect(driver.run('PEXPIRE', 'a', '1700')).toBe(':1');
    expect(driver.run('PTTL', 'a')).toBe(':1700');
    expect(driver.run('TTL', 'a')).toBe(':2');
    expect(driver.run('EXPIREAT', 'a', '2000000')).toBe(':1');
    expect(driver.run('EXPIRETIME', 'a')).toBe(':2000000');
    expect(driver.run('PEXPIREAT', 'a', '2000000499')).toBe(':1');
    expect(driver.run('EXPIRETIME', 'a')).toBe(':2000000');
    expect(driver.run('EXPIRE', 'nokey', '100')).toBe(':0');
  });

  it('a key lives through its last millisecond and is gone after it', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    driver.run('PEXPIRE', 'a', '30');
    driver.clock.advance(30);
    expect(driver.run('GET', 'a')).toBe('$"1"');
    expect(driver.run('PTTL', 'a')).toBe(':0');
    driver.clock.advance(1);
    expect(driver.run('PTTL', 'a')).toBe(':-2');
  });

  it('keep the value when the entry moves to make room', () => {
    const driver = new CommandDriver();
    for (let bytes = 0; bytes < 200; bytes++) {
      const value = 'v'.repeat(bytes);
      const key = `key:${bytes}`;
      driver.run('SET', key, value);
      expect(driver.run('EXPIRE', key, '100')).toBe(':1');
      expect(driver.run('GET', key)).toBe(`$"${value}"`);
      expect(driver.run('PERSIST', key)).toBe(':1');
      expect(driver.run('GET', key)).toBe(`$"${value}"`);
    }
    expect(driver.shard.keyspace.databases[0]?.expiringCount).toBe(0);
  });

  it('delete at once when the deadline is not in the future', () => {
    const driver = new CommandDriver();
    const seen: number[][] = [];
    const lines = [
      'EXPIRE a 0', 'PEXPIRE a -100', 'EXPIREAT a 1', 'PEXPIREAT a -9223372036854775808',
    ];
    for (const line of lines) {
      driver.run('SET', 'a', '1');
      const stop = driver.shard.journal.listen((effect) => seen.push([effect.op, effect.event]));
      expect(driver.runLine(line), line).toBe(':1');
      stop();
      expect(driver.run('EXISTS', 'a')).toBe(':0');
    }
    expect(seen).toEqual(lines.map(() => [EffectOp.KeyRemove, KeyEvent.Del]));
  });

  it('announce the absolute deadline', () => {
    const driver = new CommandDriver({ startMs: 5_000_000_000_000 });
    driver.run('SET', 'a', '1');
    const seen: number[][] = [];
    driver.shard.journal.listen((effect) => {
      const ms = effect.expireHigh * 2 ** 32 + (effect.expireLow >>> 0);
      seen.push([effect.op, effect.event, ms]);
    });
    driver.run('EXPIRE', 'a', '10');
    driver.run('PERSIST', 'a');
    driver.run('PERSIST', 'a');
    expect(seen).toEqual([
      [EffectOp.KeyExpire, KeyEvent.Expire, 5_000_000_010_000],
      [EffectOp.KeyPersist, KeyEvent.Persist, 0],
    ]);
  });

  it('are exact at the ends of the range', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    expect(driver.run('PEXPIREAT', 'a', '9223372036854775807')).toBe(':1');
    expect(driver.run('PEXPIRETIME', 'a')).toBe(':9223372036854775807');
    expect(driver.run('EXPIRETIME', 'a')).toBe(':9223372036854776');
    expect(driver.run('PTTL', 'a')).toBe(`:${2n ** 63n - 1n - 1_700_000_000_000n}`);
    expect(driver.run('PEXPIREAT', 'a', '9223372036854775807', 'GT')).toBe(':0');
    expect(driver.run('PEXPIREAT', 'a', '9223372036854775806', 'LT')).toBe(':1');
    expect(driver.run('PEXPIREAT', 'a', '9223372036854775807', 'GT')).toBe(':1');
    expect(driver.run('PEXPIREAT', 'a', '9007199254740993')).toBe(':1');
    expect(driver.run('PEXPIRETIME', 'a')).toBe(':9007199254740993');
    expect(driver.run('EXPIREAT', 'a', '9223372036854775')).toBe(':1');
    expect(driver.run('PEXPIRETIME', 'a')).toBe(':9223372036854775000');
    expect(driver.run('PEXPIRE', 'a', String(2n ** 63n - 1n - 1_700_000_000_000n))).toBe(':1');
    expect(driver.run('PEXPIRETIME', 'a')).toBe(':9223372036854775807');
    const tooLate = String(2n ** 63n - 1_700_000_000_000n);
    expect(driver.run('PEXPIRE', 'a', tooLate)).toBe(overflow('pexpire'));
    driver.settle();
    expect(driver.run('EXISTS', 'a')).toBe(':1');
  });

  it('answers errors in the order of the reference', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    const nxClash = '-"ERR NX and XX, GT or LT options at the same time are not compatible"';
    const replies = [
      ['EXPIRE a 9223372036854775807', overflow('expire')],
      ['EXPIRE a 9223372036854776', overflow('expire')],
      ['EXPIRE a -9223372036854775808', overflow('expire')],
      ['PEXPIRE a 9223372036854775807', overflow('pexpire')],
      ['EXPIREAT a 9223372036854775807', overflow('expireat')],
      ['EXPIREAT nokey -9223372036854775808', overflow('expireat')],
      ['EXPIRE a 100 NX XX', nxClash],
      ['EXPIRE a 100 NX GT LT', nxClash],
      ['EXPIRE a 100 GT LT', '-"ERR GT and LT options at the same time are not compatible"'],
      ['EXPIRE a x FOO', '-"ERR Unsupported option FOO"'],
      ['EXPIRE a x NX XX', nxClash],
      ['EXPIRE nokey x', '-"ERR value is not an integer or out of range"'],
      ['EXPIRE nokey 9223372036854775808', '-"ERR value is not an integer or out of range"'],
      ['EXPIRE a 1 "F\\x00OO"', '-"ERR Unsupported option F"'],
      ['EXPIRE a 1 "F\\r\\nO"', '-"ERR Unsupported option F  O"'],
    ];
    for (const [line, reply] of replies) expect(driver.runLine(line ?? ''), line).toBe(reply);
    expect(driver.run('TTL', 'a')).toBe(':-1');
  });
});

describe('conditions', () => {
  /** Reply of `PEXPIREAT a <ms> <words>` for a key with this deadline, null = none. */
  function outcome(deadlineMs: number | null, ms: number, words: readonly string[]): string {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    if (deadlineMs !== null) driver.run('PEXPIREAT', 'a', deadlineMs);
    return driver.run('PEXPIREAT', 'a', ms, ...words);
  }

  it('hold alone and together, no deadline counting as infinity', () => {
    const base = 1_800_000_000_000;
    const combinations = [['NX'], ['XX'], ['GT'], ['LT'], ['XX', 'GT'], ['LT', 'XX'], ['NX', 'NX']];
    for (const old of [null, base]) {
      for (const ms of [base - 1, base, base + 1]) {
        for (const words of combinations) {
          const isAllowed = words.every((word) => {
            if (word === 'NX') return old === null;
            if (word === 'XX') return old !== null;
            if (word === 'GT') return old !== null && ms > old;
            return old === null || ms < old;
          });
          const shown = `${old} ${ms} ${words.join(' ')}`;
          expect(outcome(old, ms, words), shown).toBe(isAllowed ? ':1' : ':0');
        }
      }
    }
  });
});

describe('TTL and its kin', () => {
  it('tell a missing key from one that stays', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    for (const name of ['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']) {
      expect(driver.run(name, 'a')).toBe(':-1');
      expect(driver.run(name, 'nokey')).toBe(':-2');
    }
  });

  it('show an unknown option whole, up to a zero byte, without line breaks at its end', () => {
    const driver = new CommandDriver();
    const refusal = (shown: string) => `-"ERR Unsupported option ${shown}"`;
    expect(driver.run('EXPIRE', 'a', '100', 'x\r\ny\r\n')).toBe(refusal('x  y'));
    expect(driver.run('EXPIRE', 'a', '100', 'x\0y')).toBe(refusal('x'));
    expect(driver.run('EXPIRE', 'a', '100', 'x'.repeat(300))).toBe(refusal('x'.repeat(300)));
  });

  it('round seconds to the nearest, halves up', () => {
    const driver = new CommandDriver();
    for (const [ms, seconds] of [[1400, 1], [1499, 1], [1500, 2], [1600, 2], [499, 0]]) {
      driver.run('SET', 'a', '1', 'PX', ms ?? 0);
      expect(driver.run('TTL', 'a'), `${ms}`).toBe(`:${seconds}`);
    }
  });
});
