/**
 * Pipelines for several shards that have come together: one publication, with the own commands in
 * its place; and the cases in which they cannot have one place, where nothing of them is left and
 * they go one by one. INCR shows what has run twice or not at all.
 */
import { MeshControl } from '@kora/core';
import type { MeshOrder } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { BurstRig } from '../testing/burst-rig.ts';
import { ask, connectTo, pipe, repliesOf, send } from '../testing/mesh-clients.ts';
import { PipelineOrder } from './origin.ts';

const WORKERS = 3;
const OK = '+OK\r\n';

/** The order of the mesh, as one looks at it from outside. */
const orderOf = (world: BurstRig): MeshOrder =>
  new MeshControl(WORKERS, world.node(0).port.control.buffer).order;

/** Publications for each shard. */
const publishedOf = (world: BurstRig): number[] =>
  Array.from({ length: WORKERS }, (_, shard) => orderOf(world).published(shard));

/** INCR of the keys of all workers, so many times. */
const increments = (world: BurstRig, times: number): string[][] => {
  const keys = [1, 0, 2].map((worker) => world.key(worker));
  return Array.from({ length: times }, () => keys.map((key) => ['INCR', key])).flat();
};

/** Replies of the client, when all is at rest and nothing is left of windows. */
function repliesAtRest(world: BurstRig): string {
  const replies = world.replies();
  for (const { worker } of world.mesh.rigs) expect(worker.mesh?.origin.windowCount).toBe(0);
  return replies;
}

/** Replies to `increments`, the first of them to numbers from `first` on. */
const counted = (times: number, first = 1): string =>
  Array.from({ length: times }, (_, i) => `:${first + i}\r\n`.repeat(3)).join('');

describe('a burst', () => {
  it('is one publication, and its own commands have run with it', () => {
    const world = new BurstRig(WORKERS);
    const other = connectTo(world.mesh, 0);
    world.pipe(...increments(world, 4));
    expect([world.count, publishedOf(world)]).toEqual([1, [0, 1, 1]]);
    expect(repliesOf(world.mesh, world.client)).toBe('');
    send(world.mesh, other, 'GET', world.key(0));
    expect(repliesOf(world.mesh, other)).toBe('$1\r\n4\r\n');
    expect(repliesAtRest(world)).toBe(counted(4));
  });

  it('follows replies that are written and not sent', () => {
    const world = new BurstRig(WORKERS);
    world.pipe(['PING'], ['SET', world.key(0), '0'], ['ECHO', 'x'], ...increments(world, 3));
    expect(world.count).toBeGreaterThan(0);
    expect(repliesAtRest(world)).toBe(`+PONG\r\n${OK}$1\r\nx\r\n${counted(3)}`);
  });

  it('follows bursts that are under way, as long as there are places for their replies', () => {
    const world = new BurstRig(WORKERS);
    world.pipe(...increments(world, 60));
    expect(world.count).toBeGreaterThan(1);
    world.pipe(...increments(world, 20));
    expect(repliesAtRest(world)).toBe(counted(80));
  });

  it('has run what others published before it', () => {
    const world = new BurstRig(WORKERS);
    pipe(world.mesh, connectTo(world.mesh, 1), ['INCR', world.key(0)], ['INCR', world.key(2)]);
    world.pipe(...increments(world, 1));
    expect([world.count, publishedOf(world)]).toEqual([1, [1, 1, 2]]);
    expect(repliesAtRest(world)).toBe(':1\r\n:2\r\n:2\r\n');
  });

  it('of reads needs no place, unless their order matters', () => {
    const world = new BurstRig(WORKERS);
    const reads = [['GET', world.key(1)], ['GET', world.key(0)], ['GET', world.key(2)]];
    world.pipe(...reads);
    expect([world.count, publishedOf(world)]).toEqual([1, [0, 0, 0]]);
    expect(repliesAtRest(world)).toBe('$-1\r\n'.repeat(3));
    world.node(0).origin.order = PipelineOrder.Strict;
    world.pipe(...reads);
    expect([world.count, publishedOf(world)]).toEqual([2, [0, 1, 1]]);
    expect(repliesAtRest(world)).toBe('$-1\r\n'.repeat(6));
  });

  it('needs no place for one shard and with `relaxed`, and is none for its own', () => {
    const world = new BurstRig(WORKERS);
    world.pipe(['INCR', world.key(1)], ['INCR', world.key(1)]);
    expect(world.count).toBe(1);
    expect(repliesAtRest(world)).toBe(':1\r\n:2\r\n');
    world.pipe(['INCR', world.key(0)], ['INCR', world.key(0)]);
    expect(world.count).toBe(1);
    world.node(0).origin.order = PipelineOrder.Relaxed;
    world.pipe(...increments(world, 1));
    expect([world.count, publishedOf(world)]).toEqual([2, [0, 0, 0]]);
    expect(repliesAtRest(world)).toBe(':1\r\n:2\r\n:1\r\n:2\r\n:3\r\n:3\r\n:1\r\n');
  });

  it('has its place when more follows it, also for one shard', () => {
    const world = new BurstRig(WORKERS);
    world.pipe(['INCR', world.key(1)], ['INCR', world.key(1)], ['PING']);
    expect([world.count, publishedOf(world)]).toEqual([1, [0, 1, 0]]);
    expect(repliesAtRest(world)).toBe(':1\r\n:2\r\n+PONG\r\n');
  });

  it.each([false, true])('of reads follows one of reads, and none of writes: %s', (isWrite) => {
    const world = new BurstRig(WORKERS);
    const reads = [['GET', world.key(1)], ['GET', world.key(0)], ['GET', world.key(2)]];
    world.pipe(...reads);
    world.pipe(...(isWrite ? increments(world, 1) : reads));
    expect([world.count, publishedOf(world)]).toEqual([isWrite ? 1 : 2, [0, 0, 0]]);
    const last = isWrite ? ':1\r\n' : '$-1\r\n';
    expect(repliesAtRest(world)).toBe('$-1\r\n'.repeat(3) + last.repeat(3));
  });
});

describe('a burst that cannot have its place', () => {
  it('goes one by one while another thread has the lock', () => {
    const world = new BurstRig(WORKERS);
    const order = orderOf(world);
    expect(order.tryLock()).toBe(true);
    world.pipe(...increments(world, 4));
    expect([world.count, publishedOf(world)]).toEqual([0, [0, 0, 0]]);
    for (let turns = 0; turns < 5; turns++) world.mesh.turn(0);
    order.unlock();
    expect(repliesAtRest(world)).toBe(counted(4));
  });

  it('goes one by one while a log is full', () => {
    const world = new BurstRig(WORKERS);
    const order = orderOf(world);
    order.tryLock();
    while (order.hasRoom(2)) order.append(2, 1, 0);
    order.unlock();
    const full = order.published(2);
    world.pipe(...increments(world, 4));
    // The first of it is alone when the second is this shard's.
    expect([world.count, publishedOf(world)]).toEqual([0, [0, 1, full]]);
    expect(repliesAtRest(world)).toBe(counted(4));
  });

  it('goes one by one behind an intent that has not run here', () => {
    const world = new BurstRig(WORKERS);
    const [here, there, elsewhere] = [world.key(0), world.key(1), world.key(2)];
    const other = connectTo(world.mesh, 1);
    const { lanes } = world.node(0);
    const publishCaughtUp = lanes.publishCaughtUp.bind(lanes);
    let isFirst = true;
    // It comes between the receiving of the bytes and their running.
    lanes.publishCaughtUp = () => {
      if (isFirst) send(world.mesh, other, 'MSET', here, '10', elsewhere, '10', there, '10');
      isFirst = false;
      return publishCaughtUp();
    };
    world.pipe(...increments(world, 1));
    expect(world.count).toBe(0);
    expect(repliesAtRest(world)).toBe(':11\r\n:11\r\n:11\r\n');
    expect(repliesOf(world.mesh, other)).toBe(OK);
  });

  it('goes one by one when one of it is too long, or finds no room in its ring', () => {
    const world = new BurstRig(WORKERS);
    const [here, there, elsewhere] = [world.key(0), world.key(1), world.key(2)];
    const long = 'x'.repeat(20_000);
    world.pipe(['INCR', there], ['INCR', here], ['SET', elsewhere, long], ['INCR', there]);
    expect(world.count).toBe(0);
    expect(repliesAtRest(world)).toBe(`:1\r\n:1\r\n${OK}:2\r\n`);
    const early = connectTo(world.mesh, 0);
    const set = ['SET', elsewhere, 'y'.repeat(15_000)];
    pipe(world.mesh, early, ['INCR', there], set, set, set);
    world.pipe(['INCR', there], ['INCR', here], set, set, ['STRLEN', elsewhere], ['INCR', there]);
    expect(world.count).toBe(0);
    const before = `:1\r\n:1\r\n${OK}:2\r\n`;
    expect(repliesAtRest(world)).toBe(`${before}:4\r\n:2\r\n${OK}${OK}:15000\r\n:5\r\n`);
    expect(repliesOf(world.mesh, early)).toBe(`:3\r\n${OK}${OK}${OK}`);
  });

  it('leaves what was written before it in its lanes', () => {
    const world = new BurstRig(WORKERS);
    const order = orderOf(world);
    const [there, elsewhere] = [world.key(1), world.key(2)];
    const early = connectTo(world.mesh, 0);
    order.tryLock();
    pipe(world.mesh, early, ['INCR', there], ['INCR', elsewhere]);
    world.pipe(...increments(world, 2));
    expect(world.count).toBe(0);
    order.unlock();
    expect(repliesAtRest(world)).toBe(':2\r\n:1\r\n:2\r\n:3\r\n:2\r\n:3\r\n');
    expect(repliesOf(world.mesh, early)).toBe(':1\r\n:1\r\n');
  });

  it('is none while something is locked here', () => {
    const world = new BurstRig(WORKERS);
    const [here, there, elsewhere] = [world.key(0), world.key(1), world.key(2)];
    send(world.mesh, connectTo(world.mesh, 1), 'MSETNX', here, '10', there, '10', elsewhere, '10');
    world.mesh.turn(0);
    expect(world.node(0).gate.isOpen).toBe(false);
    world.pipe(...increments(world, 1));
    expect(world.count).toBe(0);
    expect(repliesAtRest(world)).toBe(':11\r\n:11\r\n:11\r\n');
    expect(ask(world.mesh, world.client, 'MGET', here, there)).toMatch(/11\r\n\$2\r\n11\r\n$/);
  });
});
