/**
 * A server on a free port of 127.0.0.1 for one test file, with its clients and its log. Its room is
 * in the test's own thread, on the engine that KORA_TEST_IO names, so that a test can look into it.
 * `close` ends all of them, so that a test leaves nothing behind.
 */
import type { ServerOptions, SettingInput } from '../options.ts';
import type { ServerAddress } from '../server.ts';
import { KoraServer } from '../server.ts';
import type { ShardRoom } from '../shard-room.ts';
import { openTestEngine } from './polled-engine.ts';
import { RawClient } from './raw-client.ts';

export class TestServer {
  readonly server: KoraServer;
  readonly room: ShardRoom;
  readonly address: ServerAddress;
  /** Every line logged, with its level before it. */
  readonly log: string[];
  readonly #clients: RawClient[] = [];

  private constructor(server: KoraServer, address: ServerAddress, log: string[]) {
    if (server.room === undefined) throw new Error('the room of a test is in its thread');
    this.server = server;
    this.room = server.room;
    this.address = address;
    this.log = log;
  }

  /** Starts a server; `settings` by Redis's names. */
  static async start(
    settings: Readonly<Record<string, SettingInput>> = {}, options: ServerOptions = {},
  ): Promise<TestServer> {
    const log: string[] = [];
    const server = new KoraServer({
      settings: { port: 0, bind: '127.0.0.1', loglevel: 'debug', ...settings },
      onLog: (level, message) => {
        log.push(`${level} ${message}`);
      },
      ...options,
    }, openTestEngine);
    return new TestServer(server, await server.start(), log);
  }

  /** A new client; ended by `close` at the latest. */
  async connect(): Promise<RawClient> {
    const client = await RawClient.connect({ host: '127.0.0.1', port: this.address.port });
    this.#clients.push(client);
    return client;
  }

  /** One field of INFO. */
  async info(client: RawClient, section: string, field: string): Promise<string> {
    const text = await client.call('INFO', section);
    return new RegExp(String.raw`\\r\\n${field}:(.*?)\\r\\n`).exec(text)?.[1] ?? '';
  }

  /** Resolves when the condition holds; looked at between turns of the event loop. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise((resolve) => {
        setTimeout(resolve, 2);
      });
    }
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.server.close();
  }
}
