/**
 * Which calls are timed, against the promise: whatever the order of calls, what an observer hears
 * and commandstats adds up to every call once; nothing that can be slow by its nature goes untimed.
 */
import { describe, expect, it } from 'vitest';
import { arg } from '../command/grammar.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { argumentText, bindArgumentTexts } from '../command/argument-text.ts';
import { reply } from '../command/reply-schema.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { SeededChance } from '../platform/platform.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { Timing } from './command-timer.ts';
import type { ShardObserver } from './shard-observer.ts';

/** A 64th of a millisecond, which the clock can tell exactly. */
const EXACT_US = 15.625;

/** Hears how long calls took, by command name. */
class Listener implements ShardObserver {
  watchesCycles = false;
  wantsEveryCall = false;
  readonly timed: string[] = [];
  readonly durations: number[] = [];
  readonly calls = new Map<string, number>();
  readonly #driver: CommandDriver;

  constructor(driver: CommandDriver) {
    this.#driver = driver;
    driver.shard.observer = this;
  }
  noteArguments(): void {}
  onCall({ name }: Command, _frame: ArgFrame, us: number): void {
    this.timed.push(name);
    this.durations.push(us);
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
  }
  onUntimed(commandIndex: number, _us: number, count: number): void {
    const name = this.#driver.registry.commands[commandIndex]?.name ?? '';
    this.calls.set(name, (this.calls.get(name) ?? 0) + count);
  }
  onCycle(): void {}
  onReset(): void {}

  /** How long the call took that was heard of last, us. */
  get lastUs(): number | undefined {
    return this.durations.at(-1);
  }

  /** The last duration of a command that is at least so long. */
  lastTimed(name: string, usMin: number): number {
    const at = this.durations.findLastIndex((us, i) => us >= usMin && this.timed[i] === name);
    return this.durations[at] ?? -1;
  }
}

function spending(name: string, flags: number, spend: (us: number) => void): Command {
  return defineCommand({
    name, group: 'server', since: '1.0.0', summary: 'Takes time.', complexity: 'O(n)',
    arity: -2, flags, acl: [], keys: [],
    args: { us: arg.bytes(), more: arg.bytes().repeated().optional() },
    reply: reply.ok(), examples: [],
    apply(_shard, frame, out) {
      spend(Number(argumentText(frame, 1)));
      out.ok();
    },
  });
}

/** SPEND is bounded by its arguments, RANGE is not; both take so many microseconds. */
function engine(): { readonly driver: CommandDriver; readonly heard: Listener } {
  const time: { clock?: CommandDriver['clock'] } = {};
  const spend = (us: number): void => {
    time.clock?.advance(us / 1000);
  };
  const driver = new CommandDriver({
    extraCommands: [spending('SPEND', Flag.Fast, spend), spending('RANGE', 0, spend)],
    startMs: 1_048_576,
  });
  time.clock = driver.clock;
  return { driver, heard: new Listener(driver) };
}

/** Runs a command in the turn under way, as those of a pipeline. */
function runInTurn(driver: CommandDriver, ...words: readonly string[]): void {
  const ref = driver.memory.lowAllocator.alloc(4096);
  bindArgumentTexts(driver.frame, ref * 8, words);
  driver.frame.client = driver.client;
  driver.executor.execute(driver.frame, driver.sink);
  driver.sink.take();
  driver.memory.lowAllocator.free(ref);
}

describe('the timer of commands', () => {
  it.each([21, 22, 23])('accounts for every call once, seed %i', (seed) => {
    const { driver, heard } = engine();
    const chance = new SeededChance(seed);
    const counts = new Map<string, number>();
    for (let i = 0; i < 3000; i++) {
      const dice = (chance.next32() >>> 0) % 100;
      const line = dice < 60 ? 'GET k' : dice < 80 ? 'SET k v' : dice < 90 ? 'LRANGE l 0 -1'
        : dice < 94 ? 'SPEND 3' : dice < 96 ? 'SPEND 40' : dice < 98 ? 'RANGE 4' : 'RANGE 400';
      driver.runLine(line);
      const name = line.split(' ')[0]?.toLowerCase() ?? '';
      counts.set(name, (counts.get(name) ?? 0) + 1);
      if (dice === 99) driver.shard.timer.settle();
    }
    driver.shard.timer.settle();
    expect(heard.calls.get('spend'), `seed ${seed}`).toBe(counts.get('spend'));
    expect(heard.calls.get('lrange'), `seed ${seed}`).toBe(counts.get('lrange'));
    expect(heard.calls.get('range'), `seed ${seed}`).toBe(counts.get('range'));
    expect(heard.timed.filter((name) => name === 'get').length).toBeLessThan(60);
  });
  it('adds up microseconds: untimed calls are as long as the timed one before them', () => {
    const { driver } = engine();
    for (let i = 0; i < 640; i++) driver.run('SPEND', EXACT_US);
    driver.shard.timer.settle();
    const index = driver.registry.byName('spend')?.index ?? -1;
    expect(driver.shard.stats.microseconds[index]).toBe(640 * EXACT_US);
  });
  it('times every call of a command that was not brief, until it is again', () => {
    const { driver, heard } = engine();
    driver.run('SPEND', 30);
    for (let i = 0; i < 5; i++) driver.run('SPEND', 30);
    expect(heard.timed).toHaveLength(6);
    driver.run('SPEND', 2);
    for (let i = 0; i < 20; i++) driver.run('SPEND', 2);
    expect(heard.timed).toHaveLength(7);
  });
  it.each([
    ['get', 2, Timing.None], ['set', 3, Timing.None], ['set', 16, Timing.None],
    ['mget', 16, Timing.None], ['mget', 17, Timing.Watched], ['lrange', 4, Timing.Watched],
    ['lpop', 2, Timing.None], ['lpop', 3, Timing.Watched], ['xadd', 6, Timing.None],
    ['xadd', 7, Timing.Watched], ['keys', 2, Timing.Watched], ['exec', 1, Timing.Exact],
  ] as const)('looks at %s with %i words as it has to', (name, count, wanted) => {
    const { driver } = engine();
    const { timer } = driver.shard;
    const command = driver.registry.byName(name)!;
    expect(timer.timing(command.index, 2, count), 'before the first').toBe(Timing.Exact);
    timer.record(command, driver.frame, 3, false);
    expect(timer.timing(command.index, 2, count)).toBe(wanted);
    expect(timer.ignores(command.index, 2, count)).toBe(wanted === Timing.None);
    expect(timer.timing(command.index, 65, count), 'one of 64').toBe(Timing.Exact);
    expect(timer.ignores(command.index, 65, count), 'one of 64').toBe(false);
    timer.record(command, driver.frame, 30, false);
    expect(timer.timing(command.index, 2, count), 'not brief').toBe(Timing.Exact);
    expect(timer.ignores(command.index, 2, count), 'not brief').toBe(false);
  });
  it('hears of a slow call of a brief command that is not bounded', () => {
    const { driver, heard } = engine();
    for (let i = 0; i < 50; i++) runInTurn(driver, 'RANGE', '2');
    expect(heard.timed).toHaveLength(1);
    runInTurn(driver, 'RANGE', '50000');
    expect(heard.timed).toHaveLength(2);
    expect(heard.lastUs).toBe(50_000);
  });
  it('does not blame a call for what lies before it', () => {
    const { driver, heard } = engine();
    const takes = (between: () => void): number => {
      for (let i = 0; i < 3; i++) runInTurn(driver, 'RANGE', '2');
      between();
      const before = heard.timed.length;
      runInTurn(driver, 'RANGE', '250');
      expect(heard.timed.length).toBe(before + 1);
      runInTurn(driver, 'RANGE', '2');
      return heard.lastTimed('range', 250);
    };
    // A turn begins; keys are evicted; many commands have run.
    expect(takes(() => {
      driver.clock.advance(500);
      driver.shard.refreshClock();
    })).toBe(250);
    expect(takes(() => {
      driver.clock.advance(500);
      driver.shard.timer.breakOff();
    })).toBe(250);
    expect(takes(() => {
      for (let i = 0; i < 20; i++) {
        driver.clock.advance(1);
        runInTurn(driver, 'GET', 'k');
      }
    })).toBe(250);
  });
  it('times every call while an observer wants that', () => {
    const { driver, heard } = engine();
    driver.run('SET', 'a', '1');
    heard.wantsEveryCall = true;
    driver.shard.timer.follow();
    for (let i = 0; i < 10; i++) driver.run('GET', 'a');
    expect(heard.timed.filter((name) => name === 'get')).toHaveLength(10);
  });
  it('begins anew with CONFIG RESETSTAT', () => {
    const { driver } = engine();
    for (let i = 0; i < 10; i++) driver.run('SPEND', EXACT_US);
    driver.run('CONFIG', 'RESETSTAT');
    driver.run('SPEND', EXACT_US);
    driver.run('SPEND', EXACT_US);
    driver.shard.timer.settle();
    const index = driver.registry.byName('spend')?.index ?? -1;
    expect(driver.shard.stats.microseconds[index]).toBe(2 * EXACT_US);
  });
});
