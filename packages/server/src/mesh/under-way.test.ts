/**
 * Who begins to hear events of keys while a pipeline is under way at several workers: it hears them
 * in the order of the pipeline or not at all, whoever runs its part first.
 */
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import {
  ask, connectTo, encodeRequest, keysOf, pipe, repliesOf, send,
} from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import { ReplyWindow } from './reply-window.hot.ts';
import { StagedRanges } from './staged-ranges.ts';
import { UnderWay, WAIT_MS_MAX } from './under-way.ts';

/** Keys in the order in which a listener has heard that they were set. */
function setKeysIn(mesh: MeshRig, listener: MeshClient): string {
  const told = repliesOf(mesh, listener).matchAll(/__keyevent@0__:set\r\n\$\d+\r\n(\w+)/g);
  return [...told].map(([, key = '']) => key).join(' ');
}

describe('what is under way', () => {
  it('is over when the places of that moment have left, or after a while', () => {
    const windows = [0, 1].map((index) => new ReplyWindow(index, new StagedRanges()));
    const underWay = new UnderWay({ mixed: () => windows });
    const done: string[] = [];
    for (const window of windows) window.tail = 3;
    expect(underWay.whenOver(0, () => { done.push('first'); })).toBe(false);
    for (const window of windows) window.tail = 5;
    expect(underWay.whenOver(10, () => { done.push('second'); })).toBe(false);
    windows[0]!.head = 5;
    underWay.look(20);
    expect(done).toEqual([]);
    windows[1]!.head = 3;
    underWay.look(20);
    expect(done).toEqual(['first']);
    underWay.look(WAIT_MS_MAX + 9);
    expect(done).toEqual(['first']);
    underWay.look(WAIT_MS_MAX + 10);
    underWay.look(WAIT_MS_MAX + 10);
    expect(done).toEqual(['first', 'second']);
  });

  it('is nothing while all of a connection is at one worker', () => {
    expect(new UnderWay({ mixed: () => [] }).whenOver(0, () => expect.fail())).toBe(true);
  });
});

describe('a listener that comes while a pipeline is under way', () => {
  const [first = ''] = keysOf(1, 3, 1);
  const [second = ''] = keysOf(2, 3, 1);
  const turns = [[2, 1], [1, 2], [2, 0, 1], [2, 2, 0, 1], [0, 2, 1], [2, 1, 0]];

  it.each(turns.map((order) => [order.join(' '), order] as const))(
    'hears no later event first: turns of workers %s', (_name, order) => {
      for (const listensAt of [0, 1, 2]) {
        const mesh = new MeshRig(3, { settings: [['notify-keyspace-events', 'EA']] });
        const client = connectTo(mesh, 0);
        const listener = connectTo(mesh, listensAt);
        send(mesh, listener, 'PSUBSCRIBE', '*');
        pipe(mesh, client, ['SET', first, '1'], ['SET', second, '2']);
        for (const worker of order) mesh.turn(worker);
        mesh.settle();
        expect(repliesOf(mesh, client)).toBe('+OK\r\n+OK\r\n');
        expect([`${first} ${second}`, second, first, '']).toContain(setKeysIn(mesh, listener));
        expect(repliesOf(mesh, listener)).toMatch(/^\*3\r\n\$10\r\npsubscribe\r\n/);
        const before = setKeysIn(mesh, listener);
        ask(mesh, client, 'SET', second, '3');
        pipe(mesh, client, ['SET', first, '1'], ['SET', second, '2'], ['SET', first, '3']);
        mesh.settle();
        expect(setKeysIn(mesh, listener))
          .toBe(`${before} ${second} ${first} ${second} ${first}`.trim());
      }
    },
  );

  it.each([0, 1, 2])('hears what was sent later after what had no place yet, at %i', (at) => {
    const mesh = new MeshRig(3, { settings: [['notify-keyspace-events', 'EA']] });
    const client = connectTo(mesh, 0);
    const listener = connectTo(mesh, at);
    const [own = ''] = keysOf(0, 3, 1);
    // Somebody who holds the order keeps commands from their places, and nobody from answering.
    const { order } = mesh.rigs[0]!.worker.mesh!.port.control;
    expect(order.tryLock()).toBe(true);
    const later = encodeRequest(['SET', own, '2']);
    const sent = [encodeRequest(['SET', first, '1']), later.subarray(0, 1)];
    mesh.receive(0, client.slot, Buffer.concat(sent));
    send(mesh, listener, 'PSUBSCRIBE', '*');
    for (const worker of [1, 2, 0, 1, 2]) mesh.turn(worker);
    expect(repliesOf(mesh, listener)).toMatch(/^\*3\r\n\$10\r\npsubscribe\r\n/);
    order.unlock();
    mesh.receive(0, client.slot, later.subarray(1));
    mesh.settle();
    expect(repliesOf(mesh, client)).toBe('+OK\r\n+OK\r\n');
    expect(setKeysIn(mesh, listener)).toBe(`${first} ${own}`);
  });
});
