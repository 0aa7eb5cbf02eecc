/**
 * Deadlines of fields: what is due is never readable, also before it is freed; it is freed soon, in
 * slices, with its events and journal records, and the key with its last field. Deadlines survive
 * RENAME, COPY, MOVE and DUMP; a write of the field takes its deadline away, a change of its number
 * does not. Also the errors and their order.
 */
import { describe, expect, it } from 'vitest';
import { EffectOp, EffectReason } from '../../keyspace/effect.ts';
import { keyEvents } from '../../keyspace/events.ts';
import type { RecordedReply } from '../../testing/recorded-reply.ts';
import { CommandDriver } from '../../testing/command-driver.ts';

/** Events of all changes, with the number of parts of changes of fields. */
function listen(driver: CommandDriver): string[] {
  const events: string[] = [];
  driver.shard.journal.listen((effect) => {
    const name = keyEvents[effect.event]?.name ?? '?';
    const isFields = effect.op >= EffectOp.HashPut && effect.op <= EffectOp.HashPersist;
    const reason = effect.reason === EffectReason.Expired ? ' expired' : '';
    events.push(isFields ? `${name} ${effect.parts.count}${reason}` : `${name}${reason}`);
  });
  return events;
}

function bytesOf(reply: RecordedReply): Uint8Array {
  if (!('text' in reply)) throw new Error('a payload is a text');
  return Uint8Array.from(reply.text, (character) => character.charCodeAt(0));
}

function timedHash(): CommandDriver {
  const driver = new CommandDriver();
  driver.run('HSET', 'h', 'a', '1', 'b', '2', 'c', '3');
  driver.run('HPEXPIRE', 'h', '50', 'FIELDS', '2', 'a', 'b');
  return driver;
}

describe('fields whose time has come', () => {
  it('live in the millisecond of their deadline and are gone in the next', () => {
    const driver = timedHash();
    driver.clock.advance(50);
    expect(driver.run('HGET', 'h', 'a')).toBe('$"1"');
    driver.clock.advance(1);
    expect(driver.run('HGET', 'h', 'a')).toBe('_');
  });

  it('are not readable while they wait to be freed', () => {
    const driver = timedHash();
    driver.clock.advance(51);
    expect(driver.run('HMGET', 'h', 'a', 'b', 'c')).toBe('*[_ _ $"3"]');
    expect(driver.run('HLEN', 'h')).toBe(':1');
    expect(driver.run('HGETALL', 'h')).toBe('*[$"c" $"3"]');
    expect(driver.run('HKEYS', 'h')).toBe('*[$"c"]');
    expect(driver.run('HVALS', 'h')).toBe('*[$"3"]');
    expect(driver.run('HEXISTS', 'h', 'a')).toBe(':0');
    expect(driver.run('HSTRLEN', 'h', 'a')).toBe(':0');
    expect(driver.run('HRANDFIELD', 'h', '-3')).toBe('*[$"c" $"c" $"c"]');
    expect(driver.run('HRANDFIELD', 'h', '3')).toBe('*[$"c"]');
    expect(driver.run('HRANDFIELD', 'h')).toBe('$"c"');
    expect(driver.run('HSCAN', 'h', '0')).toBe('*[$"0" *[$"c" $"3"]]');
    expect(driver.run('HPTTL', 'h', 'FIELDS', '2', 'a', 'c')).toBe('*[:-2 :-1]');
    expect(driver.run('HPERSIST', 'h', 'FIELDS', '1', 'a')).toBe('*[:-2]');
    expect(driver.run('HEXPIRE', 'h', '9', 'FIELDS', '1', 'a')).toBe('*[:-2]');
    expect(driver.run('HGETEX', 'h', 'PERSIST', 'FIELDS', '1', 'a')).toBe('*[_]');
    expect(driver.run('HGETDEL', 'h', 'FIELDS', '1', 'a')).toBe('*[_]');
    expect(driver.run('HDEL', 'h', 'a')).toBe(':0');
    expect(driver.run('HSETEX', 'h', 'FXX', 'FIELDS', '1', 'a', '1')).toBe(':0');
  });

  it('are new when they are written again', () => {
    const driver = timedHash();
    driver.clock.advance(51);
    expect(driver.run('HINCRBY', 'h', 'a', '5')).toBe(':5');
    expect(driver.run('HSETNX', 'h', 'b', 'x')).toBe(':1');
    expect(driver.run('HPTTL', 'h', 'FIELDS', '2', 'a', 'b')).toBe('*[:-1 :-1]');
    driver.advance(1000);
    expect(driver.run('HLEN', 'h')).toBe(':3');
  });

  it('lose their old deadline with KEEPTTL too', () => {
    const driver = timedHash();
    driver.clock.advance(51);
    expect(driver.run('HSETEX', 'h', 'KEEPTTL', 'FIELDS', '1', 'a', 'x')).toBe(':1');
    expect(driver.run('HPTTL', 'h', 'FIELDS', '1', 'a')).toBe('*[:-1]');
  });

  it('are hidden, not freed, while CLIENT PAUSE holds', () => {
    const driver = timedHash();
    const events = listen(driver);
    const { nowMs, pause } = driver.shard;
    pause.start(nowMs + 10_000, false, nowMs);
    driver.advance(500);
    expect(driver.run('HLEN', 'h')).toBe(':1');
    expect(events).toEqual([]);
    pause.end();
    driver.advance(100);
    expect(events).toEqual(['hexpired 2 expired']);
  });

  it('are freed soon, with their events, and the key with the last one', () => {
    const driver = timedHash();
    const events = listen(driver);
    driver.advance(200);
    expect(events).toEqual(['hexpired 2 expired']);
    driver.run('HPEXPIRE', 'h', '10', 'FIELDS', '1', 'c');
    events.length = 0;
    driver.advance(200);
    expect(events).toEqual(['hexpired 1 expired', 'del']);
    expect(driver.shard.keyspace.databases[0]?.count).toBe(0);
  });

  it('are freed in slices when they are many', () => {
    const driver = new CommandDriver();
    const pairs = Array.from({ length: 3000 }, (_, i) => [`f${i}`, 'v']).flat();
    driver.run('HSETEX', 'h', 'PX', '10', 'FIELDS', '3000', ...pairs);
    driver.run('HSET', 'h', 'stays', '1');
    driver.clock.advance(200);
    driver.shard.maintain();
    driver.shard.maintain();
    const afterTwo = driver.shard.maintain();
    expect(afterTwo).toBe(true);
    driver.settle();
    expect(driver.run('HGETALL', 'h')).toBe('*[$"stays" $"1"]');
    expect(driver.memory.arenaAllocator.usedBytes()).toBeLessThan(64_000);
  });

  it('go one after the other when their deadlines differ', () => {
    const driver = new CommandDriver();
    for (let i = 1; i <= 50; i++) {
      driver.run('HSETEX', 'h', 'PX', String(i * 1000), 'FIELDS', '1', `f${i}`, 'v');
    }
    driver.advance(1);
    for (let i = 1; i <= 50; i++) {
      driver.advance(1000);
      expect(driver.run('HLEN', 'h')).toBe(`:${50 - i}`);
    }
    driver.advance(200);
    expect(driver.run('EXISTS', 'h')).toBe(':0');
  });
});

describe('deadlines of fields', () => {
  it.each([
    ['RENAME', 'h', 'other'], ['COPY', 'h', 'other'],
  ])('travel with %s and act there', (...command) => {
    const driver = timedHash();
    driver.run(...command);
    driver.run('DEL', 'h');
    expect(driver.run('HPTTL', 'other', 'FIELDS', '3', 'a', 'b', 'c')).toBe('*[:50 :50 :-1]');
    driver.advance(300);
    expect(driver.shard.keyspace.databases[0]?.count).toBe(1);
    const before = driver.shard.journal.sequence;
    expect(driver.run('HGETALL', 'other')).toBe('*[$"c" $"3"]');
    expect(driver.shard.journal.sequence).toBe(before);
  });

  it('travel to another database', () => {
    const driver = timedHash();
    const events = listen(driver);
    driver.run('MOVE', 'h', '3');
    driver.advance(300);
    expect(events.at(-1)).toBe('hexpired 2 expired');
    driver.run('SELECT', '3');
    expect(driver.run('HLEN', 'h')).toBe(':1');
  });

  it('travel in a payload of DUMP', () => {
    const driver = timedHash();
    const payload = bytesOf(driver.reply('DUMP', 'h'));
    expect(driver.run('RESTORE', 'other', '0', payload)).toBe('+"OK"');
    expect(driver.run('HPTTL', 'other', 'FIELDS', '3', 'a', 'b', 'c')).toBe('*[:50 :50 :-1]');
    driver.advance(300);
    expect(driver.run('HGETALL', 'other')).toBe('*[$"c" $"3"]');
  });

  it('go when the field is written, and stay when its number changes', () => {
    const driver = timedHash();
    driver.run('HSET', 'h', 'a', '7');
    driver.run('HINCRBY', 'h', 'b', '1');
    driver.run('HINCRBYFLOAT', 'h', 'b', '0.5');
    expect(driver.run('HPTTL', 'h', 'FIELDS', '2', 'a', 'b')).toBe('*[:-1 :50]');
    expect(driver.run('HGET', 'h', 'b')).toBe('$"3.5"');
  });

  it('come back exactly at the end of their range', () => {
    const driver = timedHash();
    const latest = String(Number.MAX_SAFE_INTEGER);
    expect(driver.run('HPEXPIREAT', 'h', latest, 'FIELDS', '1', 'a')).toBe('*[:1]');
    expect(driver.run('HPEXPIRETIME', 'h', 'FIELDS', '1', 'a')).toBe(`*[:${latest}]`);
    const refused = '-"ERR invalid expire time in \'hpexpireat\' command"';
    expect(driver.run('HPEXPIREAT', 'h', '9007199254740992', 'FIELDS', '1', 'a')).toBe(refused);
    expect(driver.run('HPEXPIREAT', 'h', '9223372036854775807', 'FIELDS', '1', 'a')).toBe(refused);
  });

  it('announce what they did', () => {
    const driver = new CommandDriver();
    const events = listen(driver);
    driver.run('HSETEX', 'h', 'EX', '10', 'FIELDS', '2', 'a', '1', 'b', '2');
    driver.run('HEXPIRE', 'h', '5', 'GT', 'FIELDS', '1', 'a');
    driver.run('HEXPIRE', 'h', '5', 'LT', 'FIELDS', '2', 'a', 'x');
    driver.run('HGETEX', 'h', 'EX', '7', 'FIELDS', '1', 'a');
    driver.run('HGETEX', 'h', 'PERSIST', 'FIELDS', '2', 'a', 'x');
    driver.run('HPERSIST', 'h', 'FIELDS', '2', 'a', 'b');
    driver.run('HPERSIST', 'h', 'FIELDS', '2', 'a', 'b');
    driver.run('HEXPIRE', 'h', '0', 'FIELDS', '1', 'a');
    driver.run('HGETDEL', 'h', 'FIELDS', '1', 'b');
    expect(events).toEqual([
      'hset 4', 'hexpire 3', 'hexpire 2', 'hexpire 2', 'hpersist 1', 'hpersist 1', 'hdel 1',
      'hdel 1', 'del',
    ]);
  });

  it('refuse what is no such command, in the order of Redis', () => {
    const driver = timedHash();
    const noFields = '-"ERR Mandatory argument FIELDS is missing or not at the right position"';
    const match = '-"ERR The `numfields` parameter must match the number of arguments"';
    const cases: readonly (readonly [string, string])[] = [
      ['HEXPIRE h x FIELDS 1 a', '-"ERR value is not an integer or out of range"'],
      ['HEXPIRE h -1 FIELDS 1 a', '-"ERR invalid expire time, must be >= 0"'],
      ['HEXPIRE h 1 FIELD 1 a', noFields],
      ['HEXPIRE h 1 NX XX FIELDS 1 a', noFields],
      ['HEXPIRE h 1 FIELDS x a', '-"ERR value is not an integer or out of range"'],
      ['HEXPIRE h 1 FIELDS 0 a', '-"ERR Parameter `numFields` should be greater than 0"'],
      ['HEXPIRE h 1 FIELDS 2 a', match],
      ['HTTL h FIELDS 1 a b', match],
      ['HPERSIST h 1 FIELDS a', noFields],
      ['HEXPIRE h 9223372036854775807 FIELDS 1 a',
        '-"ERR invalid expire time in \'hexpire\' command"'],
      ['HGETEX h EX 0 FIELDS 1 a', '-"ERR invalid expire time in \'hgetex\' command"'],
      ['HGETEX h EX 1 PX 1 FIELDS 1 a',
        '-"ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified"'],
      ['HGETEX h FIELDS 0 a', '-"ERR invalid number of fields"'],
      ['HGETEX h FIELDS 2 a', match],
      ['HGETEX h EX 1 FIELD a', '-"ERR syntax error"'],
      ['HSETEX h EX 1 KEEPTTL FIELDS 1 a 1',
        '-"ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"'],
      ['HSETEX h FNX FXX FIELDS 1 a 1',
        '-"ERR Only one of FXX or FNX arguments can be specified"'],
      ['HSETEX h FIELDS 9223372036854775807 a 1', '-"ERR invalid number of fields"'],
      ['HSETEX h FIELDS 2147483648 a 1', match],
      ['HGETDEL h FIELDS 0 a', '-"ERR Number of fields must be a positive integer"'],
    ];
    for (const [line, reply] of cases) expect(driver.runLine(line), line).toBe(reply);
    driver.run('SET', 's', 'x');
    const wrongType = '-"WRONGTYPE Operation against a key holding the wrong kind of value"';
    for (const line of [
      'HEXPIRE s 1 FIELDS 1 a', 'HTTL s FIELDS 1 a', 'HPERSIST s FIELDS 1 a',
      'HGETEX s FIELDS 1 a', 'HSETEX s KEEPTTL FIELDS 1 a 1', 'HGETDEL s FIELDS 1 a',
    ]) expect(driver.runLine(line), line).toBe(wrongType);
    expect(driver.run('HLEN', 'h')).toBe(':3');
  });

  it('take options before and after the fields', () => {
    const driver = timedHash();
    expect(driver.runLine('HGETEX h FIELDS 1 a EX 60')).toBe('*[$"1"]');
    expect(driver.runLine('HTTL h FIELDS 1 a')).toBe('*[:60]');
    expect(driver.runLine('HSETEX h FIELDS 1 a 2 FXX PX 1500')).toBe(':1');
    expect(driver.runLine('HPTTL h FIELDS 1 a')).toBe('*[:1500]');
  });
});
