/**
 * What only an engine with its own loop does: waits that end, wakes from other threads, turns that
 * say when it is over.
 */
import { writeSync } from 'node:fs';
import { WorkerMemory } from '@kora/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { EngineHandler, LoopEngine } from '../engine.ts';
import { openEpoll } from './epoll-engine.ts';

const calls: string[] = [];
let engine: LoopEngine | undefined;

/** Notes the order of calls; `react` may use the engine from within. */
function open(react: (call: string, engine: LoopEngine) => void = () => undefined): LoopEngine {
  const opened = openEpoll();
  if (typeof opened === 'string') throw new Error(opened);
  const note = (call: string): void => {
    calls.push(call);
    react(call, opened);
  };
  const handler: EngineHandler = {
    onTurnStart: () => { note('start'); },
    onTurnEnd: () => { note('end'); },
    onTick: () => { note('tick'); },
    onTurn: () => { note('turn'); },
    onWake: () => { note('wake'); },
    onAccept: () => true,
    onReceive: () => undefined,
    onEnd: () => undefined,
    onSent: () => undefined,
    onClosed: () => undefined,
  };
  opened.start(WorkerMemory.create(), handler);
  engine = opened;
  return opened;
}

/** Writes a 64-bit 1, as another thread would. */
function wake(descriptor: number): void {
  expect(writeSync(descriptor, new Uint8Array(new BigUint64Array([1n]).buffer))).toBe(8);
}

afterEach(() => {
  engine?.stop();
  calls.length = 0;
});

describe('the loop of the epoll engine', () => {
  it('waits until the tick, no longer', () => {
    const loop = open();
    while (!calls.includes('tick')) expect(loop.turn(true)).toBe(true);
    expect(calls).toEqual(['start', 'tick', 'end']);
  });

  it('does not wait when it may not', () => {
    const loop = open();
    expect(loop.turn(false)).toBe(true);
    expect(calls).toEqual(['start', 'end']);
  });

  it('ends a wait by a wake, tells of it once, and keeps order', () => {
    const loop = open();
    wake(loop.wakeDescriptor);
    wake(loop.wakeDescriptor);
    loop.requestTurn();
    loop.turn(true);
    expect(calls.filter((call) => call !== 'tick')).toEqual(['start', 'turn', 'wake', 'end']);
    calls.length = 0;
    loop.turn(false);
    expect(calls.includes('wake')).toBe(false);
  });

  it('takes a turn that was asked for within a turn with the next, which does not wait', () => {
    let left = 100;
    const loop = open((call, opened) => {
      if (call === 'turn' && left-- > 0) opened.requestTurn();
    });
    loop.requestTurn();
    while (left >= 0) loop.turn(true);
    expect(calls.filter((call) => call === 'turn').length).toBe(101);
    // A hundred waits for ticks would have been a hundred ticks.
    expect(calls.filter((call) => call === 'tick').length).toBeLessThan(50);
  });

  it.each(['start', 'tick', 'turn', 'wake', 'end'])('stops within %s', (at) => {
    const loop = open((call, stopped) => {
      if (call === at) stopped.stop();
    });
    wake(loop.wakeDescriptor);
    loop.requestTurn();
    while (loop.turn(true));
    expect(calls.at(-1)).toBe(at);
    expect(loop.turn(true)).toBe(false);
    expect(loop.turn(false)).toBe(false);
    expect(calls.at(-1)).toBe(at);
  });

  it('refuses to listen once it was stopped', () => {
    const loop = open();
    loop.stop();
    let failure: Error | null = null;
    loop.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, (error) => {
      failure = error;
    });
    expect(failure).toMatchObject({ code: 'ENGINE_CLOSED' });
  });
});
