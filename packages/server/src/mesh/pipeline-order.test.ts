/**
 * The setting `pipeline-order`: what is seen with each rule where workers take their turns in an
 * unlucky order, and that it holds for every worker from the start, and after a CONFIG SET of any
 * of them, also for connections that have commands under way. Workers take their turns in one
 * thread. pipeline-order.model.test.ts holds the rules to what they promise.
 */
import { Settings, slotOfKey, slotOwners } from '@kora/core';
import { describe, expect, it } from 'vitest';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { ask, belowOf, connectTo, encodeRequest, repliesOf } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import { WorkerRig } from '../testing/worker-rig.ts';
import { PipelineOrder } from './origin.ts';

const RULES = ['writes', 'strict', 'relaxed'] as const;
type Rule = (typeof RULES)[number];

const started = (rule: Rule, workers = 3): MeshRig =>
  new MeshRig(workers, { settings: [['pipeline-order', rule]] });

const ordersOf = (mesh: MeshRig): (number | undefined)[] =>
  mesh.rigs.map(({ worker }) => worker.mesh?.origin.order);

/** Sends all at once; nobody but the connection's worker has a turn. */
function sendAll(mesh: MeshRig, { rig, slot }: MeshClient, commands: readonly string[]): void {
  const bytes = Buffer.concat(commands.map((command) => encodeRequest(command.split(' '))));
  mesh.receive(rig, slot, bytes);
}

/** A key of the worker. */
function keyOf(mesh: MeshRig, worker: number): string {
  const owners = slotOwners(mesh.rigs.length);
  for (let i = 0; ; i++) {
    const key = Buffer.from(`k${i}`);
    if (owners[slotOfKey(key, 0, key.length)] === worker) return `k${i}`;
  }
}

describe('pipeline-order', () => {
  it('is one of three words, in the order of the rules', () => {
    const settings = new Settings();
    for (const [place, rule] of RULES.entries()) {
      expect(settings.change([['pipeline-order', rule.toUpperCase()]])).toBeNull();
      expect([settings.number('pipeline-order'), settings.text('pipeline-order')])
        .toEqual([place, rule]);
    }
    expect([PipelineOrder.Writes, PipelineOrder.Strict, PipelineOrder.Relaxed]).toEqual([0, 1, 2]);
    const refusal = settings.change([['pipeline-order', 'loose']]);
    expect(refusal?.text).toMatch(/one of the following: writes, strict, relaxed$/);
  });

  it('is writes unless it is set, at the start for all workers', () => {
    expect(ordersOf(new MeshRig(3))).toEqual([0, 0, 0]);
    for (const [place, rule] of RULES.entries()) {
      expect(ordersOf(started(rule))).toEqual([place, place, place]);
    }
  });

  // A worker takes what came of worker 0 before what came of worker 2, whichever was sent first.
  it.each<[Rule, string]>([
    ['writes', '$1\r\n1\r\n'], ['strict', '$1\r\n1\r\n'], ['relaxed', '$-1\r\n'],
  ])('%s: who sees the second write of a pipeline sees as the first one %j', (rule, wanted) => {
    const mesh = started(rule);
    const [reader, writer] = [connectTo(mesh, 0), connectTo(mesh, 2)];
    const [second, first] = [keyOf(mesh, 0), keyOf(mesh, 1)];
    mesh.settle();
    sendAll(mesh, writer, [`SET ${first} 1`, `SET ${second} 1`]);
    mesh.turn(0);
    sendAll(mesh, reader, [`GET ${second}`]);
    expect(repliesOf(mesh, reader)).toBe('$1\r\n1\r\n');
    sendAll(mesh, reader, [`GET ${first}`]);
    mesh.turn(1);
    mesh.settle();
    expect(repliesOf(mesh, reader)).toBe(`$1\r\n1\r\n${wanted}`);
    expect(repliesOf(mesh, writer)).toBe('+OK\r\n+OK\r\n');
  });

  it.each<[Rule, string]>([
    ['writes', '$1\r\n1\r\n$-1\r\n'], ['strict', '$-1\r\n$-1\r\n'],
    ['relaxed', '$1\r\n1\r\n$-1\r\n'],
  ])('%s: a pipeline of reads, in the middle of which both keys are set, answers %j', (
    rule, wanted,
  ) => {
    const mesh = started(rule);
    const [writer, reader] = [connectTo(mesh, 0), connectTo(mesh, 2)];
    const [second, first] = [keyOf(mesh, 0), keyOf(mesh, 1)];
    mesh.settle();
    sendAll(mesh, reader, [`GET ${first}`, `GET ${second}`]);
    mesh.turn(0);
    sendAll(mesh, writer, [`SET ${second} 1`]);
    expect(repliesOf(mesh, writer)).toBe('+OK\r\n');
    sendAll(mesh, writer, [`SET ${first} 1`]);
    mesh.turn(1);
    mesh.settle();
    expect(repliesOf(mesh, reader)).toBe(wanted);
  });

  it('is set by any worker for all of them, and shown by all', () => {
    const mesh = new MeshRig(3);
    const clients = [0, 1, 2].map((rig) => connectTo(mesh, rig));
    for (const [i, client] of clients.entries()) {
      const rule = RULES[(i + 1) % 3] ?? '';
      expect(ask(mesh, client, 'CONFIG', 'SET', 'pipeline-order', rule)).toBe('+OK\r\n');
      const place = (i + 1) % 3;
      expect(ordersOf(mesh)).toEqual([place, place, place]);
      for (const other of clients) {
        const shown = ask(mesh, other, 'CONFIG', 'GET', 'pipeline-order');
        expect(shown).toContain(`\r\n${rule}\r\n`);
      }
    }
    const before = ordersOf(mesh);
    const [client] = clients;
    expect(client === undefined ? '' : ask(mesh, client, 'CONFIG', 'SET', 'pipeline-order', 'x'))
      .toMatch(/^-ERR CONFIG SET failed/);
    expect(ordersOf(mesh)).toEqual(before);
  });

  it.each([20_261_120, 2, 3])('may be set while commands are under way, seed %i', (seed) => {
    const below = belowOf(seed);
    const mesh = new MeshRig(3);
    const model = new WorkerRig();
    const admin = connectTo(mesh, 1);
    const clients = [0, 1, 2].map((rig) => ({ ...connectTo(mesh, rig), model: model.connect() }));
    for (let round = 0; round < 300; round++) {
      for (const [i, client] of clients.entries()) {
        const commands = Array.from({ length: below(8) }, () => {
          const key = `c${i}:${below(9)}`;
          return ['GET', 'INCR', 'DEL'].map((name) => `${name} ${key}`)[below(3)] ?? 'PING';
        });
        if (commands.length === 0) continue;
        sendAll(mesh, client, commands);
        model.receive(client.model, Buffer.concat(
          commands.map((command) => encodeRequest(command.split(' '))),
        ));
      }
      const rule = RULES[below(3)] ?? '';
      sendAll(mesh, admin, [`CONFIG SET pipeline-order ${rule}`]);
      for (let turns = below(6); turns > 0; turns--) {
        const index = below(3);
        if (mesh.mayRun(index)) mesh.turn(index);
      }
    }
    mesh.settle();
    for (const client of clients) {
      expect(repliesOf(mesh, client) === model.repliesOf(client.model), `seed ${seed}`).toBe(true);
    }
    expect(repliesOf(mesh, admin)).toBe('+OK\r\n'.repeat(300));
  });
});
