/**
 * EXEC of any commands over several workers is EXEC on one: random transactions of commands whose
 * keys lie anywhere answer as one worker does and leave the same data; whoever looks sees all of
 * one or nothing, in any interleaving of turns; what is announced is complete, also when clients
 * vanish.
 */
import { CommandDriver, contentsOf, JournalRecorder, replayEffect } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { elementsOf, leftOf, repliesIn, shown } from '../testing/mesh-checks.ts';
import type { MeshClient } from '../testing/mesh-clients.ts';
import {
  ask, belowOf, connectTo, encodeRequest, pipe, repliesOf, someTurns,
} from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import type { Below } from '../testing/several-key-commands.ts';
import { severalKeyCommand } from '../testing/several-key-commands.ts';
import { WorkerRig } from '../testing/worker-rig.ts';

const PLACES = 5;
const NAMES = Array.from({ length: PLACES }, (_, i) => `name${i}`);
const MATES = Array.from({ length: PLACES }, (_, i) => `mate${i}`);
const BOXES = Array.from({ length: 3 }, (_, i) => `box${i}`);
/** Elements in all boxes together. */
const ELEMENT_COUNT = 12;

/** HELLO names the client, whose number differs between the two sides. */
const withoutIds = (text: string): string => text.replace(/(id\r\n):\d+/g, '$1:?');

/** A command of an EXEC, most of them of several keys. */
function commandOf(below: Below, prefix: string): string[] {
  const key = (): string => `${prefix}:s${below(4)}`;
  const condition = (): string[] => [['NX'], ['XX'], []][below(3)] ?? [];
  const commands: readonly (() => string[])[] = [
    () => ['HELLO', String(2 + below(2))],
    () => ['CLIENT', 'REPLY', ['ON', 'ON', 'ON', 'OFF', 'SKIP'][below(5)] ?? 'ON'],
    () => ['MSETNX', key(), 'a', key(), 'b', key(), 'c'],
    () => ['MSETEX', '2', key(), 'd', key(), 'e', ...condition()],
    () => ['MSET', key(), 'f', key(), 'g'], () => ['MGET', key(), key(), key()],
    () => ['DEL', key(), key()], () => ['SELECT', String(below(2))], () => ['PING'],
    () => (below(10) === 0 ? ['FLUSHDB'] : ['INCR', key()]), () => ['DBSIZE'],
    () => ['HGETALL', `${prefix}:h${below(4)}`], () => ['GET'],
  ];
  if (below(5) < 3) return severalKeyCommand(below, prefix);
  const words = commands[below(commands.length)]?.() ?? ['PING'];
  // A command that is refused while it is queued aborts all: not too often.
  return words.length === 1 && words[0] === 'GET' && below(10) > 0 ? ['ECHO', 'x'] : words;
}

/** A transaction with what stands around it in its pipeline. */
function transactionOf(below: Below, prefix: string): string[][] {
  const commands: string[][] = [];
  if (below(8) === 0) commands.push(['CLIENT', 'REPLY', 'ON'], ['HELLO', '2']);
  for (let i = below(4); i > 0; i--) commands.push(commandOf(below, prefix));
  if (below(4) === 0) commands.push(['WATCH', `${prefix}:s0`, `${prefix}:l1`]);
  commands.push(['MULTI']);
  for (let i = below(12); i >= 0; i--) commands.push(commandOf(below, prefix));
  commands.push(['EXEC']);
  if (below(2) === 0) commands.push(commandOf(below, prefix));
  return commands;
}

function dataOf(...rigs: readonly WorkerRig[]): string[] {
  return rigs.flatMap(({ worker }) => shown(contentsOf(worker.shard))).sort();
}

/** Moves one value of each kind between the same places, and takes from a box or gives to one. */
function move(mesh: MeshRig, client: MeshClient, below: Below): void {
  const [from, to] = [below(PLACES), below(PLACES)];
  const [box, other] = [BOXES[below(BOXES.length)] ?? '', BOXES[below(BOXES.length)] ?? ''];
  const commands = [
    ['RENAMENX', `name${from}`, `name${to}`], ['LMOVE', box, other, 'LEFT', 'RIGHT'],
    ['RENAMENX', `mate${from}`, `mate${to}`], ['MSETNX', 'once', '1', 'twice', '2'],
    ['LMOVE', other, box, 'RIGHT', 'LEFT'], ['DEL', 'once', 'twice'],
  ];
  pipe(mesh, client, ['MULTI'], ...commands, ['EXEC']);
}

function look(mesh: MeshRig, client: MeshClient, below: Below): void {
  if (below(2) === 0) pipe(mesh, client, ['MGET', 'once', ...NAMES, ...MATES, 'twice']);
  else {
    const commands = [
      ['MGET', 'once', ...NAMES, ...MATES, 'twice'],
      ...BOXES.map((box) => ['LRANGE', box, '0', '-1']),
    ];
    pipe(mesh, client, ['MULTI'], ...commands, ['EXEC']);
  }
}

/** Nothing of a transaction without the rest: pairs are together, and no element is under way. */
function check(reply: string, where: string): void {
  const parts = elementsOf(reply);
  const isExec = parts[0]?.startsWith('*') === true;
  const values = isExec ? elementsOf(parts[0] ?? '') : parts;
  const [names, mates] = [values.slice(1, 1 + PLACES), values.slice(1 + PLACES, 1 + 2 * PLACES)];
  const numbers = (all: readonly string[]): string => all.join('').replaceAll(/[nm]/g, '');
  expect(numbers(names), where).toBe(numbers(mates));
  expect([values[0], values.at(-1)], where).toEqual(['$-1\r\n', '$-1\r\n']);
  if (!isExec) return;
  const elements = parts.slice(1).flatMap(elementsOf);
  expect(new Set(elements).size, where).toBe(ELEMENT_COUNT);
  expect(elements.length, where).toBe(ELEMENT_COUNT);
}

describe('EXEC of any commands over several workers', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('answers and does what one worker does, seed %i', (seed) => {
    const below = belowOf(seed);
    const workerCount = 2 + below(4);
    const mesh = new MeshRig(workerCount, { seed });
    const model = new WorkerRig({ seed });
    const clients = Array.from({ length: 3 }, () =>
      ({ ...connectTo(mesh, below(workerCount)), model: model.connect() }));
    // Those who share their keys ask one after the other.
    const isShared = seed % 2 === 0;
    for (let round = 0; round < 120; round++) {
      const which = below(clients.length);
      const client = clients[which]!;
      const commands = transactionOf(below, isShared ? 'p' : `c${which}`)
        .filter(([name]) => isShared || (name !== 'DBSIZE' && name !== 'FLUSHDB'));
      pipe(mesh, client, ...commands);
      model.receive(client.model, Buffer.concat(commands.map((words) => encodeRequest(words))));
      if (!isShared && round % 10 !== 9) {
        someTurns(mesh, below, 6);
        continue;
      }
      mesh.settle();
      const where = `seed ${seed}, round ${round}: ${JSON.stringify(commands).slice(0, 2000)}`;
      expect(dataOf(...mesh.rigs), where).toEqual(dataOf(model));
      for (const { model: slot, ...each } of clients) {
        const found = withoutIds(repliesOf(mesh, each));
        expect(found === withoutIds(model.repliesOf(slot)), where).toBe(true);
      }
    }
    expect(mesh.rigs.flatMap(({ log }) => log)).toEqual([]);
    expect(leftOf(mesh)).toEqual([]);
  });

  it.each([[2, 1], [3, 2], [4, 3], [5, 4]])(
    'is seen whole or not at all, %i workers, seed %i',
    (workerCount, seed) => {
      const below = belowOf(seed);
      const mesh = new MeshRig(workerCount, { seed });
      const movers = Array.from({ length: 4 }, () => connectTo(mesh, below(workerCount)));
      const readers = Array.from({ length: 4 }, () => connectTo(mesh, below(workerCount)));
      for (let i = 0; i < 3; i++) {
        ask(mesh, movers[0]!, 'MSET', `name${i}`, `n${i}`, `mate${i}`, `m${i}`);
      }
      for (let i = 0; i < ELEMENT_COUNT; i++) ask(mesh, movers[0]!, 'RPUSH', 'box0', `e${i}`);
      for (let step = 0; step < 1200; step++) {
        if (below(3) === 0) move(mesh, movers[below(movers.length)]!, below);
        if (below(4) === 0) look(mesh, readers[below(readers.length)]!, below);
        someTurns(mesh, below, 5);
      }
      mesh.settle();
      let seenCount = 0;
      for (const reader of readers) {
        const replies = repliesIn(repliesOf(mesh, reader)).filter((one) => one.startsWith('*'));
        for (const reply of replies) check(reply, `${JSON.stringify(reply)}, seed ${seed}`);
        seenCount += replies.length;
      }
      for (const mover of movers) {
        expect(repliesOf(mesh, mover)).not.toMatch(/^-(?!ERR no such key)/m);
      }
      expect(seenCount).toBeGreaterThan(200);
      expect(leftOf(mesh)).toEqual([]);
    },
  );

  it.each([[2, 1], [3, 2], [5, 3]])(
    'is announced in full, also when clients vanish, %i workers, seed %i',
    (workerCount, seed) => {
      const below = belowOf(seed);
      const mesh = new MeshRig(workerCount, { seed });
      const shards = mesh.rigs.map(({ worker }) => worker.shard);
      const recorders = shards.map((shard) => new JournalRecorder(shard));
      const clients = Array.from({ length: 4 }, () => connectTo(mesh, below(workerCount)));
      for (let step = 0; step < 500; step++) {
        const which = below(clients.length);
        const { rig, slot } = clients[which]!;
        pipe(mesh, { rig, slot }, ...transactionOf(below, 'k'));
        someTurns(mesh, below, 6);
        if (below(6) > 0) continue;
        mesh.disconnect(rig, slot);
        clients[which] = connectTo(mesh, below(workerCount));
      }
      mesh.settle();
      for (const [i, shard] of shards.entries()) {
        const fresh = new CommandDriver({ seed: seed + 50, startMs: mesh.clock.nowMs() });
        for (const each of recorders[i]?.records ?? []) replayEffect(fresh.shard, each);
        expect(shown(contentsOf(fresh.shard)), `shard ${i}, seed ${seed}`)
          .toEqual(shown(contentsOf(shard)));
        recorders[i]?.close();
      }
      expect(mesh.rigs.flatMap(({ log }) => log)).toEqual([]);
      expect(leftOf(mesh)).toEqual([]);
    },
  );
});
