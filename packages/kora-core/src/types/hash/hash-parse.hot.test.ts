/**
 * The hand-written parsers against the grammar of their entries: random argument lists, right and
 * wrong ones, give the same slots or the same error; HSET's odd list has an error of its own, and
 * HINCRBYFLOAT's number is read by the command. Also: the hot commands allocate nothing.
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
import { hashNumberCommands } from './hash-number.commands.ts';
import { hashReadCommands } from './hash-read.commands.ts';
import { hashWriteCommands } from './hash-write.commands.ts';

const WORDS = [
  'k', 'f', 'v', '1', '-5', '9223372036854775807', '9223372036854775808', 'x', '', '1.5',
];

const commands: readonly Command[] = [
  ...hashWriteCommands, ...hashReadCommands, ...hashNumberCommands,
];

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
  if (error === null) return slotsOf(driver, command);
  if (error === replyErrors.notFloat) return slotsOf(driver, command);
  return [error.text.startsWith('ERR wrong number') ? replyErrors.syntax.text : error.text];
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

const lines: readonly (readonly string[])[] = [
  ['HSET', 'h', 'field:3', 'another'],
  ['HSET', 'h', 'field:3', 'a', 'field:4', 'b'],
  ['HGET', 'h', 'field:3'],
  ['HGET', 'h', 'nosuch'],
  ['HMGET', 'h', 'field:1', 'nosuch', 'field:2'],
  ['HGETALL', 'h'],
  ['HINCRBY', 'h', 'n', '7'],
  ['HEXISTS', 'h', 'field:3'],
  ['HLEN', 'h'],
  ['HDEL', 'h', 'nosuch'],
];

describe('everyday hash commands', () => {
  setFlagsFromString('--expose-gc');
  // Byte boundary: the collector has no type of its own.
  const collect = runInNewContext('gc') as () => void;
  const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

  const named = [10, 100].flatMap((fields) =>
    lines.map((line) => [line.join(' '), fields, line] as const));
  it.each(named)('allocate nothing: %s, %i fields', (_, fields, line) => {
    const driver = new CommandDriver();
    for (let i = 0; i < fields; i++) driver.run('HSET', 'h', `field:${i}`, `value:${i}`);
    driver.run('HSET', 'h', 'n', '0');
    const { frame, shard } = driver;
    const sink = new NullSink();
    const command = driver.registry.byName(line[0] ?? '') ?? unreachable(undefined as never);
    placeArguments(driver, line);
    const bytes = bytesPerCall(meter, () => {
      command.parse(frame);
      command.apply(shard, frame, sink);
    });
    expect(sink.lastError).toBeNull();
    expect(bytes).toBeLessThan(1);
  });

  it('allocate nothing when fields come and go', () => {
    const driver = new CommandDriver();
    for (let i = 0; i < 100; i++) driver.run('HSET', 'h', `field:${i}`, `value:${i}`);
    const { frame, shard } = driver;
    const sink = new NullSink();
    const [hset, , , hdel] = hashWriteCommands;
    placeArguments(driver, ['HSET', 'h', 'more', 'value']);
    const { at: setAt, bytes: setBytes } = frame;
    placeArguments(driver, ['HDEL', 'h', 'more']);
    const { at: delAt, bytes: delBytes } = frame;
    const bytes = bytesPerCall(meter, () => {
      frame.bind(setAt, setBytes, 4);
      hset?.parse(frame);
      hset?.apply(shard, frame, sink);
      frame.bind(delAt, delBytes, 3);
      hdel?.parse(frame);
      hdel?.apply(shard, frame, sink);
    });
    expect(sink.lastError).toBeNull();
    expect(bytes).toBeLessThan(1);
  });
});
