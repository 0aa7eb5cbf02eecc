/**
 * `pnpm bench:idle`: what connections that say nothing cost: percent of a core and resident memory
 * of redis-server and of Kora with each I/O engine, while 10,000 clients that each sent one PING
 * wait. One server at a time, so that nobody else's timers count.
 * CPU comes from /proc in ticks of 10 ms: over 20 s that is 0.05 % of a core.
 * Options: --io uring,epoll,node --connections 10000 --seconds 20
 * Both ends of a connection need a descriptor: `ulimit -n` has to allow some more than that.
 */
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { ServerKind } from './processes.ts';
import { serverKinds } from './processes.ts';
import { markdownTable } from './table.ts';

const { values } = parseArgs({
  options: {
    io: { type: 'string', default: 'uring,epoll,node' },
    connections: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '20' },
  },
});

/** Connections under way at once: fewer than any server lets wait. */
const CONNECTING_MAX = 100;
/**
 * Between the last connection and the measurement: what connections leave to free is freed, and the
 * collector of a JavaScript program looks once more after eight seconds without work.
 */
const SETTLE_MS = 15_000;

/** A connection that has been answered once. */
function greeted(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('error', reject);
    socket.once('close', () => {
      reject(new Error('the server closed an idle connection'));
    });
    socket.once('data', () => {
      resolve(socket);
    });
  });
}

async function measure(kind: ServerKind): Promise<string[]> {
  const count = Number(values.connections);
  const server = await kind.start(['--maxclients', String(count + CONNECTING_MAX)]);
  const sockets: Socket[] = [];
  try {
    const emptyBytes = server.residentBytes();
    while (sockets.length < count) {
      const batch = Math.min(CONNECTING_MAX, count - sockets.length);
      sockets.push(...await Promise.all(Array.from({ length: batch }, () => greeted(server.port))));
    }
    await pause(SETTLE_MS);
    const before = server.cpuSeconds();
    const startMs = performance.now();
    await pause(Number(values.seconds) * 1000);
    const elapsedSeconds = (performance.now() - startMs) / 1000;
    const after = server.cpuSeconds();
    const share = (spent: number): string => ((spent / elapsedSeconds) * 100).toFixed(2);
    const user = after.user - before.user;
    const system = after.system - before.system;
    const perConnection = (server.residentBytes() - emptyBytes) / count;
    return [
      kind.name, `${share(user + system)} (${share(user)}+${share(system)})`,
      perConnection.toFixed(0),
    ];
  } finally {
    for (const socket of sockets) socket.destroy();
    await server.stop();
  }
}

/** Measures all servers, one after another, and prints the table. */
async function main(): Promise<void> {
  const rows: string[][] = [];
  for (const kind of await serverKinds(values.io.split(','))) rows.push(await measure(kind));
  const heads = ['server', '% of a core (user+sys)', 'RSS growth, bytes a connection'];
  process.stdout.write(
    `${values.connections} idle connections over ${values.seconds} s, Node ${process.version}\n\n` +
      `${markdownTable(heads, rows)}\n`,
  );
}

await main();
