/**
 * What the timing wheel must not do: allocate on the JavaScript heap while it arms and delivers,
 * also with its cascades, or sample hashes that it does not hold.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { bytesPerCall } from '../testing/allocation.ts';
import { TimingWheel } from './timing-wheel.hot.ts';
import { WorkerMemory } from './worker-memory.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

function newWheel(): TimingWheel {
  const memory = WorkerMemory.create({ lowBytes: 1_048_576, bytesMax: 256 * 1_048_576 });
  return new TimingWheel(memory, memory.arenaAllocator);
}

describe('TimingWheel', () => {
  it('allocates nothing while it arms, moves on, cascades and delivers', () => {
    const wheel = newWheel();
    const out = new Int32Array(16);
    let tick = 0;
    let hash = 1;
    const bytes = bytesPerCall(meter, () => {
      tick = (tick + 1) | 0;
      hash = (Math.imul(hash, 1_664_525) + 1_013_904_223) | 0;
      wheel.arm(hash, tick + (hash & 2_047));
      wheel.arm(hash, tick + (hash & 7));
      wheel.advanceTo(tick);
      while (wheel.hasDue()) wheel.takeDue(out, 16);
    });
    expect(bytes).toBeLessThan(1);
  });

  it('samples only hashes that it holds, from near and far slots', () => {
    const wheel = newWheel();
    const out = new Int32Array(8);
    expect(wheel.sampleHashes(5, out, 8)).toBe(0);
    for (let hash = 0; hash < 100; hash++) wheel.arm(hash, 5 + hash);
    for (let hash = 100; hash < 200; hash++) wheel.arm(hash, 10_000 + hash * 1_024);
    for (let hash = 200; hash < 300; hash++) wheel.arm(hash, 2_000_000 + hash * 1_048_576);
    const chance = new SeededChance(3);
    const met = new Set<number>();
    for (let i = 0; i < 20_000; i++) {
      const count = wheel.sampleHashes(chance.next32(), out, 8);
      expect(count).toBeGreaterThan(0);
      for (let j = 0; j < count; j++) met.add(out[j]!);
    }
    for (const hash of met) expect(hash >= 0 && hash < 300).toBe(true);
    expect(met.size).toBe(300);
  });

  it('is empty without a header, and makes one at the tick it was told', () => {
    const wheel = newWheel();
    const out = new Int32Array(4);
    wheel.advanceTo(50_000);
    expect(wheel.recordCount() + wheel.heldBytes() + wheel.takeDue(out, 4)).toBe(0);
    expect(wheel.hasDue()).toBe(false);
    wheel.clear();
    wheel.destroy();
    expect(wheel.arm(1, 50_003)).toBe(true);
    expect(wheel.recordCount()).toBe(1);
    wheel.advanceTo(50_002);
    while (wheel.hasDue()) expect(wheel.takeDue(out, 4)).toBe(0);
    wheel.advanceTo(50_003);
    let taken = 0;
    while (wheel.hasDue()) taken += wheel.takeDue(out, 4);
    expect(taken).toBe(1);
  });
});
