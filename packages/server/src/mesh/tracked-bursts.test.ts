/**
 * Bursts of clients that track keys: what they read is remembered where the keys are, once for each
 * key, by commands that wait at their owner too; what they change themselves they hear of behind
 * all replies of the burst. Where others are to be told, and behind CLIENT CACHING, the commands
 * go one by one.
 */
import { Flag } from '@kora/core';
import type { RespValue } from '@kora/protocol';
import { describe, expect, it } from 'vitest';
import { keysOf } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import { TrackingClient } from '../testing/tracking-client.ts';

const WORKERS = 2;
type Words = readonly string[];
const ignore = (): void => undefined;

class World {
  readonly mesh = new MeshRig(WORKERS);
  /** Keys of both workers in turn. */
  readonly keys: readonly string[];
  readonly client: TrackingClient;
  readonly writer: TrackingClient;
  /** Bursts of the client's worker. */
  count = 0;

  constructor(...options: readonly string[]) {
    const [here = [], there = []] = [keysOf(0, WORKERS, 4), keysOf(1, WORKERS, 4)];
    this.keys = here.flatMap((key, i) => [key, there[i] ?? '']);
    this.client = new TrackingClient(this.mesh, 0);
    this.writer = new TrackingClient(this.mesh, 1);
    this.client.send([['HELLO', '3'], ignore]);
    this.client.send([['CLIENT', 'TRACKING', 'ON', ...options], ignore]);
    this.settle();
    const { mesh } = this.mesh.rigs[0]!.worker;
    if (mesh === null) throw new Error('a rig of a mesh has its node');
    const publish = mesh.bursts.publish.bind(mesh.bursts);
    mesh.bursts.publish = (...burst) => {
      const isPublished = publish(...burst);
      if (isPublished) this.count++;
      return isPublished;
    };
  }

  settle(): void {
    this.mesh.settle();
    this.client.listen();
    this.writer.listen();
  }

  /** The replies to commands that are sent in one piece. */
  pipe(client: TrackingClient, ...commands: readonly Words[]): RespValue[] {
    const replies: RespValue[] = [];
    client.send(...commands.map((words) => [words, (value: RespValue) => {
      replies.push(value);
    }] as const));
    this.settle();
    return replies;
  }

  readAll(): RespValue[] {
    return this.pipe(this.client, ...this.keys.map((key) => ['GET', key]));
  }

  writeAll(value: string): void {
    for (const key of this.keys) this.pipe(this.writer, ['SET', key, value]);
  }

  told(): string[] {
    this.settle();
    return this.client.invalidated.splice(0);
  }
}

describe('a burst of a client that tracks keys', () => {
  it.each([[], ['OPTOUT'], ['NOLOOP']])('remembers what it reads, tracking %j', (...options) => {
    const world = new World(...options.flat());
    for (let round = 0; round < 3; round++) {
      world.readAll();
      world.readAll();
      expect(world.count).toBe(round * 2 + 2);
      const { rigs } = world.mesh;
      expect(rigs.map(({ worker }) => worker.shard.tracking.table.keyCount)).toEqual([4, 4]);
      world.writeAll(`v${round}`);
      expect(world.told()).toEqual(world.keys);
      expect(rigs.map(({ worker }) => worker.shard.tracking.table.keyCount)).toEqual([0, 0]);
    }
  });

  it('remembers nothing for those who have to say so, and nothing of writes', () => {
    const optIn = new World('OPTIN');
    optIn.readAll();
    optIn.writeAll('v');
    expect([optIn.count, optIn.told()]).toEqual([1, []]);
    const world = new World();
    world.pipe(world.client, ...world.keys.map((key) => ['APPEND', key, 'x']));
    world.writeAll('v');
    expect([world.count, world.told()]).toEqual([1, []]);
  });

  it('tells its own client of its changes behind all replies, and not with NOLOOP', () => {
    const world = new World();
    world.readAll();
    const order: string[] = [];
    world.client.send(...world.keys.map((key) => [['SET', key, '1'], () => {
      order.push(...world.client.invalidated, 'reply');
    }] as const));
    world.settle();
    expect(world.count).toBe(2);
    expect(order).toEqual(Array.from(world.keys, () => 'reply'));
    expect(world.told().sort()).toEqual([...world.keys].sort());
    const quiet = new World('NOLOOP');
    quiet.readAll();
    quiet.pipe(quiet.client, ...quiet.keys.map((key) => ['SET', key, '1']));
    expect([quiet.count, quiet.told()]).toEqual([2, []]);
  });

  it('tells prefixes of its changes, but its own client with NOLOOP', () => {
    for (const options of [['BCAST'], ['BCAST', 'NOLOOP']]) {
      const world = new World(...options);
      world.pipe(world.client, ...world.keys.map((key) => ['SET', key, '1']));
      expect(world.count).toBe(1);
      const expected = options.length === 1 ? [...world.keys].sort() : [];
      expect(world.told().sort()).toEqual(expected);
    }
  });

  it('is remembered also where its commands had to wait for a log', () => {
    const world = new World();
    const there = world.keys.filter((_, i) => i % 2 === 1);
    const rig = world.mesh.rigs[1]!;
    rig.composed.shard.barrier = {
      refusalOf: () => null, mustWait: (flags) => (flags & Flag.Write) !== 0,
    };
    const replies: RespValue[] = [];
    const commands = [['SET', there[0] ?? '', '1'], ...world.keys.map((key) => ['GET', key])];
    world.client.send(...commands.map((words) => [words, (value: RespValue) => {
      replies.push(value);
    }] as const));
    world.settle();
    expect([world.count, replies]).toEqual([1, []]);
    rig.composed.shard.barrier = null;
    for (let i = 0; i < 3; i++) {
      rig.tick(100);
      world.mesh.rest(1);
      world.settle();
    }
    expect(replies.slice(0, 3)).toEqual(['OK', null, '1']);
    expect(replies.length).toBe(9);
    world.writeAll('w');
    expect(world.told().sort()).toEqual([...world.keys].sort());
  });
});

describe('commands of a client that tracks keys go one by one', () => {
  it('where another connection is told', () => {
    const world = new World();
    const [id] = world.pipe(world.writer, ['CLIENT', 'ID']);
    if (typeof id !== 'number') throw new Error('an id is a number');
    world.pipe(world.client, ['CLIENT', 'TRACKING', 'OFF']);
    world.pipe(world.client, ['CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id)]);
    world.readAll();
    expect(world.count).toBe(0);
  });

  it('behind CLIENT CACHING, which is about one of them', () => {
    const world = new World('OPTIN');
    const reads = world.keys.map((key) => ['GET', key]);
    world.pipe(world.client, ['CLIENT', 'CACHING', 'YES'], ...reads);
    expect(world.count).toBe(0);
    world.writeAll('v');
    expect(world.told()).toEqual([world.keys[0]]);
  });
});
