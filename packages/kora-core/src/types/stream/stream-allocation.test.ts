/**
 * The commands of a running stream allocate nothing on the JavaScript heap: measured around `parse`
 * and `apply` with a sink that drops everything, after warming up. Consumer groups answer in arrays
 * of what they changed and are not among them.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { unreachable } from '../../assert.ts';
import { bytesPerCall } from '../../testing/allocation.ts';
import { CommandDriver } from '../../testing/command-driver.ts';
import { NullSink } from '../../testing/null-sink.ts';
import { placeArguments } from '../../testing/placed-arguments.ts';

const lines: readonly (readonly string[])[] = [
  ['XADD', 's', '*', 'field', 'value'],
  ['XADD', 's', 'MAXLEN', '~', '1000', '*', 'field', 'value'],
  ['XADD', 's', 'MAXLEN', '100', '*', 'field', 'value', 'other', 'more'],
  ['XLEN', 's'],
  ['XRANGE', 's', '-', '+', 'COUNT', '10'],
  ['XREVRANGE', 's', '+', '-', 'COUNT', '10'],
  ['XREAD', 'COUNT', '10', 'STREAMS', 's', '0'],
  ['XDEL', 's', '1-2'],
  ['XTRIM', 's', 'MAXLEN', '500'],
];

describe('everyday stream commands', () => {
  setFlagsFromString('--expose-gc');
  // Byte boundary: the collector has no type of its own.
  const collect = runInNewContext('gc') as () => void;
  const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

  const named = lines.map((line) => [line.join(' '), line] as const);
  it.each(named)('allocate nothing: %s', (_, line) => {
    const driver = new CommandDriver();
    for (let i = 1; i <= 300; i++) driver.run('XADD', 's', `${i}-1`, 'field', 'value');
    const { frame, shard } = driver;
    const sink = new NullSink();
    const command = driver.registry.byName(line[0] ?? '') ?? unreachable(undefined as never);
    placeArguments(driver, line);
    // A new block each hundred entries goes into the tree under its boxed score.
    const bytesMax = line[0] === 'XADD' ? 8 : 1;
    const bytes = bytesPerCall(meter, () => {
      command.parse(frame);
      command.apply(shard, frame, sink);
    }, { enoughBytes: bytesMax });
    expect(sink.lastError).toBeNull();
    expect(bytes).toBeLessThan(bytesMax);
  });
});
