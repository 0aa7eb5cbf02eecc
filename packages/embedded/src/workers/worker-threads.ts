/**
 * The threads of an engine's workers: started together, ended together, and when one of them dies
 * all end, for a part of the data is gone. The threads do not keep the process alive; the end of
 * the process ends them wherever they are.
 *   start() --all are ready--> ready --end()--> ended
 *      '--one refuses or dies--> rejects    '--one dies--> onFailure, then ended
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Fault } from '@kora/core';
import type { PipeMessage, PipePlan } from './pipe-plan.ts';
import type { PipeWords } from './pipe-words.ts';

/** The program of a thread, in the package that has it. */
const PROGRAM = '@kora/server/embedded-thread';
/** After this a thread that was asked to end is terminated: it is in a long command. */
const TERMINATE_MS = 1_000;
/** The same where the log is made durable first. */
const TERMINATE_LOG_MS = 10_000;

/** What the threads tell the engine. */
export interface ThreadsHost {
  /** Replies have come, and the program slept. */
  onNews(): void;
  /** A command threw; a defect. */
  onDefect(message: string, cause: Error): void;
  /** Something about the log that an operator should know. */
  onNotice(message: string): void;
  /** A worker is gone for good: the engine has failed. Once, and not after `end`. */
  onFailure(cause: Error): void;
}

/** The file that a worker's thread runs. @throws {Fault} INVALID_OPTION when it is not installed */
export function findProgram(): URL {
  try {
    return pathToFileURL(createRequire(import.meta.url).resolve(PROGRAM));
  } catch (cause) {
    throw new Fault(
      'INVALID_OPTION',
      'workers need the package @kora/server beside @kora/embedded: npm install @kora/server',
      { cause },
    );
  }
}

export class WorkerThreads {
  readonly #threads: Worker[] = [];
  readonly #words: PipeWords;
  readonly #host: ThreadsHost;
  readonly #plans: readonly PipePlan[];
  /** Workers that have left their memory zeroed. */
  readonly #emptied = new Set<number>();
  #unsavedErrno = 0;
  #readyCount = 0;
  #goneCount = 0;
  #isEnding = false;
  #failure: Error | null = null;
  #terminator: NodeJS.Timeout | undefined;
  #onReady: (() => void) | undefined;
  #onRefused: ((cause: Error) => void) | undefined;
  #onEnded: (() => void) | undefined;

  constructor(plans: readonly PipePlan[], words: PipeWords, host: ThreadsHost) {
    this.#plans = plans;
    this.#words = words;
    this.#host = host;
  }

  /** Starts all; resolves when calls may come. @throws {Fault} OUT_OF_MEMORY, ENGINE_FAILED */
  start(program: URL): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onReady = resolve;
      this.#onRefused = reject;
      for (const plan of this.#plans) this.#threads.push(this.#startOne(program, plan));
    });
  }

  /** Ends all; resolves when the threads are gone. */
  end(): Promise<void> {
    this.#isEnding = true;
    for (const thread of this.#threads) thread.ref();
    return new Promise((resolve) => {
      this.#onEnded = resolve;
      this.#askAllToEnd();
      this.#tellEnd();
    });
  }

  /** Workers whose memory is all zeroes. They have ended, and no thread has it any more. */
  get emptied(): Iterable<number> {
    return this.#emptied;
  }

  /** Why the last changes are not durable, the number of an error; 0 = they are. */
  get unsavedErrno(): number {
    return this.#unsavedErrno;
  }

  #startOne(program: URL, plan: PipePlan): Worker {
    // Without execArgv it would inherit conditions and loaders that are meant for this thread.
    const thread = new Worker(program, {
      workerData: plan, execArgv: [], name: `kora worker ${plan.index}`,
    });
    thread.on('message', (message: PipeMessage) => {
      this.#take(plan.index, message);
    });
    thread.on('error', (cause: unknown) => {
      this.#fail(plan.index, cause instanceof Error ? cause : new Error(String(cause)));
    });
    thread.on('exit', () => {
      this.#goneCount++;
      if (!this.#isEnding) this.#fail(plan.index, new Error('its thread ended by itself'));
      this.#tellEnd();
    });
    return thread;
  }

  #take(worker: number, message: PipeMessage): void {
    switch (message.kind) {
      case 'news':
        this.#host.onNews();
        return;
      case 'ready':
        this.#readyCount++;
        if (this.#readyCount === this.#plans.length) this.#tellReady();
        return;
      case 'emptied':
        this.#emptied.add(worker);
        return;
      case 'defect':
        this.#host.onDefect(message.message, errorOf(message));
        return;
      case 'refused':
        this.#refuse(new Fault(
          message.code === '' ? 'ENGINE_FAILED' : message.code,
          `worker ${worker} cannot start: ${message.message}`,
        ));
        return;
      case 'notice':
        this.#host.onNotice(message.message);
        return;
      case 'unsaved':
        this.#unsavedErrno = message.errno;
        return;
      case 'failed':
        this.#fail(worker, errorOf(message));
    }
  }

  #tellReady(): void {
    for (const thread of this.#threads) thread.unref();
    this.#onRefused = undefined;
    this.#onReady?.();
  }

  #fail(worker: number, cause: Error): void {
    const message = `worker ${worker} has failed: ${cause.message}`;
    const fault = new Fault('ENGINE_FAILED', message, { cause });
    if (this.#onRefused !== undefined) {
      this.#refuse(fault);
      return;
    }
    if (this.#failure !== null || this.#isEnding) return;
    this.#failure = fault;
    this.#host.onFailure(fault);
    this.#askAllToEnd();
  }

  /** The start has failed: told when all threads are gone. */
  #refuse(fault: Fault): void {
    const refuse = this.#onRefused;
    this.#onRefused = undefined;
    if (refuse === undefined) return;
    void this.end().then(() => {
      refuse(fault);
    });
  }

  #askAllToEnd(): void {
    const hasLog = this.#plans.some(({ store }) => store !== undefined);
    for (const { index } of this.#plans) this.#words.askToEnd(index);
    this.#terminator ??= setTimeout(() => {
      for (const thread of this.#threads) void thread.terminate();
    }, hasLog ? TERMINATE_LOG_MS : TERMINATE_MS).unref();
  }

  #tellEnd(): void {
    if (this.#goneCount < this.#plans.length) return;
    clearTimeout(this.#terminator);
    this.#onEnded?.();
    this.#onEnded = undefined;
  }
}

function errorOf({ message, stack }: { readonly message: string; readonly stack: string }): Error {
  const error = new Error(message);
  if (stack !== '') error.stack = stack;
  return error;
}
