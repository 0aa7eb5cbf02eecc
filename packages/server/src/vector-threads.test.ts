/**
 * Servers with vector threads on every I/O engine: clients that search, store and remove beside
 * each other, what a search finds once all is linked beside what a scan finds, the answers of
 * threads that ring a sleeping shard, several workers, and what is left when a thread dies.
 * Threads run the built files.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { SeededChance } from '@kora/core';
import { encodeRequest } from '@kora/protocol';
import type { RawClient } from './testing/raw-client.ts';
import { TestServer } from './testing/test-server.ts';
import { ThreadedServer, WORKER_ENGINES } from './testing/threaded-server.ts';

const DIMENSION = 64;
const COUNT = 4000;

const open: { close(): Promise<void> }[] = [];
afterEach(async () => { for (const server of open.splice(0)) await server.close(); });

/** Vectors around forty centres. */
class Clusters {
  readonly #chance: SeededChance;
  readonly #centres: Float32Array[];

  constructor(seed: number) {
    this.#chance = new SeededChance(seed);
    this.#centres = Array.from({ length: 40 }, () => this.#noise(1));
  }

  below(bound: number): number {
    return (this.#chance.next32() >>> 0) % bound;
  }

  next(): Uint8Array {
    const centre = this.#centres[this.below(40)] ?? new Float32Array(DIMENSION);
    return new Uint8Array(this.#noise(0.5).map((x, i) => x + (centre[i] ?? 0)).buffer);
  }

  #noise(scale: number): Float32Array {
    return Float32Array.from({ length: DIMENSION }, () => {
      let sum = 0;
      for (let i = 0; i < 4; i++) sum += (this.#chance.next32() >>> 0) / 2 ** 32 - 0.5;
      return sum * scale;
    });
  }
}

async function fill(client: RawClient, clusters: Clusters, key: string): Promise<void> {
  for (let i = 0; i < COUNT; i += 100) {
    const words = Array.from({ length: 100 }, (_, j) =>
      encodeRequest(['VADD', key, 'FP32', clusters.next(), `e${i + j}`, 'NOQUANT']));
    client.send(Buffer.concat(words));
    expect(new Set(await client.replies(100))).toEqual(new Set([':1']));
  }
}

const namesOf = (reply: string): string[] =>
  [...reply.matchAll(/"(e\d+)"/g)].map(([, name]) => name ?? '');

/** Share of the true nearest that searches find. */
async function recall(client: RawClient, clusters: Clusters, key: string): Promise<number> {
  let right = 0;
  for (let i = 0; i < 40; i++) {
    const query = clusters.next();
    const truth = new Set(namesOf(await client.call('VSIM', key, 'FP32', query, 'TRUTH')));
    const found = namesOf(await client.call('VSIM', key, 'FP32', query));
    expect(found.length).toBe(10);
    right += found.filter((name) => truth.has(name)).length;
  }
  return right / 400;
}

describe.each([...WORKER_ENGINES])('on %s', (io) => {
  it('searches and changes beside each other are answered, in order, and what is found is right',
    async () => {
      const settings = { 'vector-threads': 2 };
      const server = await ThreadedServer.start({ io, workers: 1, settings });
      open.push(server);
      const clusters = new Clusters(11);
      const first = await server.connect();
      await fill(first, clusters, 'v');
      const clients = await server.connectMany(6);
      await Promise.all(clients.map(async (client, at) => {
        for (let i = 0; i < 60; i++) {
          const [name, query] = [`e${clusters.below(COUNT)}`, clusters.next()];
          client.send(Buffer.concat([
            ['PING'], ['VSIM', 'v', 'FP32', query, 'COUNT', '5', 'WITHSCORES'],
            at % 2 === 0 ? ['VADD', 'v', 'FP32', query, name, 'NOQUANT'] : ['VREM', 'v', name],
            ['VSIM', 'v', 'FP32', query, 'COUNT', '1'], ['ECHO', name],
          ].map((words) => encodeRequest(words))));
          const [pong, near, changed, nearest, echo] = await client.replies(5);
          expect(pong).toBe('+PONG');
          expect(namesOf(near ?? '').length).toBe(5);
          expect(changed).toMatch(/^:[01]$/);
          expect(namesOf(nearest ?? '').length).toBe(1);
          expect(echo).toBe(JSON.stringify(name));
        }
      }));
      // Nothing but the ring of a thread ends the shard's wait for it.
      expect(await recall(first, clusters, 'v')).toBeGreaterThan(0.97);
      expect(await first.call('DEL', 'v')).toBe(':1');
      expect(await first.call('PING')).toBe('+PONG');
      expect(server.log.filter((line) => line.startsWith('warning'))).toEqual([]);
    });
});

describe('several workers', () => {
  it('have threads each, and answer for each other', async () => {
    const [io] = WORKER_ENGINES;
    const settings = { 'vector-threads': 1 };
    const server = await ThreadedServer.start({ io, workers: 2, settings });
    open.push(server);
    const clusters = new Clusters(12);
    const clients = await server.connectMany(4);
    const keys = ['a', 'b'];
    for (const key of keys) await fill(clients[0]!, clusters, key);
    await Promise.all(clients.map(async (client, at) => {
      for (let i = 0; i < 40; i++) {
        const key = keys[(i + at) % 2] ?? '';
        expect(namesOf(await client.call('VSIM', key, 'FP32', clusters.next())).length).toBe(10);
        const name = `e${clusters.below(COUNT)}`;
        expect(await client.call('VADD', key, 'FP32', clusters.next(), name, 'NOQUANT')).toBe(':0');
      }
    }));
    for (const key of keys) {
      expect(await recall(clients[1]!, clusters, key)).toBeGreaterThan(0.97);
    }
    expect(await clients[2]!.call('RENAME', 'a', 'c')).toBe('+OK');
    expect(await recall(clients[3]!, clusters, 'c')).toBeGreaterThan(0.97);
  });
});

describe('a thread that dies', () => {
  it('is logged, loses nothing, and sets are searched in place from then on', async () => {
    const server = await TestServer.start({ 'vector-threads': 2 });
    open.push(server);
    const clusters = new Clusters(13);
    const client = await server.connect();
    await fill(client, clusters, 'v');
    expect(await recall(client, clusters, 'v')).toBeGreaterThan(0.97);
    const others = await Promise.all([1, 2, 3].map(() => server.connect()));
    const asked = others.map((other) => other.call('VSIM', 'v', 'FP32', clusters.next()));
    await server.room.vectorThreads?.terminate(0);
    for (const reply of await Promise.all(asked)) expect(namesOf(reply).length).toBe(10);
    await server.until(() => server.log.some((line) => line.startsWith('warning')));
    const lines = server.log.filter((line) => line.startsWith('warning'));
    expect(lines.length).toBe(1);
    expect(lines[0]).toContain('searched by their shard from now on');
    expect(await client.call('VCARD', 'v')).toBe(`:${COUNT}`);
    expect(await client.call('VADD', 'v', 'FP32', clusters.next(), 'new', 'NOQUANT')).toBe(':1');
    const { vectors } = server.room.composed.shard;
    await server.until(() => vectors.count === 1 && !vectors.isBusy);
    expect(await recall(client, clusters, 'v')).toBeGreaterThan(0.97);
  });
});
