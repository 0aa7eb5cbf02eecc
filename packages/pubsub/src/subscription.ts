/**
 * Messages as an asynchronous sequence: `for await (const message of subscription)`. They wait in a
 * queue while the reader is busy. The queue is bounded: a reader that falls behind is told so. It
 * gets all messages that came before, then the loop throws SUBSCRIBER_SLOW, as redis-server ends
 * the connection of a client that does not read.
 *
 *   open --break, return, close(), the signal--> closed     the loop ends; nothing waits any more
 *   open --queue full, the source fails--> failed           what waits is read, then it throws
 *   open --the source ends--> ended                         what waits is read, then the loop ends
 *
 * Bounds: QUEUED_MESSAGES_MAX and QUEUED_BYTES_MAX, or less as asked.
 */
import { Fault } from '@kora/core';
import { QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX } from './limits.ts';
import type { Message } from './message.ts';

/** Bounds of the queue of one subscription. */
export interface QueueLimits {
  /** Messages that may wait: an integer above 0; default QUEUED_MESSAGES_MAX. */
  readonly queuedMessagesMax?: number;
  /** Bytes of memory that they may take: an integer above 0; default QUEUED_BYTES_MAX. */
  readonly queuedBytesMax?: number;
}

/** One call of `next` that waits for a message. */
interface Reader {
  resolve(result: IteratorResult<Message, undefined>): void;
  reject(cause: Error): void;
}

const END: IteratorResult<Message, undefined> = Object.freeze({ done: true, value: undefined });

export class Subscription implements AsyncIterableIterator<Message, undefined, undefined> {
  /**
   * Resolves when every message published from then on will come; at once where all is in this
   * thread. Rejects when that fails; so does the loop, so nobody has to wait for it.
   */
  readonly ready: Promise<void>;
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  readonly #leave: () => void;
  readonly #signal: AbortSignal | undefined;
  #queue: Message[] = [];
  /** Of `#queue` so many have been read. */
  #readCount = 0;
  #queuedBytes = 0;
  readonly #readers: Reader[] = [];
  #isOpen = true;
  #failure: Error | null = null;
  #settleReady: ((failure: Error | null) => void) | null = null;

  /**
   * @internal
   * @param leave called once, when nothing is to come any more for whatever reason
   * @throws {Fault} INVALID_OPTION
   */
  constructor(limits: QueueLimits, leave: () => void, signal?: AbortSignal) {
    this.#messagesMax = boundOf('queuedMessagesMax', limits.queuedMessagesMax, QUEUED_MESSAGES_MAX);
    this.#bytesMax = boundOf('queuedBytesMax', limits.queuedBytesMax, QUEUED_BYTES_MAX);
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new Fault('INVALID_OPTION', 'signal is the AbortSignal of an AbortController');
    }
    this.#leave = leave;
    this.#signal = signal;
    this.ready = new Promise<void>((resolve, reject) => {
      this.#settleReady = (failure): void => {
        if (failure === null) resolve();
        else reject(failure);
      };
    });
    // The loop tells of it too: who does not ask for `ready` has nothing to handle.
    this.ready.catch(() => undefined);
    signal?.addEventListener('abort', this.#onAbort);
  }

  /** Messages that wait for the reader. */
  get queuedCount(): number {
    return this.#queue.length - this.#readCount;
  }

  /** False when no further message will be queued. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** @internal The source has it; `ready` resolves. */
  begin(): void {
    this.#settleReady?.(null);
    this.#settleReady = null;
    if (this.#signal?.aborted === true) this.close();
  }

  /** @internal Takes a message, or ends because it is one too many. */
  push(message: Message): void {
    if (!this.#isOpen) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ done: false, value: message });
      return;
    }
    const bytes = this.#queuedBytes + message.weightBytes;
    if (this.queuedCount >= this.#messagesMax || bytes > this.#bytesMax) {
      this.fail(new Fault(
        'SUBSCRIBER_SLOW',
        `a subscription ended: ${this.queuedCount} messages waited for its reader and one more ` +
          'came; read faster, or allow more with queuedMessagesMax and queuedBytesMax',
      ));
      return;
    }
    this.#queue.push(message);
    this.#queuedBytes = bytes;
  }

  /** @internal Ends it with an error, after what waits. */
  fail(cause: Error): void {
    if (!this.#isOpen) return;
    this.#failure = cause;
    this.#settleReady?.(cause);
    this.#stop();
    const reader = this.#readers.shift();
    if (reader === undefined) return;
    this.#failure = null;
    reader.reject(cause);
    this.#endReaders();
  }

  /** @internal The source has ended: so does the loop, after what waits. */
  end(): void {
    if (!this.#isOpen) return;
    this.#stop();
    this.#endReaders();
  }

  /** Ends it now: what waits is forgotten, and the loop ends. Closing again is allowed. */
  close(): void {
    this.#queue = [];
    this.#readCount = 0;
    this.#queuedBytes = 0;
    this.#failure = null;
    if (this.#isOpen) this.#stop();
    this.#endReaders();
  }

  /** The next message; `for await` calls this. */
  next(): Promise<IteratorResult<Message, undefined>> {
    const message = this.#queue[this.#readCount];
    if (message !== undefined) {
      this.#readCount++;
      this.#queuedBytes -= message.weightBytes;
      this.#forgetRead();
      return Promise.resolve({ done: false, value: message });
    }
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) return Promise.reject(failure);
    if (!this.#isOpen) return Promise.resolve(END);
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
    });
  }

  /** Ends it; `break` calls this. */
  return(): Promise<IteratorResult<Message, undefined>> {
    this.close();
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** `using subscription = broker.subscribe(...)` closes at the end of the block. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** `await using` closes at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  readonly #onAbort = (): void => {
    this.close();
  };

  #stop(): void {
    this.#isOpen = false;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#settleReady?.(null);
    this.#settleReady = null;
    this.#leave();
  }

  #endReaders(): void {
    for (const reader of this.#readers.splice(0)) reader.resolve(END);
  }

  /** What has been read leaves the array when it is half of it. */
  #forgetRead(): void {
    if (this.#readCount * 2 < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#readCount);
    this.#readCount = 0;
  }
}

function boundOf(option: string, given: number | undefined, otherwise: number): number {
  if (given === undefined) return otherwise;
  if (Number.isSafeInteger(given) && given > 0) return given;
  throw new Fault('INVALID_OPTION', `${option} is an integer above 0, not ${String(given)}`);
}
