/**
 * The load generator: runs redis-benchmark on the other core against one server, reads the server's
 * CPU time around it, and takes throughput and latency percentiles from its report. CPU per
 * operation comes first because it does not depend on the generator, which has one thread.
 */
import { spawn } from 'node:child_process';
import type { ServerProcess } from './processes.ts';
import { LOAD_CORE, pinTo, withDescriptors } from './processes.ts';

/** Descriptors of the generator beside its connections. */
const OTHER_DESCRIPTORS = 100;

/** One measured run. */
export interface LoadResult {
  readonly operationsPerSecond: number;
  /** Server CPU, microseconds per operation. */
  readonly userUs: number;
  readonly systemUs: number;
  /** Latency, milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** What is asked of the server. */
export interface Load {
  readonly test: 'get' | 'set' | 'incr' | 'mset';
  readonly connections: number;
  readonly pipeline: number;
  readonly valueBytes: number;
  readonly keys: number;
  readonly operations: number;
}

/** A command of the caller's own; `__rand_int__` in it is a number of 12 digits below `keys`. */
export interface CommandLoad {
  readonly words: readonly string[];
  readonly connections: number;
  readonly pipeline: number;
  readonly keys: number;
  readonly operations: number;
}

/** One of several generators at once: where it connects, and the hashtag of all of its keys. */
export interface LoadEnd {
  readonly port: number;
  readonly tag: string;
}

/** Runs the load once. */
export async function runLoad(server: ServerProcess, load: Load): Promise<LoadResult> {
  return measure(server, load, [{
    port: server.port,
    more: ['-t', load.test, '-d', String(load.valueBytes), '-r', String(load.keys)],
  }]);
}

/** Runs the load, GET or SET, in equal shares from each end, on as many keys in all. */
export async function runSharedLoad(
  server: ServerProcess, load: Load, ends: readonly LoadEnd[],
): Promise<LoadResult> {
  return measure(server, load, ends.map(({ port, tag }) => {
    const words = [load.test, `key:{${tag}}:__rand_int__`];
    if (load.test === 'set') words.push('x'.repeat(load.valueBytes));
    return { port, more: ['-r', String(Math.ceil(load.keys / ends.length)), ...words] };
  }));
}

/** Runs the command as often as the load says. */
export async function runCommandLoad(
  server: ServerProcess, load: CommandLoad,
): Promise<LoadResult> {
  return measure(server, load, [{
    port: server.port, more: ['-r', String(load.keys), ...load.words],
  }]);
}

/** Runs a generator for each of the ends at once, and reads the server's CPU time around them. */
async function measure(
  server: ServerProcess, load: Pick<Load, 'connections' | 'pipeline' | 'operations'>,
  ends: readonly { readonly port: number; readonly more: readonly string[] }[],
): Promise<LoadResult> {
  const share = (count: number): number => Math.ceil(count / ends.length);
  const before = server.cpuSeconds();
  const reports = await Promise.all(ends.map(({ port, more }) => output([
    ...withDescriptors(load.connections + OTHER_DESCRIPTORS), ...pinTo(LOAD_CORE),
    'redis-benchmark', '-h', '127.0.0.1', '-p', String(port),
    '-n', String(share(load.operations)), '-c', String(share(load.connections)),
    '-P', String(load.pipeline), ...more,
  ])));
  const after = server.cpuSeconds();
  const toUs = 1e6 / (share(load.operations) * ends.length);
  const worst = (wanted: number): number =>
    Math.max(...reports.map((report) => percentile(report, wanted)));
  return {
    operationsPerSecond: reports.reduce((sum, report) =>
      sum + Number(/([\d.]+) requests per second/.exec(report)?.[1] ?? NaN), 0),
    userUs: (after.user - before.user) * toUs,
    systemUs: (after.system - before.system) * toUs,
    p50Ms: worst(50),
    p99Ms: worst(99),
    p999Ms: worst(99.9),
  };
}

/** First bucket of the report's distribution at or above the percentile. */
function percentile(report: string, wanted: number): number {
  const pattern = /([\d.]+)% <= ([\d.]+) milliseconds \(cumulative count/g;
  for (const match of report.matchAll(pattern)) {
    if (Number(match[1]) >= wanted) return Number(match[2]);
  }
  return NaN;
}

function output(command: readonly string[]): Promise<string> {
  const [program = '', ...rest] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString().replaceAll('\r', '\n');
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve(text);
      else reject(new Error(`${program} ended with ${String(code)}: ${text.slice(-500)}`));
    });
  });
}
