/**
 * Commands against a shard: any command of the table with arguments that fit its grammar, nearly
 * fit it, or are nonsense, under a moving clock. Whatever comes: one reply per command, no
 * exception, and when everything is deleted no byte stays behind.
 */
import { CommandDriver } from '@kora/core/testing';
import { Choices } from '../target.ts';
import type { FuzzTarget } from '../target.ts';

const KEYS = ['a', 'b', 'c', '{t}1', '', 'k\u0000\r\n\u00ff', 'long'.repeat(80)];
const NUMBERS = [
  '0', '1', '-1', '2', '10', '100', '99999', '-99999', '9223372036854775807', '', ' 1',
  '-9223372036854775808', '9223372036854775808', '4294967296', '536870912', '1e3', '0.1', '-0',
  '01', 'nan', 'inf',
];
const VALUES = ['', 'v', 'hello world', '12', '3.5', 'x'.repeat(100), 'y'.repeat(5000)];
const WORDS = [
  'NX', 'XX', 'GT', 'LT', 'GET', 'EX', 'PX', 'EXAT', 'PXAT', 'KEEPTTL', 'PERSIST', 'MATCH', 'COUNT',
  'TYPE', 'string', 'REPLACE', 'DB', 'ABSTTL', 'IDLETIME', 'FREQ', 'LEN', 'IDX', 'MINMATCHLEN',
  'WITHMATCHLEN', 'IFEQ', 'IFNE', 'IFDEQ', 'IFDNE', 'ASYNC', 'SYNC', '*', '?', '[a-z]*', '[', '\\',
];
/** Commands that would slow or end the process, or whose reply is the whole table. */
const LEFT_OUT = new Set(['debug', 'shutdown', 'command', 'config', 'lolwut']);
const STEPS = 60;

function argumentOf(choices: Choices): string {
  const kind = choices.below(10);
  if (kind < 4) return choices.of(KEYS);
  if (kind < 6) return choices.of(NUMBERS);
  if (kind < 8) return choices.of(WORDS);
  if (kind === 8 && choices.once(20)) return 'z'.repeat(70_000 + choices.below(70_000));
  return choices.of(VALUES);
}

function nextCommand(names: readonly string[], choices: Choices): string[] {
  const name = choices.of(names);
  const words = name.toUpperCase().split('|');
  const count = choices.below(choices.once(5) ? 12 : 5);
  return [...words, ...Array.from({ length: count }, () => argumentOf(choices))];
}

export const commandStream: FuzzTarget = {
  name: 'command-stream',
  promise: 'one reply per command, no exception, no byte left after everything is deleted',
  smokeRounds: 400,
  run(seed) {
    const choices = new Choices(seed);
    const kernel = choices.once(8) ? 'twin' : 'wasm';
    const driver = new CommandDriver({ seed, memoryOptions: { kernel } });
    const names = driver.registry.commands
      .map((command) => command.name)
      .filter((name) => !LEFT_OUT.has(name.split('|')[0] ?? ''));
    const baseline = driver.memory.arenaAllocator.usedBytes();
    for (let step = 0; step < STEPS; step++) {
      const words = nextCommand(names, choices);
      const reply = driver.run(...words);
      if (reply === '') throw new Error(`no reply to ${JSON.stringify(words)}`);
      if (driver.errors.length > 0) {
        throw new Error(`${JSON.stringify(words)} threw: ${driver.errors.join('; ')}`);
      }
      if (choices.once(6)) driver.clock.advance(choices.of([1, 99, 1000, 100_000]));
      if (choices.once(10)) driver.shard.maintain();
    }
    // What the client has queued and watches is memory too.
    driver.run('DISCARD');
    driver.run('UNWATCH');
    driver.emptyCompletely();
    const left = driver.memory.arenaAllocator.usedBytes() - baseline;
    if (left !== 0) throw new Error(`${left} bytes stayed after FLUSHALL`);
  },
};
