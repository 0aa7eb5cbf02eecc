/**
 * Commands that are answered later: each wait ends once, by its answer, at its deadline, by CLIENT
 * UNBLOCK or with its session, and what was sent behind it runs afterwards.
 */
import { describe, expect, it } from 'vitest';
import { arg, defineCommand, Flag, reply } from '@kora/core';
import type { Command } from '@kora/core';
import { DeadlineHeap } from './deadline-heap.ts';
import type { Session } from './session.ts';
import { sessionOf } from './session.ts';
import { WorkerRig } from './testing/index.ts';
import { Wait } from './waits.ts';

const encoder = new TextEncoder();

/** Waits so many ms; `mayCancel` decides whether it may end without its answer. */
function waiting(rule: { mayCancel: boolean; cancelled: number }): Command {
  return defineCommand({
    name: 'HOLDON', group: 'server', since: '7.0.0', summary: 'For tests.', complexity: 'O(1)',
    arity: 2, flags: Flag.Fast, acl: [], keys: [], args: { ms: arg.integer() },
    reply: reply.any('a word'), examples: [],
    apply(shard, frame, _out, at) {
      const session = sessionOf(frame);
      const ms = frame.number[at.ms] ?? 0;
      session.worker.waits.begin(session, {
        cancel: () => {
          if (rule.mayCancel) rule.cancelled++;
          return rule.mayCancel;
        },
        writeNothing: (sink) => {
          sink.null();
        },
      }, ms === 0 ? Infinity : shard.nowMs + ms);
    },
  });
}

function setUp(): { rig: WorkerRig; rule: { mayCancel: boolean; cancelled: number } } {
  const rule = { mayCancel: true, cancelled: 0 };
  return { rig: new WorkerRig({ extraCommands: [waiting(rule)] }), rule };
}

function send(rig: WorkerRig, slot: number, text: string): void {
  rig.receive(slot, encoder.encode(text));
}

function sessionAt(rig: WorkerRig, slot: number): Session {
  const session = rig.worker.sessions.atSlot(slot);
  if (session === undefined) throw new Error('it has connected');
  return session;
}

describe('waits', () => {
  it('end with their answer, and the requests behind run then', () => {
    const { rig, rule } = setUp();
    const slot = rig.connect();
    send(rig, slot, 'PING\r\nHOLDON 0\r\nPING\r\n');
    rig.tick(100_000);
    expect(rig.repliesOf(slot)).toBe('+PONG\r\n');
    expect(rig.worker.waits.count).toBe(1);
    rig.worker.waits.answer(sessionAt(rig, slot), (sink) => {
      sink.integer(7);
    });
    rig.turn();
    expect(rig.repliesOf(slot)).toBe('+PONG\r\n:7\r\n+PONG\r\n');
    expect(rig.worker.waits.count).toBe(0);
    expect(rule.cancelled).toBe(0);
  });

  it('end at their deadline, in its order', () => {
    const { rig } = setUp();
    const slots = [300, 100, 200].map((ms) => {
      const slot = rig.connect();
      send(rig, slot, `HOLDON ${ms}\r\n`);
      return slot;
    });
    const answered = (): number[] => slots.filter((slot) => rig.repliesOf(slot) === '$-1\r\n');
    rig.tick(100);
    expect(answered()).toEqual([slots[1]]);
    rig.tick(100);
    expect(answered()).toEqual([slots[1], slots[2]].sort());
    rig.tick(100);
    expect(answered().length).toBe(3);
  });

  it('go on when an answer is under way', () => {
    const { rig, rule } = setUp();
    const slot = rig.connect();
    send(rig, slot, 'HOLDON 50\r\n');
    rule.mayCancel = false;
    rig.tick(100);
    expect(rig.worker.waits.unblock(sessionAt(rig, slot), true)).toBe(false);
    expect(rig.repliesOf(slot)).toBe('');
    rig.worker.waits.answer(sessionAt(rig, slot), (sink) => {
      sink.ok();
    });
    rig.turn();
    expect(rig.repliesOf(slot)).toBe('+OK\r\n');
  });

  it('end once when an answer follows a cancelled wait', () => {
    const { rig } = setUp();
    const slot = rig.connect();
    const session = sessionAt(rig, slot);
    send(rig, slot, 'HOLDON 0\r\n');
    expect(rig.worker.waits.unblock(session, true)).toBe(true);
    rig.worker.waits.answer(session, (sink) => {
      sink.ok();
    });
    rig.turn();
    expect(rig.repliesOf(slot)).toBe('-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n');
  });

  it('are cancelled when their session ends', () => {
    const { rig, rule } = setUp();
    const slot = rig.connect();
    send(rig, slot, 'HOLDON 0\r\n');
    rig.disconnect(slot);
    expect(rule.cancelled).toBe(1);
    expect(rig.worker.waits.count).toBe(0);
  });

  it('wake a resting worker in time', () => {
    const { rig } = setUp();
    const slot = rig.connect();
    send(rig, slot, 'HOLDON 700\r\n');
    rig.pass(650);
    expect(rig.repliesOf(slot)).toBe('');
    rig.pass(150);
    expect(rig.repliesOf(slot)).toBe('$-1\r\n');
  });
});

describe('the heap of deadlines', () => {
  it('gives the earliest first, whatever was added and removed', () => {
    let seed = 12345;
    const random = (count: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return (seed >>> 8) % count;
    };
    const { rig } = setUp();
    const session = sessionAt(rig, rig.connect());
    const heap = new DeadlineHeap();
    let model: Wait[] = [];
    for (let step = 0; step < 20_000; step++) {
      const choice = random(3);
      if (choice === 0 || model.length === 0) {
        const wait = new Wait(session);
        wait.untilMs = random(500);
        heap.add(wait);
        model.push(wait);
      } else if (choice === 1) {
        const [wait] = model.splice(random(model.length), 1);
        if (wait !== undefined) heap.remove(wait);
      } else {
        const first = heap.takeFirst();
        const leastMs = Math.min(...model.map(({ untilMs }) => untilMs));
        expect(first?.untilMs).toBe(leastMs);
        model = model.filter((wait) => wait !== first);
      }
      expect(heap.count).toBe(model.length);
    }
  });
});
