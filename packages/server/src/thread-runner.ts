/**
 * Runs a room on a thread of its own (shard-thread.ts) and speaks for it on the main thread. The
 * thread waits in the kernel, where V8 cannot interrupt it, so whatever ends it has to write its
 * eventfd: an orderly end, the end of the process (a listener on 'exit' covers process.exit and
 * uncaught exceptions), and a thread that is terminated because a command runs too long. The
 * engine's tick, at least one a second, is the net under all of them.
 * The file lies directly under src, so that ../dist is right from src and from dist.
 */
import type { MessagePort } from 'node:worker_threads';
import { Worker } from 'node:worker_threads';
import { Fault } from '@kora/core/control';
import type { Runner, RunnerHost, Started } from './runner.ts';
import { END_MS_MAX } from './runner.ts';
import type { RoomPlan } from './shard-room.ts';
import { Asked, ThreadControl } from './thread-control.ts';
import type { ThreadIo, ThreadMessage, ThreadPlan } from './thread-messages.ts';
import { errorOf } from './thread-messages.ts';

const PROGRAM = new URL('../dist/shard-start.js', import.meta.url);
/** After this a thread that was asked to end is terminated: its shard is in a long command. */
const TERMINATE_MS = END_MS_MAX + 250;
/** The same where the log is made durable first. */
const TERMINATE_LOG_MS = 10_000;

/** The threads that the end of the process has to wake. */
const running = new Set<ThreadControl>();

function stopAll(): void {
  for (const control of running) control.ask(Asked.Stop);
}

function enter(control: ThreadControl): void {
  if (running.size === 0) process.on('exit', stopAll);
  running.add(control);
}

function leave(control: ThreadControl): void {
  if (running.delete(control) && running.size === 0) process.off('exit', stopAll);
}

export class ThreadRunner implements Runner {
  /** It lives elsewhere. */
  readonly room = undefined;
  readonly #plan: RoomPlan;
  readonly #io: ThreadIo;
  readonly #host: RunnerHost;
  readonly #program: URL;
  readonly #control = new ThreadControl();
  #thread: Worker | undefined;
  /** Until the start was told. */
  #onStarted: ((started: Started) => void) | undefined;
  #unavailable: string | undefined;
  /** What ended the thread against its will. */
  #failure: Error | undefined;
  /** The thread said that all is over, or was terminated because it was to end. */
  #isOver = false;
  #terminator: NodeJS.Timeout | undefined;

  /** @param program what the thread runs; another one for tests only */
  constructor(plan: RoomPlan, io: ThreadIo, host: RunnerHost, program: URL = PROGRAM) {
    this.#plan = plan;
    this.#io = io;
    this.#host = host;
    this.#program = program;
  }

  start(done: (started: Started) => void): void {
    this.#onStarted = done;
    const plan: ThreadPlan = { room: this.#plan, io: this.#io, control: this.#control.shared };
    // Without execArgv it would inherit conditions and loaders that are meant for this thread.
    const thread = new Worker(this.#program, {
      workerData: plan, execArgv: [], name: `kora shard ${this.#plan.mesh?.index ?? 0}`,
      transferList: portsOf(this.#io),
    });
    this.#thread = thread;
    enter(this.#control);
    thread.on('message', (message: ThreadMessage) => {
      this.#take(message);
    });
    thread.on('error', (cause: unknown) => {
      this.#failure ??= cause instanceof Error ? cause : new Error(String(cause));
    });
    thread.on('exit', () => {
      this.#gone();
    });
  }

  end(): void {
    const thread = this.#thread;
    if (thread === undefined || this.#terminator !== undefined) return;
    this.#ask(thread, Asked.End);
    this.#terminator = setTimeout(() => {
      this.#host.log('warning', 'a command runs on; the thread of the shard is terminated');
      this.#isOver = true;
      this.#ask(thread, Asked.Stop);
      void thread.terminate();
    }, this.#plan.store === undefined ? TERMINATE_MS : TERMINATE_LOG_MS);
  }

  /** A thread in the kernel is woken by its eventfd, one in Node's loop by any message. */
  #ask(thread: Worker, what: Asked): void {
    this.#control.ask(what);
    if (typeof this.#io === 'object') thread.postMessage(what);
  }

  #take(message: ThreadMessage): void {
    switch (message.kind) {
      case 'log':
        this.#control.takeLine();
        this.#host.log(message.level, message.message);
        return;
      case 'moved':
        this.#host.onMoved(message.at);
        return;
      case 'listening':
        this.#tellStart({ kind: 'listening', io: message.io });
        return;
      case 'refused':
        this.#tellStart({ kind: 'refused', error: errorOf(message.error) });
        return;
      case 'unavailable':
        this.#unavailable = message.reasons;
        return;
      case 'failed':
        this.#failure = errorOf(message.error);
        return;
      case 'ended':
        this.#isOver = true;
    }
  }

  /** The thread is gone; everything it said has been heard. */
  #gone(): void {
    clearTimeout(this.#terminator);
    this.#thread = undefined;
    leave(this.#control);
    if (this.#unavailable !== undefined) {
      this.#tellStart({ kind: 'unavailable', reasons: this.#unavailable });
      return;
    }
    const failure = this.#failure
      ?? (this.#isOver ? undefined : new Error('the thread of the shard ended by itself'));
    const error = failure === undefined
      ? new Fault('ENGINE_CLOSED', 'the server was closed while it started')
      : new Fault('ENGINE_FAILED', `the shard's thread failed: ${failure.message}`, {
        cause: failure,
      });
    this.#tellStart({ kind: 'refused', error });
    if (failure === undefined) this.#host.onEnded();
    else this.#host.onFailure(failure);
  }

  #tellStart(started: Started): void {
    const tell = this.#onStarted;
    this.#onStarted = undefined;
    tell?.(started);
  }
}

/** What has to move to the thread. */
function portsOf(io: ThreadIo): MessagePort[] {
  return typeof io === 'string' ? [] : io.bells.filter((bell) => bell !== null);
}
