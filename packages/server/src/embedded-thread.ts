/**
 * The program of a worker thread of the embedded engine (`open({ workers })` of @kora/embedded): a
 * shard, a worker of the mesh and an engine without sockets, turned until the program asks for the
 * end. It never returns to Node's loop before that, and waits in Atomics.wait, which the end of the
 * process or of the thread interrupts.
 *   Starting --all workers are ready, all data is there--> serving --asked to end--> over
 *        '--no room, other version, damaged data--> refused      '--an invariant broke--> failed
 * Started by @kora/embedded and by nobody else; importing it anywhere else is a mistake. Commands
 * are those of the embedded engine: what is about sockets is not there.
 */
import type { MessagePort } from 'node:worker_threads';
import { parentPort, workerData } from 'node:worker_threads';
import type { ComposedShard } from '@kora/core';
import { assert, composeShard, Fault, MemoryPool, Settings } from '@kora/core';
import { CryptoChance, nodeClock } from '@kora/embedded/node-platform';
import { vectorEngine } from '@kora/embedded/vector-engine';
import type { PipeMessage, PipePlan } from '@kora/embedded/workers';
import { PIPE_VERSION, PipeWords } from '@kora/embedded/workers';
import { observabilityCommands } from '@kora/observability';
import { pubSubCommands } from '@kora/pubsub';
import type { MeshPlan } from './mesh/mesh-plan.ts';
import { placeOf } from './mesh/mesh-plan.ts';
import { PipeEngine } from './pipes/pipe-engine.ts';
import { PipeWorker } from './pipes/pipe-worker.ts';
import type { RoomStore } from './store/room-store.ts';
import { fixDirectory, heldRepliesOf, openWorkerStore } from './store/worker-store.ts';

/** How long one look for the other workers waits. */
const MEETING_MS = 50;
/** How long the end of the next other worker is waited for. */
const ENDING_MS = 200;
/** How long what is under way between workers may take to its end before logs are closed. */
const SETTLING_MS_MAX = 1000;

class EmbeddedThread {
  readonly #plan: PipePlan;
  readonly #port: MessagePort;
  readonly #words: PipeWords;
  readonly #engine: PipeEngine;
  /** Keeps the data, null where nothing does. */
  #store: RoomStore | null = null;
  #isReady = false;
  #failure: Error | undefined;

  constructor(plan: PipePlan, port: MessagePort) {
    this.#plan = plan;
    this.#port = port;
    this.#words = new PipeWords(plan.workerCount, plan.words);
    this.#engine = new PipeEngine(plan, () => {
      this.#say({ kind: 'news' });
    });
  }

  /** From the first to the last moment of the thread. */
  run(): void {
    const { version } = this.#plan;
    if (version !== PIPE_VERSION) {
      const message = `@kora/embedded and @kora/server do not fit: ${version}, ${PIPE_VERSION}`;
      this.#say({ kind: 'refused', message, code: '' });
      return;
    }
    let composed: ComposedShard;
    let worker: PipeWorker;
    try {
      composed = this.#compose();
      worker = this.#start(composed);
    } catch (cause) {
      this.#refuse(asError(cause));
      return;
    }
    this.#serve(worker);
    if (this.#store !== null) this.#closeStore(this.#store, worker);
    worker.mesh?.end();
    if (this.#failure === undefined) this.#empty(composed);
  }

  /** The worker, with its log. @throws {CorruptFileFault} {DiskFault} */
  #start(composed: ComposedShard): PipeWorker {
    const { store: plan, index } = this.#plan;
    const held = plan === undefined ? null : heldRepliesOf(plan, this.#engine, index);
    const worker = new PipeWorker(composed, held ?? this.#engine, {
      log: (level, message) => {
        if (level === 'warning') this.#say({ kind: 'defect', message, stack: '' });
      },
      onFailure: (error) => {
        this.#failure ??= error;
      },
      onShutdown: () => undefined,
      onTurnEnd: () => {
        this.#store?.endTurn();
      },
      mayRest: () => this.#store?.isQuiet !== false,
    }, this.#meshPlan(), (other) => {
      this.#words.ring(other);
    });
    if (plan === undefined || held === null) return worker;
    fixDirectory(composed.settings, 'the directory of an engine is chosen when it is opened');
    this.#store = openWorkerStore(worker, composed, held, plan, {
      log: (_, message) => {
        if (this.#isReady) this.#say({ kind: 'notice', message });
      },
      onFailure: (error) => {
        this.#failure ??= error;
      },
    });
    return worker;
  }

  #refuse(cause: Error): void {
    let code = cause instanceof Fault ? cause.code : '' as const;
    if (cause instanceof RangeError) code = 'OUT_OF_MEMORY';
    this.#say({ kind: 'refused', message: cause.message, code });
  }

  /** What was answered is durable when it returns, or the program is told that it is not. */
  #closeStore(store: RoomStore, { shard }: PipeWorker): void {
    const errno = store.close(this.#failure === undefined && shard.failure === null);
    if (errno !== 0) this.#say({ kind: 'unsaved', errno });
  }

  /** An answer may be out before all of its shards know how it ended: the logs are to have that. */
  #settle({ mesh }: PipeWorker): void {
    const endUs = nodeClock.monotonicUs() + SETTLING_MS_MAX * 1000;
    this.#engine.turn(false);
    while (mesh?.isQuiet === false && nodeClock.monotonicUs() < endUs) {
      this.#engine.turn(mesh.maySleep());
    }
  }

  /** Leaves the memory zeroed, so that another engine of the program can have it. */
  #empty({ memory }: ComposedShard): void {
    // Others may still be writing what they have to say into rings that lie there.
    if (!this.#words.endTogether(this.#plan.workerCount, ENDING_MS)) return;
    if (new MemoryPool().give(memory)) this.#say({ kind: 'emptied' });
  }

  #serve(worker: PipeWorker): void {
    const { mesh } = worker;
    try {
      if (mesh !== null) {
        while (!mesh.port.control.waitUntilReady(MEETING_MS)) {
          if (this.#words.isAskedToEnd(this.#plan.index)) return;
        }
        mesh.connect();
      }
      if (this.#store === null) this.#sayReady();
      else this.#engine.requestTurn();
      while (this.#engine.turn(mesh?.maySleep() ?? true) && this.#failure === undefined) {
        if (!this.#isReady && this.#store?.isLoading !== true) this.#sayReady();
      }
      if (this.#store !== null && this.#isReady && this.#failure === undefined) {
        this.#settle(worker);
      }
    } catch (cause) {
      this.#failure ??= asError(cause);
    }
    if (this.#failure === undefined) return;
    if (this.#failure instanceof Fault && !this.#isReady) {
      this.#refuse(this.#failure);
      return;
    }
    const { message, stack = '' } = this.#failure;
    this.#say({ kind: 'failed', message, stack });
  }

  #sayReady(): void {
    this.#isReady = true;
    this.#say({ kind: 'ready' });
  }

  #meshPlan(): MeshPlan | undefined {
    const { index, workerCount, control, budget, memories, lowBytes, shared } = this.#plan;
    if (workerCount === 1) return undefined;
    return { index, workerCount, control, budget, memories, lowBytes, words: shared };
  }

  /** @throws RangeError when the system has no room for the memory */
  #compose(): ComposedShard {
    const { index, memories, memoryBytesMax, lowBytes } = this.#plan;
    const memory = memories[index];
    assert(memory !== undefined, 'every worker has a memory');
    const settings = new Settings();
    const refusal = settings.load(this.#plan.settings);
    assert(refusal === null, 'the settings were checked before');
    const mesh = this.#meshPlan();
    return composeShard({
      platform: {
        clock: nodeClock,
        chance: new CryptoChance(),
        scheduler: {
          requestTurn: () => {
            this.#engine.requestTurn();
          },
        },
      },
      memoryOptions: { bytesMax: memoryBytesMax, lowBytes, memory },
      ...(mesh === undefined ? {} : placeOf(mesh)),
      settings,
      extraCommands: [...observabilityCommands, ...pubSubCommands],
      vectorEngine,
      onError: (message, cause) => {
        this.#say({ kind: 'defect', message, stack: asError(cause).stack ?? '' });
      },
    });
  }

  #say(message: PipeMessage): void {
    this.#port.postMessage(message);
  }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}

assert(parentPort !== null, 'this file is the program of a thread');
// The boundary between threads: @kora/embedded puts exactly this there.
new EmbeddedThread(workerData as PipePlan, parentPort).run();
