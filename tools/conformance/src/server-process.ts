/**
 * Starts a server as a child process for one test run and ends it again.
 *
 * Two kinds: Kora's executable, which names its port in the line `... ready on HOST:PORT`, and
 *   redis-server, which is given a free port, and another one when it finds that taken.
 * Invariants: only the process started here is ever signalled, and only it is believed to be
 *   ready; `stop` resolves when it is gone, by SIGKILL at the latest after `STOP_MS_MAX`; its
 *   working directory is fresh and removed. It ends with this process, also by a signal.
 * Bounds: a server that is not ready within `READY_MS_MAX` is an error that shows its output.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pause } from './drivers/driver.ts';

const READY_MS_MAX = 10_000;
const READY_POLL_MS = 25;
const STOP_MS_MAX = 3_000;
const OUTPUT_CHARACTERS_KEPT = 4_000;
const PORT_ATTEMPTS_MAX = 5;
const HOST = '127.0.0.1';
const SIGNALS_THAT_END = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

const KORA_EXECUTABLE = fileURLToPath(
  new URL('../../../packages/cli/bin/kora.js', import.meta.url),
);

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** What it has printed so far: the last few thousand characters. */
  output(): string;
  stop(): Promise<void>;
}

/** Starts the built Kora server on a free port. The build must exist.
 * @param flags command line flags after `serve --port 0`
 * @throws {Error} with its output when it is not ready in time */
export async function startKora(flags: readonly string[] = []): Promise<RunningServer> {
  const command = [KORA_EXECUTABLE, 'serve', '--port', '0', ...flags];
  const server = new ServerProcess(process.execPath, command);
  const port = await server.waitFor('its line "ready on HOST:PORT"', () => {
    const ready = /ready on \S*?:(\d+)\s/.exec(server.output());
    return Promise.resolve(ready === null ? undefined : Number(ready[1]));
  });
  return server.running(port);
}

/** Starts redis-server, without persistence, on a port that was free a moment ago.
 * @param flags options after the port; later ones win
 * @throws {Error} with its output when it does not accept connections in time */
export async function startReference(flags: readonly string[] = []): Promise<RunningServer> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const options = ['--port', String(port), '--bind', HOST, '--appendonly', 'no', ...flags];
    const server = new ServerProcess('redis-server', options);
    try {
      // Its own word, not an answer to PING: on a taken port somebody else would give that.
      await server.waitFor('its line "Ready to accept connections"', () =>
        Promise.resolve(server.output().includes('Ready to accept connections') || undefined));
      return server.running(port);
    } catch (error) {
      if (attempt === PORT_ATTEMPTS_MAX || !isAddressInUse(server)) throw error;
    }
  }
}

/** Options of a reference server on which the corpus was recorded. */
export const REFERENCE_CORPUS_FLAGS = ['--save', '', '--enable-debug-command', 'local'];
/** Flags of a Kora server that plays the corpus. */
export const KORA_CORPUS_FLAGS = ['--enable-debug-command', 'local'];

class ServerProcess {
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #name: string;
  /** A run that ends early must not leave its server behind. */
  readonly #endWithParent = (): void => {
    this.#child.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
  };
  /** After a signal that nobody takes 'exit' is not emitted; a test runner ends workers so. */
  readonly #endBySignal = (signal: NodeJS.Signals): void => {
    this.#endWithParent();
    process.kill(process.pid, signal);
  };
  #output = '';
  #hasEnded = false;

  constructor(command: string, commandArguments: readonly string[]) {
    this.#name = path.basename(commandArguments[0] ?? command);
    if (command !== process.execPath) this.#name = command;
    this.#directory = mkdtempSync(path.join(os.tmpdir(), 'kora-conformance-'));
    this.#child = spawn(command, commandArguments, {
      cwd: this.#directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (piece: Buffer): void => {
      this.#output = (this.#output + piece.toString()).slice(-OUTPUT_CHARACTERS_KEPT);
    };
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    process.once('exit', this.#endWithParent);
    for (const signal of SIGNALS_THAT_END) process.once(signal, this.#endBySignal);
    // Not 'exit': only at 'close' has all its output arrived, which says why it ended.
    this.#child.once('close', () => {
      this.#hasEnded = true;
      process.off('exit', this.#endWithParent);
      for (const signal of SIGNALS_THAT_END) process.off(signal, this.#endBySignal);
    });
    this.#child.on('error', (error) => {
      this.#output += String(error);
      this.#hasEnded = true;
    });
  }

  output(): string {
    return this.#output;
  }

  running(port: number): RunningServer {
    return {
      host: HOST,
      port,
      output: () => this.output(),
      stop: () => this.stop(),
    };
  }

  /** Asks `probe` until it gives something; ends the process and throws when it does not. */
  async waitFor<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
    const endMs = performance.now() + READY_MS_MAX;
    while (performance.now() < endMs && !this.#hasEnded) {
      const found = await probe();
      if (found !== undefined) return found;
      await pause(READY_POLL_MS);
    }
    const state = this.#hasEnded ? 'ended before' : 'did not give';
    await this.stop();
    throw new Error(`${this.#name} ${state} ${what}; its output:\n${this.#output}`);
  }

  async stop(): Promise<void> {
    if (!this.#hasEnded) {
      this.#child.kill('SIGTERM');
      const endMs = performance.now() + STOP_MS_MAX;
      while (!this.#hasEnded && performance.now() < endMs) await pause(READY_POLL_MS);
      if (!this.#hasEnded) this.#child.kill('SIGKILL');
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function isAddressInUse(server: ServerProcess): boolean {
  return server.output().includes('Address already in use');
}

/** A port that nothing listens on at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.on('error', reject);
    probe.listen({ host: HOST, port: 0 }, () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => {
        resolve(port);
      });
    });
  });
}
