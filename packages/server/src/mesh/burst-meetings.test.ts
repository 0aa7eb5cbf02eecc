/**
 * What else happens while bursts are under way: pushes that take a place before them, peers that do
 * not read, keys that are tracked, waited for, watched over by SLOWLOG or told of by events, memory
 * that is short, commands in their middle that change the connection, its end. Replies are those of
 * one worker alone, and nothing may be left.
 */
import { describe, expect, it } from 'vitest';
import { UNREAD_BYTES_MAX } from '../limits.ts';
import { Hold } from '../session.ts';
import type { Session } from '../session.ts';
import { BurstRig } from '../testing/burst-rig.ts';
import {
  ask, belowOf, connectTo, encodeRequest, pipe, repliesOf, send,
} from '../testing/mesh-clients.ts';
import { WorkerRig } from '../testing/worker-rig.ts';

const WORKERS = 3;
const OK = '+OK\r\n';
const VALUE = 'v'.repeat(9000);

/** The client's session. */
function sessionOf({ mesh, client }: BurstRig): Session {
  const session = mesh.rigs[0]?.worker.sessions.atSlot(client.slot);
  if (session === undefined) throw new Error('it is connected');
  return session;
}

/** The pushes of a RESP3 connection, and what is left without them. */
function withoutPushes(replies: string, push: RegExp): [string[], string] {
  return [replies.match(push) ?? [], replies.replace(push, '')];
}

const INVALIDATION = />2\r\n\$10\r\ninvalidate\r\n\*1\r\n\$\d+\r\n\w+\r\n/g;

describe('a burst, and keys that are tracked', () => {
  it('has its places behind an invalidation that came while it was published', () => {
    const world = new BurstRig(WORKERS);
    const { mesh, client } = world;
    const [reader, writer] = [connectTo(mesh, 0), connectTo(mesh, 1)];
    ask(mesh, client, 'HELLO', '3');
    const id = ask(mesh, client, 'CLIENT', 'ID').slice(1, -2);
    ask(mesh, reader, 'CLIENT', 'TRACKING', 'ON', 'REDIRECT', id);
    ask(mesh, reader, 'GET', world.key(0, 1));
    const before = repliesOf(mesh, client).length;
    const increments = Array.from({ length: 6 }, (_, i) => ['INCR', world.key((i + 1) % WORKERS)]);
    world.pipe(...increments);
    const { lanes } = world.node(0);
    const publishCaughtUp = lanes.publishCaughtUp.bind(lanes);
    let isFirst = true;
    lanes.publishCaughtUp = () => {
      if (isFirst) pipe(mesh, writer, ['INCR', world.key(0, 1)], ['INCR', world.key(2, 1)]);
      isFirst = false;
      return publishCaughtUp();
    };
    world.pipe(...increments);
    expect([isFirst, world.count]).toEqual([false, 2]);
    const [pushes, replies] = withoutPushes(world.replies().slice(before), INVALIDATION);
    expect(pushes.length).toBe(1);
    expect(replies).toBe([1, 2, 3, 4].map((count) => `:${count}\r\n`.repeat(3)).join(''));
    expect(world.left()).toEqual([]);
  });

  it('tells of every key once, of those that another has read', () => {
    const world = new BurstRig(WORKERS);
    const { mesh } = world;
    const keys = world.mixed(6);
    const reader = connectTo(mesh, 0);
    for (const words of [['HELLO', '3'], ['CLIENT', 'TRACKING', 'ON']]) {
      ask(mesh, reader, ...words);
    }
    const before = repliesOf(mesh, reader).length;
    pipe(mesh, reader, ...keys.map((key) => ['GET', key]));
    mesh.settle();
    expect(world.count).toBe(1);
    world.pipe(...keys.map((key) => ['SET', key, '1']), ...keys.map((key) => ['SET', key, '2']));
    expect(world.replies()).toBe(OK.repeat(12));
    expect(world.count).toBe(2);
    const [pushes, replies] = withoutPushes(
      repliesOf(mesh, reader).slice(before), INVALIDATION,
    );
    expect(pushes.length).toBe(6);
    expect(new Set(pushes).size).toBe(6);
    expect(replies).toBe('_\r\n'.repeat(6));
  });
});

describe('bursts for a peer that does not read', () => {
  function unread(): { world: BurstRig; asked: number } {
    const world = new BurstRig(WORKERS);
    const keys = world.mixed(6);
    world.pipe(...keys.map((key) => ['SET', key, VALUE]));
    world.replies();
    const rig = world.mesh.rigs[0]!;
    rig.engine.replies[world.client.slot] = [];
    rig.engine.holdsSends = true;
    const before = world.count;
    let asked = 0;
    for (; asked < 600; asked += 12) {
      world.pipe(...[...keys, ...keys].map((key) => ['GET', key]));
      world.mesh.settle();
    }
    expect(world.count).toBeGreaterThan(before + 5);
    expect(sessionOf(world).hold).toBe(Hold.Unread);
    // What was asked for when it reached the bound comes on top.
    expect(sessionOf(world).outputBytes).toBeLessThan(UNREAD_BYTES_MAX + 64 * 10_000);
    return { world, asked };
  }

  it('wait until it has read, and are answered in order', () => {
    const { world, asked } = unread();
    const { mesh, client } = world;
    for (let i = 0; i < 2000 && repliesOf(mesh, client).length < asked * 9009; i++) {
      mesh.rigs[0]!.release(client.slot, 1);
      mesh.settle();
    }
    expect(world.replies() === `$9000\r\n${VALUE}\r\n`.repeat(asked)).toBe(true);
    mesh.rigs[0]!.release(client.slot);
    expect(sessionOf(world).hold).toBe(Hold.None);
    expect(world.left()).toEqual([]);
  });

  it('are answered too when it has said its last word', () => {
    const { world, asked } = unread();
    const { mesh, client } = world;
    const rig = mesh.rigs[0]!;
    rig.halfClose(client.slot);
    expect(rig.engine.closing.size).toBe(0);
    for (let i = 0; i < 2000 && rig.engine.closing.size === 0; i++) {
      rig.release(client.slot, 1);
      mesh.settle();
    }
    expect(world.replies() === `$9000\r\n${VALUE}\r\n`.repeat(asked)).toBe(true);
    expect([...rig.engine.closing]).toEqual([client.slot]);
    expect(rig.engine.cut.size).toBe(0);
  });

  it('are dropped when it goes', () => {
    const { world } = unread();
    world.mesh.disconnect(0, world.client.slot);
    world.mesh.settle();
    const held = world.mesh.rigs[0]!.engine.heldCounts[world.client.slot] ?? 0;
    expect(held).toBeGreaterThan(0);
    expect(world.node(0).origin.windowCount).toBe(0);
  });
});

describe('a burst', () => {
  it('serves clients of all workers that wait for its keys', () => {
    const world = new BurstRig(WORKERS);
    const { mesh } = world;
    const keys = world.mixed(6);
    const waiting = keys.flatMap((key) => [0, 1, 2].map((rig) => {
      const client = connectTo(mesh, rig);
      send(mesh, client, 'BLPOP', key, '0');
      mesh.settle();
      return { key, client };
    }));
    const pushes = keys.flatMap((key) => ['a', 'b', 'c'].map((value) => ['LPUSH', key, value]));
    world.pipe(...pushes);
    expect(world.replies()).toBe(':1\r\n'.repeat(pushes.length));
    expect(world.count).toBeGreaterThan(0);
    for (const [i, { key, client }] of waiting.entries()) {
      const value = 'abc'[i % 3] ?? '';
      expect(repliesOf(mesh, client)).toBe(`*2\r\n$${key.length}\r\n${key}\r\n$1\r\n${value}\r\n`);
    }
    expect(world.left()).toEqual([]);
  });

  it('is logged as slow with the client that sent it', () => {
    const world = new BurstRig(WORKERS, { settings: [['slowlog-log-slower-than', '0']] });
    const { mesh, client } = world;
    const other = connectTo(mesh, 1);
    ask(mesh, client, 'CLIENT', 'SETNAME', 'burster');
    ask(mesh, other, 'SLOWLOG', 'RESET');
    const keys = world.mixed(12);
    world.pipe(...keys.map((key) => ['SET', key, '1']));
    world.replies();
    expect(world.count).toBe(1);
    const log = ask(mesh, other, 'SLOWLOG', 'GET', '100');
    const call = /\$3\r\nSET\r\n\$4\r\nkey\d\r\n\$1\r\n1\r\n\$11\r\n127.0.0.1:1\r\n\$7\r\nburster/g;
    expect(log.match(call)).toHaveLength(12);
  });

  it('is none while events are heard, which come in order between whole replies', () => {
    const world = new BurstRig(WORKERS, { settings: [['notify-keyspace-events', 'KA']] });
    const { mesh, client } = world;
    ask(mesh, client, 'HELLO', '3');
    ask(mesh, client, 'PSUBSCRIBE', '__keyspace*');
    const before = repliesOf(mesh, client).length;
    const keys = world.mixed(15);
    world.pipe(...keys.map((key) => ['SET', key, '1']), ...keys.map((key) => ['GET', key]));
    const event = />4\r\n\$8\r\npmessage\r\n(?:\$\d+\r\n[^\r]+\r\n){3}/g;
    const [pushes, replies] = withoutPushes(world.replies().slice(before), event);
    const told = pushes.map((push) => /__:(key\d+)/.exec(push)?.[1]);
    expect(told).toEqual(keys);
    expect(replies).toBe(OK.repeat(15) + '$1\r\n1\r\n'.repeat(15));
    expect(world.count).toBe(0);
    expect(world.left()).toEqual([]);
  });

  it('is refused command by command where memory is short', () => {
    const world = new BurstRig(WORKERS);
    const keys = world.mixed(8);
    world.pipe(...keys.map((key) => ['SET', key, '1']));
    world.replies();
    ask(world.mesh, world.client, 'CONFIG', 'SET', 'maxmemory', '1');
    const before = repliesOf(world.mesh, world.client).length;
    world.pipe(...keys.flatMap((key) => [['GET', key], ['SET', key, VALUE], ['STRLEN', key]]));
    const replies = world.replies().slice(before);
    expect(replies.replace(/-OOM[^\r]*/g, '-OOM')).toBe('$1\r\n1\r\n-OOM\r\n:1\r\n'.repeat(8));
    expect(world.count).toBe(2);
  });

  it('of a client that is killed is for nobody', () => {
    const world = new BurstRig(WORKERS);
    const { mesh, client } = world;
    const id = ask(mesh, client, 'CLIENT', 'ID').slice(1, -2);
    const keys = world.mixed(16);
    for (let turns = 0; turns < 3; turns++) {
      world.pipe(...keys.map((key) => ['APPEND', key, VALUE]), ...keys.map((key) => ['GET', key]));
      mesh.turn(turns);
    }
    expect(world.count).toBeGreaterThan(1);
    expect(ask(mesh, connectTo(mesh, 1), 'CLIENT', 'KILL', 'ID', id)).toBe(':1\r\n');
    mesh.disconnect(0, client.slot);
    mesh.settle();
    expect(world.left()).toEqual([]);
  });
});

describe('pipelines with commands that change their connection', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('are answered as by one worker alone, seed %i', (seed) => {
    const below = belowOf(seed);
    const world = new BurstRig(WORKERS);
    const { mesh, client } = world;
    const model = new WorkerRig();
    const slot = model.connect();
    const changes = [
      ['HELLO', '3'], ['HELLO', '2'], ['HELLO', '9'], ['RESET'], ['SELECT', '1'], ['SELECT', '0'],
      ['SELECT', '99'], ['AUTH', 'x'], ['AUTH', 'x', 'y'], ['CLIENT', 'REPLY', 'SKIP'],
      ['CLIENT', 'REPLY', 'ON'], ['CLIENT', 'NO-TOUCH', 'ON'], ['CLIENT', 'NO-EVICT', 'OFF'],
      ['MULTI'], ['EXEC'], ['DISCARD'], ['WATCH', world.key(1)], ['UNWATCH'], ['PING'], ['nothing'],
    ];
    for (let round = 0; round < 60; round++) {
      const commands = Array.from({ length: 1 + below(30) }, () => {
        const key = world.key(below(WORKERS), below(2));
        const plain = [
          ['GET', key], ['SET', key, `${below(9)}`], ['INCR', key], ['HSET', key, 'f', 'v'],
          ['HGETALL', key], ['DEL', key], ['GET'], ['LPUSH', key, 'x'], ['BLPOP', key, '0.01'],
        ];
        const change = changes[below(changes.length)] ?? [];
        return below(12) === 0 ? change : plain[below(round % 2 === 0 ? 7 : 9)] ?? [];
      });
      const bytes = Buffer.concat(commands.map((words) => encodeRequest(words)));
      mesh.receive(client.rig, client.slot, bytes);
      model.receive(slot, bytes);
      // Who waits for a key waits until its time is over.
      for (let i = 0; i < 40; i++) {
        mesh.settle();
        const isLate = mesh.rigs[0]!.worker.sessions.atSlot(client.slot)?.wait ?? null;
        if (isLate === null && model.worker.sessions.atSlot(slot)?.wait === null) break;
        mesh.rigs[0]!.tick(20);
        mesh.turn(0);
        model.tick(20);
      }
      mesh.settle();
      const isSame = repliesOf(mesh, client) === model.repliesOf(slot);
      expect(isSame, `seed ${seed} round ${round}`).toBe(true);
    }
    expect(world.count).toBeGreaterThan(10);
  });
});
