/**
 * Every limit on connections acts, one test each: what is refused, what is cut, what is said, what
 * is counted. Time that would have to pass is taken off the session's own marks, so nothing waits.
 */
import { encodeRequest } from '@kora/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UNREAD_BYTES_MAX, UNREAD_SENDS_MAX } from './limits.ts';
import type { Session } from './session.ts';
import { Hold } from './session.ts';
import type { RawClient } from './testing/raw-client.ts';
import { TestServer } from './testing/test-server.ts';

let server: TestServer;
let admin: RawClient;
beforeEach(async () => {
  server = await TestServer.start();
  admin = await server.connect();
});
afterEach(() => server.close());

const set = async (name: string, value: string): Promise<void> => {
  expect(await admin.call('CONFIG', 'SET', name, value)).toBe('+OK');
};

/** The session of a client, by its own id. */
async function sessionOf(client: RawClient): Promise<Session> {
  const id = Number((await client.call('CLIENT', 'ID')).slice(1));
  return server.room.worker.sessions.byId(id)!;
}

const tick = (): void => {
  server.room.worker.onTick();
};

describe('maxclients', () => {
  it('refuses the next connection in words and counts it', async () => {
    await set('maxclients', '2');
    const second = await server.connect();
    expect(await second.call('PING')).toBe('+PONG');
    const third = await server.connect();
    expect(await third.reply()).toBe('-ERR max number of clients reached');
    await third.ended;
    expect(await server.info(admin, 'stats', 'rejected_connections')).toBe('1');
    second.destroy();
    await server.until(() => server.room.worker.sessions.count === 1);
    expect(await (await server.connect()).call('PING')).toBe('+PONG');
  });
});

describe('protected mode', () => {
  const stranger = {
    address: '198.51.100.1:9', localAddress: '198.51.100.2:6379', isLoopback: false,
    isUnixSocket: false, descriptor: -1,
  };
  const said = (): string => {
    const refusal = server.room.worker.limits.refusalOf(stranger, 0);
    if (refusal === null) return '';
    const { low } = server.room.composed.memory;
    return Buffer.from(low.slice(refusal.at, refusal.at + refusal.bytes)).toString('latin1');
  };

  it('turns strangers away while there is no password', async () => {
    expect(said()).toMatch(/^-DENIED Redis is running in protected mode .*outside\.\r\n$/);
    expect(server.room.worker.onAccept(999, stranger)).toBe(false);
    await set('protected-mode', 'no');
    expect(said()).toBe('');
    await set('protected-mode', 'yes');
    await set('requirepass', 'secret');
    expect(said()).toBe('');
  });
});

describe('timeout', () => {
  it('ends idle connections and no others', async () => {
    const idle = await server.connect();
    (await sessionOf(idle)).lastActiveMs -= 30_000;
    tick();
    expect(await idle.call('PING')).toBe('+PONG');
    await set('timeout', '20');
    (await sessionOf(idle)).lastActiveMs -= 30_000;
    tick();
    await idle.ended;
    expect(await admin.call('PING')).toBe('+PONG');
  });
});

describe('tcp-keepalive', () => {
  it('is set on new connections', async () => {
    // Accepted, not only connected.
    await admin.call('PING');
    const spy = vi.spyOn(server.room.worker.engine, 'setKeepAlive');
    await (await server.connect()).call('PING');
    await set('tcp-keepalive', '77');
    await (await server.connect()).call('PING');
    await set('tcp-keepalive', '0');
    await (await server.connect()).call('PING');
    expect(spy.mock.calls.map(([, seconds]) => seconds)).toEqual([300, 77]);
  });
});

describe('tcp-backlog', () => {
  it('reaches the listener', async () => {
    const spy = vi.spyOn(server.room.worker.engine, 'listen');
    await set('port', '0');
    await server.until(() => spy.mock.calls.length > 0);
    expect(spy.mock.calls[0]![0].backlog).toBe(511);
    await server.until(() => server.server.port !== 0);
  });
});

describe('proto-max-bulk-len', () => {
  it('bounds one argument', async () => {
    await set('proto-max-bulk-len', '2mb');
    const client = await server.connect();
    client.send('*2\r\n$4\r\nECHO\r\n$2097153\r\n');
    expect(await client.reply()).toBe('-ERR Protocol error: invalid bulk length');
    await client.ended;
  });
});

describe('client-query-buffer-limit', () => {
  it('bounds one request', async () => {
    await set('client-query-buffer-limit', '1mb');
    const client = await server.connect();
    client.send(encodeRequest(['MSET', ...Array.from({ length: 120 }, () => 'x'.repeat(10_000))]));
    await client.ended;
    const field = 'client_query_buffer_limit_disconnections';
    expect(await server.info(admin, 'stats', field)).toBe('1');
    expect(await admin.call('DBSIZE')).toBe(':0');
  });

  it('bounds what big arguments may hold', async () => {
    await set('client-query-buffer-limit', '1mb');
    const client = await server.connect();
    const big = Buffer.alloc(700_000);
    client.send(encodeRequest(['MSET', 'a', big, 'b', big]));
    await client.ended;
    expect(await admin.call('DBSIZE')).toBe(':0');
  });
});

/**
 * Sends requests whose replies the client does not read, until the server holds `bytes` of them.
 */
async function leaveUnread(client: RawClient, bytes: number): Promise<void> {
  const session = await sessionOf(client);
  client.socket.pause();
  for (let i = 0; i < 200 && session.outputBytes < bytes && !session.isClosing; i++) {
    client.send('GET blob\r\n'.repeat(20));
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

describe('a peer that does not read', () => {
  it('is not read either beyond a bound, loses nothing, and goes on in order', async () => {
    await admin.call('SET', 'blob', 'b'.repeat(60_000));
    const client = await server.connect();
    const session = await sessionOf(client);
    client.socket.pause();
    const count = 600;
    for (let i = 0; i < count; i++) client.send(`GET blob\r\nECHO ${i}\r\n`);
    await server.until(() => session.outputBytes >= UNREAD_BYTES_MAX);
    tick();
    expect(session.outputBytes).toBeLessThan(UNREAD_BYTES_MAX + 200_000);
    expect(await admin.call('PING')).toBe('+PONG');
    client.socket.resume();
    for (let i = 0; i < count; i++) {
      expect((await client.reply()).length).toBe(60_002);
      expect(await client.reply()).toBe(`"${i}"`);
    }
    expect(session.outputBytes).toBe(0);
  });

  it('is bounded in tiny replies too', async () => {
    await admin.call('SET', 'blob', 'b'.repeat(60_000));
    const client = await server.connect();
    const session = await sessionOf(client);
    await leaveUnread(client, 1);
    for (let i = 0; i < 4 * UNREAD_SENDS_MAX && session.hold === Hold.None; i++) {
      client.send('PING\r\n');
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    expect(session.hold).toBe(Hold.Unread);
    // The reply of the command that reached the bound comes on top.
    expect(session.pinnedCount).toBeLessThanOrEqual(UNREAD_SENDS_MAX + 1);
    client.socket.resume();
    expect((await client.reply()).length).toBe(60_002);
  });

  it('gives its chunks back when it goes', async () => {
    await admin.call('SET', 'blob', 'b'.repeat(60_000));
    const { chunks } = server.room.worker;
    const before = chunks.alive;
    const client = await server.connect();
    await leaveUnread(client, 600_000);
    expect(chunks.alive).toBeGreaterThan(before);
    client.socket.resetAndDestroy();
    await server.until(() => chunks.alive <= before);
  });
});

describe('client-output-buffer-limit', () => {
  beforeEach(() => admin.call('SET', 'blob', 'b'.repeat(60_000)));

  it('cuts at the hard limit', async () => {
    await set('client-output-buffer-limit', 'normal 300000 0 0');
    const client = await server.connect();
    const session = await sessionOf(client);
    await leaveUnread(client, 10_000_000);
    expect(session.isClosing).toBe(true);
    const field = 'client_output_buffer_limit_disconnections';
    expect(await server.info(admin, 'stats', field)).toBe('1');
    expect(await admin.call('PING')).toBe('+PONG');
  });

  it('cuts in the middle of one huge reply', async () => {
    await set('client-output-buffer-limit', 'normal 1000000 0 0');
    await admin.call('SET', 'huge', Buffer.alloc(30_000_000));
    const client = await server.connect();
    const session = await sessionOf(client);
    client.socket.pause();
    client.send('GET huge\r\n');
    await server.until(() => session.isClosing);
    expect(session.outputBytes).toBeLessThan(2_000_000);
  });

  it('cuts at the soft limit once its time is over', async () => {
    await set('client-output-buffer-limit', 'normal 0 100000 5');
    const client = await server.connect();
    const session = await sessionOf(client);
    await leaveUnread(client, 200_000);
    tick();
    expect(session.isClosing).toBe(false);
    expect(session.softLimitSinceMs).toBeGreaterThan(0);
    session.softLimitSinceMs -= 6000;
    tick();
    expect(session.isClosing).toBe(true);
  });
});

describe('scarce reply chunks', () => {
  it('end the session that holds most, and not the one that asks', async () => {
    // Short enough to be copied: replies of longer values take no chunks.
    await admin.call('SET', 'copied', Buffer.alloc(60_000));
    const reply = (count: number): string => `MGET${' copied'.repeat(count)}\r\n`;
    const [large, huge] = [await server.connect(), await server.connect()];
    const sessions = [await sessionOf(large), await sessionOf(huge)];
    for (const client of [large, huge]) client.socket.pause();
    large.send(reply(250));
    huge.send(reply(500));
    await server.until(() => sessions.every((session) => session.outputBytes > 1_000_000));
    const { worker } = server.room;
    vi.spyOn(worker.chunks, 'isScarce', 'get').mockReturnValueOnce(true);
    const asking = await server.connect();
    const session = await sessionOf(asking);
    asking.socket.pause();
    asking.send(reply(160));
    await server.until(() => session.outputBytes > 1_000_000);
    expect(sessions.map((each) => each.isClosing)).toEqual([false, true]);
    expect(session.isClosing).toBe(false);
    await server.until(() => worker.sessions.closingCount === 0);
    expect(await server.info(admin, 'stats', 'client_output_buffer_limit_disconnections'))
      .toBe('1');
  });
});

describe('maxmemory-clients', () => {
  it('cuts the largest clients, but those that are exempt', async () => {
    const [small, large, exempt] = [
      await server.connect(), await server.connect(), await server.connect(),
    ];
    expect(await exempt.call('CLIENT', 'NO-EVICT', 'ON')).toBe('+OK');
    const half = `*2\r\n$4\r\nECHO\r\n$60000\r\n${'x'.repeat(50_000)}`;
    for (const client of [large, exempt]) {
      const session = await sessionOf(client);
      client.send(half);
      await server.until(() => session.inputBytes > 50_000);
    }
    tick();
    await set('maxmemory-clients', '100000');
    tick();
    await large.ended;
    expect(await small.call('PING')).toBe('+PONG');
    exempt.send(`${'x'.repeat(10_000)}\r\n`);
    expect(await exempt.reply()).toBe(`"${'x'.repeat(60_000)}"`);
    expect(await server.info(admin, 'stats', 'evicted_clients')).toBe('1');
  });

  it('may be a share of maxmemory', async () => {
    await set('maxmemory', '100mb');
    await set('maxmemory-clients', '5%');
    expect(server.room.worker.limits.allClientsBytesMax).toBe(5 * 1024 * 1024);
  });
});

describe('requirepass', () => {
  it('binds new connections, not those that are there', async () => {
    await set('requirepass', 'open sesame');
    expect(await admin.call('PING')).toBe('+PONG');
    const client = await server.connect();
    expect(await client.call('GET', 'a')).toBe('-NOAUTH Authentication required.');
    expect(await client.call('AUTH', 'wrong')).toMatch(/^-WRONGPASS /);
    expect(await client.call('AUTH', 'nobody', 'open sesame')).toMatch(/^-WRONGPASS /);
    expect(await client.call('AUTH', 'open sesame')).toBe('+OK');
    expect(await client.call('GET', 'a')).toBe('_');
  });

  it('lets strangers in while there is no password, and no longer', async () => {
    await set('requirepass', 'first');
    const stranger = await server.connect();
    const known = await server.connect();
    expect(await stranger.call('PING')).toBe('-NOAUTH Authentication required.');
    await set('requirepass', '');
    expect(await stranger.call('PING')).toBe('+PONG');
    expect(await known.call('HELLO', '2', 'AUTH', 'default', 'any')).toContain('"proto"');
    await set('requirepass', 'second');
    expect(await stranger.call('PING')).toBe('-NOAUTH Authentication required.');
    expect(await known.call('PING')).toBe('+PONG');
    expect(await admin.call('PING')).toBe('+PONG');
  });

  it('keeps strangers from sending much', async () => {
    await set('requirepass', 'x');
    const many = await server.connect();
    many.send('*11\r\n');
    expect(await many.reply()).toBe('-ERR Protocol error: unauthenticated multibulk length');
    const long = await server.connect();
    long.send('*2\r\n$4\r\nAUTH\r\n$20000\r\n');
    expect(await long.reply()).toBe('-ERR Protocol error: unauthenticated bulk length');
    await Promise.all([many.ended, long.ended]);
  });
});
