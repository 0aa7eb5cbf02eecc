/**
 * `pnpm bench:server`: Kora behind a socket against redis-server on the same machine, interleaved
 * in the same run.
 * Every round starts with the other server; the table shows medians. Server CPU per operation (user
 * + system, all threads, from /proc) comes first: it does not depend on the load generator or on
 * who else uses the other core.
 * Options: --rounds 5 --pipelines 1,16 --tests get,set --connections 50 --bytes 64 --keys 100000
 * --operations N
 *   (per run at P=1; sixteen times as many are sent at P=16, capped at 4 M)
 */
import { parseArgs } from 'node:util';
import type { Load, LoadResult } from './load.ts';
import { runLoad } from './load.ts';
import type { ServerProcess } from './processes.ts';
import { isInstalled, pinTo, startKora, startRedis } from './processes.ts';
import { markdownTable, median } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    pipelines: { type: 'string', default: '1,16' },
    tests: { type: 'string', default: 'get,set' },
    connections: { type: 'string', default: '50' },
    bytes: { type: 'string', default: '64' },
    keys: { type: 'string', default: '100000' },
    operations: { type: 'string', default: '200000' },
  },
});

const OPERATIONS_MAX = 4_000_000;

function loads(): Load[] {
  return values.pipelines.split(',').flatMap((pipeline) =>
    values.tests.split(',').map((test) => ({
      // The generator refuses any other name itself.
      test: test as Load['test'],
      connections: Number(values.connections),
      pipeline: Number(pipeline),
      valueBytes: Number(values.bytes),
      keys: Number(values.keys),
      operations: Math.min(Number(values.operations) * Number(pipeline), OPERATIONS_MAX),
    })),
  );
}

async function measure(servers: readonly ServerProcess[]): Promise<Map<string, LoadResult[]>> {
  const results = new Map<string, LoadResult[]>();
  for (const server of servers) {
    const warm: Load = { ...(loads()[0] as Load), test: 'set', pipeline: 16, operations: 400_000 };
    await runLoad(server, warm);
    await runLoad(server, { ...warm, test: 'get' });
  }
  for (let round = 0; round < Number(values.rounds); round++) {
    const order = round % 2 === 0 ? servers : [...servers].reverse();
    for (const load of loads()) {
      for (const server of order) {
        const key = `${load.test} P=${load.pipeline} ${server.name}`;
        results.set(key, [...(results.get(key) ?? []), await runLoad(server, load)]);
      }
    }
  }
  return results;
}

function report(servers: readonly ServerProcess[], results: Map<string, LoadResult[]>): string {
  const rows: string[][] = [];
  for (const load of loads()) {
    const cpu = new Map<string, number>();
    for (const server of servers) {
      const runs = results.get(`${load.test} P=${load.pipeline} ${server.name}`) ?? [];
      const of = (pick: (run: LoadResult) => number): number => median(runs.map(pick));
      const total = of((run) => run.userUs + run.systemUs);
      const user = of((run) => run.userUs);
      const system = of((run) => run.systemUs);
      cpu.set(server.name, total);
      const ratio = total / (cpu.get('redis-server') ?? NaN);
      rows.push([
        load.test.toUpperCase(), String(load.pipeline), server.name,
        `${total.toFixed(2)} (${user.toFixed(2)}+${system.toFixed(2)})`,
        Number.isNaN(ratio) ? '-' : ratio.toFixed(2),
        `${Math.round(of((run) => run.operationsPerSecond) / 1000)} k`,
        [of((run) => run.p50Ms), of((run) => run.p99Ms), of((run) => run.p999Ms)]
          .map((ms) => ms.toFixed(2)).join(' / '),
      ]);
    }
  }
  return markdownTable(
    ['test', 'P', 'server', 'CPU us/op (user+sys)', 'of redis', 'ops/s', 'ms p50 / p99 / p99.9'],
    rows,
  );
}

if (!isInstalled('redis-benchmark')) {
  process.stderr.write('bench:server needs redis-benchmark (package redis-tools)\n');
  process.exit(1);
}
const servers: ServerProcess[] = [];
if (isInstalled('redis-server')) servers.push(await startRedis());
else process.stderr.write('redis-server is not installed: no ratios\n');
servers.push(await startKora());
try {
  const results = await measure(servers);
  process.stdout.write(
    `${values.rounds} interleaved rounds, ${values.connections} connections, ${values.bytes} B, ` +
      `Node ${process.version}, server and load ${pinTo(0).length > 0 ? '' : 'not '}pinned\n\n` +
      `${report(servers, results)}\n`,
  );
} finally {
  for (const server of servers) await server.stop();
}
