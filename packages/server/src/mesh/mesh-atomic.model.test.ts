/**
 * Commands over several workers happen at one moment: whoever reads several keys sees all that one
 * writer wrote together, or nothing of it, in any interleaving of the workers' turns. Writers set
 * all keys of a group to one number, delete all, or set them when none exists; readers get them by
 * MGET, count them by EXISTS, and nobody may ever see a mixture. Also: what concerns every worker.
 */
import { describe, expect, it } from 'vitest';
import { MeshRig } from '../testing/mesh-rig.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];

function randomOf(seed: number): (bound: number) => number {
  let state = Math.imul(seed, 2654435761) | 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

const encode = (words: readonly string[]): Buffer => Buffer.from(
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1',
);

interface Client {
  readonly rig: number;
  readonly slot: number;
}

function connect(mesh: MeshRig, rig: number): Client {
  const slot = mesh.rigs[rig]?.connect() ?? 0;
  mesh.rest(rig);
  return { rig, slot };
}

function send(mesh: MeshRig, { rig, slot }: Client, words: readonly string[]): void {
  mesh.receive(rig, slot, encode(words));
}

/** The whole reply to one command, after all have come to rest. */
function ask(mesh: MeshRig, client: Client, ...words: string[]): string {
  const before = mesh.rigs[client.rig]?.repliesOf(client.slot).length ?? 0;
  send(mesh, client, words);
  mesh.settle();
  return mesh.rigs[client.rig]?.repliesOf(client.slot).slice(before) ?? '';
}

describe('commands over several workers', () => {
  it.each([[2, 1], [3, 2], [4, 3], [2, 4], [6, 5]])(
    'are seen whole or not at all, %i workers, seed %i',
    (workerCount, seed) => {
      const random = randomOf(seed);
      const mesh = new MeshRig(workerCount, { seed });
      const writers = Array.from({ length: 4 }, () => connect(mesh, random(workerCount)));
      const readers = Array.from({ length: 4 }, () => connect(mesh, random(workerCount)));
      const order = (): string[] => [...KEYS].sort(() => random(3) - 1);
      for (let step = 0; step < 3000; step++) {
        const writer = writers[random(writers.length)];
        const reader = readers[random(readers.length)];
        const pairs = order().flatMap((key) => [key, String(step)]);
        if (writer !== undefined && random(3) === 0) {
          const kind = random(6);
          if (kind < 3) send(mesh, writer, ['MSET', ...pairs]);
          else if (kind === 3) send(mesh, writer, ['MSETNX', ...pairs]);
          else if (kind === 4) send(mesh, writer, ['DEL', ...order()]);
          else send(mesh, writer, ['MSETEX', '6', ...pairs, 'XX']);
        }
        if (reader !== undefined && random(2) === 0) {
          send(mesh, reader, random(3) === 0 ? ['EXISTS', ...order()] : ['MGET', ...KEYS]);
        }
        for (let turns = random(4); turns > 0; turns--) {
          const index = random(workerCount);
          if (mesh.mayRun(index)) mesh.turn(index);
        }
      }
      mesh.settle();
      let seenCount = 0;
      for (const { rig, slot } of readers) {
        const text = mesh.rigs[rig]?.repliesOf(slot) ?? '';
        expect(text).not.toContain('-ERR');
        for (const [, elements = ''] of text.matchAll(/\*6\r\n((?:\$-?\d+\r\n(?:\d+\r\n)?){6})/g)) {
          const values = new Set(elements.split(/\$-?\d+\r\n/).slice(1));
          expect(values.size, `${JSON.stringify(elements)}, seed ${seed}`).toBe(1);
          seenCount++;
        }
        expect(text.replaceAll(/\*6\r\n(?:\$-?\d+\r\n(?:\d+\r\n)?){6}/g, ''))
          .toMatch(/^(?::[06]\r\n)*$/);
      }
      expect(seenCount).toBeGreaterThan(100);
      for (const { worker } of mesh.rigs) expect(worker.mesh?.gate.isOpen).toBe(true);
    },
  );

  it.each([[2, 1], [3, 2], [5, 3]])(
    'lose no update of EXEC and WATCH, %i workers, seed %i',
    (workerCount, seed) => {
      const random = randomOf(seed);
      const mesh = new MeshRig(workerCount, { seed });
      const clients = Array.from({ length: 6 }, () => connect(mesh, random(workerCount)));
      for (const key of ['counter', ...KEYS]) ask(mesh, clients[0]!, 'SET', key, '0');
      let added = 0;
      for (let step = 0; step < 600; step++) {
        const client = clients[random(clients.length)]!;
        if (random(3) > 0) {
          send(mesh, client, ['MULTI']);
          for (const key of KEYS) send(mesh, client, ['INCR', key]);
          send(mesh, client, ['EXEC']);
        } else {
          // Read, then write what was read and one more, unless somebody else was there meanwhile.
          ask(mesh, client, 'WATCH', 'counter', 'a');
          const value = /(\d+)\r\n$/.exec(ask(mesh, client, 'GET', 'counter'))?.[1] ?? '';
          if (random(2) === 0) ask(mesh, clients[random(clients.length)]!, 'INCR', 'counter');
          send(mesh, client, ['MULTI']);
          send(mesh, client, ['SET', 'counter', String(Number(value) + 1)]);
          send(mesh, client, ['INCR', 'b']);
          const replies = ask(mesh, client, 'EXEC');
          if (replies.endsWith('*-1\r\n')) continue;
          added++;
        }
        for (let turns = random(4); turns > 0; turns--) {
          const index = random(workerCount);
          if (mesh.mayRun(index)) mesh.turn(index);
        }
      }
      const [first] = clients;
      const counts = ask(mesh, first!, 'MGET', 'a', 'c', 'd', 'e', 'f', 'b', 'counter')
        .split('\r\n').filter((line) => /^\d+$/.test(line)).map(Number);
      expect(new Set(counts.slice(0, 5)).size, `${String(counts)}, seed ${seed}`).toBe(1);
      expect(counts[5]).toBe((counts[0] ?? 0) + added);
      expect(added).toBeGreaterThan(10);
      expect(counts[6]).toBeGreaterThanOrEqual(added);
      for (const { worker } of mesh.rigs) {
        expect(worker.mesh?.gate.isOpen).toBe(true);
        expect(worker.mesh?.participation.watches.count).toBe(0);
      }
    },
  );

  it('count, list, scan and empty all shards', () => {
    const mesh = new MeshRig(3);
    const client = connect(mesh, 1);
    for (let i = 0; i < 60; i++) ask(mesh, client, 'SET', `k${i}`, 'v');
    expect(ask(mesh, client, 'DBSIZE')).toBe(':60\r\n');
    expect(ask(mesh, client, 'KEYS', '*')).toMatch(/^\*60\r\n/);
    expect(ask(mesh, client, 'KEYS', 'k1?')).toMatch(/^\*10\r\n/);
    expect(ask(mesh, client, 'RANDOMKEY')).toMatch(/^\$\d\r\nk/);
    const found = new Set<string>();
    let cursor = '0';
    do {
      const reply = ask(mesh, client, 'SCAN', cursor, 'COUNT', '7');
      const [next, ...keys] = [...reply.matchAll(/\$\d+\r\n(\w+)\r\n/g)].map(([, word]) => word);
      cursor = next ?? '0';
      for (const key of keys) found.add(key ?? '');
    } while (cursor !== '0');
    expect(found.size).toBe(60);
    expect(ask(mesh, client, 'FLUSHALL')).toBe('+OK\r\n');
    expect(ask(mesh, client, 'DBSIZE')).toBe(':0\r\n');
    expect(ask(mesh, client, 'RANDOMKEY')).toBe('$-1\r\n');
    expect(ask(mesh, client, 'SWAPDB', '0', '1')).toBe('+OK\r\n');
  });
});
