/**
 * `pnpm bench:start`: what it takes until a server can be used: wall time from its start to the
 * line that says that it is ready, CPU of all its threads until then, and resident memory. Servers
 * take turns, medians of the rounds; with a number of workers given they are pinned to no core, for
 * threads start beside each other.
 * CPU comes from /proc in ticks of 10 ms.
 * Options: --io uring:1,uring:2,uring:8,node:1 --rounds 5
 */
import { parseArgs } from 'node:util';
import { serverKinds } from './processes.ts';
import { markdownTable, median } from './table.ts';

const { values } = parseArgs({
  options: {
    io: { type: 'string', default: 'uring:1,uring:2,uring:8,node:1' },
    rounds: { type: 'string', default: '5' },
  },
});

/** Of one kind of server, a figure of every round. */
interface Figures {
  readonly ms: number[];
  readonly cpuSeconds: number[];
  readonly residentBytes: number[];
}

const kinds = await serverKinds(values.io.split(','));
const figures = kinds.map((): Figures => ({ ms: [], cpuSeconds: [], residentBytes: [] }));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [i, kind] of kinds.entries()) {
    const startMs = performance.now();
    const server = await kind.start();
    const ms = performance.now() - startMs;
    const { user, system } = server.cpuSeconds();
    figures[i]?.ms.push(ms);
    figures[i]?.cpuSeconds.push(user + system);
    figures[i]?.residentBytes.push(server.residentBytes());
    await server.stop();
  }
}
const rows = kinds.map(({ name }, i) => {
  const of = figures[i];
  return [
    name, median(of?.ms ?? []).toFixed(0), median(of?.cpuSeconds ?? []).toFixed(2),
    (median(of?.residentBytes ?? []) / 1e6).toFixed(0),
  ];
});
const heads = ['server', 'ms until it is ready', 'CPU seconds', 'RSS, MB'];
process.stdout.write(
  `${values.rounds} rounds, medians, Node ${process.version}\n\n${markdownTable(heads, rows)}\n`,
);
