/**
 * What clients see of an EXEC with commands that several workers have to run together: Redis's
 * replies in their places, one frozen instant, HELLO and CLIENT REPLY in the middle, WATCH, values
 * of any length, and all of it although the client is gone.
 */
import { describe, expect, it } from 'vitest';
import { leftOf } from '../testing/mesh-checks.ts';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { ask, connectTo, encodeRequest, pipe, repliesOf, send } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import { WorkerRig } from '../testing/worker-rig.ts';

/** Keys of three workers. */
const [HERE, THERE, ELSEWHERE] = ['c', 'b', 'a'] as const;
const OK = '+OK\r\n';

type Words = readonly string[];

function meshOfThree(): { readonly mesh: MeshRig; readonly client: MeshClient } {
  const mesh = new MeshRig(3);
  return { mesh, client: connectTo(mesh, 0) };
}

const transaction = (...commands: readonly Words[]): Words[] => [['MULTI'], ...commands, ['EXEC']];

/** The reply to an EXEC of the commands, after all have come to rest. */
function exec(mesh: MeshRig, client: MeshClient, ...commands: readonly Words[]): string {
  const before = repliesOf(mesh, client).length;
  pipe(mesh, client, ...transaction(...commands));
  mesh.settle();
  return repliesOf(mesh, client).slice(before).split('+QUEUED\r\n').at(-1) ?? '';
}

/** All replies of one worker to pipelines. */
function oneWorker(...pipelines: readonly (readonly Words[])[]): string {
  const rig = new WorkerRig();
  const slot = rig.connect();
  for (const commands of pipelines) {
    rig.receive(slot, Buffer.concat(commands.map((words) => encodeRequest([...words]))));
  }
  return rig.repliesOf(slot);
}

function several(...pipelines: readonly (readonly Words[])[]): string {
  const { mesh, client } = meshOfThree();
  for (const commands of pipelines) {
    pipe(mesh, client, ...commands);
    mesh.settle();
  }
  expect(leftOf(mesh)).toEqual([]);
  return repliesOf(mesh, client);
}

describe('an EXEC of commands that several workers run together', () => {
  it('answers each in its place, and errors stop nobody', () => {
    const { mesh, client } = meshOfThree();
    ask(mesh, client, 'RPUSH', HERE, '1', '2', '3');
    ask(mesh, client, 'SADD', 'set', 'm');
    expect(exec(
      mesh, client,
      ['LMOVE', HERE, THERE, 'LEFT', 'LEFT'], ['LMOVE', HERE, 'set', 'LEFT', 'LEFT'],
      ['LLEN', HERE], ['RENAME', 'nosuch', THERE], ['RENAME', THERE, ELSEWHERE], ['ECHO', 'here'],
      ['MSETNX', HERE, '1', 'x', '1'], ['MSETNX', THERE, '1', 'x', '2'], ['GET', THERE],
      ['SUNIONSTORE', 'y', HERE, 'set'], ['INCR', 'x'], ['LRANGE', ELSEWHERE, '0', '-1'],
    )).toBe([
      '*12', '$1', '1', '-WRONGTYPE Operation against a key holding the wrong kind of value', ':2',
      '-ERR no such key', '+OK', '$4', 'here', ':0', ':1', '$1', '1',
      '-WRONGTYPE Operation against a key holding the wrong kind of value', ':3', '*1', '$1', '1',
      '',
    ].join('\r\n'));
    expect(leftOf(mesh)).toEqual([]);
  });

  it('counts each command once', () => {
    const { mesh, client } = meshOfThree();
    ask(mesh, client, 'RPUSH', HERE, '1', '2');
    exec(
      mesh, client,
      ['LMOVE', HERE, THERE, 'LEFT', 'LEFT'], ['RENAME', THERE, ELSEWHERE], ['MGET', 'x', 'y'],
      ['MSETNX', HERE, '1', THERE, '2'], ['MSETNX', 'x', '1', THERE, '2', 'y', '3'],
    );
    const calls = ask(mesh, client, 'INFO', 'commandstats');
    for (const count of ['lmove:calls=1', 'rename:calls=1', 'mget:calls=1', 'exec:calls=1']) {
      expect(calls).toContain(`cmdstat_${count},`);
    }
    expect(calls).not.toContain('cmdstat_lpop');
  });

  it('sees one instant: nothing expires in the middle of it', () => {
    const { mesh, client } = meshOfThree();
    ask(mesh, client, 'SET', HERE, 'moved');
    ask(mesh, client, 'SET', ELSEWHERE, 'v', 'PX', '50');
    ask(mesh, client, 'HSET', 'h', 'f', 'v');
    ask(mesh, client, 'HPEXPIRE', 'h', '50', 'FIELDS', '1', 'f');
    const get = ['GET', ELSEWHERE];
    const hget = ['HGET', 'h', 'f'];
    pipe(mesh, client, ...transaction(
      get, hget, ['RENAME', HERE, THERE], get, ['PTTL', ELSEWHERE], ['COPY', THERE, HERE], get,
      hget, ['COPY', ELSEWHERE, THERE, 'REPLACE'], get, ['PTTL', THERE],
    ));
    for (let turn = 0; turn < 60; turn++) {
      mesh.rigs[turn % 3]!.tick(turn < 3 ? 20 : 1000);
      mesh.rigs[turn % 3]!.turn();
      mesh.turn(turn % 3);
    }
    mesh.settle();
    const value = '$1\r\nv\r\n';
    expect(repliesOf(mesh, client)).toContain(
      `*11\r\n${value}${value}${OK}${value}:50\r\n:1\r\n${value}${value}:1\r\n${value}:50\r\n`,
    );
    expect(leftOf(mesh)).toEqual([]);
    for (const [index, rig] of mesh.rigs.entries()) {
      for (let i = 0; i < 4; i++) rig.tick(1000);
      mesh.rest(index);
    }
    for (const { worker } of mesh.rigs) {
      expect(worker.shard.keyspace.databases[0]?.expiringCount).toBe(0);
    }
    expect(ask(mesh, client, 'EXISTS', ELSEWHERE, THERE, 'h')).toBe(':0\r\n');
  });

  it.each(['allkeys-random', 'allkeys-lru', 'volatile-ttl', 'volatile-random'])(
    'sees none of its keys evicted in the middle of it, %s',
    (policy) => {
      const { mesh, client } = meshOfThree();
      ask(mesh, client, 'CONFIG', 'SET', 'maxmemory-policy', policy);
      for (let i = 0; i < 100; i++) ask(mesh, client, 'SET', `k${i}`, 'v', 'EX', '100');
      ask(mesh, client, 'MSET', HERE, '1', ELSEWHERE, '3');
      ask(mesh, client, 'EXPIRE', ELSEWHERE, '10');
      const get = ['GET', ELSEWHERE];
      pipe(mesh, client, ...transaction(
        get, ['RENAME', HERE, THERE], get, ['COPY', THERE, HERE], get, ['MGET', HERE, THERE],
      ));
      let evictions = 0;
      for (let turn = 0; turn < 40; turn++) {
        for (const { worker: { shard } } of mesh.rigs) {
          // Those that wait for their place have no locks yet.
          while (shard.guard !== null && shard.maintenance.evictor.evictOne()) evictions++;
        }
        mesh.turn(turn % 3);
      }
      mesh.settle();
      expect(evictions).toBeGreaterThan(60);
      expect(repliesOf(mesh, client)).toMatch(
        /\*6\r\n\$1\r\n3\r\n\+OK\r\n\$1\r\n3\r\n:1\r\n\$1\r\n3\r\n\*2\r\n\$1\r\n1\r\n\$1\r\n1\r\n$/,
      );
      expect(leftOf(mesh)).toEqual([]);
    },
  );

  it('runs nothing when a watched key has changed, wherever that is', () => {
    const { mesh, client } = meshOfThree();
    const other = connectTo(mesh, 1);
    for (const watched of [HERE, THERE, ELSEWHERE, 'nosuch']) {
      ask(mesh, client, 'DEL', HERE, THERE, ELSEWHERE);
      ask(mesh, client, 'SET', HERE, '1');
      const commands = [['RENAME', HERE, THERE], ['COPY', THERE, ELSEWHERE]];
      ask(mesh, client, 'WATCH', watched, ELSEWHERE);
      ask(mesh, other, 'SET', watched, '2');
      expect(exec(mesh, client, ...commands), watched).toBe('*-1\r\n');
      ask(mesh, client, 'SET', HERE, '1');
      ask(mesh, client, 'WATCH', watched, ELSEWHERE);
      ask(mesh, other, 'SET', 'unwatched', '2');
      ask(mesh, other, 'GET', watched);
      expect(exec(mesh, client, ...commands), watched).toMatch(/^\*2\r\n\+OK\r\n:[01]\r\n$/);
    }
    expect(leftOf(mesh)).toEqual([]);
  });

  it('touches what others watch', () => {
    const { mesh, client } = meshOfThree();
    const other = connectTo(mesh, 1);
    for (const watched of [HERE, THERE, ELSEWHERE]) {
      ask(mesh, client, 'DEL', HERE, THERE, ELSEWHERE);
      ask(mesh, client, 'SET', HERE, '1');
      ask(mesh, other, 'WATCH', watched);
      exec(mesh, client, ['RENAME', HERE, THERE], ['COPY', THERE, ELSEWHERE]);
      expect(exec(mesh, other, ['PING']), watched).toBe('*-1\r\n');
    }
  });

  it.each([
    ['HELLO', [
      ['HSET', HERE, 'f', 'v'], ['COPY', HERE, THERE], ['HGETALL', THERE], ['SELECT', '0'],
      ['HELLO', '3'], ['HGETALL', THERE], ['GET', 'nosuch'], ['HELLO', '9'], ['HELLO', '2'],
      ['HGETALL', HERE], ['GET', 'nosuch'], ['HELLO', '3'],
    ]],
    ['CLIENT REPLY OFF', [
      ['SET', HERE, '1'], ['RENAME', HERE, THERE], ['CLIENT', 'REPLY', 'OFF'], ['GET', THERE],
      ['SELECT', '3'], ['PING'],
    ]],
    ['CLIENT REPLY OFF and ON', [
      ['SET', HERE, '1'], ['CLIENT', 'REPLY', 'OFF'], ['RENAME', HERE, THERE], ['PING'],
      ['CLIENT', 'REPLY', 'ON'], ['GET', THERE],
    ]],
    ['CLIENT REPLY SKIP', [
      ['SET', HERE, '1'], ['CLIENT', 'REPLY', 'SKIP'], ['RENAME', HERE, THERE], ['GET', THERE],
    ]],
    ['nothing of several keys', [
      ['SET', THERE, '1'], ['CLIENT', 'REPLY', 'OFF'], ['GET', THERE], ['CLIENT', 'REPLY', 'ON'],
      ['SELECT', '2'],
    ]],
  ])('answers around %s as one worker does', (_name, commands) => {
    const before = [['SET', 'x', '1'], ['PING']];
    const behind = [['GET', THERE], ['CLIENT', 'REPLY', 'ON'], ['GET', HERE], ['PING']];
    const ids = /(id\r\n):\d+/g;
    for (const pipelines of [
      [[...before, ...transaction(...commands), ...behind]],
      [before, transaction(...commands), behind],
      [[['CLIENT', 'REPLY', 'OFF'], ...before], transaction(...commands), [...behind, ['DBSIZE']]],
    ]) {
      expect(several(...pipelines).replace(ids, '$1'))
        .toBe(oneWorker(...pipelines).replace(ids, '$1'));
    }
  });

  it('touches no key behind CLIENT NO-TOUCH ON', () => {
    const { mesh, client } = meshOfThree();
    ask(mesh, client, 'MSET', HERE, '1', THERE, '2');
    mesh.clock.advance(100_000);
    const idle = ['OBJECT', 'IDLETIME', THERE];
    const noTouch = (word: string): Words => ['CLIENT', 'NO-TOUCH', word];
    expect(exec(mesh, client, noTouch('ON'), ['GET', THERE], ['MGET', HERE, THERE], idle))
      .toMatch(/:100\r\n$/);
    expect(exec(mesh, client, ['GET', THERE], noTouch('OFF'), idle)).toMatch(/:100\r\n$/);
    expect(exec(mesh, client, ['MGET', HERE, THERE], idle)).toMatch(/:0\r\n$/);
  });

  it('has as many steps as it has commands', () => {
    const { mesh, client } = meshOfThree();
    const count = 3000;
    const steps = Array.from({ length: count }, () => [['HELLO', '2'], ['INCR', HERE]]).flat();
    const reply = exec(mesh, client, ['SET', HERE, '0'], ...steps, ['RENAME', HERE, THERE]);
    expect(reply.slice(0, 12)).toBe(`*${count * 2 + 2}\r\n+OK\r\n`);
    expect(ask(mesh, client, 'GET', THERE)).toBe(`$4\r\n${count}\r\n`);
    const moves = Array.from({ length: count }, (_, i) =>
      ['RENAME', i % 2 === 0 ? THERE : HERE, i % 2 === 0 ? HERE : THERE]);
    expect(exec(mesh, client, ...moves)).toBe(`*${count}\r\n${OK.repeat(count)}`);
    expect(leftOf(mesh)).toEqual([]);
  });

  it('carries values that are longer than a ring', () => {
    const { mesh, client } = meshOfThree();
    const value = 'v'.repeat(3_000_000);
    ask(mesh, client, 'SET', HERE, value);
    expect(exec(
      mesh, client,
      ['RENAME', HERE, THERE], ['STRLEN', THERE], ['BITOP', 'NOT', ELSEWHERE, THERE],
      ['COPY', THERE, HERE], ['GET', HERE], ['SET', HERE, value], ['STRLEN', ELSEWHERE],
    )).toBe(
      `*7\r\n+OK\r\n:3000000\r\n:3000000\r\n:1\r\n$3000000\r\n${value}\r\n+OK\r\n:3000000\r\n`,
    );
    expect(leftOf(mesh)).toEqual([]);
  });

  it('walks the keys of all workers, as SCAN alone does', () => {
    const { mesh, client } = meshOfThree();
    for (let i = 0; i < 30; i++) ask(mesh, client, 'SET', `k${i}`, 'v');
    const found = new Set<string>();
    let cursor = '0';
    do {
      const reply = exec(mesh, client, ['SCAN', cursor, 'COUNT', '5'], ['COPY', HERE, THERE]);
      const [, next = '', keys = ''] = /^\*2\r\n\*2\r\n\$\d+\r\n(\d+)\r\n(.*)/s.exec(reply) ?? [];
      cursor = next;
      for (const [key] of keys.matchAll(/k\d+/g)) found.add(key);
    } while (cursor !== '0' && cursor !== '');
    expect(found.size).toBe(30);
    expect(exec(mesh, client, ['SCAN', 'x'], ['GET', THERE]))
      .toMatch(/^\*2\r\n-ERR invalid cursor/);
  });

  it('happens although the client that asked is gone', () => {
    const { mesh, client } = meshOfThree();
    for (let turns = 0; turns < 30; turns++) {
      ask(mesh, client, 'DEL', HERE, THERE, ELSEWHERE);
      ask(mesh, client, 'RPUSH', HERE, 'e', 'f');
      const leaving = connectTo(mesh, 2);
      pipe(mesh, leaving, ...transaction(
        ['LMOVE', HERE, THERE, 'LEFT', 'LEFT'], ['HELLO', '3'], ['RENAME', THERE, ELSEWHERE],
        ['MSETNX', THERE, '1', 'x', '2'], ['DEL', 'x', THERE],
      ));
      for (let turn = 0; turn < turns; turn++) mesh.turn((turn + 1) % 3);
      mesh.disconnect(leaving.rig, leaving.slot);
      mesh.settle();
      expect(exec(mesh, client, ['LLEN', HERE], ['LLEN', ELSEWHERE], ['EXISTS', THERE, 'x']))
        .toBe('*3\r\n:1\r\n:1\r\n:0\r\n');
      expect(leftOf(mesh)).toEqual([]);
    }
  });

  it('ends other connections without harm, also those that wait for what it has locked', () => {
    const { mesh, client } = meshOfThree();
    const others = [0, 1, 2].map((rig) => connectTo(mesh, rig));
    const ids = others.map((other) => ask(mesh, other, 'CLIENT', 'ID').slice(1, -2));
    ask(mesh, client, 'MSET', HERE, '1', THERE, '2', ELSEWHERE, '3');
    pipe(mesh, client, ...transaction(
      ['RENAME', HERE, THERE], ['CLIENT', 'KILL', 'ID', ids[0] ?? ''], ['COPY', THERE, HERE],
      ['CLIENT', 'KILL', 'ID', ids[1] ?? ''], ['INCR', ELSEWHERE],
    ));
    for (const other of others) send(mesh, other, 'INCR', ELSEWHERE);
    mesh.settle();
    expect(repliesOf(mesh, client)).toMatch(/\*5\r\n\+OK\r\n:1\r\n:1\r\n:1\r\n:\d\r\n$/);
    expect(mesh.rigs.map(({ engine }) => engine.closing.size)).toEqual([1, 1, 0]);
    expect(leftOf(mesh)).toEqual([]);
  });

  it('needs no memory that the limit has, as on one worker', () => {
    const { mesh, client } = meshOfThree();
    ask(mesh, client, 'SET', HERE, 'x'.repeat(1000));
    pipe(mesh, client, ['MULTI'], ['COPY', HERE, THERE], ['MSETNX', 'x', '1', 'y', '2']);
    mesh.settle();
    const other = connectTo(mesh, 1);
    ask(mesh, other, 'CONFIG', 'SET', 'maxmemory', '1');
    expect(ask(mesh, client, 'EXEC')).toMatch(/^-EXECABORT Transaction discarded because of: OOM/);
    ask(mesh, other, 'CONFIG', 'SET', 'maxmemory', '0');
    expect(ask(mesh, client, 'EXISTS', THERE, 'x')).toBe(':0\r\n');
  });
});
