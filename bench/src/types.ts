/**
 * `pnpm bench:types`: the commands of every type over sockets, Kora with each I/O engine beside
 * redis-server, interleaved in the same run; then sorted sets of a million members inside the
 * shard, without sockets. Servers on core 0, load on core 1, as in bench:server: every round starts
 * with the other end of the list, the table shows medians of server CPU per operation, and a run is
 * long enough for redis-server to use --cpu-seconds. A run that changes data starts from an empty
 * server and what it needs there, and not before the server rests.
 * Options: --io uring --rounds 5 --tests LPUSH,ZADD (all) --pipeline 16 --connections 50 --bytes 3
 *   --cpu-seconds 1 --operations-max 2000000 --inside 1000000 (0 leaves the shard's part out)
 */
import { parseArgs } from 'node:util';
import { ask, fillWith, untilIdle } from './fill.ts';
import type { LoadResult } from './load.ts';
import { runCommandLoad } from './load.ts';
import type { ServerProcess } from './processes.ts';
import { isInstalled, LOAD_CORE, pinTo, serverKinds } from './processes.ts';
import { markdownTable, median } from './table.ts';
import type { TypeLoad } from './type-loads.ts';
import { typeLoads } from './type-loads.ts';
import { measureInside } from './types-inside.ts';

const { values } = parseArgs({
  options: {
    io: { type: 'string', default: 'uring' },
    rounds: { type: 'string', default: '5' },
    tests: { type: 'string', default: '' },
    pipeline: { type: 'string', default: '16' },
    connections: { type: 'string', default: '50' },
    bytes: { type: 'string', default: '3' },
    'cpu-seconds': { type: 'string', default: '1' },
    'operations-max': { type: 'string', default: '2000000' },
    inside: { type: 'string', default: '1000000' },
  },
});

/** Operations of the run that finds out how long one takes. */
const TRIAL_OPERATIONS = 50_000;

type Results = Map<string, LoadResult[]>;

const totalUs = (run: LoadResult): number => run.userUs + run.systemUs;

/** Empties the server and makes what a run of so many operations needs. */
async function prepare(server: ServerProcess, load: TypeLoad, operations: number): Promise<void> {
  await ask(server, ['FLUSHALL']);
  const fill = load.fill?.(operations);
  if (fill !== undefined) await fillWith(server, fill.count, fill.request);
  await untilIdle(server);
}

async function run(
  server: ServerProcess, load: TypeLoad, operations: number, isPrepared = false,
): Promise<LoadResult> {
  if (!isPrepared) await prepare(server, load, operations);
  return runCommandLoad(server, {
    words: load.words, keys: load.keys, operations,
    connections: Number(values.connections), pipeline: Number(values.pipeline),
  });
}

/** As many operations as the first server needs for the wanted CPU time. */
async function operationsOf(server: ServerProcess, load: TypeLoad): Promise<number> {
  await run(server, load, TRIAL_OPERATIONS);
  const trial = await run(server, load, TRIAL_OPERATIONS);
  const wanted = Math.ceil((Number(values['cpu-seconds']) * 1e6) / totalUs(trial));
  return Math.min(Math.max(wanted, TRIAL_OPERATIONS), Number(values['operations-max']));
}

async function measureLoad(
  servers: readonly ServerProcess[], load: TypeLoad, results: Results,
): Promise<void> {
  const [first] = servers;
  if (first === undefined) throw new Error('no server can be had here');
  const operations = await operationsOf(first, load);
  // Compilers see each command before it counts.
  for (const server of servers) await run(server, load, operations);
  for (let round = 0; round < Number(values.rounds); round++) {
    const order = round % 2 === 0 ? servers : [...servers].reverse();
    for (const server of order) {
      const key = `${load.name} ${server.name}`;
      const result = await run(server, load, operations, !load.isChanging);
      results.set(key, [...(results.get(key) ?? []), result]);
    }
  }
  process.stderr.write(`${load.name}: ${operations} operations a run\n`);
}

/** One row: a load on a server. */
function row(load: TypeLoad, server: ServerProcess, results: Results): string[] {
  const runs = results.get(`${load.name} ${server.name}`) ?? [];
  const of = (pick: (run: LoadResult) => number): number => median(runs.map(pick));
  const reference = results.get(`${load.name} redis-server`) ?? [];
  const ratio = of(totalUs) / median(reference.map(totalUs));
  const isReference = server.name === 'redis-server';
  return [
    load.name, server.name,
    `${of(totalUs).toFixed(2)} (${of((one) => one.userUs).toFixed(2)}` +
      `+${of((one) => one.systemUs).toFixed(2)})`,
    Number.isNaN(ratio) ? '-' : ratio.toFixed(2),
    isReference ? '' : load.goal.toFixed(2),
    isReference || Number.isNaN(ratio) ? '' : ratio <= load.goal ? 'yes' : 'NO',
    `${Math.round(of((one) => one.operationsPerSecond) / 1000)} k`,
  ];
}

async function overSockets(): Promise<void> {
  const wanted = new Set(values.tests === '' ? [] : values.tests.split(','));
  const loads = typeLoads('v'.repeat(Number(values.bytes)))
    .filter(({ name }) => wanted.size === 0 || wanted.has(name));
  const servers: ServerProcess[] = [];
  try {
    for (const kind of await serverKinds(values.io.split(','))) servers.push(await kind.start());
    const results: Results = new Map();
    for (const load of loads) await measureLoad(servers, load, results);
    const heads = [
      'command', 'server', 'CPU us/op (user+sys)', 'of redis', 'goal', 'met', 'ops/s',
    ];
    const rows = loads.flatMap((load) => servers.map((server) => row(load, server, results)));
    const pinned = pinTo(LOAD_CORE).length > 0 ? 'pinned' : 'not pinned';
    process.stdout.write(
      `${values.rounds} interleaved rounds, medians, P=${values.pipeline}, ` +
        `${values.connections} connections, values of ${values.bytes} B, ` +
        `Node ${process.version}, server and load ${pinned}\n\n` +
        `${markdownTable(heads, rows)}\n`,
    );
  } finally {
    for (const server of servers) await server.stop();
  }
}

const isMeasurable = isInstalled('redis-benchmark');
if (isMeasurable) {
  await overSockets();
} else {
  process.stderr.write('bench:types over sockets needs redis-benchmark (package redis-tools)\n');
  process.exitCode = 1;
}
const members = Number(values.inside);
if (members > 0) process.stdout.write(`\n${measureInside(members)}\n`);
