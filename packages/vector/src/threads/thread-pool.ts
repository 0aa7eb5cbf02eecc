/**
 * The threads of a shared index: started together and ended together. When one dies the others are
 * terminated, for it may have held locks and left half a list. They do not keep the process alive
 * but while somebody waits for them.
 *   start() --all ready--> ready --end()--> ended
 *      '--one dies--> rejects      '--one dies--> host.onFailure, once
 */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { checkObject, VectorError } from '../vector-error.ts';
import { ThreadBoard, THREADS_MAX } from './thread-board.ts';
import type { SearchRequest, ThreadMessage, ThreadPlan } from './thread-messages.ts';

/** The program of a thread, by the name under which this package has it. */
const PROGRAM = '@kora/vector/thread-program';

/** How many threads. */
export interface ThreadOptions {
  /** 1..16; default: the processors less one. */
  readonly threads?: number;
}

/** @throws VectorError OPTION */
export function threadCountOf(options: ThreadOptions): number {
  checkObject('options', options);
  const unknown = Object.keys(options).find((name) => name !== 'threads');
  if (unknown !== undefined) {
    throw new VectorError('OPTION', `unknown option ${unknown}; known: threads`);
  }
  const count = options.threads ?? Math.min(THREADS_MAX, Math.max(1, availableParallelism() - 1));
  if (Number.isInteger(count) && count >= 1 && count <= THREADS_MAX) return count;
  throw new VectorError('OPTION',
    `threads is ${count}; wanted: an integer from 1 to ${THREADS_MAX}`);
}

/** Whom the pool tells. */
export interface PoolHost {
  onMessage(thread: number, message: ThreadMessage): void;
  /** The index can no longer be used. Once, and not after `end`. */
  onFailure(error: VectorError): void;
}

export class ThreadPool {
  readonly board = new ThreadBoard();
  readonly threadCount: number;
  private readonly workers: Worker[] = [];
  private readonly host: PoolHost;
  private readonly exits: Promise<void>[] = [];
  private isEnding = false;
  private failure: VectorError | undefined;
  private waitingCount = 0;
  private onStart: ((error?: VectorError) => void) | undefined;

  constructor(threadCount: number, host: PoolHost) {
    this.threadCount = threadCount;
    this.host = host;
  }

  /** Starts all threads. @throws VectorError THREAD, MEMORY_LIMIT */
  async start(plan: Pick<ThreadPlan, 'options' | 'memory' | 'isTailLate'>): Promise<void> {
    const program = pathToFileURL(createRequire(import.meta.url).resolve(PROGRAM));
    // Until all are there none begins, so whoever cannot start has changed nothing.
    this.board.closeGate();
    let readyCount = 0;
    const started = new Promise<void>((resolve, reject) => {
      this.onStart = (error) => {
        if (error !== undefined) reject(error);
        else if (++readyCount === this.threadCount) resolve();
      };
    });
    for (let thread = 0; thread < this.threadCount; thread++) {
      this.startOne(program, { ...plan, thread, board: this.board.buffer });
    }
    await started;
    this.onStart = undefined;
    this.board.openGate();
    if (this.waitingCount === 0) for (const worker of this.workers) worker.unref();
  }

  private startOne(program: URL, plan: ThreadPlan): void {
    const worker = new Worker(program, { workerData: plan });
    this.workers.push(worker);
    worker.on('message', (message: ThreadMessage) => {
      if (message.kind === 'ready') this.onStart?.();
      else if (message.kind === 'unready') {
        this.onStart?.(new VectorError('MEMORY_LIMIT', message.message));
      }
      else this.host.onMessage(plan.thread, message);
    });
    worker.on('error', (cause) => { this.fail('it threw', cause); });
    this.exits.push(new Promise((resolve) => {
      worker.on('exit', (code) => {
        resolve();
        if (!this.isEnding) this.fail(`it exited with ${code}`);
      });
    }));
  }

  private fail(what: string, cause?: unknown): void {
    if (this.failure !== undefined) return;
    const detail = cause instanceof Error ? `${what}: ${cause.message}` : what;
    this.failure = new VectorError('THREAD',
      `a thread of the index has ended, ${detail}; what is stored can still be read`, { cause });
    if (this.onStart !== undefined) {
      // `end` follows: nobody is at work yet, and all can end by themselves.
      this.onStart(this.failure);
      return;
    }
    for (const worker of this.workers) void worker.terminate();
    this.host.onFailure(this.failure);
  }

  /** Sends a search to a thread. */
  post(thread: number, request: SearchRequest): void {
    this.workers[thread]?.postMessage(request);
    this.board.notePosted(thread);
  }

  /** Whether some thread is at a piece of work. */
  get isWorking(): boolean {
    for (let thread = 0; thread < this.threadCount; thread++) {
      if (this.board.isWorking(thread)) return true;
    }
    return false;
  }

  /** Keeps the process alive for one more, or one less, who waits. */
  hold(by: 1 | -1): void {
    const before = this.waitingCount;
    this.waitingCount += by;
    if (before > 0 === this.waitingCount > 0) return;
    for (const worker of this.workers) {
      if (this.waitingCount > 0) worker.ref();
      else worker.unref();
    }
  }

  /** Ends all threads; resolves when they are gone. */
  async end(): Promise<void> {
    this.isEnding = true;
    for (const worker of this.workers) worker.ref();
    this.board.stop();
    this.board.openGate();
    await Promise.all(this.exits);
  }

  /** @internal Terminates a thread, as a fault would. */
  async terminate(thread: number): Promise<void> {
    await this.workers[thread]?.terminate();
  }
}
