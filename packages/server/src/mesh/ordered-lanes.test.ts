/**
 * A worker's end of the order by example: a publication has its place on all its shards or on none,
 * whoever needs the lock waits its turn, what has a place runs before what comes after it, and a
 * worker that cannot go on with the order keeps its connections waiting and nothing else. Another
 * thread is played by its view of the same order, or by a worker whose turn comes in between.
 */
import { MeshControl } from '@kora/core';
import type { MeshOrder } from '@kora/core';
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { connectTo, keysOf, pipe, repliesOf, send } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import type { MeshNode } from './mesh-node.ts';
import type { OrderedLanes } from './ordered-lanes.ts';

const WORKERS = 3;
/** Turns that a test gives to what has to happen soon. */
const TURNS_MAX = 20;

class Lanes {
  readonly mesh: MeshRig;
  /** By worker: a key of it. */
  readonly keys = Array.from({ length: WORKERS }, (_, i) => keysOf(i, WORKERS, 1)[0] ?? '');
  /** Another thread's view. */
  readonly order: MeshOrder;

  /** @param aheadCountMax most requests that are found ahead; 1 = none, so none are a burst */
  constructor(aheadCountMax?: number) {
    this.mesh = new MeshRig(WORKERS, aheadCountMax === undefined ? {} : { aheadCountMax });
    this.order = new MeshControl(WORKERS, this.node(0).port.control.buffer).order;
  }

  node(worker: number): MeshNode {
    const { mesh } = this.mesh.rigs[worker]!.worker;
    if (mesh === null) throw new Error('a rig of a mesh has its node');
    return mesh;
  }

  lanes(worker: number): OrderedLanes {
    return this.node(worker).lanes;
  }

  connect(worker: number): MeshClient {
    return connectTo(this.mesh, worker);
  }

  replies(client: MeshClient): string {
    return repliesOf(this.mesh, client);
  }

  /** Commands that the worker's shard has run. */
  calls(worker: number): number {
    return this.mesh.rigs[worker]!.worker.shard.stats.calls.reduce((sum, calls) => sum + calls, 0);
  }

  published(): number[] {
    return Array.from({ length: WORKERS }, (_, shard) => this.order.published(shard));
  }

  /** A publication of another thread that holds nothing. */
  publishNothing(shard: number): void {
    this.order.append(shard, (shard + 1) % WORKERS, 0);
  }

  /** The same until the log of the shard is full. @returns entries that it has */
  fill(shard: number): number {
    expect(this.order.tryLock()).toBe(true);
    while (this.order.hasRoom(shard)) this.publishNothing(shard);
    this.order.unlock();
    return this.order.published(shard);
  }

  /** True when nobody has the lock. */
  isFree(): boolean {
    if (!this.order.tryLock()) return false;
    this.order.unlock();
    return true;
  }
}

const OK = '+OK\r\n';
const NULL = '$-1\r\n';

describe('a publication', () => {
  it('is of commands that others follow, and has its place on all its shards', () => {
    const world = new Lanes();
    const [, there, elsewhere] = world.keys;
    const client = world.connect(0);
    pipe(world.mesh, client, ['SET', there!, '1'], ['SET', elsewhere!, '1'], ['GET', there!]);
    expect(world.published()).toEqual([0, 1, 1]);
    expect(world.lanes(0).isPublished).toBe(true);
    world.mesh.settle();
    expect(world.replies(client)).toBe(`${OK}${OK}$1\r\n1\r\n`);
    send(world.mesh, client, 'SET', there!, '2');
    pipe(world.mesh, client, ['GET', there!], ['GET', elsewhere!]);
    world.mesh.settle();
    expect(world.published()).toEqual([0, 1, 1]);
  });

  it('waits, whole, while one of its logs is full', () => {
    const world = new Lanes();
    const [, there, elsewhere] = world.keys;
    const fullCount = world.fill(2);
    const client = world.connect(0);
    pipe(world.mesh, client, ['SET', there!, '1'], ['SET', elsewhere!, '1']);
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      expect(world.mesh.mayRun(0)).toBe(true);
      world.mesh.turn(0);
      world.mesh.turn(1);
    }
    expect(world.published()).toEqual([0, 0, fullCount]);
    expect([world.lanes(0).isPublished, world.isFree()]).toEqual([false, true]);
    expect(world.replies(client)).toBe('');
    world.mesh.turn(2);
    world.mesh.turn(0);
    expect(world.published()).toEqual([0, 1, fullCount + 1]);
    world.mesh.settle();
    expect(world.replies(client)).toBe(`${OK}${OK}`);
  });

  it('waits while another thread has the lock, and nobody else does', () => {
    const world = new Lanes();
    const [here, there, elsewhere] = world.keys;
    const [client, other] = [world.connect(0), world.connect(0)];
    expect(world.order.tryLock()).toBe(true);
    pipe(world.mesh, client, ['SET', there!, '1'], ['SET', elsewhere!, '1'], ['SET', here!, '1']);
    expect(world.published()).toEqual([0, 0, 0]);
    expect(world.mesh.mayRun(0)).toBe(true);
    // The third of the pipeline is this shard's, and does not run before those that it follows.
    send(world.mesh, other, 'GET', here!);
    expect(world.replies(other)).toBe(NULL);
    send(world.mesh, other, 'GET', there!);
    world.mesh.turn(1);
    world.mesh.turn(0);
    expect(world.replies(other)).toBe(`${NULL}${NULL}`);
    world.order.unlock();
    world.mesh.turn(0);
    expect(world.published()).toEqual([0, 1, 1]);
    world.mesh.settle();
    expect(world.replies(client)).toBe(`${OK}${OK}${OK}`);
  });

  it('does not carry a transaction into a log that is full, nor keep the lock for it', () => {
    const world = new Lanes();
    const [here, there, elsewhere] = world.keys;
    const fullCount = world.fill(2);
    const [client, other] = [world.connect(0), world.connect(0)];
    send(world.mesh, client, 'MSET', here!, '1', there!, '1', elsewhere!, '1');
    send(world.mesh, other, 'MSET', here!, '2', there!, '2');
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      world.mesh.turn(0);
      world.mesh.turn(1);
    }
    expect(world.published()).toEqual([0, 0, fullCount]);
    expect([world.isFree(), world.replies(client), world.replies(other)]).toEqual([true, '', '']);
    world.mesh.settle();
    expect([world.replies(client), world.replies(other)]).toEqual([OK, OK]);
    send(world.mesh, client, 'MGET', here!, there!, elsewhere!);
    world.mesh.settle();
    expect(world.replies(client)).toBe(`${OK}*3\r\n$1\r\n2\r\n$1\r\n2\r\n$1\r\n1\r\n`);
  });
});

describe('who holds the order', () => {
  it('has run all that has a place on its shard', () => {
    const world = new Lanes();
    const [here, , elsewhere] = world.keys;
    pipe(world.mesh, world.connect(1), ['SET', here!, '1'], ['SET', elsewhere!, '1']);
    expect(world.published()).toEqual([1, 0, 1]);
    const lanes = world.lanes(0);
    expect([lanes.isCaughtUp(), world.calls(0)]).toEqual([false, 0]);
    expect(lanes.hold(0b111)).toBe(true);
    expect([lanes.isCaughtUp(), world.calls(0), world.isFree()]).toEqual([true, 1, false]);
    expect(lanes.takeNumber()).toBe(1);
    expect(lanes.hold(0b101)).toBe(true);
    lanes.unlock();
    expect(world.isFree()).toBe(true);
    expect(() => lanes.takeNumber()).toThrow('under the lock');
  });

  it('does not get it while another thread has it, or a log is full', () => {
    const world = new Lanes();
    const lanes = world.lanes(0);
    world.order.tryLock();
    expect(lanes.hold(0b110)).toBe(false);
    world.order.unlock();
    world.fill(1);
    expect([lanes.hold(0b111), world.isFree()]).toEqual([false, true]);
    // The own log does not count: the own part needs no place in it.
    world.fill(0);
    expect([lanes.hold(0b101), world.isFree()]).toEqual([true, false]);
    // What it has is kept where more of it was asked for and not found.
    expect([lanes.hold(0b111), world.isFree()]).toEqual([false, false]);
    lanes.unlock();
    expect(world.isFree()).toBe(true);
  });

  it('gets it from those who publish without a pause', () => {
    const world = new Lanes();
    const lanes = world.lanes(0);
    const catchUp = lanes.catchUp.bind(lanes);
    let catchUps = 0;
    // Always when it has caught up, another thread is faster.
    lanes.catchUp = (): boolean => {
      const hasCaughtUp = catchUp();
      catchUps++;
      if (world.order.tryLock()) {
        for (let count = catchUps % 3; count >= 0; count--) world.publishNothing(0);
        world.order.unlock();
      }
      return hasCaughtUp;
    };
    for (let holds = 1; holds < TURNS_MAX; holds++) {
      expect(lanes.hold(0b110)).toBe(true);
      expect(lanes.isCaughtUp()).toBe(true);
      expect(catchUps).toBeLessThan(6 * holds);
      lanes.unlock();
    }
    expect(world.isFree()).toBe(true);
  });

  it('ends a transaction among those who publish without a pause', () => {
    const world = new Lanes();
    const [here, there, elsewhere] = world.keys;
    const busy = [world.connect(1), world.connect(2)];
    const client = world.connect(0);
    send(world.mesh, client, 'MSET', here!, 'x', there!, 'x', elsewhere!, 'x');
    for (let turns = 0; turns < TURNS_MAX && world.replies(client) === ''; turns++) {
      pipe(world.mesh, busy[0]!, ['SET', here!, '1'], ['SET', elsewhere!, '1']);
      pipe(world.mesh, busy[1]!, ['SET', there!, '2'], ['SET', here!, '2']);
      world.mesh.turn(0);
    }
    expect(world.replies(client)).toBe(OK);
  });

  it('does not keep it when it cannot catch up', () => {
    const world = new Lanes();
    const lanes = world.lanes(0);
    block(world);
    expect([lanes.hold(0b111), lanes.isBehind, world.isFree()]).toEqual([false, true, true]);
  });
});

describe('an intent that is published', () => {
  it('does not overtake what was said of its transaction along the other lane', () => {
    const world = new Lanes();
    const [here, there] = world.keys;
    const client = world.connect(0);
    const lanes = world.lanes(0);
    const publish = lanes.publish.bind(lanes);
    // The other worker looks before the turn, which publishes the other lanes at its end, is over.
    lanes.publish = (): boolean => {
      const isPublished = publish();
      world.mesh.turn(1);
      return isPublished;
    };
    const value = 'v'.repeat(1000);
    let wanted = '';
    for (const [from, to] of [[here, there], [there, here]] as const) {
      send(world.mesh, client, 'SET', from!, value);
      world.mesh.settle();
      send(world.mesh, client, 'RENAME', from!, to!);
      world.mesh.settle();
      send(world.mesh, client, 'MGET', from!, to!);
      world.mesh.settle();
      send(world.mesh, client, 'DEL', from!, to!);
      world.mesh.settle();
      wanted += `${OK}${OK}*2\r\n${NULL}$1000\r\n${value}\r\n:1\r\n`;
    }
    expect(world.replies(client) === wanted).toBe(true);
  });
});

describe('a session that goes on', () => {
  it('is behind all that a reply may tell of which came while others were run', () => {
    const world = new Lanes(1);
    const [here, there] = world.keys;
    const [client, other, third] = [world.connect(0), world.connect(1), world.connect(2)];
    // Of the same worker as the key of the GET, which does not wait for the MSET.
    const [, unlocked] = keysOf(1, WORKERS, 2);
    const node = world.node(0);
    const publish = node.lanes.publish.bind(node.lanes);
    // After what this turn has looked at, but before the GET is on its way.
    node.lanes.publish = (): boolean => {
      node.lanes.publish = publish;
      send(world.mesh, other, 'MSET', here!, 'm', unlocked!, 'm');
      return publish();
    };
    pipe(world.mesh, client, ['GET', there!], ['APPEND', here!, '+']);
    let isCatchingUp = false;
    before(node.lanes, 'catchUp', () => {
      isCatchingUp = true;
    });
    const takeWords = node.takeWords.bind(node);
    let hasAnswered = false;
    // While the part of the MSET is about to run: the GET sees what has its place behind that.
    node.takeWords = (peer): void => {
      if (!hasAnswered && isCatchingUp) {
        hasAnswered = true;
        pipe(world.mesh, third, ['SET', there!, 'new'], ['SET', here!, 'new']);
        world.mesh.turn(1);
      }
      takeWords(peer);
    };
    world.mesh.settle();
    expect([hasAnswered, world.replies(client)]).toEqual([true, '$3\r\nnew\r\n:4\r\n']);
  });
});

describe('a reply to what has ended with the turn', () => {
  it('is its own client\'s, where the own part refuses', () => {
    const world = new Lanes();
    const [here, there] = world.keys;
    const [client, other] = [world.connect(0), world.connect(0)];
    send(world.mesh, other, 'SET', here!, '1');
    send(world.mesh, client, 'MSETNX', here!, '2', there!, '2');
    send(world.mesh, other, 'PING');
    expect(world.replies(other)).toBe(`${OK}+PONG\r\n`);
    expect(world.replies(client)).toBe(':0\r\n');
  });

  it('is its own client\'s, where it came with what had its place before', () => {
    const world = new Lanes();
    const [here, there, elsewhere] = world.keys;
    const [client, other, third] = [world.connect(0), world.connect(0), world.connect(1)];
    send(world.mesh, client, 'GET', elsewhere!);
    world.mesh.turn(2);
    before(world.lanes(0), 'hold', () => {
      // The intent comes from the worker that has answered the GET.
      send(world.mesh, world.connect(2), 'MSET', here!, '1', elsewhere!, '1');
    });
    send(world.mesh, other, 'MGET', here!, there!);
    send(world.mesh, third, 'PING');
    const last = world.connect(0);
    send(world.mesh, last, 'PING');
    world.mesh.settle();
    expect(world.replies(last)).toBe('+PONG\r\n');
    expect(world.replies(client)).toBe(NULL);
    expect(world.replies(other)).toBe(`*2\r\n$1\r\n1\r\n${NULL}`);
  });
});

describe('a command of the own shard behind others in the order', () => {
  it('runs after what came before them here', () => {
    const world = new Lanes(1);
    const [here, there, elsewhere] = world.keys;
    const [client, other] = [world.connect(0), world.connect(1)];
    // Another worker publishes between the receiving of the bytes and their running.
    before(world.lanes(0), 'settle', () => {
      pipe(world.mesh, other, ['SET', here!, 'first'], ['SET', elsewhere!, 'first']);
    });
    pipe(world.mesh, client, ['SET', there!, 'second'], ['APPEND', here!, ', second']);
    expect(world.published()).toEqual([1, 1, 1]);
    world.mesh.settle();
    expect(world.replies(client)).toBe(`${OK}:13\r\n`);
  });

  it('waits where transactions came before them, until those have run', () => {
    const world = new Lanes(1);
    const [here, there, elsewhere] = world.keys;
    const [client, other] = [world.connect(0), world.connect(1)];
    let wasBehind = false;
    before(world.lanes(0), 'settle', () => {
      send(world.mesh, other, 'MSET', here!, 'first', elsewhere!, 'first');
    });
    before(world.lanes(0), 'catchUp', () => {
      wasBehind = world.lanes(0).isBehind;
    });
    pipe(world.mesh, client, ['SET', there!, 'second'], ['APPEND', here!, ', second']);
    expect(wasBehind).toBe(true);
    world.mesh.settle();
    expect(world.replies(client)).toBe(`${OK}:13\r\n`);
  });

  it('lets all run up to the first intent, and says that it is behind', () => {
    const world = new Lanes(1);
    const [here, , elsewhere] = world.keys;
    const [one, other, third] = [world.connect(1), world.connect(2), world.connect(2)];
    pipe(world.mesh, one, ['SET', here!, '1'], ['SET', elsewhere!, '1']);
    const lanes = world.lanes(0);
    expect([lanes.settle(), lanes.isBehind, world.calls(0)]).toEqual([true, false, 1]);
    pipe(world.mesh, other, ['APPEND', here!, '2'], ['SET', elsewhere!, '2']);
    send(world.mesh, third, 'MSET', here!, '3', world.keys[1]!, '3');
    pipe(world.mesh, world.connect(1), ['APPEND', here!, '4'], ['SET', elsewhere!, '4']);
    const calls = world.calls(0);
    expect([lanes.settle(), lanes.isBehind, world.calls(0)]).toEqual([false, true, calls + 1]);
    expect([lanes.settle(), world.calls(0)]).toEqual([false, calls + 1]);
    world.mesh.settle();
    expect([lanes.isBehind, lanes.isCaughtUp()]).toEqual([false, true]);
    const reader = world.connect(0);
    send(world.mesh, reader, 'GET', here!);
    expect(world.replies(reader)).toBe('$2\r\n34\r\n');
  });
});

/**
 * Worker 0 is behind from its next turn on: its replies to worker 1, which takes no turn, find no
 * room. @param meanwhile called when all is at rest, before the replies are asked for
 */
function block(world: Lanes, meanwhile = (): void => undefined): MeshClient {
  const [here, , elsewhere] = world.keys;
  const client = world.connect(1);
  send(world.mesh, client, 'SET', here!, 'v'.repeat(4000));
  world.mesh.settle();
  meanwhile();
  const gets = Array.from({ length: 40 }, () => ['GET', here!]);
  pipe(world.mesh, client, ['SET', elsewhere!, '1'], ...gets);
  return client;
}

/** Calls something before a method of the lanes is called next. */
function before(
  lanes: OrderedLanes, name: 'settle' | 'catchUp' | 'hold', first: () => void,
): void {
  const method = lanes[name].bind(lanes);
  let isFirst = true;
  lanes[name] = (shards: number = 0): boolean => {
    const wasFirst = isFirst;
    isFirst = false;
    if (wasFirst) first();
    return method(shards);
  };
}

describe('a worker that cannot go on with the order', () => {
  it('keeps its connections and plain requests waiting, and then goes on', () => {
    const world = new Lanes();
    const [here] = world.keys;
    const slow = block(world);
    world.mesh.turn(0);
    const lanes = world.lanes(0);
    expect([lanes.isBehind, lanes.isCaughtUp()]).toEqual([true, false]);
    const [own, far] = [world.connect(0), world.connect(2)];
    send(world.mesh, own, 'STRLEN', here!);
    send(world.mesh, far, 'STRLEN', here!);
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      world.mesh.turn(0);
      world.mesh.turn(2);
    }
    expect([lanes.isBehind, world.replies(own), world.replies(far)]).toEqual([true, '', '']);
    world.mesh.settle();
    expect([lanes.isBehind, lanes.isCaughtUp()]).toEqual([false, true]);
    expect([world.replies(own), world.replies(far)]).toEqual([':4000\r\n', ':4000\r\n']);
    const value = `$4000\r\n${'v'.repeat(4000)}\r\n`;
    expect(world.replies(slow) === `${OK}${OK}${value.repeat(40)}`).toBe(true);
  });

  it('sleeps until there is room, instead of trying', () => {
    const world = new Lanes();
    block(world);
    for (let turns = 0; turns < TURNS_MAX && world.mesh.mayRun(0); turns++) world.mesh.turn(0);
    expect([world.lanes(0).isBehind, world.mesh.mayRun(0)]).toEqual([true, false]);
    world.mesh.turn(1);
    expect(world.mesh.mayRun(0)).toBe(true);
    world.mesh.settle();
    expect(world.lanes(0).isBehind).toBe(false);
  });

  it('takes the words that others say, and answers them', () => {
    const world = new Lanes();
    const [, there, elsewhere] = world.keys;
    const [fresh] = keysOf(0, WORKERS, 2).slice(1);
    const client = world.connect(2);
    block(world, () => {
      send(world.mesh, client, 'MSETNX', fresh!, '1', there!, '1', elsewhere!, '1');
      world.mesh.turn(0);
      world.mesh.turn(1);
      expect(world.node(0).gate.isOpen).toBe(false);
    });
    world.mesh.turn(0);
    expect([world.lanes(0).isBehind, world.replies(client)]).toEqual([true, '']);
    // All have agreed: worker 2 says so, 0 and 1 run.
    world.mesh.turn(2);
    world.mesh.turn(0);
    expect([world.lanes(0).isBehind, world.node(0).gate.isOpen]).toEqual([true, true]);
    world.mesh.settle();
    expect(world.replies(client)).toBe(':1\r\n');
  });

  it('ends a connection that has gone meanwhile', () => {
    const world = new Lanes();
    const [here, there] = world.keys;
    block(world);
    world.mesh.turn(0);
    const own = world.connect(0);
    pipe(world.mesh, own, ['SET', there!, '1'], ['SET', here!, '1']);
    world.mesh.disconnect(0, own.slot);
    world.mesh.settle();
    expect(world.node(0).origin.windowCount).toBe(0);
    expect(world.lanes(0).isBehind).toBe(false);
  });
});
