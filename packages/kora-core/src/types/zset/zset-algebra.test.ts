/**
 * What the model does not see of ZUNION and its sisters: the order of errors, effects and events,
 * a replay into another shard, no memory at any moment, and results of thousands of members.
 */
import { describe, expect, it } from 'vitest';
import { replayEffect } from '../../keyspace/effect-codec.ts';
import { EffectOp } from '../../keyspace/effect.ts';
import { KeyEvent } from '../../keyspace/events.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { JournalRecorder } from '../../testing/journal-recorder.ts';
import { refuseReserves, starveOfPages } from '../../testing/memory-faults.ts';
import { contentsOf } from '../../testing/shard-contents.ts';

function prepared(): CommandDriver {
  const driver = new CommandDriver();
  driver.run('ZADD', 'a', '1', 'x', '2', 'y');
  driver.run('ZADD', 'b', '3', 'y', '4', 'z');
  driver.run('SADD', 's', 'x', 'y', '7');
  driver.run('SADD', 'integers', '3', '1', '2');
  driver.run('SET', 'text', 'v');
  return driver;
}

describe('errors of the algebra of sorted sets', () => {
  it.each([
    ['ZUNION x a', 'ERR value is not an integer or out of range'],
    ['ZUNION 0 a', "ERR at least 1 input key is needed for 'zunion' command"],
    ['ZINTER -3 a', "ERR at least 1 input key is needed for 'zinter' command"],
    ['ZDIFFSTORE d 0 a', "ERR at least 1 input key is needed for 'zdiffstore' command"],
    ['ZINTERCARD 0 a', "ERR at least 1 input key is needed for 'zintercard' command"],
    ['ZUNION 2 a', 'ERR syntax error'],
    ['ZUNION 9223372036854775807 a', 'ERR syntax error'],
    ['ZUNION 2 a text FOO', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
    ['ZUNION 2 a b FOO', 'ERR syntax error'],
    ['ZUNION 2 a b WEIGHTS 1', 'ERR syntax error'],
    ['ZUNION 2 a b WEIGHTS 1 x', 'ERR weight value is not a float'],
    ['ZUNION 2 a b WEIGHTS 1 nan', 'ERR weight value is not a float'],
    ['ZUNION 2 a b AGGREGATE', 'ERR syntax error'],
    ['ZUNION 2 a b AGGREGATE AVG', 'ERR syntax error'],
    ['ZUNIONSTORE d 2 a b WITHSCORES', 'ERR syntax error'],
    ['ZDIFF 2 a b WEIGHTS 1 1', 'ERR syntax error'],
    ['ZDIFFSTORE d 2 a b WITHSCORES', 'ERR syntax error'],
    ['ZINTERCARD 2 a b WITHSCORES', 'ERR syntax error'],
    ['ZINTERCARD 2 a b LIMIT', 'ERR syntax error'],
    ['ZINTERCARD 2 a b LIMIT -1', "ERR LIMIT can't be negative"],
    ['ZINTERCARD 2 a b LIMIT x', "ERR LIMIT can't be negative"],
  ])('%s', (line, text) => {
    const driver = prepared();
    expect(driver.runLine(line)).toBe(`-"${text}"`);
    expect(driver.run('EXISTS', 'd')).toBe(':0');
  });

  it('takes options again, the last one counts', () => {
    const driver = prepared();
    const line = 'ZUNION 2 a b AGGREGATE MIN WEIGHTS 1 1 withscores AGGREGATE MAX WEIGHTS 10 1';
    expect(driver.runLine(`${line} WITHSCORES`))
      .toBe('*[$"z" $"4" $"x" $"10" $"y" $"20"]');
    expect(driver.runLine('ZINTERCARD 2 a b LIMIT 5 LIMIT 0')).toBe(':1');
  });
});

describe('results of the algebra of sorted sets', () => {
  it('come as one effect with the value, or as a removal', () => {
    const driver = prepared();
    const seen: number[][] = [];
    driver.shard.journal.listen((effect) => {
      seen.push([effect.op, effect.event, effect.ref === 0 ? 0 : 1]);
    });
    driver.run('ZUNIONSTORE', 'd', '2', 'a', 'b');
    driver.run('ZINTERSTORE', 'd', '2', 'a', 's');
    driver.run('ZDIFFSTORE', 'a', '2', 'a', 'b');
    driver.run('ZDIFFSTORE', 'd', '2', 'b', 'b');
    driver.run('ZDIFFSTORE', 'd', '2', 'b', 'b');
    driver.run('ZUNION', '3', 'a', 'b', 'integers');
    expect(seen).toEqual([
      [EffectOp.ValueSet, KeyEvent.ZUnionStore, 1], [EffectOp.ValueSet, KeyEvent.ZInterStore, 1],
      [EffectOp.ValueSet, KeyEvent.ZDiffStore, 1], [EffectOp.KeyRemove, KeyEvent.Del, 0],
    ]);
    expect(driver.run('ZRANGE', 'a', '0', '-1')).toBe('*[$"x"]');
  });

  it('come back from the journal as they were', () => {
    const driver = new CommandDriver();
    const recorder = new JournalRecorder(driver.shard);
    driver.run('SADD', 'integers', '3', '1', '2');
    for (let i = 0; i < 300; i++) driver.run('ZADD', 'a', `${i}.5`, `member:${i}`);
    driver.run('ZADD', 'b', '-inf', 'member:7', '0', 'z'.repeat(70), 'inf', '2');
    driver.run('SET', 'd', 'old', 'EX', '100');
    driver.run('ZUNIONSTORE', 'd', '3', 'a', 'b', 'integers', 'WEIGHTS', '1', '-1', '2');
    driver.run('ZINTERSTORE', 'b', '2', 'a', 'b');
    driver.run('ZDIFFSTORE', 'e', '2', 'a', 'b');
    driver.run('ZDIFFSTORE', 'e', '2', 'b', 'b');
    driver.run('ZUNIONSTORE', 'f', '2', 'integers', 'b', 'AGGREGATE', 'MIN');
    recorder.close();
    const fresh = new CommandDriver();
    for (const record of recorder.records) replayEffect(fresh.shard, record);
    expect(contentsOf(fresh.shard)).toEqual(contentsOf(driver.shard));
    expect(fresh.run('ZCARD', 'd')).toBe(':304');
  });

  it('keep integers of several sets apart', () => {
    const driver = prepared();
    driver.run('SADD', 'more', '-5', '2', '9223372036854775807');
    expect(driver.run('ZUNION', '2', 'integers', 'more', 'WITHSCORES')).toBe(
      '*[$"-5" $"1" $"1" $"1" $"3" $"1" $"9223372036854775807" $"1" $"2" $"2"]',
    );
    expect(driver.run('ZINTER', '2', 'integers', 'more')).toBe('*[$"2"]');
    expect(driver.run('ZDIFFSTORE', 'd', '2', 'integers', 'more')).toBe(':2');
    expect(driver.run('ZRANGE', 'd', '0', '-1')).toBe('*[$"1" $"3"]');
  });

  it('may have many members, and give their memory back', () => {
    const driver = prepared();
    driver.run('ZUNION', '1', 's'); // What a shard makes once: the walk over sets.
    driver.run('FLUSHALL');
    driver.settle();
    const used = driver.memory.usedBytes();
    for (let i = 0; i < 5000; i++) {
      driver.run('ZADD', 'a', String(5000 - i), `member:${i}`);
      if (i % 2 === 0) driver.run('SADD', 's', `member:${i}`);
    }
    expect(driver.run('ZUNIONSTORE', 'd', '2', 'a', 's', 'WEIGHTS', '1', '10000')).toBe(':5000');
    expect(driver.run('ZRANGE', 'd', '0', '1')).toBe('*[$"member:4999" $"member:4997"]');
    expect(driver.run('ZREVRANGE', 'd', '0', '0', 'WITHSCORES'))
      .toBe('*[$"member:0" $"15000"]');
    expect(driver.run('ZINTERSTORE', 'd', '2', 'd', 's')).toBe(':2500');
    expect(driver.run('ZINTERCARD', '2', 'a', 's', 'LIMIT', '1200')).toBe(':1200');
    driver.run('FLUSHALL');
    driver.settle();
    expect(driver.memory.usedBytes()).toBe(used);
  });
});

describe('the algebra of sorted sets without memory', () => {
  const members = Array.from({ length: 40 }, (_, i) => [String(i), `member ${i}`]).flat();
  const before = [
    ['ZADD', 'a', ...members], ['SADD', 'integers', '3', '1', '2'], ['SADD', 's', 'x', 'member 3'],
    ['SET', 'd', 'old'],
  ];

  it.each([
    ['ZUNIONSTORE', 'd', '3', 'a', 's', 'integers'], ['ZINTERSTORE', 'd', '2', 'a', 's'],
    ['ZDIFFSTORE', 'a', '2', 'a', 's'], ['ZUNIONSTORE', 'new', '2', 'integers', 'a'],
  ])('%s %s leaves all as it was', (...command) => {
    expect(refuseReserves({ before }, command)).toBeGreaterThan(0);
    expect(starveOfPages({ before }, command)).toBeGreaterThan(0);
  });

  it('does not hold what a reading command copied', () => {
    starveOfPages({ before }, ['ZUNION', '3', 'a', 's', 'integers']);
    expect(refuseReserves({ before }, ['ZUNION', '3', 'a', 's', 'integers'])).toBe(0);
  });
});
