/**
 * A server: one engine behind sockets. Checks its options, finds a thread for the shard's room and
 * stays in front of it: start, addresses, log lines, the end. With a loop engine (io_uring, epoll)
 * and among several workers a room has a thread of its own and this one never waits for it; one
 * room on node:net shares this thread. The only place of the package where promises are used;
 * rooms, sessions and commands never see one.
 */
import { Fault, Settings } from '@kora/core/control';
import { resolve as resolvePath } from 'node:path';
import type { IoEngine } from './io/engine.ts';
import type { ListeningAt } from './listeners.ts';
import type { Log } from './log.ts';
import { logWriter } from './log.ts';
import type { IoChoice, ServerOptions } from './options.ts';
import { checkOptions, checkPorts, directoryOf, settingPairs } from './options.ts';
import type { Runner, RunnerHost, Started } from './runner.ts';
import type { RoomPlan, ShardRoom } from './shard-room.ts';
import type { ServerStore } from './store/server-store.ts';
import { ThreadGroup } from './thread-group.ts';
import { ThreadRunner } from './thread-runner.ts';

/** Where a started server can be reached. */
export interface ServerAddress {
  /** Host of the first TCP listener, as given; `127.0.0.1` for a wildcard. Empty without TCP. */
  readonly host: string;
  /** Its port; 0 without TCP. */
  readonly port: number;
  /** Path of the unix socket, if there is one. */
  readonly unixSocket?: string;
  /** Name of the I/O engine. */
  readonly io: string;
}

const NOWHERE: ListeningAt = Object.freeze({ host: '', port: 0, unixSocket: '' });

/** A server that was made, not started. @throws {Fault} INVALID_OPTION, NOT_BUILT_YET */
export function createServer(options: ServerOptions = {}): KoraServer {
  return new KoraServer(options);
}

/** One server. Made by {@link createServer}; `start` once, `close` once. */
export class KoraServer {
  /** Settles when the server has ended: by close, by SHUTDOWN, or with the error that ended it. */
  readonly closed: Promise<void>;
  readonly #options: ServerOptions;
  #plan: RoomPlan;
  /** Where the data is kept, null = nowhere. */
  readonly #directory: string | null;
  #store: ServerStore | undefined;
  readonly #host: RunnerHost;
  readonly #openEngine: (() => IoEngine) | undefined;
  readonly #ended: Promise<void>;
  #runner: Runner | undefined;
  #started: Promise<ServerAddress> | undefined;
  #at: ListeningAt = NOWHERE;
  #isEnding = false;
  #settleClosed: (error?: Error) => void = () => undefined;

  /**
   * @internal
   * @param openEngine an engine for the room in this thread, whatever the options say; for tests
   */
  constructor(options: ServerOptions, openEngine?: () => IoEngine) {
    checkOptions(options);
    const pairs = settingPairs(options);
    const settings = new Settings();
    const refusal = settings.load(pairs);
    if (refusal !== null) throw new Fault('INVALID_OPTION', refusal);
    checkPorts(settings, options.workers);
    this.#directory = directoryOf(settings, pairs);
    if (this.#directory !== null) {
      pairs.push(['dir', resolvePath(this.#directory)], ['appendonly', 'yes']);
    }
    this.#options = options;
    this.#openEngine = openEngine;
    this.#plan = {
      settings: pairs,
      configFile: options.configFile ?? '',
      executable: process.argv[1] ?? process.execPath,
      memoryAdvice: options.memoryAdvice ?? 'off',
    };
    this.#host = this.#hostOf(options.onLog ?? logWriter(settings.text('logfile')));
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = (error) => {
        if (error === undefined) resolve();
        else reject(error);
      };
    });
    // Whoever does not look at `closed` is not to be ended by it.
    this.#ended = this.closed.catch(() => undefined);
  }

  /** @internal The room, where it lives in this thread and the server has started. */
  get room(): ShardRoom | undefined {
    return this.#runner?.room;
  }

  /** Path of the directory that keeps the data, null when it lives in memory alone. */
  get directory(): string | null {
    return this.#directory === null ? null : resolvePath(this.#directory);
  }

  /** TCP port in force, 0 without TCP; CONFIG SET may change it. */
  get port(): number {
    return this.#at.port;
  }

  /**
   * Composes the engine and listens on the addresses of `bind`, `port` and `unixsocket`.
   * Calling it again gives the same promise.
   * @returns where it can be reached
   * @throws {Fault} (rejects) ADDRESS_IN_USE, LISTEN_FAILED, IO_UNAVAILABLE, ADVICE_UNAVAILABLE,
   *   OUT_OF_MEMORY, DIRECTORY_IN_USE, CORRUPT_FILE, DISK_FAILED, ENGINE_CLOSED when it was closed
   *   meanwhile; the server is closed then
   */
  start(): Promise<ServerAddress> {
    this.#started ??= this.#start();
    return this.#started;
  }

  /**
   * Ends the server in less than a second: no new connections, what is answered leaves, then all is
   * closed. A command that runs on in a thread of its own is cut off with its thread; descriptors
   * of that thread stay open until the process ends. Calling it again gives the same promise.
   */
  close(): Promise<void> {
    if (!this.#isEnding) {
      this.#isEnding = true;
      if (this.#runner === undefined) this.#settleClosed();
      else this.#runner.end();
    }
    return this.#ended;
  }

  async #start(): Promise<ServerAddress> {
    try {
      await this.#openStore();
      const io = await this.#run();
      const { host, port, unixSocket } = this.#at;
      return { host, port, io, ...(unixSocket === '' ? {} : { unixSocket }) };
    } catch (cause) {
      // Where nothing runs, nothing tells the end.
      if (this.#runner === undefined) {
        this.#closeStore();
        this.#settleClosed();
      }
      await this.close();
      throw cause;
    }
  }

  async #openStore(): Promise<void> {
    if (this.#directory === null) return;
    const { openServerStore } = await import('./store/server-store.ts');
    const { workers = 1 } = this.#options;
    this.#store = await openServerStore(this.#directory, workers, this.#host.log);
    this.#plan = { ...this.#plan, store: this.#store.plan };
  }

  /** Gives the directory back: nothing runs any more. */
  #closeStore(): void {
    try {
      this.#store?.close();
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      this.#host.log('warning', message);
    }
  }

  /** Runs the room in the best place there is. @returns the name of its I/O engine */
  async #run(): Promise<string> {
    const choice = this.#options.io ?? 'auto';
    if (this.#openEngine !== undefined) {
      return this.#runHere(this.#openEngine, 'given by a test');
    }
    const { workers = 1 } = this.#options;
    if (workers > 1) return this.#runGroup(choice, workers);
    if (choice === 'node') return this.#runHere(undefined, 'asked for');
    if (this.#options.extraCommands !== undefined) {
      const reason = 'commands given as functions cannot go to another thread, so node';
      return this.#runHere(undefined, reason);
    }
    const started = await this.#runBy(new ThreadRunner(this.#plan, choice, this.#host));
    if (started.kind !== 'unavailable') return nameOf(started);
    this.#runner = undefined;
    if (choice !== 'auto') throw new Fault('IO_UNAVAILABLE', started.reasons);
    return this.#runHere(undefined, `${started.reasons}, so node`);
  }

  /**
   * Runs the room in this thread, which loads the engine only now: of a server whose shards have
   * threads of their own it would be half of the time to start.
   * @param openEngine absent: the engine on node:net
   */
  async #runHere(openEngine: (() => IoEngine) | undefined, reason: string): Promise<string> {
    const { InThreadRunner } = await import('./in-thread-runner.ts');
    const { NodeEngine } = await import('./io/node-engine.ts');
    const { extraCommands } = this.#options;
    const engine = openEngine?.() ?? new NodeEngine();
    const runner = new InThreadRunner(this.#plan, engine, reason, extraCommands, this.#host);
    return nameOf(await this.#runBy(runner));
  }

  async #runGroup(choice: IoChoice, workers: number): Promise<string> {
    let nodeBecause = 'asked for';
    if (choice !== 'node') {
      const group = new ThreadGroup(this.#plan, choice, workers, this.#host);
      const started = await this.#runBy(group);
      if (started.kind !== 'unavailable') return nameOf(started);
      this.#runner = undefined;
      if (choice !== 'auto') throw new Fault('IO_UNAVAILABLE', started.reasons);
      nodeBecause = `${started.reasons}, so node`;
    }
    const group = new ThreadGroup(this.#plan, { nodeBecause }, workers, this.#host);
    return nameOf(await this.#runBy(group));
  }

  #runBy(runner: Runner): Promise<Started> {
    if (this.#isEnding) throw new Fault('ENGINE_CLOSED', 'the server was closed');
    this.#runner = runner;
    return new Promise((resolve) => {
      runner.start(resolve);
    });
  }

  #hostOf(log: Log): RunnerHost {
    return {
      log,
      onMoved: (at) => {
        this.#at = at;
      },
      onEnded: () => {
        this.#closeStore();
        this.#isEnding = true;
        this.#at = NOWHERE;
        this.#settleClosed();
      },
      onFailure: (cause) => {
        this.#closeStore();
        this.#isEnding = true;
        this.#at = NOWHERE;
        const message = `the engine stopped because an invariant broke: ${cause.message}`;
        // Data that cannot be loaded says so itself.
        this.#settleClosed(
          cause instanceof Fault ? cause : new Fault('ENGINE_FAILED', message, { cause }),
        );
      },
    };
  }
}

/** The engine of a start that went well; throws what it was refused with. */
function nameOf(started: Started): string {
  if (started.kind === 'listening') return started.io;
  if (started.kind === 'refused') throw started.error;
  throw new Fault('IO_UNAVAILABLE', started.reasons);
}
