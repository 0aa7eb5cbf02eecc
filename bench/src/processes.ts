/**
 * Servers under measurement: starts Kora's built command line, once for each I/O engine, and, when
 * it is installed, redis-server, each pinned to one core, and reads their CPU time, resident memory
 * and descriptors from /proc over all threads. Linux only; without `taskset` nothing is pinned and
 * the caller says so in its table.
 * Invariant: a server ends with this process at the latest.
 */
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { freePort } from '@kora/server/testing';

/** How long a server may take to say that it is ready. */
const READY_MS_MAX = 10_000;
/** Kernel clock ticks a second, as /proc counts CPU time. */
const TICKS_PER_SECOND = 100;
/** How long a server may take to end after SIGTERM. */
const STOP_MS_MAX = 5000;
/** Characters kept of what a server prints, to say why it did not start. */
const OUTPUT_CHARACTERS_MAX = 4096;
const SIGNALS_THAT_END = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
/** Descriptors a server may open, where the system allows as many. */
const DESCRIPTORS_MAX = 20_000;
/** The core of the server under measurement, and that of whoever loads it. */
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

/** A running server. */
export interface ServerProcess {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  /** CPU seconds so far: user, system, of all threads. */
  cpuSeconds(): { readonly user: number; readonly system: number };
  /** Resident memory, bytes. */
  residentBytes(): number;
  /** Open file descriptors. */
  descriptors(): number;
  stop(): Promise<void>;
}

/** True when the program can be started. */
export function isInstalled(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Command prefix that pins to a core, or nothing when pinning makes no sense here. */
export function pinTo(core: number): readonly string[] {
  return cpus().length > 1 && isInstalled('taskset') ? ['taskset', '-c', String(core)] : [];
}

/**
 * Prefix that lets the command after it open this many descriptors, as far as the system allows.
 */
export function withDescriptors(count: number): readonly string[] {
  const raise = `ulimit -n ${count} 2>/dev/null || ulimit -n "$(ulimit -Hn)"`;
  return ['sh', '-c', `${raise}; exec "$@"`, 'sh'];
}

/** Starts the built Kora on a free port. `name` is how the reports call it. */
export async function startKora(
  extraArguments: readonly string[] = [],
  nodeArguments: readonly string[] = [],
  name = 'kora',
): Promise<ServerProcess> {
  const bin = fileURLToPath(new URL('../../packages/cli/bin/kora.js', import.meta.url));
  const command = [process.execPath, ...nodeArguments, bin, 'serve', '--port', '0'];
  // Several workers on one core would only measure how they take turns.
  const isPinned = !extraArguments.includes('--workers');
  const child = launch([...command, ...extraArguments], isPinned);
  const line = await readyLine(child, /ready on \S+?:(\d+)/);
  return describe(name, Number(line[1]), child);
}

/** Starts redis-server without persistence on a free port. */
export async function startRedis(extraArguments: readonly string[] = []): Promise<ServerProcess> {
  const port = await freePort();
  const child = launch([
    'redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '',
    '--appendonly', 'no', ...extraArguments,
  ]);
  await readyLine(child, /Ready to accept connections/);
  return describe('redis-server', port, child);
}

/** One kind of server, to be started as often as it takes. */
export interface ServerKind {
  readonly name: string;
  start(extraArguments?: readonly string[]): Promise<ServerProcess>;
}

/**
 * redis-server first, where it is installed, then Kora with each of these engines, as far as they
 * can be had here: what cannot is said on stderr, with the reason. `uring:2` is uring with two
 * workers, which are pinned to no core.
 */
export async function serverKinds(engines: readonly string[]): Promise<ServerKind[]> {
  const kinds: ServerKind[] = [];
  if (isInstalled('redis-server')) kinds.push({ name: 'redis-server', start: startRedis });
  else process.stderr.write('redis-server is not installed: no ratios\n');
  for (const engine of engines) {
    const name = `kora ${engine}`;
    const [io = '', workers] = engine.split(':');
    const own = workers === undefined ? ['--io', io] : ['--io', io, '--workers', workers];
    const start = (extraArguments: readonly string[] = []): Promise<ServerProcess> =>
      startKora([...own, ...extraArguments], [], name);
    try {
      await (await start()).stop();
      kinds.push({ name, start });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      process.stderr.write(`left out ${name}: ${reason}\n`);
    }
  }
  return kinds;
}

function launch(command: readonly string[], isPinned = true): ChildProcess {
  const pin = isPinned ? pinTo(SERVER_CORE) : [];
  const words = [...withDescriptors(DESCRIPTORS_MAX), ...pin, ...command];
  const [program = '', ...rest] = words;
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  const endWithParent = (): void => {
    child.kill('SIGKILL');
  };
  // After a signal that nobody takes, 'exit' is not emitted.
  const endBySignal = (signal: NodeJS.Signals): void => {
    endWithParent();
    process.kill(process.pid, signal);
  };
  process.once('exit', endWithParent);
  for (const signal of SIGNALS_THAT_END) process.once(signal, endBySignal);
  child.once('close', () => {
    process.off('exit', endWithParent);
    for (const signal of SIGNALS_THAT_END) process.off(signal, endBySignal);
  });
  return child;
}

function readyLine(child: ChildProcess, pattern: RegExp): Promise<RegExpMatchArray> {
  return new Promise((resolve, reject) => {
    let output = '';
    let isReady = false;
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`no ready line within ${READY_MS_MAX} ms: ${output}`));
    }, READY_MS_MAX);
    const settle = (): void => {
      clearTimeout(timer);
      isReady = true;
    };
    child.once('error', reject);
    child.once('close', (code) => {
      settle();
      reject(new Error(`the server ended with ${String(code)}: ${output.trim()}`));
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      if (isReady) return;
      output = (output + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
      const match = pattern.exec(output);
      if (match === null) return;
      settle();
      resolve(match);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      if (isReady) process.stderr.write(chunk);
      else output = (output + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
    });
  });
}

function describe(name: string, port: number, child: ChildProcess): ServerProcess {
  const pid = child.pid ?? 0;
  return {
    name,
    port,
    pid,
    cpuSeconds() {
      // After the name in parentheses: state is field 3, utime 14, stime 15.
      const fields = (readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1] ?? '').split(' ');
      const seconds = (field: number): number => Number(fields[field - 3]) / TICKS_PER_SECOND;
      return { user: seconds(14), system: seconds(15) };
    },
    residentBytes() {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
    },
    descriptors: () => readdirSync(`/proc/${pid}/fd`).length,
    stop: () => end(child),
  };
}

/** SIGTERM, and SIGKILL when that is not enough. */
function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}
