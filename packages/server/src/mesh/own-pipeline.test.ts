/**
 * A pipeline whose keys are all of the worker it came to: it runs as without other workers, asks
 * nobody where it belongs, and publishes nothing. Where something is in its way (a pause, replies
 * under way) its commands go one by one, by the rules for all; and who is served by one of them
 * gets nothing of its replies.
 */
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { connectTo, keysOf, pipe, repliesOf, send } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';

const WORKERS = 2;
const OK = '+OK\r\n';

class World {
  readonly mesh = new MeshRig(WORKERS);
  readonly keys = keysOf(0, WORKERS, 3);
  readonly there = keysOf(1, WORKERS, 1)[0] ?? '';
  readonly client: MeshClient = connectTo(this.mesh, 0);
  /** Commands that were asked where they belong. */
  asked: string[] = [];

  constructor() {
    const { mesh } = this.mesh.rigs[0]!.worker;
    if (mesh === null) throw new Error('a rig of a mesh has its node');
    const { origin } = mesh;
    const dispatch = origin.dispatch.bind(origin);
    origin.dispatch = (session, command, ...rest) => {
      this.asked.push(command.name);
      return dispatch(session, command, ...rest);
    };
  }

  pipe(...commands: readonly (readonly string[])[]): void {
    this.asked = [];
    pipe(this.mesh, this.client, ...commands);
  }

  /** All that it has got since the beginning, when all is at rest. */
  replies(of: MeshClient = this.client): string {
    this.mesh.settle();
    return repliesOf(this.mesh, of);
  }
}

describe('a pipeline of own keys', () => {
  it('runs at once, and asks nobody', () => {
    const world = new World();
    const [a = '', b = ''] = world.keys;
    world.pipe(['SET', a, '1'], ['INCR', a], ['GET', b], ['RPUSH', a, 'x'], ['INCR', a]);
    expect(world.asked).toEqual([]);
    const wrong = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n';
    expect(repliesOf(world.mesh, world.client)).toBe(`${OK}:2\r\n$-1\r\n${wrong}:3\r\n`);
  });

  it('follows the rules for all where one of it is of another worker', () => {
    const world = new World();
    const [a = ''] = world.keys;
    world.pipe(['SET', a, '1'], ['SET', world.there, '2'], ['INCR', a], ['INCR', world.there]);
    expect(world.replies()).toBe(`${OK}${OK}:2\r\n:3\r\n`);
  });

  it('follows replies that are under way', () => {
    const world = new World();
    const [a = ''] = world.keys;
    world.pipe(['SET', world.there, 'x']);
    world.pipe(['SET', a, '1'], ['INCR', a], ['INCR', a]);
    expect(world.asked.length).toBeGreaterThan(0);
    expect(world.replies()).toBe(`${OK}${OK}:2\r\n:3\r\n`);
  });

  it('waits in its place while a pause holds it', () => {
    const world = new World();
    const [a = ''] = world.keys;
    const other = connectTo(world.mesh, 0);
    send(world.mesh, other, 'CLIENT', 'PAUSE', '100000', 'WRITE');
    world.mesh.settle();
    world.pipe(['GET', a], ['SET', a, '1'], ['GET', a]);
    expect(world.replies()).toBe('$-1\r\n');
    send(world.mesh, other, 'CLIENT', 'UNPAUSE');
    expect(world.replies()).toBe(`$-1\r\n${OK}$1\r\n1\r\n`);
    expect(world.replies(other)).toBe(OK + OK);
  });

  it('serves who waits for keys of several workers, each with its own replies', () => {
    const world = new World();
    const [a = '', b = ''] = world.keys;
    const near = connectTo(world.mesh, 0);
    const far = connectTo(world.mesh, 1);
    send(world.mesh, near, 'BLPOP', world.there, a, '0');
    send(world.mesh, far, 'BLPOP', b, world.there, '0');
    world.mesh.settle();
    world.pipe(
      ['RPUSH', a, 'one', 'two'], ['LLEN', a], ['RPUSH', b, 'three'], ['LLEN', b], ['GET', 'no'],
    );
    const served = (key: string, value: string): string =>
      `*2\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`;
    expect(world.replies()).toBe(':2\r\n:1\r\n:1\r\n:0\r\n$-1\r\n');
    expect(world.replies(near)).toBe(served(a, 'one'));
    expect(world.replies(far)).toBe(served(b, 'three'));
  });

  it('is shown to monitors, command by command', () => {
    const world = new World();
    const [a = '', b = ''] = world.keys;
    const monitor = connectTo(world.mesh, 1);
    send(world.mesh, monitor, 'MONITOR');
    expect(world.replies(monitor)).toBe(OK);
    world.pipe(['SET', a, '1'], ['GET', b]);
    expect(world.replies()).toBe(`${OK}$-1\r\n`);
    const lines = world.replies(monitor).split('\r\n').filter((line) => line !== '');
    expect(lines.map((line) => line.replace(/^.*?\] /, ''))).toEqual([
      '+OK', `"SET" "${a}" "1"`, `"GET" "${b}"`,
    ]);
  });
});
