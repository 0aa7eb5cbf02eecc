/**
 * `pnpm bench:log`: what the log costs, beside redis-server with its append-only file in the same
 * directory, so on the same file system. Two loads of SETs, 50 connections:
 *   everysec   pipelines of 16, each server once with and once without its log
 *   always     one at a time: every reply waits for the disk
 * Servers on core 0, load on core 1 (those with several workers on both); every round starts with
 * the other end of the list; medians. CPU is that of all threads of the server, those that io_uring
 * and Redis have for files included; what the kernel writes back by itself counts for nobody.
 * Logs are not rewritten meanwhile, and removed at the end. The last line says what a sync of one
 * page takes on that disk: with `always` nothing can be faster than it.
 * Options: --io uring,epoll,node,uring:2 --rounds 5 --policies everysec,always --directory PATH
 *   --bytes 64 --keys 100000 --cpu-seconds 2 (everysec, of redis-server without its log)
 *   --seconds 5 (always, of redis-server's)
 */
import {
  closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Load, LoadResult } from './load.ts';
import { runLoad } from './load.ts';
import type { ServerKind, ServerProcess } from './processes.ts';
import { isInstalled, serverKinds } from './processes.ts';
import { markdownTable, median } from './table.ts';

const { values } = parseArgs({
  options: {
    io: { type: 'string', default: 'uring,epoll,node,uring:2' },
    rounds: { type: 'string', default: '5' },
    policies: { type: 'string', default: 'everysec,always' },
    directory: { type: 'string', default: tmpdir() },
    bytes: { type: 'string', default: '64' },
    keys: { type: 'string', default: '100000' },
    'cpu-seconds': { type: 'string', default: '2' },
    seconds: { type: 'string', default: '5' },
  },
});

const CONNECTIONS = 50;
const PIPELINE = 16;
/** Operations of the run that finds out how many a measured one takes, and of the warming. */
const TRIAL_OPERATIONS = 400_000;
const TRIAL_OPERATIONS_ALWAYS = 5000;
const OPERATIONS_MAX = 10_000_000;
const SYNC_SAMPLES = 200;
const PAGE_BYTES = 4096;

/** A server under measurement, one row of the table. */
interface Subject {
  readonly kind: string;
  readonly policy: string;
  readonly server: ServerProcess;
  readonly runs: LoadResult[];
}

function loadOf(pipeline: number, operations: number): Load {
  return {
    test: 'set', connections: CONNECTIONS, pipeline, operations: Math.ceil(operations),
    valueBytes: Number(values.bytes), keys: Number(values.keys),
  };
}

/** Starts a server; with a policy it keeps a log in a folder of its own. */
async function start(kind: ServerKind, policy: string, root: string): Promise<Subject> {
  const isRedis = kind.name === 'redis-server';
  const more: string[] = [];
  if (policy !== 'none') {
    const folder = join(root, `${kind.name}-${policy}`.replaceAll(/[ :]/g, '-'));
    mkdirSync(folder);
    more.push('--dir', folder);
    if (isRedis) more.push('--appendonly', 'yes', '--appendfsync', policy);
    else more.push('--fsync', policy);
  }
  more.push('--auto-aof-rewrite-percentage', '0');
  if (isRedis) more.push('--maxmemory', '2gb');
  return { kind: kind.name, policy, server: await kind.start(more), runs: [] };
}

/** Runs the load on all subjects, in rounds. */
async function measure(subjects: readonly Subject[], load: Load): Promise<void> {
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { server, runs } of round % 2 === 0 ? subjects : [...subjects].reverse()) {
      runs.push(await runLoad(server, load));
    }
    process.stderr.write(`P=${load.pipeline}: round ${round + 1} of ${values.rounds}\n`);
  }
}

/** Servers with and without a log that syncs once a second. */
async function measureEverySecond(kinds: readonly ServerKind[], root: string): Promise<Subject[]> {
  const subjects: Subject[] = [];
  try {
    for (const kind of kinds) {
      for (const policy of ['none', 'everysec']) subjects.push(await start(kind, policy, root));
    }
    const trial = loadOf(PIPELINE, TRIAL_OPERATIONS);
    for (const { server } of subjects) await runLoad(server, trial);
    const [first] = subjects;
    if (first === undefined) throw new Error('no server can be had here');
    const us = total(await runLoad(first.server, trial));
    const operations = Math.min((Number(values['cpu-seconds']) * 1e6) / us, OPERATIONS_MAX);
    await measure(subjects, loadOf(PIPELINE, operations));
  } finally {
    for (const { server } of subjects) await server.stop();
  }
  return subjects;
}

/** Servers whose replies wait for the disk. */
async function measureAlways(kinds: readonly ServerKind[], root: string): Promise<Subject[]> {
  const subjects: Subject[] = [];
  try {
    for (const kind of kinds) subjects.push(await start(kind, 'always', root));
    const trial = loadOf(1, TRIAL_OPERATIONS_ALWAYS);
    const rates: number[] = [];
    for (const { server } of subjects) {
      rates.push((await runLoad(server, trial)).operationsPerSecond);
    }
    const operations = Math.min((rates[0] ?? 0) * Number(values.seconds), OPERATIONS_MAX);
    await measure(subjects, loadOf(1, operations));
  } finally {
    for (const { server } of subjects) await server.stop();
  }
  return subjects;
}

function total(run: LoadResult): number {
  return run.userUs + run.systemUs;
}

/** One row for each subject; `-` where there is nothing to compare with. */
function rows(subjects: readonly Subject[]): string[][] {
  const figure = (kind: string, policy: string, pick: (run: LoadResult) => number): number =>
    median(subjects.find((each) => each.kind === kind && each.policy === policy)?.runs.map(pick)
      ?? []);
  const share = (value: number, of: number): string =>
    (Number.isNaN(of) ? '-' : (value / of).toFixed(2));
  return subjects.map(({ kind, policy, runs }) => {
    const of = (pick: (run: LoadResult) => number): number => median(runs.map(pick));
    const rate = (run: LoadResult): number => run.operationsPerSecond;
    const split = `${of((run) => run.userUs).toFixed(2)}+${of((run) => run.systemUs).toFixed(2)}`;
    const without = policy === 'none' ? NaN : figure(kind, 'none', total);
    return [
      kind, policy === 'none' ? 'no log' : policy, `${of(total).toFixed(2)} (${split})`,
      share(of(total), without), share(of(total), figure('redis-server', policy, total)),
      `${Math.round(of(rate) / 1000)} k`, share(of(rate), figure('redis-server', policy, rate)),
      [of((run) => run.p50Ms), of((run) => run.p99Ms), of((run) => run.p999Ms)]
        .map((ms) => ms.toFixed(2)).join(' / '),
    ];
  });
}

/** Milliseconds that a write of one page and its sync take, p50 and p99. */
function syncFigures(root: string): string {
  const file = openSync(join(root, 'sync'), 'w');
  const page = new Uint8Array(PAGE_BYTES);
  const samples = Array.from({ length: SYNC_SAMPLES }, (_, i) => {
    const startMs = performance.now();
    writeSync(file, page, 0, PAGE_BYTES, i * PAGE_BYTES);
    fdatasyncSync(file);
    return performance.now() - startMs;
  }).sort((a, b) => a - b);
  closeSync(file);
  const at = (part: number): string => (samples[Math.floor(SYNC_SAMPLES * part)] ?? NaN).toFixed(2);
  return `a page and its sync: ${at(0.5)} / ${at(0.99)} ms (p50 / p99)`;
}

async function main(): Promise<void> {
  const root = mkdtempSync(join(values.directory, 'kora-bench-log-'));
  try {
    const kinds = await serverKinds(values.io.split(','));
    const policies = values.policies.split(',');
    const subjects: Subject[] = [];
    if (policies.includes('everysec')) subjects.push(...await measureEverySecond(kinds, root));
    if (policies.includes('always')) subjects.push(...await measureAlways(kinds, root));
    const heads = [
      'server', 'log', 'CPU us/op (user+sys)', 'of no log', 'of redis', 'ops/s', 'of redis',
      'ms p50 / p99 / p99.9',
    ];
    process.stdout.write(
      `SET of ${values.bytes} B, ${values.rounds} interleaved rounds, medians, ` +
        `Node ${process.version}; everysec at P=${PIPELINE}, always at P=1; ${syncFigures(root)}` +
        `\n\n${markdownTable(heads, rows(subjects))}\n`,
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

if (isInstalled('redis-benchmark')) {
  await main();
} else {
  process.stderr.write('bench:log needs redis-benchmark (package redis-tools)\n');
  process.exitCode = 1;
}
