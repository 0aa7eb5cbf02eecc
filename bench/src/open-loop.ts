/**
 * `pnpm bench:open-loop`: latency at a given rate, as clients feel it: operations are due on a
 * schedule that does not wait for replies, and latency counts from the time they were due. Half the
 * operations SET new keys, so that the table grows through its resizes; the others GET.
 * Every run has a server of its own, warmed by other keys, on core 0; the generator, a process of
 * its own on core 1 (open-loop-client.ts), shares its lateness, which is part of every latency.
 * The rate is a share of what redis-server does at P=1 with as many connections, measured first.
 * Rounds are interleaved over the servers, every other one backwards; medians of the rounds count.
 * Promise: p50 at most that of redis-server, p99 at most 1.1 times. Exit code 1 when a reply was
 * wrong.
 * Options: --io uring,epoll,node --rounds 5 --seconds 60 --warm-seconds 3 --connections 50
 *   --share 50 --rate OPERATIONS_A_SECOND --schedule poisson|fixed --write-percent 50 --bytes 64
 *   --keys 100000 --seed 1
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Load } from './load.ts';
import { runLoad } from './load.ts';
import type { ClientFigures, ClientPlan } from './open-loop-client.ts';
import type { ServerKind, ServerProcess } from './processes.ts';
import { LOAD_CORE, isInstalled, pinTo, serverKinds } from './processes.ts';
import { markdownTable, median } from './table.ts';

const { values } = parseArgs({
  options: {
    io: { type: 'string', default: 'uring,epoll,node' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '60' },
    'warm-seconds': { type: 'string', default: '3' },
    connections: { type: 'string', default: '50' },
    share: { type: 'string', default: '50' },
    rate: { type: 'string' },
    schedule: { type: 'string', default: 'poisson' },
    'write-percent': { type: 'string', default: '50' },
    bytes: { type: 'string', default: '64' },
    keys: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
});

/** Promised ratios to redis-server. */
const P50_RATIO_MAX = 1;
const P99_RATIO_MAX = 1.1;
/** Below this share of the rate the generator or the server did not keep up. */
const ACHIEVED_SHARE_MIN = 0.99;
/** Operations that warm a server, and that find the top rate. */
const WARM_OPERATIONS = 200_000;
const TOP_OPERATIONS = 300_000;
const TOP_ROUNDS = 3;
/** Big enough that a collection of the young generation is rare. */
const CLIENT_FLAGS = ['--max-semi-space-size=64'];

/** A load of redis-benchmark like that of the generator. */
function closedLoad(test: 'get' | 'set', operations: number): Load {
  return {
    test, operations, pipeline: 1, connections: Number(values.connections),
    valueBytes: Number(values.bytes), keys: Number(values.keys),
  };
}

async function warm(server: ServerProcess): Promise<void> {
  await runLoad(server, closedLoad('set', WARM_OPERATIONS));
  await runLoad(server, closedLoad('get', WARM_OPERATIONS));
}

/** Operations a second that the first server does when every client waits for its reply. */
async function topRate(kind: ServerKind): Promise<number> {
  const server = await kind.start();
  try {
    await warm(server);
    const rates: number[] = [];
    for (let i = 0; i < TOP_ROUNDS; i++) {
      const set = await runLoad(server, closedLoad('set', TOP_OPERATIONS));
      const get = await runLoad(server, closedLoad('get', TOP_OPERATIONS));
      const setShare = Number(values['write-percent']) / 100;
      rates.push(1 / (setShare / set.operationsPerSecond +
        (1 - setShare) / get.operationsPerSecond));
    }
    return median(rates);
  } finally {
    await server.stop();
  }
}

/** Runs the generator once against a fresh server. */
async function runOnce(kind: ServerKind, plan: ClientPlan): Promise<ClientFigures> {
  const server = await kind.start();
  try {
    await warm(server);
    return await generate(server, plan);
  } finally {
    await server.stop();
  }
}

function generate(server: ServerProcess, plan: ClientPlan): Promise<ClientFigures> {
  const program = fileURLToPath(new URL('./open-loop-client.js', import.meta.url));
  const words = [
    ...pinTo(LOAD_CORE), process.execPath, ...CLIENT_FLAGS, program, String(server.port),
    JSON.stringify(plan),
  ];
  const [command = '', ...rest] = words;
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      // Our own program prints nothing else.
      if (code === 0) resolve(JSON.parse(text) as ClientFigures);
      else reject(new Error(`the generator ended with ${String(code)}`));
    });
  });
}

function row(name: string, runs: readonly ClientFigures[], reference: readonly ClientFigures[]) {
  const of = (pick: (run: ClientFigures) => number): number => median(runs.map(pick));
  const ratio = (pick: (run: ClientFigures) => number): number =>
    of(pick) / median(reference.map(pick));
  const p50 = ratio((run) => run.p50Us);
  const p99 = ratio((run) => run.p99Us);
  const us = (value: number): string => value.toFixed(value < 100 ? 1 : 0);
  const isKept = p50 <= P50_RATIO_MAX && p99 <= P99_RATIO_MAX;
  return [
    name,
    us(of((run) => run.p50Us)), us(of((run) => run.p99Us)), us(of((run) => run.p999Us)),
    us(of((run) => run.maxUs)), us(Math.max(...runs.map((run) => run.maxUs))),
    Number.isNaN(p50) ? '-' : p50.toFixed(2), Number.isNaN(p99) ? '-' : p99.toFixed(2),
    Number.isNaN(p50) || name === 'redis-server' ? '-' : isKept ? 'yes' : 'no',
    `${us(of((run) => run.lateP50Us))} / ${us(of((run) => run.lateP99Us))}`,
    `${(of((run) => run.achievedRate) / 1000).toFixed(1)} k`,
  ];
}

function report(results: ReadonlyMap<string, readonly ClientFigures[]>, plan: ClientPlan): string {
  const reference = results.get('redis-server') ?? [];
  const rows = [...results].map(([name, runs]) => row(name, runs, reference));
  const heads = [
    'server', 'p50 us', 'p99', 'p99.9', 'max', 'worst max', 'p50 of redis', 'p99 of redis',
    `p50 <= ${P50_RATIO_MAX}, p99 <= ${P99_RATIO_MAX}`, 'generator late p50 / p99', 'ops/s',
  ];
  return `${values.rounds} interleaved rounds of ${plan.seconds} s at ${Math.round(plan.rate)} ` +
    `operations a second, ${plan.schedule}, ${plan.connections} connections, ` +
    `${plan.writePercent} % SET of new keys, ${plan.valueBytes} B, Node ${process.version}, ` +
    `server and generator ${pinTo(LOAD_CORE).length > 0 ? '' : 'not '}pinned\n\n` +
    markdownTable(heads, rows);
}

/** Says what makes a run worth less; wrong replies make the program fail. */
function complain(name: string, run: ClientFigures, plan: ClientPlan): void {
  if (run.misses + run.errors > 0) {
    process.stderr.write(`${name}: ${run.misses} keys not found, ${run.errors} errors\n`);
    process.exitCode = 1;
  }
  if (run.achievedRate < plan.rate * ACHIEVED_SHARE_MIN) {
    process.stderr.write(`${name}: only ${Math.round(run.achievedRate)} operations a second\n`);
  }
}

/** Measures all servers in rounds and prints the table. */
async function main(): Promise<void> {
  const kinds = await serverKinds(values.io.split(','));
  const [first] = kinds;
  if (first === undefined) throw new Error('no server can be had here');
  const top = values.rate === undefined ? await topRate(first) : NaN;
  const rate = values.rate === undefined ? (top * Number(values.share)) / 100 : Number(values.rate);
  process.stderr.write(
    values.rate === undefined ? `${first.name}: ${Math.round(top)} operations a second\n` : '');
  const plan: ClientPlan = {
    connections: Number(values.connections), rate,
    schedule: values.schedule === 'fixed' ? 'fixed' : 'poisson',
    writePercent: Number(values['write-percent']), valueBytes: Number(values.bytes),
    keys: Number(values.keys), seed: Number(values.seed),
    warmSeconds: Number(values['warm-seconds']), seconds: Number(values.seconds),
  };
  const results = new Map<string, ClientFigures[]>(kinds.map(({ name }) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const kind of round % 2 === 0 ? kinds : [...kinds].reverse()) {
      const run = await runOnce(kind, { ...plan, seed: plan.seed + round });
      complain(kind.name, run, plan);
      results.get(kind.name)?.push(run);
    }
    process.stderr.write(`round ${round + 1} of ${values.rounds}\n`);
  }
  process.stdout.write(`${report(results, plan)}\n`);
}

if (isInstalled('redis-benchmark')) {
  await main();
} else {
  process.stderr.write('bench:open-loop needs redis-benchmark (package redis-tools)\n');
  process.exitCode = 1;
}
