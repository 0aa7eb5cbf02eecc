/**
 * What the executor promises around a command: one reply whatever happens, a shard that goes on
 * after a harmless throw and takes nothing more after a harmful one, counters that tell what ran,
 * and big arguments that are made flat or handed on, and freed on every path. Held by commands
 * made for it: each does one thing that no real command would.
 */
import { describe, expect, it } from 'vitest';
import { latin1Text } from '../bytes/number-text.ts';
import { argumentText, bindArgumentTexts } from '../command/argument-text.ts';
import { arg } from '../command/grammar.ts';
import { keysAt } from '../command/key-spec.ts';
import { reply } from '../command/reply-schema.ts';
import type { Command, CommandDefinition } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { replyErrors } from '../errors/reply-error.ts';
import { EffectReason } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import { Stat } from '../keyspace/statistics.ts';
import { FLAT_ARGUMENT_BYTES_MAX, KEY_BYTES_MAX } from '../limits.ts';
import type { CommandDriverOptions, DriverArgument } from '../testing/command-driver.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { notationOf } from '../testing/recorded-reply.ts';
import { Outcome } from './executor.ts';
import type { Shard } from './shard.ts';

const INTERNAL = '-"ERR internal error"';
const STOPPED = '-"ERR the engine stopped after an internal error in the middle of a change"';
const KIB = 1024;

const twoArguments = { key: arg.key(), value: arg.bytes() };

/** A command of a key and a value that does only what the test is about. */
function commandOf(
  name: string,
  apply: CommandDefinition<typeof twoArguments>['apply'],
  more: { readonly flags?: number; readonly check?: () => null } = {},
): Command {
  return defineCommand({
    name, group: 'generic', since: '0.1.0', summary: 'For a test.', complexity: 'O(1)',
    arity: 3,
    flags: more.flags ?? Flag.Write,
    acl: [],
    keys: [keysAt({ first: 1, last: 1, step: 1, access: 'RW', effect: 'update' })],
    args: twoArguments,
    reply: reply.ok(),
    examples: [],
    ...(more.check === undefined ? {} : { check: more.check }),
    apply,
  });
}

/** Removes the key of argument 1: a change as any command makes it. */
function removeKey(shard: Shard, db: number, keyAt: number, keyBytes: number): void {
  const database = shard.keyspace.databases[db]!;
  const ref = shard.keyspace.find(database, keyAt, keyBytes);
  shard.removeLastLookup(ref, KeyEvent.Del, EffectReason.Command);
}

const breaksBefore = (): Command => commandOf('TEST.BEFORE', () => {
  throw new TypeError('broken before');
});

const breaksAfter = (): Command => commandOf('TEST.AFTER', (shard, frame) => {
  removeKey(shard, frame.client.db, frame.at[1]!, frame.bytes[1]!);
  throw new RangeError('broken after');
});

function driverWith(
  extraCommands: readonly Command[], options: CommandDriverOptions = {},
): CommandDriver {
  return new CommandDriver({ ...options, extraCommands });
}

/** Offers texts without the driver's own check that the shard works. */
function offerTexts(driver: CommandDriver, ...texts: readonly string[]): string {
  const { executor, frame, memory, sink } = driver;
  const block = memory.lowAllocator.alloc(1024);
  bindArgumentTexts(frame, block * 8, texts);
  frame.client = driver.client;
  expect(executor.execute(frame, sink)).toBe(Outcome.Done);
  memory.lowAllocator.free(block);
  return notationOf(sink.take());
}

function countersOf(driver: CommandDriver, name: string): object {
  const { index } = driver.registry.byName(name)!;
  const { calls, failed, microseconds, rejected } = driver.shard.stats;
  return {
    calls: calls[index], failed: failed[index], rejected: rejected[index],
    us: microseconds[index],
  };
}

describe('a command that throws before any change', () => {
  it('answers an internal error, is logged once, and the shard goes on', () => {
    const driver = driverWith([breaksBefore()]);
    expect(driver.run('TEST.BEFORE', 'k', 'v')).toBe(INTERNAL);
    expect(driver.errors).toHaveLength(1);
    expect(driver.errors[0]).toContain("command 'test.before' failed");
    expect(driver.errors[0]).toContain('broken before');
    expect(driver.shard.failure).toBeNull();
    expect(driver.shard.stats.counts[Stat.UnexpectedErrors]).toBe(1);
    expect(driver.run('SET', 'k', 'v')).toBe('+"OK"');
    expect(driver.run('GET', 'k')).toBe('$"v"');
  });

  it('may throw in its parser as well', () => {
    const check = (): null => {
      throw new Error('broken rule');
    };
    const driver = driverWith([commandOf('TEST.RULE', (_s, _f, out) => out.ok(), { check })]);
    const before = driver.memory.usedBytes();
    expect(driver.run('TEST.RULE', 'k', new Uint8Array(100 * KIB))).toBe(INTERNAL);
    expect(driver.errors[0]).toContain('broken rule');
    expect(driver.memory.usedBytes()).toBe(before);
    expect(driver.run('PING')).toBe('+"PONG"');
  });

  it('answers one error in place of whatever it wrote before', () => {
    const driver = driverWith([
      commandOf('TEST.BOTH', (_shard, _frame, out) => {
        out.error(replyErrors.syntax);
        throw new Error('broken late');
      }),
      commandOf('TEST.HALF', (_shard, _frame, out) => {
        out.array(2);
        out.integer(1);
        throw new Error('broken in the middle');
      }),
      commandOf('TEST.PIECE', (_shard, _frame, out) => {
        out.bulkStart(10);
        throw new Error('broken in a bulk');
      }),
    ]);
    for (const name of ['TEST.BOTH', 'TEST.HALF', 'TEST.PIECE']) {
      expect(driver.run(name, 'k', 'v'), name).toBe(INTERNAL);
      expect(driver.run('PING')).toBe('+"PONG"');
    }
    expect(driver.errors).toHaveLength(3);
  });

  it('may throw anything', () => {
    const driver = driverWith([commandOf('TEST.TEXT', () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- what others may throw
      throw 'just a text';
    })]);
    expect(driver.run('TEST.TEXT', 'k', 'v')).toBe(INTERNAL);
    expect(driver.errors[0]).toContain('just a text');
  });
});

describe('a command that throws after a change', () => {
  it('fails the shard: every later command is refused and background work stops', () => {
    const driver = driverWith([breaksAfter()]);
    driver.run('SET', 'k', 'v');
    driver.run('SET', 'other', 'v');
    expect(driver.run('TEST.AFTER', 'k', 'v')).toBe(INTERNAL);
    expect(driver.shard.failure).toBeInstanceOf(RangeError);
    expect(driver.errors).toHaveLength(1);
    for (const line of [['GET', 'other'], ['SET', 'other', 'w'], ['PING'], ['FLUSHALL']]) {
      expect(offerTexts(driver, ...line)).toBe(STOPPED);
    }
    expect(offerTexts(driver, 'NOSUCH')).toContain('ERR unknown command');
    expect(driver.errors).toHaveLength(1);
    expect(driver.shard.keyspace.databases[0]!.dict.count()).toBe(1);
    expect(driver.shard.maintain()).toBe(false);
    expect(countersOf(driver, 'ping')).toMatchObject({ calls: 0, rejected: 1 });
  });

  it('refuses before the pause: a stopped shard keeps nobody waiting', () => {
    const driver = driverWith([breaksAfter()]);
    driver.run('SET', 'k', 'v');
    driver.run('TEST.AFTER', 'k', 'v');
    driver.shard.pause.start(driver.shard.nowMs + 1000, true, driver.shard.nowMs);
    expect(offerTexts(driver, 'GET', 'k')).toBe(STOPPED);
  });

  it('frees the big arguments of what it refuses', () => {
    const driver = driverWith([breaksAfter()]);
    driver.run('SET', 'k', 'v');
    driver.run('TEST.AFTER', 'k', 'v');
    const before = driver.memory.usedBytes();
    const root = driver.shard.ropes.create(100 * KIB);
    bindArgumentTexts(driver.frame, driver.shard.scratchAt, ['SET', 'k', '']);
    driver.frame.at[2] = -root - 1;
    driver.frame.bytes[2] = 100 * KIB;
    driver.executor.execute(driver.frame, driver.sink);
    expect(notationOf(driver.sink.take())).toBe(STOPPED);
    expect(driver.memory.usedBytes()).toBe(before);
  });
});

describe('the statistics', () => {
  it('tell what ran, what failed and what never ran', () => {
    const driver = driverWith([breaksBefore()]);
    const commandsBefore = driver.shard.stats.counts[Stat.Commands]!;
    driver.run('SET', 'k', 'text');
    driver.run('INCR', 'k'); // fails while it runs
    driver.run('SETEX', 'k', 'soon', 'v'); // fails in its parser
    driver.run('INCR'); // never runs
    driver.run('NOSUCH'); // is nothing
    driver.run('TEST.BEFORE', 'k', 'v');
    expect(countersOf(driver, 'set')).toMatchObject({ calls: 1, failed: 0, rejected: 0 });
    expect(countersOf(driver, 'incr')).toMatchObject({ calls: 1, failed: 1, rejected: 1 });
    expect(countersOf(driver, 'setex')).toMatchObject({ calls: 1, failed: 1, rejected: 0 });
    expect(countersOf(driver, 'test.before')).toMatchObject({ calls: 1, failed: 1, rejected: 0 });
    expect(driver.shard.stats.counts[Stat.Commands]! - commandsBefore).toBe(4);
    driver.client.isAuthenticated = false;
    driver.run('GET', 'k');
    expect(driver.shard.stats.counts[Stat.ErrorReplies]).toBe(6);
    expect([...driver.shard.stats.errors]).toEqual([['ERR', 5], ['NOAUTH', 1]]);
  });

  it('name the running command, and none after an unknown one', () => {
    const driver = driverWith([]);
    driver.run('CONFIG', 'GET', 'maxmemory');
    expect(driver.executor.current?.name).toBe('config|get');
    driver.run('NOSUCH');
    expect(driver.executor.current).toBeNull();
  });
});

describe('the time of commands', () => {
  /** A driver with TEST.WORK, which takes `work.us`. Starts early, so that us are exact. */
  function worker(): { driver: CommandDriver; work: { us: number }; run: (times: number) => void } {
    const work = { us: 0 };
    const command = commandOf('TEST.WORK', (_shard, _frame, out) => {
      driver.clock.advance(work.us / 1000);
      out.ok();
    });
    const driver = driverWith([command], { startMs: 1_048_576 });
    const run = (times: number): void => {
      for (let i = 0; i < times; i++) driver.run('TEST.WORK', 'k', 'v');
    };
    return { driver, work, run };
  }

  it('is measured at every call of a command that is not brief', () => {
    const { driver, work, run } = worker();
    work.us = 125;
    run(10);
    expect(countersOf(driver, 'test.work')).toMatchObject({ calls: 10, us: 1250 });
  });

  it('is noticed of a brief one too, when its work has no bound', () => {
    const { driver, work, run } = worker();
    work.us = 15.625;
    run(100);
    work.us = 125;
    run(1);
    driver.shard.timer.settle();
    expect(countersOf(driver, 'test.work')).toMatchObject({ us: 100 * 15.625 + 125 });
  });

  it('is seen by what follows in the same turn', () => {
    const { driver, work } = worker();
    work.us = 50_000;
    driver.run('SET', 'k', 'v', 'PX', 20);
    driver.run('TEST.WORK', 'k', 'v');
    // No new turn begins here: GET is fast and does not read the clock itself.
    expect(offerTexts(driver, 'GET', 'k')).toBe('_');
  });
});

describe('big arguments', () => {
  interface Seen {
    readonly isKeyBig: boolean;
    readonly isBig: boolean;
    readonly bytes: number;
    readonly ends: string;
  }
  /** TEST.FLAT and TEST.ROPES note how their arguments arrive; the second takes ropes. */
  function watcher(options: CommandDriverOptions = {}): { driver: CommandDriver; seen: Seen[] } {
    const seen: Seen[] = [];
    const apply: Parameters<typeof commandOf>[1] = (shard, frame, out) => {
      const isBig = frame.isBig(2);
      const bytes = frame.bytes[2]!;
      const at = frame.at[2]!;
      const { low } = shard.memory;
      const ends = isBig ? '' : latin1Text(low, at, 2) + latin1Text(low, at + bytes - 2, 2);
      seen.push({ isKeyBig: frame.isBig(1), isBig, bytes, ends });
      out.ok();
    };
    const flags = Flag.Write | Flag.TakesRopes;
    const commands = [commandOf('TEST.FLAT', apply), commandOf('TEST.ROPES', apply, { flags })];
    return { driver: driverWith(commands, options), seen };
  }
  const value = (bytes: number): Uint8Array => {
    const filled = new Uint8Array(bytes).fill(0x6d);
    filled.set([0x61, 0x62]);
    filled.set([0x79, 0x7a], bytes - 2);
    return filled;
  };

  /** Runs one command and expects memory, low and arena, to be as before. */
  function runBalanced(driver: CommandDriver, ...args: readonly DriverArgument[]): string {
    const { arenaAllocator, lowAllocator } = driver.memory;
    const before = [lowAllocator.usedBytes(), arenaAllocator.usedBytes()];
    const answer = driver.run(...args);
    expect([lowAllocator.usedBytes(), arenaAllocator.usedBytes()]).toEqual(before);
    return answer;
  }

  it('are flat for a command that takes no ropes, whole and for its time only', () => {
    const { driver, seen } = watcher();
    for (const bytes of [64 * KIB, 200_001, FLAT_ARGUMENT_BYTES_MAX]) {
      expect(runBalanced(driver, 'TEST.FLAT', 'k', value(bytes))).toBe('+"OK"');
      expect(seen.pop()).toEqual({ isKeyBig: false, isBig: false, bytes, ends: 'abyz' });
    }
  });

  it('are refused above the bound', () => {
    const { driver, seen } = watcher();
    expect(runBalanced(driver, 'TEST.FLAT', 'k', value(FLAT_ARGUMENT_BYTES_MAX + 1))).toBe(
      '-"ERR argument is too large for this command"',
    );
    expect(seen).toEqual([]);
    expect(countersOf(driver, 'test.flat')).toMatchObject({ calls: 0, rejected: 1 });
  });

  it('are refused when low memory has no room for the copy', () => {
    const { driver, seen } = watcher({ memoryOptions: { lowBytes: 1024 * KIB } });
    const tooLarge = '-"ERR argument is too large for this command"';
    expect(runBalanced(driver, 'TEST.FLAT', 'k', value(2048 * KIB))).toBe(tooLarge);
    // The first of the two fits, and is given back with the refusal.
    const half = value(600 * KIB);
    expect(runBalanced(driver, 'TEST.FLAT', half, half)).toBe(tooLarge);
    expect(seen).toEqual([]);
    expect(runBalanced(driver, 'TEST.FLAT', 'k', half)).toBe('+"OK"');
  });

  it('stay ropes for a command that takes them, at any length; what it leaves is freed', () => {
    const { driver, seen } = watcher();
    const bytes = FLAT_ARGUMENT_BYTES_MAX + 1;
    expect(runBalanced(driver, 'TEST.ROPES', 'k', value(bytes))).toBe('+"OK"');
    expect(seen).toEqual([{ isKeyBig: false, isBig: true, bytes, ends: '' }]);
  });

  it('are never ropes as keys, and no key is longer than the bound', () => {
    const { driver, seen } = watcher();
    const key = value(KEY_BYTES_MAX);
    expect(runBalanced(driver, 'TEST.ROPES', key, value(64 * KIB))).toBe('+"OK"');
    expect(seen.pop()).toMatchObject({ isKeyBig: false, isBig: true });
    const longer = value(KEY_BYTES_MAX + 1);
    for (const name of ['TEST.ROPES', 'TEST.FLAT']) {
      expect(runBalanced(driver, name, longer, value(64 * KIB))).toBe(
        '-"ERR key is longer than 1048576 bytes"',
      );
    }
    expect(seen).toEqual([]);
    expect(driver.run('SET', key, 'v')).toBe('+"OK"');
    expect(driver.run('EXISTS', key, value(KEY_BYTES_MAX - 1))).toBe(':1');
  });

  it('are freed when the gate, the parser or the command says no', () => {
    const { driver } = watcher();
    const big = value(100 * KIB);
    expect(runBalanced(driver, 'NOSUCH', big)).toContain('unknown command');
    expect(runBalanced(driver, big, 'k')).toContain('unknown command');
    expect(runBalanced(driver, 'CONFIG', big)).toContain('unknown subcommand');
    expect(runBalanced(driver, 'GET', big, big)).toContain('wrong number of arguments');
    expect(runBalanced(driver, 'SET', 'k', big, 'EX', 'soon')).toContain('not an integer');
    expect(runBalanced(driver, 'SET', 'k', big, big)).toContain('syntax error');
    expect(runBalanced(driver, 'SET', 'k', big, 'XX')).toBe('_');
    driver.client.isAuthenticated = false;
    expect(runBalanced(driver, 'SET', 'k', big)).toContain('NOAUTH');
  });

  it('are freed when the command throws', () => {
    const driver = driverWith([breaksBefore()]);
    expect(runBalanced(driver, 'TEST.BEFORE', 'k', value(100 * KIB))).toBe(INTERNAL);
    expect(runBalanced(driver, 'TEST.BEFORE', value(100 * KIB), 'v')).toBe(INTERNAL);
  });

  it('belong to the command that takes one', () => {
    const driver = driverWith([commandOf('TEST.TAKE', (shard, frame, out) => {
      const root = frame.takeRope(2);
      out.integer(shard.ropes.bytesOf(root));
      shard.ropes.free(root);
    }, { flags: Flag.Write | Flag.TakesRopes })]);
    expect(runBalanced(driver, 'TEST.TAKE', 'k', value(100_000))).toBe(':100000');
  });

  it('made by a command of its own are freed when nobody stores them', () => {
    for (const fails of [false, true]) {
      const driver = driverWith([commandOf('TEST.MAKE', (shard, frame, out) => {
        frame.giveRope(2, shard.ropes.create(100_000), 100_000);
        if (fails) throw new Error('broken with a rope');
        out.ok();
      })]);
      expect(runBalanced(driver, 'TEST.MAKE', 'k', 'v')).toBe(fails ? INTERNAL : '+"OK"');
      expect(runBalanced(driver, 'PING')).toBe('+"PONG"');
    }
  });
});

describe('a parked command', () => {
  it('keeps its arguments, is counted nowhere, and runs from the start when offered again', () => {
    const driver = driverWith([]);
    const { executor, frame, shard, sink } = driver;
    const bytes = 100_000;
    const root = shard.ropes.create(bytes);
    shard.memory.low.fill(0x71, shard.scratchAt, shard.scratchAt + bytes / 2);
    shard.ropes.write(root, 0, shard.scratchAt, bytes / 2);
    shard.ropes.write(root, bytes / 2, shard.scratchAt, bytes / 2);
    const block = shard.memory.lowAllocator.alloc(64) * 8;
    bindArgumentTexts(frame, block, ['SET', 'k', '']);
    frame.client = driver.client;
    frame.at[2] = -root - 1;
    frame.bytes[2] = bytes;
    const given = [[...frame.at], [...frame.bytes], frame.count];
    const usedBytes = shard.memory.usedBytes();

    shard.pause.start(shard.nowMs + 1000, false, shard.nowMs);
    for (let i = 0; i < 3; i++) expect(executor.execute(frame, sink)).toBe(Outcome.Parked);
    expect([[...frame.at], [...frame.bytes], frame.count]).toEqual(given);
    expect(shard.memory.usedBytes()).toBe(usedBytes);
    expect(sink.takeAll()).toEqual([]);
    expect(countersOf(driver, 'set')).toEqual({ calls: 0, failed: 0, rejected: 0, us: 0 });

    shard.pause.end();
    expect(executor.execute(frame, sink)).toBe(Outcome.Done);
    expect(notationOf(sink.take())).toBe('+"OK"');
    expect(driver.run('GET', 'k')).toBe(`$"${'q'.repeat(bytes)}"`);
  });
});

describe('bindArgumentTexts', () => {
  it('places one byte per character and says how many', () => {
    const { frame, shard } = driverWith([]);
    expect(bindArgumentTexts(frame, shard.scratchAt, ['GET', '', '\xff\0'])).toBe(5);
    expect(frame.count).toBe(3);
    expect([0, 1, 2].map((i) => argumentText(frame, i))).toEqual(['GET', '', '\xff\0']);
    expect(() => bindArgumentTexts(frame, shard.scratchAt, ['\u0100'])).toThrow('one byte');
    const big = 'x'.repeat(64 * KIB);
    expect(() => bindArgumentTexts(frame, shard.scratchAt, [big])).toThrow('rope');
    const end = frame.memory.low.length;
    expect(() => bindArgumentTexts(frame, end - 1, ['ab'])).toThrow('low memory');
  });
});
