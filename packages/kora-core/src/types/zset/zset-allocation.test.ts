/**
 * The hot sorted set commands allocate nothing on the JavaScript heap, in packs and in trees:
 * measured around `parse` and `apply` with a sink that drops everything, after warming up. Only a
 * score with a fraction may be boxed on its way (16 bytes, dead at once).
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { unreachable } from '../../assert.ts';
import { bytesPerCall } from '../../testing/allocation.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { NullSink } from '../../testing/null-sink.ts';
import { placeArguments } from '../../testing/placed-arguments.ts';

/** Two boxed scores a command. */
const BOXED_BYTES_MAX = 33;

/** Commands that together leave the set as it was. */
const rounds: readonly (readonly (readonly string[])[])[] = [
  [['ZADD', 'key', '-1', 'some member'], ['ZPOPMIN', 'key']],
  [['ZADD', 'key', '-1.5', 'some member'], ['ZPOPMIN', 'key']],
  [['ZADD', 'key', '7', 'member 17'], ['ZADD', 'key', '3', 'member 17']],
  [['ZADD', 'key', '7', 'one', '9', 'two'], ['ZREM', 'key', 'one', 'two']],
  [['ZINCRBY', 'key', '5', 'member 3'], ['ZINCRBY', 'key', '-5', 'member 3']],
  [['ZSCORE', 'key', 'member 3']],
  [['ZRANK', 'key', 'member 3']],
  [['ZCARD', 'key']],
];

function pairs(count: number): string[] {
  return Array.from({ length: count }, (_, i) => [String(i % 50), `member ${i}`]).flat();
}

const cases = rounds.flatMap((lines) => [20, 3000].map((elements) =>
  [lines.map((line) => line.join(' ')).join('; '), elements, lines] as const));

describe('hot sorted set commands', () => {
  setFlagsFromString('--expose-gc');
  // Byte boundary: the collector has no type of its own.
  const collect = runInNewContext('gc') as () => void;
  const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

  it.each(cases)('allocate no objects: %s, %i elements', (_, elements, lines) => {
    const driver = new CommandDriver();
    driver.run('ZADD', 'key', ...pairs(elements));
    const { frame, shard } = driver;
    const sink = new NullSink();
    const prepared = lines.map((line) => {
      const command = driver.registry.byName(line[0] ?? '') ?? unreachable(undefined as never);
      return { command, count: line.length, ...placeArguments(driver, line) };
    });
    const hasFraction = lines.flat().some((word) => word.includes('.'));
    const bytesMax = hasFraction ? BOXED_BYTES_MAX : 1;
    const bytes = bytesPerCall(meter, () => {
      for (let i = 0; i < prepared.length; i++) {
        const one = prepared[i] ?? unreachable(undefined as never);
        frame.bind(one.at, one.bytes, one.count);
        one.command.parse(frame);
        one.command.apply(shard, frame, sink);
      }
    }, { enoughBytes: bytesMax * lines.length });
    expect(sink.lastError).toBeNull();
    expect(bytes / lines.length).toBeLessThan(bytesMax);
  });
});
