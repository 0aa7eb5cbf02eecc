/**
 * Pipelines for several shards that have come together: one publication, with the own commands in
 * its place; and the cases in which they cannot have one place, where nothing of them is left and
 * they go one by one. INCR shows what has run twice or not at all.
 */
import { MeshControl } from '@kora/core';
import type { MeshOrder } from '@kora/core';
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { ask, connectTo, keysOf, pipe, repliesOf, send } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import type { MeshNode } from './mesh-node.ts';
import { PipelineOrder } from './origin.ts';

const WORKERS = 3;
const OK = '+OK\r\n';

class Bursting {
  readonly mesh = new MeshRig(WORKERS);
  readonly here = keysOf(0, WORKERS, 1)[0] ?? '';
  readonly there = keysOf(1, WORKERS, 1)[0] ?? '';
  readonly elsewhere = keysOf(2, WORKERS, 1)[0] ?? '';
  readonly client: MeshClient = connectTo(this.mesh, 0);
  readonly order: MeshOrder;
  /** Bursts that were published. */
  count = 0;

  constructor() {
    const { bursts, port } = this.node(0);
    this.order = new MeshControl(WORKERS, port.control.buffer).order;
    const publish = bursts.publish.bind(bursts);
    bursts.publish = (...burst) => {
      const isPublished = publish(...burst);
      if (isPublished) this.count++;
      return isPublished;
    };
  }

  node(worker: number): MeshNode {
    const { mesh } = this.mesh.rigs[worker]!.worker;
    if (mesh === null) throw new Error('a rig of a mesh has its node');
    return mesh;
  }

  /** Publications for each shard. */
  published(): number[] {
    return Array.from({ length: WORKERS }, (_, shard) => this.order.published(shard));
  }

  pipe(...commands: readonly (readonly string[])[]): void {
    pipe(this.mesh, this.client, ...commands);
  }

  /** Replies of the client, when all is at rest and nothing is left of windows. */
  replies(): string {
    this.mesh.settle();
    for (const { worker } of this.mesh.rigs) expect(worker.mesh?.origin.windowCount).toBe(0);
    return repliesOf(this.mesh, this.client);
  }

  /** INCR of the keys of all workers, so many times. */
  increments(times: number): string[][] {
    const keys = [this.there, this.here, this.elsewhere];
    return Array.from({ length: times }, () => keys.map((key) => ['INCR', key])).flat();
  }
}

/** Replies to `increments`, the first of them to numbers from `first` on. */
const counted = (times: number, first = 1): string =>
  Array.from({ length: times }, (_, i) => `:${first + i}\r\n`.repeat(3)).join('');

describe('a burst', () => {
  it('is one publication, and its own commands have run with it', () => {
    const world = new Bursting();
    const other = connectTo(world.mesh, 0);
    world.pipe(...world.increments(4));
    expect([world.count, world.published()]).toEqual([1, [0, 1, 1]]);
    expect(repliesOf(world.mesh, world.client)).toBe('');
    send(world.mesh, other, 'GET', world.here);
    expect(repliesOf(world.mesh, other)).toBe('$1\r\n4\r\n');
    expect(world.replies()).toBe(counted(4));
  });

  it('follows replies that are written and not sent', () => {
    const world = new Bursting();
    world.pipe(['PING'], ['SET', world.here, '0'], ['ECHO', 'x'], ...world.increments(3));
    expect(world.count).toBeGreaterThan(0);
    expect(world.replies()).toBe(`+PONG\r\n${OK}$1\r\nx\r\n${counted(3)}`);
  });

  it('follows bursts that are under way, as long as there are places for their replies', () => {
    const world = new Bursting();
    world.pipe(...world.increments(60));
    expect(world.count).toBeGreaterThan(1);
    world.pipe(...world.increments(20));
    expect(world.replies()).toBe(counted(80));
  });

  it('has run what others published before it', () => {
    const world = new Bursting();
    pipe(world.mesh, connectTo(world.mesh, 1), ['INCR', world.here], ['INCR', world.elsewhere]);
    world.pipe(...world.increments(1));
    expect([world.count, world.published()]).toEqual([1, [1, 1, 2]]);
    expect(world.replies()).toBe(':1\r\n:2\r\n:2\r\n');
  });

  it('of reads needs no place, unless their order matters', () => {
    const world = new Bursting();
    const reads = [['GET', world.there], ['GET', world.here], ['GET', world.elsewhere]];
    world.pipe(...reads);
    expect([world.count, world.published()]).toEqual([1, [0, 0, 0]]);
    expect(world.replies()).toBe('$-1\r\n'.repeat(3));
    world.node(0).origin.order = PipelineOrder.Strict;
    world.pipe(...reads);
    expect([world.count, world.published()]).toEqual([2, [0, 1, 1]]);
    expect(world.replies()).toBe('$-1\r\n'.repeat(6));
  });

  it('needs no place for one shard and with `relaxed`, and is none for its own', () => {
    const world = new Bursting();
    world.pipe(['INCR', world.there], ['INCR', world.there]);
    expect(world.count).toBe(1);
    expect(world.replies()).toBe(':1\r\n:2\r\n');
    world.pipe(['INCR', world.here], ['INCR', world.here]);
    expect(world.count).toBe(1);
    world.node(0).origin.order = PipelineOrder.Relaxed;
    world.pipe(...world.increments(1));
    expect([world.count, world.published()]).toEqual([2, [0, 0, 0]]);
    expect(world.replies()).toBe(':1\r\n:2\r\n:1\r\n:2\r\n:3\r\n:3\r\n:1\r\n');
  });

  it('has its place when more follows it, also for one shard', () => {
    const world = new Bursting();
    world.pipe(['INCR', world.there], ['INCR', world.there], ['PING']);
    expect([world.count, world.published()]).toEqual([1, [0, 1, 0]]);
    expect(world.replies()).toBe(':1\r\n:2\r\n+PONG\r\n');
  });

  it.each([false, true])('of reads follows one of reads, and none of writes: %s', (isWrite) => {
    const world = new Bursting();
    const reads = [['GET', world.there], ['GET', world.here], ['GET', world.elsewhere]];
    world.pipe(...reads);
    world.pipe(...(isWrite ? world.increments(1) : reads));
    expect([world.count, world.published()]).toEqual([isWrite ? 1 : 2, [0, 0, 0]]);
    const last = isWrite ? ':1\r\n' : '$-1\r\n';
    expect(world.replies()).toBe('$-1\r\n'.repeat(3) + last.repeat(3));
  });
});

describe('a burst that cannot have its place', () => {
  it('goes one by one while another thread has the lock', () => {
    const world = new Bursting();
    expect(world.order.tryLock()).toBe(true);
    world.pipe(...world.increments(4));
    expect([world.count, world.published()]).toEqual([0, [0, 0, 0]]);
    for (let turns = 0; turns < 5; turns++) world.mesh.turn(0);
    world.order.unlock();
    expect(world.replies()).toBe(counted(4));
  });

  it('goes one by one while a log is full', () => {
    const world = new Bursting();
    world.order.tryLock();
    while (world.order.hasRoom(2)) world.order.append(2, 1, 0);
    world.order.unlock();
    const full = world.order.published(2);
    world.pipe(...world.increments(4));
    // The first of it is alone when the second is this shard's.
    expect([world.count, world.published()]).toEqual([0, [0, 1, full]]);
    expect(world.replies()).toBe(counted(4));
  });

  it('goes one by one behind an intent that has not run here', () => {
    const world = new Bursting();
    const { here, there, elsewhere } = world;
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
    world.pipe(...world.increments(1));
    expect(world.count).toBe(0);
    expect(world.replies()).toBe(':11\r\n:11\r\n:11\r\n');
    expect(repliesOf(world.mesh, other)).toBe(OK);
  });

  it('goes one by one when one of it is too long, or finds no room in its ring', () => {
    const world = new Bursting();
    const { here, there, elsewhere } = world;
    const long = 'x'.repeat(20_000);
    world.pipe(['INCR', there], ['INCR', here], ['SET', elsewhere, long], ['INCR', there]);
    expect(world.count).toBe(0);
    expect(world.replies()).toBe(`:1\r\n:1\r\n${OK}:2\r\n`);
    const early = connectTo(world.mesh, 0);
    const set = ['SET', elsewhere, 'y'.repeat(15_000)];
    pipe(world.mesh, early, ['INCR', there], set, set, set);
    world.pipe(['INCR', there], ['INCR', here], set, set, ['STRLEN', elsewhere], ['INCR', there]);
    expect(world.count).toBe(0);
    const before = `:1\r\n:1\r\n${OK}:2\r\n`;
    expect(world.replies()).toBe(`${before}:4\r\n:2\r\n${OK}${OK}:15000\r\n:5\r\n`);
    expect(repliesOf(world.mesh, early)).toBe(`:3\r\n${OK}${OK}${OK}`);
  });

  it('leaves what was written before it in its lanes', () => {
    const world = new Bursting();
    const { there, elsewhere } = world;
    const early = connectTo(world.mesh, 0);
    world.order.tryLock();
    pipe(world.mesh, early, ['INCR', there], ['INCR', elsewhere]);
    world.pipe(...world.increments(2));
    expect(world.count).toBe(0);
    world.order.unlock();
    expect(world.replies()).toBe(':2\r\n:1\r\n:2\r\n:3\r\n:2\r\n:3\r\n');
    expect(repliesOf(world.mesh, early)).toBe(':1\r\n:1\r\n');
  });

  it('is none while something is locked here', () => {
    const world = new Bursting();
    const { here, there, elsewhere } = world;
    send(world.mesh, connectTo(world.mesh, 1), 'MSETNX', here, '10', there, '10', elsewhere, '10');
    world.mesh.turn(0);
    expect(world.node(0).gate.isOpen).toBe(false);
    world.pipe(...world.increments(1));
    expect(world.count).toBe(0);
    expect(world.replies()).toBe(':11\r\n:11\r\n:11\r\n');
    expect(ask(world.mesh, world.client, 'MGET', here, there)).toMatch(/11\r\n\$2\r\n11\r\n$/);
  });
});
