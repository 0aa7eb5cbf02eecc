/**
 * Deadlines of elements (fields of hashes) as active expiry meets them: they go soon after their
 * time without anyone's asking, in slices when they are many, wherever their key has gone
 * meanwhile; a key that is left empty goes too; and armed records do not pile up.
 */
import { describe, expect, it } from 'vitest';
import { EffectOp, EffectReason } from './effect.ts';
import { REBUILD_RECORDS_FLOOR } from './expiry.ts';
import { CommandDriver } from '../testing/command-driver.ts';

const START_MS = 1_700_000_000_000;
/** A field may stay this long past its deadline: a tick, and the tick of an exact hit. */
const LAG_MS = 300;

/** A driver with a hash of `count` fields, which are due after `ttlMs`, and one that stays. */
function withHash(key: string, count: number, ttlMs: number): CommandDriver {
  const driver = new CommandDriver({ startMs: START_MS });
  driver.run('HSET', key, 'stays', 'here');
  for (let from = 0; from < count; from += 1_000) {
    const fields = Array.from({ length: Math.min(1_000, count - from) }, (_, i) => `f${from + i}`);
    driver.run('HSET', key, ...fields.flatMap((field) => [field, 'v']));
    driver.run('HPEXPIRE', key, ttlMs, 'FIELDS', fields.length, ...fields);
  }
  return driver;
}

/** Fields that are really there: nothing is looked up, so nothing expires by the look. */
function fieldsGone(driver: CommandDriver): { readonly fields: number[]; close: () => void } {
  const fields: number[] = [];
  const close = driver.shard.journal.listen(({ op, reason, parts }) => {
    if (op === EffectOp.HashRemove && reason === EffectReason.Expired) fields.push(parts.count);
  });
  return { fields, close };
}

describe('elements with deadlines', () => {
  it('go in slices, and leave the rest', () => {
    const driver = withHash('h', 20_000, 5_000);
    const gone = fieldsGone(driver);
    driver.clock.advance(4_900);
    driver.settle();
    expect(gone.fields).toEqual([]);
    driver.clock.advance(100 + LAG_MS);
    let slices = 0;
    let goneBefore = 0;
    while (driver.shard.maintain()) {
      slices++;
      const all = gone.fields.reduce((sum, count) => sum + count, 0);
      expect(all - goneBefore).toBeLessThan(1_500);
      goneBefore = all;
    }
    expect(slices).toBeGreaterThan(10);
    expect(gone.fields.reduce((sum, count) => sum + count, 0)).toBe(20_000);
    expect(driver.run('HGETALL', 'h')).toBe('*[$"stays" $"here"]');
    gone.close();
  });

  it('go wherever their key has gone', () => {
    const moves: readonly (readonly string[])[] = [
      ['RENAME', 'h', 'other'], ['MOVE', 'h', '1'], ['COPY', 'h', 'other'], ['SWAPDB', '0', '1'],
      ['PEXPIRE', 'h', '100000'], ['DEBUG', 'RELOAD'],
    ];
    for (const move of moves) {
      const driver = withHash('h', 50, 5_000);
      driver.run('CONFIG', 'SET', 'hash-max-listpack-entries', '512');
      driver.shard.settings.enableDebugCommand = 'yes';
      expect(driver.run(...move), move.join(' ')).not.toMatch(/^-/);
      const gone = fieldsGone(driver);
      driver.advance(5_000 + LAG_MS);
      const wanted = move[0] === 'COPY' ? 100 : 50;
      expect(gone.fields.reduce((sum, count) => sum + count, 0), move.join(' ')).toBe(wanted);
      gone.close();
    }
  });

  it('take their key with them when they were all', () => {
    const driver = new CommandDriver({ startMs: START_MS });
    driver.run('HSET', 'h', 'a', '1', 'b', '2');
    driver.run('HPEXPIRE', 'h', '1000', 'FIELDS', '2', 'a', 'b');
    driver.advance(1_000 + LAG_MS);
    expect(driver.shard.keyspace.databases[0]?.count).toBe(0);
  });

  it('are counted, and their key only where it had a deadline itself', () => {
    const counted = (driver: CommandDriver): string => {
      const info = driver.reply('INFO', 'stats');
      const text = 'text' in info ? info.text : '';
      return ['subkeys', 'keys']
        .map((name) => new RegExp(`^expired_${name}:(\\d+)`, 'm').exec(text)?.[1]).join(' ');
    };
    const driver = withHash('h', 3_000, 5_000);
    driver.run('HSET', 'last', 'a', '1', 'b', '2');
    driver.run('HPEXPIRE', 'last', '1000', 'FIELDS', '2', 'a', 'b');
    expect(counted(driver)).toBe('0 0');
    driver.advance(1_000 + LAG_MS);
    expect(driver.run('EXISTS', 'last')).toBe(':0');
    expect(counted(driver)).toBe('2 0');
    driver.advance(5_000);
    expect(counted(driver)).toBe('3002 0');
    // A deadline in the past is one too, whoever gives it; a removal is none.
    driver.run('HSET', 'p', 'a', '1', 'b', '1', 'c', '1', 'd', '1', 'e', '1');
    driver.run('HPEXPIREAT', 'p', '5', 'FIELDS', '2', 'a', 'none');
    driver.run('HGETEX', 'p', 'PXAT', '5', 'FIELDS', '1', 'b');
    driver.run('HSETEX', 'p', 'PXAT', '5', 'FIELDS', '2', 'c', 'x', 'new', 'x');
    driver.run('HDEL', 'p', 'd');
    expect(counted(driver)).toBe('3005 0');
    driver.run('PEXPIRE', 'p', '100');
    driver.advance(100 + LAG_MS);
    expect(counted(driver)).toBe('3005 1');
    driver.run('CONFIG', 'RESETSTAT');
    expect(counted(driver)).toBe('0 0');
  });

  it('are all kept on the wheel when it is rebuilt, and rebuilds come to an end', () => {
    const driver = new CommandDriver({ startMs: START_MS });
    const keys = Math.ceil(REBUILD_RECORDS_FLOOR / 8);
    for (let i = 0; i < keys; i++) driver.run('HSET', `h${i}`, 'f', 'v', 'stays', 'v');
    // Ever earlier deadlines leave a record each.
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < keys; i++) {
        driver.run('HPEXPIRE', `h${i}`, 200_000 - round * 10_000, 'FIELDS', '1', 'f');
      }
    }
    driver.settle();
    expect(driver.shard.maintenance.expiry.isRebuilding).toBe(false);
    const { wheel } = driver.shard.keyspace.databases[0]!;
    expect(wheel.recordCount()).toBeLessThan(3 * keys + REBUILD_RECORDS_FLOOR);
    const gone = fieldsGone(driver);
    driver.advance(200_000);
    expect(gone.fields.reduce((sum, count) => sum + count, 0)).toBe(keys);
    gone.close();
  });
});
