/**
 * The hot list commands allocate nothing on the JavaScript heap, on short and on long lists:
 * measured around `parse` and `apply` with a sink that drops everything, after warming up.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { unreachable } from '../../assert.ts';
import { bytesPerCall } from '../../testing/allocation.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { NullSink } from '../../testing/null-sink.ts';
import { placeArguments } from '../../testing/placed-arguments.ts';

/** Commands that together leave the list as it was. */
const rounds: readonly (readonly (readonly string[])[])[] = [
  [['LPUSH', 'key', 'some value'], ['LPOP', 'key']],
  [['RPUSH', 'key', 'some value'], ['LPOP', 'key']],
  [['LPUSH', 'key', 'some value', 'more'], ['RPOP', 'key'], ['RPOP', 'key']],
  [['LPUSH', 'key', 'some value'], ['LPOP', 'key', '1']],
  [['LRANGE', 'key', '0', '99']],
  [['LINDEX', 'key', '17']],
  [['LLEN', 'key']],
];

const cases = rounds.flatMap((lines) => [20, 3000].map((elements) =>
  [lines.map((line) => line.join(' ')).join('; '), elements, lines] as const));

describe('hot list commands', () => {
  setFlagsFromString('--expose-gc');
  // Byte boundary: the collector has no type of its own.
  const collect = runInNewContext('gc') as () => void;
  const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

  it.each(cases)('allocate nothing: %s, %i elements', (_, elements, lines) => {
    const driver = new CommandDriver();
    driver.run('RPUSH', 'key', ...Array.from({ length: elements }, (__, i) => `element ${i}`));
    const { frame, shard } = driver;
    const sink = new NullSink();
    const prepared = lines.map((line) => {
      const command = driver.registry.byName(line[0] ?? '') ?? unreachable(undefined as never);
      return { command, count: line.length, ...placeArguments(driver, line) };
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
