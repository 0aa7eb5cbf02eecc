/**
 * Events of the key space over several workers come as from one: those of a connection in the order
 * of its commands, those of one command or EXEC in Redis's order, to listeners on every worker, in
 * any interleaving of turns. Random commands of several keys, alone, in pipelines and in EXEC, for
 * clients that have keys of their own; one worker is the model.
 */
import { describe, expect, it } from 'vitest';
import { elementsOf, leftOf, repliesIn } from '../testing/mesh-checks.ts';
import type { MeshClient } from '../testing/mesh-clients.ts';
import {
  ask, belowOf, connectTo, encodeRequest, pipe, repliesOf, send, someTurns,
} from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import type { Below } from '../testing/several-key-commands.ts';
import { severalKeyCommand } from '../testing/several-key-commands.ts';
import { WorkerRig } from '../testing/worker-rig.ts';

/** All events, also those of new and missed keys. */
const LETTERS = 'KEAmn';

/** A command of a client: whatever waits would stay, for the clock stands still. */
function commandOf(below: Below, prefix: string): string[] {
  const key = (): string => `${prefix}:s${below(5)}`;
  const commands: readonly (() => string[])[] = [
    () => ['MSETNX', key(), 'a', key(), 'b', key(), 'c'],
    () => ['MSETEX', '3', key(), 'd', key(), 'e', key(), 'f', 'EX', '80'],
    () => ['MSET', key(), 'f', key(), 'g', key(), 'h', key(), 'i'],
    () => ['MGET', key(), key(), key()], () => ['DEL', key(), key(), key(), key()],
    () => ['UNLINK', key(), key()], () => ['SET', key(), 'x'], () => ['INCR', key()],
    () => ['EXISTS', key(), key()], () => ['GETDEL', key()], () => ['PING'],
  ];
  if (below(2) === 0) return commands[below(commands.length)]?.() ?? ['PING'];
  const words = severalKeyCommand(below, prefix);
  return words[0] === 'BZMPOP' ? ['PING'] : words;
}

/** Commands that come together. */
function pipelineOf(below: Below, prefix: string): string[][] {
  const commands = Array.from({ length: below(5) }, () => commandOf(below, prefix));
  if (below(2) === 0) return [...commands, commandOf(below, prefix)];
  const queued = Array.from({ length: 1 + below(8) }, () => commandOf(below, prefix));
  return [...commands, ['MULTI'], ...queued, ['EXEC'], commandOf(below, prefix)];
}

/** `channel payload` of all messages in a listener's stream. */
function heardIn(text: string): string[] {
  return repliesIn(text).slice(1).map((message) => {
    const [, , channel = '', payload = ''] = elementsOf(message).map((bulk) =>
      bulk.slice(bulk.indexOf('\r\n') + 2, -2));
    return `${channel} ${payload}`;
  });
}

const ofPrefix = (heard: readonly string[], prefix: string): string[] =>
  heard.filter((line) => line.includes(`:${prefix}:`) || line.includes(` ${prefix}:`));

describe('events of keys on several workers', () => {
  it.each(Array.from({ length: 12 }, (_, i) => i + 1))('are in order, seed %i', (seed) => {
    const below = belowOf(seed);
    const workerCount = 2 + below(3);
    const settings = [['notify-keyspace-events', LETTERS]] as const;
    const mesh = new MeshRig(workerCount, { seed, settings });
    const model = new WorkerRig({ seed, settings });
    const listeners = mesh.rigs.map((_, rig) => connectTo(mesh, rig));
    for (const listener of listeners) ask(mesh, listener, 'PSUBSCRIBE', '__key*');
    const modelListener = model.connect();
    model.receive(modelListener, encodeRequest(['PSUBSCRIBE', '__key*']));
    const clients = Array.from({ length: 3 }, () =>
      ({ ...connectTo(mesh, below(workerCount)), model: model.connect() }));
    const all: string[] = [];
    for (let round = 0; round < 150; round++) {
      const which = below(clients.length);
      const client = clients[which]!;
      const commands = pipelineOf(below, `c${which}`);
      all.push(JSON.stringify(commands).slice(0, 600));
      pipe(mesh, client, ...commands);
      model.receive(client.model, Buffer.concat(commands.map((words) => encodeRequest(words))));
      someTurns(mesh, below, 8);
      if (below(10) === 0) mesh.settle();
    }
    mesh.settle();
    const wanted = heardIn(model.repliesOf(modelListener));
    expect(wanted.length).toBeGreaterThan(500);
    for (const listener of listeners) {
      const heard = heardIn(repliesOf(mesh, listener));
      for (const which of clients.keys()) {
        const [mine, its] = [ofPrefix(heard, `c${which}`), ofPrefix(wanted, `c${which}`)];
        const at = mine.findIndex((line, i) => line !== its[i]);
        const where = `seed ${seed}, listener ${listener.rig}, client ${which}, event ${at}`;
        const shown = (list: readonly string[]): string =>
          list.slice(Math.max(0, at - 4), at + 6).join('\n');
        expect(at < 0 ? '' : shown(mine), where).toBe(at < 0 ? '' : shown(its));
        expect(mine.length, where).toBe(its.length);
      }
      expect(heard.length).toBe(wanted.length);
    }
    expect(mesh.rigs.flatMap(({ log }) => log)).toEqual([]);
    expect(leftOf(mesh)).toEqual([]);
  });

  it('of one key come in one order to all, whoever changes it', () => {
    for (let seed = 1; seed <= 6; seed++) {
      const below = belowOf(seed);
      const workerCount = 2 + below(3);
      const mesh = new MeshRig(workerCount, {
        seed, settings: [['notify-keyspace-events', 'EA']],
      });
      const listeners: MeshClient[] = mesh.rigs.map((_, rig) => connectTo(mesh, rig));
      for (const listener of listeners) ask(mesh, listener, 'PSUBSCRIBE', '__keyevent*');
      const clients = Array.from({ length: 4 }, () => connectTo(mesh, below(workerCount)));
      for (let round = 0; round < 200; round++) {
        const client = clients[below(clients.length)]!;
        const [one, other] = [`k${below(4)}`, `k${below(4)}`];
        const commands = [
          ['MSET', one, '1', other, '2'], ['DEL', one, other], ['RENAME', one, other],
          ['SET', one, '3'], ['APPEND', one, 'x'],
        ];
        send(mesh, client, ...commands[below(commands.length)]!);
        someTurns(mesh, below, 4);
      }
      mesh.settle();
      const streams = listeners.map((listener) => heardIn(repliesOf(mesh, listener)));
      for (let key = 0; key < 4; key++) {
        const ofKey = streams.map((heard) => heard.filter((line) => line.endsWith(` k${key}`)));
        for (const each of ofKey) expect(each, `seed ${seed}`).toEqual(ofKey[0]);
        expect(ofKey[0]?.length).toBeGreaterThan(20);
      }
      expect(leftOf(mesh)).toEqual([]);
    }
  });
});
