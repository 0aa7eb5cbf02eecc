/**
 * Several workers while the log of one of them is late (Barrier.mustWait): its changes wait, those
 * of bursts and those that its peers have sent included, in their place; reads run, and so does
 * what other shards have. When the log has caught up all of them run, in the order they came.
 */
import type { Barrier } from '@kora/core';
import { Flag } from '@kora/core';
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { connectTo, keysOf, pipe, repliesOf } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';

const WORKERS = 2;
const OK = '+OK\r\n';

const late: Barrier = {
  refusalOf: () => null,
  mustWait: (flags) => (flags & Flag.Write) !== 0,
};

class World {
  readonly mesh = new MeshRig(WORKERS);
  readonly keys = [keysOf(0, WORKERS, 8), keysOf(1, WORKERS, 8)];

  key(worker: number, which: number): string {
    return this.keys[worker]?.[which] ?? '';
  }

  setLate(worker: number, isLate: boolean): void {
    const rig = this.mesh.rigs[worker]!;
    rig.composed.shard.barrier = isLate ? late : null;
    for (let i = 0; i < 3; i++) {
      rig.tick(100);
      this.mesh.rest(worker);
      this.mesh.settle();
    }
  }

  /** Six commands for keys of both workers in turn. */
  increments(): string[][] {
    return Array.from({ length: 6 }, (_, i) => ['INCR', this.key(i % 2, i >> 1)]);
  }

  replies(of: MeshClient): string {
    this.mesh.settle();
    return repliesOf(this.mesh, of);
  }
}

describe('changes while a log is late', () => {
  it.each([0, 1])('wait in bursts to and from worker %i, and then run in order', (slow) => {
    const world = new World();
    const { mesh } = world;
    const clients = [connectTo(mesh, 0), connectTo(mesh, 1)];
    world.setLate(slow, true);
    for (const client of clients) {
      pipe(mesh, client, ...world.increments());
      pipe(mesh, client, ...world.increments());
    }
    mesh.settle();
    const reader = connectTo(mesh, slow);
    pipe(mesh, reader, ['GET', world.key(slow, 0)], ['GET', world.key(slow, 1)]);
    expect(world.replies(reader)).toBe('$-1\r\n$-1\r\n');
    const setter = connectTo(mesh, 1 - slow);
    pipe(mesh, setter, ['SET', world.key(1 - slow, 7), '1'], ['SET', world.key(1 - slow, 6), '1']);
    expect(world.replies(setter)).toBe(OK + OK);
    world.setLate(slow, false);
    const counts = clients.map((client) => world.replies(client).split('\r\n').slice(0, -1));
    expect(counts.map(({ length }) => length)).toEqual([12, 12]);
    for (let key = 0; key < 6; key++) {
      const seen = counts.flatMap((of) => [of[key] ?? '', of[key + 6] ?? '']);
      expect([...seen].sort()).toEqual([':1', ':2', ':3', ':4']);
      for (const of of counts) expect((of[key] ?? '') < (of[key + 6] ?? '')).toBe(true);
    }
    for (const { worker } of mesh.rigs) {
      expect([worker.mesh?.origin.windowCount, worker.mesh?.owner.pausedCount]).toEqual([0, 0]);
    }
  });

  it('keep what their connection sends behind them waiting, reads included', () => {
    const world = new World();
    const { mesh } = world;
    const client = connectTo(mesh, 0);
    world.setLate(1, true);
    const [a, b] = [world.key(1, 0), world.key(0, 0)];
    pipe(mesh, client, ['SET', a, '1'], ['SET', b, '2'], ['GET', a], ['GET', b]);
    expect(world.replies(client)).toBe('');
    world.setLate(1, false);
    expect(world.replies(client)).toBe(`${OK}${OK}$1\r\n1\r\n$1\r\n2\r\n`);
  });
});
