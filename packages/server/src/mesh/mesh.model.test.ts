/**
 * Several workers give every connection the replies that one worker gives: random pipelines, cut at
 * random bytes, of commands whose keys are anywhere, with workers that take their turns in a random
 * order and sleep whenever they may. Keys of different connections are different, so one worker is
 * an exact model of each connection. Long arguments and replies make rings run full; connections
 * end with replies under way. At the end nothing is left of windows, parcels and loans.
 */
import { describe, expect, it } from 'vitest';
import { leftOf } from '../testing/mesh-checks.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import { severalKeyCommand } from '../testing/several-key-commands.ts';
import { WorkerRig } from '../testing/worker-rig.ts';
import { PipelineOrder } from './origin.ts';

interface Random {
  below(bound: number): number;
}

/** xorshift32. */
function randomOf(seed: number): Random {
  let state = Math.imul(seed, 2654435761) | 1;
  return {
    below: (bound) => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % bound;
    },
  };
}

const encode = (words: readonly string[]): Buffer => Buffer.from(
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1',
);

/** A value of a length that goes through rings, beyond them, and into ropes. */
function valueOf(random: Random): string {
  const kind = random.below(40);
  if (kind === 0) return 'r'.repeat(65_536 + random.below(200_000));
  if (kind === 1) return 'p'.repeat(16_000 + random.below(40_000));
  if (kind < 6) return 'm'.repeat(random.below(3000));
  return 'v'.repeat(random.below(30));
}

function commandOf(random: Random, prefix: string): string[] {
  const key = `${prefix}:${random.below(12)}`;
  const other = `${prefix}:${random.below(12)}`;
  const number = String(random.below(100));
  const commands: (() => string[])[] = [
    () => ['SET', key, valueOf(random)], () => ['SET', key, valueOf(random)],
    () => ['GET', key], () => ['GET', key], () => ['GET', key], () => ['STRLEN', key],
    () => ['APPEND', key, valueOf(random)], () => ['INCR', `${prefix}:n${number}`],
    () => ['RPUSH', `${prefix}:l`, valueOf(random), number],
    () => ['LRANGE', `${prefix}:l`, '0', '-1'],
    () => ['LPOP', `${prefix}:l`], () => ['HSET', `${prefix}:h`, number, valueOf(random)],
    () => ['HGET', `${prefix}:h`, number], () => ['DEL', key], () => ['EXPIRE', key, '100'],
    () => ['TTL', key], () => ['ZADD', `${prefix}:z`, number, number],
    () => ['ZRANGE', `${prefix}:z`, '0', '-1', 'WITHSCORES'], () => ['TYPE', key], () => ['PING'],
    () => ['ECHO', valueOf(random)], () => ['SELECT', String(random.below(2))],
    () => ['NOSUCH', key],
    () => ['GET'], () => ['INCR', `${prefix}:l`],
    () => ['HELLO', random.below(2) === 0 ? '2' : '3'],
    () => ['CLIENT', 'REPLY', 'SKIP'], () => ['OBJECT', 'ENCODING', key],
    () => ['CLIENT', 'REPLY', random.below(6) === 0 ? 'OFF' : 'ON'],
    () => ['MGET', key, other, key, `${prefix}:nosuch`, `${prefix}:l`], () => ['DEL', key, other],
    () => ['MSET', key, valueOf(random), other, number], () => ['EXISTS', key, other, key],
    () => ['MSETNX', `${prefix}:x${number}`, valueOf(random), other, number],
    () => ['MSETEX', '2', key, number, other, number, 'EX', '100'], () => ['UNLINK', other, key],
    () => ['MSET', key, valueOf(random), other], () => ['TOUCH', other, key],
    () => ['MGET', ...Array.from({ length: 12 }, (_, i) => `${prefix}:${i}`)],
    () => ['SET', key, valueOf(random), 'NX', 'GET'], () => ['MULTI'], () => ['MULTI'],
    () => ['EXEC'], () => ['EXEC'], () => ['EXEC'], () => ['DISCARD'], () => ['UNWATCH'],
    () => ['WATCH', key, other], () => ['WATCH', key],
  ];
  if (random.below(2) === 0) return severalKeyCommand((bound) => random.below(bound), prefix);
  return commands[random.below(commands.length)]?.() ?? ['PING'];
}

/** HELLO names the client, whose number differs between the two sides. */
const withoutIds = (text: string): string => text.replace(/(id\r\n):\d+/g, '$1:?');

interface Connection {
  readonly rig: number;
  readonly slot: number;
  readonly model: number;
  bytes: Buffer;
}

describe('several workers', () => {
  it.each([
    [2, PipelineOrder.Writes, 1], [3, PipelineOrder.Writes, 2], [2, PipelineOrder.Strict, 3],
    [4, PipelineOrder.Relaxed, 4], [2, PipelineOrder.Writes, 5], [5, PipelineOrder.Writes, 6],
  ])('%i of them answer as one does, order %i, seed %i', (workerCount, order, seed) => {
    const random = randomOf(seed);
    const mesh = new MeshRig(workerCount, { seed });
    const model = new WorkerRig({ seed });
    for (const { worker } of mesh.rigs) if (worker.mesh !== null) worker.mesh.origin.order = order;
    const connections: Connection[] = [];
    for (let i = 0; i < 8; i++) {
      const rig = random.below(workerCount);
      const slot = mesh.rigs[rig]?.connect() ?? 0;
      mesh.rest(rig);
      const bytes = Buffer.alloc(0);
      connections.push({ rig, slot, model: model.connect(), bytes });
    }
    for (let round = 0; round < 400; round++) {
      const connection = connections[random.below(connections.length)];
      if (connection === undefined) continue;
      const count = 1 + random.below(20);
      const requests: Buffer[] = [];
      for (let i = 0; i < count; i++) {
        const prefix = `c${connections.indexOf(connection)}`;
        const words = commandOf(random, prefix);
        requests.push(encode(words));
      }
      const bytes = Buffer.concat(requests);
      connection.bytes = Buffer.concat([connection.bytes, bytes]);
      model.receive(connection.model, bytes);
      for (let from = 0; from < bytes.length;) {
        const piece = bytes.subarray(from, from + 1 + random.below(40_000));
        mesh.receive(connection.rig, connection.slot, piece);
        from += piece.length;
        for (let turns = random.below(4); turns > 0; turns--) {
          const index = random.below(workerCount);
          if (mesh.mayRun(index)) mesh.turn(index);
        }
      }
    }
    mesh.settle();
    for (const [i, { rig, slot, model: modelSlot }] of connections.entries()) {
      const found = withoutIds(mesh.rigs[rig]?.repliesOf(slot) ?? '');
      const wanted = withoutIds(model.repliesOf(modelSlot));
      const at = [...wanted].findIndex((character, place) => character !== found[place]);
      const shown = `connection ${i} of seed ${seed}, at ${at}: ` +
        `${JSON.stringify(wanted.slice(Math.max(0, at - 60), at + 60))} became ` +
        JSON.stringify(found.slice(Math.max(0, at - 60), at + 60));
      expect(found === wanted, shown).toBe(true);
    }
    expect(leftOf(mesh)).toEqual([]);
  });
});
