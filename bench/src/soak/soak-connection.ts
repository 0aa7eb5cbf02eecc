/**
 * One connection of a soak client: bytes out, replies in, in order, and every way to end: politely,
 * half closed, dropped, or by a reset. Nothing is retried; what goes wrong is an exception.
 * Bound: a reply that does not come within REPLY_MS_MAX is wrong.
 */
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import type { RespNode } from '@kora/protocol';
import { ReplyDecoder, encodeRequest, replyNodes } from '@kora/protocol';

/** How long a reply may take, on a machine that does much else. */
const REPLY_MS_MAX = 30_000;

/** A request of arguments with one character a byte. */
export function requestOf(args: readonly string[]): Uint8Array {
  return encodeRequest(args.map((arg) => Buffer.from(arg, 'latin1')));
}

interface Waiter {
  readonly resolve: (reply: RespNode) => void;
  readonly reject: (error: Error) => void;
}

export class SoakConnection {
  readonly socket: Socket;
  /** Settles when the connection is gone on both sides. */
  readonly closed: Promise<void>;
  readonly #decoder = new ReplyDecoder(replyNodes);
  readonly #replies: RespNode[] = [];
  #waiter: Waiter | undefined = undefined;
  #isOver = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#replies.push(...this.#decoder.feed(chunk));
      const { error } = this.#decoder;
      if (error !== undefined) this.#fail(`bad bytes: ${error.message}`);
      this.#deliver();
    });
    socket.on('end', () => {
      this.#fail('the server ended the connection');
    });
    socket.on('error', (error) => {
      this.#fail(`the connection broke: ${error.message}`);
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#fail('the connection is closed');
        resolve();
      });
    });
  }

  /** Connects to a port of this machine. */
  static open(port: number): Promise<SoakConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new SoakConnection(socket));
      });
    });
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** The next reply. One caller at a time. */
  reply(): Promise<RespNode> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no reply within ${REPLY_MS_MAX} ms`));
      }, REPLY_MS_MAX);
      this.#waiter = {
        resolve: (reply) => {
          clearTimeout(timer);
          resolve(reply);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#deliver();
      if (this.#isOver) this.#fail('the connection is closed');
    });
  }

  /** Sends one command and waits for its reply. */
  call(...args: readonly string[]): Promise<RespNode> {
    this.send(requestOf(args));
    return this.reply();
  }

  /** Says that nothing more comes; the server ends in turn. */
  async endPolitely(): Promise<void> {
    this.socket.end();
    await this.closed;
  }

  /** Closes without a word; what is under way is lost. */
  async drop(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  /** Sends a reset. */
  async reset(): Promise<void> {
    this.socket.resetAndDestroy();
    await this.closed;
  }

  #deliver(): void {
    const { [0]: reply } = this.#replies;
    const waiter = this.#waiter;
    if (reply === undefined || waiter === undefined) return;
    this.#replies.shift();
    this.#waiter = undefined;
    waiter.resolve(reply);
  }

  #fail(reason: string): void {
    this.#isOver = true;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.reject(new Error(reason));
  }
}
