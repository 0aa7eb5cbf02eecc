/**
 * `pnpm bench:blocking`: what commands that wait cost, Kora with each I/O engine beside
 * redis-server, servers on core 0 and everything else on core 1, interleaved: every round starts
 * with the other end of the list, the table shows medians.
 *   wake    10,000 clients wait, each for a key of its own (BLPOP); one at a time is woken by a
 *           push and waits again: server CPU of a push, a wake-up and a new wait
 *   idle    the same clients, nobody woken: percent of a core
 *   queue   50 clients take from one list (BRPOP), 50 push to it, as fast as they can: items for a
 *           CPU second of the server
 * Options: --io uring,epoll (uring:2 = two workers) --rounds 5 --clients 10000 --wakes 20000
 *   --queue-seconds 4 --idle-seconds 10 --pairs 50
 * Both ends of a connection need a descriptor: `ulimit -n` has to allow some more than that.
 */
import { execFileSync } from 'node:child_process';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { ServerKind, ServerProcess } from './processes.ts';
import { LOAD_CORE, pinTo, serverKinds } from './processes.ts';
import { markdownTable, median } from './table.ts';

const { values } = parseArgs({
  options: {
    io: { type: 'string', default: 'uring,epoll' },
    rounds: { type: 'string', default: '5' },
    clients: { type: 'string', default: '10000' },
    wakes: { type: 'string', default: '20000' },
    'queue-seconds': { type: 'string', default: '4' },
    'idle-seconds': { type: 'string', default: '10' },
    pairs: { type: 'string', default: '50' },
  },
});

/** Connections under way at once: fewer than any server lets wait. */
const CONNECTING_MAX = 100;
/** Before the first measurement of a server: compilers see the work once. */
const WARM_WAKES = 40_000;
const SETTLE_MS = 2_000;
const KEY_DIGITS = 6;

/** What one round has measured. */
interface Round {
  readonly wakeUs: number;
  readonly idlePercent: number;
  readonly itemsPerCpuSecond: number;
  readonly itemsPerSecond: number;
}

/** A connection that sends requests of one kind and whose replies have one length. */
class Client {
  readonly #socket: Socket;
  readonly #replyBytes: number;
  #received = 0;
  #onReply: () => void = () => undefined;

  constructor(socket: Socket, replyBytes: number) {
    this.#socket = socket;
    this.#replyBytes = replyBytes;
    socket.setNoDelay(true);
    socket.on('data', (piece) => {
      this.#received += piece.length;
      if (this.#received < this.#replyBytes) return;
      this.#received -= this.#replyBytes;
      this.#onReply();
    });
  }

  /** What happens with every whole reply from now on. */
  whenAnswered(onReply: () => void): void {
    this.#onReply = onReply;
  }

  send(request: string): void {
    this.#socket.write(request);
  }

  end(): void {
    this.#socket.destroy();
  }
}

function open(port: number, replyBytes: number): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      resolve(new Client(socket, replyBytes));
    });
    socket.once('error', reject);
  });
}

async function openMany(port: number, count: number, replyBytes: number): Promise<Client[]> {
  const clients: Client[] = [];
  while (clients.length < count) {
    const batch = Math.min(CONNECTING_MAX, count - clients.length);
    clients.push(...await Promise.all(
      Array.from({ length: batch }, () => open(port, replyBytes)),
    ));
  }
  return clients;
}

const request = (...words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
const keyOf = (i: number): string => `k${String(i).padStart(KEY_DIGITS, '0')}`;
const poppedBytes = (key: string): number => `*2\r\n$${key.length}\r\n${key}\r\n$1\r\nx\r\n`.length;
const cpuOf = (server: ServerProcess): number => {
  const { user, system } = server.cpuSeconds();
  return user + system;
};

/** Wakes one after the other. */
function wake(waiters: readonly Client[], pusher: Client, count: number): Promise<void> {
  return new Promise((resolve) => {
    let done = 0;
    const push = (): void => {
      pusher.send(request('RPUSH', keyOf(done % waiters.length), 'x'));
    };
    for (const [i, waiter] of waiters.entries()) {
      waiter.whenAnswered(() => {
        waiter.send(request('BLPOP', keyOf(i), '0'));
        done++;
        if (done < count) push();
        else resolve();
      });
    }
    push();
  });
}

async function measureWakes(server: ServerProcess): Promise<[number, number]> {
  const count = Number(values.clients);
  const waiters = await openMany(server.port, count, poppedBytes(keyOf(0)));
  const pusher = await open(server.port, ':1\r\n'.length);
  for (const [i, waiter] of waiters.entries()) waiter.send(request('BLPOP', keyOf(i), '0'));
  await pause(SETTLE_MS);
  await wake(waiters, pusher, WARM_WAKES);
  await pause(SETTLE_MS);
  const wakes = Number(values.wakes);
  const before = cpuOf(server);
  await wake(waiters, pusher, wakes);
  const wakeUs = ((cpuOf(server) - before) * 1e6) / wakes;
  await pause(SETTLE_MS);
  const idleSeconds = Number(values['idle-seconds']);
  const beforeIdle = cpuOf(server);
  await pause(idleSeconds * 1000);
  const idlePercent = ((cpuOf(server) - beforeIdle) / idleSeconds) * 100;
  for (const client of [...waiters, pusher]) client.end();
  await pause(SETTLE_MS);
  return [wakeUs, idlePercent];
}

async function measureQueue(server: ServerProcess): Promise<[number, number]> {
  const pairs = Number(values.pairs);
  const consumers = await openMany(server.port, pairs, poppedBytes('queue'));
  const producers: Client[] = [];
  let items = 0;
  let isOver = false;
  for (const consumer of consumers) {
    consumer.whenAnswered(() => {
      items++;
      consumer.send(request('BRPOP', 'queue', '0'));
    });
    consumer.send(request('BRPOP', 'queue', '0'));
  }
  for (let i = 0; i < pairs; i++) {
    // `:1` as long as somebody waits; a queue that grows has longer numbers, which are counted out.
    const producer = await open(server.port, 1);
    let isAsked = false;
    producer.whenAnswered(() => {
      if (isAsked) return;
      isAsked = true;
      setImmediate(() => {
        isAsked = false;
        if (!isOver) producer.send(request('LPUSH', 'queue', 'x'));
      });
    });
    producers.push(producer);
    producer.send(request('LPUSH', 'queue', 'x'));
  }
  const seconds = Number(values['queue-seconds']);
  await pause(SETTLE_MS);
  const [itemsBefore, cpuBefore, startMs] = [items, cpuOf(server), performance.now()];
  await pause(seconds * 1000);
  const taken = items - itemsBefore;
  const cpu = cpuOf(server) - cpuBefore;
  const elapsedSeconds = (performance.now() - startMs) / 1000;
  isOver = true;
  await pause(SETTLE_MS / 4);
  for (const client of [...consumers, ...producers]) client.end();
  return [taken / cpu, taken / elapsedSeconds];
}

async function measure(kind: ServerKind): Promise<Round> {
  const room = Number(values.clients) + 2 * CONNECTING_MAX;
  const server = await kind.start(['--maxclients', String(room)]);
  try {
    const [wakeUs, idlePercent] = await measureWakes(server);
    const [itemsPerCpuSecond, itemsPerSecond] = await measureQueue(server);
    return { wakeUs, idlePercent, itemsPerCpuSecond, itemsPerSecond };
  } finally {
    await server.stop();
  }
}

/** This process has the core of the load to itself. */
function pinThisProcess(): void {
  if (pinTo(LOAD_CORE).length === 0) return;
  execFileSync('taskset', ['-acp', String(LOAD_CORE), String(process.pid)], { stdio: 'ignore' });
}

/** Measures all servers, round by round, and prints the table. */
async function main(): Promise<void> {
  pinThisProcess();
  const kinds = await serverKinds(values.io.split(','));
  const rounds = new Map<string, Round[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const kind of round % 2 === 0 ? kinds : [...kinds].reverse()) {
      rounds.set(kind.name, [...(rounds.get(kind.name) ?? []), await measure(kind)]);
    }
  }
  const rows = kinds.map(({ name }) => {
    const of = (pick: (round: Round) => number): number =>
      median((rounds.get(name) ?? []).map(pick));
    return [
      name, of((one) => one.wakeUs).toFixed(1), of((one) => one.idlePercent).toFixed(2),
      of((one) => one.itemsPerCpuSecond).toFixed(0), of((one) => one.itemsPerSecond).toFixed(0),
    ];
  });
  const heads = [
    'server', 'CPU of a wake-up, us', 'idle, % of a core', 'queue: items a CPU second',
    'items a second',
  ];
  process.stdout.write(
    `${values.clients} clients that wait, ${values.pairs} pairs at the queue, ` +
      `medians of ${values.rounds}, Node ${process.version}\n\n${markdownTable(heads, rows)}\n`,
  );
}

await main();
