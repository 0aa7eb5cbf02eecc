/**
 * What looks at the whole process, asked of any of its workers, tells of all of them, and what
 * changes it changes all: clients, settings, statistics, memory. Workers take their turns in one
 * thread, so every answer is exact. One worker alone is the model of forms and errors.
 */
import { describe, expect, it } from 'vitest';
import { MeshRig } from '../testing/mesh-rig.ts';
import { WorkerRig } from '../testing/worker-rig.ts';
import { processCommandNames } from './process-commands.ts';

interface Client {
  readonly rig: number;
  readonly slot: number;
}

const encode = (words: readonly string[]): Buffer => Buffer.from(
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1',
);

/** A mesh and its clients. */
class Process {
  readonly mesh: MeshRig;

  constructor(workerCount: number, settings: readonly (readonly [string, string])[] = []) {
    this.mesh = new MeshRig(workerCount, { settings });
  }

  connect(rig: number): Client {
    const slot = this.mesh.rigs[rig]!.connect();
    this.mesh.rest(rig);
    return { rig, slot };
  }

  /** Sends without a turn for anybody else. */
  send({ rig, slot }: Client, ...words: string[]): void {
    this.mesh.rigs[rig]!.receive(slot, encode(words));
    this.mesh.rest(rig);
  }

  replies({ rig, slot }: Client): string {
    return this.mesh.rigs[rig]!.repliesOf(slot);
  }

  /** The whole reply, after all have come to rest. */
  ask(client: Client, ...words: string[]): string {
    const before = this.replies(client).length;
    this.send(client, ...words);
    this.mesh.settle();
    return this.replies(client).slice(before);
  }

  /** Asks in order. */
  askAll(client: Client, ...commands: string[]): string[] {
    return commands.map((command) => this.ask(client, ...command.split(' ')));
  }

  tick(ms: number): void {
    for (const [i, rig] of this.mesh.rigs.entries()) {
      rig.tick(i === 0 ? ms : 0);
      this.mesh.rest(i);
    }
    this.mesh.settle();
  }

  isOpen({ rig, slot }: Client): boolean {
    return !this.mesh.rigs[rig]!.engine.closing.has(slot);
  }
}

/** Value of a field of INFO's reply. */
function fieldOf(reply: string, name: string): string {
  return new RegExp(`\\r\\n${name}:(.*?)\\r\\n`).exec(reply)?.[1] ?? 'missing';
}

/** A hashtag for each worker, in any order: keys `{tag}x` are of one worker. */
function keysOfAll(process: Process, client: Client): string[] {
  const keys: string[] = [];
  const { rigs } = process.mesh;
  for (let i = 0; keys.filter((key) => key !== '').length < rigs.length; i++) {
    process.ask(client, 'SET', `probe${i}`, 'v');
    const owner = rigs.findIndex(({ composed }) => composed.shard.keyspace.databases[0]!.count > 0);
    keys[owner] ??= `{probe${i}}`;
    process.ask(client, 'DEL', `probe${i}`);
  }
  return keys;
}

const linesOf = (reply: string): string[] =>
  reply.split('\n').filter((line) => line.startsWith('id='));
const idsOf = (reply: string): string[] =>
  linesOf(reply).map((line) => /^id=(\d+)/.exec(line)![1]!);

describe('clients of all workers', () => {
  it('are listed by age, whoever is asked, and by name in the order of the names', () => {
    const process = new Process(3);
    const clients = [2, 0, 1, 0, 2].map((rig) => process.connect(rig));
    for (const client of clients) {
      const reply = process.ask(client, 'CLIENT', 'LIST');
      expect(reply).toMatch(/^\$\d+\r\nid=1 addr=/);
      expect(idsOf(reply)).toEqual(['1', '2', '3', '4', '5']);
      const own = /^:(\d+)/.exec(process.ask(client, 'CLIENT', 'ID'))![1]!;
      const mine = linesOf(reply).find((line) => line.startsWith(`id=${own} `));
      expect(mine).toContain(' cmd=client|list ');
    }
    const [asking] = clients;
    expect(idsOf(process.ask(asking!, 'CLIENT', 'LIST', 'ID', '4', '1', '9', '4')))
      .toEqual(['4', '1', '4']);
    expect(process.ask(asking!, 'CLIENT', 'LIST', 'ID', '9')).toBe('$0\r\n\r\n');
    expect(idsOf(process.ask(asking!, 'CLIENT', 'LIST', 'TYPE', 'normal'))).toHaveLength(5);
    expect(process.ask(asking!, 'CLIENT', 'LIST', 'TYPE', 'none'))
      .toBe("-ERR Unknown client type 'none'\r\n");
    process.ask(asking!, 'HELLO', '3');
    const verbatim = process.ask(asking!, 'CLIENT', 'LIST', 'ID', '2');
    expect(verbatim).toMatch(/^=\d+\r\ntxt:id=2 .*\n\r\n$/);
  });

  it('are ended by CLIENT KILL wherever they are', () => {
    const process = new Process(3);
    const clients = [0, 1, 2, 1].map((rig) => process.connect(rig));
    const [asking, other, third, last] = clients as [Client, Client, Client, Client];
    expect(process.ask(asking, 'CLIENT', 'KILL', 'ID', '2')).toBe(':1\r\n');
    expect(clients.map((client) => process.isOpen(client))).toEqual([true, false, true, true]);
    expect(process.ask(asking, 'CLIENT', 'KILL', 'ID', '77')).toBe(':0\r\n');
    expect(process.ask(asking, 'CLIENT', 'KILL', '9.9.9.9:1')).toBe('-ERR No such client\r\n');
    expect(process.ask(asking, 'CLIENT', 'KILL', 'NOSUCH', '1')).toBe('-ERR syntax error\r\n');
    expect(process.ask(asking, 'CLIENT', 'KILL', 'TYPE', 'normal')).toBe(':2\r\n');
    expect([third, last, other].some((client) => process.isOpen(client))).toBe(false);
    expect(process.isOpen(asking)).toBe(true);
  });

  it('end after their reply when they kill themselves, and nothing behind it runs', () => {
    const process = new Process(2);
    const asking = process.connect(1);
    const other = process.connect(0);
    process.mesh.rigs[1]!.receive(asking.slot, Buffer.concat([
      encode(['SET', 'a', '1']), encode(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no']),
      encode(['SET', 'b', '1']), encode(['SET', 'a', '2']),
    ]));
    process.mesh.rest(1);
    process.mesh.settle();
    expect(process.replies(asking)).toBe('+OK\r\n:2\r\n');
    expect([asking, other].some((client) => process.isOpen(client))).toBe(false);
    const later = process.connect(0);
    expect(process.askAll(later, 'GET a', 'GET b')).toEqual(['$1\r\n1\r\n', '$-1\r\n']);
  });

  it('are unblocked by a client of another worker', () => {
    const process = new Process(3);
    const asking = process.connect(2);
    const blocked = process.connect(1);
    expect(process.ask(blocked, 'WAIT', '1', '0')).toBe('');
    expect(process.ask(asking, 'CLIENT', 'UNBLOCK', '2', 'ERROR')).toBe(':1\r\n');
    expect(process.replies(blocked)).toMatch(/^-UNBLOCKED/);
    expect(process.ask(asking, 'CLIENT', 'UNBLOCK', '2')).toBe(':0\r\n');
    expect(process.ask(asking, 'CLIENT', 'UNBLOCK', '2', 'WHAT'))
      .toBe('-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n');
  });
});

describe('CLIENT PAUSE', () => {
  it('holds writes of all workers until its time is over', () => {
    const process = new Process(3);
    const clients = [0, 1, 2].map((rig) => process.connect(rig));
    const [asking] = clients as [Client];
    const keys = keysOfAll(process, asking);
    expect(process.ask(asking, 'CLIENT', 'PAUSE', '1000', 'WRITE')).toBe('+OK\r\n');
    for (const client of clients) {
      for (const key of keys) expect(process.ask(client, 'GET', key)).toBe('$-1\r\n');
      for (const key of keys) process.send(client, 'INCR', key);
    }
    process.mesh.settle();
    expect(process.ask(process.connect(1), 'DBSIZE')).toBe(':0\r\n');
    process.tick(1001);
    process.tick(100);
    for (const client of clients) expect(process.replies(client)).toMatch(/:\d\r\n:\d\r\n:\d\r\n$/);
    for (const key of keys) expect(process.ask(asking, 'GET', key)).toBe('$1\r\n3\r\n');
  });

  it('ends everywhere with UNPAUSE, also where requests are under way', () => {
    const process = new Process(3);
    const clients = [0, 1, 2].map((rig) => process.connect(rig));
    const [asking, second] = clients as [Client, Client];
    const keys = keysOfAll(process, asking);
    // They leave before their worker knows of the pause, and arrive after it has begun.
    for (const key of keys) process.send(second, 'SET', key, 'long'.repeat(5000));
    expect(process.ask(asking, 'CLIENT', 'PAUSE', '100000', 'ALL')).toBe('+OK\r\n');
    for (const client of clients) process.send(client, 'GET', keys[0]!);
    process.mesh.settle();
    expect(process.ask(process.connect(1), 'CLIENT', 'LIST')).toMatch(/^\$/);
    expect(process.ask(process.connect(2), 'CLIENT', 'UNPAUSE')).toBe('+OK\r\n');
    process.tick(100);
    for (const client of clients) expect(process.replies(client)).toMatch(/longlong\r\n$/);
    for (const client of clients) expect(process.ask(client, 'GET', 'nosuch')).toBe('$-1\r\n');
  });

  it('refuses what is no time', () => {
    const process = new Process(2);
    const client = process.connect(0);
    expect(process.askAll(client, 'CLIENT PAUSE x', 'CLIENT PAUSE -1', 'CLIENT PAUSE 1 MAYBE'))
      .toEqual([
        '-ERR timeout is not an integer or out of range\r\n', '-ERR timeout is negative\r\n',
        '-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n',
      ]);
    expect(process.ask(client, 'SET', 'k', 'v')).toBe('+OK\r\n');
  });
});

describe('CONFIG', () => {
  it('sets every worker or none', () => {
    const process = new Process(3);
    const clients = [0, 1, 2].map((rig) => process.connect(rig));
    const [first, second, third] = clients as [Client, Client, Client];
    expect(process.ask(second, 'CONFIG', 'SET', 'maxclients', '77', 'timeout', '5'))
      .toBe('+OK\r\n');
    expect(process.ask(third, 'CONFIG', 'SET', 'timeout', '6', 'maxmemory', 'x')).toBe(
      "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - " +
      'argument must be a memory value\r\n',
    );
    expect(process.ask(first, 'CONFIG', 'SET', 'nosuch', '1')).toBe(
      "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'\r\n",
    );
    expect(process.ask(first, 'CONFIG', 'SET', 'timeout')).toMatch(/^-ERR wrong number/);
    for (const client of clients) {
      expect(process.ask(client, 'CONFIG', 'GET', 'timeout')).toContain('$1\r\n5\r\n');
      expect(fieldOf(process.ask(client, 'INFO', 'clients'), 'maxclients')).toBe('77');
    }
    for (const { worker } of process.mesh.rigs) expect(worker.limits.clientsMax).toBe(77);
  });

  it('gives every worker the same value when several clients set it at once', () => {
    const process = new Process(4);
    const clients = [0, 1, 2, 3].map((rig) => process.connect(rig));
    for (let round = 0; round < 200; round++) {
      for (const [i, client] of clients.entries()) {
        process.send(client, 'CONFIG', 'SET', 'maxclients', String(1000 + round * 10 + i));
        if ((round + i) % 3 === 0) process.mesh.turn((round * 7 + i) % 4);
      }
      process.mesh.settle();
      const values = new Set(process.mesh.rigs.map(({ worker }) => worker.limits.clientsMax));
      expect(values.size, `round ${round}`).toBe(1);
    }
    for (const client of clients) expect(process.replies(client)).toBe('+OK\r\n'.repeat(200));
  });

  it('asks the clients of all workers for a new password', () => {
    const process = new Process(3);
    const clients = [0, 1, 2].map((rig) => process.connect(rig));
    const [first] = clients as [Client];
    expect(process.ask(first, 'CONFIG', 'SET', 'requirepass', 'secret')).toBe('+OK\r\n');
    expect(process.ask(process.connect(1), 'PING')).toMatch(/^-NOAUTH/);
    const late = process.connect(2);
    expect(process.ask(late, 'AUTH', 'secret')).toBe('+OK\r\n');
    expect(process.ask(late, 'CONFIG', 'SET', 'requirepass', '')).toBe('+OK\r\n');
    expect(process.ask(process.connect(0), 'PING')).toBe('+PONG\r\n');
  });

  it('bounds the clients of all workers together', () => {
    const process = new Process(3);
    const first = process.connect(0);
    expect(process.ask(first, 'CONFIG', 'SET', 'maxclients', '3')).toBe('+OK\r\n');
    const later = [1, 2].map((rig) => process.connect(rig));
    for (const client of later) expect(process.ask(client, 'PING')).toBe('+PONG\r\n');
    const refused = process.connect(1);
    expect(process.replies(refused)).toBe('-ERR max number of clients reached\r\n');
    process.mesh.rigs[2]!.disconnect(later[1]!.slot);
    expect(process.ask(process.connect(1), 'PING')).toBe('+PONG\r\n');
  });
});

/** Figures of both replies that may differ: they are of the moment, the process or the memory. */
const VARYING = new RegExp(`^(?:${[
  'run_id', 'master_replid', 'uptime', 'server_time', 'lru_clock', 'used_', 'allocator_', 'mem_',
  'maxmem', 'instant', 'process_id', 'total_net', 'io_engine', 'workers', 'tcp_port',
  'rdb_last_save', 'client_recent',
].join('|')})`);

function stableFields(info: string): string[] {
  return info.split('\r\n').filter((line) => line !== '' && !VARYING.test(line))
    // An EXEC over several workers is counted, and not timed as a whole.
    .filter((line) => !/^\$|^latency_percentiles_usec_exec:/.test(line))
    .map((line) => line.replace(/usec=\d+,usec_per_call=[\d.]+/, 'usec=?'));
}

describe('INFO', () => {
  it('adds up what all workers have counted, in the form of one', () => {
    const process = new Process(3);
    const clients = [0, 1, 2].map((rig) => process.connect(rig));
    const alone = new WorkerRig();
    const slots = clients.map(() => alone.connect());
    const lines = [
      'SET a 1', 'SET b 2 PX 5000', 'SET c 3', 'GET a', 'GET nosuch', 'INCR a', 'LPUSH a x',
      'NOSUCH', 'SET d 1 EX 100', 'SELECT 3', 'SET e 1', 'SELECT 0', 'GET', 'EXPIRE c 50',
      'MSET a 1 b 2 c 3', 'MGET a b c nosuch', 'EXISTS a b c', 'DBSIZE', 'DEL x y z', 'MULTI',
      'INCR a', 'INCR b', 'INCR c', 'PING', 'EXEC', 'EXPIRE b 9', 'EXPIRE c 9',
      'LPUSH list 1 2 3', 'DEL nosuch', 'CONFIG SET timeout 9', 'CONFIG SET timeout x',
    ];
    for (const [i, client] of clients.entries()) {
      for (const line of lines) {
        const words = line.split(' ');
        const before = alone.repliesOf(slots[i]!).length;
        alone.receive(slots[i]!, encode(words));
        expect(process.ask(client, ...words), line).toBe(alone.repliesOf(slots[i]!).slice(before));
      }
    }
    for (const [i, client] of clients.entries()) {
      const before = alone.repliesOf(slots[i]!).length;
      alone.receive(slots[i]!, encode(['INFO', 'everything']));
      const wanted = alone.repliesOf(slots[i]!).slice(before);
      const found = process.ask(client, 'INFO', 'everything');
      expect(stableFields(found)).toEqual(stableFields(wanted));
      expect(fieldOf(found, 'workers')).toBe('3');
      expect(fieldOf(found, 'connected_clients')).toBe('3');
      expect(fieldOf(found, 'db0')).toMatch(/^keys=5,expires=3,avg_ttl=\d+$/);
      expect(Number(/avg_ttl=(\d+)/.exec(fieldOf(found, 'db0'))![1])).toBeGreaterThan(5_000);
    }
  });

  it('names the process alike and tells the memory of all, whoever is asked', () => {
    const process = new Process(3);
    const clients = [0, 1, 2].map((rig) => process.connect(rig));
    const texts = clients.map((client) => process.ask(client, 'INFO'));
    for (const name of ['run_id', 'master_replid', 'rdb_last_save_time', 'used_memory_startup']) {
      expect(new Set(texts.map((text) => fieldOf(text, name))).size, name).toBe(1);
    }
    const { rigs } = process.mesh;
    const used = rigs.reduce((sum, { composed }) => sum + composed.shard.usedBytes(), 0);
    const told = Number(fieldOf(process.ask(clients[1]!, 'INFO', 'memory'), 'used_memory'));
    expect(Math.abs(told - used)).toBeLessThan(65_536);
    expect(new Set(clients.map((client) => process.ask(client, 'LASTSAVE'))).size).toBe(1);
  });

  it('forgets everywhere with CONFIG RESETSTAT', () => {
    const process = new Process(3);
    const clients = [0, 1, 2].map((rig) => process.connect(rig));
    for (const client of clients) process.askAll(client, 'GET a', 'GET b', 'GET c', 'NOSUCH');
    const before = process.ask(clients[0]!, 'INFO', 'everything');
    expect(fieldOf(before, 'keyspace_misses')).toBe('9');
    expect(before).toContain('cmdstat_get:calls=9,');
    expect(before).toContain('errorstat_ERR:count=3');
    expect(process.ask(clients[2]!, 'CONFIG', 'RESETSTAT')).toBe('+OK\r\n');
    const after = process.ask(clients[1]!, 'INFO', 'everything');
    expect(fieldOf(after, 'keyspace_misses')).toBe('0');
    expect(fieldOf(after, 'total_commands_processed')).toBe('1');
    expect(after).not.toContain('cmdstat_get');
    expect(after).not.toContain('errorstat_ERR');
  });
});

describe('MEMORY', () => {
  it('tells of the memory of all workers and purges all', () => {
    const process = new Process(3);
    const client = process.connect(1);
    for (let i = 0; i < 90; i++) process.ask(client, 'SET', `k${i}`, 'v'.repeat(100));
    process.askAll(client, 'SELECT 4', 'SET other 1');
    const stats = process.ask(client, 'MEMORY', 'STATS');
    expect(stats).toContain('keys.count\r\n:91\r\n');
    expect(stats).toContain('$4\r\ndb.0\r\n*2\r\n');
    expect(stats).toContain('$4\r\ndb.4\r\n*2\r\n');
    expect(process.ask(client, 'MEMORY', 'DOCTOR')).toMatch(/very little data/);
    const [, held] = /arena used_bytes:\d+ held_bytes:(\d+)/
      .exec(process.ask(client, 'MEMORY', 'MALLOC-STATS'))!;
    const heldByAll = process.mesh.rigs.reduce(
      (sum, { composed }) => sum + composed.memory.arenaAllocator.heldBytes(), 0);
    expect(Number(held)).toBe(heldByAll);
    process.askAll(client, 'FLUSHALL');
    expect(process.ask(client, 'MEMORY', 'PURGE')).toBe('+OK\r\n');
    for (const { composed } of process.mesh.rigs) expect(composed.shard.lazyFree.pending).toBe(0);
  });
});

describe('DEBUG', () => {
  const yes = [['enable-debug-command', 'yes']] as const;

  it('finds keys of all workers, checks and changes all', () => {
    const process = new Process(3, yes);
    const client = process.connect(0);
    for (let i = 0; i < 20; i++) {
      process.ask(client, 'SET', `k${i}`, 'v');
      expect(process.ask(client, 'DEBUG', 'OBJECT', `k${i}`)).toMatch(/^\+Value at:0x/);
    }
    expect(process.ask(client, 'DEBUG', 'OBJECT', 'nosuch')).toBe('-ERR no such key\r\n');
    expect(process.ask(client, 'DEBUG', 'RELOAD')).toBe('+OK\r\n');
    expect(process.ask(client, 'DEBUG', 'RELOAD', 'WHAT')).toMatch(/^-ERR DEBUG RELOAD only/);
    expect(process.ask(client, 'DEBUG', 'SET-ACTIVE-EXPIRE', '0')).toBe('+OK\r\n');
    for (const { composed } of process.mesh.rigs) {
      expect(composed.shard.settings.isActiveExpireOn).toBe(false);
    }
    const before = fieldOf(process.ask(client, 'INFO', 'replication'), 'master_replid');
    expect(process.ask(client, 'DEBUG', 'CHANGE-REPL-ID')).toBe('+OK\r\n');
    expect(fieldOf(process.ask(client, 'INFO', 'replication'), 'master_replid')).not.toBe(before);
    expect(process.ask(client, 'DEBUG', 'ERROR', 'MINE alone')).toBe('-MINE alone\r\n');
    expect(process.ask(client, 'DEBUG', 'NOSUCH')).toMatch(/^-ERR unknown subcommand/);
  });

  it('is refused where it is not allowed, by no worker at all', () => {
    const process = new Process(2);
    const client = process.connect(1);
    expect(process.ask(client, 'DEBUG', 'RELOAD')).toMatch(/^-ERR DEBUG command not allowed/);
    const local = new Process(2, [['enable-debug-command', 'local']]);
    // Nobody of a rig is local: its sessions are known to no room.
    expect(local.ask(local.connect(1), 'DEBUG', 'RELOAD')).toBe('+OK\r\n');
  });
});

describe('commands about the process', () => {
  it('do within EXEC what they do alone, in its order', () => {
    const process = new Process(3);
    const clients = [0, 1, 2].map((rig) => process.connect(rig));
    const [asking] = clients as [Client];
    const keys = keysOfAll(process, asking);
    process.askAll(asking, 'MULTI', `SET ${keys[0]} 1`, `INCR ${keys[1]}`, 'CONFIG SET timeout 3');
    process.askAll(asking, 'CONFIG SET timeout x', 'CLIENT LIST', 'INFO keyspace', 'DBSIZE');
    const reply = process.ask(asking, 'EXEC');
    expect(reply).toMatch(/^\*7\r\n\+OK\r\n:1\r\n\+OK\r\n-ERR CONFIG SET failed/);
    expect(idsOf(reply)).toEqual(['1', '2', '3']);
    expect(reply).toMatch(/db0:keys=2,expires=0,avg_ttl=0\r\n\r\n:2\r\n$/);
    for (const client of clients) {
      expect(process.ask(client, 'CONFIG', 'GET', 'timeout')).toContain('$1\r\n3\r\n');
    }
  });

  it('answer once to a pipeline, in order, and drop nothing when the client is gone', () => {
    const process = new Process(3);
    const asking = process.connect(2);
    const gone = process.connect(1);
    process.mesh.rigs[2]!.receive(asking.slot, Buffer.concat([
      encode(['SET', 'a', '1']), encode(['CONFIG', 'SET', 'timeout', '7']), encode(['GET', 'a']),
      encode(['CLIENT', 'REPLY', 'SKIP']), encode(['INFO']), encode(['CLIENT', 'UNPAUSE']),
      encode(['CONFIG', 'GET', 'timeout']), encode(['PING']),
    ]));
    process.mesh.rest(2);
    process.send(gone, 'CONFIG', 'SET', 'maxclients', '55');
    process.mesh.rigs[1]!.disconnect(gone.slot);
    process.mesh.rest(1);
    process.mesh.settle();
    expect(process.replies(asking))
      .toBe('+OK\r\n+OK\r\n$1\r\n1\r\n+OK\r\n*2\r\n$7\r\ntimeout\r\n$1\r\n7\r\n+PONG\r\n');
    for (const { worker } of process.mesh.rigs) {
      expect(worker.limits.clientsMax).toBe(55);
      expect(worker.mesh?.origin.windowCount).toBe(0);
      expect(worker.mesh?.coordination.count).toBe(0);
      expect(worker.mesh?.gate.isOpen).toBe(true);
    }
  });

  it('answer errors of one worker alone as that worker would', () => {
    const process = new Process(3);
    const client = process.connect(0);
    const alone = new WorkerRig();
    const slot = alone.connect();
    const lines = [
      'CLIENT LIST x', 'CLIENT LIST ID', 'CLIENT LIST ID x', 'CLIENT LIST TYPE', 'CLIENT KILL',
      'CLIENT KILL ID 0', 'CLIENT KILL ID', 'CLIENT PAUSE', 'CLIENT PAUSE 1 2 3',
      'CLIENT UNPAUSE x', 'CLIENT UNBLOCK x', 'CLIENT UNBLOCK 1 2 3', 'CONFIG SET a',
      'CONFIG SET port x',
      'CONFIG SET maxmemory 1 maxmemory 2', 'CONFIG SET databases 3', 'CONFIG RESETSTAT x',
      'MEMORY STATS x', 'MEMORY PURGE x', 'LASTSAVE x', 'DEBUG', 'DEBUG x', 'INFO nosuch',
      'CLIENT x', 'MEMORY DOCTOR', 'INFO cluster',
    ];
    for (const line of lines) {
      const before = alone.repliesOf(slot).length;
      alone.receive(slot, encode(line.split(' ')));
      const wanted = alone.repliesOf(slot).slice(before);
      expect(process.ask(client, ...line.split(' ')), line).toBe(wanted);
    }
  });

  it('are commands of the table', () => {
    const { registry } = new WorkerRig().composed;
    const names = new Set(registry.commands.map(({ name }) => name));
    for (const name of processCommandNames) expect(names.has(name), name).toBe(true);
  });
});
