/**
 * `pnpm bench:tracking`: what CLIENT TRACKING costs a reader: CPU of the server for each GET, of
 * connections that track what they read and of connections that do not, on 100,000 keys that all
 * have been read, so that every one is tracked. One at a time and in pipelines, of Kora and of
 * redis-server. Each server runs twice, with tracking and without; rounds are interleaved and
 * medians are printed. CPU comes from /proc, of all threads, in ticks of 10 ms.
 * Options: --io uring,uring:2 --connections 20 --keys 100000 --rounds 5 --operations 200000
 */
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import { encodeRequest } from '@kora/protocol';
import type { ServerKind, ServerProcess } from './processes.ts';
import { serverKinds } from './processes.ts';
import { markdownTable, median } from './table.ts';

const { values } = parseArgs({
  options: {
    io: { type: 'string', default: 'uring,uring:2' },
    connections: { type: 'string', default: '20' },
    keys: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
    operations: { type: 'string', default: '200000' },
  },
});

const KEY_COUNT = Number(values.keys);
const VALUE = 'x'.repeat(64);
const REPLY_BYTES = `$${VALUE.length}\r\n${VALUE}\r\n`.length;
/** Requests sent at once, by the way of reading. */
const DEPTHS = [1, 16] as const;
/** Requests at once while the keys are written and read for the first time. */
const FILL_DEPTH = 500;

/** A connection that waits for so many bytes. */
class Client {
  readonly #socket: Socket;
  #bytes = 0;
  #wanted = 0;
  #mark = '';
  #reached: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length;
      const isThere = this.#mark === '' ? this.#bytes >= this.#wanted
        : chunk.toString('latin1').endsWith(this.#mark);
      if (isThere) this.#reached?.();
    });
  }

  /** Sends requests; resolves when so many bytes of replies have come. */
  ask(requests: readonly (readonly string[])[], replyBytes: number): Promise<void> {
    this.#wanted = this.#bytes + replyBytes;
    return this.#send(requests);
  }

  /** Sends requests; resolves when a reply has come that ends so. */
  async askUntil(requests: readonly (readonly string[])[], mark: string): Promise<void> {
    this.#mark = mark;
    await this.#send(requests);
    this.#mark = '';
  }

  #send(requests: readonly (readonly string[])[]): Promise<void> {
    this.#socket.write(Buffer.concat(requests.map((words) => encodeRequest(words))));
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }
}

function open(port: number): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
      resolve(new Client(socket));
    });
    socket.once('error', reject);
  });
}

/** A server whose clients track, or do not. */
interface Scene {
  readonly name: string;
  readonly server: ServerProcess;
  readonly clients: readonly Client[];
}

const keyOf = (i: number): string => `key:${String(i).padStart(12, '0')}`;

async function prepare(kind: ServerKind, isTracking: boolean): Promise<Scene> {
  const server = await kind.start();
  const count = Number(values.connections);
  const clients = await Promise.all(Array.from({ length: count }, () => open(server.port)));
  const [first] = clients;
  for (let from = 0; from < KEY_COUNT; from += FILL_DEPTH) {
    const keys = Array.from({ length: Math.min(FILL_DEPTH, KEY_COUNT - from) }, (_, i) =>
      keyOf(from + i));
    await first?.ask(keys.map((key) => ['SET', key, VALUE]), keys.length * 5);
  }
  if (isTracking) await Promise.all(clients.map(startTracking));
  return { name: kind.name, server, clients };
}

/** Every client tracks, and has read all keys. */
async function startTracking(client: Client): Promise<void> {
  await client.askUntil([['HELLO', '3'], ['CLIENT', 'TRACKING', 'ON'], ['ECHO', 'on']], 'on\r\n');
  for (let from = 0; from < KEY_COUNT; from += FILL_DEPTH) {
    const count = Math.min(FILL_DEPTH, KEY_COUNT - from);
    const keys = Array.from({ length: count }, (_, i) => keyOf(from + i));
    await client.ask(keys.map((key) => ['GET', key]), count * REPLY_BYTES);
  }
}

/** CPU of the server for each GET, us. */
async function measure({ server, clients }: Scene, depth: number): Promise<number> {
  const operations = Number(values.operations) / (depth === 1 ? 4 : 1);
  const rounds = Math.ceil(operations / (depth * clients.length));
  const before = server.cpuSeconds();
  await Promise.all(clients.map(async (client) => {
    for (let i = 0; i < rounds; i++) {
      const requests = Array.from({ length: depth }, () =>
        ['GET', keyOf(Math.floor(Math.random() * KEY_COUNT))]);
      await client.ask(requests, depth * REPLY_BYTES);
    }
  }));
  const after = server.cpuSeconds();
  const seconds = after.user + after.system - before.user - before.system;
  return (seconds * 1e6) / (rounds * depth * clients.length);
}

/** Measures all servers in turn, round by round, and prints the table. */
async function main(): Promise<void> {
  const kinds = await serverKinds(values.io.split(','));
  const rows: string[][] = [];
  for (const kind of kinds) {
    const scenes = [await prepare(kind, false), await prepare(kind, true)];
    const figures = scenes.map(() => DEPTHS.map((): number[] => []));
    for (let round = -1; round < Number(values.rounds); round++) {
      for (const [s, scene] of scenes.entries()) {
        for (const [d, depth] of DEPTHS.entries()) {
          const us = await measure(scene, depth);
          // The first round makes everything warm.
          if (round >= 0) figures[s]?.[d]?.push(us);
        }
      }
    }
    for (const { server } of scenes) await server.stop();
    const cells = DEPTHS.flatMap((_, d) => {
      const [off = NaN, on = NaN] = figures.map((ways) => median(ways[d] ?? []));
      return [off.toFixed(2), on.toFixed(2), (on / off).toFixed(2)];
    });
    rows.push([kind.name, ...cells]);
  }
  const heads = ['server', ...DEPTHS.flatMap((depth) => [
    `us a GET, ${depth} at once, off`, 'on', 'ratio',
  ])];
  process.stdout.write(
    `${values.connections} connections, ${values.keys} keys that all have read, medians of ` +
    `${values.rounds}\n\n${markdownTable(heads, rows)}\n`,
  );
}

await main();
