/**
 * The end of a ring while a timeout of it fires: whether the cancel finds it or comes too late, its
 * one completion is counted and nothing is left in the kernel.
 */
import { WorkerMemory } from '@kora/core';
import { expect, it } from 'vitest';
import { loadLibc, nativeMemory } from '../native/libc.ts';
import { drainRing } from './drain-ring.ts';
import { openRing } from './open-ring.ts';
import { ConnectionTable } from './uring-connections.hot.ts';
import { OP_TIMEOUT } from './uring-constants.ts';
import { openUring } from './uring-engine.ts';
import { KIND_TICK } from './uring-loop-parts.ts';

const ROUNDS = 100;
const TICK_NANOSECONDS = 20_000;

const probed = openUring();
if (typeof probed !== 'string') probed.stop();
const modes = typeof probed === 'string' ? [] : ['defer-taskrun', 'coop-taskrun', 'plain'];

it.each(modes)('takes a timeout back that fires just then: %s', (mode) => {
  const libc = loadLibc();
  if (typeof libc === 'string') throw new Error(libc);
  const memory = WorkerMemory.create();
  const native = nativeMemory(memory);
  if (typeof native === 'string') throw new Error(native);
  const at = memory.lowAllocator.alloc(16) * 8;
  memory.low.fill(0, at, at + 16);
  memory.lowView.setUint32(at + 8, TICK_NANOSECONDS, true);
  for (let round = 0; round < ROUNDS; round++) {
    const opened = openRing(libc, new Set(modes.slice(0, modes.indexOf(mode))));
    if (typeof opened === 'string') throw new Error(opened);
    const { ring } = opened;
    const tick = native.addressOf(at);
    ring.submit(OP_TIMEOUT, 0, 0, -1, tick, 1, 0, KIND_TICK, 0);
    ring.enter(0);
    const left = drainRing(libc, ring, new ConnectionTable(), 1, tick);
    ring.close();
    expect(left, `round ${round}`).toBe(0);
  }
});
