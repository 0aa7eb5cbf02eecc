/**
 * The timing wheel: arming records near and far and taking them when due, cascades included. A
 * call arms and takes RECORDS records; divide by it for the cost of one. Sparse slots, as RECORDS
 * over a day or a month make them, are the expensive case: a chunk for nearly every record.
 */
import { bench, describe } from 'vitest';
import { TimingWheel } from './timing-wheel.hot.ts';
import { WorkerMemory } from './worker-memory.ts';

const RECORDS = 10_000;
const MINUTE_TICKS = 600;
const DAY_TICKS = 864_000;

function cycle(spreadTicks: number): () => void {
  const memory = WorkerMemory.create({ lowBytes: 1_048_576 });
  const wheel = new TimingWheel(memory, memory.arenaAllocator);
  const out = new Int32Array(64);
  let tick = 0;
  let hash = 1;
  return () => {
    for (let i = 0; i < RECORDS; i++) {
      hash = (Math.imul(hash, 1_664_525) + 1_013_904_223) | 0;
      wheel.arm(hash, tick + 1 + ((hash >>> 8) % spreadTicks));
    }
    tick += spreadTicks;
    wheel.advanceTo(tick);
    while (wheel.hasDue()) wheel.takeDue(out, 64);
  };
}

describe('timing wheel, 10,000 records armed and taken', () => {
  bench('due within a minute', cycle(MINUTE_TICKS));
  bench('due within a day: one cascade', cycle(DAY_TICKS));
  bench('due within a month: two cascades', cycle(30 * DAY_TICKS));
});
