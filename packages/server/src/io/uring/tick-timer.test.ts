/**
 * The timer of ticks against the kernel: one completion for each arming, whatever was said about
 * its time meanwhile; a far one that is moved near comes, and a near one that is moved far does
 * not. Times that must not come are minutes away, so nothing depends on how fast the test is.
 */
import { WorkerMemory } from '@kora/core';
import { afterEach, expect, it } from 'vitest';
import { TICK_MS } from '../engine.ts';
import { Errno, loadLibc, nativeMemory } from '../native/libc.ts';
import { openRing } from './open-ring.ts';
import type { Ring } from './ring.hot.ts';
import { TickTimer, TIMESPEC_BYTES } from './tick-timer.hot.ts';

const FAR_MS = 60_000;
const USER = 4;
const OTHER_USER = 5;
const USER_OF_MOVES = 6;
const ENOENT = 2;

let ring: Ring | undefined;

afterEach(() => {
  ring?.close();
  ring = undefined;
});

function newTimer(): { timer: TickTimer; other: TickTimer; timespecMs: () => number } {
  const libc = loadLibc();
  if (typeof libc === 'string') throw new Error(libc);
  const opened = openRing(libc, new Set());
  if (typeof opened === 'string') throw new Error(opened);
  ring = opened.ring;
  const memory = WorkerMemory.create();
  const native = nativeMemory(memory);
  if (typeof native === 'string') throw new Error(native);
  const at = memory.lowAllocator.alloc(2 * TIMESPEC_BYTES) * 8;
  memory.low.fill(0, at, at + 2 * TIMESPEC_BYTES);
  const otherAt = at + TIMESPEC_BYTES;
  const timespecMs = (): number =>
    Number(memory.lowView.getBigInt64(at, true)) * 1000 +
    Number(memory.lowView.getBigInt64(at + 8, true)) / 1_000_000;
  return {
    timer: new TickTimer(ring, native, at, USER, USER_OF_MOVES),
    other: new TickTimer(ring, native, otherAt, OTHER_USER, USER_OF_MOVES),
    timespecMs,
  };
}

/** Hands over what is queued; user data and results of what is there, waiting for `countMin`. */
function enter(countMin: number): [number, number][] {
  const found: [number, number][] = [];
  if (ring === undefined) return found;
  do {
    expect(ring.enter(countMin > found.length ? 1 : 0)).toBe(0);
    ring.begin();
    while (ring.next()) found.push([ring.userLow, ring.result]);
    ring.end();
  } while (found.length < countMin);
  return found;
}

const FIRED: readonly [number, number] = [USER, -Errno.ETIME];

it('fires once for each arming, after TICK_MS unless it was told otherwise', () => {
  const { timer, timespecMs } = newTimer();
  expect(timespecMs()).toBe(TICK_MS);
  for (const ms of [TICK_MS, 1, 2]) {
    if (ms !== TICK_MS) timer.after(ms);
    expect(timespecMs()).toBe(ms);
    expect(timer.isArmed).toBe(false);
    timer.arm();
    expect(timer.isArmed).toBe(true);
    expect(timer.take()).toBe(false);
    expect(enter(1)).toEqual([FIRED]);
    timer.fired();
    expect(timer.isArmed).toBe(false);
    expect(timer.take()).toBe(true);
    expect(timer.take()).toBe(false);
    expect(timespecMs()).toBe(TICK_MS);
    expect(enter(0)).toEqual([]);
  }
});

it('brings a far timeout near, without a completion of the move itself', () => {
  const { timer, timespecMs } = newTimer();
  timer.after(FAR_MS + 1234);
  expect(timespecMs()).toBe(FAR_MS + 1234);
  timer.arm();
  expect(enter(0)).toEqual([]);
  timer.after(1);
  expect(enter(1)).toEqual([FIRED]);
});

it('puts a near timeout off, and says in `usualTime` where TICK_MS stands', () => {
  const { timer, other, timespecMs } = newTimer();
  timer.arm();
  expect(enter(0)).toEqual([]);
  timer.after(FAR_MS);
  expect(enter(0)).toEqual([]);
  expect(timer.usualTime()).toBeGreaterThan(0);
  expect(timespecMs()).toBe(TICK_MS);
  // Another timer of the ring tells that TICK_MS has passed since.
  other.arm();
  expect(enter(1)).toEqual([[OTHER_USER, -Errno.ETIME]]);
});

it('takes a move that comes too late for one that was not made', () => {
  const { timer } = newTimer();
  timer.after(1);
  timer.arm();
  expect(enter(1)).toEqual([FIRED]);
  timer.after(FAR_MS); // The engine has not looked yet: as far as the timer knows it is armed.
  expect(enter(1)).toEqual([[USER_OF_MOVES, -ENOENT]]);
  timer.fired();
  expect(timer.take()).toBe(true);
});
