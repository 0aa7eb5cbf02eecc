/**
 * Servers with several workers on real threads, for tests: the engines of this machine, a server
 * with its clients and its log, and programs of threads with a part of them changed. The threads
 * run the built files, so a build has to be there.
 */
import { withLoopEngine } from '../io/choose-engine.ts';
import type { IoChoice, SettingInput } from '../options.ts';
import type { KoraServer, ServerAddress } from '../server.ts';
import { createServer } from '../server.ts';
import type { RoomPlan } from '../shard-room.ts';
import { ThreadGroup } from '../thread-group.ts';
import { RawClient } from './raw-client.ts';

/** Engines with a loop of their own that can be had here. */
export const LOOP_ENGINES = (['uring', 'epoll'] as const).filter((io) => {
  const outcome = withLoopEngine(io, ({ engine }) => {
    engine.stop();
    return { isThere: true };
  });
  return typeof outcome !== 'string';
});

/** Engines that can serve several workers here. */
export const WORKER_ENGINES = [...LOOP_ENGINES, 'node'] as const;

const BUILT = new URL('../../dist/', import.meta.url);

/** Looks between turns of the event loop. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!await condition()) {
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}

/** True when somebody listens there. */
export function isServed(port: number): Promise<boolean> {
  return RawClient.connect({ host: '127.0.0.1', port }).then((client) => {
    client.destroy();
    return true;
  }, () => false);
}

/**
 * The program of a shard's thread after a change to a built module of the server.
 * @param change text of JavaScript; the module's exports are in `parts`
 */
export function changedThread(file: string, change: string): URL {
  const program = `
    const parts = await import('${new URL(file, BUILT).href}');
    ${change}
    await import('${new URL('shard-thread.js', BUILT).href}');`;
  return new URL(`data:text/javascript,${encodeURIComponent(program)}`);
}

/** What a server is started with. */
export interface ThreadedOptions {
  readonly io: IoChoice;
  readonly workers: number;
  readonly settings?: Readonly<Record<string, SettingInput>>;
}

/** A server of several workers on a free port of this machine. */
export class ThreadedServer {
  readonly server: KoraServer;
  readonly address: ServerAddress;
  readonly log: readonly string[];
  readonly #clients: RawClient[] = [];

  private constructor(server: KoraServer, address: ServerAddress, log: readonly string[]) {
    this.server = server;
    this.address = address;
    this.log = log;
  }

  static async start({ io, workers, settings = {} }: ThreadedOptions): Promise<ThreadedServer> {
    const log: string[] = [];
    const server = createServer({
      io, workers,
      settings: { port: 0, bind: '127.0.0.1', loglevel: 'debug', ...settings },
      onLog: (level, message) => {
        log.push(`${level} ${message}`);
      },
    });
    return new ThreadedServer(server, await server.start(), log);
  }

  async connect(): Promise<RawClient> {
    const client = await RawClient.connect({ host: '127.0.0.1', port: this.server.port });
    this.#clients.push(client);
    return client;
  }

  async connectMany(count: number): Promise<RawClient[]> {
    const clients: RawClient[] = [];
    for (let i = 0; i < count; i++) clients.push(await this.connect());
    return clients;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.server.close();
  }
}

/** Changed programs of some workers; undefined leaves a worker as it is. */
export type ThreadPrograms = (worker: number) => URL | undefined;

const PLAN: RoomPlan = {
  settings: [['port', '0'], ['bind', '127.0.0.1']], configFile: '', executable: '',
  memoryAdvice: 'off',
};

/** Workers some of which run a changed program, and what their server hears of them. */
export class GroupRun {
  /** How the start went, then how all ended. */
  readonly words: string[] = [];
  readonly log: string[] = [];
  /** Settles when all have ended. */
  readonly over: Promise<void>;
  port = 0;
  readonly #group: ThreadGroup;

  private constructor(io: IoChoice, workers: number, programs: ThreadPrograms) {
    let end = (): void => undefined;
    this.over = new Promise((resolve) => {
      end = resolve;
    });
    const groupIo = io === 'node' ? { nodeBecause: 'asked for' } : io;
    this.#group = new ThreadGroup(PLAN, groupIo, workers, {
      log: (_level, message) => {
        this.log.push(message);
      },
      onMoved: ({ port }) => {
        this.port = port;
      },
      onEnded: () => {
        this.words.push('ended');
        end();
      },
      onFailure: ({ message }) => {
        this.words.push(`failure ${message}`);
        end();
      },
    }, programs);
  }

  /** Resolves when the start was told, however it went. */
  static start(io: IoChoice, workers: number, programs: ThreadPrograms): Promise<GroupRun> {
    const run = new GroupRun(io, workers, programs);
    return new Promise((resolve) => {
      run.#group.start((started) => {
        if (started.kind === 'unavailable') run.words.push(`unavailable ${started.reasons}`);
        else run.words.push(started.kind === 'refused' ? started.error.message : started.kind);
        resolve(run);
      });
    });
  }

  connect(): Promise<RawClient> {
    return RawClient.connect({ host: '127.0.0.1', port: this.port });
  }

  async end(): Promise<void> {
    this.#group.end();
    await this.over;
  }
}
