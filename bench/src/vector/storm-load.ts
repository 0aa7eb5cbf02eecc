/**
 * The storm of `vector-storm.ts`, a thread of its own: searches and inserts into one big vector set
 * at given rates, due on a schedule that does not wait for replies, over a few connections. Ends
 * when it is told and says how many were answered.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { encodeRequest, ReplyDecoder, replyNodes } from '@kora/protocol';

/** What the storm is told. */
export interface StormPlan {
  readonly port: number;
  readonly searchesPerSecond: number;
  readonly insertsPerSecond: number;
  readonly connections: number;
  readonly dimension: number;
  /** Names of the set that are overwritten. */
  readonly names: number;
}

const SLICE_MS = 2;
const REQUESTS = 256;

// The boundary between threads: the benchmark gives exactly this.
const plan = workerData as StormPlan;
let answered = 0;
let asked = 0;

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(plan.port, '127.0.0.1', () => { resolve(socket); });
    socket.setNoDelay(true);
    socket.once('error', reject);
    const decoder = new ReplyDecoder(replyNodes);
    socket.on('data', (chunk: Buffer) => {
      for (const node of decoder.feed(chunk)) {
        if (node.type === 'error') throw new Error(node.value);
        answered++;
      }
    });
  });
}

function vector(): Uint8Array {
  const components = Float32Array.from({ length: plan.dimension }, () => Math.random() - 0.5);
  return new Uint8Array(components.buffer);
}

const searches = Array.from({ length: REQUESTS }, () =>
  encodeRequest(['VSIM', 'v', 'FP32', vector()]));
const inserts = Array.from({ length: REQUESTS }, () => encodeRequest(
  ['VADD', 'v', 'FP32', vector(), `e${Math.floor(Math.random() * plan.names)}`, 'NOQUANT'],
));

const sockets = await Promise.all(Array.from({ length: plan.connections }, open));
const startMs = performance.now();
let searched = 0;
let inserted = 0;
const timer = setInterval(() => {
  const seconds = (performance.now() - startMs) / 1000;
  for (; searched < seconds * plan.searchesPerSecond; searched++) {
    send(searches[searched % REQUESTS]);
  }
  for (; inserted < seconds * plan.insertsPerSecond; inserted++) {
    send(inserts[inserted % REQUESTS]);
  }
}, SLICE_MS);

function send(request: Uint8Array | undefined): void {
  if (request !== undefined) sockets[asked++ % sockets.length]?.write(request);
}

parentPort?.once('message', () => {
  clearInterval(timer);
  parentPort?.postMessage({ answered, asked });
  for (const socket of sockets) socket.destroy();
});
