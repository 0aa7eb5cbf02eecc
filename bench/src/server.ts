/**
 * `pnpm bench:server`: Kora behind a socket, once for each I/O engine, against redis-server on the
 * same machine, interleaved in the same run. Servers on core 0, load on core 1.
 * Every round starts with the other end of the list; the table shows medians, one row for each load
 * and server. Server CPU per operation (user + system, all threads, from /proc) and its ratio to
 * redis-server come first: they do not depend on the load generator or on who else uses the other
 * core. That clock ticks 100 times a second, so a run is made long enough for redis-server to use
 * --cpu-seconds, found by a short run before.
 * Options: --io uring,epoll,node --rounds 5 --tests get,set --pipelines 1,16 --bytes 64
 *   --connections 50 --keys 100000 --cpu-seconds 2.5
 *   --operations N   instead of --cpu-seconds: per run at P=1, and P times as many pipelined
 *   --own-keys 2     as many generators at once, each on keys of one hashtag; with as many workers
 *                    each connects to the port of the worker that owns its keys
 * All combinations are run; --bytes 1024,16384,65536 or --connections 50,500,5000 show those.
 */
import { parseArgs } from 'node:util';
import { slotOfKey, slotOwners } from '@kora/core';
import { freePort } from '@kora/server/testing';
import type { Load, LoadEnd, LoadResult } from './load.ts';
import { runLoad, runSharedLoad } from './load.ts';
import type { ServerKind, ServerProcess } from './processes.ts';
import { LOAD_CORE, isInstalled, pinTo, serverKinds } from './processes.ts';
import { markdownTable, median } from './table.ts';

const { values } = parseArgs({
  options: {
    io: { type: 'string', default: 'uring,epoll,node' },
    rounds: { type: 'string', default: '5' },
    pipelines: { type: 'string', default: '1,16' },
    tests: { type: 'string', default: 'get,set' },
    connections: { type: 'string', default: '50' },
    bytes: { type: 'string', default: '64' },
    keys: { type: 'string', default: '100000' },
    'cpu-seconds': { type: 'string', default: '2.5' },
    operations: { type: 'string' },
    'own-keys': { type: 'string', default: '0' },
  },
});

const OPERATIONS_MAX = 20_000_000;
/** Operations of the run that finds out how long one takes, and of the warming, at P=1... */
const TRIAL_OPERATIONS = 40_000;
/** ... and the bytes of values at most that they carry. */
const TRIAL_BYTES_MAX = 512 << 20;
/** Values of one size take no more than this. */
const DATA_BYTES_MAX = 256 << 20;
/** Of keys drawn at random, this many times their number leave 5 % without a value. */
const FILL_FACTOR = 3;
/** Connections that may wait to be accepted: 5,000 come at once. */
const BACKLOG = ['--tcp-backlog', '4096'];

type Results = Map<string, LoadResult[]>;

const ENDS = Number(values['own-keys']);
/** Where the generators of a server connect, when there are several. */
const endsOf = new Map<ServerProcess, readonly LoadEnd[]>();

const numbers = (list: string): number[] => list.split(',').map(Number);
const keysOf = (bytes: number): number =>
  Math.max(1, Math.min(Number(values.keys), Math.floor(DATA_BYTES_MAX / bytes)));
const trialOperations = (bytes: number): number =>
  Math.min(TRIAL_OPERATIONS, Math.ceil(TRIAL_BYTES_MAX / bytes));
const nameOf = (load: Load): string =>
  `${load.test} P=${load.pipeline} ${load.valueBytes} B ${load.connections} connections`;

/** All loads with values of this size; the number of operations is set later. */
function loadsOf(bytes: number): Load[] {
  return numbers(values.connections).flatMap((connections) =>
    numbers(values.pipelines).flatMap((pipeline) =>
      values.tests.split(',').map((test) => ({
        // The generator refuses any other name itself.
        test: test as Load['test'],
        connections, pipeline, valueBytes: bytes, keys: keysOf(bytes),
        operations: trialOperations(bytes) * pipeline,
      })),
    ),
  );
}

/** Gives the keys values of this size and lets compilers see both commands. */
async function prepare(server: ServerProcess, bytes: number): Promise<void> {
  const keys = keysOf(bytes);
  const fill: Load = {
    test: 'set', connections: 50, pipeline: 16, valueBytes: bytes, keys,
    operations: Math.max(FILL_FACTOR * keys, trialOperations(bytes)),
  };
  await run(server, fill);
  await run(server, { ...fill, test: 'get' });
  const single: Load = { ...fill, pipeline: 1, operations: trialOperations(bytes) };
  await run(server, single);
  await run(server, { ...single, test: 'get' });
}

/** The load with as many operations as a run takes. */
async function scaled(server: ServerProcess, load: Load): Promise<Load> {
  let operations = Number(values.operations) * load.pipeline;
  if (values.operations === undefined) {
    const trial = await run(server, load);
    operations = Math.ceil((Number(values['cpu-seconds']) * 1e6) / (trial.userUs + trial.systemUs));
  }
  return { ...load, operations: Math.min(operations, OPERATIONS_MAX) };
}

/** Runs all loads of one size, in rounds; adds to the results. */
async function measure(
  servers: readonly ServerProcess[], bytes: number, results: Results,
): Promise<Load[]> {
  const [first] = servers;
  if (first === undefined) throw new Error('no server can be had here');
  for (const server of servers) await prepare(server, bytes);
  const loads: Load[] = [];
  for (const load of loadsOf(bytes)) loads.push(await scaled(first, load));
  for (let round = 0; round < Number(values.rounds); round++) {
    const order = round % 2 === 0 ? servers : [...servers].reverse();
    for (const load of loads) {
      for (const server of order) {
        const key = `${nameOf(load)} ${server.name}`;
        results.set(key, [...(results.get(key) ?? []), await run(server, load)]);
      }
    }
    process.stderr.write(`${bytes} B: round ${round + 1} of ${values.rounds}\n`);
  }
  return loads;
}

/** One row: a load on a server. */
function row(load: Load, server: ServerProcess, results: Results): string[] {
  const runs = results.get(`${nameOf(load)} ${server.name}`) ?? [];
  const of = (pick: (run: LoadResult) => number): number => median(runs.map(pick));
  const total = (run: LoadResult): number => run.userUs + run.systemUs;
  const reference = results.get(`${nameOf(load)} redis-server`) ?? [];
  const ratio = of(total) / median(reference.map(total));
  const split = `${of((run) => run.userUs).toFixed(2)}+${of((run) => run.systemUs).toFixed(2)}`;
  return [
    load.test.toUpperCase(), String(load.pipeline), String(load.valueBytes),
    String(load.connections), server.name,
    `${of(total).toFixed(2)} (${split})`,
    Number.isNaN(ratio) ? '-' : ratio.toFixed(2),
    `${Math.round(of((run) => run.operationsPerSecond) / 1000)} k`,
    [of((run) => run.p50Ms), of((run) => run.p99Ms), of((run) => run.p999Ms)]
      .map((ms) => ms.toFixed(2)).join(' / '),
  ];
}

/** A hashtag whose keys belong to this one of as many workers as there are generators. */
function tagOf(worker: number): string {
  const owners = slotOwners(ENDS);
  for (let i = 0; ; i++) {
    const tag = `t${i}`;
    const bytes = Buffer.from(tag);
    if (owners[slotOfKey(bytes, 0, bytes.length)] === worker) return tag;
  }
}

/** Starts a server, with a port for each worker where the load asks for that. */
async function startOne(kind: ServerKind): Promise<ServerProcess> {
  const hasPorts = ENDS > 0 && kind.name.endsWith(`:${ENDS}`);
  const first = hasPorts ? await freePort() : 0;
  const server = await kind.start(
    hasPorts ? [...BACKLOG, '--cluster-ports', String(first)] : BACKLOG,
  );
  const ends = Array.from({ length: ENDS }, (_, i) => (
    { port: hasPorts ? first + i : server.port, tag: tagOf(i) }
  ));
  endsOf.set(server, ends);
  return server;
}

/** Runs the load once, from as many generators as were asked for. */
function run(server: ServerProcess, load: Load): Promise<LoadResult> {
  const ends = endsOf.get(server) ?? [];
  return ends.length === 0 ? runLoad(server, load) : runSharedLoad(server, load, ends);
}

/** Starts the servers, runs all loads, prints the table. */
async function main(): Promise<void> {
  const servers: ServerProcess[] = [];
  try {
    for (const kind of await serverKinds(values.io.split(','))) {
      servers.push(await startOne(kind));
    }
    const results: Results = new Map();
    const rows: string[][] = [];
    for (const bytes of numbers(values.bytes)) {
      const loads = await measure(servers, bytes, results);
      rows.push(...loads.flatMap((load) => servers.map((server) => row(load, server, results))));
    }
    const heads = [
      'test', 'P', 'bytes', 'clients', 'server', 'CPU us/op (user+sys)', 'of redis', 'ops/s',
      'ms p50 / p99 / p99.9',
    ];
    process.stdout.write(
      `${values.rounds} interleaved rounds, medians, Node ${process.version}, ` +
        `server and load ${pinTo(LOAD_CORE).length > 0 ? '' : 'not '}pinned\n\n` +
        `${markdownTable(heads, rows)}\n`,
    );
  } finally {
    for (const server of servers) await server.stop();
  }
}

if (isInstalled('redis-benchmark')) {
  await main();
} else {
  process.stderr.write('bench:server needs redis-benchmark (package redis-tools)\n');
  process.exitCode = 1;
}
