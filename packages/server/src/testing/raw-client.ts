/**
 * A bare client for tests: bytes out, replies in as short texts, in order. It hides nothing: half
 * requests, pauses in reading and resets are calls of their own. A reply that does not come makes
 * the test time out; a connection that ends makes waiting calls fail with what was received last.
 *   +OK  -ERR text  :1  "bulk"  _  [a, b]  {k: v}  ~[a]  ,1.5  #t  =txt:text
 */
import type { NetConnectOpts, Socket } from 'node:net';
import { connect } from 'node:net';
import type { RespNode } from '@kora/protocol';
import { encodeRequest, ReplyDecoder, replyNodes } from '@kora/protocol';

/** Where to connect. */
export type Target = Extract<NetConnectOpts, { port: number }> | { readonly path: string };

/** The short text of a reply. */
export function shortText(node: RespNode): string {
  switch (node.type) {
    case 'simple': return `+${node.value}`;
    case 'error': case 'blob-error': return `-${node.value}`;
    case 'integer': return `:${node.value}`;
    case 'bulk': return JSON.stringify(Buffer.from(node.value).toString('latin1'));
    case 'verbatim': return `=${node.format}:${node.value}`;
    case 'double': return `,${node.value}`;
    case 'boolean': return node.value ? '#t' : '#f';
    case 'big-number': return `(${node.value}`;
    case 'array': return `[${node.value.map(shortText).join(', ')}]`;
    case 'set': return `~[${node.value.map(shortText).join(', ')}]`;
    case 'push': return `>[${node.value.map(shortText).join(', ')}]`;
    case 'map': return `{${node.value.map((pair) => pair.map(shortText).join(': ')).join(', ')}}`;
    default: return '_';
  }
}

interface Waiter {
  readonly resolve: (reply: string) => void;
  readonly reject: (error: Error) => void;
}

export class RawClient {
  readonly socket: Socket;
  /** Settles when the server has ended the connection, or it broke. */
  readonly ended: Promise<void>;
  /** Bytes received. */
  bytesReceived = 0;
  readonly #decoder = new ReplyDecoder(replyNodes);
  readonly #replies: string[] = [];
  readonly #waiters: Waiter[] = [];
  #isEnded = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.bytesReceived += chunk.length;
      for (const node of this.#decoder.feed(chunk)) this.#deliver(shortText(node));
    });
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        this.#isEnded = true;
        for (const waiter of this.#waiters.splice(0)) {
          waiter.reject(new Error('the connection ended before the reply'));
        }
        resolve();
      };
      socket.on('end', end);
      socket.on('close', end);
    });
    socket.on('error', () => undefined);
  }

  /** A connected client. */
  static connect(target: Target): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(target);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        socket.setNoDelay(true);
        resolve(client);
      });
      // Listens at once: a server that refuses may speak before 'connect' is heard.
      const client = new RawClient(socket);
    });
  }

  #deliver(reply: string): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#replies.push(reply);
    else waiter.resolve(reply);
  }

  /** Sends bytes as they are; text is one byte a character. */
  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** The next reply. */
  reply(): Promise<string> {
    const reply = this.#replies.shift();
    if (reply !== undefined) return Promise.resolve(reply);
    if (this.#isEnded) return Promise.reject(new Error('the connection has ended'));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  /** The next `count` replies. */
  async replies(count: number): Promise<string[]> {
    const replies: string[] = [];
    for (let i = 0; i < count; i++) replies.push(await this.reply());
    return replies;
  }

  /** Sends one command and waits for its reply. */
  call(...words: readonly (string | Uint8Array)[]): Promise<string> {
    this.send(encodeRequest(words));
    return this.reply();
  }

  /** True when no part of a reply was received whose rest was not. */
  get isBetweenReplies(): boolean {
    return this.#decoder.isIdle;
  }

  /** Replies received and not asked for. */
  get unread(): readonly string[] {
    return this.#replies;
  }

  /** Ends it at once. */
  destroy(): void {
    this.socket.destroy();
  }
}
