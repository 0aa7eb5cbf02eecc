/**
 * Vector sets over several workers: a set is whole on the worker of its key, whoever asks; COPY and
 * RENAME take it to another; a transaction changes several at one moment; items of Kora's commands
 * lead to the worker of their index; a client that tracks hears of the index; a burst of many
 * requests is answered in its order.
 */
import { slotOfKey, slotOwners } from '@kora/core';
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { ask, connectTo, encodeRequest, repliesOf } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';

const WORKERS = 3;
/** Keys of three workers, and indexes whose items alone would lie elsewhere. */
const KEYS = ['c', 'b', 'a'] as const;

function meshOf(): { readonly mesh: MeshRig; readonly clients: readonly MeshClient[] } {
  const mesh = new MeshRig(WORKERS);
  return { mesh, clients: KEYS.map((_, rig) => connectTo(mesh, rig)) };
}

function ownerOf(key: string): number {
  const bytes = Buffer.from(key, 'latin1');
  return slotOwners(WORKERS)[slotOfKey(bytes, 0, bytes.length)] ?? -1;
}

function bulks(...texts: readonly string[]): string {
  return `*${texts.length}\r\n${texts.map((text) => `$${text.length}\r\n${text}\r\n`).join('')}`;
}

/** Keys that each worker holds. */
function keyCounts(mesh: MeshRig): number[] {
  return mesh.rigs.map(({ worker: { shard } }) => shard.keyspace.databases[0]?.count ?? -1);
}

describe('vector sets of several workers', () => {
  it('are where their key is, for every client', () => {
    const { mesh, clients } = meshOf();
    expect(new Set(KEYS.map(ownerOf)).size).toBe(WORKERS);
    for (const client of clients) {
      for (const key of KEYS) {
        const name = `by${client.rig}`;
        expect(ask(mesh, client, 'VADD', key, 'VALUES', '2', '1', `${client.rig}`, name))
          .toBe(':1\r\n');
      }
    }
    expect(keyCounts(mesh)).toEqual([1, 1, 1]);
    for (const client of clients) {
      for (const key of KEYS) {
        expect(ask(mesh, client, 'VSIM', key, 'VALUES', '2', '1', '0'))
          .toBe(bulks('by0', 'by1', 'by2'));
      }
    }
  });

  it('go to another worker by COPY and RENAME, whole', () => {
    const { mesh, clients: [client] } = meshOf();
    if (client === undefined) throw new Error('there is a client');
    for (let i = 0; i < 300; i++) {
      ask(mesh, client, 'VADD', 'c', 'VALUES', '2', '1', `${i}`, `e${i}`, 'SETATTR', `{"i":${i}}`);
    }
    ask(mesh, client, 'EXPIRE', 'c', '100');
    const found = ask(mesh, client, 'VSIM', 'c', 'ELE', 'e7', 'WITHSCORES', 'WITHATTRIBS');
    expect(ask(mesh, client, 'COPY', 'c', 'b')).toBe(':1\r\n');
    expect(ask(mesh, client, 'RENAME', 'c', 'a')).toBe('+OK\r\n');
    for (const key of ['b', 'a']) {
      const same = ask(mesh, client, 'VSIM', key, 'ELE', 'e7', 'WITHSCORES', 'WITHATTRIBS');
      expect(same, key).toBe(found);
      expect(ask(mesh, client, 'TTL', key)).toBe(':100\r\n');
      expect(ask(mesh, client, 'VCARD', key)).toBe(':300\r\n');
    }
    expect(ask(mesh, client, 'EXISTS', 'c')).toBe(':0\r\n');
  });

  it('change in one transaction, items of indexes among them', () => {
    const { mesh, clients: [client] } = meshOf();
    if (client === undefined) throw new Error('there is a client');
    ask(mesh, client, 'MULTI');
    for (const key of KEYS) {
      ask(mesh, client, 'VECSET', `${key}:x`, '2', '1', '2');
      ask(mesh, client, 'VADD', key, 'VALUES', '2', '3', '4', 'y', 'NOQUANT');
    }
    expect(ask(mesh, client, 'EXEC')).toBe(`*6\r\n${':1\r\n'.repeat(6)}`);
    expect(keyCounts(mesh)).toEqual([1, 1, 1]);
    for (const key of KEYS) expect(ask(mesh, client, 'VCARD', key)).toBe(':2\r\n');
  });

  it('are the indexes of items, wherever an item of that name would lie', () => {
    const { mesh, clients } = meshOf();
    const strays = Array.from({ length: 30 }, (_, i) => `doc${i}`);
    expect(new Set(strays.map((name) => ownerOf(`embedding:${name}`))).size).toBe(WORKERS);
    for (const [i, name] of strays.entries()) {
      const client = clients[i % WORKERS];
      if (client === undefined) throw new Error('there is a client');
      expect(ask(mesh, client, 'VECSET', `embedding:${name}`, '1', String(i))).toBe(':1\r\n');
    }
    expect(keyCounts(mesh).filter((count) => count > 0)).toEqual([1]);
    const nearest = `*1\r\n*2\r\n$15\r\nembedding:doc17\r\n$1\r\n0\r\n`;
    for (const client of clients) {
      expect(ask(mesh, client, 'VECQUERY', 'embedding:doc3', '1', '17')).toBe(nearest);
      expect(ask(mesh, client, 'VECGET', 'embedding:doc5')).toBe('*1\r\n$1\r\n5\r\n');
    }
  });

  it('answer a burst in its order', () => {
    const { mesh, clients: [client] } = meshOf();
    if (client === undefined) throw new Error('there is a client');
    const requests: Buffer[] = [];
    const wanted: string[] = [];
    for (let i = 0; i < 60; i++) {
      const key = KEYS[i % 3] ?? '';
      requests.push(encodeRequest(['VECSET', `${key}:${i}`, '1', String(i)]));
      requests.push(encodeRequest(['VECQUERY', key, '1', String(i)]));
      const name = `${key}:${i}`;
      wanted.push(':1\r\n', `*1\r\n*2\r\n$${name.length}\r\n${name}\r\n$1\r\n0\r\n`);
    }
    const before = repliesOf(mesh, client).length;
    mesh.receive(client.rig, client.slot, Buffer.concat(requests));
    mesh.settle();
    expect(repliesOf(mesh, client).slice(before)).toBe(wanted.join(''));
  });

  it('tell a client that tracks of the index whose item changed', () => {
    const { mesh, clients: [reader, writer] } = meshOf();
    if (reader === undefined || writer === undefined) throw new Error('there are clients');
    ask(mesh, reader, 'HELLO', '3');
    ask(mesh, reader, 'CLIENT', 'TRACKING', 'ON');
    for (const key of KEYS) {
      ask(mesh, writer, 'VECSET', `${key}:1`, '1', '1');
      ask(mesh, reader, 'VECGET', `${key}:1`);
      const before = repliesOf(mesh, reader).length;
      ask(mesh, writer, 'VECSET', `${key}:2`, '1', '2');
      mesh.settle();
      const told = repliesOf(mesh, reader).slice(before);
      expect(told, key).toContain(`invalidate\r\n*1\r\n$1\r\n${key}`);
    }
  });
});
