/**
 * Connections that end while other workers owe them replies: who only stops sending gets all of
 * them, a protocol error is said after them, who has gone leaves nothing behind, and an EXEC that
 * was begun runs to its end. Also keys and values of every length on foreign workers.
 */
import { describe, expect, it } from 'vitest';
import { MeshRig } from '../testing/mesh-rig.ts';

const encode = (...words: string[]): Buffer => Buffer.from(
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1',
);

/** Nothing is left of any connection or transaction. */
function expectEmpty(mesh: MeshRig): void {
  for (const { worker } of mesh.rigs) {
    const { mesh: node } = worker;
    expect(node?.origin.windowCount).toBe(0);
    expect(node?.parcels.count).toBe(0);
    expect(node?.owner.loanCount).toBe(0);
    expect(node?.coordination.count).toBe(0);
    expect(node?.gate.isOpen).toBe(true);
    expect(node?.gate.parkedCount).toBe(0);
    expect(node?.participation.watches.count).toBe(0);
  }
}

const KEYS = Array.from({ length: 12 }, (_, i) => `key:${i}`);

describe('connections with replies under way', () => {
  it('get all of them when they only stop sending', () => {
    const mesh = new MeshRig(3);
    const [first] = mesh.rigs;
    const slot = first!.connect();
    const requests = KEYS.flatMap((key) => [encode('SET', key, `v${key}`), encode('GET', key)]);
    mesh.receive(0, slot, Buffer.concat(requests));
    first!.halfClose(slot);
    mesh.rest(0);
    expect(first!.engine.closing.has(slot)).toBe(false);
    mesh.settle();
    const wanted = KEYS.map((key) => `+OK\r\n$${key.length + 1}\r\nv${key}\r\n`).join('');
    expect(first!.repliesOf(slot)).toBe(wanted);
    expect(first!.engine.closing.has(slot)).toBe(true);
    mesh.disconnect(0, slot);
    expectEmpty(mesh);
  });

  it('hear of a protocol error after their replies', () => {
    const mesh = new MeshRig(2);
    const [first] = mesh.rigs;
    const slot = first!.connect();
    const requests = KEYS.map((key) => encode('GET', key));
    mesh.receive(0, slot, Buffer.concat([...requests, Buffer.from('*x\r\n')]));
    mesh.settle();
    const text = first!.repliesOf(slot);
    expect(text.startsWith('$-1\r\n'.repeat(KEYS.length))).toBe(true);
    expect(text).toMatch(/-ERR Protocol error: invalid multibulk length\r\n$/);
    expect(first!.engine.closing.has(slot)).toBe(true);
    mesh.disconnect(0, slot);
    expectEmpty(mesh);
  });

  it('leave nothing behind when they are gone at any moment', () => {
    const requests = [
      ...KEYS.map((key) => encode('SET', key, 'x'.repeat(20_000))),
      encode('MSET', ...KEYS.flatMap((key) => [key, '1'])), encode('WATCH', ...KEYS),
      ...KEYS.map((key) => encode('GET', key)), encode('MULTI'),
      ...KEYS.map((key) => encode('INCR', key)), encode('EXEC'), encode('WATCH', ...KEYS),
      encode('SET', 'key:1', 'y'.repeat(200_000)), encode('GET', 'key:1'),
    ];
    for (let sent = 1; sent <= requests.length; sent += 3) {
      for (let turns = sent % 2; turns < 7; turns += 2) {
        const mesh = new MeshRig(3);
        const [first] = mesh.rigs;
        const slot = first!.connect();
        mesh.receive(0, slot, Buffer.concat(requests.slice(0, sent)));
        for (let turn = 0; turn < turns; turn++) mesh.turn((turn + 1) % 3);
        mesh.disconnect(0, slot);
        mesh.settle();
        expectEmpty(mesh);
        // A transaction that was begun has run whole or not at all.
        const other = mesh.rigs[1]!.connect();
        mesh.receive(1, other, encode('MGET', ...KEYS.slice(2)));
        mesh.settle();
        const values = new Set(mesh.rigs[1]!.repliesOf(other).split(/\$-?\d+\r\n/).slice(1));
        if (sent > KEYS.length) expect([...values].filter((value) => /^\d/.test(value)).length)
          .toBeLessThanOrEqual(1);
      }
    }
  }, 60_000);

  it.each([1, 3, 16, 100, 5000, 16_300, 16_384, 40_000, 65_535, 65_536, 700_000])(
    'have keys and values of %i bytes',
    (bytes) => {
      const mesh = new MeshRig(4);
      const [first] = mesh.rigs;
      const slot = first!.connect();
      const keys = Array.from({ length: 6 }, (_, i) => `${i}${'k'.repeat(bytes - 1)}`);
      const value = 'v'.repeat(bytes);
      for (const key of keys) mesh.receive(0, slot, encode('SET', key, value));
      mesh.settle();
      for (const key of keys) mesh.receive(0, slot, encode('GET', key));
      mesh.settle();
      mesh.receive(0, slot, encode('DEL', ...keys));
      mesh.settle();
      mesh.receive(0, slot, encode('MSET', ...keys.flatMap((key) => [key, value])));
      mesh.settle();
      mesh.receive(0, slot, encode('EXISTS', ...keys));
      mesh.settle();
      const values = `$${bytes}\r\n${value}\r\n`.repeat(6);
      const wanted = `${'+OK\r\n'.repeat(6)}${values}:6\r\n+OK\r\n:6\r\n`;
      expect(first!.repliesOf(slot) === wanted).toBe(true);
      mesh.disconnect(0, slot);
      expectEmpty(mesh);
    },
  );

  it('answer an error for keys and arguments that are too long', () => {
    const mesh = new MeshRig(2);
    const [first] = mesh.rigs;
    const slot = first!.connect();
    const long = 'k'.repeat(1024 * 1024 + 1);
    mesh.receive(0, slot, encode('GET', long));
    mesh.receive(0, slot, encode('MGET', 'a', 'b', long));
    mesh.settle();
    expect(first!.repliesOf(slot)).toMatch(/^(-ERR [^\r]*\r\n){2}$/);
    mesh.disconnect(0, slot);
    expectEmpty(mesh);
  });
});
