/**
 * A server: one engine behind sockets. Composes the core, an I/O engine and a worker, listens,
 * keeps the settings acting while it runs, and ends in order. The only place of the package where
 * promises are used; sessions and commands never see one.
 */
import { randomFillSync } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Chance, Clock, ComposedShard } from '@kora/core';
import { composeShard, Fault, Settings } from '@kora/core';
import { serverCommands } from './commands/server-commands.ts';
import { rewriteFile } from './config-rewrite.ts';
import { chooseEngine } from './io/choose-engine.ts';
import type { IoEngine } from './io/engine.ts';
import { Limits } from './limits.ts';
import { Listeners } from './listeners.ts';
import type { Log } from './log.ts';
import { openLog } from './log.ts';
import type { ServerOptions } from './options.ts';
import { checkOptions, settingPairs } from './options.ts';
import { addServerInfo } from './server-info.ts';
import { Worker } from './worker.ts';

/**
 * Buffers of clients lie in the first GiB, data above; the system gives pages as they are touched.
 */
const LOW_BYTES = 1024 * 1024 * 1024;
/** How long closing waits for clients to read their last replies. */
const CLOSE_MS_MAX = 400;
const CLOSE_POLL_MS = 5;

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

const platformClock: Clock = {
  nowMs: () => Date.now(),
  monotonicUs: () => performance.now() * 1000,
};

/** Random numbers from the system, fetched a page at a time. */
function systemChance(): Chance {
  const words = new Int32Array(1024);
  let next = words.length;
  return {
    next32: () => {
      if (next === words.length) {
        randomFillSync(words);
        next = 0;
      }
      return words[next++] ?? 0;
    },
  };
}

/**
 * A server that was made, not started. @throws {Fault} INVALID_OPTION, NOT_BUILT_YET, OUT_OF_MEMORY
 */
export function createServer(options: ServerOptions = {}): KoraServer {
  checkOptions(options);
  const settings = new Settings();
  const refusal = settings.load(settingPairs(options));
  if (refusal !== null) throw new Fault('INVALID_OPTION', refusal);
  return new KoraServer(options, settings);
}

/** One server. Made by {@link createServer}; `start` once, `close` once. */
export class KoraServer {
  /** The engine behind it: command table, settings, shard. */
  readonly composed: ComposedShard;
  readonly worker: Worker;
  /** Settles when the server has ended: by close, by SHUTDOWN, or with the error that ended it. */
  readonly closed: Promise<void>;
  readonly #log: Log;
  readonly #engine: IoEngine;
  readonly #listeners: Listeners;
  #settleClosed: (error?: Error) => void = () => undefined;
  #ending: Promise<void> | undefined;

  /** @internal */
  constructor(options: ServerOptions, settings: Settings) {
    this.#log = openLog(settings, options.onLog);
    this.#engine = chooseEngine(options.io ?? 'auto');
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = (error) => {
        if (error === undefined) resolve();
        else reject(error);
      };
    });
    // Whoever does not look at `closed` is not to be ended by it.
    this.closed.catch(() => undefined);
    this.composed = this.#compose(options, settings);
    const limits = new Limits(settings, this.composed.memory);
    this.worker = new Worker(this.composed, this.#engine, limits, {
      log: this.#log,
      onFailure: (error) => {
        this.#fail(error);
      },
      onShutdown: () => {
        this.#log('notice', 'User requested shutdown...');
        void this.close();
      },
    });
    settings.bind('requirepass', ({ text }) => {
      this.worker.letStrangersIn(text === '');
    });
    this.#listeners = new Listeners(settings, this.#engine, this.#log);
    const { engine, info } = this.composed;
    engine.isLocalClient = (id) => this.worker.sessions.byId(id)?.peer.isLoopback ?? false;
    if (options.configFile !== undefined) {
      const file = options.configFile;
      engine.rewriteConfigFile = (transform) => rewriteFile(file, transform, this.#log);
    }
    addServerInfo(info, this.worker, options.configFile ?? '');
  }

  #compose(options: ServerOptions, settings: Settings): ComposedShard {
    try {
      return composeShard({
        platform: {
          clock: platformClock,
          chance: systemChance(),
          scheduler: {
            requestTurn: () => {
              this.#engine.requestTurn();
            },
          },
        },
        memoryOptions: { lowBytes: LOW_BYTES },
        settings,
        extraCommands: [...serverCommands, ...(options.extraCommands ?? [])],
        onError: (message) => {
          this.#log('warning', message);
        },
      });
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new Fault('OUT_OF_MEMORY', 'the system has no address space for the engine', { cause });
    }
  }

  /** TCP port in force, 0 without TCP; CONFIG SET may change it. */
  get port(): number {
    return this.#listeners.port;
  }

  /**
   * Listens on the addresses of `bind`, `port` and `unixsocket`.
   * @returns where it can be reached
   * @throws {Fault} (rejects) ADDRESS_IN_USE, LISTEN_FAILED; the server is closed then
   */
  async start(): Promise<ServerAddress> {
    try {
      await this.#listeners.open();
    } catch (cause) {
      await this.close();
      throw cause;
    }
    const { host, port, unixSocket } = this.#listeners;
    const { name, reason } = this.#engine;
    this.#log('verbose', `Ready to accept connections, io ${name} (${reason})`);
    return {
      host, port, io: this.#engine.name, ...(unixSocket === '' ? {} : { unixSocket }),
    };
  }

  /**
   * Ends the server in less than a second: no new connections, what is answered leaves, then all is
   * closed.
   * Calling it again gives the same promise.
   */
  close(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.#listeners.close();
    const { sessions } = this.worker;
    for (const session of sessions.open()) this.worker.end(session);
    const endMs = performance.now() + CLOSE_MS_MAX;
    while (sessions.closingCount > 0 && performance.now() < endMs) await pause(CLOSE_POLL_MS);
    this.#engine.stop();
    this.#log('verbose', 'Kora is now ready to exit, bye bye...');
    this.#settleClosed();
  }

  /** An invariant broke: nothing may run or be answered any more. */
  #fail(cause: Error): void {
    if (this.#ending !== undefined) return;
    this.#log('warning', `the engine failed and stops: ${cause.stack ?? cause.message}`);
    this.#listeners.close();
    this.#engine.stop();
    const message = `the engine stopped because an invariant broke: ${cause.message}`;
    this.#settleClosed(new Fault('ENGINE_FAILED', message, { cause }));
    this.#ending = Promise.resolve();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
