/**
 * Waiting for keys of other workers: one shard, several, moves from one to another, and every way
 * to end. The workers run in one thread, turn by turn.
 */
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { ask, connectTo, keysOf, pipe, repliesOf, send } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';

const UNBLOCKED = '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n';
const NOTHING = '*-1\r\n';
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const popped = (key: string, element: string): string => `*2\r\n${bulk(key)}${bulk(element)}`;

class Rig {
  readonly mesh: MeshRig;
  /** A client of each worker. */
  readonly clients: readonly MeshClient[];
  /** Keys of each worker. */
  readonly keys: readonly (readonly string[])[];

  constructor(workers = 3) {
    this.mesh = new MeshRig(workers);
    this.clients = Array.from({ length: workers }, (_, i) => connectTo(this.mesh, i));
    this.keys = Array.from({ length: workers }, (_, i) => keysOf(i, workers, 4));
  }

  key(worker: number, i = 0): string {
    return this.keys[worker]?.[i] ?? '';
  }

  /** What a client of the worker is answered. */
  ask(worker: number, ...words: string[]): string {
    return ask(this.mesh, this.clients[worker] ?? expect.fail(), ...words);
  }

  /** A new client of the worker that waits with this command. */
  wait(worker: number, ...words: string[]): MeshClient {
    const client = connectTo(this.mesh, worker);
    expect(ask(this.mesh, client, ...words)).toBe('');
    expect(this.workerOf(client).waits.count).toBeGreaterThan(0);
    return client;
  }

  /** Time passes, and every worker ticks. */
  tick(ms: number): void {
    this.mesh.clock.advance(ms);
    this.mesh.rigs.forEach((each, index) => {
      each.tick(0);
      this.mesh.wakeUp(index);
    });
    this.mesh.settle();
  }

  workerOf({ rig }: MeshClient): NonNullable<MeshRig['rigs'][number]>['worker'] {
    return this.mesh.rigs[rig]?.worker ?? expect.fail();
  }

  replies(client: MeshClient): string {
    return repliesOf(this.mesh, client);
  }

  idOf(client: MeshClient): string {
    return String(this.workerOf(client).sessions.atSlot(client.slot)?.id);
  }

  /** Nothing waits, and nothing is kept for it. */
  expectQuiet(): void {
    this.mesh.settle();
    for (const { worker } of this.mesh.rigs) {
      expect(worker.waits.count).toBe(0);
      expect(worker.shard.waiting.count).toBe(0);
      expect(worker.shard.transactions.queues.bytes).toBe(0);
      expect(worker.mesh?.waitsAcross.count).toBe(0);
      expect(worker.mesh?.waitParts.count).toBe(0);
      expect(worker.mesh?.coordination.count).toBe(0);
      expect(worker.mesh?.origin.windowCount).toBe(0);
    }
  }
}

describe('a key of another worker', () => {
  it('answers at once when it has something', () => {
    const rig = new Rig();
    rig.ask(1, 'RPUSH', rig.key(1), 'a', 'b');
    expect(rig.ask(0, 'BLPOP', rig.key(1), '0')).toBe(popped(rig.key(1), 'a'));
    rig.ask(1, 'SET', rig.key(2), 'v');
    expect(rig.ask(0, 'BLPOP', rig.key(2), '0')).toContain('WRONGTYPE');
    expect(rig.ask(0, 'BLPOP', rig.key(2), '-1')).toContain('negative');
    rig.expectQuiet();
  });

  it('serves those of all workers in the order in which they came', () => {
    const rig = new Rig();
    const key = rig.key(1);
    const order = [2, 0, 1, 0].map((worker) => rig.wait(worker, 'BLPOP', key, '0'));
    expect(rig.ask(0, 'RPUSH', key, 'a', 'b', 'c')).toBe(':3\r\n');
    expect(order.map((client) => rig.replies(client))).toEqual([
      popped(key, 'a'), popped(key, 'b'), popped(key, 'c'), '',
    ]);
    rig.ask(1, 'LPUSH', key, 'd');
    expect(rig.replies(order[3] ?? expect.fail())).toBe(popped(key, 'd'));
    rig.expectQuiet();
  });

  it('lets requests behind wait, and run then', () => {
    const rig = new Rig();
    const client = connectTo(rig.mesh, 0);
    pipe(
      rig.mesh, client, ['PING'], ['SET', rig.key(2), '1'], ['BLPOP', rig.key(1), '0'],
      ['GET', rig.key(2)], ['PING'],
    );
    rig.mesh.settle();
    expect(rig.replies(client)).toBe('+PONG\r\n+OK\r\n');
    rig.ask(2, 'RPUSH', rig.key(1), 'a');
    expect(rig.replies(client)).toBe(
      `+PONG\r\n+OK\r\n${popped(rig.key(1), 'a')}${bulk('1')}+PONG\r\n`,
    );
    rig.expectQuiet();
  });

  it('gives streams to readers and groups', () => {
    const rig = new Rig();
    const key = rig.key(1);
    rig.ask(0, 'XADD', key, '1-1', 'f', 'v');
    const reader = rig.wait(0, 'XREAD', 'BLOCK', '0', 'STREAMS', key, '$');
    rig.ask(0, 'XGROUP', 'CREATE', key, 'g', '$');
    const member = rig.wait(2, 'XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '0', 'STREAMS', key, '>');
    rig.ask(2, 'XADD', key, '2-1', 'f', 'v');
    expect(rig.replies(reader)).toContain('2-1');
    expect(rig.replies(member)).toContain('2-1');
    const other = rig.wait(2, 'XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '0', 'STREAMS', key, '>');
    rig.ask(0, 'DEL', key);
    expect(rig.replies(other)).toBe('-UNBLOCKED the stream key no longer exists\r\n');
    rig.expectQuiet();
  });
});

describe('keys of several workers', () => {
  it('serve by the first that has something, once', () => {
    const rig = new Rig();
    const keys = [rig.key(0), rig.key(1), rig.key(2)];
    for (const worker of [2, 0, 1]) {
      const client = rig.wait(0, 'BLPOP', ...keys, '0');
      expect(rig.ask((worker + 1) % 3, 'RPUSH', keys[worker] ?? '', 'a')).toBe(':1\r\n');
      expect(rig.replies(client)).toBe(popped(keys[worker] ?? '', 'a'));
      expect(rig.ask(1, 'EXISTS', ...keys)).toBe(':0\r\n');
      rig.expectQuiet();
    }
  });

  it('answer at once in the order of the command', () => {
    const rig = new Rig();
    const keys = [rig.key(2), rig.key(1), rig.key(0)];
    rig.ask(0, 'RPUSH', rig.key(0), 'x');
    rig.ask(0, 'RPUSH', rig.key(1), 'y');
    expect(rig.ask(0, 'BLPOP', ...keys, '0')).toBe(popped(rig.key(1), 'y'));
    expect(rig.ask(0, 'BLMPOP', '0', '3', ...keys, 'LEFT')).toContain('x');
    rig.expectQuiet();
  });

  it('serve once when several become ready at one moment', () => {
    const rig = new Rig();
    const client = rig.wait(0, 'BLPOP', rig.key(1), rig.key(2), '0');
    const mine = rig.clients[1] ?? expect.fail();
    pipe(
      rig.mesh, mine, ['MULTI'], ['RPUSH', rig.key(1), 'a'], ['RPUSH', rig.key(2), 'b'], ['EXEC'],
    );
    rig.mesh.settle();
    expect(rig.replies(client)).toMatch(/[ab]/);
    const lengths = rig.ask(0, 'LLEN', rig.key(1)) + rig.ask(0, 'LLEN', rig.key(2));
    expect([':0\r\n:1\r\n', ':1\r\n:0\r\n']).toContain(lengths);
    rig.expectQuiet();
  });
});

describe('a move to another worker', () => {
  it('is made when there is something, by who came first', () => {
    const rig = new Rig();
    const [from, to] = [rig.key(1), rig.key(2)];
    const first = rig.wait(0, 'BLMOVE', from, to, 'LEFT', 'RIGHT', '0');
    const second = rig.wait(1, 'BRPOPLPUSH', from, to, '0');
    const third = rig.wait(2, 'BLPOP', from, '0');
    rig.ask(0, 'RPUSH', from, 'a', 'b', 'c', 'd');
    expect(rig.replies(first)).toBe(bulk('a'));
    expect(rig.replies(second)).toBe(bulk('d'));
    expect(rig.replies(third)).toBe(popped(from, 'b'));
    expect(rig.ask(0, 'LRANGE', to, '0', '-1')).toBe(`*2\r\n${bulk('d')}${bulk('a')}`);
    expect(rig.ask(0, 'LRANGE', from, '0', '-1')).toBe(`*1\r\n${bulk('c')}`);
    rig.expectQuiet();
  });

  it('wakes who waits for what was moved', () => {
    const rig = new Rig();
    const client = rig.wait(0, 'BLPOP', rig.key(2), '0');
    const mover = rig.wait(2, 'BLMOVE', rig.key(1), rig.key(2), 'LEFT', 'LEFT', '0');
    rig.ask(1, 'RPUSH', rig.key(1), 'a');
    expect(rig.replies(mover)).toBe(bulk('a'));
    expect(rig.replies(client)).toBe(popped(rig.key(2), 'a'));
    rig.expectQuiet();
  });

  it('answers an error of the destination, and leaves the element', () => {
    const rig = new Rig();
    rig.ask(0, 'SET', rig.key(2), 'v');
    const mover = rig.wait(0, 'BLMOVE', rig.key(1), rig.key(2), 'LEFT', 'LEFT', '0');
    const next = rig.wait(0, 'BLPOP', rig.key(1), '0');
    rig.ask(1, 'RPUSH', rig.key(1), 'a');
    expect(rig.replies(mover)).toContain('WRONGTYPE');
    expect(rig.replies(next)).toBe(popped(rig.key(1), 'a'));
    rig.expectQuiet();
  });

  it('goes on waiting, in its place, when there is nothing in the end', () => {
    const rig = new Rig();
    const mover = rig.wait(0, 'BLMOVE', rig.key(1), rig.key(2), 'LEFT', 'LEFT', '0');
    const next = rig.wait(0, 'BLPOP', rig.key(1), '0');
    const mine = rig.clients[1] ?? expect.fail();
    pipe(rig.mesh, mine, ['RPUSH', rig.key(1), 'a'], ['LPOP', rig.key(1)]);
    rig.mesh.settle();
    expect(rig.replies(mover)).toBe('');
    expect(rig.replies(next)).toBe('');
    rig.ask(2, 'RPUSH', rig.key(1), 'b');
    expect(rig.replies(mover)).toBe(bulk('b'));
    rig.ask(2, 'RPUSH', rig.key(1), 'c');
    expect(rig.replies(next)).toBe(popped(rig.key(1), 'c'));
    rig.expectQuiet();
  });
});

describe('endings', () => {
  const commands = (rig: Rig): readonly (readonly string[])[] => [
    ['BLPOP', rig.key(1), '0.2'], ['BLPOP', rig.key(1), rig.key(2), '0.2'],
    ['BLMOVE', rig.key(1), rig.key(2), 'LEFT', 'LEFT', '0.2'], ['BZPOPMIN', rig.key(0), '0.2'],
    ['BLMOVE', rig.key(0), rig.key(2), 'LEFT', 'LEFT', '0.2'],
    ['XREAD', 'BLOCK', '200', 'STREAMS', rig.key(1), rig.key(2), '$', '$'],
  ];

  it('come with the time', () => {
    const rig = new Rig();
    const clients = commands(rig).map((words) => rig.wait(0, ...words));
    rig.tick(100);
    expect(clients.map((client) => rig.replies(client)).join('')).toBe('');
    rig.tick(100);
    expect(clients.map((client) => rig.replies(client))).toEqual(clients.map(() => NOTHING));
    rig.expectQuiet();
  });

  it('come with CLIENT UNBLOCK', () => {
    const rig = new Rig();
    for (const words of commands(rig)) {
      const client = rig.wait(0, ...words);
      expect(rig.ask(2, 'CLIENT', 'UNBLOCK', rig.idOf(client), 'ERROR')).toBe(':1\r\n');
      expect(rig.replies(client)).toBe(UNBLOCKED);
      expect(rig.ask(2, 'CLIENT', 'UNBLOCK', rig.idOf(client))).toBe(':0\r\n');
    }
    rig.expectQuiet();
  });

  it('come with the connection, and nothing is taken for it', () => {
    const rig = new Rig();
    for (const how of ['gone', 'half', 'killed']) {
      for (const words of commands(rig)) {
        const client = rig.wait(0, ...words);
        if (how === 'gone') rig.mesh.disconnect(0, client.slot);
        else if (how === 'half') rig.mesh.rigs[0]?.halfClose(client.slot);
        else rig.ask(1, 'CLIENT', 'KILL', 'ID', rig.idOf(client));
        rig.mesh.settle();
      }
    }
    rig.expectQuiet();
    for (const key of [rig.key(0), rig.key(1), rig.key(2)]) {
      rig.ask(0, 'RPUSH', key, 'a');
      expect(rig.ask(0, 'LLEN', key)).toBe(':1\r\n');
    }
  });

  it('come in any turn while it is asked', () => {
    const rig = new Rig();
    for (let turns = 0; turns < 12; turns++) {
      for (const words of commands(rig)) {
        const client = connectTo(rig.mesh, 0);
        send(rig.mesh, client, ...words);
        for (let i = 0; i < turns; i++) rig.mesh.turn(i % 3);
        rig.mesh.disconnect(0, client.slot);
        rig.mesh.settle();
      }
    }
    rig.expectQuiet();
  });
});

describe('a connection that ends while its command is asked about', () => {
  it('is not served what was there before', () => {
    const rig = new Rig();
    rig.ask(1, 'RPUSH', rig.key(1), 'a');
    const client = connectTo(rig.mesh, 0);
    send(rig.mesh, client, 'BLPOP', rig.key(1), '0');
    rig.mesh.disconnect(0, client.slot);
    rig.mesh.settle();
    expect(rig.ask(0, 'LLEN', rig.key(1))).toBe(':1\r\n');
    rig.expectQuiet();
  });

  it.each([[[1, 0, 2]], [[1, 0]], [[2, 0, 1]], [[0, 1]]])(
    'is not served what comes later, by turns of %j', (order) => {
      const rig = new Rig();
      const key = rig.key(1);
      for (let turns = 0; turns < 12; turns++) {
        const client = connectTo(rig.mesh, 0);
        send(rig.mesh, client, 'BLPOP', key, rig.key(2), '0');
        for (let i = 0; i < turns; i++) rig.mesh.turn(order[i % order.length] ?? 0);
        rig.mesh.disconnect(0, client.slot);
        send(rig.mesh, rig.clients[1] ?? expect.fail(), 'RPUSH', key, 'a');
        rig.mesh.turn(1);
        rig.mesh.settle();
        expect(rig.ask(0, 'LLEN', key), `after ${turns} turns`).toBe(':1\r\n');
        rig.ask(0, 'DEL', key);
      }
      rig.expectQuiet();
    },
  );
});

describe('what is there together', () => {
  it('nobody is served while writes are paused', () => {
    const rig = new Rig();
    const client = rig.wait(0, 'BLPOP', rig.key(1), '0');
    rig.ask(2, 'CLIENT', 'PAUSE', '100', 'WRITE');
    const pusher = connectTo(rig.mesh, 2);
    send(rig.mesh, pusher, 'RPUSH', rig.key(1), 'a');
    rig.mesh.settle();
    expect(rig.replies(client)).toBe('');
    rig.tick(100);
    expect(rig.replies(pusher)).toBe(':1\r\n');
    expect(rig.replies(client)).toBe(popped(rig.key(1), 'a'));
    rig.expectQuiet();
  });

  it.each([
    ['one round', ['SET', '2', 'v']], ['several rounds', ['RENAME', '2', '0']],
  ])('nobody is served in the middle of an EXEC of %s', (_rounds, [name = '', ...words]) => {
    const rig = new Rig();
    const key = rig.key(1);
    rig.ask(2, 'SET', rig.key(2), 'v');
    const waiter = rig.wait(0, 'BLPOP', key, '0');
    const between = words.map((word) => (/^\d$/.test(word) ? rig.key(Number(word)) : word));
    const client = connectTo(rig.mesh, 0);
    pipe(
      rig.mesh, client, ['MULTI'], ['RPUSH', key, 'a', 'b'], [name, ...between], ['LPOP', key],
      ['EXEC'],
    );
    rig.mesh.settle();
    expect(rig.replies(client)).toContain(`*3\r\n:2\r\n+OK\r\n${bulk('a')}`);
    expect(rig.replies(waiter)).toBe(popped(key, 'b'));
    rig.expectQuiet();
  });

  it('those of an EXEC do not wait', () => {
    const rig = new Rig();
    const client = connectTo(rig.mesh, 0);
    pipe(
      rig.mesh, client, ['MULTI'], ['BLPOP', rig.key(1), '0'],
      ['BLPOP', rig.key(1), rig.key(2), '0'],
      ['BLMOVE', rig.key(1), rig.key(2), 'LEFT', 'LEFT', '0'],
      ['EXEC'],
    );
    rig.mesh.settle();
    expect(rig.replies(client)).toContain('*3\r\n*-1\r\n*-1\r\n$-1\r\n');
    rig.expectQuiet();
  });

  it('are counted and shown', () => {
    const rig = new Rig();
    const client = rig.wait(0, 'BLPOP', rig.key(1), '0');
    expect(rig.ask(1, 'INFO', 'clients')).toContain('blocked_clients:1');
    expect(rig.ask(1, 'CLIENT', 'LIST', 'ID', rig.idOf(client))).toMatch(/flags=b .*cmd=blpop/);
    rig.mesh.disconnect(0, client.slot);
    rig.expectQuiet();
  });
});
