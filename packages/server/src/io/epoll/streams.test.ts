/**
 * When streams ask epoll again. TCP is edge-triggered: an edge that was used up without emptying
 * the socket, and without asking again, is a connection that hangs for ever. The system is a script
 * of results here, so that each reason to stop is met alone; io/engine*.test.ts has real sockets.
 */
import { WorkerMemory } from '@kora/core';
import { describe, expect, it } from 'vitest';
import type { EngineHandler } from '../engine.ts';
import { RECEIVE_BYTES_MAX } from '../engine.ts';
import type { Libc } from '../native/libc.ts';
import { Errno, loadLibc, nativeMemory } from '../native/libc.ts';
import {
  EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP, POLLER_BYTES, Poller,
} from './poller.hot.ts';
import { STREAMS_BYTES, Streams } from './streams.hot.ts';

const CTL_MOD = 3;
const FULL = RECEIVE_BYTES_MAX;

/** Streams with one connection; results of recv and sendmsg come from lists, then EAGAIN. */
class Bench {
  readonly receives: number[] = [];
  readonly sends: number[] = [];
  /** Events asked for by epoll_ctl(MOD), in order. */
  readonly asked: number[] = [];
  readonly log: string[] = [];
  readonly streams: Streams;
  readonly slot: number;
  onReceive: () => void = () => undefined;
  #errno = 0;

  constructor(isEdge: boolean) {
    const real = loadLibc();
    if (typeof real === 'string') throw new Error(real);
    const memory = WorkerMemory.create();
    const native = nativeMemory(memory);
    if (typeof native === 'string') throw new Error(native);
    const take = (list: number[]): number => {
      const result = list.shift() ?? -Errno.EAGAIN;
      if (result >= 0) return result;
      this.#errno = -result;
      return -1;
    };
    const libc: Libc = {
      ...real,
      errno: () => this.#errno,
      recv: () => take(this.receives),
      send: () => take(this.sends),
      sendmsg: () => take(this.sends),
      close: () => 0,
      shutdown: () => 0,
      epoll_ctl: (_epoll, operation, _descriptor, eventAt) => {
        const events = memory.lowView.getInt32(eventAt - native.base, true);
        if (operation === CTL_MOD) this.asked.push(events);
        return 0;
      },
    };
    const nothing = (): void => undefined;
    const handler: EngineHandler = {
      onTurnStart: nothing, onTurnEnd: nothing, onTick: nothing, onTurn: nothing, onWake: nothing,
      onAccept: () => true,
      onReceive: (_slot, _at, bytes) => {
        this.log.push(`receive ${bytes}`);
        this.onReceive();
      },
      onEnd: () => void this.log.push('end'),
      onSent: () => void this.log.push('sent'),
      onClosed: () => void this.log.push('closed'),
    };
    const at = memory.lowAllocator.alloc(POLLER_BYTES + STREAMS_BYTES) * 8;
    const poller = new Poller(libc, native, at, 5, true);
    this.streams = new Streams(libc, native, at + POLLER_BYTES, poller, handler);
    this.slot = this.streams.connections.open(9, isEdge);
    this.streams.begin(this.slot);
  }

  event(events: number): void {
    const { streams, slot } = this;
    streams.onEvent(slot, streams.connections.generation[slot]!, events);
    streams.reap();
  }
}

const READS = EPOLLIN | EPOLLET | EPOLLRDHUP | EPOLLPRI;

describe('an edge', () => {
  it('is used up by a short receive, which costs one call', () => {
    const bench = new Bench(true);
    bench.receives.push(100, 7);
    bench.event(EPOLLIN);
    expect(bench.log).toEqual(['receive 100']);
    expect(bench.asked).toEqual([]);
  });

  it.each([['an end', EPOLLRDHUP, 0, 'end'], ['urgent bytes', EPOLLPRI, 5, 'receive 5']] as const)(
    'that tells of %s too is followed further', (_what, event, result, noted) => {
      const bench = new Bench(true);
      bench.receives.push(100, result);
      bench.event(EPOLLIN | event);
      expect(bench.log).toEqual(['receive 100', noted]);
    },
  );

  it.each([Errno.EAGAIN, Errno.EINTR])('is asked for again after error %i', (errno) => {
    const bench = new Bench(true);
    bench.receives.push(FULL, -errno);
    bench.event(EPOLLIN);
    expect(bench.asked).toEqual([READS]);
  });

  it('is asked for again when others are to have their turn', () => {
    const bench = new Bench(true);
    bench.receives.push(...Array.from({ length: 40 }, () => FULL));
    bench.event(EPOLLIN);
    expect(bench.log.length).toBe(16);
    expect(bench.asked).toEqual([READS]);
  });

  it('is asked for again by a resume, with bytes left by a pause', () => {
    const bench = new Bench(true);
    bench.receives.push(FULL, 5);
    bench.onReceive = () => {
      bench.streams.pause(bench.slot);
    };
    bench.event(EPOLLIN);
    bench.onReceive = () => undefined;
    bench.streams.resume(bench.slot);
    expect(bench.log).toEqual([`receive ${FULL}`]);
    expect(bench.asked).toEqual([0, READS]);
  });

  it('is followed to the end once the connection is closing, paused or not', () => {
    const bench = new Bench(true);
    bench.receives.push(FULL, FULL, 5, 0);
    bench.onReceive = () => {
      bench.streams.close(bench.slot, true);
      bench.streams.pause(bench.slot);
    };
    bench.event(EPOLLIN | EPOLLRDHUP);
    expect(bench.log).toEqual([`receive ${FULL}`, 'closed']);
  });

  it.each([60, -Errno.EAGAIN, -Errno.ENOBUFS])(
    'is asked for again when a send took %i', (taken) => {
      const bench = new Bench(true);
      expect(bench.streams.send(bench.slot, 1000, 100)).toBe(false);
      expect(bench.asked).toEqual([READS | EPOLLOUT]);
      bench.sends.push(taken);
      bench.event(EPOLLOUT);
      expect(bench.asked).toEqual([READS | EPOLLOUT, READS | EPOLLOUT]);
      bench.sends.push(100 - Math.max(taken, 0));
      bench.event(EPOLLOUT);
      expect(bench.log).toEqual(['sent']);
      expect(bench.asked.slice(2)).toEqual([READS]);
    },
  );
});

describe('a level', () => {
  it('is told again by the system, so nobody asks', () => {
    const bench = new Bench(false);
    bench.receives.push(...Array.from({ length: 40 }, () => FULL));
    bench.event(EPOLLIN);
    bench.receives.length = 0;
    bench.event(EPOLLIN);
    expect(bench.log.length).toBe(16);
    expect(bench.asked).toEqual([]);
  });
});

describe('a connection that is not read', () => {
  it('ends by an error, and leaves the set by a hang-up', () => {
    const paused = new Bench(true);
    paused.streams.pause(paused.slot);
    paused.event(EPOLLHUP);
    expect(paused.log).toEqual([]);
    paused.streams.resume(paused.slot);
    paused.receives.push(0);
    paused.event(EPOLLIN);
    expect(paused.log).toEqual(['end']);
    const broken = new Bench(true);
    broken.streams.pause(broken.slot);
    broken.event(EPOLLERR | EPOLLHUP);
    expect(broken.log).toEqual(['closed']);
  });
});
