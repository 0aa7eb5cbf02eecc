/**
 * CLIENT TRACKING piece by piece, on one worker and on several: what commands over several shards
 * remember, redirections to connections of other workers, prefixes, limits, and what is left when
 * connections end.
 */
import type { RespValue } from '@kora/protocol';
import { describe, expect, it } from 'vitest';
import { NoteTopic } from '../mesh/note-topics.ts';
import { MeshRig } from '../testing/index.ts';
import type { MeshClient } from '../testing/mesh-clients.ts';
import {
  ask, connectTo, encodeRequest, keysOf, pipe, repliesOf, send,
} from '../testing/mesh-clients.ts';
import { leftOf } from '../testing/mesh-checks.ts';
import { Loner, TrackingClient } from '../testing/tracking-client.ts';
import type { Rigs } from '../testing/tracking-client.ts';

const ignore = (): void => undefined;

/** One command of a client, after all have come to rest. */
function tell(mesh: Rigs, client: TrackingClient, ...words: string[]): RespValue {
  let reply: RespValue = null;
  client.send([words, (value) => {
    reply = value;
  }]);
  mesh.settle();
  client.listen();
  return reply;
}

/** A number or text as text. */
function textOf(value: RespValue): string {
  if (typeof value === 'number' || typeof value === 'string') return String(value);
  throw new Error(`neither number nor text: ${JSON.stringify(value)}`);
}

function tracking(mesh: Rigs, at: number, ...options: string[]): TrackingClient {
  const client = new TrackingClient(mesh, at);
  client.send([['HELLO', '3'], ignore]);
  expect(tell(mesh, client, 'CLIENT', 'TRACKING', 'ON', ...options)).toBe('OK');
  return client;
}

/** What a client has been told since. */
function told(mesh: Rigs, client: TrackingClient): string[] {
  mesh.settle();
  client.listen();
  return client.invalidated.splice(0);
}

function trackedKeys(mesh: Rigs): number[] {
  return mesh.rigs.map(({ worker }) => worker.shard.tracking.table.keyCount);
}

const [A = ''] = keysOf(0, 2, 1);
const [B = ''] = keysOf(1, 2, 1);

/** Reads of two keys, by commands that cut, gather or borrow, and what makes the keys fit. */
const READS: readonly (readonly [words: readonly string[], fill: readonly string[]])[] = [
  [['MGET', A, B], ['SET', 'v']], [['EXISTS', A, B], ['SET', 'v']], [['TOUCH', A, B], ['SET', 'v']],
  [['LCS', A, B], ['SET', 'v']], [['SUNION', A, B], ['SADD', 'm']],
  [['SINTER', A, B], ['SADD', 'm']], [['SINTERCARD', '2', A, B], ['SADD', 'm']],
  [['SDIFF', A, B], ['SADD', 'm']], [['ZUNION', '2', A, B], ['ZADD', '1', 'm']],
  [['ZINTER', '2', A, B], ['ZADD', '1', 'm']], [['PFCOUNT', A, B], ['PFADD', 'm']],
  [['XREAD', 'STREAMS', A, B, '0', '0'], ['XADD', '1-1', 'f', 'v']],
];

describe('reads over several workers', () => {
  it.each(READS)('%j is heard of by both owners', (words, [fill = '', ...values]) => {
    for (const at of [0, 1]) {
      const mesh = new MeshRig(2);
      const writer = connectTo(mesh, 1 - at);
      for (const key of [A, B]) ask(mesh, writer, fill, key, ...values);
      const client = tracking(mesh, at);
      tell(mesh, client, ...words);
      expect(trackedKeys(mesh), 'each owner knows of its own').toEqual([1, 1]);
      ask(mesh, writer, 'DEL', A);
      expect(told(mesh, client)).toEqual([A]);
      ask(mesh, writer, 'DEL', B);
      expect(told(mesh, client)).toEqual([B]);
      expect(trackedKeys(mesh)).toEqual([0, 0]);
      expect(leftOf(mesh)).toEqual([]);
    }
  });

  it('are remembered within EXEC behind CLIENT CACHING', () => {
    const mesh = new MeshRig(2);
    const client = tracking(mesh, 0, 'OPTIN');
    client.send(
      [['MULTI'], ignore], [['CLIENT', 'CACHING', 'YES'], ignore], [['GET', A], ignore],
      [['GET', B], ignore], [['EXEC'], ignore],
    );
    mesh.settle();
    const writer = connectTo(mesh, 1);
    ask(mesh, writer, 'MSET', A, '1', B, '1');
    expect(told(mesh, client).sort()).toEqual([A, B].sort());
  });

  it('of long requests, held ones and renames are heard of', () => {
    const mesh = new MeshRig(2);
    const client = tracking(mesh, 0);
    const long = `{${B}}${'x'.repeat(40_000)}`;
    tell(mesh, client, 'GET', long);
    tell(mesh, client, 'GET', A);
    const writer = connectTo(mesh, 1);
    ask(mesh, writer, 'SET', long, '1');
    expect(told(mesh, client)).toEqual([long]);
    ask(mesh, writer, 'SET', B, '1');
    tell(mesh, client, 'MGET', A, B);
    ask(mesh, writer, 'RENAME', B, A);
    expect(told(mesh, client).sort()).toEqual([A, B].sort());
  });
});

describe('a pipeline whose keys are found ahead', () => {
  it.each([1, 2, 3])('is remembered key by key, on %i workers', (workers) => {
    const mesh: Rigs = workers === 1 ? new Loner({}) : new MeshRig(workers);
    const writer = new TrackingClient(mesh, workers - 1);
    const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
    for (const key of keys) if (Number(key.slice(1)) % 3 > 0) tell(mesh, writer, 'SET', key, 'v');
    const clients = [tracking(mesh, 0), tracking(mesh, 0), tracking(mesh, workers - 1)];
    for (const client of clients) {
      for (let round = 0; round < 2; round++) {
        client.send(...keys.map((key) => [['GET', key], ignore] as const));
        mesh.settle();
      }
    }
    expect(trackedKeys(mesh).reduce((sum, count) => sum + count)).toBe(keys.length);
    for (const key of keys) tell(mesh, writer, 'SET', key, 'w');
    for (const client of clients) expect(told(mesh, client)).toEqual(keys);
    expect(trackedKeys(mesh).every((count) => count === 0)).toBe(true);
  });
});

describe('CLIENT CACHING in a pipeline over several workers', () => {
  it('is about the next command, and not about those found ahead with it', () => {
    const mesh = new MeshRig(2);
    const client = tracking(mesh, 0, 'OPTOUT');
    client.send(
      [['CLIENT', 'CACHING', 'NO'], ignore], [['GET', A], ignore], [['GET', B], ignore],
      [['SET', 'other', 'v'], ignore], [['GET', B], ignore],
    );
    mesh.settle();
    const writer = connectTo(mesh, 1);
    for (const key of [A, B]) ask(mesh, writer, 'SET', key, 'v');
    expect(told(mesh, client)).toEqual([B]);
  });
});

describe('flushing and swapping', () => {
  it('is told to everybody once, whatever they have read', () => {
    for (const command of ['FLUSHALL', 'FLUSHDB', 'SWAPDB 0 1']) {
      for (const workers of [1, 2, 3]) {
        const mesh: Rigs = workers === 1 ? new Loner({}) : new MeshRig(workers);
        const clients = Array.from({ length: workers }, (_, i) => tracking(mesh, i));
        const [first] = clients;
        if (first !== undefined) tell(mesh, first, 'GET', A);
        const writer = new TrackingClient(mesh, 0);
        tell(mesh, writer, ...command.split(' '));
        for (const client of clients) expect(told(mesh, client), command).toEqual(['*']);
        expect(trackedKeys(mesh).every((count) => count === 0)).toBe(true);
      }
    }
  });
});

describe('a redirection', () => {
  it.each([[0, 0], [0, 1], [1, 0]])('from worker %i to worker %i', (from, to) => {
    const mesh = new MeshRig(2);
    const target = new TrackingClient(mesh, to);
    target.send([['HELLO', '3'], ignore]);
    const id = textOf(tell(mesh, target, 'CLIENT', 'ID'));
    const client = tracking(mesh, from, 'REDIRECT', id);
    expect(tell(mesh, client, 'CLIENT', 'GETREDIR')).toBe(Number(id));
    tell(mesh, client, 'MGET', A, B);
    const writer = connectTo(mesh, 1);
    ask(mesh, writer, 'MSET', A, '1', B, '1');
    expect(told(mesh, target).sort()).toEqual([A, B].sort());
    expect(told(mesh, client)).toEqual([]);
    ask(mesh, writer, 'FLUSHALL');
    expect(told(mesh, target)).toEqual(['*']);
  });

  it('to a connection that has ended says so, and the client goes on', () => {
    for (const to of [0, 1]) {
      const mesh = new MeshRig(2);
      const target = new TrackingClient(mesh, to);
      const id = textOf(tell(mesh, target, 'CLIENT', 'ID'));
      const client = connectTo(mesh, 0);
      send(mesh, client, 'HELLO', '3');
      ask(mesh, client, 'CLIENT', 'TRACKING', 'ON', 'REDIRECT', id);
      ask(mesh, client, 'GET', A);
      mesh.disconnect(to, target.at.slot);
      mesh.settle();
      const broken = `>2\r\n$21\r\ntracking-redir-broken\r\n:${id}\r\n`;
      expect(ask(mesh, client, 'SET', A, '1')).toContain(broken);
      expect(ask(mesh, client, 'CLIENT', 'TRACKINGINFO')).toContain('broken_redirect');
      expect(ask(mesh, client, 'CLIENT', 'INFO')).toMatch(/ flags=tR /);
      expect(ask(mesh, client, 'CLIENT', 'TRACKING', 'ON', 'REDIRECT', id))
        .toBe('-ERR The client ID you want redirect to does not exist\r\n');
    }
  });

  it('that EXEC makes to a client of another worker finds it when it has to', () => {
    const mesh = new MeshRig(2);
    const target = new TrackingClient(mesh, 1);
    target.send([['HELLO', '3'], ignore]);
    const id = textOf(tell(mesh, target, 'CLIENT', 'ID'));
    const client = new TrackingClient(mesh, 0);
    client.send(
      [['MULTI'], ignore], [['CLIENT', 'TRACKING', 'ON', 'REDIRECT', id], ignore],
      [['EXEC'], ignore],
    );
    mesh.settle();
    tell(mesh, client, 'GET', A);
    ask(mesh, connectTo(mesh, 1), 'SET', A, '1');
    expect(told(mesh, target)).toEqual([A]);
  });
});

describe('prefixes', () => {
  it('are known to all workers when the reply comes, and forgotten with their connections', () => {
    const mesh = new MeshRig(3);
    const client = tracking(mesh, 0, 'BCAST', 'PREFIX', 'key', 'PREFIX', 'user:');
    const other = tracking(mesh, 1, 'BCAST', 'PREFIX', 'key');
    for (const { worker } of mesh.rigs) expect(worker.tracking.prefixes.prefixCount).toBe(2);
    const info = ask(mesh, connectTo(mesh, 2), 'INFO', 'everything');
    expect(info).toContain('tracking_total_prefixes:2\r\n');
    expect(info).toContain('tracking_clients:2\r\n');
    const keys = [0, 1, 2].flatMap((worker) => keysOf(worker, 3, 2));
    const writer = connectTo(mesh, 2);
    for (const key of keys) ask(mesh, writer, 'SET', key, '1');
    expect(told(mesh, client).sort()).toEqual([...keys].sort());
    expect(told(mesh, other).sort()).toEqual([...keys].sort());
    mesh.disconnect(0, client.at.slot);
    mesh.disconnect(1, other.at.slot);
    mesh.settle();
    for (const { worker } of mesh.rigs) expect(worker.tracking.prefixes.prefixCount).toBe(0);
    expect(mesh.rigs.every(({ worker }) => worker.tracking.clientCount === 0)).toBe(true);
  });
});

describe('a turn in which a writer is answered, and others ask then', () => {
  const [here = '', there = '', far = ''] = [0, 1, 2].map((at) => keysOf(at, 3, 1)[0] ?? '');

  it.each([
    ['who wants its prefix', ['BCAST'], false], ['the writer, who has read it', [], true],
  ] as const)('tells %s of the change before the answer', (_name, modes, isWriter) => {
    const mesh = new MeshRig(3);
    const [client, held, other] = [connectTo(mesh, 0), connectTo(mesh, 0), connectTo(mesh, 0)];
    const writer = isWriter ? client : other;
    ask(mesh, client, 'HELLO', '3');
    ask(mesh, held, 'SET', far, '1');
    expect(ask(mesh, client, 'CLIENT', 'TRACKING', 'ON', ...modes)).toBe('+OK\r\n');
    expect(ask(mesh, client, 'GET', here)).toBe('_\r\n');
    // Locks, and in the end changes nothing, for `far` is there: until worker 0 hears of that its
    // part of the EXEC waits, and so does a connection.
    send(mesh, connectTo(mesh, 1), 'MSETNX', here, '1', there, '1', far, '1');
    mesh.turn(0);
    pipe(mesh, writer, ['MULTI'], ['SET', here, '2'], ['SET', there, '2'], ['EXEC']);
    pipe(mesh, held, ['GET', there], ['MGET', here, there]);
    for (const worker of [1, 2, 1]) mesh.turn(worker);
    const before = [client, writer].map((one) => repliesOf(mesh, one).length);
    const since = (): string[] => [client, writer].map((one, i) =>
      repliesOf(mesh, one).slice(before[i]));
    inOneTurn(mesh, [held, 'PING'], () => {
      expect(since()[1], 'the writer knows').toMatch(/\*2\r\n\+OK\r\n\+OK\r\n$/);
    }, [client, 'PING']);
    const [heard = ''] = since();
    expect(heard).toMatch(/\+PONG\r\n$/);
    expect(heard.indexOf(here)).toBeGreaterThan(0);
  });
});

/** Requests of connections of one worker come in one turn; something happens between two. */
function inOneTurn(
  mesh: MeshRig, first: readonly [MeshClient, string], between: () => void,
  last: readonly [MeshClient, string],
): void {
  const rig = mesh.rigs[first[0].rig];
  if (rig === undefined) throw new Error('there is a worker');
  const { composed: { memory }, engine: { receiveAt }, handler } = rig;
  const receive = ([{ slot }, word]: readonly [MeshClient, string]): void => {
    const bytes = encodeRequest([word]);
    memory.low.set(bytes, receiveAt);
    handler.onReceive(slot, receiveAt, bytes.length);
  };
  handler.onTurnStart();
  receive(first);
  between();
  receive(last);
  handler.onTurnEnd();
}

describe('limits', () => {
  it('keep the table at tracking-table-max-keys, and tell of what is forgotten', () => {
    const mesh = new Loner({ settings: [['tracking-table-max-keys', '10']] });
    const client = tracking(mesh, 0);
    const count = 1_000;
    for (let i = 0; i < count; i++) tell(mesh, client, 'GET', `k${i}`);
    expect(trackedKeys(mesh)).toEqual([10]);
    expect(told(mesh, client).length).toBe(count - 10);
    tell(mesh, client, 'CONFIG', 'SET', 'tracking-table-max-keys', '3');
    expect(told(mesh, client).length).toBe(7);
    expect(trackedKeys(mesh)).toEqual([3]);
  });

  it('do not matter to 100,000 keys, which a flush forgets', () => {
    const mesh = new Loner({});
    const client = tracking(mesh, 0);
    for (let from = 0; from < 100_000; from += 1_000) {
      const keys = Array.from({ length: 1_000 }, (_, i) => `k${from + i}`);
      client.send([['MGET', ...keys], ignore]);
    }
    expect(trackedKeys(mesh)).toEqual([100_000]);
    const info = textOf(tell(mesh, client, 'INFO', 'stats'));
    expect(info).toContain('tracking_total_keys:100000\r\ntracking_total_items:100000\r\n');
    const before = mesh.rigs[0]?.worker.shard.usedBytes() ?? 0;
    tell(mesh, client, 'FLUSHALL');
    expect(told(mesh, client)).toEqual(['*']);
    expect(mesh.rigs[0]?.worker.shard.usedBytes()).toBeLessThan(before / 2);
  });

  it('cut a client that reads none of its invalidations', () => {
    const mesh = new Loner({
      settings: [['client-output-buffer-limit', 'normal 100000 0 0']],
    });
    const client = tracking(mesh, 0, 'BCAST');
    const [rig] = mesh.rigs;
    if (rig === undefined) throw new Error('there is a worker');
    const writer = new TrackingClient(mesh, 0);
    rig.engine.holdsSends = true;
    for (let i = 0; i < 5_000 && rig.log.length === 0; i++) {
      tell(mesh, writer, 'SET', `key:${i}:${'x'.repeat(100)}`, '1');
      rig.release(writer.at.slot);
    }
    expect(rig.log.join()).toContain('client-output-buffer-limit');
    expect(rig.engine.cut.has(client.at.slot)).toBe(true);
    expect(rig.worker.tracking.clientCount).toBe(0);
  });
});

describe('word of a change that finds no memory on its way to another worker', () => {
  const cases = [
    ['makes all that its clients keep void', NoteTopic.TrackingInvalid, []],
    ['does so for prefixes', NoteTopic.TrackingBroadcast, ['BCAST', 'PREFIX', 'key']],
  ] as const;
  it.each(cases)('%s', (_, topic, options) => {
    const mesh = new MeshRig(2);
    const readers = [tracking(mesh, 1, ...options), tracking(mesh, 1, ...options)];
    for (const reader of readers) tell(mesh, reader, 'GET', A);
    const notes = mesh.rigs[0]?.worker.mesh?.notes;
    if (notes === undefined) throw new Error('there are two workers');
    const send = notes.send.bind(notes);
    let lost = 0;
    notes.send = (worker, wanted, number, write) => {
      if (wanted !== topic) return send(worker, wanted, number, write);
      lost++;
      return false;
    };
    expect(tell(mesh, new TrackingClient(mesh, 0), 'SET', A, '1')).toBe('OK');
    expect(lost).toBe(1);
    for (const reader of readers) expect(told(mesh, reader)).toEqual(['*']);
    notes.send = send;
    expect(leftOf(mesh)).toEqual([]);
  });

  it('cuts who redirects to a client there', () => {
    const mesh = new MeshRig(2);
    const target = new TrackingClient(mesh, 1);
    target.send([['HELLO', '3'], ignore]);
    const id = textOf(tell(mesh, target, 'CLIENT', 'ID'));
    const reader = tracking(mesh, 0, 'REDIRECT', id);
    tell(mesh, reader, 'GET', A);
    const [rig] = mesh.rigs;
    const notes = rig?.worker.mesh?.notes;
    if (rig === undefined || notes === undefined) throw new Error('there are two workers');
    const send = notes.send.bind(notes);
    notes.send = (worker, wanted, number, write) =>
      (wanted === NoteTopic.TrackingRedirect ? false : send(worker, wanted, number, write));
    tell(mesh, new TrackingClient(mesh, 0), 'SET', A, '1');
    expect(rig.engine.cut.has(reader.at.slot)).toBe(true);
    expect(rig.log.join()).toContain('no memory was left for an invalidation');
  });
});

describe('the end', () => {
  it('of tracking, by OFF, RESET or disconnecting, leaves nothing that is told', () => {
    for (const end of ['OFF', 'RESET', 'gone']) {
      const mesh = new Loner({});
      const client = tracking(mesh, 0);
      const [rig] = mesh.rigs;
      tell(mesh, client, 'GET', A);
      if (end === 'OFF') tell(mesh, client, 'CLIENT', 'TRACKING', 'OFF');
      else if (end === 'RESET') tell(mesh, client, 'RESET');
      else rig?.disconnect(client.at.slot);
      tell(mesh, new TrackingClient(mesh, 0), 'SET', A, '1');
      expect(told(mesh, client)).toEqual([]);
      expect(trackedKeys(mesh)).toEqual([0]);
      expect(rig?.worker.tracking.clientCount).toBe(0);
    }
  });
});

describe('expiry and eviction', () => {
  it('are changes that are told', () => {
    const mesh = new Loner({});
    const [rig] = mesh.rigs;
    const client = tracking(mesh, 0);
    const writer = new TrackingClient(mesh, 0);
    tell(mesh, writer, 'SET', 'a', '1', 'PX', '10');
    tell(mesh, client, 'GET', 'a');
    rig?.tick(2_000);
    expect(told(mesh, client)).toEqual(['a']);
    tell(mesh, writer, 'SET', 'b', 'x'.repeat(1_000));
    tell(mesh, client, 'GET', 'b');
    tell(mesh, writer, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    tell(mesh, writer, 'CONFIG', 'SET', 'maxmemory', '1');
    tell(mesh, writer, 'GET', 'b');
    expect(told(mesh, client)).toContain('b');
  });
});
