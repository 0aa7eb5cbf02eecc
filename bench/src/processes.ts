/**
 * Servers under measurement: starts Kora's built command line and, when it is installed,
 * redis-server, each pinned to one core, and reads their CPU time and resident memory from /proc
 * over all threads. Linux only; without `taskset` nothing is pinned and the caller says so in its
 * table.
 */
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

/** How long a server may take to say that it is ready. */
const READY_MS_MAX = 10_000;
/** Kernel clock ticks a second, as /proc counts CPU time. */
const TICKS_PER_SECOND = 100;

/** A running server. */
export interface ServerProcess {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  /** CPU seconds so far: user, system, of all threads. */
  cpuSeconds(): { readonly user: number; readonly system: number };
  /** Resident memory, bytes. */
  residentBytes(): number;
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

/** Starts the built Kora on a free port. */
export async function startKora(
  extraArguments: readonly string[] = [],
  nodeArguments: readonly string[] = [],
): Promise<ServerProcess> {
  const bin = fileURLToPath(new URL('../../packages/cli/bin/kora.js', import.meta.url));
  const command = [...pinTo(0), process.execPath, ...nodeArguments, bin, 'serve', '--port', '0'];
  const child = launch([...command, ...extraArguments]);
  const line = await readyLine(child, /ready on \S+?:(\d+)/);
  return describe('kora', Number(line[1]), child);
}

/** Starts redis-server without persistence on a free port. */
export async function startRedis(extraArguments: readonly string[] = []): Promise<ServerProcess> {
  const port = await freePort();
  const child = launch([
    ...pinTo(0), 'redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '',
    '--appendonly', 'no', ...extraArguments,
  ]);
  await readyLine(child, /Ready to accept connections/);
  return describe('redis-server', port, child);
}

function launch(command: readonly string[]): ChildProcess {
  const [program = '', ...rest] = command;
  return spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
}

function readyLine(child: ChildProcess, pattern: RegExp): Promise<RegExpMatchArray> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`no ready line within ${READY_MS_MAX} ms: ${output}`));
    }, READY_MS_MAX);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the server ended with ${String(code)}: ${output}`));
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4096);
      const match = pattern.exec(output);
      if (match === null) return;
      clearTimeout(timer);
      resolve(match);
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
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => {
          resolve();
        });
        child.kill('SIGTERM');
      }),
  };
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => {
        resolve(port);
      });
    });
  });
}
