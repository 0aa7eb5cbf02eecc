/**
 * Servers of our own for the tests that carry data between a Redis and a Kora: each is a process in
 * a fresh folder, on a free port of this machine, and is gone after `stop` and with this process.
 * Needs redis-server on the PATH, and a build for the kora command.
 * Bounds: READY_MS_MAX, START_ATTEMPTS_MAX; beyond them an error shows the server's log.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RequestArgument, RespNode } from '@kora/protocol';
import { freePort } from '@kora/server/testing';
import { ServerLink } from '../src/transfer/server-link.ts';
import { readServerUrl } from '../src/transfer/server-url.ts';
import type { ServerUrl } from '../src/transfer/server-url.ts';

const KORA = fileURLToPath(new URL('../bin/kora.js', import.meta.url));
const HOST = '127.0.0.1';
const READY_MS_MAX = 20_000;
const START_ATTEMPTS_MAX = 5;

/** A process that was started: what it printed, and how it ended. */
export class RunningProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  /** Everything it printed so far. */
  output = '';

  constructor(command: string, words: readonly string[], directory: string) {
    this.child = spawn(command, words, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (piece: Buffer): void => {
      this.output += piece.toString();
    };
    this.child.stdout?.on('data', keep);
    this.child.stderr?.on('data', keep);
    const kill = (): void => {
      this.child.kill('SIGKILL');
    };
    process.once('exit', kill);
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => {
        process.off('exit', kill);
        resolve(code);
      });
    });
  }

  /** Waits for a line. @throws {Error} (rejects) when it ends before, or takes too long */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(this.output);
        if (found === null) return;
        clearTimeout(timer);
        resolve(found);
      };
      const fail = (what: string): void => {
        clearTimeout(timer);
        reject(new Error(`${what}; it printed:\n${this.output}`));
      };
      const timer = setTimeout(fail, READY_MS_MAX, 'not said in time');
      this.child.stdout?.on('data', look);
      void this.ended.then(() => {
        fail('ended before it said so');
      });
      look();
    });
  }
}

/** Runs the kora command to its end. */
export function runKora(words: readonly string[], directory: string = tmpdir()): RunningProcess {
  return new RunningProcess(process.execPath, [KORA, ...words], directory);
}

/** A server with a connection to it. */
export class ServerProcess {
  readonly url: ServerUrl;
  readonly folder: string;
  readonly process: RunningProcess;
  readonly #link: ServerLink;

  private constructor(
    url: ServerUrl, folder: string, running: RunningProcess, link: ServerLink,
  ) {
    this.url = url;
    this.folder = folder;
    this.process = running;
    this.#link = link;
  }

  /** Starts a redis-server; `flags` win over what keeps it private. */
  static async redis(
    flags: readonly string[] = [], folder: string = newFolder(),
  ): Promise<ServerProcess> {
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const running = new RunningProcess('redis-server', [
        '--bind', HOST, '--port', String(port), '--dir', folder, '--save', '', '--appendonly',
        'no', '--enable-debug-command', 'yes', ...flags,
      ], folder);
      try {
        await running.printed(/eady to accept connections/);
        return await ServerProcess.#connected(port, folder, running);
      } catch (error) {
        running.child.kill('SIGKILL');
        await running.ended;
        const isPortTaken = running.output.includes('Address already in use');
        if (!isPortTaken || attempt === START_ATTEMPTS_MAX) throw error;
      }
    }
  }

  /** Starts a kora server. */
  static async kora(flags: readonly string[] = []): Promise<ServerProcess> {
    const folder = newFolder();
    const running = runKora(['--port', '0', '--enable-debug-command', 'yes', ...flags], folder);
    const [, port] = await running.printed(/ready on [^:]+:(\d+)/);
    return ServerProcess.#connected(Number(port), folder, running);
  }

  static async #connected(
    port: number, folder: string, running: RunningProcess,
  ): Promise<ServerProcess> {
    const url = readServerUrl(`redis://${HOST}:${port}`);
    if (typeof url === 'string') throw new Error(url);
    return new ServerProcess(url, folder, running, await ServerLink.open(url));
  }

  /** Asks one thing. */
  ask(...args: readonly RequestArgument[]): Promise<RespNode> {
    return this.#link.ask(...args);
  }

  /** Asks all at once; replies in order. */
  askAll(requests: readonly (readonly RequestArgument[])[]): Promise<RespNode[]> {
    return Promise.all(requests.map((request) => this.#link.ask(...request)));
  }

  /** The number that DBSIZE and the like answer. */
  async count(...args: readonly RequestArgument[]): Promise<number> {
    const reply = await this.ask(...args);
    return reply.type === 'integer' ? Number(reply.value) : Number.NaN;
  }

  /** A text or an error. */
  async text(...args: readonly RequestArgument[]): Promise<string> {
    const reply = await this.ask(...args);
    return scalarText(reply);
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    this.#link.close();
    this.process.child.kill('SIGKILL');
    await this.process.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A reply that is one text or number, as text. */
export function scalarText(reply: RespNode): string {
  if (reply.type === 'bulk') return Buffer.from(reply.value).toString('latin1');
  const { value } = reply;
  return typeof value === 'object' ? reply.type : String(value);
}

/** A new folder for a server or for dumps. */
export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'kora-transfer-'));
}
