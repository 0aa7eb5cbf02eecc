/**
 * Random string commands on a shard whose free pages are given back, and filled with garbage, as
 * often as can be, against a naive model: the key space must not notice. Big values come and go
 * beside the small ones, so that runs of a megabyte open and close between live data; the advisor
 * itself refuses a range with a used byte.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verify } from '../assert.ts';
import { SeededChance } from '../platform/platform.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { GarbageAdvisor } from '../testing/garbage-advisor.ts';
import { NaiveStrings } from '../testing/naive-strings.ts';
import { RandomStringCommands } from '../testing/random-string-commands.ts';
import { isSameReply, notationOf } from '../testing/recorded-reply.ts';
import { GIVE_BACK_PERIOD_MS } from './give-back.ts';

const START_MS = 1_700_000_000_000;
const BALLAST_KEYS = 10;
const BALLAST_BYTES = [1_200_000, 2_500_000, 6_000_000];

beforeEach(() => {
  verify.enabled = true;
});
afterEach(() => {
  verify.enabled = false;
});

/** Big values that come and go; each is one letter all through. */
class Ballast {
  readonly #driver: CommandDriver;
  readonly #commands: RandomStringCommands;
  readonly #values = new Map<string, { readonly code: number; readonly bytes: number }>();

  constructor(driver: CommandDriver, commands: RandomStringCommands) {
    this.#driver = driver;
    this.#commands = commands;
  }

  change(): void {
    const commands = this.#commands;
    const key = `ballast${commands.below(BALLAST_KEYS)}`;
    if (this.#values.delete(key)) {
      expect(this.#driver.run('DEL', key)).toBe(':1');
      return;
    }
    const code = 97 + commands.below(26);
    const bytes = commands.pick(BALLAST_BYTES) + commands.below(5000);
    expect(this.#driver.run('SET', key, Buffer.alloc(bytes, code))).toBe('+"OK"');
    this.#values.set(key, { code, bytes });
  }

  /** What is wrong with a random window of each value, or nothing. */
  complaint(): string {
    for (const [key, { code, bytes }] of this.#values) {
      const from = this.#commands.below(bytes - 200);
      const got = this.#driver.run('GETRANGE', key, from, from + 199);
      if (got !== `$"${String.fromCharCode(code).repeat(200)}"`) return `${key} at ${from}: ${got}`;
    }
    return '';
  }
}

function shown(args: readonly string[]): string {
  return args.map((arg) => (arg.length > 40 ? `<${arg.length} bytes>` : arg)).join(' ');
}

function play(seed: number, steps: number, kernel: 'wasm' | 'twin'): void {
  const driver = new CommandDriver({ seed, startMs: START_MS, memoryOptions: { kernel } });
  const advisor = new GarbageAdvisor(driver.memory);
  const model = new NaiveStrings();
  const commands = new RandomStringCommands(new SeededChance(seed), START_MS);
  const runAndCompare = (args: string[], where: string): void => {
    commands.nowMs = model.nowMs = driver.clock.nowMs();
    const modelled = model.run(args);
    const replied = driver.reply(...args);
    if (isSameReply(replied, modelled)) return;
    const [got, wanted] = [replied, modelled].map((reply) => notationOf(reply).slice(0, 200));
    expect.fail(`${where} ${shown(args)}: ${got}, not ${wanted}`);
  };
  const ballast = new Ballast(driver, commands);
  for (let step = 0; step < steps; step++) {
    const where = `seed ${seed}, step ${step}:`;
    runAndCompare(commands.next(), where);
    if (commands.below(2) === 0) ballast.change();
    if (commands.below(3) === 0) driver.advance(GIVE_BACK_PERIOD_MS);
    if (commands.below(60) === 0) driver.run('MEMORY', 'PURGE');
    const complaint = ballast.complaint();
    if (complaint !== '') expect.fail(`${where} ${complaint}`);
    if (step % 20 !== 0) continue;
    for (const key of model.values.keys()) runAndCompare(['GET', key], where);
  }
  expect(driver.errors).toEqual([]);
  const { giveBack } = driver.shard.maintenance;
  expect(advisor.offers.length, `seed ${seed}`).toBeGreaterThan(steps / 12);
  expect(giveBack.refusals).toBe(0);
  const usedBytes = driver.shard.usedBytes();
  driver.run('MEMORY', 'PURGE');
  expect(driver.shard.usedBytes()).toBe(usedBytes);
}

describe('a key space whose free pages are given back', () => {
  it.each([1, 2, 3, 4, 5])('agrees with the model, seed %i', (seed) => {
    play(seed, 800, 'wasm');
  });

  it('agrees on the twin kernel', () => {
    play(31, 300, 'twin');
  });

  it('agrees while every allocation grows the memory', () => {
    verify.growsOnAlloc = true;
    try {
      play(32, 200, 'wasm');
    } finally {
      verify.growsOnAlloc = false;
    }
  });
});
