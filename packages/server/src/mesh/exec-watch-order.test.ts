/**
 * WATCH is a promise about the order of everything: an EXEC that succeeds has nothing before it
 * that changed a key its client watches, on any shard. So while a transaction that changes one has
 * its place before an EXEC and has not run yet, the EXEC waits for it and fails; and one that comes
 * behind an EXEC waits for that. Each case gives the turns of the workers by hand.
 */
import { INTENT_LOCK_COUNT_MAX, slotOfKey, WholeLock } from '@kora/core';
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { ask, connectTo, keysOf, pipe, repliesOf, send } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import type { MeshNode } from './mesh-node.ts';

const OK = '+OK\r\n';
const NIL = '*-1\r\n';
const NEW = '$3\r\nnew\r\n';
const OLD = '$3\r\nold\r\n';

class Mesh {
  readonly rig: MeshRig;
  readonly #workerCount: number;

  constructor(workerCount: number) {
    this.rig = new MeshRig(workerCount);
    this.#workerCount = workerCount;
  }

  node(worker: number): MeshNode {
    const { mesh } = this.rig.rigs[worker]!.worker;
    if (mesh === null) throw new Error('a rig of a mesh has its node');
    return mesh;
  }

  /** A client of the worker, and keys that are there with the value `old`. */
  connect(worker: number): MeshClient {
    return connectTo(this.rig, worker);
  }

  keys(worker: number, count: number): string[] {
    const keys = keysOf(worker, this.#workerCount, count);
    const client = this.connect(worker);
    for (const key of keys.slice(0, 3)) expect(ask(this.rig, client, 'SET', key, 'old')).toBe(OK);
    return keys;
  }

  ask(client: MeshClient, ...words: string[]): string {
    return ask(this.rig, client, ...words);
  }

  /** All commands of a transaction at once; nothing but the turn of the client's worker happens. */
  exec(client: MeshClient, ...commands: string[][]): void {
    pipe(this.rig, client, ['MULTI'], ...commands, ['EXEC']);
  }

  /** The answer to the client's last EXEC: all behind what was queued last. */
  answer(client: MeshClient): string {
    return repliesOf(this.rig, client).split('+QUEUED\r\n').at(-1) ?? '';
  }

  /** Whether the key is locked for readers, and for writers. */
  locksOf(key: string, owner: number): boolean[] {
    const { locks } = this.node(owner).gate;
    return [false, true].map((isWrite) => locks.conflictsWith(slotOf(key), isWrite));
  }

  /** Nothing is left of any transaction or watch. */
  expectRest(): void {
    for (const [worker, { worker: { shard } }] of this.rig.rigs.entries()) {
      const { gate, participation } = this.node(worker);
      expect([gate.isOpen, gate.parkedCount, participation.watches.count]).toEqual([true, 0, 0]);
      while (shard.transactions.watches.step());
      expect(shard.transactions.watches.watchCount).toBe(0);
    }
  }
}

function slotOf(key: string): number {
  const bytes = Buffer.from(key, 'latin1');
  return slotOfKey(bytes, 0, bytes.length);
}

describe('an EXEC behind a transaction that changes what its client watches', () => {
  it('fails, where the key is of another worker', () => {
    const mesh = new Mesh(3);
    const [[watched], [read]] = [mesh.keys(1, 1), mesh.keys(2, 1)];
    const [client, writer] = [mesh.connect(0), mesh.connect(0)];
    expect(mesh.ask(client, 'WATCH', watched!)).toBe(OK);
    send(mesh.rig, writer, 'MSET', watched!, 'new', read!, 'new');
    mesh.exec(client, ['GET', read!]);
    mesh.rig.settle();
    expect([repliesOf(mesh.rig, writer), mesh.answer(client)]).toEqual([OK, NIL]);
    mesh.expectRest();
  });

  it('fails, where the key is of its own worker', () => {
    const mesh = new Mesh(3);
    const [[watched], [read]] = [mesh.keys(0, 1), mesh.keys(1, 1)];
    const [client, writer] = [mesh.connect(0), mesh.connect(2)];
    expect(mesh.ask(client, 'WATCH', watched!)).toBe(OK);
    send(mesh.rig, writer, 'MSET', watched!, 'new', read!, 'new');
    mesh.rig.turn(0);
    mesh.exec(client, ['GET', read!]);
    mesh.rig.settle();
    expect([repliesOf(mesh.rig, writer), mesh.answer(client)]).toEqual([OK, NIL]);
    mesh.expectRest();
  });

  it('fails, where all keys of both are of its own worker but one that nobody asks', () => {
    const mesh = new Mesh(3);
    const [[watched, own], [there]] = [mesh.keys(0, 2), mesh.keys(1, 1)];
    const [client, writer, witness] = [mesh.connect(0), mesh.connect(0), mesh.connect(2)];
    expect(mesh.ask(client, 'WATCH', watched!)).toBe(OK);
    send(mesh.rig, writer, 'MSET', watched!, 'new', there!, 'new');
    mesh.rig.turn(1);
    send(mesh.rig, witness, 'GET', there!);
    mesh.rig.turn(1);
    mesh.rig.turn(2);
    expect(repliesOf(mesh.rig, witness)).toBe(NEW);
    mesh.exec(client, ['SET', own!, 'mine']);
    mesh.rig.settle();
    expect([repliesOf(mesh.rig, writer), mesh.answer(client)]).toEqual([OK, NIL]);
    expect(mesh.ask(witness, 'GET', own!)).toBe(OLD);
    mesh.expectRest();
  });

  it('waits for it once, whatever makes it try again', () => {
    const mesh = new Mesh(3);
    const [[watched, own], [there]] = [mesh.keys(0, 2), mesh.keys(1, 1)];
    const [client, writer] = [mesh.connect(0), mesh.connect(2)];
    const [, id] = /^:(\d+)/.exec(mesh.ask(client, 'CLIENT', 'ID')) ?? [];
    expect(mesh.ask(client, 'WATCH', watched!)).toBe(OK);
    send(mesh.rig, writer, 'MSET', watched!, 'new', there!, 'new');
    mesh.rig.turn(0);
    mesh.exec(client, ['SET', own!, 'mine']);
    const { gate, origin } = mesh.node(0);
    expect(gate.parkedCount).toBe(1);
    origin.goOnSoon(mesh.rig.rigs[0]!.worker.sessions.byId(Number(id))!);
    mesh.rig.turn(0);
    expect(gate.parkedCount).toBe(1);
    mesh.rig.settle();
    expect([repliesOf(mesh.rig, writer), mesh.answer(client)]).toEqual([OK, NIL]);
    mesh.expectRest();
  });

  it('fails also when its client has gone meanwhile', () => {
    const mesh = new Mesh(3);
    const [[watched], [there]] = [mesh.keys(0, 1), mesh.keys(1, 1)];
    const [client, writer] = [mesh.connect(0), mesh.connect(2)];
    expect(mesh.ask(client, 'WATCH', watched!)).toBe(OK);
    send(mesh.rig, writer, 'MSET', watched!, 'new', there!, 'new');
    mesh.rig.turn(0);
    mesh.exec(client, ['SET', watched!, 'mine'], ['SET', there!, 'mine']);
    mesh.rig.disconnect(client.rig, client.slot);
    mesh.rig.settle();
    expect(mesh.ask(writer, 'MGET', watched!, there!)).toBe(`*2\r\n${NEW}${NEW}`);
    mesh.expectRest();
  });
});

describe('an EXEC whose parts cannot be had', () => {
  it('is refused, and nothing of it and of its watches is left', () => {
    const mesh = new Mesh(3);
    const [watched, own] = [mesh.keys(1, 1)[0], mesh.keys(0, 1)[0]];
    const client = mesh.connect(0);
    expect(mesh.ask(client, 'WATCH', watched!, own!)).toBe(OK);
    expect(mesh.ask(client, 'WATCH', own!)).toBe(OK);
    const { lowAllocator } = mesh.rig.rigs[0]!.composed.memory;
    const usedBytes = lowAllocator.usedBytes();
    expect(mesh.ask(client, 'MULTI')).toBe(OK);
    expect(mesh.ask(client, 'SET', watched!, 'mine')).toBe('+QUEUED\r\n');
    lowAllocator.alloc = () => 0;
    const answer = mesh.ask(client, 'EXEC');
    Reflect.deleteProperty(lowAllocator, 'alloc');
    expect(answer).toBe('-ERR argument too large for a command over several workers\r\n');
    expect(lowAllocator.usedBytes()).toBe(usedBytes);
    expect(mesh.ask(client, 'EXEC')).toBe('-ERR EXEC without MULTI\r\n');
    expect(mesh.ask(client, 'GET', watched!)).toBe(OLD);
    mesh.expectRest();
  });
});

describe('an EXEC before one that changes what its client watches', () => {
  it.each([[0, 1], [1, 2]])('succeeds; the key is of worker %i', (owner, other) => {
    const mesh = new Mesh(3);
    const [[watched], [read]] = [mesh.keys(owner, 1), mesh.keys(other, 1)];
    const [client, writer] = [mesh.connect(0), mesh.connect(0)];
    const plain = mesh.connect(owner);
    expect(mesh.ask(client, 'WATCH', watched!)).toBe(OK);
    mesh.exec(client, ['GET', read!]);
    send(mesh.rig, writer, 'MSET', watched!, 'new', read!, 'new');
    mesh.rig.turn(owner);
    send(mesh.rig, plain, 'APPEND', watched!, '!');
    expect(repliesOf(mesh.rig, plain)).toBe('');
    mesh.rig.settle();
    expect([repliesOf(mesh.rig, writer), mesh.answer(client)]).toEqual([OK, `*1\r\n${OLD}`]);
    expect(repliesOf(mesh.rig, plain)).toBe(':4\r\n');
    mesh.expectRest();
  });

  it('locks what it changes for itself, and lets others read what it watches', () => {
    const mesh = new Mesh(3);
    const [watched, changed, free] = mesh.keys(1, 3);
    const [there] = mesh.keys(2, 1);
    const client = mesh.connect(0);
    expect(mesh.ask(client, 'WATCH', watched!, changed!)).toBe(OK);
    mesh.exec(client, ['SET', changed!, 'mine'], ['SET', there!, 'mine']);
    mesh.rig.turn(1);
    expect([watched!, changed!, free!].map((key) => mesh.locksOf(key, 1)))
      .toEqual([[false, true], [true, true], [false, false]]);
    mesh.rig.settle();
    expect(mesh.answer(client)).toBe(`*2\r\n${OK}${OK}`);
    mesh.expectRest();
  });
});

describe('an EXEC of a client that watches thousands of keys', () => {
  it.each([
    [0, 5000, WholeLock.None], [1, 5000, WholeLock.None], [0, 12_000, WholeLock.Shared],
    [1, 12_000, WholeLock.Shared], [1, 12_000, WholeLock.Exclusive],
  ])('of worker %i, %i keys, locks their slots or all (%i)', (owner, count, whole) => {
    const mesh = new Mesh(3);
    const [free, ...keys] = mesh.keys(owner, count + 1);
    const [there] = mesh.keys(2, 1);
    const [client, writer] = [mesh.connect(0), mesh.connect(0)];
    const [first] = keys;
    const watched = keys.filter((key) => slotOf(key) !== slotOf(free!));
    const isWhole = whole !== WholeLock.None;
    expect(new Set(watched.map(slotOf)).size > INTENT_LOCK_COUNT_MAX).toBe(isWhole);
    const isExclusive = whole === WholeLock.Exclusive;
    for (const isDirty of [false, true]) {
      expect(mesh.ask(client, 'WATCH', ...watched)).toBe(OK);
      if (isDirty) send(mesh.rig, writer, 'MSET', keys.at(-1)!, 'new', there!, 'new');
      mesh.exec(client, ['GET', there!], ...isExclusive ? [['SET', first!, 'mine']] : []);
      if (!isDirty) {
        if (owner !== 0) mesh.rig.turn(owner);
        expect([first!, free!].map((key) => mesh.locksOf(key, owner)))
          .toEqual([[isExclusive, true], [isExclusive, isWhole]]);
      }
      mesh.rig.settle();
      const replies = isExclusive ? `*2\r\n${OLD}${OK}` : `*1\r\n${OLD}`;
      expect(mesh.answer(client)).toBe(isDirty ? NIL : replies);
    }
    expect(repliesOf(mesh.rig, writer)).toBe(OK);
    mesh.expectRest();
  });
});
