/**
 * A server in a process of its own, for tests that kill it under load and start it again over the
 * same directory. Runs the built files, so a build has to be there.
 */
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { execPath } from 'node:process';
import { RawClient } from './raw-client.ts';

const program = `
import { createServer } from '${new URL('../../dist/index.js', import.meta.url).href}';
const [directory, io, workers, fsync, loglevel] = process.argv.slice(1);
const server = createServer({
  dataDir: directory, fsync, io, workers: Number(workers),
  settings: { port: 0, bind: '127.0.0.1', loglevel },
  onLog: (_level, message) => process.stderr.write(message + '\\n'),
});
process.once('SIGTERM', () => { void server.close(); });
server.start().then(({ port }) => { process.stdout.write(port + '\\n'); }, (error) => {
  process.stderr.write(String(error) + '\\n');
  process.exit(1);
});
`;

/** What a server is started with. */
export interface KilledServerOptions {
  readonly directory: string;
  readonly io: string;
  readonly workers: number;
  readonly fsync: string;
  readonly loglevel: string;
}

export class KilledServer {
  readonly #child: ChildProcess;
  #port = 0;
  #log = '';

  private constructor({ directory, io, workers, fsync, loglevel }: KilledServerOptions) {
    const words = [directory, io, String(workers), fsync, loglevel];
    this.#child = spawn(execPath, ['--input-type=module', '--eval', program, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'], env: {},
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => { this.#log += chunk.toString(); });
  }

  /** Resolves when it listens. @throws {Error} (rejects) with its log when it ends before */
  static async start(options: KilledServerOptions): Promise<KilledServer> {
    const server = new KilledServer(options);
    server.#port = await new Promise<number>((resolve, reject) => {
      server.#child.stdout?.once('data', (chunk: Buffer) => { resolve(Number(chunk.toString())); });
      server.#child.once('exit', () => {
        reject(new Error(`the server did not start: ${server.#log}`));
      });
    });
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** All that it has logged. */
  get log(): string {
    return this.#log;
  }

  /** A new client; resolves when all data has been loaded. */
  async connect(): Promise<RawClient> {
    const client = await RawClient.connect({ port: this.#port, host: '127.0.0.1' });
    while ((await client.call('DBSIZE')).startsWith('-LOADING'));
    return client;
  }

  /** A write that makes a file longer fails, whoever makes it; on Linux alone. */
  limitFiles(bytes: number | 'unlimited'): void {
    execFileSync('prlimit', ['--pid', String(this.#child.pid), `--fsize=${bytes}:unlimited`]);
  }

  /** Ends it wherever it is. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }

  /** Ends it in order. @throws {Error} (rejects) with its log when it does not end so */
  async close(): Promise<void> {
    this.#child.kill('SIGTERM');
    const [status] = await once(this.#child, 'close') as [number | null];
    if (status !== 0) throw new Error(`the server ended with ${status}: ${this.#log}`);
  }
}
