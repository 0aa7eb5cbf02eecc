/**
 * Reaches a server over TCP in RESP2 or RESP3: the driver for Kora's server and for the
 * reference server.
 *
 * Invariants: replies come out in the order of their arrival; a connection that is closed
 *   still gives the replies it had received. Every wait has a limit.
 * The reader must know the protocol in force, so HELLO and RESET are noticed as they are sent.
 */
import net from 'node:net';
import type { Outcome } from '../reply-notation.ts';
import { call, pause, type Connection, type Driver, type Protocol } from './driver.ts';
import { ReplyReader } from './reply-reader.ts';

const CONNECT_MS_MAX = 3_000;
const CLOSE_POLL_MS = 5;

export interface SocketTarget {
  readonly host: string;
  readonly port: number;
}

/** A driver for the server at `target` that speaks `protocol`. */
export function socketDriver(target: SocketTarget, protocol: Protocol): Driver {
  return {
    name: protocol === '3' ? 'resp3' : 'resp2',
    protocol,
    openAdmin: () => openSocket(target),
    async open() {
      const connection = await openSocket(target);
      if (protocol === '3') {
        const greeting = await call(connection, ['HELLO', '3'], CONNECT_MS_MAX);
        if (greeting.kind === 'error') connection.speakResp2(); // a case may demand AUTH first
      }
      return connection;
    },
  };
}

/** Opens a connection to a server.
 * @throws {Error} when it cannot be had within the time limit */
export function openSocket(target: SocketTarget): Promise<SocketConnection> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ ...target, noDelay: true });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no connection to ${target.host}:${String(target.port)}`));
    }, CONNECT_MS_MAX);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(new SocketConnection(socket));
    });
    socket.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

export class SocketConnection implements Connection {
  readonly #socket: net.Socket;
  readonly #reader = new ReplyReader();
  readonly #arrived: Outcome[] = [];
  #wake: (() => void) | undefined = undefined;
  #isClosed = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (piece: Buffer) => {
      this.#arrived.push(...this.#reader.feed(piece));
      this.#wake?.();
    });
    const finish = (): void => {
      this.#isClosed = true;
      this.#wake?.();
    };
    socket.on('end', finish);
    socket.on('close', finish);
    socket.on('error', finish);
  }

  send(requestArguments: readonly string[]): void {
    const name = requestArguments[0]?.toLowerCase();
    const version = requestArguments[1];
    if (name === 'hello' && version === '3') this.#reader.isResp3 = true;
    if ((name === 'hello' && version === '2') || name === 'reset') this.speakResp2();
    this.sendRaw(encodeRequest(requestArguments));
  }

  /** Reads what follows as RESP2: the server refused to change. */
  speakResp2(): void {
    this.#reader.isResp3 = false;
  }

  sendRaw(bytes: string): void {
    if (!this.#isClosed) this.#socket.write(Buffer.from(bytes, 'latin1'));
  }

  async next(replyMsMax: number): Promise<Outcome> {
    if (this.#arrived.length === 0 && !this.#isClosed) await this.#arrival(replyMsMax);
    const outcome = this.#arrived.shift();
    return outcome ?? { kind: this.#isClosed ? 'closed' : 'timeout', text: '' };
  }

  peek(): Outcome | undefined {
    return this.#arrived[0];
  }

  async waitClosed(closeMsMax: number): Promise<boolean> {
    for (let waitedMs = 0; waitedMs < closeMsMax; waitedMs += CLOSE_POLL_MS) {
      if (this.#isClosed) return true;
      await pause(CLOSE_POLL_MS);
    }
    return this.#isClosed;
  }

  isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Resolves when a whole reply or the end has come, or after the time. */
  #arrival(replyMsMax: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(settle, replyMsMax);
      this.#wake = () => {
        if (this.#arrived.length > 0 || this.#isClosed) settle();
      };
    });
  }
}

/** A request as the array of bulk strings that clients send; latin1 text. */
export function encodeRequest(requestArguments: readonly string[]): string {
  const parts = [`*${String(requestArguments.length)}\r\n`];
  for (const argument of requestArguments) {
    parts.push(`$${String(argument.length)}\r\n`, argument, '\r\n');
  }
  return parts.join('');
}
