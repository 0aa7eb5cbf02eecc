/**
 * RENAME RENAMENX COPY MOVE SWAPDB as clients see them: values, deadlines and access fields that
 * travel, one effect for each change, Redis's order of errors, and memory that balances, also when
 * there is none left.
 */
import { describe, expect, it } from 'vitest';
import { EffectOp } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import { CommandDriver } from '../testing/command-driver.ts';

const big = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7) & 0xff);

function watch(driver: CommandDriver): number[][] {
  const seen: number[][] = [];
  driver.shard.journal.listen((effect) => {
    seen.push([effect.op, effect.db, effect.otherDb, effect.event, effect.secondEvent]);
  });
  return seen;
}

describe('RENAME and RENAMENX', () => {
  it('carry value, deadline and access field, and overwrite', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', 'one', 'EX', '100');
    driver.run('SET', 'b', 'two', 'EX', '7');
    const seen = watch(driver);
    expect(driver.run('RENAME', 'a', 'b')).toBe('+"OK"');
    expect(driver.run('GET', 'b')).toBe('$"one"');
    expect(driver.run('TTL', 'b')).toBe(':100');
    expect(driver.run('EXISTS', 'a')).toBe(':0');
    expect(driver.run('DBSIZE')).toBe(':1');
    expect(seen).toEqual([[EffectOp.KeyRename, 0, 0, KeyEvent.RenameFrom, KeyEvent.RenameTo]]);
    expect(driver.shard.keyspace.databases[0]?.expiringCount).toBe(1);
  });

  it('answer errors and refusals without a change', () => {
    const driver = new CommandDriver();
    driver.run('MSET', 'a', '1', 'b', '2');
    const seen = watch(driver);
    expect(driver.run('RENAME', 'nokey', 'a')).toBe('-"ERR no such key"');
    expect(driver.run('RENAME', 'nokey', 'nokey')).toBe('-"ERR no such key"');
    expect(driver.run('RENAMENX', 'a', 'b')).toBe(':0');
    expect(driver.run('RENAMENX', 'a', 'a')).toBe(':0');
    expect(driver.run('RENAME', 'a', 'a')).toBe('+"OK"');
    expect(driver.run('MGET', 'a', 'b')).toBe('*[$"1" $"2"]');
    expect(seen).toEqual([]);
  });

  it('rename onto a key whose time has come', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    driver.run('SET', 'b', '2', 'PX', '10');
    driver.clock.advance(11);
    expect(driver.run('RENAMENX', 'a', 'b')).toBe(':1');
    expect(driver.run('TTL', 'b')).toBe(':-1');
    driver.run('PEXPIRE', 'b', '10');
    driver.clock.advance(11);
    expect(driver.run('RENAME', 'b', 'c')).toBe('-"ERR no such key"');
  });

  it('move a rope without copying it, and free the one that is overwritten', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', big);
    const used = driver.memory.usedBytes();
    driver.run('SET', 'b', big);
    expect(driver.run('RENAME', 'a', 'b')).toBe('+"OK"');
    expect(driver.memory.usedBytes()).toBe(used);
    expect(driver.run('STRLEN', 'b')).toBe(':200000');
    expect(driver.run('GETRANGE', 'b', '199999', '199999')).toBe('$"\\xb9"');
  });
});

describe('COPY', () => {
  it('copies value and deadline; the two are independent afterwards', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', big, 'EX', '100');
    expect(driver.run('COPY', 'a', 'b')).toBe(':1');
    driver.run('SETRANGE', 'a', '0', 'xyz');
    expect(driver.run('GETRANGE', 'b', '0', '2')).toBe('$"\\x00\\x07\\x0e"');
    expect(driver.run('TTL', 'b')).toBe(':100');
    expect(driver.run('DEL', 'a')).toBe(':1');
    expect(driver.run('STRLEN', 'b')).toBe(':200000');
  });

  it('needs REPLACE to overwrite and works across databases', () => {
    const driver = new CommandDriver();
    driver.run('MSET', 'a', '1', 'b', '2');
    const seen = watch(driver);
    expect(driver.run('COPY', 'a', 'b')).toBe(':0');
    expect(driver.run('COPY', 'nokey', 'b', 'REPLACE')).toBe(':0');
    expect(driver.run('COPY', 'a', 'b', 'replace', 'REPLACE')).toBe(':1');
    expect(driver.run('COPY', 'a', 'a', 'DB', '3')).toBe(':1');
    expect(driver.run('MGET', 'a', 'b')).toBe('*[$"1" $"1"]');
    expect(seen).toEqual([
      [EffectOp.KeyCopy, 0, 0, KeyEvent.None, KeyEvent.CopyTo],
      [EffectOp.KeyCopy, 0, 3, KeyEvent.None, KeyEvent.CopyTo],
    ]);
    driver.run('SELECT', '3');
    expect(driver.run('GET', 'a')).toBe('$"1"');
  });

  it('reads its options in order', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    const replies = [
      [
        'COPY a b DB 3000000000',
        '-"ERR value is out of range, value must between -2147483648 and 2147483647"',
      ],
      ['COPY a b DB x FOO', '-"ERR value is not an integer or out of range"'],
      ['COPY a b FOO DB x', '-"ERR syntax error"'],
      ['COPY a b DB 99 FOO', '-"ERR DB index is out of range"'],
      ['COPY a b DB -1', '-"ERR DB index is out of range"'],
      ['COPY a b DB', '-"ERR syntax error"'],
      ['COPY a a', '-"ERR source and destination objects are the same"'],
      ['COPY a a DB 1 DB 0 REPLACE', '-"ERR source and destination objects are the same"'],
    ];
    for (const [line, reply] of replies) expect(driver.runLine(line ?? ''), line).toBe(reply);
  });

  it('keeps what a value remembers of its making', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    driver.run('APPEND', 'a', '2');
    driver.run('COPY', 'a', 'b');
    expect(driver.run('OBJECT', 'ENCODING', 'b')).toBe('$"raw"');
  });
});

describe('MOVE and SWAPDB', () => {
  it('MOVE takes value and deadline along', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', 'v', 'EX', '100');
    const seen = watch(driver);
    expect(driver.run('MOVE', 'a', '2')).toBe(':1');
    expect(driver.run('MOVE', 'a', '2')).toBe(':0');
    expect(seen).toEqual([[EffectOp.KeyMove, 0, 2, KeyEvent.MoveFrom, KeyEvent.MoveTo]]);
    expect(driver.shard.keyspace.databases[0]?.expiringCount).toBe(0);
    driver.run('SELECT', '2');
    expect(driver.run('GET', 'a')).toBe('$"v"');
    expect(driver.run('TTL', 'a')).toBe(':100');
    driver.advance(100_001);
    expect(driver.run('DBSIZE')).toBe(':0');
  });

  it('MOVE refuses what is there already, and bad databases before anything else', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    driver.run('COPY', 'a', 'a', 'DB', '1');
    expect(driver.run('MOVE', 'a', '1')).toBe(':0');
    const same = '-"ERR source and destination objects are the same"';
    expect(driver.run('MOVE', 'nokey', '0')).toBe(same);
    expect(driver.run('MOVE', 'a', '16')).toBe('-"ERR DB index is out of range"');
    expect(driver.run('MOVE', 'a', 'x')).toBe('-"ERR value is not an integer or out of range"');
  });

  it('SWAPDB exchanges the contents for every client', () => {
    const driver = new CommandDriver();
    const other = driver.newClient();
    driver.run('SET', 'a', '1', 'EX', '100');
    driver.runAs(other, 'SELECT', '4');
    driver.runAs(other, 'SET', 'b', '2');
    const seen = watch(driver);
    expect(driver.run('SWAPDB', '0', '4')).toBe('+"OK"');
    expect(driver.run('GET', 'b')).toBe('$"2"');
    expect(driver.runAs(other, 'TTL', 'a')).toBe(':100');
    expect(driver.run('SWAPDB', '3', '3')).toBe('+"OK"');
    expect(seen).toEqual([[EffectOp.DatabaseSwap, 0, 4, 0, 0]]);
    driver.advance(100_001);
    expect(driver.runAs(other, 'DBSIZE')).toBe(':0');
    expect(driver.run('DBSIZE')).toBe(':1');
  });

  it('SWAPDB names the number that is wrong', () => {
    const driver = new CommandDriver();
    expect(driver.run('SWAPDB', 'x', 'y')).toBe('-"ERR invalid first DB index"');
    expect(driver.run('SWAPDB', '3000000000', 'y')).toBe('-"ERR invalid first DB index"');
    expect(driver.run('SWAPDB', '0', '3000000000')).toBe('-"ERR invalid second DB index"');
    expect(driver.run('SWAPDB', '0', '-1')).toBe('-"ERR DB index is out of range"');
    expect(driver.run('SWAPDB', '16', '16')).toBe('-"ERR DB index is out of range"');
  });
});

describe('without memory', () => {
  it('RENAME and COPY answer OOM and change nothing', () => {
    const driver = new CommandDriver({ memoryOptions: { lowBytes: 4 << 20, bytesMax: 8 << 20 } });
    driver.run('SET', 'a', 'x'.repeat(60_000));
    driver.run('SET', 'rope', big);
    let filled = 0;
    while (driver.run('SET', `fill:${filled}`, 'y'.repeat(200)) === '+"OK"') filled++;
    expect(filled).toBeGreaterThan(100);
    const used = driver.memory.usedBytes();
    const seen = watch(driver);
    const longKey = 'n'.repeat(60_000);
    const full = '-"OOM the memory of this shard is full"';
    expect(driver.run('RENAME', 'a', longKey)).toBe(full);
    expect(driver.run('COPY', 'a', 'b')).toBe(full);
    expect(driver.run('COPY', 'rope', 'b')).toBe(full);
    expect(seen).toEqual([]);
    expect(driver.memory.usedBytes()).toBe(used);
    expect(driver.run('DBSIZE')).toBe(`:${filled + 2}`);
    expect(driver.run('STRLEN', 'a')).toBe(':60000');
    expect(driver.run('STRLEN', 'rope')).toBe(':200000');
  });
});
