/**
 * Everything that lives on the thread of one shard: the settings in force, the shard, its worker
 * and the addresses it listens on, from the first to an orderly end. Knows neither promises nor
 * timers nor in which thread it is: whoever made it gave it an I/O engine, drives that engine, and
 * is told what happens by plain calls.
 *   serving --end()--> ending --no session left, or END_MS_MAX passed--> over (onEnded)
 *   serving, ending --an invariant broke--> over (onFailure)
 * Invariants: the engine is stopped exactly once; of onEnded and onFailure one comes, once; what
 *   SET of `port` and `bind` asks for is done when its turn has ended.
 */
import type { ComposedShard, ComposeOptions } from '@kora/core';
import { assert, composeShard, Fault, Settings } from '@kora/core';
import { CryptoChance, nodeClock } from '@kora/embedded/node-platform';
import { vectorEngine } from '@kora/embedded/vector-engine';
import { VectorThreads } from '@kora/embedded/vector-threads';
import type { StorePlan } from '@kora/storage/engine';
import { serverCommands } from './commands/server-commands.ts';
import { rewriteFile } from './config-rewrite.ts';
import type { IoEngine, LoopEngine } from './io/engine.ts';
import { openMemoryAdvisor } from './io/native/memory-advisor.ts';
import type { MemoryAdvice } from './io/native/memory-advisor.ts';
import { Limits } from './limits.ts';
import type { ListeningAt, ListeningWorker } from './listeners.ts';
import { Listeners } from './listeners.ts';
import type { Log } from './log.ts';
import { filterLog } from './log.ts';
import { addServerInfo } from './server-info.ts';
import { LOW_BYTES } from './shard-memory.ts';
import type { MeshPlan } from './mesh/mesh-plan.ts';
import { placeOf } from './mesh/mesh-plan.ts';
import { ProcessWords } from './mesh/process-words.ts';
import { AHEAD_COUNT_MAX } from './pipeline.hot.ts';
import { END_MS_MAX } from './runner.ts';
import type { RoomStore } from './store/room-store.ts';
import { fixDirectory, heldRepliesOf, openWorkerStore } from './store/worker-store.ts';
import { Worker } from './worker.ts';

/** What a room is made from: plain data, so that it can go to another thread. */
export interface RoomPlan {
  /** Names and texts, checked before. */
  readonly settings: readonly (readonly [string, string])[];
  /** Path of the configuration file, empty without. */
  readonly configFile: string;
  /** Path of the program, for INFO. */
  readonly executable: string;
  /** What the system is told about the arena's pages. */
  readonly memoryAdvice: MemoryAdvice;
  /** The other workers of the process; absent: this one is alone. */
  readonly mesh?: MeshPlan;
  /** Where the data is kept; absent: nowhere. */
  readonly store?: StorePlan;
}

/** What a room tells whoever runs it. */
export interface RoomHost {
  /** Takes the lines that `loglevel` lets pass. */
  readonly log: Log;
  /** It listens elsewhere than before. */
  onMoved(at: ListeningAt): void;
  /** The engine is about to be stopped: its wake descriptor is closed next. */
  onStopping(): void;
  /** An invariant broke; all is stopped. */
  onFailure(cause: Error): void;
  /** All has ended in order. */
  onEnded(): void;
}

/** How long one look for the other workers waits. */
const MEETING_MS = 50;

const RoomState = Object.freeze({ Serving: 0, Ending: 1, Over: 2 } as const);

export class ShardRoom {
  /** The engine behind it: command table, settings, shard. */
  readonly composed: ComposedShard;
  readonly worker: Worker;
  /** Why this I/O engine, for INFO and the log. */
  readonly ioReason: string;
  /** Threads for the indexes of vector sets, null without. */
  readonly vectorThreads: VectorThreads | null;
  readonly #engine: IoEngine;
  readonly #host: RoomHost;
  readonly #log: Log;
  readonly #listeners: Listeners;
  readonly #store: RoomStore | null;
  readonly #mesh: MeshPlan | undefined;
  readonly #words: ProcessWords | undefined;
  #state: (typeof RoomState)[keyof typeof RoomState] = RoomState.Serving;
  #endAtUs = 0;

  /** @throws {Fault} OUT_OF_MEMORY, ADVICE_UNAVAILABLE, CORRUPT_FILE, DISK_FAILED */
  constructor(
    plan: RoomPlan, given: IoEngine, ioReason: string, host: RoomHost,
    extraCommands: ComposeOptions['extraCommands'] = [],
  ) {
    const settings = new Settings();
    const refusal = settings.load(plan.settings);
    assert(refusal === null, 'the settings were checked before');
    this.ioReason = ioReason;
    const { store } = plan;
    const held = store === undefined ? null : heldRepliesOf(store, given, plan.mesh?.index);
    const engine = held ?? given;
    this.#engine = engine;
    this.#host = host;
    this.#log = filterLog(settings, host.log);
    this.#mesh = plan.mesh;
    if (plan.mesh !== undefined) {
      this.#words = new ProcessWords(plan.mesh.workerCount, plan.mesh.words);
    }
    this.vectorThreads = this.#openVectorThreads(settings, given);
    this.composed = this.#compose(settings, extraCommands);
    this.#advise(plan.memoryAdvice);
    this.worker = new Worker(this.composed, engine, new Limits(settings, this.composed.memory), {
      log: this.#log,
      onFailure: (error) => {
        this.fail(error);
      },
      onShutdown: () => {
        this.#log('notice', 'User requested shutdown...');
        this.end();
      },
      onTurnEnd: () => {
        this.#onTurnEnd();
      },
      // While it ends, writes, or agrees with others on an address, it looks at clocks and words.
      mayRest: () => this.#state === RoomState.Serving && this.#listeners.isSettled &&
        (this.#store === null || this.#store.isQuiet),
    }, AHEAD_COUNT_MAX, plan.mesh, (other) => {
      this.#wake(other);
    });
    this.#store = held === null || store === undefined ? null
      : openWorkerStore(this.worker, this.composed, held, store, {
        log: this.#log,
        onFailure: (error) => {
          this.fail(error);
        },
      });
    fixDirectory(settings, 'it is decided when the server starts: --dir');
    settings.bind('requirepass', ({ text }) => {
      this.worker.letStrangersIn(text === '');
    });
    this.#listeners = new Listeners(settings, engine, this.#log, () => {
      const { at } = this.#listeners;
      if (plan.mesh?.index === 0) this.#words?.setListening(at.port, settings.text('bind'));
      host.onMoved(at);
    }, this.#listeningWorker);
    this.#attach(plan);
  }

  #wakeOthers(): void {
    for (let other = 0; other < (this.#mesh?.workerCount ?? 0); other++) {
      if (other !== this.#mesh?.index) this.#wake(other);
    }
  }

  get #listeningWorker(): ListeningWorker | undefined {
    const words = this.#words;
    return words === undefined ? undefined : { words, index: this.#mesh?.index ?? 0 };
  }

  /** Ends the wait of another worker. */
  #wake(other: number): void {
    this.#engine.ring?.(other);
    const words = this.#words;
    const eventfd = words?.eventfdOf(other) ?? -1;
    if (words !== undefined && eventfd >= 0) this.#engine.signal?.(eventfd, words.ringOf(other));
  }

  /**
   * Waits until all workers can be reached; true at once when there are no others. Blocks the
   * thread for a moment: false means ask again.
   */
  meet(): boolean {
    const { mesh } = this.worker;
    if (mesh === null) return true;
    if (!mesh.port.control.waitUntilReady(MEETING_MS)) return false;
    mesh.connect();
    return true;
  }

  /** The first worker listens on this port: so does this one. */
  sharePort(port: number): void {
    this.#listeners.sharePort(port);
  }

  /** True when the thread may wait in the kernel: there are no news of other workers. */
  mayWait(): boolean {
    return this.worker.mesh?.maySleep() ?? true;
  }

  /**
   * Listens on the addresses of `bind`, `port` and `unixsocket`. `done` gets null when onMoved has
   * said where, or the Fault: ADDRESS_IN_USE, LISTEN_FAILED, ENGINE_CLOSED.
   */
  listen(done: (error: Error | null) => void): void {
    this.#listeners.open((error) => {
      const io = `io ${this.#engine.name} (${this.ioReason})`;
      if (error === null) this.#log('verbose', `Ready to accept connections, ${io}`);
      done(error);
    });
  }

  /** Ends in order: no new connections, what is answered leaves, then all is closed. */
  end(): void {
    if (this.#state !== RoomState.Serving) return;
    this.#state = RoomState.Ending;
    this.#endAtUs = nodeClock.monotonicUs() + END_MS_MAX * 1000;
    this.#listeners.close();
    for (const session of this.worker.sessions.open()) this.worker.endInOrder(session);
    if (this.#words?.beginEnd() === true) this.#wakeOthers();
    this.#engine.requestTurn();
  }

  /** Ends at once. */
  stop(): void {
    if (this.#state === RoomState.Over) return;
    this.#log('verbose', 'Kora is now ready to exit, bye bye...');
    this.#stopEngine();
    this.#host.onEnded();
  }

  /** An invariant broke, or the data cannot be had: nothing may run or be answered any more. */
  fail(cause: Error): void {
    if (this.#state === RoomState.Over) return;
    const why = cause instanceof Fault ? cause.message : cause.stack ?? cause.message;
    this.#log('warning', `the engine failed and stops: ${why}`);
    this.#stopEngine();
    this.#host.onFailure(cause);
  }

  #stopEngine(): void {
    this.#state = RoomState.Over;
    this.#listeners.close();
    this.#store?.close(this.composed.shard.failure === null);
    this.#host.onStopping();
    if (this.#mesh !== undefined) this.#leaveOthers(this.#mesh.index);
    this.vectorThreads?.close();
    this.#engine.stop();
  }

  /** The others end too, and do not wait for the clients of this one. */
  #leaveOthers(index: number): void {
    this.#words?.addConnections(-this.worker.sessions.all().length);
    this.#words?.beginEnd();
    this.#wakeOthers();
    this.#words?.dropRing(index);
    this.worker.mesh?.end();
  }

  #onTurnEnd(): void {
    this.#store?.endTurn();
    if (this.#state === RoomState.Serving) {
      this.#listeners.followSettings();
      if (this.#words?.isEnding === true) this.end();
    } else if (this.#state === RoomState.Ending) {
      const isLate = nodeClock.monotonicUs() >= this.#endAtUs;
      if (isLate || this.#clientCount === 0) this.stop();
    }
  }

  /** Clients that are to read their last replies; of all workers, for they need each other. */
  get #clientCount(): number {
    return this.#words?.connectionCount ?? this.worker.sessions.closingCount;
  }

  #compose(settings: Settings, extraCommands: ComposeOptions['extraCommands']): ComposedShard {
    const mesh = this.#mesh;
    const memory = mesh?.memories[mesh.index];
    try {
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
        memoryOptions: {
          lowBytes: LOW_BYTES,
          ...(memory === undefined ? {} : { memory }),
        },
        ...(mesh === undefined ? {} : placeOf(mesh)),
        settings,
        extraCommands: [...serverCommands, ...(extraCommands ?? [])],
        vectorEngine: this.vectorThreads ?? vectorEngine,
        onError: (message) => {
          this.#log('warning', message);
        },
      });
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new Fault('OUT_OF_MEMORY', 'the system has no address space for the engine', { cause });
    }
  }

  #openVectorThreads(settings: Settings, engine: IoEngine): VectorThreads | null {
    const threads = settings.number('vector-threads');
    if (threads === 0) return null;
    return new VectorThreads({
      threads,
      shareWake: () => isLoop(engine) ? engine.shareWake() : -1,
      requestTurn: () => { engine.requestTurn(); },
      onFailure: (message) => { this.#log('warning', message); },
    });
  }

  #advise(advice: MemoryAdvice): void {
    if (advice === 'off') return;
    const { memory } = this.composed;
    const advisor = openMemoryAdvisor(advice, memory);
    if (typeof advisor === 'string') {
      throw new Fault('ADVICE_UNAVAILABLE', `memory advice ${advice}: ${advisor}; say off`);
    }
    memory.attachAdvisor(advisor);
  }

  #attach(plan: RoomPlan): void {
    const { engine, info } = this.composed;
    engine.isLocalClient = (id) => this.worker.sessions.byId(id)?.peer.isLoopback ?? false;
    const file = plan.configFile;
    if (file !== '') {
      engine.rewriteConfigFile = (transform) => rewriteFile(file, transform, this.#log);
    }
    addServerInfo(info, this.worker, { ...plan, ioReason: this.ioReason });
  }
}

function isLoop(engine: IoEngine): engine is LoopEngine {
  return 'shareWake' in engine;
}
