/**
 * `pnpm bench:pubsub`: what a delivered message costs: CPU of the server for each of them, of
 * redis-server and of Kora with one worker and two, when one channel has 1,000 subscribers that
 * read all they get. Messages are published one at a time, the next when all have the last, and in
 * pipelines. Rounds are interleaved; medians are printed. CPU comes from /proc, of all threads, in
 * ticks of 10 ms: about 1 % of a round one at a time, 8 % of one in pipelines, hence the medians.
 * Options: --io uring,uring:2 --subscribers 1000 --rounds 5 --messages 400 --bytes 64
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
    io: { type: 'string', default: 'uring,uring:2,epoll:2' },
    subscribers: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    messages: { type: 'string', default: '400' },
    bytes: { type: 'string', default: '64' },
  },
});

const CHANNEL = 'bench';
/** Messages sent at once, by the way of publishing. */
const DEPTHS = [1, 16] as const;
/** Connections under way at once: fewer than any server lets wait. */
const CONNECTING_MAX = 100;

/** A connection that counts what it gets. */
class Counter {
  bytes = 0;
  readonly socket: Socket;
  #wanted = 0;
  #reached: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      if (this.bytes >= this.#wanted) this.#reached?.();
    });
  }

  /** Resolves when it has got so many bytes since the start. */
  until(bytes: number): Promise<void> {
    if (this.bytes >= bytes) return Promise.resolve();
    this.#wanted = bytes;
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }
}

function open(port: number): Promise<Counter> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
      resolve(new Counter(socket));
    });
    socket.once('error', reject);
  });
}

/** A server with all its subscribers. */
interface Scene {
  readonly server: ServerProcess;
  readonly subscribers: readonly Counter[];
  readonly publisher: Counter;
}

async function prepare(kind: ServerKind): Promise<Scene> {
  const server = await kind.start();
  const subscribers: Counter[] = [];
  const count = Number(values.subscribers);
  const confirmation = `*3\r\n$9\r\nsubscribe\r\n$${CHANNEL.length}\r\n${CHANNEL}\r\n:1\r\n`;
  while (subscribers.length < count) {
    const batch = Math.min(CONNECTING_MAX, count - subscribers.length);
    const opened = await Promise.all(Array.from({ length: batch }, () => open(server.port)));
    for (const { socket } of opened) socket.write(encodeRequest(['SUBSCRIBE', CHANNEL]));
    await Promise.all(opened.map((one) => one.until(confirmation.length)));
    subscribers.push(...opened);
  }
  return { server, subscribers, publisher: await open(server.port) };
}

/** Bytes of a message as RESP2 has it. */
function messageBytes(payload: string): number {
  const channel = `$${CHANNEL.length}\r\n${CHANNEL}\r\n`;
  return `*3\r\n$7\r\nmessage\r\n${channel}$${payload.length}\r\n${payload}\r\n`.length;
}

/** CPU of the server for each delivered message, us: in its own code, in the kernel. */
interface Cost {
  readonly user: number;
  readonly system: number;
}

async function measure(scene: Scene, depth: number): Promise<Cost> {
  const { publisher, server, subscribers } = scene;
  const payload = 'x'.repeat(Number(values.bytes));
  const request = Buffer.from(encodeRequest(['PUBLISH', CHANNEL, payload]));
  const batch = Buffer.concat(Array.from({ length: depth }, () => request));
  const replyBytes = `:${subscribers.length}\r\n`.length * depth;
  const bytes = messageBytes(payload) * depth;
  const batches = Math.ceil(Number(values.messages) / depth);
  const before = server.cpuSeconds();
  for (let i = 0; i < batches; i++) {
    const all = subscribers.map((one) => one.until(one.bytes + bytes));
    all.push(publisher.until(publisher.bytes + replyBytes));
    publisher.socket.write(batch);
    await Promise.all(all);
  }
  const after = server.cpuSeconds();
  const usOf = (seconds: number): number =>
    (seconds * 1e6) / (batches * depth * subscribers.length);
  return { user: usOf(after.user - before.user), system: usOf(after.system - before.system) };
}

/** Measures all servers in turn, round by round, and prints the table. */
async function main(): Promise<void> {
  const kinds = await serverKinds(values.io.split(','));
  const scenes: Scene[] = [];
  for (const kind of kinds) scenes.push(await prepare(kind));
  const figures = scenes.map(() => DEPTHS.map((): Cost[] => []));
  for (let round = -1; round < Number(values.rounds); round++) {
    for (const [s, scene] of scenes.entries()) {
      for (const [d, depth] of DEPTHS.entries()) {
        const cost = await measure(scene, depth);
        // The first round makes everything warm.
        if (round >= 0) figures[s]?.[d]?.push(cost);
      }
    }
  }
  const totals = figures.map((ways) => ways.map((costs) =>
    median(costs.map(({ user, system }) => user + system))));
  const rows = kinds.map(({ name }, s) => [
    name, ...DEPTHS.map((_, d) => {
      const own = totals[s]?.[d] ?? NaN;
      const ratio = own / (totals[0]?.[d] ?? NaN);
      const user = median((figures[s]?.[d] ?? []).map((cost) => cost.user));
      return `${own.toFixed(2)}, in the server ${user.toFixed(2)} (${ratio.toFixed(2)})`;
    }),
  ]);
  const heads = ['server', ...DEPTHS.map((depth) => `us a message, ${depth} at once (ratio)`)];
  process.stdout.write(
    `${values.subscribers} subscribers, ${values.bytes} bytes, medians of ${values.rounds}, ` +
      `Node ${process.version}\n\n${markdownTable(heads, rows)}\n`,
  );
  for (const { publisher, server, subscribers } of scenes) {
    for (const { socket } of [publisher, ...subscribers]) socket.destroy();
    await server.stop();
  }
}

await main();
