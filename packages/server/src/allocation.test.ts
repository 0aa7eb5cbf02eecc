/**
 * A turn allocates nothing on the JavaScript heap: bytes of one request, or of sixteen, go through
 * a worker from onTurnStart to onTurnEnd, and replies go to an engine that takes them at once.
 * Bytes are counted per command: the smallest object anywhere on its path would show as 16. What is
 * left is the platform's: one command in 64 reads its clock twice, which answers boxed doubles.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Stat } from '@kora/core';
import { bytesPerCall } from '@kora/core/testing';
import { encodeRequest } from '@kora/protocol';
import { describe, expect, it } from 'vitest';
import { WorkerRig } from './testing/worker-rig.ts';

/** Commands before the measuring: all of the path is optimised then. */
const WARM_COMMANDS = 100_000;
/** Commands of one round of the measuring, in as many turns as that takes. */
const MEASURED_COMMANDS = 20_000;

const lines: readonly (readonly string[])[] = [
  ['GET', 'key'],
  ['SET', 'key', 'v'.repeat(64)],
  ['INCR', 'counter'],
  ['MGET', 'key', 'other', 'counter', 'nosuch'],
];

describe('a turn', () => {
  setFlagsFromString('--expose-gc');
  // Byte boundary: the collector has no type of its own.
  const collect = runInNewContext('gc') as () => void;
  const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

  const cases = lines.flatMap((line) => [1, 16].map((depth) => [line.join(' '), depth] as const));
  it.each(cases)('allocates nothing: %s, %i at once', (text, depth) => {
    const rig = new WorkerRig();
    const slot = rig.connect();
    rig.receive(slot, encodeRequest(['MSET', 'key', 'before', 'other', 'more', 'counter', '1']));
    rig.engine.keepsReplies = false;
    const request = encodeRequest(text.split(' '));
    const bytes = Buffer.concat(Array.from({ length: depth }, () => request));
    const at = rig.engine.receiveAt;
    rig.composed.memory.low.set(bytes, at);
    for (let i = 0; i < WARM_COMMANDS; i += depth) rig.deliver(slot, at, bytes.length);
    const bytesPerTurn = bytesPerCall(meter, () => {
      rig.deliver(slot, at, bytes.length);
    }, { calls: MEASURED_COMMANDS / depth, enoughBytes: depth });
    expect(rig.composed.shard.stats.counts[Stat.Commands]).toBeGreaterThan(WARM_COMMANDS * 1.3);
    expect(bytesPerTurn / depth).toBeLessThan(1);
  });
});
