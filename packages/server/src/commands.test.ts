/**
 * The server's own commands over a socket: what they answer, what they do to connections, and that
 * COMMAND tells of them what redis-server 7.0.15 was recorded to tell.
 */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { serverCommands } from './commands/server-commands.ts';
import { TEST_IO } from './testing/polled-engine.ts';
import type { RawClient } from './testing/raw-client.ts';
import { TestServer } from './testing/test-server.ts';

let server: TestServer;
let client: RawClient;
beforeAll(async () => {
  server = await TestServer.start();
  client = await server.connect();
});
afterAll(() => server.close());

interface RecordedCommand {
  readonly arity: number;
  readonly flags: readonly string[];
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly categories: readonly string[];
  readonly tips: readonly string[];
}

/** Commands that Redis 7.0 does not have. */
const LATER = new Set(['client|setinfo', 'client|no-touch', 'waitaof']);

const recorded = JSON.parse(readFileSync(
  new URL('../../../tools/conformance/reference/command-info.json', import.meta.url), 'utf8',
  // The recording has this shape.
)) as Record<string, RecordedCommand>;

/** Arity, flags, places of keys, categories and tips of a reply of COMMAND INFO. */
const FACTS =
  /^\[\["[^"]+", :(-?\d+), \[(.*?)\], (:-?\d+, :-?\d+, :-?\d+), \[(.*?)\], \[(.*?)\], \[/;

const wordsOf = (list = ''): string[] =>
  list.split(', ').map((word) => word.replaceAll(/^[+"]|"$/g, '')).filter(Boolean).sort();

describe('facts', () => {
  const known = serverCommands.filter(({ name }) => !LATER.has(name));

  it.each(known.map(({ name }) => [name]))('%s is as recorded', async (name) => {
    const wanted = recorded[name]!;
    const reply = await client.call('COMMAND', 'INFO', name);
    const shown = FACTS.exec(reply);
    expect(shown, reply).not.toBeNull();
    const [, arity, flags, keys, categories, tips] = shown!;
    expect(Number(arity)).toBe(wanted.arity);
    expect(wordsOf(flags)).toEqual([...wanted.flags].sort());
    expect(keys).toBe(`:${wanted.first}, :${wanted.last}, :${wanted.step}`);
    expect(wordsOf(categories)).toEqual([...wanted.categories].sort());
    expect(wordsOf(tips)).toEqual([...wanted.tips].sort());
  });

  it('has every command of the families that Redis 7.0 has', () => {
    const names = new Set(serverCommands.map(({ name }) => name));
    const missing = Object.keys(recorded)
      .filter((name) => /^(client|cluster|module)(\||$)/.test(name) && !names.has(name));
    expect(missing).toEqual([]);
  });
});

describe('HELLO', () => {
  it('speaks RESP3 from its own reply on, and RESP2 again', async () => {
    const other = await server.connect();
    expect(await other.call('HELLO', '3'))
      .toMatch(/^\{"server": "redis", "version": "7.2.4", "proto": :3/);
    expect(await other.call('GET', 'none')).toBe('_');
    expect(await other.call('HELLO', '2')).toMatch(/^\["server", "redis"/);
    expect(await other.call('HELLO', '9')).toBe('-NOPROTO unsupported protocol version');
    expect(await other.call('HELLO', 'x')).toMatch(/^-ERR Protocol version is not an integer/);
    expect(await other.call('HELLO', '3', 'BOGUS'))
      .toBe("-ERR Syntax error in HELLO option 'BOGUS'");
    expect(await other.call('HELLO', '3', 'AUTH', 'x'))
      .toBe("-ERR Syntax error in HELLO option 'AUTH'");
  });

  it('logs in and names in one step, or does neither', async () => {
    await client.call('CONFIG', 'SET', 'requirepass', 'secret');
    const other = await server.connect();
    expect(await other.call('HELLO', '3')).toMatch(/^-NOAUTH HELLO must be called/);
    expect(await other.call('HELLO', '3', 'AUTH', 'default', 'no', 'SETNAME', 'bob'))
      .toMatch(/^-WRONGPASS/);
    expect(await other.call('HELLO', '3', 'AUTH', 'default', 'secret', 'SETNAME', 'bob'))
      .toContain('"proto": :3');
    expect(await other.call('CLIENT', 'GETNAME')).toBe('"bob"');
    expect(await other.call('RESET')).toBe('+RESET');
    expect(await other.call('GET', 'a')).toBe('-NOAUTH Authentication required.');
    expect(await client.call('CONFIG', 'SET', 'requirepass', '')).toBe('+OK');
  });
});

describe('CLIENT LIST', () => {
  const FIELDS = 'id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free ' +
    'argv-mem multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp lib-name lib-ver';

  it('has the fields of Redis in its order', async () => {
    const other = await server.connect();
    await other.call('CLIENT', 'SETNAME', 'fields');
    await other.call('CLIENT', 'SETINFO', 'LIB-NAME', 'thing');
    await other.call('CLIENT', 'SETINFO', 'lib-ver', '1.2');
    await other.call('SELECT', '3');
    const info = JSON.parse(await other.call('CLIENT', 'INFO')) as string;
    expect(info.trimEnd().split(' ').map((field) => field.split('=')[0]).join(' ')).toBe(FIELDS);
    expect(info).toMatch(/ name=fields .* flags=N db=3 .* cmd=client\|info user=default /);
    expect(info).toMatch(/ resp=2 lib-name=thing lib-ver=1.2\n$/);
    const list = JSON.parse(await client.call('CLIENT', 'LIST')) as string;
    const line = list.split('\n').find((each) => each.includes('name=fields'));
    expect(line).toContain('cmd=client|info');
  });

  it('filters by type and id', async () => {
    const id = (await client.call('CLIENT', 'ID')).slice(1);
    expect(await client.call('CLIENT', 'LIST', 'ID', id, '999999'))
      .toMatch(new RegExp(String.raw`^"id=${id} [^\n]*\\n"$`));
    expect(await client.call('CLIENT', 'LIST', 'TYPE', 'normal')).toContain(`id=${id} `);
    expect(await client.call('CLIENT', 'LIST', 'TYPE', 'replica')).toBe('""');
    expect(await client.call('CLIENT', 'LIST', 'TYPE', 'x')).toBe("-ERR Unknown client type 'x'");
    expect(await client.call('CLIENT', 'LIST', 'BOGUS', 'x')).toBe('-ERR syntax error');
  });

  it('says bad names and attributes', async () => {
    expect(await client.call('CLIENT', 'SETNAME', 'a b'))
      .toMatch(/^-ERR Client names cannot contain/);
    expect(await client.call('CLIENT', 'SETINFO', 'lib-name', 'a b'))
      .toMatch(/^-ERR lib-name cannot contain/);
    expect(await client.call('CLIENT', 'SETINFO', 'bogus', 'a'))
      .toBe("-ERR Unrecognized option 'bogus'");
  });
});

describe('CLIENT KILL', () => {
  it.each(['ID', 'ADDR', 'LADDR-and-ID', 'old form', 'MAXAGE-and-ID'])('by %s', async (form) => {
    const victim = await server.connect();
    const id = (await victim.call('CLIENT', 'ID')).slice(1);
    const { localPort } = victim.socket;
    const address = `127.0.0.1:${localPort}`;
    const words: Record<string, string[]> = {
      'ID': ['ID', id], 'ADDR': ['ADDR', address],
      'LADDR-and-ID': ['LADDR', `127.0.0.1:${server.address.port}`, 'ID', id],
      'old form': [address], 'MAXAGE-and-ID': ['ID', id, 'MAXAGE', '1'],
    };
    if (form.startsWith('MAXAGE')) {
      expect(await client.call('CLIENT', 'KILL', ...words[form]!)).toBe(':0');
      const session = server.room.worker.sessions.byId(Number(id))!;
      Object.assign(session, { createdMs: session.createdMs - 2000 });
    }
    const reply = form === 'old form' ? '+OK' : ':1';
    expect(await client.call('CLIENT', 'KILL', ...words[form]!)).toBe(reply);
    await victim.ended;
    expect(await client.call('CLIENT', 'LIST', 'ID', id)).toBe('""');
  });

  it.each([
    [['ID', '0'], '-ERR client-id should be greater than 0'],
    [['ID', 'x'], '-ERR client-id should be greater than 0'],
    [['TYPE', 'x'], "-ERR Unknown client type 'x'"],
    [['USER', 'x'], "-ERR No such user 'x'"],
    [['SKIPME', 'maybe'], '-ERR syntax error'],
    [['ID', '1', 'ADDR'], '-ERR syntax error'],
    [['BOGUS', '1'], '-ERR syntax error'],
    [['1.2.3.4:5'], '-ERR No such client'],
  ])('%j is refused or finds nobody', async (words, reply) => {
    expect(await client.call('CLIENT', 'KILL', ...words)).toBe(reply);
  });

  it('lets the asking connection have its reply first', async () => {
    const self = await server.connect();
    const id = (await self.call('CLIENT', 'ID')).slice(1);
    expect(await self.call('CLIENT', 'KILL', 'ID', id)).toBe(':0');
    self.send(`CLIENT KILL ID ${id} SKIPME no\r\nPING\r\n`);
    expect(await self.reply()).toBe(':1');
    await self.ended;
    expect(self.unread).toEqual([]);
  });
});

describe('CLIENT REPLY', () => {
  it('is silent when off, skips one, and comes back', async () => {
    const other = await server.connect();
    other.send('ECHO 1\r\nCLIENT REPLY OFF\r\nECHO 2\r\nNOSUCH\r\nCLIENT REPLY ON\r\nECHO 3\r\n');
    expect(await other.replies(3)).toEqual(['"1"', '+OK', '"3"']);
    other.send('CLIENT REPLY SKIP\r\nECHO 4\r\nECHO 5\r\n');
    expect(await other.reply()).toBe('"5"');
    other.send('CLIENT REPLY SKIP\r\n');
    await client.call('PING');
    other.send('ECHO 6\r\n');
    await client.call('PING');
    other.send('ECHO 7\r\n');
    expect(await other.reply()).toBe('"7"');
    other.send('CLIENT REPLY OFF\r\n');
    await client.call('PING');
    other.send('ECHO 8\r\n');
    await client.call('PING');
    other.send('RESET\r\nECHO 9\r\n');
    expect(await other.replies(2)).toEqual(['+RESET', '"9"']);
    expect(await other.call('CLIENT', 'REPLY', 'MAYBE')).toBe('-ERR syntax error');
  });

  it('drops long replies too', async () => {
    const other = await server.connect();
    await client.call('SET', 'long', 'x'.repeat(300_000));
    other.send('CLIENT REPLY OFF\r\nGET long\r\nCLIENT REPLY ON\r\nSTRLEN long\r\n');
    expect(await other.replies(2)).toEqual(['+OK', ':300000']);
  });
});

describe('CLIENT PAUSE', () => {
  afterEach(() => client.call('CLIENT', 'UNPAUSE'));

  it('holds writes in order, lets reads by, and lets go', async () => {
    await client.call('SET', 'held', '0');
    const [writer, reader] = [await server.connect(), await server.connect()];
    expect(await client.call('CLIENT', 'PAUSE', '100000', 'WRITE')).toBe('+OK');
    writer.send('GET held\r\nINCR held\r\nGET held\r\nINCR held\r\n');
    expect(await writer.reply()).toBe('"0"');
    expect(await reader.call('GET', 'held')).toBe('"0"');
    writer.send('INCR held\r\nECHO half');
    expect(await reader.call('PING')).toBe('+PONG');
    expect(writer.unread).toEqual([]);
    writer.send('-done\r\n');
    expect(await client.call('CLIENT', 'UNPAUSE')).toBe('+OK');
    expect(await writer.replies(5)).toEqual([':1', '"1"', ':2', ':3', '"half-done"']);
  });

  it('ends by time, and holds big values whole', async () => {
    const writer = await server.connect();
    expect(await client.call('CLIENT', 'PAUSE', '100000', 'ALL')).toBe('+OK');
    const value = 'v'.repeat(200_000);
    writer.send(`*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$200000\r\n${value}\r\nSTRLEN big\r\n`);
    const { shard, sessions } = server.room.worker;
    await server.until(() => sessions.open().some(({ isRequestHeld }) => isRequestHeld));
    shard.pause.end();
    shard.pause.start(shard.nowMs, true, shard.nowMs);
    expect(await writer.replies(2)).toEqual(['+OK', ':200000']);
    await client.call('DEL', 'big');
  });

  it('frees what a held connection holds when it goes', async () => {
    const memory = server.room.composed.memory;
    const used = (): number => memory.arenaAllocator.usedBytes() + memory.lowAllocator.usedBytes();
    const before = used();
    const writer = await server.connect();
    await client.call('CLIENT', 'PAUSE', '100000', 'ALL');
    writer.send(`*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$200000\r\n${'v'.repeat(200_000)}\r\n`);
    await server.until(() => used() > before + 200_000);
    writer.destroy();
    await server.until(() => used() <= before);
  });
});

describe('WAIT', () => {
  it('answers 0 at once when nobody is waited for', async () => {
    expect(await client.call('WAIT', '0', '0')).toBe(':0');
    expect(await client.call('WAIT', '-1', '5')).toBe(':0');
    expect(await client.call('WAIT', '1', '-1')).toBe('-ERR timeout is negative');
    expect(await client.call('WAIT', 'x', '1')).toMatch(/^-ERR value is not an integer/);
    expect(await client.call('WAIT', '1', 'x'))
      .toBe('-ERR timeout is not an integer or out of range');
  });

  it('answers 0 after its time, then what came behind it', async () => {
    const waiting = await server.connect();
    waiting.send('WAIT 1 1\r\nECHO next\r\n');
    expect(await waiting.replies(2)).toEqual([':0', '"next"']);
  });

  it('can be ended by CLIENT UNBLOCK, both ways', async () => {
    const waiting = await server.connect();
    const id = (await waiting.call('CLIENT', 'ID')).slice(1);
    for (const [reason, reply] of [
      [[], ':0'], [['TIMEOUT'], ':0'],
      [['ERROR'], '-UNBLOCKED client unblocked via CLIENT UNBLOCK'],
    ] as const) {
      waiting.send('WAIT 1 0\r\n');
      await server.until(() => server.room.worker.waits.count === 1);
      expect(await client.call('CLIENT', 'LIST', 'ID', id)).toContain(' flags=b ');
      expect(await server.info(client, 'clients', 'blocked_clients')).toBe('1');
      expect(await client.call('CLIENT', 'UNBLOCK', id, ...reason)).toBe(':1');
      expect(await waiting.reply()).toBe(reply);
    }
    expect(await client.call('CLIENT', 'UNBLOCK', id)).toBe(':0');
    expect(await client.call('CLIENT', 'UNBLOCK', id, 'MAYBE'))
      .toMatch(/^-ERR CLIENT UNBLOCK reason/);
  });

  it('forgets a waiting connection that goes', async () => {
    const waiting = await server.connect();
    waiting.send('WAIT 1 0\r\n');
    await server.until(() => server.room.worker.waits.count === 1);
    waiting.destroy();
    await server.until(() => server.room.worker.waits.count === 0);
  });
});

describe('a lone master', () => {
  it.each([
    [['ROLE'], '["master", :0, []]'],
    [['REPLICAOF', 'no', 'one'], '+OK'],
    [['SLAVEOF', 'NO', 'ONE'], '+OK'],
    [['REPLICAOF', '127.0.0.1', '6379'],
      '-ERR replication is not built yet: only NO ONE is accepted'],
    [['FAILOVER'], '-ERR FAILOVER requires connected replicas.'],
    [['FAILOVER', 'ABORT'], '-ERR No failover in progress.'],
    [['MODULE', 'LIST'], '[]'],
    [['CLUSTER', 'SLOTS'], '-ERR This instance has cluster support disabled'],
  ])('%j', async (words, reply) => {
    expect(await client.call(...words)).toBe(reply);
  });

  it('counts clients and traffic in INFO', async () => {
    const fields = await client.call('INFO', 'clients', 'stats', 'cpu', 'server');
    expect(fields).toMatch(/connected_clients:\d+/);
    expect(fields).toMatch(/total_net_input_bytes:[1-9]/);
    expect(fields).toMatch(/total_net_output_bytes:[1-9]/);
    expect(fields).toMatch(/total_connections_received:[1-9]/);
    expect(fields).toMatch(/used_cpu_user:\d+\.\d{6}/);
    expect(fields).toContain(`io_engine:${TEST_IO}\\r`);
    expect(await client.call('CONFIG', 'RESETSTAT')).toBe('+OK');
    expect(await server.info(client, 'stats', 'total_connections_received')).toBe('0');
  });
});
