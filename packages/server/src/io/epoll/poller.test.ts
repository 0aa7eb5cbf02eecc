/**
 * The epoll set's memory is laid out as the system has it, on this machine and on those that are
 * not this one: x64 packs its events, arm64 does not.
 */
import { WorkerMemory } from '@kora/core';
import { describe, expect, it } from 'vitest';
import type { Libc } from '../native/libc.ts';
import { loadLibc, nativeMemory } from '../native/libc.ts';
import { EPOLLIN, POLLER_BYTES, Poller } from './poller.hot.ts';

function libcOrFail(): Libc {
  const libc = loadLibc();
  if (typeof libc === 'string') throw new Error(libc);
  return libc;
}

describe('the layout of events', () => {
  it.each([['x64', true, 12, 4], ['arm64', false, 16, 8]] as const)(
    'is that of %s', (_machine, isPacked, stride, dataAt) => {
      const memory = WorkerMemory.create();
      const native = nativeMemory(memory);
      if (typeof native === 'string') throw new Error(native);
      const at = memory.lowAllocator.alloc(POLLER_BYTES) * 8;
      const view = memory.lowView;
      const libc: Libc = {
        ...libcOrFail(),
        epoll_wait: (_epoll, eventsAt) => {
          for (let i = 0; i < 3; i++) {
            const event = eventsAt - native.base + i * stride;
            view.setUint32(event, i + 1, true);
            view.setBigInt64(event + dataAt, BigInt(i) * 0x1_0000_0000n + BigInt(i + 100), true);
          }
          return 3;
        },
        epoll_ctl: (_epoll, _operation, descriptor, eventAt) => {
          const event = eventAt - native.base;
          expect(descriptor).toBe(9);
          expect(view.getUint32(event, true)).toBe(EPOLLIN);
          expect(view.getBigInt64(event + dataAt, true)).toBe(0x0000_0007_ffff_fffen);
          return 0;
        },
      };
      const poller = new Poller(libc, native, at, 5, isPacked);
      expect(poller.wait(0)).toBe(3);
      for (let i = 0; i < 3; i++) {
        const event = [poller.eventsOf(i), poller.lowOf(i), poller.highOf(i)];
        expect(event).toEqual([i + 1, i + 100, i]);
      }
      expect(poller.add(9, EPOLLIN, -2, 7)).toBe(true);
    },
  );
});
