/**
 * `pnpm bench:workers`: what several workers cost and keep, interleaved with redis-server and one
 * worker in the same run, medians of the rounds:
 *   exec   transactions a second: MULTI, INCR of 10 keys, EXEC; 50 connections, the same keys;
 *          the sums at the end show that no update was lost
 *   get    p50 and p99 of GET from 10 connections, one at a time, alone and while another one sends
 *          MSET of 1,000 keys over all shards without a pause
 * Server CPU per operation with several workers: `pnpm bench:server --io uring,uring:2`.
 * The load is one Node process, the same for all; servers with one thread are pinned to core 0.
 * Exit code 1 when an update was lost.
 * Options: --io uring,uring:2 --rounds 5 --seconds 3
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import { encodeRequest } from '@kora/protocol';
import { ask } from './fill.ts';
import type { ServerProcess } from './processes.ts';
import { serverKinds } from './processes.ts';
import { markdownTable, median } from './table.ts';

const { values } = parseArgs({
  options: {
    io: { type: 'string', default: 'uring,uring:2' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
  },
});

const COUNTERS = Array.from({ length: 10 }, (_, i) => `counter:${i}`);
const EXEC_CONNECTIONS = 50;
/** Lines of the replies to MULTI, 10 INCR and EXEC. */
const EXEC_LINES = 1 + 10 + 1 + 10;
const GET_CONNECTIONS = 10;
const MSET_KEYS = 1000;
const LINE_FEED = 0x0a;
const WARM_MS = 500;

/** Sends a request again and again; `onReply` after each whole reply of so many lines. */
class Loop {
  readonly #socket: Socket;
  readonly #request: Uint8Array;
  readonly #lines: number;
  readonly #onReply: () => void;
  #seen = 0;
  #isStopped = false;

  constructor(port: number, request: Uint8Array, lines: number, onReply: () => void) {
    this.#request = request;
    this.#lines = lines;
    this.#onReply = onReply;
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (data) => {
      for (const byte of data) if (byte === LINE_FEED) this.#seen++;
      if (this.#seen < this.#lines) return;
      this.#seen = 0;
      this.#onReply();
      if (this.#isStopped) this.#socket.end();
      else this.#socket.write(this.#request);
    });
  }

  async start(): Promise<void> {
    await once(this.#socket, 'connect');
    this.#socket.write(this.#request);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (!this.#socket.closed) await once(this.#socket, 'close');
  }
}

const wait = async (ms: number): Promise<void> => {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
};

const measuredMs = Number(values.seconds) * 1000;

/** Transactions a second; throws when the counters do not say how many there were. */
async function measureExec(server: ServerProcess): Promise<number> {
  await ask(server, ['FLUSHALL']);
  const request = Buffer.concat([
    encodeRequest(['MULTI']), ...COUNTERS.map((key) => encodeRequest(['INCR', key])),
    encodeRequest(['EXEC']),
  ]);
  let count = 0;
  const loops = Array.from({ length: EXEC_CONNECTIONS }, () =>
    new Loop(server.port, request, EXEC_LINES, () => {
      count++;
    }));
  await Promise.all(loops.map((loop) => loop.start()));
  await wait(WARM_MS);
  const before = count;
  const startMs = performance.now();
  await wait(measuredMs);
  const rate = ((count - before) * 1000) / (performance.now() - startMs);
  await Promise.all(loops.map((loop) => loop.stop()));
  for (const key of COUNTERS) {
    const reply = await ask(server, ['GET', key]);
    if (!reply.includes(`\r\n${count}\r\n`)) {
      process.exitCode = 1;
      process.stderr.write(`${server.name}: ${key} is ${JSON.stringify(reply)}, not ${count}\n`);
    }
  }
  return rate;
}

/** p50 and p99 of GET in us, alone or beside a connection that sends MSETs. */
async function measureGet(server: ServerProcess, hasWriter: boolean): Promise<[number, number]> {
  const pairs = Array.from({ length: MSET_KEYS }, (_, i) => [`key:${i}`, `value:${i}`]);
  const words = ['MSET', ...pairs.flat()];
  const mset = encodeRequest(words);
  await ask(server, words); // Every GET has a value: replies have two lines.
  const writer = new Loop(server.port, mset, 1, () => undefined);
  if (hasWriter) await writer.start();
  const latenciesUs: number[] = [];
  const loops = Array.from({ length: GET_CONNECTIONS }, (_, i) => {
    let sentUs = performance.now() * 1000;
    return new Loop(server.port, encodeRequest(['GET', `key:${i * 7}`]), 2, () => {
      const nowUs = performance.now() * 1000;
      latenciesUs.push(nowUs - sentUs);
      sentUs = nowUs;
    });
  });
  await Promise.all(loops.map((loop) => loop.start()));
  await wait(WARM_MS);
  latenciesUs.length = 0;
  await wait(measuredMs);
  await Promise.all(loops.map((loop) => loop.stop()));
  if (hasWriter) await writer.stop();
  latenciesUs.sort((a, b) => a - b);
  const at = (share: number): number => latenciesUs[Math.floor(latenciesUs.length * share)] ?? NaN;
  return [at(0.5), at(0.99)];
}

interface Figures {
  readonly exec: number[];
  readonly alone: [number, number][];
  readonly beside: [number, number][];
}

const servers: ServerProcess[] = [];
const figures = new Map<string, Figures>();
try {
  for (const kind of await serverKinds(values.io.split(','))) servers.push(await kind.start());
  for (const { name } of servers) figures.set(name, { exec: [], alone: [], beside: [] });
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const server of round % 2 === 0 ? servers : [...servers].reverse()) {
      const of = figures.get(server.name);
      of?.exec.push(await measureExec(server));
      of?.alone.push(await measureGet(server, false));
      of?.beside.push(await measureGet(server, true));
    }
    process.stderr.write(`round ${round + 1} of ${values.rounds}\n`);
  }
} finally {
  for (const server of servers) await server.stop();
}
const [reference] = figures.values();
const rows = [...figures].map(([name, of]) => {
  const exec = median(of.exec);
  const [p50, p99] = [0, 1].map((i) => median(of.alone.map((pair) => pair[i] ?? NaN)));
  const [besideP50, besideP99] = [0, 1].map((i) => {
    return median(of.beside.map((pair) => pair[i] ?? NaN));
  });
  return [
    name, exec.toFixed(0), (exec / median(reference?.exec ?? [])).toFixed(2),
    `${p50?.toFixed(0)} / ${p99?.toFixed(0)}`,
    `${besideP50?.toFixed(0)} / ${besideP99?.toFixed(0)}`,
    ((besideP99 ?? NaN) / (p99 ?? NaN)).toFixed(2),
  ];
});
const heads = [
  'server', 'EXEC of 10 INCRs a second', 'of redis', 'GET alone p50 / p99 us',
  'beside MSETs of 1,000 keys', 'p99 beside / alone',
];
process.stdout.write(`${values.rounds} interleaved rounds of ${values.seconds} s, medians, ` +
  `Node ${process.version}\n\n${markdownTable(heads, rows)}\n`);
