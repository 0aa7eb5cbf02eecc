/**
 * Several shards, each on a thread of its own, that speak as one runner: the start is told when all
 * of them serve, or the first refusal when all have ended again; when one of them dies the others
 * are ended and the process hears why, for a part of its data is gone. What the threads write to
 * when they wake each other is closed here, when none of them is left.
 */
import { closeSync } from 'node:fs';
import type { MessagePort } from 'node:worker_threads';
import { MessageChannel } from 'node:worker_threads';
import { createSharedMemory, Fault, MemoryBudget, MeshControl } from '@kora/core/control';
import type { LoopChoice } from './io/choose-engine.ts';
import { MEMORY_BYTES, LOW_BYTES } from './shard-memory.ts';
import type { MeshPlan } from './mesh/mesh-plan.ts';
import { ProcessWords } from './mesh/process-words.ts';
import type { Runner, RunnerHost, Started } from './runner.ts';
import type { RoomPlan } from './shard-room.ts';
import type { ThreadIo } from './thread-messages.ts';
import { ThreadRunner } from './thread-runner.ts';

/** The engine of all threads: one with a loop of its own, or the one on node:net and why. */
export type GroupIo = LoopChoice | { readonly nodeBecause: string };

/** What all threads of a group share. */
type Shared = Omit<MeshPlan, 'index'>;

export class ThreadGroup implements Runner {
  readonly room = undefined;
  readonly #host: RunnerHost;
  readonly #runners: readonly ThreadRunner[];
  readonly #words: ProcessWords;
  #onStarted: ((started: Started) => void) | undefined;
  #listeningCount = 0;
  /** Why the start failed; told when all threads have ended. */
  #refusal: Started | undefined;
  #failure: Error | undefined;
  readonly #ended = new Set<ThreadRunner>();

  /**
   * @param program what the thread of a worker runs; another one for tests only
   * @throws {Fault} OUT_OF_MEMORY when the system has no address space for all memories
   */
  constructor(
    plan: RoomPlan, io: GroupIo, workerCount: number, host: RunnerHost,
    program: (worker: number) => URL | undefined = () => undefined,
  ) {
    this.#host = host;
    this.#words = new ProcessWords(workerCount);
    const shared = sharedBy(workerCount, this.#words, plan.store?.lastTransaction ?? 0);
    const ios = threadIos(io, workerCount);
    this.#runners = Array.from({ length: workerCount }, (_, index) => {
      const mesh: MeshPlan = { ...shared, index };
      const threadIo = ios[index] ?? 'auto';
      const runner: ThreadRunner = new ThreadRunner({ ...plan, mesh }, threadIo, {
        log: host.log,
        onMoved: (at) => {
          if (index === 0) host.onMoved(at);
        },
        onEnded: () => {
          this.#onEnded(runner);
        },
        onFailure: (cause) => {
          this.#failure ??= new Error(`worker ${index}: ${cause.message}`, { cause });
          this.#onEnded(runner);
        },
      }, program(index));
      return runner;
    });
  }

  start(done: (started: Started) => void): void {
    this.#onStarted = done;
    for (const runner of this.#runners) {
      runner.start((started) => {
        this.#onOneStarted(runner, started);
      });
    }
  }

  end(): void {
    for (const runner of this.#runners) runner.end();
  }

  #onOneStarted(runner: ThreadRunner, started: Started): void {
    if (started.kind !== 'listening') {
      this.#refusal ??= started;
      this.end();
      // A thread without an engine says no more than that.
      if (started.kind === 'unavailable') this.#onEnded(runner);
      return;
    }
    this.#listeningCount++;
    if (this.#listeningCount === this.#runners.length) this.#tellStart(started);
  }

  #onEnded(runner: ThreadRunner): void {
    if (this.#ended.has(runner)) return;
    this.#ended.add(runner);
    if (this.#ended.size < this.#runners.length) {
      // One alone has no data to serve: all end together.
      this.end();
      return;
    }
    this.#closeEventfds();
    if (this.#onStarted !== undefined) {
      const refused: Started = {
        kind: 'refused', error: this.#failure ?? new Error('a worker ended while all started'),
      };
      const told = this.#refusal ?? refused;
      this.#tellStart(told);
      if (told.kind === 'unavailable') return;
    }
    if (this.#failure === undefined) this.#host.onEnded();
    else this.#host.onFailure(this.#failure);
  }

  /** Nobody writes to them any more. */
  #closeEventfds(): void {
    for (let worker = 0; worker < this.#runners.length; worker++) {
      const eventfd = this.#words.eventfdOf(worker);
      if (eventfd >= 0) closeSync(eventfd);
    }
  }

  #tellStart(started: Started): void {
    const tell = this.#onStarted;
    this.#onStarted = undefined;
    tell?.(started);
  }
}

function sharedBy(workerCount: number, words: ProcessWords, lastTransaction: number): Shared {
  const control = new MeshControl(workerCount);
  control.order.startAfter(lastTransaction);
  try {
    return {
      workerCount,
      control: control.buffer,
      budget: new MemoryBudget().buffer,
      memories: Array.from({ length: workerCount }, () => createSharedMemory(MEMORY_BYTES, 0)),
      lowBytes: LOW_BYTES,
      words: words.buffer,
    };
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const message = `the system has no address space for ${workerCount} workers`;
    throw new Fault('OUT_OF_MEMORY', message, { cause });
  }
}

/** What each thread is told of its engine; on node:net every two of them get a pair of ports. */
function threadIos(io: GroupIo, workerCount: number): ThreadIo[] {
  if (typeof io === 'string') return Array.from({ length: workerCount }, () => io);
  const bells = Array.from({ length: workerCount }, () =>
    Array.from({ length: workerCount }, (): MessagePort | null => null));
  bells.forEach((row, worker) => {
    for (let other = 0; other < worker; other++) {
      const { port1, port2 } = new MessageChannel();
      row[other] = port1;
      const back = bells[other];
      if (back !== undefined) back[worker] = port2;
    }
  });
  return bells.map((row) => ({ reason: io.nodeBecause, bells: row }));
}
