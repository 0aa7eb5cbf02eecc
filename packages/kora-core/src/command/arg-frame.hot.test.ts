/**
 * The argument frame: what it forgets and keeps between commands, how big arguments change owner,
 * that numbers are exact, and that filling it again allocates nothing.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { bytesPerCall } from '../testing/allocation.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import { WorkerMemory } from '../structs/worker-memory.ts';
import { ArgFrame } from './arg-frame.hot.ts';
import { bindArgumentTexts } from './argument-text.ts';
import { ClientState } from './client-state.ts';

const memory = WorkerMemory.create({ lowBytes: 1024 * 1024, bytesMax: 32 * 1024 * 1024 });

function newFrame(): ArgFrame {
  return new ArgFrame(memory, new ClientState(1));
}

describe('ArgFrame', () => {
  it('borrows the arrays of the next request and forgets the work done ahead', () => {
    const frame = newFrame();
    frame.warmed = 1;
    const at = Int32Array.of(100, 200);
    const bytes = Int32Array.of(3, 5);
    frame.bind(at, bytes, 2);
    expect(frame.at).toBe(at);
    expect(frame.bytes).toBe(bytes);
    expect(frame.count).toBe(2);
    expect(frame.warmed).toBe(0);
  });

  it('gives a slot found ahead only to the database it was found in', () => {
    const driver = new CommandDriver();
    driver.run('SET', 'a', '1');
    driver.run('SELECT', 1);
    driver.run('SET', 'b', '2');
    const { frame, shard } = driver;
    const [first, second] = shard.keyspace.databases;
    expect(first!.dict.epoch(), 'two databases of one age').toBe(second!.dict.epoch());
    bindArgumentTexts(frame, shard.scratchAt, ['GET', 'a']);
    const hash = first!.dict.hashOf(frame.at[1]!, 1);
    const slot = first!.dict.find(frame.at[1]!, 1, hash);
    const { generation } = shard.keyspace;
    frame.bindFound(frame.at, frame.bytes, 2, hash, slot, first!.dict.epoch(), generation, 0);
    expect(shard.keyspace.peek(frame, 1)).toBe(0);
    driver.client.db = 0;
    expect(shard.keyspace.peek(frame, 1)).not.toBe(0);
  });

  it('clears the slots an entry uses, and only those', () => {
    const frame = newFrame();
    for (let slot = 0; slot < 3; slot++) {
      frame.index[slot] = 7;
      frame.choice[slot] = 8;
      frame.times[slot] = 9;
    }
    frame.clear(2);
    expect([...frame.index.subarray(0, 3)]).toEqual([0, 0, 7]);
    expect([...frame.choice.subarray(0, 3)]).toEqual([0, 0, 8]);
    expect([...frame.times.subarray(0, 3)]).toEqual([0, 0, 9]);
  });

  it('hands a big argument over once', () => {
    const frame = newFrame();
    frame.bind(Int32Array.of(64, -1234 - 1), Int32Array.of(3, 70_000), 2);
    expect(frame.isBig(0)).toBe(false);
    expect(frame.isBig(1)).toBe(true);
    expect(frame.ropeOf(1)).toBe(1234);
    expect(frame.takeRope(1)).toBe(1234);
    expect(frame.isBig(1)).toBe(false);
    expect(frame.bytes[1]).toBe(0);
  });

  it('keeps 64-bit integers exact', () => {
    const frame = newFrame();
    const edges = [
      0n, -1n, 1n, 2n ** 31n, -(2n ** 31n), 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n),
    ];
    for (const value of edges) {
      frame.high[4] = Number(BigInt.asIntN(32, value >> 32n));
      frame.low[4] = Number(BigInt.asIntN(32, value));
      expect(frame.integer64(4)).toBe(value);
    }
  });

  it('allocates nothing when it is filled again', () => {
    setFlagsFromString('--expose-gc');
    // The new context's global is untyped; with the flag above it holds the collector.
    const collect = runInNewContext('gc') as () => void;
    const frame = newFrame();
    const at = Int32Array.of(100, 200);
    const bytes = Int32Array.of(3, 5);
    const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };
    const perCall = bytesPerCall(meter, () => {
      frame.bind(at, bytes, 2);
      frame.clear(4);
    });
    expect(perCall).toBeLessThan(1);
  });
});
