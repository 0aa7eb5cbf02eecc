/**
 * The everyday commands allocate nothing on the JavaScript heap: measured around `parse` and
 * `apply` with a sink that drops everything, on short values, after warming up. An executor adds
 * its clock readings, which are the platform's business.
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
  ['GET', 'key'],
  ['SET', 'key', 'value'],
  ['SET', 'key', 'value', 'EX', '100'],
  ['SET', 'key', 'value', 'KEEPTTL', 'GET'],
  ['SETEX', 'key', '100', 'value'],
  ['SETNX', 'key', 'value'],
  ['GETSET', 'key', 'value'],
  ['STRLEN', 'key'],
  ['APPEND', 'other', ''],
  ['GETRANGE', 'key', '1', '3'],
  ['SETRANGE', 'key', '1', 'abc'],
  ['INCR', 'counter'],
  ['DECR', 'counter'],
  ['INCRBY', 'counter', '1234'],
  ['MGET', 'key', 'other', 'counter', 'nosuch'],
  ['MSET', 'key', 'value', 'other', 'more'],
];

describe('everyday string commands', () => {
  setFlagsFromString('--expose-gc');
  // Byte boundary: the collector has no type of its own.
  const collect = runInNewContext('gc') as () => void;
  const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

  const named = lines.map((line) => [line.join(' '), line] as const);
  it.each(named)('allocate nothing: %s', (_, line) => {
    const driver = new CommandDriver();
    driver.run('SET', 'key', 'before');
    driver.run('SET', 'other', 'before');
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
});
