/**
 * The hand-written parsers against the grammar of their entries: random argument lists, right and
 * wrong ones, give the same slots or the same error. Also: the hot commands allocate nothing, on
 * small and on large sets.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { unreachable } from '../../assert.ts';
import type { Command } from '../../command/spec.ts';
import { replyErrors } from '../../errors/reply-error.ts';
import { SeededChance } from '../../platform/platform.ts';
import { bytesPerCall } from '../../testing/allocation.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { NullSink } from '../../testing/null-sink.ts';
import { placeArguments } from '../../testing/placed-arguments.ts';
import { setRandomCommands } from './set-random.commands.ts';
import { setCommands } from './set.commands.ts';

const WORDS = [
  'k', 'f', 'v', '1', '-5', '9223372036854775807', '9223372036854775808', 'x', '', '1.5',
];

/** SSCAN reads its options after the key; SRANDMEMBER's grammar is the same as SPOP's. */
const commands: readonly Command[] = [...setCommands, ...setRandomCommands].filter(
  ({ name }) => name !== 'sscan',
);

function slotsOf(driver: CommandDriver, command: Command): string[] {
  const { frame } = driver;
  return command.grammar.leaves.map(([name, leaf], slot) => {
    const times = leaf.isRepeated ? (frame.times[slot] ?? 0) : 0;
    const number = leaf.kind === 'integer' ? String(frame.integer64(slot)) : '';
    return `${name}: ${frame.index[slot] ?? 0} ${times} ${number}`;
  });
}

/** What a parser made of the arguments: its slots, or its error in the grammar's words. */
function parsedBy(
  driver: CommandDriver, command: Command, args: readonly string[], isByHand: boolean,
): readonly string[] {
  placeArguments(driver, args);
  const { frame } = driver;
  const error = isByHand ? command.parse(frame) : command.grammar.match(frame);
  if (error === null) {
    const isNegative = !isByHand && command.name === 'spop' && frame.index[1] === 2
      && (frame.high[1] ?? 0) < 0;
    return isNegative ? [replyErrors.notInteger.text] : slotsOf(driver, command);
  }
  // SPOP has one error for all that is no count, and takes no negative one.
  const isBadCount = error === replyErrors.notPositive || error === replyErrors.notInteger;
  return [isBadCount ? replyErrors.notInteger.text : error.text];
}

describe('hand-written parsers', () => {
  it.each(commands.map((command) => [command.name, command] as const))(
    'of %s agree with the grammar',
    (name, command) => {
      const seed = name.length * 131 + name.charCodeAt(1);
      const chance = new SeededChance(seed);
      const below = (bound: number): number => (chance.next32() >>> 0) % bound;
      const fixed = Math.abs(command.arity);
      let accepted = 0;
      for (let round = 0; round < 8; round++) {
        const driver = new CommandDriver();
        for (let i = 0; i < 100; i++) {
          const length = command.arity >= 0 ? fixed : fixed + below(6);
          const args = Array.from({ length }, (_, at) =>
            at === 0 ? name : (WORDS[below(WORDS.length)] ?? ''));
          const wanted = parsedBy(driver, command, args, false);
          const got = parsedBy(driver, command, args, true);
          expect(got, `seed ${seed}: ${JSON.stringify(args)}`).toEqual(wanted);
          if (got.length > 1 || command.grammar.leaves.length === 1) accepted++;
        }
      }
      expect(accepted).toBeGreaterThan(10);
    },
  );
});

/** Commands that together leave the sets as they were. */
const rounds: readonly (readonly (readonly string[])[])[] = [
  [['SADD', 's', 'new'], ['SREM', 's', 'new']],
  [['SADD', 's', 'one', 'two', 'three'], ['SREM', 's', 'one', 'two', 'three']],
  [['SADD', 's', 'member:3']],
  [['SISMEMBER', 's', 'member:3'], ['SISMEMBER', 's', 'nosuch']],
  [['SMISMEMBER', 's', 'member:1', 'nosuch']],
  [['SCARD', 's']],
  [['SADD', 'one', 'x'], ['SPOP', 'one']],
  [['SRANDMEMBER', 's']],
  [['SMEMBERS', 'i']],
  [['SADD', 'i', '77'], ['SREM', 'i', '77']],
];

const cases = rounds.flatMap((lines) => [20, 3000].map((members) =>
  [lines.map((line) => line.join(' ')).join('; '), members, lines] as const));

describe('everyday set commands', () => {
  setFlagsFromString('--expose-gc');
  // Byte boundary: the collector has no type of its own.
  const collect = runInNewContext('gc') as () => void;
  const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

  it.each(cases)('allocate nothing: %s, %i members', (_, members, lines) => {
    const driver = new CommandDriver();
    driver.run('SADD', 's', ...Array.from({ length: members }, (__, i) => `member:${i}`));
    driver.run('SADD', 'i', '5', '6', '99');
    const { frame, shard } = driver;
    const sink = new NullSink();
    const prepared = lines.map((line) => {
      const command = driver.registry.byName(line[0] ?? '') ?? unreachable(undefined as never);
      placeArguments(driver, line);
      return { command, at: frame.at, bytes: frame.bytes, count: line.length };
    });
    const bytes = bytesPerCall(meter, () => {
      for (let i = 0; i < prepared.length; i++) {
        const one = prepared[i] ?? unreachable(undefined as never);
        frame.bind(one.at, one.bytes, one.count);
        one.command.parse(frame);
        one.command.apply(shard, frame, sink);
      }
    });
    expect(sink.lastError).toBeNull();
    expect(bytes).toBeLessThan(1);
  });
});
