/**
 * An engine whose data lives on worker threads: the program's thread sends calls through rings and
 * takes the replies between turns of its event loop. Calls of one run of the program leave together
 * at its end, with one wake-up a worker, or as soon as a message is full.
 *   up      looks for replies in every turn of the event loop, for LOOK_MS after the last news: a
 *           turn costs less than a wake-up
 *   asleep  the worker that has news sends a message; a tick of NET_MS is the net under that
 *   idle    no calls and no subscriptions are open: nothing runs
 * Open calls keep the process alive; subscriptions alone do not.
 * Bounds: the rings; what finds no room there waits in the program's memory.
 */
import { assert, Fault } from '@kora/core';
import { Kind } from '@kora/pubsub';
import type { Name, SubscribeOptions, Subscription } from '@kora/pubsub';
import { DiskFault } from '@kora/storage/engine';
import type { OpenedStore } from '@kora/storage/engine';
import type { EnginePort } from '../call-port.ts';
import { pooledMemories } from '../pooled-memories.ts';
import { CallRouter } from './call-router.ts';
import { Pipe } from './pipe.ts';
import type { PipePlan } from './pipe-plan.ts';
import { PipeWords } from './pipe-words.ts';
import { WorkerThreads } from './worker-threads.ts';
import { WorkersClient } from './workers-client.ts';
import { snapshotOfWorkers } from './workers-snapshot.ts';
import type { SubscriberHost } from './workers-subscriber.ts';
import { WorkersSubscriber } from './workers-subscriber.ts';

/** How long a program with open calls looks for replies before it sleeps. */
const LOOK_MS = 0.1;
const NET_MS = 100;
/** How long `close` waits for open calls. */
export const CLOSE_MS_MAX = 5_000;

/** What an engine of workers is made of. */
export interface WorkersOptions {
  readonly plans: readonly PipePlan[];
  readonly program: URL;
  /** Databases that SELECT accepts. */
  readonly databaseCount: number;
  readonly onDefect: (message: string, cause: Error) => void;
  readonly onNotice: (message: string) => void;
  /** The directory of the plans, null without; given back when the threads are gone. */
  readonly store: OpenedStore | null;
}

export class WorkersEngine implements EnginePort, SubscriberHost {
  readonly router: CallRouter;
  readonly databaseCount: number;
  pipes: readonly Pipe[] = [];
  /** Why no call may run any more; null while they may. */
  refusal: Fault | null = null;
  readonly #plans: readonly PipePlan[];
  readonly #words: PipeWords;
  readonly #threads: WorkerThreads;
  readonly #store: OpenedStore | null;
  readonly #net: NodeJS.Timeout;
  #clientCount = 0;
  readonly #subscribers = new Set<WorkersSubscriber>();
  #isFlushing = false;
  #isLooking = false;
  #isAsleep = false;
  #lastNewsMs = 0;
  #closing: Promise<void> | null = null;
  #onIdle: (() => void) | undefined;

  private constructor(options: WorkersOptions) {
    const [first] = options.plans;
    this.#plans = options.plans;
    this.#store = options.store;
    this.databaseCount = options.databaseCount;
    this.router = new CallRouter(options.plans.length);
    this.#words = new PipeWords(options.plans.length, first?.words);
    this.#threads = new WorkerThreads(options.plans, this.#words, {
      onNews: () => {
        this.#getUp();
      },
      onDefect: options.onDefect,
      onNotice: options.onNotice,
      onFailure: (cause) => {
        this.#stopFor(cause);
      },
    });
    this.#net = setInterval(() => {
      this.#getUp();
    }, NET_MS).unref();
  }

  /**
   * Starts the threads; when it throws they are gone.
   * @throws {Fault} OUT_OF_MEMORY, ENGINE_FAILED, CORRUPT_FILE, CORRUPT_JOURNAL, DISK_FAILED
   */
  static async open(options: WorkersOptions): Promise<WorkersEngine> {
    const engine = new WorkersEngine(options);
    try {
      await engine.#threads.start(options.program);
    } catch (cause) {
      clearInterval(engine.#net);
      throw cause;
    }
    engine.pipes = options.plans.map((plan) => new Pipe(plan));
    return engine;
  }

  get isClosed(): boolean {
    return this.#closing !== null;
  }

  newClient(): WorkersClient {
    this.check();
    return new WorkersClient(this, this.#clientCount++ % this.pipes.length);
  }

  subscribe(names: Name | readonly Name[], options: SubscribeOptions): Subscription {
    this.check();
    const subscriber = new WorkersSubscriber(this, names, options);
    // One whose signal was aborted before has ended already.
    if (subscriber.subscription.isOpen) this.#subscribers.add(subscriber);
    return subscriber.subscription;
  }

  /** Any worker for patterns, the owner for channels: its messages then need no second hop. */
  pipeFor(kind: number, name: Uint8Array): Pipe {
    const worker = kind === Kind.Pattern
      ? this.#clientCount++ % this.pipes.length : this.router.ownerOfChannel(name);
    const pipe = this.pipes[worker];
    assert(pipe !== undefined, 'every worker has a pipe');
    return pipe;
  }

  onSubscriberEnd(subscriber: WorkersSubscriber): void {
    this.#subscribers.delete(subscriber);
  }

  /** Refuses when no call may run now. @throws {Fault} ENGINE_CLOSED, ENGINE_FAILED */
  check(): void {
    if (this.isClosed) throw new Fault('ENGINE_CLOSED', 'this database was closed');
    if (this.refusal !== null) throw this.refusal;
  }

  /** Something was sent: it leaves when the program's code has run. */
  touch(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#guarded(() => {
        this.#flush();
        this.#lookSoon();
      });
    });
  }

  async snapshot(): Promise<void> {
    await snapshotOfWorkers(this.newClient());
  }

  memoryBytes(): number {
    // Low memory is address space until it is touched, and little of it is.
    return this.#plans.reduce((sum, { index, memories, lowBytes }) => {
      return sum + (memories[index]?.buffer.byteLength ?? lowBytes) - lowBytes;
    }, 0);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const { subscription } of [...this.#subscribers]) subscription.end();
    if (this.#isBusy && this.refusal === null) await this.#untilIdle();
    if (this.refusal === null) this.#fail(new Fault('ENGINE_CLOSED', 'this database was closed'));
    await this.#threads.end();
    for (const worker of this.#threads.emptied) {
      const plan = this.#plans[worker];
      const memory = plan?.memories[worker];
      if (plan !== undefined && memory !== undefined) {
        pooledMemories.giveZeroed(memory, plan.memoryBytesMax);
      }
    }
    if (this.#store !== null) this.#closeStore(this.#store);
  }

  /** Gives the directory back. @throws {DiskFault} the last changes are not durable */
  #closeStore(store: OpenedStore): void {
    store.close();
    const errno = this.#threads.unsavedErrno;
    if (errno !== 0) throw new DiskFault('write', store.directory, errno);
  }

  /** Resolves when no call is open, or CLOSE_MS_MAX has passed. */
  #untilIdle(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, CLOSE_MS_MAX);
      this.#onIdle = (): void => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** No call runs any more; the open ones are rejected. */
  #fail(refusal: Fault): void {
    this.refusal ??= refusal;
    clearInterval(this.#net);
    for (const { subscription } of [...this.#subscribers]) subscription.fail(this.refusal);
    for (const pipe of this.pipes) pipe.fail(this.refusal);
    this.#onIdle?.();
  }

  get #isBusy(): boolean {
    return this.pipes.some((pipe) => pipe.openCount > 0 || pipe.isWaiting);
  }

  #flush(): void {
    if (this.refusal !== null) return;
    for (const pipe of this.pipes) if (pipe.isWaiting) pipe.flush();
  }

  #lookSoon(): void {
    if (this.#isAsleep) this.#rise();
    if (this.#isLooking || this.refusal !== null) return;
    if (!this.#isBusy && this.#subscribers.size === 0) return;
    this.#isLooking = true;
    this.#lastNewsMs = performance.now();
    setImmediate(this.#look);
  }

  readonly #look = (): void => {
    this.#guarded(() => {
      if (this.refusal === null) this.#lookOnce();
      else this.#isLooking = false;
    });
  };

  /** A broken invariant ends the engine, not the program. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (cause) {
      this.#isLooking = false;
      this.#stopFor(cause instanceof Error ? cause : new Error(String(cause)));
    }
  }

  /** Nothing of this engine can be relied on any more. */
  #stopFor(cause: Error): void {
    this.#fail(new Fault(
      'ENGINE_FAILED', `this database stopped: ${cause.message}; open a new one`, { cause },
    ));
  }

  #lookOnce(): void {
    let isNews = false;
    for (const pipe of this.pipes) if (pipe.drain()) isNews = true;
    this.#flush();
    if (!this.#isBusy) {
      this.#onIdle?.();
      if (this.#subscribers.size === 0) {
        this.#isLooking = false;
        return;
      }
    }
    const nowMs = performance.now();
    if (isNews) this.#lastNewsMs = nowMs;
    if (nowMs - this.#lastNewsMs < LOOK_MS || !this.#sleep()) setImmediate(this.#look);
  }

  /** @returns false when there are news after all */
  #sleep(): boolean {
    this.#words.sleep();
    // Room that was made before nobody was told of.
    this.#flush();
    if (this.pipes.some((pipe) => pipe.hasNews())) {
      this.#words.wake();
      return false;
    }
    this.#isLooking = false;
    this.#isAsleep = true;
    // A program that only waits for messages has nobody to send them: it may end.
    if (this.#isBusy) this.#net.ref();
    return true;
  }

  #rise(): void {
    this.#isAsleep = false;
    this.#words.wake();
    this.#net.unref();
  }

  /** A worker has news, or the tick has come. */
  #getUp(): void {
    if (!this.#isAsleep) return;
    this.#rise();
    this.#isLooking = true;
    this.#lastNewsMs = performance.now();
    this.#look();
  }
}
