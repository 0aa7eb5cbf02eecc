/**
 * Who begins to hear events of keys while a pipeline is under way at several workers: it hears them
 * in the order of the pipeline or not at all, whoever runs its part first.
 */
import { describe, expect, it } from 'vitest';
import { ask, connectTo, keysOf, pipe, repliesOf, send } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import { ReplyWindow } from './reply-window.hot.ts';
import { StagedRanges } from './staged-ranges.ts';
import { UnderWay, WAIT_MS_MAX } from './under-way.ts';

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
        const heard = (): string[] => [
          ...repliesOf(mesh, listener).matchAll(/__keyevent@0__:set\r\n\$\d+\r\n(\w+)/g),
        ].map(([, key = '']) => key);
        expect([`${first} ${second}`, second, first, '']).toContain(heard().join(' '));
        expect(repliesOf(mesh, listener)).toMatch(/^\*3\r\n\$10\r\npsubscribe\r\n/);
        const before = heard().length;
        ask(mesh, client, 'SET', second, '3');
        pipe(mesh, client, ['SET', first, '1'], ['SET', second, '2'], ['SET', first, '3']);
        mesh.settle();
        expect(heard().slice(before)).toEqual([second, first, second, first]);
      }
    },
  );
});
