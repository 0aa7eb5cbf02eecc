/**
 * A redis-server of our own for the tests that compare bytes with it. It listens on a unix socket
 * in a fresh folder and on no port, so that test files which run side by side cannot meet.
 * Invariants: a started server has said itself that it accepts connections; it and its folder are
 *   gone after `stop`, and with this process, also when that is told to end by a signal.
 * Bound: a server that is not ready within `READY_MS_MAX` is an error that shows its log.
 * Stands outside src, where this package's sources may not import the platform.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const READY_MS_MAX = 20_000;
const LOG_CHARACTERS_KEPT = 8_000;
const SIGNALS_THAT_END = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** One redis-server in its own folder. */
export class RedisServer {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #folder = mkdtempSync(join(tmpdir(), 'kora-redis-'));
  readonly #socketPath = join(this.#folder, 'socket');
  #log = '';

  private constructor(flags: readonly string[]) {
    this.#child = spawn('redis-server', [
      '--port', '0', '--unixsocket', this.#socketPath, '--dir', this.#folder,
      '--save', '', '--appendonly', 'no', ...flags,
    ], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child.stdout?.on('data', (piece: Buffer) => {
      this.#log = (this.#log + piece.toString()).slice(-LOG_CHARACTERS_KEPT);
    });
    // Not 'exit': only at 'close' has the whole log arrived, which says why it ended.
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#log += String(error);
        resolve();
      });
      this.#child.once('close', resolve);
    });
    this.#endWithThisProcess();
  }

  /** Starts a server and waits until it accepts connections.
   * @param flags options of redis-server after those that keep it private; later ones win
   * @throws {Error} with its log when it ends, or is not ready in time */
  static async start(flags: readonly string[] = []): Promise<RedisServer> {
    const server = new RedisServer(flags);
    try {
      await server.#becomeReady();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Ends the server, removes its folder, and resolves when both are gone. */
  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Sends the bytes over a connection of their own, shuts its writing side, and gives all that
   * came back before the server closed it. The server may close while we still write. */
  exchange(bytes: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const parts: Buffer[] = [];
      const socket = connect(this.#socketPath);
      socket.on('data', (part) => parts.push(part));
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
      });
      socket.on('close', () => { resolve(Buffer.concat(parts)); });
      socket.end(bytes);
    });
  }

  #becomeReady(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (what: string): void => {
        reject(new Error(`redis-server ${what}; its log:\n${this.#log}`));
      };
      const timer = setTimeout(fail, READY_MS_MAX, 'is not ready in time');
      this.#child.stdout?.on('data', () => {
        if (!this.#log.includes('ready to accept connections')) return;
        clearTimeout(timer);
        resolve();
      });
      void this.#ended.then(() => {
        clearTimeout(timer);
        fail('ended early');
      });
    });
  }

  /** A test runner ends its workers by a signal, after which 'exit' is not emitted. */
  #endWithThisProcess(): void {
    const end = (): void => {
      this.#child.kill('SIGKILL');
      rmSync(this.#folder, { recursive: true, force: true });
    };
    const endBySignal = (signal: NodeJS.Signals): void => {
      end();
      process.kill(process.pid, signal);
    };
    process.once('exit', end);
    for (const signal of SIGNALS_THAT_END) process.once(signal, endBySignal);
    void this.#ended.then(() => {
      process.off('exit', end);
      for (const signal of SIGNALS_THAT_END) process.off(signal, endBySignal);
    });
  }
}
