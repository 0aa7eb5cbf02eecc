/**
 * `pnpm bench:vector-storm`: what commands beside vector search feel: PING, one after the other on
 * one connection, quiet and while others search and overwrite one big vector set at given rates,
 * with the index at the shard (in place) and with vector threads. Beside the latencies, which on
 * few cores tell mostly who had a core, the CPU time that the shard's own thread takes for a search
 * and for an insert, one after the other on one connection, linking included. Rounds are
 * interleaved; medians of the rounds count.
 * Promise, with a core for each thread: p99 of PING within 1.2 times of the quiet one.
 * Options: --threads 1 --elements 100000 --dimension 128 --searches 800 --inserts 400 --rounds 3
 *   --seconds 8 --io auto
 */
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { encodeRequest } from '@kora/protocol';
import { LatencyHistogram } from './latency-histogram.ts';
import { startKora } from './processes.ts';
import type { ServerProcess } from './processes.ts';
import { markdownTable, median } from './table.ts';
import type { StormPlan } from './vector/storm-load.ts';

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    elements: { type: 'string', default: '100000' },
    dimension: { type: 'string', default: '128' },
    searches: { type: 'string', default: '800' },
    inserts: { type: 'string', default: '400' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' },
    io: { type: 'string', default: 'auto' },
  },
});

const elements = Number(values.elements);
const dimension = Number(values.dimension);
const BATCH = 500;
const WARM_PINGS = 20_000;
/** A server has settled when it takes less than this part of a core. */
const IDLE_SHARE = 0.05;
const US_PER_TICK = 10_000;
/** Searches, and inserts, whose cost is measured in a round. */
const OPERATIONS = 3000;

/** A connection that waits for each reply. */
class Client {
  readonly #socket: Socket;
  #wanted = 0;
  #received = 0;
  #onReply: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.length;
      if (this.#received >= this.#wanted) this.#onReply();
    });
  }

  static open(port: number): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => { resolve(new Client(socket)); });
      socket.once('error', reject);
    });
  }

  /** Sends requests whose replies have so many bytes together, or more in one piece. */
  call(request: Uint8Array, replyBytes: number): Promise<void> {
    this.#wanted = this.#received + replyBytes;
    return new Promise((resolve) => {
      this.#onReply = resolve;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** CPU time of each thread of a process, microseconds. */
function threadUs(pid: number): Map<string, number> {
  const used = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    used.set(thread, (Number(fields[11]) + Number(fields[12])) * US_PER_TICK);
  }
  return used;
}

function vectorOf(): Uint8Array {
  return new Uint8Array(
    Float32Array.from({ length: dimension }, () => Math.random() - 0.5).buffer,
  );
}

const ping = encodeRequest(['PING']);
const PONG_BYTES = 7;

interface Figures {
  readonly p50: number;
  readonly p99: number;
  /** Operations of the storm that were answered a second. */
  readonly stormed: number;
}

class Contestant {
  readonly name: string;
  readonly server: ServerProcess;
  readonly client: Client;
  shardThread = '';
  readonly quiet: Figures[] = [];
  readonly storm: Figures[] = [];
  /** CPU time of the shard's thread for one, microseconds. */
  readonly searchUs: number[] = [];
  readonly insertUs: number[] = [];

  private constructor(name: string, server: ServerProcess, client: Client) {
    this.name = name;
    this.server = server;
    this.client = client;
  }

  static async start(name: string, threads: number): Promise<Contestant> {
    // An option of several workers keeps it from being pinned to one core.
    const server = await startKora([
      '--io', values.io, '--workers', '1', '--vector-threads', String(threads),
    ], [], name);
    return new Contestant(name, server, await Client.open(server.port));
  }

  async fill(): Promise<void> {
    for (let at = 0; at < elements; at += BATCH) {
      const requests = Array.from({ length: BATCH }, (_, i) => {
        return encodeRequest(['VADD', 'v', 'FP32', vectorOf(), `e${at + i}`, 'NOQUANT']);
      });
      await this.client.call(Buffer.concat(requests), BATCH * 4);
    }
    await this.settle();
  }

  /** Waits until nothing is left to link. */
  async settle(): Promise<void> {
    for (let share = 1; share > IDLE_SHARE;) {
      const before = this.server.cpuSeconds();
      await pause(1000);
      const after = this.server.cpuSeconds();
      share = after.user + after.system - before.user - before.system;
    }
  }

  #shardUs(): number {
    return threadUs(this.server.pid).get(this.shardThread) ?? 0;
  }

  /** What searches and inserts take of the shard's thread. */
  async cost(): Promise<void> {
    const count = OPERATIONS;
    const beforeUs = this.#shardUs();
    for (let i = 0; i < count; i++) {
      const words = ['VSIM', 'v', 'FP32', vectorOf(), 'COUNT', '1', 'WITHSCORES'];
      await this.client.call(encodeRequest(words), 1);
    }
    const betweenUs = this.#shardUs();
    for (let i = 0; i < count; i++) {
      const name = `e${Math.floor(Math.random() * elements)}`;
      await this.client.call(encodeRequest(['VADD', 'v', 'FP32', vectorOf(), name, 'NOQUANT']), 4);
    }
    await this.settle();
    this.searchUs.push((betweenUs - beforeUs) / count);
    this.insertUs.push((this.#shardUs() - betweenUs) / count);
  }

  /** Pings, by which the shard's thread is known: it works most. */
  async warm(): Promise<void> {
    const before = threadUs(this.server.pid);
    for (let i = 0; i < WARM_PINGS; i++) await this.client.call(ping, PONG_BYTES);
    const spent = [...threadUs(this.server.pid)].map(([thread, us]) =>
      [thread, us - (before.get(thread) ?? 0)] as const).sort((a, b) => b[1] - a[1]);
    this.shardThread = spent[0]?.[0] ?? '';
  }

  async measure(hasStorm: boolean): Promise<void> {
    const plan: StormPlan = {
      port: this.server.port, searchesPerSecond: Number(values.searches),
      insertsPerSecond: Number(values.inserts), connections: 8, dimension, names: elements,
    };
    const storm = hasStorm ? new Worker(new URL('./vector/storm-load.js', import.meta.url), {
      workerData: plan,
    }) : undefined;
    if (storm !== undefined) await pause(500);
    const histogram = new LatencyHistogram();
    const startMs = performance.now();
    const endMs = startMs + Number(values.seconds) * 1000;
    for (let nowMs = startMs; nowMs < endMs;) {
      await this.client.call(ping, PONG_BYTES);
      const doneMs = performance.now();
      histogram.record((doneMs - nowMs) * 1000);
      nowMs = doneMs;
    }
    const seconds = (performance.now() - startMs) / 1000;
    let stormed = 0;
    if (storm !== undefined) {
      const told = new Promise<{ readonly answered: number }>((resolve) => {
        storm.once('message', resolve);
      });
      storm.postMessage('end');
      stormed = (await told).answered / (seconds + 0.5);
      await new Promise((resolve) => { storm.once('exit', resolve); });
    }
    (hasStorm ? this.storm : this.quiet).push({
      p50: histogram.percentileUs(50), p99: histogram.percentileUs(99), stormed,
    });
    await pause(500);
  }
}

const of = (figures: readonly Figures[], name: keyof Figures): number =>
  median(figures.map((each) => each[name]));

const threads = Number(values.threads);
const contestants = [
  await Contestant.start('in place', 0),
  await Contestant.start(`${threads} thread${threads === 1 ? '' : 's'}`, threads),
];
for (const contestant of contestants) {
  await contestant.fill();
  await contestant.warm();
}
for (let round = 0; round < Number(values.rounds); round++) {
  for (const contestant of round % 2 === 0 ? contestants : [...contestants].reverse()) {
    await contestant.measure(false);
    await contestant.measure(true);
    await contestant.settle();
    await contestant.cost();
  }
}
const rates = `${values.searches} searches, ${values.inserts} overwritten a second`;
console.log(`${elements} x ${dimension}; ${rates}; PING, us\n`);
console.log(markdownTable(
  ['', 'quiet p50 / p99', 'storm p50 / p99', 'p99 ratio', 'storm answered /s',
    'shard CPU, us: a search / an insert'],
  contestants.map(({ name, quiet, storm, searchUs, insertUs }) => [
    name, `${of(quiet, 'p50').toFixed(0)} / ${of(quiet, 'p99').toFixed(0)}`,
    `${of(storm, 'p50').toFixed(0)} / ${of(storm, 'p99').toFixed(0)}`,
    (of(storm, 'p99') / of(quiet, 'p99')).toFixed(2), of(storm, 'stormed').toFixed(0),
    `${median(searchUs).toFixed(1)} / ${median(insertUs).toFixed(1)}`,
  ]),
));
for (const { client, server } of contestants) {
  client.close();
  await server.stop();
}
