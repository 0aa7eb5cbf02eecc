/**
 * The open-loop generator as a process of its own, so that it has a core and a heap to itself:
 * started by open-loop.ts, prints its figures as one line of JSON. A busy loop: it never sleeps,
 * for a timer of the system is later than the latencies it measures.
 * What is left of garbage is node:net's own (an object for each write): a collection of the young
 * generation takes well below a millisecond and hits all servers alike.
 * Usage: node open-loop-client.js PORT '{...}' with the fields of ClientPlan
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { OpenLoopGenerator, setRequest } from './open-loop-generator.ts';
import { ReplyCounter } from './reply-counter.ts';

/** What the process is asked to do. */
export interface ClientPlan {
  readonly connections: number;
  readonly rate: number;
  readonly schedule: 'poisson' | 'fixed';
  readonly writePercent: number;
  readonly valueBytes: number;
  /** Written before the first operation. */
  readonly keys: number;
  readonly seed: number;
  /** Before the measurement, at the same rate. */
  readonly warmSeconds: number;
  readonly seconds: number;
}

/** What it found. */
export interface ClientFigures {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  /** What the generator itself was late, from due to written. */
  readonly lateP50Us: number;
  readonly lateP99Us: number;
  /** Operations a second that were measured. */
  readonly achievedRate: number;
  readonly keys: number;
  readonly misses: number;
  readonly errors: number;
}

const RECEIVE_BYTES = 65_536;
const FILL_BATCH = 1000;
/** How long replies may take after the last request. */
const DRAIN_MS_MAX = 5000;

function fail(error: Error): never {
  process.stderr.write(`open-loop-client: ${error.message}\n`);
  process.exit(1);
}

/** Opens a connection whose bytes go to `take`, in one buffer that is used again. */
async function open(
  port: number, take: (bytes: number, buffer: Uint8Array) => void,
): Promise<Socket> {
  const onread = {
    buffer: Buffer.allocUnsafe(RECEIVE_BYTES),
    callback(bytes: number, buffer: Uint8Array): boolean {
      take(bytes, buffer);
      return true;
    },
  };
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
  await once(socket, 'connect');
  socket.on('error', fail);
  socket.on('end', () => fail(new Error('the server ended a connection')));
  return socket;
}

/** Writes the first keys, as many at a time as fit a batch. */
async function fill(port: number, plan: ClientPlan): Promise<void> {
  const replies = new ReplyCounter();
  let answered = 0;
  let wake: () => void = () => undefined;
  const socket = await open(port, (bytes, buffer) => {
    answered += replies.feed(buffer, bytes);
    wake();
  });
  for (let key = 0; key < plan.keys; ) {
    const batch: Uint8Array[] = [];
    for (; batch.length < FILL_BATCH && key < plan.keys; key++) {
      batch.push(setRequest(key, plan.valueBytes));
    }
    socket.write(Buffer.concat(batch));
    while (answered < key) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  if (replies.errors > 0) fail(new Error(`${replies.errors} errors while filling`));
  socket.destroy();
}

async function run(port: number, plan: ClientPlan): Promise<ClientFigures> {
  await fill(port, plan);
  const sockets: Socket[] = [];
  for (let i = 0; i < plan.connections; i++) {
    sockets.push(await open(port, (bytes, buffer) => {
      generator.onBytes(i, buffer, bytes, performance.now());
    }));
  }
  const startMs = performance.now() + 1;
  const countFromMs = startMs + plan.warmSeconds * 1000;
  const endMs = countFromMs + plan.seconds * 1000;
  const generator = new OpenLoopGenerator({ ...plan, startMs, countFromMs });
  for (const socket of sockets) generator.addConnection((request) => socket.write(request));
  await new Promise<void>((resolve) => {
    const turn = (): void => {
      const nowMs = performance.now();
      if (nowMs < endMs) generator.sendDue(nowMs);
      const isOver = nowMs >= endMs && generator.inFlight === 0;
      if (isOver || nowMs > endMs + DRAIN_MS_MAX) resolve();
      else setImmediate(turn);
    };
    turn();
  });
  if (generator.inFlight > 0) fail(new Error(`${generator.inFlight} operations without a reply`));
  const { latency, lateness } = generator;
  return {
    p50Us: latency.percentileUs(50), p99Us: latency.percentileUs(99),
    p999Us: latency.percentileUs(99.9), maxUs: latency.maxUs,
    lateP50Us: lateness.percentileUs(50), lateP99Us: lateness.percentileUs(99),
    achievedRate: latency.count / plan.seconds,
    keys: generator.keys, misses: generator.misses, errors: generator.errors,
  };
}

const [port = '', plan = '{}'] = process.argv.slice(2);
// Written by open-loop.ts from a ClientPlan.
const figures = await run(Number(port), JSON.parse(plan) as ClientPlan);
process.stdout.write(`${JSON.stringify(figures)}\n`);
process.exit(0);
