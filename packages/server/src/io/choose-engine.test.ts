/**
 * Which engine is chosen, with engines that can and cannot be had made up: the best that opens and
 * starts, with the reasons against the better ones; nothing but what was asked for; and no second
 * try where another engine would fail in the same way.
 */
import { AssertionError, Fault } from '@kora/core';
import { describe, expect, it } from 'vitest';
import type { LoopChoice, LoopEngineKind } from './choose-engine.ts';
import { withLoopEngine } from './choose-engine.ts';
import type { LoopEngine } from './engine.ts';

const stopped: string[] = [];

/** An engine that only knows its name and that it was stopped. */
function engineNamed(name: string): LoopEngine {
  const nothing = (): never => {
    throw new Error('not used here');
  };
  return {
    name, wakeDescriptor: -1, ringDescriptor: -1,
    shareWake: nothing, start: nothing, listen: nothing, send: nothing, receiveInto: nothing,
    pauseReceive: nothing,
    resumeReceive: nothing, close: nothing, setKeepAlive: nothing, requestTurn: nothing,
    stopListening: nothing, turn: nothing,
    stop: () => {
      stopped.push(name);
    },
  };
}

function kinds(uring: string | null, epoll: string | null): LoopEngineKind[] {
  return [
    { choice: 'uring', shown: 'io_uring', open: () => uring ?? engineNamed('uring') },
    { choice: 'epoll', shown: 'epoll', open: () => epoll ?? engineNamed('epoll') },
  ];
}

function chosen(choice: LoopChoice, uring: string | null, epoll: string | null): string {
  const outcome = withLoopEngine(
    choice, ({ engine, reason }) => ({ text: `${engine.name}, ${reason}` }), kinds(uring, epoll),
  );
  return typeof outcome === 'string' ? `none, ${outcome}` : outcome.text;
}

describe('withLoopEngine', () => {
  it.each<[LoopChoice, string | null, string | null, string]>([
    ['auto', null, null, 'uring, the fastest here'],
    ['auto', 'refused (EPERM)', null, 'epoll, io_uring: refused (EPERM), so epoll'],
    ['auto', 'too old', 'no', 'none, io_uring: too old; epoll: no'],
    ['auto', 'no koffi', 'no koffi', 'none, no koffi'],
    ['uring', null, null, 'uring, asked for'],
    ['uring', 'too old', null, 'none, io_uring: too old'],
    ['epoll', null, null, 'epoll, asked for'],
    ['epoll', null, 'no', 'none, epoll: no'],
  ])('%s with refusals %s and %s is %s', (choice, uring, epoll, expected) => {
    expect(chosen(choice, uring, epoll)).toBe(expected);
  });

  it('takes the next when one cannot be started, and stops that', () => {
    const outcome = withLoopEngine('auto', ({ engine, reason }) => {
      if (engine.name === 'uring') throw new Error('no memory may be locked');
      return { text: `${engine.name}, ${reason}` };
    }, kinds(null, null));
    expect(outcome).toEqual({ text: 'epoll, io_uring: no memory may be locked, so epoll' });
    expect(stopped.splice(0)).toEqual(['uring']);
  });

  it.each([
    new Fault('OUT_OF_MEMORY', 'no address space'), new AssertionError('span sum equals length'),
  ])('does not try another after %s', (cause) => {
    expect(() => withLoopEngine('auto', () => {
      throw cause;
    }, kinds(null, null))).toThrow(cause);
    expect(stopped.splice(0)).toEqual(['uring']);
  });
});
