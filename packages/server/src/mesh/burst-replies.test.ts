/**
 * Replies of bursts, against one worker alone: short and long ones of all owners in one pipeline,
 * more than a message or a ring holds, values that are lent, errors. And what can come between a
 * burst and its replies: locks, a pause, the end of its connection. Nothing may be left of it.
 */
import { describe, expect, it } from 'vitest';
import { BurstRig } from '../testing/burst-rig.ts';
import {
  belowOf, connectTo, encodeRequest, pipe, repliesOf, send, someTurns,
} from '../testing/mesh-clients.ts';
import { WorkerRig } from '../testing/worker-rig.ts';

const WORKERS = 4;
const OK = '+OK\r\n';
/** Bytes of values: within a message, more than one holds, and such as are lent. */
const SIZES = [0, 1, 5, 700, 4000, 9000, 16_368, 16_400, 40_000, 70_000];

/** A key of each worker in turn, always the same of its two. */
const inTurn = (world: BurstRig, length: number): string[] =>
  Array.from({ length }, (_, i) => world.key((i + 1) % WORKERS, i % 2));

describe('replies of a burst', () => {
  it.each([1, 2, 3, 4, 5, 6])('are those of one worker alone, seed %i', (seed) => {
    const below = belowOf(seed);
    const world = new BurstRig(WORKERS);
    const { mesh } = world;
    const model = new WorkerRig();
    const clients = [0, 1, 2].map((rig) => ({ ...connectTo(mesh, rig), model: model.connect() }));
    for (let round = 0; round < 60; round++) {
      for (const [i, client] of clients.entries()) {
        const commands = Array.from({ length: 1 + below(40) }, () => {
          const key = `{${world.key(below(WORKERS))}}${i}:${below(3)}`;
          const value = 'v'.repeat(SIZES[below(round % 3 === 0 ? SIZES.length : 5)] ?? 0);
          const all = [
            ['GET', key], ['GET', key], ['SET', key, value], ['APPEND', key, 'x'], ['INCR', key],
            ['STRLEN', key], ['LPUSH', key, 'x'], ['GETRANGE', key, '0', '3'],
          ];
          if (below(100) === 0) return encodeRequest(['GET', key, 'more']);
          // Reads alone need no place in the order.
          return encodeRequest(all[below(round % 4 === 1 ? 2 : all.length)] ?? []);
        });
        mesh.receive(client.rig, client.slot, Buffer.concat(commands));
        model.receive(client.model, Buffer.concat(commands));
      }
      someTurns(mesh, below, 4);
      if (below(3) === 0) mesh.settle();
    }
    mesh.settle();
    for (const client of clients) {
      const isSame = repliesOf(mesh, client) === model.repliesOf(client.model);
      expect(isSame, `seed ${seed} worker ${client.rig}`).toBe(true);
    }
    expect(world.count).toBeGreaterThan(20);
    expect(world.left()).toEqual([]);
  });

  it('are more than a ring holds, while nobody takes them', () => {
    const world = new BurstRig(WORKERS);
    const { mesh, client } = world;
    const value = 'v'.repeat(9000);
    world.pipe(...inTurn(world, 6).map((key) => ['SET', key, value]));
    world.replies();
    const before = repliesOf(mesh, client).length;
    for (let i = 0; i < 3; i++) world.pipe(...inTurn(world, 16).map((key) => ['GET', key]));
    for (let turns = 0; turns < 4; turns++) {
      mesh.turn(1);
      mesh.turn(2);
    }
    expect(world.node(1).port.peer(0).outbox.isEmpty).toBe(false);
    expect(world.replies().slice(before)).toBe(`$9000\r\n${value}\r\n`.repeat(48));
    expect(world.left()).toEqual([]);
  });

  it('are RESP3, of another database, for who does not touch', () => {
    const world = new BurstRig(WORKERS);
    const keys = inTurn(world, 12);
    for (const words of [['HELLO', '3'], ['SELECT', '2'], ['CLIENT', 'NO-TOUCH', 'ON']]) {
      send(world.mesh, world.client, ...words);
    }
    const before = world.replies().length;
    world.pipe(...keys.map((key) => ['GET', key]));
    world.replies();
    world.pipe(...keys.map((key) => ['SET', key, '1']), ...keys.map((key) => ['GET', key]));
    expect(world.count).toBe(3);
    expect(world.replies().slice(before))
      .toBe('_\r\n'.repeat(12) + OK.repeat(12) + '$1\r\n1\r\n'.repeat(12));
    const other = connectTo(world.mesh, 1);
    pipe(world.mesh, other, ...keys.map((key) => ['GET', key]));
    world.mesh.settle();
    expect(repliesOf(world.mesh, other)).toBe('$-1\r\n'.repeat(12));
  });

  it('come to nobody when the connection has gone', () => {
    const world = new BurstRig(WORKERS);
    const { mesh, client } = world;
    const keys = inTurn(world, 16);
    world.pipe(...keys.map((key) => ['SET', key, 'v'.repeat(900)]));
    world.pipe(...keys.map((key) => ['GET', key]));
    mesh.turn(1);
    mesh.turn(0);
    mesh.disconnect(client.rig, client.slot);
    mesh.settle();
    expect(world.left()).toEqual([]);
    const other = connectTo(mesh, 0);
    pipe(mesh, other, ...keys.map((key) => ['STRLEN', key]));
    mesh.settle();
    expect(repliesOf(mesh, other)).toBe(':900\r\n'.repeat(16));
  });
});

describe('a burst that is under way', () => {
  it('waits for locks, each of its requests by itself', () => {
    const world = new BurstRig(WORKERS);
    const { mesh } = world;
    const [locked, free, here] = [world.key(1), world.key(1, 1), world.key(0)];
    const other = connectTo(mesh, 2);
    world.pipe(['INCR', locked], ['INCR', free], ['INCR', here], ['INCR', locked]);
    expect(world.replies()).toBe(':1\r\n:1\r\n:1\r\n:2\r\n');
    send(mesh, other, 'MSETNX', locked, '10', world.key(2), '10', world.key(3), '1');
    mesh.turn(1);
    expect(world.node(1).gate.isOpen).toBe(false);
    world.pipe(
      ['GET', locked], ['GET', free], ['INCR', free], ['GET', here], ['INCR', locked],
    );
    mesh.turn(1);
    expect(world.node(1).gate.parkedCount).toBeGreaterThan(0);
    expect(world.replies().slice(16))
      .toBe('$1\r\n2\r\n$1\r\n1\r\n:2\r\n$1\r\n1\r\n:3\r\n');
    expect(repliesOf(mesh, other)).toBe(':0\r\n');
    expect(world.left()).toEqual([]);
  });

  it.each(['WRITE', 'ALL'])('waits for the end of CLIENT PAUSE %s', (mode) => {
    const world = new BurstRig(WORKERS);
    const { mesh } = world;
    const admin = connectTo(mesh, 2);
    const [there, here, elsewhere] = [world.key(1), world.key(0), world.key(2)];
    world.pipe(['GET', there], ['INCR', there], ['GET', here], ['INCR', elsewhere], ['GET', there]);
    send(mesh, admin, 'CLIENT', 'PAUSE', '100000', mode);
    mesh.settle();
    expect(repliesOf(mesh, world.client)).toBe(mode === 'ALL' ? '' : '$-1\r\n');
    expect(world.node(1).owner.pausedCount).toBe(mode === 'ALL' ? 3 : 2);
    send(mesh, admin, 'CLIENT', 'UNPAUSE');
    expect(world.replies()).toBe('$-1\r\n:1\r\n$-1\r\n:1\r\n$1\r\n1\r\n');
    expect(world.left()).toEqual([]);
  });

  it('is followed by commands of its own shard, which leave behind it', () => {
    const world = new BurstRig(WORKERS);
    world.pipe(...inTurn(world, 16).map((key) => ['INCR', key]), ['PING'], ['INCR', world.key(0)]);
    world.pipe(['ECHO', 'x'], ['INCR', world.key(0)]);
    const counted = inTurn(world, 16).map((_, i) => `:${Math.floor(i / WORKERS) + 1}\r\n`).join('');
    expect(world.replies()).toBe(`${counted}+PONG\r\n:1\r\n$1\r\nx\r\n:2\r\n`);
    expect(world.left()).toEqual([]);
  });
});
