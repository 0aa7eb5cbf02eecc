/**
 * A connection to a server for much data: requests go out without waiting for replies, up to a
 * bound of what is under way; replies are given to whoever waits for them, in order.
 *
 * Invariants: requests leave in the order of `send`; each gets one reply; after a failure every
 *   waiter hears of it once and nothing more is sent.
 * Bounds: WAITING_BYTES_MAX and WAITING_COUNT_MAX under way, beyond one request.
 */
import net from 'node:net';
import type { Socket } from 'node:net';
import { Fault } from '@kora/core/control';
import { encodeRequest, ReplyDecoder, replyLimits, replyNodes } from '@kora/protocol';
import type { RequestArgument, RespNode } from '@kora/protocol';
import type { ServerUrl } from './server-url.ts';

/** Gets the reply of one request. */
export interface Waiter {
  answered(reply: RespNode): void;
  failed?(fault: Fault): void;
}

const WAITING_BYTES_MAX = 16 * 1024 * 1024;
const WAITING_COUNT_MAX = 8192;
/** Longest reply: a payload of DUMP of 1 GiB, and its header. */
const REPLY_BYTES_MAX = (1 << 30) + 1024;
const CONNECT_MS_MAX = 10_000;

/** Requests that were sent, one after the other, and whoever hears of all of them. */
interface Sent {
  readonly waiter: Waiter;
  /** How many have no reply yet. */
  left: number;
  /** Bytes of one. */
  readonly bytes: number;
}

export class ServerLink {
  /** Why nothing works any more; null while all is well. */
  fault: Fault | null = null;
  /** Called once when the connection fails. */
  onFault: () => void = ignore;
  readonly #socket: Socket;
  readonly #shown: string;
  readonly #decoder = new ReplyDecoder(
    replyNodes, replyLimits({ bulkBytesMax: REPLY_BYTES_MAX, frameBytesMax: REPLY_BYTES_MAX }),
  );
  readonly #sent: Sent[] = [];
  #sentFrom = 0;
  /** Requests without a reply yet. */
  waitingCount = 0;
  #waitingBytes = 0;
  #onRoom: (() => void)[] = [];
  #onIdle: (() => void)[] = [];

  private constructor(socket: Socket, shown: string) {
    this.#socket = socket;
    this.#shown = shown;
    socket.on('data', (chunk) => {
      this.#take(chunk);
    });
    socket.on('error', (cause) => {
      this.#fail(new Fault('TRANSFER_FAILED', `${shown}: ${cause.message}`, { cause }));
    });
    socket.on('close', () => {
      this.#fail(new Fault('TRANSFER_FAILED', `${shown} closed the connection`));
    });
  }

  /** Connects and authenticates.
   * @throws {Fault} (rejects) `TRANSFER_FAILED` when there is no such server, or it refuses */
  static async open(url: ServerUrl): Promise<ServerLink> {
    const link = new ServerLink(await connectTo(url), url.shown);
    try {
      await link.#greet(url);
    } catch (cause) {
      link.close();
      throw cause;
    }
    return link;
  }

  /** True when room() should be awaited before more is sent. */
  get isFull(): boolean {
    return this.#waitingBytes > WAITING_BYTES_MAX || this.waitingCount > WAITING_COUNT_MAX;
  }

  /** Sends whole requests; the bytes are the link's from now on.
   * @param waiters one for each request */
  send(bytes: Uint8Array, waiters: readonly Waiter[]): void {
    if (this.fault !== null) throw this.fault;
    const each = bytes.length / waiters.length;
    for (const waiter of waiters) this.#sent.push({ waiter, left: 1, bytes: each });
    this.#write(bytes, waiters.length);
  }

  /** As `send`, where one waiter hears of all requests. @param count of requests, at least 1 */
  sendAll(bytes: Uint8Array, count: number, waiter: Waiter): void {
    if (this.fault !== null) throw this.fault;
    this.#sent.push({ waiter, left: count, bytes: bytes.length / count });
    this.#write(bytes, count);
  }

  #write(bytes: Uint8Array, count: number): void {
    this.waitingCount += count;
    this.#waitingBytes += bytes.length;
    this.#socket.write(bytes);
  }

  /** Sends one request and waits for its reply, errors included.
   * @throws {Fault} (rejects) when the connection fails */
  ask(...args: readonly RequestArgument[]): Promise<RespNode> {
    return new Promise((resolve, reject) => {
      this.send(encodeRequest(args), [{ answered: resolve, failed: reject }]);
    });
  }

  /** As `ask`, where an error is a failure.
   * @throws {Fault} (rejects) `TRANSFER_FAILED` */
  async demand(...args: readonly RequestArgument[]): Promise<RespNode> {
    const reply = await this.ask(...args);
    if (reply.type !== 'error') return reply;
    throw refusal(this.#shown, String(args[0]), reply.value);
  }

  /** Resolves when more may be sent. @throws {Fault} (rejects) when the connection fails */
  async room(): Promise<void> {
    if (this.isFull && this.fault === null) {
      await new Promise<void>((resolve) => this.#onRoom.push(resolve));
    }
    if (this.fault !== null) throw this.fault;
  }

  /** Resolves when every request has its reply. @throws {Fault} (rejects) on a failure */
  async idle(): Promise<void> {
    if (this.waitingCount > 0 && this.fault === null) {
      await new Promise<void>((resolve) => this.#onIdle.push(resolve));
    }
    if (this.fault !== null) throw this.fault;
  }

  /** Ends the connection; nobody hears of what was under way. */
  close(): void {
    this.#sent.length = 0;
    this.#sentFrom = 0;
    this.waitingCount = 0;
    this.#fail(new Fault('TRANSFER_FAILED', `the connection to ${this.#shown} is closed`));
    this.#socket.destroy();
  }

  async #greet(url: ServerUrl): Promise<void> {
    if (url.password !== undefined) {
      const words = url.username === undefined ? [url.password] : [url.username, url.password];
      await this.demand('AUTH', ...words);
    }
    await this.demand('PING');
  }

  #take(chunk: Uint8Array): void {
    for (const reply of this.#decoder.feed(chunk)) {
      const sent = this.#sent[this.#sentFrom];
      if (sent === undefined) {
        this.#fail(new Fault('TRANSFER_FAILED', `${this.#shown} answered what was not asked`));
        return;
      }
      if (--sent.left === 0) this.#sentFrom++;
      this.waitingCount--;
      this.#waitingBytes -= sent.bytes;
      sent.waiter.answered(reply);
    }
    if (this.#decoder.error !== undefined) {
      const reason = `${this.#shown} does not speak Redis's protocol`;
      this.#fail(new Fault('TRANSFER_FAILED', reason));
    }
    if (this.#sentFrom === this.#sent.length || this.#sentFrom > WAITING_COUNT_MAX) {
      this.#sent.splice(0, this.#sentFrom);
      this.#sentFrom = 0;
    }
    if (this.#sent.length === 0) this.#waitingBytes = 0;
    if (!this.isFull) wake(this.#onRoom);
    if (this.waitingCount === 0) wake(this.#onIdle);
  }

  #fail(fault: Fault): void {
    if (this.fault !== null) return;
    this.fault = fault;
    this.#socket.destroy();
    this.waitingCount = 0;
    for (const { waiter } of this.#sent.splice(this.#sentFrom)) waiter.failed?.(fault);
    wake(this.#onRoom);
    wake(this.#onIdle);
    this.onFault();
  }
}

function ignore(): void {
  return;
}

/** Says that a server refuses a command, and what helps against it where that is known. */
export function refusal(shown: string, command: string, reason: string): Fault {
  const help = reason.startsWith('NOAUTH')
    ? ' Write the password into the URL: redis://:password@host:port' : '';
  return new Fault('TRANSFER_FAILED', `${shown} refuses ${command}: ${reason}${help}`);
}

/** Calls all who wait, once. */
function wake(waiting: (() => void)[]): void {
  for (const call of waiting.splice(0)) call();
}

/** A connected socket.
 * @throws {Fault} (rejects) `TRANSFER_FAILED` when nobody answers there in time */
export function connectTo(url: ServerUrl): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const target = url.path === undefined
      ? { host: url.host, port: url.port } : { path: url.path };
    const socket = net.connect({ ...target, noDelay: true });
    const fail = (what: string, cause?: unknown): void => {
      socket.destroy();
      const text = `cannot connect to ${url.shown}: ${what}`;
      reject(new Fault('TRANSFER_FAILED', text, { cause }));
    };
    const timer = setTimeout(fail, CONNECT_MS_MAX, 'no answer');
    const refuse = (cause: Error): void => {
      clearTimeout(timer);
      fail(cause.message, cause);
    };
    socket.once('error', refuse);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', refuse);
      resolve(socket);
    });
  });
}
