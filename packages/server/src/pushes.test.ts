/**
 * Bytes outside of replies: every session gets them once, in order among themselves and between
 * whole replies, whatever the session is doing at that moment; chunks come back when all have left.
 */
import { describe, expect, it } from 'vitest';
import { arg, defineCommand, Flag, reply } from '@kora/core';
import type { Command } from '@kora/core';
import { sessionOf } from './session.ts';
import { WorkerRig } from './testing/index.ts';

const encoder = new TextEncoder();

/** Pushes to its own session: before it answers, or in the middle of the answer. */
const pusher: Command = defineCommand({
  name: 'PUSHME', group: 'server', since: '7.0.0', summary: 'For tests.', complexity: 'O(1)',
  arity: 2, flags: Flag.Fast, acl: [], keys: [], args: { when: arg.bytes() },
  reply: reply.any('two words'), examples: [],
  apply(_shard, frame, out) {
    const session = sessionOf(frame);
    const push = (text: string): void => {
      session.worker.pushes.push(session, (sink) => {
        sink.push(1);
        sink.bulkText(text);
      });
    };
    push('first');
    out.array(2);
    out.integer(1);
    push('second');
    out.integer(2);
  },
});

function rigOf(): WorkerRig {
  return new WorkerRig({ extraCommands: [pusher] });
}

function send(rig: WorkerRig, slot: number, text: string): void {
  rig.receive(slot, encoder.encode(text));
}

describe('pushes', () => {
  it('go to many sessions at the end of the turn, encoded once', () => {
    const rig = rigOf();
    const slots = Array.from({ length: 20 }, () => rig.connect());
    const { worker } = rig;
    const chunksBefore = worker.chunks.alive;
    worker.onTurnStart();
    for (const text of ['one', 'two']) {
      const message = worker.pushes.encode(2, (sink) => {
        sink.array(1);
        sink.bulkText(text);
      });
      for (const session of worker.sessions.all()) worker.pushes.send(session, message);
      worker.pushes.release(message);
    }
    expect(rig.repliesOf(slots[3] ?? 0)).toBe('');
    worker.onTurnEnd();
    for (const slot of slots) {
      expect(rig.repliesOf(slot)).toBe('*1\r\n$3\r\none\r\n*1\r\n$3\r\ntwo\r\n');
      // Both lay behind each other, so they left in one send.
      expect(rig.engine.replies[slot]?.length).toBe(1);
    }
    expect(worker.chunks.alive).toBe(chunksBefore);
  });

  it('leave before what the session is answered later, and not within an answer', () => {
    const rig = rigOf();
    const slot = rig.connect();
    send(rig, slot, 'PING\r\nPUSHME x\r\nPING\r\n');
    expect(rig.repliesOf(slot)).toBe(
      '+PONG\r\n*1\r\n$5\r\nfirst\r\n*2\r\n:1\r\n:2\r\n*1\r\n$6\r\nsecond\r\n+PONG\r\n',
    );
  });

  it('are not muted with replies', () => {
    const rig = rigOf();
    const slot = rig.connect();
    send(rig, slot, 'CLIENT REPLY OFF\r\nPUSHME x\r\nPING\r\n');
    expect(rig.repliesOf(slot)).toBe('*1\r\n$5\r\nfirst\r\n*1\r\n$6\r\nsecond\r\n');
  });

  it('pin their chunks until the engine has sent them, and give them back', () => {
    const rig = rigOf();
    const slot = rig.connect();
    const { worker } = rig;
    const [session] = worker.sessions.all();
    expect(session).toBeDefined();
    if (session === undefined) return;
    rig.engine.holdsSends = true;
    const chunksBefore = worker.chunks.alive;
    const text = 'x'.repeat(40_000);
    for (let i = 0; i < 10; i++) {
      worker.onTurnStart();
      worker.pushes.push(session, (sink) => {
        sink.bulkText(text);
      });
      worker.onTurnEnd();
    }
    expect(worker.chunks.alive).toBeGreaterThan(chunksBefore + 3);
    rig.release(slot);
    expect(worker.chunks.alive).toBe(chunksBefore);
    expect(rig.repliesOf(slot)).toBe(`$40000\r\n${text}\r\n`.repeat(10));
  });

  it('end with their session', () => {
    const rig = rigOf();
    const slot = rig.connect();
    const { worker } = rig;
    const [session] = worker.sessions.all();
    if (session === undefined) throw new Error('it has connected');
    const chunksBefore = worker.chunks.alive;
    worker.onTurnStart();
    worker.pushes.push(session, (sink) => {
      sink.ok();
    });
    worker.cut(session);
    worker.pushes.push(session, (sink) => {
      sink.ok();
    });
    worker.onTurnEnd();
    rig.disconnect(slot);
    expect(rig.repliesOf(slot)).toBe('');
    expect(worker.chunks.alive).toBe(chunksBefore);
  });

  it('count towards the output limit of who does not read them', () => {
    const rig = new WorkerRig({
      settings: [['client-output-buffer-limit', 'normal 100000 0 0']],
    });
    rig.connect();
    const { worker } = rig;
    const [session] = worker.sessions.all();
    if (session === undefined) throw new Error('it has connected');
    rig.engine.holdsSends = true;
    for (let i = 0; i < 20 && !session.isClosing; i++) {
      worker.onTurnStart();
      worker.pushes.push(session, (sink) => {
        sink.bulkText('y'.repeat(10_000));
      });
      worker.onTurnEnd();
    }
    expect(session.isClosing).toBe(true);
    expect(rig.log.join('\n')).toContain('client-output-buffer-limit');
  });
});
