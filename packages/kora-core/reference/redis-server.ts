/**
 * A redis-server of our own for the tests that compare with one, and a small client for it.
 * It listens on a unix socket in a fresh folder, so that test files which run side by side cannot
 * meet. A test that needs a TCP port gets one that was free a moment ago, and another one when
 * redis-server finds it taken.
 * Invariants: a started server has said itself that it accepts connections, so nobody else's is
 *   asked by mistake; it and its folder are gone after `stop`, and with this process, also when
 *   that is told to end by a signal.
 * Bounds: `READY_MS_MAX` and `START_ATTEMPTS_MAX`; beyond them an error shows the server's log.
 * Stands outside src, where the engine's sources may not import the platform.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { NetConnectOpts, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordedReply } from '../src/testing/recorded-reply.ts';

const HOST = '127.0.0.1';
const READY_MS_MAX = 20_000;
const START_ATTEMPTS_MAX = 6;
const LOG_CHARACTERS_KEPT = 8_000;
const SIGNALS_THAT_END = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** An argument of a command; a string stands for bytes, one Latin-1 character each. */
export type RedisArgument = string | Uint8Array;

/** How to start a server; without any it is a plain one on a unix socket. */
export interface RedisServerOptions {
  /** Options of redis-server after those that keep it private; later ones win. */
  readonly flags?: readonly string[];
  /** Listens on TCP and on no unix socket, as a server does by default. */
  readonly isOnTcp?: boolean;
  /** Runs in cluster mode, whose bus takes a TCP port in any case. */
  readonly isCluster?: boolean;
  /** Gives the ports to try. Default: one that the system says is free. */
  readonly portSource?: () => Promise<number>;
}

/** One redis-server in its own folder. */
export class RedisServer {
  readonly #address: NetConnectOpts;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #ended: Promise<void>;
  #log = '';

  private constructor(folder: string, address: NetConnectOpts, flags: readonly string[]) {
    this.#folder = folder;
    this.#address = address;
    this.#child = spawn('redis-server', [
      '--bind', HOST, '--dir', folder, '--save', '', '--appendonly', 'no', ...flags,
    ], { stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (text: string): void => {
      this.#log = (this.#log + text).slice(-LOG_CHARACTERS_KEPT);
    };
    this.#child.stdout?.on('data', (piece: Buffer) => { keep(piece.toString()); });
    this.#child.stderr?.on('data', (piece: Buffer) => { keep(piece.toString()); });
    // Not 'exit': only at 'close' has the whole log arrived, which says why it ended.
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        keep(String(error));
        resolve();
      });
      this.#child.once('close', resolve);
    });
    this.#endWithThisProcess();
  }

  /** Starts a server and waits until it accepts connections.
   * @throws {Error} with its log when it ends, or is not ready in time */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    for (let attempt = 1; ; attempt++) {
      const server = await RedisServer.#launch(options);
      try {
        await server.#becomeReady();
        return server;
      } catch (error) {
        await server.stop();
        const isPortTaken = server.#log.includes('Address already in use');
        if (!isPortTaken || attempt === START_ATTEMPTS_MAX) throw error;
      }
    }
  }

  static async #launch(options: RedisServerOptions): Promise<RedisServer> {
    const { flags = [], isOnTcp = false, isCluster = false, portSource = freePort } = options;
    const port = isOnTcp ? await portSource() : 0;
    const cluster = isCluster
      ? ['--cluster-enabled', 'yes', '--cluster-port', String(await portSource())] : [];
    const folder = mkdtempSync(join(tmpdir(), 'kora-redis-'));
    const path = join(folder, 'socket');
    const unixSocket = isOnTcp ? [] : ['--unixsocket', path];
    const address = isOnTcp ? { host: HOST, port } : { path };
    const listening = ['--port', String(port), ...unixSocket, ...cluster];
    return new RedisServer(folder, address, [...listening, ...flags]);
  }

  /** Ends the server, removes its folder, and resolves when both are gone. */
  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Sends the commands at once, over a connection of their own, and reads as many replies.
   * @returns the replies in order
   * @throws {Error} when the connection fails, or is closed before the last reply */
  ask(commands: readonly (readonly RedisArgument[])[]): Promise<RecordedReply[]> {
    return new Promise((resolve, reject) => {
      const replies: RecordedReply[] = [];
      const reader = new ReplyReader();
      const socket = connect(this.#address);
      socket.once('error', reject);
      socket.once('close', () => {
        reject(new Error(`closed after ${replies.length} of ${commands.length} replies`));
      });
      socket.on('data', (piece) => {
        reader.add(piece);
        for (let reply = reader.next(); reply !== undefined; reply = reader.next()) {
          replies.push(reply);
        }
        if (replies.length < commands.length) return;
        resolve(replies);
        socket.destroy();
      });
      socket.write(wireOf(commands));
    });
  }

  /** A connection that stays, for what belongs to one: MULTI, WATCH, SELECT. */
  connection(): RedisConnection {
    return new RedisConnection(connect(this.#address));
  }

  #becomeReady(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (what: string): void => {
        reject(new Error(`redis-server ${what}; its log:\n${this.#log}`));
      };
      const timer = setTimeout(fail, READY_MS_MAX, 'is not ready in time');
      // Each transport has a line of its own, which end the same.
      this.#child.stdout?.on('data', () => {
        if (!/ready to accept connections/i.test(this.#log)) return;
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

/** One connection; what is asked is answered in order. */
export class RedisConnection {
  readonly #socket: Socket;
  readonly #reader = new ReplyReader();
  readonly #waiting: ((reply: RecordedReply) => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (piece) => {
      this.#reader.add(piece);
      while (this.#waiting.length > 0) {
        const reply = this.#reader.next();
        if (reply === undefined) return;
        this.#waiting.shift()?.(reply);
      }
    });
  }

  ask(command: readonly RedisArgument[]): Promise<RecordedReply> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#socket.write(wireOf([command]));
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Reads RESP2 replies out of the pieces in which they arrive. */
class ReplyReader {
  #received = Buffer.alloc(0);
  #at = 0;

  add(piece: Uint8Array): void {
    this.#received = Buffer.concat([this.#received.subarray(this.#at), piece]);
    this.#at = 0;
  }

  /** The next reply; undefined when it has not arrived as a whole. */
  next(): RecordedReply | undefined {
    const start = this.#at;
    const reply = this.#read();
    if (reply === undefined) this.#at = start;
    return reply;
  }

  #read(): RecordedReply | undefined {
    const end = this.#received.indexOf('\r\n', this.#at);
    if (end < 0) return undefined;
    const kind = this.#received.toString('latin1', this.#at, this.#at + 1);
    const line = this.#received.toString('latin1', this.#at + 1, end);
    this.#at = end + 2;
    switch (kind) {
      case '+': return { kind: 'simple', text: line };
      case '-': return { kind: 'error', text: line };
      case ':': return { kind: 'integer', text: line };
      case '$': return this.#readBulk(Number(line));
      case '*': return this.#readArray(Number(line));
      default: throw new Error(`no reply of RESP2 begins with ${JSON.stringify(kind + line)}`);
    }
  }

  #readBulk(bytes: number): RecordedReply | undefined {
    if (bytes < 0) return { kind: 'null' };
    const from = this.#at;
    if (this.#received.length < from + bytes + 2) return undefined;
    this.#at = from + bytes + 2;
    return { kind: 'bulk', text: this.#received.toString('latin1', from, from + bytes) };
  }

  #readArray(count: number): RecordedReply | undefined {
    if (count < 0) return { kind: 'nullArray' };
    const items: RecordedReply[] = [];
    while (items.length < count) {
      const item = this.#read();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return { kind: 'array', items };
  }
}

function wireOf(commands: readonly (readonly RedisArgument[])[]): Buffer {
  const pieces: Uint8Array[] = [];
  for (const command of commands) {
    pieces.push(Buffer.from(`*${command.length}\r\n`));
    for (const argument of command) {
      const bytes = typeof argument === 'string' ? Buffer.from(argument, 'latin1') : argument;
      pieces.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
    }
  }
  return Buffer.concat(pieces);
}

/** A port of 127.0.0.1 that nothing listens on at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ host: HOST, port: 0 }, () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => { resolve(port); });
    });
  });
}
