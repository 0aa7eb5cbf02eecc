/**
 * Pushes and replies of other workers: a reply that comes in pieces is never broken by a push, and
 * no push is lost, whenever it comes.
 */
import { describe, expect, it } from 'vitest';
import { MeshRig } from '../testing/index.ts';

const encoder = new TextEncoder();

describe('pushes between workers', () => {
  it('lie between whole replies', () => {
    const mesh = new MeshRig(2);
    const [rig, other] = mesh.rigs;
    if (rig === undefined || other === undefined) throw new Error('there are two workers');
    const slot = rig.connect();
    const lengths = [10, 60_000, 70_000, 400_000];
    let key = 0;
    const foreign = lengths.map(() => {
      for (;;) {
        const name = `key${key++}`;
        mesh.receive(0, slot, encoder.encode(`EXISTS ${name}\r\n`));
        if ((rig.worker.sessions.atSlot(slot)?.window ?? null) !== null) {
          for (let i = 0; i < 10; i++) mesh.turn(i % 2);
          return name;
        }
      }
    });
    foreign.forEach((name, i) => {
      const length = lengths[i] ?? 0;
      mesh.receive(0, slot, encoder.encode(
        `*3\r\n$3\r\nSET\r\n$${name.length}\r\n${name}\r\n$${length}\r\n` +
        `${String.fromCharCode(97 + i).repeat(length)}\r\n`,
      ));
      for (let turn = 0; turn < 60; turn++) mesh.turn(turn % 2);
    });
    // Members of a list come in many pieces.
    for (let i = 0; i < 40; i++) {
      const command = `RPUSH {${foreign[0] ?? ''}}list ${'x'.repeat(5000)}\r\n`;
      mesh.receive(0, slot, encoder.encode(command));
      for (let turn = 0; turn < 10; turn++) mesh.turn(turn % 2);
    }
    rig.engine.replies[slot] = [];
    const range = `LRANGE {${foreign[0] ?? ''}}list 0 -1`;
    const asked = [...foreign.map((name) => `GET ${name}`), range];
    mesh.receive(0, slot, encoder.encode(`${asked.join('\r\n')}\r\n`));
    const session = rig.worker.sessions.atSlot(slot);
    if (session === undefined) throw new Error('it is connected');
    let pushed = 0;
    for (let turn = 0; turn < 200; turn++) {
      mesh.turn(turn % 2);
      rig.worker.pushes.push(session, (sink) => {
        sink.simple('push');
      });
      pushed++;
    }
    for (let turn = 0; turn < 10; turn++) mesh.turn(turn % 2);
    const text = rig.repliesOf(slot);
    const parts = text.split('+push\r\n');
    expect(parts.length - 1).toBe(pushed);
    const list = `*40\r\n${`$5000\r\n${'x'.repeat(5000)}\r\n`.repeat(40)}`;
    const replies = [...lengths.map((length, i) =>
      `$${length}\r\n${String.fromCharCode(97 + i).repeat(length)}\r\n`), list];
    // What is left without the pushes are the replies, and each piece is some of them whole.
    expect(parts.join('') === replies.join('')).toBe(true);
    let done = 0;
    for (const part of parts.filter((one) => one !== '')) {
      let whole = '';
      while (whole.length < part.length) whole += replies[done++] ?? '!'.repeat(part.length);
      expect(whole === part).toBe(true);
    }
    expect(done).toBe(replies.length);
  });
});
