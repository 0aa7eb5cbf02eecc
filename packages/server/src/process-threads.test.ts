/**
 * Three workers on threads of their own, on every engine that this machine offers, asked for
 * what is about the whole process. Which worker has a connection is the kernel's choice, so every
 * test asks over many connections. The threads run the built files: needs a build.
 */
import { createServer as createNetServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { LogLevel } from './log.ts';
import type { IoChoice } from './options.ts';
import type { KoraServer } from './server.ts';
import { createServer } from './server.ts';
import { RawClient } from './testing/raw-client.ts';
import { WORKER_ENGINES } from './testing/threaded-server.ts';

const WORKERS = 3;
/** With so many the kernel gives all workers some, but for once in a million times. */
const CLIENTS = 36;

class Served {
  readonly server: KoraServer;
  readonly log: string[];
  readonly clients: RawClient[] = [];

  constructor(server: KoraServer, log: string[]) {
    this.server = server;
    this.log = log;
  }

  static async start(io: IoChoice): Promise<Served> {
    const log: string[] = [];
    const settings = {
      port: 0, bind: '127.0.0.1', loglevel: 'debug', 'enable-debug-command': 'yes',
    };
    const onLog = (level: LogLevel, message: string): void => {
      log.push(`${level} ${message}`);
    };
    const server = createServer({ io, workers: WORKERS, settings, onLog });
    await server.start();
    const served = new Served(server, log);
    await served.connect(CLIENTS);
    return served;
  }

  async connect(count: number, port = this.server.port): Promise<RawClient[]> {
    const made: RawClient[] = [];
    for (let i = 0; i < count; i++) made.push(await RawClient.connect({ host: '127.0.0.1', port }));
    // The system connects before a worker accepts.
    for (const client of made) await client.call('PING');
    this.clients.push(...made);
    return made;
  }

  get asking(): RawClient {
    const [first] = this.clients;
    if (first === undefined) throw new Error('nobody is connected');
    return first;
  }

  /** What every client is answered. */
  callAll(...words: string[]): Promise<string[]> {
    return Promise.all(this.clients.map((client) => client.call(...words)));
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.destroy();
    await this.server.close();
  }
}

const fieldOf = (info: string, name: string): string =>
  new RegExp(String.raw`\\r\\n${name}:(.*?)\\r\\n`).exec(info)?.[1] ?? 'missing';

/** Looks between turns of the event loop. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!await condition()) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

describe.each(WORKER_ENGINES)('three workers, io %s', (io) => {
  it('list, count and end the clients of all', async () => {
    const served = await Served.start(io);
    const { asking, clients } = served;
    for (const list of await served.callAll('CLIENT', 'LIST')) {
      expect(list.match(/id=\d+ /g)).toHaveLength(CLIENTS);
    }
    const info = await asking.call('INFO', 'everything');
    expect(fieldOf(info, 'connected_clients')).toBe(String(CLIENTS));
    expect(fieldOf(info, 'workers')).toBe(String(WORKERS));
    expect(fieldOf(info, 'total_connections_received')).toBe(String(CLIENTS));
    const infos = await served.callAll('INFO', 'server');
    expect(new Set(infos.map((text) => fieldOf(text, 'run_id'))).size).toBe(1);
    const own = await asking.call('CLIENT', 'ID');
    expect(await asking.call('CLIENT', 'KILL', 'TYPE', 'normal')).toBe(`:${CLIENTS - 1}`);
    await Promise.all(clients.slice(1).map(({ ended }) => ended));
    expect(await asking.call('CLIENT', 'LIST')).toContain(`id=${own.slice(1)} `);
    asking.send('CLIENT KILL TYPE normal SKIPME no\r\nPING\r\n');
    expect(await asking.reply()).toBe(':1');
    await asking.ended;
    expect(asking.unread).toEqual([]);
    await served.close();
  });

  it('count commands, keys and memory of all, and forget together', async () => {
    const served = await Served.start(io);
    const { asking } = served;
    const value = 'v'.repeat(1000);
    for (let i = 0; i < 20; i++) await served.callAll('SET', `k${i}`, value, 'EX', '1000');
    for (const info of await served.callAll('INFO', 'keyspace')) {
      expect(fieldOf(info, 'db0')).toMatch(/^keys=20,expires=20,avg_ttl=\d{6}$/);
    }
    const info = await asking.call('INFO', 'everything');
    expect(fieldOf(info, 'cmdstat_set')).toMatch(new RegExp(`^calls=${CLIENTS * 20},`));
    expect(await asking.call('MEMORY', 'STATS')).toContain('"keys.count", :20');
    for (let i = 0; i < 20; i++) {
      expect(await asking.call('DEBUG', 'OBJECT', `k${i}`)).toMatch(/^\+?Value at/);
    }
    expect(await asking.call('DEBUG', 'RELOAD')).toBe('+OK');
    expect(await asking.call('MEMORY', 'PURGE')).toBe('+OK');
    expect(await asking.call('CONFIG', 'RESETSTAT')).toBe('+OK');
    expect(fieldOf(await asking.call('INFO', 'everything'), 'cmdstat_set')).toBe('missing');
    await served.close();
  });

  it('pause and go on together', async () => {
    const served = await Served.start(io);
    const { asking, clients } = served;
    const writes = clients.slice(1).map((client, i) => client.call('SET', `k${i}`, 'v'));
    await Promise.all(writes);
    expect(await asking.call('CLIENT', 'PAUSE', '600000', 'WRITE')).toBe('+OK');
    let answered = 0;
    const held = clients.slice(1).map(async (client, i) => {
      expect(await client.call('SET', `k${i}`, 'w')).toBe('+OK');
      answered++;
    });
    for (let i = 0; i < CLIENTS - 1; i++) expect(await asking.call('GET', `k${i}`)).toBe('"v"');
    expect(answered).toBe(0);
    expect(await asking.call('CLIENT', 'UNPAUSE')).toBe('+OK');
    await Promise.all(held);
    for (let i = 0; i < CLIENTS - 1; i++) expect(await asking.call('GET', `k${i}`)).toBe('"w"');
    await served.close();
  });

  it('take settings together, and all clients know at once', async () => {
    const served = await Served.start(io);
    const { asking } = served;
    for (let i = 1; i <= 20; i++) {
      expect(await asking.call('CONFIG', 'SET', 'timeout', String(i), 'hz', '50')).toBe('+OK');
      const seen = new Set(await served.callAll('CONFIG', 'GET', 'timeout'));
      expect([...seen]).toEqual([`["timeout", "${i}"]`]);
    }
    const refused = await asking.call('CONFIG', 'SET', 'timeout', '9', 'hz', 'x');
    expect(refused).toMatch(/^-ERR CONFIG SET failed/);
    expect(new Set(await served.callAll('CONFIG', 'GET', 'timeout')).size).toBe(1);
    await served.close();
  });

  it('move to another port together, or stay where they are', async () => {
    const served = await Served.start(io);
    const { asking, server } = served;
    const taken = createNetServer();
    const takenPort = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => {
        const address = taken.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const before = server.port;
    expect(await asking.call('CONFIG', 'SET', 'port', String(takenPort))).toBe('+OK');
    await until(() => served.log.some((line) => line.includes('the addresses stay as they are')));
    const isBack = async (): Promise<boolean> =>
      (await served.callAll('CONFIG', 'GET', 'port')).every((text) => text.includes(`"${before}"`));
    await until(isBack);
    expect(await (await served.connect(12)).at(-1)?.call('PING')).toBe('+PONG');
    await new Promise((resolve) => {
      taken.close(resolve);
    });
    expect(await asking.call('CONFIG', 'SET', 'port', String(takenPort))).toBe('+OK');
    await until(() => server.port === takenPort);
    expect(new Set(await served.callAll('CONFIG', 'GET', 'port')).size).toBe(1);
    // Once the old one is closed everywhere, every connection goes to the new one.
    await until(() => RawClient.connect({ host: '127.0.0.1', port: before }).then((client) => {
      client.destroy();
      return false;
    }, () => true));
    await served.connect(CLIENTS, takenPort);
    expect(new Set(await served.callAll('PING'))).toEqual(new Set(['+PONG']));
    expect(await asking.call('CONFIG', 'SET', 'bind', '127.0.0.1 -::1')).toBe('+OK');
    await until(async () =>
      (await RawClient.connect({ host: '127.0.0.1', port: takenPort }).then(async (client) => {
        // Who was connected to a socket that was closed before a worker accepted is reset.
        const reply = await client.call('CONFIG', 'GET', 'bind').catch(() => '');
        client.destroy();
        return reply;
      }, () => '')).includes('::1'));
    await served.close();
  });

  it('end together by SHUTDOWN of any client', async () => {
    const served = await Served.start(io);
    const last = served.clients.at(-1);
    last?.send('SHUTDOWN NOSAVE\r\n');
    await Promise.all(served.clients.map(({ ended }) => ended));
    await served.server.closed;
    await served.close();
  });
});
