/**
 * The shared words of the mesh by example, and the wake protocol in every order that two steps of
 * two threads can have: a step is one atomic access, so orders can be played in one thread.
 * mesh-litmus.test.ts runs it on real threads.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { MESH_WORKER_COUNT_MAX, ORDER_ENTRY_COUNT } from '../limits.ts';
import { bytesPerCall } from '../testing/allocation.ts';
import { Lane, MeshControl, WorkerState } from './mesh-control.ts';

const LANES = [Lane.Requests, Lane.Replies, Lane.Ordered] as const;

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void; // V8 makes it; its type is known.
}

describe('news', () => {
  it('are taken once, by whom they are for', () => {
    const control = new MeshControl(4);
    const other = new MeshControl(4, control.buffer);
    expect(control.publish(2, 0)).toBe(false);
    expect(control.publish(2, 3)).toBe(false);
    expect(control.publish(2, 0)).toBe(false);
    expect([0, 1, 3].map((me) => other.take(me))).toEqual([0, 0, 0]);
    expect(other.take(2)).toBe(0b1001);
    expect(other.take(2)).toBe(0);
  });

  it('keep who has some from sleeping', () => {
    const control = new MeshControl(2);
    control.publish(0, 1);
    expect(control.maySleep(0)).toBe(false);
    control.take(0);
    expect(control.maySleep(0)).toBe(true);
  });

  it('wake a sleeper once, and the wait ends with the taking', () => {
    const control = new MeshControl(3);
    expect(control.maySleep(0)).toBe(true);
    expect(control.publish(0, 1)).toBe(true);
    expect(control.publish(0, 2)).toBe(false);
    expect(control.publish(0, 1)).toBe(false);
    expect(control.take(0)).toBe(0b110);
    expect(control.publish(0, 1)).toBe(false);
  });

  it('wake nobody who has taken after a wait that something else ended', () => {
    const control = new MeshControl(2);
    expect(control.maySleep(0)).toBe(true);
    expect(control.maySleep(0)).toBe(false);
    expect(control.take(0)).toBe(0);
    expect(control.publish(0, 1)).toBe(false);
  });

  it('reach the last of as many workers as there may be', () => {
    const last = MESH_WORKER_COUNT_MAX - 1;
    const control = new MeshControl(MESH_WORKER_COUNT_MAX);
    expect(control.maySleep(0)).toBe(true);
    expect(control.publish(0, last)).toBe(true);
    expect(control.take(0)).toBe(2 ** last);
    expect(() => control.publish(0, last + 1)).toThrow('news come from a worker');
    expect(() => new MeshControl(MESH_WORKER_COUNT_MAX + 1)).toThrow('a bit for every worker');
    expect(() => new MeshControl(2, control.buffer)).toThrow('count the same workers');
  });

  it('are not lost in any order of the steps of a publisher and a sleeper', () => {
    for (let order = 0; order < 16; order++) {
      const control = new MeshControl(2);
      let [isStored, isWoken, isAsleep, hasSeen] = [false, false, false, false];
      const look = (): void => {
        if (control.take(0) !== 0 && isStored) hasSeen = true;
      };
      const sleeper = [look, () => {
        isAsleep = control.maySleep(0);
      }];
      const publisher = [() => {
        isStored = true;
      }, () => {
        isWoken = control.publish(0, 1);
      }];
      // A bit of `order` says whose step is next; who has none left lets the other go on.
      for (let step = 0; step < 4; step++) {
        const first = (order >> step) % 2 === 0 ? sleeper : publisher;
        const taken = first.shift() ?? (first === sleeper ? publisher : sleeper).shift();
        taken?.();
      }
      expect(hasSeen || isWoken || !isAsleep, `order ${order}`).toBe(true);
    }
  });
});

describe('the order', () => {
  it('is shared by all who have the control, and lies beside its other words', () => {
    const count = 5;
    const control = new MeshControl(count);
    const other = new MeshControl(count, control.buffer);
    for (let receiver = 0; receiver < count; receiver++) {
      for (let sender = 0; sender < count; sender++) {
        for (const lane of LANES) control.setRingAt(receiver, sender, 64, lane);
      }
      control.setState(receiver, WorkerState.Ready);
      control.publish(receiver, (receiver + 1) % count);
    }
    expect(control.order.tryLock()).toBe(true);
    expect(other.order.tryLock()).toBe(false);
    for (let shard = 0; shard < count; shard++) {
      while (control.order.hasRoom(shard)) control.order.append(shard, -1, -1);
    }
    control.order.takeNumber();
    control.order.unlock();
    expect(other.order.tryLock()).toBe(true);
    expect(other.order.takeNumber()).toBe(2);
    for (let receiver = 0; receiver < count; receiver++) {
      expect(other.order.published(receiver)).toBe(ORDER_ENTRY_COUNT);
      expect(other.state(receiver)).toBe(WorkerState.Ready);
      expect(other.take(receiver)).toBe(1 << (receiver + 1) % count);
      for (let sender = 0; sender < count; sender++) {
        for (const lane of LANES) expect(other.ringAt(receiver, sender, lane)).toBe(64);
      }
    }
  });
});

describe('rings and states', () => {
  it('names the place of every ring', () => {
    const count = 20;
    const control = new MeshControl(count);
    const other = new MeshControl(count, control.buffer);
    const pairs: [number, number, Lane][] = [];
    for (let receiver = 0; receiver < count; receiver++) {
      for (let sender = 0; sender < count; sender++) {
        for (const lane of LANES) pairs.push([receiver, sender, lane]);
      }
    }
    expect(pairs.every(([receiver, sender, lane]) => control.ringAt(receiver, sender, lane) === 0))
      .toBe(true);
    pairs.forEach(([receiver, sender, lane], i) => {
      control.setRingAt(receiver, sender, (i + 1) * 64, lane);
    });
    expect(pairs.map(([receiver, sender, lane]) => other.ringAt(receiver, sender, lane)))
      .toEqual(pairs.map((_, i) => (i + 1) * 64));
    expect(() => control.ringAt(0, count)).toThrow('a ring has a sender');
  });

  it('states only grow', () => {
    const control = new MeshControl(2);
    expect(control.state(1)).toBe(WorkerState.Starting);
    expect(control.setState(1, WorkerState.Ready)).toBe(true);
    expect(control.setState(1, WorkerState.Ready)).toBe(false);
    expect(control.setState(1, WorkerState.Failed)).toBe(true);
    expect(control.setState(1, WorkerState.Ended)).toBe(false);
    expect(control.state(0)).toBe(WorkerState.Starting);
    expect(control.state(1)).toBe(WorkerState.Failed);
  });

  it('all are ready, one is not, or one never will be', () => {
    const control = new MeshControl(2);
    control.setState(0, WorkerState.Ready);
    expect(control.readyCount).toBe(1);
    expect(control.waitUntilReady(1)).toBe(false);
    control.setState(1, WorkerState.Ready);
    expect(control.waitUntilReady(1)).toBe(true);
    control.setState(1, WorkerState.Ended);
    expect(control.waitUntilReady(1e9)).toBe(false);
  });
});

describe('allocation', () => {
  it('news allocate nothing', () => {
    const control = new MeshControl(4);
    const meter = { collect: collector(), usedBytes: () => process.memoryUsage().heapUsed };
    const bytes = bytesPerCall(meter, () => {
      control.maySleep(1);
      control.publish(1, 2);
      if (control.take(1) !== 4) throw new Error('no news');
    });
    expect(bytes).toBeLessThan(1);
  });
});
