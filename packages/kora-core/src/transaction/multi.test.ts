/**
 * What MULTI, EXEC and WATCH promise where a conformance case cannot look: one clock and one
 * stretch of the journal for all of an EXEC, elements of their own for what fails, also for want of
 * memory or by a defect, counters that tell what ran, and nothing left behind. W-21 and W-22 name
 * faults of other engines: transactions that were none, and commands that ran and were not queued.
 */
import { describe, expect, it } from 'vitest';
import { arg } from '../command/grammar.ts';
import { keysAt } from '../command/key-spec.ts';
import { reply } from '../command/reply-schema.ts';
import type { Command, CommandDefinition } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { EffectReason } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import { Stat } from '../keyspace/statistics.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import type { CommandDriverOptions } from '../testing/command-driver.ts';

const QUEUED = '+"QUEUED"';
const INTERNAL = '-"ERR internal error"';
const STOPPED = '-"ERR the engine stopped after an internal error in the middle of a change"';
const ABORTED = '-"EXECABORT Transaction discarded because of previous errors."';
const OOM = '-"OOM command not allowed when used memory > \'maxmemory\'."';
const BIG = 'b'.repeat(200_000);

const oneKey = { key: arg.key() };

/** A command of a key that does only what the test is about. */
function commandOf(name: string, apply: CommandDefinition<typeof oneKey>['apply']): Command {
  return defineCommand({
    name, group: 'generic', since: '0.1.0', summary: 'For a test.', complexity: 'O(1)',
    arity: 2, flags: Flag.Write, acl: [],
    keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
    args: oneKey, reply: reply.ok(), examples: [], apply,
  });
}

const breaksBefore = commandOf('TEST.BEFORE', () => {
  throw new TypeError('broken before');
});

const breaksAfter = commandOf('TEST.AFTER', (shard, frame) => {
  const database = shard.keyspace.databases[frame.client.db]!;
  const ref = shard.keyspace.find(database, frame.at[1]!, frame.bytes[1]!);
  shard.removeLastLookup(ref, KeyEvent.Del, EffectReason.Command);
  throw new RangeError('broken after');
});

const breaksInReply = commandOf('TEST.INREPLY', (_shard, _frame, out) => {
  out.array(2);
  out.integer(1);
  throw new RangeError('broken in the reply');
});

/** A long command: time passes while it runs. */
function slow(driver: () => CommandDriver): Command {
  return commandOf('TEST.SLOW', (_shard, _frame, out) => {
    driver().clock.advance(50);
    out.ok();
  });
}

const tellsTime = commandOf('TEST.NOW', (shard, _frame, out) => {
  out.integer(shard.nowMs);
});

class Session {
  readonly driver: CommandDriver;

  constructor(options: CommandDriverOptions = {}) {
    this.driver = new CommandDriver({
      ...options,
      extraCommands: [breaksBefore, breaksAfter, breaksInReply, slow(() => this.driver), tellsTime],
    });
  }

  /** MULTI, the lines, EXEC: its reply. Every line has to be queued. */
  exec(...lines: readonly string[]): string {
    const { driver } = this;
    expect(driver.run('MULTI')).toBe('+"OK"');
    for (const line of lines) expect(driver.runLine(line), line).toBe(QUEUED);
    return driver.run('EXEC');
  }
}

describe('EXEC', () => {
  it('W-21: runs all in one go, and nothing when a watched key has changed', () => {
    const { driver } = new Session();
    const other = driver.newClient();
    driver.run('SET', 'a', '1');
    driver.run('WATCH', 'a');
    driver.run('MULTI');
    driver.run('INCR', 'a');
    driver.runAs(other, 'SET', 'a', '10');
    expect(driver.run('GET', 'a')).toBe(QUEUED);
    expect(driver.run('EXEC')).toBe('*_');
    expect(driver.run('GET', 'a')).toBe('$"10"');
    driver.run('MULTI');
    expect(driver.run('NOSUCH')).toMatch(/^-"ERR unknown command/);
    driver.run('SET', 'a', 'x');
    expect(driver.run('EXEC')).toBe(ABORTED);
    expect(driver.run('GET', 'a')).toBe('$"10"');
  });

  it('W-22: every other command is queued, whatever it is about', () => {
    const session = new Session();
    const lines = [
      'SELECT 3', 'TIME', 'COMMAND COUNT', 'CONFIG GET maxmemory', 'PING', 'INFO server', 'ECHO x',
      'UNWATCH', 'BLPOP none 1', 'DEBUG SLEEP 0', 'MEMORY USAGE none', 'OBJECT HELP', 'SCAN 0',
    ];
    for (const line of lines) {
      session.driver.run('MULTI');
      expect(session.driver.runLine(line), line).toBe(QUEUED);
      expect(session.driver.run('DISCARD')).toBe('+"OK"');
    }
    expect(session.exec('SELECT 3', 'SET k v', 'BLPOP none 1')).toBe('*[+"OK" +"OK" *_]');
    expect(session.driver.client.db).toBe(3);
  });

  it('freezes the clock for all of its commands, however long they take', () => {
    const session = new Session();
    session.driver.run('SET', 'k', 'v', 'PX', '20');
    const { nowMs } = session.driver.shard;
    const now = `:${nowMs}`;
    expect(session.exec('TEST.NOW a', 'TEST.SLOW a', 'TEST.NOW a', 'GET k', 'PTTL k'))
      .toBe(`*[${now} +"OK" ${now} $"v" :20]`);
    expect(session.driver.shard.isClockFrozen).toBe(false);
    expect(session.driver.run('GET', 'k')).toBe('_');
  });

  it('lets nothing be evicted between its commands, and announces all in one stretch', () => {
    const session = new Session({
      settings: { 'maxmemory-policy': 'allkeys-random' },
    });
    const { driver } = session;
    const effects: string[] = [];
    for (let i = 0; i < 50; i++) driver.run('SET', `old:${i}`, 'v'.repeat(100));
    driver.shard.journal.listen((effect, sequence) => {
      effects.push(`${sequence} ${effect.op} ${effect.reason}`);
    });
    const { sequence } = driver.shard.journal;
    driver.run('MULTI');
    for (let i = 0; i < 20; i++) driver.run('SET', `new:${i}`, 'v'.repeat(60_000));
    driver.run('CONFIG', 'SET', 'maxmemory', String(driver.shard.usedBytes()));
    for (let i = 0; i < 20; i++) driver.run('SET', `more:${i}`, 'v'.repeat(60_000));
    driver.run('EXEC');
    expect(effects).toEqual(Array.from({ length: 40 }, (_, i) => `${sequence + 1 + i} 1 0`));
    driver.run('PING');
    expect(effects.length).toBeGreaterThan(40);
  });

  it('goes on after errors, which are elements of their own', () => {
    expect(new Session().exec('SET k v', 'INCR k', 'LPUSH k x', 'SET k v BAD', 'GET k')).toBe(
      '*[+"OK" -"ERR value is not an integer or out of range" '
      + '-"WRONGTYPE Operation against a key holding the wrong kind of value" '
      + '-"ERR syntax error" $"v"]',
    );
  });

  it('answers nothing for nothing', () => {
    expect(new Session().exec()).toBe('*[]');
  });

  it('runs as many commands as there are', () => {
    const session = new Session();
    const { driver } = session;
    driver.run('MULTI');
    for (let i = 0; i < 100_000; i++) driver.run('INCR', 'k');
    const { lowAllocator } = driver.memory;
    const usedBytes = lowAllocator.usedBytes();
    expect(driver.run('EXEC').length).toBeGreaterThan(600_000);
    expect(lowAllocator.usedBytes()).toBeLessThan(usedBytes - 3_000_000);
    expect(driver.run('GET', 'k')).toBe('$"100000"');
  });

  it('keeps big arguments as they came and stores them as they are', () => {
    const session = new Session();
    const { driver } = session;
    const { arenaAllocator } = driver.memory;
    const before = arenaAllocator.usedBytes();
    driver.run('MULTI');
    driver.run('SET', 'k', BIG);
    driver.run('APPEND', 'k', BIG);
    driver.run('STRLEN', 'k');
    driver.run('ECHO', BIG);
    expect(driver.run('EXEC')).toBe(`*[+"OK" :400000 :400000 $"${BIG}"]`);
    driver.run('MULTI');
    driver.run('SET', 'k', BIG);
    expect(driver.run('DISCARD')).toBe('+"OK"');
    driver.run('DEL', 'k');
    driver.emptyCompletely();
    expect(arenaAllocator.usedBytes()).toBe(before);
  });

  it('answers in the protocol of its client', () => {
    const { driver } = new Session({ resp: 3 });
    driver.run('HSET', 'h', 'f', 'v');
    driver.run('WATCH', 'h');
    driver.run('MULTI');
    driver.run('HGETALL', 'h');
    expect(driver.run('EXEC')).toBe('*[%[$"f" $"v"]]');
    driver.run('WATCH', 'h');
    driver.run('HSET', 'h', 'f', 'w');
    driver.run('MULTI');
    expect(driver.run('EXEC')).toBe('_');
  });
});

describe('a command that fails within EXEC', () => {
  it('before a change is one element; the others run', () => {
    const session = new Session();
    session.driver.run('SET', 'k', 'v');
    expect(session.exec('TEST.BEFORE k', 'GET k', 'INCR n'))
      .toBe(`*[${INTERNAL} $"v" :1]`);
    expect(session.driver.errors.length).toBe(1);
    expect(session.driver.shard.failure).toBeNull();
  });

  it('after a change stops the shard, from the next element on', () => {
    const session = new Session();
    session.driver.run('SET', 'k', 'v');
    expect(session.exec('TEST.AFTER k', 'GET k')).toBe(`*[${INTERNAL} ${STOPPED}]`);
    expect(session.driver.shard.failure).not.toBeNull();
    expect(session.driver.shard.isClockFrozen).toBe(false);
  });

  it('in the middle of its reply breaks the reply off, and the others run', () => {
    const { driver } = new Session();
    driver.run('MULTI');
    driver.run('TEST.INREPLY', 'k');
    driver.run('SET', 'k', 'v');
    driver.shard.refreshClock();
    expect(() => driver.run('EXEC')).toThrow(/one reply/);
    expect(driver.run('GET', 'k')).toBe('$"v"');
    expect(driver.run('MULTI')).toBe('+"OK"');
  });

  it('for want of memory says so itself, at every reserve there is', () => {
    let refusals = 0;
    for (let n = 1; ; n++) {
      const session = new Session();
      const { driver } = session;
      const { arenaAllocator } = driver.memory;
      driver.run('MULTI');
      driver.run('SET', 'a', 'v');
      driver.run('LPUSH', 'l', 'x');
      driver.run('SET', 'b', BIG);
      driver.run('GET', 'a');
      const reserve = arenaAllocator.reserve.bind(arenaAllocator);
      let calls = 0;
      arenaAllocator.reserve = (blocks, bytes) => ++calls !== n && reserve(blocks, bytes);
      const answer = driver.run('EXEC');
      Reflect.deleteProperty(arenaAllocator, 'reserve');
      expect(driver.errors).toEqual([]);
      const isRefused = answer.includes('OOM the memory');
      if (calls < n) {
        expect(answer).toBe('*[+"OK" :1 +"OK" $"v"]');
        break;
      }
      if (isRefused) refusals++;
      driver.run('FLUSHALL');
      driver.emptyCompletely();
      expect(arenaAllocator.usedBytes(), `reserve ${n}`).toBe(0);
    }
    expect(refusals).toBeGreaterThan(2);
  });
});

describe('queueing', () => {
  it('that finds no memory aborts the transaction, whichever allocation fails', () => {
    for (let n = 1; ; n++) {
      const { driver } = new Session();
      const { lowAllocator, arenaAllocator } = driver.memory;
      const usedBytes = driver.memory.usedBytes();
      driver.run('MULTI');
      const { queues } = driver.shard.transactions;
      const take = queues.take.bind(queues);
      let calls = 0;
      queues.take = (bytes) => (++calls === n ? 0 : take(bytes));
      const answers = [
        driver.run('SET', 'k', 'v'), driver.run('SET', 'k', 'v'.repeat(3_000)),
        driver.run('SET', 'k', BIG), driver.run('SET', 'k', 'v'.repeat(60_000)),
      ];
      const answer = driver.run('EXEC');
      if (calls < n) {
        expect(answers).toEqual([QUEUED, QUEUED, QUEUED, QUEUED]);
        expect(n).toBeGreaterThan(3);
        break;
      }
      expect(answers.filter((text) => text !== QUEUED)).toEqual([
        '-"OOM the commands queued since MULTI take too much memory"',
      ]);
      expect(answer).toBe(ABORTED);
      expect(lowAllocator.usedBytes() + arenaAllocator.usedBytes()).toBe(usedBytes);
    }
  });

  it('is refused above maxmemory, also of commands that need no memory', () => {
    const { driver } = new Session();
    driver.run('SET', 'k', 'v');
    driver.run('MULTI');
    driver.run('CONFIG', 'SET', 'maxmemory', '0');
    driver.settings.load([['maxmemory', '1']]);
    expect(driver.run('GET', 'k')).toBe(OOM);
    expect(driver.run('DISCARD')).toBe('+"OK"');
    expect(driver.run('MULTI')).toBe('+"OK"');
    expect(driver.run('WATCH', 'k')).toBe(OOM);
    expect(driver.run('EXEC')).toBe(ABORTED);
    driver.settings.load([['maxmemory', '0']]);
    driver.run('MULTI');
    driver.run('SET', 'k', 'w');
    driver.settings.load([['maxmemory', '1']]);
    expect(driver.run('EXEC')).toBe(
      `-"EXECABORT Transaction discarded because of: ${OOM.slice(2)}`,
    );
    expect(driver.run('GET', 'k')).toBe('$"v"');
    expect(driver.run('EXEC')).toBe('-"ERR EXEC without MULTI"');
  });

  it('counts what is queued when it runs, and an error once', () => {
    const { driver } = new Session();
    const { stats } = driver.shard;
    const callsOf = (name: string): number => stats.calls[driver.registry.byName(name)!.index] ?? 0;
    const failedOf = (name: string): number =>
      stats.failed[driver.registry.byName(name)!.index] ?? 0;
    driver.run('SET', 'k', 'v');
    driver.run('MULTI');
    driver.run('INCR', 'k');
    expect(callsOf('incr')).toBe(0);
    driver.run('EXEC');
    expect([callsOf('incr'), callsOf('exec'), callsOf('multi')]).toEqual([1, 1, 1]);
    expect([failedOf('incr'), failedOf('exec')]).toEqual([1, 0]);
    expect(stats.counts[Stat.Commands]).toBe(4);
    driver.run('EXEC');
    expect(failedOf('exec')).toBe(1);
  });
});

describe('WATCH', () => {
  it('is over when the time of a key has come, and not when it had come before', () => {
    const { driver } = new Session();
    driver.shard.settings.isActiveExpireOn = false;
    driver.run('SET', 'k', 'v', 'PX', '20');
    driver.run('WATCH', 'k');
    driver.clock.advance(20);
    driver.run('MULTI');
    expect(driver.run('EXEC')).toBe('*[]');
    driver.run('WATCH', 'k');
    driver.clock.advance(1);
    driver.run('MULTI');
    expect(driver.run('EXEC')).toBe('*_');
    driver.run('WATCH', 'k');
    driver.run('EXISTS', 'k');
    driver.run('MULTI');
    expect(driver.run('EXEC')).toBe('*[]');
    driver.run('SET', 'k', 'v', 'PX', '20');
    driver.clock.advance(21);
    driver.run('WATCH', 'k');
    driver.run('SET', 'k', 'w');
    driver.run('MULTI');
    expect(driver.run('EXEC')).toBe('*_');
  });

  it('notices evicted keys', () => {
    const { driver } = new Session({ settings: { 'maxmemory-policy': 'allkeys-random' } });
    for (let i = 0; i < 10; i++) driver.run('SET', `k${i}`, 'v');
    driver.run('WATCH', ...Array.from({ length: 10 }, (_, i) => `k${i}`));
    driver.settings.load([['maxmemory', '1']]);
    driver.settle();
    driver.settings.load([['maxmemory', '0']]);
    driver.run('MULTI');
    expect(driver.run('EXEC')).toBe('*_');
  });

  it('does nothing more once a key has changed', () => {
    const { driver } = new Session();
    driver.run('WATCH', 'a');
    driver.run('SET', 'a', '1');
    const { watchCount } = driver.shard.transactions.watches;
    expect(driver.run('WATCH', 'b', 'c')).toBe('+"OK"');
    expect(driver.shard.transactions.watches.watchCount).toBe(watchCount);
  });

  it('takes keys as long as keys may be', () => {
    const { driver } = new Session();
    const key = 'k'.repeat(300_000);
    expect(driver.run('WATCH', key, 'short')).toBe('+"OK"');
    driver.run('SET', key, 'v');
    driver.run('MULTI');
    expect(driver.run('EXEC')).toBe('*_');
    expect(driver.run('WATCH', 'k'.repeat(1_048_577))).toBe(
      '-"ERR key is longer than 1048576 bytes"',
    );
  });
});

describe('CLIENT PAUSE', () => {
  it('holds an EXEC that would write, and what it would queue', () => {
    const { driver } = new Session();
    driver.run('MULTI');
    driver.run('SET', 'k', 'v');
    driver.shard.pause.start(driver.shard.nowMs + 100, false, driver.shard.nowMs);
    expect(driver.offer(driver.client, ['EXEC'])).toBeNull();
    driver.clock.advance(101);
    expect(driver.run('EXEC')).toBe('*[+"OK"]');
    driver.run('MULTI');
    driver.run('GET', 'k');
    driver.shard.pause.start(driver.shard.nowMs + 100, false, driver.shard.nowMs);
    expect(driver.run('EXEC')).toBe('*[$"v"]');
  });
});
