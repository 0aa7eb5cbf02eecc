/**
 * A ring by itself, and openings that have to do without something. No connection is involved:
 * operations that end at once (a time-out, a read of an eventfd) show what goes in and comes out.
 */
import { WorkerMemory } from '@kora/core';
import { describe, expect, it } from 'vitest';
import type { Libc } from '../native/libc.ts';
import { Errno, loadLibc, nativeMemory } from '../native/libc.ts';
import { openRing } from './open-ring.ts';
import type { Ring } from './ring.hot.ts';
import { openUring } from './uring-engine.ts';
import { OP_ASYNC_CANCEL, OP_READ, OP_TIMEOUT } from './uring-constants.ts';

const loaded = loadLibc();

function libcOf(): Libc {
  if (typeof loaded === 'string') throw new Error(loaded);
  return loaded;
}

function newRing(refused: readonly string[] = []): Ring {
  const opened = openRing(libcOf(), new Set(refused));
  if (typeof opened === 'string') throw new Error(opened);
  return opened.ring;
}

/** Every completion there is: user data, result. */
function completions(ring: Ring): [number, number][] {
  const found: [number, number][] = [];
  ring.begin();
  while (ring.next()) found.push([ring.userLow, ring.result]);
  ring.end();
  return found;
}

describe('a ring', () => {
  it.each(['defer-taskrun', 'coop-taskrun', 'plain'])('carries operations in mode %s', (mode) => {
    const before = { 'defer-taskrun': [], 'coop-taskrun': ['defer-taskrun'],
      'plain': ['defer-taskrun', 'coop-taskrun'] }[mode]!;
    const ring = newRing(before);
    expect(ring.mode).toBe(mode);
    const memory = WorkerMemory.create();
    const native = nativeMemory(memory);
    if (typeof native === 'string') throw new Error(native);
    const libc = libcOf();
    const at = memory.lowAllocator.alloc(64) * 8;
    memory.low.fill(0, at, at + 64);
    const descriptor = libc.eventfd(7, 0);
    ring.submit(OP_READ, 0, 0, descriptor, native.addressOf(at), 8, 0, 21, 0);
    memory.lowView.setUint32(at + 24, 1, true);
    ring.submit(OP_TIMEOUT, 0, 0, -1, native.addressOf(at + 16), 1, 0, 22, 0);
    expect(ring.enter(2)).toBe(0);
    expect(completions(ring).sort()).toEqual([[21, 8], [22, -Errno.ETIME]]);
    expect(memory.lowView.getUint32(at, true)).toBe(7);
    libc.close(descriptor);
    ring.close();
  });

  it('takes more than fits its queue, in order', () => {
    const ring = newRing();
    const count = 20_000;
    const found: [number, number][] = [];
    for (let i = 0; i < count; i++) {
      ring.submit(OP_ASYNC_CANCEL, 0, 0, -1, 123_456, 0, 0, i, 0);
      if (i % 5000 === 4999) {
        ring.enter(0);
        found.push(...completions(ring));
      }
    }
    while (found.length < count) {
      ring.enter(1);
      found.push(...completions(ring));
    }
    expect(found).toEqual(Array.from({ length: count }, (_, i) => [i, -2])); // ENOENT
    ring.close();
  });

  it('says that a descriptor is none', () => {
    const ring = newRing();
    ring.submit(OP_READ, 0, 0, 1_000_000, 0, 8, 0, 5, 0);
    ring.enter(1);
    expect(completions(ring)).toEqual([[5, -Errno.EBADF]]);
    ring.close();
  });
});

describe('a kernel that refuses', () => {
  it.each(['ACCEPT', 'ASYNC_CANCEL', 'READ', 'RECV', 'SEND', 'TIMEOUT'])(
    '%s: the engine is not offered and says why', (operation) => {
      expect(openUring({ refused: [operation] })).toContain(operation);
    },
  );

  it('every set-up, or rings of buffers: likewise', () => {
    const setups = ['defer-taskrun', 'coop-taskrun', 'plain'];
    expect(openUring({ refused: setups })).toContain('refused');
    expect(openUring({ refused: ['BUFFER_RING'] })).toContain('receive buffers');
  });

  it('nothing: nothing is missing, on the kernels this is tested on', () => {
    const opened = openRing(libcOf(), new Set());
    if (typeof opened === 'string') throw new Error(opened);
    expect([...opened.missing]).toEqual([]);
    opened.ring.close();
  });

  it('leaves no descriptor behind', () => {
    const libc = libcOf();
    const first = libc.eventfd(0, 0);
    for (let i = 0; i < 50; i++) {
      openUring({ refused: ['RECV'] });
      openUring({ refused: ['BUFFER_RING'] });
      const engine = openUring();
      if (typeof engine !== 'string') engine.stop();
    }
    const last = libc.eventfd(0, 0);
    expect(last - first).toBe(1);
    libc.close(first);
    libc.close(last);
  });
});
