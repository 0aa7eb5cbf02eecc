/**
 * `pnpm bench:snapshots`: what snapshots cost beside redis-server, with a log on both.
 *   latency   GET and SET on a schedule (open-loop-client.ts) at a rate, with no snapshot under way
 *             and with one after the other: p50, p99; and how much resident memory grows meanwhile.
 *             Latency counts what the generator itself was late: where that is most of it, the
 *             machine was too busy to judge by, and the table says so
 *   load      from the start of the process until PING is answered with all keys: after a snapshot
 *             alone, and from a log alone
 *   bytes     of a snapshot, of redis-server's dump of the same keys: JSON and random values
 * Servers in rounds, every other one backwards; medians count. Directories lie in --dir, by default
 * in the system's for temporary files: say one on the disk that is meant.
 * Options: --io uring,epoll,node --rounds 5 --keys 1000000 --bytes 64 --seconds 10 --rate 20000
 *   --connections 50 --dir PATH --only latency|load|bytes
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ask, fillWith, keyText } from './fill.ts';
import type { ClientFigures, ClientPlan } from './open-loop-client.ts';
import type { ServerKind, ServerProcess } from './processes.ts';
import { LOAD_CORE, pinTo, serverKinds } from './processes.ts';
import { markdownTable, median } from './table.ts';

const { values } = parseArgs({
  options: {
    io: { type: 'string', default: 'uring,epoll,node' },
    rounds: { type: 'string', default: '5' },
    keys: { type: 'string', default: '1000000' },
    bytes: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '10' },
    rate: { type: 'string', default: '20000' },
    connections: { type: 'string', default: '50' },
    dir: { type: 'string', default: tmpdir() },
    only: { type: 'string' },
  },
});

const KEYS = Number(values.keys);
const BYTES = Number(values.bytes);
const LOOK_MS = 5;
const LOOKS_MAX = 60_000;
/** Share of a p99 that the generator may have been late itself. */
const LATE_SHARE_MAX = 0.5;
/** Big enough that a collection of the young generation is rare. */
const CLIENT_FLAGS = ['--max-semi-space-size=64'];

/** A pseudo-random value that does not compress, the same for a key in every run. */
function noise(i: number, bytes: number): string {
  let word = (i + 1) * 0x9e3779b9;
  let text = '';
  while (text.length < bytes) {
    word = Math.imul(word ^ (word >>> 15), 0x85ebca6b) + 0x27d4eb2f;
    text += ((word ^ (word >>> 13)) >>> 0).toString(36);
  }
  return text.slice(0, bytes);
}

function json(i: number): string {
  return JSON.stringify({
    id: i, name: `user ${i % 1000}`, mail: `user${i}@example.com`, age: 18 + (i % 70),
    tags: ['a', 'b', `t${i % 10}`], isActive: i % 3 === 0,
  });
}

/** Where a server keeps its data: a directory of its own, and a log. */
function optionsOf(kind: ServerKind, directory: string, hasLog: boolean): string[] {
  if (kind.name !== 'redis-server') return ['--dir', directory];
  return ['--dir', directory, '--appendonly', hasLog ? 'yes' : 'no', '--maxmemory', '4gb'];
}

async function infoOf(server: ServerProcess): Promise<Map<string, string>> {
  const text = await ask(server, ['INFO', 'persistence']);
  const lines = text.split('\r\n').filter((line) => line.includes(':'));
  return new Map(lines.map((line): [string, string] => {
    const [name = '', value = ''] = line.split(':');
    return [name, value];
  }));
}

async function until(isReached: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    if (await isReached()) return;
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
  }
  throw new Error('the server does not come to that');
}

/** A server that has loaded what there is. */
async function started(kind: ServerKind, options: readonly string[]): Promise<ServerProcess> {
  const server = await kind.start(options);
  await until(async () => (await ask(server, ['DBSIZE'])).startsWith(':'));
  return server;
}

/** Makes a snapshot and waits for its end. */
async function snapshot(server: ServerProcess): Promise<void> {
  await ask(server, ['BGSAVE']);
  await until(async () => (await infoOf(server)).get('rdb_bgsave_in_progress') === '0');
}

/** Calls with a directory that is removed afterwards. */
async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(values.dir, 'kora-bench-snapshots-'));
  try {
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

// -------------------------------------------------------------------- latency and memory

interface LatencyRun {
  readonly without: ClientFigures;
  readonly during: ClientFigures;
  readonly grownBytes: number;
  readonly snapshots: number;
}

function generate(server: ServerProcess): Promise<ClientFigures> {
  const plan: ClientPlan = {
    connections: Number(values.connections), rate: Number(values.rate), schedule: 'poisson',
    writePercent: 50, valueBytes: BYTES, keys: 100_000, seed: 1, warmSeconds: 2,
    seconds: Number(values.seconds),
  };
  const program = fileURLToPath(new URL('./open-loop-client.js', import.meta.url));
  const [command = '', ...rest] = [
    ...pinTo(LOAD_CORE), process.execPath, ...CLIENT_FLAGS, program, String(server.port),
    JSON.stringify(plan),
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    child.once('error', reject);
    child.once('close', (code) => {
      // Our own program prints nothing else.
      if (code === 0) resolve(JSON.parse(text) as ClientFigures);
      else reject(new Error(`the generator ended with ${String(code)}`));
    });
  });
}

function latencyOf(kind: ServerKind): Promise<LatencyRun> {
  return withDirectory(async (directory) => {
    const server = await started(kind, optionsOf(kind, directory, true));
    try {
      await fillWith(server, KEYS, (i) => ['SET', keyText(i), noise(i, BYTES)]);
      const without = await generate(server);
      let isOver = false;
      let snapshots = 0;
      let grownBytes = 0;
      let copiedBytes = 0;
      const before = server.residentBytes();
      const saving = (async () => {
        while (!isOver) {
          await snapshot(server);
          snapshots++;
          // Pages that a fork has made redis-server's child or itself copy.
          const copied = Number((await infoOf(server)).get('rdb_last_cow_size'));
          copiedBytes = Math.max(copiedBytes, copied);
        }
      })();
      const watch = setInterval(() => {
        grownBytes = Math.max(grownBytes, server.residentBytes() - before);
      }, LOOK_MS * 4);
      const during = await generate(server);
      isOver = true;
      clearInterval(watch);
      await saving;
      return { without, during, grownBytes: grownBytes + copiedBytes, snapshots };
    } finally {
      await server.stop();
    }
  });
}

function latencyTable(results: ReadonlyMap<string, readonly LatencyRun[]>): string {
  const rows = [...results].map(([name, runs]) => {
    const of = (pick: (run: LatencyRun) => number): number => median(runs.map(pick));
    const us = (value: number): string => value.toFixed(value < 100 ? 1 : 0);
    const [p50, p99] = [of(({ without }) => without.p50Us), of(({ without }) => without.p99Us)];
    const inP50 = of(({ during }) => during.p50Us);
    const inP99 = of(({ during }) => during.p99Us);
    return [
      name, us(p50), us(p99), us(inP50), us(inP99), us(of(({ during }) => during.maxUs)),
      (inP99 / p99).toFixed(2), String(of(({ snapshots }) => snapshots)),
      (of(({ grownBytes }) => grownBytes) / 1e6).toFixed(1),
      `${us(of(({ without }) => without.lateP99Us))} / ${us(of(({ during }) => during.lateP99Us))}`,
    ];
  });
  const isBusy = [...results.values()].flat().some(({ without, during }) =>
    [without, during].some(({ p99Us, lateP99Us }) => lateP99Us > p99Us * LATE_SHARE_MAX));
  const doubt = isBusy ? '\n\nThe generator was late itself: this does not judge the servers.' : '';
  return `${KEYS} keys of ${BYTES} B, ${values.rate} operations a second, half of them SET of ` +
    `new keys, ${values.connections} connections, us\n\n${markdownTable([
      'server', 'p50', 'p99', 'p50 during', 'p99 during', 'max during', 'p99 ratio', 'snapshots',
      'memory grown MB', 'generator late p99, without / during',
    ], rows)}${doubt}`;
}

// -------------------------------------------------------------------- load

interface LoadRun {
  readonly snapshotMs: number;
  readonly logMs: number;
}

/** Starts it again and waits for all keys. @returns ms, those of an empty start taken off */
async function loadMs(
  kind: ServerKind, directory: string, hasLog: boolean, emptyMs: number,
): Promise<number> {
  const beganMs = performance.now();
  const server = await kind.start(optionsOf(kind, directory, hasLog));
  try {
    await until(async () => (await ask(server, ['DBSIZE'])) === `:${KEYS}\r\n`);
    return performance.now() - beganMs - emptyMs;
  } finally {
    await server.stop();
  }
}

async function emptyStartMs(kind: ServerKind): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    times.push(await withDirectory(async (directory) => {
      const beganMs = performance.now();
      const server = await kind.start(optionsOf(kind, directory, true));
      await until(async () => (await ask(server, ['DBSIZE'])) === ':0\r\n');
      const ms = performance.now() - beganMs;
      await server.stop();
      return ms;
    }));
  }
  return median(times);
}

async function loadOf(kind: ServerKind): Promise<LoadRun> {
  const emptyMs = await emptyStartMs(kind);
  const written = (hasLog: boolean, isSaved: boolean): Promise<number> =>
    withDirectory(async (directory) => {
      const server = await started(kind, [
        ...optionsOf(kind, directory, hasLog), '--auto-aof-rewrite-percentage', '0',
        ...(kind.name === 'redis-server' ? ['--aof-use-rdb-preamble', 'no'] : []),
      ]);
      await fillWith(server, KEYS, (i) => ['SET', keyText(i), noise(i, BYTES)]);
      if (isSaved) await snapshot(server);
      await server.stop();
      return loadMs(kind, directory, hasLog, emptyMs);
    });
  // redis-server loads its dump only where it has no log.
  const snapshotMs = await written(kind.name !== 'redis-server', true);
  return { snapshotMs, logMs: await written(true, false) };
}

function loadTable(results: ReadonlyMap<string, readonly LoadRun[]>): string {
  const rows = [...results].map(([name, runs]) => [
    name, (median(runs.map(({ snapshotMs }) => snapshotMs)) / 1000).toFixed(3),
    (median(runs.map(({ logMs }) => logMs)) / 1000).toFixed(3),
  ]);
  return `${KEYS} keys of ${BYTES} random B, s until all are there, an empty start taken off\n\n` +
    markdownTable(['server', 'from a snapshot', 'from a log'], rows);
}

// -------------------------------------------------------------------- bytes

type Value = (i: number) => string;

const VALUES: readonly (readonly [string, Value])[] = [
  ['JSON', json],
  ['random, 8 B', (i) => noise(i, 8)],
  ['random, 64 B', (i) => noise(i, 64)],
  ['random, 1000 B', (i) => noise(i, 1000)],
];

function bytesOf(kind: ServerKind, value: Value): Promise<number> {
  return withDirectory(async (directory) => {
    const server = await started(kind, [
      ...optionsOf(kind, directory, false), '--auto-aof-rewrite-percentage', '0',
    ]);
    try {
      await fillWith(server, Math.min(KEYS, 200_000), (i) => ['SET', keyText(i), value(i)]);
      await snapshot(server);
      const names = readdirSync(directory).filter((name) => /\.(?:rdb|part)$/.test(name));
      return names.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
    } finally {
      await server.stop();
    }
  });
}

async function bytesTable(kinds: readonly ServerKind[]): Promise<string> {
  const pair = kinds.filter(({ name }, i) => name === 'redis-server' || i === kinds.length - 1);
  const rows: string[][] = [];
  for (const [name, value] of VALUES) {
    const found: number[] = [];
    for (const kind of pair) found.push(await bytesOf(kind, value));
    const count = Math.min(KEYS, 200_000);
    const cells = found.map((bytes) => (bytes / count).toFixed(1));
    rows.push([name, ...cells, ((found.at(-1) ?? NaN) / (found[0] ?? NaN)).toFixed(2)]);
  }
  const heads = ['values', ...pair.map(({ name }) => `${name}, B a key`), 'ratio'];
  return `bytes of a snapshot, keys of 16 B\n\n${markdownTable(heads, rows)}`;
}

// -------------------------------------------------------------------- all of it

async function inRounds<Run>(
  kinds: readonly ServerKind[], measure: (kind: ServerKind) => Promise<Run>,
): Promise<Map<string, Run[]>> {
  const results = new Map<string, Run[]>(kinds.map(({ name }) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const kind of round % 2 === 0 ? kinds : [...kinds].reverse()) {
      results.get(kind.name)?.push(await measure(kind));
    }
    process.stderr.write(`round ${round + 1} of ${values.rounds}\n`);
  }
  return results;
}

async function main(): Promise<void> {
  const kinds = await serverKinds(values.io.split(','));
  const isWanted = (part: string): boolean => values.only === undefined || values.only === part;
  const parts: string[] = [];
  if (isWanted('latency')) parts.push(latencyTable(await inRounds(kinds, latencyOf)));
  if (isWanted('load')) parts.push(loadTable(await inRounds(kinds, loadOf)));
  if (isWanted('bytes')) parts.push(await bytesTable(kinds));
  process.stdout.write(`${parts.join('\n\n')}\n`);
}

await main();
